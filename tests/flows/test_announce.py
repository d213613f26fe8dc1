"""Notices are recorded with what they tell of, and each is sent by a round of the reconciler, whatever fails."""

import logging
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import StorageBusy
from chalicelib.core.notices import Announcement
from chalicelib.core.tokens import Device
from chalicelib.flows import operations
from chalicelib.flows.announce import MOST_FAILURES, MOST_NOTICES
from chalicelib.flows.reconcile import reconcile
from chalicelib.ports import Enlisting, Ports
from tests.support import story
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    START,
    MemoryPorts,
    make_picture,
    make_session_id,
    memory_ports,
)
from tests.support.counted import counted
from tests.support.faults import Fault, When, faulty
from tests.support.memory import MemoryNotifier
from tests.support.story import OPERATOR, PROCESSOR


class Heard:
    """Ports whose notices are sent to `notifier`, and what arrived there."""

    def __init__(self, ports: MemoryPorts) -> None:
        self.notifier = MemoryNotifier()
        self.ports = replace(ports, notifier=self.notifier)

    @property
    def kinds(self) -> list[str]:
        return [each.kind.value for each in self.notifier.published]

    def waiting(self) -> int:
        return len(self.ports.records.notices(1000))


def held(count: int = 1) -> Heard:
    """A world in which an operator held so many sessions, and nobody was told yet."""
    heard = Heard(memory_ports())
    for number in range(count):
        session_id = make_session_id(f"s-{number:04d}")
        heard.ports.records.arrange(make_picture(session_id=session_id))
        operations.hold(heard.ports, OPERATOR, session_id, f"because of {number}")
    assert heard.waiting() == count
    return heard


def refusing(ports: Ports, *faults: Fault) -> Ports:
    """The same ports, whose topic fails so."""
    assert ports.notifier
    return replace(ports, notifier=faulty(ports.notifier, *faults))


def test_the_whole_story_is_told_once_in_its_order():
    heard = Heard(memory_ports())
    story.haul(heard.ports)
    story.let_pass(heard.ports)
    story.process(heard.ports)
    story.let_pass(heard.ports, rounds=5)
    operations.hold(heard.ports, OPERATOR, SESSION_ID, "the referee wants to see it")
    operations.order(heard.ports, OPERATOR, SESSION_ID, story.WISH)
    operations.fail(heard.ports, PROCESSOR, SESSION_ID, "no lights", None)
    story.let_pass(heard.ports, rounds=3)

    assert heard.kinds == ["session.stored", "session.processed", "session.held", "session.failed"]
    assert heard.waiting() == 0


def test_a_notice_has_the_name_of_the_device():
    heard = held()
    heard.ports.records.enlist(Enlisting(device=Device(DEVICE_ID, "jetson-north", "main", START)))

    reconcile(heard.ports, 60)

    [only] = heard.notifier.published
    assert only.document["device"] == "jetson-north"


def test_without_a_topic_nothing_is_recorded_and_a_round_reads_nothing_more():
    ports = memory_ports(make_picture())
    operations.hold(ports, OPERATOR, SESSION_ID, "why")
    watched, calls = counted(ports)

    reconcile(watched, 60)

    assert ports.records.notices(10) == ()
    assert calls["notices"] == 0


def test_with_a_topic_an_idle_round_reads_once_more():
    watched, calls = counted(Heard(memory_ports()).ports)

    reconcile(watched, 60)

    assert calls["notices"] == 1


def test_a_change_that_was_not_recorded_is_not_told():
    heard = Heard(memory_ports(make_picture()))
    losing = replace(
        heard.ports,
        records=faulty(heard.ports.records, Fault("write", StorageBusy("gone"))),
    )

    with pytest.raises(StorageBusy):
        operations.hold(losing, OPERATOR, SESSION_ID, "why")

    assert heard.waiting() == 0


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_a_notice_whose_publication_fails_is_sent_by_the_next_round(when: When):
    heard = held()

    reconcile(refusing(heard.ports, Fault("publish", StorageBusy("gone"), when=when)), 60)
    assert heard.waiting() == 1
    heard.notifier.published.clear()
    reconcile(heard.ports, 60)

    assert (heard.kinds, heard.waiting()) == (["session.held"], 0)
    assert heard.ports.metrics.counts["notice.failed"] == 1
    assert heard.ports.metrics.counts["notice.sent"] == 1


def test_a_notice_that_was_sent_but_not_forgotten_is_sent_again_under_the_same_id():
    heard = held()
    records = faulty(heard.ports.records, Fault("forget_notice", StorageBusy("gone")))

    reconcile(replace(heard.ports, records=records), 60)
    reconcile(heard.ports, 60)

    assert len(heard.kinds) == 2
    assert len({each.document["notice_id"] for each in heard.notifier.published}) == 1


class Choosy(MemoryNotifier):
    """A topic that never takes one notice."""

    def publish(self, announcement: Announcement) -> None:
        if announcement.document["detail"] == "because of 0":
            raise ValueError("not this one")
        super().publish(announcement)


def test_a_notice_that_is_never_taken_holds_no_other_back():
    heard = held(3)
    choosy = Choosy()

    for _ in range(2):
        reconcile(replace(heard.ports, notifier=choosy), 60)

    assert [each.document["detail"] for each in choosy.published] == ["because of 1", "because of 2"]
    assert heard.waiting() == 1


@pytest.mark.parametrize(("more", "asked"), [(-1, MOST_FAILURES - 1), (0, MOST_FAILURES), (1, MOST_FAILURES)])
def test_a_topic_that_takes_nothing_is_asked_no_more_than_a_few_times_a_round(more: int, asked: int):
    heard = held(MOST_FAILURES + more)
    faults = [Fault("publish", StorageBusy("gone"), call=call) for call in range(1, MOST_FAILURES + 2)]

    reconcile(refusing(heard.ports, *faults), 60)

    assert heard.ports.metrics.counts["notice.failed"] == asked
    assert heard.waiting() == MOST_FAILURES + more


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_round_sends_a_bounded_number_oldest_first_and_the_next_one_continues(more: int):
    heard = held(MOST_NOTICES + more)

    reconcile(heard.ports, 60)
    assert len(heard.kinds) == min(MOST_NOTICES, MOST_NOTICES + more)
    reconcile(heard.ports, 60)

    told = [each.document["detail"] for each in heard.notifier.published]
    assert told == [f"because of {number}" for number in range(MOST_NOTICES + more)]


def test_a_round_whose_time_is_over_sends_nothing():
    heard = held()

    reconcile(heard.ports, 0)

    assert heard.waiting() == 1


def test_notices_that_cannot_be_read_do_not_stop_the_round(caplog: pytest.LogCaptureFixture):
    heard = Heard(memory_ports())
    story.haul(heard.ports, None)
    records = faulty(heard.ports.records, Fault("notices", StorageBusy("gone")))
    heard.ports.clock.advance(timedelta(hours=2).total_seconds())

    with caplog.at_level(logging.ERROR):
        done = reconcile(replace(heard.ports, records=records), 60)

    assert "notices not read" in caplog.text
    assert (done.finished, done.swept) == (True, True)
    assert heard.ports.metrics.counts["notice.failed"] == 1
