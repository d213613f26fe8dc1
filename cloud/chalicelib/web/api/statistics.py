"""The call of `docs/api.md` about what a project's sessions add up to; for operators and processors."""

from chalice.app import Response

from chalicelib.core.tokens import Role
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import queries


def get_statistics(ports: Ports, call: Call) -> Response:
    # A rare call: what it alone needs is not imported at each cold start.
    from chalicelib.flows import statistics
    from chalicelib.web.wire import sums

    device_id, first_day, last_day = queries.statistics(call.query)
    asked = statistics.Asked(device_id, first_day, last_day)
    found = statistics.view_statistics(ports, call.principal, call.project, asked)
    return routing.answer(sums.statistics(found, ports.policy))


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/statistics",
        get_statistics,
        "What the sessions of the call's project add up to, and what of them waits",
        answer="Statistics",
        roles=(Role.OPERATOR, Role.PROCESSOR, Role.VIEWER),
        query="StatisticsQuery",
    ),
)
