"""The import from a real PostgreSQL: many sessions, a long one among them, and the types that only it has."""

import dataclasses
import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.ids import ArtifactId
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.core.settle import Actor
from chalicelib.flows import artifacts
from chalicelib.flows.frames import view_frames
from chalicelib.flows.settle import settle_session
from infra.migration import run
from infra.migration.legacy.sql import SqlDatabase, open_database
from infra.migration.plan import ROW, TABLE
from infra.migration.sources import Unreadable
from tests.infra.migration.older import FRAME_COLUMNS, Older, frame_row, item_of, old_id
from tests.infra.migration.postgres import make_database, postgres, url_of
from tests.support import story
from tests.support.builders import memory_ports, recorded
from tests.support.memory import fetch

SCHEMA = """
CREATE TYPE light_status AS ENUM ('RED', 'WHITE', 'TRANSITION', 'NOT_VISIBLE', 'not_visible');
CREATE TABLE measurement_sessions (
    id UUID PRIMARY KEY, airport_icao_code VARCHAR(4), status VARCHAR(20), created_at TIMESTAMP,
    recording_date TIMESTAMP WITH TIME ZONE, video_file_path VARCHAR(500), video_metadata JSON,
    light_positions JSONB, frame_measurements_s3_key VARCHAR(500), extent BOX
);
CREATE TABLE frame_measurements (
    id BIGINT PRIMARY KEY, session_id UUID REFERENCES measurement_sessions, frame_number INTEGER,
    timestamp DOUBLE PRECISION, drone_latitude NUMERIC(11,8), drone_longitude NUMERIC(12,8),
    drone_elevation NUMERIC(10,3), gimbal_pitch DOUBLE PRECISION, papi_a_status light_status, papi_a_rgb JSONB,
    papi_a_intensity DOUBLE PRECISION, papi_a_angle NUMERIC, papi_b_status light_status,
    papi_b_angle NUMERIC, wind_knots REAL, taken_at TIMESTAMP
);
CREATE INDEX frames_of_session ON frame_measurements (session_id, frame_number);
"""
LONG = 9_000
"""Rows of the long session: they are read in five pages."""

PART_BYTES = 5 * 2**20

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as folder:
        yield folder


@pytest.fixture
def tables(server: str) -> Iterator[psycopg.Connection[Any]]:
    """An empty older database."""
    with make_database(server, f"older-{next(_numbers)}", SCHEMA) as connection:
        yield connection


@pytest.fixture
def database(tables: psycopg.Connection[Any]) -> Iterator[SqlDatabase]:
    with closing(open_database(url_of(tables.info.host, tables.info.dbname))) as database:
        yield database


def add_session(tables: psycopg.Connection[Any], name: str) -> None:
    tables.execute(
        "INSERT INTO measurement_sessions (id, created_at, status, light_positions) VALUES (%s, %s, %s, %s)",
        [name, "2025-06-01 10:00:00", "completed", '{"PAPI_A": {"x": 12.5}}'],
    )


def add_frames(tables: psycopg.Connection[Any], rows: Iterator[tuple[Any, ...]]) -> None:
    with tables.cursor().copy(
        f"COPY frame_measurements ({', '.join(FRAME_COLUMNS)}) FROM STDIN".encode()
    ) as copy:
        for row in rows:
            copy.write_row(row)


def frames_of(database: SqlDatabase) -> list[dict[str, Any] | Unreadable]:
    [row] = database.rows()
    return [each if isinstance(each, Unreadable) else json.loads(each) for each in database.frames(row)]


def test_nothing_can_be_written(database: SqlDatabase):
    with (
        pytest.raises(sqlalchemy.exc.InternalError, match="read-only transaction"),
        database._engine.begin() as connection,
    ):
        connection.execute(sqlalchemy.text("DELETE FROM frame_measurements"))


def test_values_come_as_they_are(tables: psycopg.Connection[Any], database: SqlDatabase):
    add_session(tables, old_id(1))
    exact = "3.14159265358979323846264338327950288"
    add_frames(
        tables, iter([frame_row(2**40, old_id(1), 0, papi_a_angle=exact, taken_at="2025-06-01 10:00:00")])
    )

    [found] = frames_of(database)

    assert found == {
        "id": 2**40,
        "session_id": old_id(1),
        "frame_number": 0,
        "timestamp": 0.0,
        "drone_latitude": 48.12345678,
        "drone_longitude": 16.12345678,
        "drone_elevation": None,
        "gimbal_pitch": None,
        "papi_a_status": "TRANSITION",
        "papi_a_rgb": {"r": 250, "g": 30, "b": 20},
        "papi_a_intensity": 99.5,
        "papi_a_angle": float(exact),
        "papi_b_status": "not_visible",
        "papi_b_angle": None,
        "wind_knots": 4.5,
        "taken_at": "2025-06-01T10:00:00",
    }
    [row] = database.rows()
    [raw] = database.frames(row)
    assert isinstance(raw, bytes)
    assert exact in raw.decode()


