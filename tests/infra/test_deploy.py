"""The build folder that Chalice is run in, and the command around it; nothing here leaves this process."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalice.config import Config

from chalicelib.core.measurements.limits import TIME_LIMIT_S
from chalicelib.core.settle import Policy
from chalicelib.settings import settings
from infra.aws import deploy, project, stack, template

OUTPUTS = {
    "BatchRole": "arn:aws:iam::123456789012:role/reelhaul-prod-BatchRole-1ABC",
    "Bucket": "footage",
    "BucketArn": "arn:aws:s3:::footage",
    "Table": "records",
    "TableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/records",
    "GraceDays": "21",
    "ApiCallsPerSecond": "200",
    "ApiLogArn": "arn:aws:logs:eu-west-1:123456789012:log-group:/reelhaul/prod/api:*",
    "ApiLogRoleArn": "arn:aws:iam::123456789012:role/api-log",
    "EventConcurrency": "10",
    "LogRetentionDays": "90",
    "Tracing": "off",
    "LakeDatabase": "reelhaul_prod",
    "LakeWorkGroup": "reelhaul-prod",
    "OrderQueue": "https://sqs.example.org/orders",
    "OrderQueueArn": "arn:aws:sqs:eu-west-1:123456789012:orders",
    "DeadLetters": "https://sqs.example.org/dead",
    "DeadLettersArn": "arn:aws:sqs:eu-west-1:123456789012:dead",
    "DeadLettersName": "dead",
    "OrderQueueName": "orders",
    "Notifications": "arn:aws:sns:eu-west-1:123456789012:notifications",
    "Alarms": "arn:aws:sns:eu-west-1:123456789012:alarms",
}


NEVER: tuple[float, ...] = ()
TWICE = (0.0, 0.0)


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def prepared(target: Path) -> Path:
    """The whole project, ready for Chalice: copied, and compiled in a process of its own."""
    project.prepare(deploy.CLOUD, target, "prod", OUTPUTS, {})
    return target


def configured(
    target: Path,
    stage: str = "prod",
    over: dict[str, str] | None = None,
    outputs: dict[str, str] = OUTPUTS,
) -> Path:
    """Of a prepared project, its configuration and policies alone."""
    (target / ".chalice").mkdir(parents=True)
    known = {project.PUSH_URL: "", **outputs}
    for name, document in project.documents(deploy.CLOUD, stage, known, over or {}).items():
        (target / ".chalice" / name).write_text(json.dumps(document))
    return target


def config(target: Path) -> Any:
    return json.loads((target / ".chalice" / "config.json").read_text())


def environment(target: Path, stage: str = "prod") -> dict[str, str]:
    """What a function of this stage sees, merged as Chalice merges it."""
    said = config(target)
    return {**said["environment_variables"], **said["stages"][stage]["environment_variables"]}


def test_the_stacks_names_reach_the_functions(tmp_path: Path):
    seen = environment(configured(tmp_path / "prod"))

    assert (seen["STAGE"], seen["BUCKET"], seen["TABLE"]) == ("prod", "footage", "records")
    assert seen["ORDER_QUEUE_URL"] == "https://sqs.example.org/orders"


def test_the_coordinator_understands_its_environment(tmp_path: Path):
    seen = environment(configured(tmp_path / "prod"))

    read = settings({**seen, "AWS_REGION": "eu-west-1"})

    assert (read.bucket, read.table, read.stage) == ("footage", "records", "prod")
    assert read.policy == Policy(restorable_days=21)


def test_what_is_promised_to_be_restorable_is_what_the_stacks_lifecycle_keeps(tmp_path: Path):
    assert environment(configured(tmp_path / "prod"))["RESTORABLE_DAYS"] == OUTPUTS["GraceDays"]


def test_every_setting_is_text_because_lambda_takes_nothing_else(tmp_path: Path):
    assert {type(value) for value in environment(configured(tmp_path / "prod")).values()} == {str}


def test_settings_go_over_the_configuration(tmp_path: Path):
    seen = environment(configured(tmp_path / "local", "local", {"PART_SIZE_BYTES": "5242880"}), "local")

    assert seen["PART_SIZE_BYTES"] == "5242880"
    assert seen["UNDO_S"] == "3600"


def test_a_stage_that_the_configuration_does_not_list_is_deployed_like_the_others(tmp_path: Path):
    assert environment(configured(tmp_path / "rehearsal", "rehearsal"), "rehearsal")["STAGE"] == "rehearsal"


def test_no_placeholder_is_left_in_configuration_or_policies(tmp_path: Path):
    files = list((prepared(tmp_path / "prod") / ".chalice").glob("*.json"))

    written = {file.name: json.loads(file.read_text()) for file in files}
    assert written == project.documents(deploy.CLOUD, "prod", {project.PUSH_URL: "", **OUTPUTS}, {})
    assert [file.name for file in files if "${" in file.read_text()] == []


def test_a_policy_names_the_stacks_resources(tmp_path: Path):
    policy = json.loads((configured(tmp_path / "prod") / ".chalice" / "policy-reconcile.json").read_text())
    resources = {resource for statement in policy["Statement"] for resource in statement["Resource"]}

    assert "arn:aws:s3:::footage/originals/*" in resources
    assert "arn:aws:s3:::footage/intermediates/*" in resources
    assert f"{OUTPUTS['TableArn']}/index/work" in resources
    assert OUTPUTS["DeadLettersArn"] in resources


KEY = "arn:aws:kms:eu-west-1:123456789012:key/0f5c-11"


def rights_on_the_key(target: Path, outputs: dict[str, str]) -> dict[str, list[str]]:
    """What each function may do with the bucket's key."""
    configured(target, outputs=outputs)
    policies = {
        path.stem.removeprefix("policy-"): json.loads(path.read_text())["Statement"]
        for path in (target / ".chalice").glob("policy-*.json")
    }
    return {
        function: statement["Action"]
        for function, statements in policies.items()
        for statement in statements
        if any("kms" in action for action in statement["Action"])
    }


