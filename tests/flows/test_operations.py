from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import NotFound, NotPermitted, StateConflict, StorageBusy
from chalicelib.core.ids import DeviceId
from chalicelib.core.order import Order, wish
from chalicelib.core.session import Camera, SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.flows import artifacts, completion, operations, sessions
from chalicelib.flows.order_message import write_message
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from chalicelib.ports import MOST_MESSAGE_BYTES
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_chapter,
    make_claimed,
    make_picture,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.faults import Fault, When, faulty
from tests.support.memory import MemorySigner

DEVICE = Principal(Role.DEVICE, "main", DEVICE_ID)
OPERATOR = Principal(Role.OPERATOR, ALL_PROJECTS, None)
PROCESSOR = Principal(Role.PROCESSOR, "main", None)
STRANGERS = [
    Principal(Role.DEVICE, "main", DeviceId("d_south")),
    Principal(Role.PROCESSOR, "club", None),
    Principal(Role.OPERATOR, "club", None),
]
WISH = wish(["output.enhanced.mp4"], {"segments": 3})
OTHER = wish(["output.enhanced.mp4", "output.report.pdf"], {})
ARTIFACT = make_chapter().artifact_id


def arranged(chapters: Sequence[Chapter] = (make_chapter(),), **session) -> MemoryPorts:
    """Ports with one session whose only chapter is claimed and has all its parts in S3."""
    upload = make_claimed()
    ports = memory_ports(make_picture(upload, chapters=chapters, **session))
    send_parts(ports.objects, upload)
    return ports


def stored(**session) -> MemoryPorts:
    """Ports with one session that is STORED."""
    ports = arranged(**session)
    settle_session(ports, SESSION_ID, Actor.RECONCILER)
    return ports


def test_a_new_session_carries_the_order_it_was_created_with():
    ports = memory_ports()

    picture, _ = sessions.confirm_session(
        ports, DEVICE, SESSION_ID, Camera("C1"), None, [make_chapter()], WISH
    )

    assert picture.session.order
    assert (picture.session.order.number, picture.session.order.wish) == (1, WISH)
    assert ports.orders.sent == []


def test_confirming_a_session_with_another_order_changes_nothing():
    ports = memory_ports()
    arguments = (ports, DEVICE, SESSION_ID, Camera("C1"), None, [make_chapter()])
    first, _ = sessions.confirm_session(*arguments, WISH)

    again, is_new = sessions.confirm_session(*arguments, OTHER)

    assert (again, is_new) == (first, False)


@pytest.mark.parametrize("actor", [Actor.EVENT, Actor.RECONCILER])
def test_the_order_is_sent_once_when_every_chapter_is_verified(actor: Actor):
    ports = arranged(order=make_picture().session.ordered(WISH, START).order)
    assert ports.orders.sent == []
    completion.complete_upload(ports, DEVICE, UPLOAD_ID, None)

    settle_session(ports, SESSION_ID, actor)
    settle_session(ports, SESSION_ID, actor)

    [message] = ports.orders.sent
    named = (message["project"], message["session_id"], message["order"])
    assert named == ("main", "match-17-north", 1)
    assert (message["required"], message["parameters"]) == (["output.enhanced.mp4"], {"segments": 3})


def test_whoever_waits_for_a_receipt_does_not_wait_for_the_queue():
    ports = arranged(order=make_picture().session.ordered(WISH, START).order)
    broken = replace(ports, orders=faulty(ports.orders, Fault("send", StorageBusy("queue"))))

    assert completion.complete_upload(broken, DEVICE, UPLOAD_ID, None).upload.receipt
    assert ports.records.due(START, 10)


def test_the_message_names_each_original_with_its_version_and_where_to_read_it():
    ports = stored()
    operations.order(ports, OPERATOR, SESSION_ID, WISH)

    [original] = ports.orders.sent[0]["originals"]
    receipt = recorded(ports).receipt(ARTIFACT)
    assert receipt
    assert (original["key"], original["version_id"]) == (receipt.key, receipt.version_id)
    assert (original["size_bytes"], original["crc64nvme"]) == (25, receipt.crc64nvme)
    assert original["url"]


