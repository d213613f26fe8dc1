"""What is mutated is there, and so are the tests that hold it."""

from pathlib import Path

import pytest

from tests.mutation.scope import LEFT_OUT, SCOPE, Part, selection_of

HOUSE = Path(__file__).parents[2]


def test_every_part_names_sources_and_tests_that_there_are():
    def is_there(part: Part) -> bool:
        return all(any(HOUSE.glob(glob)) for glob in part.sources) and all(
            (HOUSE / test).exists() for test in part.tests
        )

    assert [part for part in SCOPE if not is_there(part)] == []
    assert [test for test in LEFT_OUT if not (HOUSE / test).exists()] == []


def test_every_act_of_the_flows_is_mutated():
    mutated = {path for part in SCOPE for glob in part.sources for path in HOUSE.glob(glob)}

    assert set((HOUSE / "cloud/chalicelib/flows/actions").glob("*.py")) <= mutated


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("cloud/chalicelib/core/settle/gates.py", "tests/core/settle"),
        ("cloud/chalicelib/flows/settle.py", "tests/flows/test_settle.py"),
    ],
)
def test_the_tests_of_a_file_are_those_of_its_part(file: str, test: str):
    assert test in selection_of(file)
