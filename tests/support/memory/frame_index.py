"""The bucket in memory, as the measurements are read and their index is written."""

from collections.abc import Iterator
from typing import BinaryIO

from chalicelib.core.errors import NotFound, VersionGone
from chalicelib.core.keys import may_be_replaced
from tests.support.memory.object_store import MemoryObjectStore

_CHUNK_BYTES = 1000


class MemoryFrameIndex:
    """The same bucket as `footage`; `reads` are the ranges that were read, as (key, first, last)."""

    def __init__(self, objects: MemoryObjectStore) -> None:
        self._objects = objects
        self.reads: list[tuple[str, int, int | None]] = []

    def source(self, key: str, version_id: str) -> Iterator[bytes]:
        for version in self._objects.versions(key):
            if version.version_id == version_id and version.stored:
                yield from _chunks(version.body)
                return
        raise VersionGone(f"there is no version {version_id} of {key}")

    def put(self, key: str, content: BinaryIO) -> None:
        # boto3 has S3 keep a CRC32 instead.
        self._objects.put_without_crc64nvme(key, content.read())

    def read(self, key: str, first: int = 0, last: int | None = None) -> bytes:
        self.reads.append((key, first, last))
        if self._objects.head(key) is None:
            raise NotFound(f"nothing stands on {key}")
        body = self._objects.body(key)
        if first >= len(body):
            raise NotFound(f"{key} ends before byte {first}")
        return body[first : None if last is None else last + 1]

    def remove(self, key: str) -> None:
        if not may_be_replaced(key):
            raise ValueError(f"{key} is never removed")
        self._objects.mark_deleted(key)


def _chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _CHUNK_BYTES):
        yield body[start : start + _CHUNK_BYTES]
