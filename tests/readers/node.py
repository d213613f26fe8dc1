"""Node with the packages of `scripts/package-lock.json`, which are installed once into build/."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
_HOUSE = Path(__file__).parents[2]
_PACKAGES = ("package.json", "package-lock.json")
_WAIT_S = 150


@dataclass(frozen=True)
class Node:
    """The program `node`; what it imports comes from `folder`."""

    program: str
    folder: Path

    def answer(self, script: str, *arguments: object) -> Any:
        """The JSON that a script of `scripts/` prints."""
        # Node looks for packages above the script, so the script has to be beside them.
        placed = shutil.copy(SCRIPTS / script, self.folder / f"{os.getpid()}-{script}")
        try:
            command = [self.program, placed, *map(str, arguments)]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=_WAIT_S, check=False)
        finally:
            os.remove(placed)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


def demand_node() -> str:
    """The program `node`; skips the test where there is none."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("there is no node here")
    return program


def install_node(folder: Path = _HOUSE / "build" / "readers") -> Node:
    """Node with its packages. Skips where there is no node, no npm, or where npm reaches no registry.

    Fails when what the registry sends is not what the lock file says.
    """
    node = Node(demand_node(), folder)
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes may run tests
        if not _is_installed(folder):
            _install(npm, folder)
    return node


def _is_installed(folder: Path) -> bool:
    """Whether the packages are those of the lock file: npm copies it last."""
    return (
        all(
            (folder / name).is_file() and (folder / name).read_bytes() == (SCRIPTS / name).read_bytes()
            for name in _PACKAGES
        )
        and (folder / "installed").is_file()
    )


def _install(npm: str, folder: Path) -> None:
    (folder / "installed").unlink(missing_ok=True)
    for name in _PACKAGES:
        shutil.copy(SCRIPTS / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(folder / "cache")]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_WAIT_S, check=False)
    if "EINTEGRITY" in ran.stderr:
        pytest.fail(f"a package is not the one of package-lock.json: {ran.stderr}")
    if ran.returncode:
        pytest.skip(f"npm could not install what package-lock.json says: {ran.stderr.strip()[-300:]}")
    (folder / "installed").touch()
