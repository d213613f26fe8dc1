"""The client of infra/client.py: each of its calls is one of the contract, and it takes what that may answer."""

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, inspect

from chalicelib.web.contract import answers
from chalicelib.web.contract.document import answer_names
from infra import client as module
from infra.client import BadAnswer, CallFailed, Client, NoAnswer, Problem, Route
from infra.local.http_server import Server
from tests.support import story
from tests.support.builders import MemoryPorts
from tests.support.memory import crc64nvme_of
from tests.web.calls import CALLS, SHARE_ID, shared
from tests.web.client import app_over
from tests.web.contract import ROUTES
from tests.web.in_process import InProcess
from tests.web.principals import headers_of
from tests.web.usual import (
    ARTIFACT_ID,
    BODIES,
    CAMERA,
    CONFIRMED,
    EVIDENCE,
    OUTPUT_ID,
    PROGRESS,
    SECOND_FILM_ID,
    SESSION,
    UPLOAD,
    from_a_browser,
    making,
    opened,
    stored,
    with_parts,
)

ADDRESS = "http://coordinator"
NAME = SESSION.rpartition("/")[2]
UPLOAD_ID = UPLOAD.rpartition("/")[2]
OWN_ROUTES = {name: each for name, each in vars(module).items() if isinstance(each, Route)}
WITHOUT_METHOD = {
    *("/v1/openapi.json", "/v1/docs"),
    *("/v1/health", "/v1/health/detail"),  # for monitors, which ask with curl
    *("/v1/enrolments", "/v1/token/rotate"),  # for the machine that holds the token
    "/v1/login",  # for the page
    "/v1/push-tickets",  # for the page
    "/v1/sessions/{session_id}/upload-passes",  # for the server of somebody else's page
}
"""What is for other readers."""


def client_of(ports: MemoryPorts, caller: str = "opr") -> Client:
    written = headers_of(caller, ports)["Authorization"].removeprefix("Bearer ")
    made = Client(ADDRESS, written, client_version="0.1.0")
    made._session.mount(ADDRESS, InProcess(app_over(ports)))
    return made


PARTS = {number: crc64nvme_of(body) for number, body in BODIES.items()}

# What each method is called with, by whom, and in which world.
USES: dict[str, tuple[Callable[[Client], Any], str, Callable[[], MemoryPorts]]] = {
    "session": (lambda c: c.session(NAME), "prc", with_parts),
    "sessions": (lambda c: c.sessions(state="OPEN", limit=1), "opr", with_parts),
    "all_sessions": (lambda c: list(c.all_sessions()), "opr", with_parts),
    "group": (lambda c: c.group("match-17"), "opr", with_parts),
    "confirm_session": (lambda c: c.confirm_session("another", CONFIRMED), "own", with_parts),
    "withdraw_film": (lambda c: c.withdraw_film(NAME, SECOND_FILM_ID), "opr", from_a_browser),
    "progress": (lambda c: c.progress(NAME, PROGRESS), "own", with_parts),
    "order": (lambda c: c.order(NAME, [OUTPUT_ID], {"speed_kmh": 7.5}), "opr", with_parts),
    "fail": (lambda c: c.fail(NAME, "the lights cannot be seen"), "prc", with_parts),
    "hold": (lambda c: c.hold(NAME, "the referee wants to look first"), "opr", with_parts),
    "release": (lambda c: c.release(NAME), "opr", with_parts),
    "restore": (lambda c: c.restore(NAME, "the referee asks", [ARTIFACT_ID]), "opr", story.cleaned),
    "audit": (lambda c: c.audit(NAME), "opr", stored),
    "limits": (lambda c: c.limits(), "opr", with_parts),
    "overview": (lambda c: c.overview(), "opr", with_parts),
    "statistics": (lambda c: c.statistics(), "opr", with_parts),
    "devices": (lambda c: c.devices(), "opr", with_parts),
    "artifacts": (lambda c: c.artifacts(NAME), "prc", story.processed),
    "artifact_url": (lambda c: c.artifact_url(NAME, ARTIFACT_ID), "prc", stored),
    "proof_urls": (lambda c: c.proof_urls(NAME, ARTIFACT_ID, [(0, 10)]), "own", stored),
    "tell_evidence": (lambda c: c.tell_evidence(NAME, ARTIFACT_ID, EVIDENCE), "own", stored),
    "open_upload": (lambda c: c.open_upload(NAME, OUTPUT_ID, 25), "prc", making),
    "upload": (lambda c: c.upload(UPLOAD_ID), "prc", making),
    "part_urls": (
        lambda c: c.part_urls(UPLOAD_ID, PARTS),
        "prc",
        making,
    ),
    "complete": (lambda c: c.complete(UPLOAD_ID), "prc", making),
    "cancel": (lambda c: c.cancel(UPLOAD_ID), "prc", making),
    "frames": (lambda c: c.frames(NAME, limit=2), "prc", CALLS["frames"].world),
    "summary": (lambda c: c.summary(NAME), "prc", CALLS["frames"].world),
    "frames_url": (lambda c: c.frames_url(NAME), "prc", CALLS["frames"].world),
    "share": (lambda c: c.share(NAME, "the coach", 60), "opr", with_parts),
    "shares": (lambda c: c.shares(NAME), "opr", shared),
    "revoke_share": (lambda c: c.revoke_share(NAME, SHARE_ID), "opr", shared),
    "report": (lambda c: c.report(NAME), "prc", CALLS["frames"].world),
    "known_chapters": (lambda c: c.known_chapters(CAMERA["serial"]), "prc", with_parts),
}


