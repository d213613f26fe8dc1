"""The few faults that break a rule: what a failing history needs of all that its seed drew.

It is delta debugging over the faults' numbers (Zeller, "Yesterday, my program worked"): halves are left out, then
quarters, down to single ones, as long as the same rule breaks. Without one fault, all that comes after it may be
another story: each try is a history of its own, and only what was played counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tests.histories.faults import Script
from tests.histories.outcome import Outcome

MOST_PLAYS = 2_000
"""Some seconds. A history that is not at its smallest by then is shown as it is."""


class Play(Protocol):
    """Plays the history of one seed, with changes."""

    def __call__(self, *, script: Script = ..., records: bool = ...) -> Outcome: ...


@dataclass(frozen=True)
class Shrunk:
    """A history that breaks the rule of the one that was found, with as few faults; its steps are told.

    `kept` are the numbers of the faults that still strike, `script` leaves out all others. `faults` is how many struck
    in the history that was found, `plays` how many were played to shrink it.
    """

    outcome: Outcome
    kept: tuple[int, ...]
    script: Script
    faults: int
    plays: int


class NotAgain(Exception):
    """A history did not break the same rule when it was played again: it is no function of its seed."""


def shrink(found: Outcome, play: Play, most_plays: int = MOST_PLAYS) -> Shrunk:
    """The smallest history with the violation of `found` that at most `most_plays` plays find. Raises NotAgain."""
    assert found.violation, "what broke no rule cannot be shrunk"
    search = _Search(found.violation.rule, play, most_plays, found.faults)
    everything = tuple(range(found.faults))
    best = search.try_with(())
    if best is None:
        first = search.try_with(everything)
        if first is None:
            raise NotAgain(f"seed {found.seed} did not break {found.violation.rule} again")
        best = search.smaller(first)
    kept, count = best
    script = Script(frozenset(range(count)) - set(kept))
    outcome = play(script=script, records=True)
    if outcome.violation is None or outcome.violation.rule != found.violation.rule:
        raise NotAgain(f"seed {found.seed} did not break {found.violation.rule} again")
    return Shrunk(until_violation(outcome), kept, script, found.faults, search.plays)


def unshrunk(outcome: Outcome, script: Script) -> Shrunk:
    """A history as it was played and recorded, with the faults that struck in it."""
    struck = tuple(number for number in range(outcome.faults) if number not in script.muted)
    return Shrunk(until_violation(outcome), struck, script, len(struck), 1)


def until_violation(outcome: Outcome) -> Outcome:
    """The outcome without the steps that were told after the one in which the rule broke, such as last calls of actors
    that were ended."""
    return replace(outcome, told=tuple(step for step in outcome.told if step.number <= outcome.steps))


_Found = tuple[tuple[int, ...], int]
"""The numbers that still strike, and how many faults the history drew until the rule broke."""


class _Search:
    def __init__(self, rule: str, play: Play, most_plays: int, bound: int) -> None:
        self._rule = rule
        self._play = play
        self._most_plays = most_plays
        self._bound = bound
        self.plays = 0

    def smaller(self, found: _Found) -> _Found:
        """As few numbers as leaving out finds: at the end, none of them can be left out alone."""
        parts = 2
        while len(found[0]) > 1 and self.plays < self._most_plays:
            smaller = self._first_of(found[0], parts)
            if smaller:
                found, parts = smaller, max(2, min(parts - 1, len(smaller[0])))
            elif parts >= len(found[0]):
                break
            else:
                parts = min(len(found[0]), 2 * parts)
        return found

    def _first_of(self, kept: tuple[int, ...], parts: int) -> _Found | None:
        for candidate in _candidates(kept, parts):
            if self.plays >= self._most_plays:
                return None
            found = self.try_with(candidate)
            if found:
                return found
        return None

    def try_with(self, kept: tuple[int, ...]) -> _Found | None:
        """Whether the rule breaks where only the faults of these numbers strike."""
        while True:
            self.plays += 1
            outcome = self._play(script=Script(frozenset(range(self._bound)) - set(kept)))
            if outcome.faults <= self._bound:
                break
            # Without its faults a history may last longer, and draw more of them: those have to be left out, too.
            self._bound = 2 * outcome.faults
        if outcome.violation is None or outcome.violation.rule != self._rule:
            return None
        return tuple(number for number in kept if number < outcome.faults), outcome.faults


def _candidates(kept: tuple[int, ...], parts: int) -> Iterator[tuple[int, ...]]:
    """Each part alone, then all but each part."""
    cuts = [len(kept) * number // parts for number in range(parts + 1)]
    pieces: Sequence[tuple[int, ...]] = [kept[start:end] for start, end in itertools.pairwise(cuts)]
    yield from pieces
    if parts > 2:
        for piece in pieces:
            yield tuple(number for number in kept if number not in piece)
