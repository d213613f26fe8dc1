"""What every Footage does when S3 itself copies what was cleaned back onto its key."""

from collections.abc import Iterator

import pytest

from chalicelib.core.crc import fold
from chalicelib.core.errors import MultipartGone, VersionGone
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import PartPlan, StoredPart
from tests.contracts.worlds import World
from tests.support.memory import crc64nvme_of

RESTORE_ID = UploadId("u_restore")


def foreign_version(world: World, key: str) -> str:
    """A version id as this storage writes them, of no version of `key`."""
    world.put_object(f"{key}.other", b"x")
    (version_id,) = world.version_ids(f"{key}.other")
    return version_id


class Copying:
    """A multipart upload that brings back a version of `key` under a delete marker."""

    def __init__(self, world: World, key: str) -> None:
        self.world = world
        self.key = key
        size = world.part_size_bytes
        self.bodies = [b"a" * size, b"b" * size, b"c" * (size - 1)]
        self.whole = b"".join(self.bodies)
        self.plan = PartPlan(len(self.whole), size)
        world.put_object(key, self.whole)
        (self.version_id,) = world.version_ids(key)
        world.mark_deleted(key)
        self.multipart_id = world.objects.create_multipart(key, RESTORE_ID)

    def copy(
        self, number: int = 1, plan: PartPlan | None = None, version_id: str | None = None
    ) -> StoredPart:
        return self.world.objects.copy_part(
            self.key, self.multipart_id, version_id or self.version_id, plan or self.plan, number
        )

    def parts(self) -> tuple[StoredPart, ...]:
        return self.world.objects.parts(self.key, self.multipart_id)


@pytest.fixture
def copying(world: World, key: str) -> Iterator[Copying]:
    made = Copying(world, key)
    yield made
    world.objects.abort(key, made.multipart_id)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_copied_part_has_the_size_and_the_crc_of_its_range(copying: Copying, number: int):
    part = copying.copy(number)

    body = copying.bodies[number - 1]
    assert (part.number, part.size_bytes, part.crc64nvme) == (number, len(body), crc64nvme_of(body))
    assert part.etag


def test_what_is_copied_is_listed_as_any_part(copying: Copying):
    copied = [copying.copy(number) for number in (3, 1, 2)]

    assert copying.parts() == tuple(sorted(copied, key=lambda part: part.number))


def test_a_part_copied_again_replaces_the_one_before(copying: Copying):
    copying.copy(1)

    assert copying.parts() == (copying.copy(1),)


def test_a_version_can_be_copied_in_one_part_however_small_it_is(world: World, key: str):
    world.put_object(key, b"x")
    (version_id,) = world.version_ids(key)
    multipart_id = world.objects.create_multipart(key, RESTORE_ID)

    part = world.objects.copy_part(key, multipart_id, version_id, PartPlan(1, world.part_size_bytes), 1)

    assert (part.size_bytes, part.crc64nvme) == (1, crc64nvme_of(b"x"))
    assert world.objects.parts(key, multipart_id) == (part,)
    world.objects.abort(key, multipart_id)


def test_a_copy_is_of_its_version_whatever_stands_on_the_key(copying: Copying):
    copying.world.put_object(copying.key, b"z" * len(copying.whole))

    assert copying.copy(1).crc64nvme == crc64nvme_of(copying.bodies[0])


def test_a_copied_version_stands_again_byte_for_byte_under_the_upload_that_brought_it(copying: Copying):
    for number in copying.plan.numbers:
        copying.copy(number)
    parts = copying.parts()
    whole = fold((part.crc64nvme, part.size_bytes) for part in parts)

    copying.world.objects.complete(copying.key, copying.multipart_id, parts, whole, copying.plan.size_bytes)

    stored = copying.world.objects.head(copying.key)
    assert stored is not None
    assert (stored.upload_id, stored.size_bytes) == (RESTORE_ID, len(copying.whole))
    assert stored.crc64nvme == crc64nvme_of(copying.whole)
    assert copying.world.body(copying.key) == copying.whole
    assert copying.world.version_ids(copying.key) == {copying.version_id, stored.version_id}


def test_a_version_that_s3_does_not_hold_is_gone(copying: Copying):
    with pytest.raises(VersionGone):
        copying.copy(version_id=foreign_version(copying.world, copying.key))

    assert copying.parts() == ()


def test_a_version_of_a_key_that_never_held_one_is_gone(world: World, key: str):
    multipart_id = world.objects.create_multipart(key, RESTORE_ID)

    with pytest.raises(VersionGone):
        world.objects.copy_part(key, multipart_id, foreign_version(world, key), PartPlan(1, 1), 1)

    world.objects.abort(key, multipart_id)


def test_nothing_is_copied_into_an_aborted_upload(copying: Copying):
    copying.world.objects.abort(copying.key, copying.multipart_id)

    with pytest.raises(MultipartGone):
        copying.copy()


def test_nothing_is_copied_into_a_completed_upload(copying: Copying):
    part = copying.copy(1, PartPlan(len(copying.whole), len(copying.whole)))
    copying.world.objects.complete(copying.key, copying.multipart_id, [part], part.crc64nvme, part.size_bytes)

    with pytest.raises(MultipartGone):
        copying.copy()
