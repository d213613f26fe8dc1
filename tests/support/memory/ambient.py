"""Time, chance and metrics that a test holds in its hand."""

import itertools
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

from chalicelib.core.events import Event, Measure
from chalicelib.core.ids import DeviceId, PageSessionId, ShareId, TokenId, UploadId

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""When a test's clock starts, unless it says otherwise."""


class MovableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def move_to(self, now: datetime) -> None:
        self._now = now


class FixedIds:
    """Ids that count: `u_0000000000000000000001`, `…2`, and so on; the same in every run."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def upload_id(self) -> UploadId:
        return UploadId(self._next("u_"))

    def device_id(self) -> DeviceId:
        return DeviceId(self._next("d_"))

    def token_id(self) -> TokenId:
        return TokenId(self._next("t_"))

    def page_session_id(self) -> PageSessionId:
        return PageSessionId(self._next("p_"))

    def share_id(self) -> ShareId:
        return ShareId(self._next("s_"))

    def secret(self) -> str:
        return f"{next(self._numbers):043d}"

    def code(self) -> str:
        return f"{next(self._numbers):024d}"

    def _next(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):022d}"


class CountingMetrics:
    """What was reported, as `counts[name]`; `sizes[measure]` are in the order of their reports."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sizes: dict[Measure, list[float]] = defaultdict(list)

    def count(self, event: Event, value: int = 1) -> None:
        self.counts[event.value] += value

    def measure(self, measure: Measure, value: float) -> None:
        self.sizes[measure].append(value)
