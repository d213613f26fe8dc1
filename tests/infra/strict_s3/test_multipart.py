"""Uploads as S3 keeps them: which exist, which parts they have, what the lists say."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws.strict_s3.checksums import checksum
from tests.infra.strict_s3.bench import Bucket, Open, completion_body

NO_SUCH_UPLOAD = (404, "NoSuchUpload")


def aborted(bucket: Bucket) -> Open:
    upload = bucket.begin_plain()
    bucket.s3.abort_multipart_upload(**upload.address)
    return upload


def unknown(bucket: Bucket) -> Open:
    return Open(bucket, "a/film.mp4", "neverbegun", "CRC64NVME")


def completed(bucket: Bucket) -> Open:
    upload = bucket.begin()
    upload.complete([upload.put(1, b"all")])
    bucket.bench.clock.advance(61)
    return upload


GONE = [aborted, unknown, completed]


@pytest.mark.parametrize("gone", GONE)
def test_no_part_can_be_put_to_an_upload_that_is_gone(bucket: Bucket, gone: Any):
    upload = gone(bucket)
    url = upload.part_url(1)

    assert bucket.bench.strictly("PUT", url, b"x").outcome == NO_SUCH_UPLOAD
    assert bucket.bench.barely("PUT", url, b"x").status == 500


@pytest.mark.parametrize("gone", [aborted, unknown])
def test_an_upload_that_is_gone_cannot_be_completed(bucket: Bucket, gone: Any):
    upload = gone(bucket)
    body = completion_body([{"PartNumber": 1, "ETag": "x"}])

    assert bucket.bench.strictly("POST", upload.completion_url(), body).outcome == NO_SUCH_UPLOAD
    assert bucket.bench.barely("POST", upload.completion_url(), body).status == 500


@pytest.mark.parametrize("gone", GONE)
def test_the_parts_of_an_upload_that_is_gone_cannot_be_listed(bucket: Bucket, gone: Any):
    with pytest.raises(ClientError, match="NoSuchUpload"):
        bucket.s3.list_parts(**gone(bucket).address)


@pytest.mark.parametrize("gone", GONE)
def test_an_upload_that_is_gone_cannot_be_aborted(bucket: Bucket, gone: Any):
    with pytest.raises(ClientError, match="NoSuchUpload"):
        bucket.s3.abort_multipart_upload(**gone(bucket).address)


def test_an_upload_id_serves_its_own_key_only_for_parts(bucket: Bucket):
    upload = bucket.begin_plain("a/mine")
    url = Open(bucket, "a/yours", upload.id, "CRC64NVME").part_url(1)

    assert bucket.bench.strictly("PUT", url, b"x").outcome == NO_SUCH_UPLOAD
    assert bucket.bench.barely("PUT", url, b"x").status == 200


def test_an_upload_id_serves_its_own_key_only_for_the_completion(bucket: Bucket):
    upload = bucket.begin("a/mine")
    body = completion_body([upload.put(1, b"all")])
    url = Open(bucket, "a/yours", upload.id, "CRC64NVME").completion_url()

    assert bucket.bench.strictly("POST", url, body).outcome == NO_SUCH_UPLOAD
    assert bucket.bench.barely("POST", url, body).status == 200


def test_an_upload_id_serves_its_own_bucket_only(bucket: Bucket):
    upload = bucket.begin_plain()
    elsewhere = bucket.bench.make_bucket(f"{bucket.name}-elsewhere")

    with pytest.raises(ClientError, match="NoSuchUpload"):
        bucket.s3.list_parts(Bucket=elsewhere.name, Key=upload.key, UploadId=upload.id)


@pytest.mark.parametrize(("number", "moto"), [(0, 404), (10_001, 400)])
def test_part_numbers_outside_1_to_10000_are_refused(bucket: Bucket, number: int, moto: int):
    url = bucket.begin_plain().part_url(number)

    assert bucket.bench.strictly("PUT", url, b"x").outcome == (400, "InvalidArgument")
    assert bucket.bench.barely("PUT", url, b"x").status == moto


@pytest.mark.parametrize("number", [1, 10_000])
def test_the_first_and_the_last_part_number_are_taken(bucket: Bucket, number: int):
    assert bucket.bench.strictly("PUT", bucket.begin_plain().part_url(number), b"x").status == 200


def test_a_part_sent_again_replaces_the_first(bucket: Bucket):
    upload = bucket.begin()
    upload.put(1, b"first")

    upload.complete([upload.put(1, b"second!")])

    assert bucket.s3.get_object(Bucket=bucket.name, Key=upload.key)["Body"].read() == b"second!"


def numbers_by_pages(upload: Open, page: int) -> list[int]:
    numbers: list[int] = []
    marker = 0
    while True:
        listed = upload.bucket.s3.list_parts(**upload.address, MaxParts=page, PartNumberMarker=marker)
        numbers += [part["PartNumber"] for part in listed.get("Parts", [])]
        if not listed["IsTruncated"]:
            return numbers
        marker = listed["NextPartNumberMarker"]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5, 1000])
def test_parts_with_gaps_are_listed_page_by_page(bucket: Bucket, page: int):
    upload = bucket.begin()
    for number in (9, 2, 4, 7):
        upload.put(number, b"x" * number)

    assert numbers_by_pages(upload, page) == [2, 4, 7, 9]


def test_moto_loses_parts_behind_gaps(bucket: Bucket):
    upload = bucket.begin()
    for number in (2, 5, 7, 9):
        upload.put(number, b"x")
    url = bucket.presigned("list_parts", upload.key, UploadId=upload.id, MaxParts=2, PartNumberMarker=5)

    assert b"<PartNumber>7<" in bucket.bench.strictly("GET", url).body
    assert b"<PartNumber>7<" not in bucket.bench.barely("GET", url).body


def test_a_listed_part_has_its_size_etag_and_time(bucket: Bucket):
    upload = bucket.begin()
    put = upload.put(3, b"12345")

    part = bucket.s3.list_parts(**upload.address)["Parts"][0]

    assert (part["Size"], part["ETag"], part["PartNumber"]) == (5, put["ETag"], 3)
    assert abs((bucket.bench.clock() - part["LastModified"]).total_seconds()) < 5


def test_parts_are_listed_with_the_time_they_came(bucket: Bucket):
    upload = bucket.begin()
    upload.put(1, b"early")
    bucket.bench.clock.advance(600)
    upload.put(2, b"late")

    first, second = bucket.s3.list_parts(**upload.address)["Parts"]

    assert 599 < (second["LastModified"] - first["LastModified"]).total_seconds() < 610


def test_uploads_are_listed_with_the_time_they_began(bucket: Bucket):
    upload = bucket.begin()
    url = bucket.bench.s3.generate_presigned_url("list_multipart_uploads", Params={"Bucket": bucket.name})

    listed = bucket.s3.list_multipart_uploads(Bucket=bucket.name)["Uploads"][0]

    assert (listed["UploadId"], listed["Key"]) == (upload.id, upload.key)
    assert abs((bucket.bench.clock() - listed["Initiated"]).total_seconds()) < 5
    assert b"2010-11-10" in bucket.bench.barely("GET", url).body


def uploads_by_pages(bucket: Bucket, page: int, prefix: str = "") -> list[tuple[str, str]]:
    paginator = bucket.s3.get_paginator("list_multipart_uploads")
    pages = paginator.paginate(Bucket=bucket.name, Prefix=prefix, PaginationConfig={"PageSize": page})
    return [(one["Key"], one["UploadId"]) for listed in pages for one in listed.get("Uploads", [])]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5, 1000])
def test_uploads_are_listed_page_by_page(bucket: Bucket, page: int):
    begun = [bucket.begin(key) for key in ("b", "a", "c", "a")]

    assert uploads_by_pages(bucket, page) == sorted((one.key, one.id) for one in begun)


def test_moto_ignores_the_page_length_of_uploads(bucket: Bucket):
    for key in ("a", "b", "c"):
        bucket.begin(key)
    url = bucket.s3.generate_presigned_url(
        "list_multipart_uploads", Params={"Bucket": bucket.name, "MaxUploads": 2}
    )

    assert bucket.bench.strictly("GET", url).body.count(b"<Upload>") == 2
    assert bucket.bench.barely("GET", url).body.count(b"<Upload>") == 3


def test_uploads_are_listed_by_prefix(bucket: Bucket):
    upload = bucket.begin("originals/one")
    bucket.begin("outputs/one")

    assert uploads_by_pages(bucket, 1, "originals/") == [("originals/one", upload.id)]


def test_a_key_marker_alone_passes_over_all_uploads_of_that_key(bucket: Bucket):
    for key in ("a", "a", "b"):
        bucket.begin(key)

    listed = bucket.s3.list_multipart_uploads(Bucket=bucket.name, KeyMarker="a")

    assert [one["Key"] for one in listed["Uploads"]] == ["b"]


def test_completed_and_aborted_uploads_are_not_listed(bucket: Bucket):
    completed(bucket)
    aborted(bucket)

    assert uploads_by_pages(bucket, 10) == []


@pytest.mark.parametrize("count", [0, -1])
def test_a_page_of_uploads_has_a_positive_length(bucket: Bucket, count: int):
    with pytest.raises(ClientError, match="InvalidArgument"):
        bucket.s3.list_multipart_uploads(Bucket=bucket.name, MaxUploads=count)


def test_uploads_of_an_unknown_bucket_cannot_be_listed(bucket: Bucket):
    with pytest.raises(ClientError, match="NoSuchBucket"):
        bucket.s3.list_multipart_uploads(Bucket="no-such-bucket-anywhere")


def test_a_part_can_be_copied_from_a_range_of_an_object(bucket: Bucket):
    bucket.put("a/source", b"0123456789")
    upload = bucket.begin("a/target")

    copied = bucket.s3.upload_part_copy(
        **upload.address,
        PartNumber=1,
        CopySource={"Bucket": bucket.name, "Key": "a/source"},
        CopySourceRange="bytes=2-5",
    )

    result = copied["CopyPartResult"]
    assert result["ChecksumCRC64NVME"] == checksum("CRC64NVME", b"2345")
    upload.complete([{"PartNumber": 1, "ETag": result["ETag"]}], MpuObjectSize=4)
    assert bucket.s3.get_object(Bucket=bucket.name, Key="a/target")["Body"].read() == b"2345"


def test_a_part_can_be_copied_from_a_noncurrent_version(bucket: Bucket):
    version = bucket.put("a/source", b"the old film")["VersionId"]
    bucket.s3.delete_object(Bucket=bucket.name, Key="a/source")
    upload = bucket.begin("a/source")

    copied = bucket.s3.upload_part_copy(
        **upload.address,
        PartNumber=1,
        CopySource={"Bucket": bucket.name, "Key": "a/source", "VersionId": version},
    )

    assert copied["CopySourceVersionId"] == version
    upload.complete([{"PartNumber": 1, "ETag": copied["CopyPartResult"]["ETag"]}])
    assert bucket.s3.get_object(Bucket=bucket.name, Key="a/source")["Body"].read() == b"the old film"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"CopySourceRange": "bytes=8-10"}, "InvalidArgument"),
        ({"CopySourceIfMatch": '"0123"'}, "PreconditionFailed"),
    ],
)
def test_a_copy_whose_terms_do_not_hold_is_refused(bucket: Bucket, parameters: Any, code: str):
    bucket.put("a/source", b"0123456789")
    upload = bucket.begin("a/target")

    with pytest.raises(ClientError, match=code):
        bucket.s3.upload_part_copy(
            **upload.address,
            PartNumber=1,
            CopySource={"Bucket": bucket.name, "Key": "a/source"},
            **parameters,
        )


def test_of_an_object_as_small_as_the_smallest_part_no_range_is_copied_only_the_whole(bucket: Bucket):
    bucket.put("a/source", b"0")
    upload = bucket.begin("a/target")
    source: Any = {"Bucket": bucket.name, "Key": "a/source"}

    with pytest.raises(ClientError, match="byte-range copy source"):
        bucket.s3.upload_part_copy(
            **upload.address, PartNumber=1, CopySource=source, CopySourceRange="bytes=0-0"
        )

    copied = bucket.s3.upload_part_copy(**upload.address, PartNumber=1, CopySource=source)
    assert copied["CopyPartResult"]["ChecksumCRC64NVME"] == checksum("CRC64NVME", b"0")


def test_nothing_can_be_copied_from_an_object_that_is_not_there(bucket: Bucket):
    upload = bucket.begin("a/target")

    with pytest.raises(ClientError, match="NoSuchKey"):
        bucket.s3.upload_part_copy(
            **upload.address, PartNumber=1, CopySource={"Bucket": bucket.name, "Key": "a/none"}
        )
