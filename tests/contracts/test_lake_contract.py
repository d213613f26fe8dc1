"""What every Lake writes, whatever its format."""

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol

import pyarrow.parquet
import pytest

from chalicelib.aws.lake import ParquetLake
from chalicelib.core.measurements.columns import Column, ColumnType
from chalicelib.core.measurements.lake import (
    CONSTANTS,
    MOST_GROUP_BYTES,
    MOST_ROWS_IN_GROUP,
    TEXT_COPIES,
    Table,
)
from chalicelib.ports import Lake
from tests.support.memory import MemoryLake

TABLE = Table(
    "lights",
    (
        Column("frame_number", ColumnType.WHOLE),
        Column("time_s", ColumnType.NUMBER),
        Column("status", ColumnType.WORD),
        Column("numbers", ColumnType.NUMBERS),
        Column("seen_at", ColumnType.TIME),
        Column("extra", ColumnType.TEXT),
    ),
    "time_s",
)
MEASURED_AT = datetime(2026, 3, 4, 5, 6, 7, 89, UTC)
SAID = {
    "project": "main",
    "session": "match-17",
    "device": "d_1",
    "group_name": None,
    "camera": "C1234567890123",
    "measurements": "lights.json",
    "revision": "0123456789abcdef",
    "measured_at": MEASURED_AT,
}


class Reader(Protocol):
    """A lake, and what another reader finds in its files."""

    lake: Lake

    def groups(self, body: bytes) -> list[dict[str, list[Any]]]:
        """The groups of rows, each one list a column, in the order of the columns."""


class MemoryReader:
    def __init__(self) -> None:
        self.lake = MemoryLake()

    def groups(self, body: bytes) -> list[dict[str, list[Any]]]:
        schema, *groups = map(json.loads, body.splitlines())
        moments = [name for name, type_ in schema if type_ == ColumnType.TIME.value]
        assert all(list(group) == [name for name, _ in schema] for group in groups)
        return [
            {
                **group,
                **{name: [each and datetime.fromisoformat(each) for each in group[name]] for name in moments},
            }
            for group in groups
        ]


class ParquetReader:
    def __init__(self) -> None:
        self.lake = ParquetLake()

    def groups(self, body: bytes) -> list[dict[str, list[Any]]]:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(body))
        found = [file.read_row_group(place).to_pydict() for place in range(file.num_row_groups)]
        return [
            {**each, "numbers": [None if row is None else dict(row) for row in each["numbers"]]}
            for each in found
        ]


@pytest.fixture(params=[MemoryReader, ParquetReader])
def reader(request: pytest.FixtureRequest) -> Reader:
    made: Reader = request.param()
    return made


def row(number: int, time_s: float, **said: object) -> dict[str, object]:
    return {
        "frame_number": number,
        "time_s": time_s,
        "status": None,
        "numbers": None,
        "seen_at": None,
        "extra": None,
        **said,
    }


def columns(rows: Sequence[dict[str, object]]) -> dict[str, list[object]]:
    return {column.name: [each[column.name] for each in rows] for column in TABLE.columns}


def written(lake: Lake, *blocks: Sequence[dict[str, object]]) -> bytes:
    file = io.BytesIO()
    with lake.writing(file, TABLE, SAID) as made:
        for block in blocks:
            made.write(columns(block))
    return file.getvalue()


def test_what_is_written_is_read_again_and_null_stays_null(reader: Reader):
    rows = [
        row(0, 0.0, status="red", numbers={"a.b": 1.5, "c": -0.25}, seen_at=MEASURED_AT, extra='{"x":1}'),
        row(2**53 - 1, 1e100, status="white", numbers={}, extra=""),
        row(7, 2e100),
    ]

    (group,) = reader.groups(written(reader.lake, rows))

    assert {name: values for name, values in group.items() if name not in SAID} == columns(rows)


def test_every_row_says_where_it_is_from(reader: Reader):
    (group,) = reader.groups(written(reader.lake, [row(0, 0.0), row(1, 1.0)]))

    assert {name: group[name] for name in SAID} == {name: [value] * 2 for name, value in SAID.items()}
    assert list(group) == [column.name for column in (*CONSTANTS, *TABLE.columns)]


