"""What the plan of a deploy says, and that it changes nothing. With a real deploy: test_deploys.py."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws import deploy, grace, plan, project, stack, template
from tests.infra.test_deploy import LAYER, OUTPUTS, Cloudformation, failure

WHOLE = template.load()
ASKED = deploy.Asked({}, LAYER)


def change(action: str = "Modify", **more: Any) -> Any:
    said = {"Action": action, "LogicalResourceId": "Bucket", "ResourceType": "AWS::S3::Bucket", **more}
    return {"Type": "Resource", "ResourceChange": said}


def detail(name: str) -> Any:
    return {"Target": {"Attribute": "Properties", "Name": name}}


class Planning(Cloudformation):
    """A deployed stack whose change sets say `pages` of changes, or fail for `reason`."""

    def __init__(self, *pages: list[Any], reason: str = "") -> None:
        super().__init__("UPDATE_COMPLETE", present=True)
        self._pages = pages
        self._reason = reason
        self.change_sets: list[str] = []

    def create_change_set(self, **call: Any) -> None:
        assert call["ChangeSetType"] == "UPDATE"
        self.change_sets.append(call["ChangeSetName"])

    def describe_change_set(self, **call: Any) -> Any:
        if self._reason:
            return {"Status": "FAILED", "StatusReason": self._reason}
        number = int(call.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self._pages) else {}
        return {"Status": "CREATE_COMPLETE", "Changes": self._pages[number], **more}

    def delete_change_set(self, **call: Any) -> None:
        self.change_sets.remove(call["ChangeSetName"])


def of_stack(cloudformation: Any, **parameters: str) -> list[str]:
    account = deploy.Account(
        {"cloudformation": cloudformation}.__getitem__, WHOLE, None, Path(), {}, poll_s=0
    )
    return list(plan._of_stack(account, "reelhaul-prod", WHOLE, parameters))


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            change(Details=[detail("LifecycleConfiguration"), detail("CorsConfiguration")]),
            "  changes  Bucket (AWS::S3::Bucket): CorsConfiguration, LifecycleConfiguration",
        ),
        (change("Add"), "  adds     Bucket (AWS::S3::Bucket)"),
        (change("Remove"), "  removes  Bucket (AWS::S3::Bucket)"),
        (
            change("Remove", PolicyAction="Retain"),
            "  removes  Bucket (AWS::S3::Bucket); it stays in the account",
        ),
        (change(Replacement="True"), "  REPLACES Bucket (AWS::S3::Bucket)"),
        (change(Replacement="Conditional"), "  MAY REPLACE Bucket (AWS::S3::Bucket)"),
        (change(Replacement="False"), "  changes  Bucket (AWS::S3::Bucket)"),
    ],
)
def test_a_change_of_the_stack_is_said_in_words(said: Any, line: str):
    cloudformation = Planning([said])

    assert line in of_stack(cloudformation)
    assert cloudformation.change_sets == []


def test_changes_beyond_the_first_page_are_said_too():
    lines = of_stack(Planning([change()], [change("Add", LogicalResourceId="Second")]))

    assert [line for line in lines if "(AWS::S3::Bucket)" in line] == [
        "  changes  Bucket (AWS::S3::Bucket)",
        "  adds     Second (AWS::S3::Bucket)",
    ]


def test_a_parameter_says_what_it_was_and_what_it_would_be():
    assert "  changes  parameter GraceDays: 30 -> 45" in of_stack(Planning([change()]), GraceDays="45")


def test_a_change_set_without_a_change_says_so():
    reason = "The submitted information didn't contain changes. Submit different information"

    assert not [line for line in of_stack(Planning(reason=reason)) if "(AWS" in line]


def test_a_plan_that_cloudformation_cannot_make_fails_and_leaves_no_change_set():
    cloudformation = Planning(reason="Template format error")

    with pytest.raises(stack.StackFailed, match="Template format error"):
        of_stack(cloudformation)

    assert cloudformation.change_sets == []


def test_a_stack_that_is_not_there_is_made_and_no_change_set_leaves_half_of_one():
    lines = of_stack(Cloudformation("CREATE_COMPLETE"))

    assert lines[0] == f"stack reelhaul-prod: is made, with {len(WHOLE['Resources'])} resources"
    assert "  adds     1 AWS::S3::Bucket" in lines


def test_the_plan_of_a_broken_promise_is_refused_as_the_deploy_would_be(tmp_path: Path):
    account = deploy.Account({"cloudformation": Planning()}.__getitem__, WHOLE, None, tmp_path, {})

    with pytest.raises(grace.PromiseBroken):
        list(plan.plan("prod", account, deploy.Asked({"GraceDays": "29"}, LAYER)))


class Absent:
    """Lambda before the first deploy."""

    class exceptions:  # noqa: N801 -- boto3's own name
        class ResourceNotFoundException(Exception):
            pass

    def get_function_configuration(self, **_: Any) -> Any:
        raise self.exceptions.ResourceNotFoundException


def test_the_first_deploy_is_planned_without_touching_anything(tmp_path: Path):
    clients = {"cloudformation": Cloudformation("CREATE_COMPLETE"), "lambda": Absent(), "iam": None}
    account = deploy.Account(clients.__getitem__, WHOLE, None, tmp_path / "build", {})

    lines = list(plan.plan("prod", account, ASKED))

    assert "  adds     reconcile" in lines
    assert lines[-1] == "code: what is deployed is not known whole, so all of it is deployed again"
    assert list(tmp_path.iterdir()) == []


def test_outputs_follow_the_parameters_that_are_given():
    made = plan.expected_outputs(WHOLE, OUTPUTS, {"GraceDays": "45", "Stage": "prod"})

    assert (made["GraceDays"], made["Bucket"]) == ("45", "footage")
    assert "KmsKeyArn" not in made
    key = "arn:aws:kms:eu-west-1:123456789012:key/0f5c-11"
    assert plan.expected_outputs(WHOLE, OUTPUTS, {"KmsKeyArn": key})["KmsKeyArn"] == key


def test_an_output_that_is_yet_to_be_made_says_so():
    assert plan.expected_outputs(WHOLE, {}, {})["Table"] == "<Table, once the stack has it>"


def function(**over: Any) -> plan.Function:
    usual: dict[str, Any] = {
        "memory_mib": 512,
        "timeout_s": 29,
        "python": "python3.12",
        "is_traced": False,
        "reserved": None,
        "layers": (),
        "environment": {"STAGE": "prod"},
        "rights": frozenset({("s3:GetObject", "arn", "{}")}),
    }
    return plan.Function(**{**usual, **over})


@pytest.mark.parametrize(
    ("present", "wanted", "line"),
    [
        (None, function(), "  adds     f"),
        (function(), None, "  removes  f"),
        (function(), function(timeout_s=30), "  changes  f: time-out 29 s -> 30 s"),
        (function(), function(python="python3.13"), "  changes  f: runtime python3.12 -> python3.13"),
        (function(), function(is_traced=True), "  changes  f: tracing off -> on"),
        (function(), function(reserved=10), "  changes  f: reserved concurrency none -> 10"),
        (function(), function(layers=("arn:1",)), "  changes  f: layers none -> arn:1"),
        (function(), function(environment={"STAGE": "prod", "A": "1"}), "  changes  f: A absent -> 1"),
        (function(), function(environment={}), "  changes  f: STAGE prod -> absent"),
        (
            function(rights=frozenset()),
            function(),
            "  changes  f: may s3:GetObject on arn",
        ),
        (
            function(),
            function(rights=frozenset()),
            "  changes  f: may no longer s3:GetObject on arn",
        ),
        (
            function(rights=None),
            function(),
            "  changes  f: its role's policy, which cannot be read now",
        ),
    ],
)
def test_a_change_of_a_function_is_said_in_words(
    present: plan.Function | None, wanted: plan.Function | None, line: str
):
    assert list(plan.of_function("f", present, wanted)) == [line]


def test_a_function_that_stays_as_it_is_is_not_mentioned():
    assert list(plan.of_function("f", function(), function())) == []
    assert list(plan.of_function("f", None, None)) == []


def test_files_that_come_go_and_change_are_named():
    before, after = {"a": "1", "b": "1", "c": "1"}, {"b": "2", "c": "1", "d": "1"}

    assert list(plan._of_files(before, after)) == ["  removes  a", "  changes  b", "  adds     d"]


def test_the_functions_that_are_planned_are_those_of_the_project():
    outputs = {**OUTPUTS, project.ARROW_LAYER: LAYER}
    wanted = plan.wanted_functions(deploy.CLOUD, "prod", outputs)

    assert set(wanted) == {
        "api_handler",
        "on_original",
        "on_output",
        "on_measurements",
        "reconcile",
        "take_stock",
        "websocket_connect",
        "websocket_disconnect",
    }
    assert (wanted["on_measurements"].layers, wanted["api_handler"].layers) == ((LAYER,), ())
    assert wanted["api_handler"].environment["BUCKET"] == OUTPUTS["Bucket"]


def test_a_role_without_a_policy_of_chalice_is_not_taken_for_one_without_rights():
    class Iam:
        def get_role_policy(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": ""}}, "GetRolePolicy")

    assert plan._rights_of_role(Iam(), "reelhaul-prod") is None


def test_another_refusal_is_an_error():
    class Iam:
        def get_role_policy(self, **_: Any) -> Any:
            raise failure("no")

    with pytest.raises(ClientError):
        plan._rights_of_role(Iam(), "reelhaul-prod")
