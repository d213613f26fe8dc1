"""A direction of a link that lets so many bytes a second through, whatever the number of connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MBIT = 1_000_000 / 8
"""Bytes a second."""

CREDIT_S = 0.02
SLACK_S = 0.002


class Bucket:
    """A token bucket. Unused time is lost but for `CREDIT_S`, so a sleep that lasts too long costs nothing."""

    def __init__(
        self,
        rate_bytes_s: float | None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate_bytes_s = rate_bytes_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = monotonic()

    def pace(self, rate_bytes_s: float | None) -> None:
        """Another rate from now on; None is as fast as it goes."""
        with self._lock:
            self._rate_bytes_s = rate_bytes_s
            self._free_at = self._monotonic()

    @property
    def is_open(self) -> bool:
        """Whether nothing is ever waited for."""
        return self._rate_bytes_s is None

    def take(self, size_bytes: int) -> None:
        """Return once these bytes are through."""
        with self._lock:
            if self._rate_bytes_s is None:
                return
            now = self._monotonic()
            self._free_at = max(self._free_at, now - CREDIT_S) + size_bytes / self._rate_bytes_s
            wait_s = self._free_at - now
        # Sleeps below this are mostly overhead; the debt stays and is slept with the next.
        if wait_s > SLACK_S:
            self._sleep(wait_s)
