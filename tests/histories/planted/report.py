"""The figures and the table of planted bugs: for build/benchmarks/simulation.json and the page of the simulation."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from tests.histories.planted.bug import NoNeighbour
from tests.histories.planted.measure import Result, Search

BEGIN = "<!-- planted bugs, written by `make simulate-bugs` -->"
END = "<!-- end of planted bugs -->"
Figures = dict[str, float | None]


def figures_of(results: Sequence[Result]) -> Figures:
    """The figures by their names in the JSON; None where nothing was found to count.

    The median is that of the bugs' own medians. The worst is of every search that found one, with neighbours removed
    too.
    """
    medians = [each.shown_by.median for each in results]
    known = [median for median in medians if median is not None]
    searches = [each for one in results for each in (one.alone, one.without_neighbour) if each]
    counts = [each.worst for each in searches if each.worst is not None]
    return {
        "planted_bugs": len(results),
        "planted_bugs_found": sum(each.is_found for each in results),
        "planted_bugs_with_neighbour": sum(each.without_neighbour is not None for each in results),
        "planted_bugs_masked": sum(not each.alone.is_found and each.is_found for each in results),
        "schedules_to_find_median": statistics.median(known) if known else None,
        "schedules_to_find_worst": max(counts, default=None),
    }


def write_figures(results: Sequence[Result], path: Path) -> None:
    """Put the figures into the JSON object of the file; what others wrote there stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, **figures_of(results)}, indent=2) + "\n")


def write_table(results: Sequence[Result], page: Path) -> None:
    """Replace the table between its marks. Raises ValueError on a page without them."""
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{page} has no place for the table: {BEGIN} … {END}")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table(results)}{END}{after}")


def table(results: Sequence[Result]) -> str:
    """A row for each bug: what it breaks, its harm, its neighbour, and how many histories found it."""
    head = (
        "| bug | breaks | harm | alone | neighbouring guard | without that guard |\n"
        "|---|---|---|---|---|---|\n"
    )
    return head + "".join(map(_row, results))


def _row(result: Result) -> str:
    bug, beside = result.bug, result.bug.beside
    guard = f"none: {beside.reason}" if isinstance(beside, NoNeighbour) else beside.guard
    alone = "masked" if bug.is_masked and not result.alone.is_found else _counts(result.alone)
    second = _counts(result.without_neighbour) if result.without_neighbour else "none"
    cells = (bug.name, bug.kind.value, bug.harm, alone, guard, second)
    return "".join(f"| {cell} " for cell in cells) + "|\n"


def _counts(search: Search) -> str:
    """Median and worst of the searches."""
    if search.broken:
        return "not searched"
    if not search.is_found:
        return f"found by {len(search.counts)} of {len(search.found)}"
    return f"{search.median:g} / {search.worst}"
