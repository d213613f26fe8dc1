"""How much the spool may hold, and how much it holds."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from edge_client.base.disk import Disk, Entry, disk_errors
from edge_client.base.errors import SpoolFull, SpoolTooSmall
from edge_client.base.folders import files_in

# Always kept free, so that plan, receipts and report can be written.
RESERVE_BYTES = 16 * 1024 * 1024
# Without a budget of the user's, this much of what is free stays free for others; a tenth of it on a small disk.
SPARED_BYTES = 1024 * 1024 * 1024
SPARED_SHARE = 10
MOST_NAMED = 3
PART = ".part"


class SpoolBudget:
    """The spool's budget and what is taken of it, in bytes; safe between threads.

    Without a `budget_bytes` it is what is free at first, less a reserve, and what parts hold already. `lock` is held
    while the disk is asked: it is one of the threads' own where something else than the system runs them.
    """

    def __init__(
        self,
        root: str,
        disk: Disk,
        budget_bytes: int | None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._root = root
        self._disk = disk
        self._lock = lock or threading.Lock()
        self._counted_bytes = 0
        self._reserved_bytes = 0
        self._wanted_bytes = budget_bytes
        self.budget_bytes = budget_bytes or 0

    def measure(self) -> None:
        """Count what is on the disk now, and settle the budget."""
        self._counted_bytes = self._count()
        if self._wanted_bytes is None:
            free_bytes = self._disk.free_bytes(self._root)
            spared_bytes = min(SPARED_BYTES, free_bytes // SPARED_SHARE)
            self.budget_bytes = self._counted_bytes + free_bytes - spared_bytes

    @property
    def held_bytes(self) -> int:
        """What the parts on the disk take, and those that are being written."""
        return self._counted_bytes + self._reserved_bytes

    @disk_errors()
    def lack(self, size_bytes: int) -> str | None:
        """Why a part of this size does not fit, or None when it fits. Raises SpoolFault."""
        with self._lock:
            if self.held_bytes + size_bytes > self.budget_bytes:
                # Somebody may have removed parts by hand, so the count of the disk decides.
                self._counted_bytes = self._count()
            if self.held_bytes + size_bytes > self.budget_bytes:
                return (
                    f"the spool holds {_size(self.held_bytes)} of its budget of {_size(self.budget_bytes)}"
                    f"{self._holders()}"
                )
        free_bytes = self._disk.free_bytes(self._root)
        if free_bytes < size_bytes + RESERVE_BYTES:
            return (
                f"the spool's disk has {_size(free_bytes)} free, and {_size(RESERVE_BYTES)} of it stay free"
                f"{self._holders()}"
            )
        return None

    def held_by(self) -> dict[str, int]:
        """What each session's parts take, the largest first. Raises OSError."""
        held = Counter[str]()
        for part in self._parts():
            held[part.path.split("/")[-3]] += part.size_bytes
        return dict(held.most_common())

    def _holders(self) -> str:
        """Which sessions hold the room, for a person."""
        held = self.held_by()
        named = [f"session {name} holds {_size(size_bytes)}" for name, size_bytes in held.items()]
        more = [f"{len(named) - MOST_NAMED} more hold the rest"] if len(named) > MOST_NAMED else []
        return "".join(f", {words}" for words in [*named[:MOST_NAMED], *more])

    def demand(self, size_bytes: int) -> None:
        """Raises SpoolTooSmall or SpoolFull when the budget would not hold so much if it held nothing else."""
        if size_bytes <= self.budget_bytes:
            return
        words = (
            f"the spool may hold {_size(self.budget_bytes)}, and {_size(size_bytes)} are needed for two parts"
        )
        if self._wanted_bytes is not None:
            raise SpoolTooSmall(f"{words}; raise --spool-budget")
        raise SpoolFull(f"{words}; make room on the spool's disk, nothing was deleted")

    def whole_parts(self, part_size_bytes: int) -> int:
        """How many parts of this size the budget holds when it holds nothing else."""
        return self.budget_bytes // part_size_bytes

    def reserve(self, size_bytes: int) -> None:
        """Count a part that is being written; negative once it is not written any more."""
        with self._lock:
            self._reserved_bytes += size_bytes

    @contextmanager
    def change(self, size_bytes: int) -> Iterator[None]:
        """The block makes the parts on the disk take so much more, or less; others count before it or after it."""
        with self._lock:
            yield
            self._counted_bytes = max(0, self._counted_bytes + size_bytes)

    def recount(self) -> None:
        """Count the disk again, after many parts went at once."""
        with self._lock:
            self._counted_bytes = self._count()

    def _count(self) -> int:
        return sum(part.size_bytes for part in self._parts())

    def _parts(self) -> Iterator[Entry]:
        return files_in(self._disk, self._root, PART, below=2)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:,.1f} MB"
