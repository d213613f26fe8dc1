"""Where an imported session comes from: the ids and keys that the older system had for it."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId

MOST_KEYS = 150
"""As many as a session has chapters and required artifacts together."""
MOST_TEXT = 1024
"""The characters of one text: S3 has no longer key."""


class OldKey(Struct, frozen=True):
    """The key that the older system had for what is now an artifact."""

    artifact_id: ArtifactId
    key: str


class Storage(Struct, frozen=True):
    """Where a session was before it was imported.

    `source` is the folder or bucket, `row_id` the id of its row in the older database, or None without one.
    `missing` is what the older system should have had and had not: `row`, `original`, `frames`, or a kind of video.
    `recorded_at` is when it says that the film was made. All of it fits into the session's item.
    Raises InvalidRequest for more than 150 keys, or a text of more than 1024 characters.
    """

    source: str
    imported_at: datetime
    row_id: str | None = None
    keys: tuple[OldKey, ...] = ()
    missing: tuple[str, ...] = ()
    recorded_at: datetime | None = None

    def __post_init__(self) -> None:
        if max(len(self.keys), len(self.missing)) > MOST_KEYS:
            raise InvalidRequest(f"an imported session keeps at most {MOST_KEYS} keys, not {len(self.keys)}")
        texts = (self.source, self.row_id or "", *self.missing, *(each.key for each in self.keys))
        if any(len(text) > MOST_TEXT for text in texts):
            raise InvalidRequest(f"a key of the older system has at most {MOST_TEXT} characters")

    def extended(self, found: "Storage") -> "Storage":
        """This storage with what a later run found: a thing that was there once is not missing any more."""
        known = {each.artifact_id for each in self.keys}
        return replace(
            self,
            row_id=self.row_id or found.row_id,
            keys=(*self.keys, *(each for each in found.keys if each.artifact_id not in known)),
            missing=_both(self.missing, found.missing),
            recorded_at=self.recorded_at or found.recorded_at,
        )


def _both(before: Iterable[str], now: Iterable[str]) -> tuple[str, ...]:
    still = set(now)
    return tuple(each for each in before if each in still)
