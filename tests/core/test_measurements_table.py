"""Frames and buckets as CSV."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import answers
from chalicelib.core.measurements import table
from chalicelib.core.measurements.kinds import KINDS
from chalicelib.core.measurements.ranges import Frames, Wanted
from tests.support.measurements import make_frame

PAPI, GENERIC = KINDS["papi"], KINDS["generic"]
MEMBERS = tuple(sorted(make_frame()))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def written(*frames: dict[str, Any], columns: tuple[str, ...] | None = None, kind: Any = GENERIC) -> str:
    members = tuple(sorted({name for frame in frames for name in frame}))
    names = table.frame_columns(kind, members, Wanted(columns=columns))
    return table.of_frames(Frames(frames, None), names).text


class TestColumns:
    def test_are_the_kinds_own_then_unknown_members_then_the_rest(self):
        names = table.frame_columns(PAPI, (*MEMBERS, "zoom", "gust"), Wanted())

        assert names[:3] == ("frame_number", "timestamp", "drone_latitude")
        assert names[-3:] == ("zoom", "gust", "extra")
        assert "papi_d.rgb.b" in names
        assert not [name for name in names if name.startswith("papi_e") or "chromaticity" in name]

    def test_are_those_asked_for_and_a_light_has_all_of_its_own(self):
        names = table.frame_columns(PAPI, MEMBERS, Wanted(columns=("papi_b.angle", "papi_a", "papi_b.angle")))

        assert names[:4] == ("frame_number", "timestamp", "papi_b.angle", "papi_a.status")
        assert len([name for name in names if name.startswith("papi_a.")]) == 10
        assert names.count("papi_b.angle") == 1

    def test_are_the_kinds_own_where_members_were_not_noted(self):
        names = table.frame_columns(PAPI, None, Wanted())

        assert len(names) == 2 + 6 + 8 * 10 + 1

    def test_called_extra_are_in_the_rest(self):
        text = written({"frame_number": 0, "timestamp": 0, "extra": 7})

        assert text == 'frame_number,timestamp,extra\r\n0,0,"{""extra"":7}"\r\n'


class TestCells:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (None, ""),
            ("", '""'),
            ("dusk", "dusk"),
            ("a,b", '"a,b"'),
            ('say "red"', '"say ""red"""'),
            ("two\r\nlines", '"two\r\nlines"'),
            ("ä", "ä"),
            (True, "true"),
            (0, "0"),
            (-1.5, "-1.5"),
            (1e100, "1e+100"),
            ([1, None], '"[1,null]"'),
            ({"a": "b"}, '"{""a"":""b""}"'),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", '"\'\r=1"'),
            ("a=1", "a=1"),
        ],
    )
    def test_are_as_rfc_4180_says_and_never_a_formula(self, value: Any, expected: str):
        text = written({"frame_number": 0, "timestamp": 0, "x": value})

        assert text == f"frame_number,timestamp,x,extra\r\n0,0,{expected},\r\n"

    def test_of_names_are_guarded_too(self):
        assert written({"frame_number": 0, "timestamp": 0, "=a,b": 1}).startswith(
            'frame_number,timestamp,"\'=a,b"'
        )

    def test_of_a_light_that_is_null_or_absent_are_empty(self):
        frame = {"frame_number": 0, "timestamp": 0.5, "papi_a": None}
        [row] = rows(written(frame, kind=PAPI))

        assert set(row.values()) == {"0", "0.5", ""}

    def test_hold_in_the_rest_what_of_a_light_has_no_column(self):
        light = {"angle": 3.0, "lamp": "left", "seen": None, "rgb": {"r": 1, "a": 2}}
        frame = {"frame_number": 0, "timestamp": 0, "papi_a": light}
        [row] = rows(written(frame, kind=PAPI))

        assert (row["papi_a.angle"], row["papi_a.rgb.r"], row["papi_a.rgb.g"]) == ("3.0", "1", "")
        assert json.loads(row["extra"]) == {"papi_a": {"lamp": "left", "seen": None, "rgb": {"a": 2}}}


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b.c", "d"]), VALUES | st.text(), max_size=3), max_size=5)
)
def test_values_in_are_values_out(frames: list[dict[str, Any]]):
    numbered = [{"frame_number": at, "timestamp": at / 30, **frame} for at, frame in enumerate(frames)]
    text = written(*numbered)

    found = rows(text)
    assert len(found) == len(frames)
    for row, frame in zip(found, numbered, strict=True):
        for name, value in frame.items():
            if isinstance(value, str):
                assert row[name] in (value, f"'{value}")
            else:
                assert (json.loads(row[name]) if row[name] else None) == value


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_rows_are_as_many_as_fit_and_the_rest_comes_next(more: int):
    frames = tuple({"frame_number": at, "timestamp": 0, "x": '"' * 20} for at in range(10, 14))
    names = table.frame_columns(GENERIC, ("x",), Wanted())
    whole = table.of_frames(Frames(frames, 99), names)
    header, row = whole.text.split("\r\n")[:2]
    three = sum(answers.counted_bytes(f"{line}\r\n") for line in (header, row, row, row))

    found = table.of_frames(Frames(frames, 99), names, three + more)

    assert whole.next_frame == 99
    kept = 3 if more >= 0 else 2
    assert (found.text.count("\n") - 1, found.next_frame) == (kept, 10 + kept)


def test_one_row_is_answered_whatever_its_size():
    frames = tuple({"frame_number": at, "timestamp": 0} for at in range(2))

    found = table.of_frames(Frames(frames, None), ("frame_number", "timestamp", "extra"), 1)

    assert (found.text.count("\n"), found.next_frame) == (2, 1)


def test_buckets_have_a_row_each_with_what_is_known_of_every_column():
    document = {
        "first_frame": 10,
        "frames_per_bucket": 5,
        "count": [2, 0],
        "first_s": [1.0, None],
        "last_s": [1.5, None],
        "numbers": {
            "papi_a.angle": {"count": [1, 0], "min": [2.5, None], "max": [2.5, None], "mean": [2.5, None]}
        },
        "statuses": {"papi_a.status": {"red": [2, 0]}},
    }

    angles = ",".join(f"papi_a.angle.{each}" for each in ("count", "min", "max", "mean"))
    assert table.of_points(document).text.split("\r\n") == [
        f"first_frame,count,first_s,last_s,{angles},papi_a.status.red",
        "10,2,1.0,1.5,1,2.5,2.5,2.5,2",
        "15,0,,,0,,,,0",
        "",
    ]
