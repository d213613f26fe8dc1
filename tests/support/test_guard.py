"""The guard judges as IAM does, and refuses what it cannot read."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from infra.local.aws.strict_s3 import UnknownPolicy
from tests.support.guard import Demand, Denied, Guard, Rights

ROLE = "arn:aws:iam::123456789012:role/reader"
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/t"
KEYED = {
    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SESSION#*", "UPLOAD#*"]},
    "Null": {"dynamodb:LeadingKeys": "false"},
}


def rights(*said: dict[str, Any]) -> Rights:
    usual = {"Effect": "Allow", "Resource": "*"}
    return Rights.parsed(
        {"Statement": [{"Sid": f"s{place}", **usual, **each} for place, each in enumerate(said)]}
    )


def grants(found: Rights, action: str, resource: str = TABLE, *keys: str) -> bool:
    return found.granting(Demand(action, resource, keys)) is not None


def test_nothing_is_allowed_without_an_allow():
    assert not grants(rights(), "s3:GetObject")
    assert not grants(rights({"Action": "s3:PutObject"}), "s3:GetObject")


def test_a_deny_wins_in_either_order():
    allow, deny = {"Action": "s3:*"}, {"Action": "s3:GetObject", "Effect": "Deny"}

    assert not grants(rights(allow, deny), "s3:GetObject")
    assert not grants(rights(deny, allow), "s3:GetObject")
    assert grants(rights(deny, allow), "s3:PutObject")


def test_a_resource_counts_with_its_wildcards_and_its_case():
    found = rights({"Action": ["dynamodb:Query"], "Resource": [f"{TABLE}/index/*"]})

    assert grants(found, "dynamodb:query", f"{TABLE}/index/work")
    assert not grants(found, "dynamodb:Query", TABLE)
    assert not grants(found, "dynamodb:Query", f"{TABLE}/INDEX/work")


def test_a_condition_on_keys_holds_for_all_keys_and_not_for_none():
    found = rights({"Action": "dynamodb:PutItem", "Condition": KEYED})

    assert grants(found, "dynamodb:PutItem", TABLE, "SESSION#a")
    assert grants(found, "dynamodb:PutItem", TABLE, "SESSION#a", "UPLOAD#b")
    assert not grants(found, "dynamodb:PutItem", TABLE, "SESSION#a", "TOKEN#b")
    assert not grants(found, "dynamodb:PutItem", TABLE)


@pytest.mark.parametrize(
    "said",
    [
        {"Action": "s3:*", "Condition": {"StringEquals": {"aws:SourceIp": "10.0.0.1"}}},
        {"Action": "s3:*", "Condition": {"StringLike": {"dynamodb:LeadingKeys": "a"}}},
        {"NotAction": "s3:*"},
        {"Action": "s3:*", "Principal": "*"},
        {"Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}"},
    ],
)
def test_a_policy_that_cannot_be_judged_is_refused(said: dict[str, Any]):
    with pytest.raises(UnknownPolicy):
        rights(said)


class Answers:
    """An application that answers with `status`, and remembers what reached it."""

    def __init__(self, status: str = "200 OK") -> None:
        self._status = status
        self.bodies: list[bytes] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        start_response(self._status, [])
        return [b""]


def asked(
    guard: Guard,
    path: str,
    service: str,
    method: str = "GET",
    body: bytes = b"",
    key: str = "ASIA",
    **more: str,
) -> str:
    """The status of a call that is signed with `key`, for a service."""
    scope = f"Credential={key}/20261121/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 {scope}" if key else "",
        **more,
    }
    statuses: list[str] = []

    def start(status: str, *_others: Any) -> Any:
        statuses.append(status)

    list(guard(environ, start))
    return statuses[0][:3]


def of_table(guard: Guard, operation: str, said: Any) -> str:
    target = {"HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{operation}"}
    return asked(guard, "/", "dynamodb", "POST", json.dumps(said).encode(), **target)


def guarding(app: Any, *said: dict[str, Any]) -> Guard:
    return Guard(app, {ROLE: rights(*said)}, {"ASIA": ROLE})


def test_a_call_without_the_right_never_reaches_the_service():
    app = Answers()
    guard = guarding(app, {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/originals/*"})

    assert asked(guard, "/b/outputs/film.mp4", "s3") == "403"
    assert app.bodies == []
    assert guard.denied == [Denied(ROLE, "s3:GetObject", "arn:aws:s3:::b/outputs/film.mp4")]
    assert asked(guard, "/b/originals/film.mp4", "s3") == "200"
    assert guard.used == {(ROLE, "s0")}


def test_a_key_of_no_role_has_no_right_and_those_of_the_tests_pass():
    guard = guarding(Answers(), {"Action": "*"})

    assert asked(guard, "/b/k", "s3", key="AKIAUNKNOWN") == "403"
    assert (asked(guard, "/b/k", "s3", key="test"), asked(guard, "/b/k", "s3", key="")) == ("200", "200")


def test_who_may_not_list_a_bucket_does_not_hear_that_an_object_is_missing():
    get, list_bucket = {"Action": "s3:GetObject"}, {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b"}

    assert asked(guarding(Answers("404 Not Found"), get), "/b/k", "s3") == "403"
    assert asked(guarding(Answers("404 Not Found"), get, list_bucket), "/b/k", "s3") == "404"


def test_each_item_of_a_transaction_needs_its_own_right():
    app = Answers()
    guard = guarding(app, {"Action": "dynamodb:PutItem", "Resource": TABLE, "Condition": KEYED})
    put = {"Put": {"TableName": "t", "Item": {"pk": {"S": "SESSION#a"}}}}
    token = {"Put": {"TableName": "t", "Item": {"pk": {"S": "TOKEN#a"}}}}
    delete = {"Delete": {"TableName": "t", "Key": {"pk": {"S": "SESSION#a"}}}}

    assert of_table(guard, "TransactWriteItems", {"TransactItems": [put]}) == "200"
    assert json.loads(app.bodies[0]) == {"TransactItems": [put]}
    assert of_table(guard, "TransactWriteItems", {"TransactItems": [put, token]}) == "400"
    assert of_table(guard, "TransactWriteItems", {"TransactItems": [put, delete]}) == "400"
    assert of_table(guard, "PutItem", {**token["Put"]}) == "400"
    assert len(app.bodies) == 1


@pytest.mark.parametrize(
    ("path", "service", "method"),
    [
        ("/b?inventory", "s3", "PUT"),
        ("/2015-03-31/layers", "lambda", "GET"),
        ("/TraceSegments", "xray", "POST"),
    ],
)
def test_a_call_that_is_not_understood_is_denied(path: str, service: str, method: str):
    path, _, query = path.partition("?")
    guard = guarding(Answers(), {"Action": "*", "Resource": "arn:*"})

    assert asked(guard, path, service, method, QUERY_STRING=query) in ("400", "403")
