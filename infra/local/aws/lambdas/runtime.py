"""What Lambda's Python carries beside the standard library, boto3 and what boto3 needs, and what layers bring."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

OF_LAMBDA = ("boto3",)

_NAME = re.compile(r"[A-Za-z0-9._-]+")


class NotInstalled(Exception):
    """A distribution that shall be in the runtime is not among those of this interpreter."""


def build_runtime(folder: Path) -> Path:
    """`folder`, with links to boto3 and all that it requires, as this interpreter has them. Raises NotInstalled."""
    return build_layer(folder, OF_LAMBDA)


def build_layer(folder: Path, names: Sequence[str]) -> Path:
    """`folder`, with links to the distributions `names` and all that they require. Raises NotInstalled."""
    folder.mkdir(parents=True, exist_ok=True)
    for found in _with_requirements(names):
        for name in _top_level(found):
            _link(folder / name, Path(str(found.locate_file(name))))
    return folder


def _with_requirements(names: Sequence[str]) -> Iterator[Distribution]:
    wanted, seen = list(names), set[str]()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            found = _installed(name)
            wanted += _required(found)
            yield found


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise NotInstalled(
            f"{name} is not installed with the interpreter that shall run functions"
        ) from error


def _required(found: Distribution) -> Iterator[str]:
    for requirement in found.requires or ():
        specifier, _, marker = requirement.partition(";")
        name = _NAME.match(specifier)
        if name and "extra ==" not in marker and (not marker or _is_installed(name[0])):
            yield name[0]


def _is_installed(name: str) -> bool:
    """Whether what is needed under some condition is there; the installer has judged the condition."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _top_level(found: Distribution) -> set[str]:
    return {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}


def _link(link: Path, target: Path) -> None:
    if not link.is_symlink():
        link.symlink_to(target)
