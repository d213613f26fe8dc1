"""Pure: camera file names, recordings, order, gaps and exact choice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_client.errors import ChapterGap, RecordingUnknown

DIRECTORY = re.compile(r"[0-9]{3}[A-Z0-9_]{5}", re.ASCII)
# HERO6 and later: letter, chapter, number. X is HEVC, H and M are AVC, S is a 360 degree video.
MODERN = re.compile(r"G(?:([XHM])([0-9]{2})([0-9]{4})\.MP4|S([0-9]{2})([0-9]{4})\.360)", re.ASCII)
# HERO5 and earlier: the first chapter is GOPRnnnn, the second GP01nnnn.
FIRST_OF_OLD = re.compile(r"GOPR([0-9]{4})\.MP4", re.ASCII)
LATER_OF_OLD = re.compile(r"GP([0-9]{2})([0-9]{4})\.MP4", re.ASCII)
VIDEOS = (".MP4", ".360")
RECORDING_NUMBER = re.compile(r"[0-9]{4}", re.ASCII)


@dataclass(frozen=True)
class CameraFile:
    """One file of the camera's list, in our words. `created` and `modified` are its wall clock as an epoch."""

    directory: str
    filename: str
    size_bytes: int
    created: int | None
    modified: int | None

    @property
    def path(self) -> str:
        return f"{self.directory}/{self.filename}"


@dataclass(frozen=True, order=True)
class ChapterName:
    """What a file name says: the recording's prefix and number, and which chapter of it this is (1-based)."""

    prefix: str
    number: str
    chapter: int


@dataclass(frozen=True)
class Recording:
    """The chapters that a camera wrote in one go, in order; `missing` are the chapter numbers that are not there."""

    directory: str
    prefix: str
    number: str
    files: tuple[CameraFile, ...]
    missing: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"{self.directory}/{self.prefix}..{self.number}"


@dataclass(frozen=True)
class ByNumber:
    """`--recording NNNN`: the one recording with this number."""

    number: str


@dataclass(frozen=True)
class ByFile:
    """`--file DIR/NAME`: exactly these files."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class Everything:
    """`--all`: every recording, each one a session of its own."""


Choice = ByNumber | ByFile | Everything


def parsed(filename: str) -> ChapterName | None:
    """What the name says, or None for photos, proxies, loops and whatever else is on a card."""
    if match := MODERN.fullmatch(filename):
        letter, chapter, number = match[1] or "S", match[2] or match[4], match[3] or match[5]
        return ChapterName(f"G{letter}", number, int(chapter)) if int(chapter) else None
    if match := FIRST_OF_OLD.fullmatch(filename):
        return ChapterName("GP", match[1], 1)
    if match := LATER_OF_OLD.fullmatch(filename):
        return ChapterName("GP", match[2], int(match[1]) + 1) if int(match[1]) else None
    return None


def is_directory(name: str) -> bool:
    """Whether a directory name is one that a camera gives."""
    return DIRECTORY.fullmatch(name) is not None


def recordings(files: Iterable[CameraFile]) -> list[Recording]:
    """All recordings among `files`, ordered by directory and number; files that are no chapters are left out."""
    groups: dict[tuple[str, str, str], dict[int, CameraFile]] = {}
    for file in files:
        name = parsed(file.filename)
        if name and is_directory(file.directory):
            groups.setdefault((file.directory, name.number, name.prefix), {})[name.chapter] = file
    return [_recording(key, chapters) for key, chapters in sorted(groups.items())]


def strangers(files: Iterable[CameraFile]) -> list[str]:
    """Videos that are no chapters by their names, such as loops: nothing here knows what belongs to them."""
    return sorted(
        file.path
        for file in files
        if file.filename.upper().endswith(VIDEOS)
        and not (parsed(file.filename) and is_directory(file.directory))
    )


def _recording(key: tuple[str, str, str], chapters: dict[int, CameraFile]) -> Recording:
    directory, number, prefix = key
    missing = tuple(n for n in range(1, max(chapters) + 1) if n not in chapters)
    return Recording(directory, prefix, number, tuple(chapters[n] for n in sorted(chapters)), missing)


def chosen(files: Sequence[CameraFile], choice: ByNumber | ByFile) -> tuple[CameraFile, ...]:
    """Exactly the files asked for, in recording order. Raises RecordingUnknown or ChapterGap; never guesses."""
    if isinstance(choice, ByNumber):
        return whole(_the_one(recordings(files), choice.number)).files
    by_path = {file.path: file for file in files}
    if unknown := [path for path in choice.paths if path not in by_path]:
        raise RecordingUnknown(f"not on the camera: {', '.join(unknown)}")
    return tuple(sorted((by_path[path] for path in set(choice.paths)), key=_in_order))


def whole(recording: Recording) -> Recording:
    """The recording itself. Raises ChapterGap when one of its chapters is not on the card."""
    if recording.missing:
        numbers = ", ".join(f"{n:02d}" for n in recording.missing)
        raise ChapterGap(
            f"{recording.label} lacks chapter {numbers}; to haul what is left, name its files with --file"
        )
    return recording


def _the_one(found: Sequence[Recording], number: str) -> Recording:
    matching = [recording for recording in found if recording.number == number]
    if not matching:
        there = ", ".join(recording.number for recording in found) or "none"
        raise RecordingUnknown(f"no recording {number} on the camera; there are: {there}")
    if len(matching) > 1:
        labels = ", ".join(recording.label for recording in matching)
        raise RecordingUnknown(f"recording {number} is not unique ({labels}); name the files with --file")
    return matching[0]


def _in_order(file: CameraFile) -> tuple[str, str, str, int]:
    name = parsed(file.filename)
    if name is None or not is_directory(file.directory):
        raise RecordingUnknown(f"{file.path} is not named like a chapter")
    return (file.directory, name.number, name.prefix, name.chapter)


def session_name(serial: str, recording: Recording) -> str:
    """`{serial}-{directory}-{number}-{created}`, made to fit what the coordinator takes as a session id."""
    first = recording.files[0]
    created = first.created if first.created is not None else first.modified or 0
    fitted = re.sub(r"[^A-Za-z0-9._-]", "-", f"{serial}-{recording.directory}-{recording.number}-{created}")
    return re.sub(r"^[^A-Za-z0-9]+", "", fitted)[:100]
