"""What the reconciler records of its last round, for all who ask whether it still runs."""

from datetime import datetime, timedelta

from msgspec import Struct

SILENT_S = 1_800
"""How long after its last round the reconciler counts as stopped: six rounds that did not happen."""


class LastRound(Struct, frozen=True):
    """One round of the reconciler, with what it did.

    `finished` and `swept` are whether every due session had a turn, and whether the sweep of orphans saw all of them.
    `unproven` is how many sessions nobody has proven at rest in time; at most MOST_COUNTED are counted.
    """

    began_at: datetime
    ended_at: datetime
    settled: int
    failed: int
    unfinished: int
    aborted_orphans: int
    finished: bool
    swept: bool
    unproven: int = 0

    def is_silent(self, now: datetime) -> bool:
        """Whether a later round should have ended by now."""
        return now >= self.ended_at + timedelta(seconds=SILENT_S)


MOST_COUNTED = 100
