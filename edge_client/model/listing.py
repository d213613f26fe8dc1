"""Pure: the camera's list entry by entry, and what the camera's state says about the card in addition to its list.

Nothing that may be a video is lost between the list and the files: an entry that cannot be read stays as such, and its
card is never safe to erase. The list may lack files: Labs firmware's own basenames over USB, a fault that a restart
mends. The state's count of videos and its used space do not depend on names, so they show what the list lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edge_client.model.files import CameraFile
from edge_client.model.gopro_names import may_be_video, parsed
from edge_client.model.recordings import Recording, recordings, unrecognised

GIGABYTE = 1_000_000_000
# More than tables, folders and half-filled clusters of the largest cards take, and no more than a chapter of a FAT32
# card has: 2^32 bytes.
MOST_UNEXPLAINED_BYTES = 4 * GIGABYTE
# A card that was just formatted has tables and empty folders alone: tens of megabytes.
MOST_USED_WHEN_EMPTY_BYTES = 256_000_000
# What the list does not say of an entry: its thumbnail, and the half-filled clusters of up to three files.
BESIDE_AN_ENTRY_BYTES = 1_000_000

READER = "put the card into a reader and look for films that the camera does not list"
RESTART = f"switch the camera off and on, and if it still lists nothing, {READER}"

NOT_NAMED = "the list does not say which file it is"
NOT_LEGIBLE = "its name has control characters, so nothing can be asked of it"
NOT_ANSWERED = "the list does not give its size, and the camera does not answer how long it is"
NOT_ALIKE = "the list has it twice and not alike; switch the camera off and on"
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Witnesses:
    """What the camera's state says about its card; None when it says nothing useful."""

    videos: int | None = None
    used_bytes: int | None = None

    @property
    def silences(self) -> tuple[str, ...]:
        """What cannot be compared with the list, as text."""
        said = []
        if self.videos is None:
            said.append("the camera does not say how many videos its card has")
        if self.used_bytes is None:
            said.append("the camera does not say how much of its card is used")
        return tuple(said)


@dataclass(frozen=True)
class CameraStatus:
    """What a camera that is ready says of itself; `concerns` are why it may switch itself off, as text."""

    witnesses: Witnesses = Witnesses()
    concerns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inventory:
    """What the list has: entries of all kinds, recordings, files that are or may be videos, and the bytes of all.

    A film whose recording is unknown counts as a recording of its own.
    """

    entries: int
    recordings: int
    videos: int
    sizes_bytes: tuple[int, ...]


def unexplained_bytes(listed: Inventory, witnesses: Witnesses) -> int | None:
    """The used bytes of the card that the list does not explain; None when the camera does not say.

    A file that is larger than the used space does not count.
    """
    used_bytes = witnesses.used_bytes
    if used_bytes is None:
        return None
    listed_bytes = sum(size_bytes for size_bytes in listed.sizes_bytes if size_bytes <= used_bytes)
    return max(0, used_bytes - listed_bytes - BESIDE_AN_ENTRY_BYTES * listed.entries)


def doubts(listed: Inventory, witnesses: Witnesses) -> tuple[str, ...]:
    """Why the list cannot be complete, and what to do. A missing witness casts doubt only on an empty list."""
    found = (_doubt_of_count(listed, witnesses), _doubt_of_space(listed, witnesses))
    return tuple(doubt for doubt in found if doubt)


def _doubt_of_count(listed: Inventory, witnesses: Witnesses) -> str | None:
    """A doubt when the count exceeds the recordings and is not the number of files: cameras may count either."""
    counted = witnesses.videos
    if counted is None or counted <= listed.recordings or counted == listed.videos:
        return None
    there = f"{listed.videos} files of {listed.recordings} recordings" if listed.videos else "none"
    return f"the camera counts {counted} videos, but its list has {there}: {READER}"


def _doubt_of_space(listed: Inventory, witnesses: Witnesses) -> str | None:
    if not listed.entries:
        return _doubt_of_emptiness(witnesses)
    unexplained = unexplained_bytes(listed, witnesses)
    if unexplained is None or unexplained <= MOST_UNEXPLAINED_BYTES:
        return None
    return f"{unexplained / GIGABYTE:.1f} GB of the card are used by what the camera does not list: {READER}"


def _doubt_of_emptiness(witnesses: Witnesses) -> str | None:
    """A camera with a fault may show an empty list too: only a witness distinguishes it from an empty card."""
    used_bytes = witnesses.used_bytes
    if used_bytes is None:
        return (
            None
            if witnesses.videos == 0
            else f"the camera lists nothing, and nothing else is known: {RESTART}"
        )
    if used_bytes <= MOST_USED_WHEN_EMPTY_BYTES:
        return None
    return f"the camera lists nothing, but {used_bytes / GIGABYTE:.1f} GB of its card are used: {RESTART}"


