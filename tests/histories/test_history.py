"""Whole histories: none breaks a rule, and a seed has one history."""

from __future__ import annotations

import pytest

from tests.histories.history import play
from tests.histories.setting import Mode

BLOCK = 25


@pytest.mark.parametrize("first", range(0, 200, BLOCK))
def test_no_history_breaks_a_rule(first: int):
    broken = [found for seed in range(first, first + BLOCK) if (found := play(seed)).violation]

    assert not broken, [(each.seed, each.violation) for each in broken]


def test_histories_whose_faults_never_stop_lose_nothing():
    broken = [found for seed in range(50) if (found := play(seed, mode=Mode.UNLIMITED)).violation]

    assert not broken, [(each.seed, each.violation) for each in broken]


def test_a_seed_has_one_history():
    assert [play(seed).digest for seed in range(20)] == [play(seed).digest for seed in range(20)]


def test_seeds_have_histories_of_their_own():
    assert len({play(seed).digest for seed in range(40)}) > 35
