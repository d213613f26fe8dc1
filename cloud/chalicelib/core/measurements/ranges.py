"""Reading a range of an index: which bytes of frames.jsonl.gz to get, and which frames of them are wanted."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec

from chalicelib.core import answers
from chalicelib.core.errors import InvalidRequest, TooLarge
from chalicelib.core.measurements.blocks import Block, Blocks, unpacked
from chalicelib.core.measurements.columns import FrameColumns
from chalicelib.core.measurements.frame import NUMBER, TIME
from chalicelib.core.measurements.kinds import Kind

MOST_FRAMES = 2000
MOST_COLUMNS = 50
MOST_BLOCKS = 8
"""The most blocks of one read: 2,000 frames in a row lie in no more."""

MOST_ZOOMED_BLOCKS = 100
"""The most blocks of which one answer makes buckets: 30,000 frames, 4 MB as they are stored."""

MOST_FRAMES_BYTES = answers.MOST_BODY_BYTES - 4 * 1024
"""The most bytes of frames in one answer, as Lambda counts them; the rest is for the JSON around them."""

_ALWAYS = (NUMBER, TIME)
_decoder = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class Wanted:
    """A range of frames: each bound narrows it, `from` is in and `to` is out. Raises InvalidRequest.

    `columns` are the members of a frame to answer, frame_number and timestamp always among them; None is all. A name
    with dots is of a member of a member: `papi_a.angle`.
    """

    from_s: float | None = None
    to_s: float | None = None
    from_frame: int | None = None
    to_frame: int | None = None
    columns: tuple[str, ...] | None = None
    limit: int = MOST_FRAMES

    def __post_init__(self) -> None:
        _demand_range("s", self.from_s, self.to_s)
        _demand_range("frame", self.from_frame, self.to_frame)
        if not 1 <= self.limit <= MOST_FRAMES:
            raise InvalidRequest(f"limit is 1 to {MOST_FRAMES}, not {self.limit}")
        if self.columns is not None and not 1 <= len(self.columns) <= MOST_COLUMNS:
            raise InvalidRequest(f"columns names 1 to {MOST_COLUMNS} members of a frame")

    @property
    def is_whole(self) -> bool:
        """Whether nothing narrows the range."""
        return (self.from_s, self.to_s, self.from_frame, self.to_frame) == (None, None, None, None)

    def has(self, frame_number: int, time_s: float) -> bool:
        """Whether a frame lies in the range."""
        return _is_within(time_s, self.from_s, self.to_s) and _is_within(
            frame_number, self.from_frame, self.to_frame
        )

    def overlaps(self, first_frame: int, last_frame: int, first_s: float, last_s: float) -> bool:
        """Whether a frame within these bounds, all of them in, may lie in the range."""
        return _overlaps(first_s, last_s, self.from_s, self.to_s) and _overlaps(
            first_frame, last_frame, self.from_frame, self.to_frame
        )

    def may_be_in(self, block: Block) -> bool:
        """Whether a frame of the block may lie in the range."""
        return self.overlaps(block.first_frame, block.last_frame, block.first_s, block.last_s)

    def shown(self, frame: dict[str, Any]) -> dict[str, Any]:
        """The frame with the columns that are wanted."""
        if self.columns is None:
            return frame
        shown: dict[str, Any] = {}
        for name in (*_ALWAYS, *self.columns):
            _take(frame, name, shown)
        return shown


@dataclass(frozen=True)
class Span:
    """Blocks to read in one go; `next_frame` is where those begin that may come after them, or None."""

    blocks: tuple[Block, ...]
    next_frame: int | None

    @property
    def first_byte(self) -> int:
        return self.blocks[0].offset

    @property
    def last_byte(self) -> int:
        return self.blocks[-1].last_byte


@dataclass(frozen=True)
class Frames:
    """Frames of a range. Where there may be more, `next_frame` is the `from_frame` to ask with next.

    There may be fewer of them than the limit, even none, and more to come: only None is the end.
    """

    frames: tuple[Mapping[str, Any], ...]
    next_frame: int | None


def demand_columns(blocks: Blocks, wanted: Wanted, kind: Kind) -> None:
    """Raises InvalidRequest for a column that no frame has and that the kind does not know.

    With an index whose columns were not noted every column passes.
    """
    if blocks.columns is None or wanted.columns is None:
        return
    known = {*kind.fields, *stored_columns(kind), *blocks.columns}
    unknown = [name for name in wanted.columns if name not in known]
    if unknown:
        raise InvalidRequest(
            f"columns: no frame has {', '.join(unknown)[:200]}; there are {', '.join(blocks.columns)}"
        )


def stored_columns(kind: Kind) -> list[str]:
    """The names of the kind's columns that frames themselves have."""
    return [column.name for column in kind.columns if not column.derived]


