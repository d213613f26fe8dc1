"""One part as a file: written once and made durable, read with its CRC held against its name."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from awscrt.checksums import crc64nvme

from edge_client.base.disk import Disk, Entry, disk_errors
from edge_client.base.errors import PartCorrupt, PartUnkept, SpoolFault
from edge_client.base.folders import append_all, open_file, remove_file, rename
from edge_client.model.parts import PartPlan, Span, SpooledPart
from edge_client.spool.budget import SpoolBudget

# The disk failed, or somebody has removed the file or its folder: what was written is gone, and nothing brings it back.
UNKEPT = (errno.EIO, errno.ENOENT, errno.ESTALE)
# What an fsync finds at most that is not on its way to the disk yet: while it lasts the camera rests.
WRITE_BACK_BYTES = 4 * 1024 * 1024
PART_NAME = re.compile(r"(?P<number>[0-9]{5})-(?P<first>[0-9]{15})-(?P<crc>[0-9a-f]{16})\.part", re.ASCII)


def part_of_plan(file: Entry, plan: PartPlan) -> SpooledPart | None:
    """The part of `plan` that the file holds by its name and length, or None."""
    match = PART_NAME.fullmatch(file.name)
    if not match or not 1 <= int(match["number"]) <= plan.part_count:
        return None
    span = plan.span(int(match["number"]))
    fits = span.first == int(match["first"]) and span.size_bytes == file.size_bytes
    return SpooledPart(span, int(match["crc"], 16)) if fits else None


def part_by_name(file: Entry) -> SpooledPart | None:
    """The part that the file is by its name and length, of any part plan; None for another name."""
    match = PART_NAME.fullmatch(file.name)
    if not match:
        return None
    return SpooledPart(
        Span(int(match["number"]), int(match["first"]), file.size_bytes), int(match["crc"], 16)
    )


@contextmanager
def part_errors(number: int) -> Iterator[None]:
    """Raise what a disk refuses of a part as the spool's errors; PartUnkept where a try from the start may help."""
    try:
        with disk_errors():
            yield
    except SpoolFault as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in UNKEPT:
            raise PartUnkept(f"the spool's disk did not keep part {number}: {cause.strerror}") from cause
        raise


class PartWriter:
    """Writes one part to a file of its own and counts its CRC as the bytes pass. Its room is taken until it goes."""

    def __init__(
        self,
        disk: Disk,
        budget: SpoolBudget,
        folder: str,
        span: Span,
        written: Callable[[SpooledPart], None],
    ) -> None:
        self._disk = disk
        self._budget = budget
        self._folder = folder
        self._span = span
        self._written = written
        self._path = f"{folder}/{span.number:05d}.writing"
        self._size_bytes = 0
        self._under_way_bytes = 0
        self._crc = 0
        remove_file(disk, self._path)
        self._file = disk.create(self._path)
        self._budget.reserve(span.size_bytes)
        try:
            disk.allocate(self._file, span.size_bytes)
        except OSError:
            self.close()
            raise

    def write(self, data: bytes | memoryview) -> None:
        """Append to the part."""
        with part_errors(self._span.number):
            append_all(self._disk, self._file, memoryview(data))
            self._size_bytes += len(data)
            waiting_bytes = self._size_bytes - self._under_way_bytes
            if waiting_bytes >= WRITE_BACK_BYTES:
                self._disk.write_back(self._file, self._under_way_bytes, waiting_bytes)
                self._under_way_bytes = self._size_bytes
        self._crc = crc64nvme(data, self._crc)

    def commit(self) -> SpooledPart:
        """Make the part durable under its name, then drop the part that it replaces.

        Raises SpoolFault when it was not written to its full length.
        """
        if self._size_bytes != self._span.size_bytes:
            raise SpoolFault(
                f"part {self._span.number} has {self._size_bytes} of {self._span.size_bytes} bytes"
            )
        part = SpooledPart(self._span, self._crc)
        with part_errors(self._span.number):
            # One try: after a failed fsync nobody knows what the disk holds, and a second one would not say.
            self._disk.fsync(self._file)
            with self._budget.change(self._span.size_bytes):
                rename(self._disk, self._path, f"{self._folder}/{part.filename}")
        self._written(part)
        return part

    def close(self) -> None:
        """Let go of the file and of what was reserved for writing it, once; without a commit it is removed."""
        with part_errors(self._span.number):
            self._budget.reserve(-self._span.size_bytes)
            self._disk.close(self._file)
            remove_file(self._disk, self._path)


class PartReader:
    """The bytes of one part, block by block, held against its CRC before the last block is given away.

    So a part that changed on the disk never goes out whole, and no part is ever in memory whole. Read and not mapped:
    a sector that a mapped file cannot read kills the process.
    """

    def __init__(self, path: str, part: SpooledPart, disk: Disk) -> None:
        self._path = path
        self._part = part
        self._disk = disk

    def blocks(self, buffer: memoryview) -> Iterator[memoryview]:
        """Views of `buffer`, filled again for each block. Raises PartCorrupt; a lost file is corrupt too."""
        number, size_bytes, crc = self._part.span.number, self._part.span.size_bytes, 0
        left_bytes = size_bytes
        try:
            with open_file(self._disk, self._path) as file:
                if self._disk.size_bytes(file) != size_bytes:
                    raise PartCorrupt(f"part {number} changed its length on the spool's disk")
                while left_bytes:
                    free = buffer[:left_bytes]
                    block = free[: self._disk.fill(file, size_bytes - left_bytes, free)]
                    left_bytes -= len(block)
                    crc = crc64nvme(block, crc)
                    if not block or (left_bytes == 0 and crc != self._part.crc):
                        raise PartCorrupt(f"part {number} changed on the spool's disk")
                    yield block
        except OSError as error:
            raise PartCorrupt(f"part {number} cannot be read from the spool") from error
