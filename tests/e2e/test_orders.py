"""From the last receipt to the processor: one message, with everything to begin with."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from chalicelib.core.tokens import Role
from infra.admin.commands.tokens import enroll
from infra.local.stack import World
from tests.e2e.rig import DEADLINE_S, PART_SIZE_BYTES, Rig, camera_with, source_sha256, until
from tests.e2e.test_by_hand import ARTIFACT, BODY, CHAPTER, PARTS, crc_of, put, signed

pytestmark = pytest.mark.e2e
ORDER = {"required": ["output.enhanced.mp4"], "parameters": {"segments": 3, "größe": "é 🎥"}}
CAMERA = {"serial": "C3501324500711"}


class Inbox:
    """What a processor takes off the queue of `world`; messages of other sessions are passed over."""

    def __init__(self, world: World) -> None:
        self._sqs = world.aws.client("sqs")
        self._url = world.aws.outputs["OrderQueue"]
        self._taken: list[Any] = []

    def of(self, session: str) -> list[Any]:
        """Every message about the session so far."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            self._taken += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [message for message in self._taken if message["session_id"] == session]

    def numbers(self, session: str) -> list[int]:
        """The numbers of the orders that were sent of the session."""
        return [message["order"] for message in self.of(session)]


@pytest.fixture
def inbox(world: World) -> Inbox:
    return Inbox(world)


@pytest.fixture
def default_order(rig: Rig) -> Iterator[None]:
    """The deployment orders every session by itself."""
    functions = rig.world.aws.client("lambda")
    [name] = [
        each["FunctionName"]
        for each in functions.list_functions()["Functions"]
        if each["Handler"] == "app.app"
    ]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    changed = {**before, "REQUIRED_OUTPUTS": "output.usual.mp4,measurements.lights"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
    yield
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def sent_parts(rig: Rig, session: str, **more: object) -> str:
    """The upload of the one chapter of a new session, claimed, all of its parts in S3."""
    body = {"camera": CAMERA, "chapters": [CHAPTER], **more}
    confirmed = rig.call("PUT", f"/v1/sessions/{session}", body)
    assert confirmed.status_code == 201, confirmed.text
    asked = {"artifact_id": ARTIFACT, "size_bytes": len(BODY)}
    upload_id = str(rig.call("POST", f"/v1/sessions/{session}/uploads", asked).json()["upload_id"])
    for url in signed(rig, upload_id, *PARTS, claim=crc_of(BODY)):
        assert put(url, PARTS[url["number"]]) == 200
    return upload_id


def hauled(rig: Rig, session: str, **more: object) -> dict[str, Any]:
    """The receipt of the one chapter of a new session."""
    upload_id = sent_parts(rig, session, **more)
    done = rig.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_of(BODY)}).json()
    assert done["state"] == "VERIFIED", done
    return dict(done["receipt"])


def asked(rig: Rig, session: str, what: str, body: object, role: Role | None = None) -> dict[str, Any]:
    """The session after a call about it, by its device or by somebody of another role."""
    headers = {}
    if role:
        headers["Authorization"] = f"Bearer {enroll(rig.world.registry, role=role).token}"
    answer = rig.call("POST", f"/v1/sessions/{session}/{what}", body, **headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def calm(rig: Rig) -> None:
    """Whatever would still send an order has run: events, and the reconciler twice."""
    assert rig.world.settled(30)
    rig.reconcile()
    rig.reconcile()


def read(original: dict[str, Any]) -> bytes:
    answer = requests.get(original["url"], timeout=DEADLINE_S)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_an_order_is_sent_once_and_only_when_every_chapter_is_verified(rig: Rig, inbox: Inbox):
    upload_id = sent_parts(rig, "ordered", order=ORDER, group="Größe 日本")
    assert inbox.of("ordered") == []
    done = rig.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_of(BODY)}).json()
    until(lambda: inbox.of("ordered"), "a message on the queue")
    calm(rig)

    [message] = inbox.of("ordered")
    assert (message["order"], message["group"]) == (1, "Größe 日本")
    assert (message["required"], message["parameters"]) == (ORDER["required"], ORDER["parameters"])
    [original] = message["originals"]
    receipt = done["receipt"]
    assert {name: original[name] for name in ("key", "version_id", "size_bytes", "crc64nvme")} == {
        "key": receipt["key"],
        "version_id": receipt["version_id"],
        "size_bytes": len(BODY),
        "crc64nvme": crc_of(BODY),
    }
    shown = rig.session("ordered")
    assert shown
    assert (shown["state"], shown["order"]["number"]) == ("STORED", 1)
    assert shown["order"]["sent_at"]


