"""One strict local AWS for all sequences; each plays in a bucket, a table and a queue of its own."""

from collections.abc import Iterator

import boto3
import pytest

from chalicelib.aws.clients import clients_of
from tests.contracts.worlds import Place
from tests.support.local_aws import local_aws


@pytest.fixture(scope="package")
def place() -> Iterator[Place]:
    with local_aws() as endpoint_url:
        session = boto3.Session("test", "test", region_name="us-east-1")
        # A service is imported at its first call, which takes seconds on a busy machine: this one may be asked again.
        clients_of(session, endpoint_url).dynamodb.list_tables()
        yield Place(endpoint_url, "test", "test", "us-east-1", part_size_bytes=4)
