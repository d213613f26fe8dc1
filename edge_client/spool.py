"""Parts on disk: reserve, write, fsync, re-check, drop; locks; small documents written durably.

    {spool}/.locks/camera-{serial}                              one client per camera
    {spool}/{session}/lock plan.json report.json                one client per session
    {spool}/{session}/receipts/{artifact_id}.json
    {spool}/{session}/{artifact_id}.{identity}/{number}-{first byte}-{crc64nvme}.part

A part's name says which bytes of which file it holds, so a part of another file or of another part plan is never
taken for it, and its CRC is checked again each time before it is sent. A name without `.part` is not finished.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from awscrt.checksums import crc64nvme

from edge_client.errors import PartCorrupt, SpoolBusy, SpoolFault, SpoolFull
from edge_client.plan import PartPlan, Span

PART_NAME = re.compile(r"(?P<number>[0-9]{5})-(?P<first>[0-9]{15})-(?P<crc>[0-9a-f]{16})\.part", re.ASCII)
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,199}", re.ASCII)
# Kept free beside the parts, so that plan, receipts and report can always be written.
RESERVE_BYTES = 16 * 1024 * 1024

FreeBytes = Callable[[Path], int]


@dataclass(frozen=True)
class SpooledPart:
    """One finished part on disk and the CRC64NVME of what was written to it."""

    span: Span
    crc: int

    @property
    def filename(self) -> str:
        return f"{self.span.number:05d}-{self.span.first:015d}-{self.crc:016x}.part"


def disk_free_bytes(folder: Path) -> int:
    """What an ordinary user may still write to the folder's disk."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


class Spool:
    """The folder that `--spool` names. Made when it is not there; refused when others may write to it."""

    def __init__(self, root: Path, free_bytes: FreeBytes = disk_free_bytes) -> None:
        self._root = root
        self._free_bytes = free_bytes
        _make_private(root)

    @contextmanager
    def session(self, session_id: str) -> Iterator[SessionSpool]:
        """The session's folder, locked. Raises SpoolBusy when another client has it."""
        folder = self._root / _safe(session_id)
        _make_private(folder)
        with _locked(folder / "lock", f"another client hauls session {session_id}"):
            yield SessionSpool(folder, self._free_bytes)

    @contextmanager
    def camera(self, serial: str) -> Iterator[None]:
        """The lock of one camera. Raises SpoolBusy when another client reads from it."""
        folder = self._root / ".locks"
        _make_private(folder)
        with _locked(folder / f"camera-{_safe(serial)}", f"another client reads from camera {serial}"):
            yield


class SessionSpool:
    """One session's folder."""

    def __init__(self, folder: Path, free_bytes: FreeBytes) -> None:
        self._folder = folder
        self._free_bytes = free_bytes

    def read(self, name: str) -> bytes | None:
        """A document as it was written, or None when there is none."""
        try:
            return _read(self._folder / name)
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a document so that it is there, whole, after a power cut."""
        with _disk_errors():
            _write_durably(self._folder / name, content)

    def write_receipt(self, artifact_id: str, content: bytes) -> None:
        """Write a receipt, durably: from here on the chapter's parts may go."""
        with _disk_errors():
            _make_private(self._folder / "receipts")
            _write_durably(self._folder / "receipts" / f"{_safe(artifact_id)}.json", content)

    def chapter(self, artifact_id: str, identity: str) -> ChapterSpool:
        """The parts of one chapter; another identity has another folder."""
        return ChapterSpool(self._folder / f"{_safe(artifact_id)}.{identity}", self._free_bytes)


