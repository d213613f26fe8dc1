"""One strict local AWS for all sequences; each plays in a bucket, a table and a queue of its own."""

from collections.abc import Iterator

import pytest

from tests.contracts.worlds import Place
from tests.support.local_aws import local_aws


@pytest.fixture(scope="package")
def place() -> Iterator[Place]:
    with local_aws() as endpoint_url:
        yield Place(endpoint_url, "test", "test", "us-east-1", part_size_bytes=4)
