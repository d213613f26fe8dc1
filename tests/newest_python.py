"""Set-up, demo and the fast tests on the newest Python of this machine, in a copy of the project with its own venv.

    make test-newest

The copy is in a folder with spaces in its name, so this shows as well that the project works in such a folder. Where no
Python is newer than this one, it says so and ends with 0. Copy, venv and everything built: build/newest python.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.pythons import HOUSE, SUPPORTED, Python, find_python

COPY = HOUSE / "build" / "newest python"
FAST_TESTS = (
    "tests/core tests/flows tests/web tests/infra/test_processor.py tests/infra/test_processor_overlay.py"
)
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "build", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info"
)
NOT_PASSED_ON = ("MAKE", "MFLAGS", "PYTHON", "VIRTUAL_ENV", "COVERAGE")


def main(environment: Mapping[str, str] = os.environ, copy: Path = COPY) -> int:
    """Exit code 0 when all of it passes on the newest Python, or when no Python is newer than this one."""
    this, searched = Python(sys.executable, platform.python_version()), list(candidates(environment))
    newest = newest_of(map(find_python, searched), this)
    if newest is None:
        print(
            f"no Python newer than {this.version} runs here: nothing more to test (tried {', '.join(searched)})"
        )
        return 0
    print(f"python {newest.version} ({newest.command}) in {copy}", flush=True)
    _copy_project(HOUSE, copy)
    for target in (["demo"], ["test", f"PYTEST=-q {FAST_TESTS}"]):
        done = subprocess.run(
            ["make", *target, f"PYTHON={newest.command}"], cwd=copy, env=_own(environment), check=False
        )
        if done.returncode:
            print(
                f"python {newest.version}: `make {shlex.join(target)}` failed with exit code {done.returncode}"
            )
            return 1
    print(f"python {newest.version}: passed")
    return 0


def candidates(environment: Mapping[str, str]) -> Iterator[str]:
    """Commands that may start a Python: each supported one by its name on PATH, then those of pyenv."""
    names = [f"python{series}" for series in SUPPORTED]
    yield from names
    root = environment.get("PYENV_ROOT") or str(Path(environment.get("HOME", "/")) / ".pyenv")
    for name in names:
        yield from map(str, sorted(Path(root).glob(f"versions/*/bin/{name}")))


def newest_of(found: Iterable[Python], this: Python) -> Python | None:
    """The newest Python that runs, is supported and is of a newer series than `this`; the first of several."""
    newer = [each for each in found if each.series in SUPPORTED and each.order > this.order]
    return max(newer, key=lambda each: each.order, default=None)


def _copy_project(source: Path, copy: Path) -> None:
    """Have `copy` hold the sources as they are; its venv and what it built remain, so that a second run is faster."""
    copy.mkdir(parents=True, exist_ok=True)
    for old in copy.iterdir():
        if old.name in (".venv", "build"):
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    shutil.copytree(source, copy, ignore=NOT_COPIED, dirs_exist_ok=True)


def _own(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what make and this Python put into it for themselves."""
    return {name: value for name, value in environment.items() if not name.startswith(NOT_PASSED_ON)}


if __name__ == "__main__":
    sys.exit(main())
