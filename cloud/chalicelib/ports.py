"""What the coordinator needs of the world, as Protocols. `wiring` makes the real ones, tests the memory ones.

Every method that talks to S3 or DynamoDB may raise StorageBusy: the same call succeeds later.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol

from msgspec import Struct

from chalicelib.core.acting import COORDINATOR, Acting
from chalicelib.core.attention import Need, Needy
from chalicelib.core.audit import Entry
from chalicelib.core.chapter import Chapter
from chalicelib.core.cleanup import Arming, Bucket, Spent
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.enrolment import Code
from chalicelib.core.events import Event, Measure
from chalicelib.core.heard import Heard
from chalicelib.core.ids import CodeId, DeviceId, PageSessionId, SessionId, ShareId, TokenId, UploadId
from chalicelib.core.landing import Landing
from chalicelib.core.limits import UNLIMITED, Limits, Window
from chalicelib.core.listing import Summary
from chalicelib.core.measurements.index import Index
from chalicelib.core.notices import Announcement, Notice
from chalicelib.core.page_sessions import Known, PageSession
from chalicelib.core.parts import LandedPart, PartPlan, StoredPart
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.push import Socket, Ticket
from chalicelib.core.rounds import LastRound
from chalicelib.core.session import Session, SessionState
from chalicelib.core.settle import Policy
from chalicelib.core.shares import Share
from chalicelib.core.silence import Watch
from chalicelib.core.statistics.counts import Counter, CounterKey, Counting, Counts, Waiting
from chalicelib.core.tokens import Device, PageSessionKey, Secrets, Token
from chalicelib.core.upload import Receipt, StoredObject, Upload
from chalicelib.core.upload_passes import UploadPass

if TYPE_CHECKING:
    # Only the functions that index import it: it brings all kinds of measurements.
    from chalicelib.core.measurements.lake import Constants, Rows, Table


class OpenMultipart(Struct, frozen=True):
    """A multipart upload as S3 lists it."""

    key: str
    multipart_id: str
    initiated_at: datetime


class ObjectStore(Protocol):
    """The bucket."""

    def create_multipart(self, key: str, upload_id: UploadId) -> str:
        """A new multipart upload for `key`, its id; CRC64NVME of the full object, `upload_id` in the metadata."""

    def open_landing(self, key: str, upload_id: UploadId) -> str:
        """A new multipart upload for a landing, its id; its parts need no checksum, `upload_id` in the metadata."""

    def landed_parts(self, key: str, multipart_id: str) -> tuple[LandedPart, ...]:
        """Every part of a landing that S3 holds, by number, all pages. Raises MultipartGone."""

    def complete_landing(
        self, key: str, multipart_id: str, parts: Sequence[LandedPart], size_bytes: int
    ) -> None:
        """Have S3 assemble `parts` of a landing into a new object of this size; never over an existing one.

        Raises MultipartGone, KeyTaken, PartsRefused.
        """

    def parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...]:
        """Every part that S3 holds, by number, all pages. Raises MultipartGone."""

    def complete(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], crc64nvme: Crc64Nvme, size_bytes: int
    ) -> None:
        """Have S3 assemble `parts` into a new object of this size and CRC; never over an existing one.

        Raises MultipartGone, KeyTaken, PartsRefused.
        """

    def abort(self, key: str, multipart_id: str) -> bool:
        """Give up a multipart upload; True once S3 holds nothing of it. Gone already is success."""

    def head(self, key: str) -> StoredObject | None:
        """The current object of `key`, or None when there is none (or a delete marker)."""

    def read(self, key: str, most_bytes: int) -> bytes | None:
        """The current object's bytes, or None when there is none. Raises TooLarge above `most_bytes`."""

    def read_range(self, key: str, version_id: str, first: int, last: int) -> bytes:
        """The bytes of exactly this version from `first` to `last` (included), or to its end. Raises VersionGone.

        There must be a byte at `first`.
        """

    def tags(self, key: str, version_id: str) -> Mapping[str, str]:
        """The tags of exactly this version, by name; empty where it has none. Raises VersionGone."""

    def copy_part(
        self,
        key: str,
        multipart_id: str,
        version_id: str,
        plan: PartPlan,
        number: int,
        source_key: str | None = None,
    ) -> StoredPart:
        """Have S3 copy part `number` of a version, all of which `plan` cuts, into a part of `key`.

        The version is one of `source_key`, or of `key` itself.

        Raises MultipartGone, VersionGone.
        """

    def bucket(self) -> Bucket:
        """What the bucket promises about versions, and S3's own time."""

    def remove(self, key: str, etag: str) -> None:
        """Write a delete marker over exactly the object with this ETag (If-Match); gone or replaced is success.

        Raises RemovalRefused, and then nothing was removed; ValueError for a key that is never removed: only originals,
        intermediates and landings are.
        """

    def tag_cleaned(self, key: str, version_id: str) -> None:
        """Let the lifecycle purge this version once it is hidden: nothing else may ever be purged.

        Raises VersionGone, RemovalRefused, ValueError for a key that is never removed.
        """

    def untag_cleaned(self, key: str, version_id: str) -> None:
        """Have the lifecycle keep this version, hidden or not. Raises VersionGone, ValueError as `tag_cleaned`."""

    def multiparts(self, prefix: str, after_key: str = "") -> Iterator[OpenMultipart]:
        """Every open multipart upload below `prefix` whose key comes after `after_key`, by key, all pages.

        A page that fails raises: partial is not empty.
        """


