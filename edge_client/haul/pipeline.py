"""The camera's leg of one round: a chapter's parts into the spool, under its budget, and on into the queue to S3.

Under pressure parts that S3 has acknowledged go, the oldest first; where there are none, the camera rests until S3 has
one more. It is never asked for what cannot be kept, so S3's stalls never reach its socket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_client.base.errors import EdgeError, GivesWay, PartUnkept, SpoolFull
from edge_client.haul.context import ChapterContext
from edge_client.haul.last_look import LastLook
from edge_client.haul.sending.part_queue import PartQueue
from edge_client.haul.yielding import Yielding
from edge_client.model.api import UploadView
from edge_client.model.parts import PartPlan, Span, SpooledPart, fold_crcs

log = logging.getLogger(__name__)

# One part is read while another is sent.
LEAST_PARTS = 2
MOST_UNKEPT = 3


class Turn(Protocol):
    """A chapter's turn at the camera among the chapters of its session."""

    def use_camera(self) -> None:
        """The camera is about to be used."""

    def gives_way(self) -> bool:
        """Whether another chapter has unsent parts in the spool: then that one comes first."""


@dataclass
class Pipeline:
    """One chapter's camera leg. `crcs` (of the parts that were read) and `sent` grow with each round.

    `doubtful` are parts that may be of another file and were not read again yet. `claim` is the CRC64NVME of the whole
    from the last look of this round on.
    """

    context: ChapterContext
    turn: Turn
    crcs: dict[int, int] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)
    was_in_doubt: bool = False
    claim: int | None = None

    def __post_init__(self) -> None:
        self.tools, self.parts = self.context.tools, self.context.parts
        self.path = self.context.chapter.path
        self.last_look = LastLook(self.context)
        self.others = Yielding(self.context.haul, self.context.plan, self.context.chapter)

    def read(
        self, queue: PartQueue, upload: UploadView, owed: Sequence[Span], spooled: dict[int, SpooledPart]
    ) -> int:
        """Read the missing parts of `owed` and give them all to the queue; the CRC64NVME of the whole chapter.

        The last part leaves only after the last look at the camera, and with the claim of the whole: the coordinator
        completes what is claimed, even if this device has no power any more. What nobody claims it never completes: a
        late part of an earlier round, of another card, may be the last one that S3 lacks.
        """
        self.claim = None
        self._prepare(upload, owed, spooled)
        last = _last_to_leave(owed, upload, spooled) if owed else None
        others = [span for span in owed if span is not last]
        for span in others:
            if span.number in spooled:
                self._offer(spooled[span.number], queue)
        for span in others:
            if span.number not in spooled:
                self._offer(self._fetch(span, queue, upload.plan), queue)
        withheld = None
        if last:
            withheld = spooled.get(last.number) or self._fetch(last, queue, upload.plan)
        whole_crc = self.whole_crc(upload)
        if self.parts.confirmed_crc() != whole_crc:
            self.turn.use_camera()
            self.last_look.confirm(upload, whole_crc, queue.check)
        elif self.was_in_doubt:
            # What was suspect is what it was before.
            self.parts.confirm(whole_crc)
        self.claim = whole_crc
        if withheld:
            self._offer(withheld, queue)
        return whole_crc

    def end(self, queue: PartQueue) -> None:
        """The round is over: what was sent, and what must be read again."""
        self.sent |= queue.sent
        for number in queue.corrupt:
            # It is that of the file's name, and may be what has changed.
            self.crcs.pop(number, None)
            self.last_look.forget(number)

    def _prepare(self, upload: UploadView, owed: Sequence[Span], spooled: dict[int, SpooledPart]) -> None:
        """Both legs' progress begins where the last run or round ended; room for two parts is demanded."""
        part_bytes, count = upload.plan.part_size_bytes, upload.plan.part_count
        if any(span.number not in spooled for span in owed):
            self.parts.budget.demand(min(LEAST_PARTS, count) * min(part_bytes, upload.plan.size_bytes))
        self.tools.uplink.concurrency.allow(self.parts.budget.whole_parts(part_bytes) - 1)
        self.crcs |= {number: part.crc for number, part in spooled.items()}
        self.last_look.note_left(spooled.values())
        absent_bytes = sum(span.size_bytes for span in owed if span.number not in spooled)
        self.tools.progress.round(
            self.path,
            read_bytes=upload.plan.size_bytes - absent_bytes,
            sent_bytes=upload.plan.size_bytes - sum(span.size_bytes for span in owed),
        )

    def _offer(self, part: SpooledPart, queue: PartQueue) -> None:
        """From now on the part may be sent."""
        self.tools.progress.ready(self.path, part.span.size_bytes)
        queue.add(part)

    def known_crcs(self, upload: UploadView) -> dict[int, int]:
        """The CRC of each part as far as it is known: as read from the camera, else as S3 says it."""
        crcs = {number: part.crc for number, part in upload.parts.items()}
        return crcs | {number: part.crc for number, part in self.parts.parts(upload.plan).items()} | self.crcs

    def whole_crc(self, upload: UploadView) -> int:
        """The CRC64NVME of the chapter, of which every part is known."""
        crcs = self.known_crcs(upload)
        return fold_crcs((crcs[span.number], span.size_bytes) for span in upload.plan.spans())

    def doubt(self, numbers: Collection[int]) -> None:
        """Forget what is known about these parts; each is read again before it is sent."""
        self.doubtful, self.was_in_doubt = set(numbers), bool(numbers)
        for number in numbers:
            self.crcs.pop(number, None)
            self.last_look.forget(number)

    def _fetch(self, span: Span, queue: PartQueue, plan: PartPlan) -> SpooledPart:
        """Read one part from the camera into the spool once there is room for it; note its CRC and a spot of it."""
        self.turn.use_camera()
        self.context.camera.check_first(self.context.plan, self.context.chapter)
        # The spooled part may be of another file; the camera has the planned file, so it can be read again.
        self.parts.drop_number(span.number)
        self.doubtful.discard(span.number)
        part = self.tools.retry.rounds(
            MOST_UNKEPT, lambda _: self._read_where_room_is(span, queue, plan), PartUnkept
        )
        self.crcs[span.number] = part.crc
        self.last_look.note_read(part)
        return part

    def _read_where_room_is(self, span: Span, queue: PartQueue, plan: PartPlan) -> SpooledPart:
        what = f"reading part {span.number} of {self.path}"
        while True:
            ended = queue.ended
            if reason := self.parts.budget.lack(span.size_bytes):
                full = SpoolFull(f"no room for the next part: {reason}; nothing was deleted")
                self._relieve(queue, ended, plan, full)
                continue
            self.tools.uplink.pace.wait_for_start(queue.check)
            try:
                return self.tools.retry.attempts(what, lambda failed: self._read(span, queue, failed))
            except SpoolFull as error:
                # The disk filled up after it was looked at; what S3 has makes room.
                self._relieve(queue, ended, plan, error)
            except PartUnkept as error:
                log.warning("the disk did not keep a part", extra={"reason": str(error)})
                raise

    def _relieve(self, queue: PartQueue, ended: int, plan: PartPlan, full: SpoolFull) -> None:
        """Make room, waiting for S3 to acknowledge a part if need be. Raises SpoolFull, SpoolHeld if none is.

        There may be room by now where more rounds are over than `ended`. Raises GivesWay where another chapter's parts
        can be sent first.
        """
        if queue.make_room(ended, self.tools.retry.timing.check):
            return
        if self.doubtful:
            # The part must be read again before it is sent, and the camera has the card to read it from.
            self.parts.drop_number(self.doubtful.pop())
        elif not self.parts.drop_useless(plan):
            if self.turn.gives_way():
                raise GivesWay(f"{self.path}: {full}")
            if not self.context.may_displace:
                raise full
            if not self.others.make_room():
                raise self.others.refusal(full) from full

    def _read(self, span: Span, queue: PartQueue, failed: int) -> SpooledPart:
        """One try, after so many that failed. Blocks go to disk as they come, so the camera never waits for S3."""
        queue.check()
        if failed:
            self.context.camera.check_again(self.context.plan, self.context.chapter)
        taken_bytes = 0
        check: Callable[[], None] = self.tools.retry.timing.check

        def write(block: memoryview) -> None:
            nonlocal taken_bytes
            queue.check()
            check()
            writer.write(block)
            taken_bytes += len(block)
            self.tools.progress.fetched(self.path, len(block))

        with self.parts.open_writer(span) as writer:
            try:
                self.context.camera.read_part(self.context.chapter, span, write)
                return writer.commit()
            except EdgeError:
                self.tools.progress.fetched(self.path, -taken_bytes)
                raise


def _last_to_leave(owed: Sequence[Span], upload: UploadView, spooled: Container[int]) -> Span:
    """The part that waits for the last look: one that S3 lacks, while there is one.

    A part that S3 has already may be of another file: S3 would have all parts, and not of one film.
    """
    return max(
        owed, key=lambda span: (span.number not in upload.parts, span.number not in spooled, span.number)
    )
