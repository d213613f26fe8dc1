"""`cleanup`: what may be cleaned and why not, and the word that lets the reconciler clean, or stops it."""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.core import audit, ids
from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.tokens import ALL_PROJECTS
from chalicelib.flows.devices import Registry
from infra.admin.cleanup_plan import Kept, Plan, plan
from infra.admin.console import (
    DONE,
    NAMED,
    REFUSED,
    Arguments,
    Console,
    at_a_stage,
    command,
    named_session,
    reason,
    tell,
)
from infra.admin.deployment import Refused
from infra.admin.dry_run import rehearsed
from infra.admin.formats import (
    columns,
    counted,
    moment,
    size,
    stamp,
)

_EXAMPLES = """  reelhaul-admin cleanup --stage prod --plan
  reelhaul-admin cleanup --stage prod --plan match-17-north --json
  reelhaul-admin cleanup --stage prod --arm --reason 'outputs of November reviewed'
  reelhaul-admin cleanup --stage prod --disarm --reason 'outputs look wrong'"""

_YES = "yes"


def describe(commands: Any) -> None:
    """The command `cleanup`."""
    made = command(
        commands, "cleanup", "show what may be cleaned, arm cleanup or stop it", _EXAMPLES, _cleanup
    )
    at_a_stage(made)
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--plan",
        dest="act",
        action="store_const",
        const=_plan,
        help="show what would be cleaned of every processed session, or of those named, and which gates are "
        "closed; write nothing",
    )
    what.add_argument(
        "--arm", dest="act", action="store_const", const=_arm, help="let the reconciler clean from now on"
    )
    what.add_argument(
        "--disarm",
        dest="act",
        action="store_const",
        const=_disarm,
        help="the kill switch: read before every single delete marker",
    )
    made.add_argument(
        "sessions", nargs="*", type=named_session, metavar="SESSION", help=f"with --plan only; {NAMED}"
    )
    made.add_argument(
        "--reason", type=reason, metavar="TEXT", help="why it is armed or disarmed; the reason is recorded"
    )
    made.add_argument("--yes", action="store_true", help="arm without a question")


def _cleanup(given: Arguments, desk: Console) -> int:
    is_plan = given.act is _plan
    if is_plan and (given.reason is not None or given.yes):
        given.misused("--reason and --yes do not go with --plan")
    if not is_plan and (given.sessions or given.reason is None):
        given.misused("--arm and --disarm are about the whole stage and need --reason TEXT")
    code: int = given.act(given, desk)
    return code


def _plan(given: Arguments, desk: Console) -> int:
    found = plan(rehearsed(desk.reach(given).ports), given.sessions, desk.progress)
    tell(
        given,
        desk,
        _document(given.stage, found),
        lambda: [*_heading(found), *_sessions(found), *_total(found)],
    )
    return REFUSED if found.faults else DONE


def _arm(given: Arguments, desk: Console) -> int:
    """An armed stage stays armed as it is: since when and why is worth more than the latest repetition."""
    ports = desk.reach(given).ports
    known = ports.records.arming()
    if known and known.is_armed:
        return _tell_arming(given, desk, known, None)
    found = plan(rehearsed(ports), (), desk.progress)
    for line in (*_heading(found), *_total(found)):
        desk.note(line)
    if (found.going or found.faults) and not given.yes:
        _demand_yes(desk, given.stage)
    arming = Arming(True, ports.clock.now(), given.reason)
    # The client repeats a call whose reply was lost; the record may then have this change already.
    if not ports.records.replace_arming(known, arming) and ports.records.arming() != arming:
        raise Refused("somebody else armed or disarmed it meanwhile; nothing was changed, look again")
    _note(ports, arming)
    return _tell_arming(given, desk, arming, found)


def _disarm(given: Arguments, desk: Console) -> int:
    """Write without a read first: a kill switch waits for nobody, and needs nothing but the table."""
    registry = desk.connect(given)
    arming = Arming(False, registry.clock.now(), given.reason)
    registry.records.put_arming(arming)
    _note(registry, arming)
    return _tell_arming(given, desk, arming, None)


def _note(registry: Registry, arming: Arming) -> None:
    """Right after the act, which waits for nothing."""
    done = audit.step("cleanup", None, None, f"{'armed' if arming.is_armed else 'disarmed'}: {arming.reason}")
    registry.records.note(audit.act(registry.acting, arming.changed_at, ALL_PROJECTS, done))


