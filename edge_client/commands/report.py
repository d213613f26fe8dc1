"""`report`: one archive for support, without secrets."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from edge_client.archive.collect import Absent, Piece, Sources, collect
from edge_client.archive.write import write_archive
from edge_client.base.exit import ExitCode
from edge_client.base.terminal import say
from edge_client.commands.command import Command, describe_camera, describe_coordinator, describe_work
from edge_client.commands.doctor import doctor_json, settings_of
from edge_client.commands.output import line
from edge_client.config import Faulty, Parsed, Value, Values
from edge_client.doctor.examination import examine
from edge_client.doctor.machine import Machine
from edge_client.doctor.subject import Settings, Subject

EXAMPLES = """\
examples:
  sudo reelhaul-at enxd43260ddac87 report --dry-run
  sudo reelhaul-at enxd43260ddac87 report --out /tmp/report.tar.gz

One archive with versions, settings, the doctor's findings, the journal of the units, and the plans,
reports and receipts of the spool. Tokens, passwords, codes and signed addresses are removed, and no
byte of a film is in it. The command lists everything before it writes. Only its owner can read the
archive.
"""
OPTIONS = (
    *("camera", "interface", "camera-cert", "camera-login", "locks", "coordinator", "token-file"),
    *("spool", "spool-budget", "limit-rate", "give-up-after"),
)


@dataclass(frozen=True)
class ReportSettings:
    """One run of `report`; without a path there is a name in the folder of the caller."""

    out: Path | None
    dry_run: bool
    settings: Settings
    options: Mapping[str, str]
    as_json: bool


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`."""
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="where the archive is written; by default reelhaul-report-TIME.tar.gz in this folder",
    )
    parser.add_argument("--dry-run", action="store_true", help="list what it would have, and write nothing")
    describe_camera(parser)
    describe_coordinator(parser)
    describe_work(parser, "2m")


def read(values: Values) -> Parsed[ReportSettings]:
    """The settings. Faults of theirs are in the archive, where they help."""
    given = values.arguments
    options = {name: getattr(given, name.replace("-", "_")) for name in OPTIONS}
    return Value(
        ReportSettings(
            Path(given.out) if given.out else None,
            given.dry_run,
            settings_of(values),
            {name: text for name, text in options.items() if text},
            given.json,
        )
    )


def run(settings: ReportSettings, _stop: threading.Event) -> ExitCode:
    """List what the archive has, and write it."""
    now = datetime.now(timezone.utc)
    out = settings.out or Path(f"reelhaul-report-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    found = collect(sources_of(settings, os.environ))
    if not settings.as_json:
        say(content_lines(found), sys.stdout)
    size_bytes: int | None = None
    if not settings.dry_run:
        pieces = [each for each in found if isinstance(each, Piece)]
        size_bytes = write_archive(out, pieces, now.timestamp())
    if settings.as_json:
        say([line(report_json(found, out, size_bytes))], sys.stdout)
    elif size_bytes is not None:
        say([f"written to {out.absolute()}: {size_bytes:,} bytes, for its owner alone"], sys.stdout)
    return ExitCode.DONE


REPORT = Command(
    name="report",
    purpose="write one archive for support, without secrets",
    examples=EXAMPLES,
    describe=describe,
    read=read,
    run=run,
)


def sources_of(settings: ReportSettings, environ: Mapping[str, str]) -> Sources:
    """Where the archive's pieces come from."""
    known = settings.settings

    def doctor() -> Mapping[str, object]:
        return doctor_json(examine(Subject(known, Machine(), version("reelhaul"))))

    return Sources(
        environ=environ,
        options=settings.options,
        spool=None if isinstance(known.spool, Faulty) else known.spool.value,
        secret_files=[
            Path(text) for text in (known.token_file, settings.options.get("camera-login")) if text
        ],
        doctor=doctor,
    )


def content_lines(found: Sequence[Piece | Absent]) -> list[str]:
    """What the archive has, and what it has not and why."""
    return [
        "the archive has, without secrets:",
        *(
            f"  {len(each.content):>10,} bytes  {each.name}{'  (its beginning)' if each.is_cut else ''}"
            for each in found
            if isinstance(each, Piece)
        ),
        *(f"  not there: {each.name}: {each.why}" for each in found if isinstance(each, Absent)),
    ]


def report_json(found: Sequence[Piece | Absent], out: Path, size_bytes: int | None) -> dict[str, object]:
    """The same as one document; `size_bytes` is null where nothing was written."""
    return {
        "out": str(out.absolute()),
        "size_bytes": size_bytes,
        "pieces": [
            {"name": each.name, "size_bytes": len(each.content), "is_cut": each.is_cut}
            for each in found
            if isinstance(each, Piece)
        ],
        "absent": [{"name": each.name, "why": each.why} for each in found if isinstance(each, Absent)],
    }
