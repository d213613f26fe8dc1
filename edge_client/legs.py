"""Both legs of one round at once: the camera into the spool, and the spool to S3, under the spool's budget.

The main thread reads the camera part by part; the senders send what is there. Under pressure parts that S3 has
acknowledged go, the oldest first; where there are none, the camera rests until S3 has one more. It is never asked for
what cannot be kept, so S3's stalls never reach its socket.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_client.coordinator import UploadView
from edge_client.errors import EdgeError, PartCorrupt, PartUnkept, SpoolFull
from edge_client.plan import ChapterPlan, SessionPlan, Span
from edge_client.progress import Leg
from edge_client.spool import ChapterSpool, SpooledPart
from edge_client.tools import Tools
from edge_client.transfer import Desk, PartSender, Senders
from edge_client.visit import Visit

log = logging.getLogger(__name__)

# One part is read while another is sent.
LEAST_PARTS = 2
MOST_UNKEPT = 3


@dataclass
class Legs:
    """One chapter's two legs; `crcs` and `sent` grow with each round: what is known to be read, and what was sent."""

    tools: Tools
    visit: Visit
    plan: SessionPlan
    chapter: ChapterPlan
    parts: ChapterSpool
    crcs: dict[int, int] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.down, self.up = Leg(self.tools.progress.fetched), Leg(self.tools.progress.sent)

    def carry(self, upload: UploadView, owed: Sequence[Span], spooled: dict[int, SpooledPart]) -> None:
        """Read what is missing of `owed` and send all of it. Raises PartCorrupt for what changed in the spool."""
        self._prepare(upload, owed, spooled)
        numbers = {span.number for span in owed}
        desk = Desk(
            lambda batch: self.tools.coordinator.part_urls(upload.upload_id, batch),
            upload.plan,
            (part for number, part in sorted(spooled.items()) if number not in numbers),
        )
        try:
            with Senders(desk, lambda: self._sender(desk), self.tools.retry.timing.check) as senders:
                self._feed(desk, senders, owed, spooled)
                senders.drain()
        finally:
            self.sent |= desk.sent
            for number in desk.corrupt:
                # It is that of the file's name, and may be what has changed.
                self.crcs.pop(number, None)
        if desk.corrupt:
            raise PartCorrupt(f"parts {sorted(desk.corrupt)} changed in the spool and are read again")

    def _prepare(self, upload: UploadView, owed: Sequence[Span], spooled: dict[int, SpooledPart]) -> None:
        """Both legs' progress begins where the last run or round ended; room for two parts is demanded."""
        part_bytes, count = upload.plan.part_size_bytes, upload.plan.part_count
        if any(span.number not in spooled for span in owed):
            self.parts.room.demand(min(LEAST_PARTS, count) * min(part_bytes, upload.plan.size_bytes))
        self.tools.uplink.lanes.allow(self.parts.room.whole_parts(part_bytes) - 1)
        self.crcs |= {number: part.crc for number, part in spooled.items()}
        absent_bytes = sum(span.size_bytes for span in owed if span.number not in spooled)
        self.down.stand_at(upload.plan.size_bytes - absent_bytes)
        self.up.stand_at(upload.plan.size_bytes - sum(span.size_bytes for span in owed))

    def _sender(self, desk: Desk) -> PartSender:
        return PartSender(desk, self.parts, self.tools.uplink, self.up.move)

    def _feed(
        self, desk: Desk, senders: Senders, owed: Sequence[Span], spooled: dict[int, SpooledPart]
    ) -> None:
        for span in owed:
            if span.number in spooled:
                desk.add(spooled[span.number])
        try:
            for span in owed:
                if span.number not in spooled:
                    part = self._fetched(span, desk)
                    self.crcs[span.number] = part.crc
                    desk.add(part)
        except (SpoolFull, PartUnkept):
            # What is on the disk still goes up, so that the next run finds less to do.
            senders.drain()
            raise

    def _fetched(self, span: Span, desk: Desk) -> SpooledPart:
        """One part, read from the camera into the spool once there is room for it."""
        self.visit.check_first(self.plan, self.chapter)
        unkept = 0
        while True:
            self._make_room(span, desk)
            try:
                return self._read_until_there(span, desk)
            except SpoolFull as error:
                # The disk filled up after it was looked at; what S3 has makes room.
                self._relieve(desk, error)
            except PartUnkept as error:
                unkept += 1
                if unkept == MOST_UNKEPT:
                    raise
                log.warning("a part is read again", extra={"reason": str(error)})
                self.tools.retry.tally.retried()

    def _make_room(self, span: Span, desk: Desk) -> None:
        while reason := self.parts.room.lack(span.size_bytes):
            self._relieve(desk, SpoolFull(f"no room for the next part: {reason}; nothing was deleted"))

    def _relieve(self, desk: Desk, full: SpoolFull) -> None:
        """Drop one part that S3 has acknowledged, waiting for one if need be. Raises `full` when none will be."""
        part = desk.oldest_acknowledged(self.tools.retry.timing.check)
        if part is not None:
            self.parts.drop_part(part)
        elif not self.parts.drop_useless(desk.plan):
            raise full

    def _read_until_there(self, span: Span, desk: Desk) -> SpooledPart:
        tries = 0

        def attempt() -> SpooledPart:
            nonlocal tries
            tries += 1
            desk.check()
            if tries > 1:
                self.visit.check_again(self.plan, self.chapter)
            return self._read(span, desk)

        self.tools.uplink.pace.wait_for_start(desk.check)
        return self.tools.retry.run(f"reading part {span.number} of {self.chapter.path}", attempt)

    def _read(self, span: Span, desk: Desk) -> SpooledPart:
        """One try. Blocks go to disk as they come, so the camera never waits for S3."""
        taken_bytes = 0
        check: Callable[[], None] = self.tools.retry.timing.check

        def write(block: memoryview) -> None:
            nonlocal taken_bytes
            desk.check()
            check()
            writer.write(block)
            taken_bytes += len(block)
            self.down.move(len(block))

        with self.parts.writing(span) as writer:
            try:
                self.visit.tools.camera.read_part(self.chapter, span, write)
                return writer.commit()
            except EdgeError:
                self.down.move(-taken_bytes)
                raise
