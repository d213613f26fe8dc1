"""The one pass over a measurements file: its bytes in, its index out; memory holds one block and the overview."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core.errors import Poison
from chalicelib.core.measurements import overview, summary
from chalicelib.core.measurements.blocks import VERSION, Blocks, BlockWriter, encoded
from chalicelib.core.measurements.columns import FrameColumns
from chalicelib.core.measurements.forms import File
from chalicelib.core.measurements.frame import Accepted, Unusable
from chalicelib.core.measurements.kinds import DEFAULT, Kind
from chalicelib.core.measurements.limits import BLOCK_BYTES, FRAMES_IN_BLOCK, LIMITS, Limits
from chalicelib.core.measurements.overview import Overview
from chalicelib.core.measurements.summary import FrameCounts, Reject
from chalicelib.core.measurements.work import Work

MOST_REJECTS_TOLD = 20
LONGEST_SPAN_MS = 10**12
"""The longest span that an index notes; a longer one is noted as this one."""
FEWEST_TO_JUDGE = 20
"""With fewer frames, more than half may be rejected."""


class OtherKind(Exception):
    """A document named its `kind` after its frames, and they were read as another kind: begin once more with this."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(f"the frames are of kind {kind.name}")
        self.kind = kind


@dataclass(frozen=True)
class IndexedBlock:
    """Up to 300 frames: `member` is what frames.jsonl.gz holds of them, `columns` are their values."""

    member: bytes
    columns: FrameColumns


class Indexing:
    """One pass over a file. Once `blocks_of` has been read to its end, the other attributes describe the whole file.

    `session` and `project` are those that the file names; None when it names none. `kind` is known with the first
    block; a caller that knows it from an earlier pass names it.
    """

    def __init__(self, revision: str, limits: Limits = LIMITS, kind: Kind | None = None) -> None:
        self.kind = kind or DEFAULT
        self.rejected = 0
        self.session: str | None = None
        self.project: str | None = None
        self.work = Work(limits)
        self._revision = revision
        self._limits = limits
        self._knows_kind = kind is not None
        self._metadata: Mapping[str, Any] = {}
        self._rejects: list[Reject] = []
        self._overview = Overview()
        self._own = self.kind.summary()
        self._writer = BlockWriter()
        self._first_frame: int | None = None
        self._last_frame = -1
        self._counts_again = False

    @property
    def frames(self) -> int:
        """How many are in the index."""
        return sum(block.count for block in self._writer.blocks)

    @property
    def span_ms(self) -> int | None:
        """From the first time of a frame to the last; None before there is a frame."""
        blocks = self._writer.blocks
        if not blocks:
            return None
        span_s = max(block.last_s for block in blocks) - min(block.first_s for block in blocks)
        return min(round(span_s * 1000), LONGEST_SPAN_MS)

    def blocks_of(self, chunks: Iterable[bytes]) -> Iterator[IndexedBlock]:
        """The frames of the file with these bytes, 300 at a time or fewer long ones. Raises Poison, OtherKind."""
        file = File(chunks, self._limits)
        held: list[Accepted] = []
        held_bytes = 0
        self.work = file.work
        for place, raw in enumerate(file.frames(), start=1):
            if place == 1:
                self._take_kind(file)
            if place > self._limits.frames:
                raise Poison(f"there are more than {self._limits.frames} frames")
            frame = self._accepted(place, raw)
            if frame is not None:
                held.append(frame)
                held_bytes += len(raw)
            if len(held) == FRAMES_IN_BLOCK or held_bytes >= BLOCK_BYTES:
                yield self._block(held)
                held, held_bytes = [], 0
        if held:
            yield self._block(held)
        if file.kind is not self.kind:
            raise OtherKind(file.kind)
        for named in file.sessions:
            self._note_session(named)
        self.project = None if file.project is None else str(file.project)
        self._metadata = file.metadata
        self._demand_usable()

    def blocks(self) -> bytes:
        """blocks.json.gz."""
        return encoded(Blocks(VERSION, self._revision, tuple(self._writer.blocks), self._writer.columns))

    def summary(self) -> bytes:
        """summary.json."""
        counts = FrameCounts(self._first_frame or 0, self._last_frame, self.rejected, self._rejects)
        whole = self._overview.whole()
        return summary.encoded(self._revision, self.kind.name, counts, whole, self._own, self._metadata)

    def overview(self) -> bytes:
        """overview.json.gz."""
        return overview.encoded(self._overview.document(self._revision, self.kind.name))

    def _take_kind(self, file: File) -> None:
        """Read the frames as the kind that the file has named so far."""
        if not self._knows_kind:
            self.kind = file.kind
            self._own = self.kind.summary()

    def _accepted(self, place: int, raw: bytes) -> Accepted | None:
        """The frame as it goes into the index, or None when it is rejected."""
        try:
            frame = self.kind.accept(raw, self.work)
            self._note_session(frame.session)
            self._demand_ascending(frame.number)
        except Unusable as error:
            self._reject(place, str(error))
            return None
        except Poison as poison:
            raise Poison(f"frame {place} of the file: {poison}") from poison
        self._last_frame = frame.number
        if self._first_frame is None:
            self._first_frame = self._last_frame
        return frame

    def _note_session(self, named: object) -> None:
        """Raises Poison when the file names a second session."""
        if named is None:
            return
        text = str(named)
        if self.session not in (None, text):
            raise Poison(f"the file names two sessions, {ascii(self.session)[:100]} and {ascii(text)[:100]}")
        self.session = text

    def _demand_ascending(self, number: int) -> None:
        """Raises Unusable; its text says when numbers restart: a film of several chapters has one count."""
        if number > self._last_frame:
            return
        if self._first_frame is not None and number <= self._first_frame < self._last_frame:
            self._counts_again = True
        why = ": chapters counted from 0 again" if self._counts_again else ""
        raise Unusable(f"frame_number {number} is not above the {self._last_frame} before{why}")

    def _reject(self, place: int, reason: str) -> None:
        self.rejected += 1
        if len(self._rejects) < MOST_REJECTS_TOLD:
            self._rejects.append(Reject(place, reason))

    def _block(self, frames: Sequence[Accepted]) -> IndexedBlock:
        columns = self.kind.columns_of(frames)
        self._overview.take(columns)
        self._own.take(columns)
        member = self._writer.packed([frame.encodable for frame in frames], columns)
        self._writer.note_members(self.kind.members_of(frames))
        if self._writer.size_bytes > self._limits.index_bytes:
            raise Poison(f"the index would be larger than {self._limits.index_bytes} bytes")
        return IndexedBlock(member, columns)

    def _demand_usable(self) -> None:
        seen = self.frames + self.rejected
        first = f"; frame {self._rejects[0].place}: {self._rejects[0].reason}" if self._rejects else ""
        if not self.frames:
            raise Poison(f"no frame of {seen} can be used{first}")
        if seen >= FEWEST_TO_JUDGE and self.rejected * 2 > seen:
            raise Poison(f"{self.rejected} of {seen} frames are rejected{first}")
