"""How large an answer may be: what leaves the function is what Lambda counts."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.answers import ENVELOPE_BYTES, MOST_BODY_BYTES, MOST_PAYLOAD_BYTES, counted_bytes
from chalicelib.core.artifact import SIDECARS, Kind, sidecar_id
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import TooLarge
from chalicelib.core.order import wish
from chalicelib.core.parts import MOST_PARTS, StoredPart, plan_parts
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Role
from chalicelib.core.upload import Upload
from chalicelib.flows.settle import settle_session
from chalicelib.flows.uploads import UploadView
from chalicelib.web import routing
from chalicelib.web.wire import responses
from infra.local.aws.lambdas.workers import ANSWER_LIMIT_BYTES
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, make_upload, memory_ports
from tests.support.measurements import as_list, make_frame
from tests.support.story import LIGHTS
from tests.web.client import REQUEST_ID, app_over, with_token
from tests.web.test_cameras_api import make_largest
from tests.web.usual import SESSION, WHOLE

QUOTES = '"' * 20_000
"""80,000 bytes of an answer: JSON escapes them, and the JSON around it escapes both."""


class Function:
    """The API's function, called as the gateway calls it; every payload is one that Lambda lets out."""

    def __init__(self, ports: MemoryPorts) -> None:
        self._app = app_over(ports)
        self._headers = with_token(ports.records, Role.OPERATOR)

    def frames(self, **query: str) -> Any:
        event = {
            "requestContext": {
                "httpMethod": "GET",
                "resourcePath": "/v1/sessions/{session_id}/frames",
                "requestId": REQUEST_ID,
            },
            "headers": self._headers,
            "pathParameters": {"session_id": SESSION.rpartition("/")[2]},
            "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
            "stageVariables": None,
            "body": None,
        }
        response = self._app(event, None)
        assert len(json.dumps(response)) <= MOST_PAYLOAD_BYTES
        assert len(json.dumps({**response, "body": ""})) <= ENVELOPE_BYTES
        assert response["statusCode"] == 200, response
        return json.loads(response["body"])


def test_the_limit_is_the_one_that_the_local_lambda_enforces():
    assert MOST_PAYLOAD_BYTES == ANSWER_LIMIT_BYTES == 6_291_556


def test_frames_full_of_quotes_come_in_as_many_answers_as_it_takes():
    frames = [make_frame(number, note=QUOTES) for number in range(100)]
    ports = memory_ports()
    story.haul(ports, wish([LIGHTS], {}))
    story.process(ports, {LIGHTS: as_list(frames)})
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)
    function = Function(ports)

    found: list[Any] = []
    next_frame: int | None = 0
    answers = 0
    while next_frame is not None:
        page = function.frames(from_frame=str(next_frame))
        found, next_frame, answers = [*found, *page["frames"]], page["next_frame"], answers + 1

    assert [frame["frame_number"] for frame in found] == list(range(100))
    assert answers == 2


@pytest.mark.parametrize("over_bytes", [-1, 0])
def test_an_answer_up_to_the_limit_is_given(over_bytes: int):
    document = {"text": "x" * (MOST_BODY_BYTES - counted_bytes('{"text":""}') + over_bytes)}

    assert counted_bytes(str(routing.answer(document).body)) == MOST_BODY_BYTES + over_bytes


def test_an_answer_above_the_limit_says_so_in_place_of_a_502():
    text = "x" * (MOST_BODY_BYTES - counted_bytes('{"text":""}') + 1)

    with pytest.raises(TooLarge, match=f"this answer has {MOST_BODY_BYTES + 1} bytes"):
        routing.answer({"text": text})


def test_the_largest_session_is_one_answer():
    picture = make_largest(0, 99)

    assert counted_bytes(str(routing.session_answer(memory_ports(), picture).body)) < MOST_BODY_BYTES / 4


def test_the_largest_session_with_every_sidecar_is_one_answer():
    picture = make_largest(0, 99)
    sidecars = [
        sidecar
        for each, chapter in zip(picture.uploads, picture.chapters, strict=True)
        for sidecar in (make_sidecar(each, chapter, kind) for kind in SIDECARS)
    ]
    with_all = replace(picture, uploads=(*picture.uploads, *sidecars))

    body = str(routing.session_answer(memory_ports(), with_all).body)

    assert body.count('"kind":"proxy"') == body.count('"kind":"thumbnail"') == 99
    assert counted_bytes(body) < MOST_BODY_BYTES / 2


def make_sidecar(original: Upload, chapter: Chapter, kind: Kind) -> Upload:
    """The verified sidecar of a chapter, which is as long in every text as its original."""
    key = chapter.sidecar_key(original.session_id, kind)
    assert original.receipt
    named = {"artifact_id": sidecar_id(chapter.artifact_id, kind), "key": key}
    return replace(original, **named, receipt=replace(original.receipt, **named))


def test_the_upload_with_the_most_parts_is_one_answer():
    plan = plan_parts(MOST_PARTS * 5 * 2**30, 5 * 2**30)
    parts = tuple(StoredPart(number, plan.part_size_bytes, WHOLE, '"e"') for number in plan.numbers)

    body = str(routing.answer(responses.upload(UploadView(replace(make_upload(), plan=plan), parts))).body)

    assert counted_bytes(body) < MOST_BODY_BYTES / 4
