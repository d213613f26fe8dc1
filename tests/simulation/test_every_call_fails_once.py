"""Each call of the coordinator, in every leg of the story, fails once in each way; the end is right all the same.

A read changes nothing, so whoever is struck after it is where he would be if he had been struck before it, and what
is asked twice is answered alike. Whoever dies before a read is where he would be if he had died before his next write,
or after his last one. So of a read only the error before it is played.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from tests.simulation.scenario import LEGS, Leg
from tests.simulation.stage import Fault, Stage, Way
from tests.simulation.watch import READS, WRITES, RuleBroken, Watch, demand_allowed, unmissable
from tests.support.builders import MemoryPorts, memory_ports

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


WAYS_OF_VARIANTS = {
    "cleaning, outputs written, all events lost": (Way.ERROR_BEFORE, Way.CRASH_AFTER),
    "cleaning, outputs uploaded, all events lost": (Way.ERROR_AFTER, Way.TWICE),
    "cleaning, outputs without CRC64NVME": (Way.CRASH_BEFORE, Way.CRASH_AFTER),
}
"""Legs whose every call is in another leg too: `make test` plays each of them in two ways, and the soak in all."""


def ways_of_legs() -> Iterator[ParameterSet]:
    for name in LEGS:
        for way in Way:
            is_played = way in WAYS_OF_VARIANTS.get(name, Way)
            yield pytest.param(name, way, marks=() if is_played else pytest.mark.soak)


def staged(leg: Leg, fault: Fault | None = None) -> tuple[Stage, Watch]:
    plain = memory_ports()
    leg.begin(plain)
    watch = Watch(plain, demand_allowed)
    return Stage(plain, watch, fault), watch


@cache
def calls_of(name: str) -> tuple[str, ...]:
    """The methods that a leg calls while no fault strikes."""
    stage, _ = staged(LEGS[name])
    LEGS[name].play(stage)
    return tuple(stage.calls)


def faults(name: str, way: Way, chunk: int) -> Iterator[Fault]:
    for call, method in enumerate(calls_of(name), start=1):
        if call % CHUNKS == chunk and (way is Way.ERROR_BEFORE or method not in READS):
            yield Fault(call, way)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize(("name", "way"), list(ways_of_legs()))
def test_any_call_may_fail_once_and_three_rounds_later_the_end_is_right(name: str, way: Way, chunk: int):
    leg = LEGS[name]
    for fault in faults(name, way, chunk):
        stage, watch = staged(leg, fault)
        leg.endure(stage)

        watch.writes.clear()
        leg.go_on(stage)
        assert watch.writes == [], f"after {fault} the world does not come to rest (L6)"


class Onlooker:
    """Sees that every method is a read or a write, and that a read leaves all ports as they were."""

    def __init__(self, plain: MemoryPorts) -> None:
        self._plain = plain
        self._before = ""

    def before(self, method: str, _arguments: tuple[Any, ...]) -> None:
        with unmissable():
            assert method in READS ^ WRITES, method
        self._before = self._state() if method in READS else ""

    def after(self, method: str, _arguments: tuple[Any, ...]) -> None:
        with unmissable():
            assert method in WRITES or self._state() == self._before, f"{method} changed something"

    def _state(self) -> str:
        ports = (self._plain.objects, self._plain.records, self._plain.orders, self._plain.indexer)
        # The table remembers pictures that it has made.
        return repr([{**vars(each), "_pictures": None} for each in ports])


@pytest.mark.parametrize("name", LEGS)
def test_a_read_changes_nothing(name: str):
    plain = memory_ports()
    LEGS[name].begin(plain)

    LEGS[name].play(Stage(plain, Onlooker(plain)))


def test_a_read_that_changes_something_is_noticed_where_a_round_catches_all_errors():
    plain = memory_ports()
    LEGS["poison"].begin(plain)

    class Changing(Onlooker):
        def after(self, method: str, arguments: tuple[Any, ...]) -> None:
            if method == "watched":
                plain.objects.put_object("originals/x", b"")
            super().after(method, arguments)

    with pytest.raises(RuleBroken, match="watched changed something"):
        LEGS["poison"].play(Stage(plain, Changing(plain)))


def test_of_a_read_only_the_error_before_it_is_played():
    way_of = {way: sum(1 for chunk in range(CHUNKS) for _ in faults("poison", way, chunk)) for way in Way}
    calls = calls_of("poison")
    writes = sum(method in WRITES for method in calls)

    assert way_of == {way: len(calls) if way is Way.ERROR_BEFORE else writes for way in Way}


@pytest.mark.parametrize("name", LEGS)
def test_no_leg_has_fewer_calls_than_were_counted_once(name: str):
    stage, _ = staged(LEGS[name])

    LEGS[name].play(stage)

    LEGS[name].right_end(stage.plain)
    assert len(stage.calls) >= LEAST_CALLS[name]
