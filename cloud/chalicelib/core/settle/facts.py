"""What was looked at before a decision, and found. Of what was not looked at nothing is decided."""

from collections.abc import Mapping

from msgspec import Struct, field

from chalicelib.core.cleanup import Arming, Bucket, Spent
from chalicelib.core.film import Film, NoFilm
from chalicelib.core.ids import UploadId
from chalicelib.core.manifest import Manifest
from chalicelib.core.parts import StoredPart
from chalicelib.core.scan import ScanTag
from chalicelib.core.upload import StoredObject


class Observation(Struct, frozen=True):
    """What S3 shows of one upload: its parts (None when the multipart upload is gone) and its key's object.

    `film` is what the object's bytes are, where that decides something; None where they were not read.
    `scan` is the tag of its scan, where that decides something; None where it was not read.
    """

    parts: tuple[StoredPart, ...] | None
    stored: StoredObject | None
    film: Film | NoFilm | None = None
    scan: ScanTag | None = None


class LandingSeen(Struct, frozen=True):
    """What S3 shows of one landing: its key's object; `film` is what its bytes are, None where they were not read."""

    stored: StoredObject | None
    film: Film | NoFilm | None = None


class Facts(Struct, frozen=True):
    """What the world shows in addition to the record.

    `manifest` is the present order's. `stored` has the current object of each key that was looked at, None where there
    is none (or a delete marker); a key that was not looked at is not in it. `scans` has
    the tags of their versions that were read, by version id. `bucket`, `arming` and `spent` (today's)
    are what a cleanup depends on. `films` are those that were read for a plan, in addition to those on record.
    """

    uploads: Mapping[UploadId, Observation] = field(default_factory=dict)
    manifest: Manifest | None = None
    stored: Mapping[str, StoredObject | None] = field(default_factory=dict)
    scans: Mapping[str, ScanTag] = field(default_factory=dict)
    bucket: Bucket | None = None
    arming: Arming | None = None
    spent: Spent | None = None
    films: tuple[Film, ...] = ()
    landings: Mapping[UploadId, LandingSeen] = field(default_factory=dict)
