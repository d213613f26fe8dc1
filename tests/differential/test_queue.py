"""The queue in memory takes and refuses what SQS's adapter takes and refuses on the local SQS, and brings the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from chalicelib.core.errors import TooLarge
from chalicelib.ports import MOST_MESSAGE_BYTES
from tests.contracts.worlds import AwsWorld, MemoryQueue, Place, Queue, SqsQueue
from tests.differential.pair import TURNS, Pair, play

ODD = st.sampled_from(
    ["\uffff", "\ufffe", "\ud800", "\udfff", "é", "日", "🎥", "\x00", "\x7f", "\t", '"', "<&>", "\\u"]
)
TEXTS = st.lists(ODD | st.characters(), max_size=6).map("".join)


class Queues(RuleBasedStateMachine):
    """One sequence of calls in both queues."""

    def __init__(self, real: SqsQueue) -> None:
        super().__init__()
        self.real = real
        self.pair: Pair[Queue] = Pair(MemoryQueue(), real, (TooLarge,))

    @rule(text=TEXTS, is_ascii=st.booleans())
    def send(self, text: str, is_ascii: bool) -> None:
        message = json.dumps({"order": text}, ensure_ascii=is_ascii)
        self.pair.ask(lambda queue: queue.orders.send(message))

    @rule(text=TEXTS, beyond=st.integers(-1, 1))
    def send_near_the_limit(self, text: str, beyond: int) -> None:
        """Of the size that it has without escapes: with some of them it is too large."""
        message = json.dumps({"order": text}, ensure_ascii=False)
        size_bytes = len(message.encode("utf-8", "surrogatepass"))
        spaces = " " * (MOST_MESSAGE_BYTES - size_bytes + beyond)
        self.pair.ask(lambda queue: queue.orders.send(message + spaces))

    @rule()
    def receive(self) -> None:
        """In any order: a queue promises none."""
        self.pair.ask(lambda queue: sorted(map(json.dumps, queue.received())))

    @rule()
    def bury(self) -> None:
        self.pair.ask(lambda queue: queue.bury())
        self.pair.ask(lambda queue: queue.orders.dead_letters())

    def teardown(self) -> None:
        if not self.pair.differs:
            self.receive_all()
        self.real.end()

    def receive_all(self) -> None:
        self.pair.ask(lambda queue: sorted(map(json.dumps, queue.received())))


@pytest.fixture
def world(place: Place) -> Any:
    made = AwsWorld(place)
    yield made
    made.end()


@pytest.mark.parametrize("turns", TURNS)
def test_every_sequence_of_calls_is_answered_alike(world: AwsWorld, turns: int):
    play(lambda: Queues(world.queue()), sequences=5 * turns, calls=8)
