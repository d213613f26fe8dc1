"""Dice fall the same for the same seed, and each fault that happened has a number by which it can be muted."""

import random

from tests.histories.world.chance import Dice

RATES = {"often": 0.5, "always": 1.0}


def thrown(seed: int, muted: frozenset[int] = frozenset()) -> list[bool]:
    dice = Dice(random.Random(seed), RATES, muted)
    return [dice.strikes("often") for _ in range(100)]


def test_one_seed_is_one_series():
    assert thrown(1) == thrown(1)
    assert thrown(1) != thrown(2)


def test_a_fault_without_a_rate_never_happens():
    dice = Dice(random.Random(1), RATES)

    assert not any(dice.strikes("never") for _ in range(100))
    assert all(dice.strikes("always") for _ in range(100))


def test_a_muted_fault_does_not_happen_and_the_others_do():
    plain = thrown(1)
    second = [place for place, happens in enumerate(plain) if happens][1]

    muted = thrown(1, frozenset({1}))

    assert [place for place in range(100) if plain[place] != muted[place]] == [second]


def test_a_number_is_between_its_bounds():
    dice = Dice(random.Random(1), RATES)
    found = [dice.between(2.0, 3.0) for _ in range(100)]

    assert 2.0 <= min(found) < 2.2
    assert 2.8 < max(found) <= 3.0
