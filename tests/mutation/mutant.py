"""What a mutant is, and what can become of it."""

from enum import Enum

from msgspec import Struct


class Fate(Enum):
    """What the tests made of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"
    UNTRIED = "no test calls it"

    @property
    def is_noticed(self) -> bool:
        """A mutant that runs ten times as long as its tests do hangs: that is noticed as well."""
        return self in (Fate.KILLED, Fate.TIMED_OUT)


class Mutant(Struct, frozen=True):
    """One small change of one function: the lines that it had, and those that it has."""

    name: str
    file: str
    function: str
    was: str
    becomes: str


class Trial(Struct, frozen=True):
    """A mutant and its fate."""

    mutant: Mutant
    fate: Fate
