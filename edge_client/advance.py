"""How far a session is, counted for heartbeats on its way to the display."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_client.progress import Progress


@dataclass(frozen=True)
class Figures:
    """Bytes of both legs since the session began, and their rates since the last look, in bytes a second."""

    bytes_down: int
    bytes_up: int
    rate_down_bytes_s: int | None
    rate_up_bytes_s: int | None


class Advance:
    """Tells a display what happens, and keeps the figures of the session; safe between threads."""

    def __init__(self, display: Progress, monotonic: Callable[[], float]) -> None:
        self._display = display
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._down_bytes = self._up_bytes = 0
        self._seen: tuple[float, int, int] | None = None

    def session(self, session_id: str) -> None:
        """A session begins."""
        with self._lock:
            self._down_bytes = self._up_bytes = 0
            self._seen = None
        self._display.session(session_id)

    def chapter(self, path: str, size_bytes: int) -> None:
        """A chapter begins."""
        self._display.chapter(path, size_bytes)

    def fetched(self, size_bytes: int) -> None:
        """So many bytes more, or fewer, of the camera's."""
        with self._lock:
            self._down_bytes += size_bytes
        self._display.fetched(size_bytes)

    def sent(self, size_bytes: int) -> None:
        """So many bytes more, or fewer, in S3."""
        with self._lock:
            self._up_bytes += size_bytes
        self._display.sent(size_bytes)

    def verified(self, path: str, seconds: float) -> None:
        """A chapter has its receipt."""
        self._display.verified(path, seconds)

    def proof(self, path: str, size_bytes: int) -> None:
        """A comparison of a file of the card with what another device hauled has begun."""
        self._display.proof(path, size_bytes)

    def compared(self, size_bytes: int) -> None:
        """This many more bytes are equal."""
        self._display.compared(size_bytes)

    def proof_over(self) -> None:
        """The comparison has ended, with or without success."""
        self._display.proof_over()

    def figures(self) -> Figures:
        """Where both legs are; the rates are null at the first look."""
        with self._lock:
            now = (self._monotonic(), self._down_bytes, self._up_bytes)
            before, self._seen = self._seen, now
        rates = _rates(before, now) if before else (None, None)
        return Figures(max(0, now[1]), max(0, now[2]), *rates)


def _rates(before: tuple[float, int, int], now: tuple[float, int, int]) -> tuple[int | None, int | None]:
    seconds = now[0] - before[0]
    if seconds <= 0:
        return None, None
    return max(0, round((now[1] - before[1]) / seconds)), max(0, round((now[2] - before[2]) / seconds))
