"""One world for all end-to-end tests of a process; each test has its own session, camera and spool."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.aws.items import WORK_PK
from infra.admin import deployment
from infra.admin.commands.tokens import enroll
from infra.local.stack import World
from infra.local.stack.world import MOUNT
from tests.e2e.kills.calls import Calls, coordinator_name, s3_name
from tests.e2e.kills.cost import COST, told
from tests.e2e.kills.signs import Signs
from tests.e2e.rig import PART_SIZE_BYTES, Rig


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The local AWS with the coordinator deployed: parts of 64 KiB, and no grace, for nobody waits three days here."""
    settings = {"PART_SIZE_BYTES": str(PART_SIZE_BYTES), "GRACE_S": "0"}
    with World.start(
        workdir=tmp_path_factory.mktemp("world"), settings=settings, progress=lambda _: None
    ) as world:
        yield world


@pytest.fixture
def rig(world: World, tmp_path: Path) -> Iterator[Rig]:
    """The world with a device enrolled for this test; whatever was disturbed is set right afterwards."""
    registry = deployment.registry(world.aws.client("dynamodb"), world.table)
    token_file = tmp_path / "device.token"
    descriptor = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(enroll(registry, name="north").token)
    yield Rig(world, tmp_path, token_file)
    world.chaos.clear()
    world.delivery.drop(0)
    world.delivery.duplicate(0)
    world.delivery.release()
    world.gateway.recover()
    let_rest(world)


def let_rest(world: World) -> None:
    """No session is due any more: else each round of the reconciler looks at those of all earlier tests as well."""
    table = world.aws.client("dynamodb")
    due = table.query(
        TableName=world.table,
        IndexName="work",
        KeyConditionExpression="work_pk = :pk",
        ExpressionAttributeValues={":pk": {"S": WORK_PK}},
        ProjectionExpression="pk, sk",
    )
    for key in due["Items"]:
        table.delete_item(TableName=world.table, Key=key)


@pytest.fixture
def signs() -> Signs:
    return Signs()


@pytest.fixture
def calls(world: World, signs: Signs) -> Iterator[Calls]:
    """S3 and the coordinator, watched."""
    calls, mounts = Calls(signs.tell), world.aws.mounts
    mounts.mount(f"/{world.bucket}", calls.watched(world.aws.writes, s3_name))
    mounts.mount(MOUNT, calls.watched(world.gateway, coordinator_name))
    yield calls
    mounts.mount(f"/{world.bucket}", world.aws.writes)
    mounts.mount(MOUNT, world.gateway)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the kills of all hauls cost together, where hauls were killed."""
    costs = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == COST
    ]
    if costs:
        terminalreporter.section("killed hauls")
        terminalreporter.line(told(costs))
