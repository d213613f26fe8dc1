"""Read the stored chapters of a card again, whole and independently, and compare them with their receipts.

| the second read | so that |
|---|---|
| begins only after other bytes have flushed the camera's memory (`model/flushing.py`) | the card itself is read |
| reads each chapter from front to back | its xxh128 can be computed, which knows no other order |
| steps back for a haul, before every piece | a haul that begins has the camera and the spool |
| records what it found before it tells the coordinator | a difference outlives a kill and an outage |
| continues with the first chapter that it has not read whole | the state of an xxh128 cannot be saved |

What differs is read a third time, after another flush: that tells whether the first or the second read was wrong. It
changes nothing of what follows: the card must be kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from awscrt.checksums import XXHash, crc64nvme

from edge_client.base.errors import (
    CoordinatorRefusal,
    GaveUp,
    PlanDiffers,
    Refused,
    SpoolBusy,
    TryLater,
    Unsettled,
)
from edge_client.haul.context import HaulContext
from edge_client.haul.ports import Rereads
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.haul.stuck import read_record
from edge_client.haul.survey import READ_ONCE, Survey, hold_to_evidence
from edge_client.model.files import CameraFile
from edge_client.model.flushing import CACHE_BYTES, Film, Flushed, Stretch, plan_flush
from edge_client.model.haul_state import FileState, HaulState, KnownChapter, file_state
from edge_client.model.levels import Evidence, Level, Reread, WholeRead
from edge_client.model.parts import Span
from edge_client.model.plan import ChapterPlan

log = logging.getLogger(__name__)

PIECE_BYTES = 8 * 2**20
LEAST_PIECE_BYTES = 256 * 1024
# A limited rate is kept between requests, never within one: a camera gives up on a client that stops reading.
PIECE_S = 4.0
TOO_SMALL = (
    "the card has too little to flush the camera's memory with: switch the camera off and on, with its battery out "
    "for a moment, and give --after-restart"
)
OTHERS = "another device hauled it, and only that device can add a second read to it"
NOT_APART = "too little was read since the camera's memory was flushed: run the same command again"
ANOTHER_FILE = "the file on the card is not the one that is home any more: audit again"
NO_EVIDENCE = "the coordinator keeps no second reads: have it upgraded"
KEEP = "keep the card; docs/device.md says more"


@dataclass(frozen=True)
class How:
    """How a card is read again.

    `after_restart`: somebody says that the camera was switched off since the last haul, so that nothing is flushed.
    `cache_bytes` is the most that a camera is assumed to keep of what it read.
    """

    after_restart: bool = False
    rate_bytes_s: float | None = None
    cache_bytes: int = CACHE_BYTES
    piece_bytes: int = PIECE_BYTES

    @property
    def request_bytes(self) -> int:
        """How much one request asks for."""
        if self.rate_bytes_s is None:
            return self.piece_bytes
        return min(self.piece_bytes, max(LEAST_PIECE_BYTES, int(self.rate_bytes_s * PIECE_S)))


@dataclass(frozen=True)
class Due:
    """A chapter of the card that is read again."""

    file: CameraFile
    chapter: KnownChapter
    receipt_crc: int

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def film(self) -> Film:
        return Film(f"{self.chapter.session_id}/{self.chapter.artifact_id}", self.file.size_bytes)


@dataclass(frozen=True)
class Compared:
    """A chapter that was read again, whole; `is_told` when the coordinator has it."""

    path: str
    found: Reread

    @property
    def agrees(self) -> bool:
        return not self.found.differs


@dataclass(frozen=True)
class SecondRead:
    """What came of it: the card as it is known now, what was compared, and by path what was left and why.

    `refusals` are the coordinator's, `unfinished` is what ended the run before its end.
    """

    survey: Survey
    compared: tuple[Compared, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    unfinished: TryLater | None = None

    @property
    def owed(self) -> tuple[str, ...]:
        """What was left and is this device's to read."""
        return tuple(path for path, reason in self.left.items() if reason != OTHERS)


