"""The calls of `docs/api.md` that list: sessions of a project or a group, and devices."""

from chalice.app import Response

from chalicelib.core.listing import Wanted
from chalicelib.core.session import demand_group
from chalicelib.core.tokens import Role
from chalicelib.flows import listings
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import queries, responses


def get_sessions(ports: Ports, call: Call) -> Response:
    asked = queries.sessions(call.query)
    limit = listings.USUAL_ROWS if asked.limit is None else asked.limit
    page = listings.list_sessions(ports, call.principal, call.project, asked.wanted, asked.after, limit)
    return routing.tagged_answer(responses.session_page(page))


def get_group(ports: Ports, call: Call, group: str) -> Response:
    after, asked = queries.page(call.query)
    limit = listings.USUAL_ROWS if asked is None else asked
    wanted = Wanted(group=demand_group(group))
    page = listings.list_sessions(ports, call.principal, call.project, wanted, after, limit)
    return routing.tagged_answer({"group": group, **responses.session_page(page)})


def get_devices(ports: Ports, call: Call) -> Response:
    after, asked = queries.devices(call.query)
    limit = listings.USUAL_ROWS if asked is None else asked
    page = listings.list_devices(ports, call.principal, call.project, after, limit)
    return routing.tagged_answer(responses.device_page(page), without=("silent_s",))


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/sessions",
        get_sessions,
        "The sessions of the call's project that are asked for, the newest first",
        answer="SessionPage",
        roles=routing.INSIDERS,
        query="SessionsQuery",
    ),
    Route(
        "GET",
        "/v1/groups/{group}",
        get_group,
        "The sessions of one group, from every camera, the newest first",
        answer="GroupPage",
        roles=routing.INSIDERS,
        query="PageQuery",
    ),
    Route(
        "GET",
        "/v1/devices",
        get_devices,
        "The devices of the call's project and what was heard of each last, the newest first",
        answer="DevicePage",
        roles=(Role.OPERATOR, Role.VIEWER),
        query="PageQuery",
    ),
)