def test_without_a_key_no_function_has_a_right_on_one(tmp_path: Path):
    assert rights_on_the_key(tmp_path / "prod", OUTPUTS) == {}


def test_with_a_key_every_function_may_read_and_whoever_writes_may_write_with_it(tmp_path: Path):
    writes = ["kms:Decrypt", "kms:GenerateDataKey"]

    assert rights_on_the_key(tmp_path / "prod", {**OUTPUTS, "KmsKeyArn": KEY}) == {
        "api_handler": writes,
        "reconcile": writes,
        "on_output": writes,
        "on_measurements": writes,
        "on_original": ["kms:Decrypt"],
    }
    assert KEY in (tmp_path / "prod" / ".chalice" / "policy-api_handler.json").read_text()


def settled(target: Path, function: str, **outputs: str) -> Config:
    """The configuration of a function as Chalice reads it."""
    configured(target, outputs={**OUTPUTS, **outputs})
    return Config(chalice_stage="prod", function_name=function, config_from_disk=config(target))


def test_logs_are_kept_for_the_days_of_the_stack(tmp_path: Path):
    assert settled(tmp_path / "prod", "reconcile", LogRetentionDays="30").log_retention_in_days == 30


@pytest.mark.parametrize(
    ("function", "each", "own"),
    [
        ("api_handler", "10", None),
        ("on_original", "10", 10),
        ("on_output", "1", 1),
        ("reconcile", "10", 2),
        ("on_original", "0", None),
        ("reconcile", "0", None),
    ],
)
def test_the_functions_of_events_have_calls_of_their_own_and_the_api_has_none(
    tmp_path: Path, function: str, each: str, own: int | None
):
    assert settled(tmp_path / "prod", function, EventConcurrency=each).reserved_concurrency == own


WITH_CDN = {"CdnHost": "d1.cloudfront.net", "CdnKeyId": "K1"}


@pytest.mark.parametrize(
    ("outputs", "cdn"),
    [
        ({}, None),
        (WITH_CDN, ("https://d1.cloudfront.net", "K1")),
        ({**WITH_CDN, "CdnAlias": "cdn.example.org"}, ("https://cdn.example.org", "K1")),
    ],
)
def test_reads_go_over_the_cdn_of_the_stack(tmp_path: Path, outputs: dict[str, str], cdn: Any):
    seen = settled(tmp_path / "prod", "api_handler", **outputs).environment_variables

    assert settings({**seen, "AWS_REGION": "eu-west-1"}).cdn == cdn