def test_each_method_is_used_here():
    methods = {name for name in vars(Client) if not name.startswith("_")} - {"ask", "of_project"}

    assert methods == set(USES)


@pytest.mark.parametrize("method", USES)
def test_a_method_gets_the_answer_that_it_is_for(method: str):
    use, caller, world = USES[method]

    assert use(client_of(world(), caller))


@pytest.mark.parametrize("name", OWN_ROUTES)
def test_a_call_of_the_client_is_one_of_the_contract(name: str):
    own = OWN_ROUTES[name]

    [told] = [each for each in ROUTES if (each.method, each.path) == (own.method, own.path)]

    for answer in answer_names(told)[:1]:
        assert misfits(inspect.type_info(own.answer), inspect.type_info(getattr(answers, answer)), name) == []


def test_the_client_knows_every_call_of_the_contract():
    known = {(each.method, each.path) for each in OWN_ROUTES.values()}

    assert {(each.method, each.path) for each in ROUTES if each.path not in WITHOUT_METHOD} == known


def misfits(own: Any, told: Any, place: str) -> list[str]:
    """Where the client's type does not take what the contract may answer."""
    match own, told:
        case _, inspect.Metadata():
            return misfits(own, told.type, place)
        case inspect.UnionType(), inspect.UnionType():
            return [fault for each in told.types for fault in _of_any(own.types, each, place)]
        case inspect.UnionType(), _:
            return _of_any(own.types, told, place)
        case inspect.StructType(), inspect.StructType():
            members = {field.encode_name: field for field in told.fields}
            return [fault for field in own.fields for fault in _member(field, members, place)]
        case inspect.ListType(), inspect.ListType():
            return misfits(own.item_type, told.item_type, f"{place}[]")
        case inspect.DictType(), inspect.DictType():
            return misfits(own.value_type, told.value_type, f"{place}{{}}")
        case inspect.DictType(), inspect.StructType():
            return [] if isinstance(own.value_type, inspect.AnyType) else [place]
        case inspect.StrType(), inspect.LiteralType():
            return []
        case inspect.AnyType(), _:
            return []
    return [] if type(own) is type(told) else [f"{place}: {own} does not take {told}"]


def _of_any(own: Any, told: Any, place: str) -> list[str]:
    faults = [misfits(each, told, place) for each in own]
    return [] if [] in faults else faults[0]


def _member(field: Any, told: dict[str, Any], place: str) -> list[str]:
    if field.encode_name not in told:
        return [f"{place}: the contract has no {field.encode_name}"]
    of_contract = told[field.encode_name]
    if of_contract.default is UNSET and field.required:
        return [f"{place}: the contract may leave out {field.encode_name}"]
    return misfits(field.type, of_contract.type, f"{place}.{field.encode_name}")


