"""What every command of the operator shares: the world it reaches, what it says, and how it ends."""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec

from chalicelib.core import ids
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import SessionId
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.flows.devices import Registry
from chalicelib.logs import plain
from chalicelib.web.wire import requests
from infra import door
from infra.admin.at_rest.batch import Batch
from infra.admin.at_rest.place import batch_of
from infra.admin.deployment import Deployment, Refused, deployed, reached
from infra.admin.engines import engine_of
from infra.admin.lake import Lake
from infra.admin.smoke.api import Api
from infra.migration.send import HttpSend, Send

Arguments = argparse.Namespace
Connect = Callable[[Arguments], Registry]
Say = Callable[[str], None]
Body = TypeVar("Body")

DONE = 0
REFUSED = 1
OWED = 75
"""EX_TEMPFAIL of sysexits.h: the same command later may end with DONE. Usage errors are argparse's own 2."""

EXIT_CODES = (
    "exit codes: 0 done and nothing owed, 1 refused or something failed (it says why), 2 usage,\n"
    "            75 something is still owed: try again later"
)

OPERATOR = Principal(Role.OPERATOR, ALL_PROJECTS, None)
"""The person with this command's AWS credentials has the whole deployment; the rules of the flows hold for them too."""


def to_stdout(line: str) -> None:
    _write(line, sys.stdout)


def to_stderr(line: str) -> None:
    _write(line, sys.stderr)


def _write(line: str, stream: TextIO) -> None:
    """Write exactly one line: characters that the terminal cannot show are written as codes."""
    encoding = stream.encoding or "utf-8"
    print(plain(line).encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def to_terminal(line: str) -> None:
    """For a person at the terminal; cron sends no mail for it."""
    if sys.stderr.isatty():
        to_stderr(line)


def to_bar(line: str) -> None:
    """For a person at the terminal: drawn over the line that was drawn before; an empty one ends it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{plain(line)}" if line else "", end="" if line else "\n", file=sys.stderr, flush=True)


def typed(question: str) -> str | None:
    """What somebody types; None when nobody is there."""
    if not sys.stdin.isatty():
        return None
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def piped() -> str | None:
    """All that standard input holds; None when it is a terminal."""
    return None if sys.stdin.isatty() else sys.stdin.read()


def free_bytes(folder: Path) -> int:
    """How much room the disk of `folder` has."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True)
class Console:
    """All that a command touches except its arguments.

    `connect` finds a deployment's table, `reach` all of it, `lake` what answers questions to its lake, `batch` what
    computes checksums in S3. Results are
    said, what happens on the way is noted, and `progress` is for those who watch; `draw` draws one line over the last.
    `send_part` sends a part to S3, and `api` reaches the deployed API. `said_failure` is why a result was not all said,
    where it was not.
    """

    connect: Connect = deployed
    reach: Callable[[Arguments], Deployment] = reached
    lake: Callable[[Arguments, Say], Lake] = engine_of
    batch: Callable[[Arguments, Callable[[float], None], Say], Batch] = batch_of
    say: Say = to_stdout
    note: Say = to_stderr
    progress: Say = to_terminal
    draw: Say = to_bar
    ask: Callable[[str], str | None] = typed
    pause: Callable[[float], None] = time.sleep
    send_part: Send = field(default_factory=HttpSend)
    api: Api = field(default_factory=Api)
    read: Callable[[], str | None] = piped
    said_failure: Callable[[], OSError | None] = door.output_failure
    free_bytes: Callable[[Path], int] = free_bytes


Do = Callable[[Arguments, Console], int]


def command(commands: Any, name: str, what: str, examples: str, do: Do) -> argparse.ArgumentParser:
    """The parser of a command that `do` follows, with what all commands have; where it works is its own to say."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=f"examples:\n{examples}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--region", help="the AWS region; default: that of the environment")
    made.add_argument(
        "--endpoint-url", metavar="URL", help="the address of another AWS, such as the local one"
    )
    made.add_argument("--json", action="store_true", help="print one JSON object")
    made.set_defaults(do=do, misused=made.error)
    return made


def at_a_stage(made: argparse.ArgumentParser) -> None:
    """For commands that need all of a deployment, and its policy."""
    made.add_argument("--stage", required=True, help="the deployed stage, for instance prod")
    made.set_defaults(table=None)


NAMED = f"NAME of the project {ids.MAIN}, or PROJECT/NAME"
"""Help text for an argument that `named_session` reads."""


def named_session(text: str) -> SessionId:
    """An argument that names a session: `NAME` of the project main, or `PROJECT/NAME`."""
    try:
        return ids.parsed_session_id(text if "/" in text else f"{ids.MAIN}/{text}")
    except InvalidRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def reason(text: str) -> str:
    """An argument that says why: what the API takes as a reason."""
    try:
        return msgspec.convert(text, requests.Reason)
    except msgspec.ValidationError as error:
        raise argparse.ArgumentTypeError(f"a reason has 1 to 500 characters: {error}") from error


def number(text: str) -> int:
    """An argument that counts from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def as_body(shape: type[Body], given: Mapping[str, Any]) -> Body:
    """`given` as the body that the API takes for the same: its bounds have one home. Raises Refused."""
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise Refused(str(error)) from error


def tell(
    given: Arguments, desk: Console, document: Mapping[str, Any], lines: Callable[[], Sequence[str]]
) -> None:
    """The result: `document` for programs, `lines` for people."""
    for line in [json.dumps(document)] if given.json else lines():
        desk.say(line)
