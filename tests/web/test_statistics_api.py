"""GET /v1/statistics: its shape, what may be asked, and who may ask."""

from urllib.parse import urlencode

import pytest

from chalicelib.core.tokens import Role
from tests.support import story
from tests.support.builders import MemoryPorts
from tests.web.client import Answer, caller_of, device_of
from tests.web.contract import documented, shape
from tests.web.usual import PROGRESS, SESSION, opened


def asked(ports: MemoryPorts, **query: str) -> Answer:
    return caller_of(ports, Role.OPERATOR).call("GET", f"/v1/statistics?{urlencode(query)}")


def test_the_answer_is_the_contracts():
    ports = opened()
    device_of(ports).call("POST", f"{SESSION}/progress", PROGRESS)

    answer = asked(ports, first_day="2026-11-21")

    assert answer.status == 200
    assert shape(answer.document) == shape(documented('{"project": "main", "device"'))


def test_the_query_narrows_and_is_answered_back():
    ports = story.processed()
    everything, nothing = (
        asked(ports, device=device, first_day="2026-11-21", last_day="2026-11-21").document
        for device in ("d_north", "d_east")
    )

    assert (everything["sessions"]["PROCESSED"], nothing["sessions"]["PROCESSED"]) == (1, 0)
    assert (nothing["device"], nothing["first_day"], nothing["last_day"]) == (
        "d_east",
        "2026-11-21",
        "2026-11-21",
    )


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"days": "7"}, "no such parameter"),
        ({"device": "d north"}, "device"),
        ({"first_day": "21.11.2026"}, "first_day: must be a day like 2026-11-21"),
        ({"first_day": "2026-02-30"}, "first_day"),
        ({"last_day": "2026-11-21T00:00:00Z"}, "last_day"),
        ({"first_day": "2026-11-21", "last_day": "2026-11-20"}, "not before it"),
        ({"first_day": "2023-11-17", "last_day": "2026-11-21"}, "at most 1099 days"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_the_parameter_named(query: dict[str, str], why: str):
    answer = asked(opened(), **query)

    assert (answer.status, answer.document["type"]) == (400, "urn:reelhaul:problem:invalid-request")
    assert why in answer.document["detail"]


@pytest.mark.parametrize("first_day", ["2026-11-21", "2023-11-18"])
def test_one_day_and_eleven_hundred_may_be_asked_for(first_day: str):
    assert asked(opened(), first_day=first_day, last_day="2026-11-21").status == 200
