"""A whole index, made by the use case itself; it imports little, so that memory can be measured around it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from chalicelib.aws.lake import ParquetLake
from chalicelib.core import ids
from chalicelib.core.artifact import required_id
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import DeviceId, UploadId
from chalicelib.core.measurements import blocks
from chalicelib.core.measurements.blocks import Blocks
from chalicelib.core.measurements.index import Index
from chalicelib.core.session import Camera, Session
from chalicelib.core.upload import Receipt
from chalicelib.flows.index_measurements import index_measurements
from chalicelib.ports import FrameIndex

SESSION_ID = ids.session_id(ids.MAIN, "match-17-north")
ARTIFACT_ID = required_id("measurements.papi")
KEY = f"measurements/{SESSION_ID}/papi.json.gz"
_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
_CHUNK_BYTES = 256 * 1024


class FolderIndex:
    """A bucket on the disk: one version to read, of the bytes that `make` makes, and what is written beside it.

    Objects are files of `folder` by the last part of their keys, those of the lake by their table: `papi.parquet`. No
    body is held in memory.
    """

    def __init__(self, make: Callable[[], Iterable[bytes]], folder: Path) -> None:
        self._make = make
        self._folder = folder

    def source(self, key: str, version_id: str) -> Iterator[bytes]:
        for piece in self._make():
            for start in range(0, len(piece), _CHUNK_BYTES):
                yield piece[start : start + _CHUNK_BYTES]

    def put(self, key: str, content: BinaryIO) -> None:
        with self._file(key).open("wb") as file:
            while chunk := content.read(_CHUNK_BYTES):
                file.write(chunk)

    def read(self, key: str, first: int = 0, last: int | None = None) -> bytes:
        with self._file(key).open("rb") as file:
            file.seek(first)
            return file.read() if last is None else file.read(last + 1 - first)

    def remove(self, key: str) -> None:
        self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        in_lake = re.fullmatch("lake/kind=([a-z_]+)/.*", key)
        return self._folder / (f"{in_lake[1]}.parquet" if in_lake else key.rpartition("/")[2])


class _Noon:
    def now(self) -> datetime:
        return _NOON


@dataclass(frozen=True)
class MadeIndex:
    """The record of an index, and the folder with its objects, which `bucket` reads."""

    record: Index
    folder: Path
    bucket: FolderIndex

    @property
    def objects(self) -> Mapping[str, bytes]:
        """All objects by the last part of their keys."""
        return {file.name: file.read_bytes() for file in self.folder.iterdir()}

    @property
    def blocks(self) -> Blocks:
        return blocks.decoded((self.folder / "blocks.json.gz").read_bytes())


def make_index(make: Callable[[], Iterable[bytes]], folder: Path) -> MadeIndex:
    """The index of the measurements `papi` with the bytes that `make` makes, in `folder`; poison makes no objects."""
    bucket = FolderIndex(make, folder)
    return MadeIndex(index_into(bucket, "v1"), folder, bucket)


def index_into(bucket: FrameIndex, version_id: str) -> Index:
    """Index the version of KEY in `bucket` into it, its files in the lake as Parquet."""
    receipt = Receipt(UploadId("u_1"), ARTIFACT_ID, KEY, version_id, 1, Crc64Nvme("AAAAAAAAAAA="), _NOON)
    session = Session(SESSION_ID, DeviceId("d_north"), Camera("C3501324500711"), None, _NOON)
    return index_measurements(bucket, ParquetLake(), session, receipt, _Noon())
