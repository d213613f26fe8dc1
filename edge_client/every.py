"""Something done every so often on a thread of its own, for as long as a block runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

JOIN_S = 2.0


class Every:
    """Calls `do` at once and then every `every_s` seconds; `do` handles its own errors."""

    def __init__(self, name: str, every_s: float, do: Callable[[], None]) -> None:
        self._every_s = every_s
        self._do = do
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._do()
            self._ended.wait(self._every_s)

    def end(self) -> None:
        """No further call; one that is under way is not waited for."""
        self._ended.set()

    def __enter__(self) -> Every:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._thread.join(JOIN_S)
