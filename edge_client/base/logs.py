"""What the client says on standard error: one line per event, above the bars on the terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from edge_client.base.terminal import shown


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
def logging_to(stream: TextIO, level: int) -> Iterator[None]:
    """The client's own lines of `level` and above go to `stream`; its libraries' may hold URLs and go nowhere."""
    root = logging.getLogger("edge_client")
    handler, before = _AboveBars(stream), root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
