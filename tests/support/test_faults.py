"""Injected faults strike when they are told to, and nothing else changes."""

import pytest

from chalicelib.core.errors import StorageBusy
from tests.support.faults import Fault, When, faulty

BUSY = StorageBusy("injected")


class Counter:
    """Something with an effect."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, amount: int) -> int:
        self.total += amount
        return self.total


def test_a_fault_before_the_effect_leaves_nothing_done():
    counter = Counter()

    with pytest.raises(StorageBusy):
        faulty(counter, Fault("add", BUSY)).add(1)

    assert counter.total == 0


def test_a_fault_after_the_effect_loses_the_reply_alone():
    counter = Counter()

    with pytest.raises(StorageBusy):
        faulty(counter, Fault("add", BUSY, when=When.AFTER)).add(1)

    assert counter.total == 1


def test_only_the_named_call_fails():
    port = faulty(Counter(), Fault("add", BUSY, call=2))

    assert port.add(1) == 1
    with pytest.raises(StorageBusy):
        port.add(1)
    assert port.add(1) == 2
