"""Remove from the spool what is left of sessions that came home long ago: plan, copies of receipts, report.

A session goes only when its receipts here, its empty folder of parts and the coordinator all say that it is home. What
is not known means keep. The coordinator keeps its own receipts, so an audit says the same afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_client.base.errors import EdgeError
from edge_client.haul.ports import Coordinator, Rereads, SessionSpool, Spool
from edge_client.haul.stuck import read_record
from edge_client.model.plan import SessionPlan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tidying:
    """For how long sessions are kept after they came home. `is_dry` removes nothing."""

    keep: timedelta
    is_dry: bool


@dataclass(frozen=True)
class Removed:
    """A session that left the spool, or would leave it, and since when it is home."""

    session: str
    home_since: datetime


@dataclass(frozen=True)
class Kept:
    """A session that stays although it may be old, and why."""

    session: str
    reason: str


@dataclass(frozen=True)
class Tidied:
    """What became of the spool's sessions; `young` counts those that came home not long ago."""

    removed: tuple[Removed, ...]
    kept: tuple[Kept, ...]
    young: int


@dataclass(frozen=True)
class _Young:
    """A session that is home, and not for long enough."""


def tidy(spool: Spool, coordinator: Coordinator, asked: Tidying, now: datetime) -> Tidied:
    """Remove the old sessions, or say which would go. Raises SpoolBusy while another client has the spool.

    The spool is held only while there is something to remove, so that no haul waits for nothing.
    """
    found = list(_judge_all(spool, coordinator, asked, now))
    if asked.is_dry or not any(isinstance(each, Removed) for each in found):
        return _tidied(found)
    with spool.hold():
        found = list(_judge_all(spool, coordinator, asked, now))
        for each in found:
            if isinstance(each, Removed):
                spool.forget(each.session)
                log.info("tidied up", extra={"session": each.session})
    return _tidied(found)


def _tidied(found: list[Removed | Kept | _Young]) -> Tidied:
    return Tidied(
        tuple(each for each in found if isinstance(each, Removed)),
        tuple(each for each in found if isinstance(each, Kept)),
        sum(isinstance(each, _Young) for each in found),
    )


def _judge_all(
    spool: Spool, coordinator: Coordinator, asked: Tidying, now: datetime
) -> Iterator[Removed | Kept | _Young]:
    plans = spool.plans()
    for folder, plan in plans.readable:
        yield _judge(folder, plan, coordinator, spool.rereads, asked, now)
    for error in plans.unreadable:
        log.warning("kept", extra={"reason": str(error)})


def _judge(
    folder: SessionSpool,
    plan: SessionPlan,
    coordinator: Coordinator,
    rereads: Rereads,
    asked: Tidying,
    now: datetime,
) -> Removed | Kept | _Young:
    name = plan.session_id
    if reason := _why_not_home(folder, plan):
        return Kept(name, reason)
    home_since = _home_since(folder, plan)
    if home_since is None:
        return Kept(name, "its receipts do not say when it came home")
    if now - home_since < asked.keep:
        return _Young()
    if reason := _why_not_confirmed(coordinator, plan, rereads):
        return Kept(name, reason)
    return Removed(name, home_since)


def _why_not_home(folder: SessionSpool, plan: SessionPlan) -> str | None:
    """What in the spool says that the session is not home, or that nobody knows; None when all of it is."""
    sizes = {receipt.get("artifact_id"): receipt["size_bytes"] for receipt in folder.receipts()}
    owed = [chapter.path for chapter in plan.chapters if sizes.get(chapter.artifact_id) != chapter.size_bytes]
    if owed:
        return f"not home: no receipt here for {', '.join(owed[:3])}{', …' if len(owed) > 3 else ''}"
    if folder.part_bytes():
        return "parts of it are in the spool"
    if read_record(folder).files:
        return "a haul found that it cannot end"
    return None


def _home_since(folder: SessionSpool, plan: SessionPlan) -> datetime | None:
    """When the last of its chapters was verified, by the coordinator's clock; None where a receipt does not say."""
    planned = {chapter.artifact_id for chapter in plan.chapters}
    try:
        times = [
            datetime.fromisoformat(receipt["verified_at"].replace("Z", "+00:00"))
            for receipt in folder.receipts()
            if receipt.get("artifact_id") in planned
        ]
        return max(times) if all(time.tzinfo for time in times) else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _why_not_confirmed(coordinator: Coordinator, plan: SessionPlan, rereads: Rereads) -> str | None:
    """Why it is not sure that every chapter is home as it is on its card; None when the coordinator says so.

    A second read that differed keeps the session: `status` tells of it while its plan is here.
    """
    try:
        state = coordinator.session_state(plan.session_id)
    except EdgeError as error:
        return f"the coordinator does not say that it is home: {error}"
    if state is None:
        return "the coordinator shows no session of this name to this device"
    owed = [chapter.path for chapter in plan.chapters if chapter.path not in state.verified]
    if owed:
        return f"the coordinator has no receipt for {', '.join(owed[:3])}"
    for chapter in plan.chapters:
        known = state.evidence.get(chapter.path)
        record = rereads.find(plan.session_id, chapter.artifact_id)
        if (known and not known.agrees) or (record and record.forbids(known)):
            return f"another read of {chapter.path} gave other bytes than its receipt is for"
    return None
