"""Parts that are on their way while an upload ends, and replies of S3 that are lost."""

import pytest

from chalicelib.core import keys
from chalicelib.core.crc import fold
from chalicelib.core.errors import KeyTaken, MultipartGone
from tests.histories.world.bucket import SimulatedBucket
from tests.histories.world.builders import Struck
from tests.support.builders import UPLOAD_ID
from tests.support.memory import MovableClock, Refused

KEY = "originals/main/match/100GOPRO/GX010038.MP4"


@pytest.fixture
def chance() -> Struck:
    return Struck()


@pytest.fixture
def bucket(chance: Struck) -> SimulatedBucket:
    return SimulatedBucket(MovableClock(), chance)


@pytest.fixture
def multipart_id(bucket: SimulatedBucket) -> str:
    return bucket.create_multipart(KEY, UPLOAD_ID)


def complete(bucket: SimulatedBucket, multipart_id: str) -> None:
    parts = bucket.parts(KEY, multipart_id)
    whole = fold((part.crc64nvme, part.size_bytes) for part in parts)
    bucket.complete(KEY, multipart_id, parts, whole, sum(part.size_bytes for part in parts))


def test_a_part_is_there_once_its_last_byte_came(bucket: SimulatedBucket, multipart_id: str):
    part = bucket.begin_part(KEY, multipart_id, 1, b"abc")
    assert bucket.parts(KEY, multipart_id) == ()

    etag = part.end()

    [listed] = bucket.parts(KEY, multipart_id)
    assert listed.etag == etag
    assert bucket.on_their_way == set()


def test_a_part_that_broke_off_never_comes(bucket: SimulatedBucket, multipart_id: str):
    bucket.begin_part(KEY, multipart_id, 1, b"abc").break_off()

    assert bucket.parts(KEY, multipart_id) == ()
    assert bucket.on_their_way == set()


@pytest.mark.parametrize("ending", ["abort", "complete"])
def test_a_part_that_ends_after_its_upload_is_refused(
    bucket: SimulatedBucket, multipart_id: str, ending: str
):
    bucket.put_part(KEY, multipart_id, 1, b"abc")
    part = bucket.begin_part(KEY, multipart_id, 2, b"def")
    if ending == "abort":
        assert bucket.abort(KEY, multipart_id)
    else:
        complete(bucket, multipart_id)

    with pytest.raises(Refused, match="404 NoSuchUpload"):
        part.end()

    assert list(bucket.multiparts("")) == []


def test_a_part_may_outlive_an_abort_which_has_to_be_made_again(
    bucket: SimulatedBucket, multipart_id: str, chance: Struck
):
    chance.faults = {"part outlives abort"}
    bucket.put_part(KEY, multipart_id, 1, b"abc")
    part = bucket.begin_part(KEY, multipart_id, 2, b"def")

    assert not bucket.abort(KEY, multipart_id)

    assert bucket.parts(KEY, multipart_id) == ()
    part.end()
    assert [each.number for each in bucket.parts(KEY, multipart_id)] == [2]
    assert bucket.abort(KEY, multipart_id)
    assert list(bucket.multiparts("")) == []


def test_only_a_part_of_the_same_upload_outlives_an_abort(
    bucket: SimulatedBucket, multipart_id: str, chance: Struck
):
    chance.faults = {"part outlives abort"}
    other = bucket.create_multipart(KEY, UPLOAD_ID)
    bucket.begin_part(KEY, other, 1, b"abc")

    assert bucket.abort(KEY, multipart_id)
    assert not bucket.abort(KEY, other)


def test_a_create_that_is_asked_again_leaves_an_upload_that_nobody_knows(
    bucket: SimulatedBucket, chance: Struck
):
    chance.faults = {"create asked again"}

    known = bucket.create_multipart(KEY, UPLOAD_ID)

    open_now = [each.multipart_id for each in bucket.multiparts("")]
    assert len(open_now) == 2
    assert known in open_now


@pytest.mark.parametrize(("part", "error"), [(0.0, MultipartGone), (1.0, KeyTaken)])
def test_a_completion_that_is_asked_again_made_the_object_and_says_otherwise(
    bucket: SimulatedBucket, multipart_id: str, chance: Struck, part: float, error: type[Exception]
):
    bucket.put_part(KEY, multipart_id, 1, b"abc")
    chance.faults, chance.part = {"complete asked again"}, part

    with pytest.raises(error):
        complete(bucket, multipart_id)

    stored = bucket.head(KEY)
    assert stored
    assert stored.upload_id == UPLOAD_ID


@pytest.mark.parametrize(("prefix", "versions"), [(keys.INDEX, 2), (keys.LAKE, 2), (keys.OUTPUTS, 1)])
def test_a_write_of_the_index_that_is_asked_again_makes_two_versions(
    bucket: SimulatedBucket, chance: Struck, prefix: str, versions: int
):
    chance.faults = {"put asked again"}

    bucket.put_object(f"{prefix}a", b"x")

    assert len(bucket.versions(f"{prefix}a")) == versions
