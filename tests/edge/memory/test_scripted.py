"""What a test does to the calls of an adapter in memory."""

from __future__ import annotations

import pytest

from edge_client.base.errors import CameraUnreachable, ReadBroken
from tests.edge.memory.scripted import Scripted


def test_a_fault_is_of_the_next_call_of_its_kind_and_of_no_other():
    adapter = Scripted()
    adapter.faults["read"] = [None, ReadBroken("torn")]

    adapter.disturb("read")
    adapter.disturb("head")
    with pytest.raises(ReadBroken, match="torn"):
        adapter.disturb("read")
    adapter.disturb("read")

    assert adapter.calls == ["read", "head", "read", "read"]


def test_a_fault_may_be_something_that_happens():
    adapter, happened = Scripted(), list[str]()
    adapter.faults["head"] = [lambda: happened.append("swapped")]

    adapter.disturb("head")
    adapter.disturb("head")

    assert happened == ["swapped"]


def test_something_may_happen_at_each_call():
    adapter, happened = Scripted(), list[str]()
    adapter.at_each_call = happened.append

    adapter.disturb("head")
    adapter.disturb("read")

    assert happened == ["head", "read"]


def test_from_some_call_on_each_may_fail():
    adapter = Scripted()

    def fail_from_the_second(kind: str) -> None:
        if len(adapter.calls) >= 2:
            raise CameraUnreachable("away")

    adapter.at_each_call = fail_from_the_second

    adapter.disturb("read")
    for _ in range(2):
        with pytest.raises(CameraUnreachable):
            adapter.disturb("head")
