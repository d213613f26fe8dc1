"""What a camera's file name says."""

from __future__ import annotations

import pytest

from edge_client.model.gopro_names import (
    PATH,
    SIDECAR_PATH,
    SPELLING,
    ChapterName,
    count,
    counted_on,
    is_directory,
    is_encrypted,
    label,
    may_be_video,
    parsed,
    proxy_of,
    spellings,
    thumbnail_of,
)

LONGEST_BASENAME = "CamA-20261124.180030(+1),__x"


@pytest.mark.parametrize(
    ("filename", "prefix", "number", "chapter"),
    [
        # HERO6 and later
        ("GX010042.MP4", "GX", "0042", 1),
        ("GX100042.MP4", "GX", "0042", 10),
        ("GH990042.MP4", "GH", "0042", 99),
        ("GM020001.MP4", "GM", "0001", 2),
        ("GX019999.MP4", "GX", "9999", 1),
        ("GG010059.MP4", "GG", "0059", 1),
        ("GS010048.360", "GS", "0048", 1),
        ("GS990048.360", "GS", "0048", 99),
        # their loops: the letters stay, the number counts
        ("GHAA0001.MP4", "GH", "AA", 1),
        ("GXAB0002.MP4", "GX", "AB", 2),
        ("GMZZ9999.MP4", "GM", "ZZ", 9999),
        # HERO5 and earlier: the first file has no chapter in its name
        ("GOPR8204.MP4", "GP", "8204", 1),
        ("GP018204.MP4", "GP", "8204", 2),
        ("GP998204.MP4", "GP", "8204", 100),
        # Fusion, front and back
        ("GPFR0042.MP4", "GF", "0042", 1),
        ("GF010042.MP4", "GF", "0042", 2),
        ("GPBK0042.MP4", "GB", "0042", 1),
        ("GB100042.MP4", "GB", "0042", 11),
        # Labs, a basename before any of them
        ("CAMERA06GX010042.MP4", "CAMERA06GX", "0042", 1),
        ("CamA-20261124180030-GH020042.MP4", "CamA-20261124180030-GH", "0042", 2),
        ("26-11-24_18.00.30_GS010042.360", "26-11-24_18.00.30_GS", "0042", 1),
        ("MAINGXAA0003.MP4", "MAINGX", "AA", 3),
        ("MAINGOPR0042.MP4", "MAINGP", "0042", 1),
        ("1GPFR0042.MP4", "1GF", "0042", 1),
        (f"{LONGEST_BASENAME}GX010042.MP4", f"{LONGEST_BASENAME}GX", "0042", 1),
        # the last eight are the camera's, whatever stands before them
        ("GX010041GX020042.MP4", "GX010041GX", "0042", 2),
        # Labs, encrypted
        ("SX014423.MP4", "SX", "4423", 1),
        ("SHAA0001.MP4", "SH", "AA", 1),
        ("CamA-SX024423.MP4", "CamA-SX", "4423", 2),
    ],
)
def test_every_form_tells_recording_and_chapter(filename: str, prefix: str, number: str, chapter: int):
    assert parsed(filename) == ChapterName(prefix, number, chapter)
    assert PATH.fullmatch(f"100GOPRO/{filename}")


@pytest.mark.parametrize(
    "filename",
    [
        # chapters run from 01, numbers from 0001
        "GX000042.MP4",
        "GS000042.360",
        "GP008204.MP4",
        "GF000042.MP4",
        "GX010000.MP4",
        "GXAA0000.MP4",
        "GOPR0000.MP4",
        "GPFR0000.MP4",
        # photos, bursts, time lapses, proxies, thumbnails, sound
        "GOPR0002.JPG",
        "GP017064.JPG",
        "GPAA7112.JPG",
        "G0010010.JPG",
        "GS__0049.JPG",
        "GF089146.JPG",
        "GSAA0003.36P",
        "GS010001.36P",
        "GX010042.GPR",
        "GL010042.LRV",
        "GX010042.THM",
        "GX010042.WAV",
        # videos that no rule here is known for
        "GL010042.MP4",
        "GS010042.MP4",
        "GX010042.360",
        "GSAA0001.360",
        "GGAA0001.MP4",
        "G0010042.MP4",
        "3D_L0002.MP4",
        "GX013784_Proxy.MP4",
        "SOPR0018.MP4",
        "SP010018.MP4",
        "CamA.MP4",
        "CamA0042.MP4",
        "CamA010042.MP4",
        # basenames that Labs does not take, a byte too long, or of a Mac
        f"{LONGEST_BASENAME}yGX010042.MP4",
        "Cam A-GX010042.MP4",
        "Cam[yy]GX010042.MP4",
        "C\u00e4m-GX010042.MP4",
        "._GX010042.MP4",
        # what only looks like it
        "gx010042.mp4",
        "GX010042.mp4",
        "GX010042.MP4\n",
        "GX010042.MP4 ",
        "GX01\u0660042.MP4",
        "GXaa0001.MP4",
        "GXA10001.MP4",
        "GX01004.MP4",
        "../GX010042.MP4",
        "x/GX010042.MP4",
        "GX010042",
        "",
    ],
)
def test_a_name_of_anything_else_is_no_chapter(filename: str):
    assert parsed(filename) is None
    assert not PATH.fullmatch(f"100GOPRO/{filename}")


