"""What is uploaded, as something that can be read in parts: an old file, or rows that were written out."""

import base64
import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Protocol

from chalicelib.core.crc import Crc64Nvme, fold
from infra.migration.legacy.values import OldRow
from infra.migration.plan import From, Item
from infra.migration.sources import Database, Files, SourceChanged, SourceUnusable, Unreadable

MOST_REASONS = 20
_READ_BYTES = 16 * 2**20
_LEVEL = 4
"""108,000 rows take half the time of level 6, and a sixth more bytes."""


class Body(Protocol):
    """Bytes of a known size; `rows` where they were written out of frame rows."""

    @property
    def size_bytes(self) -> int: ...

    @property
    def rows(self) -> "Rows | None": ...

    def read(self, first: int, size_bytes: int) -> bytes:
        """Exactly these bytes. Raises SourceChanged."""


@dataclass(frozen=True)
class FileBody:
    """A file of the older system."""

    files: Files
    key: str
    size_bytes: int
    rows: "Rows | None" = None

    def read(self, first: int, size_bytes: int) -> bytes:
        return self.files.read(self.key, first, size_bytes)


@dataclass(frozen=True)
class Rows:
    """How many frame rows were written out, how many could not be, and the first reasons."""

    written: int = 0
    unreadable: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrittenBody:
    """Rows in a temporary file."""

    file: IO[bytes]
    size_bytes: int
    rows: Rows | None = None

    def read(self, first: int, size_bytes: int) -> bytes:
        self.file.seek(first)
        return self.file.read(size_bytes)


@contextmanager
def open_body(files: Files, database: Database | None, row: OldRow | None, item: Item) -> Iterator[Body]:
    """The bytes of an item; rows are read and written out now. Raises SourceChanged, SourceUnusable."""
    if item.source is From.OBJECT:
        if item.key is None or item.size_bytes is None:
            raise SourceUnusable(f"{item.artifact_id} has no file")
        yield FileBody(files, item.key, item.size_bytes)
        return
    if database is None or row is None:
        raise SourceUnusable(f"{item.artifact_id} needs the database")
    with tempfile.TemporaryFile() as file:
        yield (
            _write_row(file, database, row)
            if item.source is From.SESSION_ROW
            else _write_frames(file, database, row)
        )


def crc64nvme(body: bytes) -> Crc64Nvme:
    """The CRC64NVME as S3 writes it. Raises SourceUnusable without awscrt: in Python it would take days."""
    try:
        from awscrt import checksums
    except ModuleNotFoundError as error:
        raise SourceUnusable("this needs awscrt: install the command as reelhaul-admin[migrate]") from error
    return Crc64Nvme(base64.b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode())


def crc_of(body: Body) -> Crc64Nvme:
    """The CRC64NVME of the whole, read piece by piece."""
    pieces = (body.read(first, size_bytes) for first, size_bytes in _pieces(body.size_bytes))
    return fold((crc64nvme(piece), len(piece)) for piece in pieces)


def chunks(body: Body) -> Iterator[bytes]:
    """The bytes, a megabyte at a time."""
    for first, size_bytes in _pieces(body.size_bytes, 2**20):
        yield body.read(first, size_bytes)


def _pieces(size_bytes: int, piece_bytes: int = _READ_BYTES) -> Iterator[tuple[int, int]]:
    for first in range(0, size_bytes, piece_bytes):
        yield first, min(piece_bytes, size_bytes - first)


def _write_row(file: IO[bytes], database: Database, row: OldRow) -> WrittenBody:
    content = database.document(row)
    file.write(content)
    return WrittenBody(file, len(content))


def _write_frames(file: IO[bytes], database: Database, row: OldRow) -> WrittenBody:
    """The frame rows as JSON Lines, zipped; the same rows give the same bytes."""
    written = unreadable = 0
    reasons: list[str] = []
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=_LEVEL) as zipped:
        for each in database.frames(row):
            if isinstance(each, Unreadable):
                unreadable += 1
                reasons += [each.reason][: MOST_REASONS - len(reasons)]
            else:
                written += 1
                zipped.write(each + b"\n")
    if not written:
        raise SourceChanged(f"none of {unreadable} frame rows can be read: {'; '.join(reasons)[:500]}")
    return WrittenBody(file, file.tell(), Rows(written, unreadable, tuple(reasons)))
