"""What the camera was asked, and how much of it was sent."""

from __future__ import annotations

import enum
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.local.camera.wire import Asked, Request


class Outcome(enum.Enum):
    RUNNING = "running"
    SENT = "sent"
    CUT = "cut"


@dataclass
class LoggedRequest:
    """One request. `body_bytes` grows while the answer is sent; `status` is 0 before there is one."""

    method: str
    path: str
    query: Mapping[str, str]
    asked: Asked | None
    headers: Mapping[str, str]
    status: int = 0
    body_bytes: int = 0
    outcome: Outcome = Outcome.RUNNING

    def line(self) -> str:
        """One line for a person; the range as it was asked for."""
        asked = self.headers.get("range", "-")
        return f"{self.method} {self.path} {asked} -> {self.status} {self.body_bytes} bytes, {self.outcome.value}"


@dataclass
class RequestLog:
    """All requests in the order in which they came. Safe for threads."""

    _entries: list[LoggedRequest] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, request: Request) -> LoggedRequest:
        entry = LoggedRequest(request.method, request.path, request.query, request.asked, request.headers)
        with self._lock:
            self._entries.append(entry)
        return entry

    def all(self) -> list[LoggedRequest]:
        with self._lock:
            return list(self._entries)

    def of(self, path: str) -> list[LoggedRequest]:
        return [entry for entry in self.all() if entry.path == path]

    def writes(self) -> list[LoggedRequest]:
        """Requests that are neither GET nor HEAD."""
        return [entry for entry in self.all() if entry.method not in ("GET", "HEAD")]

    def repeated_bytes(self, path: str) -> int:
        """How many bytes of this path's ranges went out more than once."""
        ranged = [(e.asked.first, e.asked.first + e.body_bytes) for e in self.of(path) if e.asked]
        repeated_bytes = reached = 0
        for first, end in sorted(ranged):
            repeated_bytes += max(0, min(reached, end) - first)
            reached = max(reached, end)
        return repeated_bytes

    def body_bytes(self, path: str) -> int:
        """How many bytes of this path's bodies went out in all."""
        return sum(entry.body_bytes for entry in self.of(path))
