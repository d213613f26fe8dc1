"""The operator's command: who may call the coordinator. `python -m infra.admin --help` shows examples."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws.records import DynamoRecords
from chalicelib.core import tokens
from chalicelib.core.errors import ReelhaulError
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.tokens import Role
from chalicelib.flows import devices
from chalicelib.flows.devices import Registry
from chalicelib.ports import Clock, Ids, Records
from chalicelib.wiring import RandomIds, SystemClock

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient

_EXAMPLES = """examples:
  python -m infra.admin enroll --stage prod --name jetson-north --token-file jetson-north.token
  python -m infra.admin enroll --stage prod --device d_4cXw --json
  python -m infra.admin enroll --stage prod --role operator --project '*'
  python -m infra.admin revoke --stage prod t_8sKq
  python -m infra.admin enroll --table records --endpoint-url http://127.0.0.1:5055 --region us-east-1 --name demo

exit codes: 0 done, 1 refused (it says why), 2 usage"""

Arguments = argparse.Namespace
Connect = Callable[[Arguments], Registry]
Say = Callable[[str], None]


class Refused(Exception):
    """The command cannot be followed as it was given."""


@dataclass(frozen=True)
class TableRegistry:
    """What enrolment needs of a deployment: its table, with the chance and the time of this machine."""

    records: Records
    ids: Ids
    clock: Clock


@dataclass(frozen=True)
class Enrolment:
    """What a new caller gets; the token's secret is kept nowhere else."""

    token: str
    role: Role
    project: str
    device_id: DeviceId | None
    name: str | None

    @property
    def token_id(self) -> TokenId:
        return tokens.parsed(self.token)[0]


def enroll(
    registry: Registry,
    role: Role = Role.DEVICE,
    project: str = "main",
    name: str | None = None,
    device_id: DeviceId | None = None,
) -> Enrolment:
    """A new token, with a new device unless `device_id` names one. Raises InvalidRequest, NotFound."""
    device, token = devices.enrol(registry, role, project, name, device_id)
    if device is None:
        return Enrolment(token, role, project, None, None)
    return Enrolment(token, role, project, device.device_id, device.name)


def registry(dynamodb: "DynamoDBClient", table: str) -> TableRegistry:
    """The registry that stands in `table`."""
    return TableRegistry(DynamoRecords(dynamodb, table), RandomIds(), SystemClock())


def deployed(given: Arguments) -> TableRegistry:
    """The registry of the stage or the table that the arguments name."""
    session = boto3.Session(region_name=given.region)
    table = given.table
    if table is None:
        table = table_of(session.client("cloudformation", endpoint_url=given.endpoint_url), given.stage)
    return registry(session.client("dynamodb", endpoint_url=given.endpoint_url), table)


def table_of(cloudformation: "CloudFormationClient", stage: str) -> str:
    """The table of a deployed stage. Raises Refused when its stack has none."""
    name = f"reelhaul-{stage}"
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    for output in stack.get("Outputs", []):
        if output["OutputKey"] == "Table":
            return output["OutputValue"]
    raise Refused(f"stack {name} has no output 'Table'; deploy the stage first")


def run(arguments: Sequence[str], connect: Connect, say: Say) -> int:
    """The command on the registry that `connect` finds for its arguments; its exit code."""
    given = parser().parse_args(arguments)
    try:
        given.do(given, connect, say)
    except (Refused, ReelhaulError, BotoCoreError, ClientError, OSError) as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The command's arguments; what a subcommand does stands in `do`."""
    made = argparse.ArgumentParser(
        prog="python -m infra.admin",
        description="Enrol whoever may call the coordinator, and revoke tokens.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    _describe_enroll(_command(commands, "enroll", "make a device and its token, or a further token", _enroll))
    _describe_revoke(_command(commands, "revoke", "make a token good for nothing", _revoke))
    return made


def _command(
    commands: Any, name: str, what: str, do: Callable[[Arguments, Connect, Say], None]
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--stage", help="the deployed stage, for instance prod; its stack names the table")
    where.add_argument("--table", help="the table itself")
    made.add_argument("--region", help="AWS region; otherwise the environment's")
    made.add_argument(
        "--endpoint-url", metavar="URL", help="another AWS than Amazon's, such as the local one"
    )
    made.add_argument("--json", action="store_true", help="print one JSON object")
    made.set_defaults(do=do)
    return made


def _describe_enroll(made: argparse.ArgumentParser) -> None:
    made.add_argument("--name", help="what a new device is called, for instance jetson-north")
    made.add_argument("--role", choices=[role.value for role in Role], default=Role.DEVICE.value)
    made.add_argument("--project", default="main", help="main unless given; '*' is all (not for devices)")
    made.add_argument(
        "--device", metavar="ID", help="a further token for this device instead of a new device"
    )
    made.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="write the token to this new file, mode 0600, unprinted",
    )


def _describe_revoke(made: argparse.ArgumentParser) -> None:
    made.add_argument("token_id", metavar="TOKEN_ID", help="the token's part before the dot")


def _enroll(given: Arguments, connect: Connect, say: Say) -> None:
    device_id = DeviceId(given.device) if given.device else None
    with nullcontext() if given.token_file is None else _new_file(given.token_file) as file:
        made = enroll(connect(given), Role(given.role), given.project, given.name, device_id)
        if file:
            print(made.token, file=file)
    kept = {"token": made.token} if file is None else {"token_file": str(given.token_file)}
    _tell({**_facts(made), **kept}, given.json, say)


def _revoke(given: Arguments, connect: Connect, say: Say) -> None:
    token = devices.revoke(connect(given), TokenId(given.token_id))
    told = {"token_id": token.token_id, "revoked_at": f"{token.revoked_at:%Y-%m-%dT%H:%M:%SZ}"}
    _tell(told, given.json, say)


def _facts(made: Enrolment) -> dict[str, str | None]:
    """All but the token itself."""
    return {
        "token_id": made.token_id,
        "role": made.role.value,
        "project": made.project,
        "device_id": made.device_id,
        "name": made.name,
    }


def _tell(facts: Mapping[str, str | None], as_json: bool, say: Say) -> None:
    if as_json:
        say(json.dumps(facts))
        return
    for name, value in facts.items():
        if value is not None:
            say(f"{name}: {value}")


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A file that its owner alone can read; it does not stay when what it is made for fails.

    Raises Refused when there is one of this name: a token is never written over another.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Refused(f"{path} exists; name a new file") from error
    try:
        with os.fdopen(descriptor, "w") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], deployed, print))
