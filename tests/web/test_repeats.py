"""What a repeated call does: nothing more, be it by its nature or by its Idempotency-Key."""

import threading
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.session import KEY_LIFE_S, MOST_KEYS
from chalicelib.core.tokens import Role
from tests.support.builders import MemoryPorts
from tests.web.calls import CALLS
from tests.web.client import Answer, caller_of, device_of
from tests.web.usual import ORDER, SESSION, picture_of, stored

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
OTHER = {**ORDER, "parameters": {"speed_kmh": 8}}
POSTS = [name for name, call in CALLS.items() if call.method == "POST"]


def ordered(ports: MemoryPorts, body: object = ORDER, key: dict[str, str] | None = None) -> Answer:
    return caller_of(ports, Role.OPERATOR).call("POST", f"{SESSION}/order", body, key)


def number_of(ports: MemoryPorts) -> int:
    order = picture_of(ports).session.order
    return order.number if order else 0


@pytest.mark.parametrize("name", POSTS)
def test_a_repeat_of_any_post_acts_once(name: str):
    call = CALLS[name]
    ports = call.world()
    callers = (device_of(ports), *(caller_of(ports, role) for role in (Role.PROCESSOR, Role.OPERATOR)))
    key = KEY if name == "order" else None
    caller = next(each for each in callers if call_with(each, call, key).status < 300)
    before = everything(ports)

    again = call_with(caller, call, key)

    assert again.status < 300
    assert everything(ports) == before


def call_with(caller: Any, call: Any, key: dict[str, str] | None) -> Answer:
    method, path, body = call.said
    answer: Answer = caller.call(method, path, body, key)
    return answer


def everything(ports: MemoryPorts) -> Any:
    """What a second effect would change; a heartbeat is the last one, whichever it is."""
    picture = picture_of(ports)
    return (
        replace(picture, progress=None),
        list(ports.orders.sent),
        [each.multipart_id for each in ports.objects.multiparts("")],
    )


def test_an_order_that_went_out_is_placed_again_without_a_key():
    ports = stored()
    ordered(ports)
    ordered(ports)

    assert (number_of(ports), len(ports.orders.sent)) == (2, 2)


def test_the_same_key_and_body_place_one_order_and_answer_the_session_as_it_is():
    ports = stored()
    first = ordered(ports, key=KEY)

    again = ordered(ports, key=KEY)

    assert (number_of(ports), len(ports.orders.sent)) == (1, 1)
    assert again.status == 200
    assert again.document == first.document


def test_another_body_with_the_same_key_is_refused_and_changes_nothing():
    ports = stored()
    ordered(ports, key=KEY)
    before = picture_of(ports)

    assert ordered(ports, OTHER, KEY).problem == (422, "idempotency-key-used", "stop")
    assert picture_of(ports) == before


def test_the_key_of_an_order_before_the_present_one_is_remembered():
    ports = stored()
    ordered(ports, key=KEY)
    ordered(ports, OTHER, {"Idempotency-Key": "second"})

    ordered(ports, key=KEY)

    assert number_of(ports) == 2


def test_a_key_that_came_with_what_was_ordered_already_is_remembered_too():
    ports = stored()
    caller_of(ports, Role.OPERATOR).call("POST", f"{SESSION}/hold", {"held": True, "reason": "wait"})
    ordered(ports)
    ordered(ports, key=KEY)
    caller_of(ports, Role.OPERATOR).call("POST", f"{SESSION}/hold", {"held": False})

    ordered(ports, key=KEY)

    assert (number_of(ports), len(ports.orders.sent)) == (1, 1)


@pytest.mark.parametrize(("seconds", "number"), [(KEY_LIFE_S - 1, 2), (KEY_LIFE_S, 3), (KEY_LIFE_S + 1, 3)])
def test_a_key_is_remembered_for_a_day_at_least_until_the_next_order(seconds: int, number: int):
    ports = stored()
    ordered(ports, key=KEY)
    ports.clock.advance(seconds)
    ordered(ports, OTHER, {"Idempotency-Key": "second"})

    ordered(ports, key=KEY)

    assert number_of(ports) == number


@pytest.mark.parametrize(
    ("others", "is_known"), [(MOST_KEYS - 2, True), (MOST_KEYS - 1, True), (MOST_KEYS, False)]
)
def test_the_last_keys_are_remembered(others: int, is_known: bool):
    ports = stored()
    ordered(ports, key=KEY)
    for place in range(others):
        ordered(ports, {**ORDER, "parameters": {"n": place}}, {"Idempotency-Key": f"k{place}"})
    before = number_of(ports)

    ordered(ports, key=KEY)

    assert number_of(ports) == before + (0 if is_known else 1)


def test_two_calls_with_one_key_at_the_same_moment_place_one_order():
    ports = stored()
    statuses: list[int] = []
    callers = [
        threading.Thread(target=lambda: statuses.append(ordered(ports, key=KEY).status)) for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert set(statuses) <= {200, 503}
    assert number_of(ports) == 1


@pytest.mark.parametrize("key", ["", "a b", "ä", "a" * 101])
def test_what_is_no_key_is_refused(key: str):
    assert ordered(stored(), key={"Idempotency-Key": key}).problem == (400, "invalid-request", "stop")


@pytest.mark.parametrize("key", ["k", "a" * 100, '"8e03978e"'])
def test_a_key_has_up_to_a_hundred_characters(key: str):
    assert ordered(stored(), key={"Idempotency-Key": key}).status == 200
