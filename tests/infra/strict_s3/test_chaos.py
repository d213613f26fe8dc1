"""Faults on order: each happens as ordered, as often as ordered, and says so in the log."""

import threading
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from infra.local.aws.strict_s3 import Chaos, Fault, Occurrence
from infra.local.http_server import ConnectionCut
from tests.infra.strict_s3.bench import Bucket, completion_body

DATA = b"one part of a film"


def exists(bucket: Bucket, key: str = "a/film.mp4") -> bool:
    return bool(bucket.s3.list_objects_v2(Bucket=bucket.name, Prefix=key)["KeyCount"])


def put(bucket: Bucket, key: str = "a/film.mp4") -> tuple[int, str | None]:
    return bucket.bench.strictly("PUT", bucket.presigned("put_object", key), DATA).outcome


def test_without_orders_nothing_goes_wrong(bucket: Bucket):
    assert put(bucket) == (200, None)
    assert bucket.bench.chaos.log == []


def test_an_operation_can_fail_before_its_effect(bucket: Bucket):
    bucket.bench.chaos.fail_before("PutObject")

    assert put(bucket) == (503, "SlowDown")
    assert not exists(bucket)
    assert bucket.bench.chaos.log == [Occurrence(Fault.FAIL_BEFORE, "PutObject", "a/film.mp4")]


def test_an_operation_can_fail_after_its_effect(bucket: Bucket):
    bucket.bench.chaos.fail_after("PutObject")

    assert put(bucket) == (500, "InternalError")
    assert exists(bucket)
    assert bucket.bench.chaos.log == [Occurrence(Fault.FAIL_AFTER, "PutObject", "a/film.mp4")]


def test_a_reply_can_be_lost_with_its_connection(bucket: Bucket):
    bucket.bench.chaos.cut_after("PutObject")

    with pytest.raises(requests.ConnectionError):
        requests.put(bucket.presigned("put_object"), data=DATA, timeout=10)

    assert exists(bucket)
    assert bucket.bench.chaos.log == [Occurrence(Fault.CUT_AFTER, "PutObject", "a/film.mp4")]


def test_a_refused_operation_uses_up_no_fault_after_its_effect(bucket: Bucket):
    bucket.bench.chaos.fail_after("PutObject")
    refused = bucket.presigned("put_object")[:-1]

    assert bucket.bench.strictly("PUT", refused, DATA).status == 403
    assert bucket.bench.chaos.log == []


def test_a_fault_happens_as_often_as_ordered(bucket: Bucket):
    bucket.bench.chaos.fail_before("PutObject", times=2, status=500, code="InternalError")

    assert [put(bucket)[0] for _ in range(3)] == [500, 500, 200]


def test_a_fault_meets_its_own_operation_only(bucket: Bucket):
    bucket.bench.chaos.fail_before("HeadObject")

    assert put(bucket) == (200, None)
    with pytest.raises(ClientError):
        bucket.s3.head_object(Bucket=bucket.name, Key="a/film.mp4")


def test_a_fault_can_be_kept_to_a_prefix(bucket: Bucket):
    bucket.bench.chaos.fail_before("PutObject", key_prefix="originals/")

    assert put(bucket, "outputs/a")[0] == 200
    assert put(bucket, "originals/a")[0] == 503


def test_an_operation_can_be_delayed(bucket: Bucket):
    slept: list[float] = []
    chaos = Chaos(sleep=slept.append)
    chaos.delay("UploadPart", 2.5)

    assert chaos.before("UploadPart", "k") is None
    assert chaos.before("UploadPart", "k") is None

    assert slept == [2.5]
    assert chaos.log == [Occurrence(Fault.DELAY, "UploadPart", "k")]


def test_a_part_corrupted_on_its_way_is_refused_and_can_be_sent_again(bucket: Bucket):
    bucket.bench.chaos.corrupt_body("UploadPart")
    upload = bucket.begin()
    url = upload.part_url(1, ChecksumCRC64NVME=upload.checksum(DATA))
    headers = {"x-amz-checksum-crc64nvme": upload.checksum(DATA)}

    first = bucket.bench.strictly("PUT", url, DATA, **headers)
    second = bucket.bench.strictly("PUT", url, DATA, **headers)

    assert (first.outcome, second.outcome) == ((400, "BadDigest"), (200, None))
    assert bucket.bench.chaos.log == [Occurrence(Fault.CORRUPT_BODY, "UploadPart", upload.key)]


def test_a_completion_can_fail_inside_a_200(bucket: Bucket):
    upload = bucket.begin()
    body = completion_body([upload.put(1, DATA)])
    bucket.bench.chaos.error_in_200("CompleteMultipartUpload")

    first = bucket.bench.strictly("POST", upload.completion_url(), body)
    assert first.outcome == (200, "InternalError")
    assert not exists(bucket)

    assert bucket.bench.strictly("POST", upload.completion_url(), body).outcome == (200, None)
    assert exists(bucket)


def test_boto3_takes_a_200_with_an_error_for_an_error(bucket: Bucket):
    upload = bucket.begin()
    parts = [upload.put(1, DATA)]
    bucket.bench.chaos.error_in_200("CompleteMultipartUpload")

    with pytest.raises(ClientError, match="InternalError"):
        upload.complete(parts)


def test_a_lost_completion_leaves_the_object(bucket: Bucket):
    upload = bucket.begin()
    body = completion_body([upload.put(1, DATA)])
    bucket.bench.chaos.cut_after("CompleteMultipartUpload")

    with pytest.raises(ConnectionCut):
        bucket.bench.strictly("POST", upload.completion_url(), body)

    assert exists(bucket)
    assert bucket.bench.strictly("POST", upload.completion_url(), body).status == 200


def test_faults_are_counted_across_threads():
    chaos = Chaos()
    chaos.fail_before("UploadPart", times=50)
    outcomes: list[Any] = []

    def ask() -> None:
        for _ in range(25):
            try:
                outcomes.append(chaos.before("UploadPart", "k"))
            except Exception as refusal:  # noqa: BLE001 - counted below
                outcomes.append(refusal)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([outcome for outcome in outcomes if outcome is not None]) == 50
    assert len(chaos.log) == 50


def test_orders_can_be_taken_back(bucket: Bucket):
    bucket.bench.chaos.fail_before("PutObject", times=9)

    bucket.bench.chaos.clear()

    assert put(bucket) == (200, None)


def test_who_may_not_use_an_objects_key_is_told_no_checksum_of_it_where_moto_tells_it(bucket: Bucket):
    put(bucket)
    bucket.bench.chaos.hide_checksums(key_prefix="a/")

    hidden, told = (checksums_of(bucket) for _ in range(2))

    assert hidden == []
    assert told
    assert [each.fault for each in bucket.bench.chaos.log] == [Fault.HIDE_CHECKSUMS]


def checksums_of(bucket: Bucket) -> list[str]:
    """The names of the checksums that a HEAD of the test's object shows."""
    shown = bucket.s3.head_object(Bucket=bucket.name, Key="a/film.mp4", ChecksumMode="ENABLED")
    return [name for name in shown if name.startswith("Checksum")]
