"""A secondary index of the table: it shows what was written some time ago.

DynamoDB copies each write of an item into an index by itself, soon but not at once. The writes of one item arrive in
their order; those of different items, and of different indexes, in any. A write that gives an item another place takes
it from the old place and puts it into the new one in two steps: for a moment a query may find it in both, or in none.
Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html (eventual consistency)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Index(Generic[Row]):
    """The rows of one index, by item."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._rows: dict[Hashable, Row] = {}
        self._shown: dict[Hashable, list[tuple[float, tuple[Row, ...]]]] = {}

    def put(self, item: Hashable, row: Row | None, lag_s: float = 0.0) -> None:
        """Write the row of an item (None takes it out). The index shows it after `lag_s`.

        Of two writes of one item the later is never shown first.
        """
        before = self._write(item, row)
        self._show(item, lag_s, before)

    def move(self, item: Hashable, row: Row, leaves_s: float, arrives_s: float) -> None:
        """Write a row that has another place: the old one is shown for `leaves_s`, the new one after `arrives_s`."""
        before = self._write(item, row)
        self._show(item, min(leaves_s, arrives_s) if before else arrives_s, before)
        if before and leaves_s != arrives_s:
            self._show(item, max(leaves_s, arrives_s), (*before, row) if arrives_s < leaves_s else ())

    def _write(self, item: Hashable, row: Row | None) -> tuple[Row, ...]:
        """The row that the item had."""
        before = self._rows.pop(item, None)
        if row is not None:
            self._rows[item] = row
        return () if before is None else (before,)

    def _show(self, item: Hashable, for_s: float, rows: tuple[Row, ...]) -> None:
        """What the index shows of the item for so long, after what it shows already."""
        waiting = self._shown.get(item)
        if waiting:
            waiting.append((max(self._now_s() + for_s, waiting[-1][0]), rows))
        elif for_s > 0:
            self._shown[item] = [(self._now_s() + for_s, rows)]

    @property
    def is_late(self) -> bool:
        """Whether the index shows something else than what is written."""
        if self._shown:
            now = self._now_s()
            for item in list(self._shown):
                left = [each for each in self._shown[item] if each[0] > now]
                if left:
                    self._shown[item] = left
                else:
                    del self._shown[item]
        return bool(self._shown)

    def rows(self) -> list[Row]:
        """What a query finds now, in no order."""
        if not self.is_late:
            return list(self._rows.values())
        found = [row for item, row in self._rows.items() if item not in self._shown]
        return found + [row for waiting in self._shown.values() for row in waiting[0][1]]
