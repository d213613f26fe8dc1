"""Calls a minute, counted without a write for each call.

Each process lets a caller make a tenth of its limit for nothing, and takes every further tenth from the table. So a
caller that asks rarely costs no write, one that uses its limit up costs ten a minute, and all processes together let
through at least the limit, and at most a tenth more for each of them.
"""

import threading
from datetime import datetime

from chalicelib.core import limits
from chalicelib.core.errors import TooManyRequests
from chalicelib.core.limits import Window, Windowed
from chalicelib.core.tokens import Principal
from chalicelib.ports import Ports

_SLICES = 10
_CALLS = Windowed.calls_a_minute


class CallMeter:
    """What callers have left in this minute and process; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began_at: datetime | None = None
        self._left: dict[str, int | None] = {}
        """None once the table has no more of this minute."""

    def count(self, ports: Ports, principal: Principal, project: str) -> None:
        """Count one call. Raises TooManyRequests when the caller or its project has none left in this minute."""
        caller = limits.caller_of(principal)
        if caller is None:
            return
        owners = ((caller, ports.limits.caller), (limits.project_of(project), ports.limits.project))
        now = ports.clock.now()
        for owner, quota in owners:
            if quota.calls_a_minute is None:
                continue
            window = limits.window(owner, _CALLS, now)
            if not self._has_one(ports, window, quota.calls_a_minute):
                raise TooManyRequests(
                    f"more than {quota.calls_a_minute} calls in this minute; GET /v1/limits tells all limits",
                    window.wait_s(now),
                )

    def _has_one(self, ports: Ports, window: Window, most: int) -> bool:
        size = max(1, most // _SLICES)
        with self._lock:
            if self._began_at != window.began_at:
                self._began_at, self._left = window.began_at, {}
            left = self._left.setdefault(window.owner, size)
            if left is None:
                return False
            if left:
                self._left[window.owner] = left - 1
                return True
            # Within the lock: threads of one process take a tenth once.
            is_granted = ports.records.use(window, size, most)
            self._left[window.owner] = size - 1 if is_granted else None
            return is_granted
