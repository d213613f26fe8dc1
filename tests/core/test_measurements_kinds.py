"""Kinds of frames: what each measures, how a file names its own, and what the lake gets of a frame."""

import json
from typing import Any

import pytest

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.columns import ColumnType
from chalicelib.core.measurements.frame import Unusable
from chalicelib.core.measurements.indexing import IndexedBlock, Indexing, OtherKind
from chalicelib.core.measurements.kinds import KINDS, Kind, generic
from chalicelib.core.measurements.limits import LIMITS
from chalicelib.core.measurements.work import Work
from tests.support.measurements import as_document, as_lines, make_frame, make_frames

WEATHER = [{"frame_number": n, "timestamp": n, "wind": 3 + n, "gust": None} for n in range(3)]


def blocks_of(content: bytes, kind: Kind | None = None) -> tuple[Indexing, list[IndexedBlock]]:
    indexing = Indexing("revision", kind=kind)
    return indexing, list(indexing.blocks_of([content]))


def lake_rows(content: bytes) -> list[dict[str, Any]]:
    """The rows that the lake gets, with `extra`."""
    indexing, blocks = blocks_of(content)
    rows = []
    for block in blocks:
        values = {**indexing.kind.lake_values(block.columns), "extra": block.columns.extra}
        rows += [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return rows


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_names_of_columns_are_unique_also_in_the_lake(kind: Kind):
    for names in ([each.name for each in kind.columns], [each.lake_name for each in kind.lake]):
        assert len(set(names)) == len(names)


def test_every_number_that_papi_measures_has_a_plot_and_angles_have_a_unit():
    numbers = [column for column in KINDS["papi"].columns if column.type is ColumnType.NUMBER]

    assert all(column.plot for column in numbers)
    assert all(column.unit == "deg" for column in numbers if column.name.endswith("angle"))


def test_a_document_names_its_kind_before_its_frames():
    text = b'{"kind":"generic","metadata":{"units":{"wind":"m/s","gust":"m/s","odd":7}},"frames":%b}'

    indexing, _ = blocks_of(text % json.dumps(WEATHER).encode())

    summary = json.loads(indexing.summary())
    assert (indexing.kind.name, summary["kind"]) == ("generic", "generic")
    assert summary["numbers"] == {"wind": {"count": 3, "min": 3, "max": 5, "mean": 4}}
    assert summary["units"] == {"wind": "m/s"}


def test_a_document_that_names_its_kind_last_is_read_once_more_as_that_kind():
    text = as_document(WEATHER, kind="generic")
    assert text.index(b"frames") < text.index(b"kind")

    with pytest.raises(OtherKind) as other:
        blocks_of(text)
    indexing, _ = blocks_of(text, other.value.kind)

    assert json.loads(indexing.summary())["numbers"]["wind"]["count"] == 3


def test_json_lines_name_no_kind_and_are_papi():
    assert blocks_of(as_lines(make_frames(2)))[0].kind is KINDS["papi"]


def test_generic_numbers_written_as_text_become_numbers_and_null_stays_null():
    frame = {
        "frame_number": "1",
        "timestamp": "0.5",
        "a": "2.5",
        "b": None,
        "c": "north",
        "d": {"x": 1},
        "e": True,
    }

    accepted = KINDS["generic"].accept(json.dumps(frame).encode(), Work(LIMITS))

    assert accepted.encodable == {
        "frame_number": 1,
        "timestamp": 0.5,
        "a": 2.5,
        "b": None,
        "c": "north",
        "d": {"x": 1},
        "e": True,
    }
    assert json.loads(accepted.extra or "") == {"c": "north", "d": {"x": 1}, "e": True}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ([], "not an object"),
        ({"timestamp": 0}, "frame_number"),
        ({"frame_number": 0}, "timestamp"),
        ({"frame_number": 0, "timestamp": 0, "a": 1e101}, "a is out of range"),
    ],
)
def test_a_generic_frame_that_cannot_be_used_is_rejected_with_the_reason(frame: Any, reason: str):
    with pytest.raises(Unusable, match=reason):
        KINDS["generic"].accept(json.dumps(frame).encode(), Work(LIMITS))


