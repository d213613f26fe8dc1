"""A chapter: one file as the camera split it."""

import re

from msgspec import Struct

from chalicelib.core import keys
from chalicelib.core.artifact import SIDECARS, Kind
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.once import once

_DIRECTORY = re.compile(r"[0-9]{3}[A-Za-z0-9_]{5}")
_FILENAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,100}")
EXTENSIONS = (".mp4", ".360")
"""Of the films that cameras write, in lower case."""

OLDER_SYSTEM = "000OLDER"
"""The directory of originals that come from the older system, under any name. Cameras count directories from 100."""
MOST_FILMS = 90
"""All films of a browser's session are written again when one is added: one transaction with counters and trail."""
_LONGEST_ARTIFACT_ID = 200
"""Characters; the API takes no longer text, and S3 no key above 1024 bytes."""


class Chapter(Struct, frozen=True, dict=True):
    """One chapter with what tells it from another file of the same name.

    `created` and `modified` are the camera's own wall clock as an epoch in seconds: identity, never time.
    `unfinished` marks a film that was hauled as it is, although its boxes say that the camera did not finish it.
    `trailing_bytes` are those after the last box of a whole film; a camera leaves them after a repair.
    Raises InvalidRequest for names that no camera writes, and for more trailing bytes than a file can have.
    """

    directory: str
    filename: str
    size_bytes: int
    created: int | None = None
    modified: int | None = None
    etag: str | None = None
    gumi: str | None = None
    unfinished: bool = False
    trailing_bytes: int = 0

    def __post_init__(self) -> None:
        if not _DIRECTORY.fullmatch(self.directory):
            raise InvalidRequest("a chapter's directory is three digits and five of A-Z, a-z, 0-9, '_'")
        if not _FILENAME.fullmatch(self.filename):
            raise InvalidRequest(
                "a chapter's filename has 1 to 100 characters, no slash, no control character"
            )
        is_of_a_camera = self.directory != OLDER_SYSTEM
        if is_of_a_camera and not self.filename.lower().endswith(EXTENSIONS):
            raise InvalidRequest("a chapter's filename ends in .MP4 or .360")
        if len(self.artifact_id) > _LONGEST_ARTIFACT_ID:
            raise InvalidRequest(
                "a chapter's filename is too long once its other characters are written as =XX"
            )
        if self.size_bytes < 1:
            raise InvalidRequest(f"{self.name} has {self.size_bytes} bytes; a chapter has at least 1")
        if not 0 <= self.trailing_bytes < self.size_bytes:
            raise InvalidRequest(
                f"{self.name} has {self.trailing_bytes} bytes after its last box; a file of {self.size_bytes} has fewer"
            )

    @property
    def name(self) -> str:
        """Directory and filename as the camera shows them: `100GOPRO/GX010038.MP4`."""
        return f"{self.directory}/{self.filename}"

    @property
    def is_as_it_is(self) -> bool:
        """Whether it is kept even if it is no film: a person had it hauled as it is, or it is the older system's."""
        return self.unfinished or self.directory == OLDER_SYSTEM

    @once
    def artifact_id(self) -> ArtifactId:
        """The slash-free id of the original: `original.100GOPRO.GX010038.MP4`."""
        return ArtifactId(f"original.{keys.escaped(self.directory)}.{keys.escaped(self.filename)}")

    def key(self, session_id: SessionId) -> str:
        """Where the original is stored."""
        return keys.original_key(session_id, self.directory, self.filename)

    def sidecar_key(self, session_id: SessionId, kind: Kind) -> str:
        """Where the chapter's proxy or thumbnail is stored."""
        return keys.sidecar_key(session_id, self.directory, self.filename, SIDECARS[kind])