def test_only_with_a_cdn_may_functions_read_its_key_and_only_that_one(tmp_path: Path):
    def rights(target: Path) -> set[str]:
        texts = [path.read_text() for path in (target / ".chalice").glob("policy-*.json")]
        return {resource for text in texts for resource in re.findall(r'"(arn:\S+:ssm:\S+)"', text)}

    settled(tmp_path / "without", "api_handler")
    settled(tmp_path / "with", "api_handler", **WITH_CDN)

    assert rights(tmp_path / "without") == set()
    assert rights(tmp_path / "with") == {"arn:*:ssm:*:*:parameter/reelhaul/prod/cdn-key"}


def test_a_parameter_may_be_the_text_of_a_file(tmp_path: Path, capsys: Any):
    key = tmp_path / "cdn.pem"
    key.write_text("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n")

    given = deploy.parser().parse_args(["--stage", "prod", "--parameter", f"CdnPublicKey=@{key}"])

    assert given.parameter == [("CdnPublicKey", key.read_text())]
    with pytest.raises(SystemExit):
        deploy.parser().parse_args(["--stage", "prod", "--parameter", f"CdnPublicKey=@{tmp_path / 'absent'}"])
    assert "cannot be read" in capsys.readouterr().err


def traces(target: Path) -> set[str]:
    """The functions that may send traces to X-Ray."""
    return {
        path.stem.removeprefix("policy-")
        for path in (target / ".chalice").glob("policy-*.json")
        if "xray:" in path.read_text()
    }


def test_only_a_stage_that_is_traced_may_send_traces(tmp_path: Path):
    assert settled(tmp_path / "off", "reconcile").xray_enabled is False
    assert traces(tmp_path / "off") == set()
    assert settled(tmp_path / "on", "reconcile", Tracing="on").xray_enabled is True
    assert traces(tmp_path / "on") == set(config(tmp_path / "on")["lambda_functions"])


def test_a_project_of_before_these_settings_can_be_deployed_again():
    older = {"stages": {}, "lambda_functions": {"reconcile": {"lambda_timeout": 300}}}

    made = project.configuration(older, "prod", OUTPUTS, {})

    assert made["lambda_functions"] == older["lambda_functions"]
    assert not {"log_retention_in_days", "xray"} & made.keys()


def test_a_placeholder_without_an_output_is_refused(tmp_path: Path):
    outputs = {name: value for name, value in OUTPUTS.items() if name != "Bucket"}

    with pytest.raises(project.UnknownPlaceholder, match="Bucket"):
        project.prepare(deploy.CLOUD, tmp_path / "prod", "prod", outputs, {})


def test_every_output_that_a_placeholder_names_is_an_output_of_the_template():
    assert template.load()["Outputs"].keys() == {*OUTPUTS, *project.OPTIONAL_OUTPUTS}


API = "https://a1b2.execute-api.eu-west-1.amazonaws.com/api"
OWN = "https://a1b2.execute-api.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("known", "wanted"),
    [({}, OWN), ({"BrowserOrigins": "https://a.example.org"}, f"https://a.example.org,{OWN}")],
)
def test_a_deploy_says_which_origin_the_bucket_does_not_know_yet(known: dict[str, str], wanted: str):
    told = deploy.lacking_origin(API, known)

    assert told
    assert told.endswith(f"--parameter BrowserOrigins={wanted}")


def test_a_deploy_is_silent_once_the_bucket_knows_the_origin_of_the_page():
    assert deploy.lacking_origin(API, {"BrowserOrigins": f"https://a.example.org,{OWN}"}) is None


LAYER = "arn:aws:lambda:eu-west-1:336392948345:layer:AWSSDKPandas-Python312:29"


def layers(target: Path) -> dict[str, list[str]]:
    functions = config(target)["lambda_functions"]
    return {name: function["layers"] for name, function in functions.items() if "layers" in function}


def test_the_functions_that_index_get_the_layer_and_the_api_gets_none(tmp_path: Path):
    configured(tmp_path / "prod", outputs={**OUTPUTS, project.ARROW_LAYER: LAYER})

    assert layers(tmp_path / "prod") == {
        "on_output": [LAYER],
        "on_measurements": [LAYER],
        "reconcile": [LAYER],
    }


