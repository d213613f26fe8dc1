"""Where each light is: its wing and its box. Lights are named from the left, as seen on approach."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.measurements.inspection.asked import Asked


@dataclass(frozen=True)
class Wing:
    """Lights in a row beside the runway: their names from the left, and the boxes of these in the same order."""

    side: str
    names: tuple[str, ...]
    boxes: tuple[int, ...] | None

    def numbered(self) -> tuple[tuple[str, int | None], ...]:
        """The lights with their boxes, by the number of the box; from the left where boxes are not known."""
        boxes = self.boxes or (None,) * len(self.names)
        pairs = list(zip(self.names, boxes, strict=True))
        return tuple(sorted(pairs, key=lambda pair: pair[1] or 0))


@dataclass(frozen=True)
class Layout:
    """Which lights there must be, and their wings; `reason` says why wings or boxes are not known."""

    names: tuple[str, ...]
    wings: tuple[Wing, ...]
    reason: str | None

    def place(self, name: str) -> tuple[str | None, int | None]:
        """The wing and the box of a light, as far as they are known."""
        for wing in self.wings:
            if name in wing.names:
                place = wing.names.index(name)
                return wing.side, wing.boxes[place] if wing.boxes else None
        return None, None


def lay_out(seen: Sequence[str], asked: Asked) -> Layout:
    """Lights are named from the left, so a light that no frame has still has its place."""
    if not seen:
        return Layout((), (), None)
    last = seen[-1]
    names = tuple(f"{last[:-1]}{chr(letter)}" for letter in range(ord("a"), ord(last[-1]) + 1))
    if asked.side is None:
        return Layout(names, (), "the order names no side")
    wings = 2 if asked.side == "both" else 1
    boxes = len(asked.nominal_angles) if asked.nominal_angles else None
    if boxes is not None and boxes * wings != len(names):
        told = f"{boxes} boxes{' in each of two wings' if wings == 2 else ''}"
        reason = f"the order names {told} and the film shows {len(names)} lights, so no light's box is known"
        return Layout(names, (), reason)
    if len(names) % wings:
        return Layout(names, (), f"{len(names)} lights cannot be two equal wings")
    half = len(names) // 2
    sides = [("left", names[:half]), ("right", names[half:])] if wings == 2 else [(asked.side, names)]
    made = tuple(Wing(side, of, _boxes(side, len(of), asked.numbering)) for side, of in sides)
    return Layout(names, made, None if asked.numbering else "the order names no numbering")


def _boxes(side: str, count: int, numbering: str | None) -> tuple[int, ...] | None:
    """The boxes of a wing from the left, as seen on approach. FAA's box 1 is next to the runway, ICAO's farthest away.

    The runway is on the right of the left wing.
    """
    if numbering is None:
        return None
    ascending = tuple(range(1, count + 1))
    begins_at_runway = side == "right"
    return ascending if begins_at_runway == (numbering == "faa") else ascending[::-1]
