"""`forget`: drop a session that cannot end from the spool."""

from __future__ import annotations

import argparse
import threading
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_client.base.exit import ExitCode
from edge_client.commands.command import (
    Command,
    describe_camera,
    describe_coordinator,
    describe_patience,
    describe_spool,
)
from edge_client.commands.output import say_result, size
from edge_client.config import (
    LOOK_PATIENCE_S,
    CameraAddress,
    Faulty,
    Parsed,
    Service,
    Value,
    Values,
    session_id_of,
    together,
)
from edge_client.coordinator.client import Coordinator
from edge_client.haul.camera_session import CameraSession, open_camera_session
from edge_client.haul.forget import Forgetting, Forgotten, forget_session
from edge_client.wiring import camera_tools_of, coordinator_of, one_try, spool_of

EXAMPLES = """\
examples:
  reelhaul forget match-17-north --interface enxd43260ddac87 --dry-run
  reelhaul forget match-17-north --interface enxd43260ddac87
  reelhaul forget match-17-north --without-camera --lose-footage

For a session that cannot end any more, because its card was formatted or its file was repaired. The
command removes the session's plan, parts and copies of receipts from this spool. The coordinator
keeps its receipts, and S3 its footage.

The command refuses while the camera has a file of the session that is not home, and while the spool
has bytes of it that neither S3 nor the card has. It names those bytes. --lose-footage deletes them
all the same: they are lost for good.
"""


@dataclass(frozen=True)
class ForgetSettings:
    """One run of `forget`; without a camera none is asked, without a service nobody says what S3 has."""

    session_id: str
    lose_footage: bool
    dry_run: bool
    camera: CameraAddress | None
    service: Service | None
    spool: Path
    give_up_after_s: float
    as_json: bool


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `forget`."""
    parser.add_argument("session", metavar="SESSION", help="a session of this spool; `status` shows them")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be removed, and remove nothing"
    )
    parser.add_argument(
        "--without-camera",
        action="store_true",
        help="do not ask the camera; every part that S3 does not have then counts as the only copy",
    )
    parser.add_argument(
        "--lose-footage", action="store_true", help="also delete bytes of films that exist nowhere else"
    )
    describe_camera(parser)
    describe_coordinator(parser)
    describe_spool(parser)
    describe_patience(parser, "2m")


def read(values: Values) -> Parsed[ForgetSettings]:
    """The settings: which session of which spool, and who is asked what it still has."""
    given = values.arguments
    session_id, camera, service = session_id_of(given.session), _camera(values), values.service_if_given()
    spool, patience_s = values.spool(), values.give_up_after_s(LOOK_PATIENCE_S)
    return together(
        lambda: ForgetSettings(
            session_id=session_id.value,
            lose_footage=given.lose_footage,
            dry_run=given.dry_run,
            camera=camera.value,
            service=service.value,
            spool=spool.value,
            give_up_after_s=patience_s.value,
            as_json=given.json,
        ),
        *(session_id, camera, service, spool, patience_s),
    )


def run(settings: ForgetSettings, stop: threading.Event) -> ExitCode:
    """Drop a session from the spool, or with a dry run say what would be dropped."""
    with ExitStack() as stack:
        coordinator: Coordinator | None = None
        camera: CameraSession | None = None
        if settings.service:
            coordinator = stack.enter_context(coordinator_of(settings.service, one_try(stop)))
        if settings.camera:
            tools = camera_tools_of(settings.camera, settings.give_up_after_s, stop)
            camera = stack.enter_context(open_camera_session(stack.enter_context(tools)))
        asked = Forgetting(settings.session_id, settings.lose_footage, settings.dry_run)
        found = forget_session(spool_of(settings.spool), camera, coordinator, asked)
        say_result(forgotten_lines(found), forgotten_json(found), settings.as_json)
        return ExitCode.DONE


FORGET = Command(
    name="forget",
    purpose="remove from the spool a session that cannot end",
    examples=EXAMPLES,
    describe=describe,
    read=read,
    run=run,
)


def _camera(values: Values) -> Parsed[CameraAddress | None]:
    """The camera that is asked before a session is forgotten; None only where the operator says so."""
    given = values.arguments
    if not given.without_camera:
        return values.camera()
    if given.camera or given.interface:
        return Faulty(("--without-camera asks no camera; leave out --camera and --interface, or it",))
    return Value(None)


def forgotten_lines(found: Forgotten) -> list[str]:
    """What `forget` dropped, or would drop."""
    would = "would be " if found.is_dry else ""
    homes = f"{found.chapters_home} of {found.chapters} chapters are home"
    freed = f"{size(found.spool_bytes)} of the spool {would}free"
    lost = [f"  {each.path}  {would}lost: {each.size_bytes:,} bytes ({each.ranges})" for each in found.lost]
    return [f"session {found.session}: {would}forgotten, {freed}; {homes}", *lost]


def forgotten_json(found: Forgotten) -> dict[str, object]:
    return asdict(found)
