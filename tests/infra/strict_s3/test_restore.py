"""The two copies that the coordinator relies on, as it will make them: restore, and a checksum that S3 computes."""

import base64
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws import template
from infra.local.aws.strict_s3.checksums import COMBINE, checksum
from tests.infra.strict_s3.bench import Bucket, Open

KEY = "originals/a-session/100GOPRO/GX010038.MP4"
BODY = bytes(range(256)) * 5
RANGES = [(0, 499), (500, 1199), (1200, len(BODY) - 1)]
CRC64NVME = "CRC64NVME"


@pytest.fixture
def storage(bucket: Bucket) -> Bucket:
    """A bucket with the policy of our own storage."""
    whole = template.load()
    names = {
        **template.defaults(whole),
        "Bucket": bucket.name,
        "Bucket.Arn": f"arn:aws:s3:::{bucket.name}",
        **NAMES,
    }
    resource = template.resolved(whole["Resources"]["BucketPolicy"]["Properties"], whole, names)
    bucket.bench.strict.enforce(bucket.name, resource["PolicyDocument"])
    return bucket


NAMES = {"AWS::AccountId": "1", "Stage": "local"}


def uploaded(bucket: Bucket, body: bytes = BODY) -> Any:
    """What a HEAD says of an object that was uploaded in two parts."""
    upload = bucket.begin(KEY, Metadata={"upload-id": "u_first"})
    parts = [upload.put(1, body[:800]), upload.put(2, body[800:])]
    upload.complete(
        parts, ChecksumCRC64NVME=checksum(CRC64NVME, body), ChecksumType="FULL_OBJECT", IfNoneMatch="*"
    )
    return head(bucket)


def head(bucket: Bucket, key: str = KEY) -> Any:
    return bucket.s3.head_object(Bucket=bucket.name, Key=key, ChecksumMode="ENABLED")


def clean(bucket: Bucket, etag: str) -> None:
    bucket.s3.delete_object(Bucket=bucket.name, Key=KEY, IfMatch=etag)


def copy_ranges(upload: Open, key: str, version_id: str, ranges: Sequence[tuple[int, int]]) -> None:
    source: Any = {"Bucket": upload.bucket.name, "Key": key, "VersionId": version_id}
    for number, (first, last) in enumerate(ranges, start=1):
        upload.bucket.s3.upload_part_copy(
            **upload.address, PartNumber=number, CopySource=source, CopySourceRange=f"bytes={first}-{last}"
        )


def listed(upload: Open) -> list[Any]:
    return upload.bucket.s3.list_parts(**upload.address)["Parts"]


def folded(parts: Sequence[Any]) -> str:
    """The checksum of the whole, from those that S3 lists for its parts."""
    whole = 0
    for part in parts:
        crc = int.from_bytes(base64.b64decode(part["ChecksumCRC64NVME"]), "big")
        whole = COMBINE[CRC64NVME](whole, crc, part["Size"])
    return base64.b64encode(whole.to_bytes(8, "big")).decode()


def complete(upload: Open, parts: Sequence[Any], **differing: Any) -> Any:
    terms = {
        "ChecksumCRC64NVME": folded(parts),
        "ChecksumType": "FULL_OBJECT",
        "MpuObjectSize": sum(part["Size"] for part in parts),
        "IfNoneMatch": "*",
        **differing,
    }
    named = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    return upload.complete(named, **terms)


def begun_again(bucket: Bucket, version_id: str) -> Open:
    upload = bucket.begin(KEY, Metadata={"upload-id": "u_again"}, ChecksumType="FULL_OBJECT")
    copy_ranges(upload, KEY, version_id, RANGES)
    return upload


def test_a_cleaned_object_is_brought_back_identical_by_copying_its_noncurrent_version(storage: Bucket):
    before = uploaded(storage)
    clean(storage, before["ETag"])
    upload = begun_again(storage, before["VersionId"])

    done = complete(upload, listed(upload))

    after = head(storage)
    assert storage.s3.get_object(Bucket=storage.name, Key=KEY)["Body"].read() == BODY
    assert (after["ChecksumCRC64NVME"], after["ChecksumType"]) == (before["ChecksumCRC64NVME"], "FULL_OBJECT")
    assert (after["ContentLength"], after["Metadata"]) == (len(BODY), {"upload-id": "u_again"})
    assert after["VersionId"] == done["VersionId"] != before["VersionId"]


def test_the_copied_version_and_the_marker_stay_below_the_restored_object(storage: Bucket):
    before = uploaded(storage)
    clean(storage, before["ETag"])
    upload = begun_again(storage, before["VersionId"])
    complete(upload, listed(upload))

    kept = storage.s3.list_object_versions(Bucket=storage.name, Prefix=KEY)

    assert before["VersionId"] in [one["VersionId"] for one in kept["Versions"]]
    assert len(kept["DeleteMarkers"]) == 1


def test_a_restore_writes_over_no_object_that_came_meanwhile(storage: Bucket):
    before = uploaded(storage)
    clean(storage, before["ETag"])
    upload = begun_again(storage, before["VersionId"])
    storage.s3.put_object(Bucket=storage.name, Key=KEY, Body=b"meanwhile", IfNoneMatch="*")

    with pytest.raises(ClientError, match="PreconditionFailed"):
        complete(upload, listed(upload))

    assert storage.s3.get_object(Bucket=storage.name, Key=KEY)["Body"].read() == b"meanwhile"
    assert len(listed(upload)) == len(RANGES)


@pytest.mark.parametrize(
    ("differing", "code"),
    [
        ({"MpuObjectSize": len(BODY) - 1}, "InvalidRequest"),
        ({"ChecksumCRC64NVME": checksum(CRC64NVME, b"other bytes")}, "BadDigest"),
    ],
)
def test_a_restore_of_other_bytes_is_refused(storage: Bucket, differing: Any, code: str):
    before = uploaded(storage)
    clean(storage, before["ETag"])
    upload = begun_again(storage, before["VersionId"])

    with pytest.raises(ClientError, match=code):
        complete(upload, listed(upload), **differing)


def test_a_restore_without_its_condition_is_denied(storage: Bucket):
    before = uploaded(storage)
    clean(storage, before["ETag"])
    upload = begun_again(storage, before["VersionId"])
    parts = listed(upload)

    with pytest.raises(ClientError, match="AccessDenied"):
        upload.complete([{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts])


def test_s3_computes_the_crc64nvme_of_an_object_stored_without_one(storage: Bucket):
    key = "outputs/a-session/1/enhanced.mp4"
    put = storage.s3.put_object(Bucket=storage.name, Key=key, Body=BODY, IfNoneMatch="*")
    upload = storage.begin(key)

    copy_ranges(upload, key, put["VersionId"], RANGES)
    computed = folded(listed(upload))
    storage.s3.abort_multipart_upload(**upload.address)

    assert computed == checksum(CRC64NVME, BODY)
    assert "ChecksumCRC64NVME" not in head(storage, key)
    assert head(storage, key)["VersionId"] == put["VersionId"]


def test_s3_computes_the_crc64nvme_of_a_small_object_in_one_copy_without_a_range(storage: Bucket):
    key = "outputs/a-session/1/manifest.json"
    put = storage.s3.put_object(Bucket=storage.name, Key=key, Body=b"{", IfNoneMatch="*")
    upload = storage.begin(key)
    source: Any = {"Bucket": storage.name, "Key": key, "VersionId": put["VersionId"]}

    made = storage.s3.upload_part_copy(**upload.address, PartNumber=1, CopySource=source)

    assert made["CopyPartResult"]["ChecksumCRC64NVME"] == checksum(CRC64NVME, b"{")
