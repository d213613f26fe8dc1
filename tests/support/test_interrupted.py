"""Each moment of a run is played once, and none is left out."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count

import pytest

from chalicelib.core.errors import ReelhaulError
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


def at_the_same_moment(act: Act, ports: MemoryPorts) -> None:
    with suppress(ReelhaulError):
        act(ports)


@pytest.mark.parametrize(
    ("second", "when"),
    [
        (restores, at_the_same_moment),
        (orders_again, run),
        # Each of these two acts and of these two moments is in a pair above.
        pytest.param(restores, run, marks=pytest.mark.soak),
        pytest.param(orders_again, at_the_same_moment, marks=pytest.mark.soak),
    ],
)
def test_what_is_left_out_is_the_same_as_what_is_played(
    second: Act, when: Callable[[Act, MemoryPorts], None]
):
    first, second = partial(run, reconciles), partial(when, second)

    played = Counter(map(told, interruptions(due_for_cleanup, first, second)))

    every = each_moment(first, second)
    assert played.keys() == every.keys()
    assert played.total() < every.total()


@pytest.mark.parametrize("moves_time", [False, True])
@pytest.mark.parametrize("between", ["nothing", "the time", "an id", "a list"])
def test_a_call_follows_at_once_when_nothing_was_asked_since_the_one_before_that_may_be_another_now(
    between: str, moves_time: bool
):
    ports = sent()
    interrupted = Interrupted(ports, 2, Moment.BEFORE, lambda: ports.clock.advance(float(moves_time)))
    if between == "a list":
        interrupted.ports.objects.multiparts("")
    else:
        interrupted.ports.records.arming()
    if between == "the time":
        interrupted.ports.clock.now()
    if between == "an id":
        interrupted.ports.ids.upload_id()
    interrupted.ports.records.arming()

    is_told_another_time = between == "the time" and moves_time
    assert interrupted.follows_at_once is (between not in ("an id", "a list") and not is_told_another_time)


def test_every_port_is_interrupted_or_watched():
    values = {"policy", "acting", "limits", "changed"}
    assert {*CALLED, *BESIDE} == set(Ports.__struct_fields__) - values
