"""The call of `docs/api.md` about cameras: for everybody, within one project."""

from chalice.app import Blueprint, Response

from chalicelib.core import ids
from chalicelib.flows import cameras
from chalicelib.ports import Ports
from chalicelib.web import door, queries, shapes
from chalicelib.web.door import Call, DeviceSettings, Route


def cameras_api(ports: Ports, settings: DeviceSettings) -> Blueprint:
    """The route about cameras below `/v1`, on `ports`."""
    return door.blueprint(__name__, ROUTES, ports, settings)


def get_chapters(ports: Ports, call: Call, serial: str) -> Response:
    after = queries.cursor(call.query)
    known = cameras.known_sessions(ports, call.principal, call.project, ids.serial(serial), after)
    return door.answer(shapes.known_chapters(known, call.principal.device_id))


ROUTES: tuple[Route, ...] = (("GET", "/v1/cameras/{serial}/chapters", get_chapters),)