def test_what_does_not_fit_is_noticed():
    class Loose(msgspec.Struct):
        size_bytes: int | None
        state: str

    class Own(msgspec.Struct):
        size_bytes: int
        gone: str

    found = misfits(inspect.type_info(Own), inspect.type_info(Loose), "answer")

    assert len(found) == 2
    assert found[1] == "answer: the contract has no gone"


def test_the_client_is_one_file_of_its_own():
    tree = ast.parse(Path(module.__file__).read_text())
    named = {
        (each.module if isinstance(each, ast.ImportFrom) else alias.name) or ""
        for each in ast.walk(tree)
        if isinstance(each, ast.Import | ast.ImportFrom)
        for alias in each.names
    }

    assert {name.partition(".")[0] for name in named} - set(sys.stdlib_module_names) == {
        "requests",
        "msgspec",
    }


def test_the_list_goes_from_page_to_page():
    ports = with_parts()
    device, operator = client_of(ports, "own"), client_of(ports)
    for number in range(3):
        device.confirm_session(f"more-{number}", CONFIRMED)
        ports.clock.advance(1)

    found = [row.session_id for row in operator.all_sessions(limit=1)]

    assert sorted(found) == ["match-17-north", "more-0", "more-1", "more-2"]


def test_a_problem_says_what_to_do():
    with pytest.raises(Problem) as told:
        client_of(opened()).session("never-heard-of")

    assert (told.value.status, told.value.slug, told.value.action) == (404, "not-found", "stop")
    assert told.value.members["status"] == 404


def test_a_client_of_all_projects_names_one():
    ports = opened()
    everywhere = client_of(ports, "opA")

    assert everywhere.of_project("main").session(NAME).project == "main"
    with pytest.raises(Problem, match="404"):
        everywhere.of_project("club").session(NAME)
    assert everywhere.session(NAME).project == "main"


def test_a_name_with_a_slash_is_one_step_of_a_path():
    with pytest.raises(Problem) as told:
        client_of(opened()).session("main/match-17-north")

    assert told.value.status in (400, 404)


@pytest.mark.parametrize(
    ("status", "body", "headers", "action", "retry_after_s"),
    [
        (429, b'{"message": "Limit Exceeded"}', [], "retry", None),
        (504, b'{"message": "Endpoint request timed out"}', [], "retry", None),
        (503, b"<html>", [("Retry-After", "7")], "retry", 7),
        (503, b"{}", [("Retry-After", "Fri, 21 Nov 2026 10:00:00 GMT")], "retry", None),
        (403, b'{"message": "Missing Authentication Token"}', [], "stop", None),
    ],
)
def test_what_the_gateway_answers_by_itself_is_a_problem_without_a_name(
    status: int, body: bytes, headers: list[tuple[str, str]], action: str, retry_after_s: int | None
):
    with answering(status, body, headers) as server, pytest.raises(Problem) as told:
        Client(server.url, "t_a.secret").session(NAME)

    assert (told.value.status, told.value.slug) == (status, None)
    assert (told.value.action, told.value.retry_after_s) == (action, retry_after_s)


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (200, b""), (204, b""), (302, b"")]
)
def test_what_the_coordinator_never_answers_is_told_as_that(status: int, body: bytes):
    with answering(status, body, [("Location", "http://127.0.0.1:9/")]) as server, pytest.raises(BadAnswer):
        Client(server.url, "t_a.secret").session(NAME)


def test_no_error_has_the_address_or_the_token():
    with pytest.raises(NoAnswer) as told:
        Client("http://127.0.0.1:9/secret-place", "t_a.s3cret").session(NAME)

    assert isinstance(told.value, CallFailed)
    assert "secret" not in str(told.value)
    assert told.value.__suppress_context__


def answering(status: int, body: bytes, headers: list[tuple[str, str]]) -> Server:
    """A server that answers everything so."""

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        start_response(f"{status} Told", [("Content-Length", str(len(body))), *headers])
        return [body]

    return Server(answer)


def test_a_netrc_for_every_host_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    said: list[str | None] = []

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        said.append(environ.get("HTTP_AUTHORIZATION"))
        start_response("404 Told", [("Content-Length", "2")])
        return [b"{}"]

    with Server(answer) as server, pytest.raises(Problem):
        Client(server.url, "t_a.secret").session(NAME)

    assert said == ["Bearer t_a.secret"]
