"""What a haul uses of the world around it. `wiring` puts the real adapters in; tests put in others that are in memory.

Each method of `Camera`, `PartStore` and `StoredObjects` is one try: the haul decides about the next. The methods of
`Coordinator` try again by themselves unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from edge_client.base.errors import PlanUnreadable
from edge_client.base.retry import Retry
from edge_client.model.api import (
    HeartbeatAnswer,
    HeartbeatReport,
    SessionState,
    SessionView,
    StoredSession,
    UploadView,
)
from edge_client.model.files import FileFacts, FileIdentity, MediaInfo
from edge_client.model.flushing import Flushed
from edge_client.model.haul_state import KnownChapter, Proof, StoredVersion
from edge_client.model.levels import Evidence, Reread, WholeRead
from edge_client.model.listing import CameraStatus, Entry
from edge_client.model.parts import (
    ChapterParts,
    PartBody,
    PartPlan,
    PartUrl,
    PieceUrl,
    Span,
    SpooledPart,
)
from edge_client.model.plan import CameraIdentity, ChapterPlan, SessionPlan


class Camera(Protocol):
    """A camera, read only. Raises Transient for what another try may mend, Refused for what a person must mend.

    Everything but `control_over_usb` raises CameraUnreachable while nothing answers. While it writes it says only who
    it is and how it is: the list and the files raise CameraBusy. A name that a camera does not give is not asked for:
    RequestForbidden.
    """

    def check_ready(self) -> CameraStatus:
        """Its status, when it has stopped writing and its card can be read. Raises CameraBusy, CardFault."""

    def control_over_usb(self) -> None:
        """Ask a camera on USB to listen to us; others refuse, which is as good."""

    def info(self) -> CameraIdentity | None:
        """Who the camera is, or None for models that do not say."""

    def clock(self) -> int | None:
        """What its wall clock shows, as an epoch like its files' dates; None for models that do not say."""

    def entries(self, video_count: int) -> list[Entry]:
        """Every entry of the camera's list. Raises NothingListed for an empty list where videos are counted."""

    def head(self, directory: str, filename: str) -> FileFacts:
        """Size and ETag of a file as the camera serves it now. Raises Unsettled when it serves none of this name."""

    def serves(self, directory: str, filename: str) -> bool:
        """Whether the camera serves a file of this name now."""

    def media_info(self, directory: str, filename: str) -> MediaInfo:
        """What the camera knows of a file, which may be nothing. Raises only when it does not answer."""

    def serial_in(self, directory: str, filename: str, size_bytes: int) -> str | None:
        """The serial of the camera that recorded a file, from its own bytes; None when it has none.

        Raises Unsettled when the size is not this.
        """

    def check_whole(self, directory: str, filename: str, size_bytes: int, etag: str | None) -> int:
        """How many bytes follow the last box of a finished film. Raises Unfinished, Unsettled."""

    def head_crc(
        self, directory: str, filename: str, size_bytes: int, etag: str | None, head_bytes: int
    ) -> str:
        """The CRC64NVME of a file's first bytes, in hex. Raises Unsettled when size or ETag are not these."""

    def crc_of(self, chapter: ChapterPlan, span: Span) -> int:
        """The CRC64NVME of some bytes of the planned file. Raises as `read_part` does."""

    def read_part(self, chapter: ChapterPlan, span: Span, write: Callable[[memoryview], None]) -> None:
        """Give `write` exactly the bytes of `span` of the planned file, each block valid only during its call.

        Raises FileInDoubt when the size or the ETag is not the planned one, Unsettled when the ETag is missing,
        RequestForbidden for bytes that no such file has, ReadBroken after some of the bytes, and what `write` raises.
        """


class Awake(AbstractContextManager["Awake"], Protocol):
    """Keeps a camera awake while it is entered."""

    def take_failure(self) -> bool:
        """Whether the camera was away since the last call, and may be another one now."""


