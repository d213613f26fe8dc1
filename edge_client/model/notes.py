"""Pure: what a reader of a film must know: how its boxes say that it ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FilmNotes:
    """`unfinished` marks a film that was hauled as it is, `trailing_bytes` are those after a whole film's last box."""

    unfinished: bool = False
    trailing_bytes: int = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """The notes for a person; none for a film as cameras finish it."""
        return tuple(text for text in (self._of_unfinished(), self._of_trailing()) if text)

    def _of_unfinished(self) -> str | None:
        if not self.unfinished:
            return None
        return (
            "unfinished: hauled as it is; as a rule it does not play, and its camera may still repair its own"
        )

    def _of_trailing(self) -> str | None:
        if not self.trailing_bytes:
            return None
        return f"{self.trailing_bytes:,} bytes after its last box, hauled with it; cameras leave them after a repair"


NO_NOTES = FilmNotes()
