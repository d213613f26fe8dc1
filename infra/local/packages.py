"""Deployment packages of earlier local stacks: with the package of the same sources, Chalice calls no pip.

Chalice names a package by the hash of all that is in it, and takes one of that name where it lies.
"""

import os
import shutil
import tempfile
from pathlib import Path

from infra.aws import project

MOST = 4
"""How many are kept: the coordinator's of now and before, and those of a test's own projects."""


def lay(packages: Path, target: Path) -> None:
    """Have Chalice find the packages of the folder `packages` when it deploys the prepared project `target`."""
    folder = target / ".chalice" / "deployments"
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages.glob("*.zip"):
        # Another stack may drop it at this moment.
        try:
            shutil.copyfile(package, folder / package.name)
        except FileNotFoundError:
            (folder / package.name).unlink(missing_ok=True)


def keep(packages: Path, target: Path) -> None:
    """Have the folder `packages` hold what Chalice deployed from `target`, and the newest others.

    In `target` none but that stays.
    """
    made = project.package(target)
    for laid in made.parent.glob("*.zip"):
        if laid != made:
            laid.unlink()
    kept = packages / made.name
    packages.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=packages) as folder:
            shutil.copyfile(made, Path(folder) / made.name)
            os.replace(Path(folder) / made.name, kept)
    kept.touch()
    for package in sorted(packages.glob("*.zip"), key=_used_at, reverse=True)[MOST:]:
        package.unlink(missing_ok=True)


def _used_at(package: Path) -> float:
    try:
        return package.stat().st_mtime
    except FileNotFoundError:
        return 0.0
