"""Changed files, a few of those that `make fuzz` draws: each ends as an index that agrees with itself, or as poison."""

from random import Random

import pytest

from tests.odd import fuzz
from tests.odd.fuzz import Fault

FILES = 300
"""`make fuzz` draws 20,000 of them."""

SEED = 20261130


def test_a_changed_file_ends_as_an_index_or_as_poison():
    ends = fuzz.run(SEED, 0, FILES)

    assert ends.total() == FILES
    assert min(ends["index"], ends["poison"]) > FILES // 4


def test_a_fault_names_the_file_and_how_to_play_it_again():
    def draw(random: Random) -> bytes:
        raise MemoryError

    with pytest.raises(
        Fault, match=r"file 5 of seed 7: .*; again: python -m tests.odd --seed 7 --first 5 --files 1"
    ):
        fuzz.run(7, 5, 1, draw)
