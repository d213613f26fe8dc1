"""Which project a call is about: the token's own, or the one that a token of all projects names in a header."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.ids import DeviceId
from chalicelib.core.tokens import ALL_PROJECTS, GRANTED, Role
from tests.support import story
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    SESSION_NAME,
    MemoryPorts,
    make_picture,
    make_session_id,
    memory_ports,
    recorded,
)
from tests.web.calls import CALLS, WITH_TOKEN
from tests.web.client import Caller, app_over, with_token
from tests.web.usual import CAMERA, CHAPTER, CHAPTERS, CONFIRMED, HOLD, SESSION, UPLOAD, opened, stored

THEIRS = make_session_id(project="club")
CLUBS_DEVICE = DeviceId("d_of_the_club")
ANOTHER_BODY = {"camera": CAMERA, "chapters": [{**CHAPTER, "size_bytes": 26}]}


def caller(ports: MemoryPorts, role: Role, of: str, **headers: str) -> Caller:
    """Somebody with a token of this project, or of all, who sends these headers as well."""
    device_id = {"main": DEVICE_ID, "club": CLUBS_DEVICE}.get(of) if role is Role.DEVICE else None
    known = with_token(ports.records, role, of, device_id)
    return Caller(app_over(ports), {**known, "Reelhaul-Client-Version": "0.1.0", **headers})


def named(project: str) -> dict[str, str]:
    return {"Reelhaul-Project": project}


def with_both() -> MemoryPorts:
    """Ports with the usual session, and another project's of the same name and camera."""
    ports = opened()
    ports.records.arrange(make_picture(session_id=THEIRS, device_id=CLUBS_DEVICE, group="of the club"))
    return ports


def test_two_projects_give_their_sessions_the_same_name_and_neither_hears_of_the_other():
    ports = memory_ports()
    ours, theirs = caller(ports, Role.DEVICE, "main"), caller(ports, Role.DEVICE, "club")

    statuses = [ours.call("PUT", SESSION, CONFIRMED).status, theirs.call("PUT", SESSION, ANOTHER_BODY).status]

    assert statuses == [201, 201]
    for device, project, size_bytes in ((ours, "main", 25), (theirs, "club", 26)):
        shown = device.call("GET", SESSION).document
        assert (shown["session_id"], shown["project"]) == (SESSION_NAME, project)
        assert [each["size_bytes"] for each in shown["chapters"]] == [size_bytes]
        listed = device.call("GET", CHAPTERS).document["chapters"]
        assert [(each["session_id"], each["size_bytes"]) for each in listed] == [(SESSION_NAME, size_bytes)]


def test_a_session_of_another_project_is_not_found_in_the_same_words_as_none():
    stranger = caller(opened(), Role.DEVICE, "club")

    there = stranger.call("GET", SESSION)
    nowhere = stranger.call("GET", "/v1/sessions/never-heard-of")

    assert there.problem == nowhere.problem == (404, "not-found", "stop")
    assert there.said == nowhere.said


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.PROCESSOR])
def test_a_token_of_all_projects_means_main_unless_it_names_one(role: Role):
    ports = with_both()
    by_default, ours, theirs = (
        caller(ports, role, ALL_PROJECTS, **said) for said in ({}, named("main"), named("club"))
    )

    assert by_default.call("GET", SESSION).document["project"] == "main"
    assert ours.call("GET", SESSION).document["project"] == "main"
    assert theirs.call("GET", SESSION).document["project"] == "club"


def test_what_a_token_of_all_projects_does_it_does_to_the_session_of_the_project_that_it_names():
    ports = with_both()

    answer = caller(ports, Role.OPERATOR, ALL_PROJECTS, **named("club")).call("POST", f"{SESSION}/hold", HOLD)

    assert answer.status == 200
    assert recorded(ports, THEIRS).session.held == HOLD["reason"]
    assert recorded(ports).session.held is None


def test_a_name_that_only_another_project_has_is_not_found_in_main():
    ports = memory_ports(make_picture(session_id=THEIRS))

    assert caller(ports, Role.OPERATOR, ALL_PROJECTS).call("GET", SESSION).status == 404
    assert caller(ports, Role.OPERATOR, ALL_PROJECTS, **named("club")).call("GET", SESSION).status == 200


