"""Events on their way to functions: tried again, kept when given up, and put in disorder where a test says so."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.aws.events.delivery import Delivery, What
from infra.local.aws.events.destinations import FailurePolicy, to_targets
from infra.local.aws.lambdas.functions import Outcome, UnknownFunction
from tests.infra.deployed_functions import eventually

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:on_original"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:dead"
POLICY = FailurePolicy(FUNCTION, 2, QUEUE)
PATIENCE_S = 10.0


class Functions:
    """A function that remembers its events and fails on each as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.seen: list[Any] = []
        self._failures = failures
        self._lock = threading.Lock()

    def invoke(self, name: str, event: object) -> Outcome:
        with self._lock:
            self.seen.append(event)
            if self.seen.count(event) <= self._failures:
                return Outcome.failed("ValueError", "broken")
        return Outcome("taken")


class Letters:
    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    def __call__(self, queue_arn: str, body: str) -> None:
        self.sent.append((queue_arn, json.loads(body)))


Start = Callable[..., Delivery]


@pytest.fixture
def deliver() -> Iterator[Start]:
    with ExitStack() as all_of_them:

        def start(
            functions: Functions,
            letters: Callable[[str, str], None] | None = None,
            policy: FailurePolicy = POLICY,
            threads: int = 4,
            waits_s: tuple[float, float] = (0.01, 0.02),
        ) -> Delivery:
            made = Delivery(
                functions.invoke,
                lambda name: policy,
                letters or Letters(),
                now=lambda: NOON,
                waits_s=waits_s,
                threads=threads,
            )
            return all_of_them.enter_context(closing(made))

        yield start


def whats(delivery: Delivery) -> Counter[What]:
    return Counter(entry.what for entry in delivery.log)


def test_an_event_reaches_its_function_once(deliver: Start):
    functions = Functions()
    delivery = deliver(functions)
    delivery.send(FUNCTION, {"n": 1})

    assert delivery.settled(PATIENCE_S)
    assert functions.seen == [{"n": 1}]
    assert [(entry.what, entry.function, entry.attempt) for entry in delivery.log] == [
        (What.DONE, "on_original", 1)
    ]


def test_sending_does_not_wait_for_the_function(deliver: Start):
    may_end = threading.Event()

    class Slow(Functions):
        def invoke(self, name: str, event: object) -> Outcome:
            may_end.wait(PATIENCE_S)
            return super().invoke(name, event)

    functions = Slow()
    delivery = deliver(functions)
    delivery.send(FUNCTION, 1)

    assert functions.seen == []
    may_end.set()
    assert delivery.settled(PATIENCE_S)


def test_events_are_delivered_side_by_side(deliver: Start):
    both = threading.Barrier(2, timeout=PATIENCE_S)

    class Meeting(Functions):
        def invoke(self, name: str, event: object) -> Outcome:
            both.wait()
            return super().invoke(name, event)

    delivery = deliver(Meeting())
    delivery.send(FUNCTION, 1)
    delivery.send(FUNCTION, 2)

    assert delivery.settled(PATIENCE_S)
    assert whats(delivery) == {What.DONE: 2}


@pytest.mark.parametrize("failures", [1, 2])
def test_a_failed_event_is_tried_up_to_three_times(deliver: Start, failures: int):
    functions, letters = Functions(failures), Letters()
    delivery = deliver(functions, letters)
    delivery.send(FUNCTION, 1)

    assert delivery.settled(PATIENCE_S)
    assert len(functions.seen) == failures + 1
    assert whats(delivery) == {What.FAILED: failures, What.DONE: 1}
    assert letters.sent == []


def test_an_event_that_fails_three_times_becomes_a_dead_letter(deliver: Start):
    functions, letters = Functions(3), Letters()
    delivery = deliver(functions, letters)
    delivery.send(FUNCTION, {"n": 1})

    assert delivery.settled(PATIENCE_S)
    assert len(functions.seen) == 3
    assert whats(delivery) == {What.FAILED: 3, What.DEAD_LETTER: 1}
    assert letters.sent == [
        (
            QUEUE,
            {
                "version": "1.0",
                "timestamp": "2026-09-21T12:00:00.000Z",
                "requestContext": {
                    "requestId": delivery.log[0].request_id,
                    "functionArn": f"{FUNCTION}:$LATEST",
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": 3,
                },
                "requestPayload": {"n": 1},
                "responseContext": {
                    "statusCode": 200,
                    "executedVersion": "$LATEST",
                    "functionError": "Unhandled",
                },
                "responsePayload": {"errorMessage": "broken", "errorType": "ValueError", "stackTrace": []},
            },
        )
    ]


