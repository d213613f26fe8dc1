"""`status`: how far the sessions of this device are."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_client.base.exit import ExitCode, code_of_reads, code_of_result
from edge_client.base.terminal import say
from edge_client.commands.command import Command, describe_coordinator, describe_spool
from edge_client.commands.output import line, sidecar_lines, size, table
from edge_client.config import Parsed, Service, Values, together
from edge_client.coordinator.client import Coordinator
from edge_client.haul.status import SessionStatus, read_statuses
from edge_client.haul.stuck import why_stuck
from edge_client.model.levels import Level
from edge_client.wiring import coordinator_of, one_try, spool_of

log = logging.getLogger(__name__)

CAMERA_FREE = "camera no longer needed: the rest goes up from the spool"
EXAMPLES = """\
examples:
  reelhaul status --spool /var/lib/reelhaul/north
  reelhaul status --spool /var/lib/reelhaul/north --json

Needs no camera. Without a coordinator, the receipts in the spool show what is home. Ends with 0
when every session is home, with 4 when two reads of a film differ, with 1 when a session cannot end
or its plan cannot be read, else with 75. `reelhaul forget` drops a session.
"""


@dataclass(frozen=True)
class StatusSettings:
    """One run of `status`."""

    spool: Path
    service: Service | None
    as_json: bool


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `status`."""
    describe_coordinator(parser)
    describe_spool(parser)


def read(values: Values) -> Parsed[StatusSettings]:
    """The settings: which spool, and who says how far its sessions are."""
    spool, service = values.spool(), values.service_if_given()
    return together(lambda: StatusSettings(spool.value, service.value, values.arguments.json), spool, service)


def run(settings: StatusSettings, stop: threading.Event) -> ExitCode:
    """Say how far the sessions of this device are; REFUSED where a person must look, else TRY_LATER until all are home.

    A person must look at a plan that cannot be read, and at a session that cannot end.
    """
    spool = spool_of(settings.spool)
    plans = spool.plans()
    for error in plans.unreadable:
        log.error("a session cannot be shown", extra={"reason": str(error)})
    with ExitStack() as stack:
        coordinator: Coordinator | None = None
        if settings.service:
            coordinator = stack.enter_context(coordinator_of(settings.service, one_try(stop)))
        found = read_statuses(plans, coordinator, spool.rereads)
    if settings.as_json:
        say((line(status_json(one)) for one in found), sys.stdout)
    else:
        say(status_lines(found), sys.stdout)
    person_must_look = bool(plans.unreadable) or any(one.cannot_end for one in found)
    differ = any(one.differs for one in found)
    return code_of_reads(differ, code_of_result(person_must_look, all(one.is_home for one in found)))


STATUS = Command(
    name="status",
    purpose="show how far the sessions of this device are",
    examples=EXAMPLES,
    describe=describe,
    read=read,
    run=run,
)


def status_lines(found: Sequence[SessionStatus]) -> list[str]:
    """Where the sessions of a device are."""
    if not found:
        return ["no session here"]
    head = ("session", "camera", "chapters home", "size home", "in the spool", "coordinator")
    rows = [
        (
            one.session,
            one.camera,
            f"{one.chapters_home} of {one.chapters}{_how(one)}",
            f"{size(one.home_bytes)} of {size(one.size_bytes)}",
            size(one.spool_bytes),
            one.state or "not asked",
        )
        for one in found
    ]
    notes = (f"  {one.session}: {note}" for one in found for note in one.notes)
    free = (f"{one.session}: {CAMERA_FREE}" for one in found if not (one.needs_camera or one.is_home))
    stuck = (why_stuck(one.session, one.cannot_end) for one in found if one.cannot_end)
    sidecars = (f"  {one.session}: {text.strip()}" for one in found for text in sidecar_lines(one.sidecars))
    differing = (
        f"  {one.session}: {path}  keep the card: {why}" for one in found for path, why in one.differs.items()
    )
    return [*table(head, rows), *notes, *sidecars, *free, *stuck, *differing]


def _how(one: SessionStatus) -> str:
    return f", {Level(one.level).words}" if one.level else ""


def status_json(one: SessionStatus) -> dict[str, object]:
    return {**asdict(one), "is_home": one.is_home}
