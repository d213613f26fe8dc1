"""The one way from a route to its view, for every blueprint; and what a route says of itself in the contract."""

import functools
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

from chalice.app import Blueprint, Request, Response
from msgspec import Struct

from chalicelib.core import answers, ids
from chalicelib.core.errors import NotAuthenticated, ReelhaulError
from chalicelib.core.ids import SessionId
from chalicelib.core.order import Wish
from chalicelib.core.page_sessions import PageRules
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Policy
from chalicelib.core.tokens import ONLY_LOOKING, Principal, Role
from chalicelib.flows.acting import acting_ports, identify
from chalicelib.flows.push import telling
from chalicelib.ports import Ports
from chalicelib.web import auth, cross_origin
from chalicelib.web.meter import CallMeter
from chalicelib.web.numbered import numbered
from chalicelib.web.wire import parsing, responses
from chalicelib.web.wire.problems import answered


class DeviceSettings(Protocol):
    """What a deployment decides about devices, the sessions that they open, and the page; Settings have it."""

    @property
    def minimum_client_version(self) -> str: ...

    @property
    def pause(self) -> bool: ...

    @property
    def pace_bytes_s(self) -> int | None: ...

    @property
    def default_wish(self) -> Wish | None: ...

    @property
    def browser_origins(self) -> tuple[str, ...]: ...

    @property
    def page(self) -> PageRules: ...


class Call(Struct, frozen=True):
    """One call, once it is known who makes it, and about which project."""

    settings: DeviceSettings
    principal: Principal
    project: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str]
    own_url: str = ""
    """The address at which the caller reached this API, without a slash at its end."""

    def session(self, name: str) -> SessionId:
        """The session that the call's project calls `name`. Raises InvalidRequest."""
        return ids.session_id(self.project, name)


class PublicCall(Struct, frozen=True):
    """One call of a route that asks for no token."""

    settings: DeviceSettings
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str]
    own_url: str = ""
    """The address at which the caller reached this API, without a slash at its end."""


View = Callable[..., Response]
"""Takes the ports, the call and the path's parameters by name; a view of a route without a token takes a PublicCall."""

EVERYBODY = tuple(Role)
INSIDERS = (Role.DEVICE, Role.PROCESSOR, Role.OPERATOR, Role.VIEWER)
"""Everybody but those who have a link to one session."""
AT_WORK = (Role.DEVICE, Role.PROCESSOR, Role.OPERATOR)
"""Everybody who changes something."""
READERS = (Role.PROCESSOR, Role.OPERATOR, Role.VIEWER, Role.SHARE)
"""Who may read footage and what was made of it; a device only where DEVICES_MAY_READ says so."""
WITHOUT_TOKEN: tuple[Role, ...] = ()
"""The `roles` of a route that asks for no token: what it answers is public."""


NO_BODY = "no body"
"""The `answer` of a route that answers nothing but a status."""


class ShownBy(Enum):
    """How callers of a route show who they are: by their token, by the cookie of a page session, or by either."""

    EITHER = "either"
    TOKEN = "token"  # nosec B105 # the name of a way, no secret
    COOKIE = "cookie"


class Route(Struct, frozen=True):
    """A call, declared once: the door and the contract are both made from it.

    `answer` names types of `web/contract/answers`, with `|` between several, and `query` one of `web/contract/queries`.
    No call imports them: the contract looks them up when it is asked for. `answer` may also be a media type, of a body
    that is not JSON; `forms` are media types that `Accept` can ask for in place of JSON. `problems` are those that
    this call has beyond what every call has.
    """

    method: str
    path: str
    view: View
    summary: str
    answer: str
    roles: tuple[Role, ...] = AT_WORK
    body: type[Struct] | None = None
    query: str | None = None
    statuses: tuple[int, ...] = (200,)
    forms: tuple[str, ...] = ()
    problems: tuple[type[ReelhaulError], ...] = ()
    shown_by: ShownBy = ShownBy.EITHER
    is_for_other_origins: bool = False
    """Whether pages of the deployment's BROWSER_ORIGINS may call it from a browser."""


_TAKES_A_BODY = ("PUT", "POST")


def blueprint(
    name: str, routes: Sequence[Route], ports: Ports, settings: DeviceSettings, meter: CallMeter
) -> Blueprint:
    """The module `name` with a door for each of its `routes`, on `ports`; `meter` counts the calls of all modules."""
    made = Blueprint(name)
    for route in routes:
        # A call without a body may name any Content-Type: Chalice would answer it with 415 otherwise.
        content_types = ["application/json" if route.method in _TAKES_A_BODY else "*/*"]
        view = _unless_known(route.view) if route.method == "GET" else route.view
        is_public = not route.roles
        door = (
            _open_door(view, made, ports, settings)
            if is_public
            else _door(route, view, made, ports, settings, meter)
        )
        call = numbered(door, f"{route.method} {route.path}", made)
        if route.is_for_other_origins:
            call = cross_origin.tell(call, made, settings.browser_origins)
        made.route(route.path, methods=[route.method], content_types=content_types)(call)
    cross_origin.add_preflights(made, routes, settings.browser_origins)
    return made


