"""The REST API as API Gateway serves it: what functions get, what clients get, and what nobody gets."""

import base64
import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.aws.gateway.gateway import BODY_LIMIT_BYTES, Gateway
from infra.local.aws.gateway.routes import Document
from infra.local.aws.lambdas.functions import TOO_LARGE_TO_CALL, Outcome
from infra.local.http_server import Server

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:api"
PROXY = {
    "x-amazon-apigateway-integration": {
        "type": "aws_proxy",
        "uri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations",
    }
}
MOCK = {
    "x-amazon-apigateway-integration": {
        "type": "mock",
        "responses": {
            "default": {
                "statusCode": "200",
                "responseParameters": {
                    "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
                    "method.response.header.Access-Control-Allow-Origin": "'*'",
                },
            }
        },
    }
}
DOCUMENT = {
    "x-amazon-apigateway-binary-media-types": ["application/octet-stream", "image/*"],
    "paths": {
        "/": {"get": PROXY},
        "/sessions": {"get": PROXY, "post": PROXY, "options": MOCK},
        "/sessions/{session_id}": {"get": PROXY, "put": PROXY},
        "/sessions/{session_id}/uploads/{upload_id}": {"get": PROXY},
        "/sessions/latest": {"get": PROXY},
    },
}
OTHER = {"paths": {"/": {"get": PROXY}, "/other": {"get": PROXY}}}
DOCUMENTS: dict[str, Document] = {"first": DOCUMENT, "second": OTHER}
FINE = {"statusCode": 200, "headers": {}, "body": "fine"}


