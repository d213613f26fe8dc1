"""The calls of `docs/api.md` about who may call: a code becomes a token, and a token gets another secret."""

from chalice.app import Response

from chalicelib.core.errors import InvalidRequest, NotFound, StateConflict, TooLarge
from chalicelib.flows import enrolment
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import WITHOUT_TOKEN, Call, PublicCall, Route, ShownBy
from chalicelib.web.wire import parsing, requests, responses


def post_enrolment(ports: Ports, call: PublicCall) -> Response:
    asked = parsing.decoded(call.body, requests.EnrolmentAsked)
    device, token, is_new = enrolment.exchange(ports, asked.code, asked.secret_digest)
    return routing.answer(responses.enrolment(device, token), 201 if is_new else 200)


def post_rotation(ports: Ports, call: Call) -> Response:
    asked = parsing.decoded(call.body, requests.RotationAsked)
    caller = call.principal
    assert caller.token_id, "the door lets only tokens in"
    token, is_new = enrolment.rotate(ports, caller.token_id, caller.secret_version, asked.secret_digest)
    return routing.answer(responses.rotation(token), 201 if is_new else 200)


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/enrolments",
        post_enrolment,
        "Exchanges an enrolment code for a token, once",
        answer="Enrolment",
        roles=WITHOUT_TOKEN,
        body=requests.EnrolmentAsked,
        statuses=(200, 201),
        problems=(InvalidRequest, NotFound, StateConflict, TooLarge),
    ),
    Route(
        "POST",
        "/v1/token/rotate",
        post_rotation,
        "Gives the call's token a new secret; the one before is good for another day",
        answer="Rotation",
        body=requests.RotationAsked,
        shown_by=ShownBy.TOKEN,
        statuses=(200, 201),
        problems=(StateConflict,),
    ),
)
