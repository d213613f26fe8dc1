"""Files of the lake as the coordinator's functions write them, made of rows of a test."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.aws.lake import ParquetLake
from chalicelib.core.keys import LAKE
from chalicelib.core.measurements.lake_tables import TABLES

Row = Mapping[str, Any]

ORIGIN: Row = {
    "project": "main",
    "session": "flight-1",
    "device": "d_1",
    "group_name": "EBBR",
    "camera": "C3531350000001",
    "measurements": "lights.json",
    "revision": "0123456789abcdef",
    "measured_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
}
"""Where the rows of a file are from, unless a test says otherwise."""


def write_file(folder: Path, name: str, day: str, rows: Iterable[Row], **origin: Any) -> Path:
    """A file of the table `name`, below `folder` as the coordinator has it below its bucket; None is null."""
    said, table = {**ORIGIN, **origin}, TABLES[name]
    stem = ".".join(said[part] for part in ("project", "session", "measurements", "revision"))
    path = folder / f"{LAKE}kind={name}/dt={day}/{stem}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = list(rows)
    names = dict.fromkeys(key for row in listed for key in row)
    with path.open("wb") as file, ParquetLake().writing(file, table, said) as made:
        made.write({key: [row.get(key) for row in listed] for key in names})
    return path


def files_of(folder: Path) -> dict[str, list[Path]]:
    """The files of each table below `folder`."""
    return {name: sorted(folder.glob(f"{LAKE}kind={name}/dt=*/*")) for name in TABLES}