class CameraLocks(Protocol):
    """Cameras that a client of this machine may hold for itself."""

    def hold(self, serial: str) -> AbstractContextManager[None]:
        """The camera for us alone. Raises SpoolBusy when another client has it."""

    def is_held(self, serial: str) -> bool:
        """Whether a client has the camera now."""


class Coordinator(Protocol):
    """The coordinator's calls, each of them idempotent. Raises CoordinatorRefusal, GaveUp."""

    def with_retry(self, retry: Retry) -> Coordinator:
        """The same coordinator with another patience."""

    def put_session(self, plan: SessionPlan) -> SessionView:
        """Create or confirm the session, and see its chapters. Raises SessionUnknown."""

    def open_upload(self, session_id: str, artifact_id: str, size_bytes: int) -> UploadView:
        """The upload of one chapter: opened now, open since before, or already verified."""

    def upload(self, upload_id: str) -> UploadView:
        """The upload as it is now."""

    def part_urls(
        self, upload_id: str, parts: Sequence[SpooledPart], claim: int | None = None
    ) -> dict[int, PartUrl]:
        """Presigned PUTs for at most 32 parts, by part number. Raises UploadGone.

        `claim` is the CRC64NVME of the whole once all of it was read: the coordinator completes nothing else.
        """

    def complete(self, upload_id: str, crc: int) -> UploadView:
        """The upload, verified and with its receipt. Raises PartsMismatch, UploadGone."""

    def known_chapters(self, serial: str) -> tuple[KnownChapter, ...]:
        """Every chapter of this camera that a session of our project has, from any device."""

    def proof_urls(
        self, chapter: KnownChapter, stored: StoredVersion, spans: Sequence[Span]
    ) -> dict[int, PieceUrl]:
        """Presigned GETs for at most 32 ranges of a verified original, by first byte."""

    def add_evidence(self, session_id: str, artifact_id: str, read: WholeRead) -> Evidence:
        """What is known of a chapter, this second read of its card included; the same read again changes nothing."""

    def session_state(self, session_id: str) -> SessionState | None:
        """The coordinator's document of a session, or None when it shows none of that name; a single try."""

    def stored_session(self, session_id: str) -> StoredSession | None:
        """What S3 has of a session, or None when the coordinator shows none of that name; a single try."""

    def heartbeat(self, session_id: str, beat: HeartbeatReport) -> HeartbeatAnswer:
        """What the coordinator answers to one heartbeat; a single try. Raises EdgeError."""


class PartStore(Protocol):
    """One connection to S3 for parts."""

    def put(self, url: PartUrl, body: PartBody) -> None:
        """Send one part. Raises UploadLost, UrlRefused, PartTurnedDown, StorageUnreachable, and what `body` raises."""

    def close(self) -> None:
        """Let go of the connection."""


class StoredObjects(Protocol):
    """Pieces of stored objects."""

    def read_into(self, buffer: memoryview, url: PieceUrl, span: Span, total_bytes: int) -> None:
        """Fill `buffer` with the bytes of `span`. Raises UrlRefused, StorageUnreachable, StoredRefused."""


class SpoolBudget(Protocol):
    """How much the spool may hold, in bytes; measured when the spool is held."""

    @property
    def held_bytes(self) -> int:
        """What the parts in the spool take."""

    def lack(self, size_bytes: int) -> str | None:
        """Why a part of this size does not fit, or None when it fits. Raises SpoolFault."""

    def demand(self, size_bytes: int) -> None:
        """Raises SpoolTooSmall or SpoolFull when the budget would not hold so much if it held nothing else."""

    def whole_parts(self, part_size_bytes: int) -> int:
        """How many parts of this size the budget holds when it holds nothing else."""


class PartReader(Protocol):
    """The bytes of one part in the spool."""

    def blocks(self, buffer: memoryview) -> Iterator[memoryview]:
        """Views of `buffer`, filled again for each block. Raises PartCorrupt, at the last block at the latest."""


