"""A session: an ordered set of chapters from one camera that belong together, and the moves it may make.

OPEN --stored--> STORED --processed--> PROCESSED --cleaned--> CLEANED --restored--> PROCESSED (held)
OPEN, STORED --failed--> FAILED;  any but CLEANED --ordered--> OPEN or STORED
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.cleanup import Cleanup
from chalicelib.core.errors import InvalidRequest, KeyUsed, StateConflict
from chalicelib.core.evidence import Evidence
from chalicelib.core.film import Film
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId
from chalicelib.core.measurements.index import IndexAttempts
from chalicelib.core.order import Order, OrderKey, Wish
from chalicelib.core.safe import Safe
from chalicelib.core.scan import Scan
from chalicelib.core.storage import Storage

_GROUP = re.compile(r"[^\x00-\x1f\x7f]{1,100}")

MOST_CHAPTERS = 99
"""A recording's chapters are numbered 01 to 99; with their session they fill one DynamoDB transaction."""


def demand_group(text: str) -> str:
    """`text` as the name of a group. Raises InvalidRequest."""
    if not _GROUP.fullmatch(text):
        raise InvalidRequest("a group has 1 to 100 characters, none of them a control character")
    return text


KEY_LIFE_S = 86_400
"""For how long a session remembers the Idempotency-Key of an order."""

MOST_KEYS = 50
"""How many it remembers at most, the last ones."""


class SessionState(Enum):
    OPEN = "OPEN"
    STORED = "STORED"
    PROCESSED = "PROCESSED"
    CLEANED = "CLEANED"
    FAILED = "FAILED"


class Origin(Enum):
    """Where the originals of a session come from."""

    DEVICE = "device"
    BROWSER = "browser"
    OLDER_SYSTEM = "older-system"


class Camera(Struct, frozen=True):
    """The camera that a device reads from, or that a browser's films name."""

    serial: str
    model: str | None = None
    firmware: str | None = None

    def __post_init__(self) -> None:
        ids.serial(self.serial)


class ChecksumCopy(Struct, frozen=True):
    """The multipart upload into which S3 copies one version of an output, to compute its CRC64NVME."""

    artifact_id: ArtifactId
    key: str
    version_id: str
    multipart_id: str
    part_size_bytes: int


class Lost(Struct, frozen=True):
    """An artifact whose verified version S3 no longer has."""

    artifact_id: ArtifactId
    version_id: str
    reason: str
    at: datetime


class Damage(Struct, frozen=True):
    """Stored bytes that are not those of their receipt, as somebody found who read the version twice.

    `fault` says what the version has in their place. `good_version_id` is an earlier version of the same key that has
    the bytes of the receipt, None where S3 has none.
    """

    version_id: str
    fault: str
    found_at: datetime
    good_version_id: str | None = None


class FormerDevice(Struct, frozen=True):
    """A device whose session this was `until` an operator let another one finish it."""

    device_id: DeviceId
    until: datetime


