"""Versions and delete markers: what can be read, copied and deleted, refused with S3's own codes."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws.strict_s3.checksums import checksum
from infra.local.aws.strict_s3.moto_app import part_minimum_bytes
from tests.infra.strict_s3.bench import Bucket, Reply

KEY = "a/film.mp4"
NO_SUCH_KEY = (404, "NoSuchKey")
PRECONDITION_FAILED = (412, "PreconditionFailed")
OTHER_ETAG = '"0123456789abcdef0123456789abcdef"'
NEVER_WRITTEN = str(uuid.UUID(int=7))


def cleaned(bucket: Bucket, key: str = KEY, body: bytes = b"film") -> tuple[str, str]:
    """The versions of an object and of the delete marker above it."""
    put = bucket.put(key, body)
    deleted = bucket.s3.delete_object(Bucket=bucket.name, Key=key, IfMatch=put["ETag"])
    return put["VersionId"], deleted["VersionId"]


def address(bucket: Bucket, method: str, version_id: str | None) -> str:
    operation = {"GET": "get_object", "HEAD": "head_object"}[method]
    return (
        bucket.presigned(operation)
        if version_id is None
        else bucket.presigned(operation, VersionId=version_id)
    )


def asked(bucket: Bucket, method: str, version_id: str | None = None) -> Reply:
    return bucket.bench.strictly(method, address(bucket, method, version_id))


def asked_barely(bucket: Bucket, method: str, version_id: str | None = None) -> Reply:
    return bucket.bench.barely(method, address(bucket, method, version_id))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_noncurrent_version_is_read_by_its_id(bucket: Bucket, method: str):
    version, _ = cleaned(bucket)

    read = asked(bucket, method, version)

    assert (read.status, read.headers["x-amz-version-id"]) == (200, version)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_key_under_a_delete_marker_is_missing_and_says_why(bucket: Bucket, method: str):
    _, marker = cleaned(bucket)

    missing = asked(bucket, method)

    assert missing.status == 404
    assert missing.headers["x-amz-delete-marker"] == "true"
    assert missing.headers["x-amz-version-id"] == marker


def test_only_the_strict_layer_tells_a_get_of_the_marker(bucket: Bucket):
    cleaned(bucket)

    bare = asked_barely(bucket, "GET")

    assert "x-amz-delete-marker" not in bare.headers
    assert asked(bucket, "GET").code == "NoSuchKey"


def test_a_key_that_was_never_written_is_missing_without_a_marker(bucket: Bucket):
    missing = asked(bucket, "HEAD")

    assert missing.status == 404
    assert "x-amz-delete-marker" not in missing.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_delete_marker_cannot_be_read_as_a_version(bucket: Bucket, method: str):
    _, marker = cleaned(bucket)

    refused = asked(bucket, method, marker)

    assert refused.status == 405
    assert (refused.headers["allow"], refused.headers["x-amz-delete-marker"]) == ("DELETE", "true")


def test_moto_takes_a_marker_for_a_version_that_is_not_there(bucket: Bucket):
    _, marker = cleaned(bucket)

    assert asked_barely(bucket, "GET", marker).outcome == (404, "NoSuchVersion")
    assert asked(bucket, "GET", marker).outcome == (405, "MethodNotAllowed")


def test_a_version_that_is_not_there_is_told_as_such(bucket: Bucket):
    bucket.put()

    assert asked(bucket, "GET", NEVER_WRITTEN).outcome == (404, "NoSuchVersion")


def test_what_is_no_version_id_is_refused(bucket: Bucket):
    bucket.put()

    assert asked(bucket, "GET", "abc").outcome == (400, "InvalidArgument")
    assert asked_barely(bucket, "GET", "abc").outcome == (404, "NoSuchVersion")


def copied(bucket: Bucket, version_id: str | None, span: str | None = None) -> tuple[Reply, Reply]:
    """What the strict layer and what moto say to a part that shall be copied from `KEY`."""
    source = f"{bucket.name}/{KEY}" + (f"?versionId={version_id}" if version_id else "")
    parameters, headers = {"CopySource": source}, {"x-amz-copy-source": source}
    if span:
        parameters["CopySourceRange"] = headers["x-amz-copy-source-range"] = span
    url = bucket.begin_plain("a/target").copy_url(**parameters)
    return bucket.bench.strictly("PUT", url, b"", **headers), bucket.bench.barely("PUT", url, b"", **headers)


def test_nothing_is_copied_from_a_key_under_a_delete_marker(bucket: Bucket):
    _, marker = cleaned(bucket)

    strict, bare = copied(bucket, None)

    assert strict.outcome == NO_SUCH_KEY
    assert (strict.headers["x-amz-delete-marker"], strict.headers["x-amz-version-id"]) == ("true", marker)
    assert bare.outcome == (404, None)


def test_a_delete_marker_cannot_be_copied(bucket: Bucket):
    _, marker = cleaned(bucket)

    strict, bare = copied(bucket, marker)

    assert strict.outcome == (400, "InvalidRequest")
    assert bare.outcome == (404, None)


def test_a_version_that_is_not_there_cannot_be_copied(bucket: Bucket):
    bucket.put()

    strict, bare = copied(bucket, NEVER_WRITTEN)

    assert strict.outcome == (404, "NoSuchVersion")
    assert bare.outcome == (404, None)


def test_what_is_no_version_id_cannot_be_copied(bucket: Bucket):
    bucket.put()

    strict, bare = copied(bucket, "abc")

    assert strict.outcome == (400, "InvalidArgument")
    assert bare.outcome == (404, None)


@pytest.mark.parametrize(("above", "outcome"), [(-1, 400), (0, 400), (1, 200)])
def test_a_range_is_copied_only_from_more_than_the_smallest_part(bucket: Bucket, above: int, outcome: int):
    bucket.put(body=b"x" * (part_minimum_bytes() + above))

    strict, bare = copied(bucket, None, span="bytes=0-0")

    assert strict.status == outcome
    assert outcome == 200 or strict.code == "InvalidRequest"
    assert bare.status != 400


def test_an_object_of_any_size_is_copied_whole(bucket: Bucket):
    bucket.put(body=b"x" * part_minimum_bytes())

    assert copied(bucket, None)[0].status == 200


@pytest.mark.parametrize("text", ["bytes=0-10", "bytes=5-4", "bytes=3-", "bytes=-3", "0-3"])
def test_a_range_that_the_source_does_not_have_is_refused(bucket: Bucket, text: str):
    bucket.put(body=b"0123456789")

    strict, bare = copied(bucket, None, span=text)

    assert strict.outcome == (400, "InvalidArgument")
    assert bare.outcome != strict.outcome


def test_a_copied_part_bears_the_checksum_that_the_upload_declared(bucket: Bucket):
    version, _ = cleaned(bucket, body=b"0123456789")
    upload = bucket.begin(KEY)
    source: Any = {"Bucket": bucket.name, "Key": KEY, "VersionId": version}

    made = bucket.s3.upload_part_copy(
        **upload.address, PartNumber=3, CopySource=source, CopySourceRange="bytes=2-5"
    )

    wanted = checksum("CRC64NVME", b"2345")
    [part] = bucket.s3.list_parts(**upload.address)["Parts"]
    assert made["CopyPartResult"]["ChecksumCRC64NVME"] == wanted
    assert (part["PartNumber"], part["Size"], part["ChecksumCRC64NVME"]) == (3, 4, wanted)


def deletion(bucket: Bucket, etag: str) -> tuple[int, str | None]:
    url = bucket.presigned("delete_object", IfMatch=etag)
    return bucket.bench.strictly("DELETE", url, if_match=etag).outcome


def bare_deletion(bucket: Bucket, etag: str) -> tuple[int, str | None]:
    url = bucket.presigned("delete_object", IfMatch=etag)
    return bucket.bench.barely("DELETE", url, if_match=etag).outcome


def markers(bucket: Bucket) -> int:
    return len(bucket.s3.list_object_versions(Bucket=bucket.name).get("DeleteMarkers", []))


@pytest.mark.parametrize("quote", ['"', ""])
def test_the_etag_that_was_judged_deletes_with_or_without_its_quotes(bucket: Bucket, quote: str):
    etag = bucket.put()["ETag"].strip('"')

    assert deletion(bucket, f"{quote}{etag}{quote}") == (204, None)
    assert markers(bucket) == 1


def test_another_etag_deletes_nothing(bucket: Bucket):
    bucket.put()

    assert deletion(bucket, OTHER_ETAG) == PRECONDITION_FAILED
    assert markers(bucket) == 0


def test_a_star_deletes_whatever_object_is_there(bucket: Bucket):
    bucket.put()

    assert bare_deletion(bucket, "*") == PRECONDITION_FAILED
    assert deletion(bucket, "*") == (204, None)
    assert markers(bucket) == 1


@pytest.mark.parametrize("etag", [OTHER_ETAG, "*"])
def test_what_was_never_written_cannot_be_deleted_on_condition(bucket: Bucket, etag: str):
    assert deletion(bucket, etag) == NO_SUCH_KEY
    assert markers(bucket) == 0


def test_what_is_deleted_already_gets_no_second_marker_by_its_etag(bucket: Bucket):
    etag = bucket.put()["ETag"]
    deletion(bucket, etag)

    assert deletion(bucket, etag) == NO_SUCH_KEY
    assert markers(bucket) == 1


def test_what_is_deleted_already_gets_no_second_marker_by_a_star(bucket: Bucket):
    cleaned(bucket)

    assert deletion(bucket, "*") == PRECONDITION_FAILED
    assert bare_deletion(bucket, "*") == NO_SUCH_KEY
    assert markers(bucket) == 1


def test_a_condition_in_a_bulk_is_judged_by_the_same_rule(bucket: Bucket):
    cleaned(bucket)

    answer = bucket.s3.delete_objects(
        Bucket=bucket.name, Delete={"Objects": [{"Key": KEY, "ETag": OTHER_ETAG}]}
    )

    assert [error["Code"] for error in answer["Errors"]] == ["NoSuchKey"]
    assert markers(bucket) == 1


def test_an_object_is_put_over_a_delete_marker_on_condition_that_there_is_none(bucket: Bucket):
    version, marker = cleaned(bucket)

    put = bucket.s3.put_object(Bucket=bucket.name, Key=KEY, Body=b"again", IfNoneMatch="*")

    assert put["VersionId"] not in (version, marker)
    assert bucket.s3.get_object(Bucket=bucket.name, Key=KEY)["Body"].read() == b"again"


def checksums_of(bucket: Bucket) -> dict[str, str]:
    head = bucket.s3.head_object(Bucket=bucket.name, Key=KEY, ChecksumMode="ENABLED")
    return {name: str(value) for name, value in head.items() if name.startswith("Checksum")}


def test_a_put_with_its_crc64nvme_shows_it_as_that_of_the_full_object(bucket: Bucket):
    crc = checksum("CRC64NVME", b"film")

    bucket.s3.put_object(Bucket=bucket.name, Key=KEY, Body=b"film", ChecksumCRC64NVME=crc)

    assert checksums_of(bucket) == {"ChecksumCRC64NVME": crc, "ChecksumType": "FULL_OBJECT"}


def test_what_boto3_puts_by_itself_has_a_crc32_and_no_other(bucket: Bucket):
    bucket.put(body=b"film")

    assert checksums_of(bucket) == {
        "ChecksumCRC32": checksum("CRC32", b"film"),
        "ChecksumType": "FULL_OBJECT",
    }


def test_copying_a_version_needs_the_right_to_read_versions(bucket: Bucket):
    version, _ = cleaned(bucket)
    resource = f"arn:aws:s3:::{bucket.name}/*"
    bucket.bench.strict.enforce(
        bucket.name,
        {
            "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObjectVersion", "Resource": resource}
            ]
        },
    )

    assert copied(bucket, version)[0].outcome == (403, "AccessDenied")
    assert copied(bucket, None)[0].outcome == NO_SUCH_KEY


def test_a_conditional_delete_needs_the_right_to_read(bucket: Bucket):
    etag = bucket.put()["ETag"]
    resource = f"arn:aws:s3:::{bucket.name}/*"
    bucket.bench.strict.enforce(
        bucket.name,
        {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}]},
    )

    assert deletion(bucket, etag) == (403, "AccessDenied")
    assert deletion(bucket, "*") == (204, None)


def test_a_client_meets_the_refusal_by_its_code(bucket: Bucket):
    _, marker = cleaned(bucket)
    source: Any = {"Bucket": bucket.name, "Key": KEY, "VersionId": marker}
    upload = bucket.begin("a/target")

    with pytest.raises(ClientError, match="InvalidRequest"):
        bucket.s3.upload_part_copy(**upload.address, PartNumber=1, CopySource=source)
