"""Pure: decides whether two files are the same file. No other module decides that.

| | what the card and the record say of it |
|---|---|
| path, size, dates | equal in both; where neither has a date, another file of the same name and size looks the same |
| ETag, gumi | equal in both if the card has one; a record without one proves nothing about this file |

Names repeat after every format, so a name alone proves nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from edge_client.model.recordings import CameraFile


@dataclass(frozen=True)
class FileIdentity:
    """A file as the list has it, with the ETag and the gumi (GoPro's own id); None means unknown."""

    file: CameraFile
    etag: str | None = None
    gumi: str | None = None


class Likeness(enum.Enum):
    """How a record relates to a file of the card."""

    SAME = "same"
    UNTOLD = "untold"
    OTHER = "other"


def likeness(card: FileIdentity, record: FileIdentity) -> Likeness:
    """How sure it is that `record` is of the file on the card.

    OTHER when they contradict one another; UNTOLD when they do not, but too little is known to be sure.
    """
    told_of_both = [
        (on_card, on_record)
        for on_card, on_record in ((card.etag, record.etag), (card.gumi, record.gumi))
        if on_card is not None
    ]
    if card.file != record.file or any(
        on_record not in (None, on_card) for on_card, on_record in told_of_both
    ):
        return Likeness.OTHER
    if not card.file.is_dated or any(on_record is None for _, on_record in told_of_both):
        return Likeness.UNTOLD
    return Likeness.SAME