class PartWriter(Protocol):
    """A part that is being written."""

    def write(self, data: memoryview) -> None:
        """Append to the part. Raises SpoolFull, SpoolFault, PartUnkept."""

    def commit(self) -> SpooledPart:
        """Make the part durable; then the older one of its number goes.

        Raises SpoolFault when it is not written to its full length, PartUnkept when the disk lost it.
        """


class SpooledParts(Protocol):
    """Finished parts in the spool. Different threads may use different parts."""

    def reader(self, part: SpooledPart) -> PartReader:
        """A part's bytes."""

    def drop_part(self, part: SpooledPart) -> None:
        """Remove one part: S3 has it, or it is not what was written."""


class ChapterSpool(SpooledParts, Protocol):
    """The parts of one chapter in the spool, finished and being written.

    It replaces a part, or drops it by its number, when it knows the part: from its last `parts`, or as its writer.
    """

    @property
    def budget(self) -> SpoolBudget:
        """The budget of the whole spool."""

    @property
    def exists(self) -> bool:
        """Whether anything of the chapter was begun here since it was dropped, also when no part is left of it."""

    def parts(self, plan: PartPlan) -> dict[int, SpooledPart]:
        """The finished parts that fit `plan`, by number."""

    def open_writer(self, span: Span) -> AbstractContextManager[PartWriter]:
        """A writer for one part, its room reserved; without a commit nothing of it stays. Raises SpoolFull."""

    def crc_within(self, part: SpooledPart, first: int, size_bytes: int) -> int | None:
        """The CRC64NVME of some bytes of a part, counted from its first; None when they cannot be read."""

    def confirmed_crc(self) -> int | None:
        """The CRC64NVME of the whole chapter that was confirmed last, or None."""

    def confirm(self, whole_crc: int) -> None:
        """Record durably that parts with this CRC64NVME are of the planned file; no part is suspect any more."""

    def suspects(self, plan: PartPlan) -> frozenset[int]:
        """The parts that may be of another file and are read again; all of `plan` when the record is spoilt."""

    def suspect(self, numbers: Collection[int]) -> None:
        """Record durably that these parts, too, may be of another file."""

    def drop_number(self, number: int) -> None:
        """Remove one part; the caller is about to read it from the camera."""

    def drop_useless(self, plan: PartPlan) -> bool:
        """Remove parts that do not fit `plan`, and files that are no parts; whether there were any."""

    def drop(self) -> None:
        """Remove all parts of the chapter. Only for a chapter whose receipt is durable."""


class SessionSpool(Protocol):
    """What the spool has of one session: its plan, receipts, report and parts."""

    def read(self, name: str) -> bytes | None:
        """A document as it was written, or None when there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Write a document so that it is there, whole, after a power cut."""

    def remove(self, name: str) -> None:
        """Remove a document that may be there."""

    def write_receipt(self, artifact_id: str, content: bytes) -> None:
        """Write a receipt, durably: from here on the chapter's parts may go."""

    def receipts(self) -> list[dict[str, Any]]:
        """The receipts that are here; one that the disk has spoilt is none."""

    def receipted(self) -> frozenset[str]:
        """The artifact ids of the chapters whose receipts are here."""

    def chapter(self, artifact_id: str, identity: str) -> ChapterSpool:
        """The parts of one chapter; another identity has other parts."""

    def chapter_parts(self) -> list[ChapterParts]:
        """What there is of each chapter, also of chapters that no plan has."""

    def part_bytes(self) -> int:
        """What the session's parts take."""


class Plans(Protocol):
    """The sessions of a spool with their plans; one that cannot be read hides none of the others."""

    @property
    def readable(self) -> Sequence[tuple[SessionSpool, SessionPlan]]: ...

    @property
    def unreadable(self) -> Sequence[PlanUnreadable]: ...