@pytest.mark.parametrize("retries", [0, 1])
def test_fewer_retries_are_made_where_fewer_are_configured(deliver: Start, retries: int):
    functions = Functions(3)
    delivery = deliver(functions, policy=FailurePolicy(FUNCTION, retries, QUEUE))
    delivery.send(FUNCTION, 1)

    assert delivery.settled(PATIENCE_S)
    assert len(functions.seen) == retries + 1


def test_without_a_queue_a_given_up_event_is_logged_as_lost(deliver: Start):
    letters = Letters()
    delivery = deliver(Functions(3), letters, FailurePolicy(FUNCTION, 2, None))
    delivery.send(FUNCTION, 1)

    assert delivery.settled(PATIENCE_S)
    assert letters.sent == []
    assert delivery.log[-1].what is What.LOST


def test_a_queue_that_cannot_be_written_loses_one_event_and_not_the_next(deliver: Start):
    def no_queue(queue_arn: str, body: str) -> None:
        raise ConnectionRefusedError

    delivery = deliver(Functions(3), no_queue, threads=1)
    delivery.send(FUNCTION, 1)
    assert delivery.settled(PATIENCE_S)
    delivery.send(FUNCTION, 2)

    assert delivery.settled(PATIENCE_S)
    assert whats(delivery)[What.LOST] == 2


def test_a_function_that_is_gone_loses_its_event():
    def nobody(name: str) -> FailurePolicy:
        raise UnknownFunction(name)

    with closing(Delivery(Functions(3).invoke, nobody, Letters(), now=lambda: NOON)) as delivery:
        delivery.send(FUNCTION, 1)

        assert delivery.settled(PATIENCE_S)
        assert whats(delivery) == {What.LOST: 1}


def test_held_events_stay_until_they_are_released(deliver: Start):
    functions = Functions()
    delivery = deliver(functions)
    delivery.hold()
    delivery.send(FUNCTION, 1)

    assert not delivery.settled(0.05)
    assert functions.seen == []
    delivery.release()
    assert delivery.settled(PATIENCE_S)
    assert functions.seen == [1]


def test_dropped_events_are_logged_and_reach_nobody(deliver: Start):
    functions = Functions()
    delivery = deliver(functions)
    delivery.drop(2)
    for number in range(3):
        delivery.send(FUNCTION, number)

    assert delivery.settled(PATIENCE_S)
    assert functions.seen == [2]
    assert whats(delivery) == {What.DROPPED: 2, What.DONE: 1}


def test_all_events_are_dropped_until_it_is_ended(deliver: Start):
    functions = Functions()
    delivery = deliver(functions)
    delivery.drop()
    for number in range(5):
        delivery.send(FUNCTION, number)
    delivery.drop(0)
    delivery.send(FUNCTION, "kept")

    assert delivery.settled(PATIENCE_S)
    assert functions.seen == ["kept"]


def test_duplicated_events_come_twice_under_one_request_id(deliver: Start):
    functions = Functions()
    delivery = deliver(functions)
    delivery.duplicate(1)
    delivery.send(FUNCTION, "twice")
    delivery.send(FUNCTION, "once")

    assert delivery.settled(PATIENCE_S)
    assert Counter(functions.seen) == {"twice": 2, "once": 1}
    assert len({entry.request_id for entry in delivery.log}) == 2


def test_shuffled_events_all_come_in_the_order_of_the_seed(deliver: Start):
    orders = []
    for seed in (1, 1, 2):
        functions = Functions()
        delivery = deliver(functions, threads=1)
        delivery.hold()
        for number in range(20):
            delivery.send(FUNCTION, number)
        delivery.shuffle(seed)
        delivery.release()
        assert delivery.settled(PATIENCE_S)
        orders.append(functions.seen)

    assert orders[0] == orders[1] != orders[2]
    assert [sorted(order) for order in orders] == [list(range(20))] * 3


def test_closing_forgets_what_waits_and_leaves_no_thread(deliver: Start):
    functions = Functions()
    delivery = deliver(functions)
    delivery.hold()
    delivery.send(FUNCTION, 1)
    delivery.close()

    assert functions.seen == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("delivery-")]


def test_an_event_that_waits_for_its_retry_is_not_settled_and_does_not_hold_up_closing(deliver: Start):
    functions = Functions(1)
    delivery = deliver(functions, waits_s=(600.0, 600.0))
    delivery.send(FUNCTION, 1)
    assert eventually(lambda: whats(delivery) == {What.FAILED: 1})

    assert not delivery.settled(0.05)
    delivery.close()
    assert functions.seen == [1]


def test_a_target_that_is_a_queue_gets_the_event_as_a_message():
    letters, functions = Letters(), Functions()
    tell = to_targets(functions.invoke, letters)  # type: ignore[arg-type]  # its answer is of no use here
    tell(QUEUE, {"Records": []})
    tell(FUNCTION, {"Records": [1]})

    assert letters.sent == [(QUEUE, {"Records": []})]
    assert functions.seen == [{"Records": [1]}]
