"""`tests/MAP.md` names every suite of the tree, every target that runs tests, and nothing that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
MAP = (HOUSE / "tests" / "MAP.md").read_text()
MAKEFILE = (HOUSE / "Makefile").read_text()
CODE = re.compile(r"`([^`]+)`")


def rows() -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Each row: its behaviour, the paths of its suites, its make targets."""
    for behaviour, suites, targets in re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", MAP, re.M):
        if suites != "suite":
            yield behaviour, tuple(CODE.findall(suites)), tuple(re.findall(r"`make ([a-z-]+)`", targets))


def recipes() -> dict[str, str]:
    return dict(re.findall(r"^([a-z][a-z-]*):.*\n((?:\t.*\n)*)", MAKEFILE, re.M))


def targets_that_run_tests() -> set[str]:
    return {
        name
        for name, recipe in recipes().items()
        if re.search(r"-m (?:pytest|tests\.|infra\.page --check)", recipe)
    }


def paths_in(variable: str) -> tuple[str, ...]:
    [listed] = re.findall(rf"^{variable} := ((?:.+\\\n)*.+)$", MAKEFILE, re.M)
    return tuple(listed.replace("\\\n", " ").split())


def is_within(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


ROWS = list(rows())
SUITES = {suite for _, suites, _ in ROWS for suite in suites}


def test_the_map_has_rows():
    assert len(ROWS) > 30
    assert [behaviour for behaviour, suites, targets in ROWS if not suites or not targets] == []


@pytest.mark.parametrize("path", sorted({path for path in CODE.findall(MAP) if path.startswith("tests/")}))
def test_every_path_of_the_map_exists(path: str):
    found = HOUSE / path

    assert found.is_dir() if path.endswith("/") else found.is_file()


def test_every_folder_with_tests_has_a_row():
    folders = {f"{file.parent.relative_to(HOUSE)}/" for file in HOUSE.glob("tests/*/**/test_*.py")}

    assert folders - SUITES == set()


def test_every_file_of_tests_outside_the_folders_has_a_row():
    files = {str(file.relative_to(HOUSE)) for file in HOUSE.glob("tests/test_*.py")}

    assert files - SUITES == set()


def test_every_target_that_runs_tests_has_a_row_and_no_other_target_has_one():
    assert {target for _, _, targets in ROWS for target in targets} == targets_that_run_tests()


@pytest.mark.parametrize("path", paths_in("FAST"))
def test_every_path_of_the_fast_tests_exists(path: str):
    assert (HOUSE / path).exists()


@pytest.mark.parametrize(("behaviour", "suites", "targets"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_names_the_fast_tests_exactly_when_they_run_all_of_it(
    behaviour: str, suites: tuple[str, ...], targets: tuple[str, ...]
):
    runs_all = all(is_within(suite.rstrip("/"), paths_in("FAST")) for suite in suites)

    assert "test-pythons" in targets or ("test-fast" in targets) is runs_all


def test_the_soak_runs_each_file_that_leaves_something_to_it():
    marked = {
        str(path.relative_to(HOUSE))
        for path in HOUSE.glob("tests/**/*.py")
        if re.search(r"\bmark\.soak\b", path.read_text())
    }
    in_chromium = {path for path in marked if path.startswith("tests/browser/")}

    assert [path for path in sorted(marked - in_chromium) if not is_within(path, paths_in("SOAKED"))] == []
