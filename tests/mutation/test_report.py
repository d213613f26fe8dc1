"""When a run of mutation testing passes."""

from pathlib import Path

import pytest

from tests.mutation.mutant import Fate, Mutant, Trial
from tests.mutation.report import Survivor, faults, figures_of, last_tried, read_explanations

HOUSE = Path(__file__).parents[2]
GATES = "cloud/chalicelib/core/settle/gates.py"
EXPLAINED = Survivor(
    "gates.is_open", "return grace > 0", "return grace > 1", "no policy has a grace so short"
)


def trial(number: int, fate: Fate, file: str = GATES, becomes: str = "return grace > 1") -> Trial:
    mutant = Mutant(f"gates.x_is_open__mutmut_{number}", file, "gates.is_open", "return grace > 0", becomes)
    return Trial(mutant, fate)


def trials(noticed: int, survived: int) -> list[Trial]:
    killed = [trial(number, Fate.KILLED, becomes=f"return {number}") for number in range(noticed)]
    return [*killed, *(trial(noticed + number, Fate.SURVIVED) for number in range(survived))]


def test_a_mutant_that_hangs_is_noticed_and_one_that_no_test_calls_is_not():
    figures = figures_of([trial(1, Fate.KILLED), trial(2, Fate.TIMED_OUT), trial(3, Fate.UNTRIED)])

    assert (figures.mutants, figures.killed, figures.timed_out, figures.survived) == (3, 1, 1, 1)


def test_figures_are_told_for_each_module():
    figures = figures_of([*trials(3, 1), trial(9, Fate.KILLED, "cleaning.py")])

    assert {file: share.share for file, share in figures.modules.items()} == {GATES: 0.75, "cleaning.py": 1.0}
    assert figures.share == 0.8


@pytest.mark.parametrize(("noticed", "survived", "passes"), [(89, 11, False), (90, 10, True), (91, 9, True)])
def test_nine_in_ten_mutants_of_each_module_must_be_noticed(noticed: int, survived: int, passes: bool):
    assert (not list(faults(trials(noticed, survived), [EXPLAINED]))) is passes


def test_of_a_mutant_the_last_trial_counts_and_of_one_that_is_not_made_any_more_none():
    before = [trial(1, Fate.SURVIVED), trial(2, Fate.KILLED), trial(3, Fate.KILLED)]
    again = trial(1, Fate.KILLED)
    made = [trial.mutant for trial in before[:2]]

    assert last_tried(made, [*before, again]) == [again, before[1]]


def test_a_mutant_that_was_never_tried_has_no_trial():
    assert last_tried([trial(1, Fate.KILLED).mutant], []) == []


def test_a_survivor_needs_an_explanation():
    [fault] = faults([*trials(99, 0), trial(100, Fate.SURVIVED)], [])

    assert "nothing explains it" in fault
    assert "becomes = 'return grace > 1'" in fault


def test_a_mutant_that_no_test_calls_needs_an_explanation_too():
    found = [*trials(99, 0), trial(100, Fate.UNTRIED)]

    assert len(list(faults(found, []))) == 1
    assert list(faults(found, [EXPLAINED])) == []


def test_an_explanation_of_a_mutant_that_tests_notice_must_go():
    [fault] = faults([*trials(99, 0), trial(100, Fate.KILLED)], [EXPLAINED])

    assert "noticed or not made any more" in fault


def test_explanations_of_what_was_not_tried_stay():
    assert list(faults(trials(9, 0), [Survivor("cleaning.is_due", "a", "b", "because")])) == []


def test_every_explanation_has_a_reason_and_its_lines_are_in_the_source():
    sources = {file: {line.strip() for line in file.read_text().splitlines()} for file in product()}

    def is_in_the_source(each: Survivor) -> bool:
        file = next(file for file in sources if is_of(each.function, file))
        return set(each.was.splitlines()) <= sources[file]

    explained = read_explanations()

    assert [each for each in explained if not each.why.strip()] == []
    assert [each for each in explained if not is_in_the_source(each)] == []


def product() -> list[Path]:
    files = [*(HOUSE / "cloud").glob("chalicelib/**/*.py"), *(HOUSE / "edge_client").glob("**/*.py")]
    return sorted(files, key=lambda file: -len(module(file)))


def module(file: Path) -> str:
    name = str(file.relative_to(HOUSE)).removeprefix("cloud/").removesuffix(".py").removesuffix("/__init__")
    return name.replace("/", ".")


def is_of(function: str, file: Path) -> bool:
    return function.startswith(f"{module(file)}.")