@pytest.mark.parametrize(("unfinished", "trailing_bytes"), [(False, 0), (True, 0), (False, 7)])
def test_the_message_says_what_a_device_noted_of_each_original(unfinished: bool, trailing_bytes: int):
    chapter = make_chapter(unfinished=unfinished, trailing_bytes=trailing_bytes)
    ports = stored(chapters=[chapter])
    operations.order(ports, OPERATOR, SESSION_ID, WISH)

    [original] = ports.orders.sent[0]["originals"]
    assert (original["unfinished"], original["trailing_bytes"]) == (unfinished, trailing_bytes)


def test_a_message_too_large_for_the_queue_leaves_its_addresses_to_the_api():
    ports = stored()

    class Longwinded(MemorySigner):
        """A signer whose session token makes every address long."""

        def read_url(self, key, version_id, ttl_s, now):
            read = super().read_url(key, version_id, ttl_s, now)
            return replace(read, url=read.url + "x" * MOST_MESSAGE_BYTES)

    operations.order(replace(ports, signer=Longwinded()), OPERATOR, SESSION_ID, WISH)

    [original] = ports.orders.sent[0]["originals"]
    assert (original["url"], original["expires_at"]) == (None, None)
    assert original["version_id"]


def test_nothing_is_sent_while_a_chapter_is_missing():
    ports = memory_ports(make_picture(make_upload()))

    operations.order(ports, DEVICE, SESSION_ID, WISH)

    assert ports.orders.sent == []


def test_a_session_without_an_order_is_stored_and_left_alone():
    ports = stored()

    assert recorded(ports).session.state is SessionState.STORED
    assert ports.orders.sent == []


def test_ordering_again_sends_the_next_number():
    ports = stored()
    operations.order(ports, DEVICE, SESSION_ID, WISH)
    operations.order(ports, OPERATOR, SESSION_ID, OTHER)

    assert [message["order"] for message in ports.orders.sent] == [1, 2]


def test_the_same_wish_again_before_it_was_sent_is_the_same_order():
    ports = memory_ports(make_picture(make_upload()))
    first = operations.order(ports, DEVICE, SESSION_ID, WISH)

    assert operations.order(ports, DEVICE, SESSION_ID, WISH) == first


@pytest.mark.parametrize("when", list(When))
def test_a_queue_that_fails_once_gets_the_order_by_the_reconciler(when: When):
    ports = stored()
    broken = replace(ports, orders=faulty(ports.orders, Fault("send", StorageBusy("queue"), when=when)))
    with pytest.raises(StorageBusy):
        operations.order(broken, OPERATOR, SESSION_ID, WISH)
    ports.clock.advance(1)

    reconcile(ports, 60)

    # After a lost reply it is there twice, under one number.
    assert {message["order"] for message in ports.orders.sent} == {1}
    assert recorded(ports).session.order
    assert not recorded(ports).session.owes_order


def test_a_held_session_is_sent_when_it_is_released():
    ports = stored()
    operations.hold(ports, OPERATOR, SESSION_ID, "look at it first")
    operations.order(ports, DEVICE, SESSION_ID, WISH)
    reconcile(ports, 60)
    assert ports.orders.sent == []

    picture = operations.hold(ports, OPERATOR, SESSION_ID, None)

    assert picture.session.held is None
    assert len(ports.orders.sent) == 1


def test_a_failed_session_says_why_and_is_sent_again_when_it_is_ordered_again():
    ports = stored()
    operations.order(ports, OPERATOR, SESSION_ID, WISH)

    failed = operations.fail(ports, PROCESSOR, SESSION_ID, "no light found", 1)
    again = operations.order(ports, OPERATOR, SESSION_ID, WISH)

    assert (failed.session.state, failed.session.failure) == (SessionState.FAILED, "no light found")
    assert (again.session.state, again.session.failure) == (SessionState.STORED, None)
    assert [message["order"] for message in ports.orders.sent] == [1, 2]


def test_a_late_processor_of_an_earlier_order_fails_nothing():
    ports = stored()
    operations.order(ports, OPERATOR, SESSION_ID, WISH)
    operations.order(ports, OPERATOR, SESSION_ID, OTHER)
    before = recorded(ports)

    with pytest.raises(StateConflict, match="number 2, not 1"):
        operations.fail(ports, PROCESSOR, SESSION_ID, "too late", 1)

    assert recorded(ports) == before