class ChapterSpool:
    """The parts of one chapter. Different threads may use different parts."""

    def __init__(self, folder: Path, free_bytes: FreeBytes) -> None:
        self._folder = folder
        self._free_bytes = free_bytes

    def parts(self, plan: PartPlan) -> dict[int, SpooledPart]:
        """The finished parts that fit `plan`, by number. Parts of another part plan do not fit and stay unseen."""
        if not self._folder.exists():
            return {}
        found = (self._fitting(path, plan) for path in sorted(self._folder.iterdir()))
        return {part.span.number: part for part in found if part}

    def _fitting(self, path: Path, plan: PartPlan) -> SpooledPart | None:
        match = PART_NAME.fullmatch(path.name)
        if not match or not 1 <= int(match["number"]) <= plan.part_count:
            return None
        span = plan.span(int(match["number"]))
        fits = span.first == int(match["first"]) and span.size_bytes == path.lstat().st_size
        return SpooledPart(span, int(match["crc"], 16)) if fits else None

    @contextmanager
    def writing(self, span: Span) -> Iterator[PartWriter]:
        """A writer for one part, its room reserved. Unless it is committed, nothing of it stays.

        Raises SpoolFull when the disk has no room for it.
        """
        _make_private(self._folder)
        if self._free_bytes(self._folder) < span.size_bytes + RESERVE_BYTES:
            raise SpoolFull(f"no room for {span.size_bytes} bytes in {self._folder}; nothing was deleted")
        with _disk_errors():
            writer = PartWriter(self._folder, span)
        try:
            yield writer
        finally:
            writer.close()

    @contextmanager
    def opened(self, part: SpooledPart) -> Iterator[memoryview]:
        """The part's bytes, mapped and checked against its CRC. Raises PartCorrupt; a lost file is corrupt too."""
        try:
            mapped = _mapped(self._folder / part.filename, part.span.size_bytes)
        except (OSError, ValueError) as error:
            raise PartCorrupt(f"part {part.span.number} cannot be read from the spool") from error
        with mapped, memoryview(mapped) as view:
            if crc64nvme(view) != part.crc:
                raise PartCorrupt(f"part {part.span.number} changed on the spool's disk")
            yield view

    def drop_part(self, part: SpooledPart) -> None:
        """Remove one part."""
        (self._folder / part.filename).unlink(missing_ok=True)

    def drop(self) -> None:
        """Remove all parts of the chapter. Only for a chapter whose receipt is durable."""
        if self._folder.exists():
            shutil.rmtree(self._folder)


class PartWriter:
    """Writes one part to a file of its own and counts its CRC as the bytes pass."""

    def __init__(self, folder: Path, span: Span) -> None:
        self._folder = folder
        self._span = span
        self._path = folder / f"{span.number:05d}.writing"
        self._size_bytes = 0
        self._crc = 0
        self._path.unlink(missing_ok=True)
        self._file = os.open(
            self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            os.posix_fallocate(self._file, 0, span.size_bytes)
        except OSError:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Append to the part."""
        with _disk_errors():
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        self._crc = crc64nvme(data, self._crc)
        self._size_bytes += len(data)

    def commit(self) -> SpooledPart:
        """Make the part durable under its name. Raises SpoolFault when it was not written to its full length."""
        if self._size_bytes != self._span.size_bytes:
            raise SpoolFault(
                f"part {self._span.number} has {self._size_bytes} of {self._span.size_bytes} bytes"
            )
        part = SpooledPart(self._span, self._crc)
        with _disk_errors():
            os.fsync(self._file)
            for older in self._folder.glob(f"{self._span.number:05d}-{self._span.first:015d}-*.part"):
                older.unlink()
            self._path.rename(self._folder / part.filename)
            _fsync_folder(self._folder)
        return part

    def close(self) -> None:
        """Let go of the file; without a commit it is removed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._path.unlink(missing_ok=True)


def _mapped(path: Path, size_bytes: int) -> mmap.mmap:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return mmap.mmap(file, size_bytes, prot=mmap.PROT_READ)
    finally:
        os.close(file)


def _read(path: Path) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        return stream.read()


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.writing")
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(file)
    temporary.rename(path)
    _fsync_folder(path.parent)


def _fsync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _make_private(folder: Path) -> None:
    """Make a folder for us alone. Raises SpoolFault when it is a link, somebody else's, or others may write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SpoolFault(f"{folder} is not a folder") from error
    except OSError as error:
        raise SpoolFault(f"{folder} cannot be made: {error.strerror}") from error
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise SpoolFault(f"{folder} must be a folder of this user alone, no link, writable by nobody else")


def _safe(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise SpoolFault(f"{name!r} cannot name a folder of the spool")
    return name


@contextmanager
def _locked(path: Path, taken: str) -> Iterator[None]:
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpoolBusy(f"{taken}; wait for it to end") from error
        yield
    finally:
        os.close(file)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpoolFull("the spool's disk is full; nothing was deleted") from error
        raise SpoolFault(f"the spool's disk fails: {error.strerror}") from error
