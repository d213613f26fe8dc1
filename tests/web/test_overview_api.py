"""GET /v1/overview: its shape, its ETag, and how often queue and reconciler are asked."""

from datetime import timedelta

import pytest

from chalicelib.core.rounds import LastRound
from chalicelib.core.tokens import Role
from chalicelib.flows import operations
from chalicelib.web.api.overview import KEPT_S
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts
from tests.support.counted import counted
from tests.web.client import Answer, Caller, caller_of, device_of
from tests.web.usual import PROGRESS, SESSION, opened, stored

OVERVIEW = "/v1/overview"


def asked(caller: Caller, **headers: str) -> Answer:
    return caller.call("GET", OVERVIEW, headers=headers)


def operator(ports: MemoryPorts) -> Caller:
    return caller_of(ports, Role.OPERATOR)


def test_a_session_that_needs_a_person_is_told_in_its_own_words():
    ports = stored()
    operations.fail(ports, story.PROCESSOR, SESSION_ID, "no light", None)

    document = asked(operator(ports)).document

    [needy] = document["attention"]["sessions"]
    assert document["attention"]["count"] == document["figures"]["sessions"]["needing"] == 1
    assert (needy["session_id"], needy["state"]) == (SESSION_ID.partition("/")[2], "FAILED")
    assert needy["needs"] == [{"kind": "failed", "detail": "no light", "count": 1}]


def test_days_tell_of_sessions_and_their_bytes():
    ports = opened()

    days = asked(operator(ports)).document["days"]

    assert len(days) == 30
    assert (days[-1]["sessions"], days[-1]["size_bytes"] > 0) == (1, True)
    assert days[0]["sessions"] == 0


def test_an_overview_that_is_known_is_not_sent_again_until_something_changed():
    ports = opened()
    caller = operator(ports)
    device_of(ports).call("POST", f"{SESSION}/progress", PROGRESS)
    tag = asked(caller).headers["ETag"]

    ports.clock.advance(5)
    again = asked(caller, **{"If-None-Match": tag})
    device_of(ports).call("POST", f"{SESSION}/progress", PROGRESS)

    assert (again.status, again.headers["ETag"]) == (304, tag)
    assert asked(caller, **{"If-None-Match": tag}).status == 200


def test_what_is_of_the_whole_deployment_is_asked_for_once_in_half_a_minute():
    ports, calls = counted(opened())
    caller = operator(ports)

    for _ in range(3):
        assert asked(caller).document["dead_letters"] == 0
    ports.clock.advance(KEPT_S)
    asked(caller)

    assert (calls["dead_letters"], calls["last_round"]) == (2, 2)


@pytest.mark.parametrize(
    ("finished", "age_s", "word"), [(True, 0, "ok"), (False, 0, "late"), (True, 1800, "silent")]
)
def test_a_reconciler_that_stopped_or_left_sessions_out_is_told(finished: bool, age_s: int, word: str):
    ports = opened()
    ended_at = ports.clock.now() - timedelta(seconds=age_s)
    ports.records.put_last_round(LastRound(ended_at, ended_at, 1, 0, 0, 0, finished=finished, swept=True))

    assert asked(operator(ports)).document["reconciler"] == word
