"""Versions and conditions: right in moto, and still right behind the strict layer."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws.strict_s3 import StrictS3
from tests.infra.strict_s3.bench import Bucket, send


def status_of(call: Any, **parameters: Any) -> int:
    try:
        answer = call(**parameters)
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def test_each_version_can_be_read(bucket: Bucket):
    first = bucket.put(body=b"first")["VersionId"]
    bucket.put(body=b"second")

    old = bucket.s3.get_object(Bucket=bucket.name, Key="a/film.mp4", VersionId=first)

    assert old["Body"].read() == b"first"
    assert bucket.s3.head_object(Bucket=bucket.name, Key="a/film.mp4", VersionId=first)["ContentLength"] == 5


def test_a_range_is_answered_with_206(bucket: Bucket):
    bucket.put(body=b"0123456789")

    part = bucket.s3.get_object(Bucket=bucket.name, Key="a/film.mp4", Range="bytes=2-4")

    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")


def test_a_range_tells_no_checksum_for_s3_knows_only_the_wholes(bucket: Bucket):
    bucket.s3.put_object(
        Bucket=bucket.name, Key="a/film.mp4", Body=b"0123456789", ChecksumAlgorithm="CRC64NVME"
    )

    whole = bucket.s3.get_object(Bucket=bucket.name, Key="a/film.mp4", ChecksumMode="ENABLED")
    part = bucket.s3.get_object(
        Bucket=bucket.name, Key="a/film.mp4", Range="bytes=2-4", ChecksumMode="ENABLED"
    )

    assert whole["ChecksumCRC64NVME"]
    assert not part.get("ChecksumCRC64NVME")
    assert part["Body"].read() == b"234"


def test_an_object_is_replaced_only_while_it_is_what_it_was(bucket: Bucket):
    where: Any = {"Bucket": bucket.name, "Key": "a/film.mp4"}
    first = bucket.put(body=b"first")["ETag"]

    assert status_of(bucket.s3.put_object, **where, Body=b"second", IfMatch=first) == 200
    assert status_of(bucket.s3.put_object, **where, Body=b"third", IfMatch=first) == 412
    assert bucket.s3.get_object(**where)["Body"].read() == b"second"


@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_not_there_cannot_be_replaced(bucket: Bucket, hidden: bool):
    where: Any = {"Bucket": bucket.name, "Key": "a/film.mp4"}
    etag = '"0123456789abcdef0123456789abcdef"'
    if hidden:
        etag = bucket.put()["ETag"]
        bucket.s3.delete_object(**where)

    assert status_of(bucket.s3.put_object, **where, Body=b"again", IfMatch=etag) == 404


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
def test_reading_can_demand_an_etag(bucket: Bucket, operation: str):
    etag = bucket.put()["ETag"]
    read = getattr(bucket.s3, operation)

    assert status_of(read, Bucket=bucket.name, Key="a/film.mp4", IfMatch=etag) == 200
    assert status_of(read, Bucket=bucket.name, Key="a/film.mp4", IfMatch='"0123"') == 412


def test_a_version_can_be_read_on_condition(bucket: Bucket):
    first = bucket.put(body=b"first")
    bucket.put(body=b"second")
    where = {"Bucket": bucket.name, "Key": "a/film.mp4", "VersionId": first["VersionId"]}

    assert status_of(bucket.s3.get_object, **where, IfMatch=first["ETag"]) == 200
    assert status_of(bucket.s3.head_object, **where, IfMatch=first["ETag"]) == 200


def test_a_conditional_delete_spares_what_was_replaced(bucket: Bucket):
    judged = bucket.put(body=b"judged")["ETag"]
    bucket.put(body=b"replaced")

    assert status_of(bucket.s3.delete_object, Bucket=bucket.name, Key="a/film.mp4", IfMatch=judged) == 412
    assert bucket.s3.get_object(Bucket=bucket.name, Key="a/film.mp4")["Body"].read() == b"replaced"


def test_a_conditional_delete_writes_a_marker_over_what_was_judged(bucket: Bucket):
    put = bucket.put()

    deleted = bucket.s3.delete_object(Bucket=bucket.name, Key="a/film.mp4", IfMatch=put["ETag"])

    assert deleted["DeleteMarker"]
    assert status_of(bucket.s3.head_object, Bucket=bucket.name, Key="a/film.mp4") == 404
    where = {"Bucket": bucket.name, "Key": "a/film.mp4", "VersionId": put["VersionId"]}
    assert bucket.s3.get_object(**where)["Body"].read() == b"film"


def test_putting_on_condition_spares_what_is_there(bucket: Bucket):
    bucket.put(body=b"there")

    assert (
        status_of(bucket.s3.put_object, Bucket=bucket.name, Key="a/film.mp4", Body=b"x", IfNoneMatch="*")
        == 412
    )
    assert bucket.s3.get_object(Bucket=bucket.name, Key="a/film.mp4")["Body"].read() == b"there"


def test_of_two_writes_to_one_key_the_second_waits_for_the_first(bucket: Bucket):
    # moto looks and then writes; between the two, another write must not come in.
    inside: list[str] = []
    both_inside = threading.Event()

    def slow_moto(environ: Any, start_response: Any) -> Any:
        inside.append("write")
        if len(inside) == 2:
            both_inside.set()
        both_inside.wait(0.2)
        try:
            return bucket.bench.moto(environ, start_response)
        finally:
            inside.pop()

    statuses: list[int] = []
    url = bucket.presigned("put_object", IfNoneMatch="*")
    with StrictS3(
        slow_moto,
        credentials={"test": "test"},
        clock=bucket.bench.clock,
        on_event=bucket.bench.inbox,
        chaos=bucket.bench.chaos,
    ) as layer:

        def put() -> None:
            statuses.append(send(layer, "PUT", url, b"film", {"if-none-match": "*"}).status)

        threads = [threading.Thread(target=put) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert not both_inside.is_set()
    assert sorted(statuses) == [200, 412]


def test_an_error_names_its_request(bucket: Bucket):
    with pytest.raises(ClientError) as caught:
        bucket.s3.get_object(Bucket=bucket.name, Key="none")

    assert caught.value.response["Error"]["Code"] == "NoSuchKey"
    assert caught.value.response["ResponseMetadata"]["RequestId"]


def test_a_copy_keeps_the_bytes(bucket: Bucket):
    bucket.put("from", b"film")
    source: Any = {"Bucket": bucket.name, "Key": "from"}

    bucket.s3.copy_object(Bucket=bucket.name, Key="to", CopySource=source)

    assert bucket.s3.get_object(Bucket=bucket.name, Key="to")["Body"].read() == b"film"
