"""How many histories it takes until each planted bug is found, alone and with its neighbouring guard removed.

    make simulate-bugs              all of them, two at a time, from five base seeds
    make simulate-bugs ONLY=gate    those whose name has "gate" in it

A run of all of them writes the figures into build/benchmarks/simulation.json, and the table into the simulation's page.
A bug that is not found fails the run. Before that the same histories play the product as it is, and one of them that
breaks a rule ends the run: nothing is written.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.histories.planted.bugs import BUGS
from tests.histories.planted.measure import MOST, SEEDS, Look, Result, Search, measure, search_without_bug
from tests.histories.planted.report import figures_of, write_figures, write_table
from tests.mutants.house import HOUSE

FIGURES = Path("build/benchmarks/simulation.json")
PAGE = HOUSE / "docs" / "simulation.md"


def main(
    arguments: Sequence[str], look: Look | None = None, figures: Path = FIGURES, page: Path = PAGE
) -> int:
    """Exit code 0 when every bug is found, and nothing without one."""
    parser = argparse.ArgumentParser(description="plant bugs and count the histories until each is found")
    parser.add_argument("--only", default="", metavar="TEXT", help="bugs with this in their name or kind")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="base seeds of each search")
    parser.add_argument("--most", type=int, default=MOST, help="the most histories of one search")
    asked = parser.parse_args(arguments)
    chosen = [bug for bug in BUGS if asked.only in bug.name or asked.only == bug.kind.value]
    without_bug = search_without_bug(asked.seeds, asked.most, look)
    print(f"without a bug: {_describe(without_bug)}", flush=True)
    if not without_bug.is_clean:
        return 1
    results = []
    for result in measure(chosen, asked.seeds, asked.most, look):
        print(_told(result), flush=True)
        results.append(result)
    for name, value in figures_of(results).items():
        print(f"{name:28} {value}")
    if not asked.only:
        write_figures(results, figures)
        write_table(results, page)
    return 0 if results and all(each.is_found for each in results) else 1


def _told(result: Result) -> str:
    state = "found" if result.is_found else "NOT FOUND"
    second = (
        f"; without its neighbour {_describe(result.without_neighbour)}" if result.without_neighbour else ""
    )
    return f"{state:9}  {result.bug.name}: alone {_describe(result.alone)}{second}"


def _describe(search: Search) -> str:
    if search.broken:
        return f"BROKEN ({search.broken})"
    counts = ", ".join("-" if each.histories is None else str(each.histories) for each in search.found)
    rules = sorted({each.shown for each in search.found if each.shown})
    return f"{counts} ({', '.join(rules)})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
