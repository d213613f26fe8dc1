"""What became of an import, session by session."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from chalicelib.core.ids import ArtifactId, SessionId
from infra.migration.bodies import Rows


class Status(Enum):
    """What became of one artifact."""

    WOULD_IMPORT = "would import"
    IMPORTED = "imported"
    BEING_COMPLETED = "being completed"
    KEPT = "verified before"
    SAME = "same"
    DIFFERS = "differs"
    NOT_IMPORTED = "not imported"


@dataclass(frozen=True)
class ItemReport:
    """One artifact: where it comes from (an old key, or which rows), and why it is as it is."""

    artifact_id: ArtifactId
    source: str
    size_bytes: int | None
    status: Status
    detail: str | None = None
    rows: Rows | None = None


@dataclass(frozen=True)
class SessionReport:
    """One session. `state` is that on record, None as long as it is not recorded; `frames` by measurements' index.

    `missing` is what the older system lacks. `owed` is what has only to be waited for, `fault` why it went no further.
    """

    old_id: str
    session_id: SessionId | None
    state: str | None = None
    items: tuple[ItemReport, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    frame_rows: int | None = None
    frames: Mapping[str, int] | None = None
    owed: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def has_work(self) -> bool:
        """Whether something of it had not been verified before, or was compared now."""
        return any(each.status is not Status.KEPT for each in self.items)

    @property
    def is_wrong(self) -> bool:
        wrong = (Status.DIFFERS, Status.NOT_IMPORTED)
        return self.fault is not None or any(each.status in wrong for each in self.items)


@dataclass(frozen=True)
class Report:
    """All sessions that had their turn; not `finished` when a limit or a person ended it before the last."""

    sessions: tuple[SessionReport, ...]
    finished: bool

    @property
    def wrong(self) -> int:
        return sum(each.is_wrong for each in self.sessions)

    @property
    def owing(self) -> int:
        return sum(bool(each.owed) for each in self.sessions)

    @property
    def incomplete(self) -> int:
        """How many sessions lack something that the older system should have had."""
        return sum(bool(each.missing) for each in self.sessions)

    def counts(self) -> Mapping[Status, tuple[int, int]]:
        """By status: how many artifacts, and how many bytes of those whose size is known."""
        number: Counter[Status] = Counter()
        size: Counter[Status] = Counter()
        for session in self.sessions:
            for item in session.items:
                number[item.status] += 1
                size[item.status] += item.size_bytes or 0
        return {status: (number[status], size[status]) for status in Status if number[status]}