def test_the_longest_basename_has_28_characters():
    assert len(LONGEST_BASENAME) == 28


@pytest.mark.parametrize("name", ["100GOPRO", "999GOPRO", "131ABC_9", "100_____"])
def test_a_directory_has_three_digits_and_five_characters(name: str):
    assert is_directory(name)


@pytest.mark.parametrize(
    "name",
    ["", "GOPRO100", "10GOPROX", "100GOPR", "100GOPROX", "100gopro", "100GO/..", "Proxy", "100GOPRO\n"],
)
def test_any_other_directory_is_none_of_a_camera(name: str):
    assert not is_directory(name)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [("a.MP4", True), ("a.mp4", True), ("a.360", True), ("a.LRV", False), ("a.36P", False), ("a.MOV", True)],
)
def test_what_is_no_video_is_told_by_its_ending(filename: str, expected: bool):
    assert may_be_video(filename) is expected


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({42}, [42]),
        ({3, 1, 2}, [1, 2, 3]),
        ({9998, 9999, 1, 2}, [9998, 9999, 1, 2]),
        ({9999, 1}, [9999, 1]),
        ({9990, 9995, 40}, [9990, 9995, 40]),
        # 999 files of a directory, and one more than it can hold
        ({9002, 1}, [9002, 1]),
        ({9001, 1}, [1, 9001]),
        ({1, 999}, [1, 999]),
        ({1, 5000}, [1, 5000]),
        ({1, 5000, 9999}, [1, 5000, 9999]),
    ],
)
def test_a_directory_is_counted_on_after_9999(places: set[int], expected: list[int]):
    assert counted_on(places) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(1, 1, [1]), (1, 3, [1, 2, 3]), (9998, 2, [9998, 9999, 1, 2]), (9999, 1, [9999, 1])],
)
def test_the_count_leaves_out_0000(first: int, last: int, expected: list[int]):
    assert count(first, last) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (("100GOPRO", "GX", "0042"), "100GOPRO/GX..0042"),
        (("100GOPRO", "GX", "AA"), "100GOPRO/GXAA.."),
        (("100GOPRO", "CamA-GS", "0042"), "100GOPRO/CamA-GS..0042"),
    ],
)
def test_a_recording_is_read_and_said_by_its_label(key: tuple[str, str, str], expected: str):
    assert label(*key) == expected
    assert spellings(*key) == {key[2], f"100GOPRO/{key[2]}", expected}
    assert all(SPELLING.fullmatch(text) for text in spellings(*key))


@pytest.mark.parametrize(
    ("filename", "proxy", "thumbnail"),
    [
        ("GX010042.MP4", "GL010042.LRV", "GX010042.THM"),
        ("GH990042.MP4", "GL990042.LRV", "GH990042.THM"),
        ("GXAA0042.MP4", "GLAA0042.LRV", "GXAA0042.THM"),
    ],
)
def test_a_chapters_proxy_and_thumbnail_are_named_after_it(filename: str, proxy: str, thumbnail: str):
    assert (proxy_of(filename), thumbnail_of(filename)) == (proxy, thumbnail)
    assert all(SIDECAR_PATH.fullmatch(f"100GOPRO/{name}") for name in (proxy, thumbnail))
    assert parsed(proxy) is parsed(thumbnail) is None


@pytest.mark.parametrize(
    "filename",
    ["GM010042.MP4", "GS010042.360", "SX010042.MP4", "CamA-GX010042.MP4", "GOPR0042.MP4", "GX010042.LRV"],
)
def test_where_the_names_are_not_known_they_are_not_guessed(filename: str):
    assert proxy_of(filename) is thumbnail_of(filename) is None


@pytest.mark.parametrize(
    ("filename", "expected"),
    [("SX010042.MP4", True), ("SHAA0042.MP4", True), ("CamA-SX010042.MP4", True), ("GX010042.MP4", False)],
)
def test_an_encrypted_film_is_known_by_its_name(filename: str, expected: bool):
    assert is_encrypted(filename) is expected
