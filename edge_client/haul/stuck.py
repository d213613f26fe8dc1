"""Sessions that cannot end: the card no longer has a file of theirs, and what was read of it is not enough.

A haul finds them and records them in their folder, so that `status` tells of them without a camera. The record goes
when the file is back. Nothing is deleted here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_client.base.errors import GaveUp, Refused, SessionStuck, Transient
from edge_client.haul.context import HaulContext
from edge_client.haul.holdings import Holdings, holdings
from edge_client.haul.ports import SessionSpool
from edge_client.haul.whereabouts import Whereabouts, find_files
from edge_client.model.files import CameraFile
from edge_client.model.plan import SessionPlan

STUCK = "stuck.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """What a look found: the chapters in spool and S3, and where the files of those without a receipt are."""

    held: Holdings
    where: Mapping[str, Whereabouts]

    @property
    def stuck(self) -> dict[str, str]:
        """Why the session cannot end, by path; empty when it can."""
        return {
            one.chapter.path: self.where[one.chapter.path].value
            for one in self.held.unverified
            if self.where[one.chapter.path].is_lost and not one.needs_no_camera
        }

    @property
    def can_end_without_camera(self) -> bool:
        """Whether a chapter that has no receipt here gets it without a read of the card."""
        return any(one.needs_no_camera and not one.is_accepted for one in self.held.chapters)


@dataclass(frozen=True)
class Review:
    """What became of the sessions whose files the card lacks: those that can end without it, and new findings."""

    endable: tuple[SessionPlan, ...] = ()
    news: tuple[SessionStuck, ...] = ()


@dataclass(frozen=True)
class Record:
    """Why a session cannot end, by path, as a haul found; `is_told` once a run has ended with 1 for it."""

    files: Mapping[str, str]
    is_told: bool = False

    def write(self, folder: SessionSpool) -> None:
        """Keep it, durably; nothing is kept where nothing is stuck."""
        if not self.files:
            folder.remove(STUCK)
        elif self != read_record(folder):
            folder.write(STUCK, json.dumps({"files": dict(self.files), "is_told": self.is_told}).encode())


def read_record(folder: SessionSpool) -> Record:
    """What was found of the session; a record that cannot be read is none."""
    try:
        found = json.loads(folder.read(STUCK) or b"{}")
        files = {str(path): str(why) for path, why in found.get("files", {}).items()}
        return Record(files, found.get("is_told") is True)
    except (ValueError, AttributeError, RecursionError):
        return Record({})


def stuck_error(session_id: str, files: Mapping[str, str]) -> SessionStuck:
    """The session and its files as an error."""
    return SessionStuck(why_stuck(session_id, files), session_id, files)


def why_stuck(session_id: str, files: Mapping[str, str]) -> str:
    """One sentence for a person: why, and what helps."""
    told = "; ".join(f"{path}: {why}" for path, why in files.items())
    return (
        f"session {session_id} cannot end ({told}): put the card back that has it and haul again, or drop the "
        f"session with `reelhaul forget {session_id}`"
    )


class StuckSessions:
    """Looks for sessions that cannot end."""

    def __init__(self, context: HaulContext) -> None:
        self._tools = context.tools
        # Nobody waits for this look: what does not answer at once is not known, and kept.
        self._camera = context.camera.impatient()

    def review(self, listed: Sequence[CameraFile]) -> Review:
        """Look at each session here that is not home and has a file that the list lacks."""
        endable, news = list[SessionPlan](), list[SessionStuck]()
        for folder, plan in self._tools.spool.plans().readable:
            is_home = len(folder.receipts()) >= len(plan.chapters)
            if is_home or not plan.lacks_in(listed):
                continue
            found = self.look(folder, plan)
            if found is None:
                continue
            if found.can_end_without_camera and not any(plan.has(file) for file in listed):
                endable.append(plan)
            if found.stuck and read_record(folder) == Record(found.stuck, is_told=True):
                log.warning("a session cannot end", extra={"reason": why_stuck(plan.session_id, found.stuck)})
            elif found.stuck:
                news.append(stuck_error(plan.session_id, found.stuck))
        return Review(tuple(endable), tuple(news))

    def note(self, folder: SessionSpool, plan: SessionPlan) -> Look | None:
        """Look, and record what was found; what is not known stays recorded as it was."""
        found = self.look(folder, plan)
        if found:
            before = read_record(folder)
            unknown = {path for path, place in found.where.items() if place is Whereabouts.UNKNOWN}
            files = {path: why for path, why in before.files.items() if path in unknown} | found.stuck
            Record(files, before.is_told and files == before.files).write(folder)
        return found

    def look(self, folder: SessionSpool, plan: SessionPlan) -> Look | None:
        """Look at S3 and at the card. None when the coordinator does not say what S3 has.

        Where the card cannot be looked at, its files are at an unknown place.
        """
        try:
            stored = self._tools.coordinator.stored_session(plan.session_id)
            if stored is None:
                return None
            held = holdings(plan, folder.chapter_parts(), folder.receipted(), stored)
        except (Refused, Transient) as error:
            log.debug("not known what S3 has", extra={"reason": str(error)})
            return None
        owed = [one.chapter for one in held.unverified]
        try:
            return Look(held, find_files(self._camera, plan, owed))
        except (Refused, Transient, GaveUp) as error:
            log.debug("not known what the card has", extra={"reason": str(error)})
            return Look(held, dict.fromkeys((chapter.path for chapter in owed), Whereabouts.UNKNOWN))
