"""The older system is only read: its folder, its tables, and values that no plan expected."""

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy

from infra.migration.bodies import Rows, open_body
from infra.migration.legacy.folder import Folder
from infra.migration.legacy.sql import SqlDatabase, open_database
from infra.migration.plan import TABLE, From, Item
from infra.migration.sources import SourceChanged, SourceUnusable
from tests.infra.migration.older import SCHEMA, Older, frame_row, old_id

NAME = old_id(1)


@pytest.fixture
def older(tmp_path: Path) -> Older:
    made = Older(tmp_path / "an older system")
    made.make_tables()
    return made


def opened(older: Older) -> SqlDatabase:
    return open_database(older.url)


def test_nothing_can_be_written_into_sqlite(older: Older):
    database = opened(older)

    with (
        pytest.raises(sqlalchemy.exc.OperationalError, match="readonly"),
        database._engine.begin() as connection,
    ):
        connection.execute(sqlalchemy.text("DELETE FROM frame_measurements"))


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("original_video_s3_key", f"videos/original/{NAME}/a.mp4", "original"),
        ("enhanced_video_s3_key", f"videos/enhanced/{NAME}/a.mp4", "enhanced"),
        ("enhanced_audio_video_s3_key", "somewhere/a.mp4", "enhanced_with_audio"),
        ("enhanced_video_s3_key", f"old/videos/enhanced_with_audio/{NAME}/a.mp4", "enhanced_with_audio"),
        ("frame_measurements_s3_key", "somewhere/frames.json", "frames"),
        ("video_file_path", "/app/uploads/a.mp4", "original"),
        ("preview_image_s3_key", f"previews/{NAME}/a.jpg", None),
        ("enhanced_video_s3_key", "", None),
    ],
)
def test_a_row_names_files_by_their_place_or_their_column(
    older: Older, column: str, value: str, kind: str | None
):
    older.add_row(NAME, **{column: value})

    [row] = opened(older).rows()

    assert row.named == ({kind: value} if kind else {})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2025-06-01 10:00:00", datetime(2025, 6, 1, 10, tzinfo=UTC)),
        ("2025-06-01T10:00:00.250000", datetime(2025, 6, 1, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2025-06-01 12:00:00+02:00", datetime(2025, 6, 1, 10, tzinfo=UTC)),
        ("2025-06-01", datetime(2025, 6, 1, tzinfo=UTC)),
        ("last summer", None),
        (None, None),
        (7, None),
    ],
)
def test_times_without_a_zone_are_utc_and_what_is_no_time_is_none(
    older: Older, written: object, read: datetime | None
):
    older.add_row(NAME, created_at=written, recording_date=written)

    [row] = opened(older).rows()

    assert (row.created_at, row.recorded_at) == (read, read)


@pytest.mark.parametrize("count", [1_999, 2_000, 2_001])
def test_rows_are_read_in_pages_and_none_twice(older: Older, count: int):
    older.add_row(NAME)
    older.add_frames([frame_row(each, NAME, each // 2) for each in range(count)])
    database = opened(older)
    [row] = database.rows()

    found = list(database.frames(row))

    assert len(found) == len(set(found)) == count
    assert database.count_frames(row) == count


def test_five_times_the_frames_take_no_more_memory(older: Older):
    peaks = []
    for place, count in enumerate((4_000, 20_000), start=1):
        name = old_id(place)
        older.add_row(name)
        older.add_frames([frame_row(place * 100_000 + each, name, each) for each in range(count)])
        database = opened(older)
        row = next(each for each in database.rows() if each.row_id == name)
        item = Item(TABLE, From.FRAME_ROWS, None, None)
        with open_body(Folder(older.root), database, row, item):
            pass
        tracemalloc.start()
        with open_body(Folder(older.root), database, row, item) as body:
            assert body.rows == Rows(count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.2 * peaks[0]


def test_sessions_are_read_in_pages(older: Older):
    older.execute(
        "INSERT INTO measurement_sessions (id) VALUES (?)", [[old_id(each)] for each in range(2_001)]
    )

    assert len({row.row_id for row in opened(older).rows()}) == 2_001


def test_frames_of_another_session_are_not_read(older: Older):
    older.add_row(NAME)
    older.add_frames([frame_row(1, NAME, 0), frame_row(2, old_id(2), 1)])
    database = opened(older)
    mine, orphan = database.rows()

    assert (mine.is_orphan, orphan.is_orphan) == (False, True)
    assert len(list(database.frames(mine))) == 1


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("CREATE TABLE measurement_sessions (name TEXT)", "has no column id"),
        (SCHEMA.replace("session_id CHAR(36),", ""), "no such column|has no column session_id"),
        (
            "CREATE TABLE measurement_sessions (id TEXT); CREATE TABLE frame_measurements (session_id TEXT);",
            "has no primary key",
        ),
    ],
)
def test_tables_that_cannot_be_read_are_refused(tmp_path: Path, schema: str, told: str):
    made = Older(tmp_path)
    made.make_tables(schema.partition("CREATE INDEX")[0])

    with pytest.raises(SourceUnusable, match=told):
        opened(made)


def test_a_database_that_fails_while_it_is_read_is_told_in_one_line(older: Older):
    older.add_row(NAME)
    database = opened(older)
    older.execute("DROP TABLE measurement_sessions")

    with pytest.raises(
        SourceUnusable, match=r"^the database cannot be read: OperationalError: no such table: [a-z_]+$"
    ):
        list(database.rows())


def test_a_missing_database_file_is_refused_and_not_made(tmp_path: Path):
    with pytest.raises(SourceUnusable, match="there is no file"):
        open_database(f"sqlite:///{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()


def test_a_password_is_in_no_message(tmp_path: Path):
    with pytest.raises(SourceUnusable) as raised:
        open_database("postgresql+psycopg://me:secret@127.0.0.1:9/none?connect_timeout=1")
    assert "secret" not in str(raised.value)


def test_bytes_that_a_file_does_not_have_any_more_are_a_change(older: Older):
    older.write("videos/original/x/a.mp4", b"abc")

    assert Folder(older.root).read("videos/original/x/a.mp4", 1, 2) == b"bc"
    with pytest.raises(SourceChanged, match="changed since"):
        Folder(older.root).read("videos/original/x/a.mp4", 1, 3)


def test_a_folder_without_the_folders_of_the_older_system_is_refused(tmp_path: Path):
    with pytest.raises(SourceUnusable, match="has none of"):
        Folder(tmp_path)
