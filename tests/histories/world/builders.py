"""A chance that a test decides, and a time that it moves."""

from collections.abc import Sequence


class Struck:
    """These faults happen wherever they can, no others; whatever takes time takes `part` of the most that it may."""

    def __init__(self, *faults: str, part: float = 0.5) -> None:
        self.faults = set(faults)
        self.part = part
        self.asked: list[str] = []

    def strikes(self, fault: str) -> bool:
        self.asked.append(fault)
        return fault in self.faults

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * self.part


class Drawn(Struck):
    """Every fault happens or not as `answers` say, one after another; then none happens."""

    def __init__(self, answers: Sequence[bool], part: float = 0.5) -> None:
        super().__init__(part=part)
        self._answers = list(answers)

    def strikes(self, fault: str) -> bool:
        self.asked.append(fault)
        return bool(self._answers) and self._answers.pop(0)


class Seconds:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at
