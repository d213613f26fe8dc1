"""A look at a card beside what the coordinator knows of its camera. Nothing is changed, and nothing is erased."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edge_client.advice import Sessions, obstructed
from edge_client.chapters import CameraFile, Recording, recordings, strangers
from edge_client.coordinator import Coordinator
from edge_client.errors import NothingListed
from edge_client.listing import Listed, Unreadable
from edge_client.plan import CameraIdentity
from edge_client.proving import Proving
from edge_client.standings import KnownChapter, Obstacle, RecordingStanding, Standing, standings
from edge_client.tools import Tools
from edge_client.visit import Visit
from edge_client.witnesses import READER, Inventory, Witnesses, doubts


@dataclass(frozen=True)
class Survey:
    """What is on a card and how it stands.

    `strangers` are videos that are not chapters, `others` counts photos and all other entries, `unreadable` has the
    entries that may be videos and cannot be read. Without a coordinator nothing is known: `is_asked` is false and
    every file counts as missing. `taken` are the session names that a new session cannot have.
    """

    camera: CameraIdentity
    recordings: tuple[RecordingStanding, ...]
    strangers: tuple[CameraFile, ...]
    others: int
    is_asked: bool
    known: tuple[KnownChapter, ...]
    unreadable: tuple[Unreadable, ...]
    inventory: Inventory
    witnesses: Witnesses
    taken: frozenset[str] = frozenset()

    @property
    def homes(self) -> int:
        """How many recordings are verified, whole."""
        return sum(one.standing.is_home for one in self.recordings)

    @property
    def all_home(self) -> bool:
        """Whether every video of the card is verified and nothing hints at a further one."""
        return not self.reasons_to_keep

    @property
    def reasons_to_keep(self) -> tuple[str, ...]:
        """The reasons to keep the card; none when every video of it is verified and nothing hints at another."""
        return tuple(reason for reason in (*self._lacks(), *doubts(self.inventory, self.witnesses)) if reason)

    def _lacks(self) -> Iterator[str | None]:
        if not self.is_asked:
            yield "no coordinator was asked"
        if self.unreadable:
            yield f"entries of the camera's list that cannot be read: {len(self.unreadable)}; {READER}"
        if self.strangers:
            yield f"films that are not named like chapters: {len(self.strangers)}; copy them by hand"
        if self.homes < len(self.recordings):
            yield f"{self.homes} of {len(self.recordings)} recordings are home"


def surveyed(visit: Visit, coordinator: Coordinator | None) -> Survey:
    """The card as it is now. Raises what keeps it from being read."""
    return _survey(visit, coordinator, visit.listed())


def audited(visit: Visit, tools: Tools) -> Survey:
    """The card as it is now, proven. A list that stays empty while the camera counts videos is a reason to keep it."""
    try:
        listed = visit.listed()
    except NothingListed:
        listed = Listed(witnesses=visit.witnesses)
    return proven(visit, tools, _survey(visit, tools.coordinator, listed))


def _survey(visit: Visit, coordinator: Coordinator | None, listed: Listed) -> Survey:
    card, strange = recordings(listed.files), tuple(strangers(listed.files))
    chapters = [file for one in card for file in one.files]
    camera = _camera(visit, chapters)
    known = coordinator.known_chapters(camera.serial) if coordinator and camera.serial else ()
    return Survey(
        camera,
        standings(card, known),
        strange,
        listed.others,
        coordinator is not None,
        known,
        listed.unreadable,
        listed.inventory(),
        listed.witnesses,
    )


def _camera(visit: Visit, chapters: Sequence[CameraFile]) -> CameraIdentity:
    """The camera's identity; some cameras do not give it when the card has no chapter."""
    if chapters:
        return visit.identity(chapters[0])
    found = visit.tools.retry.run("the camera's identity", visit.tools.camera.info)
    return found or CameraIdentity("", None, None)


def proven(visit: Visit, tools: Tools, survey: Survey) -> Survey:
    """The survey with each hauled file compared with the camera, and with S3 if another device hauled it.

    Use it before a card is erased: a list shows only names, sizes and dates; this also detects a repaired file, and
    a false claim of another device.
    """
    card = [one.recording for one in survey.recordings]
    found = Proving(tools, visit, survey.camera.serial).standings(card, survey.known)
    sessions = _sessions(tools, survey, card)
    unread = Listed(unreadable=survey.unreadable)
    advised = (
        obstructed(one, _seen(visit, one, sessions), bool(unread.unreadable_of(one.recording)), sessions)
        for one in found
    )
    return replace(survey, recordings=tuple(advised), taken=sessions.taken)


def _sessions(tools: Tools, survey: Survey, card: Sequence[Recording]) -> Sessions:
    plans = tools.spool.plans().readable
    return Sessions(
        survey.camera.serial,
        card,
        survey.known,
        frozenset(plan.session_id for _, plan in plans),
        tuple(plan for folder, plan in plans if len(folder.receipts()) < len(plan.chapters)),
    )


def _seen(visit: Visit, one: RecordingStanding, sessions: Sessions) -> dict[str, Obstacle]:
    """The obstacles that one look at each file shows that is not home."""
    looked = {
        file.file.path: visit.obstacle(file.file, sessions.begun_with(file))
        for file in one.files
        if not (file.standing.is_home or file.standing is Standing.UNREADABLE)
    }
    return {path: obstacle for path, obstacle in looked.items() if obstacle}


def lengths_s(visit: Visit, survey: Survey) -> dict[str, int | None]:
    """How long each chapter of the card is, by path, where the camera says so."""
    return {file.path: visit.length_s(file) for one in survey.recordings for file in one.recording.files}