def test_a_session_that_fails_before_it_is_stored_still_gets_its_receipts_and_stays_failed():
    ports = arranged()
    operations.fail(ports, OPERATOR, SESSION_ID, "not wanted", None)

    picture = settle_session(ports, SESSION_ID, Actor.RECONCILER)

    assert picture.receipt(ARTIFACT)
    assert picture.session.state is SessionState.FAILED


def test_an_order_names_no_chapter_without_its_receipt():
    ports = arranged(order=Order(1, WISH, START))
    picture = recorded(ports)
    assert picture.session.order

    with pytest.raises(StateConflict, match="is not verified"):
        write_message(ports, picture, picture.session.order)


def test_failing_twice_keeps_the_first_reason():
    ports = stored()
    operations.fail(ports, OPERATOR, SESSION_ID, "first", None)

    assert operations.fail(ports, OPERATOR, SESSION_ID, "second", None).session.failure == "first"
    assert ports.metrics.counts["session.failed"] == 1


def test_a_verified_artifact_can_be_read_and_one_that_is_not_says_so():
    ports = arranged()
    with pytest.raises(NotFound, match=r"original\.100GOPRO\.GX010038\.MP4 is not verified yet"):
        artifacts.sign_artifact(ports, PROCESSOR, SESSION_ID, ARTIFACT)
    settle_session(ports, SESSION_ID, Actor.RECONCILER)

    receipt, read = artifacts.sign_artifact(ports, PROCESSOR, SESSION_ID, ARTIFACT)

    assert receipt == recorded(ports).receipt(ARTIFACT)
    assert read.expires_at > START


def test_the_list_of_artifacts_shows_every_chapter_with_or_without_its_receipt():
    ports = arranged()
    [before] = artifacts.list_artifacts(ports, OPERATOR, SESSION_ID)
    settle_session(ports, SESSION_ID, Actor.RECONCILER)
    [after] = artifacts.list_artifacts(ports, OPERATOR, SESSION_ID)

    assert (before.artifact_id, before.size_bytes, before.receipt) == (ARTIFACT, 25, None)
    assert after.receipt


@pytest.mark.parametrize("stranger", STRANGERS)
def test_for_strangers_the_session_does_not_exist(stranger: Principal):
    ports = stored()
    lenient = replace(ports, policy=replace(ports.policy, devices_may_read=True))
    calls = {
        Role.DEVICE: lambda: operations.order(ports, stranger, SESSION_ID, WISH),
        Role.PROCESSOR: lambda: operations.fail(ports, stranger, SESSION_ID, "x", None),
        Role.OPERATOR: lambda: operations.hold(ports, stranger, SESSION_ID, "x"),
    }
    for call in (
        calls[stranger.role],
        lambda: artifacts.list_artifacts(ports, stranger, SESSION_ID),
        lambda: artifacts.sign_artifact(lenient, stranger, SESSION_ID, ARTIFACT),
    ):
        with pytest.raises(NotFound):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda ports: operations.order(ports, PROCESSOR, SESSION_ID, WISH),
        lambda ports: operations.fail(ports, DEVICE, SESSION_ID, "x", None),
        lambda ports: operations.hold(ports, DEVICE, SESSION_ID, "x"),
        lambda ports: operations.hold(ports, PROCESSOR, SESSION_ID, None),
    ],
)
def test_each_call_is_for_its_roles(call):
    ports = stored()
    before = recorded(ports)

    with pytest.raises(NotPermitted):
        call(ports)

    assert recorded(ports) == before


def test_only_an_operator_goes_below_what_the_deployment_requires():
    ports = stored()
    minimum = replace(ports, policy=replace(ports.policy, required_outputs=WISH.required))
    below = wish(["output.report.pdf"], {}, "a rehearsal")

    with pytest.raises(NotPermitted, match="only an operator"):
        operations.order(minimum, DEVICE, SESSION_ID, below)
    picture = operations.order(minimum, OPERATOR, SESSION_ID, below)

    order = picture.session.order
    assert order
    assert (order.wish.required, order.wish.left_out) == (below.required, WISH.required)
