"""The audit trail as operators read it."""

import pytest

from chalicelib.core.tokens import Role
from tests.support import story
from tests.support.builders import DEVICE_ID, MemoryPorts
from tests.web.client import Caller, caller_of, device_of
from tests.web.usual import CONFIRMED, HOLD, SESSION, opened

AUDIT = f"{SESSION}/audit"


def operator(ports: MemoryPorts) -> Caller:
    return caller_of(ports, Role.OPERATOR)


def test_the_trail_says_who_did_what_by_which_call():
    ports = opened()
    held = operator(ports).call("POST", f"{SESSION}/hold", HOLD)

    answer = operator(ports).call("GET", AUDIT)

    [entry] = answer.document["entries"]
    assert entry["who"] == "operator"
    assert entry["token_id"] == "t_operator-main-None-0"
    assert entry["route"] == "POST /v1/sessions/{session_id}/hold"
    assert entry["request_id"] == held.headers["X-Request-Id"]
    assert entry["steps"] == [{"thing": "hold", "name": None, "before": None, "after": HOLD["reason"]}]
    assert answer.document["cursor"] is None


def test_a_device_is_named_by_its_id():
    ports = opened()
    device_of(ports).call("PUT", f"{SESSION}-2", CONFIRMED)

    [entry] = operator(ports).call("GET", f"{SESSION}-2/audit").document["entries"]

    assert (entry["who"], entry["version"]) == (DEVICE_ID, 1)


def test_a_long_trail_comes_in_pages_that_lose_nothing():
    ports = opened()
    caller = operator(ports)
    for number in range(101):
        caller.call("POST", f"{SESSION}/hold", {"held": True, "reason": f"reason {number}"})

    first = caller.call("GET", AUDIT).document
    second = caller.call("GET", f"{AUDIT}?cursor={first['cursor']}").document

    assert (len(first["entries"]), len(second["entries"])) == (100, 1)
    assert second["entries"][0]["steps"][0]["after"] == "reason 100"
    assert second["cursor"] is None


@pytest.mark.parametrize("query", ["cursor=x", "cursor=", "cursor=-1", "since=1", "cursor=1.5"])
def test_a_cursor_that_is_none_is_refused(query: str):
    assert operator(opened()).call("GET", f"{AUDIT}?{query}").problem == (400, "invalid-request", "stop")


def test_the_trail_of_a_session_that_is_not_there_is_not_found():
    assert operator(opened()).call("GET", "/v1/sessions/nothing/audit").problem[0] == 404


def test_the_whole_story_can_be_read():
    ports = story.cleaned()

    entries = operator(ports).call("GET", AUDIT).document["entries"]

    assert [step["after"] for entry in entries for step in entry["steps"] if step["thing"] == "session"] == [
        "OPEN",
        "STORED",
        "PROCESSED",
        "CLEANED",
    ]
