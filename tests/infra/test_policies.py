"""What each function may do: the whole matrix, read from the files that Chalice deploys."""

import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from chalicelib.aws import items
from chalicelib.core import keys
from chalicelib.core.ids import UploadId
from infra.aws import deploy, project
from tests.support.builders import make_session_id

CHALICE = deploy.CLOUD / ".chalice"
CONFIG = json.loads((CHALICE / "config.json").read_text())
BUCKET = "${BucketArn}"
TABLE = "${TableArn}"
WORK = "${TableArn}/index/work"
LISTS = [f"${{TableArn}}/index/{index}" for index in ("by_camera", "by_device", "listed")]
ORDERS = {("sqs:SendMessage", "${OrderQueueArn}")}
INDEXER = {("lambda:InvokeFunction", "arn:*:lambda:*:*:function:reelhaul-${Stage}-on_measurements")}
NOTIFICATIONS = {("sns:Publish", "${Notifications}")}
PAGES = {("execute-api:ManageConnections", "arn:*:execute-api:*:*:*/api/POST/@connections/*")}
"""Chalice makes the WebSocket API with the functions, so that no policy can name it."""
DEAD_LETTERS = {("sqs:SendMessage", "${DeadLettersArn}")}
LOGS = "arn:*:logs:*:*:log-group:/aws/lambda/reelhaul-${Stage}"

ORIGINALS, INTERMEDIATES, OUTPUTS, MEASUREMENTS, PROXIES, INDEX, LAKE = (
    f"{BUCKET}/{prefix}*" for prefix in (*keys.OF_SESSIONS, *keys.REPLACED)
)
INCOMING = f"{BUCKET}/{keys.INCOMING}*"
HEARD_OF = (ORIGINALS, INTERMEDIATES, OUTPUTS, MEASUREMENTS)
EVERY_KIND = (*HEARD_OF, PROXIES)

Rights = set[tuple[str, str]]


def on(resources: Iterable[str], *actions: str) -> Rights:
    return {(action, resource) for action in actions for resource in resources}


def logs(function: str) -> Rights:
    actions = ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
    return on([f"{LOGS}{function}:*"], *(f"logs:{action}" for action in actions))


SCANNED = (INTERMEDIATES, OUTPUTS, MEASUREMENTS)
HEARS = (
    on(HEARD_OF, "s3:GetObject", "s3:ListMultipartUploadParts")
    | on([BUCKET], "s3:ListBucket")
    | on(SCANNED, "s3:GetObjectVersionTagging")
)
LOOKS = HEARS | on([PROXIES], "s3:GetObject", "s3:ListMultipartUploadParts")
"""No event tells of a proxy: the call that completes it, and the reconciler, look at it."""
LOOKS_AT_LANDINGS = on([INCOMING], "s3:GetObject", "s3:GetObjectVersion", "s3:ListMultipartUploadParts")
LANDS = LOOKS_AT_LANDINGS | on([INCOMING], "s3:PutObject", "s3:AbortMultipartUpload")
ENDS_LANDINGS = LOOKS_AT_LANDINGS | on([INCOMING], "s3:AbortMultipartUpload", "s3:DeleteObject")
UPLOADS = on(EVERY_KIND, "s3:PutObject", "s3:AbortMultipartUpload")
RECORDS = on([TABLE], "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem")
SIGNS_READS = on([ORIGINALS], "s3:GetObjectVersion")
INDEXES = on([MEASUREMENTS], "s3:GetObjectVersion") | on([INDEX, LAKE], "s3:PutObject")
CLEANS = (
    on([BUCKET], "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration")
    | on([ORIGINALS, INTERMEDIATES], "s3:DeleteObject", "s3:PutObjectVersionTagging")
    | on([TABLE], "dynamodb:GetItem", "dynamodb:UpdateItem")
)
REMOVES_OLD_REVISIONS = on([INDEX, LAKE], "s3:DeleteObject")
READS_WITH_THE_KEY = {("kms:Decrypt", "${KmsKeyArn}")}
WRITES_WITH_THE_KEY = READS_WITH_THE_KEY | {("kms:GenerateDataKey", "${KmsKeyArn}")}
"""A part that is sent by a presigned URL is sent with the rights of who signed it, and S3 needs both for it."""
READS_THE_CDNS_KEY = on(["${CdnKeyArn}"], "ssm:GetParameter")
"""Only where reads go over a CDN: whoever signs a read address needs its key."""
TRACES = on(["${TracedResources}"], "xray:PutTelemetryRecords", "xray:PutTraceSegments")
"""Rights on X-Ray can name no resource but all; a policy has them only where the stage is traced."""
HEARS_EVENTS = HEARS | SIGNS_READS | RECORDS | ORDERS | PAGES | DEAD_LETTERS

