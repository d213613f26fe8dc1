"""The client's lines on standard error: one per event, above the bars on the terminal, and few for what repeats.

One camera that is away fails ten calls, and one uplink that is down fails each of four connections. The first line of
such a fact is logged at once. While the fact lasts a line a minute counts, and so does one at its end.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from tqdm import tqdm

from edge_client.base.terminal import shown

log = logging.getLogger(__name__)

COUNT_EVERY_S = 60.0
AMOUNT = re.compile(r"[0-9]+(?= bytes\b| s\b)", re.ASCII)


class _Line(logging.Formatter):
    """A record as one line: its message, then what it carries as `name=value`."""

    PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        carried = (
            f"{k}={v!r}" if isinstance(v, str) else f"{k}={v}"
            for k, v in vars(record).items()
            if k not in self.PLAIN
        )
        return " ".join((f"{record.levelname.lower()}: {record.getMessage()}", *carried))


class _AboveBars(logging.Handler):
    """Writes lines above the bars on the terminal."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self.setFormatter(_Line())

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(shown(self.format(record), self._stream), file=self._stream)


def clear_bars() -> None:
    """Take the bars of threads that nobody waits for off the terminal: the shell continues below the last line."""
    with tqdm.get_lock():  # type: ignore[no-untyped-call]  # its stubs do not say
        for bar in tuple(getattr(tqdm, "_instances", ())):
            bar.clear(nolock=True)


@contextmanager
def log_to(stream: TextIO, level: int) -> Iterator[None]:
    """Write the client's own lines of `level` and above to `stream`, and none of its libraries: they may hold URLs."""
    root = logging.getLogger("edge_client")
    handler, before = _AboveBars(stream), root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


@dataclass
class _Fact:
    reason: str
    began_at: float
    said_at: float
    times: int = 0
    wheres: set[str] = field(default_factory=set)

    def count(self, now: float) -> dict[str, object]:
        return {"times": self.times, "seconds": round(now - self.began_at, 1)}


class Repeats:
    """Lines of one `message`, which differ in their reason.

    The count at the end is said as `over` when it happens no more, and as `given_up` when nobody waits for that.
    """

    def __init__(self, message: str, over: str, given_up: str) -> None:
        self._message = message
        self._over = over
        self._given_up = given_up
        self._facts: dict[str, _Fact] = {}
        self._lock = threading.Lock()

    def say(self, where: str, reason: str, now: float, **more: object) -> None:
        """Log that it happened to `where`. Reasons that differ only in an amount of bytes or seconds are one fact."""
        with self._lock:
            key = AMOUNT.sub("…", reason)
            is_new = key not in self._facts
            fact = self._facts.setdefault(key, _Fact(reason, now, now))
            fact.times += 1
            fact.wheres.add(where)
            if is_new:
                log.warning(self._message, extra={"what": where, "reason": reason, **more})
            elif now - fact.said_at >= COUNT_EVERY_S:
                fact.said_at = now
                log.warning(self._message, extra={"what": where, "reason": reason, **more, **fact.count(now)})

    def end(self, where: str, now: float) -> None:
        """Note that it does not happen to `where` any more."""
        self._leave_all(where, now, self._over)

    def give_up(self, where: str, now: float) -> None:
        """Note that nobody waits for `where` any more: it failed for good, or the run ends."""
        self._leave_all(where, now, self._given_up)

    def _leave_all(self, where: str, now: float, message: str) -> None:
        with self._lock:
            for key, fact in list(self._facts.items()):
                fact.wheres.discard(where)
                if fact.wheres:
                    continue
                del self._facts[key]
                if fact.times > 1:
                    log.warning(message, extra={"what": where, "reason": fact.reason, **fact.count(now)})
