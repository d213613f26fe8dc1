"""Reads from the boxes of an MP4 or QuickTime file whether it is whole and how long it lasts, in a few short reads.

A film that its camera did not end is footage: it can be repaired. So a file counts as no film only when nothing in it
looks like one.
"""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from chalicelib.core.ids import ArtifactId
from chalicelib.core.times import DAY_S
from chalicelib.core.upload import Receipt

SUFFIXES = (".mp4", ".mov", ".m4v", ".360")
WINDOW_BYTES = 512
"""The size of one read: enough for the headers of several small boxes, or for the whole head of `moov`."""
MOST_READS = 48
MOST_BOXES = 200
SAMPLES = 32
"""The places at which a file that begins with zeros is read: the first, the last, and some between them."""
MOST_LOOKS = MOST_READS + SAMPLES
"""The reads that one file can cost, of WINDOW_BYTES each, however large it is."""
LONGEST_MS = 1_000 * DAY_S * 1_000
"""A thousand days; a file that says more is not a film."""

Read = Callable[[int, int], bytes]
"""Reads the bytes of a file from a first to a last position, both included."""

_OF_A_FILM = frozenset({b"ftyp", b"mdat", b"moov"})
"""The boxes that make a file a film, whole or not."""

_JPEG = b"\xff\xd8\xff"
_OTHERS: Mapping[bytes, str] = {
    b"<": "a page of HTML or XML",
    b"{": "JSON",
    _JPEG: "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"PK\x03\x04": "a ZIP file",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a gzip file",
}
"""How files of other kinds begin: for the reason alone, which a person reads."""

_CREATION_AND_MODIFICATION_BYTES = {0: 8, 1: 16}
_DURATION_BYTES = {0: 4, 1: 8}
"""Of an `mvhd`, by its version. Source: ISO/IEC 14496-12, 8.2.2."""


class Film(Struct, frozen=True):
    """What was read of one version of a film: how long it lasts, or why its length is unknown (`fault`).

    `is_broken` says that its boxes are not those of a whole film. It may be what a camera left that lost its power:
    footage that can be repaired.
    """

    artifact_id: ArtifactId
    version_id: str
    duration_ms: int | None
    fault: str | None = None
    is_broken: bool = False

    def is_of(self, receipt: Receipt) -> bool:
        return (self.artifact_id, self.version_id) == (receipt.artifact_id, receipt.version_id)


class _Box(Struct, frozen=True):
    """One box: its kind, where it begins, where its content begins, and where it ends."""

    kind: bytes
    at: int
    content_at: int
    end: int


class NoFilm(Struct, frozen=True):
    """A version that is no film, not even a broken one, and why."""

    reason: str


class _Untold(Exception):
    """The length of this film cannot be told; its boxes may be whole."""


class _NotWhole(_Untold):
    """These are not the boxes of a whole film."""


def is_film(artifact_id: ArtifactId) -> bool:
    """Whether an artifact of this name is a film."""
    return artifact_id.lower().endswith(SUFFIXES)


def read_film(artifact_id: ArtifactId, version_id: str, film_bytes: int, read: Read) -> Film:
    """How long a version lasts, or why that is unknown; whether it is broken. Raises what `read` raises.

    The film is the first `film_bytes` of the object. A whole film begins with `ftyp`, has `mdat` and one `moov` with a
    duration, and its boxes fill it exactly.
    """
    film, _ = _look_at_boxes(artifact_id, version_id, film_bytes, read)
    return film


def judge_film(artifact_id: ArtifactId, version_id: str, film_bytes: int, read: Read) -> Film | NoFilm:
    """As `read_film`, but tells a broken film from what is no film: none of its boxes is one of a film.

    Zeros at the beginning may be a lost block of the card: the rest decides. At most MOST_LOOKS reads.
    """
    film, kinds = _look_at_boxes(artifact_id, version_id, film_bytes, read)
    if not film.is_broken or kinds & _OF_A_FILM:
        return film
    head = read(0, min(WINDOW_BYTES, film_bytes) - 1)
    if any(head):
        return NoFilm(_why_no_film(head))
    if any(any(read(at, min(at + WINDOW_BYTES, film_bytes) - 1)) for at in _samples(film_bytes)):
        return film
    return NoFilm("it holds nothing but zeros, wherever it was read")


def judge_proxy(artifact_id: ArtifactId, version_id: str, size_bytes: int, read: Read) -> Film | NoFilm:
    """As `judge_film`, of a proxy: a broken one is rejected, since it is not repaired."""
    content = _Bytes(size_bytes, read)
    try:
        return Film(artifact_id, version_id, _duration_ms(content))
    except _NotWhole as fault:
        if content.kinds & _OF_A_FILM:
            return NoFilm(f"it cannot be played: {fault}"[:200])
        return NoFilm(_why_no_film(read(0, min(WINDOW_BYTES, size_bytes) - 1)))
    except _Untold as fault:
        return Film(artifact_id, version_id, None, str(fault)[:200])


def judge_thumbnail(artifact_id: ArtifactId, version_id: str, size_bytes: int, read: Read) -> Film | NoFilm:
    """A thumbnail as an observation has it: NoFilm unless it begins as a JPEG picture does. One read."""
    head = read(0, min(WINDOW_BYTES, size_bytes) - 1)
    if head.startswith(_JPEG):
        return Film(artifact_id, version_id, None)
    return NoFilm(f"a thumbnail is a JPEG picture: {_why_no_film(head)}")


