"""A direction of a link that lets so many bytes a second through, whatever the number of connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MBIT = 1_000_000 / 8
"""Bytes a second."""

SLACK_S = 0.002


class Bucket:
    """A token bucket without a bucket: a sleep that lasted too long is made good, time that nobody used is lost."""

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
        self._late_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether nothing is ever waited for."""
        return self._rate_bytes_s is None

    def take(self, size_bytes: int) -> None:
        """Return once these bytes are through."""
        if self._rate_bytes_s is None:
            return
        with self._lock:
            now = self._monotonic()
            self._free_at = max(self._free_at, now - self._late_s) + size_bytes / self._rate_bytes_s
            self._late_s = max(0.0, now - self._free_at)
            through_at = self._free_at
        # Sleeps below this are mostly overhead; the debt stays and is slept with the next.
        if through_at - now > SLACK_S:
            self._sleep(through_at - now)
            with self._lock:
                self._late_s = max(0.0, self._monotonic() - through_at)
