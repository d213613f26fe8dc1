"""The calls of `docs/api.md` about what becomes of a stored session: for operators, processors and devices."""

from chalice.app import Blueprint, Response

from chalicelib.core.ids import ArtifactId
from chalicelib.flows import artifacts, ordering
from chalicelib.ports import Ports
from chalicelib.web import bodies, door, parsing, shapes
from chalicelib.web.door import Call, DeviceSettings, Route


def processing_api(ports: Ports, settings: DeviceSettings) -> Blueprint:
    """The routes about orders and artifacts below `/v1`, on `ports`."""
    return door.blueprint(__name__, ROUTES, ports, settings)


def post_order(ports: Ports, call: Call, session_id: str) -> Response:
    wish = parsing.decoded(call.body, bodies.OrderGiven).wish()
    return door.session_answer(ordering.order(ports, call.principal, call.session(session_id), wish))


def post_failure(ports: Ports, call: Call, session_id: str) -> Response:
    given = parsing.decoded(call.body, bodies.FailureGiven)
    named = call.session(session_id)
    return door.session_answer(ordering.fail(ports, call.principal, named, given.reason, given.order))


def post_hold(ports: Ports, call: Call, session_id: str) -> Response:
    reason = parsing.decoded(call.body, bodies.HoldGiven).why()
    return door.session_answer(ordering.hold(ports, call.principal, call.session(session_id), reason))


def post_restore(ports: Ports, call: Call, session_id: str) -> Response:
    given = parsing.decoded(call.body, bodies.RestoreGiven)
    named = call.session(session_id)
    return door.session_answer(ordering.restore(ports, call.principal, named, given.wanted(), given.reason))


def get_artifacts(ports: Ports, call: Call, session_id: str) -> Response:
    return door.answer(shapes.artifacts(artifacts.artifacts(ports, call.principal, call.session(session_id))))


def get_artifact_url(ports: Ports, call: Call, session_id: str, artifact_id: str) -> Response:
    receipt, read = artifacts.artifact_url(
        ports, call.principal, call.session(session_id), ArtifactId(artifact_id)
    )
    return door.answer(shapes.artifact_url(receipt, read, ports.clock.now()))


ROUTES: tuple[Route, ...] = (
    ("POST", "/v1/sessions/{session_id}/order", post_order),
    ("POST", "/v1/sessions/{session_id}/failure", post_failure),
    ("POST", "/v1/sessions/{session_id}/hold", post_hold),
    ("POST", "/v1/sessions/{session_id}/restore", post_restore),
    ("GET", "/v1/sessions/{session_id}/artifacts", get_artifacts),
    ("GET", "/v1/sessions/{session_id}/artifacts/{artifact_id}/url", get_artifact_url),
)