def test_every_function_that_may_index_names_the_layer():
    source = json.loads((deploy.CLOUD / ".chalice" / "config.json").read_text())["lambda_functions"]
    may_index = {
        name
        for name in source
        if "${BucketArn}/index/*" in (deploy.CLOUD / ".chalice" / f"policy-{name}.json").read_text()
        and name != project.API_FUNCTION
    }

    assert may_index == {name for name, function in source.items() if "layers" in function}


def test_without_a_layer_no_function_names_one(tmp_path: Path):
    assert layers(configured(tmp_path / "local", "local")) == {}


def test_chalice_gives_each_function_the_layer_of_its_own(tmp_path: Path):
    configured(tmp_path / "prod", outputs={**OUTPUTS, project.ARROW_LAYER: LAYER})
    settled = Config(
        chalice_stage="prod", function_name="on_measurements", config_from_disk=config(tmp_path / "prod")
    )

    assert settled.layers == [LAYER]
    assert settled.lambda_memory_size == 1769


def test_the_next_copy_keeps_what_chalice_remembers_and_no_module_that_is_gone(tmp_path: Path):
    target = prepared(tmp_path / "prod")
    (target / "chalicelib" / "gone.py").write_text("")
    state = project.state_file(target, "prod")
    package = target / ".chalice" / "deployments" / "package.zip"
    for file, text in ((state, '{"resources": []}'), (package, "kept")):
        file.parent.mkdir(parents=True)
        file.write_text(text)

    prepared(target)

    assert (state.read_text(), package.read_text()) == ('{"resources": []}', "kept")
    assert not (target / "chalicelib" / "gone.py").exists()


def test_compiled_files_and_caches_stay_behind(tmp_path: Path):
    source = tmp_path / "cloud"
    project.prepare(deploy.CLOUD, source, "prod", OUTPUTS, {})
    for folder in ("chalicelib/__pycache__", ".mypy_cache", ".chalice/deployed", ".chalice/deployments"):
        (source / folder).mkdir(parents=True, exist_ok=True)
        (source / folder / "left").write_text("behind")

    project.prepare(source, tmp_path / "prod", "prod", OUTPUTS, {})

    assert list((tmp_path / "prod").rglob("left")) == []


def test_a_folder_that_holds_other_things_is_left_alone(tmp_path: Path):
    precious = tmp_path / "precious.mp4"
    precious.write_text("footage")

    with pytest.raises(project.NotAProject):
        prepared(tmp_path)

    assert precious.read_text() == "footage"


DEPLOYED = {
    "rest_api": {"resource_type": "rest_api", "rest_api_url": "https://api.example.org/api/"},
    "api_handler": {"resource_type": "lambda_function", "lambda_arn": "arn:api"},
    "on_original": {"resource_type": "lambda_function", "lambda_arn": "arn:on_original"},
    "on_original-s3event": {"resource_type": "s3_event", "lambda_arn": "arn:on_original"},
    "on_output": {"resource_type": "lambda_function", "lambda_arn": "arn:on_output"},
    "on_output-s3event": {"resource_type": "s3_event", "lambda_arn": "arn:on_output"},
    "on_measurements": {"resource_type": "lambda_function", "lambda_arn": "arn:on_measurements"},
    "on_measurements-s3event": {"resource_type": "s3_event", "lambda_arn": "arn:on_measurements"},
    "reconcile": {"resource_type": "lambda_function", "lambda_arn": "arn:reconcile"},
}


def test_event_functions_are_all_but_the_api():
    assert project.event_functions(DEPLOYED) == {
        "on_original": "arn:on_original",
        "on_output": "arn:on_output",
        "on_measurements": "arn:on_measurements",
        "reconcile": "arn:reconcile",
    }


def test_the_api_address_has_no_slash_at_its_end():
    assert project.api_url(DEPLOYED) == "https://api.example.org/api"


class RoleNotReady(Exception):
    """Lambda's answer while a new role's rights have not reached it."""


class Functions:
    """Lambda, as far as failure destinations go; the role is `not_ready` for so many calls."""

    class exceptions:  # noqa: N801 -- boto3's own name
        InvalidParameterValueException = RoleNotReady

    def __init__(self, not_ready: int = 0) -> None:
        self.configured: dict[str, Any] = {}
        self._not_ready = not_ready

    def put_function_event_invoke_config(self, **call: Any) -> None:
        if self._not_ready:
            self._not_ready -= 1
            raise RoleNotReady
        self.configured[call.pop("FunctionName")] = call


