"""The walk: plan, confirm the session, and for each chapter fetch, upload, confirm, drop.

The main thread reads the camera part by part into the spool; two more send what is there. A round over a chapter
begins with the question what S3 still lacks, so every round, and every rerun, does only what is missing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, TypeVar

from awscrt.checksums import combine_crc64nvme

from edge_client.camera import Camera, KeepAlive
from edge_client.chapters import (
    ByFile,
    ByNumber,
    CameraFile,
    Everything,
    Recording,
    chosen,
    recordings,
    session_name,
    whole,
)
from edge_client.coordinator import ChapterView, Coordinator, Receipt, UploadView, crc_text
from edge_client.errors import (
    CardFault,
    CoordinatorRefusal,
    EdgeError,
    GaveUp,
    PartCorrupt,
    PartsMismatch,
    ReceiptDiffers,
    Refused,
    RoundLost,
    SpoolFault,
    SpoolFull,
    Unsettled,
    UploadLost,
)
from edge_client.plan import MOST_CHAPTERS, CameraIdentity, ChapterPlan, SessionPlan, Span, decoded
from edge_client.progress import Progress
from edge_client.retry import Retry, full_jitter_s
from edge_client.spool import ChapterSpool, SessionSpool, Spool, SpooledPart
from edge_client.transfer import Desk, PartSender, Senders

log = logging.getLogger(__name__)

PLAN = "plan.json"
REPORT = "report.json"
MOST_ROUNDS = 5

Choice = ByNumber | ByFile | Everything
T = TypeVar("T")


@dataclass(frozen=True)
class ChapterReport:
    """What became of one chapter; `receipt` is the coordinator's own document."""

    path: str
    size_bytes: int
    crc64nvme: str
    receipt: dict[str, Any]
    parts_sent: int
    parts_skipped: int
    seconds: float


@dataclass(frozen=True)
class Report:
    """What became of one session."""

    session: str
    chapters: tuple[ChapterReport, ...]
    retries: int
    seconds: float
    api_calls: int
    peak_rss_mib: float

    def encoded(self) -> bytes:
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True)
class Tools:
    """What the walk uses, put together by the command line."""

    camera: Camera
    keep_awake: Callable[[], KeepAlive]
    coordinator: Coordinator
    spool: Spool
    retry: Retry
    progress: Progress
    peak_rss_mib: Callable[[], float]


@dataclass
class Visit:
    """The camera for as long as it is needed: known by its serial, kept awake, held against other clients.

    Nothing is asked of it before something is needed: a rerun after success works without a camera.
    """

    tools: Tools
    stack: ExitStack
    known: CameraIdentity | None = None
    awake: bool = False

    def files(self) -> list[CameraFile]:
        """The camera's list, once it is done writing."""
        self._wake()
        return self.tools.retry.run("the camera's list", self._files)

    def _files(self) -> list[CameraFile]:
        self.tools.camera.control_over_usb()
        status = self.tools.camera.check_ready()
        return self.tools.camera.files(status.get("39", 0))

    def identity(self, example: CameraFile | ChapterPlan) -> CameraIdentity:
        """Who the camera is, from itself or from one of its files; from now on it is ours."""
        if self.known is None:
            self._wake()
            found = self.tools.retry.run("the camera's identity", lambda: self._identity(example))
            self.stack.enter_context(self.tools.spool.camera(found.serial))
            self.known = found
        return self.known

    def _wake(self) -> None:
        if not self.awake:
            self.stack.enter_context(self.tools.keep_awake())
            self.awake = True

    def _identity(self, example: CameraFile | ChapterPlan) -> CameraIdentity:
        camera = self.tools.camera
        camera.control_over_usb()
        camera.check_ready()
        if found := camera.info():
            return found
        return CameraIdentity(
            camera.serial_in(example.directory, example.filename, example.size_bytes), None, None
        )

    def check_again(self, plan: SessionPlan) -> None:
        """After an outage: one try to see that the plan's camera is there and not writing."""
        plan.refuse_other_camera(self._identity(plan.chapters[0]).serial)

    def freeze(self, session_id: str, files: tuple[CameraFile, ...]) -> SessionPlan:
        """The plan of a session of these files, each with all that identifies it."""
        if len(files) > MOST_CHAPTERS:
            raise Refused(f"{len(files)} chapters are too many for one session; at most {MOST_CHAPTERS}")
        identity = self.identity(files[0])
        chapters = (self.tools.retry.run(file.path, partial(self._frozen, file)) for file in files)
        return SessionPlan(session_id, identity, tuple(chapters))

    def _frozen(self, file: CameraFile) -> ChapterPlan:
        """One try. The list is a hint: it must say what is served, now or when read again."""
        camera = self.tools.camera
        facts = camera.head(file.directory, file.filename)
        if facts.size_bytes != file.size_bytes:
            file = self._listed_again(file)
        if facts.size_bytes != file.size_bytes:
            raise Unsettled(f"{file.path} is listed with {file.size_bytes} bytes but has {facts.size_bytes}")
        if facts.size_bytes == 0:
            raise CardFault(f"{file.path} has no bytes")
        gumi = camera.gumi(file.directory, file.filename)
        return ChapterPlan(
            file.directory, file.filename, file.size_bytes, file.created, file.modified, facts.etag, gumi
        )

    def _listed_again(self, file: CameraFile) -> CameraFile:
        return next((now for now in self.tools.camera.files(1) if now.path == file.path), file)


