"""Who may call the coordinator: tokens made and revoked."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from chalicelib.core import ids, tokens
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.tokens import Role
from chalicelib.flows import devices
from chalicelib.flows.devices import Registry
from infra.admin.console import (
    DONE,
    Arguments,
    Console,
    command,
    tell,
)
from infra.admin.deployment import Refused
from infra.admin.formats import facts, stamp
from infra.secret_file import create_secret_file

_EXAMPLES = """  reelhaul-admin enroll --stage prod --name jetson-north --token-file jetson-north.token
  reelhaul-admin enroll --stage prod --device d_4cXw --json
  reelhaul-admin enroll --stage prod --role operator --project '*'
  reelhaul-admin revoke --stage prod t_8sKq
  reelhaul-admin enroll --table records --endpoint-url http://127.0.0.1:5055 --region us-east-1 --name demo"""


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
    project: str = ids.MAIN,
    name: str | None = None,
    device_id: DeviceId | None = None,
) -> Enrolment:
    """A new token, with a new device unless `device_id` names one. Raises InvalidRequest, NotFound."""
    device, token = devices.enrol(registry, role, project, name, device_id)
    if device is None:
        return Enrolment(token, role, project, None, None)
    return Enrolment(token, role, project, device.device_id, device.name)


def describe(commands: Any) -> None:
    """The commands `enroll` and `revoke`."""
    enrolling = command(
        commands, "enroll", "create a device and its token, or another token", _EXAMPLES, _enroll
    )
    revoking = command(
        commands, "revoke", "revoke a token, so that nobody can use it any more", _EXAMPLES, _revoke
    )
    for made in (enrolling, revoking):
        where = made.add_mutually_exclusive_group(required=True)
        where.add_argument("--stage", help="the deployed stage, for instance prod; its stack names the table")
        where.add_argument("--table", help="the table itself")
    _describe_enroll(enrolling)
    _describe_revoke(revoking)


def _describe_enroll(made: argparse.ArgumentParser) -> None:
    made.add_argument("--name", help="what a new device is called, for instance jetson-north")
    made.add_argument("--role", choices=[role.value for role in Role], default=Role.DEVICE.value)
    made.add_argument(
        "--project", default=ids.MAIN, help="default main; '*' is all projects (not for devices)"
    )
    made.add_argument("--device", metavar="ID", help="another token for this device, instead of a new device")
    made.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="write the token to this new file (mode 0600) and do not print it",
    )


def _describe_revoke(made: argparse.ArgumentParser) -> None:
    made.add_argument("token_id", metavar="TOKEN_ID", help="the part of the token before the dot")


def _enroll(given: Arguments, desk: Console) -> int:
    device_id = DeviceId(given.device) if given.device else None
    with nullcontext() if given.token_file is None else _new_file(given.token_file) as file:
        registry = desk.connect(given)
        made = enroll(registry, Role(given.role), given.project, given.name, device_id)
        if file:
            print(made.token, file=file)
    kept = {"token": made.token} if file is None else {"token_file": str(given.token_file)}
    told = {**_facts(made), **kept}
    tell(given, desk, told, lambda: facts(told))
    if file is None and (failure := desk.said_failure()):
        devices.revoke(registry, made.token_id)
        raise Refused(f"nobody could read the token ({failure.strerror}), so it was revoked; enroll again")
    return DONE


def _revoke(given: Arguments, desk: Console) -> int:
    token = devices.revoke(desk.connect(given), TokenId(given.token_id))
    told = {"token_id": token.token_id, "revoked_at": stamp(token.revoked_at)}
    tell(given, desk, told, lambda: facts(told))
    return DONE


def _facts(made: Enrolment) -> dict[str, str | None]:
    """All but the token itself."""
    return {
        "token_id": made.token_id,
        "role": made.role.value,
        "project": made.project,
        "device_id": made.device_id,
        "name": made.name,
    }


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A file for a token. Raises Refused when there is one of this name."""
    try:
        with create_secret_file(path) as file:
            yield file
    except FileExistsError as error:
        raise Refused(f"{path} exists; name a new file") from error
