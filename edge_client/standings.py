"""Pure: how the files of a card stand against what the coordinator knows of its camera."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_client.chapters import CameraFile, Recording


class Standing(enum.Enum):
    """What is known of one file of the card."""

    HAULED = "hauled"
    UNDER_WAY = "under way"
    OTHER_CONTENT = "other content"
    MISSING = "missing"


@dataclass(frozen=True)
class KnownChapter:
    """A chapter as the coordinator knows it: the file that was planned, its session, and whether it is verified."""

    file: CameraFile
    etag: str | None
    session_id: str
    is_verified: bool


@dataclass(frozen=True)
class FileStanding:
    """One file and how it stands; `session_id` is the session that it was found in."""

    file: CameraFile
    standing: Standing
    session_id: str | None = None
    etag: str | None = None


@dataclass(frozen=True)
class RecordingStanding:
    """A recording and its files' standings, in its order."""

    recording: Recording
    files: tuple[FileStanding, ...]

    @property
    def standing(self) -> Standing:
        """That of the file that is worst off."""
        worst_first = (Standing.OTHER_CONTENT, Standing.MISSING, Standing.UNDER_WAY, Standing.HAULED)
        return next(each for each in worst_first if each in {file.standing for file in self.files})

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The sessions that its hauled files are in."""
        found = (file.session_id for file in self.files if file.session_id)
        return tuple(dict.fromkeys(found))


def verified_files(known: Iterable[KnownChapter]) -> frozenset[CameraFile]:
    """The files that need not be hauled again."""
    return frozenset(chapter.file for chapter in known if chapter.is_verified)


def standings(card: Sequence[Recording], known: Sequence[KnownChapter]) -> tuple[RecordingStanding, ...]:
    """How each recording of the card stands."""
    by_path: dict[str, list[KnownChapter]] = {}
    for chapter in known:
        by_path.setdefault(chapter.file.path, []).append(chapter)
    return tuple(_standing_of(recording, by_path) for recording in card)


def _standing_of(recording: Recording, by_path: Mapping[str, Sequence[KnownChapter]]) -> RecordingStanding:
    files = tuple(file_standing(file, by_path.get(file.path, ())) for file in recording.files)
    return RecordingStanding(recording, files)


def file_standing(file: CameraFile, known: Sequence[KnownChapter]) -> FileStanding:
    """How one file stands among the chapters that are known under its path.

    Names come again after every format, so only a file of the same size and dates is the same; one without any date
    may always be another.
    """
    is_dated = file.created is not None or file.modified is not None
    same = [chapter for chapter in known if is_dated and chapter.file == file]
    for chapter in same:
        if chapter.is_verified:
            return FileStanding(file, Standing.HAULED, chapter.session_id, chapter.etag)
    if same:
        return FileStanding(file, Standing.UNDER_WAY, same[0].session_id)
    return FileStanding(file, Standing.OTHER_CONTENT if known else Standing.MISSING)
