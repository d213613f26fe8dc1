"""Shrinking finds the few faults that a violation needs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.histories.__main__ import show
from tests.histories.faults import Script
from tests.histories.history import play
from tests.histories.outcome import Outcome, Step, Violation
from tests.histories.setting import draw_setting
from tests.histories.shrink import NotAgain, shrink, until_violation

SETTING = draw_setting(random.Random(1))


class History:
    """A history of `faults` faults that breaks the rule which `breaks` says of those that strike."""

    def __init__(self, faults: int, breaks: Callable[[frozenset[int]], str | None]) -> None:
        self._faults = faults
        self._breaks = breaks
        self.plays = 0

    def __call__(self, *, script: Script = Script(), records: bool = False) -> Outcome:  # noqa: B008 - a frozen value
        self.plays += 1
        striking = frozenset(range(self._faults)) - script.muted
        rule = self._breaks(striking)
        told = tuple(Step(number, 1.0, "api", "write", None, "") for number in range(1, 13) if records)
        return Outcome(
            7,
            SETTING,
            "digest",
            Violation(rule, "seen") if rule else None,
            self._faults,
            10,
            60.0,
            Counter(),
            told,
        )


def pair(striking: frozenset[int]) -> str | None:
    return "S3" if {11, 38} <= striking else None


def test_of_forty_faults_the_one_pair_is_found_that_breaks_the_rule():
    history = History(40, pair)

    shrunk = shrink(history(), history)

    assert shrunk.kept == (11, 38)
    assert shrunk.faults == 40
    assert shrunk.outcome.violation == Violation("S3", "seen")
    assert shrunk.script.muted == frozenset(range(40)) - {11, 38}
    assert history.plays < 200


def test_a_violation_that_needs_no_fault_is_left_with_none():
    history = History(40, lambda _: "S1")

    assert shrink(history(), history).kept == ()


def test_one_fault_of_one_is_kept():
    history = History(1, lambda striking: "S1" if striking else None)

    assert shrink(history(), history).kept == (0,)


def test_a_smaller_history_that_breaks_another_rule_does_not_count():
    history = History(8, lambda striking: "S3" if {1, 2, 5} <= striking else "S4" if 1 in striking else None)

    shrunk = shrink(history(), history)

    assert shrunk.kept == (1, 2, 5)
    assert shrunk.outcome.violation == Violation("S3", "seen")


def test_faults_that_a_history_draws_only_once_others_are_left_out_are_left_out_too():
    class Longer(History):
        def __call__(self, *, script: Script = Script(), records: bool = False) -> Outcome:  # noqa: B008 - as above
            self._faults = 20 if 0 not in script.muted else 60
            return super().__call__(script=script, records=records)

    history = Longer(20, lambda striking: "S3" if 3 in striking and not striking & {50} else None)

    shrunk = shrink(history(), history)

    assert shrunk.kept == (3,)
    assert shrunk.script.muted == frozenset(range(60)) - {3}


def test_the_steps_after_the_violation_are_cut():
    history = History(4, lambda striking: "S3" if 2 in striking else None)

    assert [step.number for step in shrink(history(), history).outcome.told] == list(range(1, 11))
    assert until_violation(history()).told == ()


def test_plays_are_limited():
    history = History(4_000, lambda striking: "S3" if len(striking) > 1_000 else None)

    shrunk = shrink(history(), history, most_plays=50)

    assert shrunk.plays <= 50
    assert 1_000 < len(shrunk.kept) < 4_000


def test_a_violation_leads_to_its_page(tmp_path: Path):
    history = History(40, pair)

    said = show(history(), history, tmp_path)

    assert said == f"2 of 40 faults are needed, see {tmp_path / '7.html'}"
    assert "Seed 7 breaks" in (tmp_path / "7.html").read_text(encoding="utf-8")


def test_a_history_without_some_of_its_faults_is_one_history_too():
    seed = next(seed for seed in range(100) if play(seed).faults > 5)
    script = Script(frozenset({0, 2, 3}))

    once, again = play(seed, script=script), play(seed, script=script, records=True)

    assert once.digest == again.digest != play(seed).digest


def test_a_history_that_breaks_nothing_when_it_is_played_again_is_named(tmp_path: Path):
    history = History(4, pair)
    found = History(4, lambda _: "S3")()

    with pytest.raises(NotAgain, match="seed 7 did not break S3 again"):
        shrink(found, history)
    assert show(found, history, tmp_path) == "seed 7 did not break S3 again"
    assert not list(tmp_path.iterdir())
