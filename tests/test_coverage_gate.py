"""The gate of `make coverage`: it fails one line or branch below its limit, and for an area that was not measured."""

from typing import Any

import pytest

from tests.coverage_gate import AREAS, HOUSE, Share, missing, share_of


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
