"""Keys of S3 objects: the kind first, then the project, then the session. Only `[A-Za-z0-9._/=-]` occurs in them.

The kind comes first because event filters, lifecycle rules and policies work by prefix. A session's id is
`PROJECT/NAME`, so `originals/main/match-17/…` needs no more than the id.

What a processor makes stands below the number of its order: a late processor of an earlier order cannot reach what a
later one made, and whatever stands is never written over.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId, SessionId, session_id

ORIGINALS = "originals/"
INTERMEDIATES = "intermediates/"
OUTPUTS = "outputs/"
MEASUREMENTS = "measurements/"
PROXIES = "proxies/"
INCOMING = "incoming/"
"""Where what clients without checksums bring lands; from there S3 copies it below originals/, and proves it."""
INDEX = "index/"
LAKE = "lake/"

CLEANED = (ORIGINALS, INTERMEDIATES)
"""The only prefixes of sessions below which this house ever writes a delete marker."""

MANIFEST = "manifest.json"
"""The name below an order's outputs under which its processor says what it wrote."""

OF_SESSIONS = (ORIGINALS, INTERMEDIATES, OUTPUTS, MEASUREMENTS, PROXIES)
"""All that sessions consist of; all else below the bucket is made of it."""

SCANNED = (INTERMEDIATES, OUTPUTS, MEASUREMENTS)
"""What processors bring: with the scan gate it needs a clean scan. Originals are not scanned."""

REPLACED = (INDEX, LAKE)
"""What is made of measurements, and can be made of them again: old revisions of it are removed."""

BROWSER_FILMS = "000FILMS"
"""The directory of originals that come from a browser: no card has it, so that no card is proven by such a film."""

OPENED_HERE = (ORIGINALS, INTERMEDIATES, PROXIES)
"""Where the coordinator alone begins multipart uploads."""

PROXY_SUFFIX = ".mp4"
THUMBNAIL_SUFFIX = ".jpg"

FILM_TYPE = "video/mp4"

_CONTENT_TYPES = {PROXY_SUFFIX: FILM_TYPE, THUMBNAIL_SUFFIX: "image/jpeg"}

_NOT_PLAIN = re.compile(rb"[^A-Za-z0-9._-]")


@lru_cache(maxsize=1024)
def escaped(name: str) -> str:
    """`name` with every byte outside `[A-Za-z0-9._-]` written as `=XX` (UTF-8, upper-case hex).

    No two names share an escape, and every event encoding reads it the same.
    """
    return _NOT_PLAIN.sub(lambda found: b"=%02X" % found[0][0], name.encode()).decode()


@lru_cache(maxsize=1024)
def original_key(session: SessionId, directory: str, filename: str) -> str:
    """Where the chapter `directory/filename` of `session` is stored."""
    return f"{ORIGINALS}{session}/{escaped(directory)}/{escaped(filename)}"


def sidecar_key(session: SessionId, directory: str, filename: str, suffix: str) -> str:
    """Where the proxy or thumbnail of the chapter `directory/filename` is stored; `suffix` tells which."""
    return f"{PROXIES}{session}/{escaped(directory)}/{escaped(filename)}{suffix}"


def content_type(key: str) -> str | None:
    """What S3 calls the object to a browser; None for what browsers do not open: S3's default then.

    Safari plays nothing that is not called a video.
    """
    if not key.startswith(PROXIES):
        return None
    return next((told for suffix, told in _CONTENT_TYPES.items() if key.endswith(suffix)), None)


def order_prefix(prefix: str, session: SessionId, order: int) -> str:
    """The prefix of what order number `order` of `session` makes: `outputs/main/match-17/1/`."""
    return f"{prefix}{session}/{order}/"


def manifest_key(session: SessionId, order: int) -> str:
    """Where the processor of an order says what it wrote."""
    return order_prefix(OUTPUTS, session, order) + MANIFEST


def landing_key(session: SessionId, landing_id: str) -> str:
    """Where a landing of `session` stands until it is copied into its place."""
    return f"{INCOMING}{session}/{landing_id}"


def may_be_removed(key: str) -> bool:
    """Whether a delete marker may ever be written over `key`: originals, intermediates and landings, nothing else."""
    return key.startswith((*CLEANED, INCOMING))


def may_be_purged(key: str) -> bool:
    """Whether a version of `key` may ever be tagged for the lifecycle: originals and intermediates, nothing else."""
    return key.startswith(CLEANED)


def session_of(key: str) -> SessionId | None:
    """The session that an object of `key` belongs to, or None when the key is not one of ours."""
    kind, *segments = key.split("/", 3)
    if f"{kind}/" not in OF_SESSIONS or len(segments) < 3:
        return None
    project, name, _ = segments
    try:
        return session_id(project, name)
    except InvalidRequest:
        return None


def index_prefix(session: SessionId, artifact_id: ArtifactId, revision: str) -> str:
    """The prefix of the index of one version of `measurements.NAME`."""
    return f"{INDEX}{session}/{artifact_id.partition('.')[2]}/{revision}/"


def lake_key(
    table: str, session: SessionId, created_at: datetime, artifact_id: ArtifactId, revision: str
) -> str:
    """Where a table of the lake has the rows of one version of `measurements.NAME`; `created_at` is the session's.

    The day is one of UTC. Neither a session's name nor its project is a part of the path: engines list by day.
    """
    day = created_at.astimezone(UTC).date().isoformat()
    file = f"{session.replace('/', '.')}.{artifact_id.partition('.')[2]}.{revision}.parquet"
    return f"{LAKE}kind={table}/dt={day}/{file}"


def may_be_replaced(key: str) -> bool:
    """Whether an old revision of `key` may be removed: an index or a part of the lake, nothing else."""
    return key.startswith(REPLACED)
