"""Check that all parts of a chapter are of one file: read some of their bytes from the camera again.

Names, sizes, dates and ETags of two cards may be equal, and a card can be changed between two reads without a failed
connection. So a chapter may be complete only after a last look: the camera, the file and its first bytes are those of
the plan, and the camera returns the same bytes again for parts that were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from edge_client.base.errors import PartsDiffer
from edge_client.haul.context import ChapterContext
from edge_client.model.api import UploadView
from edge_client.model.parts import Span, SpooledPart

# The most parts of this run that a last look checks; it checks every part that an earlier run left.
MOST_SPOTS = 8


@dataclass(frozen=True)
class Spot:
    """Some bytes of one part, and their CRC64NVME as they were read."""

    number: int
    span: Span
    crc: int


@dataclass
class LastLook:
    """What is known about one chapter's parts, apart from their bytes.

    `read` are spots of parts that this run has read, `left` of those that it found in the spool; `seen` are all of
    them, also those whose spot the disk did not give.
    """

    context: ChapterContext
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
        """Forget what was known about a part: it is not reliable."""
        self.read.pop(number, None)
        self.left.pop(number, None)
        self.seen.discard(number)

    def confirm(self, upload: UploadView, whole_crc: int, check: Callable[[], None]) -> None:
        """Take the last look before an upload may be complete.

        Raises PlanDiffers when the camera or the card is another one; PartsDiffer when they are the right ones but
        parts are of another file.
        """
        parts = self.context.parts
        context, spots = self.context, self._spots(upload)

        def attempt() -> set[int]:
            check()
            context.camera.check_again(context.plan, context.chapter)
            read = context.camera.crc_of
            return {spot.number for spot in spots if read(context.chapter, spot.span) != spot.crc}

        differing = context.tools.retry.run(f"a last look at {context.chapter.path}", attempt)
        if differing:
            alike = {spot.number for spot in spots} - differing
            parts.suspect({span.number for span in upload.plan.spans()} - alike)
            raise PartsDiffer(
                f"parts {sorted(differing)} are not of the file that the camera has, and are read again"
            )
        parts.confirm(whole_crc)

    def _note(self, known: dict[int, Spot], part: SpooledPart) -> None:
        self.seen.add(part.span.number)
        size_bytes = min(self.context.camera.spot_bytes, part.span.size_bytes)
        first = self._draw(part.span.size_bytes - size_bytes + 1)
        if (crc := self.context.parts.crc_within(part, first, size_bytes)) is not None:
            number = part.span.number
            known[number] = Spot(number, Span(number, part.span.first + first, size_bytes), crc)

    def _spots(self, upload: UploadView) -> list[Spot]:
        """The bytes to read again: of some parts of this run, of all that were left, and one whole part of S3's."""
        stored = {
            number: Spot(number, upload.plan.span(number), part.crc)
            for number, part in upload.parts.items()
            if number not in self.seen
        }
        return [*self._some(self.read, MOST_SPOTS), *self.left.values(), *self._some(stored, 1)]

    def _some(self, spots: Mapping[int, Spot], most: int) -> list[Spot]:
        waiting, found = list(spots.values()), list[Spot]()
        while waiting and len(found) < most:
            found.append(waiting.pop(self._draw(len(waiting))))
        return found

    def _draw(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return min(int(self.context.tools.retry.timing.chance() * count), count - 1)