@dataclass
class _Run:
    """What one run has found so far. `evidence` is what the coordinator answered, by chapter."""

    compared: dict[str, Compared] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    evidence: dict[tuple[str, str], Evidence] = field(default_factory=dict)
    outage: TryLater | None = None
    refusals: list[str] = field(default_factory=list)


class Rereading:
    """The second read of one card. Nothing is changed but the records of the spool and of the coordinator."""

    def __init__(self, context: HaulContext, how: How) -> None:
        self._tools = context.tools
        self._camera = context.camera
        self._how = how
        self._retry = context.tools.retry
        self._pace = RateLimiter(self._retry.timing, how.rate_bytes_s)
        self._buffer = memoryview(bytearray(how.request_bytes))
        self._run = _Run()
        self._serials: tuple[str, ...] = ()

    @property
    def _rereads(self) -> Rereads:
        return self._tools.spool.rereads

    def run(self, survey: Survey) -> SecondRead:
        """Read again what is home and was read once. Raises SpoolBusy, TryLater before anything was read."""
        self._run, self._serials = _Run(), survey.serials
        with self._rereads.hold():
            self._refuse_haul()
            self._refuse_unsent()
            unfinished: TryLater | None = None
            try:
                self._deliver()
                self._read_card(survey)
            except TryLater as error:
                unfinished = error
        known = _with_evidence(survey, self._run.evidence)
        return SecondRead(
            hold_to_evidence(self._tools.spool, known),
            tuple(self._run.compared.values()),
            self._run.left,
            tuple(self._run.refusals),
            unfinished or self._run.outage,
        )

    def _refuse_haul(self) -> None:
        """Raises SpoolBusy while a haul has the spool or the camera: it comes first."""
        if self._tools.spool.is_held() or any(
            self._tools.at_camera.locks.is_held(serial) for serial in self._serials
        ):
            raise SpoolBusy("a haul is at work, and comes before the second read; run the same command again")

    def _refuse_unsent(self) -> None:
        """Raises TryLater while parts wait in the spool to be sent. Those of a session that cannot end do not."""
        for folder, plan in self._tools.spool.plans().readable:
            is_home = len(folder.receipts()) >= len(plan.chapters)
            if not is_home and folder.part_bytes() and not read_record(folder).files:
                raise TryLater(
                    f"parts of session {plan.session_id} wait to be sent, and come before the second read: haul first"
                )

    def _deliver(self) -> None:
        """Tell the coordinator what an earlier run could not."""
        for found in self._rereads.all():
            self._tell(found)

    def _read_card(self, survey: Survey) -> None:
        due, others = self._sort(survey)
        if not due:
            return
        try:
            flushed = self._flush(due, others)
        except (Refused, Unsettled) as error:
            self._run.left |= {one.path: f"not begun: {error}" for one in due}
            return
        if flushed is None:
            self._run.left |= {one.path: TOO_SMALL for one in due}
            return
        for number, one in enumerate(due, 1):
            if not flushed.is_apart(one.film, self._how.cache_bytes):
                self._run.left[one.path] = NOT_APART
            elif self._compare(one, f"{number} of {len(due)}"):
                flushed = flushed.after(one.film)
                self._rereads.keep_flushed(flushed)
        self._read_third(due, others)

    def _sort(self, survey: Survey) -> tuple[list[Due], list[CameraFile]]:
        """What is due, in the card's order, and the other films of the card that the camera shows."""
        due, others = list[Due](), list[CameraFile]()
        for file in (file for one in survey.recordings for file in one.files):
            if one := self._due(file):
                due.append(one)
            elif file.state is not HaulState.UNREADABLE and file.file.size_bytes:
                others.append(file.file)
        return due, others

    def _due(self, file: FileState) -> Due | None:
        """The file as what is read again; None where that is not needed or, noted, of no use."""
        chapter = file.chapter
        if chapter is None or chapter.stored is None or self._is_known(chapter):
            return None
        if file.state not in (*READ_ONCE, HaulState.DIFFERS):
            return None
        if not chapter.is_own:
            self._run.left[file.file.path] = OTHERS
            return None
        if chapter.evidence is None:
            self._run.left[file.file.path] = NO_EVIDENCE
            return None
        return Due(file.file, chapter, chapter.stored.crc)

    def _is_known(self, chapter: KnownChapter) -> bool:
        """Whether a second read of it is on record. One that differs and was refused is worth another."""
        evidence = self._run.evidence.get(_place(chapter), chapter.evidence)
        if evidence and (evidence.level.reaches(Level.READ_TWICE) or not evidence.agrees):
            return True
        found = self._rereads.find(*_place(chapter))
        if found is None or found.is_spoilt:
            return False
        return not found.differs or self._run.outage is not None or any(read.is_told for read in found.reads)

    def _flush(self, due: Sequence[Due], others: Sequence[CameraFile]) -> Flushed | None:
        """That the first read of what is due is in the camera's memory no more; None where that cannot be done.

        Raises what keeps the camera from being read.
        """
        films = [one.film for one in due]
        before = self._rereads.flushed()
        if self._how.after_restart:
            flushed = Flushed(tuple(film.key for film in films))
        elif before and before.holds_for(films):
            return before
        else:
            planned = plan_flush(films, [_film(file) for file in others], self._how.cache_bytes)
            if planned is None:
                return None
            self._read_stretches(planned.stretches, due, others)
            flushed = planned.flushed
        self._rereads.keep_flushed(flushed)
        return flushed

    def _read_stretches(
        self, stretches: Sequence[Stretch], due: Sequence[Due], others: Sequence[CameraFile]
    ) -> None:
        """Read these bytes, and keep nothing of them. Raises what keeps the camera from being read."""
        files = {_film(file).key: file for file in others} | {one.film.key: one.file for one in due}
        size_bytes = sum(each.size_bytes for each in stretches)
        log.info("the camera's memory is flushed first", extra={"size_bytes": size_bytes})
        with self._showing("other films first", size_bytes):
            for each in stretches:
                plan = self._look(files[each.key])
                for span in self._spans(each.first, each.size_bytes):
                    self._read(plan, span)

    def _read_third(self, due: Sequence[Due], others: Sequence[CameraFile]) -> None:
        """Read once more what differs, where the camera's memory can be flushed again."""
        paths = {path for path, one in self._run.compared.items() if not one.agrees}
        differing = [one for one in due if one.path in paths]
        alike = [one.file for one in due if one.path not in paths]
        films = [one.film for one in differing]
        rest = [*others, *alike]
        planned = plan_flush(films, [_film(file) for file in rest], self._how.cache_bytes) if films else None
        if planned is None:
            return
        try:
            self._read_stretches(planned.stretches, differing, rest)
        except (Refused, Unsettled) as error:
            log.warning("no third read", extra={"reason": str(error)})
            return
        for one in differing:
            self._compare(one, "a third time")

    def _compare(self, one: Due, place: str) -> bool:
        """Read a chapter again and record what that gave, or leave it with a reason; whether it was read whole.

        Raises TryLater.
        """
        try:
            read = self._read_whole(one, place)
        except (Refused, Unsettled) as error:
            self._run.left[one.path] = str(error)
            log.warning("not read again", extra={"file": one.path, "reason": str(error)})
            return False
        place_of = _place(one.chapter)
        before = self._rereads.find(*place_of) or Reread(*place_of, one.receipt_crc)
        found = before.with_read(read, one.receipt_crc)
        self._rereads.keep(found)
        if read.crc != one.receipt_crc:
            log.error(
                "the card differs from what is home",
                extra={"file": one.path, "reason": found.words, "next": KEEP},
            )
        self._run.compared[one.path] = Compared(one.path, found)
        self._run.compared[one.path] = Compared(one.path, self._tell(found))
        return True

    def _read_whole(self, one: Due, place: str) -> WholeRead:
        """The chapter from front to back. Raises Refused, Unsettled, TryLater."""
        plan = self._look(one.file)
        if file_state(plan.file_identity, [one.chapter]).state is not HaulState.HAULED:
            raise PlanDiffers(ANOTHER_FILE)
        size_bytes, crc, digest = one.file.size_bytes, 0, XXHash.new_xxhash3_128()
        with self._showing(f"{one.path} ({place})", size_bytes):
            for span in self._spans(0, size_bytes):
                # A copy: awscrt hashes nothing else.
                piece = bytes(self._read(plan, span))
                crc = crc64nvme(piece, crc)
                digest.update(piece)
        return WholeRead(
            size_bytes, crc, digest.finalize().hex(), self._tools.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        )

    def _look(self, file: CameraFile) -> ChapterPlan:
        """The file as the camera serves it now. Raises Refused, Unsettled, TryLater."""
        card = self._camera.look(file)
        there = card.file
        return ChapterPlan(
            there.directory,
            there.filename,
            there.size_bytes,
            there.created,
            there.modified,
            card.etag,
            card.gumi,
        )

    def _spans(self, first: int, size_bytes: int) -> Iterator[Span]:
        for number, start in enumerate(range(first, first + size_bytes, self._how.request_bytes), 1):
            yield Span(number, start, min(self._how.request_bytes, first + size_bytes - start))

    def _read(self, plan: ChapterPlan, span: Span) -> memoryview:
        """The bytes of one piece, valid until the next one. They count only once the camera has sent all of them.

        Raises SpoolBusy when a haul has begun, Refused, Unsettled, TryLater.
        """
        self._refuse_haul()
        self._pace.wait(span.size_bytes, self._retry.timing.check)

        def attempt(failed: int) -> int:
            if failed:
                self._camera.check_file(plan)
            taken_bytes = 0

            def take(block: memoryview) -> None:
                nonlocal taken_bytes
                self._retry.timing.check()
                self._buffer[taken_bytes : taken_bytes + len(block)] = block
                taken_bytes += len(block)

            self._camera.read_part(plan, span, take)
            return taken_bytes

        piece = self._buffer[: self._retry.attempts(plan.path, attempt)]
        self._tools.progress.compared(span.size_bytes)
        return piece

    @contextmanager
    def _showing(self, what: str, size_bytes: int) -> Iterator[None]:
        self._tools.progress.second_read(what, size_bytes)
        try:
            yield
        finally:
            self._tools.progress.proof_over()

    def _tell(self, found: Reread) -> Reread:
        """The record, the coordinator having what it takes. Raises TryLater when the run was stopped."""
        for read in found.reads:
            if read.is_told or self._run.outage:
                continue
            try:
                evidence = self._tools.coordinator.add_evidence(found.session_id, found.artifact_id, read)
            except GaveUp as error:
                self._run.outage = error
                continue
            except CoordinatorRefusal as error:
                self._refuse(found, error)
                continue
            found = found.with_told(read)
            self._rereads.keep(found)
            self._run.evidence[found.session_id, found.artifact_id] = evidence
        if not found.differs and found.is_told:
            self._rereads.drop(found)
        return found

    def _refuse(self, found: Reread, error: CoordinatorRefusal) -> None:
        """Note that the coordinator does not take a read. One that agrees is worth nothing then, and goes."""
        where = {"session": found.session_id, "artifact": found.artifact_id}
        log.error("the coordinator does not record a second read", extra={**where, "reason": str(error)})
        self._run.refusals.append(str(error))
        if not found.differs:
            self._rereads.drop(found)


def _film(file: CameraFile) -> Film:
    return Film(file.path, file.size_bytes)


def _place(chapter: KnownChapter) -> tuple[str, str]:
    return chapter.session_id, chapter.artifact_id


def _with_evidence(survey: Survey, evidence: Mapping[tuple[str, str], Evidence]) -> Survey:
    """The survey with what the coordinator has answered meanwhile; what differed before is to be judged again."""

    def renewed(file: FileState) -> FileState:
        if file.chapter is None or _place(file.chapter) not in evidence:
            return file
        renewed = replace(file, chapter=replace(file.chapter, evidence=evidence[_place(file.chapter)]))
        if file.state is not HaulState.DIFFERS:
            return renewed
        return replace(
            renewed, state=HaulState.HAULED if file.chapter.is_own else HaulState.PROVEN, reason=None
        )

    recordings = (replace(one, files=tuple(map(renewed, one.files))) for one in survey.recordings)
    return replace(survey, recordings=tuple(recordings))
