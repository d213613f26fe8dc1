"""Files fetched from S3 by ranges, several at a time; each is proven on the disk before it gets its name.

A file grows in its order in `NAME.partial`, so that its length says where a killed run continues. Readers run ahead of
the file by a bounded number of pieces. Once a file is whole, its bytes are made durable and read back from the disk.
"""

import base64
import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from botocore.exceptions import ClientError

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import StorageBusy, VersionGone
from chalicelib.core.upload import Receipt
from infra.admin.at_rest.reading import PIECE_BYTES, Objects, Pace, read_piece
from infra.admin.deployment import Refused
from infra.admin.layout import PARTIAL

_AHEAD = 2
"""Pieces that each reader may have read and that are not written yet, counting the one it reads."""


class End(Enum):
    FETCHED = "fetched"
    THERE = "there"
    DIFFERS = "differs"
    DAMAGED = "damaged"
    UNREAD = "unread"


@dataclass(frozen=True)
class Target:
    """A version by its receipt, and the file that it becomes."""

    receipt: Receipt
    path: Path

    @property
    def partial(self) -> Path:
        return self.path.with_name(self.path.name + PARTIAL)

    def begun_bytes(self) -> int:
        """How many bytes of it an earlier run left; none where that is no beginning of it."""
        try:
            size_bytes = self.partial.stat().st_size
        except FileNotFoundError:
            return 0
        return size_bytes if size_bytes <= self.receipt.size_bytes else 0


@dataclass(frozen=True)
class Outcome:
    """What became of a target; `fault` says why it is neither FETCHED nor THERE."""

    target: Target
    end: End
    fault: str | None = None


@dataclass
class FetchProgress:
    """How far a run is: `size_bytes` are to be fetched, `fetched_bytes` of them are.

    `read_back` is the file on the disk that everything waits for at this moment.
    """

    files: int
    size_bytes: int
    done_files: int = 0
    fetched_bytes: int = 0
    read_back: str = ""


@dataclass
class _Copy:
    """A target whose bytes are coming; `fault` is why no more of them are taken."""

    target: Target
    file: BinaryIO
    begin: int
    fault: Outcome | None = None


@dataclass(frozen=True)
class _Piece:
    copy: _Copy
    first: int
    size_bytes: int

    @property
    def end(self) -> int:
        return self.first + self.size_bytes


