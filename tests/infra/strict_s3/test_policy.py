"""The evaluator of Deny statements, without any S3."""

from typing import Any

import pytest

from infra.local.aws.strict_s3.operations import Demand
from infra.local.aws.strict_s3.policy import Policy, UnknownPolicy

HERE = "arn:aws:s3:::vid"


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"{HERE}/originals/*",
        **changes,
    }


def is_denied(
    said: dict[str, Any], action: str = "s3:PutObject", key: str = "originals/a", **context: str
) -> bool:
    keys = {name.replace("__", ":").replace("_", "-"): value for name, value in context.items()}
    return Policy.parsed({"Statement": [said]}).denies_any(Demand(action, "vid", key), keys)


def test_a_statement_denies_its_action_on_its_resource():
    assert is_denied(statement())


@pytest.mark.parametrize(
    ("pattern", "action", "denied"),
    [
        ("s3:*", "s3:PutObject", True),
        ("*", "s3:PutObject", True),
        ("s3:Put*", "s3:PutObject", True),
        ("s3:put*", "s3:PutObject", True),
        ("s3:Put*", "s3:GetObject", False),
        ("s3:DeleteObject", "s3:DeleteObjectVersion", False),
        ("s3:DeleteObject*", "s3:DeleteObjectVersion", True),
        ("s3:?etObject", "s3:GetObject", True),
        (["s3:GetObject", "s3:PutObject"], "s3:PutObject", True),
    ],
)
def test_actions_match_by_their_wildcards(pattern: Any, action: str, denied: bool):
    assert is_denied(statement(Action=pattern), action) == denied


@pytest.mark.parametrize(("action", "denied"), [("s3:GetObject", False), ("s3:PutObject", True)])
def test_not_action_denies_all_other_actions(action: str, denied: bool):
    said = statement(NotAction="s3:Get*")
    del said["Action"]

    assert is_denied(said, action) == denied


@pytest.mark.parametrize(
    ("resource", "key", "denied"),
    [
        (f"{HERE}/*", "originals/a", True),
        (f"{HERE}/originals/*", "outputs/a", False),
        (f"{HERE}/*.mp4", "originals/a.mp4", True),
        (f"{HERE}/originals/?", "originals/ab", False),
        (f"{HERE}/[a]", "a", False),
        (HERE, "originals/a", False),
        (HERE, "", True),
        (f"{HERE}/*", "", False),
        ([HERE, f"{HERE}/*"], "", True),
        (f"{HERE.upper()}/*", "originals/a", False),
    ],
)
def test_resources_match_by_their_wildcards(resource: Any, key: str, denied: bool):
    assert is_denied(statement(Resource=resource), key=key) == denied


@pytest.mark.parametrize(("said", "denied"), [("false", False), ("true", True), (False, False), (True, True)])
def test_bool_compares_truth(said: Any, denied: bool):
    condition = {"Bool": {"aws:SecureTransport": said}}

    assert is_denied(statement(Condition=condition), aws__SecureTransport="true") == denied


def test_an_absent_key_satisfies_no_positive_operator():
    for condition in (
        {"Bool": {"s3:ObjectCreationOperation": "false"}},
        {"StringEquals": {"s3:authType": "REST-HEADER"}},
        {"NumericGreaterThan": {"s3:signatureAge": "-1"}},
    ):
        assert not is_denied(statement(Condition=condition))


@pytest.mark.parametrize(("said", "present", "denied"), [("true", False, True), ("true", True, False)])
def test_null_true_means_absent(said: str, present: bool, denied: bool):
    context = {"s3__if_match": '"abc"'} if present else {}

    assert is_denied(statement(Condition={"Null": {"s3:if-match": said}}), **context) == denied


@pytest.mark.parametrize(("present", "denied"), [(False, False), (True, True)])
def test_null_false_means_present(present: bool, denied: bool):
    context = {"s3__if_match": '"abc"'} if present else {}

    assert is_denied(statement(Condition={"Null": {"s3:if-match": "false"}}), **context) == denied


@pytest.mark.parametrize(("age", "denied"), [("899999", False), ("900000", False), ("900000.5", True)])
def test_numbers_are_compared_as_numbers(age: str, denied: bool):
    condition = {"NumericGreaterThan": {"s3:signatureAge": 900000}}

    assert is_denied(statement(Condition=condition), s3__signatureAge=age) == denied


@pytest.mark.parametrize(
    ("version", "denied"), [("1.0", True), ("1.1", True), ("1.2", False), ("1.3", False)]
)
def test_old_tls_is_told_by_its_number(version: str, denied: bool):
    condition = {"NumericLessThan": {"s3:TlsVersion": "1.2"}}

    assert is_denied(statement(Condition=condition), s3__TlsVersion=version) == denied
    assert not is_denied(statement(Condition=condition))


@pytest.mark.parametrize(("role", "denied"), [("glass", False), ("glass2", True), ("", True)])
def test_everybody_but_one_role_is_denied(role: str, denied: bool):
    condition = {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/glass"}}

    context = {"aws__PrincipalArn": f"arn:aws:iam::123456789012:role/{role}"} if role else {}
    assert is_denied(statement(Condition=condition), **context) == denied


@pytest.mark.parametrize("said", ["arn:aws:iam::123456789012:role/*", "glass", ["arn:a", "arn:b"]])
def test_a_principal_that_cannot_be_compared_is_refused_when_it_is_set(said: Any):
    with pytest.raises(UnknownPolicy, match="ArnNotEquals"):
        is_denied(statement(Condition={"ArnNotEquals": {"aws:PrincipalArn": said}}))


def test_any_value_of_a_condition_will_do():
    condition = {"StringEquals": {"s3:authType": ["POST", "REST-HEADER"]}}

    assert is_denied(statement(Condition=condition), s3__authType="REST-HEADER")
    assert not is_denied(statement(Condition=condition), s3__authType="REST-QUERY-STRING")


def test_all_conditions_must_hold():
    condition = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}

    assert is_denied(statement(Condition=condition), s3__ObjectCreationOperation="true")
    assert not is_denied(statement(Condition=condition), s3__ObjectCreationOperation="false")
    assert not is_denied(
        statement(Condition=condition), s3__ObjectCreationOperation="true", s3__if_none_match="*"
    )


def test_keys_of_conditions_have_no_case():
    assert is_denied(
        statement(Condition={"Bool": {"aws:securetransport": "true"}}), aws__SecureTransport="true"
    )


def test_what_is_allowed_denies_nothing():
    assert not is_denied(statement(Effect="Allow"))


@pytest.mark.parametrize(
    "changes",
    [
        {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": {"BoolIfExists": {"aws:SecureTransport": "false"}}},
        {"Condition": {"StringEquals": {"s3:prefix": "a"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "perhaps"}}},
        {"Condition": {"NumericGreaterThan": {"s3:signatureAge": "old"}}},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Principal": None},
        {"NotPrincipal": "*"},
        {"NotResource": HERE},
        {"NotAction": "s3:Get*"},
        {"Resource": f"{HERE}/${{aws:username}}/*"},
    ],
)
def test_what_is_not_understood_is_an_error_when_it_is_set(changes: dict[str, Any]):
    with pytest.raises(UnknownPolicy):
        Policy.parsed({"Statement": [statement(**changes)]})


def test_a_single_statement_needs_no_list():
    assert Policy.parsed({"Statement": statement()}).denies_any(
        Demand("s3:PutObject", "vid", "originals/a"), {}
    )
