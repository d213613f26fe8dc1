"""Each call of the coordinator, in every leg of the story, fails once in each way; the end is right all the same."""

from collections.abc import Iterator

import pytest

from tests.simulation.scenario import LEGS, Leg
from tests.simulation.stage import Fault, Stage, Way
from tests.simulation.watch import Watch, demand_allowed
from tests.support.builders import memory_ports

CHUNKS = 4
"""Shares of a leg's calls, so that test processes can divide them."""

LEAST_CALLS = {
    "cleaning, outputs written": 139,
    "cleaning, outputs written, all events lost": 132,
    "cleaning, outputs uploaded": 167,
    "cleaning, outputs uploaded, all events lost": 160,
    "cleaning, outputs without CRC64NVME": 158,
    "cleaning, ordered again": 97,
    "poison": 87,
    "guarding": 17,
    "recalling": 73,
    "restoring": 56,
    "cleaning again": 58,
}
"""So that an enumeration that silently shrinks is noticed."""


def staged(leg: Leg, fault: Fault | None = None) -> tuple[Stage, Watch]:
    plain = memory_ports()
    leg.begin(plain)
    watch = Watch(plain, demand_allowed)
    return Stage(plain, watch, fault), watch


def faults(leg: Leg, way: Way, chunk: int) -> Iterator[Fault]:
    stage, _ = staged(leg)
    leg.play(stage)
    for call in range(1, len(stage.calls) + 1):
        if call % CHUNKS == chunk:
            yield Fault(call, way)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("name", LEGS)
def test_any_call_may_fail_once_and_three_rounds_later_the_end_is_right(name: str, way: Way, chunk: int):
    leg = LEGS[name]
    for fault in faults(leg, way, chunk):
        stage, watch = staged(leg, fault)
        leg.endure(stage)

        watch.writes.clear()
        leg.go_on(stage)
        assert watch.writes == [], f"after {fault} the world does not come to rest (L6)"


@pytest.mark.parametrize("name", LEGS)
def test_no_leg_has_fewer_calls_than_were_counted_once(name: str):
    stage, _ = staged(LEGS[name])

    LEGS[name].play(stage)

    LEGS[name].right_end(stage.plain)
    assert len(stage.calls) >= LEAST_CALLS[name]
