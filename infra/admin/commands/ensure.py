"""`ensure`: the safety net by hand or from cron: settle every session, and say what each waits for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.core import ids
from infra.admin.console import (
    NAMED,
    Arguments,
    Console,
    at_a_stage,
    command,
    named_session,
    number,
    tell,
)
from infra.admin.dry_run import rehearsed
from infra.admin.formats import columns, counted
from infra.admin.sessions import (
    Ensured,
    Walk,
    ensured,
    foreseen,
    walked,
)

_EXAMPLES = """  reelhaul-admin ensure --stage prod
  reelhaul-admin ensure --stage prod match-17-north match-17-south
  reelhaul-admin ensure --stage prod --dry-run --json
  17 * * * *  /opt/reelhaul-admin/bin/reelhaul-admin ensure --stage prod --limit 200"""


def describe(commands: Any) -> None:
    """The command `ensure`."""
    made = command(
        commands,
        "ensure",
        "settle every session, and say what each still waits for",
        _EXAMPLES,
        _ensure,
    )
    at_a_stage(made)
    made.add_argument(
        "sessions",
        nargs="*",
        type=named_session,
        metavar="SESSION",
        help=f"all sessions by default; {NAMED}",
    )
    made.add_argument(
        "--dry-run", action="store_true", help="show the first action for each session; write nothing"
    )
    made.add_argument(
        "--limit",
        type=number,
        metavar="N",
        help="stop after this many sessions that needed something; those that only wait do not count",
    )


def _ensure(given: Arguments, desk: Console) -> int:
    ports = desk.reach(given).ports
    listed = 0 if given.dry_run or given.sessions else ports.records.complete_lists()
    if listed:
        desk.progress(f"{listed} sessions and devices of an older version are in the lists now")
    if given.dry_run:
        walk = walked(rehearsed(ports), foreseen, given.sessions, given.limit, desk.progress)
    else:
        walk = walked(ports, ensured, given.sessions, given.limit, desk.progress)
    tell(
        given,
        desk,
        _document(given, walk),
        lambda: [*_sessions(walk, bool(given.sessions)), _total(walk, given.dry_run)],
    )
    return walk.code


def _sessions(walk: Walk, is_named: bool) -> Iterator[str]:
    """Those of which there is something to tell, or that somebody asked for."""
    for each in walk.sessions:
        if is_named or not each.is_quiet:
            yield f"{each.session_id}: {'not settled' if each.fault else each.state}"
            yield from columns(list(_rows(each)), indent=2)


def _rows(each: Ensured) -> Iterator[Sequence[str]]:
    if each.fault:
        yield "fault", each.fault
    if each.done:
        yield "done", _counts(_acts(each.done))
    if each.would:
        yield "would", _counts(each.would)
    yield from (("owed", f"{one.what}: {one.why}") for one in each.owed)
    yield from (("kept", f"{gate}: {reason}") for gate, reason in each.kept.items())


def _acts(done: Mapping[str, int]) -> Mapping[str, int]:
    """What people want to know; bytes and frames are for programs."""
    return {
        name.replace(".", " "): times
        for name, times in done.items()
        if not name.startswith(("bytes.", "frames."))
    }


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(name if times == 1 else f"{name} ({times})" for name, times in counts.items())


def _total(walk: Walk, is_dry_run: bool) -> str:
    seen = "looked at" if is_dry_run else "settled"
    told = (
        f"{counted(len(walk.sessions) - walk.failed, 'session')} {seen}, {walk.owing} still owed something, "
    )
    end = "" if walk.finished else "; not all had their turn: run it again"
    return f"{told}{walk.failed} failed{end}"


def _document(given: Arguments, walk: Walk) -> Mapping[str, Any]:
    return {
        "stage": given.stage,
        "dry_run": given.dry_run,
        "finished": walk.finished,
        "settled": 0 if given.dry_run else len(walk.sessions) - walk.failed,
        "owing": walk.owing,
        "failed": walk.failed,
        "sessions": [_session(each) for each in walk.sessions],
    }


def _session(each: Ensured) -> Mapping[str, Any]:
    return {
        "project": ids.project_of(each.session_id),
        "session_id": ids.name_of(each.session_id),
        "state": each.state,
        "done": dict(each.done),
        "would": dict(each.would),
        "owed": [{"what": one.what, "why": one.why} for one in each.owed],
        "kept": dict(each.kept),
        "fault": each.fault,
    }