def _look_at_boxes(
    artifact_id: ArtifactId, version_id: str, film_bytes: int, read: Read
) -> tuple[Film, set[bytes]]:
    """What its boxes tell, and which kinds of boxes were seen up to the first fault."""
    content = _Bytes(film_bytes, read)
    try:
        duration_ms = _duration_ms(content)
    except _Untold as fault:
        is_broken = isinstance(fault, _NotWhole) and is_film(artifact_id)
        return Film(artifact_id, version_id, None, str(fault)[:200], is_broken), content.kinds
    return Film(artifact_id, version_id, duration_ms), content.kinds


def _samples(size_bytes: int) -> Iterator[int]:
    """Where to read, the last bytes included; each place once."""
    last = max(0, size_bytes - WINDOW_BYTES)
    yield from dict.fromkeys(last * number // (SAMPLES - 1) for number in range(SAMPLES))


def _why_no_film(head: bytes) -> str:
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    known = next((what for beginning, what in _OTHERS.items() if begins.startswith(beginning)), None)
    if known:
        return f"it begins as {known} does"
    return f"it begins with {ascii(head[:16])[1:]}, and no box of a film"


class _Bytes:
    """The bytes of a file, read a window at a time; `kinds` are those of the boxes that were read."""

    def __init__(self, size_bytes: int, read: Read) -> None:
        self.size_bytes = size_bytes
        self.kinds: set[bytes] = set()
        self._read = read
        self._reads = 0
        self._at = 0
        self._window = b""

    def take(self, at: int, count: int) -> bytes:
        """`count` bytes from `at` on; there must be as many."""
        if at + count > self.size_bytes:
            raise _NotWhole(f"it ends at byte {self.size_bytes}, within what begins at byte {at}")
        if not self._at <= at <= at + count <= self._at + len(self._window):
            self._move(at, count)
        return self._window[at - self._at : at - self._at + count]

    def _move(self, at: int, count: int) -> None:
        self._reads += 1
        if self._reads > MOST_READS:
            raise _Untold(f"its boxes lie so far apart that more than {MOST_READS} reads would be needed")
        self._at = at
        self._window = self._read(at, min(at + WINDOW_BYTES, self.size_bytes) - 1)
        if len(self._window) < count:
            raise _Untold(f"only {len(self._window)} bytes could be read at byte {at}")


def _duration_ms(content: _Bytes) -> int:
    boxes = list(_boxes(content, 0, content.size_bytes))
    kinds = [box.kind for box in boxes]
    if kinds[:1] != [b"ftyp"]:
        raise _NotWhole("it does not begin with an ftyp box")
    if b"mdat" not in kinds:
        raise _NotWhole("it has no mdat box: no pictures are in it")
    movies = [box for box in boxes if box.kind == b"moov"]
    if not movies:
        raise _NotWhole("it has no moov box: its camera did not finish it")
    if len(movies) != 1:
        raise _Untold(f"it has {len(movies)} moov boxes; a whole film has one")
    for box in _boxes(content, movies[0].content_at, movies[0].end):
        if box.kind == b"mvhd":
            return _told_by(content, box)
    raise _NotWhole("its moov box has no mvhd box")


def _boxes(content: _Bytes, at: int, end: int) -> Iterator[_Box]:
    """The boxes that fill the bytes from `at` to `end` exactly."""
    count = 0
    while at < end:
        count += 1
        if count > MOST_BOXES:
            raise _Untold(f"it has more than {MOST_BOXES} boxes")
        box = _box(content, at, end)
        yield box
        at = box.end


def _box(content: _Bytes, at: int, end: int) -> _Box:
    if end - at < 8:
        raise _NotWhole(f"{end - at} bytes follow its last box, at byte {at}")
    header = content.take(at, 8)
    size, kind = int.from_bytes(header[:4], "big"), header[4:]
    content.kinds.add(kind)
    content_at = at + 8
    if size == 1:
        size, content_at = int.from_bytes(content.take(at + 8, 8), "big"), at + 16
    if size == 0:
        raise _NotWhole(f"its box {ascii(kind)[1:]} at byte {at} has no size: its writer did not end it")
    if not content_at <= at + size <= end:
        raise _NotWhole(f"its box {ascii(kind)[1:]} at byte {at} has {size} bytes; {end - at} are left")
    return _Box(kind, at, content_at, at + size)


def _told_by(content: _Bytes, mvhd: _Box) -> int:
    """The duration that an `mvhd` tells."""
    version = content.take(mvhd.content_at, 1)[0] if mvhd.end > mvhd.content_at else -1
    if version not in _DURATION_BYTES:
        raise _Untold("its mvhd box is of no version that is known")
    timescale_at = mvhd.content_at + 4 + _CREATION_AND_MODIFICATION_BYTES[version]
    width = _DURATION_BYTES[version]
    if timescale_at + 4 + width > mvhd.end:
        raise _NotWhole("its mvhd box is cut short")
    told = content.take(timescale_at, 4 + width)
    timescale, duration = int.from_bytes(told[:4], "big"), int.from_bytes(told[4:], "big")
    if not timescale or duration in (0, 2 ** (8 * width) - 1):
        raise _Untold("its moov box tells no duration")
    duration_ms = duration * 1000 // timescale
    if not 1 <= duration_ms <= LONGEST_MS:
        raise _Untold(f"its moov box tells a duration of {duration} / {timescale} s")
    return duration_ms
