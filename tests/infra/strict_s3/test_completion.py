"""The completion of an upload: in order, proven, and remembered for a while."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws.strict_s3.checksums import checksum
from tests.infra.strict_s3.bench import Bucket, Open, client_at, completion_body

FIRST, SECOND = b"first part, ", b"second part"
WHOLE = FIRST + SECOND


def with_two_parts(bucket: Bucket, **parameters: Any) -> tuple[Open, list[Any]]:
    upload = bucket.begin(**parameters)
    return upload, [upload.put(1, FIRST), upload.put(2, SECOND)]


def test_a_completion_answers_with_the_checksum_of_the_whole(bucket: Bucket):
    upload, parts = with_two_parts(bucket)

    done = upload.complete(parts)

    assert (done["ChecksumCRC64NVME"], done["ChecksumType"]) == (checksum("CRC64NVME", WHOLE), "FULL_OBJECT")
    assert (done["Bucket"], done["Key"]) == (bucket.name, upload.key)


def test_the_object_shows_the_checksum_of_the_whole(bucket: Bucket):
    upload, parts = with_two_parts(bucket)
    done = upload.complete(parts)

    head = bucket.s3.head_object(Bucket=bucket.name, Key=upload.key, ChecksumMode="ENABLED")

    assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (
        checksum("CRC64NVME", WHOLE),
        "FULL_OBJECT",
    )
    assert (head["ETag"], head["VersionId"]) == (done["ETag"], done["VersionId"])
    assert head["ContentLength"] == len(WHOLE)


def test_an_upload_without_a_promise_ends_with_crc64nvme(bucket: Bucket):
    upload = bucket.begin_plain()
    etag = bucket.s3.upload_part(**upload.address, PartNumber=1, Body=WHOLE)["ETag"]

    done = upload.complete([{"PartNumber": 1, "ETag": etag}])

    assert done["ChecksumCRC64NVME"] == checksum("CRC64NVME", WHOLE)


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C"])
def test_the_other_crcs_fold_into_the_whole_too(bucket: Bucket, algorithm: str):
    upload, parts = with_two_parts(bucket, algorithm=algorithm, ChecksumType="FULL_OBJECT")
    stated: dict[str, Any] = {f"Checksum{algorithm}": checksum(algorithm, WHOLE)}

    upload.complete(parts, **stated)

    head = bucket.s3.head_object(Bucket=bucket.name, Key=upload.key, ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == checksum(algorithm, WHOLE)  # type: ignore[literal-required]  # parametrized


def test_a_composite_checksum_ends_with_the_count_of_parts(bucket: Bucket):
    upload, parts = with_two_parts(bucket, algorithm="SHA256")
    for part, data in zip(parts, (FIRST, SECOND), strict=True):
        part["ChecksumSHA256"] = checksum("SHA256", data)

    upload.complete(parts)

    head = bucket.s3.head_object(Bucket=bucket.name, Key=upload.key, ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"].endswith("-2")
    assert head["ChecksumType"] == "COMPOSITE"


def test_a_composite_upload_is_completed_with_the_checksum_of_each_part(bucket: Bucket):
    upload, parts = with_two_parts(bucket, algorithm="SHA256")

    assert refused(bucket, upload, parts) == (400, "InvalidRequest")


def refused(
    bucket: Bucket, upload: Open, parts: list[Any], *, moto: int = 200, **parameters: Any
) -> tuple[int, str | None]:
    """How the strict layer refuses this completion; bare moto answers `moto` to the same request."""
    headers = {name: str(value) for name, value in parameters.pop("headers", {}).items()}
    url = upload.completion_url(**parameters)
    outcome = bucket.bench.strictly("POST", url, completion_body(parts), **headers).outcome
    assert bucket.s3.list_objects_v2(Bucket=bucket.name)["KeyCount"] == 0
    assert bucket.bench.barely("POST", url, completion_body(parts), **headers).status == moto
    return outcome


def test_a_wrong_checksum_of_the_whole_is_refused(bucket: Bucket):
    upload, parts = with_two_parts(bucket)
    wrong = checksum("CRC64NVME", FIRST)

    outcome = refused(
        bucket, upload, parts, ChecksumCRC64NVME=wrong, headers={"x-amz-checksum-crc64nvme": wrong}
    )

    assert outcome == (400, "BadDigest")


def test_a_checksum_of_another_kind_for_the_whole_is_refused(bucket: Bucket):
    upload, parts = with_two_parts(bucket)
    other = checksum("CRC32", WHOLE)

    outcome = refused(bucket, upload, parts, ChecksumCRC32=other, headers={"x-amz-checksum-crc32": other})

    assert outcome == (400, "InvalidRequest")


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_wrong_size_of_the_whole_is_refused(bucket: Bucket, difference: int):
    upload, parts = with_two_parts(bucket)
    size = len(WHOLE) + difference

    outcome = refused(bucket, upload, parts, MpuObjectSize=size, headers={"x-amz-mp-object-size": size})

    assert outcome == (400, "InvalidRequest")


def test_the_right_size_and_checksum_of_the_whole_are_taken(bucket: Bucket):
    upload, parts = with_two_parts(bucket)

    upload.complete(
        parts,
        MpuObjectSize=len(WHOLE),
        ChecksumCRC64NVME=checksum("CRC64NVME", WHOLE),
        ChecksumType="FULL_OBJECT",
        IfNoneMatch="*",
    )

    assert bucket.s3.get_object(Bucket=bucket.name, Key=upload.key)["Body"].read() == WHOLE


def test_parts_out_of_order_are_refused(bucket: Bucket):
    upload, (first, second) = with_two_parts(bucket)

    assert refused(bucket, upload, [second, first]) == (400, "InvalidPartOrder")


def test_a_part_named_twice_is_refused(bucket: Bucket):
    upload, (first, _) = with_two_parts(bucket)

    assert refused(bucket, upload, [first, first]) == (400, "InvalidPartOrder")


@pytest.mark.parametrize("numbers", [(1, 3), (2,), (2, 3)])
def test_numbers_with_a_gap_are_refused_where_each_part_has_a_checksum(
    bucket: Bucket, numbers: tuple[int, ...]
):
    upload = bucket.begin()
    parts = [upload.put(number, FIRST) for number in numbers]

    assert refused(bucket, upload, parts) == (400, "InvalidPartOrder")


def test_numbers_with_a_gap_are_taken_where_no_checksum_was_declared(bucket: Bucket):
    upload = bucket.begin_plain()
    etags = [
        bucket.s3.upload_part(**upload.address, PartNumber=number, Body=FIRST)["ETag"] for number in (2, 4)
    ]

    upload.complete([{"PartNumber": 2, "ETag": etags[0]}, {"PartNumber": 4, "ETag": etags[1]}])

    assert bucket.s3.get_object(Bucket=bucket.name, Key=upload.key)["Body"].read() == FIRST * 2


def test_a_part_that_s3_does_not_have_is_refused(bucket: Bucket):
    upload, (first, second) = with_two_parts(bucket)

    outcome = refused(bucket, upload, [first, {**second, "PartNumber": 3}], moto=400)

    assert outcome == (400, "InvalidPart")


def test_a_part_with_another_etag_is_refused(bucket: Bucket):
    upload, (first, second) = with_two_parts(bucket)

    outcome = refused(bucket, upload, [first, {**second, "ETag": first["ETag"]}], moto=400)

    assert outcome == (400, "InvalidPart")


def test_a_part_with_another_checksum_is_refused(bucket: Bucket):
    upload, (first, second) = with_two_parts(bucket)

    with pytest.raises(ClientError, match="InvalidPart"):
        upload.complete([first, {**second, "ChecksumCRC64NVME": checksum("CRC64NVME", FIRST)}])


@pytest.mark.parametrize(
    "body", [b"", b"<CompleteMultipartUpload/>", b"{}", b"<Part><PartNumber>x</PartNumber>"]
)
def test_a_completion_without_a_list_of_parts_is_refused(bucket: Bucket, body: bytes):
    upload, _ = with_two_parts(bucket)

    assert bucket.bench.strictly("POST", upload.completion_url(), body).outcome == (400, "MalformedXML")


def test_a_refused_completion_can_be_put_right(bucket: Bucket):
    upload, parts = with_two_parts(bucket)
    with pytest.raises(ClientError, match="InvalidRequest"):
        upload.complete(parts, MpuObjectSize=1)

    upload.complete(parts, MpuObjectSize=len(WHOLE))

    assert bucket.s3.head_object(Bucket=bucket.name, Key=upload.key)["ContentLength"] == len(WHOLE)


def test_a_completion_said_again_gets_the_same_answer_for_a_while(bucket: Bucket):
    upload, parts = with_two_parts(bucket)
    first = upload.complete(parts)
    bucket.bench.clock.advance(55)

    again = upload.complete(parts)

    assert [again[name] for name in ("ETag", "VersionId", "ChecksumCRC64NVME")] == [
        first[name] for name in ("ETag", "VersionId", "ChecksumCRC64NVME")
    ]
    versions = bucket.s3.list_object_versions(Bucket=bucket.name)["Versions"]
    assert len(versions) == 1


def test_a_completion_said_again_much_later_is_forgotten(bucket: Bucket):
    upload, parts = with_two_parts(bucket)
    upload.complete(parts)
    url = upload.completion_url()

    bucket.bench.clock.advance(61)

    assert bucket.bench.strictly("POST", url, completion_body(parts)).outcome == (404, "NoSuchUpload")
    assert bucket.bench.barely("POST", url, completion_body(parts)).status == 200


def test_nothing_is_overwritten_where_nothing_must_be(bucket: Bucket):
    bucket.put()
    upload, parts = with_two_parts(bucket)

    with pytest.raises(ClientError) as caught:
        upload.complete(parts, IfNoneMatch="*")

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert bucket.s3.get_object(Bucket=bucket.name, Key=upload.key)["Body"].read() == b"film"


def test_a_delete_marker_does_not_stand_in_the_way(bucket: Bucket):
    bucket.put()
    bucket.s3.delete_object(Bucket=bucket.name, Key="a/film.mp4")
    upload, parts = with_two_parts(bucket)

    upload.complete(parts, IfNoneMatch="*")

    assert bucket.s3.get_object(Bucket=bucket.name, Key=upload.key)["Body"].read() == WHOLE


def test_the_metadata_of_the_upload_stands_on_the_object(bucket: Bucket):
    upload = bucket.begin(Metadata={"upload-id": "u_1"}, ContentType="video/mp4")
    upload.complete([upload.put(1, WHOLE)])

    head = bucket.s3.head_object(Bucket=bucket.name, Key=upload.key)

    assert (head["Metadata"], head["ContentType"]) == ({"upload-id": "u_1"}, "video/mp4")


def test_of_two_uploads_that_must_not_overwrite_one_wins(bucket: Bucket):
    uploads = [bucket.begin() for _ in range(4)]
    listed = [[upload.put(1, bytes([index]) * 200_000)] for index, upload in enumerate(uploads)]
    outcomes: list[int] = []
    start = threading.Barrier(len(uploads))

    def complete(upload: Open, parts: list[Any]) -> None:
        url = upload.completion_url(IfNoneMatch="*")
        start.wait()
        reply = bucket.bench.strictly("POST", url, completion_body(parts), if_none_match="*")
        outcomes.append(reply.status)

    threads = [threading.Thread(target=complete, args=pair) for pair in zip(uploads, listed, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [200, 412, 412, 412]


def test_two_completions_of_one_upload_make_one_object(bucket: Bucket):
    upload, parts = with_two_parts(bucket)
    outcomes: list[Any] = []

    def complete() -> None:
        client = client_at(bucket.bench.url)
        outcomes.append(
            client.complete_multipart_upload(**upload.address, MultipartUpload={"Parts": parts})["VersionId"]
        )
        client.close()

    threads = [threading.Thread(target=complete) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 3
    assert len(set(outcomes)) == 1
