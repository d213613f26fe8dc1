"""The turns of a history: who waits in vain, who never ends, and whose error is heard."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.histories.scheduler import Condition, Process, Scheduler, Stuck, Task


def started(*runs: Callable[[Scheduler], object], switching: float = 0.5) -> Scheduler:
    scheduler = Scheduler(random.Random(7), switching)
    for number, run in enumerate(runs):
        scheduler.start(Process(f"process {number}"), "thread", lambda run=run: run(scheduler))  # type: ignore[misc]
    return scheduler


def test_threads_that_wait_for_each_other_are_a_fault():
    tasks: list[Task] = []

    def wait_for_the_other(scheduler: Scheduler) -> None:
        tasks.append(scheduler.current)
        scheduler.sleep(1.0)
        next(each for each in tasks if each is not scheduler.current).join()

    with pytest.raises(Stuck, match="2 threads wait for each other"):
        started(wait_for_the_other, wait_for_the_other).play()


def test_a_thread_that_nobody_wakes_is_a_fault():
    with pytest.raises(Stuck, match="1 threads wait"):
        started(lambda scheduler: scheduler.block()).play()


def test_a_thread_that_passes_its_turn_for_ever_is_a_fault():
    def pass_for_ever(scheduler: Scheduler) -> None:
        while True:
            scheduler.sleep(0.0)

    with pytest.raises(Stuck, match="does not end"):
        started(pass_for_ever).play()


def test_what_a_thread_raises_ends_the_history_also_where_others_have_had_their_turns():
    def fail_later(scheduler: Scheduler) -> None:
        for _ in range(20):
            scheduler.sleep(1.0)
        raise ValueError("of one thread")

    def go_on(scheduler: Scheduler) -> None:
        for _ in range(1000):
            scheduler.sleep(0.5)

    with pytest.raises(ValueError, match="of one thread"):
        started(go_on, fail_later, go_on).play()


def test_each_thread_finds_itself_the_current_one_after_others_have_had_their_turns():
    def pass_turns(scheduler: Scheduler) -> None:
        me = scheduler.current
        for _ in range(50):
            scheduler.pass_turn()
            assert scheduler.current is me

    started(*[pass_turns] * 5).play()


def test_threads_that_are_killed_while_they_wait_are_no_fault():
    waiting = Process("waits")

    def kill(scheduler: Scheduler) -> None:
        lock = Condition(scheduler)

        def wait() -> None:
            with lock:
                lock.wait()

        scheduler.start(waiting, "thread", wait)
        scheduler.sleep(1.0)
        scheduler.kill(waiting)

    started(kill).play()

    assert not waiting.tasks
