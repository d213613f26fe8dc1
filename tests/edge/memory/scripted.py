"""What a test does to the calls of an adapter in memory.

camera.faults["read_part"] = [None, None, ReadBroken("torn")]     the third one from here on
camera.faults["head"] = [lambda: camera.swap_card(other)]         before the next one
camera.at_each_call = lambda kind: machine.pause()                others have their turn at every call
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

Fault = Exception | Callable[[], None] | None


def _pass(kind: str) -> None:
    """Nothing."""


@dataclass
class Scripted:
    """An adapter that notes its `calls` and does to them what a test wants, before they do their work.

    `faults` has for each kind of call what happens at the next ones: an error is raised in place of the call, a
    function is called first, None lets the call pass. `at_each_call` is called before, at every call, and may raise.
    """

    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    calls: list[str] = field(default_factory=list)
    at_each_call: Callable[[str], None] = _pass

    def disturb(self, kind: str) -> None:
        """A call arrives. Raises what the test says."""
        self.calls.append(kind)
        self.at_each_call(kind)
        faults = self.faults.get(kind)
        if not faults:
            return
        fault = faults.pop(0)
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            fault()