@dataclass
class ChapterHaul:
    """One chapter on its way; rounds until it has its receipt."""

    tools: Tools
    visit: Visit
    plan: SessionPlan
    chapter: ChapterPlan
    view: ChapterView
    folder: SessionSpool
    parts: ChapterSpool
    upload: UploadView | None = None
    again: frozenset[int] = frozenset()
    sent: set[int] = field(default_factory=set)
    touched: bool = False

    def run(self) -> ChapterReport:
        """Haul the chapter. Raises Refused, Unsettled or TryLater; its parts stay in the spool then."""
        began_s = self.tools.retry.timing.monotonic()
        receipt = self.view.receipt
        if receipt is None:
            self.tools.progress.chapter(self.chapter.path, self.chapter.size_bytes)
            receipt = self._rounds()
        self._accept(receipt)
        seconds = self.tools.retry.timing.monotonic() - began_s
        self.tools.progress.verified(self.chapter.path, seconds)
        return self._report(receipt, seconds)

    def _report(self, receipt: Receipt, seconds: float) -> ChapterReport:
        count = self.upload.plan.part_count if self.upload else 0
        return ChapterReport(
            path=self.chapter.path,
            size_bytes=receipt.size_bytes,
            crc64nvme=crc_text(receipt.crc),
            receipt=dict(receipt.document),
            parts_sent=len(self.sent),
            parts_skipped=count - len(self.sent),
            seconds=round(seconds, 3),
        )

    def _rounds(self) -> Receipt:
        timing = self.tools.retry.timing
        for lost in range(1, MOST_ROUNDS + 1):
            try:
                return self._round()
            except RoundLost as error:
                log.warning("another round", extra={"chapter": self.chapter.path, "reason": str(error)})
                if receipt := self._after(error, last=lost == MOST_ROUNDS):
                    return receipt
            self.tools.retry.tally.retried()
            timing.sleep(full_jitter_s(lost, timing.chance()))
        raise AssertionError("the last round returns or raises")

    def _after(self, error: RoundLost, last: bool) -> Receipt | None:
        """What a lost round leaves to know: parts to send again, or a receipt after all."""
        if isinstance(error, PartsMismatch):
            self.again = error.numbers
        if isinstance(error, UploadLost) and self.upload:
            self.upload = self.tools.coordinator.upload(self.upload.upload_id)
            if self.upload.receipt:
                return self.upload.receipt
        if last:
            raise _ended(error, self.chapter.path) from error
        return None

    def _round(self) -> Receipt:
        """Send what is missing, complete, and return the receipt."""
        self.upload = upload = self._opened()
        if upload.receipt:
            return upload.receipt
        spooled = self.parts.parts(upload.plan)
        owed = [span for span in upload.plan.spans() if self._is_owed(span, upload, spooled)]
        self._count_what_is_there(upload, owed, spooled)
        self._carry(upload, owed, spooled)
        verified = self.tools.coordinator.complete(upload.upload_id, self._whole_crc(upload))
        if verified.receipt is None:
            raise CoordinatorRefusal("a completed upload came without its receipt")
        return verified.receipt

    def _opened(self) -> UploadView:
        upload = self.tools.coordinator.open_upload(
            self.plan.session_id, self.view.artifact_id, self.chapter.size_bytes
        )
        if upload.plan.size_bytes != self.chapter.size_bytes:
            raise CoordinatorRefusal(f"the coordinator plans {self.chapter.path} with another size")
        return upload

    def _is_owed(self, span: Span, upload: UploadView, spooled: dict[int, SpooledPart]) -> bool:
        stored, ours = upload.parts.get(span.number), spooled.get(span.number)
        if stored is None or stored.size_bytes != span.size_bytes or span.number in self.again:
            return True
        return ours is not None and ours.crc != stored.crc

    def _count_what_is_there(
        self, upload: UploadView, owed: list[Span], spooled: dict[int, SpooledPart]
    ) -> None:
        """Both legs' progress begins where the last run ended; a second round counts only what it does again."""
        owed_bytes = sum(span.size_bytes for span in owed)
        absent_bytes = sum(span.size_bytes for span in owed if span.number not in spooled)
        if not self.touched:
            self.tools.progress.fetched(upload.plan.size_bytes - absent_bytes)
            self.tools.progress.sent(upload.plan.size_bytes - owed_bytes)
        else:
            self.tools.progress.fetched(-absent_bytes)
            self.tools.progress.sent(-owed_bytes)
        self.touched = True

    def _carry(self, upload: UploadView, owed: list[Span], spooled: dict[int, SpooledPart]) -> None:
        """Both legs at once: read what is missing, send what is owed."""
        coordinator = self.tools.coordinator
        desk = Desk(lambda batch: coordinator.part_urls(upload.upload_id, batch))
        try:
            with Senders(desk, lambda: self._sender(desk), self.tools.retry.timing.check) as senders:
                self._feed(desk, senders, owed, spooled)
                senders.drain()
        finally:
            self.sent |= desk.sent
        if desk.corrupt:
            raise PartCorrupt(f"parts {sorted(desk.corrupt)} changed in the spool and are read again")

    def _sender(self, desk: Desk) -> PartSender:
        return PartSender(desk, self.parts, self.tools.retry, self.tools.progress.sent)

    def _feed(self, desk: Desk, senders: Senders, owed: list[Span], spooled: dict[int, SpooledPart]) -> None:
        for span in owed:
            if span.number in spooled:
                desk.add(spooled[span.number])
        try:
            for span in owed:
                if span.number not in spooled:
                    desk.add(self._fetched(span, desk))
        except SpoolFull:
            # What is on the disk still goes up, so that the next run finds less to do.
            senders.drain()
            raise

    def _fetched(self, span: Span, desk: Desk) -> SpooledPart:
        """One part, read from the camera into the spool."""
        self.plan.refuse_other_camera(self.visit.identity(self.plan.chapters[0]).serial)
        tries = 0

        def attempt() -> SpooledPart:
            nonlocal tries
            tries += 1
            desk.check()
            if tries > 1:
                self.visit.check_again(self.plan)
            return self._read(span, desk)

        return self.tools.retry.run(f"reading part {span.number} of {self.chapter.path}", attempt)

    def _read(self, span: Span, desk: Desk) -> SpooledPart:
        """One try. Blocks go to disk as they come, so the camera never waits for S3."""
        taken_bytes = 0

        def write(block: bytes) -> None:
            nonlocal taken_bytes
            desk.check()
            self.tools.retry.timing.check()
            writer.write(block)
            taken_bytes += len(block)
            self.tools.progress.fetched(len(block))

        with self.parts.writing(span) as writer:
            try:
                self.tools.camera.read_part(self.chapter, span, write)
            except EdgeError:
                self.tools.progress.fetched(-taken_bytes)
                raise
            return writer.commit()

    def _known_crcs(self, upload: UploadView) -> dict[int, int]:
        """The CRC of each part as far as it is known: as read from the camera, else as S3 says it."""
        crcs = {number: part.crc for number, part in upload.parts.items()}
        return crcs | {number: part.crc for number, part in self.parts.parts(upload.plan).items()}

    def _whole_crc(self, upload: UploadView) -> int:
        crcs = self._known_crcs(upload)
        return folded((crcs[span.number], span.size_bytes) for span in upload.plan.spans())

    def _accept(self, receipt: Receipt) -> None:
        """Take a receipt that is for the bytes that were read; only then may the parts go."""
        if receipt.artifact_id != self.view.artifact_id or receipt.size_bytes != self.chapter.size_bytes:
            raise ReceiptDiffers(
                f"the receipt for {self.chapter.path} is for another object; its parts are kept"
            )
        upload = self.upload
        all_known = upload and len(self._known_crcs(upload)) == upload.plan.part_count
        if upload and all_known and receipt.crc != self._whole_crc(upload):
            raise ReceiptDiffers(
                f"the receipt for {self.chapter.path} has another CRC than what was read; its parts are kept"
            )
        self.folder.write_receipt(receipt.artifact_id, json.dumps(dict(receipt.document)).encode())
        self.parts.drop()


