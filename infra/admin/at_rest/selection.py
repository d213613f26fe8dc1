"""Which sessions are proven: named ones, all, a sample, or those that nobody has proven for a while."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from chalicelib.core.ids import SessionId
from chalicelib.ports import Records, Unproven

_PAGE = 500


@dataclass(frozen=True)
class Selection:
    """What was asked for: one of the four, and all sessions when none is named. A sample has a `seed`."""

    named: tuple[SessionId, ...] = ()
    share: Fraction | None = None
    seed: int = 0
    older_than: timedelta | None = None

    @property
    def text(self) -> str:
        """In words that are the same for the same selection, except for the seed of a sample."""
        if self.named:
            return f"sessions {' '.join(sorted(self.named))}"
        if self.share is not None:
            return f"sample of {float(self.share):.6g}"
        if self.older_than is not None:
            return f"not proven for {self.older_than.total_seconds():.0f} s"
        return "all"


def select(records: Records, selection: Selection, now: datetime) -> list[SessionId]:
    """The selected sessions; those that are unproven come the longest unproven first, all others by id."""
    if selection.named:
        return sorted(set(selection.named))
    if selection.older_than is not None:
        return list(_unproven(records, now - selection.older_than))
    sessions = sorted(records.sessions())
    return sessions if selection.share is None else _sample(sessions, selection.share, selection.seed)


def _sample(sessions: list[SessionId], share: Fraction, seed: int) -> list[SessionId]:
    """At least one; the same for the same seed and sessions, and each as likely as any other."""
    chosen = sorted(sessions, key=lambda session_id: _rank(session_id, seed))
    return sorted(chosen[: math.ceil(len(sessions) * share)])


def _rank(session_id: SessionId, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{session_id}".encode()).digest()


def _unproven(records: Records, until: datetime) -> Iterator[SessionId]:
    last: Unproven | None = None
    while found := records.unproven(until, _PAGE, last):
        yield from (each.session_id for each in found)
        last = found[-1]
