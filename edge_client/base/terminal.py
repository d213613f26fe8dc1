"""Write text safely to terminals and logs: it cannot control a terminal, hide other text or end the program.

Names, models and reasons come from cameras, the coordinator and S3. Each character that is not printable is written
as its code, in JSON's own form, so that a line of JSON stays JSON.

A standard stream that is closed, full or without a reader ends no work: `standard_streams` puts streams in the place of
sys.stdout and sys.stderr that never raise.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import BinaryIO, TextIO, cast


def say(lines: Iterable[str], stream: TextIO) -> None:
    """Write each of `lines` as exactly one line."""
    for line in lines:
        print(shown(line, stream), file=stream)


def shown(text: str, stream: TextIO) -> str:
    """`text` as one line of `stream`: printable, and in characters that its encoding has."""
    encoding = stream.encoding or "utf-8"
    return plain(text).encode(encoding, "backslashreplace").decode(encoding)


def plain(text: str) -> str:
    """`text` with unprintable characters as their codes: controls, C1, bidi, zero width, line ends, lone surrogates."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _code(char) for char in text)


def _code(char: str) -> str:
    """`\\u001b`; what lies beyond 16 bits as a pair, as JSON has it."""
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class StandardError(io.RawIOBase):
    """The bytes of a standard stream: a write that fails is dropped, its reason is kept, and the next is tried."""

    def __init__(self, stream: TextIO | None) -> None:
        self.failure: OSError | None = None
        self._sink: io.RawIOBase | BinaryIO | None = None
        if stream is not None:
            stream.flush()
            # Below its buffer: what the buffer cannot write it keeps, and the interpreter ends with 120.
            self._sink = getattr(stream.buffer, "raw", stream.buffer)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._sink is not None and self._sink.isatty()

    def fileno(self) -> int:
        return super().fileno() if self._sink is None else self._sink.fileno()

    def write(self, data: bytes) -> int:  # type: ignore[override]  # what TextIOWrapper passes
        """Write all of `data`; a failure is kept and not raised."""
        try:
            self._write_all(memoryview(data))
        except OSError as error:
            self.failure = self.failure or error
        return len(data)

    def _write_all(self, left: memoryview) -> None:
        if self._sink is None:
            raise OSError(errno.EBADF, "it is closed")
        while left:
            written = self._sink.write(left)
            if written is None:
                # Another program has made the pipe or terminal non-blocking.
                poll = select.poll()
                poll.register(self._sink.fileno(), select.POLLOUT)
                poll.poll()
            left = left[written or 0 :]


class StandardOutput(StandardError):
    """The same for a command's result: after a failure nothing more is written, so what is there is its beginning."""

    def write(self, data: bytes) -> int:  # type: ignore[override]  # what TextIOWrapper passes
        """Write all of `data`; after a failure, nothing."""
        return super().write(data) if self.failure is None else len(data)


@contextmanager
def standard_streams() -> Iterator[StandardOutput]:
    """While the block runs, sys.stdout and sys.stderr never raise; what it gets knows whether output was lost."""
    error, output = sys.stderr, sys.stdout
    below = StandardOutput(output)
    with (
        redirect_stderr(_text_over(StandardError(error), error)),
        redirect_stdout(_text_over(below, output)) as text,
    ):
        try:
            yield below
        finally:
            text.flush()


def _text_over(below: StandardError, stream: TextIO | None) -> TextIO:
    encoding = stream.encoding if stream is not None else "utf-8"
    # A raw stream will do: each of its writes takes all.
    return io.TextIOWrapper(cast(BinaryIO, below), encoding, errors="backslashreplace", line_buffering=True)


def open_missing_streams() -> None:
    """Lead each standard stream that is closed to nowhere.

    The next file or connection would get its number, and every write to standard error would go into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The system gives the lowest number that is free.
            os.open(os.devnull, os.O_RDWR)
