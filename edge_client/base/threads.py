"""Threads of the system: one that runs beside the caller, and one that does something every so often."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType

from edge_client.base.errors import Stopped, place_of

log = logging.getLogger(__name__)

JOIN_S = 2.0


class Periodic:
    """Calls `do` at once and then every `every_s` seconds; `do` handles its own errors."""

    def __init__(self, name: str, every_s: float, do: Callable[[], None]) -> None:
        self._every_s = every_s
        self._do = do
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._do()
            except Exception as error:  # noqa: BLE001  a thread's door: else its text is printed, which may hold a URL
                log.critical(
                    "a fault of this program", extra={"type": type(error).__name__, "at": place_of(error)}
                )
            self._ended.wait(self._every_s)

    def end(self) -> None:
        """No further call; one that is under way is not waited for."""
        self._ended.set()

    def __enter__(self) -> Periodic:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._thread.join(0.0 if isinstance(error, Stopped) else JOIN_S)


class SystemThreads:
    """Threads and locks of the system."""

    def start(self, name: str, run: Callable[[], None]) -> threading.Thread:
        """Run this beside the caller; the process does not wait for it."""
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def condition(self) -> threading.Condition:
        """A new lock that threads wait on."""
        return threading.Condition()

    def every(self, name: str, every_s: float, do: Callable[[], None]) -> Periodic:
        """Do this at once and then every `every_s` seconds, for as long as the block runs."""
        return Periodic(name, every_s, do)
