"""The bucket as S3 answers while others are at it: `SimulatedBucket` in place of `MemoryObjectStore` in a history.

A device's part takes time, and an upload may end meanwhile:

    part = bucket.begin_part(key, multipart_id, number, body)     S3 has the request's head
    …                                                             others act
    part.end()                                                    its last byte came: the ETag, or Refused
    part.break_off()                                              instead: the connection broke, S3 has nothing

Of an upload that was completed or aborted meanwhile S3 refuses the part (404 NoSuchUpload). Faults, by the names that
`chance` is asked for:

    part outlives abort    an abort while parts are on their way ends all parts but these: the upload is still open, and
                           `abort` answers False, as the adapter does when S3 still lists it
    create asked again     the reply of create_multipart was lost and the SDK asked again: an upload of which nobody
                           knows is open too
    complete asked again   the reply of complete was lost and the SDK asked again: KeyTaken or MultipartGone, though
                           this call made the object
    put asked again        the reply to a write of the index or of the lake was lost: two versions, and two events

Repeated, all other calls find what they did and answer the same. A call that is refused or whose last reply is lost
(StorageBusy) is for the history to raise in front of the port, or after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import KeyTaken, MultipartGone
from chalicelib.core.ids import UploadId
from chalicelib.core.keys import may_be_replaced
from chalicelib.core.parts import StoredPart
from chalicelib.ports import Clock
from tests.histories.world.chance import Chance
from tests.support.memory import MemoryObjectStore


@dataclass(frozen=True, eq=False)
class PartOnItsWay:
    """A part of which S3 has not got the last byte."""

    bucket: SimulatedBucket
    key: str
    multipart_id: str
    number: int
    body: bytes
    crc64nvme: Crc64Nvme | None

    def end(self) -> str:
        """S3 has all of it: the part's ETag. Raises Refused."""
        self.break_off()
        return self.bucket.put_part(self.key, self.multipart_id, self.number, self.body, self.crc64nvme)

    def break_off(self) -> None:
        self.bucket.on_their_way.discard(self)


class SimulatedBucket(MemoryObjectStore):
    """The bucket in memory; `on_their_way` are the parts that have begun and not ended."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        super().__init__(clock)
        self._chance = chance
        self.on_their_way: set[PartOnItsWay] = set()

    def begin_part(
        self, key: str, multipart_id: str, number: int, body: bytes, crc64nvme: Crc64Nvme | None = None
    ) -> PartOnItsWay:
        part = PartOnItsWay(self, key, multipart_id, number, body, crc64nvme)
        self.on_their_way.add(part)
        return part

    def create_multipart(self, key: str, upload_id: UploadId) -> str:
        if self._chance.strikes("create asked again"):
            super().create_multipart(key, upload_id)
        return super().create_multipart(key, upload_id)

    def complete(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], crc64nvme: Crc64Nvme, size_bytes: int
    ) -> None:
        super().complete(key, multipart_id, parts, crc64nvme, size_bytes)
        if self._chance.strikes("complete asked again"):
            if self._chance.between(0, 1) < 0.5:
                raise MultipartGone(f"there is no multipart upload {multipart_id} of {key} any more")
            raise KeyTaken(f"an object stands on {key}")

    def abort(self, key: str, multipart_id: str) -> bool:
        is_open = any(each.multipart_id == multipart_id for each in self.multiparts(key))
        late = [each for each in self.on_their_way if each.multipart_id == multipart_id]
        if is_open and late and self._chance.strikes("part outlives abort"):
            self.bodies(multipart_id).clear()
            return False
        return super().abort(key, multipart_id)

    def put_object(self, key: str, body: bytes) -> None:
        super().put_object(key, body)
        if may_be_replaced(key) and self._chance.strikes("put asked again"):
            super().put_object(key, body)
