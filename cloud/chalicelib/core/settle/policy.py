"""The house's promises, the same for every caller."""

from msgspec import Struct, field

from chalicelib.core import parts
from chalicelib.core.cleanup import Spent
from chalicelib.core.evidence import Level
from chalicelib.core.ids import ArtifactId
from chalicelib.core.lifecycle import LAST_LOOK_DAYS, MULTIPART_DAYS
from chalicelib.core.times import DAY_S


class Policy(Struct, frozen=True):
    """Promises in seconds, days and bytes; read from the settings."""

    required_outputs: tuple[ArtifactId, ...] = ()
    """The minimum: what every order requires, unless an operator leaves it out with a reason."""
    part_size_bytes: int = parts.DEFAULT_PART_SIZE_BYTES
    part_url_ttl_s: int = 900
    upload_ttl_s: int = (MULTIPART_DAYS - 1) * DAY_S
    """A day less than the time after which the bucket's lifecycle aborts a multipart upload."""
    devices_may_read: bool = False
    """Whether a device may read artifacts and frames of its own sessions; it can always prove a card."""
    takes_proxies: bool = True
    """Whether devices are to bring proxies and thumbnails."""
    undo_s: int = 3_600
    finalize_patience_s: int = 900
    """How long S3 may be assembling what was promised; afterwards an object that is not there counts as lost."""
    look_s: int = 300
    """When to look again at an upload that only waits; the wait doubles with each look that finds nothing to do."""
    longest_look_s: int = 3_600
    """The longest such wait. A change without an event is found after this wait and one round at the latest."""
    checks_films: bool = True
    """Whether the bytes of a complete original are looked at before it gets its receipt."""
    scan_gate: bool = False
    """Whether what processors and browsers bring needs a clean scan before it gets its receipt."""
    scan_patience_s: int = DAY_S
    """How long a scan must be waited for before an operator may do without it."""
    orphan_age_s: int = 3_600
    """How old a multipart upload without a record must be before it is aborted."""
    require_evidence: Level = Level.READ_ONCE
    """How surely each chapter must be known before the originals of its session may be cleaned."""
    grace_s: int = 3 * DAY_S
    """How long a processed session keeps its originals and intermediates before they may be cleaned."""
    restorable_days: int = 14
    """For how long what was cleaned can be restored; the bucket's lifecycle must promise at least as much."""
    cleanup_limit: Spent = field(default_factory=lambda: Spent(objects=500, size_bytes=4 * 2**40))
    """What may be cleaned on one day (UTC)."""
    least_video_percent: int = 90
    """How much of the chapters' time a required video output must last at least."""
    least_measured_percent: int = 50
    """How much of the chapters' time required measurements must cover at least, from first frame to last."""
    least_frames_a_minute: int = 60
    """How many frames required measurements must have at least, for each minute of the chapters."""
    cleanup_patience_s: int = 3_600
    """When to look again at a session that may not be cleaned yet."""
    clock_tolerance_s: int = 900
    """How far our clock and S3's may differ before nothing is cleaned."""
    scrub_s: int = 6 * DAY_S
    """How long after its last look an original is looked at again: within a week, with a day for the look to come."""
    at_rest_s: int = 90 * DAY_S
    """How long after it was proven at rest a receipt is proven again; later than that, an alarm says so."""
    superseded_s: int = 3_600
    """How long an index and its files in the lake remain once a newer one is published.

    No reader of pages and no query of the lake takes as long.
    """
    device_silent_s: int = 900
    """After how long without a heartbeat a device that was hauling is named as silent."""
    storage_usd_per_gib_month: float = 0.023
    """What a GiB costs in S3 for a month, in US dollars; for statistics alone.

    Source: S3 Standard, us-east-1, first 50 TB, aws.amazon.com/s3/pricing; an example, to be set for each deployment.
    """
    in_flight_s: int = 900
    """How long a call may still be on its way; no function runs as long."""

    @property
    def restore_part_size_bytes(self) -> int:
        """S3 copies parts by itself, so they may be larger than those that devices send.

        At most 256 MiB, unless 10,000 parts need more: a copy must be answered before the client gives S3 up.
        """
        return min(8 * self.part_size_bytes, 256 * 2**20)

    @property
    def last_look_s(self) -> int:
        """How long after a cleanup its last look is: a day before S3 may purge what was cleaned."""
        return max(0, self.restorable_days - LAST_LOOK_DAYS) * DAY_S
