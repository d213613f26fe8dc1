"""Camera files for tests: generated twins always, and the real ones as well where they are beside the project.

A twin has what the tests read of its original: the names, the sizes and the dates of a list, the boxes and the headers
of a film. Its samples are not a picture.
"""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from infra.local.gopro_file import FTYP_BYTES, GproHeader, head_bytes, tail_bytes

REAL = Path(__file__).parents[3] / "shared" / "data" / "gopro"
FILMS = {
    "hero7.mp4": GproHeader("C3281324500963", "HD7.01.01.70.00", "HERO7 Black", "LAJ8051935600462"),
    "karma.mp4": GproHeader("C3161325750003", "HD5.02.02.00.00", "HERO5 Black", "LAE6101112400243"),
    "max-heromode.mp4": GproHeader("C3353424500199", "H19.03.01.30.00", "GoPro Max", "C33632245042171"),
}
PLACES = ["generated", *([pytest.param("real", marks=pytest.mark.data)] if REAL.is_dir() else [])]


def films_of(place: str, folder: Path) -> Path:
    """The folder with the films of FILMS: the real ones, or twins made in `folder`."""
    if place == "real":
        return REAL / "mp4"
    for seed, (name, header) in enumerate(FILMS.items()):
        (folder / name).write_bytes(twin_film(header, size_bytes=150_000 + seed, seed=seed))
    return folder


def lists_of(place: str, folder: Path) -> Path:
    """The folder with media lists as cameras sent them: the real ones, or twins made in `folder`."""
    if place == "real":
        return REAL / "json"
    for name, (directory, files) in LISTS.items():
        media = [{"d": directory, "fs": [_file(*file) for file in files]}]
        (folder / name).write_text(json.dumps({"id": "1", "media": media}))
    (folder / "long_recordings_real_sizes.json").write_text(json.dumps({"cameras": LONG_RECORDINGS}))
    return folder


def twin_film(header: GproHeader, size_bytes: int, seed: int = 0, duration_s: float = 8.5) -> bytes:
    """A whole film of `size_bytes` bytes: `ftyp`, `mdat` with its GPRO header, `moov` with duration and lens."""
    tail = _with_lens(tail_bytes(duration_s), header)
    head = head_bytes(header, size_bytes - FTYP_BYTES - len(tail))
    samples = random.Random(seed).randbytes(size_bytes - len(head) - len(tail))
    return head + samples + tail


def _with_lens(moov: bytes, header: GproHeader) -> bytes:
    lens = _box(b"LENS", header.lens_serial.encode().ljust(16, b"\0"))
    return _box(b"moov", moov[8:] + _box(b"udta", lens))


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def _file(name: str, size_bytes: int, modified: int, more: dict[str, Any]) -> dict[str, Any]:
    """A file as it is listed: every number is text, and `cre` equals `mod` unless the camera has none."""
    created = {} if "without cre" in more else {"cre": str(modified)}
    told = {key: value for key, value in more.items() if key != "without cre"}
    return {"n": name, **created, "mod": str(modified), **told, "s": str(size_bytes)}


File = tuple[str, int, int, dict[str, Any]]


def _video(name: str, size_bytes: int, modified: int, low_bytes: int = 300_000) -> File:
    return name, size_bytes, modified, {"glrv": str(low_bytes), "ls": "-1"}


def _sphere(name: str, size_bytes: int, modified: int) -> File:
    return name, size_bytes, modified, {"ls": "400000"}


def _old(name: str, size_bytes: int, modified: int) -> File:
    """As HERO4 and HERO5 list it: without a time of creation."""
    return name, size_bytes, modified, {"ls": "-1", "without cre": True}


def _photo(name: str, modified: int, **more: str) -> File:
    return name, 2_500_000, modified, more


def _group(name: str, group: int, first: int, last: int, modified: int) -> File:
    return name, 60_000_000, modified, {"g": str(group), "b": str(first), "l": str(last), "t": "b", "m": []}


