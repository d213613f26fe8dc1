"""The one pass over a measurements file: its bytes in, its index out, and no more in memory than one block."""

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.blocks import VERSION, Blocks, BlockWriter, encoded
from chalicelib.core.measurements.forms import SESSION, File
from chalicelib.core.measurements.frame import Unusable, decoded, normalised
from chalicelib.core.measurements.index import PAPI
from chalicelib.core.measurements.limits import FRAMES_IN_BLOCK, LIMITS, Limits
from chalicelib.core.measurements.summary import Reject, SummaryCounts
from chalicelib.core.measurements.work import Work

MOST_REJECTS_TOLD = 20
LONGEST_SPAN_MS = 10**12
"""The longest span that an index notes; a longer one is noted as this one."""
FEWEST_TO_JUDGE = 20
"""With fewer frames, more than half may be rejected."""


class Indexing:
    """One pass over a file. Once `members` has been read to its end, the other attributes describe the whole file.

    `session` and `project` are those that the file names; None when it names none.
    """

    def __init__(self, revision: str, limits: Limits = LIMITS) -> None:
        self.kind = PAPI
        self.rejected = 0
        self.session: str | None = None
        self.project: str | None = None
        self.work = Work(limits)
        self._revision = revision
        self._limits = limits
        self._rejects: list[Reject] = []
        self._tally = SummaryCounts()
        self._writer = BlockWriter()
        self._first_frame: int | None = None
        self._last_frame = -1
        self._counts_again = False

    @property
    def frames(self) -> int:
        """How many are in the index."""
        return self._tally.frames

    @property
    def span_ms(self) -> int | None:
        """From the first time of a frame to the last; None before there is a frame."""
        times = self._tally.times
        return min(round((times.greatest - times.least) * 1000), LONGEST_SPAN_MS) if times.count else None

    def members(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """frames.jsonl.gz of the file with these bytes, one gzip member after the other. Raises Poison."""
        file = File(chunks, self._limits)
        held: list[dict[str, Any]] = []
        self.work = file.work
        for place, raw in enumerate(file.frames(), start=1):
            if place > self._limits.frames:
                raise Poison(f"there are more than {self._limits.frames} frames")
            frame = self._accepted(place, raw)
            if frame is not None:
                held.append(frame)
            if len(held) == FRAMES_IN_BLOCK:
                yield self._block(held)
                held = []
        if held:
            yield self._block(held)
        for named in file.sessions:
            self._note_session(named)
        self.project = None if file.project is None else str(file.project)
        self.kind = file.kind
        self._demand_usable()

    def blocks(self) -> bytes:
        """blocks.json."""
        return encoded(Blocks(VERSION, self._revision, tuple(self._writer.blocks), self._writer.columns))

    def summary(self) -> bytes:
        """summary.json."""
        return self._tally.document(self._revision, self.kind, self.rejected, self._rejects)

    def _accepted(self, place: int, raw: bytes) -> dict[str, Any] | None:
        """The frame as it goes into the index, or None when it is rejected."""
        try:
            frame = normalised(decoded(raw, self.work))
            self._note_session(frame.get(SESSION))
            self._demand_ascending(frame["frame_number"])
        except Unusable as error:
            self._reject(place, str(error))
            return None
        except Poison as poison:
            raise Poison(f"frame {place} of the file: {poison}") from poison
        self._last_frame = frame["frame_number"]
        if self._first_frame is None:
            self._first_frame = self._last_frame
        return frame

    def _note_session(self, named: object) -> None:
        """Raises Poison when the file names a second session."""
        text = self.session if named is None else str(named)
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

    def _block(self, frames: list[dict[str, Any]]) -> bytes:
        self._tally.take(frames)
        member = self._writer.packed(frames)
        if self._writer.size_bytes > self._limits.index_bytes:
            raise Poison(f"the index would be larger than {self._limits.index_bytes} bytes")
        return member

    def _demand_usable(self) -> None:
        seen = self.frames + self.rejected
        first = f"; frame {self._rejects[0].place}: {self._rejects[0].reason}" if self._rejects else ""
        if not self.frames:
            raise Poison(f"no frame of {seen} can be used{first}")
        if seen >= FEWEST_TO_JUDGE and self.rejected * 2 > seen:
            raise Poison(f"{self.rejected} of {seen} frames are rejected{first}")
