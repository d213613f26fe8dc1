"""Whoever subscribed to the deployed topic hears of a held session and of a silent device; stock is taken."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.aws.records import DynamoRecords
from chalicelib.core.ids import SessionId
from chalicelib.core.silence import Watch
from chalicelib.core.tokens import Role
from infra.admin.commands.tokens import enroll
from tests.e2e.rig import Rig

pytestmark = pytest.mark.e2e
SESSION = SessionId("main/told")
CHAPTER = {"directory": "100GOPRO", "filename": "GX010038.MP4", "size_bytes": 1000}


@pytest.fixture
def queue(rig: Rig) -> Iterator[str]:
    """A queue that is sent every document of the stage's topic."""
    sqs, sns = rig.world.aws.client("sqs"), rig.world.aws.client("sns")
    url: str = sqs.create_queue(QueueName="program")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(
        TopicArn=rig.world.aws.outputs["Notifications"],
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )
    yield url
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


def documents(rig: Rig, queue: str) -> list[Any]:
    received = rig.world.aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in received.get("Messages", [])]


def test_a_program_hears_of_a_held_session_and_of_a_silent_device(rig: Rig, queue: str):
    body = {"camera": {"serial": "C3501324500711"}, "chapters": [CHAPTER]}
    confirmed = rig.call("PUT", "/v1/sessions/told", body)
    assert confirmed.status_code == 201, confirmed.text
    operator = {"Authorization": f"Bearer {enroll(rig.world.registry, role=Role.OPERATOR).token}"}
    held = rig.call(
        "POST",
        "/v1/sessions/told/hold",
        {"held": True, "reason": "see https://example.org/?secret=1"},
        **operator,
    )
    assert held.status_code == 200, held.text
    records = DynamoRecords(rig.world.aws.client("dynamodb"), rig.world.table)
    picture = records.picture(SESSION)
    assert picture
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    records.put_watch(Watch("main", picture.session.device_id, SESSION, long_ago), long_ago)

    rig.reconcile()
    rig.reconcile()

    told = {each["kind"]: each for each in documents(rig, queue) if each["session_id"] == "told"}
    assert set(told) == {"session.held", "device.silent"}
    assert told["session.held"]["detail"] == "see [address]"
    assert {each["device"] for each in told.values()} == {"north"}
    assert {each["stage"] for each in told.values()} == {"local"}


def test_stock_is_taken_by_the_deployed_function(rig: Rig):
    assert rig.world.run_schedule("take_stock").error is None
