"""From the camera's list to files: nothing that may be a video is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_client.camera.documents import RAW_PHOTO_BYTES, document_of, entries_of
from edge_client.model.files import CameraFile
from edge_client.model.listing import (
    NOT_ALIKE,
    Entry,
    Listed,
    Unreadable,
    Witnesses,
    listed,
)

FILE = CameraFile("100GOPRO", "GX010042.MP4", 1000, 1, 2)
ENTRY = Entry("100GOPRO", "GX010042.MP4", 1000, 1, 2)


def entries(media: object) -> list[Entry]:
    """The entries of a list as it comes over the wire."""
    return read(json.dumps({"media": media}).encode())


class Body:
    """An answer with this body."""

    path = "/gopro/media/list"
    missing_bytes = 0

    def __init__(self, body: bytes) -> None:
        self._body = body

    def take(self, size_bytes: int) -> bytes:
        taken, self._body = self._body[:size_bytes], self._body[size_bytes:]
        return taken


def read(body: bytes) -> list[Entry]:
    found = entries_of(document_of(Body(body)))  # type: ignore[arg-type]  # all that it takes of an answer
    assert found is not None
    return found


def of(*rows: object) -> list[Entry]:
    return entries([{"d": "100GOPRO", "fs": list(rows)}])


ODD_SIZES: list[Any] = [
    *(None, "", " ", "a lot", "1,234", "1 234", "1.0", 1.5, 1e30, True, [], {}, "-1", -1, 0, "0"),
    *("9" * 19, 10**19, "9" * 20, "\u0661", "1000 ", "0x10"),
]


@pytest.mark.parametrize("size", ODD_SIZES, ids=repr)
def test_an_entry_with_an_odd_size_is_an_entry_without_one(size: Any):
    [entry] = of({"n": "GX010042.MP4", "s": size, "cre": "1", "mod": "2"})

    assert entry == Entry("100GOPRO", "GX010042.MP4", None, 1, 2)
    assert entry.may_be_video


def test_an_entry_without_a_size_is_an_entry():
    assert of({"n": "GX010042.MP4"}) == [Entry("100GOPRO", "GX010042.MP4")]


@pytest.mark.parametrize(("size", "expected"), [("1", 1), (1, 1), (2**63 - 1, 2**63 - 1)])
def test_a_size_is_any_whole_number_that_a_file_can_have(size: Any, expected: int):
    assert of({"n": "GX010042.MP4", "s": size})[0].size_bytes == expected


def test_a_number_of_any_length_is_read_at_once():
    body = b'{"media": [{"d": "100GOPRO", "fs": [{"n": "GX010042.MP4", "s": %s}]}]}' % (b"9" * 3_000_000)

    assert read(body) == [Entry("100GOPRO", "GX010042.MP4")]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (None, Entry()),
        (1, Entry()),
        ("x", Entry()),
        ([], Entry()),
        ({}, Entry()),
        ({"d": "100GOPRO"}, Entry("100GOPRO")),
        ({"d": "100GOPRO", "fs": None}, Entry("100GOPRO")),
        ({"d": "100GOPRO", "fs": {}}, Entry("100GOPRO")),
        ({"d": "100GOPRO", "fs": "GX010042.MP4"}, Entry("100GOPRO")),
        ({"fs": [{"n": "GX010042.MP4", "s": "5"}]}, Entry(None, "GX010042.MP4", 5)),
        ({"d": "", "fs": [{"n": "GX010042.MP4", "s": "5"}]}, Entry(None, "GX010042.MP4", 5)),
        ({"d": ["100GOPRO"], "fs": [{"n": "GX010042.MP4", "s": "5"}]}, Entry(None, "GX010042.MP4", 5)),
        ({"d": "odd/..", "fs": [{"n": "GX010042.MP4", "s": "5"}]}, Entry("odd/..", "GX010042.MP4", 5)),
    ],
)
def test_a_folder_that_cannot_be_read_may_hold_videos(folder: Any, expected: Entry):
    assert entries([folder]) == [expected]
    assert expected.may_be_video


def test_a_folder_without_files_holds_none():
    assert entries([{"d": "100GOPRO", "fs": []}]) == []


@pytest.mark.parametrize(
    "row", [None, 1, "GX010042.MP4", [], {}, {"s": "1"}, {"n": {"a": 1}}, {"n": ""}], ids=repr
)
def test_an_entry_without_a_name_may_be_a_video(row: object):
    [entry] = of(row)

    assert (entry.directory, entry.filename) == ("100GOPRO", None)
    assert entry.may_be_video


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        *((name, False) for name in ("a.JPG", "a.jpg", "a.GPR", "a.36P", "a.LRV", "a.THM", "a.WAV", "a.DNG")),
        *((name, True) for name in ("a.MP4", "a.360", "a.MOV", "a", "JPG", "a.JPG ", "a.JPG.MP4", ".", "1")),
        *((name, True) for name in ("a\x00.JPG", "\ud800.JPG", "\udce9.JPG", "a\u202e.JPG")),
    ],
)
def test_only_what_is_known_to_be_none_is_no_video(filename: str, expected: bool):
    [entry] = of({"n": filename, "s": "x"})

    assert entry.may_be_video is expected


def test_a_burst_is_of_photos_whatever_its_size_says():
    [entry] = of({"n": "G0010010.JPG", "g": "1", "b": "10", "l": "39", "m": [], "t": "b", "s": ""})

    assert not entry.may_be_video


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"caf\xe9.MP4", "caf\udce9.MP4"),
        (b"\xff\xfe.MP4", "\udcff\udcfe.MP4"),
        ("café.MP4".encode(), "café.MP4"),
        (b"\\ud800.MP4", "\ud800.MP4"),
        (b"a\tb\0.MP4", "a\tb\0.MP4"),
        (b"a\n\x1f\xff.MP4", "a\n\x1f\udcff.MP4"),
    ],
)
def test_a_name_that_is_not_utf_8_or_not_printable_keeps_its_bytes(raw: bytes, name: str):
    body = b'{"media": [{"d": "100GOPRO", "fs": [{"n": "%s", "s": "5"}]}]}' % raw

    assert read(body) == [Entry("100GOPRO", name, 5)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [(0x00, False), (0x1F, False), (0x20, True), (0x7E, True), (0x7F, False), (0x80, True)],
)
def test_a_name_with_a_control_character_is_not_legible(code: int, expected: bool):
    assert Entry("100GOPRO", f"GX{chr(code)}10042.MP4").is_legible is expected
    assert Entry(f"100GOP{chr(code)}RO", "GX010042.MP4").is_legible is expected


@pytest.mark.parametrize(
    ("before", "behind"), [(b"", b""), (b"\xef\xbb\xbf", b""), (b"", b"\0"), (b"", b"\n\0\0")]
)
def test_a_mark_before_and_zeros_behind_a_list_are_no_part_of_it(before: bytes, behind: bytes):
    body = (
        b'{"media": [{"d": "100GOPRO", "fs": [{"n": "GX010042.MP4", "s": "1000", "cre": "1", "mod": "2"}]}]}'
    )

    assert read(before + body + behind) == [ENTRY]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'[{"d":"100GOPRO","fs":[{"n":"A.MP4","s":1}],"fs":[{"n":"B.MP4","s":2}]}]', ["A.MP4", "B.MP4"]),
        (b'[{"d":"100GOPRO","fs":[{"n":"A.MP4","n":"B.JPG","s":1}]}]', [None]),
        (b'[{"d":"100GOPRO","fs":[{"n":"A.MP4","n":"A.MP4","s":1}]}]', ["A.MP4"]),
    ],
)
def test_a_key_that_comes_twice_hides_nothing(body: bytes, expected: list[str | None]):
    assert [entry.filename for entry in read(b'{"media": %s}' % body)] == expected
    assert [entry.filename for entry in read(b'{"media": [], "media": %s}' % body)] == expected


def test_a_size_that_comes_twice_and_not_alike_is_none():
    assert (
        read(b'{"media": [{"d": "100GOPRO", "fs": [{"n": "A.MP4", "s": 1, "s": 2}]}]}')[0].size_bytes is None
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"glrv": "70", "ls": "-1"}, 70),
        ({"ls": "80"}, 80),
        ({"ls": "-1"}, 0),
        ({"glrv": "x", "ls": None}, 0),
        ({"raw": "1"}, RAW_PHOTO_BYTES),
        ({"raw": "0"}, 0),
    ],
)
def test_what_lies_beside_a_file_counts_as_listed(row: dict[str, Any], expected: int):
    assert of({"n": "A.MP4", "s": "5", **row})[0].beside_bytes == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"glrv": "70"}, 70),
        ({"glrv": 1}, 1),
        ({"glrv": "0"}, None),
        ({"ls": "80"}, None),
        ({"glrv": "x"}, None),
    ],
)
def test_a_proxy_is_promised_by_its_size(row: dict[str, Any], expected: int | None):
    [entry] = of({"n": "GX010042.MP4", "s": "5", **row})

    assert entry.proxy_bytes == expected
    assert listed([entry], [], Witnesses()).proxies == ({entry.label: expected} if expected else {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ROW = st.fixed_dictionaries({}, optional={"n": JSON | st.just("GX010042.MP4"), "s": JSON, "cre": JSON}) | JSON


@given(st.lists(ROW, max_size=5))
def test_a_list_has_as_many_entries_as_it_has_rows(rows: list[Any]):
    assert len(of(*rows)) == len(rows)


class TestTheWholeList:
    def test_has_files_what_cannot_be_read_and_how_many_others(self):
        photo = Entry("100GOPRO", "a.JPG", 7, beside_bytes=3)
        unsized = Entry("100GOPRO", "b.JPG")
        unreadable = Unreadable(Entry("100GOPRO"), "no name")

        made = listed(
            [ENTRY, photo, unsized, unreadable.entry],
            [FILE, photo.file(7), None, unreadable],
            Witnesses(1, 2),
        )

        assert [file.filename for file in made.files] == ["GX010042.MP4", "a.JPG"]
        assert made.unreadable == (unreadable,)
        assert (made.entries, made.others, sum(made.sizes_bytes)) == (4, 2, 1010)
        assert made.witnesses == Witnesses(1, 2)

    @pytest.mark.parametrize(
        "other",
        [
            CameraFile("100GOPRO", "GX010042.MP4", 1001, 1, 2),
            CameraFile("100GOPRO", "GX010042.MP4", 1000, 1, 3),
        ],
    )
    def test_has_one_entry_that_cannot_be_read_of_a_video_listed_twice_and_not_alike(self, other: CameraFile):
        made = listed([ENTRY] * 3, [FILE, other, FILE], Witnesses())

        assert made.files == ()
        assert made.unreadable == (Unreadable(Entry("100GOPRO", "GX010042.MP4"), NOT_ALIKE),)

    def test_takes_a_video_listed_twice_and_alike_as_it_is(self):
        assert listed([ENTRY] * 2, [FILE, FILE], Witnesses()).unreadable == ()

    def test_takes_a_photo_listed_twice_for_a_photo(self):
        photo, other = CameraFile("100GOPRO", "a.JPG", 1, 1, 1), CameraFile("100GOPRO", "a.JPG", 2, 1, 1)

        assert listed([Entry("100GOPRO", "a.JPG", 1)] * 2, [photo, other], Witnesses()).unreadable == ()


def test_no_entry_of_a_real_list_is_odd(media_lists: Path):
    for path in sorted(media_lists.glob("*edia_list*.json")) + sorted(media_lists.glob("*mediaList*.json")):
        for entry in read(path.read_bytes()):
            assert entry.directory
            assert entry.filename
            assert entry.size_bytes
            assert entry.may_be_video is entry.filename.endswith((".MP4", ".360"))


def test_an_empty_list_has_nothing():
    assert Listed() == listed([], [], Witnesses())
