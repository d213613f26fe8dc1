"""Delays, patience and stalls, on a clock that only sleeping moves."""

from __future__ import annotations

import threading

import pytest

from edge_client.base.errors import (
    CameraBusy,
    GaveUp,
    Stopped,
    StorageUnreachable,
    Unsettled,
)
from edge_client.base.logs import Repeats
from edge_client.base.retry import (
    CAP_S,
    STALL_FLOOR_BYTES,
    STALL_WINDOW_S,
    Retry,
    StallWatch,
    Tally,
    full_jitter_s,
    real_timing,
)
from tests.edge.conftest import FakeTime


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


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said, each line with its reason and its counts."""
    return [
        " ".join(
            str(part)
            for part in (one.getMessage(), one.reason, getattr(one, "times", ""), getattr(one, "seconds", ""))  # type: ignore[attr-defined]  # what `extra` adds
        ).rstrip()
        for one in caplog.records
    ]


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        (0, []),
        (1, ["trying again busy"]),
        (2, ["trying again busy", "it works again busy 2 1.5"]),
        (6, ["trying again busy", "it works again busy 6 31.5"]),
    ],
)
def test_one_fact_is_said_once_and_counted_at_its_end(
    caplog: pytest.LogCaptureFixture, failures: int, said: list[str]
):
    retry(FakeTime()).run("it", Failing(*[CameraBusy("busy")] * failures))

    assert lines(caplog) == said


def test_a_fact_that_lasts_is_counted_each_minute(caplog: pytest.LogCaptureFixture):
    retry(FakeTime(), 3600).run("it", Failing(*[CameraBusy("busy")] * 10))

    assert lines(caplog) == [
        "trying again busy",
        "trying again busy 8 61.5",
        "trying again busy 10 121.5",
        "it works again busy 10 151.5",
    ]


def test_another_fact_is_said_at_once_and_each_has_its_count_at_the_end(caplog: pytest.LogCaptureFixture):
    call = Failing(*[CameraBusy("busy"), CameraBusy("away")] * 2, CameraBusy("hot"))

    retry(FakeTime()).run("it", call)

    assert lines(caplog) == [
        "trying again busy",
        "trying again away",
        "trying again hot",
        "it works again busy 2 15.5",
        "it works again away 2 15.0",
    ]


def test_a_fact_that_came_and_went_is_said_again(caplog: pytest.LogCaptureFixture):
    one = retry(FakeTime())
    for _ in range(2):
        one.run("it", Failing(CameraBusy("busy")))

    assert lines(caplog) == ["trying again busy"] * 2


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        (["ended 5 bytes early", "ended 51 bytes early"], 1),
        (["stalled: 0 bytes in 60 s", "stalled: 9 bytes in 61 s"], 1),
        (["answers 404", "answers 500"], 2),
        (["part 1 is wrong", "part 2 is wrong"], 2),
    ],
)
def test_amounts_of_bytes_and_seconds_make_no_other_fact(
    caplog: pytest.LogCaptureFixture, reasons: list[str], said: int
):
    repeats = Repeats("trying again", over="it works again", given_up="tried again")
    for reason in reasons:
        repeats.say("it", reason, 0.0)

    assert len(lines(caplog)) == said


def test_what_is_given_up_is_counted_before_its_error(caplog: pytest.LogCaptureFixture):
    with pytest.raises(GaveUp):
        retry(FakeTime(), 10).run("it", Failing(*[CameraBusy("busy")] * 1000))

    assert lines(caplog) == ["trying again busy", "tried again busy 4 7.5"]


def test_what_fails_in_four_places_at_once_is_one_fact_until_the_last_one_works(
    caplog: pytest.LogCaptureFixture,
):
    repeats = Repeats("trying again", over="it works again", given_up="tried again")
    for number in range(4):
        repeats.say(f"part {number}", "S3 is away", 10.0 + number)
    for number in range(4):
        repeats.end(f"part {number}", 20.0)

    assert lines(caplog) == ["trying again S3 is away", "it works again S3 is away 4 10.0"]


@pytest.mark.parametrize(("after_s", "count"), [(59.9, 1), (60.0, 2), (60.1, 2)])
def test_a_count_comes_a_minute_after_the_last_line(
    caplog: pytest.LogCaptureFixture, after_s: float, count: int
):
    repeats = Repeats("trying again", over="it works again", given_up="tried again")
    repeats.say("it", "away", 0.0)
    repeats.say("it", "away", after_s)

    assert len(lines(caplog)) == count
