"""A direction of a link that lets so many bytes a second through, whatever the number of connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MBIT = 1_000_000 / 8
"""Bytes a second."""

# What a sleep or a busy processor took too long is made good, up to what the buffers before a link would have held.
CREDIT_S = 0.1
SLACK_S = 0.002


class Link:
    """A token bucket that fills only while something flows: time between requests is lost, as on a link."""

    def __init__(
        self,
        rate_bytes_s: float | None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate_bytes_s = rate_bytes_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._flows = 0
        self._free_at = monotonic()

    @contextmanager
    def flow(self) -> Iterator[None]:
        """One body on its way; all that are share the rate."""
        with self._lock:
            if not self._flows:
                self._free_at = max(self._free_at, self._monotonic())
            self._flows += 1
        try:
            yield
        finally:
            with self._lock:
                self._flows -= 1

    def take(self, size_bytes: int) -> None:
        """Return once these bytes are through."""
        wait_s = self.wait_s(size_bytes)
        if wait_s:
            self._sleep(wait_s)

    def wait_s(self, size_bytes: int) -> float:
        """How long the sender of these bytes has to wait until they are through."""
        if self.rate_bytes_s is None:
            return 0.0
        with self._lock:
            now = self._monotonic()
            self._free_at = max(self._free_at, now - CREDIT_S) + size_bytes / self.rate_bytes_s
            wait_s = self._free_at - now
        # Sleeps below this are mostly overhead; the debt stays and is slept with the next.
        return wait_s if wait_s > SLACK_S else 0.0
