"""Go back to the deploy before: functions, their configuration, the API, and the stack but for what holds footage.

The ledger's kept files are deployed as a deploy of their own, which gets the next number. Bucket, its policy and the
table stay as they are, with the parameters that they use: a weaker lifecycle, or a dropped index, must not come back by
a command that is given in haste. The alarms stay those of the newest deploy.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import boto3

from infra import door
from infra.aws import deploy, ledger, project, stack
from infra.aws.deploy import Account, DeployedCoordinator, Progress
from infra.aws.template import Template, parameters_in

_EXAMPLES = """examples:
  python -m infra.aws.rollback --stage prod --region eu-west-1

exit codes: 0 the deploy before is deployed, 1 it failed and says at what, 2 usage.
Run it with the Python of that deploy: Chalice deploys for the interpreter it runs on."""


class NothingBefore(Exception):
    """There is no deploy to go back to, or not with this Python; the text says why."""


def roll_back(stage: str, account: Account, *, take_over: bool, progress: Progress) -> DeployedCoordinator:
    """Bring `stage` to its deploy before, or after a failed deploy to the last complete one.

    Raises NothingBefore and ledger.AnotherDeploy before anything is changed.
    """
    outputs = stack.outputs_of(account.client("cloudformation"), deploy.stack_name(stage))
    if "Bucket" not in outputs:
        raise NothingBefore(f"nothing is deployed as {stage} here")
    with account.turn(outputs, take_over=take_over) as turn, tempfile.TemporaryDirectory() as folder:
        earlier = deploy_before(turn.ledger, turn.page)
        progress(f"back to deploy {earlier.number} of {earlier.at} ({earlier.source or 'outside of git'})")
        source = Path(folder) / "cloud"
        project.unzipped(turn.ledger.kept(earlier.number, deploy.SOURCE), source)
        _lay_package(account.build / stage, earlier.package, turn.ledger.kept(earlier.number, deploy.PACKAGE))
        outputs = _bring_stack_back(stage, account, turn, earlier, progress)
        deployed = deploy.deploy_in_turn(stage, account, source, outputs, earlier.layer, turn, progress)
        deploy.complete(stage, account, source, earlier.layer, turn, earlier)
    progress("bucket, policy and table stay as they were, and so do the alarms")
    return deployed


def deploy_before(book: ledger.Ledger, page: ledger.Page) -> ledger.Deploy:
    """The deploy to go back to. Raises NothingBefore."""
    wanted = page.current
    if wanted is not None and page.failed is None:
        wanted = book.deploy(wanted).before
    if wanted is None:
        raise NothingBefore(
            "the ledger has no complete deploy before the present one: deploy an older commit"
        )
    earlier = book.deploy(wanted)
    if earlier.python != deploy.PYTHON:
        raise NothingBefore(
            f"deploy {earlier.number} was made with Python {earlier.python}, and this is {deploy.PYTHON}: "
            f"run this with Python {earlier.python}"
        )
    return earlier


def _lay_package(target: Path, name: str, package: bytes) -> None:
    """Have Chalice find the very package that was deployed then; it asks no index and builds none."""
    place = target / ".chalice" / "deployments" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(package)


def _bring_stack_back(
    stage: str, account: Account, turn: ledger.Turn, earlier: ledger.Deploy, progress: Progress
) -> dict[str, str]:
    cloudformation, name = account.client("cloudformation"), deploy.stack_name(stage)
    present = stack.template_of(cloudformation, name)
    wanted = rolled_back(present, turn.ledger.template(earlier.number))
    deploy.keep_storage(turn, wanted)
    return deploy.bring_up_storage(
        account,
        stage,
        wanted,
        free_parameters(present, wanted, earlier.parameters),
        progress,
    )


def rolled_back(present: Template, earlier: Template) -> Template:
    """The template `earlier` with the bucket, the policy and the table of `present`, and what these refer to."""
    return {
        **earlier,
        "Parameters": {**earlier["Parameters"], **present["Parameters"]},
        "Conditions": {**earlier.get("Conditions", {}), **present.get("Conditions", {})},
        "Resources": {**earlier["Resources"], **_guarded(present)},
    }


def free_parameters(present: Template, wanted: Template, earlier: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the earlier deploy that bucket, policy and table do not depend on."""
    bound = parameters_in(present, _guarded(present))
    return {name: value for name, value in earlier.items() if name in wanted["Parameters"].keys() - bound}


def _guarded(template: Template) -> Template:
    return {name: body for name, body in template["Resources"].items() if body["Type"] in deploy.FOUNDATION}


def run(arguments: Sequence[str], progress: Progress) -> int:
    """The command; its exit code."""
    given = _parser().parse_args(arguments)

    def act(session: boto3.Session) -> None:
        deployed = roll_back(given.stage, Account.of(session), take_over=given.take_over, progress=progress)
        progress(f"the coordinator answers at {deployed.api_url}")

    return deploy.acted(given, act, "not rolled back", progress, NothingBefore)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m infra.aws.rollback",
        description="Bring functions, API and stack of a stage to the deploy before; footage and records stay.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    deploy.add_stage(made)
    deploy.add_take_over(made)
    return made


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:], _say)))