MATRIX: dict[str, Rights] = {
    "api_handler": LOOKS
    | UPLOADS
    | LANDS
    | on(EVERY_KIND, "s3:GetObjectVersion")
    | on([INDEX], "s3:GetObject", "s3:GetObjectVersion")
    | RECORDS
    | on([TABLE], "dynamodb:GetItem", "dynamodb:BatchGetItem")
    | on([*LISTS, WORK], "dynamodb:Query")
    | ORDERS
    | PAGES
    | {("sqs:GetQueueAttributes", "${DeadLettersArn}")}
    | WRITES_WITH_THE_KEY
    | logs(""),
    "on_original": HEARS_EVENTS | READS_WITH_THE_KEY | logs("-on_original"),
    "on_output": HEARS_EVENTS | INDEXES | WRITES_WITH_THE_KEY | logs("-on_output"),
    "on_measurements": HEARS_EVENTS | INDEXES | WRITES_WITH_THE_KEY | logs("-on_measurements"),
    "reconcile": LOOKS
    | UPLOADS
    | ENDS_LANDINGS
    | on(EVERY_KIND, "s3:GetObjectVersion")
    | on([BUCKET], "s3:ListBucketMultipartUploads")
    | INDEXES
    | CLEANS
    | REMOVES_OLD_REVISIONS
    | RECORDS
    | on([WORK], "dynamodb:Query")
    | ORDERS
    | INDEXER
    | PAGES
    | NOTIFICATIONS
    | DEAD_LETTERS
    | WRITES_WITH_THE_KEY
    | logs("-reconcile"),
    "take_stock": on([TABLE], "dynamodb:Query", "dynamodb:PutItem") | DEAD_LETTERS | logs("-take_stock"),
    "websocket_connect": on([TABLE], "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem")
    | logs("-websocket_connect"),
    "websocket_disconnect": on([TABLE], "dynamodb:DeleteItem") | logs("-websocket_disconnect"),
}

WRITES = {
    ("dynamodb:PutItem", "SESSION#*"),
    ("dynamodb:PutItem", "UPLOAD#*"),
    ("dynamodb:PutItem", "AUDIT#*"),
    ("dynamodb:PutItem", "NOTICES#*"),
    ("dynamodb:DeleteItem", "SESSION#*"),
    ("dynamodb:PutItem", "NEEDY#*"),
    ("dynamodb:DeleteItem", "NEEDY#*"),
    ("dynamodb:PutItem", "WAITING#*"),
    ("dynamodb:DeleteItem", "WAITING#*"),
    ("dynamodb:UpdateItem", "COUNT#*"),
    ("dynamodb:DeleteItem", "SOCKETS#*"),
}
"""What everybody writes into the table, by the keys that its policy allows."""