def answer(
    document: Mapping[str, Any] | Sequence[Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`document` as JSON. Raises TooLarge for a longer answer than Lambda allows."""
    body = answers.written(document)
    answers.demand_sendable(body)
    return Response(body, {"Content-Type": "application/json", **(headers or {})}, status)


def tagged_answer(document: Mapping[str, Any], without: Sequence[str] = ()) -> Response:
    """`document` with an ETag of all that it says, but for members named in `without`: those that only count time."""
    said = json.dumps(_without(document, frozenset(without)), sort_keys=True)
    return answer(document, headers={"ETag": f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'})


def _without(said: Any, names: frozenset[str]) -> Any:
    if isinstance(said, Mapping):
        return {name: _without(each, names) for name, each in said.items() if name not in names}
    return [_without(each, names) for each in said] if isinstance(said, list) else said


def session_answer(ports: Ports, picture: Picture, status: int = 200) -> Response:
    """The session as every call about it answers it."""
    document = responses.session(picture, ports.policy, ports.clock.now())
    return answer(document, status, {"ETag": etag(picture, ports.policy, document["gates"])})


def etag(picture: Picture, policy: Policy, gates: Mapping[str, Any] | None) -> str:
    """Changes with the version, with each heartbeat, which is outside it, and with the policy and gates it tells."""
    heard = f".{picture.progress.heard_at.timestamp():.6f}" if picture.progress else ""
    without = "" if policy.takes_proxies else ".p"
    # A grace ends, and a deployment demands more, without a write of the session.
    waits = f".{zlib.crc32(repr(gates).encode()):08x}" if gates else ""
    return f'"{picture.session.version}{heard}{without}{waits}"'


def _unless_known(view: View) -> View:
    """`view`, whose answer shrinks to 304 where If-None-Match says that the caller has it (RFC 9110, 13.1.2)."""

    @functools.wraps(view)
    def known_or_sent(ports: Ports, call: Call | PublicCall, **parameters: str) -> Response:
        response = view(ports, call, **parameters)
        tag = response.headers.get("ETag")
        known = _known_etags(call)
        if "*" not in known and (tag is None or tag not in known):
            return response
        return Response("", {"ETag": tag} if tag else {}, 304)

    return known_or_sent


def _known_etags(call: Call | PublicCall) -> list[str]:
    """The tags of If-None-Match; a gateway that compresses may have made them weak."""
    header = call.headers.get("If-None-Match") or ""
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


def _door(
    route: Route, view: View, made: Blueprint, ports: Ports, settings: DeviceSettings, meter: CallMeter
) -> View:
    """`view` with every error told as a problem, the caller known, the body at hand."""

    @answered
    @functools.wraps(view)
    def door(**parameters: str) -> Response:
        request = made.current_request
        headers: Mapping[str, str] = request.headers
        if route.shown_by is ShownBy.TOKEN:
            principal = auth.token_holder(ports, headers, settings)
        else:
            principal = auth.caller(ports, route.method, headers, settings)
        identify(principal)
        project = auth.project(principal, headers)
        meter.count(ports, principal, project)
        _demand_named(route, principal)
        call = Call(
            settings,
            principal,
            project,
            headers,
            parsing.raw_body(request),
            request.query_params or {},
            own_url(request),
        )
        with telling(acting_ports(ports)) as its_ports:
            return view(its_ports, call, **parameters)

    return door


def own_url(request: Request) -> str:
    """The address at which a caller reached this API: what comes before the route's own path."""
    template, path = request.path or "/", request.context.get("path") or "/"
    depth = template.rstrip("/").count("/")
    before = path.rstrip("/").split("/")[: -depth or None]
    host = request.headers.get("Host") or ""
    scheme = "http" if auth.is_loopback(host) else "https"
    return f"{scheme}://{host}{'/'.join(before)}"


def _demand_named(route: Route, principal: Principal) -> None:
    """Raises NotPermitted for a role that only looks and that the route does not name, whatever its view would say.

    Of a route about the page session itself, NotPermitted for every role without one, and NotAuthenticated.
    """
    if principal.role in ONLY_LOOKING or route.shown_by is ShownBy.COOKIE:
        principal.demand(*route.roles)
    if route.shown_by is ShownBy.COOKIE and principal.page_session is None:
        raise NotAuthenticated("this call is about the page session of a cookie, and none was sent; log in")


def _open_door(view: View, made: Blueprint, ports: Ports, settings: DeviceSettings) -> View:
    """`view`, for anybody: every error told as a problem, no token asked for and none read."""

    @answered
    @functools.wraps(view)
    def door(**parameters: str) -> Response:
        request = made.current_request
        body = parsing.raw_body(request)
        call = PublicCall(settings, request.headers, body, request.query_params or {}, own_url(request))
        return view(acting_ports(ports), call, **parameters)

    return door
