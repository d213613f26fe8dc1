"""`query`: what may be asked, in which forms the answer comes, and what is told about it."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.admin.command import follow
from infra.admin.console import Console
from infra.admin.deployment import Refused
from infra.admin.lake import Answer, QueryFailed, Row, Say, price_usd, reading

ROWS: list[Row] = [("papi_a", 3, 3.25, None), ("papi_b", 12, -0.5, 'says "a, b"')]
COLUMNS = ("light", "n", "angle", "note")


@dataclass
class Engine:
    rows: list[Row] = field(default_factory=lambda: list(ROWS))
    bytes_scanned: int | None = 20 * 2**20
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)
    read: int = 0

    def ask(self, sql: str, progress: Say) -> Answer:
        self.asked.append(sql)
        progress("running")
        if self.error:
            raise self.error
        return Answer(COLUMNS, self._rows(), "Athena", 1.25, self.bytes_scanned, "q-1")

    def _rows(self) -> Iterator[Row]:
        for row in self.rows:
            self.read += 1
            yield row


@dataclass
class Desk:
    engine: Engine = field(default_factory=Engine)
    piped: str | None = None
    said: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> int:
        console = Console(
            lake=lambda _given, _note: self.engine,
            say=self.said.append,
            note=self.noted.append,
            draw=self.progress.append,
            read=lambda: self.piped,
        )
        return follow(["query", "--stage", "prod", *arguments], console)


SQL = "SELECT * FROM papi_summary"


def test_an_answer_is_a_table_with_aligned_columns_and_null_is_empty():
    desk = Desk()

    assert desk.run(SQL) == 0

    assert desk.said == [
        "light    n  angle  note",
        "------  --  -----  -----------",
        "papi_a   3   3.25",
        'papi_b  12   -0.5  says "a, b"',
    ]


def test_an_answer_without_rows_is_a_table_of_its_names():
    desk = Desk(Engine([]))

    assert desk.run(SQL) == 0

    assert desk.said == ["light  n  angle  note", "-----  -  -----  ----"]
    assert desk.noted[0].startswith("0 rows from Athena")


def test_what_was_scanned_and_what_it_costs_is_told_with_its_assumptions():
    desk = Desk()

    desk.run(SQL, "--price", "6")

    [told] = desk.noted
    assert told.startswith("2 rows from Athena in 1.2 s, 20.0 MiB scanned: about 0.000114 USD")
    assert told.endswith("(if a TB costs 6 USD, and a query at least 10 MB)")
    assert desk.progress == ["running", ""]


def test_an_engine_that_bills_nothing_tells_no_price():
    desk = Desk(Engine(bytes_scanned=None))

    desk.run(SQL)

    assert desk.noted == ["2 rows from Athena in 1.2 s"]


def test_csv_keeps_null_apart_from_an_empty_text_and_guards_spreadsheets_against_formulas():
    desk = Desk(Engine([(None, 1, 0.5, ""), ("a,b", 2, 1e-7, 'x"y'), ("c\nd", -3, 0.0, "=1+1")]))

    desk.run(SQL, "--format", "csv")

    assert desk.said == ["light,n,angle,note", ',1,0.5,""', '"a,b",2,1e-07,"x""y"', '"c\nd",-3,0.0,\'=1+1']


@pytest.mark.parametrize("form", [["--json"], ["--format", "json"]])
def test_json_is_one_object_with_rows_and_what_they_cost(form: list[str]):
    desk = Desk()

    desk.run(SQL, *form)

    assert len(desk.said) == 1
    assert json.loads(desk.said[0]) == {
        "columns": list(COLUMNS),
        "rows": [list(row) for row in ROWS],
        "cut": False,
        "engine": "Athena",
        "query_id": "q-1",
        "seconds": 1.25,
        "bytes_scanned": 20 * 2**20,
        "price_usd": pytest.approx(20 * 5 / 2**20),
    }


@pytest.mark.parametrize(("limit", "shown", "cut"), [(1, 1, True), (2, 2, False), (3, 2, False)])
def test_a_limit_leaves_out_rows_and_says_so(limit: int, shown: int, cut: bool):
    desk = Desk()

    desk.run(SQL, "--limit", str(limit))

    assert len(desk.said) == 2 + shown
    assert [line for line in desk.noted if "more rows" in line] == (
        [f"there are more rows: --limit {limit} leaves them out"] if cut else []
    )


def test_a_limit_reads_no_more_pages_than_it_needs():
    desk = Desk(Engine([("papi_a", number, 0.0, None) for number in range(5000)]))

    desk.run(SQL, "--limit", "10", "--json")

    assert desk.engine.read == 11
    assert json.loads(desk.said[0])["cut"] is True


def test_an_answer_is_written_to_a_file_and_replaces_an_older_one(tmp_path: Path):
    target = tmp_path / "an answer.csv"
    target.write_text("old")
    desk = Desk()

    assert desk.run(SQL, "--format", "csv", "--output", str(target)) == 0

    assert target.read_text().splitlines()[0] == "light,n,angle,note"
    assert (desk.said, len(desk.noted)) == ([], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["an answer.csv"]


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert Desk().run(SQL, "--output", str(tmp_path / "absent" / "a.csv")) == 1

    assert capsys.readouterr().err.startswith("refused: ")
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path):
    assert Desk().run(SQL, "--output", "/dev/null") == 0

    assert Path("/dev/null").is_char_device()


def test_the_statement_comes_from_a_file(tmp_path: Path):
    desk = Desk()
    file = tmp_path / "trend.sql"
    file.write_text("-- the trend\nSELECT 'ü';\n", encoding="utf-8")

    assert desk.run("--file", str(file)) == 0

    assert desk.engine.asked == ["SELECT 'ü'"]


def test_the_statement_comes_from_standard_input():
    desk = Desk(piped="SELECT 1;\n")

    assert desk.run() == 0

    assert desk.engine.asked == ["SELECT 1"]


@pytest.mark.parametrize("piped", [None, "", " \n", "-- nothing\n", "/* nothing */ ;"])
def test_without_a_statement_nothing_is_asked(piped: str | None, capsys: pytest.CaptureFixture[str]):
    desk = Desk(piped=piped)

    assert desk.run() == 1

    assert "there is no question" in capsys.readouterr().err
    assert desk.engine.asked == []


def test_two_places_for_one_statement_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    desk = Desk()

    assert desk.run(SQL, "--file", str(tmp_path / "x.sql")) == 1

    assert "not both" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_is_not_there_or_is_no_text_is_told(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "x.sql"
    if content is not None:
        file.write_bytes(content)

    assert Desk().run("--file", str(file)) == 1

    assert capsys.readouterr().err.count("\n") == 1


def test_a_query_that_fails_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]):
    desk = Desk(Engine(error=QueryFailed("Athena could not answer query q-1: no such\ncolumn")))

    assert desk.run(SQL) == 1

    assert capsys.readouterr().err == "refused: Athena could not answer query q-1: no such\\u000acolumn\n"
    assert desk.said == []


def test_ctrl_c_ends_the_command_as_all_others(capsys: pytest.CaptureFixture[str]):
    assert Desk(Engine(error=KeyboardInterrupt())).run(SQL) == 75  # type: ignore[arg-type]  # raised all the same

    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "select 1;",
        " ( SELECT 1 ) ;; ",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VALUES 1, 2",
        "SHOW TABLES",
        "DESCRIBE papi",
        "EXPLAIN SELECT 1",
        "-- first\n/* second ; */ SELECT ';', \"a;b\", 'it''s; so' -- last ;",
    ],
)
def test_what_reads_may_be_asked(sql: str):
    assert reading(sql).strip("( ").split()[0].lower() in (
        "select",
        "with",
        "values",
        "show",
        "describe",
        "explain",
    )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM papi",
        "insert into papi values (1)",
        "DROP TABLE papi",
        "CREATE TABLE a AS SELECT 1",
        "UNLOAD (SELECT 1) TO 's3://elsewhere/'",
        "MSCK REPAIR TABLE papi_files",
        "ALTER TABLE papi_files ADD COLUMNS (a int)",
        "EXPLAIN ANALYZE INSERT INTO papi VALUES (1)",
        "explain /* */ analyze SELECT 1",
        "PREPARE a FROM DELETE FROM papi",
        "-- SELECT\nDROP TABLE papi",
        "/* SELECT */ DROP TABLE papi",
        "'SELECT'",
        "123",
        "",
        ";",
    ],
)
def test_all_else_is_refused_before_anything_is_asked(sql: str):
    with pytest.raises(Refused):
        reading(sql)


@pytest.mark.parametrize(
    "sql", ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE papi", "SELECT ';' ; --\n DROP TABLE a"]
)
def test_two_statements_are_refused(sql: str):
    with pytest.raises(Refused, match="more than one statement"):
        reading(sql)


@pytest.mark.parametrize(
    ("bytes_scanned", "megabytes"),
    [(0, 10), (10 * 2**20, 10), (10 * 2**20 + 1, 11), (2**40, 2**20)],
)
def test_a_query_costs_whole_megabytes_and_at_least_ten(bytes_scanned: int, megabytes: int):
    assert price_usd(bytes_scanned, 5.0) == pytest.approx(5.0 * megabytes / 2**20)


@pytest.mark.parametrize("price", ["-1", "free", "nan", "1000"])
def test_a_price_that_is_none_is_refused(price: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        Desk().run(SQL, "--price", price)

    assert "price" in capsys.readouterr().err


def test_no_cell_steers_the_operators_terminal(capsysbinary: Any):
    console = Console(lake=lambda _given, _note: Engine([("\x1b[2J", 1, 0.0, None)]))

    follow(["query", "--stage", "prod", SQL], console)

    assert b"\x1b" not in capsysbinary.readouterr().out


def test_standard_input_is_read_whole_when_it_is_no_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 1\n"))

    assert Console().read() == "SELECT 1\n"
