"""`adopt`: another device finishes a session that a broken one began."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core import ids
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Picture
from chalicelib.flows import operations
from chalicelib.flows.store import load
from chalicelib.ports import Ports
from infra.admin import formats
from infra.admin.console import (
    DONE,
    NAMED,
    OPERATOR,
    Arguments,
    Console,
    at_a_stage,
    command,
    named_session,
    tell,
)
from infra.admin.dry_run import session_after
from infra.admin.formats import counted, stamp

_EXAMPLES = """  reelhaul-admin adopt --stage prod match-17-north --device d_7Hq2 --dry-run
  reelhaul-admin adopt --stage prod match-17-north --device d_7Hq2"""


def describe(commands: Any) -> None:
    """The command `adopt`."""
    made = command(
        commands, "adopt", "let another device finish a session that a broken one began", _EXAMPLES, _adopt
    )
    at_a_stage(made)
    made.add_argument("session", type=named_session, metavar="SESSION", help=NAMED)
    made.add_argument(
        "--device",
        required=True,
        type=_device,
        metavar="ID",
        help="the device that finishes it; `reelhaul-admin tokens` shows the ids",
    )
    made.add_argument("--dry-run", action="store_true", help="show what would change; write nothing")


def _device(text: str) -> DeviceId:
    try:
        return ids.parsed_device_id(text)
    except InvalidRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _adopt(given: Arguments, desk: Console) -> int:
    ports, session_id = desk.reach(given).ports, given.session

    def adopt(at: Ports) -> Picture:
        return operations.adopt(at, OPERATOR, session_id, given.device)

    before = load(ports, session_id)
    after = (session_after(ports, adopt) or before.session) if given.dry_run else adopt(ports).session
    heard = before.progress.heard_at if before.progress else None
    document = {
        "project": after.project,
        "session_id": after.name,
        "state": after.state.value,
        "dry_run": given.dry_run,
        "changed": after.device_id != before.session.device_id,
        "device_id": after.device_id,
        "former_device_id": before.session.device_id,
        "heard_at": stamp(heard),
        "chapters": len(before.chapters),
        "missing": list(before.missing),
        "group": after.group,
        "camera": after.camera.serial,
    }
    tell(given, desk, document, lambda: list(_lines(document)))
    return DONE


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    name, device = formats.session(document), document["device_id"]
    if not document["changed"]:
        yield f"{name} is a session of {device} already; nothing changes"
        return
    word = "would be" if document["dry_run"] else "is now"
    yield f"{name} {word} a session of {device}; before, of {document['former_device_id']}"
    if document["heard_at"]:
        yield (
            f"it was heard of last at {document['heard_at']}: if {document['former_device_id']} still hauls, its next "
            "call is refused"
        )
    left = len(document["missing"])
    if not left:
        yield "every chapter has its receipt: nothing is left to haul"
        return
    group = f" --group {document['group']}" if document["group"] else ""
    yield (
        f"{counted(left, 'chapter')} of {document['chapters']} still to come: plug camera {document['camera']} into "
        f"{device}, and `reelhaul haul --new{group}` there continues where the parts in S3 end"
    )