def test_every_event_function_retries_twice_and_then_leaves_a_dead_letter():
    functions: Any = Functions()

    deploy.keep_failures(
        functions, project.event_functions(DEPLOYED), "arn:dead", patience=NEVER, progress=quiet
    )

    said = {
        "MaximumRetryAttempts": 2,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:dead"}},
    }
    assert functions.configured == {
        "arn:on_original": said,
        "arn:on_output": said,
        "arn:on_measurements": said,
        "arn:reconcile": said,
    }


def test_a_role_whose_rights_are_on_their_way_is_waited_for():
    functions: Any = Functions(not_ready=2)

    deploy.keep_failures(
        functions, {"reconcile": "arn:reconcile"}, "arn:dead", patience=TWICE, progress=quiet
    )

    assert list(functions.configured) == ["arn:reconcile"]


def test_a_role_that_never_may_send_fails_the_deployment():
    functions: Any = Functions(not_ready=3)

    with pytest.raises(RoleNotReady):
        deploy.keep_failures(
            functions, {"reconcile": "arn:reconcile"}, "arn:dead", patience=TWICE, progress=quiet
        )


def test_a_chalice_that_fails_fails_the_deployment_and_shows_why(tmp_path: Path):
    lines: list[str] = []

    with pytest.raises(deploy.ChaliceFailed):
        deploy.run_chalice(tmp_path, "prod", {}, lines.append)

    assert any(line.startswith("chalice: ") for line in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--stage", "local"],
        ["--stage", "Prod"],
        ["--stage", "p"],
        ["--stage", "a" * 17],
        ["--stage", "prod", "--parameter", "GraceDays"],
        ["--stage", "prod", "--parameter", "Stage=x"],
        ["--stage", "prod", "--parameter", "Grace=3"],
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_done(arguments: list[str], capsys: Any):
    with pytest.raises(SystemExit) as ended:
        deploy.parser().parse_args(arguments)

    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["ab", "a" * 16, "prod-2"])
def test_a_stage_name_that_fits_a_bucket_name_is_taken(stage: str):
    given = deploy.parser().parse_args(["--stage", stage, "--parameter", "AlarmAddress=a=b@example.org"])

    assert given.stage == stage
    assert given.parameter == [("AlarmAddress", "a=b@example.org")]


class Cloudformation:
    """CloudFormation with at most one stack, which goes through the states it is given."""

    def __init__(self, *states: str, present: bool = False) -> None:
        self._states = list(states)
        self.present = present
        self.calls: list[tuple[str, list[Any]]] = []

    def describe_stacks(self, **call: Any) -> Any:
        if not self.present:
            raise failure(f"Stack with id {call['StackName']} does not exist")
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        held = [{"ParameterKey": "GraceDays", "ParameterValue": "30"}, {"ParameterKey": "Dropped"}]
        outputs = [{"OutputKey": "Bucket", "OutputValue": "footage"}]
        return {"Stacks": [{"StackStatus": state, "Parameters": held, "Outputs": outputs}]}

    def create_stack(self, **call: Any) -> None:
        self.calls.append(("create", call["Parameters"]))
        self.present = True

    def update_stack(self, **call: Any) -> None:
        self.calls.append(("update", call["Parameters"]))

    def describe_stack_events(self, **call: Any) -> Any:
        broken = {
            "LogicalResourceId": "Table",
            "ResourceStatus": "CREATE_FAILED",
            "ResourceStatusReason": "why",
        }
        after = {
            "LogicalResourceId": "Bucket",
            "ResourceStatus": "CREATE_FAILED",
            "ResourceStatusReason": "cancelled",
        }
        return {"StackEvents": [after, broken]}


class UnchangedStack(Cloudformation):
    def update_stack(self, **call: Any) -> None:
        raise failure("No updates are to be performed.")


def failure(message: str) -> Exception:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "UpdateStack")


def bring_up(cloudformation: Any, **parameters: str) -> dict[str, str]:
    return stack.bring_up(
        cloudformation, "reelhaul-prod", template.load(), parameters, poll_s=0, progress=quiet
    )


