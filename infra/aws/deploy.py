"""One stage of reelhaul on AWS: the storage stack, the coordinator by Chalice, and what Chalice cannot say.

The local world (`infra.local.stack`) calls `deploy_coordinator` too, with another endpoint.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import door
from infra.aws import api_stage, capacity, grace, layer, ledger, project, stack, template, watch
from infra.aws.compiled import NotCompiled
from infra.aws.template import Template
from infra.stages import LOCAL_STAGE

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

HOUSE = Path(__file__).resolve().parents[2]
CLOUD = HOUSE / "cloud"
BUILD = HOUSE / "build"

Progress = Callable[[str], None]

_EXAMPLES = """examples:
  python -m infra.aws.deploy --stage prod --region eu-west-1
  python -m infra.aws.deploy --stage prod --region eu-west-1 --profile footage \\
      --parameter AlarmAddress=crew@example.org --parameter GraceDays=30
  python -m infra.aws.deploy --stage prod --parameter BrowserOrigins=https://footage.example.org

exit codes: 0 deployed, 1 it failed and says at what, 2 usage.
Run it with the Python that Lambda shall run (3.11 or later): Chalice deploys for the interpreter it runs on."""

_CHALICE = Path(__file__).with_name("chalice_command.py").read_text()
RETRIES = 2
"""How often Lambda repeats an event that failed, before it goes to the dead letters."""

_ROLE_PATIENCE_S = (2.0, 4.0, 8.0, 16.0, 30.0)
_POLL_S = 4.0


class ChaliceFailed(Exception):
    """`chalice deploy` ended with an error; what it printed was shown as it ran."""


@dataclass(frozen=True)
class DeployedCoordinator:
    """What is deployed: every resource by its name in Chalice, and the file that remembers them."""

    resources: Mapping[str, Mapping[str, str]] = field(repr=False)
    state_file: Path

    @property
    def api_url(self) -> str:
        return project.api_url(self.resources)

    @property
    def event_functions(self) -> dict[str, str]:
        return project.event_functions(self.resources)


def deploy_coordinator(
    source: Path,
    target: Path,
    stage: str,
    outputs: Mapping[str, str],
    *,
    settings: Mapping[str, str],
    environment: Mapping[str, str],
    functions: "LambdaClient",
    progress: Progress,
) -> DeployedCoordinator:
    """The project `source` deployed from the build folder `target` onto the stack with these `outputs`.

    `settings` go over the environment variables of the configuration; `environment` is what `chalice` sees.
    Raises ChaliceFailed, project.NotAProject, project.UnknownPlaceholder.
    """
    project.prepare(source, target, stage, outputs, settings)
    run_chalice(target, stage, environment, progress)
    deployed = DeployedCoordinator(project.deployed(target, stage), project.state_file(target, stage))
    keep_failures(functions, deployed.event_functions, outputs["DeadLettersArn"], progress=progress)
    if project.PUSH_URL not in settings:
        _tell_push_url(functions, deployed, progress)
    return deployed


def _tell_push_url(functions: "LambdaClient", deployed: DeployedCoordinator, progress: Progress) -> None:
    """Have every function know the WebSocket API's address, which the first deploy learns only when it is made."""
    url = project.push_url({"resources": [*deployed.resources.values()]})
    for name, arn in sorted(project.functions(deployed.resources).items()):
        said = functions.get_function_configuration(FunctionName=arn)
        variables = said.get("Environment", {}).get("Variables", {})
        # A rollback may bring a project that does not have it yet.
        if variables.get(project.PUSH_URL) in (None, url):
            continue
        functions.get_waiter("function_updated_v2").wait(FunctionName=arn)
        functions.update_function_configuration(
            FunctionName=arn, Environment={"Variables": {**variables, project.PUSH_URL: url}}
        )
        progress(f"{name}: pages open their sockets at {url}")


def run_chalice(target: Path, stage: str, environment: Mapping[str, str], progress: Progress) -> None:
    """Run `chalice deploy` in `target`, its output shown line by line. Raises ChaliceFailed."""
    _run_chalice("deploy", target, stage, environment, progress)


