"""overview.json.gz: least, greatest and mean of every number in at most 1,000 buckets, for any length.

Buckets are equally wide in frame numbers. Their width begins at one frame and doubles when there would be too many:
one pass makes them, for any length. A bucket keeps the extremes, which choosing every k-th frame would lose, and
one without frames stays empty, so a gap stays a gap.
"""

import gzip
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.measurements.columns import FrameColumns
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.core.measurements.spread import Spread

VERSION = 1
MOST_BUCKETS = 1000

_Chosen = Callable[[str], bool]
_Values = TypeVar("_Values")


class Bucket(Struct):
    """What is known of the frames of one bucket; a column without a value is not there."""

    count: int = 0
    first_s: float = float("inf")
    last_s: float = float("-inf")
    numbers: dict[str, Spread] = field(default_factory=dict)
    words: dict[str, Counter[str]] = field(default_factory=dict)

    def take(self, columns: FrameColumns, start: int, end: int) -> None:
        """Count in the frames at the places from `start` to `end` of the columns."""
        self.count += end - start
        times = columns.times[start:end]
        self.first_s, self.last_s = min(self.first_s, *times), max(self.last_s, *times)
        for name, column in columns.numbers.items():
            values = _present(column[start:end])
            if values:
                spread = self.numbers.get(name)
                if spread is None:
                    spread = self.numbers[name] = Spread()
                spread.take(values)
        for name, texts in columns.words.items():
            said = Counter(text for text in texts[start:end] if text is not None)
            if said:
                self.words.setdefault(name, Counter()).update(said)

    def add(self, other: "Bucket") -> None:
        """Count in the frames of another bucket."""
        self.count += other.count
        self.first_s, self.last_s = min(self.first_s, other.first_s), max(self.last_s, other.last_s)
        for name, spread in other.numbers.items():
            self.numbers.setdefault(name, Spread()).add(spread)
        for name, said in other.words.items():
            self.words.setdefault(name, Counter()).update(said)


