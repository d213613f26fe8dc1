"""`recount`: prove that the counters behind the statistics are the sum of the sessions, and put right what is not."""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core.statistics.counts import CounterKey
from chalicelib.flows import recount as recounting
from chalicelib.flows.recount import Recount
from chalicelib.ports import Ports
from infra.admin.console import DONE, OWED, REFUSED, Arguments, Console, at_a_stage, command, tell
from infra.admin.dry_run import rehearsed
from infra.admin.formats import counted

_EXAMPLES = """  reelhaul-admin recount --stage prod
  reelhaul-admin recount --stage prod --repair
  reelhaul-admin recount --stage prod --json"""


def describe(commands: Any) -> None:
    """The command `recount`."""
    made = command(
        commands,
        "recount",
        "count every session again, and compare with the counters behind the statistics",
        _EXAMPLES,
        _recount,
    )
    at_a_stage(made)
    made.add_argument(
        "--repair",
        action="store_true",
        help="put right what differs; without it nothing is written. Others may write at the same time",
    )


def _recount(given: Arguments, desk: Console) -> int:
    ports = desk.reach(given).ports
    found = recounting.mend(ports, desk.pause) if given.repair else _rehearse(ports, desk)
    tell(given, desk, _document(given, found), lambda: list(_lines(found)))
    return _code(found)


def _rehearse(ports: Ports, desk: Console) -> Recount:
    """What differs, by ports that cannot write."""
    return recounting.recount(rehearsed(ports), desk.pause)


def _code(found: Recount) -> int:
    if (found.uncounted or found.drifts) and not found.is_mended:
        return REFUSED
    return OWED if found.moving else DONE


def _lines(found: Recount) -> Iterator[str]:
    for session_id in found.uncounted:
        yield f"{session_id}: what it counts for now was not counted"
    for drift in found.drifts:
        figures = ", ".join(f"{name} {figure:+}" for name, figure in drift.surplus.items())
        yield f"{_named(drift.key)}: beyond its sessions it has {figures}"
    for key in found.moving:
        yield f"{_named(key)}: written at every look; nothing is proven"
    yield _sum(found)


def _sum(found: Recount) -> str:
    seen = f"{counted(found.sessions, 'session')} and {counted(found.counters, 'counter')} compared"
    differing = len(found.uncounted) + len(found.drifts)
    moving = f", {len(found.moving)} still moving: run it again" if found.moving else ""
    if not differing:
        return f"{seen}, none differs{moving}"
    end = "put right" if found.is_mended else "nothing was written; --repair puts it right"
    return f"{seen}, {differing} differed{moving}: {end}"


def _named(key: CounterKey) -> str:
    whose = f"device {key.device_id}" if key.device_id else f"shard {key.shard}"
    return f"{key.project}, {key.day.isoformat()}, {whose}"


def _document(given: Arguments, found: Recount) -> Mapping[str, Any]:
    return {
        "stage": given.stage,
        "repaired": found.is_mended,
        "sessions": found.sessions,
        "counters": found.counters,
        "uncounted": list(found.uncounted),
        "drifts": [{**_key(each.key), "surplus": dict(each.surplus)} for each in found.drifts],
        "moving": [_key(key) for key in found.moving],
    }


def _key(key: CounterKey) -> Mapping[str, Any]:
    return {
        "project": key.project,
        "day": key.day.isoformat(),
        "shard": key.shard,
        "device_id": key.device_id,
    }
