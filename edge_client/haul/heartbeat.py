"""What the device reports to the coordinator while it hauls, and the answer: the pace, or to pause.

A heartbeat is one try on a connection of its own. Whatever becomes of it, the haul goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import datetime

from edge_client.base.errors import CoordinatorRefusal, EdgeError
from edge_client.base.progress import ProgressCounter
from edge_client.haul.ports import Coordinator, Spool, Threads
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.model.api import CameraReport, HeartbeatAnswer, HeartbeatReport

log = logging.getLogger(__name__)

EVERY_S = 15.0
CLOCK_MAY_BE_OFF_S = 60.0


class Heartbeat:
    """Beats for one session after the other."""

    def __init__(
        self,
        threads: Threads,
        coordinator: Coordinator,
        advance: ProgressCounter,
        spool: Spool,
        pace: RateLimiter,
        now: Callable[[], datetime],
    ) -> None:
        self._threads = threads
        self._coordinator = coordinator
        self._advance = advance
        self._spool = spool
        self._pace = pace
        self._now = now
        self._clock_told = False
        self._tells_more = True

    def beating(self, session_id: str, camera: Callable[[], CameraReport]) -> AbstractContextManager[object]:
        """Beats while the block runs; `camera` answers what is known of the camera at each beat."""
        return self._threads.every("heartbeat", EVERY_S, lambda: self.beat(session_id, camera()))

    def beat(self, session_id: str, camera: CameraReport) -> None:
        """One heartbeat; what is answered is followed, what goes wrong is passed over."""
        began_at = self._now()
        try:
            answer = self._coordinator.heartbeat(session_id, self._beat(began_at, camera))
        except EdgeError as error:
            log.debug("no heartbeat", extra={"reason": str(error)})
            if isinstance(error, CoordinatorRefusal):
                # One of an older release refuses what it does not know: from now on it hears only the rest.
                self._tells_more = False
            return
        self._pace.follow(answer.pause, answer.pace_bytes_s)
        self._compare_clocks(began_at, answer)

    def _beat(self, now: datetime, camera: CameraReport) -> HeartbeatReport:
        figures = self._advance.figures()
        told = HeartbeatReport(
            figures.bytes_down,
            figures.bytes_up,
            figures.rate_down_bytes_s,
            figures.rate_up_bytes_s,
            spool_bytes=self._spool.budget.held_bytes,
            disk_free_bytes=self._spool.free_bytes(),
            clock=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        if not self._tells_more:
            return told
        return replace(told, **asdict(camera), retried_parts=figures.retried_parts)

    def _compare_clocks(self, began_at: datetime, answer: HeartbeatAnswer) -> None:
        """Nothing here depends on the device's clock, but its other logs do."""
        middle = began_at + (self._now() - began_at) / 2
        offset_s = (answer.server_time - middle).total_seconds()
        if abs(offset_s) > CLOCK_MAY_BE_OFF_S and not self._clock_told:
            self._clock_told = True
            log.warning("this device's clock is off", extra={"seconds": round(-offset_s)})
