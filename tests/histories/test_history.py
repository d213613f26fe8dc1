"""Whole histories: none breaks a rule, a seed has one history, and what a history checks can fail."""

from __future__ import annotations

import pytest

from tests.histories.faults import Script
from tests.histories.history import play
from tests.histories.setting import Mode

HISTORIES = 2000
BLOCK = 50


@pytest.mark.parametrize("first", range(0, HISTORIES, BLOCK))
def test_no_history_breaks_a_rule(first: int):
    broken = [found for seed in range(first, first + BLOCK) if (found := play(seed)).violation]

    assert not broken, [(each.seed, each.violation) for each in broken]


@pytest.mark.parametrize("first", range(0, 200, BLOCK))
def test_histories_whose_faults_never_stop_lose_nothing(first: int):
    broken = [
        found for seed in range(first, first + BLOCK) if (found := play(seed, mode=Mode.UNLIMITED)).violation
    ]

    assert not broken, [(each.seed, each.violation) for each in broken]


def test_a_seed_has_one_history():
    assert [play(seed).digest for seed in range(20)] == [play(seed).digest for seed in range(20)]


def test_seeds_have_histories_of_their_own():
    assert len({play(seed).digest for seed in range(40)}) > 35


def test_a_history_without_its_faults_is_the_same_up_to_the_first():
    # What AWS does by itself is no step's fault.
    seed = next(
        seed for seed in range(100) if sum(bool(each.fault) for each in play(seed, records=True).told) > 3
    )
    whole, muted = play(seed, records=True), play(seed, script=Script(frozenset(range(1000))), records=True)
    struck = next(step.number for step in whole.told if step.fault)

    assert [step.call for step in whole.told[: struck - 1]] == [
        step.call for step in muted.told[: struck - 1]
    ]
    assert not any(step.fault for step in muted.told if step.fault != "cut")
