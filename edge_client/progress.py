"""How far both legs are: bars on a terminal, log lines elsewhere. Counts may go back when something is sent again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from tqdm import tqdm

from edge_client.terminal import shown

log = logging.getLogger(__name__)

LINE_EVERY_S = 5.0
MEGABYTE = 1_000_000


class Progress(Protocol):
    """Told by the haul what happens; called from several threads."""

    def session(self, session_id: str) -> None:
        """A session begins."""

    def chapter(self, path: str, size_bytes: int) -> None:
        """A chapter begins."""

    def fetched(self, size_bytes: int) -> None:
        """Bytes came from the camera, or are in the spool or in S3 already; negative when they must come again."""

    def sent(self, size_bytes: int) -> None:
        """Bytes went to S3, or are there already; negative when they must go again."""

    def verified(self, path: str, seconds: float) -> None:
        """A chapter has its receipt."""

    def proof(self, path: str, size_bytes: int) -> None:
        """A comparison of this many bytes of a file of the card with what another device hauled has begun."""

    def compared(self, size_bytes: int) -> None:
        """This many more bytes are equal."""

    def proof_over(self) -> None:
        """The comparison has ended, with or without success."""


class Leg:
    """Counts one leg of a chapter, so that a round that begins anew says where it stands; safe between threads."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._at_bytes = 0

    def move(self, size_bytes: int) -> None:
        """So many bytes more, or fewer."""
        with self._lock:
            self._at_bytes += size_bytes
            self._tell(size_bytes)

    def stand_at(self, at_bytes: int) -> None:
        """So many bytes in all."""
        self.move(at_bytes - self._at_bytes)


class Bars:
    """Two bars on a terminal, one for each leg."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._lock = threading.Lock()
        self._legs: list[tqdm[Any]] = []

    def session(self, session_id: str) -> None:
        self._write(f"session {session_id}")

    def chapter(self, path: str, size_bytes: int) -> None:
        self.close()
        self._legs = [
            self._bar(f"{path} {leg}", size_bytes, row) for row, leg in enumerate(("camera", "S3    "))
        ]

    def _bar(self, label: str, size_bytes: int, row: int) -> tqdm[Any]:
        return tqdm(
            total=size_bytes,
            desc=shown(label, self._terminal),
            unit="B",
            unit_scale=True,
            miniters=1,
            position=row,
            leave=False,
            file=self._terminal,
        )

    def fetched(self, size_bytes: int) -> None:
        self._move(0, size_bytes)

    def sent(self, size_bytes: int) -> None:
        self._move(1, size_bytes)

    def _move(self, leg: int, size_bytes: int) -> None:
        with self._lock:
            for row, bar in enumerate(self._legs):
                # The other is asked to draw itself too: a burst's end comes too soon after its beginning to be drawn.
                bar.update(size_bytes if row == leg else 0)

    def verified(self, path: str, seconds: float) -> None:
        self.close()
        self._write(f"{path}  verified in {seconds:.1f} s")

    def _write(self, line: str) -> None:
        tqdm.write(shown(line, self._terminal), file=self._terminal)

    def proof(self, path: str, size_bytes: int) -> None:
        self.close()
        self._legs = [self._bar(f"{path} compared", size_bytes, 0)]

    def compared(self, size_bytes: int) -> None:
        self._move(0, size_bytes)

    def proof_over(self) -> None:
        self.close()

    def close(self) -> None:
        """Take the bars off the terminal."""
        with self._lock:
            # From below, so that the cursor ends where the first one began.
            for bar in reversed(self._legs):
                bar.close()
            self._legs = []


class Lines:
    """One log line per event, and every 5 s one with both rates and the time left."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._begin("", 0)

    def _begin(self, path: str, size_bytes: int) -> None:
        self._path, self._size_bytes = path, size_bytes
        self._down_bytes = self._up_bytes = 0
        self._mark()

    def _mark(self) -> None:
        self._said_at, self._said_down, self._said_up = self._monotonic(), self._down_bytes, self._up_bytes

    def session(self, session_id: str) -> None:
        log.info("session started", extra={"session": session_id})

    def chapter(self, path: str, size_bytes: int) -> None:
        with self._lock:
            self._begin(path, size_bytes)
        log.info("chapter started", extra={"chapter": path, "size_bytes": size_bytes})

    def fetched(self, size_bytes: int) -> None:
        with self._lock:
            self._down_bytes += size_bytes
            self._say_when_due()

    def sent(self, size_bytes: int) -> None:
        with self._lock:
            self._up_bytes += size_bytes
            self._say_when_due()

    def _say_when_due(self) -> None:
        lasted_s = self._monotonic() - self._said_at
        if lasted_s < LINE_EVERY_S:
            return
        down, up = (
            (self._down_bytes - self._said_down) / lasted_s,
            (self._up_bytes - self._said_up) / lasted_s,
        )
        log.info("on the way", extra={"chapter": self._path, **self._figures(down, up)})
        self._mark()

    def _figures(self, down: float, up: float) -> dict[str, object]:
        left = self._size_bytes - self._up_bytes
        return {
            "camera_percent": 100 * self._down_bytes // max(self._size_bytes, 1),
            "camera_mb_s": round(down / MEGABYTE, 1),
            "s3_percent": 100 * self._up_bytes // max(self._size_bytes, 1),
            "s3_mb_s": round(up / MEGABYTE, 1),
            "eta_s": round(left / up) if up > 0 else None,
        }

    def verified(self, path: str, seconds: float) -> None:
        log.info("chapter verified", extra={"chapter": path, "seconds": round(seconds, 1)})

    def proof(self, path: str, size_bytes: int) -> None:
        with self._lock:
            self._begin(path, size_bytes)
        log.info("comparing with what another device hauled", extra={"file": path, "size_bytes": size_bytes})

    def compared(self, size_bytes: int) -> None:
        with self._lock:
            self._down_bytes += size_bytes
            if self._monotonic() - self._said_at >= LINE_EVERY_S:
                percent = 100 * self._down_bytes // max(self._size_bytes, 1)
                log.info("comparing", extra={"file": self._path, "percent": percent})
                self._mark()

    def proof_over(self) -> None:
        """Print nothing: the caller that compared the file reports the result."""
