"""The lists of sessions over the wire: what a row has, how pages lead on, and which questions are refused."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from chalicelib.core.ids import DeviceId
from chalicelib.core.session import Camera, SessionState
from chalicelib.core.times import rfc3339
from chalicelib.core.tokens import ALL_PROJECTS, Device, Role
from chalicelib.ports import Enlisting
from tests.support import story
from tests.support.builders import DEVICE_ID, START, MemoryPorts, make_picture, make_session_id, memory_ports
from tests.web.client import Answer, Caller, app_over, caller_of, device_of, with_token
from tests.web.contract import documented, shape
from tests.web.usual import PROGRESS, SESSION, opened, stored

SESSIONS = "/v1/sessions"


def listed(ports: MemoryPorts, **query: object) -> Answer:
    return caller_of(ports, Role.OPERATOR).call("GET", f"{SESSIONS}?{urlencode(query)}")


def names(answer: Answer) -> list[str]:
    return [row["session_id"] for row in answer.document["sessions"]]


def several(count: int, **facts: Any) -> MemoryPorts:
    """So many sessions, `s-0` the newest."""
    return memory_ports(
        *(
            make_picture(
                session_id=make_session_id(f"s-{place}"), created_at=START - timedelta(seconds=place), **facts
            )
            for place in range(count)
        )
    )


def test_a_row_tells_what_a_page_shows():
    ports = stored()
    device_of(ports).call("POST", f"{SESSION}/progress", PROGRESS)

    [row] = listed(ports).document["sessions"]

    whole = device_of(ports).call("GET", SESSION).document
    assert {name: row[name] for name in row if name in whole and name != "chapters"} == {
        name: whole[name] for name in row if name in whole and name != "chapters"
    }
    assert row["chapters"] == {"count": 1, "size_bytes": 25, "verified": 1, "verified_bytes": 25}
    assert row["stored_at"] == whole["chapters"][0]["receipt"]["verified_at"]
    assert set(row) - set(whole) == {"stored_at"}


def test_what_is_not_yet_is_null():
    [row] = listed(opened()).document["sessions"]

    nulls = {name for name, value in row.items() if value is None}
    assert nulls == {"group", "progress", "failure", "held", "stored_at", "processed_at", "cleaned_at"}


def test_a_cleaned_session_keeps_the_times_of_its_story():
    [row] = listed(story.cleaned()).document["sessions"]

    assert row["state"] == "CLEANED"
    assert row["stored_at"] <= row["processed_at"] <= row["cleaned_at"]


def test_the_answers_are_the_contracts():
    ports = stored()
    device_of(ports).call("POST", f"{SESSION}/progress", PROGRESS)

    assert shape(listed(ports).document) == shape(documented('{"sessions"'))


def test_pages_lead_from_the_first_to_the_last_session():
    ports = several(5)
    first = listed(ports, limit=2)
    second = listed(ports, limit=2, cursor=first.document["cursor"])
    third = listed(ports, limit=2, cursor=second.document["cursor"])

    assert [names(page) for page in (first, second, third)] == [["s-0", "s-1"], ["s-2", "s-3"], ["s-4"]]
    assert third.document["cursor"] is None


def test_without_a_limit_a_page_has_fifty_sessions():
    assert len(names(listed(several(51)))) == 50


@pytest.mark.parametrize(
    ("asked", "facts"),
    [
        ({"state": "FAILED"}, {"state": SessionState.FAILED}),
        ({"device": "d_south"}, {"device_id": DeviceId("d_south")}),
        ({"camera": "C99"}, {"camera": Camera("C99")}),
        ({"group": "final/ü 1"}, {"group": "final/ü 1"}),
        ({"text": "SOUTH"}, {}),
        ({"created_from": "2026-11-22"}, {"created_at": START + timedelta(days=1)}),
        ({"created_from": "2026-11-22T13:00:00+01:00"}, {"created_at": START + timedelta(days=1)}),
    ],
)
def test_a_question_narrows_the_list(asked: dict[str, str], facts: dict[str, Any]):
    wanted = make_picture(session_id=make_session_id("south"), **facts)
    ports = memory_ports(make_picture(), wanted)

    assert names(listed(ports, **asked)) == ["south"]


def test_the_end_of_a_time_is_not_in_it():
    assert names(listed(several(1), created_to="2026-11-21T12:00:00Z")) == []
    assert names(listed(several(1), created_to="2026-11-21T12:00:00.000001Z")) == ["s-0"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("state", value) for value in ("", "open", "DONE")),
        *(("device", value) for value in ("", "d 1", "d/1", "d" * 61)),
        *(("camera", value) for value in ("", "C-1", "C" * 41)),
        *(("group", value) for value in ("", "a\nb", "g" * 101)),
        *(("text", value) for value in ("", "a/b", "a b", "t" * 101)),
        *(
            ("created_from", value)
            for value in (
                "",
                "today",
                "2026-13-01",
                "2026-11-21T10:15:00",
                "2026-11-21T10:15:00 01:00",
                "0001-01-01T00:00:00+01:00",
                "9999-12-31T23:59:59-01:00",
                "20261121",
                "2026-W47-6",
            )
        ),
        ("created_to", "2026-11-21T25:00:00Z"),
        *(("limit", value) for value in ("", "0", "101", "-1", "1.5", "ten", "9" * 16)),
        *(("cursor", value) for value in ("", "nonsense", "MjAyNi0xMS0yMQ", "a" * 2001)),
        ("colour", "red"),
        ("project", "main"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_its_parameter_named(name: str, value: str):
    answer = listed(opened(), **{name: value})

    assert answer.problem == (400, "invalid-request", "stop")
    assert name in answer.document["detail"]


def test_a_cursor_of_one_list_is_a_place_in_every_other():
    ports = several(4, group="match-17")
    cursor = listed(ports, limit=2).document["cursor"]

    assert names(listed(ports, state="OPEN", cursor=cursor)) == ["s-2", "s-3"]
    assert names(group_of(ports, "match-17", cursor=cursor)) == ["s-2", "s-3"]


def group_of(ports: MemoryPorts, group: str, **query: object) -> Answer:
    return caller_of(ports, Role.OPERATOR).call("GET", f"/v1/groups/{quote(group)}?{urlencode(query)}")


def test_a_group_has_its_sessions_across_cameras():
    ports = memory_ports(
        make_picture(session_id=make_session_id("north"), group="match-17", camera=Camera("C1")),
        make_picture(session_id=make_session_id("other"), group="match-18"),
        make_picture(session_id=make_session_id("south"), group="match-17", camera=Camera("C2")),
        make_picture(session_id=make_session_id("theirs", "club"), group="match-17"),
    )

    answer = group_of(ports, "match-17")

    assert names(answer) == ["south", "north"]
    assert (answer.document["group"], answer.document["cursor"]) == ("match-17", None)
    assert set(answer.document) == set(documented('{"group"'))


def test_a_group_that_nobody_named_is_empty():
    assert group_of(opened(), "unknown").document == {"group": "unknown", "sessions": [], "cursor": None}


def test_the_pages_of_a_group_lead_on():
    ports = several(3, group="match-17")
    first = group_of(ports, "match-17", limit=2)

    assert names(first) == ["s-0", "s-1"]
    assert names(group_of(ports, "match-17", limit=2, cursor=first.document["cursor"])) == ["s-2"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"cursor": "made-up"}, {"state": "OPEN"}])
def test_a_group_refuses_what_it_cannot_answer(query: dict[str, object]):
    assert group_of(opened(), "match-17", **query).problem == (400, "invalid-request", "stop")


@pytest.mark.parametrize("group", ["g" * 101, "a\x7fb"])
def test_no_group_has_such_a_name(group: str):
    ports = opened()
    operator = caller_of(ports, Role.OPERATOR)

    answer = operator.hand_over("GET", "/v1/groups/{group}", {"group": group}, None)

    assert answer.problem == (400, "invalid-request", "stop")


def test_a_token_of_all_projects_lists_the_project_that_it_names():
    ports = memory_ports(make_picture(), make_picture(session_id=make_session_id("theirs", "club")))
    headers = with_token(ports.records, Role.OPERATOR, ALL_PROJECTS)

    def asked(**more: str) -> list[str]:
        return names(Caller(app_over(ports), headers | more).call("GET", SESSIONS))

    assert asked() == ["match-17-north"]
    assert asked(**{"Reelhaul-Project": "club"}) == ["theirs"]


def test_a_device_sees_its_own_sessions_alone():
    theirs = make_picture(
        session_id=make_session_id("theirs"), device_id=DeviceId("d_south"), group="match-17"
    )
    ports = memory_ports(make_picture(group="match-17"), theirs)
    device = device_of(ports)

    assert names(device.call("GET", SESSIONS)) == ["match-17-north"]
    assert names(device.call("GET", f"{SESSIONS}?device=d_south")) == []
    assert names(device.call("GET", "/v1/groups/match-17")) == ["match-17-north"]


def encoded(plain: str) -> str:
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def with_devices(count: int) -> MemoryPorts:
    """The usual session, and so many devices, `n-0` the newest; the usual one is not among them."""
    ports = stored()
    for place in range(count):
        made = Device(DeviceId(f"d_{place}"), f"n-{place}", "main", START - timedelta(seconds=place))
        ports.records.enlist(Enlisting(device=made))
    return ports


def devices(ports: MemoryPorts, **query: object) -> Answer:
    return caller_of(ports, Role.OPERATOR).call("GET", f"/v1/devices?{urlencode(query)}")


def test_devices_are_listed_page_by_page():
    ports = with_devices(3)
    first = devices(ports, limit=2)
    second = devices(ports, limit=2, cursor=first.document["cursor"])

    assert [row["name"] for page in (first, second) for row in page.document["devices"]] == [
        "n-0",
        "n-1",
        "n-2",
    ]
    assert second.document["cursor"] is None


def test_a_device_that_sends_a_heartbeat_is_heard_as_the_contract_shows_it():
    ports = with_devices(0)
    ports.records.enlist(Enlisting(device=Device(DEVICE_ID, "north", "main", START)))
    device_of(ports).call("POST", f"{SESSION}/progress", PROGRESS)
    ports.clock.advance(7)

    page = devices(ports).document

    assert shape(page) == shape(documented('{"devices"'))
    [row] = page["devices"]
    assert (row["silent_s"], row["hauling"], row["session_id"]) == (7, False, "match-17-north")
    assert (row["camera"]["serial"], row["client_version"]) == ("C3501324500711", "0.1.0")
    assert (row["waiting_bytes"], row["predicted_clear_at"]) == (0, None)


def test_of_a_device_that_hauls_it_is_told_what_waits_and_until_when():
    ports = opened()
    ports.records.enlist(Enlisting(device=Device(DEVICE_ID, "north", "main", START)))
    told = {**PROGRESS, "rate_up_bytes_s": 5, "rate_down_bytes_s": 9}
    device_of(ports).call("POST", f"{SESSION}/progress", told)

    [row] = devices(ports).document["devices"]

    assert (row["hauling"], row["silent"], row["waiting_bytes"]) == (True, False, 25)
    assert (row["rate_down_bytes_s"], row["rate_up_bytes_s"]) == (9, 5)
    assert row["predicted_clear_at"] == rfc3339(START + timedelta(seconds=5))


def test_a_list_that_is_known_is_not_sent_again():
    ports = with_devices(3)
    for path in ("/v1/devices", "/v1/sessions", "/v1/groups/match-17"):
        caller = caller_of(ports, Role.OPERATOR)
        tag = caller.call("GET", path).headers["ETag"]

        assert caller.call("GET", path, headers={"If-None-Match": tag}).status == 304


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 101}, {"cursor": "made-up"}, {"cursor": ""}, {"state": "OPEN"}]
)
def test_a_question_about_devices_that_cannot_be_is_refused(query: dict[str, object]):
    assert devices(opened(), **query).problem == (400, "invalid-request", "stop")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda written: f"{written}=", id="padded"),
        pytest.param(
            lambda _: encoded("2026-11-21T12:00:00+00:00#d_0"), id="another form of the same moment"
        ),
        pytest.param(lambda _: encoded("2026-11-21T13:00:00.000000+01:00#d_0"), id="another time zone"),
        pytest.param(lambda _: encoded("2026-11-21T12:00:00.000000#d_0"), id="no time zone"),
    ],
)
def test_a_cursor_of_devices_is_taken_only_as_it_was_written(changed: Callable[[str], str]):
    ports = with_devices(2)
    written = devices(ports, limit=1).document["cursor"]
    assert written == encoded("2026-11-21T12:00:00.000000+00:00#d_0")

    assert devices(ports, cursor=written).status == 200
    assert devices(ports, cursor=changed(written)).problem == (400, "invalid-request", "stop")
