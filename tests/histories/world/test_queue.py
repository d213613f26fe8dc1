"""A message is received at least once, by one at a time, in any order, and is dead after so many receives."""

import pytest

from infra.aws import template
from tests.histories.world.builders import Seconds, Struck
from tests.histories.world.queue import LATEST_S, MOST_RECEIVES, VISIBLE_AFTER_S, Received, SimulatedQueue


@pytest.fixture
def now() -> Seconds:
    return Seconds()


@pytest.fixture
def chance() -> Struck:
    return Struck(part=0.0)


@pytest.fixture
def queue(now: Seconds, chance: Struck) -> SimulatedQueue:
    return SimulatedQueue(now, chance)


def receive(queue: SimulatedQueue) -> Received:
    found = queue.receive()
    assert found
    return found


def test_its_times_are_those_of_the_template():
    properties = template.load()["Resources"]["OrderQueue"]["Properties"]

    assert properties["VisibilityTimeout"] == VISIBLE_AFTER_S
    assert properties["RedrivePolicy"]["maxReceiveCount"] == MOST_RECEIVES


def test_a_message_is_received_by_one_and_is_gone_when_he_deletes_it(queue: SimulatedQueue, now: Seconds):
    queue.send('{"order": 1}')

    found = receive(queue)
    assert (found.content, found.receives, queue.receive()) == ({"order": 1}, 1, None)
    queue.delete(found)

    now.at = VISIBLE_AFTER_S
    assert (queue.receive(), queue.next_at_s(), queue.sent) == (None, None, [{"order": 1}])


def test_a_message_that_nobody_deletes_comes_again(queue: SimulatedQueue, now: Seconds):
    queue.send("1")
    receive(queue)

    now.at = VISIBLE_AFTER_S - 1
    assert queue.receive() is None
    now.at = VISIBLE_AFTER_S
    assert receive(queue).receives == 2


def test_a_message_is_dead_when_it_would_come_once_more_than_it_may(queue: SimulatedQueue, now: Seconds):
    queue.send("1")
    for _ in range(MOST_RECEIVES):
        now.at = queue.next_at_s() or 0
        receive(queue)
    assert queue.dead_letters() == 0

    now.at = queue.next_at_s() or 0

    assert queue.receive() is None
    assert (queue.dead_letters(), queue.letters, queue.next_at_s()) == (1, [1], None)


def test_a_message_that_is_deleted_at_its_last_receive_does_not_die(queue: SimulatedQueue, now: Seconds):
    queue.send("1")
    for _ in range(MOST_RECEIVES):
        now.at = queue.next_at_s() or 0
        found = receive(queue)

    queue.delete(found)

    now.at += VISIBLE_AFTER_S
    assert queue.dead_letters() == 0


def test_a_message_may_be_doubled_and_late(queue: SimulatedQueue, now: Seconds, chance: Struck):
    chance.faults, chance.part = {"message doubled", "message late"}, 0.5
    queue.send("1")

    assert queue.receive() is None
    now.at = LATEST_S / 2
    assert (receive(queue).content, receive(queue).content, queue.receive()) == (1, 1, None)
    assert queue.sent == [1]


def test_a_delete_may_be_lost(queue: SimulatedQueue, now: Seconds, chance: Struck):
    queue.send("1")
    chance.faults = {"delete lost"}
    queue.delete(receive(queue))

    now.at = VISIBLE_AFTER_S
    assert receive(queue).receives == 2


def test_messages_come_in_any_order(queue: SimulatedQueue, chance: Struck):
    queue.send("1")
    queue.send("2")
    chance.part = 0.9

    assert [receive(queue).content, receive(queue).content] == [2, 1]
