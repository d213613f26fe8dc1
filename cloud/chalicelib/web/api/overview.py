"""The call of `docs/api.md` for what a person looks at first."""

from __future__ import annotations

from datetime import datetime
from weakref import WeakKeyDictionary

from chalice.app import Response

from chalicelib.core.tokens import Role
from chalicelib.ports import Orders, Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route

KEPT_S = 30
"""For how long a number of dead letters is told again: however many pages ask, the queue is asked seldom."""

_counted: WeakKeyDictionary[Orders, tuple[datetime, int | None]] = WeakKeyDictionary()


def get_overview(ports: Ports, call: Call) -> Response:
    # What this call alone needs is not imported at each cold start.
    from chalicelib.flows.overview import view_overview
    from chalicelib.web.wire import overview as wire

    found = view_overview(ports, call.principal, call.project)
    return routing.tagged_answer(
        wire.overview(found, _dead_letters(ports), ports.policy), without=("silent_s",)
    )


def _dead_letters(ports: Ports) -> int | None:
    from chalicelib.flows.overview import count_dead_letters

    now, known = ports.clock.now(), _counted.get(ports.orders)
    if known is None or not 0 <= (now - known[0]).total_seconds() < KEPT_S:
        known = _counted[ports.orders] = (now, count_dead_letters(ports))
    return known[1]


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
