"""When a figure holds."""

import math

import pytest

from tests.benchmarks.figures import Figure


@pytest.mark.parametrize(
    ("bar", "least", "value", "holds"),
    [
        (2.0, None, 1.9, True),
        (2.0, None, 2.0, True),
        (2.0, None, 2.1, False),
        (None, 200.0, 199.9, False),
        (None, 200.0, 200.0, True),
        (None, 200.0, 200.1, True),
        (0.97, 0.93, 0.929, False),
        (0.97, 0.93, 0.93, True),
        (0.97, 0.93, 0.97, True),
        (0.97, 0.93, 0.971, False),
        (2.0, None, math.nan, False),
    ],
)
def test_a_figure_holds_within_its_bounds(bar: float | None, least: float | None, value: float, holds: bool):
    assert Figure("name", value, "ratio", bar, "note", least=least).holds is holds


@pytest.mark.parametrize(
    ("bar", "least", "bounds"),
    [(2, None, "at most 2"), (None, 200, "at least 200"), (0.97, 0.93, "at least 0.93, at most 0.97")],
)
def test_bounds_are_in_words(bar: float | None, least: float | None, bounds: str):
    assert Figure("name", 1, "ratio", bar, "note", least=least).bounds == bounds
