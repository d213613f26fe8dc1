"""The door of a command's process: its standard streams end no work, and a result that nobody got is not a success."""

import errno
import io
import os
import select
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import BinaryIO, TextIO, cast

FAILED = 1


class _Steady(io.RawIOBase):
    """The bytes of a standard stream. The first failure is kept, and from then on what is written is dropped."""

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
        """All of `data`, as far as the caller hears."""
        if self.failure is None:
            try:
                self._write_all(memoryview(data))
            except OSError as error:
                self.failure = error
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


def output_failure() -> OSError | None:
    """Why standard output did not take all of the result of this process, as far as is known; None when it did."""
    below = getattr(sys.stdout, "buffer", None)
    return below.failure if isinstance(below, _Steady) else None


def ended(command: Callable[[], int]) -> int:
    """The exit code of the process that is this command: 1 and not 0 when standard output did not take its result."""
    _open_missing_streams()
    with redirect_stderr(_text_over(sys.stderr)), redirect_stdout(_text_over(sys.stdout)):
        try:
            code = command()
        except SystemExit as error:  # argparse has printed help or a usage fault
            code = int(error.code or 0)
        except FileNotFoundError as error:
            code = _without_temporary_folder(error)
        sys.stdout.flush()
        failure = output_failure()
        if failure is None:
            return code
        reason = failure.strerror or type(failure).__name__
        print(
            f"the result could not be written to standard output ({reason}); what was done stays",
            file=sys.stderr,
        )
        return code or FAILED


def _without_temporary_folder(error: FileNotFoundError) -> int:
    """The exit code where no temporary folder can be written to. Raises `error` where that is not the reason."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as reason:
        print(f"{reason.strerror}: make room in one of them, or name another with TMPDIR", file=sys.stderr)
        return FAILED
    raise error


def _text_over(stream: TextIO | None) -> TextIO:
    encoding = stream.encoding if stream is not None else "utf-8"
    # A raw stream will do: each of its writes takes all.
    below = cast(BinaryIO, _Steady(stream))
    return io.TextIOWrapper(below, encoding, errors="backslashreplace", line_buffering=True)


def _open_missing_streams() -> None:
    """Lead each standard stream that is closed to nowhere: the next file would get its number, and be written into."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The system gives the lowest number that is free.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