class Session(Struct, frozen=True):
    """The session's own item; every write of the session's state checks and bumps `version`.

    `failure` is why a FAILED one failed. `held` is why an operator holds it: a held session is neither sent to
    processing nor cleaned. `processed_at` is when its grace began. `cleanup` is the intent under which it is being, or
    was, cleaned; `cleaned` are the versions that cleanup removed or may have removed. `restoring` are the artifacts
    that an operator wants back, since `restoring_since`. `is_guarded` is whether a cleaned one had its last look
    before S3 purges what was cleaned. `checksum_copy` is on record as long as S3 computes the CRC64NVME of an output.
    `scrubbed_at` is when all originals that should exist were last seen. `lost` are the versions that could
    not be brought back: their artifacts count as never verified. `damage` is all that was ever found at rest, and
    `proven_at` is when somebody last began to prove every receipt at rest and found each to be true.
    `attempts` are those to index measurements that are not indexed yet.
    `scans` are the versions that have no receipt because of their scan, and those that an operator accepted.
    `films` is what was read of chapters and outputs before a cleanup.
    `order_keys` are the Idempotency-Keys of its orders of the last day.
    `storage` is where an imported one comes from; None when a device hauled it.
    `safe` is when every chapter had its receipt for the first time. `evidence` is what is known of chapters beside
    their receipts; of one that it does not name, nothing is.
    `former_devices` are those that began it and have it no more, the last one last.
    """

    session_id: SessionId
    device_id: DeviceId
    camera: Camera
    group: str | None
    created_at: datetime
    state: SessionState = SessionState.OPEN
    version: int = 1
    order: Order | None = None
    failure: str | None = None
    held: str | None = None
    processed_at: datetime | None = None
    cleanup: Cleanup | None = None
    cleaned: tuple[str, ...] = ()
    restoring: tuple[ArtifactId, ...] = ()
    restoring_since: datetime | None = None
    cleaned_at: datetime | None = None
    is_guarded: bool = False
    checksum_copy: ChecksumCopy | None = None
    scrubbed_at: datetime | None = None
    lost: tuple[Lost, ...] = ()
    damage: tuple[Damage, ...] = ()
    proven_at: datetime | None = None
    attempts: tuple[IndexAttempts, ...] = ()
    films: tuple[Film, ...] = ()
    scans: tuple[Scan, ...] = ()
    storage: Storage | None = None
    order_keys: tuple[OrderKey, ...] = ()
    safe: Safe | None = None
    evidence: tuple[Evidence, ...] = ()
    former_devices: tuple[FormerDevice, ...] = ()

    def __post_init__(self) -> None:
        if self.group is not None:
            demand_group(self.group)

    @property
    def project(self) -> str:
        return ids.project_of(self.session_id)

    @property
    def name(self) -> str:
        """What its project calls it."""
        return ids.name_of(self.session_id)

    @property
    def origin(self) -> Origin:
        """Where its originals come from."""
        if self.storage:
            return Origin.OLDER_SYSTEM
        return Origin.BROWSER if self.device_id == ids.BROWSER else Origin.DEVICE

    def bumped(self) -> "Session":
        return replace(self, version=self.version + 1)

    def adopted(self, device_id: DeviceId, now: datetime) -> "Session":
        """This session as that of the device that finishes it; the one that had it is on record as a former one."""
        if device_id == self.device_id:
            return self
        others = (each for each in self.former_devices if each.device_id not in (device_id, self.device_id))
        return replace(self, device_id=device_id, former_devices=(*others, FormerDevice(self.device_id, now)))

    def former_device(self, device_id: DeviceId | None) -> FormerDevice | None:
        """The device as one that had this session; None for any other."""
        return next((each for each in self.former_devices if each.device_id == device_id), None)

    def stored(self, safe: Safe | None = None) -> "Session":
        """This session with every chapter verified; when it was `safe` for the first time stays on record."""
        return replace(self, state=SessionState.STORED, safe=self.safe or safe)

    def ordered(self, wish: Wish, now: datetime) -> "Session":
        """This session with a new order for `wish`; a failed or processed one is tried again.

        Raises StateConflict while originals are cleaned, being cleaned or being restored.
        """
        if self.state is SessionState.CLEANED or self.cleanup or self.restoring:
            raise StateConflict(
                "this session's originals are cleaned, or on their way back; restore them first, and order again "
                "once `restoring` is empty"
            )
        number = self.order.number + 1 if self.order else 1
        # OPEN, and not what it was before: settle finds out at once whether it is STORED.
        is_over = self.state in (SessionState.FAILED, SessionState.PROCESSED)
        state = SessionState.OPEN if is_over else self.state
        return replace(self, state=state, order=Order(number, wish, now), failure=None, processed_at=None)

    def is_answered(self, key: str, digest: str) -> bool:
        """Whether an order came with this key before. Raises KeyUsed when it asked for something else."""
        known = next((each for each in self.order_keys if each.key == key), None)
        if known and known.digest != digest:
            raise KeyUsed("this Idempotency-Key came with another order; use a new key for a new order")
        return known is not None

    def remembering(self, key: str, digest: str, now: datetime) -> "Session":
        """This session with the key of an order, and without those of more than a day ago."""
        since = now - timedelta(seconds=KEY_LIFE_S)
        kept = [each for each in self.order_keys if each.used_at > since][-(MOST_KEYS - 1) :]
        return replace(self, order_keys=(*kept, OrderKey(key, digest, now)))

    def imported(self, storage: Storage, wish: Wish | None, now: datetime) -> "Session":
        """This session with what an import found of it in the older system, by this run and earlier ones.

        Its order requires what was found. Once somebody has ordered the session, an import changes nothing.
        """
        if self.order and not self.order.is_import:
            return self
        after = replace(self, storage=self.storage.extended(storage) if self.storage else storage)
        known = self.order.wish.required if self.order else ()
        if wish is None or set(wish.required) <= set(known):
            return after
        required = tuple(dict.fromkeys((*known, *wish.required)))
        # OPEN, as after `ordered`: settle finds out at once what it is now.
        is_over = self.state in (SessionState.FAILED, SessionState.PROCESSED)
        return replace(
            after,
            state=SessionState.OPEN if is_over else self.state,
            order=Order(1, replace(wish, required=required), now, is_import=True),
            failure=None,
            processed_at=None,
        )

    def failed(self, reason: str) -> "Session":
        """This session given up by its processor or an operator, until it is ordered again.

        A failed one keeps its first reason. Raises StateConflict once every required output is verified.
        """
        if self.state is SessionState.FAILED:
            return self
        if self.state in (SessionState.PROCESSED, SessionState.CLEANED):
            raise StateConflict(
                "every required output of this session is verified; hold it to keep its originals"
            )
        return replace(self, state=SessionState.FAILED, failure=reason)

    def processed(self, now: datetime) -> "Session":
        """This session with every required output verified and its measurements indexed; its grace begins."""
        return replace(self, state=SessionState.PROCESSED, processed_at=now)

    def attempts_at(self, version_id: str) -> IndexAttempts | None:
        """The attempts to index a version; None before the first."""
        return next((each for each in self.attempts if each.version_id == version_id), None)

    def attempting(self, version_id: str, now: datetime) -> "Session":
        """This session with one more attempt to index a version."""
        return self._with_attempts(version_id, 1, now)

    def requesting_index(self, version_id: str, now: datetime) -> "Session":
        """This session once the indexing of a version was requested; a request does not count as an attempt."""
        return self._with_attempts(version_id, 0, now)

    def without_attempt(self, version_id: str) -> "Session":
        """This session with one attempt less, because the attempt proved nothing about the file."""
        known = self.attempts_at(version_id)
        return self._with_attempts(version_id, -1, known.last_at) if known and known.count else self

    def without_attempts(self, version_id: str) -> "Session":
        """This session after a version was indexed or quarantined."""
        return replace(self, attempts=tuple(each for each in self.attempts if each.version_id != version_id))

    def _with_attempts(self, version_id: str, more: int, last_at: datetime) -> "Session":
        known = self.attempts_at(version_id)
        after = IndexAttempts(version_id, (known.count if known else 0) + more, last_at)
        return replace(self, attempts=(*self.without_attempts(version_id).attempts, after))

    def accepted(self, reason: str) -> "Session":
        """This session with an operator's word that the outputs of its present order are right.

        Raises StateConflict unless the session is PROCESSED: before that there is nothing to accept.
        """
        if self.order is None or self.state is not SessionState.PROCESSED:
            raise StateConflict(
                f"the session is {self.state.value}: outputs can be accepted once all of them are verified"
            )
        return replace(self, order=replace(self.order, accepted=reason))

    def inspected(self, films: tuple[Film, ...]) -> "Session":
        """This session with these facts about its films."""
        return replace(self, films=films)

    def with_film(self, film: Film | None) -> "Session":
        """This session with what was read of one more version; with None, as it is."""
        if film is None:
            return self
        named = (film.artifact_id, film.version_id)
        others = (each for each in self.films if (each.artifact_id, each.version_id) != named)
        return replace(self, films=(*others, film))

    def scan_of(self, version_id: str) -> Scan | None:
        """What is recorded of a version's scan; None when nothing is."""
        return next((each for each in self.scans if each.version_id == version_id), None)

    def scanned(self, scan: Scan) -> "Session":
        """This session with `scan` on record in the place of what was known of the version; held if it is infected."""
        others = (each for each in self.scans if each.version_id != scan.version_id)
        held = self.held or (scan.words if scan.is_infected else None)
        return replace(self, scans=(*others, scan), held=held)

    def without_scan(self, version_id: str) -> "Session":
        """This session once a version has its receipt; an operator's word for it stays on record."""
        kept = (each for each in self.scans if each.version_id != version_id or each.accepted is not None)
        return replace(self, scans=tuple(kept))

    def intending(self, cleanup: Cleanup) -> "Session":
        """This session about to be cleaned; nothing is removed before this is on record."""
        return replace(self, cleanup=cleanup)

    def after_cleanup(self, now: datetime) -> "Session":
        """This session once everything that its intent names is confirmed to be gone."""
        return replace(
            self, state=SessionState.CLEANED, cleaned=self._may_be_gone(), cleaned_at=now, is_guarded=False
        )

    def guarded(self) -> "Session":
        """This cleaned session after the last look at what its originals became."""
        return replace(self, is_guarded=True)

    def bringing_back(self, wanted: Iterable[ArtifactId], reason: str, now: datetime) -> "Session":
        """This session with `wanted` to be restored: held, and a new grace begins when it is released."""
        restoring = tuple(dict.fromkeys((*self.restoring, *wanted)))
        return replace(
            self,
            state=SessionState.PROCESSED,
            held=reason,
            processed_at=now,
            cleanup=None,
            cleaned=self._may_be_gone(),
            cleaned_at=None,
            restoring=restoring,
            restoring_since=now,
        )

    def scrubbed(self, now: datetime) -> "Session":
        """This session after a scrub that found every original as it was verified."""
        return replace(self, scrubbed_at=now)

    def repairing(self, wanted: Iterable[ArtifactId], reason: str, now: datetime) -> "Session":
        """This session, held, with the originals `wanted` to restore; reelhaul did not remove them."""
        return replace(
            self,
            held=self.held or reason,
            restoring=tuple(dict.fromkeys((*self.restoring, *wanted))),
            restoring_since=now,
        )

    def losing(self, lost: Lost) -> "Session":
        """This session, held, without a version that cannot be restored."""
        return replace(self, held=self.held or lost.reason, lost=(*self.lost, lost))

    def evidence_of(self, artifact_id: ArtifactId) -> Evidence:
        """What is recorded of a chapter beside its receipt; nothing at first."""
        found = (each for each in self.evidence if each.artifact_id == artifact_id)
        return next(found, Evidence(artifact_id))

    def with_evidence(self, evidence: Evidence) -> "Session":
        """This session with `evidence` in the place of what was known of the chapter."""
        others = (each for each in self.evidence if each.artifact_id != evidence.artifact_id)
        return replace(self, evidence=(*others, evidence))

    def found_damaged(self, damage: Damage) -> "Session":
        """This session with one more finding; a version that was found before changes nothing."""
        if any(each.version_id == damage.version_id for each in self.damage):
            return self
        return replace(self, damage=(*self.damage, damage))

    def proven(self, began_at: datetime) -> "Session":
        """This session once every receipt that it had at `began_at` was proven at rest."""
        return replace(self, proven_at=max(began_at, self.proven_at or began_at))

    @property
    def unproven_since(self) -> datetime:
        """The time since which nobody has proven its receipts at rest: none is older than the session."""
        return self.proven_at or self.created_at

    def brought_back(self, artifact_id: ArtifactId, stands: str | None) -> "Session":
        """This session with one artifact less to restore; `stands` is the version that was never gone, if so."""
        return replace(
            self,
            restoring=tuple(each for each in self.restoring if each != artifact_id),
            cleaned=tuple(version for version in self.cleaned if version != stands),
        )

    def released(self, now: datetime) -> "Session":
        """This session, held no longer; what it waits for since then counts from now."""
        processed_at = now if self.state is SessionState.PROCESSED and self.held else self.processed_at
        return replace(self, held=None, processed_at=processed_at)

    @property
    def takes_outputs(self) -> bool:
        """Whether an upload of something that its present order makes can be opened now."""
        return self.state is SessionState.STORED or self.has_import_order

    @property
    def has_import_order(self) -> bool:
        """Whether its present order is an import's, which stores outputs and measurements in any state."""
        return self.order is not None and self.order.is_import

    @property
    def owes_order(self) -> bool:
        """Whether its order should go to the queue."""
        unsent = self.order is not None and self.order.sent_at is None and not self.order.is_import
        return unsent and self.held is None and self.state is SessionState.STORED

    def _may_be_gone(self) -> tuple[str, ...]:
        doomed = self.cleanup.doomed if self.cleanup else ()
        return tuple(dict.fromkeys((*self.cleaned, *(each.version_id for each in doomed))))
