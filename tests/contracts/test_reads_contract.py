"""What every read URL binds: tried by getting it."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest

from chalicelib.ports import ByteRange, RangeUrl, ReadUrl
from tests.contracts.worlds import World

BODY = b"the bytes of the judged version"
OTHER = b"the bytes of another one"


@pytest.fixture
def version_id(world: World, key: str) -> str:
    """The version that holds BODY, the only one of the key."""
    world.put_object(key, BODY)
    (version_id,) = world.version_ids(key)
    return version_id


def sign(world: World, key: str, version_id: str, age_s: int = 0) -> ReadUrl:
    """A URL good for 900 s, signed `age_s` ago."""
    return world.signer.read_url(key, version_id, 900, world.now() - timedelta(seconds=age_s))


def test_a_read_url_brings_the_versions_bytes_as_often_as_it_is_asked(
    world: World, key: str, version_id: str
):
    read = sign(world, key, version_id)

    assert [world.get(read.url) for _ in range(2)] == [(200, BODY)] * 2


def test_a_read_url_brings_its_version_though_a_newer_one_stands_on_the_key(
    world: World, key: str, version_id: str
):
    read = sign(world, key, version_id)
    world.put_object(key, OTHER)

    assert world.body(key) == OTHER
    assert world.get(read.url) == (200, BODY)


def test_a_read_url_brings_its_version_though_the_key_is_marked_deleted(
    world: World, key: str, version_id: str
):
    read = sign(world, key, version_id)
    world.mark_deleted(key)

    assert world.objects.head(key) is None
    assert world.get(read.url) == (200, BODY)


def test_a_read_url_of_a_version_that_is_no_longer_current_can_still_be_signed(
    world: World, key: str, version_id: str
):
    world.put_object(key, OTHER)
    world.mark_deleted(key)

    assert world.get(sign(world, key, version_id).url) == (200, BODY)


def test_a_key_with_any_letters_can_be_read(world: World, key: str):
    strange = f"{key} +é~(1)&=?#%.MP4"
    world.put_object(strange, BODY)
    (version_id,) = world.version_ids(strange)

    assert world.get(sign(world, strange, version_id).url) == (200, BODY)


def test_a_read_url_is_good_for_its_own_version_only(world: World, key: str, version_id: str):
    world.put_object(key, OTHER)
    (newer,) = world.version_ids(key) - {version_id}
    read = sign(world, key, version_id)
    altered = read.url.replace(quote(version_id, safe=""), quote(newer, safe=""))

    assert altered != read.url
    assert world.get(altered) == (403, b"")


def test_a_read_url_without_its_version_is_refused(world: World, key: str, version_id: str):
    read = sign(world, key, version_id)
    altered = re.sub(r"version(Id)?=[^&]*&", "", read.url)

    assert altered != read.url
    assert world.get(altered) == (403, b"")


def test_a_read_url_is_good_for_its_own_key_only(world: World, key: str, version_id: str):
    world.put_object(f"{key}x", OTHER)
    read = sign(world, key, version_id)
    altered = read.url.replace("GX010038.MP4", "GX010038.MP4x")

    assert altered != read.url
    assert world.get(altered) == (403, b"")


def test_a_read_url_is_refused_once_it_has_expired(world: World, key: str, version_id: str):
    read = sign(world, key, version_id, age_s=901)

    assert read.expires_at <= world.now()
    assert world.get(read.url) == (403, b"")


def test_a_read_url_is_good_shortly_before_it_expires(world: World, key: str, version_id: str):
    assert world.get(sign(world, key, version_id, age_s=840).url) == (200, BODY)


@pytest.mark.parametrize("ttl_s", [1, 900])
def test_a_read_url_says_when_it_ends_on_a_whole_second(world: World, key: str, ttl_s: int):
    signed_at = world.now().replace(microsecond=999_999)

    read = world.signer.read_url(key, "any", ttl_s, signed_at)

    assert read.expires_at == signed_at.replace(microsecond=0) + timedelta(seconds=ttl_s)


@pytest.mark.parametrize("ttl_s", [-1, 0, 901])
def test_a_read_url_lives_one_second_to_fifteen_minutes(world: World, key: str, ttl_s: int):
    with pytest.raises(ValueError, match="ttl_s"):
        world.signer.read_url(key, "any", ttl_s, world.now())


def sign_range(world: World, key: str, version_id: str, wanted: ByteRange, age_s: int = 0) -> RangeUrl:
    """A URL for one range, good for 900 s, signed `age_s` ago."""
    signed_at = world.now() - timedelta(seconds=age_s)
    (made,) = world.signer.range_urls(key, version_id, [wanted], 900, signed_at)
    return made


WANTED = ByteRange(4, 5)
ASKED = {"range": "bytes=4-8"}


@pytest.mark.parametrize(
    "wanted", [ByteRange(0, 1), WANTED, ByteRange(len(BODY) - 1, 1), ByteRange(0, len(BODY))]
)
def test_a_range_url_brings_exactly_its_bytes_as_often_as_it_is_asked(
    world: World, key: str, version_id: str, wanted: ByteRange
):
    made = sign_range(world, key, version_id, wanted)

    bytes_of_it = BODY[wanted.first : wanted.first + wanted.size_bytes]
    assert made.wanted == wanted
    assert [world.get(made.url, made.headers) for _ in range(2)] == [(206, bytes_of_it)] * 2


@pytest.mark.parametrize(("more_bytes", "status"), [(-1, 206), (0, 416), (1, 416)])
def test_a_range_that_begins_at_the_end_or_after_it_is_refused(
    world: World, key: str, version_id: str, more_bytes: int, status: int
):
    made = sign_range(world, key, version_id, ByteRange(len(BODY) + more_bytes, 2))

    assert world.get(made.url, made.headers) == (status, BODY[-1:] if status == 206 else b"")


@pytest.mark.parametrize(
    "headers",
    [{}, {"range": "bytes=0-"}, {"range": "bytes=4-9"}, {"range": "bytes=3-8"}, {"range": "bytes=4-"}],
    ids=["none", "everything", "one byte more", "one byte before", "open"],
)
def test_a_range_url_is_refused_with_another_range_and_with_none(
    world: World, key: str, version_id: str, headers: dict[str, str]
):
    made = sign_range(world, key, version_id, WANTED)

    assert made.headers == ASKED
    assert world.get(made.url, headers) == (403, b"")


def test_each_range_of_a_call_has_a_url_of_its_own(world: World, key: str, version_id: str):
    first, second = world.signer.range_urls(key, version_id, [WANTED, ByteRange(0, 4)], 900, world.now())

    assert world.get(second.url, second.headers) == (206, BODY[:4])
    assert world.get(first.url, second.headers) == (403, b"")


def test_a_range_url_brings_its_version_though_a_newer_one_stands_on_the_key(
    world: World, key: str, version_id: str
):
    made = sign_range(world, key, version_id, WANTED)
    world.put_object(key, OTHER)

    assert world.get(made.url, made.headers) == (206, BODY[4:9])


def test_a_range_url_is_good_for_its_own_version_only(world: World, key: str, version_id: str):
    world.put_object(key, OTHER)
    (newer,) = world.version_ids(key) - {version_id}
    made = sign_range(world, key, version_id, WANTED)
    altered = made.url.replace(quote(version_id, safe=""), quote(newer, safe=""))

    assert altered != made.url
    assert world.get(altered, made.headers) == (403, b"")


def test_a_range_url_is_refused_once_it_has_expired(world: World, key: str, version_id: str):
    made = sign_range(world, key, version_id, WANTED, age_s=901)

    assert made.expires_at <= world.now()
    assert world.get(made.url, made.headers) == (403, b"")


@pytest.mark.parametrize("ttl_s", [-1, 0, 901])
def test_a_range_url_lives_one_second_to_fifteen_minutes(world: World, key: str, ttl_s: int):
    with pytest.raises(ValueError, match="ttl_s"):
        world.signer.range_urls(key, "any", [WANTED], ttl_s, world.now())
