"""`tidy`: remove from the spool what is left of sessions that came home long ago."""

from __future__ import annotations

import argparse
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edge_client.base.exit import ExitCode
from edge_client.commands.command import Command, describe_coordinator, describe_keep, describe_spool
from edge_client.commands.output import say_result
from edge_client.config import Parsed, Service, Values, together
from edge_client.haul.tidy import Tidied, Tidying, tidy
from edge_client.wiring import coordinator_of, one_try, spool_of

EXAMPLES = """\
examples:
  reelhaul tidy --keep 90d --spool /var/lib/reelhaul/north --dry-run
  reelhaul tidy --keep 90d --spool /var/lib/reelhaul/north

Removes the plan, the copies of receipts and the report of each session that has been home for
longer than that. A session stays when one of its chapters has no receipt, when the spool has a part
of it, and when the coordinator does not confirm that all of it is home. The coordinator keeps the
receipts, so `audit` says the same afterwards. Without this command everything is kept.
"""


@dataclass(frozen=True)
class TidySettings:
    """One run of `tidy`."""

    keep: timedelta
    dry_run: bool
    spool: Path
    service: Service
    as_json: bool


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `tidy`."""
    describe_keep(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be removed, and remove nothing"
    )
    describe_coordinator(parser)
    describe_spool(parser)


def read(values: Values) -> Parsed[TidySettings]:
    """The settings: which spool, how old, and who confirms that a session is home."""
    given = values.arguments
    keep_s, spool, service = values.keep_s(), values.spool(), values.service()
    return together(
        lambda: TidySettings(
            timedelta(seconds=keep_s.value), given.dry_run, spool.value, service.value, given.json
        ),
        *(keep_s, spool, service),
    )


def run(settings: TidySettings, stop: threading.Event) -> ExitCode:
    """Remove what is old and home, or with a dry run say what would be removed."""
    with coordinator_of(settings.service, one_try(stop)) as coordinator:
        asked = Tidying(settings.keep, settings.dry_run)
        found = tidy(spool_of(settings.spool), coordinator, asked, datetime.now(timezone.utc))
    say_result(tidied_lines(found, asked.is_dry), tidied_json(found, asked.is_dry), settings.as_json)
    return ExitCode.DONE


TIDY = Command(
    name="tidy",
    purpose="remove from the spool the records of sessions that came home long ago",
    examples=EXAMPLES,
    describe=describe,
    read=read,
    run=run,
)


def tidied_lines(found: Tidied, is_dry: bool) -> list[str]:
    """What `tidy` removed, or would remove, and why other sessions stay."""
    would = "would be " if is_dry else ""
    count = (
        f"{len(found.removed)} {would}removed, {len(found.kept)} kept for a reason, "
        f"{found.young} kept because they came home not long ago"
    )
    return [
        *(
            f"session {each.session}: {would}removed, home since {each.home_since:%Y-%m-%dT%H:%M:%SZ}"
            for each in found.removed
        ),
        *(f"session {each.session}: kept; {each.reason}" for each in found.kept),
        count,
    ]


def tidied_json(found: Tidied, is_dry: bool) -> dict[str, object]:
    return {
        "removed": [
            {"session": each.session, "home_since": f"{each.home_since:%Y-%m-%dT%H:%M:%SZ}"}
            for each in found.removed
        ],
        "kept": [{"session": each.session, "reason": each.reason} for each in found.kept],
        "young": found.young,
        "is_dry": is_dry,
    }