class Overview(Struct):
    """At most `most` buckets of the frames so far, by their place; all places are counted from `first_frame`."""

    most: int = MOST_BUCKETS
    first_frame: int = 0
    frames_per_bucket: int = 1
    buckets: dict[int, Bucket] = field(default_factory=dict)

    def take(self, columns: FrameColumns) -> None:
        """Count in these frames, which come after all before; there is at least one."""
        numbers = columns.frame_numbers
        if not self.buckets:
            self.first_frame = numbers[0]
        start = 0
        while start < len(numbers):
            place = (numbers[start] - self.first_frame) // self.frames_per_bucket
            while place >= self.most:
                self._widen()
                place = (numbers[start] - self.first_frame) // self.frames_per_bucket
            next_frame = self.first_frame + (place + 1) * self.frames_per_bucket
            end = bisect_left(numbers, next_frame, start)
            self.buckets.setdefault(place, Bucket()).take(columns, start, end)
            start = end

    def whole(self) -> Bucket:
        """All frames as one bucket."""
        total = Bucket()
        for bucket in self.buckets.values():
            total.add(bucket)
        return total

    def merged(self, factor: int) -> "Overview":
        """The same frames in buckets that are `factor` times as wide."""
        wider = Overview(self.most, self.first_frame, self.frames_per_bucket * factor)
        for place, bucket in sorted(self.buckets.items()):
            wider.buckets.setdefault(place // factor, Bucket()).add(bucket)
        return wider

    def document(self, revision: str, kind: str) -> dict[str, Any]:
        """The overview for JSON: one list a column, one value a bucket, null where a bucket has none."""
        places = range(max(self.buckets) + 1 if self.buckets else 0)
        row = [self.buckets.get(place) for place in places]
        numbers = sorted({name for bucket in self.buckets.values() for name in bucket.numbers})
        words = sorted({name for bucket in self.buckets.values() for name in bucket.words})
        return {
            "version": VERSION,
            "revision": revision,
            "kind": kind,
            "frames": sum(bucket.count for bucket in self.buckets.values()),
            "first_frame": self.first_frame,
            "frames_per_bucket": self.frames_per_bucket,
            "count": [bucket.count if bucket else 0 for bucket in row],
            "first_s": [bucket.first_s if bucket else None for bucket in row],
            "last_s": [bucket.last_s if bucket else None for bucket in row],
            "numbers": {
                name: _number_lists([b.numbers.get(name) if b else None for b in row]) for name in numbers
            },
            "statuses": {
                name: _word_lists([b.words.get(name) if b else None for b in row]) for name in words
            },
        }

    def _widen(self) -> None:
        wider = self.merged(2)
        self.frames_per_bucket, self.buckets = wider.frames_per_bucket, wider.buckets


def encoded(document: Mapping[str, Any]) -> bytes:
    """overview.json.gz; the same document makes the same bytes."""
    return gzip.compress(json.dumps(document, allow_nan=False, separators=(",", ":")).encode(), 6, mtime=0)


def decoded(raw: bytes) -> dict[str, Any]:
    """The document of overview.json.gz."""
    found: dict[str, Any] = msgspec.json.decode(gzip.decompress(raw))
    return found


def demand_points(points: int) -> int:
    """`points`, the most buckets of an answer. Raises InvalidRequest."""
    if not 1 <= points <= MOST_BUCKETS:
        raise InvalidRequest(f"points is 1 to {MOST_BUCKETS}, not {points}")
    return points


def shown(
    document: Mapping[str, Any], wanted: Wanted, points: int, known: Iterable[str] = ()
) -> dict[str, Any]:
    """The buckets of `document` that hold frames of the range, merged to at most `points`, with the wanted columns.

    A bucket at an end of the range may hold frames outside it. `known` are columns that these frames may lack. Raises
    InvalidRequest for any other column that there is not.
    """
    chosen = _chosen(wanted.columns, sorted({*document["numbers"], *document["statuses"], *known}))
    held = _overview(document, chosen)
    in_range = {place: bucket for place, bucket in held.buckets.items() if _overlaps(held, place, wanted)}
    return _answer(_cut(replace(held, buckets=in_range)), document, points)


def measured(
    blocks: Iterable[FrameColumns],
    wanted: Wanted,
    points: int,
    revision: str,
    kind: str,
    known: Iterable[str] = (),
) -> dict[str, Any]:
    """The frames of the range in at most `points` buckets, as `shown` answers them, from the frames themselves.

    `known` are columns that these frames may lack. Raises InvalidRequest for any other column that none of them has.
    """
    names = set(known)
    found: list[FrameColumns] = []
    for columns in blocks:
        names.update((*columns.numbers, *columns.words))
        within = _within(_only(columns, wanted.columns), wanted)
        if within.frame_numbers:
            found.append(within)
    _chosen(wanted.columns, sorted(names))
    overview = Overview(points)
    if found:
        frames = found[-1].frame_numbers[-1] - found[0].frame_numbers[0] + 1
        overview.frames_per_bucket = -(-frames // points)
    for columns in found:
        overview.take(columns)
    return overview.document(revision, kind)


def _present(values: Sequence[float | None]) -> Sequence[float]:
    if None in values:
        return [value for value in values if value is not None]
    return values  # type: ignore[return-value]  # no None is among them


def _number_lists(spreads: Sequence[Spread | None]) -> dict[str, list[float | None]]:
    return {
        "count": [spread.count if spread else 0 for spread in spreads],
        "min": [spread.least if spread else None for spread in spreads],
        "max": [spread.greatest if spread else None for spread in spreads],
        "mean": [spread.mean if spread else None for spread in spreads],
    }


def _word_lists(said: Sequence[Counter[str] | None]) -> dict[str, list[int]]:
    words = sorted({word for counts in said for word in counts or ()})
    return {word: [counts[word] if counts else 0 for counts in said] for word in words}


def _chosen(columns: Sequence[str] | None, names: Sequence[str]) -> _Chosen:
    """Whether a column is wanted: all are, or those named; `papi_a` means every column of it.

    Raises InvalidRequest for a wanted column that is none of `names`.
    """
    unknown = [each for each in columns or () if not any(_is_of(name, each) for name in names)]
    if unknown:
        raise InvalidRequest(f"columns: there is no {', '.join(unknown)[:200]}; there are {', '.join(names)}")
    return lambda name: columns is None or any(_is_of(name, each) for each in columns)


def _is_of(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}.")


def _only(columns: FrameColumns, wanted: Sequence[str] | None) -> FrameColumns:
    """The columns that are wanted, before anything is computed of the others."""
    if wanted is None:
        return columns
    return replace(columns, numbers=_held(columns.numbers, wanted), words=_held(columns.words, wanted))


def _held(columns: Mapping[str, _Values], wanted: Sequence[str]) -> Mapping[str, _Values]:
    return {name: values for name, values in columns.items() if any(_is_of(name, each) for each in wanted)}


def _overview(document: Mapping[str, Any], chosen: _Chosen) -> Overview:
    """The overview that `document` tells, with the chosen columns."""
    overview = Overview(MOST_BUCKETS, document["first_frame"], document["frames_per_bucket"])
    for place, count in enumerate(document["count"]):
        if count:
            bucket = Bucket(count, document["first_s"][place], document["last_s"][place])
            overview.buckets[place] = bucket
    for name, lists in document["numbers"].items():
        if chosen(name):
            _fill(overview, name, lists)
    for name, words in document["statuses"].items():
        if chosen(name):
            for place, bucket in overview.buckets.items():
                bucket.words[name] = Counter({word: counts[place] for word, counts in words.items()})
    return overview


def _fill(overview: Overview, name: str, lists: Mapping[str, Sequence[Any]]) -> None:
    for place, bucket in overview.buckets.items():
        if lists["count"][place]:
            count, least, greatest, mean = (lists[each][place] for each in ("count", "min", "max", "mean"))
            bucket.numbers[name] = Spread(count, least, greatest, mean * count)


def _overlaps(overview: Overview, place: int, wanted: Wanted) -> bool:
    bucket = overview.buckets[place]
    first = overview.first_frame + place * overview.frames_per_bucket
    return wanted.overlaps(first, first + overview.frames_per_bucket - 1, bucket.first_s, bucket.last_s)


def _cut(overview: Overview) -> Overview:
    """The overview without the empty buckets at its beginning."""
    first = min(overview.buckets, default=0)
    shifted = {place - first: bucket for place, bucket in overview.buckets.items()}
    start = overview.first_frame + first * overview.frames_per_bucket
    return replace(overview, first_frame=start, buckets=shifted)


def _answer(overview: Overview, document: Mapping[str, Any], points: int) -> dict[str, Any]:
    width = max(overview.buckets, default=0) + 1
    merged = overview.merged(-(-width // points))
    return merged.document(document["revision"], document["kind"])


def _within(columns: FrameColumns, wanted: Wanted) -> FrameColumns:
    """The columns without the frames outside the range."""
    places = [
        place
        for place, (number, time_s) in enumerate(zip(columns.frame_numbers, columns.times, strict=True))
        if wanted.has(number, time_s)
    ]
    if len(places) == len(columns.frame_numbers):
        return columns
    return FrameColumns(
        [columns.frame_numbers[place] for place in places],
        [columns.times[place] for place in places],
        {name: [values[place] for place in places] for name, values in columns.numbers.items()},
        {name: [values[place] for place in places] for name, values in columns.words.items()},
        {name: [values[place] for place in places] for name, values in columns.objects.items()},
        [columns.extra[place] for place in places],
    )
