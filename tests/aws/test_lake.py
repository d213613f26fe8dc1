"""The lake's files as engines see them: Parquet with what makes queries cheap."""

import io
from datetime import UTC, datetime

import pyarrow.parquet
import pytest

from chalicelib.aws.lake import ParquetLake
from chalicelib.core.measurements.columns import Column, ColumnType
from chalicelib.core.measurements.lake import CONSTANTS, Table

TABLE = Table(
    "lights",
    (
        Column("time_s", ColumnType.NUMBER),
        Column("status", ColumnType.WORD),
        Column("extra", ColumnType.TEXT),
    ),
    "time_s",
)
SAID = {column.name: "said" for column in CONSTANTS} | {"measured_at": datetime(2026, 3, 4, tzinfo=UTC)}
WORDS = {"status", *(column.name for column in CONSTANTS if column.type is ColumnType.WORD)}


@pytest.fixture
def file() -> pyarrow.parquet.ParquetFile:
    file = io.BytesIO()
    with ParquetLake().writing(file, TABLE, SAID) as made:
        made.write({"time_s": [2.0, 1.0], "status": ["red", None], "extra": ["{}", None]})
    return pyarrow.parquet.ParquetFile(file)


def test_every_column_is_snappy_and_has_statistics_and_both_page_indexes(file: pyarrow.parquet.ParquetFile):
    group = file.metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]

    assert {column.compression for column in columns} == {"SNAPPY"}
    assert all(column.is_stats_set for column in columns)
    assert all(column.has_offset_index and column.has_column_index for column in columns)
    (time,) = [column for column in columns if column.path_in_schema == "time_s"]
    assert (time.statistics.min, time.statistics.max) == (1.0, 2.0)


def test_words_and_constants_are_dictionaries_and_nothing_else_is(file: pyarrow.parquet.ParquetFile):
    group = file.metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]

    assert {each.path_in_schema for each in columns if each.has_dictionary_page} == WORDS


def test_the_schema_has_only_types_that_every_engine_reads(file: pyarrow.parquet.ParquetFile):
    types = {field.name: str(field.type) for field in file.schema_arrow}

    assert (types["session"], types["status"], types["extra"]) == ("string", "string", "string")
    assert (types["time_s"], types["measured_at"]) == ("double", "timestamp[us, tz=UTC]")
