"""A whole index, made by the use case itself of a measurements file in a bucket in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chalicelib.core.artifact import required_id
from chalicelib.core.measurements import blocks
from chalicelib.core.measurements.blocks import Blocks
from chalicelib.core.measurements.index import Index
from chalicelib.core.upload import Receipt
from chalicelib.flows.measurement_index import index_measurements
from tests.support.builders import SESSION_ID, START, UPLOAD_ID
from tests.support.memory import MovableClock, crc64nvme_of

_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class MadeIndex:
    """The record of an index, and the objects of it by the last part of their keys."""

    index: Index
    objects: Mapping[str, bytes]

    @property
    def blocks(self) -> Blocks:
        return blocks.decoded(self.objects["blocks.json.gz"])

    def write(self, folder: Path) -> Path:
        """Every object as a file of `folder`; answers `folder`."""
        for name, body in self.objects.items():
            (folder / name).write_bytes(body)
        return folder


class _Bucket:
    """One version to read, in chunks as large as those of S3, and what is written beside it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.objects: dict[str, bytes] = {}

    def source(self, key: str, version_id: str) -> Iterator[bytes]:
        for start in range(0, len(self._content), _CHUNK_BYTES):
            yield self._content[start : start + _CHUNK_BYTES]

    def put(self, key: str, content: BinaryIO) -> None:
        self.objects[key.rpartition("/")[2]] = content.read()

    def remove(self, key: str) -> None:
        del self.objects[key.rpartition("/")[2]]

    def read(self, key: str, first: int = 0, last: int | None = None) -> bytes:
        return self.objects[key.rpartition("/")[2]][first : None if last is None else last + 1]


def make_index(content: bytes) -> MadeIndex:
    """The index of the measurements `papi` with these bytes; a quarantined one has no objects."""
    bucket = _Bucket(content)
    key, artifact_id = f"measurements/{SESSION_ID}/papi.json.gz", required_id("measurements.papi")
    receipt = Receipt(UPLOAD_ID, artifact_id, key, "v1", len(content), crc64nvme_of(content), START)
    index = index_measurements(bucket, SESSION_ID, receipt, MovableClock())
    return MadeIndex(index, bucket.objects)
