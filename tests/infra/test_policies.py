"""What each function may do: the whole matrix, read from the files that Chalice deploys."""

import json
import re
from typing import Any

import pytest

from chalicelib.aws import items
from chalicelib.core.ids import SessionId, UploadId
from infra import deploy

CHALICE = deploy.CLOUD / ".chalice"
CONFIG = json.loads((CHALICE / "config.json").read_text())
ORIGINALS = "${BucketArn}/originals/*"
BUCKET = "${BucketArn}"
TABLE = "${TableArn}"
WORK = "${TableArn}/index/work"
ORDERS = {("sqs:SendMessage", "${OrderQueueArn}")}
DEAD_LETTERS = "${DeadLettersArn}"
LOGS = "arn:*:logs:*:*:log-group:/aws/lambda/reelhaul-${Stage}"

LOOKS = {
    ("s3:GetObject", ORIGINALS),
    ("s3:ListMultipartUploadParts", ORIGINALS),
    ("s3:ListBucket", BUCKET),
}
SIGNS_READS = {("s3:GetObjectVersion", ORIGINALS)}
RECORDS = {(f"dynamodb:{action}", TABLE) for action in ("DeleteItem", "PutItem", "Query")}
UPLOADS = {("s3:PutObject", ORIGINALS), ("s3:AbortMultipartUpload", ORIGINALS)}


def logs(function: str) -> set[tuple[str, str]]:
    return {
        (f"logs:{action}", f"{LOGS}{function}:*")
        for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
    }


MATRIX = {
    "api_handler": LOOKS
    | SIGNS_READS
    | UPLOADS
    | RECORDS
    | {("dynamodb:GetItem", TABLE)}
    | ORDERS
    | logs(""),
    "on_original": LOOKS
    | SIGNS_READS
    | RECORDS
    | ORDERS
    | {("sqs:SendMessage", DEAD_LETTERS)}
    | logs("-on_original"),
    "reconcile": LOOKS
    | SIGNS_READS
    | UPLOADS
    | {("s3:ListBucketMultipartUploads", BUCKET), ("s3:DeleteObject", ORIGINALS)}
    | RECORDS
    | ORDERS
    | {("dynamodb:UpdateItem", TABLE), ("dynamodb:Query", WORK), ("sqs:SendMessage", DEAD_LETTERS)}
    | logs("-reconcile"),
}
FUNCTIONS = sorted(MATRIX)


def statements(function: str) -> Any:
    file = CONFIG["lambda_functions"][function]["iam_policy_file"]
    return json.loads((CHALICE / file).read_text())["Statement"]


def rights(function: str) -> set[tuple[str, str]]:
    return {
        (action, resource)
        for statement in statements(function)
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_exactly_the_rights_of_its_role(function: str):
    assert rights(function) == MATRIX[function]


def test_every_function_has_a_policy_file_and_every_file_a_function():
    files = {path.name for path in CHALICE.glob("policy-*.json")}

    assert files == {each["iam_policy_file"] for each in CONFIG["lambda_functions"].values()}
    assert set(CONFIG["lambda_functions"]) == set(MATRIX)


def test_chalice_writes_no_policy_of_its_own():
    assert CONFIG["autogen_policy"] is False


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_policy_only_allows_and_is_bound_to_named_resources(function: str):
    assert {statement["Effect"] for statement in statements(function)} == {"Allow"}
    assert [resource for _, resource in rights(function) if resource == "*"] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_action_is_a_wildcard(function: str):
    assert [action for action, _ in rights(function) if "*" in action] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_deletes_versions_or_tables_or_changes_the_grace(function: str):
    forbidden = re.compile(
        r"s3:(DeleteObjectVersion|PutBucket|PutLifecycle|Bypass)|dynamodb:DeleteTable|iam:"
    )

    assert [action for action, _ in rights(function) if forbidden.match(action)] == []


@pytest.mark.parametrize("function", ["api_handler", "on_original"])
def test_only_the_reconciler_deletes_footage(function: str):
    assert [action for action, _ in rights(function) if action.startswith("s3:Delete")] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_writes_tokens_or_devices(function: str):
    writes = [
        each
        for each in statements(function)
        if re.search(r"dynamodb:(Put|Update|Delete)", str(each["Action"]))
    ]

    assert [each["Condition"] for each in writes] == [
        {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SESSION#*", "UPLOAD#*"]},
            # ForAllValues is true of nothing, too.
            "Null": {"dynamodb:LeadingKeys": "false"},
        }
    ]


def test_the_writable_keys_are_those_of_the_tables_items():
    prefixes = {items.session_key(SessionId("s"), "")["pk"], items.pointer_key(UploadId("u"))["pk"]}

    assert prefixes == {"SESSION#s", "UPLOAD#u"}


def test_an_event_handler_writes_nothing_into_the_bucket():
    assert [action for action, _ in rights("on_original") if re.match(r"s3:(Put|Delete|Abort)", action)] == []


def test_event_functions_may_leave_their_dead_letters():
    events = set(FUNCTIONS) - {"api_handler"}

    assert {name for name in FUNCTIONS if ("sqs:SendMessage", DEAD_LETTERS) in rights(name)} == events


def test_the_api_answers_before_the_gateway_gives_up():
    assert CONFIG["lambda_functions"]["api_handler"]["lambda_timeout"] <= 29


def test_lambda_carries_the_msgspec_that_the_tests_run_on():
    [pin] = re.findall(r"^msgspec==\S+", (deploy.CLOUD / "requirements.txt").read_text(), re.MULTILINE)
    pins = (deploy.HOUSE / "requirements" / "development.txt").read_text()

    assert re.search(rf"^{re.escape(pin)}\s", pins, re.MULTILINE)