@pytest.mark.parametrize("role", GRANTED)
def test_a_token_of_one_project_may_name_its_own(role: Role):
    ports = with_both()

    assert caller(ports, role, "club", **named("club")).call("GET", SESSION).document["project"] == "club"


@pytest.mark.parametrize("role", GRANTED)
def test_a_token_of_one_project_that_names_another_finds_nothing_on_any_route(role: Role):
    ports = with_both()
    before = (recorded(ports), recorded(ports, THEIRS))
    stranger = caller(ports, role, "main", **named("club"))

    answers = {route: stranger.call(*CALLS[route].said) for route in WITH_TOKEN}

    found = {route for route, each in answers.items() if each.problem != (404, "not-found", "stop")}
    assert found == set()
    assert (recorded(ports), recorded(ports, THEIRS)) == before


@pytest.mark.parametrize("said", ["*", "Main", "main/match-17", "-main", "a" * 41, "ma in", "m\u00e4in"])
def test_what_is_no_projects_name_is_refused_on_every_route(said: str):
    operator = caller(opened(), Role.OPERATOR, ALL_PROJECTS, **named(said))

    answers = {route: operator.call(*CALLS[route].said) for route in WITH_TOKEN}

    for route, answer in answers.items():
        assert answer.problem == (400, "invalid-request", "stop"), route
        assert "a project has 1 to 40 characters" in answer.document["detail"], route


@pytest.mark.parametrize("name", ["main%2Fmatch-17-north", "club%2Fmatch-17-north", "..%2Fmatch-17-north"])
def test_a_path_names_no_project(name: str):
    answer = caller(with_both(), Role.OPERATOR, ALL_PROJECTS).call("GET", f"/v1/sessions/{name}")

    assert answer.status in (400, 404)


def test_a_path_that_a_gateway_decodes_names_no_project_either():
    operator = caller(with_both(), Role.OPERATOR, ALL_PROJECTS)

    answer = operator.hand_over("GET", "/v1/sessions/{session_id}", {"session_id": THEIRS}, None)

    assert answer.problem == (400, "invalid-request", "stop")


@pytest.mark.parametrize("said", [{}, {"Reelhaul-Project": "main"}, {"Reelhaul-Project": "club"}])
def test_an_upload_is_known_by_its_id_alone_to_a_token_of_all_projects(said: dict[str, str]):
    shown = caller(opened(), Role.OPERATOR, ALL_PROJECTS, **said).call("GET", UPLOAD).document

    assert (shown["project"], shown["session_id"]) == ("main", SESSION_NAME)


def test_an_upload_of_another_project_is_not_found():
    ports = opened()

    assert caller(ports, Role.OPERATOR, "club").call("GET", UPLOAD).status == 404
    assert caller(ports, Role.OPERATOR, "main").call("GET", UPLOAD).status == 200


def test_a_cursor_of_one_project_leads_nowhere_in_another():
    ports = memory_ports(*[make_picture(session_id=make_session_id(f"s-{place:02}")) for place in range(21)])
    cursor = caller(ports, Role.DEVICE, "main").call("GET", CHAPTERS).document["cursor"]

    answer = caller(ports, Role.DEVICE, "club").call("GET", f"{CHAPTERS}?cursor={cursor}")

    assert answer.document["chapters"] == []


@pytest.mark.parametrize(
    "of", [stored, lambda: story.processed([story.VIDEO]), lambda: story.cleaned([story.VIDEO])]
)
def test_no_answer_shows_the_id_that_is_kept(of: Callable[[], MemoryPorts]):
    """Names are the wire's; the project is a member of its own, and a step of keys alone."""
    ports = of()
    operator = caller(ports, Role.OPERATOR, "main")

    for path in (SESSION, f"{SESSION}/artifacts", CHAPTERS):
        assert SESSION_ID not in texts(operator.call("GET", path).document)


def texts(document: Any) -> list[str]:
    """Every text in a document but keys of objects."""
    if isinstance(document, dict):
        return [text for name, each in document.items() if name != "key" for text in texts(each)]
    if isinstance(document, list):
        return [text for each in document for text in texts(each)]
    return [document] if isinstance(document, str) else []