def _ended(error: RoundLost, path: str) -> EdgeError:
    if isinstance(error, PartsMismatch):
        return CoordinatorRefusal(f"{path}: {error}, {MOST_ROUNDS} times")
    if isinstance(error, PartCorrupt):
        return SpoolFault(
            f"{path}: {error}, {MOST_ROUNDS} times; the spool's disk does not keep what it is given"
        )
    return GaveUp(f"{path}: {error}, {MOST_ROUNDS} times")


def folded(parts: Iterator[tuple[int, int]]) -> int:
    """The CRC64NVME of a whole from its parts' CRCs and sizes, in order."""
    whole_crc = 0
    for crc, size_bytes in parts:
        whole_crc = combine_crc64nvme(whole_crc, crc, size_bytes)
    return whole_crc


@dataclass(frozen=True)
class ChosenSession:
    """A session to be hauled: its files, and the recording that it is named after, if it is."""

    name: str
    files: tuple[CameraFile, ...]
    recording: Recording | None


@dataclass(frozen=True)
class Outcome:
    """What a run brought home, and which sessions a person must look at."""

    reports: tuple[Report, ...]
    refusals: tuple[EdgeError, ...]


class Haul:
    """One run of the command: what is chosen, planned and brought home, session by session."""

    def __init__(self, tools: Tools, choice: Choice, session_id: str | None) -> None:
        self._tools = tools
        self._choice = choice
        self._session_id = session_id

    def plans(self) -> tuple[list[SessionPlan], list[EdgeError]]:
        """What a haul would plan now, and what it would refuse; nothing is written (a dry run)."""
        with self._visit() as visit:
            return _one_by_one(self._sessions(visit), lambda one: visit.freeze(one.name, self._exactly(one)))

    def run(self) -> Outcome:
        """Haul everything chosen. One session's refusal does not keep the others; an outage ends the run."""
        with self._visit() as visit:
            if self._session_id is not None:
                return Outcome((self._named(visit, self._session_id),), ())
            reports, refusals = _one_by_one(self._sessions(visit), lambda one: self._derived(visit, one))
            return Outcome(tuple(reports), tuple(refusals))

    @contextmanager
    def _visit(self) -> Iterator[Visit]:
        with ExitStack() as stack:
            yield Visit(self._tools, stack)

    def _named(self, visit: Visit, session_id: str) -> Report:
        """The session with a name of the user's: a plan on disk needs no list from the camera."""
        with self._tools.spool.session(session_id) as folder:
            raw = folder.read(PLAN)
            if raw is None:
                [session] = self._sessions(visit)
                return self._session(visit, folder, _frozen(visit, folder, session_id, session.files))
            plan = decoded(raw)
            if not isinstance(self._choice, Everything):
                plan.refuse_other_choice(self._choice)
            return self._session(visit, folder, plan)

    def _derived(self, visit: Visit, session: ChosenSession) -> Report:
        """The session that is named after its recording."""
        files = self._exactly(session)
        with self._tools.spool.session(session.name) as folder:
            raw = folder.read(PLAN)
            plan = decoded(raw) if raw is not None else _frozen(visit, folder, session.name, files)
            planned = {chapter.path for chapter in plan.chapters}
            if later := [file.path for file in files if file.path not in planned]:
                log.warning("not in the plan, so not hauled", extra={"session": session.name, "files": later})
            return self._session(visit, folder, plan)

    def _sessions(self, visit: Visit) -> list[ChosenSession]:
        """The sessions that are chosen, each with its files."""
        files = visit.files()
        if self._session_id is not None and not isinstance(self._choice, Everything):
            return [ChosenSession(self._session_id, chosen(files, self._choice), None)]
        found = recordings(files if isinstance(self._choice, Everything) else chosen(files, self._choice))
        if not found:
            return []
        serial = visit.identity(found[0].files[0]).serial
        return [ChosenSession(session_name(serial, one), one.files, one) for one in found]

    def _exactly(self, session: ChosenSession) -> tuple[CameraFile, ...]:
        """The session's files. Raises ChapterGap when everything is wanted and a chapter is not there."""
        if isinstance(self._choice, Everything) and session.recording:
            return whole(session.recording).files
        return session.files

    def _session(self, visit: Visit, folder: SessionSpool, plan: SessionPlan) -> Report:
        """Bring home one session."""
        tally, timing = self._tools.retry.tally, self._tools.retry.timing
        began_s, retries, api_calls = timing.monotonic(), tally.retries, tally.api_calls
        views = self._tools.coordinator.put_session(plan)
        chapters = tuple(self._chapter(visit, folder, plan, chapter, views) for chapter in plan.chapters)
        report = Report(
            session=plan.session_id,
            chapters=chapters,
            retries=tally.retries - retries,
            seconds=round(timing.monotonic() - began_s, 3),
            api_calls=tally.api_calls - api_calls,
            peak_rss_mib=self._tools.peak_rss_mib(),
        )
        folder.write(REPORT, report.encoded())
        return report

    def _chapter(
        self,
        visit: Visit,
        folder: SessionSpool,
        plan: SessionPlan,
        chapter: ChapterPlan,
        views: dict[str, ChapterView],
    ) -> ChapterReport:
        view = views.get(chapter.path)
        if view is None or view.size_bytes != chapter.size_bytes:
            raise CoordinatorRefusal(f"the coordinator's session has no {chapter.path} of this size")
        parts = folder.chapter(view.artifact_id, plan.identity(chapter))
        return ChapterHaul(self._tools, visit, plan, chapter, view, folder, parts).run()


def _frozen(
    visit: Visit, folder: SessionSpool, session_id: str, files: tuple[CameraFile, ...]
) -> SessionPlan:
    """A new plan, durable before the first byte is read."""
    plan = visit.freeze(session_id, files)
    folder.write(PLAN, plan.encoded())
    return plan


def _one_by_one(
    sessions: list[ChosenSession], do: Callable[[ChosenSession], T]
) -> tuple[list[T], list[EdgeError]]:
    """What `do` makes of each session; one session's refusal does not keep the others."""
    done, refusals = list[T](), list[EdgeError]()
    for session in sessions:
        try:
            done.append(do(session))
        except (Refused, Unsettled) as error:
            log.error("session refused", extra={"session": session.name, "reason": str(error)})
            refusals.append(error)
    return done, refusals