class FrameIndex(Protocol):
    """The bucket, as the measurements are read and their index is written."""

    def source(self, key: str, version_id: str) -> Iterator[bytes]:
        """The bytes of exactly this version, in chunks; a body that is cut short raises. Raises VersionGone."""

    def put(self, key: str, content: BinaryIO) -> None:
        """Write the whole of `content`, from its present position, as the object of `key`; all of it or nothing."""

    def read(self, key: str, first: int = 0, last: int | None = None) -> bytes:
        """The bytes of the current object from `first` to `last`, both in, or to its end. Raises NotFound."""

    def remove(self, key: str) -> None:
        """Write a delete marker over what `key` has; nothing there is success.

        Raises ValueError for a key that is neither below index/ nor below lake/.
        """


class LakeFile(Protocol):
    """A file of the lake that is being written."""

    def write(self, rows: "Rows") -> None:
        """Take rows, which are in the file after those before; a column that they do not have is null.

        Raises ValueError for a column that the table does not have.
        """


class Lake(Protocol):
    """What writes the files of the lake. It holds at most one group of rows in memory."""

    def demand_writer(self) -> None:
        """Raises LakeWriterMissing where this process cannot write the lake."""

    def writing(
        self, file: BinaryIO, table: "Table", constants: "Constants"
    ) -> AbstractContextManager[LakeFile]:
        """A file of `table`, written to `file`; it is complete once the context ends without an error.

        The same rows make the same bytes. Raises LakeWriterMissing.
        """


class PartToSign(Struct, frozen=True):
    """What a part URL binds: number, size and CRC64NVME."""

    number: int
    size_bytes: int
    crc64nvme: Crc64Nvme


class PartUrl(Struct, frozen=True):
    """Where to PUT one part, with exactly these headers, until `expires_at`."""

    number: int
    url: str
    headers: dict[str, str]
    expires_at: datetime


class ReadUrl(Struct, frozen=True):
    """Where to GET one version of an object until `expires_at`."""

    url: str
    expires_at: datetime


class ByteRange(Struct, frozen=True):
    """Some bytes of an object: from `first` on, `size_bytes` of them."""

    first: int
    size_bytes: int

    @property
    def header(self) -> str:
        """The range as HTTP's `Range` header names it."""
        return f"bytes={self.first}-{self.first + self.size_bytes - 1}"


class RangeUrl(Struct, frozen=True):
    """Where to GET one range of a version, with exactly these headers, until `expires_at`."""

    wanted: ByteRange
    url: str
    headers: dict[str, str]
    expires_at: datetime


class LandingUrl(Struct, frozen=True):
    """Where to PUT one part of a landing until `expires_at`: any bytes, with any headers that S3 takes."""

    url: str
    expires_at: datetime


