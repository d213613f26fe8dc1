"""Figures measured beside their peers in the same run, and the file they are written to."""

import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = Path("build/benchmarks")
RUNS = 5


@dataclass(frozen=True)
class Figure:
    """One measured value, at most `bar` and at least `least`; `peers` holds what it was measured beside.

    None is no bound on that side.
    """

    name: str
    value: float
    unit: str
    bar: float | None
    note: str
    peers: Mapping[str, float] = field(default_factory=dict)
    least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the value is within its bounds, both in; a value that is not a number is not."""
        most = math.inf if self.bar is None else self.bar
        least = -math.inf if self.least is None else self.least
        return least <= self.value <= most

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        sides = (("at least", self.least), ("at most", self.bar))
        return ", ".join(f"{side} {bound:g}" for side, bound in sides if bound is not None)


def medians(*subjects: Callable[[], object]) -> list[float]:
    """The median wall seconds of each subject, warm, measured in turn so that drift hits all alike."""
    for subject in subjects:
        subject()
    runs = [[_seconds(subject) for subject in subjects] for _ in range(RUNS)]
    return [statistics.median(column) for column in zip(*runs, strict=True)]


def write(name: str, figures: Sequence[Figure]) -> bool:
    """Write `build/benchmarks/{name}.json` and print a table; answers whether every bar holds."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(figure), "holds": figure.holds} for figure in figures]
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps({"machine": machine, "figures": rows}, indent=2) + "\n")
    for figure in figures:
        verdict = "holds" if figure.holds else "DOES NOT HOLD"
        print(f"{figure.name:34} {figure.value:10.4g} {figure.unit:6} {figure.bounds:28} {verdict}")
    print(f"written to {path}")
    return all(figure.holds for figure in figures)


def _seconds(subject: Callable[[], object]) -> float:
    start = time.perf_counter()
    subject()
    return time.perf_counter() - start
