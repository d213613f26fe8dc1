"""What every Footage does, whatever it stands on."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import (
    KeyTaken,
    MultipartGone,
    PartsRefused,
    RemovalRefused,
    TooLarge,
    VersionGone,
)
from chalicelib.core.ids import SessionId
from infra.local.aws.strict_s3 import Chaos
from tests.contracts.sending import UPLOAD_ID, Sent
from tests.contracts.worlds import MemoryWorld, World
from tests.support.builders import EMPTY
from tests.support.memory import crc64nvme_of


def assert_refused(sent: Sent, **wrong: Any) -> None:
    """A completion that is wrong in this is refused and leaves everything as it was: the right one still succeeds."""
    before = sent.parts()
    with pytest.raises(PartsRefused) as refusal:
        sent.complete(**wrong)
    assert refusal.value.code
    assert sent.world.objects.head(sent.key) is None
    assert sent.parts() == before
    sent.complete()
    assert sent.head().size_bytes == sum(map(len, sent.bodies))


@pytest.fixture
def sent(world: World, key: str) -> Iterator[Sent]:
    """A multipart upload without parts."""
    made = Sent(world, key)
    yield made
    world.objects.abort(key, made.multipart_id)


def test_a_new_multipart_upload_holds_no_parts(sent: Sent):
    assert sent.parts() == ()


def test_parts_are_listed_by_number_with_size_crc_and_etag_whatever_order_they_came_in(sent: Sent):
    sent.send(3, 1, 2)

    listed = sent.parts()

    assert [(part.number, part.size_bytes) for part in listed] == [
        (number, len(body)) for number, body in enumerate(sent.bodies, start=1)
    ]
    assert [part.crc64nvme for part in listed] == [crc64nvme_of(body) for body in sent.bodies]
    assert all(part.etag for part in listed)


def test_numbers_may_have_gaps_while_parts_are_missing(sent: Sent):
    sent.send(1, 3)

    assert [part.number for part in sent.parts()] == [1, 3]


def test_a_part_sent_again_replaces_the_one_before(sent: Sent):
    sent.send(1)
    sent.send_body(1, b"other")

    (part,) = sent.parts()

    assert part.crc64nvme == crc64nvme_of(b"other")


def test_parts_of_a_multipart_upload_that_never_was_are_gone(sent: Sent):
    with pytest.raises(MultipartGone):
        sent.world.objects.parts(sent.key, "never")


def test_parts_asked_for_under_another_key_are_gone(sent: Sent):
    sent.send(1)

    with pytest.raises(MultipartGone):
        sent.world.objects.parts(f"{sent.key}.other", sent.multipart_id)


def test_completing_makes_an_object_that_names_its_upload_size_and_crc(sent: Sent):
    sent.send()
    sent.complete()

    stored = sent.head()

    whole = b"".join(sent.bodies)
    assert (stored.key, stored.upload_id, stored.size_bytes) == (sent.key, UPLOAD_ID, len(whole))
    assert stored.crc64nvme == crc64nvme_of(whole)
    assert sent.world.version_ids(sent.key) == {stored.version_id}
    assert abs(stored.modified_at - sent.world.now()) < timedelta(minutes=5)
    assert sent.world.body(sent.key) == whole


def test_a_single_part_may_be_of_any_size(sent: Sent):
    sent.send_body(1, b"x")

    sent.complete()

    assert sent.head().crc64nvme == crc64nvme_of(b"x")


def test_parts_of_a_completed_upload_are_gone(sent: Sent):
    sent.send()
    sent.complete()

    with pytest.raises(MultipartGone):
        sent.parts()


def test_completing_again_never_makes_a_second_version(sent: Sent):
    sent.send()
    parts = sent.parts()
    sent.complete(parts)

    with suppress(MultipartGone, KeyTaken):
        sent.complete(parts)

    assert len(sent.world.version_ids(sent.key)) == 1


def test_parts_listed_out_of_order_are_refused(sent: Sent):
    sent.send()
    one, two, three = sent.parts()

    assert_refused(sent, parts=(two, one, three))


def test_parts_listed_with_a_gap_are_refused(sent: Sent):
    sent.send()
    one, two, three = sent.parts()

    assert_refused(sent, parts=(one, three))
    assert (two.number, three.number) == (2, 3)


def test_the_etag_of_an_assembled_object_is_of_its_parts(sent: Sent):
    sent.send()
    digests = b"".join(hashlib.md5(body).digest() for body in sent.bodies)

    sent.complete()

    assert sent.head().etag == f'"{hashlib.md5(digests).hexdigest()}-{len(sent.bodies)}"'


def test_a_part_listed_twice_is_refused(sent: Sent):
    sent.send()
    one, two, three = sent.parts()

    assert_refused(sent, parts=(one, two, two, three))


def test_a_listed_part_that_was_never_sent_is_refused(sent: Sent):
    sent.send()
    parts = sent.parts()

    assert_refused(sent, parts=(*parts, replace(parts[-1], number=4)))


def test_a_part_listed_with_another_etag_is_refused(sent: Sent):
    sent.send()
    one, two, three = sent.parts()

    assert_refused(sent, parts=(one, replace(two, etag=one.etag), three))


def test_no_parts_at_all_are_refused(sent: Sent):
    sent.send()

    assert_refused(sent, parts=(), crc=EMPTY, size_bytes=0)


def test_another_crc_of_the_whole_is_refused(sent: Sent):
    sent.send()

    assert_refused(sent, crc=crc64nvme_of(b"something else"))


@pytest.mark.parametrize("difference", [-1, 1])
def test_another_size_of_the_whole_is_refused(sent: Sent, difference: int):
    sent.send()
    size_bytes = sum(part.size_bytes for part in sent.parts())

    assert_refused(sent, size_bytes=size_bytes + difference)


def test_an_object_that_stands_on_the_key_is_never_overwritten(sent: Sent):
    sent.send()
    sent.world.put_object(sent.key, b"somebody else's")

    with pytest.raises(KeyTaken):
        sent.complete()

    assert sent.world.body(sent.key) == b"somebody else's"
    assert len(sent.world.version_ids(sent.key)) == 1


def test_a_key_with_a_delete_marker_can_be_completed(sent: Sent):
    sent.world.put_object(sent.key, b"removed")
    sent.world.mark_deleted(sent.key)
    sent.send()

    sent.complete()

    assert sent.head().upload_id == UPLOAD_ID


def test_an_aborted_upload_holds_nothing_and_cannot_be_completed(sent: Sent):
    sent.send()
    parts = sent.parts()

    assert sent.world.objects.abort(sent.key, sent.multipart_id) is True

    with pytest.raises(MultipartGone):
        sent.parts()
    with pytest.raises(MultipartGone):
        sent.complete(parts)
    assert sent.world.objects.head(sent.key) is None


def test_aborting_what_is_gone_already_succeeds(sent: Sent):
    sent.world.objects.abort(sent.key, sent.multipart_id)

    assert sent.world.objects.abort(sent.key, sent.multipart_id) is True


def test_aborting_a_completed_upload_leaves_its_object(sent: Sent):
    sent.send()
    sent.complete()

    sent.world.objects.abort(sent.key, sent.multipart_id)

    assert sent.head().upload_id == UPLOAD_ID


def test_a_key_without_object_has_no_head(world: World, key: str):
    assert world.objects.head(key) is None


def test_a_key_with_a_delete_marker_has_no_head(world: World, key: str):
    world.put_object(key, b"removed")
    world.mark_deleted(key)

    assert world.objects.head(key) is None


def test_an_object_that_is_not_ours_names_no_upload(world: World, key: str):
    world.put_object(key, b"somebody else's")

    stored = world.objects.head(key)

    assert stored is not None
    assert (stored.upload_id, stored.size_bytes) == (None, 15)


def test_removing_hides_the_object_and_keeps_its_bytes_as_a_version(sent: Sent):
    sent.send()
    sent.complete()
    stored = sent.head()

    sent.world.objects.remove(stored.key, stored.etag)

    assert sent.world.objects.head(sent.key) is None
    assert sent.world.version_ids(sent.key) == {stored.version_id}


def test_an_object_that_replaced_the_judged_one_is_not_removed(world: World, key: str):
    world.put_object(key, b"judged")
    judged = world.objects.head(key)
    assert judged is not None
    world.put_object(key, b"replacement")

    world.objects.remove(judged.key, judged.etag)

    assert world.body(key) == b"replacement"


def test_removing_what_is_gone_already_succeeds_and_adds_nothing(world: World, key: str):
    world.put_object(key, b"judged")
    judged = world.objects.head(key)
    assert judged is not None
    world.objects.remove(judged.key, judged.etag)

    world.objects.remove(judged.key, judged.etag)

    assert world.objects.head(key) is None
    assert world.version_ids(key) == {judged.version_id}


@pytest.mark.parametrize("prefix", ["outputs/", "measurements/", "index/", "elsewhere/"])
def test_what_is_neither_original_nor_intermediate_is_never_removed(
    world: World, session_id: SessionId, prefix: str
):
    key = f"{prefix}{session_id}/1/enhanced.mp4"
    world.put_object(key, b"verified")
    stored = world.objects.head(key)
    assert stored is not None

    with pytest.raises(ValueError, match="never removed"):
        world.objects.remove(key, stored.etag)

    assert world.objects.head(key) == stored


def test_an_intermediate_can_be_removed(world: World, session_id: SessionId):
    key = f"intermediates/{session_id}/1/stabilised.mp4"
    world.put_object(key, b"verified")
    stored = world.objects.head(key)
    assert stored is not None

    world.objects.remove(key, stored.etag)

    assert world.objects.head(key) is None
    assert world.version_ids(key) == {stored.version_id}


def test_what_is_read_is_the_current_object(world: World, key: str):
    world.put_object(key, b"older")
    world.put_object(key, b"current")

    assert world.objects.read(key, 100) == b"current"


@pytest.mark.parametrize("most_bytes", [7, 8])
def test_an_object_of_as_many_bytes_as_are_read_at_most_is_read(world: World, key: str, most_bytes: int):
    world.put_object(key, b"current")

    assert world.objects.read(key, most_bytes) == b"current"


def test_an_object_of_one_byte_more_is_not_read(world: World, key: str):
    world.put_object(key, b"current")

    with pytest.raises(TooLarge):
        world.objects.read(key, 6)


def test_an_empty_object_is_read_as_no_bytes_and_not_as_absent(world: World, key: str):
    world.put_object(key, b"")

    assert world.objects.read(key, 0) == b""


def test_of_a_key_without_object_nothing_is_read(world: World, key: str):
    assert world.objects.read(key, 100) is None


def test_of_a_key_with_a_delete_marker_nothing_is_read(world: World, key: str):
    world.put_object(key, b"removed")
    world.mark_deleted(key)

    assert world.objects.read(key, 100) is None


@pytest.fixture
def promising(world: World) -> Iterator[World]:
    """A bucket that keeps versions and purges noncurrent ones after 14 and 30 days, whatever the test does to it."""
    world.purge_after({"originals/": 14, "intermediates/": 30})
    yield world
    world.keep_versions()


def test_a_bucket_says_what_it_keeps_and_what_time_it_is_there(promising: World):
    bucket = promising.objects.bucket()

    assert bucket.is_versioned
    assert bucket.keeps_days == {"originals/": 14, "intermediates/": 30}
    assert abs(bucket.at - promising.now()) < timedelta(minutes=5)


def test_a_rule_that_ends_versions_which_nobody_cleaned_is_told_of(promising: World):
    assert promising.objects.bucket().purges_untagged == ()

    promising.purge_after({"originals/": 14, "intermediates/": 30}, is_tagged=False)

    assert promising.objects.bucket().purges_untagged == ("originals/", "intermediates/")


def test_a_version_is_tagged_as_cleaned_and_no_other_of_its_key(world: World, key: str):
    world.put_object(key, b"first")
    (first,) = world.version_ids(key)
    world.put_object(key, b"second")
    (second,) = world.version_ids(key) - {first}

    world.objects.tag_cleaned(key, first)

    assert world.tags(key, first) == {"reelhaul": "cleaned"}
    assert world.tags(key, second) == {}


def test_a_tag_stays_on_a_version_under_a_delete_marker_and_can_be_taken_off_there(world: World, key: str):
    world.put_object(key, b"cleaned")
    (version_id,) = world.version_ids(key)
    world.objects.tag_cleaned(key, version_id)
    world.mark_deleted(key)

    assert world.tags(key, version_id) == {"reelhaul": "cleaned"}
    world.objects.untag_cleaned(key, version_id)
    assert world.tags(key, version_id) == {"reelhaul": "kept"}


def test_the_tags_of_a_version_are_its_own(world: World, key: str):
    world.put_object(key, b"first")
    (first,) = world.version_ids(key)
    world.objects.tag_cleaned(key, first)
    world.put_object(key, b"second")
    (second,) = world.version_ids(key) - {first}

    assert world.objects.tags(key, first) == {"reelhaul": "cleaned"}
    assert world.objects.tags(key, second) == {}


def test_the_tags_of_a_version_that_is_gone_are_not_read(world: World, key: str):
    world.put_object(f"{key}.other", b"x")
    (foreign,) = world.version_ids(f"{key}.other")
    world.put_object(key, b"y")

    with pytest.raises(VersionGone):
        world.objects.tags(key, foreign)
    with pytest.raises(VersionGone):
        world.objects.tags(f"{key}.never", foreign)


def test_an_object_that_was_tagged_is_the_object_that_it_was(world: World, key: str):
    world.put_object(key, b"as it was")
    before = world.objects.head(key)
    assert before

    world.objects.tag_cleaned(key, before.version_id)

    assert world.objects.head(key) == before


@pytest.mark.parametrize("method", ["tag_cleaned", "untag_cleaned"])
def test_a_version_that_is_gone_is_not_tagged(world: World, key: str, method: str):
    world.put_object(f"{key}.other", b"x")
    (foreign,) = world.version_ids(f"{key}.other")
    world.put_object(key, b"y")

    with pytest.raises(VersionGone):
        getattr(world.objects, method)(key, foreign)
    with pytest.raises(VersionGone):
        getattr(world.objects, method)(f"{key}.never", foreign)


@pytest.mark.parametrize("method", ["tag_cleaned", "untag_cleaned"])
def test_what_is_neither_original_nor_intermediate_is_never_tagged(world: World, method: str):
    with pytest.raises(ValueError, match="never purged"):
        getattr(world.objects, method)("outputs/x", "version")


def test_a_bucket_that_keeps_versions_no_longer_says_so(promising: World):
    promising.suspend_versions()

    assert not promising.objects.bucket().is_versioned


def test_open_multipart_uploads_are_listed_below_a_prefix_with_the_time_they_began(sent: Sent):
    other_id = sent.world.objects.create_multipart(f"elsewhere/{sent.key}", UPLOAD_ID)

    (listed,) = sent.world.objects.multiparts(sent.key)

    assert (listed.key, listed.multipart_id) == (sent.key, sent.multipart_id)
    assert abs(listed.initiated_at - sent.world.now()) < timedelta(minutes=5)
    sent.world.objects.abort(f"elsewhere/{sent.key}", other_id)


def test_two_multipart_uploads_of_one_key_are_both_listed(sent: Sent):
    second_id = sent.world.objects.create_multipart(sent.key, UPLOAD_ID)

    listed = {each.multipart_id for each in sent.world.objects.multiparts(sent.key)}

    assert listed == {sent.multipart_id, second_id}
    sent.world.objects.abort(sent.key, second_id)


def test_open_multipart_uploads_are_listed_behind_a_key(sent: Sent):
    keys = [f"{sent.key}/{name}" for name in ("a", "b", "c")]
    begun = {key: sent.world.objects.create_multipart(key, UPLOAD_ID) for key in keys}

    def listed(after_key: str) -> list[str]:
        return [each.key for each in sent.world.objects.multiparts(sent.key, after_key)]

    assert listed("") == [sent.key, *keys]
    assert listed(keys[0]) == keys[1:]
    assert listed(keys[-1]) == []
    for key, multipart_id in begun.items():
        sent.world.objects.abort(key, multipart_id)


def test_a_completed_upload_is_no_longer_listed(sent: Sent):
    sent.send()
    sent.complete()

    assert list(sent.world.objects.multiparts(sent.key)) == []


def test_an_aborted_upload_is_no_longer_listed(sent: Sent):
    sent.world.objects.abort(sent.key, sent.multipart_id)

    assert list(sent.world.objects.multiparts(sent.key)) == []


@pytest.fixture
def hidden(request: pytest.FixtureRequest, world: World, sent: Sent) -> Iterator[Sent]:
    """A completed object of which S3 tells no checksum: whoever asks may not use its key."""
    sent.send(1, 2, 3)
    sent.complete()
    if isinstance(world, MemoryWorld):
        world.objects.hide_checksums(sent.key)
        yield sent
        return
    if request.node.callspec.params["world"] != "local":
        pytest.skip("no other place can be told to hide checksums")
    chaos: Chaos = request.getfixturevalue("local_chaos")
    chaos.hide_checksums(times=1_000, key_prefix=sent.key)
    yield sent
    chaos.clear()


def test_an_object_whose_checksum_s3_does_not_tell_is_shown_with_all_the_rest(hidden: Sent):
    shown = hidden.head()

    assert shown.crc64nvme is None
    assert (shown.size_bytes, shown.upload_id) == (sum(map(len, hidden.bodies)), UPLOAD_ID)
    assert shown.etag
    assert shown.version_id in hidden.world.version_ids(hidden.key)


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [(0, 0, b"0"), (0, 9, b"0123456789"), (3, 5, b"345"), (9, 9, b"9"), (8, 9, b"89"), (8, 511, b"89")],
)
def test_a_range_of_a_version_is_read_with_both_its_ends(
    world: World, key: str, first: int, last: int, found: bytes
):
    world.put_object(key, b"0123456789")
    [version_id] = world.version_ids(key)

    assert world.objects.read_range(key, version_id, first, last) == found


def test_a_range_is_of_the_version_that_is_named_whatever_stands_there_since(world: World, key: str):
    world.put_object(key, b"the old one")
    [version_id] = world.version_ids(key)
    world.mark_deleted(key)
    world.put_object(key, b"the new one")

    assert world.objects.read_range(key, version_id, 4, 6) == b"old"


def test_a_range_of_a_version_is_read_beneath_a_delete_marker(world: World, key: str):
    world.put_object(key, b"cleaned")
    [version_id] = world.version_ids(key)
    world.mark_deleted(key)

    assert world.objects.read_range(key, version_id, 0, 4) == b"clean"


def test_a_range_of_a_version_that_never_was_is_refused(world: World, key: str):
    world.put_object(key, b"0123456789")

    with pytest.raises(VersionGone):
        world.objects.read_range(key, "no-such-version", 0, 1)


@pytest.fixture
def guarded(request: pytest.FixtureRequest, world: World, sent: Sent) -> Iterator[Sent]:
    """A completed object that S3 refuses to remove."""
    sent.send(1, 2, 3)
    sent.complete()
    if isinstance(world, MemoryWorld):
        world.objects.refuses_removals = True
        yield sent
        world.objects.refuses_removals = False
        return
    if request.node.callspec.params["world"] != "local":
        pytest.skip("no other place can be told to refuse")
    chaos: Chaos = request.getfixturevalue("local_chaos")
    chaos.fail_before("DeleteObject", status=403, code="AccessDenied", times=1_000, key_prefix=sent.key)
    yield sent
    chaos.clear()


def test_a_removal_that_s3_refuses_is_told_as_such_and_nothing_is_removed(guarded: Sent):
    stored = guarded.head()

    with pytest.raises(RemovalRefused, match="AccessDenied") as refusal:
        guarded.world.objects.remove(guarded.key, stored.etag)

    assert refusal.value.code == "AccessDenied"
    assert guarded.head() == stored
