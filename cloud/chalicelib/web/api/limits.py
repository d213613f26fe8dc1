"""The call of `docs/api.md` about limits: what may be sent here, how much, and what of that is used."""

from chalice.app import Response

from chalicelib.flows import limits
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import responses


def get_limits(ports: Ports, call: Call) -> Response:
    used = limits.tell(ports, call.principal, call.project)
    return routing.answer(responses.limits(ports.limits, ports.policy.part_size_bytes, used))


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/limits",
        get_limits,
        "What may be sent here, how much of it, and what of that this caller has used",
        answer="Limits",
        roles=routing.INSIDERS,
    ),
)
