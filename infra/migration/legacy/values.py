"""What the older system has of a session, as values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FRAMES = "frames"
ORIGINAL = "original"
ROW = "row"
"""What is missing of a session whose frame rows have no row of the session."""

VIDEOS = (
    *(ORIGINAL, "enhanced", "enhanced_with_audio"),
    *("papi_a", "papi_b", "papi_c", "papi_d"),
)
"""The kinds of videos: the folders below `videos/`."""

PLACES = {FRAMES: f"{FRAMES}/", **{kind: f"videos/{kind}/" for kind in VIDEOS}}
"""Where the sessions of each kind of file are."""


@dataclass(frozen=True)
class OldObject:
    """A file of the older system: its kind (one of `VIDEOS`, or `frames`), key and size."""

    kind: str
    key: str
    size_bytes: int

    @property
    def filename(self) -> str:
        return self.key.rpartition("/")[2]


@dataclass(frozen=True)
class OldRow:
    """A session's row in the older database; `is_orphan` when only its frame rows are there.

    `row_id` is its id as text, `value` as the database has it. `named` has, by kind, the keys of files that it names.
    Times are aware, UTC.
    """

    row_id: str
    value: Any = None
    status: str | None = None
    created_at: datetime | None = None
    recorded_at: datetime | None = None
    named: dict[str, str] = field(default_factory=dict)
    is_orphan: bool = False


@dataclass(frozen=True)
class OldSession:
    """All that the older system has of a session; `row` is None without a row, `frame_rows` without that table."""

    old_id: str
    row: OldRow | None
    objects: tuple[OldObject, ...]
    frame_rows: int | None = None
