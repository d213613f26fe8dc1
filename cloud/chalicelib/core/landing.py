"""A landing: one film on its way from a client that sends no checksums, below `incoming/`, and the moves it may make.

    ARRIVING --landed--> LANDED --moved--> MOVED --done--> DONE
     |  ^                  `--refused--.     `--refused--.
     |--cancelled--> CANCELLED         v                 v
     |                 `--landed (its object came all the same)   REFUSED  (its object stays, until S3 expires it)
     `--ended------> EXPIRED  (also from CANCELLED)

Nothing of a landing is a chapter before S3 has copied it into its place and the copy is proven.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.chapter import Chapter
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import PartsMismatch
from chalicelib.core.film import Film, NoFilm
from chalicelib.core.ids import UploadId
from chalicelib.core.keys import BROWSER_FILMS
from chalicelib.core.parts import LandedPart
from chalicelib.core.times import DAY_S
from chalicelib.core.upload import Receipt, StoredObject

FORM_S = 7_200
"""How long a form's object is looked for: the time of its address, and that of a slow upload."""
SILENCE_S = DAY_S
"""How long a landing of parts waits for its client."""
QUIET_S = 900
"""How long after the last call about a landing its session still takes films."""
HEARD_S = 300
"""A call is recorded when the one on record is so old: part after part is signed, and few calls write."""
CANCELLED = "cancelled by its client"


class LandingState(Enum):
    ARRIVING = "ARRIVING"
    LANDED = "LANDED"
    MOVED = "MOVED"
    DONE = "DONE"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


ON_ITS_WAY = (LandingState.ARRIVING, LandingState.CANCELLED)
"""The states in which an object may still become this landing's."""


class Landed(Struct, frozen=True):
    """The object that landed: exactly this version is copied. `crc64nvme` is what S3 computed, if it tells that."""

    version_id: str
    etag: str
    size_bytes: int
    crc64nvme: Crc64Nvme | None


class Landing(Struct, frozen=True):
    """One landing.

    `told_bytes` is the size that the client told, None where it told none. `multipart_id` is None for a form.
    `heard_at` is the last call about it. `completing_at` is since when S3 may be assembling it. `upload_id` is the
    upload that copies it into its place. `owes_abort` is whether its multipart upload is to be ended.
    """

    landing_id: UploadId
    filename: str
    key: str
    content_type: str
    opened_at: datetime
    heard_at: datetime
    told_bytes: int | None = None
    multipart_id: str | None = None
    state: LandingState = LandingState.ARRIVING
    completing_at: datetime | None = None
    landed: Landed | None = None
    upload_id: UploadId | None = None
    reason: str | None = None
    ended_at: datetime | None = None
    owes_abort: bool = False

    @property
    def is_form(self) -> bool:
        return self.multipart_id is None

    @property
    def is_on_its_way(self) -> bool:
        return self.state in ON_ITS_WAY

    @property
    def owes(self) -> bool:
        """Whether the reconciler has anything left to do for it."""
        over = (LandingState.DONE, LandingState.REFUSED, LandingState.EXPIRED)
        return self.state not in over or self.owes_abort

    @property
    def expires_at(self) -> datetime:
        """When nothing is expected of it any more."""
        if self.is_form:
            return self.opened_at + timedelta(seconds=FORM_S)
        return self.heard_at + timedelta(seconds=SILENCE_S)

    def film(self, size_bytes: int) -> Chapter:
        """The chapter that it becomes with `size_bytes`. Raises InvalidRequest for a name that no film has."""
        return Chapter(BROWSER_FILMS, self.filename, size_bytes)

    def must_be_heard(self, now: datetime) -> bool:
        """Whether a call of now is to be recorded."""
        is_old = now >= self.heard_at + timedelta(seconds=HEARD_S)
        return is_old or self.state is LandingState.CANCELLED

    def heard(self, now: datetime) -> "Landing":
        """This landing after a call about it; one that was cancelled is on its way again."""
        return replace(self, state=LandingState.ARRIVING, heard_at=now, reason=None, ended_at=None)

    def completing(self, now: datetime) -> "Landing":
        """This landing about to be assembled by S3."""
        return replace(self.heard(now), completing_at=now)

    def landed_as(self, stored: StoredObject) -> "Landing":
        landed = Landed(stored.version_id, stored.etag, stored.size_bytes, stored.crc64nvme)
        return replace(self, state=LandingState.LANDED, landed=landed, reason=None, ended_at=None)

    def moved(self, upload_id: UploadId) -> "Landing":
        return replace(self, state=LandingState.MOVED, upload_id=upload_id)

    def done(self, now: datetime) -> "Landing":
        return replace(self, state=LandingState.DONE, ended_at=now)

    def refused(self, reason: str, now: datetime) -> "Landing":
        """This landing, never to become a film; what landed stays in S3 until it expires there."""
        return replace(self, state=LandingState.REFUSED, reason=reason, ended_at=now)

    def cancelled(self, now: datetime) -> "Landing":
        return replace(self, state=LandingState.CANCELLED, reason=CANCELLED, ended_at=now, heard_at=now)

    def ended(self, reason: str, now: datetime) -> "Landing":
        """This landing without an object; its parts may be aborted."""
        owes = self.multipart_id is not None
        return replace(self, state=LandingState.EXPIRED, reason=reason, ended_at=now, owes_abort=owes)

    def aborted(self) -> "Landing":
        return replace(self, owes_abort=False)

    def is_of(self, stored: StoredObject | None) -> bool:
        """Whether `stored` is this landing's object."""
        return stored is not None and (stored.key, stored.upload_id) == (self.key, self.landing_id)

    def is_proven_by(self, receipt: Receipt) -> bool:
        """Whether the receipt is for the very bytes that landed: only then what landed is not needed any more."""
        landed = self.landed
        if landed is None or landed.size_bytes != receipt.size_bytes:
            return False
        return landed.crc64nvme in (None, receipt.crc64nvme)


