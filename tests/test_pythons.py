"""The runner of several Pythons, with programs in their place that say what they are asked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from tests.pythons import HOUSE, LOCK, SUPPORTED, main

# As a Python: says its version, makes a venv that is itself, installs, and runs tests to the end that it is told.
STAND_IN = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
    -c*) echo {version} ;;
    *venv*) /bin/mkdir -p "$4/bin" && /bin/cp "$0" "$4/bin/python" ;;
    *require-hashes*) exit {install_code} ;;
    *pytest*) echo "7 passed in 0.1s"; exit {tests_code} ;;
esac
"""


LOCKS = {"device": HOUSE / "requirements" / "edge.txt", "tests": LOCK}


def stand_in(folder: Path, version: str, tests_code: int = 0, install_code: int = 0) -> Path:
    path = folder / f"python{version}"
    log = folder / "log"
    path.write_text(
        STAND_IN.format(log=log, version=version, tests_code=tests_code, install_code=install_code)
    )
    path.chmod(0o755)
    return path


def test_each_python_is_told_with_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    good, bad = stand_in(tmp_path, "3.10.13"), stand_in(tmp_path, "3.13.0", tests_code=1)

    assert main([str(good), str(bad)], tmp_path / "build") == 1

    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"python 3\.10\.13 +passed +7 passed in 0\.1s", said[0])
    assert re.fullmatch(r"python 3\.13\.0 +FAILED +7 passed in 0\.1s \(all of it: .*tests\.log\)", said[2])
    assert said[-1] == "the edge client's tests pass on 1 of 2 Pythons"


def test_pythons_that_pass_are_a_success(tmp_path: Path):
    assert (
        main([str(stand_in(tmp_path, "3.10.13")), str(stand_in(tmp_path, "3.12.1"))], tmp_path / "build") == 0
    )


def test_requirements_that_cannot_be_installed_are_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main([str(stand_in(tmp_path, "3.10.13", install_code=1))], tmp_path / "build") == 1

    assert "`-m pip install` failed" in capsys.readouterr().out
    assert "-m pytest" not in (tmp_path / "log").read_text()


def test_a_python_that_was_asked_for_and_is_not_there_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    good = stand_in(tmp_path, "3.12.1")

    assert main([str(good), str(tmp_path / "python3.10")], tmp_path / "build") == 1

    assert re.search(r"python3\.10 +not installed", capsys.readouterr().out)


def test_pythons_that_nobody_asked_for_are_passed_over_but_not_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    shim = tmp_path / "python3.10"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)

    assert main([], tmp_path / "build") == 1
    stand_in(tmp_path, "3.12")
    assert main([], tmp_path / "build") == 0

    said = capsys.readouterr().out
    assert len(re.findall(r"^python3\.10 +not installed$", said, re.MULTILINE)) == 2
    assert len(re.findall(r"^python3\.13 +not installed$", said, re.MULTILINE)) == 2


def test_a_venv_is_made_once(tmp_path: Path):
    python = str(stand_in(tmp_path, "3.10.13"))

    main([python], tmp_path / "build")
    main([python], tmp_path / "build")

    asked = (tmp_path / "log").read_text()
    assert (asked.count("-m venv"), asked.count("-m pytest")) == (1, 2)


def test_the_pythons_begin_with_the_least_that_the_client_takes():
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]

    assert project["requires-python"] == f">={SUPPORTED[0]}"


def test_they_test_with_what_a_device_installs():
    pins = {name: set(re.findall(r"^[a-z].*==\S+", path.read_text(), re.M)) for name, path in LOCKS.items()}

    assert pins["device"]
    assert pins["device"] <= pins["tests"]


def test_the_clients_tests_need_nothing_that_their_requirements_lack():
    assert "boto3" not in LOCK.read_text()
    hidden = (
        "import sys; sys.modules['boto3'] = None; sys.path.insert(0, 'cloud'); import tests.edge.conftest"
    )

    done = subprocess.run(
        [sys.executable, "-c", hidden], cwd=HOUSE, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
