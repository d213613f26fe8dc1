"""A good call of each route, and a world in which it succeeds for the one it is for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from chalicelib.core.ids import TokenId
from chalicelib.core.times import DAY_S
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.devices import Grant
from chalicelib.flows.enrolment import invite
from chalicelib.flows.shares import create_share
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts
from tests.support.memory import MemoryPush
from tests.web.contract import route_of
from tests.web.usual import (
    ARTIFACT_ID,
    CHAPTERS,
    CONFIRMED,
    ENROLLED,
    EVIDENCE,
    FAILURE,
    FILMS,
    HOLD,
    OPENED,
    OPENED_FILM,
    OPENED_OUTPUT,
    ORDER,
    PART_URLS,
    PROGRESS,
    PROOF_URLS,
    RESTORE,
    ROTATED,
    SECOND_FILM_ID,
    SESSION,
    SHARED,
    UPLOAD,
    from_a_browser,
    making,
    stored,
    with_parts,
)


@dataclass(frozen=True)
class GoodCall:
    """A call that succeeds in its world for the callers that it is for."""

    method: str
    path: str
    body: Any = None
    world: Callable[[], MemoryPorts] = with_parts

    @property
    def said(self) -> tuple[str, str, Any]:
        return self.method, self.path, self.body


def measured() -> MemoryPorts:
    return story.processed([story.LIGHTS])


def invited() -> MemoryPorts:
    ports = with_parts()
    invite(ports, Grant(Role.DEVICE, "main", "jetson-south", None, None), 60)
    return ports


def pushing() -> MemoryPorts:
    return replace(with_parts(), push=MemoryPush())


def shared() -> MemoryPorts:
    """A session with one link."""
    ports = with_parts()
    operator = Principal(Role.OPERATOR, "main", None, TokenId("t_maker"))
    create_share(ports, operator, SESSION_ID, "the coach", 3_600, DAY_S)
    return ports


SHARE_ID = "s_0000000000000000000002"
"""The first link that `FixedIds` makes."""

CALLS: dict[str, GoodCall] = {
    "put session": GoodCall("PUT", SESSION, CONFIRMED),
    "upload pass": GoodCall("POST", f"{SESSION}/upload-passes", {}),
    "get session": GoodCall("GET", SESSION),
    "open upload": GoodCall("POST", f"{SESSION}/uploads", OPENED),
    "progress": GoodCall("POST", f"{SESSION}/progress", PROGRESS),
    "part urls": GoodCall("POST", f"{UPLOAD}/part-urls", PART_URLS),
    "get upload": GoodCall("GET", UPLOAD),
    "complete": GoodCall("POST", f"{UPLOAD}/complete", {}),
    "cancel": GoodCall("DELETE", UPLOAD),
    "order": GoodCall("POST", f"{SESSION}/order", ORDER),
    "failure": GoodCall("POST", f"{SESSION}/failure", FAILURE),
    "hold": GoodCall("POST", f"{SESSION}/hold", HOLD),
    "artifacts": GoodCall("GET", f"{SESSION}/artifacts"),
    "artifact url": GoodCall("GET", f"{SESSION}/artifacts/{ARTIFACT_ID}/url", world=stored),
    "restore": GoodCall("POST", f"{SESSION}/restore", RESTORE, story.cleaned),
    "frames": GoodCall("GET", f"{SESSION}/frames", world=measured),
    "summary": GoodCall("GET", f"{SESSION}/frames/summary", world=measured),
    "frames url": GoodCall("GET", f"{SESSION}/frames/url", world=measured),
    "report": GoodCall("GET", f"{SESSION}/frames/report", world=measured),
    "open output": GoodCall("POST", f"{SESSION}/uploads", OPENED_OUTPUT, making),
    "output urls": GoodCall("POST", f"{UPLOAD}/part-urls", PART_URLS, making),
    "complete output": GoodCall("POST", f"{UPLOAD}/complete", {}, making),
    "cancel output": GoodCall("DELETE", UPLOAD, world=making),
    "put films": GoodCall("PUT", SESSION, FILMS, from_a_browser),
    "open film": GoodCall("POST", f"{SESSION}/uploads", OPENED_FILM, from_a_browser),
    "film urls": GoodCall("POST", f"{UPLOAD}/part-urls", PART_URLS, from_a_browser),
    "complete film": GoodCall("POST", f"{UPLOAD}/complete", {}, from_a_browser),
    "cancel film": GoodCall("DELETE", UPLOAD, world=from_a_browser),
    "withdraw film": GoodCall("DELETE", f"{SESSION}/chapters/{SECOND_FILM_ID}", world=from_a_browser),
    "known chapters": GoodCall("GET", CHAPTERS),
    "proof urls": GoodCall("POST", f"{SESSION}/artifacts/{ARTIFACT_ID}/proof-urls", PROOF_URLS, stored),
    "evidence": GoodCall("POST", f"{SESSION}/artifacts/{ARTIFACT_ID}/evidence", EVIDENCE, stored),
    "sessions": GoodCall("GET", "/v1/sessions"),
    "group": GoodCall("GET", "/v1/groups/match-17"),
    "overview": GoodCall("GET", "/v1/overview"),
    "statistics": GoodCall("GET", "/v1/statistics"),
    "enrol": GoodCall("POST", "/v1/enrolments", ENROLLED, invited),
    "rotate": GoodCall("POST", "/v1/token/rotate", ROTATED),
    "log in": GoodCall("POST", "/v1/login", {}),
    "get login": GoodCall("GET", "/v1/login"),
    "log out": GoodCall("DELETE", "/v1/login"),
    "push ticket": GoodCall("POST", "/v1/push-tickets", {}, pushing),
    "share": GoodCall("POST", f"{SESSION}/shares", SHARED),
    "shares": GoodCall("GET", f"{SESSION}/shares", world=shared),
    "revoke share": GoodCall("DELETE", f"{SESSION}/shares/{SHARE_ID}", world=shared),
    "health": GoodCall("GET", "/v1/health"),
    "health detail": GoodCall("GET", "/v1/health/detail"),
    "devices": GoodCall("GET", "/v1/devices"),
    "limits": GoodCall("GET", "/v1/limits"),
    "audit": GoodCall("GET", f"{SESSION}/audit"),
    "openapi": GoodCall("GET", "/v1/openapi.json"),
    "docs": GoodCall("GET", "/v1/docs"),
}

WITH_TOKEN = [
    name for name, call in CALLS.items() if (route := route_of(call.method, call.path)) and route.roles
]
"""The calls that ask for a token."""
