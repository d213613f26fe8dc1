"""What lands below incoming/: parts and forms of clients without checksums, and the copy into its place."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.crc import fold
from chalicelib.core.errors import KeyTaken, MultipartGone, PartsRefused, VersionGone
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import LandedPart, PartPlan
from chalicelib.ports import FormToPost
from tests.contracts.worlds import World
from tests.support.memory import crc64nvme_of

LANDING_ID = UploadId("l_contract")
MOST_BYTES = 20


@pytest.fixture
def landing(key: str) -> str:
    return f"incoming/main/{key.replace('/', '-')}/l_1"


@pytest.fixture
def multipart_id(world: World, landing: str) -> Iterator[str]:
    made = world.objects.open_landing(landing, LANDING_ID)
    yield made
    world.objects.abort(landing, made)


def send(world: World, landing: str, multipart_id: str, number: int, body: bytes) -> int:
    url = world.signer.landing_part_url(landing, multipart_id, number, 900, world.now())
    return world.put(url.url, {}, body)


def bodies_of(world: World) -> list[bytes]:
    size = world.part_size_bytes
    return [b"a" * size, b"b" * size, b"c" * (size - 1)]


def land(world: World, landing: str, multipart_id: str) -> bytes:
    bodies = bodies_of(world)
    for number, body in enumerate(bodies, start=1):
        assert send(world, landing, multipart_id, number, body) == 200
    parts = world.objects.landed_parts(landing, multipart_id)
    world.objects.complete_landing(landing, multipart_id, parts, sum(map(len, bodies)))
    return b"".join(bodies)


def form_of(world: World, landing: str, age_s: int = 0) -> FormToPost:
    fields = {
        "Content-Type": "video/mp4",
        "success_action_status": "201",
        "x-amz-meta-upload-id": str(LANDING_ID),
    }
    return world.signer.form(landing, fields, MOST_BYTES, 900, world.now() - timedelta(seconds=age_s))


def test_a_second_form_of_a_landing_makes_a_new_version(world: World, landing: str):
    assert [world.post(form_of(world, landing), body) for body in (b"first", b"second")] == [201, 201]

    assert world.body(landing) == b"second"
    assert len(world.version_ids(landing)) == 2


def test_a_part_of_a_landing_needs_no_checksum_and_is_listed_with_its_size(
    world: World, landing: str, multipart_id: str
):
    assert send(world, landing, multipart_id, 2, b"two") == 200
    assert send(world, landing, multipart_id, 1, b"one!") == 200

    listed = world.objects.landed_parts(landing, multipart_id)

    assert [(each.number, each.size_bytes) for each in listed] == [(1, 4), (2, 3)]
    assert not any('"' in each.etag for each in listed)


def test_an_expired_address_of_a_part_is_refused(world: World, landing: str, multipart_id: str):
    signed_at = world.now() - timedelta(seconds=901)
    url = world.signer.landing_part_url(landing, multipart_id, 1, 900, signed_at)

    assert world.put(url.url, {}, b"late") == 403


def test_parts_of_a_landing_that_is_gone_are_not_listed(world: World, landing: str, multipart_id: str):
    world.objects.abort(landing, multipart_id)

    with pytest.raises(MultipartGone):
        world.objects.landed_parts(landing, multipart_id)


def test_a_landed_object_names_its_landing_and_has_a_checksum_of_the_whole(
    world: World, landing: str, multipart_id: str
):
    whole = land(world, landing, multipart_id)

    stored = world.objects.head(landing)

    assert stored is not None
    assert (stored.upload_id, stored.size_bytes) == (LANDING_ID, len(whole))
    assert stored.crc64nvme == crc64nvme_of(whole)


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_landing_of_another_size_is_not_assembled(
    world: World, landing: str, multipart_id: str, difference: int
):
    send(world, landing, multipart_id, 1, b"one")
    parts = world.objects.landed_parts(landing, multipart_id)

    with pytest.raises(PartsRefused):
        world.objects.complete_landing(landing, multipart_id, parts, 3 + difference)

    assert world.objects.landed_parts(landing, multipart_id) == parts


def test_parts_that_s3_does_not_hold_are_not_assembled(world: World, landing: str, multipart_id: str):
    send(world, landing, multipart_id, 1, b"one")
    other = LandedPart(2, 3, "0" * 32)

    with pytest.raises(PartsRefused):
        world.objects.complete_landing(landing, multipart_id, [other], 3)


def test_parts_of_a_landing_may_have_gaps(world: World, landing: str, multipart_id: str):
    first, second = bodies_of(world)[:2]
    send(world, landing, multipart_id, 2, first)
    send(world, landing, multipart_id, 4, second)
    parts = world.objects.landed_parts(landing, multipart_id)

    world.objects.complete_landing(landing, multipart_id, parts, len(first + second))

    assert world.body(landing) == first + second


def test_a_landing_never_replaces_an_object(world: World, landing: str, multipart_id: str):
    world.put_object(landing, b"first")
    send(world, landing, multipart_id, 1, b"one")
    parts = world.objects.landed_parts(landing, multipart_id)

    with pytest.raises(KeyTaken):
        world.objects.complete_landing(landing, multipart_id, parts, 3)


def test_a_landed_version_is_copied_to_another_key_and_proven_there(
    world: World, key: str, landing: str, multipart_id: str
):
    whole = land(world, landing, multipart_id)
    stored = world.objects.head(landing)
    assert stored is not None
    plan = PartPlan(len(whole), world.part_size_bytes)
    copy = world.objects.create_multipart(key, UploadId("u_copy"))

    for number in plan.numbers:
        world.objects.copy_part(key, copy, stored.version_id, plan, number, landing)
    parts = world.objects.parts(key, copy)
    crc = fold((part.crc64nvme, part.size_bytes) for part in parts)
    world.objects.complete(key, copy, parts, crc, len(whole))

    assert crc == stored.crc64nvme
    assert world.body(key) == whole
    assert world.body(landing) == whole


def test_a_landed_version_that_is_gone_is_not_copied(world: World, key: str, landing: str):
    world.put_object(f"{key}.other", b"x")
    (foreign,) = world.version_ids(f"{key}.other")
    copy = world.objects.create_multipart(key, UploadId("u_copy"))

    with pytest.raises(VersionGone):
        world.objects.copy_part(key, copy, foreign, PartPlan(1, 1), 1, landing)

    world.objects.abort(key, copy)


def test_a_landed_object_is_removed_by_its_etag_alone(world: World, landing: str):
    world.put_object(landing, b"landed")
    stored = world.objects.head(landing)
    assert stored is not None

    world.objects.remove(landing, '"another"')
    assert world.objects.head(landing) == stored

    world.objects.remove(landing, stored.etag)
    assert world.objects.head(landing) is None
    assert world.version_ids(landing) == {stored.version_id}


def test_a_landing_is_never_tagged_for_the_lifecycle(world: World, landing: str):
    with pytest.raises(ValueError, match="never purged"):
        world.objects.tag_cleaned(landing, "v1")


@pytest.mark.parametrize(
    ("size_bytes", "status"), [(0, 400), (1, 201), (MOST_BYTES, 201), (MOST_BYTES + 1, 400)]
)
def test_a_form_takes_a_file_of_one_byte_up_to_its_most(
    world: World, landing: str, size_bytes: int, status: int
):
    assert world.post(form_of(world, landing), b"x" * size_bytes) == status
    assert (world.objects.head(landing) is not None) == (status == 201)


def test_what_a_form_wrote_names_its_landing(world: World, landing: str):
    world.post(form_of(world, landing), b"film")

    stored = world.objects.head(landing)

    assert stored is not None
    assert (stored.upload_id, stored.crc64nvme) == (LANDING_ID, crc64nvme_of(b"film"))


@pytest.mark.parametrize("name", ["key", "Content-Type", "x-amz-meta-upload-id"])
def test_a_form_with_another_value_than_the_signed_one_is_refused(world: World, landing: str, name: str):
    form = form_of(world, landing)
    altered = replace(form, fields={**form.fields, name: f"{form.fields[name]}x"})

    assert world.post(altered, b"film") == 403


def test_an_expired_form_is_refused(world: World, landing: str):
    assert world.post(form_of(world, landing, age_s=901), b"film") == 403


@pytest.mark.parametrize("ttl_s", [0, 901])
def test_an_address_of_a_landing_lives_one_second_to_fifteen_minutes(world: World, landing: str, ttl_s: int):
    with pytest.raises(ValueError, match="ttl_s"):
        world.signer.landing_part_url(landing, "any", 1, ttl_s, world.now())
    with pytest.raises(ValueError, match="ttl_s"):
        world.signer.form(landing, {}, MOST_BYTES, ttl_s, world.now())
