import re

import pytest

from chalicelib.core.settle import gates
from tests.mutants.house import HOUSE
from tests.mutants.mutant import Mutant
from tests.mutants.planted import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_planted_bug_has_its_place(mutant: Mutant):
    for edit in mutant.edits:
        assert (HOUSE / edit.file).read_text().count(edit.old) == 1
        assert edit.new != edit.old


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_of_a_planted_bug_can_be_chosen(mutant: Mutant):
    """pytest takes a choice of several words only with `and`, `or` and `not` between them."""
    after = dict(zip(mutant.tests, mutant.tests[1:], strict=False))

    if choice := after.get("-k"):
        assert re.fullmatch(r"(?:not )?\(?\S+(?: (?:and|or|and not|or not) \(?\S+)*", choice)


def test_every_gate_has_a_planted_bug():
    planted = {mutant.name for mutant in MUTANTS}

    assert {f"gate {name} is always open" for name in (*gates.RECORD, *gates.WORLD)} <= planted
