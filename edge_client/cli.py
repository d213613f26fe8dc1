"""The command line: arguments in, exit code out. 0 hauled, 1 refused, 2 usage, 75 try again later."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from typing import TextIO

from tqdm import tqdm

from edge_client.errors import EdgeError, SettingsFault, TryLater
from edge_client.haul import Each, Haul, Report
from edge_client.plan import SessionPlan
from edge_client.settings import Settings, settings_from
from edge_client.wiring import tools_of

log = logging.getLogger(__name__)

HAULED, REFUSED, USAGE, TRY_LATER = 0, 1, 2, 75
NEXT = "run the same command again"
GRACE_S = 10.0
POLL_S = 0.2

EXAMPLES = """\
examples:
  reelhaul haul match-17-north --camera http://172.24.171.51:8080 --recording 0042
  reelhaul haul --camera http://172.24.171.51:8080 --all
  reelhaul haul --camera http://10.5.5.9:8080 --file 100GOPRO/GX010042.MP4 --dry-run

A camera and a session have one client at a time. Run the same command again after any end: only what is missing is
done. Nothing on the camera is ever changed or deleted.

exit codes: 0 hauled, 1 refused (a person must look), 2 usage, 75 try again later
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    top = argparse.ArgumentParser(
        prog="reelhaul", description="Brings a camera's chapters home, proven byte for byte."
    )
    top.add_argument("--version", action="version", version=f"reelhaul {version('reelhaul')}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    haul = commands.add_parser(
        "haul",
        help="haul recordings of a camera",
        description="Haul recordings of a camera into their sessions.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    haul.add_argument(
        "session", nargs="?", metavar="SESSION", help="without it each recording is a session of its own"
    )
    haul.add_argument("--recording", metavar="NNNN", help="the recording with this number")
    haul.add_argument(
        "--file", action="append", metavar="DIR/NAME", help="exactly this file; may be given again"
    )
    haul.add_argument("--all", action="store_true", help="every recording on the card")
    haul.add_argument("--camera", metavar="URL", help="the camera (REELHAUL_CAMERA)")
    haul.add_argument("--coordinator", metavar="URL", help="the coordinator (REELHAUL_COORDINATOR)")
    haul.add_argument("--token-file", metavar="FILE", help="mode 0600, holds the token (REELHAUL_TOKEN_FILE)")
    haul.add_argument("--spool", metavar="DIR", help="where parts wait (REELHAUL_SPOOL)")
    haul.add_argument(
        "--spool-budget",
        metavar="SIZE",
        help="the most parts may take there, such as 20GB (REELHAUL_SPOOL_BUDGET)",
    )
    haul.add_argument(
        "--locks", metavar="DIR", help="where clients of this machine lock cameras (REELHAUL_LOCKS)"
    )
    haul.add_argument(
        "--limit-rate", metavar="RATE", help="the most to send a second, such as 20Mbit (REELHAUL_LIMIT_RATE)"
    )
    haul.add_argument(
        "--give-up-after", metavar="TIME", help="the longest outage, 24h unless told (REELHAUL_GIVE_UP_AFTER)"
    )
    haul.add_argument("--dry-run", action="store_true", help="say what would be hauled, and haul nothing")
    haul.add_argument("--json", action="store_true", help="print the report as JSON, one line a session")
    return top


def run(argv: Sequence[str] | None = None) -> int:
    """The console script: the exit code."""
    arguments = parser().parse_args(argv)
    try:
        settings = settings_from(arguments, os.environ)
    except SettingsFault as error:
        for fault in error.faults:
            print(f"reelhaul: {fault}", file=sys.stderr)
        return USAGE
    with _logging_to(sys.stderr):
        return _until_stopped(settings)


def _until_stopped(settings: Settings) -> int:
    """Haul in a thread, so that a signal ends the run even while a socket is silent. The spool bears any end."""
    stop = threading.Event()
    codes: list[int] = []
    worker = threading.Thread(target=lambda: codes.append(haul(settings, stop)), name="haul", daemon=True)
    with _signals_set(stop):
        worker.start()
        while worker.is_alive() and not stop.is_set():
            worker.join(POLL_S)
        worker.join(GRACE_S)
    if not codes:
        log.error("not finished", extra={"reason": "stopped", "next": NEXT})
        return TRY_LATER
    return codes[0]


@contextmanager
def _signals_set(stop: threading.Event) -> Iterator[None]:
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def haul(settings: Settings, stop: threading.Event) -> int:
    """Haul as the settings say; the exit code. The client's door."""
    try:
        return _hauled(settings, stop)
    except TryLater as error:
        log.error("not finished", extra={"reason": str(error), "next": NEXT})
        return TRY_LATER
    except EdgeError as error:
        log.error("refused", extra={"reason": str(error)})
        return REFUSED
    except Exception as error:  # noqa: BLE001  the door: its text may hold a URL, its type and place do not
        place = error.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
        log.critical("a fault of this program", extra={"type": type(error).__name__, "at": where})
        return REFUSED


def _hauled(settings: Settings, stop: threading.Event) -> int:
    with tools_of(settings, stop) as tools:
        walk = Haul(tools, settings.choice, settings.session_id)
        if settings.dry_run:
            return _say_plans(walk.plans(), settings)
        return _say_reports(walk.run(), settings)


def _say_plans(plans: Each[SessionPlan], settings: Settings) -> int:
    for plan in plans.done:
        if settings.as_json:
            print(json.dumps(asdict(plan)))
            continue
        print(f"session {plan.session_id}, camera {plan.camera.serial}")
        for chapter in plan.chapters:
            print(f"  {chapter.path}  {chapter.size_bytes:,} bytes")
    return _code(plans)


def _say_reports(reports: Each[Report], settings: Settings) -> int:
    for report in reports.done:
        if settings.as_json:
            print(report.encoded().decode())
            continue
        print(f"session {report.session}: home in {report.seconds:.1f} s")
        for chapter in report.chapters:
            verified = f"verified {chapter.receipt.get('verified_at', '')}".rstrip()
            print(
                f"  {chapter.path}  {chapter.size_bytes:,} bytes  crc64nvme {chapter.crc64nvme}  {verified}"
            )
    return _code(reports) or (REFUSED if any(report.left_out for report in reports.done) else HAULED)


def _code(each: Each[SessionPlan] | Each[Report]) -> int:
    """The exit code. Raises what ended the run before its end."""
    if each.unfinished:
        raise each.unfinished
    return REFUSED if each.refusals else HAULED


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
    """Writes lines above whatever bars are on the terminal."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self.setFormatter(_Line())

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=self._stream)


@contextmanager
def _logging_to(stream: TextIO) -> Iterator[None]:
    root = logging.getLogger("edge_client")
    handler, before = _AboveBars(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
