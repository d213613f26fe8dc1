"""The calls of `docs/api.md` about what becomes of a stored session: for operators, processors and devices."""

from chalice.app import Response

from chalicelib.core.errors import KeyUsed, StateConflict
from chalicelib.core.ids import ArtifactId
from chalicelib.core.tokens import Role
from chalicelib.flows import artifacts, operations
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import parsing, requests, responses


def post_order(ports: Ports, call: Call, session_id: str) -> Response:
    wish = parsing.decoded(call.body, requests.OrderGiven).wish()
    key = parsing.idempotency_key(call.headers)
    return routing.session_answer(
        ports, operations.order(ports, call.principal, call.session(session_id), wish, key)
    )


def post_failure(ports: Ports, call: Call, session_id: str) -> Response:
    given = parsing.decoded(call.body, requests.FailureGiven)
    named = call.session(session_id)
    return routing.session_answer(
        ports, operations.fail(ports, call.principal, named, given.reason, given.order)
    )


def post_hold(ports: Ports, call: Call, session_id: str) -> Response:
    reason = parsing.decoded(call.body, requests.HoldGiven).why()
    return routing.session_answer(
        ports, operations.hold(ports, call.principal, call.session(session_id), reason)
    )


def post_restore(ports: Ports, call: Call, session_id: str) -> Response:
    given = parsing.decoded(call.body, requests.RestoreGiven)
    named = call.session(session_id)
    return routing.session_answer(
        ports, operations.restore(ports, call.principal, named, given.wanted(), given.reason)
    )


def get_artifacts(ports: Ports, call: Call, session_id: str) -> Response:
    return routing.answer(
        responses.artifacts(artifacts.list_artifacts(ports, call.principal, call.session(session_id)))
    )


def get_artifact_url(ports: Ports, call: Call, session_id: str, artifact_id: str) -> Response:
    receipt, read = artifacts.sign_artifact(
        ports, call.principal, call.session(session_id), ArtifactId(artifact_id)
    )
    return routing.answer(responses.artifact_url(receipt, read, ports.clock.now()))


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/sessions/{session_id}/order",
        post_order,
        "States what the session must end with, and the parameters for its processor",
        answer="Session",
        roles=(Role.DEVICE, Role.OPERATOR),
        body=requests.OrderGiven,
        problems=(StateConflict, KeyUsed),
    ),
    Route(
        "POST",
        "/v1/sessions/{session_id}/failure",
        post_failure,
        "Says why the order cannot be fulfilled: the session is FAILED until it is ordered again",
        answer="Session",
        roles=(Role.PROCESSOR, Role.OPERATOR),
        body=requests.FailureGiven,
        problems=(StateConflict,),
    ),
    Route(
        "POST",
        "/v1/sessions/{session_id}/hold",
        post_hold,
        "Holds a session, or releases it",
        answer="Session",
        roles=(Role.OPERATOR,),
        body=requests.HoldGiven,
        problems=(StateConflict,),
    ),
    Route(
        "POST",
        "/v1/sessions/{session_id}/restore",
        post_restore,
        "Has what was cleaned brought back, and holds the session",
        answer="Session",
        roles=(Role.OPERATOR,),
        body=requests.RestoreGiven,
        problems=(StateConflict,),
    ),
    Route(
        "GET",
        "/v1/sessions/{session_id}/artifacts",
        get_artifacts,
        "What the session has, and what it must have",
        answer="Artifacts",
        roles=routing.EVERYBODY,
    ),
    Route(
        "GET",
        "/v1/sessions/{session_id}/artifacts/{artifact_id}/url",
        get_artifact_url,
        "Where to read a verified artifact, exactly the version of its receipt",
        answer="ArtifactUrl",
        roles=routing.READERS,
    ),
)