class FormToPost(Struct, frozen=True):
    """Where to POST a form with exactly these fields and then its file, until `expires_at`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class Signer(Protocol):
    """Presigned addresses."""

    @property
    def origins(self) -> tuple[str, ...]:
        """Scheme and host of every address that this signs, each once."""

    def read_url(self, key: str, version_id: str, ttl_s: int, now: datetime) -> ReadUrl:
        """Good for exactly this version, even if the key has another object later."""

    def range_urls(
        self, key: str, version_id: str, ranges: Sequence[ByteRange], ttl_s: int, now: datetime
    ) -> tuple[RangeUrl, ...]:
        """One URL a range, good for exactly this version and those bytes: the `range` header is signed."""

    def part_urls(
        self, key: str, multipart_id: str, parts: Sequence[PartToSign], ttl_s: int, now: datetime
    ) -> tuple[PartUrl, ...]:
        """One URL a part; `content-length` and `x-amz-checksum-crc64nvme` are signed."""

    def put_url(self, key: str, upload_id: UploadId, whole: PartToSign, ttl_s: int, now: datetime) -> PartUrl:
        """Where to PUT a whole object that the key does not have yet, as that of `upload_id`.

        Length, type, `x-amz-checksum-crc64nvme`, `if-none-match: *` and the upload's id are signed.
        """

    def landing_part_url(
        self, key: str, multipart_id: str, number: int, ttl_s: int, now: datetime
    ) -> LandingUrl:
        """For a client that knows no checksums: nothing but the part's number is signed."""

    def form(
        self, key: str, fields: Mapping[str, str], most_bytes: int, ttl_s: int, now: datetime
    ) -> FormToPost:
        """A form that writes `key`, with `fields` as they are and a file of 1 to `most_bytes` bytes."""


