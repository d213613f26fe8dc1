"""What is recorded of an index: which version of which artifact it was made from, and what came out."""

import hashlib
from datetime import datetime

from msgspec import Struct

from chalicelib.core.ids import ArtifactId

FORMAT = 2
"""The form of the index that is made now; an index of a lower one is made once more, under another revision.

2: blocks.json.gz, which was blocks.json; overview.json.gz; transitions fitted; the lake.
"""


class Index(Struct, frozen=True):
    """The index of one version of a measurements artifact.

    `quarantine` says why the file is poison: then nothing of it can be read and `frames` is 0. `rejected` frames are
    none of `frames`. `span_ms` is from the first time of a frame to the last; None when it was not noted. `format` is
    the FORMAT of when it was made. `objects` are the keys of all that was written, of the index and of the lake; an
    index of format 1 does not name them. An old one is removed: after `removing_since` no reader gets it, and at
    `removed_at` all its objects are gone.
    """

    artifact_id: ArtifactId
    version_id: str
    revision: str
    kind: str
    frames: int
    rejected: int
    indexed_at: datetime
    quarantine: str | None = None
    span_ms: int | None = None
    format: int = 1
    objects: tuple[str, ...] = ()
    removing_since: datetime | None = None
    removed_at: datetime | None = None

    @property
    def is_published(self) -> bool:
        """Whether its frames and its summary can be read."""
        return self.quarantine is None and self.removing_since is None

    @property
    def is_being_removed(self) -> bool:
        """Whether a removal has begun and not ended: its objects may be gone, and what is written now may go too."""
        return self.removing_since is not None and self.removed_at is None

    def of_version(self, artifact_id: ArtifactId, version_id: str) -> bool:
        return (self.artifact_id, self.version_id) == (artifact_id, version_id)


class IndexAttempts(Struct, frozen=True):
    """The attempts to index a version that has no index yet; each is recorded before it begins.

    So an attempt that crashes its function counts as well. `last_at` is when the last began, or was requested.
    """

    version_id: str
    count: int
    last_at: datetime


def revision_of(version_id: str) -> str:
    """The name under which the index of this version is written; always the same: writing it again is harmless.

    Another FORMAT has another name, so a reader never mixes two indexes.
    """
    return hashlib.sha256(f"{FORMAT}/{version_id}".encode()).hexdigest()[:16]
