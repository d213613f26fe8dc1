"""What a planted bug is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """`old` occurs exactly once in `file`, and becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A planted bug, and the tests (pytest's arguments) of which one must notice."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def bug(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    """One change in one file."""
    return Mutant(name, (Edit(file, old, new),), tests)