class Function:
    """What is behind the gateway: remembers its events and answers as it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.arns: list[str] = []
        self.outcome = Outcome(FINE)
        self.may_end = threading.Event()
        self.may_end.set()

    def invoke(self, name: str, event: object) -> Outcome:
        self.arns.append(name)
        self.events.append(json.loads(json.dumps(event)))
        self.may_end.wait(10)
        return self.outcome


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def message(self) -> str:
        return str(json.loads(self.body)["message"])


class Bench:
    def __init__(self, gateway: Gateway, function: Function, port: int) -> None:
        self.gateway = gateway
        self.function = function
        self._port = port

    @property
    def event(self) -> Any:
        return self.function.events[-1]

    def ask(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)) as connection:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())


@pytest.fixture
def bench() -> Iterator[Bench]:
    function = Function()
    gateway = Gateway(DOCUMENTS, function.invoke, mount="/api", now=lambda: NOON)
    with closing(gateway), Server(gateway) as server:
        yield Bench(gateway, function, server.port)


def test_a_route_is_answered_by_its_function(bench: Bench):
    answer = bench.ask("GET", "/api/sessions")

    assert (answer.status, answer.body) == (200, b"fine")
    assert bench.function.arns == [FUNCTION]


def test_every_api_is_served_below_its_id_and_stage(bench: Bench):
    assert bench.ask("GET", "/second/prod/other").status == 200
    assert (bench.event["path"], bench.event["requestContext"]["path"]) == ("/other", "/prod/other")
    assert (bench.event["requestContext"]["apiId"], bench.event["requestContext"]["stage"]) == (
        "second",
        "prod",
    )


def test_the_first_api_is_served_at_the_mount(bench: Bench):
    bench.ask("GET", "/api/sessions")

    assert (bench.event["path"], bench.event["requestContext"]["path"]) == ("/sessions", "/api/sessions")
    assert (bench.event["requestContext"]["apiId"], bench.event["requestContext"]["stage"]) == (
        "first",
        "api",
    )


@pytest.mark.parametrize("target", ["/api", "/api/", "/first/api", "/first/api/"])
def test_the_root_is_a_route_with_and_without_its_slash(bench: Bench, target: str):
    assert bench.ask("GET", target).status == 200
    assert bench.event["resource"] == "/"


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/nowhere",
        "/api/nowhere",
        "/api/sessions/a/b",
        "/api//sessions",
        "/apis/sessions",
        "/first",
        "/api/sessions//",
    ],
)
def test_an_unknown_route_is_refused_as_the_gateway_does(bench: Bench, target: str):
    answer = bench.ask("GET", target)

    assert (answer.status, json.loads(answer.body)) == (403, {"message": "Missing Authentication Token"})
    assert bench.function.events == []


def test_a_wrong_method_is_refused_as_an_unknown_route_is(bench: Bench):
    assert bench.ask("DELETE", "/api/sessions").message == "Missing Authentication Token"


def test_a_slash_at_the_end_does_not_matter(bench: Bench):
    assert bench.ask("GET", "/api/sessions/").status == 200
    assert bench.event["resource"] == "/sessions"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("a", "a"),
        ("a%20b", "a b"),
        ("a%2Fb", "a/b"),
        ("a+b", "a+b"),
        ("%C3%A4", "ä"),
        ("%ff", "\ufffd"),
        ("..", ".."),
    ],
)
def test_a_path_parameter_is_unquoted_and_stays_one(bench: Bench, given: str, meant: str):
    assert bench.ask("GET", f"/api/sessions/{given}").status == 200
    assert bench.event["pathParameters"] == {"session_id": meant}
    assert bench.event["path"] == f"/sessions/{given}"


def test_several_path_parameters_go_by_their_names(bench: Bench):
    bench.ask("GET", "/api/sessions/s1/uploads/u_1")

    assert bench.event["pathParameters"] == {"session_id": "s1", "upload_id": "u_1"}
    assert bench.event["resource"] == "/sessions/{session_id}/uploads/{upload_id}"
    assert bench.event["requestContext"]["resourcePath"] == bench.event["resource"]


def test_a_fixed_segment_goes_before_a_parameter(bench: Bench):
    bench.ask("GET", "/api/sessions/latest")

    assert bench.event["resource"] == "/sessions/latest"
    assert bench.event["pathParameters"] is None


def test_the_query_is_given_once_with_the_last_value_and_once_with_all(bench: Bench):
    bench.ask("GET", "/api/sessions?state=open&state=stored&empty=&text=a%20b+c")

    assert bench.event["queryStringParameters"] == {"state": "stored", "empty": "", "text": "a b c"}
    assert bench.event["multiValueQueryStringParameters"]["state"] == ["open", "stored"]


def test_no_query_is_null(bench: Bench):
    bench.ask("GET", "/api/sessions")

    assert bench.event["queryStringParameters"] is None
    assert bench.event["multiValueQueryStringParameters"] is None


def test_headers_are_given_once_as_they_are_and_once_as_lists(bench: Bench):
    bench.ask("GET", "/api/sessions", headers={"Authorization": "Bearer x", "X-Client": "reelhaul/1"})

    assert bench.event["headers"]["Authorization"] == "Bearer x"
    assert bench.event["multiValueHeaders"]["X-Client"] == ["reelhaul/1"]


def test_the_context_says_who_asked_when(bench: Bench):
    bench.ask("GET", "/api/sessions", headers={"User-Agent": "reelhaul"})
    context = bench.event["requestContext"]

    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "reelhaul"}
    assert context["requestTime"] == "21/Sep/2026:12:00:00 +0000"
    assert context["requestTimeEpoch"] == 1_789_992_000_000
    assert context["httpMethod"] == "GET"


def test_a_body_is_text(bench: Bench):
    bench.ask("POST", "/api/sessions", '{"name": "Träger"}'.encode(), {"Content-Type": "application/json"})

    assert (bench.event["body"], bench.event["isBase64Encoded"]) == ('{"name": "Träger"}', False)


def test_no_body_is_null(bench: Bench):
    bench.ask("GET", "/api/sessions")

    assert (bench.event["body"], bench.event["isBase64Encoded"]) == (None, False)


def test_a_body_that_is_no_text_is_replaced_and_never_an_error(bench: Bench):
    answer = bench.ask("POST", "/api/sessions", b'{"\xff": 1}', {"Content-Type": "application/json"})

    assert answer.status == 200
    assert bench.event["body"] == '{"\ufffd": 1}'


@pytest.mark.parametrize(
    "media_type", ["application/octet-stream", "APPLICATION/octet-stream; q=1", "image/png"]
)
def test_a_body_of_a_binary_type_comes_in_base64(bench: Bench, media_type: str):
    bench.ask("POST", "/api/sessions", b"\xff\x00", {"Content-Type": media_type})

    assert bench.event["isBase64Encoded"] is True
    assert base64.b64decode(bench.event["body"]) == b"\xff\x00"


@pytest.mark.parametrize("under_bytes", [1, 0])
def test_a_body_up_to_the_limit_is_taken(bench: Bench, under_bytes: int):
    body = b"x" * (BODY_LIMIT_BYTES - under_bytes)

    assert bench.ask("POST", "/api/sessions", body).status == 200
    assert len(bench.event["body"]) == len(body)


def test_a_body_above_the_limit_is_refused(bench: Bench):
    answer = bench.ask("POST", "/api/sessions", b"x" * (BODY_LIMIT_BYTES + 1))

    assert (answer.status, answer.message) == (413, "Request Too Long")
    assert bench.function.events == []


def test_a_body_without_a_length_is_limited_too(bench: Bench):
    with closing(http.client.HTTPConnection("127.0.0.1", bench._port, timeout=20)) as connection:
        pieces = (b"x" * (1 << 20) for _ in range(11))
        connection.request(
            "POST", "/api/sessions", pieces, {"Transfer-Encoding": "chunked"}, encode_chunked=True
        )

        assert connection.getresponse().status == 413


def test_an_event_too_large_for_the_function_is_refused_as_too_long(bench: Bench):
    bench.function.outcome = Outcome.failed(TOO_LARGE_TO_CALL, "too large")

    assert bench.ask("POST", "/api/sessions").status == 413


def test_a_body_that_ends_early_reaches_no_function(bench: Bench):
    with closing(http.client.HTTPConnection("127.0.0.1", bench._port, timeout=20)) as connection:
        connection.putrequest("POST", "/api/sessions")
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"short")
        connection.sock.shutdown(1)

        assert connection.getresponse().status == 400
    assert bench.function.events == []


def test_a_mock_integration_answers_preflight_requests_without_a_function(bench: Bench):
    answer = bench.ask("OPTIONS", "/api/sessions")

    assert answer.status == 200
    assert answer.values("Access-Control-Allow-Origin") == ["*"]
    assert answer.values("Access-Control-Allow-Methods") == ["GET,OPTIONS"]
    assert bench.function.events == []


def answered(bench: Bench, response: Any, headers: dict[str, str] | None = None) -> Answer:
    bench.function.outcome = Outcome(response)
    return bench.ask("GET", "/api/sessions", headers=headers)


def test_status_headers_and_body_are_the_functions(bench: Bench):
    answer = answered(bench, {"statusCode": 409, "headers": {"X-One": "1", "X-Flag": True}, "body": "ä"})

    assert (answer.status, answer.body.decode()) == (409, "ä")
    assert (answer.values("X-One"), answer.values("X-Flag")) == (["1"], ["true"])


def test_a_response_without_a_type_is_json(bench: Bench):
    assert answered(bench, {"statusCode": 200}).values("Content-Type") == ["application/json"]


def test_a_response_keeps_its_own_type(bench: Bench):
    response = {"statusCode": 404, "headers": {"content-type": "application/problem+json"}, "body": "{}"}

    assert answered(bench, response).values("Content-Type") == ["application/problem+json"]


def test_single_and_multiple_headers_are_merged(bench: Bench):
    response = {
        "statusCode": 200,
        "headers": {"X-Both": "one", "X-Same": "same", "X-Single": "single"},
        "multiValueHeaders": {"x-both": ["two", "three"], "X-Same": ["same"]},
    }
    answer = answered(bench, response)

    assert sorted(answer.values("X-Both")) == ["one", "three", "two"]
    assert (answer.values("X-Same"), answer.values("X-Single")) == (["same"], ["single"])


def test_headers_that_belong_to_the_gateway_are_renamed(bench: Bench):
    answer = answered(
        bench, {"statusCode": 401, "headers": {"WWW-Authenticate": "Bearer", "Content-Length": "9"}}
    )

    assert answer.values("WWW-Authenticate") == []
    assert answer.values("x-amzn-Remapped-WWW-Authenticate") == ["Bearer"]
    assert answer.values("Content-Length") == ["0"]


def test_bytes_reach_a_client_that_accepts_them(bench: Bench):
    packed = gzip.compress(b"frames")
    response = {"statusCode": 200, "body": base64.b64encode(packed).decode(), "isBase64Encoded": True}

    assert answered(bench, response, {"Accept": "application/octet-stream, */*"}).body == packed


def test_bytes_stay_base64_for_a_client_that_does_not_accept_them_first(bench: Bench):
    text = base64.b64encode(b"\xff").decode()
    response = {"statusCode": 200, "body": text, "isBase64Encoded": True}

    assert answered(bench, response, {"Accept": "*/*, application/octet-stream"}).body == text.encode()


@pytest.mark.parametrize(
    "response",
    [
        None,
        "text",
        {},
        {"statusCode": "fine"},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": ["X"]},
        {"statusCode": 200, "headers": {"X": {"deep": 1}}},
        {"statusCode": 200, "headers": {"X": "1\r\nSet-Cookie: 2"}},
        {"statusCode": 200, "headers": {"X Y": "1"}},
        {"statusCode": 200, "headers": {"X": "\u2028"}},
        {"statusCode": 200, "multiValueHeaders": {"X": "1"}},
    ],
)
def test_what_is_no_proxy_response_is_a_bad_gateway(bench: Bench, response: Any):
    answer = answered(bench, response)

    assert (answer.status, json.loads(answer.body)) == (502, {"message": "Internal server error"})


def test_bytes_that_are_no_base64_are_a_bad_gateway(bench: Bench):
    response = {"statusCode": 200, "body": "!", "isBase64Encoded": True}

    assert answered(bench, response, {"Accept": "image/png"}).status == 502


def test_a_function_that_fails_is_a_bad_gateway(bench: Bench):
    bench.function.outcome = Outcome.failed("ValueError", "secret")
    answer = bench.ask("GET", "/api/sessions")

    assert (answer.status, json.loads(answer.body)) == (502, {"message": "Internal server error"})


def test_a_function_that_takes_too_long_is_a_gateway_time_out():
    function = Function()
    function.may_end.clear()
    gateway = Gateway(DOCUMENTS, function.invoke, mount="/api", now=lambda: NOON, timeout_s=0.05)
    with closing(gateway), Server(gateway) as server:
        answer = Bench(gateway, function, server.port).ask("GET", "/api/sessions")
        function.may_end.set()

    assert (answer.status, json.loads(answer.body)) == (504, {"message": "Endpoint request timed out"})


def test_throttled_requests_are_told_to_come_later(bench: Bench):
    bench.gateway.throttle(2)
    answers = [bench.ask("GET", "/api/sessions") for _ in range(3)]

    assert [answer.status for answer in answers] == [429, 429, 200]
    assert answers[0].message == "Too Many Requests"
    assert len(bench.function.events) == 1


def test_requests_are_refused_as_often_as_said(bench: Bench):
    bench.gateway.refuse(1)

    assert [bench.ask("GET", "/api/sessions").status for _ in range(2)] == [503, 200]


def test_requests_are_refused_until_the_gateway_recovers(bench: Bench):
    bench.gateway.refuse()
    down = [bench.ask("GET", "/api/sessions").status for _ in range(3)]
    bench.gateway.recover()

    assert (down, bench.ask("GET", "/api/sessions").status) == ([503] * 3, 200)


def test_connections_are_cut_without_an_answer(bench: Bench):
    bench.gateway.cut(1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        bench.ask("GET", "/api/sessions")

    assert bench.ask("GET", "/api/sessions").status == 200
    assert len(bench.function.events) == 1


def test_closing_leaves_no_thread():
    gateway = Gateway(DOCUMENTS, Function().invoke, mount="/api", now=lambda: NOON)
    with Server(gateway) as server:
        Bench(gateway, Function(), server.port).ask("GET", "/api/sessions")
    gateway.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gateway")]
