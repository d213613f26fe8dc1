"""Pure: what the camera's state says of its card beside the list, and when that means to keep the card.

The list may lack files: Labs firmware's own basenames over USB, a fault that a restart mends. The state's count of
videos and its used space know nothing of names, so that they see what the list does not have.
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
    """What the camera's state says of its card; None is a witness that says nothing of use."""

    videos: int | None = None
    used_bytes: int | None = None

    @property
    def silences(self) -> tuple[str, ...]:
        """What cannot be compared with the list, in words."""
        said = []
        if self.videos is None:
            said.append("the camera does not say how many videos its card has")
        if self.used_bytes is None:
            said.append("the camera does not say how much of its card is used")
        return tuple(said)


@dataclass(frozen=True)
class Inventory:
    """What the list has: entries of all kinds, recordings, files that are or may be videos, and the bytes of all.

    A film of which no recording is known is one of its own.
    """

    entries: int
    recordings: int
    videos: int
    sizes_bytes: tuple[int, ...]


def unexplained_bytes(listed: Inventory, witnesses: Witnesses) -> int | None:
    """How much of the card is used by what the list does not have; None where the camera does not say.

    A file that is larger than all that is used explains nothing.
    """
    used_bytes = witnesses.used_bytes
    if used_bytes is None:
        return None
    listed_bytes = sum(size_bytes for size_bytes in listed.sizes_bytes if size_bytes <= used_bytes)
    return max(0, used_bytes - listed_bytes - BESIDE_AN_ENTRY_BYTES * listed.entries)


def doubts(listed: Inventory, witnesses: Witnesses) -> tuple[str, ...]:
    """Why the list cannot be all that the card has, and what to do. A silent witness raises a doubt of no list but an
    empty one."""
    found = (_doubt_of_count(listed, witnesses), _doubt_of_space(listed, witnesses))
    return tuple(doubt for doubt in found if doubt)


def _doubt_of_count(listed: Inventory, witnesses: Witnesses) -> str | None:
    """Nothing says whether a camera counts recordings or their chapters: what is neither is more than the list has."""
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
    """An empty list is also how a camera's fault looks: only a witness tells it from an empty card."""
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
