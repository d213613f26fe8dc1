"""The client's door: arguments in, exit code out (`base/exit.py`)."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from importlib.metadata import version
from typing import TypeVar

from edge_client.base.errors import EdgeError, SettingsFault, TryLater, place_of
from edge_client.base.exit import (
    GRACE_S,
    MEANINGS,
    WHEN_STOPPED,
    End,
    ExitCode,
    code_of_error,
    code_of_lost_output,
    handle_signals,
    limit,
    stay,
)
from edge_client.base.logs import clear_bars, log_to
from edge_client.base.terminal import StandardOutput, say, standard_streams
from edge_client.commands import COMMANDS
from edge_client.commands.command import Command
from edge_client.config import Values

log = logging.getLogger(__name__)

NEXT = "run the same command again"
REPORTS_KEPT = "; the haul itself is not affected: the spool has the report of each session that is home"
SPOOL_KEPT = {"note": "what was read stays in the spool"}
POLL_S = 0.1
EXIT_CODES = f"""
exit codes: {", ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items())}
(1 instead of 0 also when standard output could not be written)
"""

S = TypeVar("S")


def run(argv: Sequence[str] | None = None, end: End = stay) -> int:
    """One command: its exit code. `end` ends the process when a signal must and a thread does not let it end in order.

    Raises SystemExit as argparse does, after help and faults of the arguments.
    """
    with standard_streams() as output:
        try:
            return _run(argv, output, end)
        except SystemExit as ended:
            raise SystemExit(_true_code(int(ended.code or 0), output)) from None


def parser() -> argparse.ArgumentParser:
    """The commands, each with its help and its examples."""
    top = argparse.ArgumentParser(
        prog="reelhaul",
        description="Hauls a camera's chapters into S3, verified as they were read.",
        epilog="Each command has examples: reelhaul haul --help",
    )
    top.add_argument("--version", action="version", version=f"reelhaul {version('reelhaul')}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        described = commands.add_parser(
            command.name,
            help=command.purpose,
            description=f"{command.purpose[0].upper()}{command.purpose[1:]}.",
            epilog=command.examples + EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        described.add_argument(
            "--json", action="store_true", help="print JSON on standard output, one document a line"
        )
        described.add_argument("--verbose", action="store_true", help="log more on standard error")
        command.describe(described)
    return top


def _run(argv: Sequence[str] | None, output: StandardOutput, end: End) -> int:
    arguments = parser().parse_args(argv)
    command = next(each for each in COMMANDS if each.name == arguments.command)
    try:
        settings = command.settings(Values(arguments, os.environ))
    except SettingsFault as error:
        say((f"reelhaul: {fault}" for fault in error.faults), sys.stderr)
        return code_of_error(error)
    with log_to(sys.stderr, logging.DEBUG if arguments.verbose else logging.INFO):
        code = _until_stopped(command, settings, end)
    return _true_code(code, output, REPORTS_KEPT if command.hauls(settings) else "")


def _true_code(code: int, output: StandardOutput, kept: str = "") -> int:
    """The code that the command ends with, whether or not its result was written."""
    sys.stdout.flush()
    if output.failure is None:
        return code
    reason = output.failure.strerror or type(output.failure).__name__
    say([f"reelhaul: the result could not be written to standard output ({reason}){kept}"], sys.stderr)
    return code_of_lost_output(code)


def _until_stopped(command: Command[S], settings: S, end: End) -> ExitCode:
    """Work in a thread, so that a signal ends the run even while a socket is silent. The spool bears any end."""
    asked, stop = threading.Event(), threading.Event()
    codes: list[ExitCode] = []
    worker = threading.Thread(
        target=lambda: codes.append(execute(command, settings, stop)), name="command", daemon=True
    )
    with handle_signals(asked, end):
        worker.start()
        while worker.is_alive() and not asked.is_set():
            worker.join(POLL_S)
        if worker.is_alive():
            limit(end)
            log.warning("stopping", extra=SPOOL_KEPT if command.hauls(settings) else {})
            stop.set()
            worker.join(GRACE_S)
    if not codes:
        log.error("not finished", extra={"reason": "stopped", "next": NEXT})
        clear_bars()
        return WHEN_STOPPED
    return codes[0]


def execute(command: Command[S], settings: S, stop: threading.Event) -> ExitCode:
    """Do what the settings say; the exit code."""
    try:
        return command.run(settings, stop)
    except Exception as error:  # noqa: BLE001  the door: nothing that a command raises passes it
        if isinstance(error, TryLater):
            log.error("not finished", extra={"reason": str(error), "next": NEXT})
        elif isinstance(error, EdgeError):
            log.error("refused", extra={"reason": str(error)})
        else:
            # Its text may hold a URL; its type and its place do not.
            log.critical(
                "a fault of this program", extra={"type": type(error).__name__, "at": place_of(error)}
            )
        return code_of_error(error)
