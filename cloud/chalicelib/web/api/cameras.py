"""The call of `docs/api.md` about cameras: for everybody, within one project."""

from chalice.app import Response

from chalicelib.core import ids
from chalicelib.flows import cameras
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import queries, responses


def get_chapters(ports: Ports, call: Call, serial: str) -> Response:
    after = queries.cursor(call.query)
    known = cameras.list_known_sessions(ports, call.principal, call.project, ids.serial(serial), after)
    return routing.answer(responses.known_chapters(known, call.principal.device_id))


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/cameras/{serial}/chapters",
        get_chapters,
        "Every chapter of every session of one camera, within the call's project",
        answer="KnownChapters",
        roles=routing.INSIDERS,
        query="CursorQuery",
    ),
)