def test_a_moment_of_another_zone_is_the_same_moment(reader: Reader):
    there = MEASURED_AT.astimezone(timezone(timedelta(hours=5)))

    (group,) = reader.groups(written(reader.lake, [row(0, 0.0, seen_at=there)]))

    assert group["seen_at"] == [MEASURED_AT]


def test_a_whole_number_that_no_double_holds_is_the_nearest_one(reader: Reader):
    (group,) = reader.groups(written(reader.lake, [row(0, 0.0), row(1, 2**60 + 1), row(2, 10**100)]))

    assert list(map(float, group["time_s"])) == [0.0, 2.0**60, 1e100]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (MOST_ROWS_IN_GROUP - 1, [MOST_ROWS_IN_GROUP - 1]),
        (MOST_ROWS_IN_GROUP, [MOST_ROWS_IN_GROUP]),
        (MOST_ROWS_IN_GROUP + 1, [MOST_ROWS_IN_GROUP, 1]),
    ],
)
def test_a_group_has_ten_minutes_of_frames(reader: Reader, count: int, sizes: list[int]):
    rows = [row(number, number / 30) for number in range(count)]
    blocks = [rows[start : start + 300] for start in range(0, count, 300)]

    groups = reader.groups(written(reader.lake, *blocks))

    assert [len(group["frame_number"]) for group in groups] == sizes
    assert [number for group in groups for number in group["frame_number"]] == list(range(count))


def test_large_texts_end_a_group_early(reader: Reader):
    text = "x" * (MOST_GROUP_BYTES // TEXT_COPIES // 300)
    blocks = [
        [row(number, number, extra=text) for number in range(at, at + 100)] for at in (0, 100, 200, 300)
    ]

    groups = reader.groups(written(reader.lake, *blocks))

    assert [len(group["extra"]) for group in groups] == [400]
    more = [[*block, row(0, 0, extra="x" * 300)] for block in blocks]
    assert [len(group["extra"]) for group in reader.groups(written(reader.lake, *more))] == [303, 101]


def test_rows_are_in_the_order_of_their_times_within_a_group(reader: Reader):
    rows = [row(0, 3.0), row(1, 1.0), row(2, 2.0), row(3, 1.0)]

    (group,) = reader.groups(written(reader.lake, rows[:2], rows[2:]))

    assert list(zip(group["time_s"], group["frame_number"], strict=True)) == [(1, 1), (1, 3), (2, 2), (3, 0)]


def test_the_same_rows_make_the_same_bytes(reader: Reader):
    rows = [row(number, number / 30, status="red", numbers={"a": number}) for number in range(1000)]

    assert written(reader.lake, rows) == written(reader.lake, rows[:300], rows[300:])


def test_a_column_that_is_not_there_is_null(reader: Reader):
    file = io.BytesIO()
    with reader.lake.writing(file, TABLE, SAID) as made:
        made.write({"time_s": [1.0, 2.0], "frame_number": [1, 2]})
        made.write(columns([row(3, 3.0, status="red")]))

    (group,) = reader.groups(file.getvalue())
    assert group["status"] == [None, None, "red"]
    assert group["numbers"] == [None] * 3


def test_a_file_without_rows_is_a_file(reader: Reader):
    assert reader.groups(written(reader.lake)) == []


@pytest.mark.parametrize(
    "rows",
    [
        {**columns([row(0, 0.0)]), "wind": [1.0]},
        {**columns([row(0, 0.0)]), "extra": [None, None]},
    ],
)
def test_other_columns_than_the_tables_are_refused(reader: Reader, rows: dict[str, list[object]]):
    with pytest.raises(ValueError, match="column"), reader.lake.writing(io.BytesIO(), TABLE, SAID) as made:
        made.write(rows)


def test_a_file_that_is_given_up_is_left_alone(reader: Reader):
    file = io.BytesIO()

    def give_up() -> None:
        with reader.lake.writing(file, TABLE, SAID) as made:
            made.write(columns([row(0, 0.0)]))
            file.close()
            raise KeyError

    with pytest.raises(KeyError):
        give_up()


def test_the_writer_is_there(reader: Reader):
    reader.lake.demand_writer()
