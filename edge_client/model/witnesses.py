"""Pure: what the camera's state, not its list, says about the card, and when that is a reason to keep the card.

The list may lack files: Labs firmware's own basenames over USB, a fault that a restart mends. The state's count of
videos and its used space do not depend on names, so they show what the list lacks.
"""

from __future__ import annotations

from dataclasses import dataclass

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
