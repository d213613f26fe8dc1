"""Which Python is the newest of a machine, and what is run on it; programs in the place of Pythons and of make."""

from pathlib import Path

import pytest

from tests.newest_python import candidates, main, newest_of
from tests.pythons import HOUSE, SUPPORTED, Python, find_python

THIS = Python("this", "3.11.7")
RUNS_NOTHING = "#!/bin/sh\necho 'pyenv: python: command not found' >&2\nexit 127\n"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def stand_in(path: Path, version: str) -> Path:
    return program(path, f"#!/bin/sh\necho {version}\n")


def make(folder: Path, code: int) -> Path:
    """A make that writes down where and with what it is called."""
    told = folder / "made"
    program(folder / "make", f'#!/bin/sh\necho "$PWD|$*|$PYTHONPATH$MAKEFLAGS" >>{told}\nexit {code}\n')
    return told


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python: PATH and HOME are folders of the test."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path


def surroundings(machine: Path) -> dict[str, str]:
    return {"PATH": str(machine / "path"), "HOME": str(machine / "home")}


@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        ([], None),
        (["3.10.13", "3.11.7"], None),
        (["3.11.9"], None),
        (["3.12.1"], "3.12.1"),
        (["3.13.0", "3.12.1"], "3.13.0"),
        (["3.9.18", "3.14.0"], "3.14.0"),
        (["3.15.0", "4.0.0"], None),
        (["2.7.18", "nonsense"], None),
    ],
)
def test_the_newest_is_of_a_newer_series_and_supported(versions: list[str], newest: str | None):
    found = newest_of([Python(version, version) for version in versions], THIS)

    assert (found.version if found else None) == newest


def test_series_are_compared_as_numbers():
    assert newest_of([Python("new", "3.10.0")], Python("this", "3.9.18")) is not None


def test_a_command_that_does_not_run_is_no_python(machine: Path):
    program(machine / "path" / "python3.13", RUNS_NOTHING)
    stand_in(machine / "home" / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3.12", "3.12.1")

    found = newest_of(map(find_python, candidates(surroundings(machine))), THIS)

    assert found is not None
    assert found.version == "3.12.1"


def test_pyenv_is_searched_where_it_says_it_is(machine: Path):
    own = stand_in(machine / "other" / "versions" / "3.13.0" / "bin" / "python3.13", "3.13.0")

    assert str(own) in candidates({"PYENV_ROOT": str(machine / "other"), "HOME": str(machine)})


def test_every_supported_series_is_looked_for(machine: Path):
    assert [*candidates(surroundings(machine))] == [f"python{series}" for series in SUPPORTED]


def test_a_machine_without_a_newer_python_says_so_and_fails_nothing(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    told = make(machine / "path", code=0)

    assert main(surroundings(machine), machine / "copy") == 0

    said = capsys.readouterr().out
    assert said.startswith("no Python newer than ")
    assert "python3.14" in said
    assert not told.exists()
    assert not (machine / "copy").exists()


def test_setup_demo_and_tests_run_in_a_copy_with_the_newest(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    newest = stand_in(machine / "path" / "python3.14", "3.14.0")
    told, copy = make(machine / "path", code=0), machine / "a copy"
    surrounding = {**surroundings(machine), "PYTHONPATH": "/ours", "MAKEFLAGS": "PYTHON=ours"}

    assert main(surrounding, copy) == 0

    demo, tests = told.read_text().splitlines()
    assert demo == f"{copy}|demo PYTHON={newest.name}|"
    assert tests.startswith(f"{copy}|test PYTEST=-q tests/core ")
    assert (copy / "Makefile").is_file()
    assert not [name for name in (".git", ".venv", "build") if (copy / name).exists()]
    assert "python 3.14.0: passed" in capsys.readouterr().out


def test_a_failure_there_is_a_failure(machine: Path, capsys: pytest.CaptureFixture[str]):
    stand_in(machine / "path" / "python3.14", "3.14.0")
    told = make(machine / "path", code=2)

    assert main(surroundings(machine), machine / "copy") == 1

    assert len(told.read_text().splitlines()) == 1
    assert "python 3.14.0: `make demo` failed with exit code 2" in capsys.readouterr().out


def test_a_second_run_keeps_the_venv_and_drops_what_the_sources_lack(machine: Path):
    stand_in(machine / "path" / "python3.14", "3.14.0")
    make(machine / "path", code=0)
    copy = machine / "copy"
    for name in (".venv/kept", "build/kept", "tests/dropped", "dropped"):
        program(copy / name, "")

    main(surroundings(machine), copy)

    assert (copy / ".venv" / "kept").exists()
    assert (copy / "build" / "kept").exists()
    assert not (copy / "tests" / "dropped").exists()
    assert not (copy / "dropped").exists()


def test_the_ci_runs_it_after_all_else():
    commands = (HOUSE / ".ci" / "run").read_text().splitlines()

    assert commands[-2:] == ["make check", "make test-newest"]