def _demand_yes(desk: Console, stage: str) -> None:
    answer = desk.ask(f"type {_YES} to let the reconciler of {stage} clean this: ")
    if answer is None:
        raise Refused("there is no terminal to ask: look at --plan, then give --yes")
    if answer.strip() != _YES:
        raise Refused("not armed; nothing was changed")


def _tell_arming(given: Arguments, desk: Console, arming: Arming, found: Plan | None) -> int:
    document = {
        "stage": given.stage,
        "arming": _arming(arming),
        "total": _totals(found) if found else None,
    }
    tell(given, desk, document, lambda: [said_of(arming)])
    return DONE


def said_of(arming: Arming | None) -> str:
    """Armed or not, since when and why."""
    if arming is None:
        return "cleanup was never armed here: everything is kept"
    word = "armed" if arming.is_armed else "disarmed"
    return f"cleanup is {word} since {moment(arming.changed_at)}: {arming.reason}"


def _heading(found: Plan) -> Iterator[str]:
    spent, limit = found.spent, found.limit
    yield said_of(found.arming)
    yield (
        f"today, {counted(spent.objects, 'object')} of {limit.objects} and "
        f"{size(spent.size_bytes)} of {size(limit.size_bytes)} were cleaned"
    )
    yield f"every order requires {', '.join(found.minimum) or 'nothing: REQUIRED_OUTPUTS is empty'}"


def _sessions(found: Plan) -> Iterator[str]:
    for each in found.sessions:
        yield ""
        yield f"{each.session_id}: {_verdict(each, found.arming)}"
        yield from columns([*_required(each), *(each.closed or {}).items()], indent=2)
        if each.would_go:
            yield from columns([(one.key, size(one.size_bytes)) for one in each.standing], indent=2)


def _required(each: Kept) -> Iterator[tuple[str, str]]:
    if not each.fault:
        yield "requires", ", ".join(each.required) or "nothing"
    if each.left_out:
        yield "left out", f"{', '.join(each.left_out)}: {each.below_minimum_reason}"
    if each.level:
        yield "known", each.level if each.agrees else f"{each.level}, and two reads differ"


def _verdict(each: Kept, arming: Arming | None) -> str:
    if each.fault:
        return f"not looked at: {each.fault}"
    what = f"{counted(len(each.standing), 'object')}, {size(_bytes(each))}"
    if not each.would_go:
        return f"{each.state}, {what} kept" if each.standing else f"{each.state}, nothing to clean"
    is_armed = arming is not None and arming.is_armed
    return f"{each.state}, {what} {'to be cleaned' if is_armed else 'would be cleaned once armed'}"


def _total(found: Plan) -> Iterator[str]:
    total, kept = found.total, len(found.sessions) - len(found.going) - len(found.faults)
    yield ""
    yield (
        f"total: {counted(total.objects, 'object')}, {size(total.size_bytes)} of "
        f"{counted(len(found.going), 'session')} to be cleaned; {kept} kept, {len(found.faults)} not looked at"
    )


def _document(stage: str, found: Plan) -> Mapping[str, Any]:
    return {
        "stage": stage,
        "arming": _arming(found.arming),
        "today": _sum(found.spent),
        "limit": _sum(found.limit),
        "required_outputs": list(found.minimum),
        "sessions": [_session(each) for each in found.sessions],
        "total": _totals(found),
        "failed": len(found.faults),
    }


def _session(each: Kept) -> Mapping[str, Any]:
    return {
        "project": ids.project_of(each.session_id),
        "session_id": ids.name_of(each.session_id),
        "state": each.state,
        "would_go": each.would_go,
        "required": list(each.required),
        "left_out": list(each.left_out),
        "below_minimum_reason": each.below_minimum_reason,
        "level": each.level,
        "agrees": each.agrees,
        "size_bytes": _bytes(each),
        "objects": [
            {
                "artifact_id": one.artifact_id,
                "key": one.key,
                "version_id": one.version_id,
                "size_bytes": one.size_bytes,
            }
            for one in each.standing
        ],
        "closed": dict(each.closed or {}),
        "fault": each.fault,
    }


def _arming(arming: Arming | None) -> Mapping[str, Any] | None:
    if arming is None:
        return None
    return {"is_armed": arming.is_armed, "changed_at": stamp(arming.changed_at), "reason": arming.reason}


def _totals(found: Plan) -> Mapping[str, int]:
    return {"sessions": len(found.going), **_sum(found.total)}


def _sum(spent: Spent) -> Mapping[str, int]:
    return {"objects": spent.objects, "size_bytes": spent.size_bytes}


def _bytes(each: Kept) -> int:
    return sum(one.size_bytes for one in each.standing)
