"""The calls of `docs/api.md` about health: one for monitors, which need no token, and one for operators."""

from __future__ import annotations

from threading import Lock, Thread
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from chalice.app import Response

from chalicelib.core.tokens import Role
from chalicelib.ports import Ports, Records
from chalicelib.web import routing
from chalicelib.web.routing import WITHOUT_TOKEN, Call, PublicCall, Route

if TYPE_CHECKING:
    from chalicelib.flows.health import Health

KEPT_S = 10
"""For how long an answer is given again: however often monitors ask, table and bucket are asked seldom."""

MOST_S = 5.0
"""How long table and bucket may take to answer; the API's own clients would wait for a minute."""

NOT_KEPT = {"Cache-Control": "no-store"}


class Watch:
    """The health of one deployment, looked at when somebody asks; one look at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: Health | None = None
        self._looking: Thread | None = None

    def health(self, ports: Ports, most_s: float = MOST_S) -> Health:
        """The health, at most KEPT_S old; unknown when it is not known after `most_s` seconds."""
        with self._lock:
            now, known = ports.clock.now(), self._known
            if known and 0 <= (now - known.at).total_seconds() < KEPT_S:
                return known
            self._known = self._look(ports, most_s)
            return self._known

    def _look(self, ports: Ports, most_s: float) -> Health:
        from chalicelib.flows.health import look_at_health, unknown_health

        found: list[Health] = []
        # A look that hangs must not gather others behind it.
        if self._looking is None or not self._looking.is_alive():
            self._looking = Thread(target=lambda: found.append(look_at_health(ports)), daemon=True)
            self._looking.start()
            self._looking.join(most_s)
        return found[0] if found else unknown_health(ports.clock.now())


_watches: WeakKeyDictionary[Records, Watch] = WeakKeyDictionary()


def watch_of(ports: Ports) -> Watch:
    """The one watch of a deployment in this process."""
    return _watches.setdefault(ports.records, Watch())


def get_health(ports: Ports, _call: PublicCall) -> Response:
    from chalicelib.web.wire import health as wire

    health = watch_of(ports).health(ports)
    return routing.answer(wire.health(health), 200 if health.is_well else 503, NOT_KEPT)


def get_health_detail(ports: Ports, call: Call) -> Response:
    from chalicelib.flows.health import view_details
    from chalicelib.web.wire import health as wire

    call.principal.demand(Role.OPERATOR, Role.VIEWER)
    details = view_details(ports, call.principal, watch_of(ports).health(ports))
    status = 200 if details.health.is_well else 503
    return routing.answer(wire.health_details(details), status, NOT_KEPT)


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/health",
        get_health,
        "Whether the coordinator works, for monitors",
        answer="Health",
        roles=WITHOUT_TOKEN,
        statuses=(200, 503),
    ),
    Route(
        "GET",
        "/v1/health/detail",
        get_health_detail,
        "What works, what waits and since when",
        answer="HealthDetails",
        roles=(Role.OPERATOR, Role.VIEWER),
        statuses=(200, 503),
    ),
)
