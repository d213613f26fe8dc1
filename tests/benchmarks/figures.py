"""Figures measured beside their peers in the same run, and the file they are written to."""

import json
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
    """One measured value with the bar it must not pass; `peers` holds what it was measured beside."""

    name: str
    value: float
    unit: str
    bar: float
    note: str
    peers: Mapping[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.value <= self.bar


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
        print(f"{figure.name:34} {figure.value:10.4g} {figure.unit:6} bar {figure.bar:<8g} {verdict}")
    print(f"written to {path}")
    return all(figure.holds for figure in figures)


def _seconds(subject: Callable[[], object]) -> float:
    start = time.perf_counter()
    subject()
    return time.perf_counter() - start
