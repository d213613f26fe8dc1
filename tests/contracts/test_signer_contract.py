"""What every part URL binds: tried by putting to it."""

from datetime import timedelta

import pytest

from chalicelib.core.ids import UploadId
from chalicelib.ports import PartToSign, PartUrl
from tests.contracts.worlds import World
from tests.support.memory import crc64nvme_of

BODY = b"the bytes of one part"
WRONG_BODY = b"the bytes of one barn"
UPLOAD_ID = UploadId("u_contract")


@pytest.fixture
def multipart_id(world: World, key: str):
    made = world.objects.create_multipart(key, UPLOAD_ID)
    yield made
    world.objects.abort(key, made)


def sign(world: World, key: str, multipart_id: str, number: int = 1, age_s: int = 0) -> PartUrl:
    """A URL for BODY as part `number`, good for 900 s and signed `age_s` ago."""
    wanted = [PartToSign(number, len(BODY), crc64nvme_of(BODY))]
    signed_at = world.now() - timedelta(seconds=age_s)
    (part_url,) = world.signer.part_urls(key, multipart_id, wanted, 900, signed_at)
    return part_url


def held(world: World, key: str, multipart_id: str) -> list[int]:
    return [part.number for part in world.objects.parts(key, multipart_id)]


def test_every_address_leads_to_one_of_the_origins(world: World, key: str, multipart_id: str):
    part_url = sign(world, key, multipart_id)
    read_url = world.signer.read_url(key, "a-version", 900, world.now())

    for url in (part_url.url, read_url.url):
        assert any(url.startswith(f"{origin}/") for origin in world.signer.origins)


def test_a_part_url_takes_its_part_with_exactly_its_headers(world: World, key: str, multipart_id: str):
    part_url = sign(world, key, multipart_id)

    assert set(part_url.headers) == {"content-length", "x-amz-checksum-crc64nvme"}
    assert world.put(part_url.url, part_url.headers, BODY) == 200
    assert held(world, key, multipart_id) == [1]


def test_a_part_url_works_more_than_once_so_that_a_lost_reply_can_be_repeated(
    world: World, key: str, multipart_id: str
):
    part_url = sign(world, key, multipart_id)

    statuses = [world.put(part_url.url, part_url.headers, BODY) for _ in range(2)]

    assert statuses == [200, 200]


def test_other_bytes_of_the_same_length_are_refused(world: World, key: str, multipart_id: str):
    part_url = sign(world, key, multipart_id)

    assert world.put(part_url.url, part_url.headers, WRONG_BODY) == 400
    assert held(world, key, multipart_id) == []


def test_another_checksum_than_the_signed_one_is_refused(world: World, key: str, multipart_id: str):
    part_url = sign(world, key, multipart_id)
    headers = part_url.headers | {"x-amz-checksum-crc64nvme": crc64nvme_of(WRONG_BODY)}

    assert world.put(part_url.url, headers, WRONG_BODY) == 403
    assert held(world, key, multipart_id) == []


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"!"])
def test_another_length_than_the_signed_one_is_refused(
    world: World, key: str, multipart_id: str, body: bytes
):
    part_url = sign(world, key, multipart_id)
    headers = part_url.headers | {"content-length": str(len(body))}

    assert world.put(part_url.url, headers, body) == 403
    assert held(world, key, multipart_id) == []


def test_a_part_without_its_signed_checksum_header_is_refused(world: World, key: str, multipart_id: str):
    part_url = sign(world, key, multipart_id)

    assert world.put(part_url.url, {"content-length": str(len(BODY))}, BODY) == 403
    assert held(world, key, multipart_id) == []


def test_a_part_url_is_good_for_its_own_number_only(world: World, key: str, multipart_id: str):
    part_url = sign(world, key, multipart_id, number=7)
    altered = part_url.url.replace("umber=7", "umber=8")

    assert altered != part_url.url
    assert world.put(altered, part_url.headers, BODY) == 403
    assert held(world, key, multipart_id) == []


def test_a_part_url_is_refused_once_it_has_expired(world: World, key: str, multipart_id: str):
    part_url = sign(world, key, multipart_id, age_s=901)

    assert part_url.expires_at <= world.now()
    assert world.put(part_url.url, part_url.headers, BODY) == 403
    assert held(world, key, multipart_id) == []


