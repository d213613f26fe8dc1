"""Pure: whether two files are the same file. Nobody else here decides that.

| | what the card and the record say of it |
|---|---|
| path, size, dates | both alike; where neither has any date, nothing tells the file from another of its name and size |
| ETag, gumi | both alike where the card has one: a record that lacks it says nothing of this file |

Names come again after every format, so a name alone tells nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from edge_client.chapters import CameraFile


@dataclass(frozen=True)
class FileIdentity:
    """A file as the list has it, with the ETag and the gumi (GoPro's own id); None is what nobody told."""

    file: CameraFile
    etag: str | None = None
    gumi: str | None = None


class Likeness(enum.Enum):
    """What a record is to a file of the card."""

    SAME = "same"
    UNTOLD = "untold"
    OTHER = "other"


def likeness(card: FileIdentity, record: FileIdentity) -> Likeness:
    """Whether `record` is of the file on the card.

    OTHER when they contradict one another; UNTOLD when they do not and too little is told to be sure.
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
