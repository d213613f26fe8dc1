"""The edge client's tests on every Python that a device may have, each in a venv of its own with pinned requirements.

    make test-pythons                                                     python3.10 … python3.14 on PATH
    make test-pythons PYTHONS='python3.10 /opt/python/3.13/bin/python3'   these, and an absent one is a failure

What is not installed is said and passed over; nothing installed at all is a failure. Venvs and logs: build/pythons.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
BUILD = HOUSE / "build" / "pythons"
LOCK = HOUSE / "requirements" / "edge-tests.txt"
TESTS = "tests/edge"
CLOUD = "cloud"  # the coordinator, which these tests haul against
SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14")
ASK = "import platform; print(platform.python_version())"
ASK_TIME_LIMIT_S = 30
TESTS_TIME_LIMIT_S = 1200
TOLD_LINES = 30


@dataclass(frozen=True)
class Python:
    """An interpreter: how it is called, and its version, or None where there is none that runs."""

    command: str
    version: str | None

    @property
    def series(self) -> str:
        """`3.10` of 3.10.13."""
        return ".".join((self.version or "").split(".")[:2])

    @property
    def order(self) -> tuple[int, ...]:
        """(3, 10) of 3.10.13, to compare; () where there is none that runs."""
        return tuple(map(int, re.findall(r"\d+", self.series)))


@dataclass(frozen=True)
class End:
    """What became of one Python; `is_bad` fails the run."""

    name: str
    verdict: str
    detail: str
    is_bad: bool


class SetUpFailed(Exception):
    """A step before the tests failed; the text names it."""


def main(arguments: Sequence[str], build: Path = BUILD) -> int:
    """Exit code 0 when the tests pass on at least one Python and fail on none."""
    parser = argparse.ArgumentParser(description="the edge client's tests on several Pythons")
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="an interpreter; else those on PATH")
    asked = parser.parse_args(arguments).pythons
    ends = list(_told(_ends(asked, build)))
    passed = sum(end.verdict == "passed" for end in ends)
    print(f"the edge client's tests pass on {passed} of {len(ends)} Pythons")
    return 0 if passed and not any(end.is_bad for end in ends) else 1


def _ends(asked: Sequence[str], build: Path) -> Iterator[End]:
    for python in map(find_python, asked or [f"python{series}" for series in SUPPORTED]):
        if python.version is None:
            yield End(python.command, "not installed", "", is_bad=bool(asked))
        else:
            yield _tested(python, build)


def _told(ends: Iterable[End]) -> Iterator[End]:
    for end in ends:
        print(f"{end.name:14} {end.verdict:14} {end.detail}".rstrip(), flush=True)
        yield end


def find_python(command: str) -> Python:
    """The interpreter that a command starts. A version manager's command may exist and not run."""
    try:
        done = subprocess.run(
            [command, "-c", ASK], capture_output=True, text=True, timeout=ASK_TIME_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Python(command, None)
    return Python(command, done.stdout.strip() if done.returncode == 0 else None)


def _tested(python: Python, build: Path) -> End:
    folder = build / python.series
    folder.mkdir(parents=True, exist_ok=True)
    name, log = f"python {python.version}", folder / "tests.log"
    try:
        own = _venv(python, folder / "venv", folder / "set-up.log")
    except SetUpFailed as error:
        return End(name, "FAILED", str(error), is_bad=True)
    code = _run(
        [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"pythonpath={CLOUD}", TESTS], log
    )
    lines = log.read_text().splitlines() or [""]
    if code:
        print("\n".join(lines[-TOLD_LINES:]))
        return End(name, "FAILED", f"{lines[-1]} (all of it: {_short(log)})", is_bad=True)
    return End(name, "passed", lines[-1], is_bad=False)


def _venv(python: Python, folder: Path, log: Path) -> str:
    """The venv's own interpreter. Made anew when what goes into it, or who makes it, has changed."""
    own, mark = str(folder / "bin" / "python"), folder / "made-of"
    sources = (LOCK.read_bytes(), (HOUSE / "pyproject.toml").read_bytes(), (python.version or "").encode())
    wanted = hashlib.sha256(b"\0".join(sources)).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return own
    pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for step in (
        [python.command, "-m", "venv", "--clear", str(folder)],
        [*pip, "--require-hashes", "-r", str(LOCK)],
        [*pip, "--no-deps", "--no-build-isolation", "--editable", str(HOUSE)],
    ):
        if _run(step, log):
            raise SetUpFailed(f"`{' '.join(step[1:4])}` failed: {_short(log)}")
    mark.write_text(wanted)
    return own


def _run(command: Sequence[str], log: Path) -> int:
    """The exit code; everything said goes into the log. Nothing of this process's own Python reaches the other."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with log.open("w") as file:
        done = subprocess.run(
            command,
            cwd=HOUSE,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=TESTS_TIME_LIMIT_S,
            check=False,
        )
    return done.returncode


def _short(path: Path) -> str:
    return os.path.relpath(path, HOUSE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
