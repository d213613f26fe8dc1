"""Pure: one file of a card: as the list has it, whether it is the same file as another, and the notes on its film.

| | what the card and the record say of it |
|---|---|
| path, size, dates | equal in both; where neither has a date, another file of the same name and size looks the same |
| ETag, gumi | equal in both if the card has one; a record without one proves nothing about this file |

Names repeat after every format, so a name alone proves nothing. No other module decides what is the same file.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True)
class CameraFile:
    """One file of the camera's list, in our words. `created` and `modified` are its wall clock as an epoch.

    Together they tell it from any other file of this camera; its name does not, as names come again after every format.
    """

    directory: str
    filename: str
    size_bytes: int
    created: int | None
    modified: int | None

    @property
    def path(self) -> str:
        return f"{self.directory}/{self.filename}"

    @property
    def is_dated(self) -> bool:
        """Whether anything besides name and size distinguishes it from another file."""
        return self.created is not None or self.modified is not None


@dataclass(frozen=True)
class FileIdentity:
    """A file as the list has it, with the ETag and the gumi (GoPro's own id); None means unknown."""

    file: CameraFile
    etag: str | None = None
    gumi: str | None = None


class Likeness(enum.Enum):
    """How a record relates to a file of the card."""

    SAME = "same"
    UNSURE = "unsure"
    OTHER = "other"


def likeness(card: FileIdentity, record: FileIdentity) -> Likeness:
    """How sure it is that `record` is of the file on the card.

    OTHER when they contradict one another; UNSURE when they do not, but too little is known to be sure.
    """
    known_of_both = [
        (on_card, on_record)
        for on_card, on_record in ((card.etag, record.etag), (card.gumi, record.gumi))
        if on_card is not None
    ]
    if card.file != record.file or any(
        on_record not in (None, on_card) for on_card, on_record in known_of_both
    ):
        return Likeness.OTHER
    if not card.file.is_dated or any(on_record is None for _, on_record in known_of_both):
        return Likeness.UNSURE
    return Likeness.SAME


@dataclass(frozen=True)
class FilmNotes:
    """`unfinished` marks a film that was hauled as it is, `trailing_bytes` are those after a whole film's last box."""

    unfinished: bool = False
    trailing_bytes: int = 0

    @property
    def texts(self) -> tuple[str, ...]:
        """The notes for a person; none for a film as cameras finish it."""
        found = []
        if self.unfinished:
            found.append(
                "unfinished: hauled as it is; as a rule it does not play, and its camera may still repair its own"
            )
        if self.trailing_bytes:
            found.append(
                f"{self.trailing_bytes:,} bytes after its last box, hauled with it; cameras leave them after a repair"
            )
        return tuple(found)


NO_NOTES = FilmNotes()


@dataclass(frozen=True)
class FileFacts:
    """A file as the camera serves it now."""

    size_bytes: int
    etag: str | None


@dataclass(frozen=True)
class MediaInfo:
    """What the camera knows of a file: its unique id and how long it plays. Never its size, which wraps at 2^32."""

    gumi: str | None
    duration_s: int | None
