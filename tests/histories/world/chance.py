"""What decides, in a history, whether a fault happens and how long something takes.

A history asks the same questions in the same order whenever it is played from the same seed. So each fault that
happens has a number, and a history in which some numbers do not happen is still the same history up to the first.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Protocol


class Chance(Protocol):
    """One source for all decisions of a history."""

    def strikes(self, fault: str) -> bool:
        """Whether this fault happens here."""

    def between(self, least: float, most: float) -> float:
        """A number from `least` to `most`."""


class Dice:
    """Decides by `dice` how often each fault happens: `rates` has its probability, and without one it never does.

    `struck` are the faults that happened, by their number. Those numbers that are in `muted` do not happen.
    """

    def __init__(
        self, dice: random.Random, rates: Mapping[str, float], muted: frozenset[int] = frozenset()
    ) -> None:
        self._dice = dice
        self._rates = rates
        self._muted = muted
        self.struck: list[str] = []

    def strikes(self, fault: str) -> bool:
        rate = self._rates.get(fault, 0.0)
        if not rate or self._dice.random() >= rate:
            return False
        self.struck.append(fault)
        return len(self.struck) - 1 not in self._muted

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * self._dice.random()
