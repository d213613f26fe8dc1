"""One chapter's way home: rounds of reading, sending and completing until its receipt is durable.

A round begins with the question what S3 still lacks, so every round, and every rerun, does only what is missing. While
one chapter is sent and completed, `read_ahead` reads the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from edge_client.base.errors import (
    CardFault,
    CoordinatorRefusal,
    EdgeError,
    GaveUp,
    NotAFilm,
    PartCorrupt,
    PartsDiffer,
    PartsMismatch,
    ReceiptDiffers,
    RoundLost,
    SpoolFault,
    UploadLost,
)
from edge_client.base.retry import full_jitter_s
from edge_client.haul.context import ChapterContext
from edge_client.haul.pipeline import Pipeline, Turn
from edge_client.haul.sending.part_queue import PartQueue, Round
from edge_client.model.api import Receipt, UploadView
from edge_client.model.parts import Span, SpooledPart, crc_text

log = logging.getLogger(__name__)

MOST_ROUNDS = 5

# Opens the queue of a round; the parts are those that S3 has already.
OpenQueue = Callable[[Round, Sequence[SpooledPart]], PartQueue]
LOOK_AT_IT = (
    "The card still has the file, and the spool what was read of it. Copy it in a card reader and look at it; "
    "`reelhaul haul NAME --file DIR/NAME --unfinished` sends it as it is, into a session NAME of its own"
)
KEEP_AND_TELL = "keep the card, and send the log to the coordinator's operator"


@dataclass(frozen=True)
class ChapterReport:
    """What became of one chapter; `receipt` is the coordinator's own document, `notes` are for a person."""

    path: str
    size_bytes: int
    crc64nvme: str
    receipt: dict[str, Any]
    parts_sent: int
    parts_skipped: int
    retries: int
    seconds: float
    unfinished: bool = False
    trailing_bytes: int = 0
    notes: tuple[str, ...] = ()


