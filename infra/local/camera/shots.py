"""What cards hold, as builders: recordings under all names that cameras give, photos, twins of films, and broken films.

Names: docs and samples of Open GoPro; those of Labs firmware are its documentation's (gopro.github.io/labs/control:
basename, encrypt, proxies).
"""

from __future__ import annotations

from dataclasses import replace

from infra.local.camera.card import CREATED, FIRMWARE, MODEL, SERIAL, Card, CardFile, Directory, Group
from infra.local.camera.content import (
    Clipped,
    Inserted,
    Patched,
    VirtualContent,
    other_bytes,
    unfinished_chapter,
    virtual_chapter,
)
from infra.local.gopro_file import GproHeader

CHAPTER_S = 1025
THUMBNAIL_BYTES = 12_000
# A film's head and tail fit into it.
LEAST_TWIN_BYTES = 2000
JPEG_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"


def card_with(*files: CardFile, directory: str = "100GOPRO", serial: str = SERIAL) -> Card:
    """A card with one directory."""
    return Card((Directory(directory, files),), serial=serial)


def recording(
    number: int,
    sizes_bytes: list[int],
    *,
    serial: str = SERIAL,
    created: int = CREATED,
    prefix: str = "GX",
) -> tuple[CardFile, ...]:
    """The virtual chapters of one recording, structurally whole, GX01nnnn.MP4 first.

    Other prefixes: GH and GM (AVC), SX (encrypted by Labs firmware, which leaves the structure as it is), a Labs
    basename of up to 28 characters and then GX.
    """
    names = [f"{prefix}{chapter:02}{number:04}.MP4" for chapter in range(1, len(sizes_bytes) + 1)]
    return _films(names, sizes_bytes, number * 100, serial, created)


def old_recording(number: int, sizes_bytes: list[int], *, serial: str = SERIAL) -> tuple[CardFile, ...]:
    """The chapters of a HERO5 or older: GOPRnnnn.MP4 first, then GP01nnnn.MP4."""
    later = [f"GP{chapter:02}{number:04}.MP4" for chapter in range(1, len(sizes_bytes))]
    return _films([f"GOPR{number:04}.MP4", *later], sizes_bytes, number * 100, serial, CREATED)


def loop(letters: str, first: int, sizes_bytes: list[int]) -> tuple[CardFile, ...]:
    """A looping video: the letters name the loop (AA), the number runs on from `first`."""
    names = [f"GX{letters}{number:04}.MP4" for number in range(first, first + len(sizes_bytes))]
    return _films(names, sizes_bytes, first, SERIAL, CREATED)


