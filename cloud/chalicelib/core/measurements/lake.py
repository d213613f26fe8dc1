"""The lake's tables: their columns, and rows gathered into groups; docs/measurements.md tells the files."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from chalicelib.core.ids import name_of, project_of
from chalicelib.core.measurements.columns import Column, ColumnType, FrameColumns
from chalicelib.core.measurements.index import revision_of
from chalicelib.core.session import Session
from chalicelib.core.upload import Receipt

if TYPE_CHECKING:
    # Every function knows the lake; only those that index or read an index load the kinds.
    from chalicelib.core.measurements.kinds import Kind

MOST_ROWS_IN_GROUP = 18_000
"""Ten minutes of a film at 30 frames a second."""

MOST_GROUP_BYTES = 32 * 2**20
"""What the texts and maps of a group hold at most, about: frames of 64 KiB each must not fill the memory."""

TEXT_COPIES = 8
"""A text counts as so many: Python holds it, then Arrow, then the pages that are encoded, compressed and written."""

_ENTRY_BYTES = 100
"""What an entry of a map counts as."""


CONSTANTS = (
    Column("project", ColumnType.WORD),
    Column("session", ColumnType.WORD),
    Column("device", ColumnType.WORD),
    Column("group_name", ColumnType.WORD),
    Column("camera", ColumnType.WORD),
    Column("measurements", ColumnType.WORD),
    Column("revision", ColumnType.WORD),
    Column("measured_at", ColumnType.TIME),
)
"""The first columns of every table. Each has one value in the whole of a file."""


class Table(Struct, frozen=True):
    """A table of the lake: its `name` in the keys (`kind=NAME`), and its columns after CONSTANTS, by `lake_name`.

    Rows are sorted by the column `time` within each group; those of a table without one stay in their order.
    """

    name: str
    columns: tuple[Column, ...]
    time: str | None = None


Rows = Mapping[str, Sequence[Any]]
"""Rows as one list a column, all of one length; `None` is null. There is at least one column."""

Constants = Mapping[str, str | datetime | None]
"""The value of each of CONSTANTS in one file."""


def constants_of(session: Session, receipt: Receipt) -> Constants:
    """What every row says of where it is from.

    `measured_at` is when the version was verified: the same at each indexing, and later for a later order.
    """
    return {
        "project": project_of(session.session_id),
        "session": name_of(session.session_id),
        "device": session.device_id,
        "group_name": session.group,
        "camera": session.camera.serial,
        "measurements": receipt.artifact_id.partition(".")[2],
        "revision": revision_of(receipt.version_id),
        "measured_at": receipt.verified_at,
    }


_FRAME_NUMBER = Column("frame_number", ColumnType.WHOLE)
_TIME = Column("time_s", ColumnType.NUMBER, "s")
_EXTRA = Column("extra", ColumnType.TEXT)


def frames_table(kind: "Kind") -> Table:
    """The table with one row for each frame of a kind."""
    return Table(kind.name, (_FRAME_NUMBER, _TIME, *kind.lake, _EXTRA), _TIME.name)


def frame_rows(kind: "Kind", frames: FrameColumns) -> Rows:
    """The rows of `frames_table` that these frames are."""
    return {
        _FRAME_NUMBER.name: frames.frame_numbers,
        _TIME.name: frames.times,
        **kind.lake_values(frames),
        _EXTRA.name: frames.extra,
    }


class RowGroups:
    """Gathers rows of `table` into groups of MOST_ROWS_IN_GROUP; no more than one group is held."""

    def __init__(
        self, table: Table, most_rows: int = MOST_ROWS_IN_GROUP, most_bytes: int = MOST_GROUP_BYTES
    ) -> None:
        self._table = table
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._texts = tuple(each.lake_name for each in table.columns if each.type is ColumnType.TEXT)
        self._maps = tuple(each.lake_name for each in table.columns if each.type is ColumnType.NUMBERS)
        self._begin()

    def add(self, rows: Rows) -> Iterator[Rows]:
        """The groups that are full with these rows. A group ends early when its texts and maps are large.

        A column that `rows` does not have is null in them. Raises ValueError for a column that the table does not have,
        and for columns of different lengths.
        """
        count = self._demand_fitting(rows)
        nothing = [None] * count
        taken = 0
        while taken < count:
            until = min(count, taken + self._most_rows - self._count)
            for name, held in self._held.items():
                held.extend(rows.get(name, nothing)[taken:until])
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
        self._held: dict[str, list[Any]] = {column.lake_name: [] for column in self._table.columns}
        self._count = 0
        self._size_bytes = 0

    def _demand_fitting(self, rows: Rows) -> int:
        unknown = sorted(rows.keys() - self._held.keys())
        if unknown:
            raise ValueError(
                f"the table {self._table.name} does not have these columns: {', '.join(unknown)}"
            )
        lengths = {len(values) for values in rows.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        return lengths.pop()

    def _bytes_of(self, rows: Rows, first: int, until: int) -> int:
        texts = sum(len(text) for name in self._texts for text in rows.get(name, ())[first:until] if text)
        entries = sum(len(each) for name in self._maps for each in rows.get(name, ())[first:until] if each)
        return texts * TEXT_COPIES + entries * _ENTRY_BYTES


def _sorted(group: Rows, time: str | None) -> Rows:
    """The rows by time; of the same time, in their order."""
    if time is None:
        return group
    times = group[time]
    order = sorted(range(len(times)), key=times.__getitem__)
    if order == list(range(len(times))):
        return group
    return {name: [values[place] for place in order] for name, values in group.items()}
