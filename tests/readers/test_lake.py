"""The lake's file of an hour: six row groups, read back by engines, and by what a page would load."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas
import pyarrow.compute
import pyarrow.parquet
import pytest

from tests.readers.facts import FRAMES, Facts, expected_facts
from tests.readers.node import Node

COLUMNS = ["frame_number", "papi_a_angle"]
ROWS_IN_GROUP = 18_000


def by_pyarrow(file: Path) -> Facts:
    read = pyarrow.parquet.read_table(file, columns=COLUMNS)
    numbers, angles = read["frame_number"], read["papi_a_angle"]
    return Facts(
        read.num_rows,
        numbers[-1].as_py(),
        pyarrow.compute.sum(numbers).as_py(),
        angles.null_count,
        round(pyarrow.compute.sum(angles).as_py() * 1000),
    )


def by_pandas(file: Path) -> Facts:
    frames = pandas.read_parquet(file, columns=COLUMNS)
    numbers, angles = frames["frame_number"], frames["papi_a_angle"]
    return Facts(
        len(frames),
        int(numbers.iloc[-1]),
        int(numbers.sum()),
        int(angles.isna().sum()),
        round(angles.sum() * 1000),
    )


def by_duckdb(file: Path) -> Facts:
    found = duckdb.execute(
        """SELECT count(*), max(frame_number), sum(frame_number)::BIGINT, count(*) - count(papi_a_angle),
                  round(sum(papi_a_angle) * 1000)::BIGINT
           FROM read_parquet(?)""",
        [str(file)],
    ).fetchone()
    assert found is not None
    return Facts(*found)


@pytest.mark.parametrize("read", [by_pyarrow, by_pandas, by_duckdb])
def test_an_engine_sees_every_frame_and_every_null_of_the_lake(
    long_index: Path, read: Callable[[Path], Facts]
):
    assert read(long_index / "papi.parquet") == expected_facts()


def test_hyparquet_sees_every_frame_and_every_null_of_the_lake(long_index: Path, node: Node):
    answer = node.answer("parquet.js", long_index / "papi.parquet", 20_000, 20_002)

    assert Facts(**answer["facts"]) == expected_facts()
    assert answer["groups"] == FRAMES // ROWS_IN_GROUP
    assert [row[:2] for row in answer["some"]] == [[20_020, "match-17-north"], [20_021, "match-17-north"]]
