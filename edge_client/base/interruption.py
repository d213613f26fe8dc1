"""Ctrl-C and SIGTERM: the first asks the command to end, the second ends the process.

A socket, a disk or a terminal may not answer for minutes, and the command's thread waits for it. So the process waits
for the thread no longer than a moment: the spool bears any end.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from edge_client.base.exit_code import WHEN_STOPPED

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# What is under way may end in order for so long; after the second one the process has ended in any case.
GRACE_S = 0.8
LIMIT_S = 1.4

End = Callable[[int], object]


def stay(code: int) -> None:
    """Do not end the process: for a command that is not the whole process."""


def end_at_once(_number: int, _frame: FrameType | None) -> None:
    """The handler of a process that has nothing to end in order. It takes no lock, and writes nothing that may wait."""
    os._exit(WHEN_STOPPED)


@contextmanager
def handle_signals(asked: threading.Event, end: End) -> Iterator[None]:
    """While the block runs, the first signal sets `asked`, and a second one ends the process."""
    is_asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal is_asked
        if is_asked:
            end(WHEN_STOPPED)
            return
        is_asked = True
        asked.set()

    before = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def limit(end: End) -> None:
    """From now on the process has the limit's time to end, even when a terminal does not take its last lines."""
    timer = threading.Timer(LIMIT_S, end, (WHEN_STOPPED,))
    timer.daemon = True
    timer.start()