def spheres(number: int, sizes_bytes: list[int]) -> tuple[CardFile, ...]:
    """The chapters of a .360 recording: they have `ls` and no `glrv`."""
    names = [f"GS{chapter:02}{number:04}.360" for chapter in range(1, len(sizes_bytes) + 1)]
    films = _films(names, sizes_bytes, number, SERIAL, CREATED)
    return tuple(replace(film, low_resolution_bytes=film.size_bytes // 10) for film in films)


def sphere(number: int, size_bytes: int) -> CardFile:
    """A .360 film of one chapter."""
    return spheres(number, [size_bytes])[0]


def photo(name: str, size_bytes: int, *, raw: bool = False) -> CardFile:
    return CardFile(name, VirtualContent(size_bytes, seed=1), raw=raw, width=5568, height=4872)


def burst(number: int, first: int, last: int, size_bytes: int) -> CardFile:
    """The first photo of a burst, with `size_bytes` a photo; the list shows all of it as one item."""
    return burst_photos(number, first, last, size_bytes)[0]


def burst_photos(number: int, first: int, last: int, size_bytes: int) -> tuple[CardFile, ...]:
    """All photos of a burst: only the first is listed, for all."""
    group = Group(number, first, last, "b", size_bytes * (last - first + 1))
    photos = [photo(f"G{number:03}{member:04}.JPG", size_bytes) for member in range(first, last + 1)]
    return (replace(photos[0], group=group), *(replace(member, listed=False) for member in photos[1:]))


def with_twins(*films: CardFile) -> tuple[CardFile, ...]:
    """The films, each with its unlisted low-resolution twin (GLccnnnn.LRV) and its thumbnail (.THM).

    The list promises the twin by its size, a 48th of the film's unless the film says another.
    """
    return tuple(file for film in map(_promising, films) for file in (film, *_twins(film)))


def with_proxies(*films: CardFile) -> tuple[CardFile, ...]:
    """The films, each with its unlisted proxy in a folder next to them, as Labs firmware has it instead of a twin."""
    return tuple(file for film in map(_promising, films) for file in (film, _proxy(film)))


def unfinished(film: CardFile, mdat_bytes: int = 0) -> CardFile:
    """The film as it is before the camera has finalised it: `mdat` claims `mdat_bytes`, and `moov` is missing."""
    header = GproHeader(SERIAL, FIRMWARE, MODEL)
    return replace(film, content=unfinished_chapter(film.size_bytes, 1, header, mdat_bytes))


def opaque(film: CardFile) -> CardFile:
    """The film as nothing but noise: no boxes, no header."""
    return replace(film, content=VirtualContent(film.size_bytes, seed=1))


def cut_short(film: CardFile, missing_bytes: int) -> CardFile:
    """The film without its last bytes: read too soon, or grown since it was listed."""
    return replace(film, content=Clipped(film.content, film.size_bytes - missing_bytes))


def trailed(film: CardFile, trailing: bytes) -> CardFile:
    """The film with bytes after its last box, as some cameras leave them after a repair."""
    return replace(film, content=Inserted(film.content, film.size_bytes, trailing))


def repaired(film: CardFile, size_bytes: int) -> CardFile:
    """The film as the camera rewrote it after a loss of power: whole, of another length and date."""
    content = virtual_chapter(size_bytes, 2, GproHeader(SERIAL, FIRMWARE, MODEL))
    return replace(film, content=content, modified=film.modified + 60)


def other_card(card: Card, serial: str | None = None) -> Card:
    """A card with files of the same names, sizes and dates, all with other bytes; of this camera, or of another."""
    header = GproHeader(serial or card.serial, card.firmware, card.model)
    directories = tuple(
        replace(d, files=tuple(replace(f, content=other_bytes(f.content, 7, header)) for f in d.files))
        for d in card.directories
    )
    return replace(card, directories=directories, serial=header.serial, label=f"{card.label}other ")


def _films(
    names: list[str], sizes_bytes: list[int], seed: int, serial: str, created: int
) -> tuple[CardFile, ...]:
    header = GproHeader(serial, FIRMWARE, MODEL)
    return tuple(
        CardFile(
            name,
            virtual_chapter(size_bytes, seed + chapter, header),
            created=created + CHAPTER_S * (chapter - 1),
            modified=created + CHAPTER_S * (chapter - 1),
            duration_s=60.0,
        )
        for chapter, (name, size_bytes) in enumerate(zip(names, sizes_bytes, strict=True), start=1)
    )


def _promising(film: CardFile) -> CardFile:
    return replace(
        film, low_resolution_bytes=film.low_resolution_bytes or max(film.size_bytes // 48, LEAST_TWIN_BYTES)
    )


def _twins(film: CardFile) -> tuple[CardFile, CardFile]:
    stem = film.name.rpartition(".")[0]
    low = virtual_chapter(film.low_resolution_bytes, 3, GproHeader(SERIAL, FIRMWARE, MODEL))
    picture = Patched(VirtualContent(THUMBNAIL_BYTES, seed=4), 0, JPEG_HEAD)
    return (
        CardFile(f"GL{stem[2:]}.LRV", low, film.created, film.modified, listed=False),
        CardFile(f"{stem}.THM", picture, film.created, film.modified, listed=False),
    )


def _proxy(film: CardFile) -> CardFile:
    name = f"Proxies/{film.name.rpartition('.')[0]}_Proxy.MP4"
    content = VirtualContent(film.low_resolution_bytes, seed=3)
    return CardFile(name, content, film.created, film.modified, listed=False)
