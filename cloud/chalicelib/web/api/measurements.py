"""The calls of `docs/api.md` about frames: for everybody who may see the session."""

import json

from chalice.app import Response

from chalicelib.flows import frames
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import queries, responses


def get_frames(ports: Ports, call: Call, session_id: str) -> Response:
    artifact_id, wanted = queries.frames(call.query)
    found = frames.view_frames(ports, call.principal, call.session(session_id), artifact_id, wanted)
    return routing.answer(responses.frames(*found))


def get_summary(ports: Ports, call: Call, session_id: str) -> Response:
    artifact_id = queries.measurements(call.query)
    found = frames.view_summary(ports, call.principal, call.session(session_id), artifact_id)
    return routing.answer(json.loads(found))


ROUTES: tuple[Route, ...] = (
    ("GET", "/v1/sessions/{session_id}/frames", get_frames),
    ("GET", "/v1/sessions/{session_id}/frames/summary", get_summary),
)
