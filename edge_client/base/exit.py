"""How a command ends: its exit code, and what Ctrl-C and SIGTERM do.

The first signal asks the command to end, the second one ends the process. A socket, a disk or a terminal may not answer
for minutes, and the command's thread waits for it. So the process waits for the thread no longer than a moment: the
spool bears any end.
"""

from __future__ import annotations

import enum
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The command has GRACE_S to end in order. After LIMIT_S the process has ended in any case.
GRACE_S = 0.8
LIMIT_S = 1.4
End = Callable[[int], object]


class ExitCode(enum.IntEnum):
    """What the command's end means to the person, the timer or the service that started it."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    # Of `doctor` alone: the device hauls, and something is not as it should be.
    WARNED = 3
    # Two reads of a film gave different bytes.
    KEEP_THE_CARD = 4
    # EX_TEMPFAIL of sysexits.h
    TRY_LATER = 75


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.REFUSED: "a person must look",
    ExitCode.USAGE: "usage",
    ExitCode.WARNED: "warnings alone, of doctor",
    ExitCode.KEEP_THE_CARD: "two reads of a film differ: keep the card",
    ExitCode.TRY_LATER: "try again later",
}
# After Ctrl-C or SIGTERM: the next run does what is missing.
WHEN_STOPPED = ExitCode.TRY_LATER


def code_of_result(person_must_look: bool, is_complete: bool = True) -> ExitCode:
    """The code of a command that came to its end. What needs a person goes before what needs time."""
    if person_must_look:
        return ExitCode.REFUSED
    return ExitCode.DONE if is_complete else ExitCode.TRY_LATER


def code_of_findings(has_problem: bool, has_warning: bool, is_all_checked: bool) -> ExitCode:
    """The code of `doctor`: the worst finding decides, and what was not checked is not fine."""
    if has_problem:
        return ExitCode.REFUSED
    if has_warning:
        return ExitCode.WARNED
    return ExitCode.DONE if is_all_checked else ExitCode.TRY_LATER


def code_of_reads(differ: bool, code: ExitCode) -> ExitCode:
    """The code of a command that knows whether two reads of a film differ: that goes before all else."""
    return ExitCode.KEEP_THE_CARD if differ else code


def code_of_error(error: Exception) -> ExitCode:
    """The code of a command that an error ended. What nobody expected needs a person."""
    # The errors import `ssl`, which takes a while; a process needs this module before it can hear a signal.
    from edge_client.base.errors import SettingsFault, TryLater

    if isinstance(error, SettingsFault):
        return ExitCode.USAGE
    return ExitCode.TRY_LATER if isinstance(error, TryLater) else ExitCode.REFUSED


def code_of_lost_output(code: int) -> int:
    """The code of a command whose result could not be written: a result that nobody got is not 0."""
    return code or ExitCode.REFUSED


def stay(code: int) -> None:
    """Do not end the process: for a command that is not the whole process."""


def end_at_once(_number: int, _frame: FrameType | None) -> None:
    """End a process that has nothing to end in order. The handler takes no lock, and writes nothing that may wait."""
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
    """Give the process the limit's time to end, even when a terminal does not take its last lines."""
    timer = threading.Timer(LIMIT_S, end, (WHEN_STOPPED,))
    timer.daemon = True
    timer.start()
