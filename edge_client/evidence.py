"""What shows that the parts of a chapter are of one file: bytes that were taken of it, asked for once more.

Names, sizes, dates and ETags of two cards may be equal, and a card can be changed between two reads without a failed
connection. So a chapter may be complete only after a last look: the camera, the file and its first bytes are those of
the plan, and bytes of parts that were read come again as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from edge_client.coordinator import UploadView
from edge_client.errors import PartsDiffer
from edge_client.plan import ChapterPlan, SessionPlan, Span
from edge_client.spool import ChapterSpool, SpooledPart
from edge_client.visit import Visit

# Of the parts that this run has read; of parts that an earlier one left, each is looked at.
MOST_SPOTS = 8


@dataclass(frozen=True)
class Spot:
    """Some bytes of one part, and their CRC64NVME as they were read."""

    number: int
    span: Span
    crc: int


@dataclass
class Evidence:
    """What is known of one chapter's parts beside their bytes.

    `read` are spots of parts that this run has read, `left` of those that it found in the spool; `seen` are all of
    them, also those that the disk gave no spot of.
    """

    visit: Visit
    plan: SessionPlan
    chapter: ChapterPlan
    parts: ChapterSpool
    read: dict[int, Spot] = field(default_factory=dict)
    left: dict[int, Spot] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def note_read(self, part: SpooledPart) -> None:
        """A part has just been read."""
        self._note(self.read, part)

    def note_left(self, parts: Iterable[SpooledPart]) -> None:
        """Parts that were in the spool at the beginning of a round."""
        for part in parts:
            if part.span.number not in self.seen:
                self._note(self.left, part)

    def forget(self, number: int) -> None:
        """What was known of a part is not to be believed."""
        self.read.pop(number, None)
        self.left.pop(number, None)
        self.seen.discard(number)

    def confirm(self, upload: UploadView, whole_crc: int, check: Callable[[], None]) -> None:
        """The last look before an upload may be complete; none when these very bytes were confirmed before.

        Raises PlanDiffers when the camera or the card is another one, PartsDiffer when they are the plan's and parts
        that were read are not of this file.
        """
        if self.parts.confirmed_crc() == whole_crc:
            return
        spots = self._spots(upload)

        def attempt() -> set[int]:
            check()
            self.visit.check_again(self.plan, self.chapter)
            return {spot.number for spot in spots if self._reads_otherwise(spot)}

        differing = self.visit.tools.retry.run(f"a last look at {self.chapter.path}", attempt)
        if differing:
            alike = {spot.number for spot in spots} - differing
            self.parts.suspect({span.number for span in upload.plan.spans()} - alike)
            raise PartsDiffer(
                f"parts {sorted(differing)} are not of the file that the camera has, and are read again"
            )
        self.parts.confirm(whole_crc)

    def _reads_otherwise(self, spot: Spot) -> bool:
        return self.visit.tools.camera.crc_of(self.chapter, spot.span) != spot.crc

    def _note(self, known: dict[int, Spot], part: SpooledPart) -> None:
        self.seen.add(part.span.number)
        size_bytes = min(self.visit.tools.looks.spot_bytes, part.span.size_bytes)
        first = self._drawn(part.span.size_bytes - size_bytes + 1)
        if (crc := self.parts.crc_within(part, first, size_bytes)) is not None:
            number = part.span.number
            known[number] = Spot(number, Span(number, part.span.first + first, size_bytes), crc)

    def _spots(self, upload: UploadView) -> list[Spot]:
        """What to ask for again: some of what was read, all that was left, and one part that S3 alone has, whole."""
        stored = {
            number: Spot(number, upload.plan.span(number), part.crc)
            for number, part in upload.parts.items()
            if number not in self.seen
        }
        return [*self._some(self.read, MOST_SPOTS), *self.left.values(), *self._some(stored, 1)]

    def _some(self, spots: Mapping[int, Spot], most: int) -> list[Spot]:
        waiting, found = list(spots.values()), list[Spot]()
        while waiting and len(found) < most:
            found.append(waiting.pop(self._drawn(len(waiting))))
        return found

    def _drawn(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return min(int(self.visit.tools.retry.timing.chance() * count), count - 1)
