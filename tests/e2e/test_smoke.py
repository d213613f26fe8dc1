"""`reelhaul-admin smoke` on the deployed coordinator: its events, its functions, its reconciler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.admin import command
from infra.admin.console import Console
from infra.aws.ledger import Ledger, Page
from infra.local.aws.moto import server
from infra.stages import LOCAL_STAGE
from tests.e2e.processing import arm
from tests.e2e.rig import Rig

pytestmark = pytest.mark.e2e


@pytest.fixture
def armed(rig: Rig) -> Iterator[Rig]:
    ledger = Ledger(rig.world.aws.client("s3"), rig.world.bucket)
    resources = [{"name": "rest_api", "rest_api_url": f"{rig.world.coordinator_url}/"}]
    ledger.write(Page(chalice={"resources": resources}), ledger.read().etag)
    arm(rig.world)
    yield rig
    arm(rig.world, is_armed=False)


def run(rig: Rig) -> tuple[dict[str, Any], int]:
    """What the command answers; while it waits, the reconciler's schedule ticks."""
    world = rig.world
    said: list[str] = []

    def pause(_: float) -> None:
        world.settled(30)
        world.run_schedule("reconcile")

    where = ["--endpoint-url", world.aws_url, "--region", server.REGION]
    desk = Console(say=said.append, note=lambda _: None, pause=pause)
    code = command.follow(["smoke", "--stage", LOCAL_STAGE, "--json", *where], desk)
    return json.loads(said[0]), code


def message_of(rig: Rig, session: str) -> dict[str, Any]:
    """The order's message of a session of the project smoke; it is taken from the queue."""
    sqs, queue = rig.world.aws.client("sqs"), rig.world.aws.outputs["OrderQueue"]
    while received := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for each in received:
            message: dict[str, Any] = json.loads(each["Body"])
            if (message["project"], message["session_id"]) == ("smoke", session):
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
                return message
    raise AssertionError("no such message")


def test_before_a_deploy_is_on_record_the_address_is_asked_for(rig: Rig, capsys: pytest.CaptureFixture[str]):
    where = ["--endpoint-url", rig.world.aws_url, "--region", server.REGION]

    code = command.follow(["smoke", "--stage", LOCAL_STAGE, *where], Console())

    assert code == 1
    assert "name the API with --url" in capsys.readouterr().err


def test_the_deployed_stage_is_walked_from_enrolment_to_restore(armed: Rig):
    document, code = run(armed)

    [session] = document["sessions"]
    assert [each for each in session["steps"] if each["outcome"] != "ok"] == []
    assert (code, document["outcome"]) == (0, "ok")
    assert [each["name"] for each in session["steps"]][-4:] == ["cleanup", "restore", "release", "end"]
    assert message_of(armed, session["session_id"])["parameters"] == {"smoke": True}
    held = [each for each in armed.world.registry.records.tokens("smoke") if not each.revoked_at]
    assert held == []
