"""Plays histories until one shows that the product has a bug.

    python -m tests.histories.planted.search --seeds 5 --most 5000 < EDITS

plants the edits, a list as JSON, and prints a line of JSON for each base seed: `histories` until one showed the bug
(null where none did), and `shown`, the rule that it broke.

A history shows a bug by a violation, or by an error of the product that ends it. An error of the tests shows nothing,
nor does a product that cannot play its first history at any seed: both end the search with an error.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from tests.histories.planted.bug import Begin
from tests.histories.planted.planting import plant
from tests.mutants.mutant import Edit

APART = 1_000_000
"""So far apart are the base seeds: no two searches play the same history."""


class Violated(Protocol):
    @property
    def rule(self) -> str: ...


class Played(Protocol):
    @property
    def violation(self) -> Violated | None: ...


Play = Callable[[int], Played]
Wanted = Callable[[int], bool]


class NothingShown(Exception):
    """What ended a history is no proof of a bug."""


@dataclass(frozen=True)
class Found:
    """The histories that were played until one showed the bug, that one included; None where none of them did."""

    histories: int | None
    shown: str | None = None


def every(_seed: int) -> bool:
    """Wanted are the histories of all seeds."""
    return True


def search(play: Play, base: int, most: int, is_wanted: Wanted = every) -> Found:
    """Play from the seed `base` on until a history shows a bug, at most `most`. Raises NothingShown.

    A history that is not wanted is counted and not played.
    """
    for count in range(1, most + 1):
        seed = base + count - 1
        shown = _shown(play, seed) if is_wanted(seed) else None
        if shown:
            return Found(count, shown)
    return Found(None)


def search_all(play: Play, seeds: int, most: int, is_wanted: Wanted = every) -> Iterator[Found]:
    """One search for each of so many base seeds. Raises NothingShown."""
    for number in range(1, seeds + 1):
        yield search(play, number * APART, most, is_wanted)


def _shown(play: Play, seed: int) -> str | None:
    try:
        violation = play(seed).violation
    except Exception as error:
        raise NothingShown(f"seed {seed}: {type(error).__name__}: {error}") from error
    return violation.rule if violation else None


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when all searches were made."""
    parser = argparse.ArgumentParser(description="play histories until one shows a bug")
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--most", type=int, required=True)
    parser.add_argument("--begin", choices=[each.name for each in Begin], default=Begin.ANY.name)
    asked = parser.parse_args(arguments)
    plant(tuple(Edit(**each) for each in json.load(sys.stdin)))
    from tests.histories.history import play
    from tests.histories.setting import draw_setting

    def is_wanted(seed: int) -> bool:
        begins_home = draw_setting(random.Random(seed)).begins_home
        return begin is Begin.ANY or begins_home is (begin is Begin.HOME)

    begin = Begin[asked.begin]
    random.seed(0)
    for found in search_all(play, asked.seeds, asked.most, is_wanted):
        print(json.dumps(asdict(found)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
