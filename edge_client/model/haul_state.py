"""Pure: the state of a card's files by what the coordinator knows of its camera."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from edge_client.model.files import NO_NOTES, CameraFile, FileIdentity, FilmNotes, Likeness, likeness
from edge_client.model.levels import Evidence, Level, least
from edge_client.model.recordings import Recording


class HaulState(enum.Enum):
    """What is known of one file of the card."""

    HAULED = "hauled"
    PROVEN = "hauled by another device, proven against this card"
    UNPROVEN = "hauled by another device, not proven"
    UNDER_WAY = "under way"
    DIFFERS = "read again, and different"
    OTHER_CONTENT = "other content"
    UNREADABLE = "unreadable"
    MISSING = "missing"

    @property
    def is_home(self) -> bool:
        """Whether the file need not be on the card any more."""
        return self in (HaulState.HAULED, HaulState.PROVEN)


class Obstacle(enum.Enum):
    """Why a haul of its recording does not bring a file home, or brings it otherwise than others."""

    NOT_SHOWN = "the camera lists the file and does not show it"
    UNFINISHED = "the film is not finished"
    OTHER_DEVICE = "another device hauls it"
    GAP = "its recording lacks a chapter"
    UNREAD_CHAPTER = "a chapter of its recording cannot be read"
    BROKEN_CHAPTER = "another chapter of its recording is broken"
    NAME_TAKEN = "the session of its recording has other files"
    CARD_CHANGED = "a session has begun with another file of this name"
    UNDATED = "the camera gives it no date"
    UNSURE = "the camera does not tell it from the file that is home"
    NO_CAMERA = "nothing says which camera recorded it"
    TWO_CAMERAS = "its recording has films of several cameras"
    TRIED = "the haul of this run did not bring it"


WORST_FIRST = (
    HaulState.DIFFERS,
    HaulState.UNREADABLE,
    HaulState.OTHER_CONTENT,
    HaulState.MISSING,
    HaulState.UNPROVEN,
    HaulState.UNDER_WAY,
    HaulState.PROVEN,
    HaulState.HAULED,
)


@dataclass(frozen=True)
class StoredVersion:
    """The version of an object that a receipt is for."""

    version_id: str
    size_bytes: int
    crc: int


@dataclass(frozen=True)
class KnownChapter:
    """A chapter as the coordinator knows it: the file that was planned, by which device, and what a receipt is for.

    `is_own` when that device is the one that asks. Only the record says what another device's file was. `evidence` is
    None before the receipt, and of a coordinator that keeps none.
    """

    identity: FileIdentity
    session_id: str
    artifact_id: str
    device_id: str
    is_own: bool
    stored: StoredVersion | None
    notes: FilmNotes = NO_NOTES
    evidence: Evidence | None = None

    @property
    def path(self) -> str:
        return self.identity.file.path

    @property
    def level(self) -> Level | None:
        """How surely it is known; None before its receipt. A coordinator that says nothing of it has one read."""
        if self.stored is None:
            return None
        return self.evidence.level if self.evidence else Level.READ_ONCE


@dataclass(frozen=True)
class Proof:
    """A file of the card of one camera was found to be what is stored as this chapter."""

    serial: str
    card: FileIdentity
    chapter: KnownChapter

    def document(self) -> dict[str, Any]:
        """Everything that the proof depends on; if any of it changes, the proof is void."""
        return {
            "serial": self.serial,
            "card": asdict(self.card),
            "session_id": self.chapter.session_id,
            "artifact_id": self.chapter.artifact_id,
            "stored": asdict(self.chapter.stored) if self.chapter.stored else None,
        }


@dataclass(frozen=True)
class FileState:
    """One file and its state; `chapter` is where it was found, `reason` explains the state.

    `obstacle` is known only after a look at the camera: it decides what helps.
    """

    file: CameraFile
    state: HaulState
    chapter: KnownChapter | None = None
    reason: str | None = None
    obstacle: Obstacle | None = None

    @property
    def notes(self) -> FilmNotes:
        """What was noted of this film; the notes of another one under its name say nothing of it."""
        if self.chapter is None or self.state is HaulState.OTHER_CONTENT:
            return NO_NOTES
        return self.chapter.notes

    @property
    def level(self) -> Level | None:
        """How surely the file is known; None while it is not home."""
        return self.chapter.level if self.state.is_home and self.chapter else None


@dataclass(frozen=True)
class RecordingState:
    """A recording and its files' states, in its order; `serial` is its camera's, None where nothing says whose."""

    recording: Recording
    files: tuple[FileState, ...]
    serial: str | None

    @property
    def state(self) -> HaulState:
        """That of the file that is worst off."""
        return next(each for each in WORST_FIRST if each in {file.state for file in self.files})

    @property
    def level(self) -> Level | None:
        """The least level of its files; None while one is not home."""
        levels = [file.level for file in self.files]
        return least(level for level in levels if level) if all(levels) else None

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The sessions that its files were found in."""
        return tuple(dict.fromkeys(file.chapter.session_id for file in self.files if file.chapter))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noted of its films, each with the film's path."""
        return tuple(f"{file.file.path}  {text}" for file in self.files for text in file.notes.texts)

    @property
    def is_unfinished(self) -> bool:
        """Whether one of its films was hauled unfinished."""
        return any(file.notes.unfinished for file in self.files)

    @property
    def device_ids(self) -> tuple[str, ...]:
        """The devices that haul those sessions."""
        return tuple(dict.fromkeys(file.chapter.device_id for file in self.files if file.chapter))


