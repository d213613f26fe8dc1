"""What a check finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from botocore.exceptions import ClientError

Answer = TypeVar("Answer")


class Severity(Enum):
    """How bad a finding is, worst first."""

    PROBLEM = "problem"
    WARNING = "warning"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be: what it is, why it matters, and the line or command that changes it."""

    severity: Severity
    what: str
    why: str
    change: str


Findings = Iterable[Finding]


def problem(what: str, why: str, change: str) -> Finding:
    """Footage, records or their guard are at risk, or part of the stage does not work."""
    return Finding(Severity.PROBLEM, what, why, change)


def warning(what: str, why: str, change: str) -> Finding:
    """The stage works, and not as the checkout says."""
    return Finding(Severity.WARNING, what, why, change)


def unknown(why_not: str, change: str) -> Finding:
    """A check that could not be made: it counts neither as clean nor as a fault."""
    return Finding(
        Severity.UNKNOWN,
        f"could not be checked: {why_not}",
        "what is not known may be wrong",
        change,
    )


def found(ask: Callable[[], Answer], *absences: str) -> Answer | None:
    """What `ask` gets from AWS; None where AWS answers with one of the codes `absences`."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] not in absences:
            raise
        return None
