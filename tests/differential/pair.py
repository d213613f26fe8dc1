"""Two adapters of one port, and what each of them answers, made comparable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import hypothesis
import pytest
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

Side = TypeVar("Side")

SOAK = 50
"""How many times as many sequences the soak plays."""

TURNS = [
    pytest.param(1, id="some"),
    pytest.param(SOAK, id="many", marks=(pytest.mark.soak, pytest.mark.timeout(7200))),
]
"""How often a test plays its sequences: few in each run, many in the soak."""


class Names:
    """The names that one side gave, each by when it first appeared: `upload 1`, `version 2`."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], int] = {}

    def of(self, kind: str, name: str) -> str:
        place = self._known.setdefault((kind, name), len(self._known) + 1)
        return f"{kind} {place}"


@dataclass(frozen=True)
class Answer:
    """What a call came to: a value, or the kind of an error."""

    value: Any = None
    error: str | None = None


@dataclass
class Pair(Generic[Side]):
    """A side in memory and a real one. `errors` are those that a call may end with; any other fails the test."""

    memory: Side
    real: Side
    errors: tuple[type[Exception], ...]
    differs: bool = False

    def ask(self, call: Callable[[Side], Any]) -> Answer:
        """The answer of both, which must be one."""
        found, expected = self.ask_each(call)
        self.demand(found == expected, found, expected)
        return expected

    def demand(self, is_allowed: bool, found: Answer, expected: Answer) -> None:
        """Fail unless these two answers may stand beside each other."""
        self.differs |= not is_allowed
        assert is_allowed, f"in memory {found}, really {expected}"

    def ask_each(self, call: Callable[[Side], Any]) -> tuple[Answer, Answer]:
        """The answer in memory, and the real one."""
        return self._answer(self.memory, call), self._answer(self.real, call)

    def _answer(self, side: Side, call: Callable[[Side], Any]) -> Answer:
        try:
            return Answer(call(side))
        except self.errors as error:
            return Answer(error=type(error).__name__)


EACH_RUN = hypothesis.settings(
    deadline=None,
    # Not "explain": it traces every line, those of the local AWS too.
    phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=list(hypothesis.HealthCheck),
)
"""The same sequences in each run of the tests."""

FOUND = hypothesis.settings(EACH_RUN, phases=(hypothesis.Phase.generate,))
"""The same sequences, and no shorter one for what they find."""

DRAWN = hypothesis.settings(EACH_RUN, derandomize=False)
"""Other sequences each time."""


def play(
    machine: Callable[[], RuleBasedStateMachine],
    sequences: int,
    calls: int,
    settings: hypothesis.settings | None = None,
) -> None:
    """Play so many sequences of so many calls at most. Raises what differs, with the shortest sequence for it.

    `settings` are those of each run, or of the soak where there are many sequences.
    """
    chosen = settings or (EACH_RUN if sequences < SOAK else DRAWN)
    run_state_machine_as_test(
        cast(type[RuleBasedStateMachine], machine),
        settings=hypothesis.settings(chosen, max_examples=sequences, stateful_step_count=calls),
    )
