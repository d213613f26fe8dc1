"""An older system for tests: its folder, its SQLite database, and a stage in memory to import them into."""

import gzip
import json
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import structs

from chalicelib.ports import PartUrl, Ports
from infra.migration import run
from infra.migration.legacy.folder import Folder
from infra.migration.legacy.sql import open_database
from infra.migration.progress import Progress
from infra.migration.report import ItemReport, Report, SessionReport
from infra.migration.send import Send
from infra.migration.sources import Database
from tests.support import story
from tests.support.builders import POLICY, MemoryPorts, memory_ports
from tests.support.films import make_film
from tests.support.memory import deliver

SCHEMA = """
CREATE TABLE measurement_sessions (
    id CHAR(36) PRIMARY KEY, airport_icao_code VARCHAR(4), status VARCHAR(20), created_at TIMESTAMP,
    recording_date TIMESTAMP, video_file_path VARCHAR(500), original_video_filename VARCHAR(255),
    video_metadata JSON, storage_type VARCHAR(10), original_video_s3_key VARCHAR(500),
    enhanced_video_s3_key VARCHAR(500), enhanced_audio_video_s3_key VARCHAR(500),
    frame_measurements_s3_key VARCHAR(500), preview_image_s3_key VARCHAR(500)
);
CREATE TABLE frame_measurements (
    id INTEGER PRIMARY KEY, session_id CHAR(36), frame_number INTEGER, timestamp FLOAT,
    drone_latitude NUMERIC(11,8), drone_longitude NUMERIC(12,8), drone_elevation NUMERIC(10,3),
    gimbal_pitch FLOAT, papi_a_status VARCHAR(20), papi_a_rgb JSON, papi_a_intensity FLOAT, papi_a_angle FLOAT,
    papi_b_status VARCHAR(20), papi_b_angle FLOAT, wind_knots FLOAT, taken_at TIMESTAMP
);
CREATE INDEX frames_of_session ON frame_measurements (session_id, frame_number);
"""
"""What the importer is told of it is its names alone; `wind_knots` and `taken_at` are nobody's."""

FRAME_COLUMNS = (
    *(
        "id",
        "session_id",
        "frame_number",
        "timestamp",
        "drone_latitude",
        "drone_longitude",
        "drone_elevation",
    ),
    *("gimbal_pitch", "papi_a_status", "papi_a_rgb", "papi_a_intensity", "papi_a_angle"),
    *("papi_b_status", "papi_b_angle", "wind_knots", "taken_at"),
)


def old_id(number: int) -> str:
    return str(uuid.UUID(int=number, version=4))


def frame(number: int, **changes: Any) -> dict[str, Any]:
    """One frame as the older system's JSON has it."""
    light = {"status": "red" if number % 2 else "WHITE", "rgb": {"r": 200, "g": 20, "b": 10}, "angle": 3.0}
    return {
        "frame_number": number,
        "timestamp": number / 30,
        "drone_elevation": None,
        "papi_a": light,
        **changes,
    }


def frames_json(count: int) -> bytes:
    """The version 1 of the file."""
    return gzip.compress(
        json.dumps({"frames": [frame(each) for each in range(count)], "metadata": {}}).encode()
    )


def frame_row(row_id: int, session_id: str, number: int | None, **changes: Any) -> tuple[Any, ...]:
    """A row of `frame_measurements`, in the order of FRAME_COLUMNS."""
    values = {
        "id": row_id,
        "session_id": session_id,
        "frame_number": number,
        "timestamp": None if number is None else number / 30,
        "drone_latitude": "48.12345678",
        "drone_longitude": "16.12345678",
        "drone_elevation": None,
        "papi_a_status": "TRANSITION",
        "papi_a_rgb": '{"r": 250, "g": 30, "b": 20}',
        "papi_a_intensity": 99.5,
        "papi_a_angle": 3.001,
        "papi_b_status": "not_visible",
        "wind_knots": 4.5,
        **changes,
    }
    return tuple(values.get(name) for name in FRAME_COLUMNS)


