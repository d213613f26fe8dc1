"""How far the sessions of this device are: what its spool holds, and what the coordinator knows about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_client.base.errors import EdgeError
from edge_client.haul.holdings import holdings
from edge_client.haul.ports import Coordinator, Plans, Rereads, SessionSpool
from edge_client.haul.sidecars import read_sidecars
from edge_client.haul.stuck import read_record
from edge_client.model.api import SessionState, StoredSession
from edge_client.model.levels import least
from edge_client.model.plan import SessionPlan
from edge_client.model.sidecars import SidecarReport


@dataclass(frozen=True)
class SessionStatus:
    """One session of the spool. Sizes in bytes; `state` is the coordinator's, or None where it could not be asked.

    `notes` are what must be known of its films, each with the film's path.
    `cannot_end` has the reason for each file that is not home and that the card no longer has, as the last haul found.
    `sidecars` are its proxies and thumbnails, as far as this device knows; whether it is home does not depend on them.
    `needs_camera` is false once the spool and S3 have every byte and every last look was taken, as far as is known.
    `level` is how surely all of it is known, None where not all is home or nobody says; `differs` is by path what a
    second read of the card gave otherwise.
    """

    session: str
    camera: str
    chapters: int
    chapters_home: int
    size_bytes: int
    home_bytes: int
    spool_bytes: int
    state: str | None
    notes: tuple[str, ...] = ()
    cannot_end: Mapping[str, str] = field(default_factory=dict)
    needs_camera: bool = True
    sidecars: tuple[SidecarReport, ...] = ()
    level: str | None = None
    differs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_home(self) -> bool:
        return self.chapters_home == self.chapters


def read_statuses(plans: Plans, coordinator: Coordinator | None, rereads: Rereads) -> list[SessionStatus]:
    """Every session whose plan can be read; a client that works at the same time is not disturbed."""
    return [_describe(folder, plan, coordinator, rereads) for folder, plan in plans.readable]


def _describe(
    folder: SessionSpool, plan: SessionPlan, coordinator: Coordinator | None, rereads: Rereads
) -> SessionStatus:
    state = _ask_state(coordinator, plan.session_id)
    receipts = folder.receipts()
    home_bytes = _home_bytes(plan, state) if state else sum(int(one["size_bytes"]) for one in receipts)
    return SessionStatus(
        session=plan.session_id,
        camera=plan.camera.serial,
        chapters=len(plan.chapters),
        chapters_home=len(state.verified) if state else len(receipts),
        size_bytes=sum(chapter.size_bytes for chapter in plan.chapters),
        home_bytes=home_bytes,
        spool_bytes=folder.part_bytes(),
        state=state.state if state else None,
        notes=tuple(f"{chapter.path}  {text}" for chapter in plan.chapters for text in chapter.notes.texts),
        cannot_end=_cannot_end(folder, state),
        needs_camera=needs_camera(
            folder, plan, StoredSession(state.verified) if state else None, coordinator if state else None
        ),
        sidecars=read_sidecars(folder, plan),
        level=_level(plan, state),
        differs=_differs(plan, state, rereads),
    )


def _level(plan: SessionPlan, state: SessionState | None) -> str | None:
    """The least level of its chapters as the coordinator knows them; None where it does not say one of each."""
    found = [state.evidence.get(chapter.path) for chapter in plan.chapters] if state else []
    level = least(each.level for each in found if each)
    return level.value if level and all(found) else None


def _differs(plan: SessionPlan, state: SessionState | None, rereads: Rereads) -> dict[str, str]:
    """Why the card must be kept, by path: by this device's records, and by the coordinator."""
    found = dict[str, str]()
    for chapter in plan.chapters:
        evidence = state.evidence.get(chapter.path) if state else None
        record = rereads.find(plan.session_id, chapter.artifact_id)
        if record and record.forbids(evidence):
            found[chapter.path] = record.words
        elif evidence and not evidence.agrees:
            found[chapter.path] = "the coordinator says that the reads of it do not agree"
    return found


def _cannot_end(folder: SessionSpool, state: SessionState | None) -> dict[str, str]:
    homes = state.verified if state else frozenset()
    return {path: why for path, why in read_record(folder).files.items() if path not in homes}


def needs_camera(
    folder: SessionSpool, plan: SessionPlan, known: StoredSession | None, coordinator: Coordinator | None
) -> bool:
    """Whether a chapter of the session still needs its camera, as far as is known: unknown means that it does.

    `known` is what S3 has of it, or None. The coordinator, if there is one, is asked where its answer can decide.
    """
    found, receipted = folder.chapter_parts(), folder.receipted()

    def needs(stored: StoredSession | None) -> bool:
        return not all(one.needs_no_camera for one in holdings(plan, found, receipted, stored).chapters)

    if not needs(known):
        return False
    if coordinator is None or all(one.confirmed_crc is None for one in found):
        return True
    try:
        return needs(coordinator.stored_session(plan.session_id))
    except EdgeError:
        return True


def _home_bytes(plan: SessionPlan, state: SessionState) -> int:
    return sum(chapter.size_bytes for chapter in plan.chapters if chapter.path in state.verified)


def _ask_state(coordinator: Coordinator | None, session_id: str) -> SessionState | None:
    """One try: without a network the spool's own receipts tell what is home."""
    try:
        return coordinator.session_state(session_id) if coordinator else None
    except EdgeError:
        return None
