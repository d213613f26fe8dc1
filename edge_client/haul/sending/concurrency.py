"""How many connections send at once: as many as bring more, and fewer when S3 or the network complains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_client.haul.ports import Threads

MOST_CONNECTIONS = 4
FIRST_CONNECTIONS = 2
POLL_S = 0.1
# A measurement is over when each connection has sent so many parts.
PARTS_A_CONNECTION = 3
# One connection more must bring at least a tenth more; else it goes again, and is not tried for so many parts.
GAIN = 1.1
REST_PARTS = 48


class AdaptiveConcurrency:
    """The connections that may send at a time, between 1 and 4; safe between threads.

    Halved when something goes wrong. One more is tried when parts wait, and kept when the rate of all rises by it.
    """

    def __init__(self, threads: Threads, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._changed = threads.condition()
        self._most = MOST_CONNECTIONS
        self._used = 0
        self._rest_parts = 0
        self._rate_before: float | None = None
        self.open = FIRST_CONNECTIONS
        self._measure_anew()

    def allow(self, most: int) -> None:
        """Allow at most so many from now on: the spool has no room for more parts on their way."""
        with self._changed:
            self._most = max(1, min(most, MOST_CONNECTIONS))
            self.open = min(self.open, self._most)
            self._rate_before = None
            self._measure_anew()

    @contextmanager
    def connection(self, check: Callable[[], None]) -> Iterator[None]:
        """One connection, waited for; `check` may end the wait by raising."""
        with self._changed:
            while self._used >= self.open:
                self._changed.wait(POLL_S)
                check()
            self._used += 1
        try:
            yield
        finally:
            with self._changed:
                self._used -= 1
                self._changed.notify_all()

    def note_sent(self, size_bytes: int, has_backlog: bool) -> None:
        """A part arrived. Without a backlog the rate is the camera's and says nothing of the connections."""
        with self._changed:
            self._rest_parts = max(0, self._rest_parts - 1)
            if not has_backlog:
                self._measure_anew()
                return
            self._parts += 1
            self._bytes += size_bytes
            if self._parts >= PARTS_A_CONNECTION * self.open:
                self._judge(self._bytes / max(self._monotonic() - self._since, 1e-9))
                self._measure_anew()
                self._changed.notify_all()

    def note_trouble(self) -> None:
        """A part did not arrive: a stall, a reset, or S3 asked for less."""
        with self._changed:
            self.open = max(1, self.open // 2)
            self._rate_before = None
            self._rest_parts = PARTS_A_CONNECTION * self.open
            self._measure_anew()

    def _judge(self, rate_bytes_s: float) -> None:
        before, self._rate_before = self._rate_before, None
        if before is not None and rate_bytes_s < GAIN * before:
            self.open -= 1
            self._rest_parts = REST_PARTS
        elif self.open < self._most and not self._rest_parts:
            self.open += 1
            self._rate_before = rate_bytes_s

    def _measure_anew(self) -> None:
        self._since, self._parts, self._bytes = self._monotonic(), 0, 0
