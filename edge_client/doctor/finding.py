"""What a check finds."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.Enum):
    """How bad a finding is, worst first."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOT_CHECKED = "not checked"
    FINE = "fine"


@dataclass(frozen=True)
class Finding:
    """What one check says, and the one next step of the person who reads it; None where everything is fine."""

    severity: Severity
    what: str
    next_step: str | None = None


class NotChecked(Exception):
    """A check could not be made: why, and what a person does first. Nothing is guessed then."""

    def __init__(self, why: str, next_step: str) -> None:
        super().__init__(why)
        self.next_step = next_step


def problem(what: str, next_step: str) -> Finding:
    """Something that keeps this device from hauling, or may lose what it reads."""
    return Finding(Severity.PROBLEM, what, next_step)


def warning(what: str, next_step: str) -> Finding:
    """The device hauls, and something is not as it should be."""
    return Finding(Severity.WARNING, what, next_step)


def not_checked(why: str, next_step: str) -> Finding:
    """Neither fine nor a fault: nobody looked."""
    return Finding(Severity.NOT_CHECKED, f"because {why}", next_step)


def fine(what: str) -> Finding:
    """As it should be."""
    return Finding(Severity.FINE, what)


def first(check: str) -> str:
    """The next step where another check has found the cause."""
    return f"first do what `{check}` says, then run doctor again"
