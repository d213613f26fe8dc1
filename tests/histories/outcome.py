"""What came of a history."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.histories.setting import Setting

_OF_THE_PRODUCT = frozenset(("edge_client", "chalicelib"))


@dataclass(frozen=True)
class Step:
    """One call of a port by an actor, the fault that struck it, and the sessions' states before its effect."""

    number: int
    at_s: float
    actor: str
    call: str
    fault: str | None
    state: str


@dataclass(frozen=True)
class Violation:
    """What must always hold and did not: the rule's name (such as "S3", or "home" for liveness) and what was seen."""

    rule: str
    detail: str


class Broken(BaseException):
    """A rule does not hold. No door of the product catches it."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.violation = Violation(rule, detail)


def fault_of_product(error: Exception) -> Violation | None:
    """What an error says that no part of the product expected; None for one that the tests raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or _OF_THE_PRODUCT.isdisjoint(Path(frames[-1].filename).parts):
        return None
    return Violation("faultless", "".join(traceback.format_exception(error)[-3:]))


@dataclass(frozen=True)
class Outcome:
    """`digest` is of every call and of what is left at the end. `told` is empty unless the history was recorded."""

    seed: int
    setting: Setting
    digest: str
    violation: Violation | None
    faults: int
    steps: int
    device_s: float
    rare: Counter[str]
    told: tuple[Step, ...] = ()