class Proofs(Protocol):
    """Remembers which stored versions equal which files of which cards."""

    def has(self, proof: Proof) -> bool:
        """Whether exactly this was proven here."""

    def add(self, proof: Proof) -> None:
        """Remember a proof, durably, in place of an older one of its chapter. Raises SpoolFault, SpoolFull."""


class BrokenFilms(Protocol):
    """Remembers which films were found broken in earlier runs."""

    def has(self, film: FileIdentity) -> bool:
        """Whether exactly this was found broken."""

    def add(self, film: FileIdentity) -> None:
        """Remember it, durably, in place of an older one of its path. Raises SpoolFault, SpoolFull."""


class Rereads(Protocol):
    """Remembers what was found when chapters were read again, and how far the second read of a card is."""

    def hold(self) -> AbstractContextManager[None]:
        """The second reads of this spool for us alone; a haul is not kept. Raises SpoolBusy."""

    def all(self) -> Sequence[Reread]:
        """Every record that can be read."""

    def find(self, session_id: str, artifact_id: str) -> Reread | None:
        """What was found of a chapter; a record that cannot be read is there and spoilt."""

    def keep(self, found: Reread) -> None:
        """Remember it, durably, in place of what was there of its chapter. Raises SpoolFault, SpoolFull."""

    def drop(self, found: Reread) -> None:
        """Forget it: the coordinator has it."""

    def flushed(self) -> Flushed | None:
        """How far the second read is since the camera's memory was flushed; None where that is not known."""

    def keep_flushed(self, flushed: Flushed) -> None:
        """Remember it, durably. Raises SpoolFault, SpoolFull."""


class Spool(Protocol):
    """Where plans, receipts, reports and parts are kept on the device."""

    @property
    def budget(self) -> SpoolBudget: ...

    @property
    def proofs(self) -> Proofs: ...

    @property
    def broken_films(self) -> BrokenFilms: ...

    @property
    def rereads(self) -> Rereads: ...

    def is_held(self) -> bool:
        """Whether a client has the spool for itself now."""

    def hold(self) -> AbstractContextManager[None]:
        """The spool for us alone, what ended clients left half done removed. Raises SpoolBusy when another has it."""

    def session(self, session_id: str) -> SessionSpool:
        """What there is of the session, which may be nothing; from now on the spool `has` it."""

    def has(self, session_id: str) -> bool:
        """Whether the spool has anything of the session."""

    def plans(self) -> Plans:
        """The plans of all sessions here, by name; readable while another client works."""

    def is_being_forgotten(self, session_id: str) -> bool:
        """Whether a client was ended while it removed the session."""

    def forget(self, session_id: str) -> None:
        """Remove the session: its plan, its parts and its copies of the receipts. Only while the spool is held.

        Raises SpoolFault, also when the spool does not have it.
        """

    def home_bytes(self, session_id: str) -> int:
        """The bytes of a session that receipts here prove, for a display: none where they cannot be read."""

    def free_bytes(self) -> int:
        """What the spool's disk has free."""


class Thread(Protocol):
    """Something that runs beside the caller."""

    def is_alive(self) -> bool: ...

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, at most `timeout` seconds."""


class Condition(AbstractContextManager[Any], Protocol):
    """A lock on which its holders wait for each other; its holder may enter it again."""

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock until `notify` or for `timeout` seconds; then hold it again."""

    def notify(self) -> None: ...

    def notify_all(self) -> None: ...


class Threads(Protocol):
    """How a haul does several things at once."""

    def start(self, name: str, run: Callable[[], None]) -> Thread:
        """Run this beside the caller. `run` handles its own errors; the process does not wait for it."""

    def condition(self) -> Condition:
        """A new lock that threads wait on."""

    def every(self, name: str, every_s: float, do: Callable[[], None]) -> AbstractContextManager[object]:
        """Do this at once and then every `every_s` seconds, for as long as the block runs."""