class Change(Struct, frozen=True):
    """One write of a session's state: all of it or nothing.

    `session` is the session after the write; its version must be one above what is recorded, or 1 for a new session.
    `chapters` are written with a new session; and again, all of them, when the films of a browser's session change:
    `chapters_before` is how many it had then. At most 49 `uploads` are written at a time. `receipts` are of what
    processors wrote themselves. `due_at` is when the reconciler looks next, or None. `summary` is what lists tell of
    the session after the write. `counting` is what the session counts for from now on, None when that stays as it is;
    it takes the room of two uploads or four chapters.
    """

    session: Session
    chapters: tuple[Chapter, ...] = ()
    chapters_before: int = 0
    uploads: tuple[Upload, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    indexes: tuple[Index, ...] = ()
    landings: tuple[Landing, ...] = ()
    due_at: datetime | None = None
    summary: Summary | None = None
    counting: Counting | None = None
    needs: tuple[Need, ...] = ()
    """Why the session needs a person after the write; the write that ends that counts it."""
    notices: tuple[Notice, ...] = ()
    """What is to be told of this change; it waits until it was sent."""
    entry: Entry | None = None
    """What the audit trail tells of this change; None when no state changed."""


class Due(Struct, frozen=True):
    """A session at which the reconciler should look, since `due_at`."""

    session_id: SessionId
    due_at: datetime


class Unproven(Struct, frozen=True):
    """A session whose receipts nobody has proven at rest since `since`."""

    session_id: SessionId
    since: datetime


class Listed(Struct, frozen=True):
    """A session in a list: which one, and since when it is there."""

    session_id: SessionId
    created_at: datetime

    @property
    def place(self) -> tuple[datetime, SessionId]:
        """What lists are sorted by, the greatest first."""
        return self.created_at, self.session_id


class ListedBy(Struct, frozen=True):
    """A list of sessions: those of a project, or of one group, camera or device of it. At most one of them is named."""

    project: str
    group: str | None = None
    serial: str | None = None
    device_id: DeviceId | None = None


class ListEntry(Struct, frozen=True):
    """A session in a list; `state` is what the list last heard of it, None where the list does not know states."""

    listed: Listed
    state: SessionState | None


class RecordedRow(Struct, frozen=True):
    """What is recorded for a list to tell; `summary` is None in what an older version wrote."""

    session: Session
    summary: Summary | None
    progress: Progress | None


class ListedDevice(Struct, frozen=True):
    """A device in the list of its project: which one, and since when it is there."""

    device_id: DeviceId
    enrolled_at: datetime


class Watched(Struct, frozen=True):
    """A device at which the reconciler should look."""

    project: str
    device_id: DeviceId


class Enlisting(Struct, frozen=True):
    """One write of who may call, by an operator's command alone: all of it or nothing."""

    tokens: tuple[Token, ...] = ()
    """Without their `secrets`, which are their holders' own."""
    device: Device | None = None
    code: Code | None = None
    entry: Entry | None = None
    """What the audit trail tells of it."""


class Records(Protocol):
    """The table."""

    def picture(self, session_id: SessionId) -> Picture | None:
        """All that is recorded of a session as its last write left it, none of it older or newer; or None."""

    def session_of(self, upload_id: UploadId) -> SessionId | None:
        """The session of an upload, consistently read, or None."""

    def write(self, change: Change) -> None:
        """Record `change`, its counting included, in one transaction.

        Raises Conflict when the recorded version is not the one before.
        """

    def counts(
        self, project: str, device_id: DeviceId | None, first: date | None, last: date | None
    ) -> Counts:
        """What the sessions of a project count for together: those of a device, or all; of these days, both included.

        Days are those (UTC) of the sessions' creation; None has no bound.
        """

    def counts_by_day(self, project: str) -> Mapping[date, Counts]:
        """What the sessions of a project count for, by the day (UTC) of their creation; no day without any."""

    def counter_keys(self) -> Iterator[CounterKey]:
        """Every counter, in no order; for an operator's walk, not for a function's."""

    def counter(self, key: CounterKey) -> Counter:
        """A counter, consistently read; one that was never written has no counts and no writes."""

    def replace_counter(self, key: CounterKey, before: Counter, counts: Counts) -> bool:
        """Record `counts` if the counter was not written since it was read as `before`; else return False."""

    def waiting(self, project: str, first: date | None, last: date | None, limit: int) -> tuple[Waiting, ...]:
        """At most `limit` sessions with chapters that have no receipt, the one that was created first first.

        A session is in the list from the first time that it counts as waiting.
        """

    def needy(self, project: str, limit: int) -> tuple[Needy, ...]:
        """At most `limit` sessions of a project that need a person, the one that was created last first.

        What an older version wrote is in the list from its next write on.
        """

    def due(self, until: datetime, limit: int) -> tuple[Due, ...]:
        """At most `limit` sessions due at or before `until`, the longest due first; may miss the latest writes."""

    def postpone(self, due: Due, until: datetime) -> bool:
        """Have the session due again at `until`; False, and nothing happens, when it is no longer due at `due.due_at`.

        So of two who find a session due, one has it: what he does not end is due again.
        """

    def sessions(self) -> Iterator[SessionId]:
        """Every session, in no order; for an operator's walk, not for a function's."""

    def sessions_of_camera(
        self, serial: str, project: str, after: Listed | None, limit: int
    ) -> tuple[Listed, ...]:
        """At most `limit` sessions of a project's camera after `after`, the newest first; may miss the latest writes.

        Fewer than `limit` are the last ones. What other projects have of the same camera costs nothing.
        """

    def unproven(self, until: datetime, limit: int, after: Unproven | None = None) -> tuple[Unproven, ...]:
        """At most `limit` sessions not proven at rest since `until` or longer, the longest first, after `after`.

        Fewer than `limit` are the last ones; may miss the latest writes.
        """

    def last_round(self) -> LastRound | None:
        """The reconciler's last round; None when it never had one."""

    def put_last_round(self, last: LastRound) -> None: ...

    def list_sessions(
        self,
        by: ListedBy,
        created_from: datetime | None,
        created_to: datetime | None,
        after: Listed | None,
        limit: int,
    ) -> tuple[ListEntry, ...]:
        """At most `limit` sessions of the list `by` after `after`, the newest first; may miss the latest writes.

        They were created from `created_from` (in) to `created_to` (out). Fewer than `limit` are the last ones. An entry
        may name a session that was never recorded, or was recorded with another time of creation.
        """

    def rows(self, session_ids: Sequence[SessionId]) -> Mapping[SessionId, RecordedRow]:
        """What a list tells of each of these sessions that is recorded, consistently read."""

    def list_devices(
        self, project: str, after: ListedDevice | None, limit: int
    ) -> tuple[tuple[Device, Heard | None], ...]:
        """At most `limit` devices of a project after `after`, with what was heard of each last; the newest first.

        Fewer than `limit` are the last ones; may miss the latest enrolments.
        """

    def complete_lists(self) -> int:
        """Put into every list what an older version recorded without it; how many sessions and devices those were.

        For an operator's walk, not for a function's.
        """

    def arming(self) -> Arming | None:
        """Whether cleanup is armed, consistently read; None when nobody ever said so."""

    def put_arming(self, arming: Arming) -> None:
        """Record `arming` without regard to what is on record: for the kill switch, which always wins."""

    def replace_arming(self, before: Arming | None, after: Arming) -> bool:
        """Record `after` if `before` is still on record; else return False and record nothing."""

    def spent(self, day: date) -> Spent | None:
        """What was cleaned on a day (UTC), consistently read; None when nothing was."""

    def spend(self, day: date, size_bytes: int, limit: Spent) -> bool:
        """Count one more object of this size; return False and count nothing if that would pass `limit`."""

    def use(self, window: Window, amount: int, most: int) -> bool:
        """Count `amount` in a window of a limit; return False and count nothing if that would pass `most`."""

    def give_back(self, window: Window, amount: int) -> None:
        """Take back what was counted in a window."""

    def used(self, window: Window) -> int:
        """What is counted in a window, consistently read."""

    def swept_until(self) -> str:
        """The key after which the next sweep of orphans continues; empty when it begins with the first."""

    def put_swept_until(self, key: str) -> None: ...

    def notices(self, limit: int) -> tuple[Notice, ...]:
        """At most `limit` notices that wait to be sent, the oldest first, consistently read."""

    def forget_notice(self, notice: Notice) -> None:
        """Have a notice wait no longer; one that does not is success."""

    def add_project(self, project: str) -> None:
        """Have `projects` list a project from now on."""

    def projects(self) -> tuple[str, ...]:
        """Every project that was added, by name."""

    def put_summary(self, week: str, notice: Notice) -> bool:
        """Record the notice that sums up a week of its project; False, and nothing happens, if there was one."""

    def put_watch(self, watch: Watch, look_at: datetime) -> None:
        """Record a device's heartbeat; whether it was silent stays on record.

        The device is due at `look_at`, or at once when it was silent.
        """

    def watched(self, until: datetime, limit: int) -> tuple[Watched, ...]:
        """At most `limit` devices due at or before `until`, the longest due first; may miss the latest writes."""

    def watch(self, project: str, device_id: DeviceId) -> Watch | None:
        """What is known of a device, consistently read; None when it never sent a heartbeat."""

    def replace_watch(
        self, before: Watch, after: Watch, look_at: datetime | None, notices: Sequence[Notice]
    ) -> bool:
        """Record `after`, and what is to be told of it, if `before` is still on record; else return False.

        The device is due at `look_at`; with None not before it is heard again.
        """

    def put_progress(self, session_id: SessionId, progress: Progress) -> None:
        """Record a heartbeat; outside the session's version."""

    def heard(self, project: str) -> tuple[Heard, ...]:
        """The last heartbeat of every device of a project, by the device's id."""

    def put_heard(self, project: str, heard: Heard) -> None:
        """Record that a device of the project was heard."""

    def note(self, entry: Entry) -> None:
        """Record an entry of the trail about an act that was recorded elsewhere."""

    def trail(self, session_id: SessionId, after: int, limit: int) -> tuple[Entry, ...]:
        """At most `limit` entries of a session's trail after its version `after`, the oldest first.

        Fewer than `limit` are the last ones.
        """

    def trail_of_day(self, project: str, day: date) -> tuple[Entry, ...]:
        """All entries of a project (`*`: of what is about all) on a day (UTC), the oldest first.

        May miss the latest writes.
        """

    def enlist(self, enlisting: Enlisting) -> None:
        """Record `enlisting` in one transaction, whatever is on record: a revocation always wins."""

    def put_secrets(
        self, token_id: TokenId, secrets: Secrets, code: Code | None = None, entry: Entry | None = None
    ) -> None:
        """Record what a token's holder made, `code` as spent on it, and the trail's `entry`, in one transaction.

        Raises Conflict unless the secrets on record have the version before (none before version 1), and when the
        code was spent already.
        """

    def token(self, token_id: TokenId) -> Token | None:
        """The token, consistently read, so that a revocation counts for the next call."""

    def put_upload_pass(self, made: UploadPass) -> None:
        """Record a new pass; some time after its end it is forgotten."""

    def upload_pass(self, pass_id: TokenId) -> UploadPass | None:
        """A pass, consistently read; None where there is none."""

    def put_page_session(self, made: PageSession, entry: Entry | None = None) -> None:
        """Record a new page session and the trail's `entry` at once; the table may forget it once it is over."""

    def page_session(self, key: PageSessionKey) -> Known:
        """The page session, its token and its share, consistently read at once: a logout counts for the next call."""

    def renew_page_session(self, found: PageSession, seen_at: datetime) -> None:
        """Record that a page session was used; nothing happens when it ended, or another call recorded one."""

    def forget_page_session(self, key: PageSessionKey) -> None:
        """End a page session; one that is not on record is success."""

    def page_sessions(self, token_id: TokenId) -> tuple[PageSession, ...]:
        """Every page session of a token that is on record, consistently read, the oldest first."""

    def put_share(self, share: Share, entry: Entry) -> None:
        """Record a share and the trail's `entry` at once, whatever is on record: a revocation always wins."""

    def share(self, share_id: ShareId) -> Share | None:
        """The share, consistently read."""

    def shares(self, session_id: SessionId) -> tuple[Share, ...]:
        """The shares of a session that are on record, consistently read, the newest first."""

    def tokens(self, project: str | None = None) -> tuple[Token, ...]:
        """Every token of a project (`*` is one), or of all, consistently read: by project, device and id."""

    def device(self, device_id: DeviceId) -> Device | None: ...

    def code(self, code_id: CodeId) -> Code | None:
        """The enrolment code, consistently read."""


MOST_MESSAGE_BYTES = 256 * 1024
"""What every queue takes as one message, in UTF-8; SQS can take 1 MiB by now, older queues and imitations do not."""


class Orders(Protocol):
    """The processing queue."""

    def send(self, message: str) -> None:
        """Put one message (JSON) on the queue, at least once. Raises TooLarge above MOST_MESSAGE_BYTES."""

    def dead_letters(self) -> int | None:
        """About how many messages are dead: orders that no processor ended, and runs of functions that failed.

        None when this deployment does not say where they are.
        """


class Indexer(Protocol):
    """The function that indexes measurements, which S3's events start."""

    def request(self, key: str) -> None:
        """Have the function index the object of `key` soon, as if S3's event came once more."""


class Notifier(Protocol):
    """Where people and programs hear what they subscribed to."""

    def publish(self, announcement: Announcement) -> None:
        """Send one announcement to all who subscribed to its kind and project, at least once."""


class Push(Protocol):
    """The sockets of open pages, and the tickets that open them."""

    @property
    def address(self) -> str:
        """Where a page opens a socket, without its ticket: `wss://…`."""

    def put_ticket(self, digest: str, ticket: Ticket) -> None:
        """Record a ticket by the digest of what its holder has."""

    def take_ticket(self, digest: str) -> Ticket | None:
        """The ticket, which is no more from now on: of two who take it one has it. None where there is none."""

    def put_socket(self, socket: Socket) -> None: ...

    def forget_socket(self, connection_id: str) -> None:
        """Forget a socket; one that is not known is success."""

    def sockets(self) -> tuple[Socket, ...]:
        """Every socket that is known, consistently read; some may be closed, or over."""

    def recent_sockets(self) -> tuple[Socket, ...]:
        """The sockets as they were known a few seconds ago at most; none while sending fails."""

    def send(self, connection_id: str, message: str) -> bool:
        """Send a message (JSON) to one socket, within a second; False when it is closed. Raises StorageBusy."""


class Ids(Protocol):
    """Chance."""

    def upload_id(self) -> UploadId: ...

    def device_id(self) -> DeviceId: ...

    def token_id(self) -> TokenId: ...

    def page_session_id(self) -> PageSessionId: ...

    def share_id(self) -> ShareId: ...

    def secret(self) -> str:
        """256 random bits in URL-safe base64."""

    def code(self) -> str:
        """The characters of an enrolment code, of its alphabet."""


class Clock(Protocol):
    """The server's time."""

    def now(self) -> datetime:
        """Aware, UTC."""


class Metrics(Protocol):
    """What flows report, in addition to their log lines."""

    def count(self, event: Event, value: int = 1) -> None: ...

    def measure(self, measure: Measure, value: float) -> None:
        """Report a size, in the measure's own unit."""


class Ports(Struct, frozen=True):
    """All of the world that a flow may touch, passed by hand, and who touches it."""

    objects: ObjectStore
    frame_index: FrameIndex
    lake: Lake
    records: Records
    signer: Signer
    orders: Orders
    indexer: Indexer
    ids: Ids
    clock: Clock
    metrics: Metrics
    policy: Policy
    acting: Acting = COORDINATOR
    limits: Limits = UNLIMITED
    notifier: Notifier | None = None
    """None where nobody wants to hear: then no notices are recorded either."""
    push: Push | None = None
    """None where no socket can be opened: pages ask at intervals."""
    changed: list[SessionId] | None = None
    """The sessions that this call or run changed and of which no page was told yet; None where none is told."""
