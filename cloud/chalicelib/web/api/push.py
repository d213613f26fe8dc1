"""The call of `docs/api.md` that opens a page's WebSocket."""

from chalice.app import Response

from chalicelib.core.errors import NotFound
from chalicelib.core.push import Listener
from chalicelib.core.tokens import Role
from chalicelib.flows.push import make_ticket
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import parsing, requests, responses

LISTENERS = (Role.OPERATOR, Role.VIEWER, Role.SHARE)


def post_push_ticket(ports: Ports, call: Call) -> Response:
    call.principal.demand(*LISTENERS)
    parsing.decoded(call.body or b"{}", requests.TicketAsked)
    address, ticket = make_ticket(ports, Listener(call.project, call.principal.only_session))
    return routing.answer(responses.push_ticket(address, ticket), 201)


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/push-tickets",
        post_push_ticket,
        "Gives a WebSocket's address, good once and for half a minute, that says which sessions change",
        answer="PushTicket",
        roles=LISTENERS,
        body=requests.TicketAsked,
        statuses=(201,),
        problems=(NotFound,),
    ),
)
