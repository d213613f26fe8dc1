"""Threads and their locks: those of the system, and those in memory that a seed schedules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from edge_client.base.retry import Timing, real_timing
from edge_client.base.threads import SystemThreads
from edge_client.haul.ports import Threads
from tests.edge.memory.machine import Machine

SOON_S = 0.02
LATE_S = 30.0


@dataclass(frozen=True)
class Host:
    threads: Threads
    timing: Timing

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so, as long as a slow machine may need."""
        end = self.timing.monotonic() + LATE_S
        while not is_so():
            assert self.timing.monotonic() < end, "it never becomes so"
            self.timing.sleep(SOON_S)


@pytest.fixture(params=["system", "memory-1", "memory-2", "memory-3"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    kind, _, seed = request.param.partition("-")
    if kind == "system":
        yield Host(SystemThreads(), real_timing(threading.Event()))
        return
    with Machine(int(seed)) as machine:
        yield Host(machine, machine.timing)


def test_a_thread_runs_beside_its_caller_and_can_be_waited_for(host: Host):
    done: list[str] = []

    thread = host.threads.start("worker", lambda: done.append("worker"))
    thread.join(LATE_S)

    assert done == ["worker"]
    assert not thread.is_alive()


def test_a_wait_for_a_thread_ends_when_its_time_is_over(host: Host):
    condition, is_free = host.threads.condition(), False

    def work() -> None:
        with condition:
            while not is_free:
                condition.wait()

    thread = host.threads.start("worker", work)
    thread.join(SOON_S)

    assert thread.is_alive()
    with condition:
        is_free = True
        condition.notify_all()
    thread.join(LATE_S)
    assert not thread.is_alive()


def test_who_holds_a_lock_may_enter_it_again(host: Host):
    condition = host.threads.condition()

    with condition, condition:
        pass

    with condition:
        assert not condition.wait(SOON_S)


def test_a_wait_that_nobody_ends_says_so_after_its_time(host: Host):
    condition = host.threads.condition()
    began_at = host.timing.monotonic()

    with condition:
        notified = condition.wait(SOON_S)

    assert not notified
    assert host.timing.monotonic() - began_at >= SOON_S * 0.9


@pytest.mark.parametrize(("wake", "woken"), [("notify", 1), ("notify_all", 3)])
def test_as_many_wake_up_as_are_notified(host: Host, wake: str, woken: int):
    condition, waiting, awake = host.threads.condition(), [], []

    def wait() -> None:
        with condition:
            waiting.append(1)
            if condition.wait(LATE_S):
                awake.append(1)

    threads = [host.threads.start(f"waiter-{n}", wait) for n in range(3)]
    host.until(lambda: len(waiting) == 3)
    with condition:
        getattr(condition, wake)()

    host.until(lambda: len(awake) == woken)
    host.timing.sleep(SOON_S)
    assert len(awake) == woken
    with condition:
        condition.notify_all()
    for thread in threads:
        thread.join(LATE_S)
    assert len(awake) == 3


def test_a_lock_is_held_by_one_at_a_time(host: Host):
    condition, inside, most = host.threads.condition(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with condition:
                inside += 1
                most = max(most, inside)
                host.timing.sleep(SOON_S / 20)
                inside -= 1

    threads = [host.threads.start(f"worker-{n}", work) for n in range(3)]
    for thread in threads:
        thread.join(LATE_S)

    assert most == 1


def test_what_is_done_every_so_often_is_done_at_once_and_again_and_not_after_its_block(host: Host):
    done: list[float] = []

    with host.threads.every("beats", SOON_S, lambda: done.append(host.timing.monotonic())):
        host.until(lambda: len(done) >= 3)

    at_the_end = len(done)
    host.timing.sleep(5 * SOON_S)
    assert len(done) == at_the_end
    assert all(later - earlier >= SOON_S * 0.9 for earlier, later in pairwise(done))
