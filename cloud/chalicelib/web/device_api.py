"""The calls of `docs/api.md` about sessions and uploads: devices bring originals, processors what they make of them."""

from chalice.app import Blueprint, Response

from chalicelib.core.ids import ArtifactId
from chalicelib.flows import finishing, intake, proofs
from chalicelib.ports import Ports
from chalicelib.web import bodies, door, parsing, shapes
from chalicelib.web.door import Call, DeviceSettings, Route


def device_api(ports: Ports, settings: DeviceSettings) -> Blueprint:
    """The device's routes below `/v1`, on `ports`."""
    return door.blueprint(__name__, ROUTES, ports, settings)


def put_session(ports: Ports, call: Call, session_id: str) -> Response:
    given = parsing.decoded(call.body, bodies.SessionGiven)
    named = call.session(session_id)
    wish = given.wish(call.settings.default_wish)
    picture, is_new = intake.confirm_session(
        ports, call.principal, named, given.recorded_by(), given.group, given.listed(), wish
    )
    return door.session_answer(picture, 201 if is_new else 200)


def get_session(ports: Ports, call: Call, session_id: str) -> Response:
    return door.session_answer(intake.seen_session(ports, call.principal, call.session(session_id)))


def post_upload(ports: Ports, call: Call, session_id: str) -> Response:
    asked = parsing.decoded(call.body, bodies.UploadAsked)
    named, artifact_id = call.session(session_id), asked.wanted()
    view, is_new = intake.open_upload(
        ports, call.principal, named, artifact_id, asked.size_bytes, asked.part_size_bytes
    )
    return door.answer(shapes.upload(view), 201 if is_new else 200)


def post_progress(ports: Ports, call: Call, session_id: str) -> Response:
    now = ports.clock.now()
    progress = parsing.decoded(call.body, bodies.ProgressGiven).progress(now)
    intake.hear_progress(ports, call.principal, call.session(session_id), progress)
    return door.answer(shapes.heartbeat(call.settings.pause, call.settings.pace_bytes_s, now))


def post_part_urls(ports: Ports, call: Call, upload_id: str) -> Response:
    wanted = parsing.decoded(call.body, bodies.PartUrlsAsked).wanted()
    urls = intake.sign_parts(ports, call.principal, parsing.upload_id(upload_id), wanted)
    return door.answer(shapes.part_urls(urls, ports.clock.now()))


def post_proof_urls(ports: Ports, call: Call, session_id: str, artifact_id: str) -> Response:
    wanted = parsing.decoded(call.body, bodies.ProofUrlsAsked).wanted()
    named = call.session(session_id)
    receipt, urls = proofs.proof_urls(ports, call.principal, named, ArtifactId(artifact_id), wanted)
    return door.answer(shapes.proof_urls(receipt, urls, ports.clock.now()))


def get_upload(ports: Ports, call: Call, upload_id: str) -> Response:
    view = finishing.seen_upload(ports, call.principal, parsing.upload_id(upload_id))
    return door.answer(shapes.upload(view))


def post_complete(ports: Ports, call: Call, upload_id: str) -> Response:
    claim = parsing.decoded(call.body, bodies.CompleteAsked).claim()
    view = finishing.complete_upload(ports, call.principal, parsing.upload_id(upload_id), claim)
    return door.answer(shapes.upload(view))


def delete_upload(ports: Ports, call: Call, upload_id: str) -> Response:
    view = finishing.cancel_upload(ports, call.principal, parsing.upload_id(upload_id))
    return door.answer(shapes.upload(view))


ROUTES: tuple[Route, ...] = (
    ("PUT", "/v1/sessions/{session_id}", put_session),
    ("GET", "/v1/sessions/{session_id}", get_session),
    ("POST", "/v1/sessions/{session_id}/uploads", post_upload),
    ("POST", "/v1/sessions/{session_id}/progress", post_progress),
    ("POST", "/v1/uploads/{upload_id}/part-urls", post_part_urls),
    ("POST", "/v1/sessions/{session_id}/artifacts/{artifact_id}/proof-urls", post_proof_urls),
    ("GET", "/v1/uploads/{upload_id}", get_upload),
    ("POST", "/v1/uploads/{upload_id}/complete", post_complete),
    ("DELETE", "/v1/uploads/{upload_id}", delete_upload),
)
