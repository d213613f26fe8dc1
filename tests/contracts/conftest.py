"""Every contract test runs in memory, on the strict local AWS and, with --aws-endpoint, on that S3 and DynamoDB."""

import os
import secrets
from collections.abc import Iterator

import pytest

from chalicelib.core.ids import SessionId
from infra.local.aws.strict_s3 import Chaos
from tests.contracts.worlds import (
    AwsWorld,
    MemoryPages,
    MemoryQueue,
    MemoryTopic,
    MemoryWorld,
    Pages,
    Place,
    Queue,
    Topic,
    World,
    foreign_place,
)
from tests.support.builders import make_session_id
from tests.support.local_aws import local_aws


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world" in metafunc.fixturenames:
        worlds = ["memory", "local", *(["endpoint"] if metafunc.config.getoption("--aws-endpoint") else [])]
        metafunc.parametrize("world", worlds, indirect=True)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The world of this run; its table is empty when the test begins."""
    if request.param == "memory":
        yield MemoryWorld()
        return
    found: AwsWorld = request.getfixturevalue(f"{request.param}_world")
    yield found
    found.wipe_records()


@pytest.fixture(params=["memory", "local"])
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    """An empty processing queue; other places that speak S3 need have none."""
    if request.param == "memory":
        yield MemoryQueue()
        return
    world: AwsWorld = request.getfixturevalue("local_world")
    made = world.queue()
    yield made
    made.end()


@pytest.fixture(params=["memory", "local"])
def topic(request: pytest.FixtureRequest) -> Iterator[Topic]:
    """A topic without subscriptions; other places that speak S3 need have none."""
    if request.param == "memory":
        yield MemoryTopic()
        return
    world: AwsWorld = request.getfixturevalue("local_world")
    made = world.topic()
    yield made
    made.end()


@pytest.fixture(params=["memory", "local"])
def pages(request: pytest.FixtureRequest) -> Iterator[Pages]:
    """A WebSocket API without sockets, and a table without tickets; other places that speak S3 need have none."""
    if request.param == "memory":
        yield MemoryPages()
        return
    world: AwsWorld = request.getfixturevalue("local_world")
    made = world.pages()
    yield made
    made.end()
    world.wipe_records()


@pytest.fixture
def session_id() -> SessionId:
    """A session of the test's own, so that tests can share a bucket."""
    return make_session_id(f"contract-{secrets.token_hex(8)}")


@pytest.fixture
def key(session_id: SessionId) -> str:
    """A key of the test's own."""
    return f"originals/{session_id}/100GOPRO/GX010038.MP4"


@pytest.fixture(scope="package")
def local_chaos() -> Chaos:
    """What may go wrong in the local world; nothing, unless a test says so."""
    return Chaos()


@pytest.fixture(scope="package")
def local_world(local_chaos: Chaos) -> Iterator[AwsWorld]:
    with local_aws(local_chaos) as endpoint_url:
        yield from _ending(AwsWorld(Place(endpoint_url, "test", "test", "us-east-1", part_size_bytes=4)))


@pytest.fixture(scope="package")
def endpoint_world(request: pytest.FixtureRequest) -> Iterator[AwsWorld]:
    yield from _ending(AwsWorld(foreign_place(request.config.getoption("--aws-endpoint"), os.environ)))


def _ending(world: AwsWorld) -> Iterator[AwsWorld]:
    yield world
    world.end()
