"""The calls of `docs/api.md` about sessions and uploads: devices bring originals, processors what they make of them."""

from chalice.app import Response

from chalicelib.core.errors import (
    Finalizing,
    NotAFilm,
    NotPermitted,
    PartsMismatch,
    PlanDiffers,
    ProxiesOff,
    StateConflict,
    UploadGone,
)
from chalicelib.core.ids import ArtifactId
from chalicelib.core.tokens import Role
from chalicelib.flows import completion, proofs, uploads
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import parsing, requests, responses


def post_upload(ports: Ports, call: Call, session_id: str) -> Response:
    asked = parsing.decoded(call.body, requests.UploadAsked)
    named, artifact_id = call.session(session_id), asked.wanted()
    view, is_new = uploads.open_upload(
        ports,
        call.principal,
        named,
        artifact_id,
        asked.size_bytes,
        asked.part_size_bytes,
        way=asked.way,
    )
    return routing.answer(responses.upload(view), 201 if is_new else 200)


def post_part_urls(ports: Ports, call: Call, upload_id: str) -> Response:
    asked = parsing.decoded(call.body, requests.PartUrlsAsked)
    named, wanted, claim = parsing.upload_id(upload_id), asked.wanted(), asked.claim()
    urls = uploads.sign_parts(ports, call.principal, named, wanted, claim)
    return routing.answer(responses.part_urls(urls, ports.clock.now()))


def post_proof_urls(ports: Ports, call: Call, session_id: str, artifact_id: str) -> Response:
    wanted = parsing.decoded(call.body, requests.ProofUrlsAsked).wanted()
    named = call.session(session_id)
    receipt, urls = proofs.sign_ranges(ports, call.principal, named, ArtifactId(artifact_id), wanted)
    return routing.answer(responses.proof_urls(receipt, urls, ports.clock.now()))


def post_evidence(ports: Ports, call: Call, session_id: str, artifact_id: str) -> Response:
    from chalicelib.flows import evidence  # few calls need it, and each start would pay for it

    told = parsing.decoded(call.body, requests.EvidenceGiven).whole_read()
    named = call.session(session_id)
    known = evidence.record_second_read(ports, call.principal, named, ArtifactId(artifact_id), told)
    return routing.answer(responses.evidence(known))


def get_upload(ports: Ports, call: Call, upload_id: str) -> Response:
    view = completion.view_upload(ports, call.principal, parsing.upload_id(upload_id))
    return routing.answer(responses.upload(view))


def post_complete(ports: Ports, call: Call, upload_id: str) -> Response:
    claim = parsing.decoded(call.body, requests.CompleteAsked).claim()
    view = completion.complete_upload(ports, call.principal, parsing.upload_id(upload_id), claim)
    return routing.answer(responses.upload(view))


def delete_upload(ports: Ports, call: Call, upload_id: str) -> Response:
    view = completion.cancel_upload(ports, call.principal, parsing.upload_id(upload_id))
    return routing.answer(responses.upload(view))


_OF_UPLOADS = (NotPermitted, StateConflict, NotAFilm, UploadGone, Finalizing)

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/sessions/{session_id}/uploads",
        post_upload,
        "Opens the upload of one artifact, or answers the one that is open or verified",
        answer="Upload",
        body=requests.UploadAsked,
        statuses=(200, 201),
        problems=(*_OF_UPLOADS, PlanDiffers, ProxiesOff),
    ),
    Route(
        "POST",
        "/v1/uploads/{upload_id}/part-urls",
        post_part_urls,
        "Addresses to PUT parts at; each takes exactly those bytes",
        answer="PartUrls",
        body=requests.PartUrlsAsked,
        problems=_OF_UPLOADS,
    ),
    Route(
        "POST",
        "/v1/sessions/{session_id}/artifacts/{artifact_id}/proof-urls",
        post_proof_urls,
        "Addresses of a few ranges of a verified original, to prove a card against it",
        answer="ProofUrls",
        roles=(Role.DEVICE,),
        body=requests.ProofUrlsAsked,
    ),
    Route(
        "POST",
        "/v1/sessions/{session_id}/artifacts/{artifact_id}/evidence",
        post_evidence,
        "Tells of a second whole read of a chapter's card, and answers how surely the chapter is known",
        answer="Evidence",
        roles=(Role.DEVICE,),
        body=requests.EvidenceGiven,
        problems=(StateConflict,),
    ),
    Route(
        "GET",
        "/v1/uploads/{upload_id}",
        get_upload,
        "The upload",
        answer="Upload",
        roles=routing.INSIDERS,
    ),
    Route(
        "POST",
        "/v1/uploads/{upload_id}/complete",
        post_complete,
        "Completes the upload once S3 has all parts, and answers it with its receipt",
        answer="Upload",
        body=requests.CompleteAsked,
        problems=(*_OF_UPLOADS, PartsMismatch),
    ),
    Route(
        "DELETE",
        "/v1/uploads/{upload_id}",
        delete_upload,
        "Cancels the upload; opening it again undoes that within the hour",
        answer="Upload",
        problems=_OF_UPLOADS,
    ),
)
