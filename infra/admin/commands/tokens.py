"""Who may call the coordinator: codes and tokens made, listed and revoked."""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from chalicelib.core import enrolment, ids, tokens
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.times import DAY_S
from chalicelib.core.tokens import Role, Token
from chalicelib.flows import devices
from chalicelib.flows.devices import Grant, Registry
from chalicelib.flows.enrolment import invite
from chalicelib.flows.page_sessions import end_logins, list_logins
from chalicelib.flows.revocation import revoke_device
from infra.admin.console import (
    DONE,
    Arguments,
    Console,
    command,
    number,
    tell,
)
from infra.admin.deployment import Refused
from infra.admin.formats import columns, counted, facts, stamp
from infra.secret_file import create_secret_file

_INVITE = """  reelhaul-admin invite --stage prod --name jetson-north
  reelhaul-admin invite --stage prod --device d_4cXw --good-for 2
  reelhaul-admin invite --stage prod --role processor --token-days 90"""
_ON_A_DEVICE = "on the device: sudo reelhaul-enroll COORDINATOR CODE, once, before it expires"
_ELSEWHERE = (
    "there: reelhaul enroll CODE --coordinator COORDINATOR --token-file FILE, once, before it expires"
)

_ENROLL = """  reelhaul-admin enroll --stage prod --name jetson-north --token-file jetson-north.token
  reelhaul-admin enroll --stage prod --device d_4cXw --json
  reelhaul-admin enroll --stage prod --role operator --project '*' --token-days 90
  reelhaul-admin enroll --table records --endpoint-url http://127.0.0.1:5055 --region us-east-1 --name demo"""
_LIST = """  reelhaul-admin tokens --stage prod
  reelhaul-admin tokens --stage prod --project main --json"""
_REVOKE = """  reelhaul-admin revoke --stage prod t_8sKq
  reelhaul-admin revoke --stage prod --device d_4cXw"""

_LOGINS = """  reelhaul-admin logins --stage prod t_8sKq
  reelhaul-admin logins --stage prod t_8sKq --end"""

_HOUR_S = 3600


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
    life_s: int | None = None,
) -> Enrolment:
    """A new token, with a new device unless `device_id` names one. Raises InvalidRequest, NotFound."""
    device, token = devices.enrol(registry, role, project, name, device_id, life_s)
    if device is None:
        return Enrolment(token, role, project, None, None)
    return Enrolment(token, role, project, device.device_id, device.name)


def describe(commands: Any) -> None:
    """The commands `invite`, `enroll`, `tokens`, `logins` and `revoke`."""
    inviting = command(
        commands,
        "invite",
        "make a code that `reelhaul enroll` exchanges once for a token",
        _INVITE,
        _invite,
    )
    enrolling = command(
        commands, "enroll", "create a device and its token, or another token", _ENROLL, _enroll
    )
    listing = command(commands, "tokens", "list the tokens, without any secret", _LIST, _list)
    revoking = command(
        commands,
        "revoke",
        "revoke a token, or all that a device has, so that nobody can use it any more",
        _REVOKE,
        _revoke,
    )
    logging_in = command(
        commands, "logins", "list who is logged in to the page with a token, or end that", _LOGINS, _logins
    )
    for made in (inviting, enrolling, listing, revoking, logging_in):
        where = made.add_mutually_exclusive_group(required=True)
        where.add_argument("--stage", help="the deployed stage, for instance prod; its stack names the table")
        where.add_argument("--table", help="the table itself")
    for made in (inviting, enrolling):
        _describe_grant(made)
    _describe_invite(inviting)
    _describe_enroll(enrolling)
    listing.add_argument("--project", help="of one project; '*' lists those that are of all projects")
    _describe_revoke(revoking)
    logging_in.add_argument("token_id", metavar="TOKEN_ID", help="the part of the token before the dot")
    logging_in.add_argument(
        "--end",
        action="store_true",
        help="log all of them out; the token and the links that it made stay good",
    )


def _describe_grant(made: argparse.ArgumentParser) -> None:
    made.add_argument("--name", help="what a new device is called, for instance jetson-north")
    made.add_argument("--role", choices=[role.value for role in tokens.GRANTED], default=Role.DEVICE.value)
    made.add_argument(
        "--project", default=ids.MAIN, help="default main; '*' is all projects (not for devices)"
    )
    made.add_argument("--device", metavar="ID", help="another token for this device, instead of a new device")
    made.add_argument(
        "--token-days",
        type=number,
        metavar="DAYS",
        help="each secret of the token expires after so many days; a rotation makes the next one; default: never",
    )


def _describe_invite(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--good-for",
        type=number,
        metavar="HOURS",
        default=enrolment.USUAL_LIFE_S // _HOUR_S,
        help="the code expires after so many hours; default %(default)s, at most "
        f"{enrolment.LONGEST_LIFE_S // _HOUR_S}",
    )


def _describe_enroll(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="write the token to this new file (mode 0600) and do not print it",
    )


def _describe_revoke(made: argparse.ArgumentParser) -> None:
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("token_id", metavar="TOKEN_ID", nargs="?", help="the part of the token before the dot")
    what.add_argument(
        "--device",
        metavar="ID",
        help="every token and code of this device; its open uploads end (with --stage)",
    )