@dataclass
class Fetching:
    """One run over targets; `parallel` ranges at a time, `tell` hears how far it is."""

    objects: Objects
    pace: Pace
    parallel: int
    tell: Callable[[FetchProgress], None]
    so_far: FetchProgress = field(default_factory=lambda: FetchProgress(0, 0))
    _queue: deque[Target] = field(default_factory=deque)
    _checks: deque[tuple[_Copy, Future[Outcome]]] = field(default_factory=deque)
    _open: list[_Copy] = field(default_factory=list)
    _ended: list[Outcome] = field(default_factory=list)

    def run(self, targets: Iterable[Target]) -> list[Outcome]:
        """What became of each target. What is not whole when it ends, for any reason, stays in its `.partial`."""
        self._queue.extend(targets)
        left = [
            each.receipt.size_bytes - each.begun_bytes() for each in self._queue if not each.path.exists()
        ]
        self.so_far.files, self.so_far.size_bytes = len(self._queue), sum(left)
        readers = ThreadPoolExecutor(self.parallel, thread_name_prefix="fetch")
        checker = ThreadPoolExecutor(1, thread_name_prefix="check")
        try:
            while self._queue or self._checks:
                self._copy_all(readers, checker)
                self._take_checks()
            return self._ended
        finally:
            self.pace.stop()
            readers.shutdown(cancel_futures=True)
            checker.shutdown(cancel_futures=True)
            for copy in self._open:
                copy.file.close()

    def _copy_all(self, readers: ThreadPoolExecutor, checker: ThreadPoolExecutor) -> None:
        coming: deque[tuple[_Piece, Future[bytes]]] = deque()
        for piece in self._pieces(checker):
            coming.append((piece, readers.submit(self._read, piece)))
            if len(coming) >= _AHEAD * self.parallel:
                self._write(*coming.popleft(), checker)
        while coming:
            self._write(*coming.popleft(), checker)

    def _pieces(self, checker: ThreadPoolExecutor) -> Iterator[_Piece]:
        """The ranges of every target that must be fetched, in the order in which they are written."""
        while self._queue:
            copy = self._begin(self._queue.popleft())
            if copy is None:
                continue
            size_bytes = copy.target.receipt.size_bytes
            if copy.begin == size_bytes:
                self._checks.append((copy, checker.submit(_name, copy)))
            for first in range(copy.begin, size_bytes, PIECE_BYTES):
                if copy.fault:
                    break
                yield _Piece(copy, first, min(PIECE_BYTES, size_bytes - first))

    def _begin(self, target: Target) -> _Copy | None:
        """The copy to be made; None where the file is there already, whichever file it is."""
        if os.path.lexists(target.path):
            self._wait_for(target)
            self._end(compared(target))
            return None
        target.path.parent.mkdir(parents=True, exist_ok=True)
        begin = target.begun_bytes()
        self._open = [each for each in self._open if not each.file.closed]
        self._open.append(_Copy(target, target.partial.open("ab" if begin else "wb"), begin))
        return self._open[-1]

    def _read(self, piece: _Piece) -> bytes:
        receipt = piece.copy.target.receipt
        # One byte more at the end: a longer object must not pass for its beginning.
        more = 1 if piece.end == receipt.size_bytes else 0
        return read_piece(self.objects, receipt, piece.first, piece.size_bytes + more, self.pace)

    def _write(self, piece: _Piece, coming: Future[bytes], checker: ThreadPoolExecutor) -> None:
        copy = piece.copy
        body = self._body(piece, coming)
        if copy.fault:
            return
        try:
            copy.file.write(body)
            copy.file.flush()
        except OSError as error:
            raise Refused(
                f"{copy.target.partial}: {error.strerror}; what is there stays, and the same command continues it"
            ) from error
        self.so_far.fetched_bytes += len(body)
        if piece.end == copy.target.receipt.size_bytes:
            self._checks.append((copy, checker.submit(_name, copy)))
        self.tell(self.so_far)

    def _body(self, piece: _Piece, coming: Future[bytes]) -> bytes:
        """The bytes of the piece; where they do not come, the copy has its fault."""
        copy = piece.copy
        try:
            body = coming.result()
        except VersionGone:
            self._give_up(copy, End.DAMAGED, "S3 holds this version no longer")
        except (StorageBusy, ClientError) as error:
            self._give_up(copy, End.UNREAD, str(error) or type(error).__name__)
        else:
            if len(body) == piece.size_bytes:
                return body
            told = "more" if len(body) > piece.size_bytes else "fewer"
            size_bytes = copy.target.receipt.size_bytes
            self._give_up(
                copy, End.DAMAGED, f"S3 has {told} bytes of it than the {size_bytes} of its receipt"
            )
        return b""

    def _give_up(self, copy: _Copy, end: End, fault: str) -> None:
        if copy.fault is None:
            copy.file.close()
            copy.fault = Outcome(copy.target, end, fault)
            self._end(copy.fault)

    def _take_checks(self) -> None:
        while self._checks:
            copy, check = self._checks.popleft()
            self._wait_for(copy.target)
            outcome = check.result()
            if outcome.end is End.DAMAGED and copy.begin:
                # What an earlier run left may be at fault: a machine that lost power, or another version.
                self.so_far.size_bytes += copy.target.receipt.size_bytes
                self._queue.append(copy.target)
            else:
                self._end(outcome)

    def _wait_for(self, target: Target) -> None:
        self.so_far.read_back = target.path.name
        self.tell(self.so_far)
        self.so_far.read_back = ""

    def _end(self, outcome: Outcome) -> None:
        self._ended.append(outcome)
        self.so_far.done_files += 1
        self.tell(self.so_far)


def compared(target: Target) -> Outcome:
    """Whether the file that has the target's name is the target; it is read whole, and never written."""
    path, receipt = target.path, target.receipt
    if not path.is_file():
        return Outcome(target, End.DIFFERS, "something that is no file has its name")
    size_bytes = path.stat().st_size
    if size_bytes != receipt.size_bytes:
        return Outcome(
            target,
            End.DIFFERS,
            f"a file of {size_bytes} bytes has its name; the receipt has {receipt.size_bytes}",
        )
    with path.open("rb") as file:
        crc = crc_of(file)
    if crc != receipt.crc64nvme:
        return Outcome(
            target,
            End.DIFFERS,
            f"a file with CRC64NVME {crc} has its name; the receipt has {receipt.crc64nvme}",
        )
    return Outcome(target, End.THERE)


def _name(copy: _Copy) -> Outcome:
    """Give the file its name once its bytes, read back from the disk, are those of the receipt; else remove it."""
    target = copy.target
    copy.file.close()
    with target.partial.open("rb") as file:
        os.fsync(file.fileno())
        _forget_cached(file)
        crc = crc_of(file)
    if crc != target.receipt.crc64nvme:
        target.partial.unlink()
        fault = f"its bytes have CRC64NVME {crc}; its receipt has {target.receipt.crc64nvme}"
        return Outcome(target, End.DAMAGED, fault)
    if os.path.lexists(target.path):
        return Outcome(target, End.DIFFERS, "another file has taken its name meanwhile")
    target.partial.rename(target.path)
    _sync_folder(target.path.parent)
    return Outcome(target, End.FETCHED)


def crc_of(file: BinaryIO) -> Crc64Nvme:
    """The CRC64NVME of all that the file has."""
    from awscrt import checksums

    crc = 0
    while piece := file.read(PIECE_BYTES):
        crc = checksums.crc64nvme(piece, crc)
    return Crc64Nvme(base64.b64encode(crc.to_bytes(8, "big")).decode())


def _forget_cached(file: BinaryIO) -> None:
    """Have the next read come from the disk and not from memory, where the system takes such advice."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _sync_folder(folder: Path) -> None:
    """Make the name durable too; some network disks do not sync folders, and say so."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)
