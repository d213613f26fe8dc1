"""How far an import is: one line that is drawn over itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

_WIDTH = 24
_EVERY_S = 0.2


@dataclass
class Progress:
    """Sessions and bytes of so many; `draw` takes a line without its end, `now` is a clock in seconds."""

    sessions: int
    size_bytes: int
    draw: Callable[[str], None]
    now: Callable[[], float]
    done_sessions: int = 0
    done_bytes: int = 0
    _began_at: float | None = field(default=None, repr=False)
    _drawn_at: float = field(default=float("-inf"), repr=False)

    def move(self, size_bytes: int) -> None:
        """So many more bytes are where they should be."""
        self.done_bytes += size_bytes
        self._tell()

    def end_session(self) -> None:
        """One more session had its turn."""
        self.done_sessions += 1
        self._tell()

    @property
    def line(self) -> str:
        """`[######------]  50 %  3 of 6 sessions, 1.0 GiB of 2.0 GiB, 30.0 MiB/s`."""
        share = min(1.0, self.done_bytes / self.size_bytes) if self.size_bytes else 0.0
        if not self.size_bytes and self.sessions:
            share = self.done_sessions / self.sessions
        filled = int(share * _WIDTH)
        passed_s = self.now() - (self._began_at if self._began_at is not None else self.now())
        rate = f", {_size(self.done_bytes / passed_s)}/s" if passed_s > 0 else ""
        return (
            f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {share:4.0%}  {self.done_sessions} of {self.sessions} "
            f"sessions, {_size(self.done_bytes)} of {_size(self.size_bytes)}{rate}"
        )

    def _tell(self) -> None:
        now = self.now()
        if self._began_at is None:
            self._began_at = now
        if now >= self._drawn_at + _EVERY_S or self.done_sessions == self.sessions:
            self._drawn_at = now
            self.draw(self.line)


def _size(size_bytes: float) -> str:
    amount = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
