"""What the bucket over S3 asks and how it reads answers that no local engine gives on demand."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.object_store import S3ObjectStore
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import (
    KeyTaken,
    MultipartGone,
    PartsRefused,
    RemovalRefused,
    StorageBusy,
    StorageUnfit,
    TooLarge,
    VersionGone,
)
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import PartPlan, StoredPart
from chalicelib.core.upload import StoredObject
from tests.aws.canned import Answer, Sent, answering, clients, failure

KEY = "originals/match-17/100GOPRO/GX010038.MP4"
CRC = Crc64Nvme("rosUhgp5mIg=")
BUSY = failure(507, "Busy")
"""A 5xx that botocore does not try again: the tests need not wait for its delays."""
PARTS = (StoredPart(1, 9, CRC, '"etag-1"'),)
JUDGED = StoredObject(KEY, 9, CRC, '"etag"', "v1", UploadId("u_1"), datetime(2026, 11, 21, tzinfo=UTC))
HEAD = {
    "content-length": "9",
    "etag": '"etag"',
    "last-modified": "Sat, 21 Nov 2026 12:00:00 GMT",
    "x-amz-checksum-crc64nvme": CRC,
    "x-amz-meta-upload-id": "u_1",
    "x-amz-version-id": "v1",
}


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {known: value for known, value in headers.items() if known != name}


def objects(*answers: Answer) -> tuple[S3ObjectStore, list[Sent]]:
    s3 = clients().s3
    return S3ObjectStore(s3, "footage"), answering(s3, *answers)


def listed_part(number: int, crc: str = f"<ChecksumCRC64NVME>{CRC}</ChecksumCRC64NVME>") -> str:
    return f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;e&quot;</ETag><Size>9</Size>{crc}</Part>"


def page_of_parts(*parts: str, next_marker: int | None = None) -> Answer:
    more = f"<NextPartNumberMarker>{next_marker}</NextPartNumberMarker>" if next_marker else ""
    truncated = str(next_marker is not None).lower()
    return Answer(
        200,
        f"<ListPartsResult><IsTruncated>{truncated}</IsTruncated>{more}{''.join(parts)}</ListPartsResult>",
    )


def opened(algorithm: str | None) -> Answer:
    """What storage answers that opens an upload whose parts have this checksum."""
    told = {"x-amz-checksum-algorithm": algorithm} if algorithm else {}
    return Answer(200, "<R><UploadId>multipart</UploadId></R>", told)


def complete(bucket: S3ObjectStore) -> None:
    bucket.complete(KEY, "multipart", PARTS, CRC, 9)


def test_a_multipart_upload_declares_its_checksum_and_names_its_upload():
    bucket, sent = objects(opened("CRC64NVME"))

    assert bucket.create_multipart(KEY, UploadId("u_1")) == "multipart"

    headers = sent[0].headers
    assert headers["x-amz-checksum-algorithm"] == "CRC64NVME"
    assert headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert headers["x-amz-meta-upload-id"] == "u_1"


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("proxies/main/s/100GOPRO/GX010038.MP4.mp4", "video/mp4"),
        ("proxies/main/s/100GOPRO/GX010038.MP4.jpg", "image/jpeg"),
        (KEY, None),
    ],
)
def test_what_browsers_show_is_called_what_it_is_from_its_first_request_on(
    key: str, content_type: str | None
):
    bucket, sent = objects(opened("CRC64NVME"))

    bucket.create_multipart(key, UploadId("u_1"))

    assert sent[0].headers.get("content-type") == content_type


@pytest.mark.parametrize("algorithm", [None, "CRC32"])
def test_storage_that_ignores_the_checksum_of_parts_is_told_before_a_part_is_sent(algorithm: str | None):
    bucket, sent = objects(opened(algorithm), Answer(204), failure(404, "NoSuchUpload"))

    with pytest.raises(StorageUnfit, match="CRC64NVME"):
        bucket.create_multipart(KEY, UploadId("u_1"))

    assert ["uploadId=multipart" in each.url for each in sent] == [False, True, True]  # it is ended at once


@pytest.mark.parametrize(
    "refusal",
    [failure(501, "NotImplemented"), failure(400, "InvalidRequest"), failure(400, "InvalidArgument")],
)
def test_storage_that_refuses_the_checksum_of_parts_is_unfit(refusal: Answer):
    bucket, _ = objects(refusal)

    with pytest.raises(StorageUnfit, match="CRC64NVME"):
        bucket.create_multipart(KEY, UploadId("u_1"))


def test_storage_that_knows_no_write_on_a_condition_is_unfit():
    bucket, _ = objects(failure(501, "NotImplemented"))

    with pytest.raises(StorageUnfit, match="on a condition"):
        complete(bucket)


def test_every_page_of_parts_is_read():
    bucket, sent = objects(
        page_of_parts(listed_part(1), listed_part(2), next_marker=2), page_of_parts(listed_part(7))
    )

    assert [part.number for part in bucket.parts(KEY, "multipart")] == [1, 2, 7]
    assert "part-number-marker=2" in sent[1].url


def test_a_page_of_parts_that_fails_is_never_an_answer_of_fewer_parts():
    bucket, _ = objects(page_of_parts(listed_part(1), next_marker=1), BUSY)

    with pytest.raises(StorageBusy):
        bucket.parts(KEY, "multipart")


def test_a_part_without_its_crc_is_an_error_and_never_a_guess():
    bucket, _ = objects(page_of_parts(listed_part(1), listed_part(2, crc="")))

    with pytest.raises(StorageUnfit, match="part 2"):
        bucket.parts(KEY, "multipart")


def test_a_completion_carries_every_proof_and_never_overwrites():
    bucket, sent = objects(Answer(200, "<CompleteMultipartUploadResult/>"))

    complete(bucket)

    headers, body = sent[0].headers, sent[0].body
    assert headers["If-None-Match"] == "*"
    assert headers["x-amz-mp-object-size"] == "9"
    assert headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert headers["x-amz-checksum-crc64nvme"] == CRC
    assert f"<ChecksumCRC64NVME>{CRC}</ChecksumCRC64NVME>" in body
    assert "<PartNumber>1</PartNumber>" in body


def test_a_completion_answered_200_with_an_error_inside_is_an_error():
    bucket, _ = objects(failure(200, "InternalError"))

    with pytest.raises(StorageBusy):
        complete(bucket)


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (failure(404, "NoSuchUpload"), MultipartGone),
        (failure(412, "PreconditionFailed"), KeyTaken),
        (failure(409, "ConditionalRequestConflict"), StorageBusy),
        (failure(400, "EntityTooSmall"), PartsRefused),
    ],
)
def test_a_refused_completion_says_why(refusal: Answer, kind: type[Exception]):
    bucket, _ = objects(refusal)

    with pytest.raises(kind):
        complete(bucket)


def test_an_abort_that_left_a_part_behind_is_not_finished():
    bucket, _ = objects(Answer(204), page_of_parts(listed_part(1)))

    assert bucket.abort(KEY, "multipart") is False


def test_an_abort_is_finished_once_s3_lists_no_such_upload():
    bucket, _ = objects(Answer(204), failure(404, "NoSuchUpload"))

    assert bucket.abort(KEY, "multipart") is True


def test_an_abort_whose_look_fails_is_not_taken_for_finished():
    bucket, _ = objects(Answer(204), BUSY)

    with pytest.raises(StorageBusy):
        bucket.abort(KEY, "multipart")


def test_a_head_asks_for_the_checksum_and_tells_all_of_it():
    bucket, sent = objects(Answer(200, "", HEAD))

    stored = bucket.head(KEY)

    assert sent[0].headers["x-amz-checksum-mode"] == "ENABLED"
    assert stored == StoredObject(
        KEY, 9, CRC, '"etag"', "v1", UploadId("u_1"), datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    )


def test_an_object_without_crc64nvme_has_none():
    bucket, _ = objects(Answer(200, "", without(HEAD, "x-amz-checksum-crc64nvme")))

    stored = bucket.head(KEY)

    assert stored is not None
    assert stored.crc64nvme is None


@pytest.mark.parametrize("headers", [{**HEAD, "x-amz-version-id": "null"}, without(HEAD, "x-amz-version-id")])
def test_an_object_that_is_not_a_version_is_never_described_so_that_nothing_can_remove_it(
    headers: dict[str, str],
):
    bucket, _ = objects(Answer(200, "", headers))

    with pytest.raises(StorageUnfit, match="keeps no versions"):
        bucket.head(KEY)


@pytest.mark.parametrize("status", [403, 400])
def test_a_head_that_is_refused_is_not_an_absent_object(status: int):
    bucket, _ = objects(Answer(status))

    with pytest.raises(Exception, match=str(status)):
        bucket.head(KEY)


def test_a_removal_names_the_etag_that_was_judged_and_no_version():
    bucket, sent = objects(Answer(204))

    bucket.remove(JUDGED.key, JUDGED.etag)

    assert sent[0].headers["If-Match"] == '"etag"'
    assert "versionId" not in sent[0].url


@pytest.mark.parametrize("refusal", [failure(412, "PreconditionFailed"), failure(404, "NoSuchKey")])
def test_a_removal_of_what_is_replaced_or_gone_succeeds(refusal: Answer):
    bucket, sent = objects(refusal)

    bucket.remove(JUDGED.key, JUDGED.etag)

    assert len(sent) == 1


def test_a_removal_that_is_not_allowed_is_an_error():
    bucket, _ = objects(failure(403, "AccessDenied"))

    with pytest.raises(Exception, match="AccessDenied"):
        bucket.remove(JUDGED.key, JUDGED.etag)


@pytest.mark.parametrize(
    "key",
    ["outputs/match-17/1/a.mp4", "measurements/match-17/1/lights", "index/match-17/frames", "originalsx/a"],
)
def test_what_is_not_an_original_or_an_intermediate_is_never_removed_whoever_asks(key: str):
    bucket, sent = objects(Answer(204))

    with pytest.raises(ValueError, match="never removed"):
        bucket.remove(key, '"etag"')

    assert sent == []


def test_what_is_read_is_the_current_object():
    bucket, sent = objects(Answer(200, "the body", {"content-length": "8"}))

    assert bucket.read(KEY, 8) == b"the body"
    assert "versionId" not in sent[0].url


def test_what_is_larger_than_asked_for_is_not_read():
    bucket, _ = objects(Answer(200, "the body", {"content-length": "8"}))

    with pytest.raises(TooLarge, match="8 bytes; at most 7"):
        bucket.read(KEY, 7)


def test_a_body_that_ends_early_is_never_taken_for_all_of_it():
    bucket, _ = objects(Answer(200, "the bo", {"content-length": "8"}))

    with pytest.raises(StorageBusy):
        bucket.read(KEY, 8)


def test_a_body_that_arrives_with_another_checksum_is_read_again_later():
    bucket, _ = objects(Answer(200, "the body", {"content-length": "8", "x-amz-checksum-crc32": "AAAAAA=="}))

    with pytest.raises(StorageBusy):
        bucket.read(KEY, 8)


@pytest.mark.parametrize("refusal", [failure(403, "AccessDenied"), failure(404, "NoSuchBucket")])
def test_a_read_that_is_refused_is_not_an_absent_object(refusal: Answer):
    bucket, _ = objects(refusal)

    with pytest.raises(Exception, match=r"AccessDenied|NoSuchBucket"):
        bucket.read(KEY, 8)


COPIED = Answer(
    200,
    "<CopyPartResult><ETag>&quot;e&quot;</ETag><LastModified>2026-11-21T12:00:00.000Z</LastModified>"
    f"<ChecksumCRC64NVME>{CRC}</ChecksumCRC64NVME></CopyPartResult>",
)
THREE_PARTS = PartPlan(25, 10)


def copy(bucket: S3ObjectStore, plan: PartPlan = THREE_PARTS, number: int = 1) -> StoredPart:
    return bucket.copy_part(KEY, "multipart", "v1", plan, number)


@pytest.mark.parametrize(("number", "wanted"), [(1, "bytes=0-9"), (2, "bytes=10-19"), (3, "bytes=20-24")])
def test_a_copied_part_is_its_range_of_exactly_the_version(number: int, wanted: str):
    bucket, sent = objects(COPIED)

    part = copy(bucket, number=number)

    assert sent[0].headers["x-amz-copy-source"] == f"footage/{KEY}?versionId=v1"
    assert sent[0].headers["x-amz-copy-source-range"] == wanted
    assert f"partNumber={number}" in sent[0].url
    assert part == StoredPart(number, THREE_PARTS.size_of(number), CRC, '"e"')


@pytest.mark.parametrize(("size_bytes", "has_range"), [(9, False), (10, False), (11, True)])
def test_a_copy_of_the_whole_names_no_range_because_s3_refuses_one_of_a_small_object(
    size_bytes: int, has_range: bool
):
    bucket, sent = objects(COPIED)

    copy(bucket, PartPlan(size_bytes, 10))

    assert ("x-amz-copy-source-range" in sent[0].headers) is has_range


def test_the_escapes_of_a_key_reach_s3_as_they_are():
    bucket, sent = objects(COPIED)

    bucket.copy_part("originals/s/100GOPRO/a=20b.MP4", "multipart", "v1", THREE_PARTS, 1)

    assert sent[0].headers["x-amz-copy-source"] == "footage/originals/s/100GOPRO/a%3D20b.MP4?versionId=v1"


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (failure(404, "NoSuchVersion"), VersionGone),
        (failure(404, "NoSuchKey"), VersionGone),
        (failure(404, "NoSuchUpload"), MultipartGone),
        (failure(200, "NoSuchVersion"), VersionGone),
        (failure(200, "NoSuchUpload"), MultipartGone),
        (BUSY, StorageBusy),
    ],
)
def test_a_refused_copy_says_why(refusal: Answer, kind: type[Exception]):
    bucket, _ = objects(refusal)

    with pytest.raises(kind):
        copy(bucket)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(400, "InvalidRequest", id="a delete marker as the source, or a range of a small one"),
        pytest.param(400, "InvalidArgument", id="a range beyond the end"),
        pytest.param(403, "AccessDenied", id="no right"),
        pytest.param(404, "NoSuchBucket", id="no bucket"),
    ],
)
def test_a_copy_that_is_wrong_is_an_error_and_neither_a_part_nor_a_lost_version(status: int, code: str):
    bucket, _ = objects(failure(status, code))

    with pytest.raises(ClientError, match=code):
        copy(bucket)


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_a_copy_answered_200_with_an_error_inside_is_an_error(code: str):
    bucket, _ = objects(failure(200, code))

    with pytest.raises(StorageBusy):
        copy(bucket)


def test_a_copied_part_without_its_crc_is_an_error_and_never_a_guess():
    bucket, _ = objects(Answer(200, "<CopyPartResult><ETag>&quot;e&quot;</ETag></CopyPartResult>"))

    with pytest.raises(StorageUnfit, match="part 1"):
        copy(bucket)


DATED = {"date": "Sat, 21 Nov 2026 12:00:00 GMT"}
NO_RULES = failure(404, "NoSuchLifecycleConfiguration")


def versioning(status: str | None) -> Answer:
    said = f"<Status>{status}</Status>" if status else ""
    return Answer(200, f"<VersioningConfiguration>{said}</VersioningConfiguration>", DATED)


@pytest.mark.parametrize(("status", "is_versioned"), [("Enabled", True), ("Suspended", False), (None, False)])
def test_a_bucket_keeps_versions_only_while_it_says_so(status: str | None, is_versioned: bool):
    bucket, _ = objects(versioning(status), NO_RULES)

    assert bucket.bucket().is_versioned is is_versioned


def test_what_time_it_is_in_the_bucket_is_s3s_own():
    bucket, _ = objects(versioning("Enabled"), NO_RULES)

    assert bucket.bucket().at == datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_a_bucket_without_a_lifecycle_promises_nothing():
    bucket, _ = objects(versioning("Enabled"), NO_RULES)

    assert bucket.bucket().keeps_days == {"originals/": None, "intermediates/": None}


def test_a_lifecycle_that_cannot_be_read_is_not_taken_for_none():
    bucket, _ = objects(versioning("Enabled"), failure(403, "AccessDenied"))

    with pytest.raises(ClientError, match="AccessDenied"):
        bucket.bucket()


def test_the_rules_of_a_lifecycle_are_read_as_s3_writes_them():
    rule = (
        "<Rule><ID>purge</ID><Status>Enabled</Status><Filter><Prefix>originals/</Prefix></Filter>"
        "<NoncurrentVersionExpiration><NoncurrentDays>14</NoncurrentDays></NoncurrentVersionExpiration></Rule>"
    )
    archive = (
        "<Rule><Status>Enabled</Status><Prefix>intermediates/</Prefix><NoncurrentVersionExpiration>"
        "<NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration><NoncurrentVersionTransition>"
        "<NoncurrentDays>1</NoncurrentDays><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition></Rule>"
    )
    body = f"<LifecycleConfiguration>{rule}{archive}</LifecycleConfiguration>"
    bucket, _ = objects(versioning("Enabled"), Answer(200, body))

    assert bucket.bucket().keeps_days == {"originals/": 14, "intermediates/": 0}


def page_of_uploads(name: str, *, more: bool) -> Answer:
    markers = f"<NextKeyMarker>{name}</NextKeyMarker><NextUploadIdMarker>m</NextUploadIdMarker>"
    return Answer(
        200,
        f"<R><IsTruncated>{str(more).lower()}</IsTruncated>{markers if more else ''}<Upload><Key>{name}</Key>"
        "<UploadId>m</UploadId><Initiated>2026-11-21T12:00:00.000Z</Initiated></Upload></R>",
    )


def test_every_page_of_multipart_uploads_is_read():
    bucket, sent = objects(page_of_uploads("a", more=True), page_of_uploads("b", more=False))

    assert [listed.key for listed in bucket.multiparts("originals/")] == ["a", "b"]
    assert "key-marker=a" in sent[1].url
    assert "prefix=originals" in sent[0].url


def test_a_page_of_multipart_uploads_that_fails_is_never_the_end_of_the_list():
    bucket, _ = objects(page_of_uploads("a", more=True), BUSY)

    with pytest.raises(StorageBusy):
        list(bucket.multiparts("originals/"))


CALLS: list[Callable[[S3ObjectStore], Any]] = [
    lambda bucket: bucket.create_multipart(KEY, UploadId("u_1")),
    lambda bucket: bucket.parts(KEY, "multipart"),
    complete,
    lambda bucket: bucket.abort(KEY, "multipart"),
    lambda bucket: bucket.head(KEY),
    lambda bucket: bucket.remove(JUDGED.key, JUDGED.etag),
    lambda bucket: list(bucket.multiparts("")),
    lambda bucket: bucket.read(KEY, 1),
    copy,
    lambda bucket: bucket.bucket(),
]


@pytest.mark.parametrize("call", CALLS)
def test_every_call_tells_when_s3_asks_for_patience(call: Callable[[S3ObjectStore], Any]):
    bucket, _ = objects(BUSY)

    with pytest.raises(StorageBusy):
        call(bucket)


def test_a_tag_that_s3_refuses_is_a_refused_removal():
    bucket, sent = objects(Answer(403, "<Error><Code>AccessDenied</Code></Error>"))

    with pytest.raises(RemovalRefused, match="tag"):
        bucket.tag_cleaned(JUDGED.key, "version")

    assert "versionId=version" in sent[0].url
