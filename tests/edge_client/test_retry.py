"""Delays, patience and stalls, on a clock that only sleeping moves."""

from __future__ import annotations

import threading

import pytest

from edge_client.errors import CameraBusy, GaveUp, Stopped, StorageUnreachable, Unsettled
from edge_client.retry import (
    CAP_S,
    STALL_FLOOR_BYTES,
    STALL_WINDOW_S,
    Retry,
    StallWatch,
    Tally,
    full_jitter_s,
    real_timing,
)
from tests.edge_client.conftest import FakeTime


class Failing:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def retry(clock: FakeTime, give_up_after_s: float = 600.0) -> Retry:
    return Retry(clock.timing(), give_up_after_s, Tally())


@pytest.mark.parametrize(
    ("failures", "delay_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, CAP_S), (5000, CAP_S)]
)
def test_delays_double_up_to_the_cap(failures: int, delay_s: float):
    assert full_jitter_s(failures, 1.0) == delay_s


def test_jitter_takes_the_whole_delay():
    assert full_jitter_s(3, 0.0) == 0
    assert full_jitter_s(3, 0.25) == 0.5


def test_a_passing_fault_is_tried_again_and_counted():
    clock = FakeTime()
    one = retry(clock)

    assert one.run("it", Failing(CameraBusy("busy"), CameraBusy("busy"))) == "done"
    assert (clock.slept, one.tally.retries) == ([0.5, 1.0], 2)


def test_the_other_side_may_ask_for_a_longer_wait():
    clock = FakeTime()

    retry(clock).run("it", Failing(CameraBusy("busy", retry_after_s=7.0)))

    assert clock.slept == [7.0]


def test_patience_counts_from_the_first_failure():
    clock = FakeTime()
    call = Failing(*[CameraBusy("busy")] * 1000)

    with pytest.raises(GaveUp, match="gave up on it"):
        retry(clock, give_up_after_s=100).run("it", call)

    assert 70 <= sum(clock.slept) <= 100


def test_what_does_not_settle_is_raised_as_it_is_after_a_minute():
    clock = FakeTime()

    with pytest.raises(Unsettled, match="odd"):
        retry(clock).run("it", Failing(*[Unsettled("odd")] * 1000))

    assert sum(clock.slept) <= 60


def test_what_was_away_for_long_has_its_whole_minute_to_settle():
    call = Failing(Unsettled("odd"), *[CameraBusy("away")] * 30, *[Unsettled("odd")] * 2)

    assert retry(FakeTime(), give_up_after_s=3600).run("it", call) == "done"


def test_other_errors_are_not_tried_again():
    call = Failing(ValueError("no"))

    with pytest.raises(ValueError, match="no"):
        retry(FakeTime()).run("it", call)

    assert call.calls == 1


def test_a_stop_ends_a_sleep_at_once():
    stop = threading.Event()
    stop.set()

    with pytest.raises(Stopped):
        real_timing(stop).sleep(3600)


@pytest.mark.parametrize(
    ("moved_bytes", "after_s", "stalls"),
    [
        (STALL_FLOOR_BYTES - 1, STALL_WINDOW_S, True),
        (STALL_FLOOR_BYTES, STALL_WINDOW_S, False),
        (0, STALL_WINDOW_S - 1, False),
        (0, STALL_WINDOW_S + 1, True),
    ],
)
def test_a_leg_stalls_below_the_floor_for_a_whole_window(moved_bytes: int, after_s: float, stalls: bool):
    clock = FakeTime()
    watch = StallWatch(lambda: clock.now_s, StorageUnreachable)
    clock.now_s += after_s

    if stalls:
        with pytest.raises(StorageUnreachable, match="stalled"):
            watch.moved(moved_bytes)
    else:
        watch.moved(moved_bytes)
