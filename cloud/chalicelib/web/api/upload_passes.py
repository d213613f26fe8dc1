"""The call of `docs/api.md` about upload passes: the right to upload into one session, as an address."""

from chalice.app import Response

from chalicelib.core.times import rfc3339
from chalicelib.core.tokens import Role
from chalicelib.ports import Ports
from chalicelib.web import companion, routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import parsing, requests


def post_upload_pass(ports: Ports, call: Call, session_id: str) -> Response:
    from chalicelib.flows import upload_passes  # few calls need it, and each start would pay for it

    asked = parsing.decoded(call.body, requests.UploadPassAsked)
    named = call.session(session_id)
    made, written = upload_passes.make_pass(ports, call.principal, named, asked.ttl_s)
    endpoint = call.own_url + companion.OF_PASS.replace("{upload_pass}", written)
    told = {"endpoint": endpoint, "expires_at": rfc3339(made.expires_at)}
    return routing.answer(told, 201, companion.NOT_KEPT)


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/sessions/{session_id}/upload-passes",
        post_upload_pass,
        "Makes a pass with which a page may upload films into this session, by stock Uppy",
        answer="MadeUploadPass",
        roles=(Role.OPERATOR,),
        body=requests.UploadPassAsked,
        statuses=(201,),
    ),
)
