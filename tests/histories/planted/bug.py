"""What a bug is that histories must find, and the guard beside it that may hide it."""

from dataclasses import dataclass
from enum import Enum

from tests.mutants.mutant import Edit


class Kind(Enum):
    """What the bug breaks."""

    GUARD = "guard"
    ORDER = "order of effects"
    FSYNC = "fsync"
    IF_MATCH = "If-Match"
    LEASE = "lease"
    IDEMPOTENCY = "idempotency"
    IDENTITY = "identity"
    PAGING = "paging"
    CLAIM = "claim"
    EVIDENCE = "evidence"
    PROXY = "proxy"


class Begin(Enum):
    """Which histories a search plays; it counts the others as such that show nothing."""

    ANY = "all"
    HAUL = "those that begin with a card"
    HOME = "those that begin with recordings that are home"


@dataclass(frozen=True)
class Neighbour:
    """Another guard against the same harm, and the edits that remove it.

    `masks`: as long as it is there, no history can show the bug.
    """

    guard: str
    edits: tuple[Edit, ...]
    masks: bool = False


@dataclass(frozen=True)
class NoNeighbour:
    """Nothing else guards against the harm, and why."""

    reason: str


@dataclass(frozen=True)
class PlantedBug:
    """A bug in the product and the harm that it does, in one sentence; `begin` are the histories that may show it."""

    name: str
    kind: Kind
    harm: str
    edits: tuple[Edit, ...]
    beside: Neighbour | NoNeighbour
    begin: Begin = Begin.ANY

    @property
    def is_masked(self) -> bool:
        return isinstance(self.beside, Neighbour) and self.beside.masks

    @property
    def with_neighbour_removed(self) -> tuple[Edit, ...] | None:
        """The edits of the second variant; None where there is no neighbour."""
        return (*self.edits, *self.beside.edits) if isinstance(self.beside, Neighbour) else None


class Misplaced(Exception):
    """The old text of an edit does not occur exactly once."""


def applied(texts: dict[str, str], edits: tuple[Edit, ...]) -> dict[str, str]:
    """The `texts` of files, by name, after the edits in their order. Raises Misplaced."""
    after = dict(texts)
    for edit in edits:
        if after[edit.file].count(edit.old) != 1:
            raise Misplaced(f"{edit.file}: {edit.old!r}")
        after[edit.file] = after[edit.file].replace(edit.old, edit.new)
    return after
