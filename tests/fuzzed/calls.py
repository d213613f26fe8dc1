"""Calls that schemathesis makes up from the contract, sent in this process, in many worlds, by many callers."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
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

from chalicelib.core.tokens import Role
from chalicelib.flows.reconcile import reconcile
from chalicelib.web.contract.document import openapi
from chalicelib.web.routing import Route, ShownBy
from tests.support import story
from tests.support.builders import MemoryPorts, memory_ports
from tests.support.memory import START
from tests.web.calls import CALLS, GoodCall
from tests.web.client import Caller, app_over
from tests.web.contract import ROUTES, demand_documented, route_of
from tests.web.in_process import InProcess
from tests.web.principals import LOGGED_IN, ROLES, headers_of
from tests.web.test_auth import MATRIX
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


class Mix(Enum):
    """What of a made-up call is sent, and what is a good call's."""

    ALL = "all is made up"
    BODY_AND_QUERY = "body and query are made up"
    ONE_MEMBER = "one member of the body, or one parameter of the query, is made up"
    HEADERS = "headers are made up"
    NOTHING = "a good call, in some world and by somebody"


@dataclass(frozen=True)
class Sent:
    """How a made-up call is sent: in which world, by whom, and mixed with a good call; `place` says which member."""

    world: str
    caller: str
    mix: Mix
    place: int


OWN_CALLERS = {Role.DEVICE: "own", Role.PROCESSOR: "prc", Role.OPERATOR: "opr", Role.VIEWER: "vwr"}


class Fuzz:
    """The calls of one route, and how many of them ended how."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.statuses: Counter[int] = Counter()
        self._good = {name: call for name, call in CALLS.items() if route_of(call.method, call.path) is route}
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

    def sent(self) -> st.SearchStrategy[Sent]:
        """How to send a call: most where the good call succeeds, by somebody whom it is for."""
        anybody = [caller for kind in (ROLES, LOGGED_IN) for callers in kind.values() for caller in callers]
        by_token = (
            []
            if self.route.shown_by is ShownBy.COOKIE
            else [OWN_CALLERS[role] for role in self.route.roles if role in OWN_CALLERS]
        )
        by_cookie = [caller for role in self.route.roles for caller in LOGGED_IN.get(role, ())]
        meant = by_token + by_cookie or anybody
        return st.builds(
            Sent,
            st.just("") | st.just("") | st.sampled_from(list(WORLDS)),
            st.sampled_from(meant) | st.sampled_from(meant) | st.sampled_from(anybody),
            st.sampled_from(Mix),
            st.integers(0, 99),
        )

    def send(self, made_up: Case, sent: Sent) -> None:
        """Send the case so, and fail for an answer that the contract does not have."""
        good = self._good_call_of(sent)
        case = made_up.operation.Case(
            path_parameters=dict(made_up.path_parameters or {}),
            headers=dict(made_up.headers or {}),
            query=dict(made_up.query or {}),
            body=made_up.body,
            media_type=made_up.media_type,
        )
        _mix(case, good, self.route, sent)
        scene = self._scenes[sent.world or good.world.__name__]
        answer = self._answer(case, scene, scene.headers(sent.caller))
        if answer.status_code < 300:
            assert not self.route.roles or any(
                sent.caller in (*ROLES[role], *LOGGED_IN.get(role, ())) for role in self.route.roles
            )
            if self.route.method != "GET":
                scene.change()

    def _good_call_of(self, sent: Sent) -> GoodCall:
        """One that succeeds for this caller, if there is one."""
        good = [call for name, call in self._good.items() if MATRIX[name][sent.caller] < 300]
        found = good or list(self._good.values())
        return found[sent.place % len(found)]

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


def _mix(case: Case, good: GoodCall, route: Route, sent: Sent) -> None:
    """Give the case the parts of a good call that its mix asks for."""
    if sent.mix is Mix.ALL:
        return
    case.path_parameters = dict(zip(_names(route.path), _values(route.path, good.path), strict=True))
    if sent.mix is not Mix.HEADERS:
        case.headers.clear()
    if sent.mix in (Mix.HEADERS, Mix.NOTHING):
        case.query = {}
        _give_body(case, good.body)
    if sent.mix is Mix.ONE_MEMBER:
        case.query = _one_of(case.query, sent.place)
        if isinstance(good.body, dict) and isinstance(case.body, dict):
            _give_body(case, {**good.body, **_one_of(case.body, sent.place)})


def _one_of(members: Mapping[str, Any] | None, place: int) -> dict[str, Any]:
    """One of the members; none where there is none."""
    names = list(members or {})
    return {name: (members or {})[name] for name in names[place % len(names) :][:1]} if names else {}


def _give_body(case: Case, body: Any) -> None:
    if body is not None:
        case.body, case.media_type = body, "application/json"


def _names(template: str) -> list[str]:
    return [step[1:-1] for step in template.split("/") if step.startswith("{")]


def _values(template: str, path: str) -> list[str]:
    steps = zip(template.split("/"), path.split("/"), strict=True)
    return [said for name, said in steps if name.startswith("{")]
