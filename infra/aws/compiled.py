"""Compiled files for the deployment package: without them every cold start compiles every module again.

They are `unchecked-hash`: Lambda's file times mean nothing, and nothing changes the sources there. Chalice packs
`chalicelib/**` and `vendor/**` as they are; `vendor/` ends at the root of the package, beside `app.py`.
"""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

LAMBDA_ROOT = "/var/task"

_CHALICE = ("__init__.py", "app.py")
"""The parts of Chalice that it packs."""

_PINNED = re.compile(r"^([A-Za-z0-9_-]+)==([^\s\\;]+)", re.MULTILINE)


class NotCompiled(Exception):
    """The sources cannot be compiled by this Python; the message is its own."""


def add_compiled(target: Path) -> None:
    """Put compiled files into the project `target`: of its own modules, of Chalice, of what `requirements.txt` pins.

    They carry this Python's version in their names, for which Chalice deploys as well; another Python passes them
    over and compiles the sources. The same sources give the same bytes. Raises NotCompiled.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, source in sorted(_sources(target).items()):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, root / path)
        _compile(root)
        for compiled in sorted(root.rglob("*.pyc")):
            place = compiled.relative_to(root)
            home = target if place.parts[0] == "chalicelib" else target / "vendor"
            (home / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(compiled, home / place)


def _sources(target: Path) -> Mapping[str, Path]:
    """Every module of the future package, by its path in the package."""
    own = {str(path.relative_to(target)): path for path in target.glob("chalicelib/**/*.py")}
    pinned = dict(_PINNED.findall((target / "requirements.txt").read_text()))
    carried = {place: path for name, version in pinned.items() for place, path in _of(name, version)}
    return {**own, "app.py": target / "app.py", **_of_chalice(), **carried}


def _of_chalice() -> Mapping[str, Path]:
    spec = importlib.util.find_spec("chalice")
    if spec is None or spec.origin is None:
        return {}
    home = Path(spec.origin).parent
    return {f"chalice/{name}": home / name for name in _CHALICE}


def _of(name: str, version: str) -> Iterator[tuple[str, Path]]:
    """The modules of a distribution, if it is installed here in just this version: the package's may be others."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return
    if found.version == version:
        yield from (
            (str(file), Path(str(file.locate()))) for file in found.files or () if file.suffix == ".py"
        )


def _compile(root: Path) -> None:
    """Compile in a separate process with fixed hashes: otherwise this process's memory would affect the bytes.

    The files tell the line of an error, not its column: columns are a quarter of their size.
    """
    command = [sys.executable, "-S", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    done = subprocess.run(
        # Tracebacks show the paths that the files have in Lambda.
        [*command, "-s", str(root), "-p", LAMBDA_ROOT, str(root)],
        env={"PYTHONHASHSEED": "0", "PYTHONNODEBUGRANGES": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotCompiled(f"a module cannot be compiled: {done.stdout or done.stderr}")
