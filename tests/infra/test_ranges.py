"""A range of an object is what S3 gives of it, and costs no copy of the whole object."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws.moto import server
from tests.support.local_aws import local_aws

BUCKET, KEY = "ranges", "film.mp4"
BODY = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with local_aws() as url:
        client: Any = server.session().client("s3", endpoint_url=url, config=server.ONE_TRY)
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key=KEY, Body=BODY)
        yield client


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=0-0", 206, BODY[:1]),
        ("bytes=1-4096", 206, BODY[1:4097]),
        (f"bytes={len(BODY) - 1}-", 206, BODY[-1:]),
        (f"bytes=5-{len(BODY) + 9}", 206, BODY[5:]),
        ("bytes=-1", 206, BODY[-1:]),
        ("bytes=-99999", 206, BODY),
        ("bytes=0-0,2-2", 200, BODY),
        ("bytes=9-8", 200, BODY),
        (None, 200, BODY),
    ],
)
def test_a_range_is_exactly_its_bytes(s3, wanted, status, body):
    answer = s3.get_object(Bucket=BUCKET, Key=KEY, **({"Range": wanted} if wanted else {}))

    assert answer["Body"].read() == body
    assert answer["ContentLength"] == len(body)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_range_behind_the_end_is_refused(s3):
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=BUCKET, Key=KEY, Range=f"bytes={len(BODY)}-")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416


def test_of_an_object_no_more_is_read_than_the_range(s3):
    from moto.s3.models import s3_backends

    backend: Any = next(each for each in s3_backends.values() if BUCKET in each["aws"].buckets)["aws"]
    reads: list[int] = []
    stored = backend.get_object(BUCKET, KEY)._value_buffer
    read = stored.read

    def noted(size: int = -1) -> bytes:
        reads.append(size)
        return bytes(read(size))

    stored.read = noted
    try:
        s3.get_object(Bucket=BUCKET, Key=KEY, Range="bytes=10-19")["Body"].read()
    finally:
        del stored.read

    assert reads == [10]
