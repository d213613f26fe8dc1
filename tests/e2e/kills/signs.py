"""Moments in a client's life, as they are seen from outside: nothing in the client knows of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

# Told by the lookout, which only looks every so often.
MILLISECOND = "a millisecond of the client's life"
PLAN = "a plan in the spool"
WRITING = "a part being written"
PART = "a part in the spool"
PART_GONE = "a part gone from the spool"
RECEIPT = "a receipt in the spool"
SEEN = frozenset({MILLISECOND, PLAN, WRITING, PART, PART_GONE, RECEIPT})

# Told by whoever is called, in the middle of it.
CAMERA_BYTE = "a byte of the camera's"
CAMERA_ANSWER = "an answer of the camera's"
PIECE = "a piece of a part at S3"


def begins(call: str) -> str:
    """The call is there, its body not read yet."""
    return f"{call} begins"


def ends(call: str) -> str:
    """The call has had its effect, and is not answered yet."""
    return f"{call} ends"


@dataclass(frozen=True)
class Moment:
    """When a sign is seen for the `count`-th time in a client's life."""

    sign: str
    count: int

    def __str__(self) -> str:
        return f"{self.sign}, {self.count}"


class Signs:
    """Does something at one moment, in the thread that tells of it. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moment: Moment | None = None
        self._left = 0
        self._do: Callable[[], object] = lambda: None

    def arm(self, moment: Moment, do: Callable[[], object]) -> None:
        """At this moment, counted from now on, `do` it, once."""
        with self._lock:
            self._moment, self._left, self._do = moment, moment.count, do

    def disarm(self) -> None:
        """Nothing is done any more."""
        with self._lock:
            self._moment = None

    def tell(self, sign: str, times: int = 1) -> None:
        """A sign was seen, so many times."""
        with self._lock:
            if self._moment is None or self._moment.sign != sign:
                return
            self._left -= times
            if self._left > 0:
                return
            self._moment = None
        self._do()