def test_a_stack_that_is_not_there_is_created_and_waited_for():
    cloudformation = Cloudformation("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")

    outputs = bring_up(cloudformation, Stage="prod")

    assert outputs == {"Bucket": "footage"}
    assert cloudformation.calls == [("create", [{"ParameterKey": "Stage", "ParameterValue": "prod"}])]


def test_an_update_without_a_change_is_a_success():
    assert bring_up(UnchangedStack("UPDATE_COMPLETE", present=True)) == {"Bucket": "footage"}


def test_an_update_keeps_the_parameters_that_are_not_given():
    cloudformation = Cloudformation("CREATE_COMPLETE", "UPDATE_COMPLETE", present=True)

    bring_up(cloudformation)

    assert cloudformation.calls == [("update", [{"ParameterKey": "GraceDays", "UsePreviousValue": True}])]


def test_an_update_takes_the_parameters_that_are_given():
    cloudformation = Cloudformation("CREATE_COMPLETE", "UPDATE_COMPLETE", present=True)

    bring_up(cloudformation, GraceDays="7")

    assert cloudformation.calls == [("update", [{"ParameterKey": "GraceDays", "ParameterValue": "7"}])]


def test_a_stack_that_fails_names_the_resource_that_failed_first():
    cloudformation = Cloudformation("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE")

    with pytest.raises(stack.StackFailed, match="Table: why"):
        bring_up(cloudformation, Stage="prod")


def test_a_stack_that_never_came_up_must_be_deleted_by_hand():
    with pytest.raises(stack.StackFailed, match="delete it"):
        bring_up(Cloudformation("ROLLBACK_COMPLETE", present=True))


@pytest.mark.parametrize("function", ["on_measurements", "on_output"])
def test_an_attempt_to_index_ends_two_minutes_before_its_function_does(function: str):
    config = json.loads((deploy.CLOUD / ".chalice" / "config.json").read_text())
    timeout_s = config["lambda_functions"][function]["lambda_timeout"]

    assert TIME_LIMIT_S + 120 <= timeout_s < Policy().in_flight_s


WEBSOCKETS = {
    "resource_type": "websocket_api",
    "name": "websocket_api",
    "websocket_api_url": "wss://a1.execute-api.eu-west-1.amazonaws.com/api/",
}
PUSHED = "wss://a1.execute-api.eu-west-1.amazonaws.com/api"


class Updated:
    """Lambda, as far as variables go, by the function's ARN."""

    def __init__(self, variables: dict[str, dict[str, str]]) -> None:
        self.variables = variables
        self.updated: list[str] = []

    def get_function_configuration(self, **call: Any) -> Any:
        return {"Environment": {"Variables": self.variables[call["FunctionName"]]}}

    def get_waiter(self, _name: str) -> Any:
        return SimpleNamespace(wait=lambda **_call: None)

    def update_function_configuration(self, **call: Any) -> None:
        self.updated.append(call["FunctionName"])
        self.variables[call["FunctionName"]] = call["Environment"]["Variables"]


def test_after_the_first_deploy_every_function_that_asks_knows_where_pages_open_sockets(tmp_path: Path):
    functions = {
        name: {"resource_type": "lambda_function", "name": name, "lambda_arn": name} for name in "abc"
    }
    made: Any = Updated({"a": {"PUSH_URL": "", "X": "1"}, "b": {"PUSH_URL": PUSHED}, "c": {"X": "older"}})
    deployed = deploy.DeployedCoordinator({**functions, "websocket_api": WEBSOCKETS}, tmp_path)

    deploy._tell_push_url(made, deployed, quiet)

    assert made.updated == ["a"]
    assert made.variables["a"] == {"PUSH_URL": PUSHED, "X": "1"}


def test_every_later_deploy_brings_the_address_with_it(tmp_path: Path):
    target = prepared(tmp_path / "prod")
    state = project.state_file(target, "prod")
    state.parent.mkdir(parents=True)
    state.write_text(json.dumps({"resources": [WEBSOCKETS]}))
    assert config(target)["environment_variables"]["PUSH_URL"] == ""

    prepared(target)

    assert config(target)["environment_variables"]["PUSH_URL"] == PUSHED
