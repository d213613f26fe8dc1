"""The client's door: arguments in, exit code out. 0 done, 1 a person must look, 2 usage, 75 try again later."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence

from edge_client import commands
from edge_client.base.errors import EdgeError, SettingsFault, TryLater, place_of
from edge_client.base.interruption import (
    GRACE_S,
    End,
    asking,
    limit,
    stay,
)
from edge_client.base.logs import clear_bars, logging_to
from edge_client.base.terminal import StandardOutput, say, standard_streams
from edge_client.commands import REFUSED, TRY_LATER, USAGE
from edge_client.commands.arguments import parser
from edge_client.config import (
    AuditSettings,
    ForgetSettings,
    HaulSettings,
    ListSettings,
    Settings,
    settings_from,
)

log = logging.getLogger(__name__)

NEXT = "run the same command again"
REPORTS_KEPT = "; the haul itself is not affected: the spool has the report of each session that is home"
SPOOL_KEPT = {"note": "what was read stays in the spool"}
POLL_S = 0.1


def run(argv: Sequence[str] | None = None, end: End = stay) -> int:
    """One command: its exit code. `end` ends the process when a signal must and a thread does not let it end in order.

    Raises SystemExit as argparse does, after help and faults of the arguments.
    """
    with standard_streams() as output:
        try:
            return _run(argv, output, end)
        except SystemExit as ended:
            raise SystemExit(_true_code(int(ended.code or 0), output)) from None


def _run(argv: Sequence[str] | None, output: StandardOutput, end: End) -> int:
    arguments = parser().parse_args(argv)
    try:
        settings = settings_from(arguments, os.environ)
    except SettingsFault as error:
        say((f"reelhaul: {fault}" for fault in error.faults), sys.stderr)
        return USAGE
    with logging_to(sys.stderr, logging.DEBUG if arguments.verbose else logging.INFO):
        code = _until_stopped(settings, end)
    return _true_code(code, output, REPORTS_KEPT if _hauls(settings) else "")


def _hauls(settings: Settings) -> bool:
    if isinstance(settings, HaulSettings):
        return not settings.dry_run
    return isinstance(settings, AuditSettings) and settings.haul


def _true_code(code: int, output: StandardOutput, kept: str = "") -> int:
    """The code that the command ends with: a result that nobody got is not 0."""
    sys.stdout.flush()
    if output.failure is None:
        return code
    reason = output.failure.strerror or type(output.failure).__name__
    say([f"reelhaul: the result could not be written to standard output ({reason}){kept}"], sys.stderr)
    return code or REFUSED


def _until_stopped(settings: Settings, end: End) -> int:
    """Work in a thread, so that a signal ends the run even while a socket is silent. The spool bears any end."""
    asked, stop = threading.Event(), threading.Event()
    codes: list[int] = []
    worker = threading.Thread(target=lambda: codes.append(done(settings, stop)), name="command", daemon=True)
    with asking(asked, end):
        worker.start()
        while worker.is_alive() and not asked.is_set():
            worker.join(POLL_S)
        if worker.is_alive():
            limit(end)
            log.warning("stopping", extra=SPOOL_KEPT if _hauls(settings) else {})
            stop.set()
            worker.join(GRACE_S)
    if not codes:
        log.error("not finished", extra={"reason": "stopped", "next": NEXT})
        clear_bars()
        return TRY_LATER
    return codes[0]


def done(settings: Settings, stop: threading.Event) -> int:
    """Do what the settings say; the exit code."""
    try:
        return _done(settings, stop)
    except TryLater as error:
        log.error("not finished", extra={"reason": str(error), "next": NEXT})
        return TRY_LATER
    except EdgeError as error:
        log.error("refused", extra={"reason": str(error)})
        return REFUSED
    except Exception as error:  # noqa: BLE001  the door: its text may hold a URL, its type and place do not
        log.critical("a fault of this program", extra={"type": type(error).__name__, "at": place_of(error)})
        return REFUSED


def _done(settings: Settings, stop: threading.Event) -> int:
    if isinstance(settings, HaulSettings):
        return commands.haul(settings, stop)
    if isinstance(settings, AuditSettings):
        return commands.audit(settings, stop)
    if isinstance(settings, ListSettings):
        return commands.listing(settings, stop)
    if isinstance(settings, ForgetSettings):
        return commands.forget(settings, stop)
    return commands.status(settings, stop)
