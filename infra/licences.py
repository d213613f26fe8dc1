"""The licences of what is installed on devices, in Lambda and for operators: a page, and nothing that is not allowed.

`python -m infra.licences` writes `docs/licences.md` from the locks and from what the installed packages say themselves.
It ends with 1 where a licence is not among ALLOWED or cannot be told.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from infra import door

HOUSE = Path(__file__).resolve().parents[1]
PAGE = HOUSE / "docs" / "licences.md"

LOCKS: Mapping[str, str] = {
    "device": "requirements/edge.txt",
    "coordinator": "cloud/requirements.txt",
    "operator": "requirements/admin.txt",
}

ALLOWED = frozenset({"Apache-2.0", "BSD-3-Clause", "MIT", "MPL-2.0"})
"""Licences that let a package be passed on beside ours. MPL-2.0 asks that changes of its own files are published."""

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; ([^\\\n]+?))? \\$", re.MULTILINE)

_SPDX = {
    "Apache License 2.0": "Apache-2.0",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",  # python-dateutil
}
"""What packages say that do not use the names of SPDX."""

_ONLY_ELSEWHERE = re.compile(r"(sys_platform|platform_system|os_name) == '(win32|Windows|nt)'")


_SAID_IN = ("License-Expression", "License")


class Unlicensed(Exception):
    """A package whose licence is not allowed, or cannot be told; the text names it."""


@dataclass(frozen=True)
class Carried:
    """A package that is installed, and for whom."""

    name: str
    version: str
    licence: str
    by: tuple[str, ...]


def carried() -> list[Carried]:
    """Every package of the locks, by name; those of Windows alone are left out. Raises Unlicensed."""
    who: dict[tuple[str, str], list[str]] = {}
    for person, lock in LOCKS.items():
        for name, version in pins((HOUSE / lock).read_text()):
            who.setdefault((name, version), []).append(person)
    return [
        Carried(name, version, licence(name, version), tuple(people))
        for (name, version), people in sorted(who.items())
    ]


def pins(text: str) -> Iterator[tuple[str, str]]:
    """Name and version of each package of a lock that Linux installs."""
    for name, version, marker in _PIN.findall(text):
        if not _ONLY_ELSEWHERE.fullmatch(marker.strip()):
            yield name, version


def licence(name: str, version: str) -> str:
    """The licence of an installed package as an expression of SPDX. Raises Unlicensed."""
    try:
        found = distribution(name)
    except PackageNotFoundError as error:
        raise Unlicensed(
            f"{name} {version} is not installed, so its licence cannot be told: make setup"
        ) from error
    if found.version != version:
        raise Unlicensed(f"{name} {found.version} is installed and {version} is locked: make setup")
    said = next((found.metadata[key] for key in _SAID_IN if key in found.metadata), "")
    expression = _SPDX.get(said, said)
    if not is_allowed(expression):
        raise Unlicensed(f"{name} {version}: {said or 'no licence'} is not allowed (infra/licences.py)")
    return expression


def is_allowed(expression: str) -> bool:
    """Whether one of the licences between `OR`, or each between `AND`, is allowed."""
    return any(
        all(each.strip(" ()") in ALLOWED for each in choice.split(" AND "))
        for choice in expression.split(" OR ")
    )


def page(packages: list[Carried]) -> str:
    """`docs/licences.md`."""
    rows = [f"| {each.name} {each.version} | {each.licence} | {', '.join(each.by)} |" for each in packages]
    return "\n".join([*_HEAD, *rows, ""])


_HEAD = (
    "# Licences",
    "",
    "reelhaul is under the [MIT licence](../LICENSE). What is installed beside it on devices, in Lambda and for",
    "operators is below; `make sbom` writes this page from the locks. In Lambda the runtime brings boto3, and AWS's",
    "layer AWSSDKPandas brings pyarrow (both Apache-2.0); Chalice (Apache-2.0) puts two of its files into the package.",
    "Each licence is one of " + ", ".join(sorted(ALLOWED)) + ".",
    "",
    "| package | licence | for |",
    "|---|---|---|",
)


def run() -> int:
    """The command; its exit code."""
    try:
        PAGE.write_text(page(carried()))
    except Unlicensed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{PAGE.relative_to(HOUSE)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(door.ended(run))
