"""How the demo tells what happens, and what it found."""

import time
from collections.abc import Callable
from dataclasses import dataclass


class DemoFailed(Exception):
    """The story did not end as it should; the text says where."""


@dataclass(frozen=True)
class Result:
    """What the demo found, and `build/demo.json` says.

    `verified` by reading every object back; `noncurrent_match_receipts` by reading every cleaned version back;
    `session_state` and `originals_current` after the cleanup, before the restore.
    """

    chapters: int
    bytes: int
    parts: int
    receipts: int
    verified: bool
    orders: int
    rerun_parts: int
    outputs: int
    frames_indexed: int
    verdict: str
    frames_in_lake: int
    session_state: str
    originals_current: int
    noncurrent_match_receipts: bool
    reconcile_second_run_writes: int
    restored_ok: bool
    wall_s: float
    edge_peak_rss_mib: float
    api_calls: int


class Story:
    """The play-by-play: numbered acts and what happens in them, with the seconds since the start."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._started_s = time.monotonic()
        self._act = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started_s

    def act(self, title: str) -> None:
        self._act += 1
        self._say(f"\n[{self._act}] {title}")

    def line(self, text: str) -> None:
        self._say(f"    {self.seconds:5.1f} s  {text}")
