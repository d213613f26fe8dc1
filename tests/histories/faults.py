"""Which calls a seed lets fail, and how; each fault has a number, so that shrinking can leave single ones out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.histories.setting import Where


@dataclass(frozen=True)
class Script:
    """Changes to what a seed decides: the faults of these numbers (from 0) do not happen."""

    muted: frozenset[int] = field(default_factory=frozenset)


EVERYTHING = Script()
"""Every fault that the seed drew."""


AT_FOCUS = 0.35


class Faults:
    """Draws a fault for a call, or none. `count` is how many it drew; once `are_over` there are no more."""

    __slots__ = (
        *("_focus", "_muted", "_of_aws", "_of_events", "_random", "_rates", "_sizes"),
        *("are_over", "count"),
    )

    def __init__(
        self, chance: random.Random, rates: dict[Where, float], focus: str | None, script: Script
    ) -> None:
        self._focus = focus
        # Of its own, so that a fault that is left out changes nothing else.
        self._sizes = random.Random(chance.random())
        self._random = chance.random
        self._rates = rates
        # Every call of the table and of the bucket asks for these several times.
        self._of_aws, self._of_events = rates[Where.AWS], rates[Where.EVENT]
        self._muted = script.muted
        self.count = 0
        self.are_over = False

    def draw(self, where: Where, kinds: Sequence[str], call: str = "") -> str | None:
        """One of `kinds` at the setting's rate for `where`, or often at the call where its faults crowd; else None."""
        if self.are_over:
            return None
        rate = AT_FOCUS if call and call == self._focus else self._rates[where]
        if not rate:
            return None
        drawn = self._random()
        if drawn >= rate:
            return None
        number = self.count
        self.count += 1
        return None if number in self._muted else kinds[int(drawn / rate * len(kinds))]

    def strikes(self, fault: str) -> bool:
        """Whether this fault of AWS happens here: what `world` asks."""
        rate = self._of_events if fault[:5] == "event" else self._of_aws
        if not rate or self.are_over or self._random() >= rate:
            return False
        self.count += 1
        return self.count - 1 not in self._muted

    def between(self, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        return least + (most - least) * self._sizes.random()

    def amount(self, choices: Sequence[float]) -> float:
        """How much of a fault: one of `choices`."""
        return choices[int(self._sizes.random() * len(choices))]