def test_a_value_that_the_driver_cannot_read_costs_its_own_row_alone(
    tables: psycopg.Connection[Any], database: SqlDatabase
):
    add_session(tables, old_id(1))
    add_frames(tables, (frame_row(each, old_id(1), each) for each in range(5)))
    tables.execute("UPDATE frame_measurements SET taken_at = 'infinity' WHERE id = 3")

    found = frames_of(database)

    assert [each["id"] if isinstance(each, dict) else None for each in found] == [0, 1, 2, None, 4]
    assert isinstance(found[3], Unreadable)
    assert "frame_number 3, id 3: DataError" in found[3].reason


def test_what_is_no_number_is_text_and_not_null(tables: psycopg.Connection[Any], database: SqlDatabase):
    add_session(tables, old_id(1))
    add_frames(tables, iter([frame_row(1, old_id(1), 0, papi_a_angle="NaN", wind_knots=float("-inf"))]))

    [found] = frames_of(database)

    assert isinstance(found, dict)
    assert (found["papi_a_angle"], found["wind_knots"]) == ("NaN", "-inf")


@pytest.fixture(params=[40, pytest.param(200, marks=pytest.mark.soak)])
def sessions(request: pytest.FixtureRequest) -> int:
    """How many. No number between the two is a limit of anything, and each session takes 50 ms: 200 are of the soak."""
    count: int = request.param
    return count


@pytest.fixture
def older(tmp_path: Path, tables: psycopg.Connection[Any], sessions: int) -> Older:
    """So many sessions with a film each, the first with 9,000 frames and every tenth without its original."""
    ports = memory_ports()
    made = Older(tmp_path, replace(ports, policy=replace(ports.policy, part_size_bytes=PART_BYTES)))
    for number in range(1, sessions + 1):
        name = made.add(number, frames=0)
        if number % 10 == 0:
            (tmp_path / "videos/original" / name / "flight.mp4").unlink()
        add_session(tables, name)
    many = (frame_row(each, old_id(1), each) for each in range(LONG))
    few = (
        frame_row(LONG + number * 10 + each, old_id(number), each)
        for number in range(2, sessions + 1)
        for each in range(4)
    )
    add_frames(tables, itertools.chain(many, few))
    tables.execute("ANALYZE")
    return made


def test_many_sessions_come_whole_and_a_planted_difference_is_found(
    older: Older, tables: psycopg.Connection[Any], database: SqlDatabase, sessions: int
):
    world = dataclasses.replace(older.world(), database=database)

    first = older.play(world=world, limit=sessions * 3 // 5)
    second = older.play(world=world)
    for session_id in older.ports.records.sessions():
        settle_session(older.ports, session_id, Actor.MADE_EVENT)

    assert (first.finished, first.wrong, second.finished, second.wrong) == (False, 0, True, 0)
    assert second.incomplete == sessions // 10
    pictures = [recorded(older.ports, each) for each in older.ports.records.sessions()]
    states = [picture.session.state.value for picture in pictures]
    assert (states.count("PROCESSED"), states.count("OPEN")) == (sessions - sessions // 10, sessions // 10)
    assert older.ports.orders.sent == []
    long = ids.session_id("main", old_id(1))
    _, found = view_frames(older.ports, story.OPERATOR, long, None, Wanted(from_frame=LONG - 2))
    assert [frame["frame_number"] for frame in found.frames] == [LONG - 2, LONG - 1]
    assert found.frames[0]["papi_a"]["angle"] == 3.001
    row = json.loads(body_of(older, long, ROW))
    assert row["light_positions"] == {"PAPI_A": {"x": 12.5}}

    tables.execute("UPDATE frame_measurements SET papi_a_angle = 3.002 WHERE id = %s", [LONG - 5])
    tables.execute("DELETE FROM frame_measurements WHERE id = %s", [LONG + 31 * 10 + 2])
    wrong = [each for each in older.play(run.verify, world).sessions if each.is_wrong]

    assert [each.old_id for each in wrong] == [old_id(1), old_id(31)]
    assert all(item_of(each, TABLE).status.value == "differs" for each in wrong)


def body_of(older: Older, session_id: ids.SessionId, artifact_id: str) -> bytes:
    _, read = artifacts.sign_artifact(older.ports, story.OPERATOR, session_id, ArtifactId(artifact_id))
    return fetch(older.ports.objects, read.url, older.ports.clock.now())
