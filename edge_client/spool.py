"""Parts on disk: reserve, write, re-check, drop; and the small documents beside them, all of it durable.

    {spool}/.locks/camera-{serial}                              one client per camera
    {spool}/{session}/lock plan.json report.json                one client per session
    {spool}/{session}/receipts/{artifact_id}.json
    {spool}/{session}/{artifact_id}.{identity}/{number}-{first byte}-{crc64nvme}.part

A part's name says which bytes of which file it holds, so a part of another file or of another part plan is never
taken for it, and its CRC is checked again each time before it is sent. A name without `.part` is not finished.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from awscrt.checksums import crc64nvme

from edge_client.disk import Disk, created, disk_errors, locked, read
from edge_client.errors import PartCorrupt, SpoolFault, SpoolFull
from edge_client.plan import PartPlan, Span

PART_NAME = re.compile(r"(?P<number>[0-9]{5})-(?P<first>[0-9]{15})-(?P<crc>[0-9a-f]{16})\.part", re.ASCII)
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,199}", re.ASCII)
# Kept free beside the parts, so that plan, receipts and report can always be written.
RESERVE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class SpooledPart:
    """One finished part on disk and the CRC64NVME of what was written to it."""

    span: Span
    crc: int

    @property
    def filename(self) -> str:
        return f"{self.span.number:05d}-{self.span.first:015d}-{self.crc:016x}.part"


class Spool:
    """The folder that `--spool` names. Made when it is not there; refused when others may write to it."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self._root = root
        self._disk = disk
        self._disk.make_private(root)

    @contextmanager
    def session(self, session_id: str) -> Iterator[SessionSpool]:
        """The session's folder, locked. Raises SpoolBusy when another client has it."""
        folder = self._root / _safe(session_id)
        self._disk.make_private(folder)
        with locked(folder / "lock", f"another client hauls session {session_id}"):
            yield SessionSpool(folder, self._disk)

    @contextmanager
    def camera(self, serial: str) -> Iterator[None]:
        """The lock of one camera. Raises SpoolBusy when another client reads from it."""
        folder = self._root / ".locks"
        self._disk.make_private(folder)
        with locked(folder / f"camera-{_safe(serial)}", f"another client reads from camera {serial}"):
            yield


class SessionSpool:
    """One session's folder."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def read(self, name: str) -> bytes | None:
        """A document as it was written, or None when there is none."""
        with disk_errors():
            try:
                return read(self._folder / name)
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a document so that it is there, whole, after a power cut."""
        with disk_errors():
            self._disk.write(self._folder / name, content)

    def write_receipt(self, artifact_id: str, content: bytes) -> None:
        """Write a receipt, durably: from here on the chapter's parts may go."""
        folder = self._folder / "receipts"
        self._disk.make_private(folder)
        with disk_errors():
            self._disk.write(folder / f"{_safe(artifact_id)}.json", content)

    def chapter(self, artifact_id: str, identity: str) -> ChapterSpool:
        """The parts of one chapter; another identity has another folder."""
        return ChapterSpool(self._folder / f"{_safe(artifact_id)}.{identity}", self._disk)


class ChapterSpool:
    """The parts of one chapter. Different threads may use different parts."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    @property
    def exists(self) -> bool:
        """Whether anything of the chapter is on this disk."""
        return self._folder.exists()

    def parts(self, plan: PartPlan) -> dict[int, SpooledPart]:
        """The finished parts that fit `plan`, by number. Parts of another part plan do not fit and stay unseen."""
        with disk_errors():
            paths = sorted(self._folder.iterdir()) if self.exists else []
            found = [self._fitting(path, plan) for path in paths]
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
        self._disk.make_private(self._folder)
        with disk_errors():
            if self._disk.free_bytes(self._folder) < span.size_bytes + RESERVE_BYTES:
                raise SpoolFull(
                    f"no room for {span.size_bytes} bytes in {self._folder}; nothing was deleted, make room there"
                )
            writer = PartWriter(self._disk, self._folder, span)
        try:
            yield writer
        finally:
            writer.close()

    def content(self, part: SpooledPart) -> bytes:
        """The part's bytes, checked against its CRC. Raises PartCorrupt; a lost file is corrupt too.

        Read and not mapped: a sector that a mapped file cannot read kills the process, and what was checked is what
        is sent.
        """
        try:
            content = read(self._folder / part.filename)
        except OSError as error:
            raise PartCorrupt(f"part {part.span.number} cannot be read from the spool") from error
        if len(content) != part.span.size_bytes or crc64nvme(content) != part.crc:
            raise PartCorrupt(f"part {part.span.number} changed on the spool's disk")
        return content

    def drop_part(self, part: SpooledPart) -> None:
        """Remove one part."""
        with disk_errors():
            (self._folder / part.filename).unlink(missing_ok=True)

    def drop(self) -> None:
        """Remove all parts of the chapter. Only for a chapter whose receipt is durable."""
        with disk_errors():
            if self.exists:
                shutil.rmtree(self._folder)


class PartWriter:
    """Writes one part to a file of its own and counts its CRC as the bytes pass."""

    def __init__(self, disk: Disk, folder: Path, span: Span) -> None:
        self._disk = disk
        self._folder = folder
        self._span = span
        self._path = folder / f"{span.number:05d}.writing"
        self._size_bytes = 0
        self._crc = 0
        self._path.unlink(missing_ok=True)
        self._file = created(self._path)
        try:
            os.posix_fallocate(self._file, 0, span.size_bytes)
        except OSError:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Append to the part."""
        with disk_errors():
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
        with disk_errors():
            self._disk.fsync(self._file)
            self._disk.rename(self._path, self._folder / part.filename)
            for older in self._folder.glob(f"{self._span.number:05d}-{self._span.first:015d}-*.part"):
                if older.name != part.filename:
                    older.unlink()
        return part

    def close(self) -> None:
        """Let go of the file; without a commit it is removed."""
        with disk_errors():
            if self._file >= 0:
                file, self._file = self._file, -1
                os.close(file)
            self._path.unlink(missing_ok=True)


def _safe(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise SpoolFault(f"{name!r} cannot name a folder of the spool")
    return name
