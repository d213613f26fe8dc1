"""The gate of `make coverage`: it fails one line or branch below its limit, and for an area that was not measured."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.coverage_gate import AREAS, HOUSE, Share, missing, run_tests, share_of


def measured(lines_run: int, branches_run: int) -> dict[str, Any]:
    return {
        "summary": {
            "num_statements": 1_000,
            "covered_lines": lines_run,
            "num_branches": 500,
            "covered_branches": branches_run,
        },
        "missing_lines": [7],
        "missing_branches": [[7, 9]],
    }


@pytest.mark.parametrize(
    ("lines_run", "branches_run", "is_enough"),
    [(979, 490, False), (980, 489, False), (980, 490, True), (981, 491, True), (1_000, 489, False)],
)
def test_lines_and_branches_must_each_reach_the_limit(lines_run: int, branches_run: int, is_enough: bool):
    assert share_of({"a/b.py": measured(lines_run, branches_run)}, "a").is_enough is is_enough


def test_an_area_that_was_not_measured_is_not_enough():
    assert not share_of({"ab/c.py": measured(1_000, 500)}, "a").is_enough


def test_an_area_without_branches_is_judged_by_its_lines():
    assert Share(lines=100, lines_run=98, branches=0, branches_run=0).is_enough


def test_an_area_is_the_sum_of_its_files():
    found = share_of({"a/b.py": measured(900, 400), "a/c/d.py": measured(1_000, 500)}, "a")

    assert found == Share(2_000, 1_900, 1_000, 900)


def test_what_no_test_runs_is_named():
    assert list(missing({"a/b.py": measured(999, 499)}, "a")) == ["a/b.py: lines [7], branches ['7->9']"]


@pytest.mark.parametrize("area", AREAS)
def test_every_area_exists(area: str):
    assert list((HOUSE / area).glob("*.py"))


def failing(folder: Path, times: int) -> int:
    """The exit code of two tests, one of which fails so many times; `ran` has a letter for each run of a test."""
    (folder / "test_two.py").write_text(
        "from pathlib import Path\n"
        "RAN = Path(__file__).with_name('ran')\n"
        "def note(letter):\n"
        "    RAN.open('a').write(letter)\n"
        "    return RAN.read_text().count(letter)\n"
        "def test_one():\n"
        "    note('p')\n"
        "def test_other():\n"
        f"    assert note('f') > {times}\n"
    )
    return run_tests([sys.executable, "-m", "pytest", "-q", "-p", "no:xdist"], folder)


@pytest.mark.parametrize(("times", "code"), [(0, 0), (1, 0), (2, 1)])
def test_a_test_that_fails_runs_once_more_alone_and_counts_when_it_fails_again(
    tmp_path: Path, times: int, code: int
):
    assert failing(tmp_path, times) == code
    assert (tmp_path / "ran").read_text() == "pf" + "f" * min(times, 1)


def test_tests_that_cannot_run_do_not_run_once_more(tmp_path: Path):
    program = "import pathlib; pathlib.Path('ran').open('a').write('r'); raise SystemExit(4)"

    assert run_tests([sys.executable, "-c", program], tmp_path) == 4
    assert (tmp_path / "ran").read_text() == "r"