def test_the_reads_of_a_message_bring_the_verified_bytes_though_the_key_moved_on(rig: Rig, inbox: Inbox):
    receipt = hauled(rig, "pinned", order=ORDER)
    until(lambda: inbox.of("pinned"), "a message on the queue")
    s3 = rig.world.aws.client("s3")
    where = {"Bucket": rig.world.bucket, "Key": receipt["key"]}
    s3.delete_object(**where, IfMatch=s3.head_object(**where)["ETag"])

    [message] = inbox.of("pinned")
    [original] = message["originals"]

    assert read(original) == BODY
    altered = original["url"].replace("X-Amz-Expires=900", "X-Amz-Expires=901")
    assert altered != original["url"]
    assert requests.get(altered, timeout=DEADLINE_S).status_code == 403


def test_with_every_event_lost_and_the_client_gone_the_reconciler_sends_the_order(rig: Rig, inbox: Inbox):
    rig.world.delivery.drop()
    sent_parts(rig, "abandoned", order=ORDER)

    rig.reconcile()
    calm(rig)

    [message] = inbox.of("abandoned")
    assert [read(original) for original in message["originals"]] == [BODY]


def test_with_its_event_lost_after_the_receipt_the_reconciler_sends_the_order(rig: Rig, inbox: Inbox):
    rig.world.delivery.drop()
    hauled(rig, "unheard", order=ORDER)
    assert inbox.of("unheard") == []

    calm(rig)

    assert inbox.numbers("unheard") == [1]


def test_a_session_that_is_stored_already_is_ordered_at_once_with_its_chapters_in_order(
    rig: Rig, inbox: Inbox
):
    with camera_with(PART_SIZE_BYTES + 1, 1000) as camera:
        done = rig.haul(camera, "later")
        assert done.code == 0, done.said
        films = source_sha256(camera)
    calm(rig)
    assert inbox.of("later") == []

    asked(rig, "later", "order", ORDER)

    [message] = inbox.of("later")
    assert [hashlib.sha256(read(original)).hexdigest() for original in message["originals"]] == films


def test_ordering_again_sends_the_next_number_with_the_new_wish(rig: Rig, inbox: Inbox):
    hauled(rig, "twice", order=ORDER)
    until(lambda: inbox.of("twice"), "a message on the queue")
    again = {"required": ["output.other.mp4", "measurements.lights"], "parameters": {}}

    shown = asked(rig, "twice", "order", again)
    calm(rig)

    assert inbox.numbers("twice") == [1, 2]
    second = inbox.of("twice")[1]
    assert (second["required"], second["parameters"]) == (again["required"], {})
    assert shown["order"]["number"] == 2


def test_a_held_session_is_not_sent_until_it_is_released(rig: Rig, inbox: Inbox):
    upload_id = sent_parts(rig, "held", order=ORDER)
    asked(rig, "held", "hold", {"held": True, "reason": "wait for the referee"}, Role.OPERATOR)
    rig.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_of(BODY)})
    calm(rig)
    shown = rig.session("held")
    assert shown
    assert (shown["state"], shown["held"]) == ("STORED", "wait for the referee")
    assert inbox.of("held") == []

    released = asked(rig, "held", "hold", {"held": False}, Role.OPERATOR)
    calm(rig)

    assert released["held"] is None
    assert inbox.numbers("held") == [1]


def test_a_session_that_its_processor_failed_can_be_ordered_again(rig: Rig, inbox: Inbox):
    hauled(rig, "failing", order=ORDER)
    until(lambda: inbox.of("failing"), "a message on the queue")

    failed = asked(rig, "failing", "failure", {"reason": "no light seen", "order": 1}, Role.PROCESSOR)
    calm(rig)
    assert (failed["state"], failed["failure"]) == ("FAILED", "no light seen")
    assert inbox.numbers("failing") == [1]
    again = asked(rig, "failing", "order", ORDER)
    calm(rig)

    assert (again["state"], again["failure"]) == ("STORED", None)
    assert inbox.numbers("failing") == [1, 2]


def test_a_device_that_names_no_order_gets_the_deployments(rig: Rig, inbox: Inbox, default_order: None):
    hauled(rig, "by-default")
    until(lambda: inbox.of("by-default"), "a message on the queue")

    [message] = inbox.of("by-default")

    assert message["required"] == ["output.usual.mp4", "measurements.lights"]
    assert message["parameters"] == {}


def test_a_session_that_nobody_ordered_is_stored_and_not_sent(rig: Rig, inbox: Inbox):
    hauled(rig, "unordered")
    calm(rig)

    shown = rig.session("unordered")
    assert shown
    assert (shown["state"], shown["order"]) == ("STORED", None)
    assert inbox.of("unordered") == []