FEW_PARTS = structs.replace(POLICY, part_size_bytes=200)
"""Five parts for a film, where the usual ten bytes make a hundred."""


@dataclass
class Older:
    """An older system below `root`, and the stage in memory; `sent` counts parts, `waits` the pauses in seconds.

    Its database is opened for each import, unless it is `opened` already.
    """

    root: Path
    ports: MemoryPorts = field(default_factory=lambda: memory_ports(policy=FEW_PARTS))
    sent: int = 0
    waits: list[float] = field(default_factory=list)
    opened: Database | None = None

    def __post_init__(self) -> None:
        (self.root / "videos").mkdir(parents=True, exist_ok=True)
        for kind in ("original", "enhanced", "enhanced_with_audio"):
            (self.root / "videos" / kind).mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.root / 'app.db'}"

    def write(self, key: str, body: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def add(self, number: int, frames: int = 5, film: str = "flight.mp4") -> str:
        """A whole session in files; its id."""
        name = old_id(number)
        self.write(f"videos/original/{name}/{film}", make_film(800, 60, seed=number % 100))
        self.write(
            f"videos/enhanced/{name}/{name}_enhanced_main_video.mp4",
            make_film(790, 55, seed=number % 100 + 40),
        )
        if frames:
            self.write(f"frames/{name}/measurements.json.gz", frames_json(frames))
        return name

    def execute(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        with closing(sqlite3.connect(self.root / "app.db")) as database, database:
            database.executemany(statement, rows)

    def make_tables(self, schema: str = SCHEMA) -> None:
        with closing(sqlite3.connect(self.root / "app.db")) as database:
            database.executescript(schema)

    def add_row(self, name: str, **values: Any) -> None:
        given = {"id": name, "created_at": "2025-06-01 10:00:00", "status": "completed", **values}
        self.execute(
            f"INSERT INTO measurement_sessions ({', '.join(given)}) VALUES ({', '.join('?' * len(given))})",
            [list(given.values())],
        )

    def add_frames(self, rows: Sequence[Sequence[Any]]) -> None:
        marks = ", ".join("?" * len(FRAME_COLUMNS))
        self.execute(f"INSERT INTO frame_measurements ({', '.join(FRAME_COLUMNS)}) VALUES ({marks})", rows)

    def send(self, url: PartUrl, body: bytes) -> None:
        self.sent += 1
        deliver(self.ports.objects, url.url, url.headers, body, self.ports.clock.now())

    def world(self, ports: Ports | None = None, send: Send | None = None) -> run.World:
        database = self.opened
        if database is None and (self.root / "app.db").exists():
            database = open_database(self.url)
        return run.World(
            ports or self.ports,
            story.OPERATOR,
            "main",
            Folder(self.root),
            database,
            send or self.send,
            self.waits.append,
        )

    def play(
        self,
        step: run.Step = run.apply,
        world: run.World | None = None,
        limit: int | None = None,
        wanted: Sequence[str] = (),
        progress: Callable[[str], None] = lambda _: None,
    ) -> Report:
        world = world or self.world()
        found = list(run.find_sessions(world, wanted))
        return run.run(world, found, step, limit, Progress(len(found), 0, progress, lambda: 0.0))

    def one(self, step: run.Step = run.apply, **how: Any) -> SessionReport:
        """The report of the only session."""
        [report] = self.play(step, **how).sessions
        return report

    def import_all(self) -> Report:
        """Import, and let the reconciler index what came."""
        report = self.play()
        story.let_pass(self.ports)
        return report


def statuses(report: SessionReport) -> dict[str, str]:
    return {item.artifact_id: item.status.value for item in report.items}


def item_of(report: SessionReport, artifact_id: str) -> ItemReport:
    return next(each for each in report.items if each.artifact_id == artifact_id)


def without_times(report: SessionReport) -> SessionReport:
    return replace(report, owed=())
