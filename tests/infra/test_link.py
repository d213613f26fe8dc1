"""The links of the simulators: they keep their rate whatever else the machine does."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from infra.local.link import MBIT, SLACK_S, Link


@dataclass
class LateClock:
    """A clock that only sleeping moves, and each sleep by `late_s` too much."""

    late_s: float = 0.0
    now_s: float = 100.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds + self.late_s


@pytest.mark.parametrize("late_s", [0.0, 0.001, 0.004, 0.05])
def test_a_link_keeps_its_rate_however_late_its_sleeps_end(late_s: float):
    clock = LateClock(late_s)
    link = Link(1_000_000, lambda: clock.now_s, clock.sleep)

    with link.flow():
        for _ in range(1000):
            link.take(10_000)

    assert clock.now_s - 100 == pytest.approx(10, abs=late_s + 0.002)


def test_what_a_link_did_not_use_between_two_requests_is_lost():
    clock = LateClock()
    link = Link(1_000_000, lambda: clock.now_s, clock.sleep)

    for _ in range(2):
        with link.flow():
            link.take(10_000)
        clock.now_s += 0.05

    assert clock.slept == pytest.approx([0.01, 0.01])


def test_what_flows_elsewhere_meanwhile_keeps_a_link_in_use():
    clock = LateClock()
    link = Link(1_000_000, lambda: clock.now_s, clock.sleep)

    with link.flow():
        link.take(10_000)
        clock.now_s += 0.05
        with link.flow():
            link.take(70_000)

    assert clock.slept == pytest.approx([0.01, 0.02])


def test_a_link_makes_good_no_more_than_its_buffers_would_have_held():
    clock = LateClock()
    link = Link(1_000_000, lambda: clock.now_s, clock.sleep)

    with link.flow():
        link.take(10_000)
        clock.now_s += 5
        link.take(110_000)

    assert clock.slept == pytest.approx([0.01, 0.01])


def test_all_connections_together_get_no_more_than_the_link_has():
    link, began_at = Link(80 * MBIT), time.monotonic()

    def take() -> None:
        with link.flow():
            for _ in range(25):
                link.take(20_000)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - began_at >= 0.2 - 0.002


@pytest.mark.parametrize(("size_bytes", "waits"), [(1999, False), (2000, False), (2001, True)])
def test_a_wait_that_is_mostly_overhead_is_left_for_the_next(size_bytes: int, waits: bool):
    link = Link(1_000_000, lambda: 100.0)

    assert bool(link.wait_s(size_bytes)) is waits
    assert link.wait_s(10_000) == pytest.approx((size_bytes + 10_000) / 1_000_000)
    assert SLACK_S == 0.002


def test_a_link_without_a_rate_never_waits():
    assert Link(None).wait_s(10**12) == 0
