"""The shapes that a measurements file may have, and its frames one by one as raw JSON.

[{...}, {...}]                                          the list
{"frames": [{...}, {...}], "metadata": {...}, ...}      the document, its members in any order
{...}                                                   JSON Lines: one frame a line
{...}
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.frame import SESSION, Unusable, decoded
from chalicelib.core.measurements.inflate import text_of
from chalicelib.core.measurements.kinds import DEFAULT, KINDS
from chalicelib.core.measurements.limits import Limits
from chalicelib.core.measurements.text import BLANKS, Text, TooDeep, end_of_value
from chalicelib.core.measurements.work import Work

_FRAMES = "frames"
_KIND = "kind"
_METADATA = "metadata"
_PROJECT = "project"
"""The member in which a document names the project of its session."""
_UNUSABLE = object()
_BETWEEN = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")
_USUAL_TAIL_BYTES = 8 * 1024
"""Two usual frames lie in it, so one often finds the cut without a look at two frames of the greatest size."""
_together = msgspec.json.Decoder(list[msgspec.Raw])


class File:
    """One measurements file, and the `work` that it costs.

    `sessions`, `project`, `kind` and `metadata` are those that the document names. They are final once all of
    `frames()` has been read: a document may name them last.
    """

    def __init__(self, chunks: Iterable[bytes], limits: Limits) -> None:
        self.kind = DEFAULT
        self.metadata: Mapping[str, Any] = {}
        self.sessions: list[object] = []
        self.project: object = None
        self._limits = limits
        self.work = Work(limits)
        self._text = Text(text_of(chunks, limits, self.work), limits.window_bytes, self.work)
        self._careful_until = 0

    def frames(self) -> Iterator[bytes]:
        """The raw JSON of every frame, whole but not yet decoded. Raises Poison."""
        opening = self._text.peek()
        if opening == b"[":
            self._text.take(b"[")
            yield from self._listed()
        elif opening == b"{" and self._is_lines():
            yield from self._lines()
        elif opening == b"{":
            self._text.take(b"{")
            yield from self._document()
        elif not opening:
            raise Poison("the file is empty")
        else:
            raise Poison("this is not a JSON of frames: it begins with neither [ nor {")
        if self._text.peek():
            raise Poison(f"something follows the end of the JSON, {self._text.where()}")

    def _is_lines(self) -> bool:
        """Whether the first line is an object of its own, and not a document."""
        most_bytes = self._limits.frame_bytes
        while b"\n" not in self._text.held and len(self._text.held) <= most_bytes and self._text.grow():
            pass
        line = self._text.held[self._text.at :].partition(b"\n")[0].rstrip(BLANKS) + b"\n"
        try:
            is_whole = end_of_value(line, 0, self.work) == len(line) - 1
            # Leniently: a frame with a NaN is a line too, to be rejected later.
            first = json.loads(line, parse_constant=len, parse_float=len, parse_int=len) if is_whole else None
        except (TooDeep, ValueError):
            return False
        return first is not None and _FRAMES not in first

    def _lines(self) -> Iterator[bytes]:
        for line in self._text.lines(self._limits.frame_bytes):
            if line.strip(BLANKS):
                yield line

    def _document(self) -> Iterator[bytes]:
        """Everything up to the document's closing bracket; all but the frames is small."""
        seen: set[str] = set()
        while self._text.peek() != b"}":
            name = self._name(seen)
            if name == _FRAMES:
                self._text.take(b"[")
                yield from self._listed()
            else:
                self._member(name)
            if self._text.take(b",", b"}") == b"}":
                break
            if self._text.peek() == b"}":
                raise Poison(f"this is not JSON: a member is missing {self._text.where()}")
        else:
            self._text.take(b"}")
        if _FRAMES not in seen:
            raise Poison("the document has no member `frames`")

    def _name(self, seen: set[str]) -> str:
        """The next member's name, with the colon after it taken."""
        where = self._text.where()
        name = self._decoded("a name", self._limits.frame_bytes)
        if not isinstance(name, str):
            raise Poison(f"this is not JSON: a member has no name, {where}")
        if name in seen and name in (_FRAMES, _KIND):
            raise Poison(f"the document has two members `{name}`")
        seen.add(name)
        if len(seen) > self._limits.members:
            raise Poison(f"the document has more than {self._limits.members} members")
        self._text.take(b":")
        return name

    def _member(self, name: str) -> None:
        value = self._decoded("a member", self._limits.member_bytes)
        if name == SESSION:
            self.sessions.append(value)
        elif name == _PROJECT:
            self.project = value
        elif name == _METADATA and isinstance(value, dict):
            self.metadata = value
            self.sessions.append(value.get(SESSION))
        if name != _KIND or value is None:
            return
        if not isinstance(value, str):
            raise Poison(f"`kind` is not text; known: {', '.join(KINDS)}")
        if value not in KINDS:
            raise Poison(f"unknown kind {ascii(value)[:40]}; known: {', '.join(KINDS)}")
        self.kind = KINDS[value]

    def _decoded(self, what: str, most_bytes: int) -> object:
        """The value that comes next, `_UNUSABLE` for one that is JSON but for a NaN or the like."""
        self._text.peek()
        where = self._text.where()
        raw = self._text.value(most_bytes, what)
        try:
            return decoded(raw, self.work)
        except Unusable:
            return _UNUSABLE
        except Poison as poison:
            raise Poison(f"{what} {where}: {poison}") from poison

    def _listed(self) -> Iterator[bytes]:
        """Everything up to the list's closing bracket."""
        if self._text.peek() == b"]":
            self._text.take(b"]")
            return
        while True:
            yield from self._many()
            self._text.peek()
            yield self._text.value(self._limits.frame_bytes, "a frame")
            if self._text.take(b",", b"]") == b"]":
                return
            self._text.peek()

    def _many(self) -> Iterator[bytes]:
        """As many frames as can be had at once, each with the comma after it; none where that does not succeed.

        The window is cut at the last `},{`. Those may be bytes within a string or a deeper list, but then
        no list of whole values lies before them, and the decoder says so: what it does decode was cut right.
        """
        text = self._text
        while text.offset(text.at) >= self._careful_until:
            text.fill()
            cut = self._cut()
            try:
                raws = _together.decode(b"[%b]" % text.held[text.at : cut]) if cut else []
            except (ValueError, RecursionError):
                raws = []
            if not raws:
                self._careful_until = text.offset(cut or len(text.held))
                return
            text.at = cut
            for raw in raws:
                yield self._small(bytes(raw))
            text.take(b",")
            text.peek()

    def _cut(self) -> int:
        """The place after the last `}` that a `,{` follows in the window, 0 when there is none."""
        text = self._text
        cut = 0
        for tail_bytes in (_USUAL_TAIL_BYTES, 2 * self._limits.frame_bytes):
            for found in _BETWEEN.finditer(text.held, max(text.at, len(text.held) - tail_bytes)):
                cut = found.start() + 1
            if cut:
                break
        return cut

    def _small(self, raw: bytes) -> bytes:
        if len(raw) > self._limits.frame_bytes:
            before = self._text.offset(self._text.at)
            raise Poison(f"a frame before byte {before} is longer than {self._limits.frame_bytes} bytes")
        return raw
