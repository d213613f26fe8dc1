"""A JSON text that is longer than memory: where its values end, found by brackets and quotes alone.

What stands between the brackets is not judged here: whoever gets a value decodes it.
"""

import re
from collections.abc import Iterable, Iterator

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.limits import MOST_DEPTH
from chalicelib.core.measurements.work import Work

BLANKS = b" \t\r\n"
_LINE_STEPS = 2
_BLANK = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{}"]', re.DOTALL)
_SCALAR = re.compile(rb"[^][{}:,\" \t\r\n]*")


class TooDeep(Exception):
    """More brackets within each other than MOST_DEPTH."""


def end_of_value(held: bytes, start: int, work: Work) -> int | None:
    """Where the value that begins at `start` ends, or None when that is not among the bytes held.

    A number or a word ends where another character follows it. Raises TooDeep, and Poison from `work`.
    """
    opening = held[start : start + 1]
    if opening == b'"':
        string = _STRING.match(held, start)
        return string.end() if string else None
    if opening not in (b"{", b"["):
        scalar = _SCALAR.match(held, start)
        return scalar.end() if scalar and scalar.end() < len(held) else None
    end, tokens = _end_of_brackets(held, start)
    work.spend(tokens)
    return end


def _end_of_brackets(held: bytes, start: int) -> tuple[int | None, int]:
    """Where the brackets that open at `start` are all closed, and how many brackets and strings were looked at."""
    depth = tokens = 0
    for tokens, found in enumerate(_BRACKET.finditer(held, start), start=1):
        token = found[0]
        if token in (b"{", b"["):
            depth += 1
            if depth > MOST_DEPTH:
                raise TooDeep
        elif token in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return found.end(), tokens
        elif token == b'"':
            return None, tokens  # a string that does not end here
    return None, tokens


class Text:
    """What is left of a text: `held` from `at` on, and what has not come yet."""

    def __init__(self, pieces: Iterable[bytes], window_bytes: int, work: Work) -> None:
        self.held = b""
        self._work = work
        self.at = 0
        self._pieces = iter(pieces)
        self._window_bytes = window_bytes
        self._dropped_bytes = 0

    def offset(self, at: int) -> int:
        """How many bytes of the text lie before `held[at]`."""
        return self._dropped_bytes + at

    def where(self) -> str:
        return f"at byte {self.offset(self.at)}"

    def grow(self) -> bool:
        """Hold another window of bytes, and none of those before `at`; False when there are no more."""
        more: list[bytes] = []
        size_bytes = 0
        for piece in self._pieces:
            more.append(piece)
            size_bytes += len(piece)
            if size_bytes >= self._window_bytes:
                break
        if not size_bytes:
            return False
        self._dropped_bytes += self.at
        self.held = b"".join((self.held[self.at :], *more))
        self.at = 0
        return True

    def fill(self) -> None:
        """Hold at least half a window, if there is as much."""
        if (len(self.held) - self.at) * 2 < self._window_bytes:
            self.grow()

    def peek(self) -> bytes:
        """The next byte that is not blank, with `at` on it; empty at the end."""
        while True:
            blank = _BLANK.match(self.held, self.at)
            self.at = blank.end() if blank else self.at
            if self.at < len(self.held):
                return self.held[self.at : self.at + 1]
            if not self.grow():
                return b""

    def take(self, *wanted: bytes) -> bytes:
        """The next byte that is not blank, which must be one of `wanted`, with `at` after it. Raises Poison."""
        found = self.peek()
        if not found:
            raise Poison(f"the text ends too early, {self.where()}")
        if found not in wanted:
            raise Poison(f"this is not JSON: {self.where()} there must be {b' or '.join(wanted).decode()}")
        self.at += 1
        return found

    def value(self, most_bytes: int, what: str) -> bytes:
        """The value that begins at `at`, with `at` after it.

        Raises Poison when it is missing, cut off, deeper than MOST_DEPTH or longer than `most_bytes`.
        """
        end = self._end(most_bytes, what)
        if end == self.at:
            raise Poison(f"this is not JSON: a value is missing {self.where()}")
        raw = self.held[self.at : end]
        if len(raw) > most_bytes:
            raise Poison(f"{what} {self.where()} is longer than {most_bytes} bytes")
        self.at = end
        return raw

    def _end(self, most_bytes: int, what: str) -> int:
        while True:
            try:
                end = end_of_value(self.held, self.at, self._work)
            except TooDeep as error:
                raise Poison(f"{what} {self.where()} is nested deeper than {MOST_DEPTH}") from error
            if end is not None:
                return end
            if len(self.held) - self.at > most_bytes:
                raise Poison(f"{what} {self.where()} is longer than {most_bytes} bytes")
            if not self.grow():
                raise Poison(f"the text ends too early, within {what} {self.where()}")

    def lines(self, most_bytes: int) -> Iterator[bytes]:
        """Every line from `at` on, without its newline. Raises Poison when one is longer than `most_bytes`."""
        while True:
            end = self.held.rfind(b"\n", self.at)
            if end >= 0:
                yield from self._cut(end, most_bytes)
            elif len(self.held) - self.at > most_bytes:
                raise Poison(f"a line {self.where()} is longer than {most_bytes} bytes")
            elif not self.grow():
                yield from self._cut(len(self.held), most_bytes)
                return

    def _cut(self, end: int, most_bytes: int) -> Iterator[bytes]:
        lines = self.held[self.at : end].split(b"\n")
        # Blank ones too: a gigabyte of line feeds is a few hundred KiB when it is zipped.
        self._work.spend(_LINE_STEPS * len(lines))
        for line in lines:
            if len(line) > most_bytes:
                raise Poison(f"a line {self.where()} is longer than {most_bytes} bytes")
            self.at = min(self.at + len(line) + 1, len(self.held))
            yield line
