"""Plays histories until one shows that the product has a bug.

    python -m tests.histories.planted.search --seeds 5 --most 5000

prints a line of JSON for each base seed: `histories` until one was shown (null where none was) and `shown`, the rule
that it broke. It runs in a copy of the sources that has the bug.

A history shows a bug by a violation, or by an error of the product that ends it. An error of the tests shows nothing,
nor does a product that cannot play its first history at any seed: both end the search with an error.
"""

import argparse
import json
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

APART = 1_000_000
"""So far apart are the base seeds: no two searches play the same history."""
OF_THE_PRODUCT = ("edge_client", "chalicelib")


class Violated(Protocol):
    @property
    def rule(self) -> str: ...


class Played(Protocol):
    @property
    def violation(self) -> Violated | None: ...


Play = Callable[[int], Played]


class NothingShown(Exception):
    """What ended a history is no proof of a bug."""


@dataclass(frozen=True)
class Found:
    """The histories that were played until one showed the bug, that one included; None where none of them did."""

    histories: int | None
    shown: str | None = None


def search(play: Play, base: int, most: int) -> Found:
    """Play from the seed `base` on until a history shows a bug, at most `most`. Raises NothingShown."""
    for count in range(1, most + 1):
        shown = _shown(play, base + count - 1)
        if shown:
            return Found(count, shown)
    return Found(None)


def search_all(play: Play, seeds: int, most: int) -> Iterator[Found]:
    """One search for each of so many base seeds. Raises NothingShown."""
    for number in range(1, seeds + 1):
        yield search(play, number * APART, most)


def _shown(play: Play, seed: int) -> str | None:
    try:
        violation = play(seed).violation
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        if not frames or not set(OF_THE_PRODUCT) & set(Path(frames[-1].filename).parts):
            raise NothingShown(f"seed {seed}: {type(error).__name__}: {error}") from error
        return f"error {type(error).__name__}"
    return violation.rule if violation else None


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when all searches were made."""
    parser = argparse.ArgumentParser(description="play histories until one shows a bug")
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--most", type=int, required=True)
    asked = parser.parse_args(arguments)
    from tests.histories.history import play

    random.seed(0)
    for found in search_all(play, asked.seeds, asked.most):
        print(json.dumps(asdict(found)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
