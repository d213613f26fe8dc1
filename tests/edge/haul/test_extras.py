"""What is good to know of a card's files is asked within a bounded time, and nothing waits for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edge_client.base.errors import CameraBusy, CameraUnreachable, ReadBroken, Unsettled
from edge_client.haul.patience import MOST_TRIES, MOST_VAIN_S, TRIES_APART_S, Extras
from tests.edge.conftest import FakeTime


class Asked:
    """A camera that says what is due, call by call, each after some seconds."""

    def __init__(self, time: FakeTime, seconds: float, *due: object) -> None:
        self._time = time
        self._seconds = seconds
        self._due = list(due)
        self.calls = 0

    def __call__(self) -> object:
        self.calls += 1
        self._time.now_s += self._seconds
        said = self._due.pop(0) if len(self._due) > 1 else self._due[0]
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def extras_of(time: FakeTime, check: Callable[[], object] = lambda: None) -> Extras:
    return Extras(time.timing(), check)


def away() -> None:
    raise CameraUnreachable("it is away")


SILENCES = [CameraUnreachable("silent"), CameraBusy("busy"), ReadBroken("short")]


@pytest.mark.parametrize("silence", SILENCES, ids=str)
def test_what_is_not_answered_is_nothing(time: FakeTime, silence: Exception):
    assert extras_of(time).ask("a", Asked(time, 1, silence)) is None


def test_what_is_odd_is_the_callers_to_judge(time: FakeTime):
    with pytest.raises(Unsettled):
        extras_of(time).ask("a", Asked(time, 1, Unsettled("odd")))


@pytest.mark.parametrize("seconds", [0.001, MOST_VAIN_S - 1, MOST_VAIN_S, 3600.0])
def test_two_hundred_silent_files_cost_two_waits_at_most(time: FakeTime, seconds: float):
    extras, silent = extras_of(time), Asked(time, seconds, SILENCES[0])
    began_s = time.now_s

    assert [extras.ask("a", silent) for _ in range(200)] == [None] * 200

    assert time.now_s - began_s <= MOST_VAIN_S + seconds
    assert silent.calls == (1 if seconds >= MOST_VAIN_S else 2 if seconds > 1 else 200)


def test_the_time_of_answers_is_not_counted(time: FakeTime):
    extras, slow = extras_of(time), Asked(time, MOST_VAIN_S, 7)

    assert [extras.ask("a", slow) for _ in range(9)] == [7] * 9


def test_a_camera_that_is_away_has_left_no_single_thing_unanswered(time: FakeTime):
    extras = extras_of(time, away)

    for _ in range(3):
        with pytest.raises(CameraUnreachable, match="away"):
            extras.ask_present("a", Asked(time, MOST_VAIN_S, SILENCES[0]))

    assert extras.ask("a", Asked(time, 0, 7)) == 7


def test_a_camera_that_is_there_has(time: FakeTime):
    extras = extras_of(time)

    assert extras.ask_present("a", Asked(time, MOST_VAIN_S, SILENCES[0])) is None
    assert extras.ask_present("a", Asked(time, 0, 7)) is None


@pytest.mark.parametrize("failures", [0, 1, MOST_TRIES - 1, MOST_TRIES])
def test_what_is_written_down_is_worth_a_few_tries(time: FakeTime, failures: int):
    asked = Asked(time, 0, *[SILENCES[1]] * failures, 7)

    assert extras_of(time).ask_well("a", asked) == (7 if failures < MOST_TRIES else None)
    assert time.slept == [TRIES_APART_S] * failures


def test_what_is_written_down_is_asked_however_much_time_went_by(time: FakeTime):
    extras = extras_of(time)
    extras.ask("a", Asked(time, MOST_VAIN_S, SILENCES[0]))

    assert extras.ask("b", Asked(time, 0, 7)) is None
    assert extras.ask_well("b", Asked(time, 0, 7)) == 7


def test_one_long_silence_is_enough_for_what_is_written_down(time: FakeTime):
    silent = Asked(time, MOST_VAIN_S, SILENCES[0])

    assert extras_of(time).ask_well("a", silent) is None
    assert silent.calls == 1


def test_what_is_written_down_waits_for_a_camera_that_is_away(time: FakeTime):
    with pytest.raises(CameraUnreachable, match="away"):
        extras_of(time, away).ask_well("a", Asked(time, 0, SILENCES[0]))