@dataclass(frozen=True)
class Entry:
    """One entry of the list; None for each field that cannot be read.

    `beside_bytes` is what the camera keeps with the file and does not list: proxy, raw photo. `proxy_bytes` is the size
    of its proxy, None where the list promises none.
    """

    directory: str | None = None
    filename: str | None = None
    size_bytes: int | None = None
    created: int | None = None
    modified: int | None = None
    beside_bytes: int = 0
    proxy_bytes: int | None = None

    @property
    def may_be_video(self) -> bool:
        """Whether nothing shows that it is a photo or the like."""
        return self.filename is None or may_be_video(self.filename)

    @property
    def is_legible(self) -> bool:
        """Whether its name can be one that a camera gave: no control character is in it."""
        return not CONTROL.search(f"{self.directory or ''}{self.filename or ''}")

    @property
    def label(self) -> str:
        """Its path as far as it is known."""
        return f"{self.directory or '?'}/{self.filename or '?'}"

    def is_chapter_of(self, recording: Recording) -> bool:
        """Whether its name says so, in any directory."""
        name = parsed(self.filename) if self.filename else None
        return name is not None and (name.prefix, name.number) == (recording.prefix, recording.number)

    def file(self, size_bytes: int) -> CameraFile | None:
        """The file that it names; None when it names none."""
        if self.directory is None or self.filename is None:
            return None
        return CameraFile(self.directory, self.filename, size_bytes, self.created, self.modified)


@dataclass(frozen=True)
class Unreadable:
    """An entry that may be a video but does not lead to a file."""

    entry: Entry
    reason: str

    @property
    def label(self) -> str:
        return self.entry.label


@dataclass(frozen=True)
class Listed:
    """The whole list: files of known size, unreadable entries that may be videos, and the count of other entries.

    `others` counts photos and the like, those among the files too; `sizes_bytes` are of all files, the listed ones
    and those beside them. `proxies` are the sizes of the proxies that the list promises, by the paths of their films.
    """

    files: tuple[CameraFile, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    entries: int = 0
    others: int = 0
    sizes_bytes: tuple[int, ...] = ()
    witnesses: Witnesses = field(default_factory=Witnesses)
    proxies: Mapping[str, int] = field(default_factory=dict)

    def inventory(self) -> Inventory:
        """What the list has, to be compared with the camera's state. Raises CardFault when it contradicts itself."""
        card = recordings(self.files)
        no_recording = len(unrecognised(self.files)) + len(self.unreadable)
        return Inventory(
            entries=self.entries,
            recordings=len(card) + no_recording,
            videos=sum(len(one.files) for one in card) + no_recording,
            sizes_bytes=self.sizes_bytes,
        )

    def unreadable_of(self, recording: Recording) -> list[Unreadable]:
        """Those that are a chapter of this recording by their names, in any directory."""
        return [each for each in self.unreadable if each.entry.is_chapter_of(recording)]


def listed(
    entries: Sequence[Entry], found: Iterable[CameraFile | Unreadable | None], witnesses: Witnesses
) -> Listed:
    """The list made of its entries and the result of each: None means a photo or the like of unknown size."""
    results = list(found)
    contradicted = _contradicted(each for each in results if isinstance(each, CameraFile))
    unreadable = [each for each in results if isinstance(each, Unreadable)]
    unreadable += [
        Unreadable(Entry(file.directory, file.filename), NOT_ALIKE) for file in contradicted.values()
    ]
    files = [each for each in results if isinstance(each, CameraFile) and each.path not in contradicted]
    return Listed(
        files=tuple(files),
        unreadable=tuple(unreadable),
        entries=len(entries),
        others=sum(not entry.may_be_video for entry in entries),
        sizes_bytes=(*(file.size_bytes for file in files), *(entry.beside_bytes for entry in entries)),
        witnesses=witnesses,
        proxies={entry.label: entry.proxy_bytes for entry in entries if entry.proxy_bytes is not None},
    )


def _contradicted(files: Iterable[CameraFile]) -> dict[str, CameraFile]:
    """One video for each path that the list gives to different videos: the client cannot know which is there."""
    seen: dict[str, CameraFile] = {}
    return {
        file.path: file
        for file in files
        if may_be_video(file.filename) and seen.setdefault(file.path, file) != file
    }
