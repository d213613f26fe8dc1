import io

import pytest

from infra.local.aws.moto.count_writes import Writes

AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=test/20261125/us-east-1/{}/aws4_request, SignedHeaders=host"


def counted(**environ: str) -> int:
    writes = Writes(lambda _environ, _start: [b""])
    writes({"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(), **environ}, lambda *_: lambda _: None)
    return writes.total


@pytest.mark.parametrize(
    ("operation", "writes"),
    [
        ("PutItem", 1),
        ("UpdateItem", 1),
        ("DeleteItem", 1),
        ("TransactWriteItems", 1),
        ("Query", 0),
        ("GetItem", 0),
    ],
)
def test_what_changes_a_table_is_counted_and_what_reads_it_is_not(operation: str, writes: int):
    assert counted(HTTP_X_AMZ_TARGET=f"DynamoDB_20120810.{operation}") == writes


@pytest.mark.parametrize(("operation", "reads"), [("Query", 1), ("BatchGetItem", 1), ("PutItem", 0)])
def test_what_reads_a_table_is_counted_by_itself(operation: str, reads: int):
    counts = Writes(lambda _environ, _start: [b""])
    target = {"HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{operation}"}

    counts({"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(), **target}, lambda *_: lambda _: None)

    assert counts.reads == ({operation: 1} if reads else {})


@pytest.mark.parametrize(
    ("method", "writes"), [("PUT", 1), ("POST", 1), ("DELETE", 1), ("GET", 0), ("HEAD", 0)]
)
def test_what_changes_a_bucket_is_counted_and_what_reads_it_is_not(method: str, writes: int):
    assert counted(REQUEST_METHOD=method, HTTP_AUTHORIZATION=AUTHORIZATION.format("s3")) == writes


def test_a_presigned_put_is_counted():
    query = "X-Amz-Credential=test%2F20261125%2Fus-east-1%2Fs3%2Faws4_request"

    assert counted(REQUEST_METHOD="PUT", QUERY_STRING=query) == 1


def test_what_goes_to_other_services_is_not_counted():
    assert counted(HTTP_X_AMZ_TARGET="AmazonSQS.SendMessage") == 0
    assert counted(HTTP_AUTHORIZATION=AUTHORIZATION.format("lambda")) == 0
