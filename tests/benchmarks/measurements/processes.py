"""One way of doing something, in a process of its own: what it answers, its CPU and wall time, its peak of memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any


class AnswersDiffer(Exception):
    """Two ways do not answer the same, so nothing about them means anything."""


@dataclass(frozen=True)
class Run:
    """A process that has ended. `answer` is the JSON that it printed; seconds are those of the whole process."""

    answer: Any
    cpu_s: float
    wall_s: float

    @property
    def peak_mib(self) -> float:
        """As the process itself read it at its end."""
        return float(self.answer["peak_mib"])


def run(*words: object) -> Run:
    """Run `python -m tests.benchmarks.measurements WORDS` to its end. Raises CalledProcessError."""
    return run_program("-m", "tests.benchmarks.measurements", *words)


def run_program(*words: object, environment: dict[str, str] | None = None) -> Run:
    """Run Python with these words to its end. Raises CalledProcessError."""
    command = [sys.executable, *map(str, words)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(json.loads(said), usage.ru_utime + usage.ru_stime, wall_s)


def medians_of(runs: Sequence[Run]) -> tuple[float, float, float]:
    """The medians of CPU seconds, wall seconds and peak MiB."""
    return (
        median(each.cpu_s for each in runs),
        median(each.wall_s for each in runs),
        median(each.peak_mib for each in runs),
    )


def demand_same(*answers: object) -> None:
    """Raises AnswersDiffer."""
    for answer in answers[1:]:
        if answer != answers[0]:
            raise AnswersDiffer(f"{answers[0]} is not {answer}: nothing here means anything")


def peak_mib() -> float:
    """The most memory that this program has held.

    `ru_maxrss` would not do: Linux counts in it what the process held that started this one.
    """
    held = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    assert held is not None
    return int(held[1]) / 1024
