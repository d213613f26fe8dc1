"""What an import needs of the older system, as Protocols. Nothing of it can be written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from infra.migration.legacy.values import OldObject, OldRow


class SourceUnusable(Exception):
    """The older system, or this part of it, cannot be read as it was named."""


class SourceChanged(Exception):
    """A file of the older system is not what it was when it was listed."""


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be read or written as JSON, and why."""

    reason: str


class Files(Protocol):
    """The older system's folder or bucket."""

    name: str

    def sessions(self) -> Iterator[str]:
        """The ids of all sessions that have a file, each once, sorted."""

    def objects(self, old_id: str, named: Mapping[str, str]) -> tuple[OldObject, ...]:
        """The files of a session, and those that its row has `named` (key by kind) and that exist."""

    def read(self, key: str, first: int, size_bytes: int) -> bytes:
        """Exactly `size_bytes` bytes from `first` on. Raises SourceChanged when there are fewer."""


class Database(Protocol):
    """The older system's tables."""

    def close(self) -> None: ...

    def rows(self) -> Iterator[OldRow]:
        """Every session's row, by id, then those of which only frame rows are left."""

    def document(self, row: OldRow) -> bytes:
        """All columns of the row, as a JSON object. Raises SourceChanged when the row is gone."""

    def count_frames(self, row: OldRow) -> int | None:
        """How many rows the session has in the frame table; None without that table."""

    def frames(self, row: OldRow) -> Iterator[bytes | Unreadable]:
        """Each of these rows as a JSON object, by frame number; those without one come last."""