def by_path(known: Sequence[KnownChapter]) -> Mapping[str, Sequence[KnownChapter]]:
    """What is known under each path."""
    found: dict[str, list[KnownChapter]] = {}
    for chapter in known:
        found.setdefault(chapter.path, []).append(chapter)
    return found


def states_by_list(
    card: Sequence[Recording], known: Sequence[KnownChapter], serial: str | None
) -> tuple[RecordingState, ...]:
    """The state of each recording of a camera by the list alone, which does not show a changed ETag, gumi or byte."""
    found = by_path(known)
    return tuple(
        RecordingState(
            recording,
            tuple(file_state(FileIdentity(file), found.get(file.path, ())) for file in recording.files),
            serial,
        )
        for recording in card
    )


def file_state(card: FileIdentity, known: Sequence[KnownChapter]) -> FileState:
    """The state of one file among the chapters that are known under its path.

    A receipt of this device speaks for its card. One of another device says what that device read: until the stored
    object is compared with this card, that is UNPROVEN.
    """
    same = same_chapters(card, known)
    verified = [chapter for chapter in same if chapter.stored]
    if own := [chapter for chapter in verified if chapter.is_own]:
        return FileState(card.file, HaulState.HAULED, max(own, key=_sureness))
    if verified:
        return FileState(card.file, HaulState.UNPROVEN, verified[0])
    if same:
        return FileState(card.file, HaulState.UNDER_WAY, same[0])
    return FileState(card.file, HaulState.OTHER_CONTENT if known else HaulState.MISSING)


def _sureness(chapter: KnownChapter) -> tuple[bool, int]:
    """What tells which of several chapters of one file speaks for it: that its reads agree, then its level."""
    agrees = chapter.evidence is None or chapter.evidence.agrees
    return agrees, list(Level).index(chapter.level or Level.READ_ONCE)


def same_chapters(card: FileIdentity, known: Sequence[KnownChapter]) -> list[KnownChapter]:
    """The known chapters that are of this file."""
    return [chapter for chapter in known if likeness(card, chapter.identity) is Likeness.SAME]


def may_be_late(file: CameraFile, known: Sequence[KnownChapter]) -> bool:
    """Whether the list has a known file but for its size, as a list that is not up to date does."""
    return file.is_dated and any(
        replace(file, size_bytes=chapter.identity.file.size_bytes) == chapter.identity.file
        for chapter in known
    )


def lacks_etag(card: FileIdentity, known: Sequence[KnownChapter]) -> bool:
    """Whether the camera gave no ETag for a file that had one when it was hauled."""
    return card.etag is None and any(chapter.identity.etag for chapter in same_chapters(card, known))
