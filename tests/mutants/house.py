"""Copies of the sources, to be changed at will."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2]
COPIED = ("cloud", "edge_client", "infra", "examples", "tests", "pyproject.toml", "requirements", "README.md")


@contextmanager
def copy_house() -> Iterator[Path]:
    """A copy of the sources; it goes at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="reelhaul-mutant-") as folder:
        copy = Path(folder)
        leave_out = shutil.ignore_patterns("__pycache__", ".*_cache", "vendor", "node_modules")
        copy_tree = partial(shutil.copytree, ignore=leave_out)
        for name in COPIED:
            (copy_tree if (HOUSE / name).is_dir() else shutil.copy)(HOUSE / name, copy / name)
        yield copy