@dataclass
class ChapterHaul:
    """One chapter on its way; rounds until it has its receipt. One thread at a time works on it.

    A round is read, then sent, then finished. `report` is there once the receipt is.
    """

    context: ChapterContext
    turn: Turn
    upload: UploadView | None = None
    again: frozenset[int] = frozenset()
    report: ChapterReport | None = None

    def __post_init__(self) -> None:
        self.tools, self.retry = self.context.tools, self.context.tools.retry
        self.plan, self.chapter, self.view = self.context.plan, self.context.chapter, self.context.view
        self.folder, self.parts = self.context.folder, self.context.parts
        self.pipeline = Pipeline(self.context, self.turn)
        self.path = self.chapter.path
        self._began: tuple[float, int] | None = None
        self._queue: PartQueue | None = None
        self._whole_crc = 0
        self._rounds_lost = 0

    def read(self, open_queue: OpenQueue) -> None:
        """The camera's leg of a round: afterwards all that S3 lacks is in the queue, or the chapter has its `report`.

        Raises RoundLost, GivesWay, Refused, Unsettled or TryLater; its parts stay in the spool then. NotAFilm says what
        a person can do with the file.
        """
        if self._began is None:
            self._began = self.retry.timing.monotonic(), self.retry.tally.retries
            if receipt := self.view.receipt:
                self._accept_verified(receipt)
                return
            self.context.show_start()
        with self._naming_films():
            self.upload = upload = self._open()
        if upload.receipt:
            self._accept(upload.receipt)
            return
        self._read(upload, open_queue)

    def _accept_verified(self, receipt: Receipt) -> None:
        if self.parts.exists:
            # Verified while nobody looked: its part plan is needed to compare the receipt with what was read.
            self.upload = self.tools.coordinator.upload(receipt.upload_id)
        self._accept(receipt)

    def _read(self, upload: UploadView, open_queue: OpenQueue) -> None:
        suspects = self.parts.suspects(upload.plan)
        self.pipeline.doubt(suspects)
        found = self.parts.parts(upload.plan)
        spooled = {number: part for number, part in found.items() if number not in suspects}
        owed = [
            span
            for span in upload.plan.spans()
            if span.number in suspects or self._is_owed(span, upload, spooled)
        ]
        numbers = {span.number for span in owed}
        in_s3 = [part for number, part in sorted(spooled.items()) if number not in numbers]
        work = Round(
            lambda batch: self.tools.coordinator.part_urls(upload.upload_id, batch, self.pipeline.claim),
            self.parts,
            lambda size_bytes: self.tools.progress.sent(self.path, size_bytes),
        )
        self._queue = queue = open_queue(work, in_s3)
        self._whole_crc = self.pipeline.read(queue, upload, owed, spooled)
        queue.close()

    def finish(self) -> None:
        """The end of a round whose parts are sent: complete the upload, and keep its receipt. Raises as `read` does."""
        assert self._queue, "it was read"
        assert self.upload, "it was read"
        self._queue.check()
        if corrupt := sorted(self._queue.corrupt):
            raise PartCorrupt(f"parts {corrupt} changed in the spool and are read again")
        self.tools.progress.verifying(self.path)
        with self._naming_films():
            verified = self.tools.coordinator.complete(self.upload.upload_id, self._whole_crc)
        # `complete` waits for it.
        assert verified.receipt
        self._accept(verified.receipt)

    def end_round(self) -> None:
        """Nothing of the round is read or sent any more: none of its parts makes room, and what was sent is noted."""
        if self._queue:
            self._queue.keep_parts()
            self.pipeline.end(self._queue)
            self._queue = None

    def lose(self, error: RoundLost) -> None:
        """Learn from a lost round, after which another one follows unless the chapter has its `report`.

        Raises what it means when it was the last one.
        """
        log.warning("another round", extra={"chapter": self.path, "reason": str(error)})
        if self._queue:
            self._queue.lose(error)
        self.end_round()
        if receipt := self._learn(error):
            self._accept(receipt)
            return
        self._rounds_lost += 1
        if self._rounds_lost == MOST_ROUNDS:
            raise _ended(error, self.path) from error
        self.retry.tally.retried()

    @property
    def has_parts(self) -> bool:
        """Whether the spool has parts of it."""
        folder, identity = self.view.artifact_id, self.plan.identity(self.chapter)
        return any(
            (one.artifact_id, one.identity) == (folder, identity) and one.parts
            for one in self.folder.chapter_parts()
        )

    def rest(self) -> None:
        """Wait a little before the next round, longer after each one that was lost."""
        if self._rounds_lost:
            self.retry.timing.sleep(full_jitter_s(self._rounds_lost, self.retry.timing.chance()))

    @contextmanager
    def _naming_films(self) -> Iterator[None]:
        try:
            yield
        except NotAFilm as error:
            raise NotAFilm(f"{self.path}: {error}. {LOOK_AT_IT}") from error

    def _report(self, receipt: Receipt, seconds: float, retries: int) -> ChapterReport:
        count = self.upload.plan.part_count if self.upload else 0
        return ChapterReport(
            path=self.path,
            size_bytes=receipt.size_bytes,
            crc64nvme=crc_text(receipt.crc),
            receipt=dict(receipt.document),
            parts_sent=len(self.pipeline.sent),
            parts_skipped=count - len(self.pipeline.sent),
            retries=retries,
            seconds=round(seconds, 3),
            unfinished=self.chapter.unfinished,
            trailing_bytes=self.chapter.trailing_bytes,
            notes=self.chapter.notes.texts,
        )

    def _learn(self, error: RoundLost) -> Receipt | None:
        """What a lost round leaves to know: parts to send again, or a receipt after all."""
        if isinstance(error, PartsMismatch):
            self.again = error.numbers
        if isinstance(error, UploadLost) and self.upload:
            self.upload = self.tools.coordinator.upload(self.upload.upload_id)
            return self.upload.receipt
        return None

    def _open(self) -> UploadView:
        upload = self.tools.coordinator.open_upload(
            self.plan.session_id, self.view.artifact_id, self.chapter.size_bytes
        )
        if upload.plan.size_bytes != self.chapter.size_bytes:
            raise CoordinatorRefusal(f"the coordinator plans {self.chapter.path} with another size")
        if self.upload and self.upload.plan != upload.plan:
            # CRCs are of parts as they were cut; another plan cuts them elsewhere.
            self.pipeline.crcs.clear()
        return upload

    def _is_owed(self, span: Span, upload: UploadView, spooled: dict[int, SpooledPart]) -> bool:
        stored, ours = upload.parts.get(span.number), spooled.get(span.number)
        if stored is None or stored.size_bytes != span.size_bytes or span.number in self.again:
            return True
        # Also of a part that has left the spool: else the next run would take S3's bytes for what it has read itself.
        known_crc = ours.crc if ours else self.pipeline.crcs.get(span.number)
        return known_crc not in (None, stored.crc)

    def _accept(self, receipt: Receipt) -> None:
        """Take a receipt that is for the bytes that were read; only then may the parts go."""
        self.end_round()
        if receipt.artifact_id != self.view.artifact_id or receipt.size_bytes != self.chapter.size_bytes:
            raise ReceiptDiffers(
                f"the receipt for {self.chapter.path} is for another object; its parts are kept: {KEEP_AND_TELL}"
            )
        if self.upload and self._read_otherwise(self.upload, receipt):
            raise ReceiptDiffers(
                f"the receipt for {self.chapter.path} has another CRC than what was read; its parts are kept: "
                f"{KEEP_AND_TELL}"
            )
        # Whoever was stopped meanwhile holds the spool no more.
        self.retry.timing.check()
        self.context.keep(receipt)
        self.parts.drop()
        began_s, retries = self._began or (0.0, 0)
        seconds = self.retry.timing.monotonic() - began_s
        self.tools.progress.verified(self.path, seconds)
        self.report = self._report(receipt, seconds, self.retry.tally.retries - retries)

    def _read_otherwise(self, upload: UploadView, receipt: Receipt) -> bool:
        """Whether every part's CRC is known and they do not make the receipt's."""
        crcs = self.pipeline.known_crcs(upload)
        all_known = all(span.number in crcs for span in upload.plan.spans())
        return all_known and receipt.crc != self.pipeline.whole_crc(upload)


def _ended(error: RoundLost, path: str) -> EdgeError:
    if isinstance(error, PartsMismatch):
        return CoordinatorRefusal(f"{path}: {error}, {MOST_ROUNDS} times")
    if isinstance(error, PartsDiffer):
        return CardFault(
            f"{path}: {error}, {MOST_ROUNDS} times; the camera does not give the same bytes twice: "
            "keep the card, and take another cable and port"
        )
    if isinstance(error, PartCorrupt):
        return SpoolFault(
            f"{path}: {error}, {MOST_ROUNDS} times; the spool's disk does not keep what is written to it: "
            "take another disk"
        )
    return GaveUp(f"{path}: {error}, {MOST_ROUNDS} times")
