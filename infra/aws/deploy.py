"""One stage of reelhaul on AWS: the storage stack, the coordinator by Chalice, and what Chalice cannot say.

The local world (`infra.local.stack`) calls `deploy_coordinator` too, with another endpoint.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import door
from infra.aws import grace, layer, project, stack, template, watch
from infra.aws.compiled import NotCompiled
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
  python -m infra.aws.deploy --stage prod --parameter DashboardOrigin=https://footage.example.org

exit codes: 0 deployed, 1 it failed and says at what, 2 usage.
Run it with the Python that Lambda shall run (3.11 or later): Chalice deploys for the interpreter it runs on."""

_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
_RETRIES = 2
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
    return deployed


def run_chalice(target: Path, stage: str, environment: Mapping[str, str], progress: Progress) -> None:
    """Run the unmodified `chalice deploy` in `target`, its output shown line by line. Raises ChaliceFailed."""
    progress(f"chalice deploy --stage {stage} in {target}")
    command = [sys.executable, "-c", _CHALICE, "deploy", "--stage", stage]
    # What this process compiled next to the modules would end up in the package and change its hash.
    clean = {**environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=target, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as chalice:
        for line in chalice.stdout or ():
            progress(f"chalice: {line.rstrip()}")
    if chalice.returncode:
        raise ChaliceFailed(f"chalice deploy ended with exit code {chalice.returncode}")


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
        progress(f"{name}: {_RETRIES} retries, then the dead-letter queue")


def _keep_failures_of(
    functions: "LambdaClient", arn: str, dead_letters_arn: str, patience: Sequence[float]
) -> None:
    try:
        functions.put_function_event_invoke_config(
            FunctionName=arn,
            MaximumRetryAttempts=_RETRIES,
            DestinationConfig={"OnFailure": {"Destination": dead_letters_arn}},
        )
    except functions.exceptions.InvalidParameterValueException:
        if not patience:
            raise
        time.sleep(patience[0])
        _keep_failures_of(functions, arn, dead_letters_arn, patience[1:])


def deploy(
    stage: str,
    session: boto3.Session,
    parameters: Mapping[str, str],
    *,
    may_shorten: bool,
    arrow_layer: str | None,
    progress: Progress,
) -> DeployedCoordinator:
    """Bring stack and coordinator of `stage` to the state of the checkout.

    Raises grace.PromiseBroken and, before anything is changed, layer.LayerUnknown.
    """
    arrow_layer = chosen_layer(session, arrow_layer)
    progress(f"the functions that write the lake get {arrow_layer}")
    cloudformation, name = session.client("cloudformation"), f"reelhaul-{stage}"
    told = grace.demand_promise(stack.parameters_of(cloudformation, name), parameters, may_shorten)
    if told:
        progress(told)
    outputs = stack.bring_up(
        cloudformation,
        name,
        template.load(),
        {**parameters, "Stage": stage},
        poll_s=_POLL_S,
        progress=progress,
    )
    deployed = deploy_coordinator(
        CLOUD,
        BUILD / stage,
        stage,
        {**outputs, project.ARROW_LAYER: arrow_layer},
        settings={},
        environment=_environment(session),
        functions=session.client("lambda"),
        progress=progress,
    )
    # After the functions: an alarm on what is not there yet would be raised by every first deploy.
    stack.bring_up(
        cloudformation,
        watch.stack_name(stage),
        watch.template(),
        watch.parameters(stage, outputs),
        poll_s=_POLL_S,
        progress=progress,
    )
    return deployed


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
    made.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=VALUE",
        help="a parameter of infra/aws/storage.yaml; kept from the last deploy when not given",
    )
    made.add_argument(
        "--shorten-grace",
        action="store_true",
        help="allow GraceDays to become smaller: S3 then purges cleaned objects earlier than was promised",
    )
    add_layer(made)
    return made


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
    pattern = template.load()["Parameters"][name].get("AllowedPattern", ".*")
    if not re.fullmatch(pattern, value):
        raise argparse.ArgumentTypeError(f"{name} must match {pattern}, not {value!r}")
    return name, value


def run(arguments: Sequence[str], progress: Progress) -> int:
    """The command; its exit code."""
    given = parser().parse_args(arguments)
    try:
        session = boto3.Session(profile_name=given.profile, region_name=given.region)
        if not session.region_name:
            progress("no region: give --region or set AWS_DEFAULT_REGION")
            return 2
        deployed = deploy(
            given.stage,
            session,
            dict(given.parameter),
            may_shorten=given.shorten_grace,
            arrow_layer=given.arrow_layer,
            progress=progress,
        )
    except (
        grace.PromiseBroken,
        layer.LayerUnknown,
        stack.StackFailed,
        ChaliceFailed,
        project.NotAProject,
        project.UnknownPlaceholder,
        NotCompiled,
        BotoCoreError,
        ClientError,
    ) as error:
        progress(f"not deployed: {error}")
        return 1
    progress(f"the coordinator answers at {deployed.api_url}")
    progress(
        f"keep {deployed.state_file}: without it the next deploy makes a second API with another address"
    )
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:], _say)))
