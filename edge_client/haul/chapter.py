"""One chapter's way home: rounds of reading, sending and completing until its receipt is durable.

A round begins with the question what S3 still lacks, so every round, and every rerun, does only what is missing.
"""

from __future__ import annotations

import json
import logging
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
from edge_client.haul.context import ChapterContext
from edge_client.haul.pipeline import Pipeline
from edge_client.model.api import Receipt, UploadView
from edge_client.model.parts import Span, SpooledPart, crc_text

log = logging.getLogger(__name__)

MOST_ROUNDS = 5
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
    """One chapter on its way; rounds until it has its receipt."""

    context: ChapterContext
    upload: UploadView | None = None
    again: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.tools, self.retry = self.context.tools, self.context.tools.retry
        self.plan, self.chapter, self.view = self.context.plan, self.context.chapter, self.context.view
        self.folder, self.parts = self.context.folder, self.context.parts
        self.pipeline = Pipeline(self.context)

    def run(self) -> ChapterReport:
        """Haul the chapter. Raises Refused, Unsettled or TryLater; its parts stay in the spool then.

        NotAFilm says what a person can do with the file.
        """
        began_s, retries = self.retry.timing.monotonic(), self.retry.tally.retries
        receipt = self.view.receipt
        if receipt is None:
            self.tools.progress.chapter(self.chapter.path, self.chapter.size_bytes)
            receipt = self._receipt()
        elif self.parts.exists:
            # Verified while nobody looked: its part plan is needed to compare the receipt with what was read.
            self.upload = self.tools.coordinator.upload(receipt.upload_id)
        self._accept(receipt)
        seconds = self.retry.timing.monotonic() - began_s
        self.tools.progress.verified(self.chapter.path, seconds)
        return self._report(receipt, seconds, self.retry.tally.retries - retries)

    def _receipt(self) -> Receipt:
        try:
            return self.retry.rounds(MOST_ROUNDS, self._round_or_receipt, RoundLost)
        except NotAFilm as error:
            raise NotAFilm(f"{self.chapter.path}: {error}. {LOOK_AT_IT}") from error

    def _report(self, receipt: Receipt, seconds: float, retries: int) -> ChapterReport:
        count = self.upload.plan.part_count if self.upload else 0
        return ChapterReport(
            path=self.chapter.path,
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

    def _round_or_receipt(self, number: int) -> Receipt:
        try:
            return self._round()
        except RoundLost as error:
            log.warning("another round", extra={"chapter": self.chapter.path, "reason": str(error)})
            if receipt := self._learn(error):
                return receipt
            if number == MOST_ROUNDS:
                raise _ended(error, self.chapter.path) from error
            raise

    def _learn(self, error: RoundLost) -> Receipt | None:
        """What a lost round leaves to know: parts to send again, or a receipt after all."""
        if isinstance(error, PartsMismatch):
            self.again = error.numbers
        if isinstance(error, UploadLost) and self.upload:
            self.upload = self.tools.coordinator.upload(self.upload.upload_id)
            return self.upload.receipt
        return None

    def _round(self) -> Receipt:
        """Send what is missing, complete, and return the receipt."""
        self.upload = upload = self._open()
        if upload.receipt:
            return upload.receipt
        suspects = self.parts.suspects(upload.plan)
        self.pipeline.doubt(suspects)
        found = self.parts.parts(upload.plan)
        spooled = {number: part for number, part in found.items() if number not in suspects}
        owed = [
            span
            for span in upload.plan.spans()
            if span.number in suspects or self._is_owed(span, upload, spooled)
        ]
        self.pipeline.carry(upload, owed, spooled)
        self.pipeline.confirm(upload, self.retry.timing.check)
        self.tools.progress.verifying()
        verified = self.tools.coordinator.complete(upload.upload_id, self.pipeline.whole_crc(upload))
        if verified.receipt is None:
            raise CoordinatorRefusal("a completed upload came without its receipt")
        return verified.receipt

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
        return ours is not None and ours.crc != stored.crc

    def _accept(self, receipt: Receipt) -> None:
        """Take a receipt that is for the bytes that were read; only then may the parts go."""
        if receipt.artifact_id != self.view.artifact_id or receipt.size_bytes != self.chapter.size_bytes:
            raise ReceiptDiffers(
                f"the receipt for {self.chapter.path} is for another object; its parts are kept: {KEEP_AND_TELL}"
            )
        if self.upload and self._read_otherwise(self.upload, receipt):
            raise ReceiptDiffers(
                f"the receipt for {self.chapter.path} has another CRC than what was read; its parts are kept: "
                f"{KEEP_AND_TELL}"
            )
        self.folder.write_receipt(receipt.artifact_id, json.dumps(dict(receipt.document)).encode())
        self.parts.drop()

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
