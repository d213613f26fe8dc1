"""DuckDB over the objects of the local lake: tables and views as Athena has them, and nothing else of the machine."""

import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from infra.admin.deployment import Refused
from infra.admin.lake import QueryFailed, Row
from infra.admin.local_lake import BucketObjects, LocalLake
from infra.lake import TABLES
from infra.local.stack import LocalAws
from tests.support.lake_files import write_file

EARLY = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATE = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Folder:
    """Objects that are files of a folder."""

    root: Path
    downloads: list[str] = field(default_factory=list)

    def keys(self, prefix: str) -> Iterable[str]:
        return sorted(
            str(path.relative_to(self.root)) for path in (self.root / prefix).rglob("*") if path.is_file()
        )

    def download(self, key: str, path: Path) -> None:
        self.downloads.append(key)
        shutil.copy(self.root / key, path)


@dataclass
class Bench:
    root: Path
    noted: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    def write(self, name: str, day: str, rows: Iterable[Any], **origin: Any) -> Path:
        return write_file(self.root, name, day, list(rows), **origin)

    def ask(self, sql: str) -> list[Row]:
        return list(self._lake().ask(sql, self.progress.append).rows)

    def columns(self, sql: str) -> tuple[str, ...]:
        return self._lake().ask(sql, self.progress.append).columns

    def _lake(self) -> LocalLake:
        return LocalLake(Folder(self.root), TABLES, self.noted.append)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "a bucket's copy")


def light(light: str = "papi_a", angle: float | None = 3.0, **more: Any) -> dict[str, Any]:
    return {"light": light, "run": 1, "angle": angle, **more}


def test_an_empty_lake_has_all_tables_without_rows(bench: Bench):
    bench.root.mkdir()

    assert [bench.ask(f"SELECT count(*) FROM {table.name}") for table in TABLES] == [[(0,)]] * len(TABLES)
    assert {row[0] for row in bench.ask("SHOW TABLES")} == {
        name for table in TABLES for name in (table.name, table.files)
    }


def test_a_view_has_the_declared_columns_and_the_day(bench: Bench):
    bench.write("papi_summary", "2026-03-01", [light()])

    for table in TABLES:
        expected = tuple(column.lake_name for column in table.view_columns)
        assert bench.columns(f"SELECT * FROM {table.name}") == expected


def test_a_question_sees_the_latest_revision_of_a_session_and_the_files_have_both(bench: Bench):
    bench.write("papi_summary", "2026-03-01", [light(angle=2.0)], revision="f" * 16, measured_at=EARLY)
    bench.write("papi_summary", "2026-03-01", [light(angle=3.0)], revision="0" * 16, measured_at=LATE)

    assert bench.ask("SELECT angle, revision FROM papi_summary") == [(3.0, "0" * 16)]
    assert bench.ask("SELECT count(*) FROM papi_summary_files") == [(2,)]


def test_a_question_sees_the_frames_of_the_latest_revision_alone(bench: Bench):
    for revision, measured_at, height in (("f" * 16, EARLY, 2.0), ("0" * 16, LATE, 3.0)):
        frames = [{"frame_number": n, "time_s": n / 30, "drone_elevation": height + n} for n in range(2)]
        bench.write("papi", "2026-03-01", frames, revision=revision, measured_at=measured_at)

    assert bench.ask("SELECT frame_number, drone_elevation FROM papi ORDER BY 1") == [(0, 3.0), (1, 4.0)]
    assert bench.ask("SELECT count(*) FROM papi_files") == [(4,)]


def test_the_latest_revision_is_chosen_for_each_measurements_of_each_session_of_each_project(bench: Bench):
    origins = [
        {"project": project, "session": session, "measurements": measurements}
        for project in ("main", "club")
        for session in ("flight-1", "flight-2")
        for measurements in ("lights.json", "again.json")
    ]
    for place, origin in enumerate(origins):
        bench.write("papi_summary", "2026-03-01", [light(angle=float(place))], measured_at=EARLY, **origin)
    bench.write(
        "papi_summary", "2026-03-01", [light(angle=99.0)], revision="b" * 16, measured_at=LATE, **origins[0]
    )

    assert bench.ask("SELECT angle FROM papi_summary ORDER BY angle") == [
        *((float(place),) for place in range(1, len(origins))),
        (99.0,),
    ]


def test_of_two_revisions_of_one_time_a_question_sees_one(bench: Bench):
    lights = [light("papi_a"), light("papi_b")]
    for revision in ("a" * 16, "b" * 16):
        bench.write("papi_summary", "2026-03-01", lights, revision=revision, measured_at=EARLY)

    assert bench.ask("SELECT count(*), count(DISTINCT revision) FROM papi_summary") == [(2, 1)]


def test_a_revision_without_a_light_of_the_old_one_shows_nothing_of_the_old_one(bench: Bench):
    bench.write("papi_summary", "2026-03-01", [light("papi_a"), light("papi_b")], measured_at=EARLY)
    bench.write("papi_summary", "2026-03-01", [light("papi_a")], revision="b" * 16, measured_at=LATE)

    assert bench.ask("SELECT light FROM papi_summary") == [("papi_a",)]


def test_null_is_null_and_never_zero(bench: Bench):
    bench.write("papi_summary", "2026-03-01", [light(angle=None), light("papi_b", 0.0)])

    assert bench.ask("SELECT angle, width, wing FROM papi_summary ORDER BY light") == [
        (None, None, None),
        (0.0, None, None),
    ]


