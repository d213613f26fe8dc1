"""How fast the upload leg may go: the user's limit, the coordinator's, and its pause."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from edge_client.base.retry import Timing, Wait

log = logging.getLogger(__name__)

BLOCK_BYTES = 256 * 1024
LEAST_BLOCK_BYTES = 16 * 1024
BLOCKS_PER_S = 4
LOOK_S = 0.5


class RateLimiter:
    """One rate for all connections together, in bytes a second; without a limit as fast as it goes."""

    def __init__(self, timing: Timing, limit_bytes_s: float | None = None) -> None:
        self._timing = timing
        self._own_bytes_s = limit_bytes_s
        self._rate_bytes_s = limit_bytes_s
        self._free_at = 0.0
        self._paused = False
        self._paused_at = 0.0
        self._lock = threading.Lock()

    def follow(self, pause: bool, cap_bytes_s: float | None) -> None:
        """What the coordinator wants from now on; the lower of its cap and our own limit holds."""
        limits = [limit for limit in (self._own_bytes_s, cap_bytes_s) if limit is not None]
        now = self._timing.monotonic()
        with self._lock:
            changed, self._paused = pause != self._paused, pause
            if changed:
                self._paused_at = now
            self._rate_bytes_s = min(limits, default=None)
        if changed:
            log.warning("the coordinator asks for a pause" if pause else "the coordinator ends the pause")

    @property
    def pause(self) -> Wait | None:
        """The coordinator's pause, while there is one."""
        return Wait("the coordinator", "it asks for a pause", self._paused_at, None) if self._paused else None

    @property
    def block_bytes(self) -> int:
        """How much to send at a time, so that a slow pace flows instead of hopping."""
        rate = self._rate_bytes_s
        if rate is None:
            return BLOCK_BYTES
        return int(min(BLOCK_BYTES, max(LEAST_BLOCK_BYTES, rate / BLOCKS_PER_S)))

    def wait_for_start(self, check: Callable[[], None]) -> None:
        """Return when no pause holds; `check` may end the wait by raising."""
        while self._paused:
            check()
            self._timing.sleep(LOOK_S)

    def wait(self, size_bytes: int, check: Callable[[], None]) -> float:
        """Wait for the turn of so many bytes; the seconds that it took. `check` may end the wait by raising."""
        delay_s = self._delay_s(size_bytes)
        left_s = delay_s
        while left_s > 0:
            check()
            self._timing.sleep(min(LOOK_S, left_s))
            left_s -= LOOK_S
        return max(0.0, delay_s)

    def _delay_s(self, size_bytes: int) -> float:
        now = self._timing.monotonic()
        with self._lock:
            if self._rate_bytes_s is None:
                return 0.0
            begin = max(now, self._free_at)
            self._free_at = begin + size_bytes / self._rate_bytes_s
            return begin - now
