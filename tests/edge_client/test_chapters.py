"""Names, recordings and exact choice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_client.camera import Camera
from edge_client.chapters import (
    ByFile,
    ByNumber,
    CameraFile,
    ChapterName,
    chosen,
    parsed,
    recordings,
    session_name,
)
from edge_client.errors import ChapterGap, RecordingUnknown
from tests.edge_client.fakes import FakeCamera


def file(name: str, directory: str = "100GOPRO", created: int | None = 7) -> CameraFile:
    return CameraFile(directory, name, 10, created, None)


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("GX010042.MP4", ChapterName("GX", "0042", 1)),
        ("GH990042.MP4", ChapterName("GH", "0042", 99)),
        ("GM020001.MP4", ChapterName("GM", "0001", 2)),
        ("GS010048.360", ChapterName("GS", "0048", 1)),
        ("GOPR8204.MP4", ChapterName("GP", "8204", 1)),
        ("GP018204.MP4", ChapterName("GP", "8204", 2)),
    ],
)
def test_a_chapter_name_tells_recording_and_chapter(filename: str, name: ChapterName):
    assert parsed(filename) == name


@pytest.mark.parametrize(
    "filename",
    [
        "GOPR0002.JPG",
        "GP017064.JPG",
        "GL010042.LRV",
        "GX010042.THM",
        "GXAA0001.MP4",
        "GS__0049.JPG",
        "GSAA0003.36P",
        "GX000042.MP4",
        "GP008204.MP4",
        "gx010042.mp4",
        "GX010042.MP4\n",
        "GX01\u0660042.MP4",
        "../GX010042.MP4",
        "",
    ],
)
def test_a_name_of_anything_else_is_no_chapter(filename: str):
    assert parsed(filename) is None


def test_recordings_are_ordered_by_number_and_not_by_file_name():
    found = recordings([file("GX010164.MP4"), file("GX020163.MP4"), file("GX010163.MP4")])

    assert [[f.filename for f in one.files] for one in found] == [
        ["GX010163.MP4", "GX020163.MP4"],
        ["GX010164.MP4"],
    ]


def test_the_same_number_in_two_directories_is_two_recordings():
    assert len(recordings([file("GX010001.MP4"), file("GX010001.MP4", "101GOPRO")])) == 2


def test_files_of_hostile_directories_are_left_out():
    assert recordings([file("GX010001.MP4", "../../etc"), file("GX010001.MP4", "100GOPRO/x")]) == []


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["GX020001.MP4"], "01"),
        (["GX010001.MP4", "GX030001.MP4"], "02"),
        (["GX040001.MP4", "GX020001.MP4"], "01, 03"),
    ],
)
def test_a_gap_in_a_recording_names_the_missing_chapters(names: list[str], missing: str):
    with pytest.raises(ChapterGap, match=f"lacks chapter {missing};"):
        chosen([file(name) for name in names], ByNumber("0001"))


def test_an_unknown_recording_names_those_that_are_there():
    with pytest.raises(RecordingUnknown, match="there are: 0001"):
        chosen([file("GX010001.MP4")], ByNumber("0002"))


def test_a_number_that_is_not_unique_is_not_guessed():
    with pytest.raises(RecordingUnknown, match="not unique"):
        chosen([file("GX010001.MP4"), file("GX010001.MP4", "101GOPRO")], ByNumber("0001"))


def test_named_files_come_in_recording_order_and_once():
    files = [file("GX020001.MP4"), file("GX010001.MP4"), file("GX010002.MP4")]
    choice = ByFile(("100GOPRO/GX020001.MP4", "100GOPRO/GX010001.MP4", "100GOPRO/GX020001.MP4"))

    assert [f.filename for f in chosen(files, choice)] == ["GX010001.MP4", "GX020001.MP4"]


def test_a_named_file_that_is_not_there_is_refused():
    with pytest.raises(RecordingUnknown, match="GX010009"):
        chosen([file("GX010001.MP4")], ByFile(("100GOPRO/GX010009.MP4",)))


@pytest.mark.parametrize(
    ("serial", "expected"), [("C1", "C1-100GOPRO-0001-7"), ("-ä b", "b-100GOPRO-0001-7")]
)
def test_a_session_name_fits_what_the_coordinator_takes(serial: str, expected: str):
    [recording] = recordings([file("GX010001.MP4")])

    assert session_name(serial, recording) == expected


def test_a_session_name_has_at_most_100_characters():
    [recording] = recordings([file("GX010001.MP4")])

    assert len(session_name("S" * 200, recording)) == 100


def listed(camera: FakeCamera, path: Path) -> list[CameraFile]:
    camera.faults["list"] = [(200, path.read_bytes())]
    reader = Camera(camera.url, lambda: 0.0)
    try:
        return reader.files(1)
    finally:
        reader.close()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("issue887_media_list.json", ["GX..0163", "GX..0164"]),
        ("issue135_media_list_hero10_usb.json", ["GX..0012"]),
        ("issue116_media_list_max_clock_reset_excerpt.json", ["GH..0047", "GS..0048", "GS..0050"]),
        ("hero4_hero5_legacy_gpMediaList_excerpt.json", ["GP..8204", "GP..8205", "GP..8206"]),
        ("opengopro_kmp_mediaListJson.json", ["GX..7060"]),
        ("opengopro_py_media_list_360.json", ["GX..0002"]),
    ],
)
def test_real_lists_give_their_recordings(camera: FakeCamera, real_lists: Path, name: str, labels: list[str]):
    found = recordings(listed(camera, real_lists / name))

    assert {label.rpartition("/")[2] for label in (one.label for one in found)} >= set(labels)


@pytest.mark.data
def test_a_real_list_with_a_lost_first_chapter_is_told_by_its_gap(camera: FakeCamera, real_lists: Path):
    files = listed(camera, real_lists / "issue887_media_list.json")

    with pytest.raises(ChapterGap, match="01"):
        chosen(files, ByNumber("0163"))
    assert [f.size_bytes for f in chosen(files, ByNumber("0164"))] == [11536686945, 6352656620]


@pytest.mark.data
def test_real_long_recordings_are_one_recording_a_camera(real_lists: Path):
    cameras = json.loads((real_lists / "long_recordings_real_sizes.json").read_text())["cameras"]

    counts = {
        camera: [
            len(one.files) for one in recordings(CameraFile("100GOPRO", n, s, None, None) for n, s in rows)
        ]
        for camera, rows in cameras.items()
    }

    assert counts == {"FR": [3], "NL": [3], "FL": [5], "NR": [4]}
