"""Pure: how a second read of a card is kept from being answered out of the camera's memory.

A second read is worth nothing where the camera serves bytes that it kept from the first one: a bit that flipped on the
way from the card to that memory comes again. So other bytes are read first, as many as push everything else out:

- The camera is assumed to keep at most CACHE_BYTES of what it read, and what it read or used longest ago goes first.
- Then twice as many other bytes leave nothing of the first read. Those that the camera still had push nothing out, and
  they are at most half.

The bytes that flush are those of films that are not due for a second read. Where these do not suffice, the end of what
is due takes part, and is itself read again only after CACHE_BYTES of other bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

CACHE_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Film:
    """A film of the card, by what tells it from all others."""

    key: str
    size_bytes: int


@dataclass(frozen=True)
class Stretch:
    """Some bytes of a film that are read to push others out."""

    key: str
    first: int
    size_bytes: int


@dataclass(frozen=True)
class Flushed:
    """That the camera's memory was flushed before these films, which are still to be read, and what was read since.

    `shared` says from which byte on a due film took part, `others_bytes` how much was read after that. `read_bytes`
    counts the films that were read whole since. It is kept, so that a run that was ended continues without a flush.
    """

    due: tuple[str, ...]
    shared: Mapping[str, int] = field(default_factory=dict)
    others_bytes: int = 0
    read_bytes: int = 0

    def holds_for(self, due: Sequence[Film]) -> bool:
        """Whether what is due now is the end of what was left then: nothing new, and nothing that was passed over."""
        keys = tuple(film.key for film in due)
        return bool(keys) and self.due[-len(keys) :] == keys

    def is_apart(self, film: Film, cache_bytes: int) -> bool:
        """Whether the first read of this film can be in the camera's memory no more."""
        first = self.shared.get(film.key)
        return first is None or self.others_bytes + self.read_bytes + first >= cache_bytes

    def after(self, film: Film) -> Flushed:
        """The same once this film was read; those before it were passed over, or read."""
        left = self.due[self.due.index(film.key) + 1 :]
        return replace(self, due=left, read_bytes=self.read_bytes + film.size_bytes)

    def document(self) -> dict[str, Any]:
        """It as JSON keeps it. A card has many films, and it is kept after each: so nothing is copied."""
        return dict(vars(self))


def flushed_in(document: dict[str, Any]) -> Flushed:
    """What `document` made. Raises KeyError, TypeError, ValueError."""
    found = Flushed(tuple(map(str, document.pop("due"))), **document)
    numbers = (*found.shared.values(), found.others_bytes, found.read_bytes)
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise ValueError("an amount that is none")
    return found


@dataclass(frozen=True)
class Flush:
    """What is read first, in this order, and what holds then."""

    stretches: tuple[Stretch, ...]
    flushed: Flushed

    @property
    def size_bytes(self) -> int:
        return sum(each.size_bytes for each in self.stretches)


def plan_flush(due: Sequence[Film], others: Sequence[Film], cache_bytes: int) -> Flush | None:
    """What to read before the second read of `due`; None when the card has too little to flush with.

    With `others` of twice `cache_bytes` any card will do; with none, one that has three times as much due.
    """
    wanted_bytes = 2 * cache_bytes
    apart = _first(others, wanted_bytes)
    others_bytes = sum(each.size_bytes for each in apart)
    tail = _last(due, wanted_bytes - others_bytes)
    if others_bytes + sum(each.size_bytes for each in tail) < wanted_bytes:
        return None
    shared = {each.key: each.first for each in tail}
    flushed = Flushed(tuple(film.key for film in due), shared, others_bytes)
    before_bytes = 0
    for film in due:
        if not replace(flushed, read_bytes=before_bytes).is_apart(film, cache_bytes):
            return None
        before_bytes += film.size_bytes
    return Flush((*tail, *apart), flushed)


def _first(films: Sequence[Film], size_bytes: int) -> list[Stretch]:
    found = list[Stretch]()
    for film in films:
        taken_bytes = min(film.size_bytes, size_bytes)
        if taken_bytes:
            found.append(Stretch(film.key, 0, taken_bytes))
        size_bytes -= taken_bytes
    return found


def _last(films: Sequence[Film], size_bytes: int) -> list[Stretch]:
    found = list[Stretch]()
    for film in reversed(films):
        taken_bytes = min(film.size_bytes, size_bytes)
        if taken_bytes:
            found.insert(0, Stretch(film.key, film.size_bytes - taken_bytes, taken_bytes))
        size_bytes -= taken_bytes
    return found
