"""How many histories it takes until each planted bug is shown, alone and with its neighbouring guard removed."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from tests.histories.planted.bug import Begin, PlantedBug
from tests.histories.planted.search import Found
from tests.mutants.house import HOUSE
from tests.mutants.mutant import Edit

SEEDS = 5
MOST = 5_000
AT_ONCE = 2
MOST_WITHOUT_BUG = 1_000
MOST_MASKED = 500
"""The histories of a search for a bug that its neighbour masks: none is expected to show it."""
TIME_LIMIT_S = 1_800
_TOLD = 600
"""Characters of what a broken search wrote that are told."""


@dataclass(frozen=True)
class Search:
    """What the searches for one variant of a bug found, one for each base seed; `broken` is why they were not made."""

    found: tuple[Found, ...] = ()
    broken: str | None = None

    @property
    def is_found(self) -> bool:
        """Whether every one of the searches has found it."""
        return not self.broken and bool(self.found) and all(each.histories for each in self.found)

    @property
    def is_clean(self) -> bool:
        """Whether every one of the searches was made, and none of them found anything."""
        return not self.broken and bool(self.found) and not self.counts

    @property
    def counts(self) -> tuple[int, ...]:
        """The histories of the searches that found it."""
        return tuple(each.histories for each in self.found if each.histories)

    @property
    def median(self) -> float | None:
        return statistics.median(self.counts) if self.is_found else None

    @property
    def worst(self) -> int | None:
        return max(self.counts) if self.is_found else None


Look = Callable[[tuple[Edit, ...], Begin, int, int], Search]
"""Searches the product with these edits: in which histories, from how many base seeds, in how many histories each."""


@dataclass(frozen=True)
class Result:
    """What became of a bug: alone, and with its neighbour removed (None where it has none)."""

    bug: PlantedBug
    alone: Search
    without_neighbour: Search | None

    @property
    def is_found(self) -> bool:
        """Whether histories show the bug; one that its neighbour masks counts once the neighbour is removed.

        With the neighbour removed it must be found in any case.
        """
        needs_alone = not self.bug.is_masked
        is_second = self.without_neighbour is None or self.without_neighbour.is_found
        return is_second and (self.alone.is_found or not needs_alone)

    @property
    def shown_by(self) -> Search:
        """The search that counts: the one for the bug alone, unless its neighbour masks it."""
        if self.alone.is_found or self.without_neighbour is None:
            return self.alone
        return self.without_neighbour


def measure(
    bugs: Sequence[PlantedBug],
    seeds: int = SEEDS,
    most: int = MOST,
    look: Look | None = None,
) -> Iterator[Result]:
    """The results in the order of `bugs`, each as soon as it and those before it are there."""
    search = look or search_apart
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [
            (
                bug,
                pool.submit(
                    search, bug.edits, bug.begin, seeds, min(most, MOST_MASKED) if bug.is_masked else most
                ),
                pool.submit(search, edits, bug.begin, seeds, most)
                if (edits := bug.with_neighbour_removed)
                else None,
            )
            for bug in bugs
        ]
        for bug, alone, second in asked:
            yield Result(bug, alone.result(), second.result() if second else None)


def search_without_bug(
    seeds: int = SEEDS,
    most: int = MOST,
    look: Look | None = None,
) -> Search:
    """What the same searches find in the product as it is, in at most MOST_WITHOUT_BUG histories a seed.

    Whatever it finds would count as found for every bug.
    """
    return (look or search_apart)((), Begin.ANY, seeds, min(most, MOST_WITHOUT_BUG))


def search_apart(edits: tuple[Edit, ...], begin: Begin, seeds: int, most: int) -> Search:
    """Search in a process of its own that has these edits."""
    command = [sys.executable, "-m", "tests.histories.planted.search"]
    command += ["--seeds", str(seeds), "--most", str(most), "--begin", begin.name]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{HOUSE}{os.pathsep}{HOUSE / 'cloud'}",
        "PYTHONHASHSEED": "0",
    }
    try:
        done = subprocess.run(
            command,
            cwd=HOUSE,
            input=json.dumps([asdict(edit) for edit in edits]),
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Search(broken=f"not at its end after {TIME_LIMIT_S} s")
    found = tuple(_found(done.stdout))
    if done.returncode:
        return Search(found, f"ended with {done.returncode}: …{done.stderr[-_TOLD:]}")
    return Search(found)


def _found(text: str) -> Iterator[Found]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield Found(**json.loads(line))
