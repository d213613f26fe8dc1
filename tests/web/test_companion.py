"""Companion's routes as stock Uppy calls them: who may, what is answered, and what a client's word is worth."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from chalice.test import Client
from msgspec.structs import replace

from chalicelib.core.ids import TokenId
from chalicelib.core.landing import LandingState
from chalicelib.core.settle import Policy
from chalicelib.core.times import HOUR_S
from chalicelib.core.tokens import Role
from chalicelib.ports import Enlisting
from tests.support.builders import MemoryPorts, memory_ports, recorded
from tests.support.films import make_film
from tests.support.memory import deliver, post
from tests.web.client import SECRET, Answer, Caller, Deployment, app_over, with_token
from tests.web.principals import CALLERS, ORIGIN, headers_of
from tests.web.usual import SESSION

FILM = make_film(70, 230)
NAME = "GX010042.MP4"
ELSEWHERE = "https://upload.example.org"
OPEN_TO_ELSEWHERE = Deployment(browser_origins=(ELSEWHERE,))
ASKED = {"filename": NAME, "type": "video/mp4", "metadata": {"relativePath": None, "name": NAME}}


@pytest.fixture
def ports() -> MemoryPorts:
    return memory_ports(policy=Policy(part_size_bytes=10))


@dataclass
class Uppy:
    """What stock Uppy calls below an endpoint."""

    ports: MemoryPorts
    endpoint: str
    headers: Mapping[str, str]
    deployment: Deployment = OPEN_TO_ELSEWHERE

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        app = app_over(self.ports, self.deployment)
        raw = b"" if body is None else json.dumps(body).encode()
        said = {"Content-Type": "application/json", **self.headers, **headers}
        response = Client(app).http.request(method, f"{self.endpoint}{path}", said, raw)
        return Answer(response.status_code, response.headers, response.body)

    def open(self, **asked: Any) -> tuple[str, str]:
        """Where the upload is, and its key as Uppy sends it."""
        opened = self.call("POST", "/s3/multipart", {**ASKED, **asked})
        assert opened.status == 200, opened.body
        return f"/s3/multipart/{opened.document['uploadId']}", quote(opened.document["key"], safe="")

    def send(self, place: str, key: str, bodies: list[bytes]) -> list[dict[str, Any]]:
        parts = []
        for number, body in enumerate(bodies, start=1):
            url = self.call("GET", f"{place}/{number}?key={key}").document["url"]
            etag = deliver(self.ports.objects, url, {}, body, self.ports.clock.now())
            parts.append({"PartNumber": number, "ETag": etag.strip('"')})
        return parts


@pytest.fixture
def by_token(ports: MemoryPorts) -> Uppy:
    return Uppy(ports, f"{SESSION}/companion", with_token(ports.records, Role.OPERATOR))


def pass_of(ports: MemoryPorts, **asked: Any) -> Answer:
    headers = with_token(ports.records, Role.OPERATOR) | {"Host": "api.example.org"}
    return Caller(app_over(ports), headers).call("POST", f"{SESSION}/upload-passes", asked)


@pytest.fixture
def by_pass(ports: MemoryPorts) -> Uppy:
    endpoint = pass_of(ports).document["endpoint"]
    return Uppy(ports, endpoint.removeprefix("https://api.example.org"), {})


@pytest.fixture(params=["by_token", "by_pass"])
def uppy(request: pytest.FixtureRequest) -> Uppy:
    found: Uppy = request.getfixturevalue(request.param)
    return found


def test_a_film_is_uploaded_part_by_part_with_the_forms_of_companion(uppy: Uppy):
    place, key = uppy.open()
    parts = uppy.send(place, key, [FILM[:120], FILM[120:]])

    held = uppy.call("GET", f"{place}?key={key}").document
    assert [(each["PartNumber"], each["Size"]) for each in held] == [(1, 120), (2, 110)]
    done = uppy.call("POST", f"{place}/complete?key={key}", {"parts": parts})

    assert done.status == 200
    assert set(done.document) == {"location", "key", "bucket"}
    assert done.document["location"].endswith("/#/sessions/match-17-north")
    assert recorded(uppy.ports).landings[0].state is LandingState.MOVED


def test_a_batch_of_addresses_is_answered_by_number(uppy: Uppy):
    place, key = uppy.open()

    answer = uppy.call("GET", f"{place}/batch?key={key}&partNumbers=1,3").document

    assert set(answer["presignedUrls"]) == {"1", "3"}


@pytest.mark.parametrize(("count", "status"), [(99, 200), (100, 200), (101, 400)])
def test_a_batch_has_at_most_100_addresses(by_pass: Uppy, count: int, status: int):
    place, key = by_pass.open()
    numbers = ",".join(str(number) for number in range(1, count + 1))

    answer = by_pass.call("GET", f"{place}/batch?key={key}&partNumbers={numbers}")

    assert answer.status == status
    if status == 400:
        assert answer.document["detail"] == "ask for at most 100 parts at once, not 101"


def test_a_form_is_answered_with_its_address_and_fields(uppy: Uppy):
    answer = uppy.call(
        "GET", f"/s3/params?filename={NAME}&type=video%2Fmp4&metadata%5Bsize%5D={len(FILM)}"
    ).document

    assert (answer["method"], answer["expires"]) == ("POST", 900)
    post(uppy.ports.objects, answer["fields"], FILM, uppy.ports.clock.now())
    [landing] = recorded(uppy.ports).landings
    assert landing.told_bytes == len(FILM)
    assert uppy.ports.objects.body(landing.key) == FILM


def test_delete_answers_an_empty_object_and_cancels_softly(uppy: Uppy):
    place, key = uppy.open()
    parts = uppy.send(place, key, [FILM])

    assert uppy.call("DELETE", f"{place}?key={key}").document == {}
    assert recorded(uppy.ports).landings[0].state is LandingState.CANCELLED
    assert uppy.call("POST", f"{place}/complete?key={key}", {"parts": parts}).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/1"), ("GET", "/batch"), ("POST", "/complete"), ("DELETE", "")],
)
def test_the_key_of_the_client_is_compared_and_never_used(uppy: Uppy, method: str, path: str):
    place, _ = uppy.open()
    other = quote("originals/main/match-17-north/100GOPRO/GX010038.MP4", safe="")
    body: object = {"parts": []} if method == "POST" else None

    wrong = uppy.call(method, f"{place}{path}?key={other}&partNumbers=1", body)
    without = uppy.call(method, f"{place}{path}", body)

    assert wrong.problem[:2] == (404, "not-found")
    assert without.problem[:2] == (400, "invalid-request")


def test_an_upload_of_another_session_does_not_exist_below_this_one(by_token: Uppy):
    place, key = by_token.open()
    elsewhere = Uppy(by_token.ports, "/v1/sessions/another/companion", by_token.headers)
    elsewhere.open()

    assert elsewhere.call("GET", f"{place}?key={key}").status == 404


def test_a_refused_completion_says_why_and_loses_nothing(uppy: Uppy):
    place, key = uppy.open()
    parts = uppy.send(place, key, [FILM[:100], FILM[100:150], FILM[150:]])

    refused = uppy.call("POST", f"{place}/complete?key={key}", {"parts": parts})

    assert refused.problem[:2] == (422, "parts-mismatch")
    assert len(uppy.call("GET", f"{place}?key={key}").document) == 3


@pytest.mark.parametrize(
    "asked",
    [
        {"filename": ""},
        {"filename": None},
        {"filename": "notes.txt"},
        {"metadata": {"size": "many"}},
        {"metadata": {"size": 0}},
        {"metadata": []},
        {"type": 7},
    ],
)
def test_a_bad_request_is_refused_before_a_byte_is_sent(uppy: Uppy, asked: dict[str, Any]):
    answer = uppy.call("POST", "/s3/multipart", {**ASKED, **asked})

    assert answer.problem[:2] == (400, "invalid-request")
    assert list(uppy.ports.objects.multiparts("incoming/")) == []


@pytest.mark.parametrize("query", ["", "filename=notes.txt", f"filename={NAME}&metadata%5Bsize%5D=x"])
def test_a_bad_form_is_refused(uppy: Uppy, query: str):
    assert uppy.call("GET", f"/s3/params?{query}").problem[:2] == (400, "invalid-request")


@pytest.mark.parametrize("number", ["0", "10001", "x", "-1", "1.5"])
def test_a_part_without_a_number_is_refused(uppy: Uppy, number: str):
    place, key = uppy.open()

    assert uppy.call("GET", f"{place}/{number}?key={key}").problem[:2] == (400, "invalid-request")


def test_a_type_that_is_none_becomes_bytes(uppy: Uppy):
    uppy.open(type="video/mp4\r\nx-amz-acl: public-read")

    assert recorded(uppy.ports).landings[0].content_type == "application/octet-stream"


@pytest.mark.parametrize("column", CALLERS)
def test_below_a_session_operators_alone_upload(ports: MemoryPorts, column: str):
    headers = {"Reelhaul-Client-Version": "0.1.0", **headers_of(column, ports)}
    uppy = Uppy(ports, f"{SESSION}/companion", headers)
    status = uppy.call("POST", "/s3/multipart", ASKED).status

    expected = {"no": 401, "bad": 401, "unk": 401, "sec": 401, "rev": 401, "exp": 401}
    assert status == expected.get(column, 200 if column in ("opr", "opX", "opA", "opC") else 403)


def test_with_the_pages_cookie_a_change_from_another_site_is_refused(ports: MemoryPorts):
    headers = headers_of("opC", ports)
    assert headers["Origin"] == ORIGIN

    answer = Uppy(ports, f"{SESSION}/companion", {**headers, "Origin": ELSEWHERE}).call(
        "POST", "/s3/multipart", ASKED
    )

    assert answer.status == 403


def test_a_pass_is_answered_once_and_only_its_digest_is_kept(ports: MemoryPorts):
    answer = pass_of(ports, ttl_s=60)

    written = answer.document["endpoint"].rpartition("/")[2]
    pass_id, _, secret = written.partition(".")
    kept = ports.records.upload_pass(TokenId(pass_id))
    assert answer.status == 201
    assert answer.document["endpoint"] == f"https://api.example.org/v1/companion/{written}"
    assert answer.document["expires_at"] == "2026-11-21T12:01:00Z"
    assert kept
    assert secret
    assert secret not in repr(kept)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("ttl_s", [59, 24 * HOUR_S + 1])
def test_a_pass_is_good_for_a_minute_to_a_day(ports: MemoryPorts, ttl_s: int):
    assert pass_of(ports, ttl_s=ttl_s).status == 400
    assert pass_of(ports, ttl_s=60).status == 201
    assert pass_of(ports, ttl_s=24 * HOUR_S).status == 201


@pytest.mark.parametrize(("after_s", "status"), [(59, 200), (60, 401)])
def test_a_pass_ends(ports: MemoryPorts, after_s: int, status: int):
    endpoint = pass_of(ports, ttl_s=60).document["endpoint"].removeprefix("https://api.example.org")
    ports.clock.advance(after_s)

    assert Uppy(ports, endpoint, {}).call("POST", "/s3/multipart", ASKED).status == status


@pytest.mark.parametrize("written", ["t_1.wrong", "nonsense", "t_1.", ".x", "t_1", "x" * 300 + ".y"])
def test_what_is_no_pass_is_refused(by_pass: Uppy, written: str):
    known = by_pass.endpoint.rpartition("/")[2].partition(".")[0]
    text = written.replace("t_1", known)

    answer = Uppy(by_pass.ports, f"/v1/companion/{text}", {}).call("POST", "/s3/multipart", ASKED)

    assert answer.problem[:2] == (401, "not-authenticated")


def test_a_pass_ends_with_the_token_that_made_it(ports: MemoryPorts, by_pass: Uppy):
    kept = ports.records.upload_pass(TokenId(by_pass.endpoint.rpartition("/")[2].partition(".")[0]))
    assert kept
    token = ports.records.token(kept.token_id)
    assert token
    revoked = replace(token, secrets=None, revoked_at=ports.clock.now())
    ports.records.enlist(Enlisting((revoked,)))

    assert by_pass.call("POST", "/s3/multipart", ASKED).problem[:2] == (401, "not-authenticated")


def test_a_pass_opens_nothing_but_companions_routes(by_pass: Uppy):
    written = by_pass.endpoint.rpartition("/")[2]
    caller = Caller(app_over(by_pass.ports), {"Authorization": f"Bearer {written}"})

    assert caller.call("GET", SESSION).status == 401


@pytest.mark.parametrize("path", ["/s3/params", "/s3/multipart", "/s3/multipart/u_1/complete"])
def test_a_page_of_the_deployments_origins_may_ask_and_read(uppy: Uppy, path: str):
    asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}

    before = uppy.call("OPTIONS", path, **asked)
    answer = uppy.call("POST" if path != "/s3/params" else "GET", path, {}, Origin=ELSEWHERE)

    assert (before.status, before.headers["Access-Control-Allow-Origin"]) == (204, ELSEWHERE)
    assert "Authorization" in before.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Allow-Origin"] == ELSEWHERE  # of a problem too
    assert answer.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in {**before.headers, **answer.headers}


@pytest.mark.parametrize("origins", [(), (ELSEWHERE,)])
def test_a_page_of_another_origin_may_not(by_pass: Uppy, origins: tuple[str, ...]):
    uppy = Uppy(by_pass.ports, by_pass.endpoint, {}, Deployment(browser_origins=origins))

    before = uppy.call("OPTIONS", "/s3/multipart", Origin="https://upload.example.org.evil.example")
    answer = uppy.call("POST", "/s3/multipart", ASKED, Origin="https://evil.example")

    assert before.status == 403
    assert "Access-Control-Allow-Origin" not in {**before.headers, **answer.headers}


def test_the_contracts_own_routes_stay_closed_to_other_origins(by_token: Uppy):
    answer = Uppy(by_token.ports, "", by_token.headers).call("GET", "/v1/sessions", Origin=ELSEWHERE)

    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_no_log_line_has_a_pass(by_pass: Uppy, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")

    place, key = by_pass.open()
    by_pass.send(place, key, [FILM])
    by_pass.call("GET", f"{place}?key=wrong")

    secret = by_pass.endpoint.rpartition(".")[2]
    ours = [each for each in caplog.records if each.name.startswith("chalicelib")]
    told = "\n".join(f"{each.getMessage()} {vars(each)}" for each in ours)
    assert told
    assert secret not in told
    assert SECRET not in told


def test_a_session_that_awaits_its_first_film_is_shown_like_any_other(by_token: Uppy):
    by_token.open()
    caller = Caller(app_over(by_token.ports), by_token.headers)

    shown = caller.call("GET", SESSION).document
    listed = caller.call("GET", "/v1/sessions").document
    trail = caller.call("GET", f"{SESSION}/audit").document

    assert (shown["state"], shown["chapters"]) == ("OPEN", [])
    assert [each["session_id"] for each in listed["sessions"]] == ["match-17-north"]
    assert "landing" in [step["thing"] for entry in trail["entries"] for step in entry["steps"]]
