"""Planted bugs: each changes one behaviour that guards data, and at least one test that is named beside it must fail.

    make mutants            all of them, two at a time
    make mutants ONLY=gate  those whose name has "gate" in it

A bug that survives, or whose place in the source is no longer found exactly once, fails the run. So does a bug that
cannot be imported: it would prove nothing.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path

from tests.mutants.house import copy_house
from tests.mutants.mutant import Mutant
from tests.mutants.planted import MUTANTS

AT_ONCE = 2
TIME_LIMIT_S = 300
TESTS_FAILED = 1
"""pytest's exit code when tests ran and failed; for tests that cannot be imported it has another."""


class Fate(Enum):
    KILLED = "killed"
    SURVIVED = "SURVIVED"
    MISPLACED = "MISPLACED: its place in the source is not found exactly once"
    BROKEN = "BROKEN: its tests did not run"

    @property
    def is_right(self) -> bool:
        return self is Fate.KILLED


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when the unmutated tests pass and every mutant is killed."""
    parser = argparse.ArgumentParser(description="plant bugs and demand that tests notice")
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants with this in their name")
    only = parser.parse_args(arguments).only
    chosen = [mutant for mutant in MUTANTS if only in mutant.name]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        suites = list(dict.fromkeys(mutant.tests for mutant in chosen))
        failing = [tests for tests, code in zip(suites, pool.map(_unmutated, suites), strict=True) if code]
        if failing:
            print(f"these fail without any mutant: {failing}")
            return 1
        fates = list(_told(chosen, pool.map(_timed, chosen)))
    right = sum(fate.is_right for fate in fates)
    print(f"{right} of {len(chosen)} planted bugs killed")
    return 0 if chosen and right == len(chosen) else 1


def _told(mutants: Iterable[Mutant], ends: Iterable[tuple[Fate, float]]) -> Iterator[Fate]:
    for mutant, (fate, seconds) in zip(mutants, ends, strict=True):
        print(f"{seconds:5.1f} s  {fate.value:8}  {mutant.name}", flush=True)
        yield fate


def _timed(mutant: Mutant) -> tuple[Fate, float]:
    began_at = time.monotonic()
    return _fate(mutant), time.monotonic() - began_at


def _fate(mutant: Mutant) -> Fate:
    with copy_house() as house:
        for edit in mutant.edits:
            text = (house / edit.file).read_text()
            if text.count(edit.old) != 1:
                return Fate.MISPLACED
            (house / edit.file).write_text(text.replace(edit.old, edit.new))
        code = _tested(house, mutant.tests)
    if code == TESTS_FAILED:
        return Fate.KILLED
    return Fate.BROKEN if code else Fate.SURVIVED


def _unmutated(tests: tuple[str, ...]) -> int:
    with copy_house() as house:
        return _tested(house, tests)


def _tested(house: Path, tests: tuple[str, ...]) -> int:
    """pytest's exit code, 0 when all of `tests` pass there."""
    environment = {**os.environ, "PYTHONPATH": f"{house}{os.pathsep}{house / 'cloud'}"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=house, env=environment, capture_output=True, timeout=TIME_LIMIT_S, check=False
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
