"""What the audit trail tells: of one session, or of everything in a project."""

import argparse
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.audit import Entry, Step
from chalicelib.core.ids import SessionId
from chalicelib.core.tokens import ALL_PROJECTS
from chalicelib.flows.devices import Registry
from infra.admin.console import DONE, NAMED, Arguments, Console, command, named_session, tell
from infra.admin.deployment import Refused
from infra.admin.formats import stamp

_EXAMPLES = """  reelhaul-admin audit --stage prod match-17-north
  reelhaul-admin audit --stage prod --project main --since 2026-11-20
  reelhaul-admin audit --stage prod --project '*' --json"""

_PAGE = 100


def describe(commands: Any) -> None:
    """The command `audit`."""
    made = command(
        commands,
        "audit",
        "say who changed what, and when: a session, or a project's last days",
        _EXAMPLES,
        _audit,
    )
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--stage", help="the deployed stage, for instance prod; its stack names the table")
    where.add_argument("--table", help="the table itself")
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("session", metavar="SESSION", nargs="?", type=named_session, help=NAMED)
    what.add_argument(
        "--project", help="every session of it and every act about it; '*' are the acts about all projects"
    )
    made.add_argument(
        "--since", type=_day, metavar="DATE", help="the first day (UTC), such as 2026-11-20; default: today"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-20") from error


def _audit(given: Arguments, desk: Console) -> int:
    registry = desk.connect(given)
    if given.session:
        if given.since:
            raise Refused("a session's trail is told whole: leave --since out")
        entries = list(_of_session(registry, given.session))
    else:
        if given.project != ALL_PROJECTS:
            ids.project(given.project)
        entries = list(_of_project(registry, given.project, given.since))
    tell(
        given,
        desk,
        {"entries": [_document(entry) for entry in entries]},
        lambda: [line for entry in entries for line in _lines(entry)] or ["nothing is recorded"],
    )
    return DONE


def _of_session(registry: Registry, session_id: SessionId) -> Iterator[Entry]:
    after = 0
    while page := registry.records.trail(session_id, after, _PAGE):
        yield from page
        after = page[-1].version or 0


def _of_project(registry: Registry, project: str, since: date | None) -> Iterator[Entry]:
    last = registry.clock.now().astimezone(UTC).date()
    day = since or last
    while day <= last:
        yield from registry.records.trail_of_day(project, day)
        day += timedelta(days=1)


def _document(entry: Entry) -> dict[str, Any]:
    acting = entry.acting
    return {
        "at": stamp(entry.at),
        "who": acting.who,
        "token_id": acting.token_id,
        "route": acting.route,
        "request_id": acting.request_id,
        "project": entry.project,
        "session_id": ids.name_of(entry.session_id) if entry.session_id else None,
        "version": entry.version,
        "steps": [
            {"thing": step.thing, "name": step.name, "before": step.before, "after": step.after}
            for step in entry.steps
        ],
    }


def _lines(entry: Entry) -> Iterator[str]:
    acting = entry.acting
    by = f"{acting.who} ({acting.token_id})" if acting.token_id else acting.who
    about = f" {entry.session_id}" if entry.session_id else ""
    call = " ".join(part for part in (acting.route, acting.request_id) if part)
    yield f"{_second(entry.at)}{about} by {by}{f': {call}' if call else ''}"
    yield from (f"  {_said(step)}" for step in entry.steps)


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _said(step: Step) -> str:
    thing = f"{step.thing} {step.name}" if step.name else step.thing
    return f"{thing}: {step.before or '-'} -> {step.after or '-'}"
