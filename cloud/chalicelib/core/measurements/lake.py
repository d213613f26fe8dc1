"""The lake's tables: their columns, and rows gathered into groups; docs/measurements.md tells the files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

MOST_ROWS_IN_GROUP = 18_000
"""Ten minutes of a film at 30 frames a second."""

MOST_GROUP_BYTES = 32 * 2**20
"""What the texts and maps of a group hold at most, about: frames of 64 KiB each must not fill the memory."""

_ENTRY_BYTES = 100
"""What an entry of a map counts as."""


class LakeType(Enum):
    """What a column holds; each may be null."""

    WORD = "word"
    """Text of a few different values, written as a dictionary."""
    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    MOMENT = "moment"
    """A time in UTC, in microseconds."""
    NUMBERS = "numbers"
    """Numbers by name."""


@dataclass(frozen=True)
class LakeColumn:
    """A column of a table; its name has only `a-z 0-9 _`."""

    name: str
    type: LakeType


CONSTANTS = (
    LakeColumn("project", LakeType.WORD),
    LakeColumn("session", LakeType.WORD),
    LakeColumn("device", LakeType.WORD),
    LakeColumn("group_name", LakeType.WORD),
    LakeColumn("camera", LakeType.WORD),
    LakeColumn("measurements", LakeType.WORD),
    LakeColumn("revision", LakeType.WORD),
    LakeColumn("measured_at", LakeType.MOMENT),
)
"""The first columns of every table. Each has one value in the whole of a file."""


@dataclass(frozen=True)
class Table:
    """A table of the lake: its `kind` in the keys, and its columns after CONSTANTS.

    Rows are sorted by the column `time` within each group; those of a table without one stay in their order.
    """

    kind: str
    columns: tuple[LakeColumn, ...]
    time: str | None = None


Rows = Mapping[str, Sequence[Any]]
"""Rows as one list a column, all of one length; `None` is null."""


class RowGroups:
    """Gathers rows of `table` into groups of MOST_ROWS_IN_GROUP; no more than one group is held."""

    def __init__(
        self, table: Table, most_rows: int = MOST_ROWS_IN_GROUP, most_bytes: int = MOST_GROUP_BYTES
    ) -> None:
        self._table = table
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._texts = tuple(each.name for each in table.columns if each.type is LakeType.TEXT)
        self._maps = tuple(each.name for each in table.columns if each.type is LakeType.NUMBERS)
        self._begin()

    def add(self, rows: Rows) -> Iterator[Rows]:
        """The groups that are full with these rows. A group ends early when its texts and maps are large.

        Raises ValueError unless `rows` has exactly the table's columns, all of one length.
        """
        count = self._demand_fitting(rows)
        taken = 0
        while taken < count:
            until = min(count, taken + self._most_rows - self._count)
            for name, held in self._held.items():
                held.extend(rows[name][taken:until])
            self._size_bytes += self._bytes_of(rows, taken, until)
            self._count += until - taken
            taken = until
            if self._count == self._most_rows or self._size_bytes > self._most_bytes:
                yield from self.rest()

    def rest(self) -> Iterator[Rows]:
        """The last group, unless it is empty; afterwards nothing is held."""
        if self._count:
            group = _sorted(self._held, self._table.time)
            self._begin()
            yield group

    def _begin(self) -> None:
        self._held: dict[str, list[Any]] = {column.name: [] for column in self._table.columns}
        self._count = 0
        self._size_bytes = 0

    def _demand_fitting(self, rows: Rows) -> int:
        if rows.keys() != self._held.keys():
            differing = sorted(rows.keys() ^ self._held.keys())
            raise ValueError(f"the table {self._table.kind} has not these columns: {', '.join(differing)}")
        lengths = {len(values) for values in rows.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        return lengths.pop()

    def _bytes_of(self, rows: Rows, first: int, until: int) -> int:
        texts = sum(len(text) for name in self._texts for text in rows[name][first:until] if text)
        entries = sum(len(numbers) for name in self._maps for numbers in rows[name][first:until] if numbers)
        return texts + entries * _ENTRY_BYTES


def _sorted(group: Rows, time: str | None) -> Rows:
    """The rows by time; of the same time, in their order."""
    if time is None:
        return group
    times = group[time]
    order = sorted(range(len(times)), key=times.__getitem__)
    if order == list(range(len(times))):
        return group
    return {name: [values[place] for place in order] for name, values in group.items()}
