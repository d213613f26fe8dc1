"""Packages of earlier local stacks: found by what has the same sources, and the newest few are kept."""

import os
from pathlib import Path

import pytest

from infra.aws import project
from infra.local import packages


def make_project(folder: Path, app: str = "one = 1") -> Path:
    """A project as it is prepared; Chalice has not packed it yet."""
    folder.mkdir()
    (folder / "app.py").write_text(app)
    (folder / "requirements.txt").write_text("")
    return folder


def packed(target: Path) -> Path:
    """The project, its package where Chalice puts it."""
    package = project.package(target)
    package.parent.mkdir(parents=True, exist_ok=True)
    package.write_text(f"package of {target.name}")
    return target


def test_the_package_of_the_same_sources_is_found_in_another_folder(tmp_path: Path):
    packages.keep(tmp_path / "kept", packed(make_project(tmp_path / "first")))
    second = make_project(tmp_path / "second")

    packages.lay(tmp_path / "kept", second)

    assert project.package(second).read_text() == "package of first"


def test_other_sources_find_no_package(tmp_path: Path):
    packages.keep(tmp_path / "kept", packed(make_project(tmp_path / "first")))
    second = make_project(tmp_path / "second", app="one = 2")

    packages.lay(tmp_path / "kept", second)

    assert not project.package(second).exists()


def test_of_the_packages_that_were_laid_the_one_that_is_deployed_stays(tmp_path: Path):
    packages.keep(tmp_path / "kept", packed(make_project(tmp_path / "first")))
    second = make_project(tmp_path / "second", app="one = 2")
    packages.lay(tmp_path / "kept", second)

    packages.keep(tmp_path / "kept", packed(second))

    assert list((second / ".chalice" / "deployments").iterdir()) == [project.package(second)]
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_before_the_first_stack_there_is_none(tmp_path: Path):
    target = make_project(tmp_path / "first")

    packages.lay(tmp_path / "kept", target)

    assert not project.package(target).exists()


@pytest.mark.parametrize("others", [packages.MOST - 1, packages.MOST, packages.MOST + 1])
def test_the_oldest_go_and_one_that_was_used_again_is_new(tmp_path: Path, others: int):
    kept = tmp_path / "kept"
    first = packed(make_project(tmp_path / "first"))
    packages.keep(kept, first)
    for number in range(others):
        target = packed(make_project(tmp_path / f"other-{number}", app=f"one = {number + 2}"))
        packages.keep(kept, target)
        os.utime(kept / project.package(target).name, (number, number))

    packages.keep(kept, first)

    assert len(list(kept.iterdir())) == min(others + 1, packages.MOST)
    assert (kept / project.package(first).name).exists()