WRITES_OF = {
    **dict.fromkeys(MATRIX, WRITES),
    "api_handler": WRITES
    | {
        ("dynamodb:PutItem", "GROUP#*"),
        ("dynamodb:PutItem", "HEARD#*"),
        ("dynamodb:UpdateItem", "LIMIT#*"),
        ("dynamodb:PutItem", "PROJECTS#*"),
        ("dynamodb:UpdateItem", "WATCH#*"),
        ("dynamodb:PutItem", "CODE#*"),
        ("dynamodb:PutItem", "SECRETS#*"),
        ("dynamodb:PutItem", "SHARE#*"),
        ("dynamodb:PutItem", "SHARES#*"),
        ("dynamodb:PutItem", "PASS#*"),
        ("dynamodb:PutItem", "LOGIN#*"),
        ("dynamodb:UpdateItem", "LOGIN#*"),
        ("dynamodb:DeleteItem", "LOGIN#*"),
        ("dynamodb:PutItem", "TICKET#*"),
    },
    "take_stock": {("dynamodb:PutItem", "NOTICES#*"), ("dynamodb:PutItem", "SUMMARY#*")},
    "websocket_connect": {
        ("dynamodb:Query", "SOCKETS#*"),
        ("dynamodb:PutItem", "SOCKETS#*"),
        ("dynamodb:DeleteItem", "TICKET#*"),
    },
    "websocket_disconnect": {("dynamodb:DeleteItem", "SOCKETS#*")},
    "reconcile": WRITES
    | {
        ("dynamodb:PutItem", "ROUND#*"),
        ("dynamodb:PutItem", "SWEEP#*"),
        ("dynamodb:PutItem", "WATCH#*"),
        ("dynamodb:UpdateItem", "SESSION#*"),
        ("dynamodb:UpdateItem", "SPENT#*"),
        ("dynamodb:DeleteItem", "NOTICES#*"),
    },
}
FUNCTIONS = sorted(MATRIX)
SIGNING_NOTHING = {"take_stock", "websocket_connect", "websocket_disconnect"}


def statements(function: str) -> Any:
    file = CONFIG["lambda_functions"][function]["iam_policy_file"]
    return json.loads((CHALICE / file).read_text())["Statement"]


def rights(function: str) -> Rights:
    """What the function may do beside being traced and reading the CDN's key, which each may where there is one."""
    assert all_rights(function) >= TRACES
    assert (all_rights(function) >= READS_THE_CDNS_KEY) is (function not in SIGNING_NOTHING)
    return all_rights(function) - TRACES - READS_THE_CDNS_KEY


def all_rights(function: str) -> Rights:
    granted = (on(each["Resource"], *each["Action"]) for each in statements(function))
    return set().union(*granted)


def writable(function: str) -> Rights:
    """The keys that a function may write in the table, by action."""
    bound = [each for each in statements(function) if "Condition" in each]
    granted = (
        on(each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"], *each["Action"])
        for each in bound
    )
    return set().union(*granted)


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


def of_footage(function: str, pattern: str) -> set[str]:
    """The resources on which a function has a right of S3 that matches."""
    return {resource for action, resource in rights(function) if re.match(f"s3:({pattern})", action)}


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "reconcile"])
def test_only_the_reconciler_deletes_footage(function: str):
    assert of_footage(function, "Delete") == set()


def test_only_originals_intermediates_landings_and_what_can_be_made_again_are_ever_deleted():
    assert of_footage("reconcile", "Delete") == {ORIGINALS, INTERMEDIATES, INCOMING, INDEX, LAKE}
    assert {f"{BUCKET}/{prefix}*" for prefix in keys.CLEANED} == {ORIGINALS, INTERMEDIATES}
    assert {f"{BUCKET}/{prefix}*" for prefix in keys.REPLACED} == {INDEX, LAKE}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_deletes_outputs_or_measurements(function: str):
    assert of_footage(function, "Delete") & {OUTPUTS, MEASUREMENTS} == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_reads_or_writes_the_whole_bucket(function: str):
    assert of_footage(function, ".*") <= {BUCKET, *EVERY_KIND, INCOMING, INDEX, LAKE}