@pytest.mark.parametrize("count", [generic.MOST_NUMBERS, generic.MOST_NUMBERS + 1])
def test_a_generic_file_has_at_most_100_different_numbers(count: int):
    frames = [{"frame_number": n, "timestamp": n, f"x{n}": 1} for n in range(count)]
    text = b'{"kind":"generic","frames":%b}' % json.dumps(frames).encode()

    if count > generic.MOST_NUMBERS:
        with pytest.raises(Poison, match="more than 100 different numbers"):
            blocks_of(text)
        return
    assert len(json.loads(blocks_of(text)[0].summary())["numbers"]) == count


@pytest.mark.parametrize("length", [generic.LONGEST_NAME, generic.LONGEST_NAME + 1])
def test_the_name_of_a_generic_number_has_at_most_100_characters(length: int):
    frames = [{"frame_number": 0, "timestamp": 0, "n" * length: 1}]
    text = b'{"kind":"generic","frames":%b}' % json.dumps(frames).encode()

    if length > generic.LONGEST_NAME:
        with pytest.raises(Poison, match="longer than 100 characters"):
            blocks_of(text)
        return
    blocks_of(text)


def test_the_lake_gets_every_value_of_papi_under_its_name_and_the_rest_as_extra():
    frame = make_frame(4, rtk_flag=50, papi_b=None)
    frame["papi_a"]["confidence"] = 0.9
    frame["papi_a"]["rgb"]["alpha"] = 1

    (row,) = lake_rows(as_document([frame]))

    assert row["papi_a_angle"] == frame["papi_a"]["angle"]
    assert row["papi_c_status"] == frame["papi_c"]["status"]
    assert row["papi_d_rgb_r"] == 240
    assert "gimbal_pitch" not in row  # no frame has a value of it
    assert not [name for name in row if name.startswith("papi_b_") or "chromaticity" in name]
    assert json.loads(row["extra"]) == {
        "rtk_flag": 50,
        "papi_a": {"confidence": 0.9, "rgb": {"alpha": 1}},
    }


def test_the_lake_gets_generic_numbers_by_name_without_those_that_a_frame_lacks():
    frames = [
        {"frame_number": 0, "timestamp": 0, "wind": 3},
        {"frame_number": 1, "timestamp": 1, "wind": None, "gust": 4.5, "from": "west"},
    ]

    rows = lake_rows(b'{"kind":"generic","frames":%b}' % json.dumps(frames).encode())

    assert rows == [
        {"numbers": {"wind": 3.0}, "extra": None},
        {"numbers": {"gust": 4.5}, "extra": '{"from":"west"}'},
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"papi_a": None},
        {"papi_a": {"status": "RED"}},
        {"papi_a": {"angle": "3.5"}},
        {"papi_a_angle": 4},
        {"frame_number": 7.0},
        {"timestamp": "0.5"},
        {"unknown": [1]},
    ],
)
def test_a_usual_frame_and_one_that_needs_a_change_have_the_same_values(changes: dict[str, Any]):
    """A frame that needs no change takes another way than one that does."""
    usual = make_frame(7)
    del usual["papi_b"]
    frame = {**usual, **changes}
    if "papi_a_angle" in changes:
        frame["papi_a"] = {name: value for name, value in usual["papi_a"].items() if name != "angle"}

    (row,) = lake_rows(as_document([frame]))
    ((expected,),) = (lake_rows(as_document([usual])),)

    differing = {name for name in row if row[name] != expected.get(name)}
    assert all(name.startswith("papi_a_") or name == "extra" for name in differing)
    assert row["papi_c_angle"] == expected["papi_c_angle"]