def test_a_day_is_text_so_that_the_same_comparison_holds_in_athena(bench: Bench):
    bench.write("papi_summary", "2026-03-01", [light()])
    bench.write("papi_summary", "2026-04-01", [light()], session="flight-2")

    assert bench.ask("SELECT dt, session FROM papi_summary WHERE dt >= '2026-03-15'") == [
        ("2026-04-01", "flight-2")
    ]
    assert bench.ask("SELECT substr(dt, 1, 7) FROM papi_summary ORDER BY 1") == [("2026-03",), ("2026-04",)]


def test_a_time_is_utc_without_a_zone(bench: Bench):
    bench.write("papi_summary", "2026-03-01", [light()], measured_at=EARLY)

    assert bench.ask("SELECT measured_at, typeof(measured_at) FROM papi_summary") == [
        ("2026-03-01 12:00:00", "TIMESTAMP")
    ]


def test_a_column_that_an_older_file_lacks_is_null_and_one_that_is_not_declared_is_not_seen(bench: Bench):
    path = bench.write("papi_summary", "2026-03-01", [light()])
    old = pyarrow.parquet.read_table(path, partitioning=None)
    old = old.drop_columns(["wing", "box"]).append_column("forgotten", pyarrow.array(["x"]))
    pyarrow.parquet.write_table(old, path)
    bench.write("papi_summary", "2026-03-02", [light(wing="left")], session="flight-2")

    assert bench.ask("SELECT wing FROM papi_summary ORDER BY session") == [(None,), ("left",)]
    assert "forgotten" not in bench.columns("SELECT * FROM papi_summary_files")


def test_numbers_by_name_are_asked_by_their_name(bench: Bench):
    frames = [
        {"frame_number": 0, "time_s": 0.0, "numbers": {"lux": 7.5}},
        {"frame_number": 1, "time_s": 0.1, "numbers": {}},
    ]
    bench.write("generic", "2026-03-01", frames)

    assert bench.ask("SELECT try(numbers['lux']) FROM generic ORDER BY frame_number") == [(7.5,), (None,)]
    assert bench.ask("SELECT numbers FROM generic ORDER BY frame_number LIMIT 1") == [('{"lux": 7.5}',)]


def test_not_a_number_stays_text_because_json_has_none(bench: Bench):
    bench.root.mkdir()

    assert bench.ask("SELECT CAST('NaN' AS DOUBLE), CAST('-Infinity' AS DOUBLE), 1.5") == [
        ("nan", "-inf", 1.5)
    ]


def test_objects_that_belong_to_no_table_are_not_read_and_are_told(bench: Bench):
    bench.write("papi_summary", "2026-03-01", [light()])
    for name in ("lake/kind=papi/stray", "lake/kind=unheard/dt=2026-03-01/a.parquet", "lake/note.txt"):
        path = bench.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("no Parquet")

    assert bench.ask("SELECT count(*) FROM papi_summary") == [(1,)]
    assert bench.noted == ["not read, because no table has them: 3 objects below lake/"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM papi",
        "CREATE TABLE t AS SELECT 1",
        "COPY (SELECT 1) TO '/tmp/never'",
        "ATTACH '/tmp/never'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "PRAGMA version",
        "WITH a AS (SELECT 1) INSERT INTO papi SELECT * FROM a",
        "SELECT 1; SELECT 2",
        "",
    ],
)
def test_what_does_not_read_is_refused_by_the_engine_too(bench: Bench, sql: str):
    bench.root.mkdir()

    with pytest.raises(QueryFailed):
        bench.ask(sql)


def test_other_files_of_the_machine_are_out_of_reach(bench: Bench, tmp_path: Path):
    bench.root.mkdir()
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")

    with pytest.raises(QueryFailed, match="could not answer"):
        bench.ask(f"SELECT * FROM read_csv('{secret}')")


def test_variables_of_this_process_are_out_of_reach(bench: Bench):
    bench.root.mkdir()
    hidden = pyarrow.table({"a": [1]})

    with pytest.raises(QueryFailed, match="hidden"):
        bench.ask("SELECT * FROM hidden")
    assert hidden


def test_a_wrong_question_is_told_in_the_words_of_the_engine(bench: Bench):
    bench.root.mkdir()

    with pytest.raises(QueryFailed, match="angel") as told:
        bench.ask("SELECT angel FROM papi_summary")

    assert "\n" not in str(told.value)


def test_nothing_is_left_on_the_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    bench.write("papi_summary", "2026-03-01", [light()])

    bench.ask("SELECT 1")
    with pytest.raises(QueryFailed):
        bench.ask("SELECT nothing")

    assert list(temporary.iterdir()) == []


def test_without_duckdb_the_command_says_what_to_install(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    bench.root.mkdir()
    monkeypatch.setitem(sys.modules, "duckdb", None)  # as where it is not installed

    with pytest.raises(Refused, match=r"pip install 'duckdb>=1\.4'"):
        bench.ask("SELECT 1")


def test_the_objects_of_a_bucket_are_listed_page_by_page_and_downloaded(
    bench: Bench, tmp_path: Path, local_aws: LocalAws
):
    s3 = local_aws.client("s3")
    for place in range(3):
        path = bench.write(
            "papi_summary", "2026-03-01", [light(angle=float(place))], session=f"flight-{place}"
        )
        key = str(path.relative_to(bench.root))
        s3.put_object(Bucket=local_aws.bucket, Key=key, Body=path.read_bytes())

    lake = LocalLake(BucketObjects(s3, local_aws.bucket), TABLES, bench.noted.append)
    answer = lake.ask("SELECT angle FROM papi_summary ORDER BY angle", bench.progress.append)

    assert list(answer.rows) == [(0.0,), (1.0,), (2.0,)]
    assert (answer.engine, answer.bytes_scanned) == ("DuckDB", None)
    assert bench.progress[0].startswith("3 files of the lake copied")


@pytest.fixture(scope="module")
def local_aws():
    with LocalAws.start(progress=lambda _: None) as started:
        yield started
