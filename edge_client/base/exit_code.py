"""The exit code of a command: what each code means, and which end of a command has which code."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What the command's end means to the person, the timer or the service that started it."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    # EX_TEMPFAIL of sysexits.h
    TRY_LATER = 75


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.REFUSED: "a person must look",
    ExitCode.USAGE: "usage",
    ExitCode.TRY_LATER: "try again later",
}
# After Ctrl-C or SIGTERM: the next run does what is missing.
WHEN_STOPPED = ExitCode.TRY_LATER


def code_of_result(person_must_look: bool, is_complete: bool = True) -> ExitCode:
    """The code of a command that came to its end. What needs a person goes before what needs time."""
    if person_must_look:
        return ExitCode.REFUSED
    return ExitCode.DONE if is_complete else ExitCode.TRY_LATER


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
