"""The world of the story on the strict local AWS: the real adapters, and what others than the coordinator do there.

Days pass in the story and not in S3, so that what S3 dates is dated by the story: each object and each multipart upload
as of the story's moment at which it was made, and S3's own time as far ahead as the story is.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from msgspec.structs import replace

from chalicelib.aws.frame_index import S3FrameIndex
from chalicelib.aws.object_store import S3ObjectStore
from chalicelib.aws.signer import S3Signer
from chalicelib.core import keys
from chalicelib.core.cleanup import Bucket
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import StoredPart
from chalicelib.core.upload import StoredObject
from chalicelib.ports import OpenMultipart
from tests.contracts.worlds import AwsWorld, Place, SqsQueue
from tests.support.builders import POLICY, MemoryPorts
from tests.support.memory import (
    CountingMetrics,
    FixedIds,
    MemoryFrameIndex,
    MemoryIndexer,
    MemoryLake,
    MemoryObjectStore,
    MemoryOrders,
    MemoryRecords,
    MemorySigner,
    MovableClock,
)
from tests.support.memory.object_store import Version


class StoryClock(MovableClock):
    """The true time, so many days ahead as the story has advanced."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


class StoryObjectStore(S3ObjectStore):
    """The bucket over S3, dated by the story. Beside the port's methods it has what devices and strangers do."""

    def __init__(self, world: AwsWorld, clock: StoryClock) -> None:
        super().__init__(world.clients.s3, world.name)
        self._client = world.clients.s3
        self._world = world
        self._clock = clock
        self._made_at: dict[str, datetime] = {}
        """By the id of a multipart upload or of a version."""
        self._bodies: dict[str, bytes] = {}

    def create_multipart(self, key: str, upload_id: UploadId) -> str:
        multipart_id = super().create_multipart(key, upload_id)
        self._made_at[multipart_id] = self._clock.now()
        return multipart_id

    def complete(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], crc64nvme: Crc64Nvme, size_bytes: int
    ) -> None:
        super().complete(key, multipart_id, parts, crc64nvme, size_bytes)
        self.head(key)

    def head(self, key: str) -> StoredObject | None:
        """Whoever writes looks at once, so that a version is as old as its first look."""
        stored = super().head(key)
        if stored is None:
            return None
        return replace(stored, modified_at=self._made_at.setdefault(stored.version_id, self._clock.now()))

    def bucket(self) -> Bucket:
        bucket = super().bucket()
        return replace(bucket, at=bucket.at + self._clock.ahead)

    def multiparts(self, prefix: str, after_key: str = "") -> Iterator[OpenMultipart]:
        for listed in super().multiparts(prefix, after_key):
            yield replace(listed, initiated_at=self._made_at[listed.multipart_id])

    def put_part(self, key: str, multipart_id: str, number: int, body: bytes) -> None:
        self._client.upload_part(
            Bucket=self._bucket,
            Key=key,
            UploadId=multipart_id,
            PartNumber=number,
            Body=body,
            ChecksumAlgorithm="CRC64NVME",
        )

    def put_object(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ChecksumAlgorithm="CRC64NVME")
        self.head(key)

    def put_without_crc64nvme(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ChecksumAlgorithm="CRC32")
        self.head(key)

    def mark_deleted(self, key: str) -> None:
        self._world.mark_deleted(key)

    def body(self, key: str) -> bytes:
        return self._world.body(key)

    def below(self, prefixes: tuple[str, ...]) -> set[str]:
        """The keys below `prefixes` that have an object now."""
        listed = (self._client.list_objects_v2(Bucket=self._bucket, Prefix=each) for each in prefixes)
        return {found["Key"] for each in listed for found in each.get("Contents", ())}

    def versions(self, key: str) -> tuple[Version, ...]:
        """The versions of a key that hold bytes, in no order."""
        return tuple(self._version(key, version_id) for version_id in self._world.version_ids(key))

    def _version(self, key: str, version_id: str) -> Version:
        if version_id not in self._bodies:
            got = self._client.get_object(Bucket=self._bucket, Key=key, VersionId=version_id)
            self._bodies[version_id] = got["Body"].read()
        body = self._bodies[version_id]
        stored = StoredObject(key, len(body), None, "", version_id, None, self._clock.now())
        return Version(version_id, stored, body)


class StoryOrders:
    """The queue in SQS, and what has been received from it, oldest first, as `sent`."""

    def __init__(self, queue: SqsQueue) -> None:
        self._queue = queue
        self._received: list[object] = []
        self.send = queue.orders.send

    @property
    def sent(self) -> list[object]:
        self._received += self._queue.received()
        return self._received


def aws_ports(place: Place) -> Iterator[MemoryPorts]:
    """Ports on a bucket, a table and a queue of their own, which are removed at the end."""
    world = AwsWorld(place)
    queue = world.queue()
    _promise_to_keep(world)
    clock = StoryClock()
    yield MemoryPorts(
        cast(MemoryObjectStore, StoryObjectStore(world, clock)),
        cast(MemoryFrameIndex, S3FrameIndex(world.clients.s3, world.name)),
        MemoryLake(),
        cast(MemoryRecords, world.records),
        cast(MemorySigner, S3Signer(world.name, place.region, world.clients.credentials, place.endpoint_url)),
        cast(MemoryOrders, StoryOrders(queue)),
        MemoryIndexer(),
        FixedIds(),
        clock,
        CountingMetrics(),
        POLICY,
    )
    queue.end()
    world.end()


def _promise_to_keep(world: AwsWorld) -> None:
    """The bucket keeps what is noncurrent for as long as the policy promises."""
    world.purge_after(dict.fromkeys(keys.CLEANED, POLICY.restorable_days))
