"""DuckDB as an engine over the lake of the local AWS: the same objects, tables and views as Athena has."""

import json
import math
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from infra.admin.deployment import Refused
from infra.admin.formats import counted, size
from infra.admin.lake import Answer, QueryFailed, Row, Say, Value, one_line
from infra.lake import PARTITIONS, TYPES, LakeTable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_KEY = re.compile(r"lake/kind=(?P<kind>[a-z_]+)/dt=[0-9]{4}-[0-9]{2}-[0-9]{2}/[A-Za-z0-9._-]+")
_PREFIX = "lake/"


class Objects(Protocol):
    """The objects of a bucket."""

    def keys(self, prefix: str) -> Iterable[str]:
        """The keys of all current objects below `prefix`."""

    def download(self, key: str, path: Path) -> None:
        """Write an object to `path`."""


class BucketObjects:
    """Those of a bucket, by boto3."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def keys(self, prefix: str) -> Iterable[str]:
        """The keys of all current objects below `prefix`, page by page."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return (each["Key"] for page in pages for each in page.get("Contents", []))

    def download(self, key: str, path: Path) -> None:
        """Write an object to `path`."""
        self._s3.download_file(self._bucket, key, str(path))


@dataclass(frozen=True)
class LocalLake:
    """DuckDB over copies of the objects, which last as long as one question."""

    objects: Objects
    tables: Sequence[LakeTable]
    note: Say

    def ask(self, sql: str, progress: Say) -> Answer:
        """The answer to one statement that only reads. Raises QueryFailed, and Refused without DuckDB."""
        started_s = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="reelhaul-lake-") as folder:
            files = self._copied(Path(folder), progress)
            with opened(self.tables, files, Path(folder)) as connection:
                columns, rows = answer(connection, sql)
        return Answer(columns, iter(rows), "DuckDB", time.monotonic() - started_s)

    def _copied(self, folder: Path, progress: Say) -> Mapping[str, list[Path]]:
        """The files of each table, below `folder` as they are below the bucket."""
        files: dict[str, list[Path]] = {table.name: [] for table in self.tables}
        foreign, size_bytes = 0, 0
        for key in self.objects.keys(_PREFIX):
            match = _KEY.fullmatch(key)
            if match is None or match["kind"] not in files:
                foreign += 1
                continue
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            self.objects.download(key, path)
            files[match["kind"]].append(path)
            size_bytes += path.stat().st_size
        copied = sum(map(len, files.values()))
        progress(f"{counted(copied, 'file')} of the lake copied, {size(size_bytes)}")
        if foreign:
            self.note(f"not read, because no table has them: {counted(foreign, 'object')} below {_PREFIX}")
        return files


def opened(
    tables: Iterable[LakeTable], files: Mapping[str, Sequence[Path]], folder: Path
) -> "DuckDBPyConnection":
    """A connection with the tables and views of the lake over `files`, which lie below `folder`.

    A column that an older file does not have is null, and one that is not declared is not seen, as in Athena. The
    connection reads these files and nothing else of the machine, and fetches nothing. Raises Refused without DuckDB.
    """
    connection: DuckDBPyConnection = _duckdb().connect(
        ":memory:", config={"python_enable_replacements": False}
    )
    connection.execute("SET TimeZone = 'UTC'")
    for table in tables:
        connection.execute(f"CREATE VIEW {table.files} AS {_files_sql(table, files.get(table.name, ()))}")
        connection.execute(f"CREATE VIEW {table.name} AS {table.view}")
    connection.execute(f"SET allowed_directories = [{_quoted(str(folder))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _files_sql(table: LakeTable, files: Sequence[Path]) -> str:
    typed = [(column.lake_name, TYPES[column.type].duckdb) for column in table.columns]
    typed += [(name, "VARCHAR") for name in PARTITIONS]
    columns = ", ".join(f"CAST({name} AS {type_}) AS {name}" for name, type_ in typed)
    declared = ", ".join(f"CAST(NULL AS {type_}) AS {name}" for name, type_ in typed)
    rows = f"SELECT {declared} WHERE false"
    if files:
        listed = ", ".join(_quoted(str(path)) for path in files)
        options = "hive_partitioning = true, hive_types_autocast = false, union_by_name = true"
        rows += f" UNION ALL BY NAME SELECT * FROM read_parquet([{listed}], {options})"  # nosec B608 # quoted paths
    return f"SELECT {columns} FROM ({rows})"  # nosec B608 # declared names


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def answer(connection: "DuckDBPyConnection", sql: str) -> tuple[tuple[str, ...], list[Row]]:
    """Columns and rows of one statement that only reads. Raises QueryFailed."""
    duckdb = _duckdb()
    reads = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    try:
        statements = duckdb.extract_statements(sql)
        if [each.type in reads for each in statements] != [True]:
            raise QueryFailed("only one statement, and one that reads, may be asked")
        found = connection.execute(statements[0])
        columns = tuple(str(each[0]) for each in found.description or ())
        return columns, [tuple(map(_value, row)) for row in found.fetchall()]
    except duckdb.Error as error:
        raise QueryFailed(f"DuckDB could not answer: {one_line(str(error))}") from error


def _value(value: Any) -> Value:
    """A value as Athena's answers hold it: times and maps are text, and so is a number that JSON does not have."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else str(value)


def _duckdb() -> Any:
    """DuckDB, which is needed here alone. Raises Refused where it is missing."""
    try:
        import duckdb
    except ImportError as error:
        raise Refused(
            f"the lake of the local stack is read by DuckDB, which {sys.executable} does not have: "
            f"{sys.executable} -m pip install 'duckdb>=1.4'"
        ) from error
    return duckdb