def span_of(blocks: Blocks, wanted: Wanted, most_blocks: int = MOST_BLOCKS) -> Span | None:
    """The blocks to read for `wanted`, at most `most_blocks`, or None when no frame of it is in the index."""
    places = [place for place, block in enumerate(blocks.blocks) if wanted.may_be_in(block)]
    if not places:
        return None
    end = min(places[-1] + 1, places[0] + most_blocks)
    later = [place for place in places if place >= end]
    return Span(blocks.blocks[places[0] : end], blocks.blocks[later[0]].first_frame if later else None)


def frames_of(content: bytes, span: Span, wanted: Wanted, most_bytes: int = MOST_FRAMES_BYTES) -> Frames:
    """The wanted frames of `span`, whose bytes are `content`: as many as fit into one answer.

    Raises TooLarge where not even one does.
    """
    found: list[Mapping[str, Any]] = []
    size_bytes = 0
    for line in chain.from_iterable(_blocks(content, span.blocks)):
        frame = _decoder.decode(line)
        if not wanted.has(frame[NUMBER], frame[TIME]):
            continue
        shown = wanted.shown(frame)
        size_bytes += answers.counted_bytes(answers.written(shown))
        if len(found) == wanted.limit or (found and size_bytes > most_bytes):
            return Frames(tuple(found), frame[NUMBER])
        if size_bytes > most_bytes:
            raise TooLarge(
                f"frame {frame[NUMBER]} alone is larger than an answer may be; name the columns that you need"
            )
        found.append(shown)
    return Frames(tuple(found), span.next_frame)


def columns_of(content: bytes, span: Span, kind: Kind) -> Iterator[FrameColumns]:
    """The values of all frames of `span`, whose bytes are `content`, block by block."""
    for lines in _blocks(content, span.blocks):
        yield kind.read(lines)


def _take(holder: Mapping[str, Any], name: str, shown: dict[str, Any]) -> None:
    """Put the member `name` of `holder` into `shown`; dots lead deeper, unless a member has that very name."""
    if name in holder:
        shown[name] = holder[name]
        return
    head, dot, rest = name.partition(".")
    if not dot or head not in holder:
        return
    inner = holder[head]
    if not isinstance(inner, dict):
        shown.setdefault(head, inner)
    elif shown.get(head) is not inner:  # all of it is shown already
        _take(inner, rest, shown.setdefault(head, {}))


def _blocks(content: bytes, blocks: Sequence[Block]) -> Iterator[list[bytes]]:
    start = blocks[0].offset
    for block in blocks:
        yield unpacked(content[block.offset - start : block.last_byte + 1 - start])


def _demand_range(unit: str, start: float | None, end: float | None) -> None:
    for name, bound in ((f"from_{unit}", start), (f"to_{unit}", end)):
        if bound is not None and not (math.isfinite(bound) and bound >= 0):
            raise InvalidRequest(f"{name} is a number from 0 on")
    if start is not None and end is not None and end <= start:
        raise InvalidRequest(f"to_{unit} must be above from_{unit}")


def _is_within(value: float, start: float | None, end: float | None) -> bool:
    return (start is None or value >= start) and (end is None or value < end)


def _overlaps(first: float, last: float, start: float | None, end: float | None) -> bool:
    return (start is None or last >= start) and (end is None or first < end)
