"""What the coordinator counts and measures: `docs/operations.md` describes each, and alarms watch some."""

from enum import Enum


class Event(Enum):
    """Something that happened, or bytes and frames that something was done to. The value is the metric's name."""

    UPLOAD_VERIFIED = "upload.verified"
    UPLOAD_EXPIRED = "upload.expired"
    UPLOAD_REJECTED = "upload.rejected"
    UPLOAD_UNPROVEN = "upload.unproven"
    PROMISE_WITHDRAWN = "promise.withdrawn"
    UNDO_CLOSED = "undo.closed"
    MULTIPART_ABORTED = "multipart.aborted"
    MULTIPART_ORPHANED = "multipart.orphaned"
    OBJECT_REMOVED = "object.removed"
    RECEIPT_DISOWNED = "receipt.disowned"
    BYTES_VERIFIED = "bytes.verified"

    LANDING_MOVED = "landing.moved"
    LANDING_REFUSED = "landing.refused"
    LANDING_EXPIRED = "landing.expired"
    LANDING_REMOVED = "landing.removed"

    SESSION_STORED = "session.stored"
    SESSION_ORDERED = "session.ordered"
    SESSION_ADOPTED = "session.adopted"
    ORDER_SENT = "order.sent"
    OUTPUT_VERIFIED = "output.verified"
    SCAN_AWAITED = "scan.awaited"
    SCAN_INCONCLUSIVE = "scan.inconclusive"
    SCAN_ACCEPTED = "scan.accepted"
    ARTIFACT_INFECTED = "artifact.infected"
    CHECKSUM_COMPUTED = "checksum.computed"
    OUTPUTS_ACCEPTED = "outputs.accepted"
    SESSION_PROCESSED = "session.processed"
    SESSION_FAILED = "session.failed"
    SESSION_HELD = "session.held"
    SESSION_RELEASED = "session.released"

    INDEX_REQUESTED = "index.requested"
    MEASUREMENTS_INDEXED = "measurements.indexed"
    INDEX_REMOVED = "index.removed"
    MEASUREMENTS_QUARANTINED = "measurements.quarantined"
    FRAMES_INDEXED = "frames.indexed"
    FRAMES_REJECTED = "frames.rejected"

    FILM_BROKEN = "film.broken"
    FILMS_INSPECTED = "films.inspected"
    CLEANUP_INTENDED = "cleanup.intended"
    CLEANUP_STOPPED = "cleanup.stopped"
    CLEANUP_LIMITED = "cleanup.limited"
    CLEANUP_REFUSED = "cleanup.refused"
    OBJECT_CLEANED = "object.cleaned"
    BYTES_CLEANED = "bytes.cleaned"
    SESSION_CLEANED = "session.cleaned"
    CLEANUP_GUARDED = "cleanup.guarded"
    CLEANUP_RECALLED = "cleanup.recalled"

    SESSION_RESTORED = "session.restored"
    RESTORE_BEGUN = "restore.begun"
    BYTES_COPIED = "bytes.copied"
    RESTORE_ENDED = "restore.ended"
    VERSION_PURGED = "version.purged"

    ORIGINALS_SCRUBBED = "originals.scrubbed"
    ORIGINAL_DAMAGED = "original.damaged"
    ORIGINAL_LOST = "original.lost"
    ARTIFACT_LOST = "artifact.lost"
    EVIDENCE_RECORDED = "evidence.recorded"
    EVIDENCE_DIFFERS = "evidence.differs"
    EVIDENCE_ACCEPTED = "evidence.accepted"
    PROOF_OVERDUE = "proof.overdue"
    FOREIGN_OBJECT_HIDDEN = "foreign.object.hidden"

    DEVICE_SILENT = "device.silent"
    DEVICE_HEARD = "device.heard"

    WEEK_SUMMED_UP = "week.summed.up"

    NOTICE_SENT = "notice.sent"
    NOTICE_FAILED = "notice.failed"

    EVENT_IGNORED = "event.ignored"
    RECONCILE_SETTLED = "reconcile.settled"
    RECONCILE_UNFINISHED = "reconcile.unfinished"
    RECONCILE_FAILED = "reconcile.failed"

    @property
    def sentence(self) -> str:
        """The event as a log line says it."""
        return self.value.replace(".", " ")


class Measure(Enum):
    """Something that has a size: the metric's name, and its unit in CloudWatch's words."""

    TIME_TO_SAFE = ("time.to.safe", "Seconds")
    """From the end of a session's last chapter on the camera to its last receipt."""
    BACKLOG = ("backlog", "Bytes")
    """What waits on devices: the chapters without a receipt, over all sessions."""
    ROUND_TIME = ("round.time", "Seconds")
    """How long one round of the reconciler took."""

    @property
    def metric(self) -> str:
        return self.value[0]

    @property
    def unit(self) -> str:
        return self.value[1]