def fault_of(landing: Landing, stored: StoredObject, film: Film | NoFilm | None) -> str | None:
    """Why what landed may not become a film of its session; None when it may.

    Without a size from its client only the boxes of the film can show that all of it came: a stock client may resume
    with other parts than it began with, and calls that a success.
    """
    if isinstance(film, NoFilm):
        return f"{landing.filename} is not a film: {film.reason}"
    told = landing.told_bytes
    if told is not None and told != stored.size_bytes:
        return f"{landing.filename} has {told} bytes where it comes from, and {stored.size_bytes} arrived"
    if told is None and (film is None or film.is_broken):
        why = film.fault if film else "it could not be read"
        return (
            f"{landing.filename} is not whole: {why}; send it again from its beginning, or with its size in the "
            "metadata if it is so where it comes from"
        )
    return None


def check_parts(landing: Landing, held: Sequence[LandedPart], listed: Iterable[tuple[int, str]]) -> int:
    """The bytes of all parts that S3 holds. Raises PartsMismatch unless they can be the whole of one file.

    All parts but the last have one size, none is missing, and the client's list is the same as S3's. A client that
    resumes with another size of parts leaves bytes out or sends some twice: then the sizes differ.
    """
    names = {part.number: part.etag for part in held}
    given = dict(listed)
    missing = sorted(set(range(1, max([*names, *given], default=1) + 1)) - names.keys())
    if missing:
        raise PartsMismatch(f"{len(missing)} parts of {landing.filename} are missing", tuple(missing), ())
    unlike = sorted(number for number in names if given.get(number) != names[number])
    if unlike:
        raise PartsMismatch(
            f"{len(unlike)} parts of {landing.filename} are not those that the client lists",
            (),
            tuple(unlike),
        )
    *others, last = [part.size_bytes for part in held]
    uneven = [part.number for part in held[:-1] if part.size_bytes != others[0]]
    if uneven or (others and last > others[0]):
        raise PartsMismatch(
            f"the parts of {landing.filename} have different sizes: it was resumed with other parts than it began "
            "with; remove it from the list and add it again",
            (),
            tuple(uneven or [held[-1].number]),
        )
    total = sum(part.size_bytes for part in held)
    if landing.told_bytes not in (None, total):
        raise PartsMismatch(
            f"{landing.filename} has {landing.told_bytes} bytes where it comes from, and its parts have {total}",
            (),
            (),
        )
    return total


def awaited_until(landings: Sequence[Landing]) -> datetime | None:
    """Until when more films may come to the session of these landings; None when none is expected.

    A landing whose client began again with a file of the same name is expected no more.
    """
    latest = {landing.filename: landing for landing in landings}
    times = [landing.expires_at for landing in latest.values() if landing.state is LandingState.ARRIVING]
    times += [landing.heard_at + timedelta(seconds=QUIET_S) for landing in landings]
    return max(times, default=None)