LISTS: dict[str, tuple[str, list[File]]] = {
    "issue887_media_list.json": (
        "100GOPRO",
        [
            _video("GX020163.MP4", 6_876_755_404, 1_768_816_698),
            _video("GX010164.MP4", 11_536_686_945, 1_768_839_442),
            _video("GX020164.MP4", 6_352_656_620, 1_768_840_467),
        ],
    ),
    "issue135_media_list_hero10_usb.json": (
        "100GOPRO",
        [_video("GX010012.MP4", 4_004_385_314, 1_644_663_618)],
    ),
    "issue116_media_list_max_clock_reset_excerpt.json": (
        "100GOPRO",
        [
            _video("GH010047.MP4", 11_948_174, 1_452_234_910),
            _sphere("GS010048.360", 39_469_556, 1_452_240_700),
            _photo("GS__0049.JPG", 1_452_246_178),
            _sphere("GS010050.360", 82_411_500, 1_452_246_186),
        ],
    ),
    "hero4_hero5_legacy_gpMediaList_excerpt.json": (
        "131GOPRO",
        [
            _old("GOPR8204.MP4", 54_447_740, 1_495_712_610),
            _old("GOPR8205.MP4", 146_317_687, 1_495_729_970),
            _old("GOPR8206.MP4", 99_545_292, 1_495_730_200),
        ],
    ),
    "opengopro_kmp_mediaListJson.json": (
        "100GOPRO",
        [
            *(_photo(f"GOPR{number}.JPG", 1_725_619_383 + number) for number in range(7056, 7060)),
            _video("GX017060.MP4", 4_489_890, 1_659_744_181),
            _group("G0017061.JPG", 1, 7061, 7090, 1_729_860_144),
        ],
    ),
    "opengopro_kmp_mediaListJson2.json": (
        "100GOPRO",
        [
            _video(f"GX01{number}.MP4", 3_000_000 + number, 1_725_800_000 + number)
            if number in (7066, 7067, 7069, 7080, 7086, 7088)
            else _photo(
                f"GP01{number}.JPG", 1_725_800_000 + number, **({"raw": "1"} if number == 7071 else {})
            )
            for number in range(7064, 7089)
        ],
    ),
    "opengopro_py_media_list.json": (
        "100GOPRO",
        [
            *(
                _video(f"GX01{number:04d}.MP4", 30_000_000 + number, 1_657_013_100 + number)
                if number in (1, 4, 7, 8, 9)
                else _photo(f"GOPR{number:04d}.JPG", 1_657_013_100 + number)
                for number in range(1, 10)
            ),
            _group("G0010010.JPG", 1, 10, 39, 1_657_016_833),
            _group("G0020041.JPG", 2, 41, 70, 1_657_018_747),
            _video("GX010040.MP4", 25_086_075, 1_657_018_743),
            _photo("GOPR0039.JPG", 1_724_339_068, raw="1"),
        ],
    ),
    "opengopro_py_media_list_360.json": (
        "100GOPRO",
        [
            ("GS010001.36P", 3_264_094, 1_748_346_433, {}),
            _video("GX010002.MP4", 7_475_790, 1_748_346_556),
            *(
                _group(f"GSA{letter}{first:04d}.36P", 1001 + place, first, last, 1_750_861_268 + first)
                for place, (letter, first, last) in enumerate([("A", 3, 11), ("B", 13, 22), ("D", 35, 44)])
            ),
            ("GS010045.36P", 3_784_647, 1_753_794_421, {}),
            *(
                _sphere(f"GS01{number:04d}.360", 20_000_000 + number, 1_753_794_000 + number)
                for number in range(46, 53)
            ),
            ("GS010053.36P", 3_501_568, 1_753_794_613, {}),
        ],
    ),
}

LONG_RECORDINGS = {
    camera: [(f"GX{chapter:02d}{number:04d}.MP4", 11_500_000_000 + chapter) for chapter in range(1, chapters)]
    + [(f"GX{chapters:02d}{number:04d}.MP4", 3_000_000_000)]
    for camera, number, chapters in [("FR", 60, 3), ("NL", 8490, 3), ("FL", 85, 5), ("NR", 78, 4)]
}
