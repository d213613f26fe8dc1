"""The files of a card as recordings: grouped, ordered, with their gaps, and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_client.base.errors import CardFault, ChapterGap
from edge_client.camera.client import Camera
from edge_client.config import SESSION_ID
from edge_client.model.files import CameraFile
from edge_client.model.gopro_names import may_be_video
from edge_client.model.recordings import (
    MOST_CHAPTERS,
    Recording,
    pieces,
    recordings,
    session_name,
    unrecognised,
    whole,
)
from tests.edge.fake_camera import FakeCamera


def file(path: str, created: int | None = 7, size_bytes: int = 10) -> CameraFile:
    directory, _, filename = path.rpartition("/")
    return CameraFile(directory or "100GOPRO", filename, size_bytes, created, None)


def card(*paths: str) -> list[Recording]:
    return recordings([file(path) for path in paths])


def told(found: list[Recording]) -> dict[str, list[str]]:
    return {
        one.label: [f.filename if f.directory == one.directory else f.path for f in one.files]
        for one in found
    }


class TestTheFilesOfARecording:
    @pytest.mark.parametrize(
        ("paths", "expected"),
        [
            pytest.param(
                ["GX020163.MP4", "GX010164.MP4", "GX010163.MP4"],
                {
                    "100GOPRO/GX..0163": ["GX010163.MP4", "GX020163.MP4"],
                    "100GOPRO/GX..0164": ["GX010164.MP4"],
                },
                id="by number, not by name",
            ),
            pytest.param(
                [f"GX{n:02d}0042.MP4" for n in (12, 2, 10, 1, 9, 3, 11, 4, 8, 5, 7, 6)],
                {"100GOPRO/GX..0042": [f"GX{n:02d}0042.MP4" for n in range(1, 13)]},
                id="above nine chapters",
            ),
            pytest.param(
                ["GP020042.MP4", "GOPR0042.MP4", "GP010042.MP4"],
                {"100GOPRO/GP..0042": ["GOPR0042.MP4", "GP010042.MP4", "GP020042.MP4"]},
                id="HERO5 and earlier",
            ),
            pytest.param(
                ["GF010042.MP4", "GPBK0042.MP4", "GPFR0042.MP4", "GB010042.MP4"],
                {
                    "100GOPRO/GB..0042": ["GPBK0042.MP4", "GB010042.MP4"],
                    "100GOPRO/GF..0042": ["GPFR0042.MP4", "GF010042.MP4"],
                },
                id="front and back are two recordings",
            ),
            pytest.param(
                ["GX010042.MP4", "GH010042.MP4", "GS010042.360", "SX010042.MP4", "CamA-GX010042.MP4"],
                {
                    "100GOPRO/CamA-GX..0042": ["CamA-GX010042.MP4"],
                    "100GOPRO/GH..0042": ["GH010042.MP4"],
                    "100GOPRO/GS..0042": ["GS010042.360"],
                    "100GOPRO/GX..0042": ["GX010042.MP4"],
                    "100GOPRO/SX..0042": ["SX010042.MP4"],
                },
                id="each prefix is another recording",
            ),
            pytest.param(
                ["GXAB0005.MP4", "GXAA0003.MP4", "GHAA0004.MP4", "GXAA0002.MP4"],
                {
                    "100GOPRO/GXAA..": ["GXAA0002.MP4", "GXAA0003.MP4"],
                    "100GOPRO/GHAA..": ["GHAA0004.MP4"],
                    "100GOPRO/GXAB..": ["GXAB0005.MP4"],
                },
                id="a loop is its letters",
            ),
            pytest.param(
                ["GXAA0001.MP4", "GXAA9999.MP4", "GXAA9998.MP4"],
                {"100GOPRO/GXAA..": ["GXAA9998.MP4", "GXAA9999.MP4", "GXAA0001.MP4"]},
                id="a loop counts on after 9999",
            ),
            pytest.param(
                ["GX010001.MP4", "101GOPRO/GX010001.MP4"],
                {"100GOPRO/GX..0001": ["GX010001.MP4"], "101GOPRO/GX..0001": ["GX010001.MP4"]},
                id="two directories with chapter 1 each",
            ),
        ],
    )
    def test_are_those_of_one_prefix_and_number(self, paths: list[str], expected: dict[str, list[str]]):
        found = card(*paths)

        assert told(found) == expected
        assert not any(one.missing for one in found)

    @pytest.mark.parametrize(
        ("paths", "expected"),
        [
            pytest.param(
                ["101GOPRO/GX030042.MP4", "GX020042.MP4", "GX010042.MP4", "101GOPRO/GX040042.MP4"],
                [("100GOPRO/GX..0042", 4, ())],
                id="goes on",
            ),
            pytest.param(
                ["GX010042.MP4", "101GOPRO/GX020042.MP4", "102GOPRO/GX030042.MP4"],
                [("100GOPRO/GX..0042", 3, ())],
                id="goes on twice",
            ),
            pytest.param(
                ["099GOPRO/GOPR0042.MP4", "GP010042.MP4"],
                [("099GOPRO/GP..0042", 2, ())],
                id="goes on in the old form, from a two-digit directory",
            ),
            pytest.param(
                ["GX020042.MP4", "101GOPRO/GX030042.MP4"],
                [("100GOPRO/GX..0042", 2, (1,))],
                id="goes on and has lost its first",
            ),
            pytest.param(
                ["GX010042.MP4", "GX030042.MP4", "101GOPRO/GX040042.MP4", "101GOPRO/GX060042.MP4"],
                [("100GOPRO/GX..0042", 4, (2, 5))],
                id="goes on with holes on both sides",
            ),
            pytest.param(
                ["GX010042.MP4", "101GOPRO/GX030042.MP4"],
                [("100GOPRO/GX..0042", 1, ()), ("101GOPRO/GX..0042", 1, (1, 2))],
                id="a hole at the border",
            ),
            pytest.param(
                ["GX010042.MP4", "GX020042.MP4", "101GOPRO/GX010042.MP4", "101GOPRO/GX030042.MP4"],
                [("100GOPRO/GX..0042", 2, ()), ("101GOPRO/GX..0042", 2, (2,))],
                id="the next one has a chapter 1",
            ),
            pytest.param(
                ["GX010042.MP4", "101GOPRO/GX010042.MP4", "102GOPRO/GX020042.MP4"],
                [("100GOPRO/GX..0042", 1, ()), ("101GOPRO/GX..0042", 2, ())],
                id="goes on with its neighbour, not with an older one",
            ),
            pytest.param(
                ["GX010042.MP4", "102GOPRO/GX020042.MP4"],
                [("100GOPRO/GX..0042", 1, ()), ("102GOPRO/GX..0042", 1, (1,))],
                id="not the next directory",
            ),
            pytest.param(
                ["GX010042.MP4", "101OTHER/GX020042.MP4"],
                [("100GOPRO/GX..0042", 1, ()), ("101OTHER/GX..0042", 1, (1,))],
                id="a directory of another name",
            ),
            pytest.param(
                ["GX010042.MP4", "101GOPRO/GH020042.MP4"],
                [("100GOPRO/GX..0042", 1, ()), ("101GOPRO/GH..0042", 1, (1,))],
                id="another prefix",
            ),
            pytest.param(
                ["GX010042.MP4", "101GOPRO/GX020043.MP4"],
                [("100GOPRO/GX..0042", 1, ()), ("101GOPRO/GX..0043", 1, (1,))],
                id="another number",
            ),
            pytest.param(
                ["GXAA0998.MP4", "GXAA0999.MP4", "101GOPRO/GXAA1000.MP4"],
                [("100GOPRO/GXAA..", 2, ()), ("101GOPRO/GXAA..", 1, ())],
                id="a loop does not go on",
            ),
        ],
    )
    def test_go_on_in_the_next_directory_where_their_chapters_count_on(
        self, paths: list[str], expected: list[tuple[str, int, tuple[int, ...]]]
    ):
        assert [(one.label, len(one.files), one.missing) for one in card(*paths)] == expected

    # 50 MB take at most 50 s, and between two chapters are at most 10 s
    @pytest.mark.parametrize(
        ("dates", "sizes_bytes", "count"),
        [
            pytest.param((1000, 1060), (50_000_000, 5), 1, id="within the time that the first one may take"),
            pytest.param((1000, 1061), (50_000_000, 5), 2, id="a second later"),
            pytest.param(
                (1000, 1060), (5, 50_000_000), 1, id="within the time of the second: dates of the end"
            ),
            pytest.param((1000, 1061), (5, 50_000_000), 2, id="a second later than that"),
            pytest.param(
                (1000, 1000), (50_000_000, 5), 1, id="both dated with the beginning of the recording"
            ),
            pytest.param((1000, 999), (50_000_000, 5), 2, id="a second before it"),
            pytest.param((1000, 87_400), (11_536_686_945, 6_352_656_620), 2, id="the next day"),
            pytest.param((1000, 2025), (11_536_686_945, 6_352_656_620), 1, id="as a real camera dates them"),
            pytest.param((1000, 7938), (11_793_611_403, 5), 1, id="17 Mbit/s, the slowest that was measured"),
            pytest.param((1000, None), (50_000_000, 5), 2, id="the second has no date"),
            pytest.param((None, 1000), (50_000_000, 5), 2, id="the first has no date"),
            pytest.param((None, None), (50_000_000, 5), 2, id="no dates"),
        ],
    )
    @pytest.mark.parametrize("kind", ["created", "modified"])
    def test_go_on_in_the_next_directory_only_where_their_dates_fit(
        self,
        kind: str,
        dates: tuple[int | None, int | None],
        sizes_bytes: tuple[int, int],
        count: int,
    ):
        first, second = (
            CameraFile(directory, name, size_bytes, *((date, None) if kind == "created" else (None, date)))
            for directory, name, size_bytes, date in (
                ("100GOPRO", "GX010042.MP4", sizes_bytes[0], dates[0]),
                ("101GOPRO", "GX020042.MP4", sizes_bytes[1], dates[1]),
            )
        )

        found = recordings([second, first])

        assert len(found) == count
        assert sorted(one.path for each in found for one in each.files) == [first.path, second.path]

    def test_that_seem_to_go_on_on_another_day_are_refused_with_the_reason(self):
        found = recordings(
            [
                file("GX010042.MP4", 1000),
                file("101GOPRO/GX020042.MP4", 90_000),
                file("102GOPRO/GX030042.MP4", 90_001),
            ]
        )

        assert [(one.label, len(one.files)) for one in found] == [
            ("100GOPRO/GX..0042", 1),
            ("101GOPRO/GX..0042", 2),
        ]
        with pytest.raises(
            ChapterGap, match=r"by their dates it does not continue 100GOPRO/GX\.\.0042\); to haul"
        ):
            whole(found[1])

    @pytest.mark.parametrize(
        ("paths", "missing", "words"),
        [
            (["GX020001.MP4"], (1,), "GX..0001 lacks chapter 01;"),
            (["GX010001.MP4", "GX030001.MP4"], (2,), "lacks chapter 02;"),
            (["GX040001.MP4", "GX020001.MP4"], (1, 3), "lacks chapter 01, 03;"),
            (["GP010001.MP4"], (1,), "lacks chapter 01;"),
            (["GPFR0001.MP4", "GF020001.MP4"], (2,), "lacks chapter 02;"),
            (["GX990001.MP4"], tuple(range(1, 99)), "08, 09, 10 and 88 more;"),
            (["GX110001.MP4"], tuple(range(1, 11)), "08, 09, 10;"),
            (["GXAA0005.MP4", "GXAA0007.MP4"], (6,), "GXAA.. lacks chapter 0006;"),
            (["GXAA9998.MP4", "GXAA0002.MP4"], (9999, 1), "lacks chapter 9999, 0001;"),
        ],
    )
    def test_that_are_missing_are_told_and_refused(
        self, paths: list[str], missing: tuple[int, ...], words: str
    ):
        [recording] = card(*paths)

        assert recording.missing == missing
        with pytest.raises(ChapterGap, match=words.replace(".", r"\.")):
            whole(recording)

    @pytest.mark.parametrize("paths", [["GXAA0501.MP4"], ["GXAA9999.MP4", "GXAA0001.MP4"]])
    def test_of_a_loop_may_begin_anywhere(self, paths: list[str]):
        [recording] = card(*paths)

        assert whole(recording) is recording

    def test_come_from_directories_of_a_camera_only(self):
        files = [
            file("../../etc/GX010001.MP4"),
            file("100GOPRO/Proxy/GX010001.MP4"),
            file("Proxy/GX010001.MP4"),
        ]

        assert recordings(files) == []
        assert sorted(unrecognised(files), key=lambda f: f.path) == sorted(files, key=lambda f: f.path)


class TestTheOrderOfRecordings:
    @pytest.mark.parametrize(
        ("paths", "labels"),
        [
            (["GX010010.MP4", "GH010009.MP4"], ["GH..0009", "GX..0010"]),
            (["101GOPRO/GX010001.MP4", "GX010999.MP4"], ["GX..0999", "GX..0001"]),
            (["GX010001.MP4", "GX019999.MP4", "GX019998.MP4"], ["GX..9998", "GX..9999", "GX..0001"]),
            (["GX010001.MP4", "GX019001.MP4"], ["GX..0001", "GX..9001"]),
            (["GX010001.MP4", "GX019002.MP4"], ["GX..9002", "GX..0001"]),
            (["GX010001.MP4", "101GOPRO/GX019999.MP4"], ["GX..0001", "GX..9999"]),
            (["GXAA0003.MP4", "GX010002.MP4", "GX010004.MP4"], ["GX..0002", "GXAA..", "GX..0004"]),
            (["GS010042.360", "GX010042.MP4", "GH010042.MP4"], ["GH..0042", "GS..0042", "GX..0042"]),
        ],
    )
    def test_is_by_directory_and_by_number_as_the_camera_counted(self, paths: list[str], labels: list[str]):
        assert [one.label.partition("/")[2] for one in card(*paths)] == labels


class TestARecording:
    def test_says_what_a_list_needs(self):
        files = [
            file("GX020042.MP4", 107, 3),
            file("GX010042.MP4", 100, 4),
            file("101GOPRO/GX030042.MP4", 112, 5),
        ]

        [recording] = recordings(files)

        assert recording.key == ("100GOPRO", "GX", "0042")
        assert (recording.size_bytes, recording.created) == (12, 100)
        assert recording.label == "100GOPRO/GX..0042"

    def test_whose_first_file_has_no_date_has_none(self):
        [recording] = recordings([file("GX010042.MP4", None), file("GX020042.MP4", 7)])

        assert recording.created is None


class TestAListThatContradictsItself:
    @pytest.mark.parametrize("path", ["GX010042.MP4", "GX010042_Proxy.MP4", "Proxy/GX010042.MP4"])
    @pytest.mark.parametrize("look", [recordings, unrecognised])
    @pytest.mark.parametrize("again", [{"size_bytes": 11}, {"created": 8}, {"created": None}])
    def test_is_a_fault(self, path: str, look, again):
        with pytest.raises(CardFault, match="twice"):
            look([file(path), file("GX010001.MP4"), file(path, **again)])

    def test_does_not_matter_for_photos(self):
        assert recordings([file("GOPR0042.JPG"), file("GOPR0042.JPG", size_bytes=11)]) == []

    def test_is_none_that_only_says_something_twice(self):
        files = [file("GX010042.MP4"), file("GX010042.MP4"), file("x.MP4"), file("x.MP4")]

        assert [len(one.files) for one in recordings(files)] == [1]
        assert unrecognised(files) == [file("x.MP4")]


def named(*paths: str, created: int | None = 7) -> list[str]:
    found = recordings([file(path, created) for path in paths])
    return [session_name("C1", one, found) for one in found]


class TestTheNameOfASession:
    @pytest.mark.parametrize(
        ("paths", "names"),
        [
            # as they have always been: a rerun must find its plan
            (["GX010001.MP4"], ["C1-100GOPRO-0001-7"]),
            (["GH010002.MP4", "GM010003.MP4"], ["C1-100GOPRO-0002-7", "C1-100GOPRO-0003-7"]),
            (["GS010002.360", "GOPR0003.MP4"], ["C1-100GOPRO-0002-7", "C1-100GOPRO-0003-7"]),
            (["GX010001.MP4", "101GOPRO/GX010001.MP4"], ["C1-100GOPRO-0001-7", "C1-101GOPRO-0001-7"]),
            # equal numbers on one card
            (["GX010001.MP4", "GS010001.360"], ["C1-100GOPRO-GS0001-7", "C1-100GOPRO-GX0001-7"]),
            # forms that say more than a number
            (["GPFR0001.MP4"], ["C1-100GOPRO-GF0001-7"]),
            (["GPFR0001.MP4", "GPBK0001.MP4"], ["C1-100GOPRO-GB0001-7", "C1-100GOPRO-GF0001-7"]),
            (["GXAA0001.MP4", "GX010001.MP4"], ["C1-100GOPRO-0001-7", "C1-100GOPRO-GXAA-7"]),
            (["SX010001.MP4"], ["C1-100GOPRO-SX0001-7"]),
            (["Cam(A)GX010001.MP4"], ["C1-100GOPRO-Cam-A-GX0001-7"]),
        ],
    )
    def test_says_camera_directory_number_and_date(self, paths: list[str], names: list[str]):
        assert named(*paths) == names

    def test_has_the_prefix_only_where_the_dates_are_equal_too(self):
        found = recordings([file("GX010001.MP4", 7), file("GS010001.360", 8)])

        assert [session_name("C1", one, found) for one in found] == [
            "C1-100GOPRO-0001-8",
            "C1-100GOPRO-0001-7",
        ]

    def test_tells_basenames_apart_that_a_session_id_cannot_hold(self):
        first, second = named("Cam(A)GX010001.MP4", "Cam,A,GX010001.MP4")

        assert first != second
        assert first.startswith("C1-100GOPRO-Cam-A-GX0001-")

    def test_has_the_date_of_the_last_change_where_there_is_no_other(self):
        found = recordings([CameraFile("100GOPRO", "GX010001.MP4", 10, None, 9)])

        assert session_name("C1", found[0], found) == "C1-100GOPRO-0001-9"

    def test_of_files_without_any_date_still_differs(self):
        assert len(set(named("GX010001.MP4", "GS010001.360", "GH010002.MP4", created=None))) == 3

    @pytest.mark.parametrize(
        ("serial", "expected"),
        [
            ("C1", "C1-100GOPRO-0001-7"),
            ("-\u00e4 b", "b-100GOPRO-0001-7"),
            ("S" * 84, f"{'S' * 84}-100GOPRO-0001-7"[-100:]),
            ("S" * 85, f"{'S' * 84}-100GOPRO-0001-7"[-100:]),
            ("S" * 200, f"{'S' * 84}-100GOPRO-0001-7"[-100:]),
            ("", "100GOPRO-0001-7"),
        ],
    )
    def test_fits_what_the_coordinator_takes_and_keeps_what_tells_recordings_apart(
        self, serial: str, expected: str
    ):
        found = card("GX010001.MP4")

        assert session_name(serial, found[0], found) == expected
        assert SESSION_ID.fullmatch(expected)

    @pytest.mark.parametrize(("taken", "ending"), [([], ""), ([""], "-2"), (["", "-2"], "-3"), (["-2"], "")])
    @pytest.mark.parametrize("serial", ["C1", "C" * 100])
    def test_is_the_next_one_where_another_device_has_it(self, serial: str, taken: list[str], ending: str):
        [one] = recordings([file("GX010001.MP4", 9)])

        def name(end: str) -> str:
            kept = serial[: 100 - len(f"-100GOPRO-0001-9{end}")]
            return f"{kept}-100GOPRO-0001-9{end}"

        assert session_name(serial, one, [one], {name(end) for end in taken}) == name(ending)
        assert len(name(ending)) <= 100


def loop(first: int, last: int, without: tuple[int, ...] = ()) -> Recording:
    """A loop of the counters from first to last, over 9999, a minute each."""
    numbers = [n if n <= 9999 else n - 9999 for n in range(first, last + 1)]
    [found] = recordings(
        file(f"GXAA{n:04d}.MP4", 60 * at) for at, n in enumerate(numbers, first) if n not in without
    )
    return found


def cut(found: Recording) -> dict[str, list[int]]:
    """The sessions of a loop: the counters of the first and last file by name."""
    return {
        session_name("C1", piece, [found]): [int(f.filename[4:8]) for f in (piece.files[0], piece.files[-1])]
        for piece in pieces(found, found.files)
    }


class TestTheSessionsOfALoop:
    @pytest.mark.parametrize(
        ("first", "last", "expected"),
        [
            (1, 98, {"GXAA-60": [1, 98]}),
            (1, 99, {"GXAA-60": [1, 99]}),
            (50, 148, {"GXAA-3000": [50, 148]}),
            (1, 100, {"GXAA0001-60": [1, 99], "GXAA0100-6000": [100, 100]}),
            (99, 199, {"GXAA0099-5940": [99, 99], "GXAA0100-6000": [100, 198], "GXAA0199-11940": [199, 199]}),
            (
                9900,
                10000,
                {"GXAA9900-594000": [9900, 9900], "GXAA9901-594060": [9901, 9999], "GXAA0001-600000": [1, 1]},
            ),
        ],
    )
    def test_are_several_where_it_is_too_long_for_one(
        self, first: int, last: int, expected: dict[str, list[int]]
    ):
        assert cut(loop(first, last)) == {f"C1-100GOPRO-{name}": ends for name, ends in expected.items()}

    def test_have_each_file_once_and_at_most_as_many_as_the_coordinator_takes(self):
        found = loop(40, 700)

        files = [one for piece in pieces(found, found.files) for one in piece.files]

        assert tuple(files) == found.files
        assert max(len(piece.files) for piece in pieces(found, found.files)) == MOST_CHAPTERS == 99

    def test_keep_their_names_when_the_loop_grows(self):
        before, after = cut(loop(1, 250)), cut(loop(1, 320))

        assert list(after)[:3] == list(before)
        assert list(after.values())[:2] == list(before.values())[:2]

    def test_keep_their_names_when_the_loop_overwrites_its_oldest_files(self):
        before, after = cut(loop(1, 250)), cut(loop(31, 280))

        assert list(after)[1:] == list(before)[1:]
        assert after[list(after)[1]] == before[list(before)[1]]

    def test_lack_only_what_is_missing_among_their_own_files(self):
        found = loop(1, 250, without=(50, 99, 100, 150))

        assert [piece.missing for piece in pieces(found, found.files)] == [(50,), (150,), ()]

    def test_of_some_of_its_files_have_those_and_are_named_after_the_first(self):
        found = loop(1, 10)

        [piece] = pieces(found, found.files[6:])

        assert [one.filename for one in piece.files] == [f"GXAA{n:04d}.MP4" for n in (7, 8, 9, 10)]
        assert session_name("C1", piece, [found]) == "C1-100GOPRO-GXAA0007-420"
        assert piece.missing == ()

    def test_of_any_other_recording_are_one(self):
        [found] = recordings(file(f"GX{n:02d}0042.MP4") for n in range(1, 100))

        assert pieces(found, found.files[:3]) == [found]


DIRECTORIES = st.sampled_from(["099GOPRO", "100GOPRO", "101GOPRO", "102GOPRO", "101OTHER", "Proxy", "../etc"])
HEADS = [
    *("GX01", "GX02", "GX03", "GX00", "GX99", "GH01", "GM02", "GG01", "GXAA", "GXAB", "GHAA", "GOPR", "GP01"),
    *("GP02", "GPFR", "GF01", "GPBK", "GB01", "SX01", "SX02", "GL01", "G001", "3D_L", "GS01", "GPAA"),
]
FILENAMES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "Cam(A)", "Cam,A,", "CamA-", "GX", "._"]),
    st.sampled_from(HEADS),
    st.sampled_from(["0000", "0001", "0002", "0003", "0997", "9998", "9999"]),
    st.sampled_from([".MP4", ".MP4", ".MP4", ".360", ".LRV", ".JPG", ".mp4"]),
)
LISTED = st.builds(CameraFile, DIRECTORIES, FILENAMES, st.just(10), st.sampled_from([None, 7, 8]), st.none())
CARDS = st.lists(LISTED, max_size=25, unique_by=lambda one: one.path)


@given(CARDS, st.randoms(use_true_random=False))
def test_the_order_of_the_list_changes_nothing(files: list[CameraFile], random):
    shuffled = random.sample(files, len(files))

    assert recordings(shuffled) == recordings(files)
    assert unrecognised(shuffled) == unrecognised(files)


@given(CARDS)
def test_every_video_is_of_one_recording_or_a_stranger(files: list[CameraFile]):
    placed = [one for recording in recordings(files) for one in recording.files] + unrecognised(files)

    assert sorted(one.path for one in placed) == sorted(
        one.path for one in files if may_be_video(one.filename)
    )


@given(CARDS)
def test_no_two_recordings_share_key_label_or_session(files: list[CameraFile]):
    found = recordings(files)

    assert len({one.key for one in found}) == len(found)
    assert len({one.label for one in found}) == len(found)
    names = {session_name("C3501324500711", one, found) for one in found}
    assert len(names) == len(found)
    assert all(SESSION_ID.fullmatch(name) for name in names)


def as_old(first: str, later: str, number: int, chapter: int) -> str:
    return f"{first}{number:04d}.MP4" if chapter == 1 else f"{later}{chapter - 1:02d}{number:04d}.MP4"


WRITTEN: dict[str, Callable[[int, int], str]] = {
    "GX": lambda number, chapter: f"GX{chapter:02d}{number:04d}.MP4",
    "GS": lambda number, chapter: f"GS{chapter:02d}{number:04d}.360",
    "CamA-GX": lambda number, chapter: f"CamA-GX{chapter:02d}{number:04d}.MP4",
    "GP": lambda number, chapter: as_old("GOPR", "GP", number, chapter),
    "GF": lambda number, chapter: as_old("GPFR", "GF", number, chapter),
    "GB": lambda number, chapter: as_old("GPBK", "GB", number, chapter),
}
SHOTS = st.dictionaries(
    st.tuples(st.sampled_from([100, 101]), st.sampled_from(sorted(WRITTEN)), st.integers(1, 3)),
    st.integers(1, 12).flatmap(lambda most: st.tuples(st.just(most), st.integers(0, most))),
    max_size=12,
)


@given(SHOTS)
def test_what_a_camera_wrote_comes_back_as_it_was_shot(shots: dict[tuple[int, str, int], tuple[int, int]]):
    """Each of `most` chapters, those after the first `split` in the next directory; none split where `split` is 0."""
    written = {
        f"{directory}GOPRO/{prefix}..{number:04d}": [
            file(
                f"{directory if n <= split or not split else directory + 1}GOPRO/{WRITTEN[prefix](number, n)}"
            )
            for n in range(1, most + 1)
        ]
        for (directory, prefix, number), (most, split) in shots.items()
        if directory == 100 or (100, prefix, number) not in shots
    }

    found = recordings([one for chapters in written.values() for one in chapters])

    assert {one.label: list(one.files) for one in found} == written
    assert [one.label for one in found if one.missing] == []


def listed(camera: FakeCamera, path: Path) -> list[CameraFile]:
    camera.faults["list"] = [(200, path.read_bytes())]
    reader = Camera(camera.url, lambda: 0.0)
    try:
        files = (entry.file(entry.size_bytes or 0) for entry in reader.entries(1))
        return [file for file in files if file]
    finally:
        reader.close()


MAX_360 = [f"GS..{number:04d}" for number in range(46, 53)]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("issue887_media_list.json", ["GX..0163", "GX..0164"]),
        ("issue135_media_list_hero10_usb.json", ["GX..0012"]),
        ("issue116_media_list_max_clock_reset_excerpt.json", ["GH..0047", "GS..0048", "GS..0050"]),
        ("hero4_hero5_legacy_gpMediaList_excerpt.json", ["GP..8204", "GP..8205", "GP..8206"]),
        ("opengopro_kmp_mediaListJson.json", ["GX..7060"]),
        (
            "opengopro_kmp_mediaListJson2.json",
            [f"GX..{number}" for number in (7066, 7067, 7069, 7080, 7086, 7088)],
        ),
        ("opengopro_py_media_list.json", [f"GX..{number:04d}" for number in (1, 4, 7, 8, 9, 40)]),
        ("opengopro_py_media_list_360.json", ["GX..0002", *MAX_360]),
    ],
)
def test_media_lists_give_all_their_recordings_and_no_stranger(
    camera: FakeCamera, media_lists: Path, name: str, labels: list[str]
):
    files = listed(camera, media_lists / name)

    assert [one.label.partition("/")[2] for one in recordings(files)] == labels
    assert unrecognised(files) == []


def test_a_real_list_with_a_lost_first_chapter_is_told_by_its_gap(camera: FakeCamera, media_lists: Path):
    lost, kept = recordings(listed(camera, media_lists / "issue887_media_list.json"))

    with pytest.raises(ChapterGap, match="01"):
        whole(lost)
    assert [f.size_bytes for f in whole(kept).files] == [11536686945, 6352656620]


def test_real_long_recordings_are_one_recording_a_camera(media_lists: Path):
    cameras = json.loads((media_lists / "long_recordings_real_sizes.json").read_text())["cameras"]

    counts = {
        camera: [
            len(one.files) for one in recordings(CameraFile("100GOPRO", n, s, None, None) for n, s in rows)
        ]
        for camera, rows in cameras.items()
    }

    assert counts == {"FR": [3], "NL": [3], "FL": [5], "NR": [4]}
