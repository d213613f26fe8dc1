"""How much of the decisions the tests run: at least 98 % of the lines and of the branches of each area.

    make coverage

Runs the tests of core, flows, web, the simulation and the edge client, each process measured, and prints the share of
each area. An area that is below has its files listed with what no test runs. To read:
build/coverage/html/index.html.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).resolve().parents[1]
FOLDER = HOUSE / "build" / "coverage"
AREAS = ("cloud/chalicelib/core", "cloud/chalicelib/flows", "cloud/chalicelib/web", "edge_client/haul")
TESTS = ("tests/core", "tests/flows", "tests/web", "tests/simulation", "tests/test_logs.py", "tests/edge")
LEAST_PERCENT = 98
COVERAGE = (sys.executable, "-m", "coverage")


@dataclass(frozen=True)
class Share:
    """What tests run of an area or a file, counted."""

    lines: int
    lines_run: int
    branches: int
    branches_run: int

    @property
    def is_enough(self) -> bool:
        """Both the lines and the branches reach LEAST_PERCENT; an area without a line was not measured."""
        return self.lines > 0 and all(
            100 * run >= LEAST_PERCENT * there
            for run, there in ((self.lines_run, self.lines), (self.branches_run, self.branches))
        )

    def __str__(self) -> str:
        return (
            f"{_percent(self.lines_run, self.lines)} of {self.lines} lines, "
            f"{_percent(self.branches_run, self.branches)} of {self.branches} branches"
        )


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when the tests pass and every area has enough. `arguments` are more of pytest's."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    tests = ["pytest", "-q", "-n", "2", "--dist", "worksteal", *TESTS, *arguments]
    failed = run_tests([*COVERAGE, "run", "-m", *tests], HOUSE)
    report = FOLDER / "report.json"
    for step in (
        ["combine", "--quiet"],
        ["json", "--quiet", "-o", report],
        ["html", "--quiet", "-d", FOLDER / "html"],
    ):
        subprocess.run([*COVERAGE, *map(str, step)], cwd=HOUSE, check=True)
    files = json.loads(report.read_bytes())["files"]
    return _told(files) or failed


def run_tests(command: Sequence[str], folder: Path) -> int:
    """pytest's exit code; a test that fails counts when it fails a second time.

    Python 3.11 now and then refuses to trace two threads that start at the same moment, and the thread dies.
    """
    code = subprocess.run(command, cwd=folder, check=False).returncode
    if code != pytest.ExitCode.TESTS_FAILED:
        return code
    return subprocess.run([*command, "--last-failed"], cwd=folder, check=False).returncode


def _told(files: Mapping[str, Any]) -> int:
    """Prints each area, and the files of those that have too little; 1 when there is such an area."""
    below = 0
    for area in AREAS:
        share = share_of(files, area)
        print(f"{area}: {share}")
        if not share.is_enough:
            below = 1
            print(f"  less than {LEAST_PERCENT} %; what no test runs:")
            for line in missing(files, area):
                print(f"  {line}")
    return below


def share_of(files: Mapping[str, Any], area: str) -> Share:
    """The sum over the files below `area`, of a report as `coverage json` writes it."""
    sums = [file["summary"] for name, file in files.items() if name.startswith(f"{area}/")]
    names = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    return Share(*(sum(each[name] for each in sums) for name in names))


def missing(files: Mapping[str, Any], area: str) -> Iterable[str]:
    """A line for each file of `area` with something that no test runs."""
    for name, file in sorted(files.items()):
        lines, branches = file["missing_lines"], file["missing_branches"]
        if name.startswith(f"{area}/") and (lines or branches):
            yield f"{name}: lines {lines}, branches {[f'{start}->{end}' for start, end in branches]}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
