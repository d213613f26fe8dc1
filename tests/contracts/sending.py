"""A multipart upload whose parts arrive over the world's own part URLs, as a device sends them."""

from chalicelib.core.crc import Crc64Nvme, fold
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import StoredPart
from chalicelib.core.upload import StoredObject
from chalicelib.ports import PartToSign
from tests.contracts.worlds import World
from tests.support.memory import crc64nvme_of

UPLOAD_ID = UploadId("u_contract")


class Sent:
    """A multipart upload of `key` with parts as a device sends them: all of the least size but the last."""

    def __init__(self, world: World, key: str) -> None:
        self.world = world
        self.key = key
        self.bodies = [b"a" * world.part_size_bytes, b"b" * world.part_size_bytes, b"last"]
        self.multipart_id = world.objects.create_multipart(key, UPLOAD_ID)

    def send(self, *numbers: int) -> None:
        for number in numbers or range(1, len(self.bodies) + 1):
            self.send_body(number, self.bodies[number - 1])

    def send_body(self, number: int, body: bytes) -> None:
        wanted = [PartToSign(number, len(body), crc64nvme_of(body))]
        (part_url,) = self.world.signer.part_urls(self.key, self.multipart_id, wanted, 900, self.world.now())
        assert self.world.put(part_url.url, part_url.headers, body) == 200

    def parts(self) -> tuple[StoredPart, ...]:
        return self.world.objects.parts(self.key, self.multipart_id)

    def complete(
        self,
        parts: tuple[StoredPart, ...] | None = None,
        crc: Crc64Nvme | None = None,
        size_bytes: int | None = None,
    ) -> None:
        """Complete rightly but for what is given."""
        parts = self.parts() if parts is None else parts
        whole = fold((part.crc64nvme, part.size_bytes) for part in parts)
        total = sum(part.size_bytes for part in parts)
        self.world.objects.complete(
            self.key,
            self.multipart_id,
            parts,
            whole if crc is None else crc,
            total if size_bytes is None else size_bytes,
        )

    def head(self) -> StoredObject:
        stored = self.world.objects.head(self.key)
        assert stored is not None
        return stored
