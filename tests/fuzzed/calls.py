"""Calls that schemathesis makes up from the contract, sent in this process, in many worlds, by many callers."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chalicelib.flows.reconcile import reconcile
from chalicelib.web.contract.document import openapi
from chalicelib.web.routing import Route
from tests.support import story
from tests.support.builders import MemoryPorts, memory_ports
from tests.support.memory import START
from tests.web.calls import CALLS, GoodCall
from tests.web.client import Caller, app_over
from tests.web.contract import ROUTES, demand_documented, route_of
from tests.web.in_process import InProcess
from tests.web.principals import ROLES, headers_of
from tests.web.usual import opened

VERSION = {"Reelhaul-Client-Version": "0.1.0"}
ADDRESS = "http://coordinator"
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
REFUSED_BEFORE_A_VIEW = (403, 404, 415)


def after(call: str, caller: str) -> MemoryPorts:
    """The world of a good call, once this caller has made it."""
    good = CALLS[call]
    ports = good.world()
    headers = headers_of(caller, ports) | VERSION
    assert Caller(app_over(ports), headers).call(*good.said).status == 200
    return ports


def poisoned() -> MemoryPorts:
    """A session whose measurements cannot be indexed."""
    ports = memory_ports()
    story.haul(ports)
    story.process(ports, {**story.MADE, story.LIGHTS: b"poison"})
    ports.clock.advance(1)
    reconcile(ports, 60)
    return ports


WORLDS: dict[str, Callable[[], MemoryPorts]] = {
    "nothing": memory_ports,
    "without parts": opened,
    "expired": lambda: opened(expires_at=START),
    "cancelled": lambda: after("cancel", "own"),
    "failed": lambda: after("failure", "prc"),
    "held": lambda: after("hold", "opr"),
    "restoring": lambda: after("restore", "opr"),
    "processed": story.processed,
    "poisoned": poisoned,
    **{call.world.__name__: call.world for call in CALLS.values()},
}
"""Where calls are made, by name."""


@dataclass
class Scene:
    """A world that is made anew once a call has changed it, and its callers."""

    make: Callable[[], MemoryPorts]
    _session: requests.Session | None = None
    _headers: dict[str, dict[str, str]] = field(default_factory=dict)

    def session(self) -> requests.Session:
        if self._session is None:
            self._ports = self.make()
            self._session = requests.Session()
            self._session.mount(ADDRESS, InProcess(app_over(self._ports)))
            self._headers = {}
        return self._session

    def headers(self, caller: str) -> dict[str, str]:
        self.session()
        if caller not in self._headers:
            self._headers[caller] = headers_of(caller, self._ports) | VERSION
        return self._headers[caller]

    def change(self) -> None:
        self._session = None


@dataclass(frozen=True)
class Sent:
    """How a made-up call is sent: where, by whom, and which of its parts are those of a good call."""

    world: str
    caller: str
    good: frozenset[str]


PARTS = frozenset(("path", "query", "headers", "body"))
GOOD = [frozenset[str](), PARTS, *(PARTS - {part} for part in PARTS)]
"""None, all, and all but one."""
USUAL_CALLERS = ("own", "prc", "opr")

SENT = st.builds(
    Sent,
    # Most are sent where the good call succeeds, by somebody who might make it.
    st.sampled_from(["", *WORLDS]) | st.just(""),
    st.sampled_from([caller for callers in ROLES.values() for caller in callers])
    | st.sampled_from(USUAL_CALLERS),
    st.sampled_from(GOOD),
)


class Fuzz:
    """The calls of one route, and how many of them ended how."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.statuses: Counter[int] = Counter()
        self._good = [call for call in CALLS.values() if route_of(call.method, call.path) is route]
        self._scenes = {name: Scene(make) for name, make in WORLDS.items()}

    @property
    def cases(self) -> int:
        return self.statuses.total()

    @property
    def successes(self) -> int:
        return sum(count for status, count in self.statuses.items() if status < 300)

    def made_up(self) -> st.SearchStrategy[Case]:
        """Calls that fit the contract, and calls that break it in one place."""
        operation = _schema()[self.route.path][self.route.method]
        return st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        )

    def send(self, case: Case, sent: Sent, place: int) -> None:
        """Send the case so, and fail for an answer that the contract does not have."""
        good = self._good[place % len(self._good)]
        _replace(case, good, self.route, sent.good)
        scene = self._scenes[sent.world or good.world.__name__]
        answer = self._answer(case, scene, scene.headers(sent.caller))
        if answer.status_code < 300:
            assert not self.route.roles or any(sent.caller in ROLES[role] for role in self.route.roles)
            if self.route.method != "GET":
                scene.change()

    def send_without_token(self, case: Case) -> None:
        """Send the case as it is, and fail when anything of a route that asks for a token is answered."""
        scene = self._scenes["with_parts"]
        answer = self._answer(case, scene, {})
        if self.route.roles:
            assert answer.status_code in (401, *REFUSED_BEFORE_A_VIEW), answer.status_code

    def _answer(self, case: Case, scene: Scene, headers: Mapping[str, str]) -> Any:
        # A token that the case made up would be another caller's.
        case.headers.pop("Authorization", None)
        answer = case.call(ADDRESS, scene.session(), headers=dict(headers))
        self.statuses[answer.status_code] += 1
        is_declared = answer.status_code in self.route.statuses
        assert answer.status_code < 500 or is_declared, f"{case.as_curl_command()}: {answer.text}"
        path = answer.request.path_url
        if route_of(case.method, path) is self.route:
            case.validate_response(answer, checks=CHECKS)
            form = answer.headers.get("content-type", [""])[0]
            demand_documented(case.method, path, answer.status_code, {"Content-Type": form}, answer.content)
        return answer


@cache
def _schema() -> Any:
    return schemathesis.openapi.from_dict(openapi(ROUTES))


def _replace(case: Case, good: GoodCall, route: Route, parts: frozenset[str]) -> None:
    """Give the case these parts of a good call."""
    if "path" in parts:
        case.path_parameters = dict(zip(_names(route.path), _values(route.path, good.path), strict=True))
    if "query" in parts:
        case.query = {}
    if "headers" in parts:
        case.headers.clear()
    if "body" in parts and good.body is not None:
        case.body, case.media_type = good.body, "application/json"


def _names(template: str) -> list[str]:
    return [step[1:-1] for step in template.split("/") if step.startswith("{")]


def _values(template: str, path: str) -> list[str]:
    steps = zip(template.split("/"), path.split("/"), strict=True)
    return [said for name, said in steps if name.startswith("{")]
