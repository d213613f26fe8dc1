"""Each moment of a run is played once, and none is left out."""

import re
from collections import Counter
from functools import partial
from itertools import count

import pytest

from chalicelib.ports import Ports
from tests.simulation.interruptions import due_for_cleanup, orders_again, reconciles, restores, run, sent
from tests.support.builders import MemoryPorts
from tests.support.interrupted import BESIDE, CALLED, Act, Interrupted, Moment, interruptions


def told(ports: MemoryPorts) -> str:
    """All that the ports hold."""
    held = repr([vars(each) for each in (ports.objects, ports.records, ports.orders, ports.indexer)])
    return re.sub(r" at 0x[0-9a-f]+", "", held)


def each_moment(first: Act, second: Act) -> Counter[str]:
    """What the ports hold where `second` ran before and after each call of `first`, and how often that comes."""
    worlds = Counter[str]()
    for moment in Moment:
        for call in count(1):
            ports = due_for_cleanup()
            interrupted = Interrupted(ports, call, moment, partial(second, ports))
            first(interrupted.ports)
            if not interrupted.happened:
                break
            worlds[told(ports)] += 1
    return worlds


@pytest.mark.parametrize("second", [restores, orders_again])
def test_what_is_left_out_is_the_same_as_what_is_played(second: Act):
    first, second = partial(run, reconciles), partial(run, second)

    played = Counter(map(told, interruptions(due_for_cleanup, first, second)))

    every = each_moment(first, second)
    assert played.keys() == every.keys()
    assert played.total() < every.total()


def test_a_call_follows_at_once_when_nothing_else_was_asked_since_the_one_before():
    ports = sent()

    def follows(between: str) -> bool:
        interrupted = Interrupted(ports, 2, Moment.BEFORE, lambda: None)
        held = interrupted.ports.objects.multiparts("") if between == "lists" else None
        if held is None:
            interrupted.ports.records.arming()
        if between == "asks the time":
            interrupted.ports.clock.now()
        interrupted.ports.records.arming()
        return interrupted.follows_at_once

    assert [follows(between) for between in ("nothing", "asks the time", "lists")] == [True, False, False]


def test_every_port_is_interrupted_or_watched():
    values = {"policy", "acting", "limits", "changed"}
    assert {*CALLED, *BESIDE} == set(Ports.__struct_fields__) - values
