"""A memory card as values: directories of files, in the order in which the camera lists them."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from infra.local.camera.content import sha256
from infra.local.gopro_file import Content

SERIAL = "C3501324500711"
MODEL = "HERO12 Black"
FIRMWARE = "H23.01.02.32.00"
CREATED = 1_656_931_398
ABSENT = object()


@dataclass(frozen=True)
class Group:
    """What the list says more of a burst or time lapse: its number, first and last member, kind, bytes of all."""

    number: int
    first: int
    last: int
    kind: Literal["b", "c", "n", "t"]
    total_bytes: int


@dataclass(frozen=True)
class CardFile:
    """One file. `created` and `modified` are the camera's wall clock, coded as an epoch, as its list says them.

    `listed_bytes` is what the list says where that is not the file's size; a file that is not `listed` is served all
    the same. `listed_as` is what its entry says instead, key by key; ABSENT leaves the key out. `etag` and `gumi` are
    what the camera says of it where that does not follow from the rest.
    """

    name: str
    content: Content
    created: int = CREATED
    modified: int = CREATED
    duration_s: float = 0.0
    width: int = 3840
    height: int = 2160
    fps: Fraction = field(default_factory=lambda: Fraction(30_000, 1001))
    low_resolution_bytes: int = 0
    raw: bool = False
    group: Group | None = None
    has_info: bool = True
    listed_bytes: int | None = None
    listed: bool = True
    listed_as: tuple[tuple[str, object], ...] = ()
    etag: str | None = None
    gumi: str | None = None

    @property
    def size_bytes(self) -> int:
        return self.content.size_bytes

    @property
    def suffix(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def is_video(self) -> bool:
        return self.suffix in ("MP4", "360")

    def sha256(self) -> str:
        return sha256(self.content)


@dataclass(frozen=True)
class Directory:
    name: str
    files: tuple[CardFile, ...]


@dataclass(frozen=True)
class Card:
    """The camera's card and name. `utc_offset_s` is how far its wall clock is ahead of UTC.

    `label` tells this card from another with files of the same names, sizes and dates: it is in their unique ids.
    """

    directories: tuple[Directory, ...] = ()
    serial: str = SERIAL
    model: str = MODEL
    firmware: str = FIRMWARE
    utc_offset_s: int = 3600
    label: str = ""

    def find(self, directory: str, name: str) -> CardFile | None:
        """The file of exactly this directory and name; case counts."""
        return next((file for d, file in self.files() if (d, file.name) == (directory, name)), None)

    def files(self) -> tuple[tuple[str, CardFile], ...]:
        """All files with the name of their directory, in listed order."""
        return tuple((directory.name, file) for directory in self.directories for file in directory.files)

    @property
    def used_bytes(self) -> int:
        """The bytes of all files, listed or not."""
        return sum(file.size_bytes for _, file in self.files())

    def listed(self) -> tuple[tuple[str, CardFile], ...]:
        """The files that the camera's list names."""
        return tuple((directory, file) for directory, file in self.files() if file.listed)

    def mtime(self, file: CardFile) -> int:
        """When the file was modified, in UTC, as ETag and Last-Modified say it."""
        return file.modified - self.utc_offset_s

    def etag(self, file: CardFile) -> str:
        return f'"{self.mtime(file):x}.{file.size_bytes}"' if file.etag is None else file.etag

    def gumi(self, directory: str, file: CardFile) -> str:
        """The file's unique id in its media info: 32 hex digits."""
        identity = f"{self.label}{self.serial}/{directory}/{file.name}/{file.size_bytes}/{file.created}"
        return file.gumi or hashlib.sha256(identity.encode()).hexdigest()[:32]

    def with_file(self, directory: str, file: CardFile) -> Card:
        """The same card with `file` in place of the one of that name: it grew, or was repaired."""
        return replace(
            self,
            directories=tuple(_replaced(d, file) if d.name == directory else d for d in self.directories),
        )

    def without(self, directory: str, name: str) -> Card:
        """The same card without one file."""
        kept = (
            replace(d, files=tuple(f for f in d.files if (d.name, f.name) != (directory, name)))
            for d in self.directories
        )
        return replace(self, directories=tuple(kept))

    def unsorted(self, seed: int) -> Card:
        """The same card, its directories' files listed in an order that follows from `seed`."""
        order = random.Random(seed)  # nosec B311 # an order to play again
        shuffled = (replace(d, files=tuple(order.sample(d.files, len(d.files)))) for d in self.directories)
        return replace(self, directories=tuple(shuffled))


def _replaced(directory: Directory, file: CardFile) -> Directory:
    return replace(directory, files=tuple(file if f.name == file.name else f for f in directory.files))
