"""The lake's files in memory: JSON Lines, the schema first, then a line for each group of rows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import BinaryIO

from chalicelib.core.errors import LakeWriterMissing
from chalicelib.core.measurements.lake import CONSTANTS, Constants, RowGroups, Rows, Table


class MemoryLake:
    """A writer that a test can take away: `is_deployed`."""

    def __init__(self) -> None:
        self.is_deployed = True

    def demand_writer(self) -> None:
        if not self.is_deployed:
            raise LakeWriterMissing("there is no writer; deploy its layer")

    @contextmanager
    def writing(self, file: BinaryIO, table: Table, constants: Constants) -> Iterator["_MemoryFile"]:
        self.demand_writer()
        made = _MemoryFile(file, table, {column.name: constants[column.name] for column in CONSTANTS})
        yield made
        made.end()


class _MemoryFile:
    def __init__(self, file: BinaryIO, table: Table, constants: Constants) -> None:
        self._file = file
        self._constants = constants
        self._groups = RowGroups(table)
        self._file.write(_schema(table))

    def write(self, rows: Rows) -> None:
        for group in self._groups.add(rows):
            self._write_group(group)

    def end(self) -> None:
        for group in self._groups.rest():
            self._write_group(group)

    def _write_group(self, group: Rows) -> None:
        count = len(next(iter(group.values())))
        self._write_line({**{name: [value] * count for name, value in self._constants.items()}, **group})

    def _write_line(self, document: object) -> None:
        self._file.write(_line(document))


@cache
def _schema(table: Table) -> bytes:
    return _line([[column.lake_name, column.type.value] for column in (*CONSTANTS, *table.columns)])


def _line(document: object) -> bytes:
    return json.dumps(document, default=datetime.isoformat).encode() + b"\n"


def rows_of(body: bytes) -> list[dict[str, object]]:
    """The rows of a file of the memory lake, in order; times are text."""
    found: list[dict[str, object]] = []
    for line in body.splitlines()[1:]:
        group = json.loads(line)
        found += [dict(zip(group, row, strict=True)) for row in zip(*group.values(), strict=True)]
    return found
