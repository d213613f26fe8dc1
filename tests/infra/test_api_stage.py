"""What is set at API Gateway beside what Chalice sets: how many calls it takes, and the log of them."""

import json
from typing import Any

import pytest

from infra.aws import api_stage
from tests.infra.test_deploy import OUTPUTS

NEVER: tuple[float, ...] = ()
TWICE = (0.0, 0.0)


class RoleNotReady(Exception):
    """API Gateway's answer while a new role has not reached it."""


class Gateway:
    """API Gateway, whose account has `role` for its logs; a new role is `not_ready` for so many calls."""

    class exceptions:  # noqa: N801 -- boto3's own name
        BadRequestException = RoleNotReady

    def __init__(self, role: str | None = None, not_ready: int = 0) -> None:
        self.role = role
        self._not_ready = not_ready
        self.stage: dict[str, str] = {}

    def get_account(self) -> Any:
        return {"cloudwatchRoleArn": self.role} if self.role else {}

    def update_account(self, **call: Any) -> None:
        if self._not_ready:
            self._not_ready -= 1
            raise RoleNotReady
        [change] = call["patchOperations"]
        assert change["path"] == "/cloudwatchRoleArn"
        self.role = change["value"]

    def update_stage(self, **call: Any) -> None:
        assert (call["restApiId"], call["stageName"]) == ("api-id", "api")
        assert {change["op"] for change in call["patchOperations"]} == {"replace"}
        self.stage = {change["path"]: change["value"] for change in call["patchOperations"]}


def settled(gateway: Gateway, outputs: dict[str, str], patience: tuple[float, ...] = NEVER) -> Gateway:
    api_stage.settle(gateway, "api-id", outputs, patience=patience)
    return gateway


def test_the_api_takes_the_stacks_calls_a_second_and_twice_as_many_at_once():
    stage = settled(Gateway(), {**OUTPUTS, "ApiCallsPerSecond": "50"}).stage

    assert stage["/*/*/throttling/rateLimit"] == "50"
    assert stage["/*/*/throttling/burstLimit"] == "100"


def test_each_call_is_logged_to_the_stacks_group():
    stage = settled(Gateway(), OUTPUTS).stage

    group = "arn:aws:logs:eu-west-1:123456789012:log-group:/reelhaul/prod/api"
    assert stage["/accessLogSettings/destinationArn"] == group
    assert stage["/accessLogSettings/format"] == api_stage.FORMAT


def test_neither_a_token_nor_a_sessions_name_is_in_the_log():
    said = json.loads(api_stage.FORMAT)

    assert said["route"] == "$context.resourcePath"
    assert not {"$context.path", "$context.authorizer", "$context.identity.apiKey"} & set(said.values())
    assert not [value for value in said.values() if "header" in value or "querystring" in value]


def test_an_account_without_a_role_for_its_logs_gets_the_stacks():
    assert settled(Gateway(), OUTPUTS).role == OUTPUTS["ApiLogRoleArn"]


def test_the_role_that_an_account_has_stays():
    assert settled(Gateway("arn:others"), OUTPUTS).role == "arn:others"


def test_a_new_role_is_waited_for():
    assert settled(Gateway(not_ready=2), OUTPUTS, TWICE).role == OUTPUTS["ApiLogRoleArn"]
    with pytest.raises(RoleNotReady):
        settled(Gateway(not_ready=3), OUTPUTS, TWICE)


def test_a_stack_of_an_older_release_leaves_the_api_as_it_is():
    assert settled(Gateway(), {}).stage == {}


class Sockets:
    """API Gateway's second version, as far as a stage's settings go."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def update_stage(self, **call: Any) -> None:
        self.calls.append(call)


def test_as_many_sockets_open_in_a_second_as_the_api_takes_calls():
    sockets = Sockets()

    api_stage.settle_sockets(sockets, "sockets-id", {"ApiCallsPerSecond": "100"})
    api_stage.settle_sockets(sockets, "sockets-id", {})

    throttled = {"ThrottlingRateLimit": 100, "ThrottlingBurstLimit": 200}
    assert sockets.calls == [{"ApiId": "sockets-id", "StageName": "api", "DefaultRouteSettings": throttled}]


class Logs:
    """CloudWatch's log groups, each with the days for which it keeps lines."""

    class exceptions:  # noqa: N801 -- boto3's own name
        class ResourceAlreadyExistsException(Exception):
            pass

    def __init__(self, *groups: str) -> None:
        self.days: dict[str, int | None] = dict.fromkeys(groups)

    def create_log_group(self, logGroupName: str) -> None:  # noqa: N803
        if logGroupName in self.days:
            raise self.exceptions.ResourceAlreadyExistsException
        self.days[logGroupName] = None

    def put_retention_policy(self, logGroupName: str, retentionInDays: int) -> None:  # noqa: N803
        assert logGroupName in self.days
        self.days[logGroupName] = retentionInDays


LOG = "/aws/lambda/reelhaul-prod"


@pytest.mark.parametrize("logs", [Logs(), Logs(LOG)])
def test_the_log_of_the_apis_function_ends_as_the_stack_says(logs: Logs):
    api_stage.keep_log(logs, "reelhaul-prod", {**OUTPUTS, "LogRetentionDays": "30"})

    assert logs.days == {LOG: 30}


def test_a_stack_that_says_nothing_of_logs_leaves_them():
    logs = Logs(LOG)

    api_stage.keep_log(logs, "reelhaul-prod", {})

    assert logs.days == {LOG: None}
