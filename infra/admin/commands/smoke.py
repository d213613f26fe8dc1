"""`smoke`: a tiny session through the deployed stage, from enrolment to cleanup and restore, each step timed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.core import ids
from chalicelib.core.session import SessionState
from chalicelib.ports import Listed, ListedBy, Ports
from infra.admin.console import DONE, OWED, REFUSED, Arguments, Console, at_a_stage, command, tell
from infra.admin.formats import columns
from infra.admin.smoke.api import demand_requests

if TYPE_CHECKING:
    from infra.admin.smoke.steps import Done, SmokeTest

_EXAMPLES = """  reelhaul-admin smoke --stage prod
  reelhaul-admin smoke --stage prod --json
  reelhaul-admin smoke --stage prod --resume
  reelhaul-admin smoke --stage local --endpoint-url http://127.0.0.1:PORT --url http://127.0.0.1:PORT/api"""

_CODES = {"ok": DONE, "owed": OWED, "failed": REFUSED}
_PAGE = 100


def describe(commands: Any) -> None:
    """The command `smoke`."""
    made = command(
        commands, "smoke", "take a tiny session through the stage, step by step", _EXAMPLES, _smoke
    )
    at_a_stage(made)
    made.add_argument("--url", help="the address of the API; default: what the last deploy recorded")
    made.add_argument(
        "--resume",
        action="store_true",
        help="no new session: cleanup and restore of those that earlier runs owed, once their grace is over",
    )


def _smoke(given: Arguments, desk: Console) -> int:
    demand_requests()
    deployment, url = desk.reach(given), desk.api.url(given)
    from infra.admin.smoke.steps import PREFIX, PROJECT, Place, SmokeTest

    ports = deployment.ports
    place = Place(given.stage, url, ports, desk.api, desk.send_part, desk.pause, desk.note)
    began_at = ports.clock.now()
    if given.resume:
        tests = [SmokeTest(place, name) for name in owed(ports, PROJECT, PREFIX)]
        for test in tests:
            desk.note(f"{PROJECT}/{test.name}")
            test.rest()
    else:
        tests = [SmokeTest(place, f"{PREFIX}{began_at:%Y%m%dt%H%M%Sz}-{secrets.token_hex(3)}")]
        tests[0].whole()
    seconds = (ports.clock.now() - began_at).total_seconds()
    outcome = _worst(tests)
    tell(
        given,
        desk,
        _document(given, url, tests, outcome, seconds),
        lambda: [*_lines(tests, outcome, seconds)],
    )
    return _CODES[outcome]


def owed(ports: Ports, project: str, prefix: str) -> list[str]:
    """The names of the sessions, oldest first, whose original was never restored, and which no fault ended."""
    found: list[str] = []
    last: Listed | None = None
    while entries := ports.records.list_sessions(ListedBy(project), None, None, last, _PAGE):
        found += [ids.name_of(each.listed.session_id) for each in entries]
        last = entries[-1].listed
    return [name for name in reversed(found) if name.startswith(prefix) and _is_owed(ports, project, name)]


def _is_owed(ports: Ports, project: str, name: str) -> bool:
    picture = ports.records.picture(ids.session_id(project, name))
    if picture is None or picture.session.state not in (SessionState.PROCESSED, SessionState.CLEANED):
        return False
    is_restored = any(each.copies for each in picture.uploads)
    return not is_restored or picture.session.held is not None


def _worst(tests: Sequence[SmokeTest]) -> str:
    outcomes = [test.outcome for test in tests]
    return next((each for each in ("failed", "owed") if each in outcomes), "ok")


def _lines(tests: Sequence[SmokeTest], outcome: str, seconds: float) -> Iterator[str]:
    for test in tests:
        yield f"{test.session_id}: {test.outcome}"
        rows = [(each.step.name, f"{each.seconds:.1f} s", each.outcome, each.told) for each in test.done]
        yield from columns(rows, indent=2)
        for each in test.done:
            if each.outcome == "failed":
                yield f"  {each.step.name} failed; expected: {each.step.expected}"
                yield f"  look at: docs/operations.md, {each.step.look}"
        yield from (f"  left: {each}" for each in test.left)
    if not tests:
        yield "no earlier run owes anything"
    yield f"{outcome} in {seconds:.1f} s"


def _document(
    given: Arguments, url: str, tests: Sequence[SmokeTest], outcome: str, seconds: float
) -> Mapping[str, Any]:
    return {
        "stage": given.stage,
        "url": url,
        "outcome": outcome,
        "seconds": round(seconds, 3),
        "sessions": [_test(test) for test in tests],
    }


def _test(test: SmokeTest) -> Mapping[str, Any]:
    return {
        "project": ids.project_of(test.session_id),
        "session_id": test.name,
        "outcome": test.outcome,
        "steps": [_step(each) for each in test.done],
        "left": list(test.left),
    }


def _step(done: Done) -> Mapping[str, Any]:
    failed = done.outcome == "failed"
    return {
        "name": done.step.name,
        "outcome": done.outcome,
        "seconds": round(done.seconds, 3),
        "told": done.told,
        "expected": done.step.expected if failed else None,
        "look": f"docs/operations.md, {done.step.look}" if failed else None,
    }
