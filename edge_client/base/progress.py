"""How far a run is: what the haul reports, and the picture of it that a display shows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol


@dataclass(frozen=True)
class Amount:
    """The bytes of one session, and how many of them S3 has."""

    size_bytes: int
    sent_bytes: int


class Progress(Protocol):
    """What the haul reports; called from several threads."""

    def run(self) -> AbstractContextManager[None]:
        """While the block runs, a haul is under way and the display shows it."""

    def chosen(self, sessions: Mapping[str, Amount]) -> None:
        """These sessions are to be hauled, as far as the camera's list and the spool tell."""

    def session(self, session_id: str, amount: Amount) -> None:
        """A session begins; the coordinator has told what of it is home."""

    def home(self, session_id: str) -> None:
        """A session is home."""

    def left_out(self, session_id: str) -> None:
        """A session is refused: it leaves the total."""

    def chapter(self, path: str, size_bytes: int) -> None:
        """A chapter begins."""

    def round(self, read_bytes: int, sent_bytes: int) -> None:
        """A round over the chapter's parts begins: so much is read already, and so much is in S3."""

    def fetched(self, size_bytes: int) -> None:
        """Bytes came from the camera; negative when they must come again."""

    def ready(self, size_bytes: int) -> None:
        """A part is whole and may be sent."""

    def sent(self, size_bytes: int) -> None:
        """Bytes went to S3; negative when they must go again."""

    def verifying(self) -> None:
        """S3 has all of the chapter: the coordinator completes the upload and verifies it."""

    def verified(self, path: str, seconds: float) -> None:
        """A chapter has its receipt."""

    def proof(self, path: str, size_bytes: int) -> None:
        """A comparison of this many bytes of a file of the card with what another device hauled has begun."""

    def compared(self, size_bytes: int) -> None:
        """This many more bytes are equal."""

    def proof_over(self) -> None:
        """The comparison has ended, with or without success."""


@dataclass(frozen=True)
class Whole:
    """All that the run hauls: sessions, bytes, and the rate at which S3 gets them; None while nothing moves."""

    sessions: int
    sessions_home: int
    size_bytes: int
    sent_bytes: int
    rate_bytes_s: float | None

    @property
    def left_bytes(self) -> int:
        return max(0, self.size_bytes - self.sent_bytes)

    @property
    def eta_s(self) -> float | None:
        """The seconds until S3 has everything, at this rate."""
        return self.left_bytes / self.rate_bytes_s if self.rate_bytes_s else None


@dataclass(frozen=True)
class Meter:
    """How far one leg of a file is; the rate is None while nothing moves."""

    done_bytes: int
    rate_bytes_s: float | None


@dataclass(frozen=True)
class FileProgress:
    """One file on its way: read from the camera, and sent to S3."""

    path: str
    size_bytes: int
    read: Meter
    sent: Meter


@dataclass(frozen=True)
class Comparison:
    """A file that is compared with what another device hauled."""

    path: str
    size_bytes: int
    compared_bytes: int


class Doing(Enum):
    """What a run does at a moment."""

    PREPARING = auto()
    MOVING = auto()
    QUIET = auto()
    RETRYING = auto()
    VERIFYING = auto()


@dataclass(frozen=True)
class Activity:
    """What the run does, for how many seconds; `source` is who must answer, `next_try_s` when it is asked again."""

    doing: Doing
    seconds: float
    source: str = ""
    reason: str = ""
    next_try_s: float | None = None


@dataclass(frozen=True)
class Picture:
    """Everything that a display shows at a moment."""

    activity: Activity
    whole: Whole | None = None
    file: FileProgress | None = None
    comparison: Comparison | None = None


def percent(part_bytes: int, size_bytes: int) -> int:
    """How many percent are done: between 0 and 100, and 100 only when nothing is left."""
    return max(0, min(100, 100 * part_bytes // max(size_bytes, 1)))
