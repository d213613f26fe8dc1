"""The calls of `docs/api.md` about frames: for everybody who may see the session."""

import json

from chalice.app import Blueprint, Response

from chalicelib.flows import frames
from chalicelib.ports import Ports
from chalicelib.web import door, queries, shapes
from chalicelib.web.door import Call, DeviceSettings, Route


def measurements_api(ports: Ports, settings: DeviceSettings) -> Blueprint:
    """The routes about frames below `/v1`, on `ports`."""
    return door.blueprint(__name__, ROUTES, ports, settings)


def get_frames(ports: Ports, call: Call, session_id: str) -> Response:
    artifact_id, wanted = queries.frames(call.query)
    found = frames.frames(ports, call.principal, call.session(session_id), artifact_id, wanted)
    return door.answer(shapes.frames(*found))


def get_summary(ports: Ports, call: Call, session_id: str) -> Response:
    artifact_id = queries.measurements(call.query)
    found = frames.summary(ports, call.principal, call.session(session_id), artifact_id)
    return door.answer(json.loads(found))


ROUTES: tuple[Route, ...] = (
    ("GET", "/v1/sessions/{session_id}/frames", get_frames),
    ("GET", "/v1/sessions/{session_id}/frames/summary", get_summary),
)
