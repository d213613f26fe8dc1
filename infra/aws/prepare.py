"""Prepare the Chalice project of a stage in `build/STAGE` and deploy nothing: `chalice` can be run there by hand.

It writes the names of the stage's stack and its layer into a copy of `cloud/`. They come from AWS, by two calls that
only read (`cloudformation:DescribeStacks`, `ssm:GetParameter`), or from a file with the answer to the first; then AWS
is not asked at all, and `--arrow-layer` names the layer.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import door
from infra.aws import deploy, layer, project, stack
from infra.aws.compiled import NotCompiled

_EXAMPLES = """examples:
  python -m infra.aws.prepare --stage prod --region eu-west-1
  aws cloudformation describe-stacks --stack-name reelhaul-prod >stack.json
  python -m infra.aws.prepare --stage prod --outputs stack.json

exit codes: 0 prepared, 1 it failed and says at what, 2 usage."""


class OutputsUnknown(Exception):
    """The stack's outputs cannot be read; the text says what helps."""


def run(arguments: Sequence[str], progress: deploy.Progress, build: Path = deploy.BUILD) -> int:
    """The command; its exit code."""
    given = _parser().parse_args(arguments)
    target = build / given.stage
    try:
        outputs = _outputs_of_file(given.outputs) if given.outputs else _outputs_of_stack(given)
        arrow_layer = _layer(given)
        project.prepare(deploy.CLOUD, target, given.stage, {**outputs, **arrow_layer}, {})
    except (
        OutputsUnknown,
        layer.LayerUnknown,
        project.NotAProject,
        project.UnknownPlaceholder,
        NotCompiled,
        BotoCoreError,
        ClientError,
    ) as error:
        progress(f"not prepared: {error}")
        return 1
    progress(f"{target} is prepared, and nothing is deployed")
    if not arrow_layer:
        progress(
            "no function has the layer with pyarrow, so deployed from there none can index: --arrow-layer names it"
        )
    chalice = shlex.quote(str(Path(sys.executable).with_name("chalice")))
    region = shlex.quote(given.region or "REGION")
    progress(f"to run Chalice there, with AWS credentials: cd {shlex.quote(str(target))}")
    progress(f"  AWS_REGION={region} {chalice} local --stage {given.stage}")
    progress(
        f"`make deploy STAGE={given.stage}` deploys all of it; `chalice deploy` there only the coordinator"
    )
    return 0


def _layer(given: argparse.Namespace) -> Mapping[str, str]:
    """The layer with pyarrow by its name; none where AWS is not to be asked and none is named."""
    if given.outputs:
        return {project.ARROW_LAYER: given.arrow_layer} if given.arrow_layer else {}
    session = boto3.Session(profile_name=given.profile, region_name=given.region)
    return {project.ARROW_LAYER: deploy.chosen_layer(session, given.arrow_layer)}


def _outputs_of_stack(given: argparse.Namespace) -> Mapping[str, str]:
    session = boto3.Session(profile_name=given.profile, region_name=given.region)
    outputs = stack.outputs_of(session.client("cloudformation"), f"reelhaul-{given.stage}")
    if not outputs:
        raise OutputsUnknown(
            f"there is no stack reelhaul-{given.stage} with outputs in {session.region_name}: "
            f"make deploy STAGE={given.stage} creates it"
        )
    return outputs


def _outputs_of_file(path: Path) -> Mapping[str, str]:
    """The outputs in the answer of `aws cloudformation describe-stacks`. Raises OutputsUnknown."""
    try:
        [found] = json.loads(path.read_text())["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputsUnknown(
            f"{path} does not hold the answer of `aws cloudformation describe-stacks` for one stack ({error!r})"
        ) from error


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m infra.aws.prepare",
        description="Prepare the Chalice project of a stage in build/STAGE, and deploy nothing.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    deploy.add_stage(made)
    made.add_argument(
        "--outputs",
        type=Path,
        metavar="FILE",
        help="the answer of `aws cloudformation describe-stacks`, to read instead of asking AWS",
    )
    deploy.add_layer(made)
    return made


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:], _say)))
