"""Which worker runs which tests: whole files, and those of one world together, so that few workers start it.

A world of the local AWS costs ten CPU seconds. Where each test goes to whichever worker is free, every worker starts
every world, and the worlds of a file or a folder are started anew each time a worker comes back to it.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/contracts/", "tests/differential/", "tests/infra/strict_s3/")
"""Folders whose files share something that takes a while to start."""

IN_HALVES = "tests/e2e/"
"""The same, and so long that one worker would be the last to end."""
SECOND_HALF = "test_l"

LONG = (
    "tests/e2e/",
    "tests/infra/",
    "tests/device/",
    "tests/edge/",
    "tests/odd/",
    "tests/histories/",
    "tests/fuzzed/",
)
"""Folders with single tests of many seconds: they begin first, and what is short fills the gaps at the end."""


def unit_of(nodeid: str) -> str:
    """The tests that one worker runs, one after another: the name of their unit."""
    path = nodeid.partition("::")[0]
    for folder in TOGETHER:
        if path.startswith(folder):
            return folder
    if path.startswith(IN_HALVES):
        return f"{IN_HALVES}{'2' if path.removeprefix(IN_HALVES) >= SECOND_HALF else '1'}"
    return path


def turn_of(unit: str) -> int:
    """When a unit begins: the lower, the sooner."""
    return next((place for place, folder in enumerate(LONG) if unit.startswith(folder)), len(LONG))


class ByUnit(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Units go to workers in their turns; a worker without work takes the next one."""

    def schedule(self) -> None:
        super().schedule()
        for unit in sorted(self.workqueue, key=turn_of):
            self.workqueue.move_to_end(unit)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
