"""The upload connections of one round: threads that send what comes to the desk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from edge_client.base.errors import Stopped
from edge_client.s3.concurrency import MOST_CONNECTIONS
from edge_client.s3.part_queue import PartQueue
from edge_client.s3.sender import PartSender

JOIN_S = 5.0
# Ctrl-C does not wait for sockets, and the reports of what is home are still to be printed.
STOPPED_JOIN_S = 0.05
POLL_S = 0.1


class Senders:
    """One thread for each connection that may be used; `AdaptiveConcurrency` decides how many of them send."""

    def __init__(
        self, queue: PartQueue, make_sender: Callable[[], PartSender], check: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._check = check
        self._threads = [
            threading.Thread(target=make_sender().run, name=f"sender-{n}", daemon=True)
            for n in range(1, MOST_CONNECTIONS + 1)
        ]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def drain(self) -> None:
        """Wait until everything at the desk is sent; raises what went wrong."""
        self._queue.close()
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            alive[0].join(POLL_S)
            self._check()
        self._queue.check()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread in the middle of a PUT sees this at its next block; one that hangs in a socket dies with the process.
        self._queue.fail(error or Stopped("the round is over"))
        for thread in self._threads:
            thread.join(STOPPED_JOIN_S if isinstance(error, Stopped) else JOIN_S)
