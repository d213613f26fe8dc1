"""The machine in memory: what a seed decides, and how time passes."""

from __future__ import annotations

import pytest

from edge_client.base.errors import Stopped
from tests.edge.memory.machine import Deadlock, Machine, MemoryCondition


def order(seed: int) -> list[str]:
    """The order in which three threads do four things each."""
    seen: list[str] = []
    with Machine(seed) as machine:

        def work(name: str) -> None:
            for _ in range(4):
                seen.append(name)
                machine.timing.sleep(1.0)

        for name in "abc":
            machine.start(name, lambda name=name: work(name))  # type: ignore[misc]
        machine.timing.sleep(10.0)
    return seen


def test_a_seed_has_one_order():
    assert [order(seed) for seed in range(5)] == [order(seed) for seed in range(5)]


def test_seeds_differ_in_their_order():
    assert len({tuple(order(seed)) for seed in range(20)}) > 10


def test_time_passes_in_sleeps_alone_and_at_once():
    with Machine() as machine:
        machine.pause()
        assert machine.timing.monotonic() == 0.0

        machine.timing.sleep(86400.0)

        assert machine.timing.monotonic() == 86400.0
        assert machine.slept == [86400.0]


def test_threads_that_all_wait_for_each_other_fail_the_test():
    with Machine() as machine:
        first, second = machine.condition(), machine.condition()

        def take(one: MemoryCondition, other: MemoryCondition) -> None:
            with one:
                machine.timing.sleep(1.0)
                with other:
                    pass

        machine.start("worker", lambda: take(second, first))
        with pytest.raises(Deadlock, match="main, worker"):
            take(first, second)


def test_a_stop_ends_a_sleep_and_forbids_the_next():
    with Machine() as machine:

        def stop() -> None:
            machine.timing.sleep(5.0)
            machine.stop = True

        machine.start("operator", stop)
        with pytest.raises(Stopped):
            machine.timing.sleep(100.0)

        assert machine.now == 5.0
        with pytest.raises(Stopped):
            machine.timing.check()
