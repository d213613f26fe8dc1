"""Compiled files in the deployment package: which, that they are used, and that two builds are the same bytes."""

import importlib.util
import marshal
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.aws.compiled import NotCompiled, add_compiled
from infra.local.aws.lambdas.workers import INTERPRETER
from tests.infra.test_deploy import prepared

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
TAG = sys.implementation.cache_tag
UNCHECKED_HASH = 1
HEADER_BYTES = 16


class NoDependencies:
    """What pip would fetch is packed by the same code as everything else."""

    def build_site_packages(self, *_: Any, **__: Any) -> None: ...


def packed(target: Path) -> bytes:
    """The package as Chalice's own packager makes it."""
    packager = LambdaDeploymentPackager(OSUtils(), cast(DependencyBuilder, NoDependencies()), UI())
    return Path(packager.create_deployment_package(str(target), VERSION)).read_bytes()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked deployment package of the checkout."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "package.zip").write_bytes(packed(prepared(folder / "built")))
    zipfile.ZipFile(folder / "package.zip").extractall(folder / "task")
    return folder / "task"


def compiled_file(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def test_every_module_of_the_package_has_its_compiled_file(package: Path):
    sources = list(package.rglob("*.py"))

    assert {"app.py", "chalice", "chalicelib"} <= {source.relative_to(package).parts[0] for source in sources}
    assert [source for source in sources if not compiled_file(source).is_file()] == []


def test_what_requirements_pin_is_compiled_too(package: Path):
    assert (package / "msgspec" / "__pycache__" / f"__init__.{TAG}.pyc").is_file()


def test_no_compiled_file_asks_for_the_time_or_the_content_of_its_source(package: Path):
    flags = {int.from_bytes(compiled.read_bytes()[4:8], "little") for compiled in package.rglob("*.pyc")}

    assert flags == {UNCHECKED_HASH}


def test_no_compiled_file_names_the_machine_that_built_it(package: Path):
    named = [each for each in package.rglob("*.pyc") if str(package.parent).encode() in each.read_bytes()]

    assert named == []
    assert b"/var/task/chalicelib/wiring.py" in compiled_file(package / "chalicelib/wiring.py").read_bytes()


def test_a_compiled_file_tells_the_lines_of_errors_and_no_columns(package: Path):
    compiled = compiled_file(package / "chalicelib/wiring.py").read_bytes()
    positions = list(marshal.loads(compiled[HEADER_BYTES:]).co_positions())

    assert all(line for line, *_ in positions[1:])
    assert {columns for *_, first, last in positions for columns in (first, last)} == {None}


def test_the_compiled_files_are_what_a_worker_runs(package: Path, tmp_path: Path):
    task = shutil.copytree(package, tmp_path / "task")
    for source in (task / "chalicelib" / "core").rglob("*.py"):
        source.write_text("raise RuntimeError('compiled anew')")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from chalicelib.core import keys; print(keys.ORIGINALS)"
    )

    done = subprocess.run([*INTERPRETER, "-c", code, str(task)], capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.stderr) == ("originals/", "")


def test_a_build_elsewhere_and_one_again_in_the_same_folder_are_the_same_bytes(package: Path, tmp_path: Path):
    first = (package.parent / "package.zip").read_bytes()

    assert packed(prepared(tmp_path / "another")) == first
    shutil.rmtree(tmp_path / "another" / ".chalice" / "deployments")
    assert packed(prepared(tmp_path / "another")) == first


def test_another_version_than_the_pinned_one_is_not_compiled(tmp_path: Path):
    target = project_of(tmp_path, requirements="msgspec==0.0.1\n")

    add_compiled(target)

    assert not (target / "vendor" / "msgspec").exists()
    assert (target / "vendor" / "__pycache__" / f"app.{TAG}.pyc").is_file()


def test_a_module_that_cannot_be_compiled_ends_the_build_with_its_name(tmp_path: Path):
    target = project_of(tmp_path, app="def")

    with pytest.raises(NotCompiled, match=r"app\.py"):
        add_compiled(target)


def project_of(folder: Path, app: str = "", requirements: str = "") -> Path:
    """A project of one module."""
    (folder / "chalicelib").mkdir()
    (folder / "chalicelib" / "__init__.py").touch()
    (folder / "app.py").write_text(app)
    (folder / "requirements.txt").write_text(requirements)
    return folder
