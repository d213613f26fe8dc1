"""How many numbers there were, the least, the greatest and their sum: gathered in pieces, merged at will."""

from collections.abc import Mapping, Sequence


class Spread:
    """The spread of some numbers; none so far: `least` is above `greatest`."""

    __slots__ = ("count", "greatest", "least", "total")

    def __init__(
        self,
        count: int = 0,
        least: float = float("inf"),
        greatest: float = float("-inf"),
        total: float = 0,
    ) -> None:
        self.count = count
        self.least = least
        self.greatest = greatest
        self.total = total

    @property
    def mean(self) -> float:
        """The mean; there must be a number."""
        # Rounding of the sum must not carry the mean out of the values.
        return min(max(self.total / self.count, self.least), self.greatest)

    def take(self, values: Sequence[float]) -> None:
        """Count these numbers in."""
        if not values:
            return
        self.count += len(values)
        self.total += sum(values)
        least, greatest = min(values), max(values)
        if least < self.least:
            self.least = least
        if greatest > self.greatest:
            self.greatest = greatest

    def add(self, other: "Spread") -> None:
        """Count in the numbers of another spread."""
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.greatest = max(self.greatest, other.greatest)

    def document(self) -> Mapping[str, float]:
        """For JSON; there must be a number."""
        return {"count": self.count, "min": self.least, "max": self.greatest, "mean": self.mean}
