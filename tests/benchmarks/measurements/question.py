"""The mean angle of one light over 1,000 sessions, asked of the lake's summary table as people ask it."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import fmean, median
from typing import Any

from chalicelib.aws.lake import ParquetLake
from chalicelib.core import ids
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import DeviceId, UploadId
from chalicelib.core.keys import lake_key
from chalicelib.core.measurements import papi_summary
from chalicelib.core.measurements.index import revision_of
from chalicelib.core.measurements.lake import constants_of
from chalicelib.core.session import Camera, Session
from chalicelib.core.upload import Receipt
from infra.admin.local_lake import answer, opened
from infra.lake import TABLES
from tests.benchmarks.figures import Figure
from tests.benchmarks.measurements.processes import demand_same, peak_mib, run
from tests.support.indexes import ARTIFACT_ID, KEY
from tests.support.measurements import ANGLES

SESSIONS = 1000
LIGHT = "papi_b"
SQL = (
    f"SELECT count(*) AS sessions, avg(angle) AS angle FROM papi_summary WHERE light = '{LIGHT}' AND run = 1"
)
RUNS = 5
MIB = 2**20
_FIRST_DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)


def figures() -> list[Figure]:
    """Seconds and bytes of one question."""
    with tempfile.TemporaryDirectory() as folder:
        angles = _write(Path(folder))
        files = list(Path(folder).rglob("*.parquet"))
        size_mib = sum(path.stat().st_size for path in files) / MIB
        asked = run("ask", folder).answer
    demand_same([SESSIONS, round(fmean(angles), 9)], [asked["sessions"], round(asked["angle"], 9)])
    peers = {"files": len(files), "files_mib": size_mib, "peak_mib": asked["peak_mib"]}
    note = f"mean angle of one light over {SESSIONS} sessions, a file each, DuckDB's view opened anew; page cache warm"
    return [
        Figure("lake_question_1000_sessions_s", asked["median_s"], "s", 1, note, peers),
        Figure(
            "lake_question_1000_sessions_mib",
            asked["read_mib"],
            "MiB",
            1,
            f"{note}; all bytes that were read",
            peers,
        ),
    ]


def ask(folder: str) -> dict[str, Any]:
    """In a process of its own: the answer, the median of its time, and the bytes that one question read."""
    files = {table.name: sorted(Path(folder).glob(f"lake/kind={table.name}/*/*.parquet")) for table in TABLES}
    seconds, sizes = [], []
    for _ in range(RUNS + 1):
        start, first_byte = time.perf_counter(), _read_bytes()
        with opened(TABLES, files, Path(folder)) as connection:
            _, [(sessions, angle)] = answer(connection, SQL)
        seconds.append(time.perf_counter() - start)
        sizes.append(_read_bytes() - first_byte)
    return {
        "sessions": sessions,
        "angle": angle,
        "median_s": median(seconds[1:]),
        "read_mib": median(sizes[1:]) / MIB,
        "peak_mib": peak_mib(),
    }


def _read_bytes() -> int:
    """All bytes that this process has read so far, from the disk or from memory."""
    found = re.search(r"^rchar: (\d+)$", Path("/proc/self/io").read_text(), re.M)
    assert found is not None
    return int(found[1])


def _write(folder: Path) -> list[float]:
    """The lake's summary files of all sessions below `folder`; answers the angles of LIGHT."""
    random = Random(1)
    angles = []
    for number in range(SESSIONS):
        turns = {light: random.gauss(angle, 0.01) for light, angle in ANGLES.items()}
        _write_session(folder, number, turns)
        angles.append(turns[LIGHT])
    return angles


def _write_session(folder: Path, number: int, turns: Mapping[str, float]) -> None:
    created_at = _FIRST_DAY + timedelta(hours=7 * number)
    session_id = ids.session_id(ids.MAIN, f"runway-{number:04}")
    session = Session(session_id, DeviceId(f"d_{number % 5}"), Camera("C3501324500711"), None, created_at)
    receipt = Receipt(
        UploadId("u_1"), ARTIFACT_ID, KEY, f"v{number}", 1, Crc64Nvme("AAAAAAAAAAA="), created_at
    )
    key = lake_key(
        papi_summary.TABLE.name, session_id, created_at, ARTIFACT_ID, revision_of(receipt.version_id)
    )
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    lights = {light: {"transition": _turn(angle)} for light, angle in turns.items()}
    with (
        path.open("wb") as file,
        ParquetLake().writing(file, papi_summary.TABLE, constants_of(session, receipt)) as made,
    ):
        made.write(papi_summary.summary_rows(lights, {}))


def _turn(angle: float) -> dict[str, Any]:
    """The transition of a light on a climb and a descent, as summary.json has it."""
    fit = {
        "angle": angle,
        "standard_error": 0.004,
        "interval": [angle - 0.008, angle + 0.008],
        "width": 0.05,
        "outcome": "fitted",
        "frames_used": 1790,
    }
    aside = {"wrong_status": 7, "not_visible": 2, "no_angle": 1, "no_status": 0}
    runs = [
        {
            "run": run,
            "direction": direction,
            "first_frame": 1800 * (run - 1),
            "last_frame": 1800 * run - 1,
            "first_s": 60.0 * (run - 1),
            "last_s": 60.0 * run - 1 / 30,
            "frames_set_aside": aside,
            **fit,
        }
        for run, direction in ((1, "climb"), (2, "descent"))
    ]
    method = {"name": "smoothed path, logistic curves with a lapse rate", "version": 1}
    return {**fit, "frames_set_aside": 20, "runs": runs, "further_runs": 0, "method": method}
