"""What browsers may do: origin, method and every header asked for, all by one rule of the bucket."""

from typing import Any

import pytest

from tests.infra.strict_s3.bench import Bucket, Reply

ORIGIN = "https://dashboard.example"
RULE: Any = {
    "AllowedOrigins": [ORIGIN],
    "AllowedMethods": ["GET", "PUT"],
    "AllowedHeaders": ["content-type", "x-amz-*"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 3000,
}


@pytest.fixture
def open_bucket(bucket: Bucket) -> Bucket:
    bucket.s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [RULE]})
    return bucket


def asked(
    bucket: Bucket, origin: str = ORIGIN, method: str = "PUT", headers: str = ""
) -> tuple[Reply, Reply]:
    """The preflight as the strict layer and as bare moto answer it."""
    said = {"origin": origin, "access_control_request_method": method}
    if headers:
        said["access_control_request_headers"] = headers
    url = f"{bucket.bench.url}/{bucket.name}/a/film.mp4"
    return bucket.bench.strictly("OPTIONS", url, b"", **said), bucket.bench.barely(
        "OPTIONS", url, b"", **said
    )


def test_a_preflight_of_the_allowed_origin_passes(open_bucket: Bucket):
    strict, _ = asked(open_bucket, headers="content-type, x-amz-checksum-crc64nvme")

    assert strict.status == 200
    assert strict.headers["access-control-allow-origin"] == ORIGIN
    assert strict.headers["access-control-allow-headers"] == "content-type, x-amz-checksum-crc64nvme"
    assert strict.headers["access-control-max-age"] == "3000"


def test_a_preflight_of_another_origin_is_refused(open_bucket: Bucket):
    strict, moto = asked(open_bucket, origin="https://elsewhere.example")

    assert strict.outcome == (403, "AccessForbidden")
    assert moto.status == 403


def test_a_header_that_the_rule_does_not_list_is_refused(open_bucket: Bucket):
    strict, moto = asked(open_bucket, headers="content-type, x-secret")

    assert strict.outcome == (403, "AccessForbidden")
    assert moto.status == 200


def test_a_method_that_the_rule_does_not_list_is_refused(open_bucket: Bucket):
    strict, moto = asked(open_bucket, method="DELETE")

    assert strict.outcome == (403, "AccessForbidden")
    assert moto.status == 200


def test_a_bucket_without_rules_admits_no_browser(bucket: Bucket):
    strict, moto = asked(bucket)

    assert strict.outcome == (403, "AccessForbidden")
    assert moto.status == 200


def test_headers_are_compared_without_their_case(open_bucket: Bucket):
    strict, _ = asked(open_bucket, headers="Content-Type,X-Amz-Date")

    assert strict.status == 200


def test_the_first_rule_that_fits_decides(bucket: Bucket):
    other: Any = {"AllowedOrigins": ["https://*.example"], "AllowedMethods": ["GET"], "AllowedHeaders": ["*"]}
    bucket.s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [RULE, other]})

    strict, _ = asked(bucket, origin="https://else.example", method="GET", headers="x-anything")

    assert strict.headers["access-control-allow-origin"] == "https://else.example"
    assert strict.headers["access-control-allow-methods"] == "GET"
    assert "access-control-expose-headers" not in strict.headers


def test_an_allowed_browser_may_read_the_etag(open_bucket: Bucket):
    url = open_bucket.presigned("put_object")

    reply = open_bucket.bench.strictly("PUT", url, b"film", origin=ORIGIN)

    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["access-control-expose-headers"] == "ETag"


def test_an_allowed_browser_may_read_a_refusal(open_bucket: Bucket):
    url = open_bucket.presigned("put_object")[:-1]

    reply = open_bucket.bench.strictly("PUT", url, b"film", origin=ORIGIN)

    assert reply.status == 403
    assert reply.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["https://elsewhere.example", ""])
def test_nobody_else_is_told_that_he_may_read(open_bucket: Bucket, origin: str):
    url = open_bucket.presigned("put_object")

    reply = open_bucket.bench.strictly("PUT", url, b"film", origin=origin)

    assert reply.status == 200
    assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_a_preflight_without_an_origin_is_refused(open_bucket: Bucket):
    url = f"{open_bucket.bench.url}/{open_bucket.name}/a/film.mp4"

    assert open_bucket.bench.strictly("OPTIONS", url).outcome == (400, "BadRequest")
