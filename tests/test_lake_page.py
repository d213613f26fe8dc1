"""docs/lake.md: its columns are those of the lake, and each of its questions is answered rightly.

The questions run in DuckDB on files that the coordinator's writer wrote, with answers that are known from the rows.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.admin.lake import Row, reading
from infra.admin.local_lake import answer, opened
from infra.lake import DAY, TABLES, LakeTable
from tests.support.lake_files import files_of, write_file

PAGE = (Path(__file__).parents[1] / "docs" / "lake.md").read_text()
QUESTIONS = {
    int(number): sql for number, sql in re.findall(r"^### (\d+)\. .*?```sql\n(.*?)```", PAGE, re.M | re.S)
}

LAST_MONTH = datetime(2026, 2, 1, tzinfo=UTC)
"""When a revision was measured that a later one replaced."""

FUNCTIONS = {
    *("avg", "count", "sum", "min", "max", "stddev_samp", "max_by", "count_if"),
    *("round", "abs", "substr", "cast", "date_diff", "try"),
}
"""Functions that are in Trino and in DuckDB and mean the same, by the documentation of both."""

WORDS = {
    "where",
    "and",
    "in",
    "as",
    "values",
    "filter",
    "on",
    "from",
    "by",
    "select",
    "with",
    "join",
    "having",
    "boxes",
}


def summary(light: str, angle: float | None, **more: Any) -> dict[str, Any]:
    fitted = {
        "run": 1,
        "direction": "climb",
        "frames_used": 90,
        "frames_set_aside": 10,
        "standard_error": 0.001,
        "width": 0.05,
        "outcome": "fitted" if angle is not None else "no transition seen",
    }
    return {"light": light, "angle": angle, **fitted, **more}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("a lake")
    fill(folder)
    with opened(TABLES, files_of(folder), folder) as connection:
        yield connection


def fill(folder: Path) -> None:
    """Four sessions of a runway in one year, one of them measured twice, and one of another runway."""
    runway = {"group_name": "EBBR-25L"}
    asked = {"nominal_angle": 3.0, "tolerance": 0.1, "verdict": "pass"}
    first = [
        summary("papi_a", 3.2, wing="left", box=1, width=0.08, **{**asked, "verdict": "fail"}),
        summary("papi_b", 3.0, wing="left", box=2, angle_low=2.99, angle_high=3.01, **asked),
        summary("papi_b", 3.06, wing="left", box=2, run=2, direction="descent", **asked),
        summary("papi_e", 3.0, wing="right", box=2, standard_error=0.02, **asked),
    ]
    wrong = [summary("papi_b", 9.0, **asked), summary("papi_c", 9.0, **asked)]
    write_file(folder, "papi_summary", "2026-03-01", first, **runway)
    write_file(
        folder, "papi_summary", "2026-03-01", wrong, **runway, revision="f" * 16, measured_at=LAST_MONTH
    )
    write_file(
        folder, "papi_summary", "2026-03-20", [summary("papi_b", 3.2, **asked)], **runway, session="flight-2"
    )
    write_file(folder, "papi_summary", "2026-05-02", [summary("papi_b", 2.9)], **runway, session="flight-3")
    write_file(folder, "papi_summary", "2027-01-01", [summary("papi_b", 5.0)], **runway, session="flight-4")
    blind = [
        summary("papi_a", None, run=None, direction=None, frames_used=0, frames_set_aside=0),
        summary("papi_b", None, frames_used=1, frames_set_aside=3),
    ]
    write_file(
        folder, "papi_summary", "2026-06-01", blind, group_name="LFPG-08L", project="club", session="flight-1"
    )
    frames = [
        {
            "frame_number": number,
            "time_s": number / 10,
            "papi_b_status": "red" if number < 2 else "white",
            "papi_b_angle": 2.0 + number / 10,
            "drone_elevation": None if number == 1 else 100.0 + number,
        }
        for number in range(6)
    ]
    write_file(folder, "papi", "2026-03-01", frames, **runway)
    write_file(folder, "papi", "2026-03-01", frames, **runway, revision="f" * 16, measured_at=LAST_MONTH)
    write_file(folder, "papi", "2026-03-20", frames, **runway, session="flight-2")
    light = [
        {"frame_number": 0, "time_s": 0.0, "numbers": {"lux": 10.0, "kelvin": 5000.0}},
        {"frame_number": 1, "time_s": 0.1, "numbers": {"kelvin": 5000.0}},
        {"frame_number": 2, "time_s": 0.2, "numbers": {"lux": 20.0}},
    ]
    write_file(folder, "generic", "2026-04-01", light, session="hall", group_name=None)


ANSWERS: Mapping[int, list[Row]] = {
    1: [("2026-03", 3, 3.0867, 3.0, 3.2), ("2026-05", 1, 2.9, 2.9, 2.9)],
    2: [
        ("2026-03-01", "main", "flight-1", "papi_a", 1, 1, 12.0, 6.0, "fail"),
        ("2026-03-20", "main", "flight-2", "papi_b", None, 1, 12.0, 6.0, "pass"),
    ],
    3: [
        ("2026-03-01", "main", "flight-1", "papi_e", 1, 1.2, None),
        ("2026-03-01", "main", "flight-1", "papi_a", 1, 0.06, None),
        ("2026-03-01", "main", "flight-1", "papi_b", 1, 0.06, 1.2),
    ],
    4: [("2026-03-01", "main", "flight-1", 2, 1.8)],
    5: [
        ("EBBR-25L", "papi_a", 1, 4.8),
        ("EBBR-25L", "papi_b", 5, 3.0),
        ("EBBR-25L", "papi_e", 1, 3.0),
    ],
    6: [
        ("papi_a", 3.2, None, None),
        ("papi_b", 3.525, 3.06, 27.9),
        ("papi_e", 3.0, None, None),
    ],
    7: [
        ("2026-06-01", "club", "flight-1", 3, 4, 75.0),
        ("2026-03-01", "main", "flight-1", 40, 400, 10.0),
        ("2026-03-20", "main", "flight-2", 10, 100, 10.0),
        ("2026-05-02", "main", "flight-3", 10, 100, 10.0),
        ("2027-01-01", "main", "flight-4", 10, 100, 10.0),
    ],
    8: [("2026-06-01", "club", "flight-1", "lights.json", 2)],
    9: [("EBBR-25L", "papi_b", 4, 3.432, 52.99)],
    10: [(1, 0.1, "red", 2.1, None), (2, 0.2, "white", 2.2, 102.0)],
    11: [
        ("club", "LFPG-08L", "2026-06-01", "flight-1", 213),
        ("main", "EBBR-25L", "2027-01-01", "flight-4", -1),
    ],
    12: [("main", "hall", 3, 2, 15.0)],
}


def test_there_are_at_least_ten_questions_and_each_has_a_known_answer():
    assert len(QUESTIONS) >= 10
    assert QUESTIONS.keys() == ANSWERS.keys()


@pytest.mark.parametrize("number", QUESTIONS)
def test_a_question_is_answered_rightly(number: int, lake: Any):
    _, rows = answer(lake, reading(QUESTIONS[number]))

    assert rows == ANSWERS[number]


@pytest.mark.parametrize("number", QUESTIONS)
def test_a_question_names_only_what_athena_and_duckdb_share(number: int):
    sql = re.sub(r"'[^']*'", "''", QUESTIONS[number])
    called = {name.lower() for name in re.findall(r"\b([A-Za-z_]+)\s*\(", sql)}

    assert called <= FUNCTIONS | WORDS
    assert not re.search(r"\bqualify\b|::|\bilike\b|\bexclude\b|\basof\b|\*\s*columns", sql, re.I)


@pytest.mark.parametrize("number", QUESTIONS)
def test_no_question_divides_by_or_multiplies_a_decimal(number: int):
    """`1.5` is a decimal of one digit to Athena, which rounds what it computes of it; `15e-1` is not."""
    sql = re.sub(r"'[^']*'", "''", QUESTIONS[number])

    assert not re.search(r"[0-9]+\.[0-9]+\s*[*/]|[*/]\s*[0-9]+\.[0-9]+", sql)


@pytest.mark.parametrize("number", [number for number in QUESTIONS if number not in (9, 11)])
def test_a_question_names_its_days_unless_it_is_about_all_of_them(number: int):
    assert re.search(r"\bdt (>=|=) '", QUESTIONS[number])


def described(heading: str) -> dict[str, tuple[str, str]]:
    """Type and unit of each column in the table below a heading of the page."""
    section = PAGE.split(f"### {heading}\n")[1].split("\n#")[0]
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]*?) ?\| ([^|]*?) ?\|", section, re.M)
    return {
        name: (type_, unit)
        for names, type_, unit in rows
        for written in re.findall(r"`([\w]+)`", names)
        for name in spelled(written)
    }


def spelled(name: str) -> list[str]:
    return (
        [name.replace("papi_X_", f"papi_{letter}_") for letter in "abcdefgh"] if "papi_X_" in name else [name]
    )


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_columns_of_a_table_are_described_with_their_types_and_units(table: LakeTable):
    common = described("The columns of every table")
    declared = {column.lake_name: (column.type.value, column.unit) for column in (*table.columns, DAY)}

    assert {**common, **described(f"The columns of {table.name}")} == declared


def test_the_view_of_a_table_reads_only_the_days_that_a_question_names(lake: Any):
    """As Athena does: the day is part of the join, so the condition reaches both sides of it."""
    [(_, plan)] = lake.execute(
        "EXPLAIN ANALYZE SELECT angle FROM papi_summary WHERE dt = '2026-05-02'"
    ).fetchall()

    scanned = re.findall(r"Scanning Files: (\d+)/(\d+)", plan)
    assert scanned
    assert {read for read, _ in scanned} == {"1"}