@pytest.mark.parametrize("function", ["on_original", "on_output", "on_measurements"])
def test_an_event_handler_writes_no_footage(function: str):
    assert of_footage(function, "Put|Delete|Abort") <= {INDEX, LAKE}


INDEXING = {"on_measurements", "on_output", "reconcile"}


@pytest.mark.parametrize("written", [INDEX, LAKE])
def test_only_those_who_index_write_into_the_index_and_the_lake(written: str):
    assert {name for name in FUNCTIONS if ("s3:PutObject", written) in rights(name)} == INDEXING


def test_exactly_those_who_index_have_the_layer_that_writes_the_lake():
    functions = CONFIG["lambda_functions"]

    assert {name for name in FUNCTIONS if functions[name].get("layers") == ["${ArrowLayer}"]} == INDEXING
    assert [name for name in set(FUNCTIONS) - INDEXING if "layers" in functions[name]] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_writes_exactly_the_keys_of_its_role(function: str):
    assert writable(function) == WRITES_OF[function]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_writes_tokens_devices_or_whether_cleanup_is_armed(function: str):
    forbidden = ("TOKEN#", items.TOKENS_PK, "DEVICE#", items.ARMING_KEY["pk"])
    writable_keys = {key.removesuffix("*") for _, key in writable(function)}

    assert [
        (key, other)
        for key in writable_keys
        for other in forbidden
        if other.startswith(key) or key.startswith(other)
    ] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_right_to_write_into_the_table_is_bound_to_keys(function: str):
    writes = [
        each
        for each in statements(function)
        if re.search(r"dynamodb:(Put|Update|Delete)", str(each["Action"]))
    ]

    assert {TABLE} == {resource for each in writes for resource in each["Resource"]}
    # ForAllValues is true of nothing, too.
    assert [each["Condition"]["Null"] for each in writes] == [{"dynamodb:LeadingKeys": "false"}] * len(writes)


def test_the_writable_keys_are_those_of_the_tables_items():
    written = {
        items.session_key(make_session_id("s"), "")["pk"],
        items.pointer_key(UploadId("u"))["pk"],
        items.spent_key(date(2026, 11, 21))["pk"],
        items.SWEEP_KEY["pk"],
        items.ROUND_KEY["pk"],
        items.counters_pk("main", None),
        items.needy_pk("main"),
        items.waiting_pk("main"),
        items.NOTICES_PK,
        items.SOCKETS_PK,
        items.trail_pk(make_session_id("s")),
        items.watch_key("main", "d")["pk"],
    }

    assert {key.partition("#")[0] + "#*" for key in written} == {key for _, key in WRITES_OF["reconcile"]}


def test_event_functions_may_leave_their_dead_letters():
    events = set(FUNCTIONS) - set(project.ANSWERING)

    assert {name for name in FUNCTIONS if rights(name) >= DEAD_LETTERS} == events


def test_the_api_answers_before_the_gateway_gives_up():
    assert CONFIG["lambda_functions"]["api_handler"]["lambda_timeout"] <= 29


def test_lambda_carries_the_msgspec_that_the_tests_run_on():
    carried = (deploy.CLOUD / "requirements.txt").read_text()
    pins = (deploy.HOUSE / "requirements" / "development.txt").read_text()

    assert carried.startswith("msgspec==")
    assert carried in pins


@pytest.mark.parametrize("file", ["cloud/requirements.txt", "requirements/build.txt"])
def test_nothing_is_fetched_without_a_hash(file: str):
    text = (deploy.HOUSE / file).read_text()
    pinned = re.findall(
        r"^[A-Za-z0-9_-]+==\S+ \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE
    )

    assert "".join(pinned) == text
    assert len(pinned) == 1


def test_the_wheel_is_built_by_the_setuptools_that_has_a_hash():
    [pin] = re.findall(r"^setuptools==\S+", (deploy.HOUSE / "requirements" / "build.txt").read_text())
    project = (deploy.HOUSE / "pyproject.toml").read_text()

    assert f'requires = ["{pin}"]' in project
