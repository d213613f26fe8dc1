"""What the adapters on boto3 make of replies that never came or were not what they seemed: local AWS alone."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core import limits
from chalicelib.core.errors import KeyTaken, MultipartGone, StorageBusy
from chalicelib.core.limits import Windowed
from chalicelib.core.parts import PartPlan
from infra.local.aws.strict_s3 import Chaos, Fault
from tests.contracts.sending import UPLOAD_ID, Sent
from tests.contracts.worlds import AwsWorld

TRIES = 3


@pytest.fixture
def sent(local_world: AwsWorld, local_chaos: Chaos, key: str) -> Iterator[Sent]:
    """All parts of a multipart upload."""
    made = Sent(local_world, key)
    made.send()
    yield made
    local_chaos.clear()
    local_world.objects.abort(key, made.multipart_id)


def test_a_completion_whose_reply_is_lost_leaves_exactly_one_object_that_names_its_upload(
    sent: Sent, local_chaos: Chaos
):
    local_chaos.cut_after("CompleteMultipartUpload", key_prefix=sent.key)

    with suppress(MultipartGone, KeyTaken):
        sent.complete()

    assert [happened.fault for happened in local_chaos.log] == [Fault.CUT_AFTER]
    assert sent.head().upload_id == UPLOAD_ID
    assert len(sent.world.version_ids(sent.key)) == 1


def test_an_error_in_a_reply_of_200_is_an_error_and_the_completion_can_be_repeated(
    sent: Sent, local_chaos: Chaos
):
    local_chaos.error_in_200("CompleteMultipartUpload", times=TRIES, key_prefix=sent.key)

    with pytest.raises(StorageBusy):
        sent.complete()

    assert sent.world.objects.head(sent.key) is None
    sent.complete()
    assert sent.head().upload_id == UPLOAD_ID


def test_a_copy_whose_reply_is_lost_is_one_part(sent: Sent, local_chaos: Chaos):
    sent.complete()
    source = sent.head()
    plan = PartPlan(source.size_bytes, source.size_bytes)
    copy = sent.world.objects.create_multipart(sent.key, UPLOAD_ID)
    local_chaos.cut_after("UploadPartCopy", key_prefix=sent.key)

    part = sent.world.objects.copy_part(sent.key, copy, source.version_id, plan, 1)

    assert [happened.fault for happened in local_chaos.log] == [Fault.CUT_AFTER]
    assert sent.world.objects.parts(sent.key, copy) == (part,)
    sent.world.objects.abort(sent.key, copy)


def test_an_error_in_a_reply_of_200_is_no_copied_part(sent: Sent, local_chaos: Chaos):
    sent.complete()
    source = sent.head()
    plan = PartPlan(source.size_bytes, source.size_bytes)
    copy = sent.world.objects.create_multipart(sent.key, UPLOAD_ID)
    local_chaos.error_in_200("UploadPartCopy", times=TRIES, key_prefix=sent.key)

    with pytest.raises(StorageBusy):
        sent.world.objects.copy_part(sent.key, copy, source.version_id, plan, 1)

    assert sent.world.objects.parts(sent.key, copy) == ()
    sent.world.objects.abort(sent.key, copy)


def test_an_abort_whose_reply_is_lost_has_aborted(sent: Sent, local_chaos: Chaos):
    local_chaos.cut_after("AbortMultipartUpload", key_prefix=sent.key)

    assert sent.world.objects.abort(sent.key, sent.multipart_id) is True
    assert [happened.fault for happened in local_chaos.log] == [Fault.CUT_AFTER]


def test_a_removal_whose_reply_is_lost_writes_one_marker_and_keeps_the_bytes(sent: Sent, local_chaos: Chaos):
    sent.complete()
    stored = sent.head()
    local_chaos.cut_after("DeleteObject", key_prefix=sent.key)

    sent.world.objects.remove(stored.key, stored.etag)

    assert [happened.fault for happened in local_chaos.log] == [Fault.CUT_AFTER]
    assert sent.world.objects.head(sent.key) is None
    assert sent.world.version_ids(sent.key) == {stored.version_id}


def test_what_is_given_back_by_a_call_whose_reply_is_lost_counts_once(local_world: AwsWorld):
    now = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)
    window = limits.window(f"TOKEN#t_{secrets.token_hex(8)}", Windowed.orders_an_hour, now)
    records = local_world.records
    records.use(window, 10, 10)

    with one_reply_is_lost(local_world.clients.dynamodb) as lost:
        records.give_back(window, 3)
    assert lost == ["UpdateItem"]
    assert records.used(window) == 7

    records.give_back(window, 3)
    assert records.used(window) == 4


@contextmanager
def one_reply_is_lost(client: Any) -> Iterator[list[str]]:
    """The client repeats one call that the table has carried out; the list names it."""
    lost: list[str] = []

    def repeat(operation: Any, **_: Any) -> int | None:
        if lost:
            return None
        lost.append(operation.name)
        return 0

    client.meta.events.register_first("needs-retry.dynamodb", repeat)
    try:
        yield lost
    finally:
        client.meta.events.unregister("needs-retry.dynamodb", repeat)
