"""Drop a session from the spool, after a look at the card and at S3: no byte of a film goes without being named.

A file that the camera still has is hauled, not forgotten. Bytes that neither S3 nor the card has are in this spool
alone, and go only where the operator says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from edge_client.base.errors import EdgeError, ForgetRefused
from edge_client.haul.camera_session import CameraSession
from edge_client.haul.holdings import Holdings, holdings, ranges
from edge_client.haul.ports import Coordinator, SessionSpool, Spool
from edge_client.haul.whereabouts import Whereabouts, find_files
from edge_client.model.api import StoredSession
from edge_client.model.plan import PLAN, SessionPlan, decoded

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Forgetting:
    """Which session is to be forgotten. `lose_footage` takes the only copy of bytes too; `is_dry` drops nothing."""

    session_id: str
    lose_footage: bool
    is_dry: bool


@dataclass(frozen=True)
class Lost:
    """Bytes of one file that are in no other place than the spool."""

    path: str
    size_bytes: int
    ranges: str


@dataclass(frozen=True)
class Forgotten:
    """What left the spool, or would leave it: `is_dry` when nothing was dropped, `lost` what existed nowhere else."""

    session: str
    chapters: int
    chapters_home: int
    spool_bytes: int
    lost: tuple[Lost, ...]
    is_dry: bool


def forget_session(
    spool: Spool,
    camera: CameraSession | None,
    coordinator: Coordinator | None,
    asked: Forgetting,
) -> Forgotten:
    """Drop the session, or say what would be dropped.

    Raises ForgetRefused when it can still be hauled, when bytes would be lost that nobody has agreed to lose, and when
    there is no such session; PlanUnreadable, SpoolBusy, and what keeps the camera from being asked.
    """
    name = asked.session_id
    was_under_way = spool.is_being_forgotten(name)
    if not (was_under_way or spool.has(name)):
        raise ForgetRefused(f"the spool has no session {name}; `reelhaul status` shows which it has")
    with ExitStack() as stack:
        if not asked.is_dry:
            stack.enter_context(spool.hold())
        if not spool.has(name):
            # A run before this one was ended in the middle; the rest of it leaves when the spool is held.
            return Forgotten(name, 0, 0, 0, (), asked.is_dry)
        found = _judge(spool.session(name), camera, coordinator, asked)
        if not asked.is_dry:
            spool.forget(name)
            _log(found)
    return found


def _judge(
    folder: SessionSpool,
    camera: CameraSession | None,
    coordinator: Coordinator | None,
    asked: Forgetting,
) -> Forgotten:
    """What forgetting would drop. Raises ForgetRefused."""
    name = asked.session_id
    raw = folder.read(PLAN)
    if raw is None:
        if folder.part_bytes():
            raise ForgetRefused(
                f"session {name} has parts and no plan.json, so nobody can say of which films they are; "
                "look into its folder in the spool"
            )
        return Forgotten(name, 0, 0, 0, (), asked.is_dry)
    plan = decoded(raw, name)
    stored = _ask_stored(coordinator, name)
    found = holdings(plan, folder.chapter_parts(), folder.receipted(), stored)
    where = _find_files(camera, plan, found)
    lost = _lost(found)
    if where is not None:
        _refuse_hope(name, where)
    if lost and not asked.lose_footage:
        raise ForgetRefused(_at_stake(name, found, lost, camera is not None))
    return Forgotten(
        name,
        len(plan.chapters),
        len(plan.chapters) - len(found.unverified),
        folder.part_bytes(),
        lost,
        asked.is_dry,
    )


def _ask_stored(coordinator: Coordinator | None, name: str) -> StoredSession | None:
    """What S3 has; where the coordinator does not say, nothing counts as stored."""
    try:
        return coordinator.stored_session(name) if coordinator else None
    except EdgeError as error:
        log.warning("the coordinator does not say what S3 has", extra={"reason": str(error)})
        return None


def _find_files(
    camera: CameraSession | None, plan: SessionPlan, found: Holdings
) -> Mapping[str, Whereabouts] | None:
    if camera is None or not found.unverified:
        return None
    return find_files(camera, plan, [one.chapter for one in found.unverified])


def _refuse_hope(name: str, where: Mapping[str, Whereabouts]) -> None:
    """Raises ForgetRefused while a file may be on the card."""
    if there := [path for path, place in where.items() if place is Whereabouts.ON_CARD]:
        raise ForgetRefused(
            f"session {name} can still come home, the camera has {', '.join(there)}: haul it; "
            "with --without-camera it is forgotten all the same"
        )
    if unknown := [path for path, place in where.items() if not place.is_lost]:
        raise ForgetRefused(
            f"the camera does not show whether it has {', '.join(unknown)} of session {name}: switch it off and on, or "
            "give --without-camera"
        )


def _lost(found: Holdings) -> tuple[Lost, ...]:
    """What is in no other place than the spool, as far as the coordinator says what S3 has."""
    chapters = [
        Lost(one.chapter.path, sum(part.span.size_bytes for part in one.unsent), ranges(one.unsent))
        for one in found.chapters
        if one.unsent
    ]
    others = [
        Lost(f"parts of no planned file ({each.artifact_id})", each.size_bytes, ranges(each.parts))
        for each in found.others
    ]
    return (*chapters, *others)


def _at_stake(name: str, found: Holdings, lost: tuple[Lost, ...], camera_was_asked: bool) -> str:
    bytes_of = "; ".join(f"{each.path}: {each.size_bytes:,} bytes ({each.ranges})" for each in lost)
    unless = [] if camera_was_asked else ["on the card, which was not asked"]
    unless += [] if found.is_asked else ["in S3, which the coordinator does not say"]
    perhaps = f", unless they are {' or '.join(unless)}" if unless else ""
    whole = ", ".join(one.chapter.path for one in found.chapters if one.unsent and one.needs_no_camera)
    first = f"{whole} was read whole: `reelhaul haul --new` sends it without the card; " if whole else ""
    return (
        f"the spool has the only copy of bytes of session {name}{perhaps}: {bytes_of}; "
        f"{first}--lose-footage deletes them"
    )


def _log(found: Forgotten) -> None:
    for each in found.lost:
        log.warning(
            "bytes of a film are deleted",
            extra={"session": found.session, "file": each.path, "bytes": each.ranges},
        )