def _grant(given: Arguments) -> Grant:
    device_id = DeviceId(given.device) if given.device else None
    life_s = given.token_days * DAY_S if given.token_days else None
    return Grant(Role(given.role), given.project, given.name, device_id, life_s)


def _invite(given: Arguments, desk: Console) -> int:
    registry, grant = desk.connect(given), _grant(given)
    device, code, written = invite(registry, grant, given.good_for * _HOUR_S)
    told = {
        "code": written,
        "expires_at": stamp(code.expires_at),
        "token_id": code.token_id,
        "role": grant.role.value,
        "project": grant.project,
        "device_id": device.device_id if device else None,
        "name": device.name if device else None,
    }
    tell(
        given,
        desk,
        told,
        lambda: [*facts(told), _ON_A_DEVICE if device else _ELSEWHERE],
    )
    if failure := desk.said_failure():
        devices.revoke(registry, code.token_id)
        raise Refused(f"nobody could read the code ({failure.strerror}), so it was revoked; make another")
    return DONE


def _enroll(given: Arguments, desk: Console) -> int:
    grant = _grant(given)
    with nullcontext() if given.token_file is None else _new_file(given.token_file) as file:
        registry = desk.connect(given)
        made = enroll(registry, grant.role, grant.project, grant.name, grant.device_id, grant.life_s)
        if file:
            print(made.token, file=file)
    kept = {"token": made.token} if file is None else {"token_file": str(given.token_file)}
    told = {**_facts(made), **kept}
    tell(given, desk, told, lambda: facts(told))
    if file is None and (failure := desk.said_failure()):
        devices.revoke(registry, made.token_id)
        raise Refused(f"nobody could read the token ({failure.strerror}), so it was revoked; enroll again")
    return DONE


def _list(given: Arguments, desk: Console) -> int:
    registry = desk.connect(given)
    now = registry.clock.now()
    told = [_known(token, now) for token in registry.records.tokens(given.project)]
    tell(given, desk, {"tokens": told}, lambda: list(_table(told)))
    return DONE


def _revoke(given: Arguments, desk: Console) -> int:
    if given.device:
        return _revoke_device(given, desk)
    token = devices.revoke(desk.connect(given), TokenId(given.token_id))
    told = {"token_id": token.token_id, "revoked_at": stamp(token.revoked_at)}
    tell(given, desk, told, lambda: facts(told))
    return DONE


def _revoke_device(given: Arguments, desk: Console) -> int:
    if given.stage is None:
        raise Refused("the uploads of a device end in a whole deployment: name it with --stage")
    ended = revoke_device(desk.reach(given).ports, DeviceId(given.device))
    told = {
        "device_id": ended.device.device_id,
        "name": ended.device.name,
        "token_ids": list(ended.token_ids),
        "upload_ids": list(ended.upload_ids),
    }
    device = f"{ended.device.device_id} ({ended.device.name})"
    tell(
        given,
        desk,
        told,
        lambda: [
            f"{device}: revoked {counted(len(ended.token_ids), 'token')}",
            f"cancelled {counted(len(ended.upload_ids), 'open upload')}",
            "the reconciler ends the uploads once their undo window is over; the films stay on the cards",
        ],
    )
    return DONE


def _logins(given: Arguments, desk: Console) -> int:
    registry, token_id = desk.connect(given), TokenId(given.token_id)
    found = end_logins(registry, token_id) if given.end else list_logins(registry, token_id)
    told = [
        {
            "page_session_id": each.page_session_id,
            "share_id": each.share_id,
            "created_at": stamp(each.created_at),
            "seen_at": stamp(each.seen_at),
            "expires_at": stamp(each.expires_at),
        }
        for each in found
    ]
    names = ("page_session_id", "share_id", "created_at", "seen_at", "expires_at")
    rows = [
        ("login", "link", "opened", "last used", "ends"),
        *([row[name] or "-" for name in names] for row in told),
    ]
    said = [f"logged {counted(len(told), 'login')} out"] if given.end else []
    tell(given, desk, {"logins": told, "ended": given.end}, lambda: [*columns(rows), *said])
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


def _known(token: Token, now: datetime) -> dict[str, str | None]:
    return {
        "token_id": token.token_id,
        "state": _state(token, now),
        "role": token.role.value,
        "project": token.project,
        "device_id": token.device_id,
        "created_at": stamp(token.created_at),
        "secret_made_at": stamp(token.held.made_at) if token.held else None,
        "expires_at": stamp(token.expires_at),
        "revoked_at": stamp(token.revoked_at),
    }


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at:
        return "revoked"
    if token.held is None:
        return "waits for its code"
    return "expired" if token.expires_at and token.expires_at <= now else "good"


def _table(told: Iterable[Mapping[str, str | None]]) -> Iterator[str]:
    names = ("token_id", "state", "role", "project", "device_id", "created_at", "expires_at", "revoked_at")
    head = ("token", "state", "role", "project", "device", "created", "expires", "revoked")
    yield from columns([head, *([row[name] or "-" for name in names] for row in told)])


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A file for a token. Raises Refused when there is one of this name."""
    try:
        with create_secret_file(path) as file:
            yield file
    except FileExistsError as error:
        raise Refused(f"{path} exists; name a new file") from error
