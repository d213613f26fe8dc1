"""The lake as engines see it: tables with their columns, and the views in which each session is seen once.

Athena gets the tables from the stack (`infra.aws.catalog`), DuckDB from `infra.admin.local_lake`; both get their names,
columns and views from here. docs/lake.md tells them to people.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core.measurements.columns import Column, ColumnType
from chalicelib.core.measurements.lake import CONSTANTS
from chalicelib.core.measurements.lake_tables import TABLES as DECLARED

PARTITIONS = ("kind", "dt")
"""Columns that are in the keys and not in the files, both of text: `lake/kind=papi/dt=2026-11-30/….parquet`."""

DAY = Column("dt", ColumnType.TEXT)
"""The day on which the session was created (UTC): the only partition that a question names."""


@dataclass(frozen=True)
class EngineType:
    """One type in the words of Glue, of Athena's SQL and of DuckDB."""

    glue: str
    athena: str
    duckdb: str


TYPES: Mapping[ColumnType, EngineType] = {
    ColumnType.NUMBER: EngineType("double", "double", "DOUBLE"),
    ColumnType.WHOLE: EngineType("bigint", "bigint", "BIGINT"),
    ColumnType.WORD: EngineType("string", "varchar", "VARCHAR"),
    ColumnType.TEXT: EngineType("string", "varchar", "VARCHAR"),
    ColumnType.TIME: EngineType("timestamp", "timestamp", "TIMESTAMP"),
    ColumnType.NUMBERS: EngineType("map<string,double>", "map(varchar,double)", "MAP(VARCHAR, DOUBLE)"),
}


@dataclass(frozen=True)
class LakeTable:
    """A table of the lake: `name` is its kind in the keys and the name of its view."""

    name: str
    columns: tuple[Column, ...]
    """Those in its files, by `lake_name`."""
    has_few_rows: bool
    """Whether a file has some rows only, so that all of them are read at once."""

    @property
    def files(self) -> str:
        """The name of the table of all its files, replaced revisions included."""
        return f"{self.name}_files"

    @property
    def view_columns(self) -> tuple[Column, ...]:
        return (*self.columns, DAY)

    @property
    def view(self) -> str:
        """The SQL of its view, in what Athena and DuckDB share: the rows of the latest revision of each measurements.

        The day is part of what names them, so that a question about some days reads the files of these days alone.
        """
        return self._by_window() if self.has_few_rows else self._by_join()

    def _by_window(self) -> str:
        """Reads each file once, and every row of it."""
        columns = ", ".join(column.lake_name for column in self.view_columns)
        latest = (
            f"first_value(revision) OVER (PARTITION BY {', '.join(_MEASUREMENTS)} "
            "ORDER BY measured_at DESC, revision DESC)"
        )
        # Names are declared, so nothing here comes from outside.
        rows = f"SELECT {columns}, {latest} AS latest_revision FROM {self.files}"  # nosec B608
        return f"SELECT {columns} FROM ({rows}) WHERE revision = latest_revision"  # nosec B608

    def _by_join(self) -> str:
        """Reads the names of each file first, then the columns asked for; no row waits for others."""
        columns = ", ".join(f"f.{column.lake_name}" for column in self.view_columns)
        joined = " AND ".join(f"f.{name} = latest.{name}" for name in (*_MEASUREMENTS, "revision"))
        names = ", ".join(_MEASUREMENTS)
        latest = (
            f"SELECT {names}, max_by(revision, measured_at) AS revision FROM {self.files} GROUP BY {names}"  # nosec B608
        )
        return f"SELECT {columns} FROM {self.files} f JOIN ({latest}) latest ON {joined}"  # nosec B608


_MEASUREMENTS = ("dt", "project", "session", "measurements")
"""What names the measurements whose latest revision counts."""


TABLES: tuple[LakeTable, ...] = tuple(
    LakeTable(name, (*CONSTANTS, *table.columns), has_few_rows=table.time is None)
    for name, table in DECLARED.items()
)
"""One of frames for each kind, and the summary of lights."""
