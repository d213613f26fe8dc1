"""`enroll` and `rotate`: how this machine gets its token, and another secret for it.

The secret is made here and written down before it is told to anybody, so a command that ends anywhere is run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import secrets
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import CoordinatorRefusal, SettingsFault
from edge_client.base.exit import ExitCode
from edge_client.base.folders import write_file
from edge_client.base.retry import Retry, Tally, real_timing
from edge_client.base.terminal import say
from edge_client.commands.command import Command, describe_coordinator
from edge_client.config import LOOK_PATIENCE_S, Parsed, Service, Values, fault_unless, together
from edge_client.model.api import Enrolled, Token
from edge_client.wiring import coordinator_at, coordinator_of

CODE = re.compile(r"[0-9A-Za-z]{4}(?:[- ]?[0-9A-Za-z]{4}){5}", re.ASCII)
SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

ENROLL_EXAMPLES = """\
examples:
  reelhaul enroll 7K3Q-M2XA-0123-4567-89AB-CDEF --coordinator https://ID.execute-api.REGION.amazonaws.com/api \\
      --token-file /etc/reelhaul/token

Exchanges a code, which `reelhaul-admin invite` printed, for a token, and writes the token to a new
file with mode 0600. The token is printed nowhere. A code is good once; after a failure run the same
command again: it continues with the same secret.
"""

ROTATE_EXAMPLES = """\
examples:
  reelhaul rotate --coordinator https://ID.execute-api.REGION.amazonaws.com/api --token-file /etc/reelhaul/token

Gives the token in the file another secret. The one before is good for another day: restart what
still uses it. After a failure run the same command again.
"""


@dataclass(frozen=True)
class EnrollSettings:
    """One run of `enroll`."""

    code: str
    url: str
    token_file: Path
    as_json: bool


@dataclass(frozen=True)
class RotateSettings:
    """One run of `rotate`."""

    service: Service
    token_file: Path
    as_json: bool


def describe_enroll(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `enroll`."""
    parser.add_argument("code", metavar="CODE", help="the code that the operator's command printed")
    describe_coordinator(parser)


def read_enroll(values: Values) -> Parsed[EnrollSettings]:
    """The settings: which code, at which coordinator, for which new file."""
    code: str = values.arguments.code
    url, path = values.coordinator(), values.token_file()
    is_code = fault_unless(
        "CODE has 24 letters and digits in groups of four, as the operator's command printed it",
        CODE.fullmatch(code),
    )
    is_new = fault_unless(
        "--token-file exists: a token is never written over another; `reelhaul rotate` renews it",
        path.faults or not path.value.exists(),
    )
    return together(
        lambda: EnrollSettings(code, url.value, path.value, values.arguments.json), is_code, url, path, is_new
    )


def read_rotate(values: Values) -> Parsed[RotateSettings]:
    """The settings: whose token, in which file."""
    service, path = values.service(), values.token_file()
    return together(lambda: RotateSettings(service.value, path.value, values.arguments.json), service, path)


def enroll(settings: EnrollSettings, stop: threading.Event) -> ExitCode:
    """Exchange the code for a token, and write that to its file."""
    waiting = settings.token_file.with_name(f"{settings.token_file.name}.enrolling")
    secret = _secret_in(waiting) or _new_secret(waiting)
    with coordinator_at(settings.url, None, _retry(stop)) as coordinator:
        enrolled = coordinator.enroll(settings.code, digest(secret))
    _write(settings.token_file, f"{enrolled.token_id}.{secret}")
    waiting.unlink(missing_ok=True)
    _say(
        settings.as_json,
        {**asdict(enrolled), "token_file": str(settings.token_file)},
        _sentence(enrolled, settings),
    )
    return ExitCode.DONE


def rotate(settings: RotateSettings, stop: threading.Event) -> ExitCode:
    """Give the token another secret, and write that to its file."""
    path, token_id = settings.token_file, settings.service.token.text.partition(".")[0]
    waiting = path.with_name(f"{path.name}.rotating")
    found = _secret_in(waiting)
    secret = found or _new_secret(waiting)
    renewed = Service(settings.service.url, Token(f"{token_id}.{secret}"))
    until = _rotated(settings.service, renewed, bool(found), digest(secret), stop)
    _write(path, renewed.token.text)
    waiting.unlink(missing_ok=True)
    told = {"token_id": token_id, "before_until": until, "token_file": str(path)}
    _say(settings.as_json, told, f"{path} has the new secret; the one before is good until {until or 'now'}")
    return ExitCode.DONE


def digest(secret: str) -> str:
    """What the coordinator is told of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _rotated(
    service: Service, renewed: Service, may_be_known: bool, secret_digest: str, stop: threading.Event
) -> str | None:
    """Until when the secret before is good. A run that ended early may have rotated already: then the new one asks."""
    if may_be_known:
        try:
            return _rotate_as(renewed, secret_digest, stop)
        except CoordinatorRefusal:
            pass  # the coordinator does not know it yet
    return _rotate_as(service, secret_digest, stop)


def _rotate_as(service: Service, secret_digest: str, stop: threading.Event) -> str | None:
    with coordinator_of(service, _retry(stop)) as coordinator:
        return coordinator.rotate(secret_digest)


def _retry(stop: threading.Event) -> Retry:
    return Retry(real_timing(stop), LOOK_PATIENCE_S, Tally())


def _secret_in(path: Path) -> str | None:
    """The secret that an earlier run wrote down; None where there is none, or half of one."""
    try:
        text = SystemDisk().read(str(path)).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsFault([f"{path}: {error.strerror}"]) from error
    return text if SECRET.fullmatch(text) else None


def _new_secret(path: Path) -> str:
    secret = secrets.token_urlsafe(32)
    _write(path, secret)
    return secret


def _write(path: Path, text: str) -> None:
    """Write a file whole, for its owner alone; a file that is there keeps its owner. Raises SettingsFault."""
    try:
        owner = path.stat() if path.exists() else None
        write_file(SystemDisk(), str(path), text.encode())
        if owner and (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(path, owner.st_uid, owner.st_gid)
    except OSError as error:
        raise SettingsFault([f"{path} cannot be written: {error.strerror}"]) from error


def _sentence(enrolled: Enrolled, settings: EnrollSettings) -> str:
    name = f"{enrolled.name} ({enrolled.device_id})" if enrolled.device_id else f"a {enrolled.role}"
    return f"enrolled as {name} of project {enrolled.project}; the token is in {settings.token_file}"


def _say(as_json: bool, document: dict[str, str | None], sentence: str) -> None:
    say([json.dumps(document) if as_json else sentence], sys.stdout)


ENROLL = Command(
    name="enroll",
    purpose="exchange an enrolment code for a token, once",
    examples=ENROLL_EXAMPLES,
    describe=describe_enroll,
    read=read_enroll,
    run=enroll,
)

ROTATE = Command(
    name="rotate",
    purpose="give this machine's token another secret",
    examples=ROTATE_EXAMPLES,
    describe=describe_coordinator,
    read=read_rotate,
    run=rotate,
)
