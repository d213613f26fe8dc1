"""One strict S3 and the bare moto below it, for all tests of this package."""

import itertools
from collections.abc import Iterator

import pytest

from tests.infra.strict_s3.bench import Bench, Bucket

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def running_bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


@pytest.fixture
def bench(running_bench: Bench) -> Iterator[Bench]:
    """The stack with its clock right, no fault ordered and no event seen."""
    running_bench.reset()
    yield running_bench
    running_bench.reset()


@pytest.fixture
def bucket(bench: Bench) -> Bucket:
    """An empty versioned bucket."""
    return bench.make_bucket(f"strict-{next(_numbers)}")