def _run_chalice(
    what: str, target: Path, stage: str, environment: Mapping[str, str], progress: Progress
) -> None:
    progress(f"chalice {what} --stage {stage} in {target}")
    command = [sys.executable, "-c", _CHALICE, what, "--stage", stage]
    # What this process compiled next to the modules would end up in the package and change its hash.
    clean = {**environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=target, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as chalice:
        try:
            for line in chalice.stdout or ():
                progress(f"chalice: {line.rstrip()}")
        finally:
            chalice.wait()  # it records what it made, also after a Ctrl-C
    if chalice.returncode:
        raise ChaliceFailed(f"chalice {what} ended with exit code {chalice.returncode}")


def keep_failures(
    functions: "LambdaClient",
    arns: Mapping[str, str],
    dead_letters_arn: str,
    *,
    patience: Sequence[float] = _ROLE_PATIENCE_S,
    progress: Progress,
) -> None:
    """Have every event that fails for good end in the dead-letter queue; Chalice has no word for that.

    Lambda sees a new role's right to send only after a while: `patience` holds the seconds between the tries.
    """
    for name, arn in sorted(arns.items()):
        _keep_failures_of(functions, arn, dead_letters_arn, patience)
        progress(f"{name}: {RETRIES} retries, then the dead-letter queue")


def _keep_failures_of(
    functions: "LambdaClient", arn: str, dead_letters_arn: str, patience: Sequence[float]
) -> None:
    try:
        functions.put_function_event_invoke_config(
            FunctionName=arn,
            MaximumRetryAttempts=RETRIES,
            DestinationConfig={"OnFailure": {"Destination": dead_letters_arn}},
        )
    except functions.exceptions.InvalidParameterValueException:
        if not patience:
            raise
        time.sleep(patience[0])
        _keep_failures_of(functions, arn, dead_letters_arn, patience[1:])


@dataclass(frozen=True)
class Account:
    """The AWS account and region of a stage, and what a machine brings to it.

    `source`, `storage` and `watch` are the checkout's: the coordinator's project and the templates of its two stacks.
    `build` is the folder of the prepared projects. Without CloudWatch there is no `watch`.
    """

    client: Callable[[str], Any]
    storage: Template
    watch: Template | None
    build: Path
    environment: Mapping[str, str]
    source: Path = CLOUD
    poll_s: float = _POLL_S

    @classmethod
    def of(cls, session: boto3.Session) -> "Account":
        made: Any = session  # the type of its `client` has an overload for each service
        return cls(made.client, template.load(), watch.template(), BUILD, _environment(session))

    def book(self, outputs: Mapping[str, str]) -> ledger.Ledger:
        """The ledger of the stage with these outputs."""
        return ledger.Ledger(self.client("s3"), outputs["Bucket"])

    def turn(self, outputs: Mapping[str, str], *, take_over: bool) -> AbstractContextManager[ledger.Turn]:
        """The right to deploy to the stage with these outputs: see `ledger.turn`."""
        caller = self.client("sts").get_caller_identity()["Arn"]
        return ledger.turn(self.book(outputs), caller, _now(), take_over=take_over)


@dataclass(frozen=True)
class Asked:
    """What a deploy is asked for, beside what the checkout says."""

    parameters: Mapping[str, str]
    arrow_layer: str
    may_shorten: bool = False
    take_over: bool = False


def deploy(stage: str, account: Account, asked: Asked, progress: Progress) -> DeployedCoordinator:
    """Bring stack and coordinator of `stage` to the state of the checkout.

    Raises grace.PromiseBroken and ledger.AnotherDeploy before anything is changed.
    """
    progress(f"the functions that write the lake get {asked.arrow_layer}")
    cloudformation, name = account.client("cloudformation"), stack_name(stage)
    told = grace.demand_promise(
        stack.parameters_of(cloudformation, name), asked.parameters, asked.may_shorten
    )
    if told:
        progress(told)
    outputs = stack.outputs_of(cloudformation, name)
    if "Bucket" not in outputs:
        # The ledger needs the bucket. CloudFormation lets one of two alone make it.
        outputs = bring_up_storage(account, stage, foundation(account.storage), asked.parameters, progress)
    with account.turn(outputs, take_over=asked.take_over) as turn:
        keep_storage(turn, account.storage)
        outputs = bring_up_storage(
            account,
            stage,
            account.storage,
            asked.parameters,
            progress,
        )
        deployed = deploy_in_turn(stage, account, account.source, outputs, asked.arrow_layer, turn, progress)
        _bring_up_watch(stage, account, outputs, progress)
        complete(stage, account, account.source, asked.arrow_layer, turn, None)
    lacking = lacking_origin(deployed.api_url, outputs)
    if lacking:
        progress(lacking)
    return deployed


def lacking_origin(api_url: str, outputs: Mapping[str, str]) -> str | None:
    """What to do so that the page may play and upload films; None where the bucket takes calls of its origin.

    CloudFormation makes the bucket before Chalice makes the API, so the first deploy does not know the origin.
    """
    origin = "/".join(api_url.split("/")[:3])
    known = outputs.get("BrowserOrigins", "")
    if origin in known.split(","):
        return None
    wanted = f"{known},{origin}" if known else origin
    return (
        f"the page at {origin} neither plays nor uploads films yet: deploy again with "
        f"--parameter BrowserOrigins={wanted}"
    )


STACK = "stack.json"
SOURCE = "source.zip"
PACKAGE = "package.zip"
DEPLOY = "deploy.json"
"""The files that are kept of a deploy."""

FOUNDATION = frozenset(
    {
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::DynamoDB::Table",
        # The bucket's policy names the distribution, which names the others.
        "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::Distribution",
        "AWS::CloudFront::KeyGroup",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::PublicKey",
    }
)
"""What holds and guards footage and records, and who may read it."""


def stack_name(stage: str) -> str:
    return f"reelhaul-{stage}"


def foundation(whole: Template) -> Template:
    """What the first deploy makes first: bucket and table, so that there is a ledger for the rest."""
    return template.only(whole, FOUNDATION)


def keep_storage(turn: ledger.Turn, wanted: Template) -> None:
    """Keep the template of this deploy."""
    turn.ledger.keep(turn.number, STACK, template.as_text(wanted).encode())


def bring_up_storage(
    account: Account,
    stage: str,
    wanted: Template,
    parameters: Mapping[str, str],
    progress: Progress,
) -> dict[str, str]:
    return stack.bring_up(
        account.client("cloudformation"),
        stack_name(stage),
        wanted,
        {**parameters, "Stage": stage},
        poll_s=account.poll_s,
        progress=progress,
    )


def _bring_up_watch(stage: str, account: Account, outputs: Mapping[str, str], progress: Progress) -> None:
    """After the functions: an alarm on what is not there yet would be raised by every first deploy."""
    if account.watch is not None:
        stack.bring_up(
            account.client("cloudformation"),
            watch.stack_name(stage),
            account.watch,
            watch.parameters(stage, outputs),
            poll_s=account.poll_s,
            progress=progress,
        )


def deploy_in_turn(
    stage: str,
    account: Account,
    source: Path,
    outputs: Mapping[str, str],
    arrow_layer: str,
    turn: ledger.Turn,
    progress: Progress,
) -> DeployedCoordinator:
    """The coordinator deployed from `source`; what Chalice made is on record, also when it fails."""
    target = account.build / stage
    state = project.state_file(target, stage)
    _lay_state(state, turn, progress)
    try:
        reserving = project.reserving_functions_of(source)
        outputs = capacity.affordable(account.client("lambda"), stage, reserving, outputs, progress)
        deployed = deploy_coordinator(
            source,
            target,
            stage,
            {**outputs, project.ARROW_LAYER: arrow_layer},
            settings={},
            environment=account.environment,
            functions=account.client("lambda"),
            progress=progress,
        )
        api_stage.settle(account.client("apigateway"), deployed.resources["rest_api"]["rest_api_id"], outputs)
        sockets = deployed.resources.get("websocket_api")
        if sockets:  # a rollback may bring a project that does not have them yet
            api_stage.settle_sockets(account.client("apigatewayv2"), sockets["websocket_api_id"], outputs)
        function = deployed.resources[project.API_FUNCTION]["lambda_arn"].rpartition(":")[2]
        api_stage.keep_log(account.client("logs"), function, outputs)
        return deployed
    finally:
        if state.exists():
            turn.knows(json.loads(state.read_text()))


def remove_coordinator(
    stage: str, account: Account, outputs: Mapping[str, str], turn: ledger.Turn, progress: Progress
) -> None:
    """Have Chalice remove what it made. Raises ChaliceFailed; then the rest is still on record."""
    target = account.build / stage
    state = project.state_file(target, stage)
    _lay_state(state, turn, progress)
    if not state.exists():
        return
    layers = {project.ARROW_LAYER: _NO_LAYER}
    project.prepare(account.source, target, stage, {**outputs, **layers}, {})
    _run_chalice("delete", target, stage, account.environment, progress)
    turn.knows(None)
    state.unlink(missing_ok=True)


_NO_LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:none:1"
"""What a project names whose functions are about to go."""


def _lay_state(state: Path, turn: ledger.Turn, progress: Progress) -> None:
    """Have Chalice find here what the ledger says it made, and what only this machine knows of a deploy that died."""
    known = turn.page.chalice
    if state.exists() and not turn.is_complete:
        progress(f"{state} goes into the stage's bucket, from where every machine deploys")
        known = project.merged(json.loads(state.read_text()), known)
    state.unlink(missing_ok=True)
    if known is not None:
        state.parent.mkdir(parents=True, exist_ok=True)
        state.write_text(json.dumps(known, indent=2))


def complete(
    stage: str,
    account: Account,
    source: Path,
    arrow_layer: str,
    turn: ledger.Turn,
    repeated: ledger.Deploy | None,
) -> None:
    """Keep what this deploy brought, for a rollback, and put the deploy on record."""
    target = account.build / stage
    package = project.package(target)
    made = ledger.Deploy(
        number=turn.number,
        by=turn.holder.by,
        at=turn.holder.at,
        source=repeated.source if repeated else _version(),
        python=PYTHON,
        package=package.name,
        layer=arrow_layer,
        parameters=stack.parameters_of(account.client("cloudformation"), stack_name(stage)),
        files=project.digests(source),
        before=repeated.before if repeated else turn.page.current,
        repeats=repeated.number if repeated else None,
    )
    turn.ledger.keep(turn.number, SOURCE, project.zipped(source))
    turn.ledger.keep(turn.number, PACKAGE, package.read_bytes())
    turn.ledger.keep(turn.number, DEPLOY, ledger.as_file(made))
    turn.completed(made)


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def _version() -> str:
    """The checkout as git names it; empty outside of git."""
    command = ["git", "-C", str(HOUSE), "describe", "--tags", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def chosen_layer(session: boto3.Session, given: str | None) -> str:
    """The layer that is given, or else the one that AWS publishes for this Python. Raises layer.LayerUnknown."""
    if given is None:
        return layer.published_layer(session.client("ssm"))
    layer.demand_region(given, session.region_name)
    return given


def _environment(session: boto3.Session) -> dict[str, str]:
    """What `chalice` sees; the coordinator, which Chalice imports, asks for the region as Lambda names it."""
    region = {"AWS_DEFAULT_REGION": session.region_name, "AWS_REGION": session.region_name}
    profile = {} if session.profile_name == "default" else {"AWS_PROFILE": session.profile_name}
    return {**os.environ, **region, **profile}


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(
        prog="python -m infra.aws.deploy",
        description="Create or update the storage stack of a stage, then deploy the coordinator onto it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_stage(made)
    add_parameters(made)
    add_take_over(made)
    add_layer(made)
    return made


def add_parameters(made: argparse.ArgumentParser) -> None:
    """Add the arguments that say what the stack shall be."""
    made.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=VALUE",
        help="a parameter of infra/aws/storage.yaml, NAME=@FILE for the text of a file; kept when not given",
    )
    made.add_argument(
        "--shorten-grace",
        action="store_true",
        help="allow GraceDays to become smaller: S3 then purges cleaned objects earlier than was promised",
    )


def add_take_over(made: argparse.ArgumentParser) -> None:
    """Add the argument that ends the turn of a deploy that is dead."""
    made.add_argument(
        "--take-over",
        action="store_true",
        help="deploy although another deploy has not ended: only for one that is dead",
    )


def add_layer(made: argparse.ArgumentParser) -> None:
    """Add the argument that names the layer with pyarrow."""
    made.add_argument(
        "--arrow-layer",
        type=_layer,
        metavar="ARN",
        help=f"the layer with pyarrow for the functions that write the lake; default: AWSSDKPandas {layer.VERSION} for "
        "the Python that runs this, as AWS publishes it",
    )


def _layer(text: str) -> str:
    if not layer.is_layer(text):
        raise argparse.ArgumentTypeError(
            "the ARN of one version of a layer: arn:aws:lambda:REGION:ACCOUNT:layer:NAME:N"
        )
    return text


def add_stage(made: argparse.ArgumentParser) -> None:
    """Add the arguments that say which stage, and where it is."""
    made.add_argument("--stage", required=True, type=_stage, help="name of the stage, for instance prod")
    made.add_argument("--region", help="the AWS region; default: that of the profile or the environment")
    made.add_argument("--profile", help="the AWS profile; default: the credentials of the environment")


def _stage(text: str) -> str:
    if text == LOCAL_STAGE:
        raise argparse.ArgumentTypeError("the stage 'local' is the local AWS: use `make up` or `make demo`")
    if not re.fullmatch(template.load()["Parameters"]["Stage"]["AllowedPattern"], text):
        raise argparse.ArgumentTypeError(
            "2 to 16 of a-z, 0-9 and '-', beginning with a letter, not ending with '-'"
        )
    return text


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    known = template.load()["Parameters"].keys() - {"Stage"}
    if not equals or name not in known:
        raise argparse.ArgumentTypeError(f"NAME=VALUE with NAME one of {', '.join(sorted(known))}")
    if value.startswith("@"):
        value = _text_of(Path(value[1:]))
    pattern = template.load()["Parameters"][name].get("AllowedPattern", ".*")
    if not re.fullmatch(pattern, value):
        raise argparse.ArgumentTypeError(f"{name} must match {pattern}, not {value!r}")
    return name, value


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error}") from error


def run(arguments: Sequence[str], progress: Progress) -> int:
    """The command; its exit code."""
    given = parser().parse_args(arguments)

    def act(session: boto3.Session) -> None:
        asked = Asked(
            dict(given.parameter),
            chosen_layer(session, given.arrow_layer),
            may_shorten=given.shorten_grace,
            take_over=given.take_over,
        )
        deployed = deploy(given.stage, Account.of(session), asked, progress)
        progress(f"the coordinator answers at {deployed.api_url}")

    return acted(given, act, "not deployed", progress)


def acted(
    given: argparse.Namespace,
    act: Callable[[boto3.Session], None],
    failure: str,
    progress: Progress,
    *own: type[Exception],
) -> int:
    """The exit code of a command that acts on the account that `given` names; errors are one line.

    The line begins with `failure`; `own` are the errors of this command alone.
    """
    try:
        session = boto3.Session(profile_name=given.profile, region_name=given.region)
        if not session.region_name:
            progress("no region: give --region or set AWS_DEFAULT_REGION")
            return 2
        act(session)
    except EXPECTED + own as error:
        progress(f"{failure}: {error}")
        return 1
    return 0


EXPECTED = (
    grace.PromiseBroken,
    layer.LayerUnknown,
    ledger.AnotherDeploy,
    ledger.LedgerUnreadable,
    ledger.NotOnRecord,
    stack.StackFailed,
    ChaliceFailed,
    project.NotAProject,
    project.UnknownPlaceholder,
    NotCompiled,
    BotoCoreError,
    ClientError,
)
"""What ends a command with one line."""


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:], _say)))
