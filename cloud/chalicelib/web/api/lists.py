"""The calls of `docs/api.md` that list: the sessions of a project, and those of one group."""

from chalice.app import Response

from chalicelib.core.listing import Wanted
from chalicelib.core.session import demand_group
from chalicelib.flows import listings
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import queries, responses


def get_sessions(ports: Ports, call: Call) -> Response:
    asked = queries.sessions(call.query)
    limit = listings.USUAL_ROWS if asked.limit is None else asked.limit
    page = listings.list_sessions(ports, call.principal, call.project, asked.wanted, asked.after, limit)
    return routing.answer(responses.session_page(page))


def get_group(ports: Ports, call: Call, group: str) -> Response:
    after, asked = queries.page(call.query)
    limit = listings.USUAL_ROWS if asked is None else asked
    wanted = Wanted(group=demand_group(group))
    page = listings.list_sessions(ports, call.principal, call.project, wanted, after, limit)
    return routing.answer({"group": group, **responses.session_page(page)})


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/sessions",
        get_sessions,
        "The sessions of the call's project that are asked for, the newest first",
        answer="SessionPage",
        query="SessionsQuery",
    ),
    Route(
        "GET",
        "/v1/groups/{group}",
        get_group,
        "The sessions of one group, from every camera, the newest first",
        answer="GroupPage",
        query="PageQuery",
    ),
)