def test_a_part_url_of_an_aborted_upload_answers_404(world: World, key: str, multipart_id: str):
    part_url = sign(world, key, multipart_id)
    world.objects.abort(key, multipart_id)

    assert world.put(part_url.url, part_url.headers, BODY) == 404


def test_urls_come_in_the_order_in_which_they_were_asked_for(world: World, key: str, multipart_id: str):
    wanted = [PartToSign(number, len(BODY), crc64nvme_of(BODY)) for number in (9, 2, 5)]

    part_urls = world.signer.part_urls(key, multipart_id, wanted, 60, world.now())

    assert [part_url.number for part_url in part_urls] == [9, 2, 5]


@pytest.mark.parametrize("ttl_s", [1, 900])
def test_a_url_says_when_it_ends_on_a_whole_second(world: World, key: str, ttl_s: int):
    signed_at = world.now().replace(microsecond=999_999)
    wanted = [PartToSign(1, len(BODY), crc64nvme_of(BODY))]

    (part_url,) = world.signer.part_urls(key, "any", wanted, ttl_s, signed_at)

    assert part_url.expires_at == signed_at.replace(microsecond=0) + timedelta(seconds=ttl_s)


@pytest.mark.parametrize("ttl_s", [-1, 0, 901])
def test_a_url_lives_one_second_to_fifteen_minutes(world: World, key: str, ttl_s: int):
    with pytest.raises(ValueError, match="ttl_s"):
        world.signer.part_urls(key, "any", [], ttl_s, world.now())


def sign_whole(world: World, key: str, age_s: int = 0) -> PartUrl:
    """An address for BODY as a whole object, good for 900 s and signed `age_s` ago."""
    whole = PartToSign(1, len(BODY), crc64nvme_of(BODY))
    return world.signer.put_url(key, UPLOAD_ID, whole, 900, world.now() - timedelta(seconds=age_s))


def test_a_whole_object_is_put_with_its_upload_and_its_checksum(world: World, key: str):
    address = sign_whole(world, key)

    assert set(address.headers) == {
        "content-length",
        "content-type",
        "if-none-match",
        "x-amz-checksum-crc64nvme",
        "x-amz-meta-upload-id",
    }
    assert world.put(address.url, address.headers, BODY) == 200
    stored = world.objects.head(key)
    assert stored
    assert (stored.size_bytes, stored.crc64nvme, stored.upload_id) == (
        len(BODY),
        crc64nvme_of(BODY),
        UPLOAD_ID,
    )


def test_a_whole_object_is_never_put_over_another_one(world: World, key: str):
    address = sign_whole(world, key)
    world.put_object(key, WRONG_BODY)

    assert world.put(address.url, address.headers, BODY) == 412
    stored = world.objects.head(key)
    assert stored
    assert stored.upload_id is None


def test_a_whole_object_may_be_put_where_a_delete_marker_is(world: World, key: str):
    address = sign_whole(world, key)
    world.put_object(key, WRONG_BODY)
    world.mark_deleted(key)

    assert world.put(address.url, address.headers, BODY) == 200


@pytest.mark.parametrize(
    ("header", "instead"),
    [
        ("content-type", "text/html"),
        ("if-none-match", None),
        ("x-amz-checksum-crc64nvme", None),
        ("x-amz-checksum-crc64nvme", crc64nvme_of(WRONG_BODY)),
        ("x-amz-meta-upload-id", "u_another"),
    ],
)
def test_each_header_of_a_whole_object_is_signed(world: World, key: str, header: str, instead: str | None):
    address = sign_whole(world, key)
    headers = {name: value for name, value in address.headers.items() if name != header}

    status = world.put(address.url, headers | ({header: instead} if instead else {}), BODY)

    assert status == 403
    assert world.objects.head(key) is None


@pytest.mark.parametrize(("body", "status"), [(WRONG_BODY, 400), (BODY[:-1], 403), (BODY + b"!", 403)])
def test_other_bytes_are_no_whole_object(world: World, key: str, body: bytes, status: int):
    address = sign_whole(world, key)

    assert world.put(address.url, address.headers | {"content-length": str(len(body))}, body) == status
    assert world.objects.head(key) is None


def test_the_address_of_a_whole_object_ends(world: World, key: str):
    address = sign_whole(world, key, age_s=901)

    assert world.put(address.url, address.headers, BODY) == 403
    assert world.objects.head(key) is None
