"""The tables of the lake: what their columns are called, and that SQL takes the names without quotes."""

import re

import pytest

from chalicelib.core.measurements.kinds import KINDS
from chalicelib.core.measurements.lake import CONSTANTS, LakeType, Table
from chalicelib.core.measurements.lake_tables import FRAMES, SUMMARY, TABLES

WORDS_OF_SQL = {
    *("timestamp", "session_user", "group", "order", "interval", "time", "date", "user", "values", "table"),
    *("row", "rows", "column", "current_date", "end", "from", "to", "select", "where", "start", "offset"),
}
"""Words that Athena or DuckDB read as their own."""


def names(table: Table) -> list[str]:
    return [column.name for column in (*CONSTANTS, *table.columns)]


def test_each_kind_has_a_table_of_frames_and_lights_have_a_summary():
    assert set(TABLES) == {*KINDS, "papi_summary"}
    assert all(table.kind == kind for kind, table in TABLES.items())


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.kind)
def test_names_are_taken_by_sql_as_they_are_and_no_two_are_the_same(table: Table):
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names(table))
    assert len(set(names(table))) == len(names(table))
    assert not {*names(table), table.kind} & WORDS_OF_SQL


@pytest.mark.parametrize("table", FRAMES.values(), ids=lambda table: table.kind)
def test_a_row_of_frames_begins_with_number_and_time_and_ends_with_what_no_column_holds(table: Table):
    assert [column.name for column in table.columns[:2]] == ["frame_number", "time_s"]
    assert table.columns[-1].name == "extra"
    assert table.time == "time_s"


def test_a_light_has_its_values_below_its_own_name():
    types = {column.name: column.type for column in FRAMES["papi"].columns}

    assert types["papi_a_status"] is LakeType.WORD
    assert types["papi_h_rgb_b"] is LakeType.NUMBER
    assert "papi_a_red_chromaticity" not in types


def test_angles_of_the_summary_are_in_degrees():
    units = {column.name: column.unit for column in SUMMARY.columns}
    angles = ("angle", "standard_error", "angle_low", "angle_high", "width", "nominal_angle", "tolerance")

    assert {units[name] for name in angles} == {"deg"}
