"""What arrives is what was sent: lengths and checksums of parts and of plain objects."""

import base64
import hashlib
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from infra.local.aws.strict_s3.checksums import checksum, header_of
from tests.infra.strict_s3.bench import Bucket

DATA = b"one part of a film"
OTHER = b"one part of a farm"
ALGORITHMS = ["CRC64NVME", "CRC32C", "CRC32", "SHA256", "SHA1"]
BAD_DIGEST = (400, "BadDigest")


def stated(algorithm: str) -> dict[str, Any]:
    """The checksum of DATA as boto3 names it."""
    return {f"Checksum{algorithm}": checksum(algorithm, DATA)}


def md5_of(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_part_with_a_wrong_checksum_is_refused(bucket: Bucket, algorithm: str):
    upload = bucket.begin(algorithm=algorithm)
    url = upload.part_url(1, **stated(algorithm))
    headers = {header_of(algorithm): upload.checksum(DATA)}

    assert bucket.bench.strictly("PUT", url, OTHER, **headers).outcome == BAD_DIGEST
    assert "Parts" not in bucket.s3.list_parts(**upload.address)
    assert bucket.bench.barely("PUT", url, OTHER, **headers).status == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_right_checksum_of_a_part_stands_in_the_answer_and_in_the_list(bucket: Bucket, algorithm: str):
    upload = bucket.begin(algorithm=algorithm)
    url = upload.part_url(1, **stated(algorithm))
    headers = {header_of(algorithm): upload.checksum(DATA)}

    reply = bucket.bench.strictly("PUT", url, DATA, **headers)

    assert reply.status == 200
    assert reply.headers[header_of(algorithm)] == upload.checksum(DATA)
    listed = bucket.s3.list_parts(**upload.address)
    assert listed["Parts"][0][f"Checksum{algorithm}"] == upload.checksum(DATA)  # type: ignore[literal-required]  # parametrized
    assert listed["ChecksumAlgorithm"] == algorithm


def test_moto_does_not_list_the_checksum_of_a_part(bucket: Bucket):
    upload = bucket.begin()
    upload.put(1, DATA)
    url = bucket.presigned("list_parts", upload.key, UploadId=upload.id)

    assert upload.checksum(DATA).encode() in bucket.bench.strictly("GET", url).body
    assert upload.checksum(DATA).encode() not in bucket.bench.barely("GET", url).body


def test_a_part_with_a_wrong_content_md5_is_refused(bucket: Bucket):
    url = bucket.begin_plain().part_url(1, ContentMD5=md5_of(DATA))

    assert bucket.bench.strictly("PUT", url, OTHER, content_md5=md5_of(DATA)).outcome == BAD_DIGEST
    assert bucket.bench.barely("PUT", url, OTHER, content_md5=md5_of(DATA)).status == 200


def test_a_part_with_the_right_content_md5_is_taken(bucket: Bucket):
    url = bucket.begin_plain().part_url(1, ContentMD5=md5_of(DATA))

    assert bucket.bench.strictly("PUT", url, DATA, content_md5=md5_of(DATA)).status == 200


def test_a_content_md5_that_is_no_md5_is_refused(bucket: Bucket):
    url = bucket.presigned("put_object", ContentMD5="abc")

    assert bucket.bench.strictly("PUT", url, DATA, content_md5="abc").outcome == (400, "InvalidDigest")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_object_with_a_wrong_checksum_is_refused(bucket: Bucket, algorithm: str):
    url = bucket.presigned("put_object", **stated(algorithm))
    headers = {header_of(algorithm): checksum(algorithm, DATA)}

    assert bucket.bench.strictly("PUT", url, OTHER, **headers).outcome == BAD_DIGEST
    assert bucket.s3.list_objects_v2(Bucket=bucket.name)["KeyCount"] == 0
    assert bucket.bench.barely("PUT", url, OTHER, **headers).status == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_object_shows_the_checksum_it_came_with(bucket: Bucket, algorithm: str):
    url = bucket.presigned("put_object", **stated(algorithm))
    headers = {header_of(algorithm): checksum(algorithm, DATA)}

    reply = bucket.bench.strictly("PUT", url, DATA, **headers)

    head = bucket.s3.head_object(Bucket=bucket.name, Key="a/film.mp4", ChecksumMode="ENABLED")
    assert reply.headers[header_of(algorithm)] == checksum(algorithm, DATA)
    assert head[f"Checksum{algorithm}"] == checksum(algorithm, DATA)  # type: ignore[literal-required]  # parametrized
    assert head["ChecksumType"] == "FULL_OBJECT"


def test_an_object_that_came_without_a_checksum_gets_crc64nvme(bucket: Bucket):
    bucket.bench.strictly("PUT", bucket.presigned("put_object"), DATA)

    head = bucket.s3.head_object(Bucket=bucket.name, Key="a/film.mp4", ChecksumMode="ENABLED")

    assert head["ChecksumCRC64NVME"] == checksum("CRC64NVME", DATA)


def test_checksums_are_shown_to_those_who_ask_only(bucket: Bucket):
    bucket.put()

    head = bucket.s3.head_object(Bucket=bucket.name, Key="a/film.mp4")

    assert not [name for name in head["ResponseMetadata"]["HTTPHeaders"] if "checksum" in name]


def test_two_checksums_on_one_object_are_refused(bucket: Bucket):
    url = bucket.presigned("put_object", **stated("CRC32"), **stated("SHA256"))
    headers = {header_of(name): checksum(name, DATA) for name in ("CRC32", "SHA256")}

    assert bucket.bench.strictly("PUT", url, DATA, **headers).outcome == (400, "InvalidRequest")
    assert bucket.bench.barely("PUT", url, DATA, **headers).status == 200


def test_a_checksum_of_the_wrong_length_is_refused(bucket: Bucket):
    url = bucket.presigned("put_object", ChecksumCRC64NVME="AAAA")

    reply = bucket.bench.strictly("PUT", url, DATA, x_amz_checksum_crc64nvme="AAAA")

    assert reply.outcome == (400, "InvalidRequest")


def test_a_body_shorter_than_announced_is_refused(bucket: Bucket):
    url = bucket.begin_plain().part_url(1, ContentLength=len(DATA))

    announced = str(len(DATA))

    strict = bucket.bench.strictly("PUT", url, DATA[:-1], content_length=announced)

    assert strict.outcome == (400, "IncompleteBody")
    # moto refuses as well, but in HTML of its web framework, which no client of S3 understands.
    assert bucket.bench.barely("PUT", url, DATA[:-1], content_length=announced).outcome == (400, None)


def test_a_body_longer_than_announced_is_cut_at_its_announced_end(bucket: Bucket):
    # The surplus would be the next request; it is none, so the connection ends.
    upload = bucket.begin_plain()
    target = urlsplit(upload.part_url(1, ContentLength=len(DATA)))
    head = f"PUT {target.path}?{target.query} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Length: {len(DATA)}\r\n\r\n"

    with socket.create_connection((target.hostname, target.port), timeout=10) as connection:
        connection.sendall(head.encode() + DATA + b"surplus\r\n\r\n")
        replies = read_to_end(connection)

    assert replies.startswith(b"HTTP/1.1 200")
    assert bucket.s3.list_parts(**upload.address)["Parts"][0]["Size"] == len(DATA)


def test_a_body_that_ends_with_its_connection_is_not_stored(bucket: Bucket):
    upload = bucket.begin_plain()
    target = urlsplit(upload.part_url(1, ContentLength=len(DATA)))
    head = f"PUT {target.path}?{target.query} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Length: {len(DATA)}\r\n\r\n"

    with socket.create_connection((target.hostname, target.port), timeout=10) as connection:
        connection.sendall(head.encode() + DATA[:-1])
        connection.shutdown(socket.SHUT_WR)
        reply = read_to_end(connection)

    assert reply.startswith(b"HTTP/1.1 400")
    assert "Parts" not in bucket.s3.list_parts(**upload.address)


def read_to_end(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def test_a_body_of_unknown_length_is_refused(bucket: Bucket):
    url = bucket.presigned("put_object")

    reply = bucket.bench.strictly("PUT", url, b"", content_length="", transfer_encoding="chunked")

    assert reply.outcome == (411, "MissingContentLength")


def test_a_part_needs_the_checksum_that_the_upload_promised(bucket: Bucket):
    upload = bucket.begin(algorithm="CRC64NVME")
    url = upload.part_url(1)

    assert bucket.bench.strictly("PUT", url, DATA).outcome == (400, "InvalidRequest")
    assert bucket.bench.barely("PUT", url, DATA).status == 200


def test_a_part_needs_a_checksum_of_the_promised_kind(bucket: Bucket):
    upload = bucket.begin(algorithm="CRC64NVME")
    url = upload.part_url(1, ChecksumSHA256=checksum("SHA256", DATA))
    headers = {"x-amz-checksum-sha256": checksum("SHA256", DATA)}

    assert bucket.bench.strictly("PUT", url, DATA, **headers).outcome == (400, "InvalidRequest")
    assert bucket.bench.barely("PUT", url, DATA, **headers).status == 200


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("CRC64NVME", "COMPOSITE"), ("SHA256", "FULL_OBJECT"), ("MD4", "COMPOSITE")]
)
def test_an_upload_cannot_promise_what_s3_cannot_keep(bucket: Bucket, algorithm: str, kind: str):
    url = bucket.presigned("create_multipart_upload", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    headers: Any = {"x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind}

    assert bucket.bench.strictly("POST", url, **headers).outcome == (400, "InvalidRequest")
    assert bucket.bench.barely("POST", url, **headers).status == 200


def test_the_promise_is_confirmed_when_an_upload_is_created(bucket: Bucket):
    created = bucket.s3.create_multipart_upload(
        Bucket=bucket.name, Key="k", ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
    )

    assert (created["ChecksumAlgorithm"], created["ChecksumType"]) == ("CRC64NVME", "FULL_OBJECT")


def test_boto3_says_bad_digest_too(bucket: Bucket):
    upload = bucket.begin()

    with pytest.raises(ClientError, match="BadDigest"):
        bucket.s3.upload_part(
            **upload.address, PartNumber=1, Body=OTHER, ChecksumCRC64NVME=upload.checksum(DATA)
        )
