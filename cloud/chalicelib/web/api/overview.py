"""The call of `docs/api.md` for what a person looks at first."""

from __future__ import annotations

from datetime import datetime
from weakref import WeakKeyDictionary

from chalice.app import Response
from msgspec import Struct

from chalicelib.core.rounds import LastRound
from chalicelib.core.tokens import Role
from chalicelib.ports import Orders, Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route

KEPT_S = 30
"""For how long what is of the whole deployment is told again: however many pages ask, it is asked for seldom."""


class Service(Struct, frozen=True):
    """What was known at `at` of the deployment: its dead letters, and the reconciler's last round."""

    at: datetime
    dead_letters: int | None
    last_round: LastRound | None


_known: WeakKeyDictionary[Orders, Service] = WeakKeyDictionary()


def get_overview(ports: Ports, call: Call) -> Response:
    # What this call alone needs is not imported at each cold start.
    from chalicelib.flows.overview import view_overview
    from chalicelib.web.wire import overview as wire

    service = _look(ports)
    found = view_overview(ports, call.principal, call.project, service.last_round)
    document = wire.overview(found, service.dead_letters, ports.policy)
    return routing.tagged_answer(document, without=("silent_s",))


def _look(ports: Ports) -> Service:
    from chalicelib.flows.overview import count_dead_letters

    now, known = ports.clock.now(), _known.get(ports.orders)
    if known is None or not 0 <= (now - known.at).total_seconds() < KEPT_S:
        known = Service(now, count_dead_letters(ports), ports.records.last_round())
        _known[ports.orders] = known
    return known


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/overview",
        get_overview,
        "What needs a person, the devices, the newest sessions, and what all sessions add up to",
        answer="Overview",
        roles=(Role.OPERATOR, Role.VIEWER),
    ),
)
