"""A folder of real MP4 files, presented as the card of one recording."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from infra.local.camera.card import Card, CardFile
from infra.local.camera.shots import card_with
from infra.local.gopro_file import BrokenFile, Content, DiskContent, GoproFile, inspected

CHAPTER_NAME = re.compile(r"(?P<prefix>G[XHM])(?P<chapter>[0-9]{2})(?P<number>[0-9]{4})\.MP4")
MOST_CHAPTERS = 99


class NoObjectStore(Exception):
    """The folder cannot be presented as a recording; the message says why."""


def card_of_folder(folder: Path) -> Card:
    """The folder's MP4 files, by name, as the chapters GX010001.MP4, GX020001.MP4, … in 100GOPRO.

    Names that are the chapters of one recording already stay. A proxy and a thumbnail beside a film, named as a camera
    names them, are its own. The card has the serial, firmware and model that all files state; files that state
    different ones, or none, get the default camera. Raises NoObjectStore.
    """
    paths = _films(folder)
    structures = [_structure(DiskContent.at(path)) for path in paths]
    offset_s = Card.utc_offset_s
    files = [
        _file(name, path, structure, offset_s)
        for name, path, structure in zip(_names(paths), paths, structures, strict=True)
    ]
    beside = [twin for file, path in zip(files, paths, strict=True) for twin in _twins(file, path)]
    return _signed(card_with(*files, *beside), structures)


def _films(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise NoObjectStore(f"{folder} is not a folder")
    paths = sorted(path for path in folder.iterdir() if path.suffix.upper() == ".MP4" and path.is_file())
    if not paths:
        raise NoObjectStore(f"{folder} holds no MP4 files")
    if len(paths) > MOST_CHAPTERS:
        raise NoObjectStore(
            f"{folder} holds {len(paths)} MP4 files; a recording has at most {MOST_CHAPTERS} chapters"
        )
    return paths


def _names(paths: list[Path]) -> list[str]:
    names = [path.name for path in paths]
    found = [name for name in map(CHAPTER_NAME.fullmatch, names) if name]
    recordings = {(name["prefix"], name["number"]) for name in found}
    chapters = [int(name["chapter"]) for name in found]
    if len(recordings) == 1 and chapters == list(range(1, len(paths) + 1)):
        return names
    return [f"GX{chapter:02}0001.MP4" for chapter in range(1, len(paths) + 1)]


def _structure(content: Content) -> GoproFile | None:
    try:
        return inspected(content)
    except BrokenFile:
        return None  # any film may be shown; it merely says nothing of its camera


def _file(name: str, path: Path, structure: GoproFile | None, utc_offset_s: int) -> CardFile:
    modified = int(path.stat().st_mtime) + utc_offset_s
    duration_s = structure.duration_s if structure else 0.0
    proxy = path.with_name(f"GL{path.stem[2:]}.LRV")
    return CardFile(
        name,
        DiskContent.at(path),
        created=modified,
        modified=modified,
        duration_s=duration_s,
        low_resolution_bytes=proxy.stat().st_size if proxy.is_file() else 0,
    )


def _twins(film: CardFile, path: Path) -> list[CardFile]:
    """The proxy and the thumbnail of a film, where they lie beside it."""
    stem = film.name.rpartition(".")[0]
    pairs = (
        (path.with_name(f"GL{path.stem[2:]}.LRV"), f"GL{stem[2:]}.LRV"),
        (path.with_suffix(".THM"), f"{stem}.THM"),
    )
    return [
        CardFile(name, DiskContent.at(there), film.created, film.modified, listed=False)
        for there, name in pairs
        if there.is_file()
    ]


def _signed(card: Card, structures: list[GoproFile | None]) -> Card:
    headers = {structure.header if structure else None for structure in structures}
    header = headers.pop()
    if headers or header is None:
        return card
    return replace(card, serial=header.serial, firmware=header.firmware, model=header.model or card.model)
