"""Push: a ticket opens one socket, and what changed is told to those who may hear it, once it is on record."""

import logging
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.errors import NotAuthenticated, NotFound, StorageBusy, TooManyRequests
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.push import MOST_SOCKETS, Listener, Socket
from chalicelib.flows.acting import acting_ports
from chalicelib.flows.push import (
    NO_PUSH,
    TELLING_S,
    close_socket,
    make_ticket,
    note,
    open_socket,
    tell_pages,
    telling,
)
from chalicelib.flows.store import save
from chalicelib.ports import Ports
from tests.support.builders import SESSION_ID, START, MemoryPorts, make_chapter, make_session, memory_ports
from tests.support.memory import MemoryPush

MAIN = Listener("main")
OTHER = SessionId("main/match-18")
HINT = '{"changed":"session","session":"%s"}'


@pytest.fixture
def push() -> MemoryPush:
    return MemoryPush()


@pytest.fixture
def memory() -> MemoryPorts:
    return memory_ports(Picture(make_session(), (make_chapter(),)))


@pytest.fixture
def ports(memory: MemoryPorts, push: MemoryPush) -> Ports:
    """Those of one call, which has changed nothing yet."""
    return replace(memory, push=push, changed=[])


def secret_of(address: str) -> str:
    return address.partition("?ticket=")[2]


def opened(ports: Ports, push: MemoryPush, connection_id: str, listener: Listener = MAIN) -> Socket:
    address, _ = make_ticket(ports, listener)
    push.sent[connection_id] = []
    return open_socket(ports, connection_id, secret_of(address))


def test_a_ticket_is_an_address_with_a_secret_of_which_only_the_digest_is_kept(
    ports: Ports, push: MemoryPush
):
    address, ticket = make_ticket(ports, MAIN)

    assert address.startswith(f"{push.address}?ticket=")
    assert push.tickets == {tokens.digest(secret_of(address)): ticket}
    assert ticket.expires_at == START + timedelta(seconds=30)


def test_a_ticket_opens_a_socket_for_whom_it_was_made(ports: Ports, push: MemoryPush):
    address, _ = make_ticket(ports, Listener("main", SESSION_ID))

    socket = open_socket(ports, "c1", secret_of(address))

    expected = Socket("c1", Listener("main", SESSION_ID), START + timedelta(seconds=600))
    assert (socket, push.sockets()) == (expected, (expected,))


def test_a_ticket_opens_no_second_socket(ports: Ports, push: MemoryPush):
    address, _ = make_ticket(ports, MAIN)
    open_socket(ports, "c1", secret_of(address))

    with pytest.raises(NotAuthenticated):
        open_socket(ports, "c2", secret_of(address))

    assert [each.connection_id for each in push.sockets()] == ["c1"]


@pytest.mark.parametrize(("passed_s", "opens"), [(29.9, True), (30, False), (31, False)])
def test_a_ticket_opens_nothing_from_its_end_on(
    memory: MemoryPorts, ports: Ports, push: MemoryPush, passed_s: float, opens: bool
):
    address, _ = make_ticket(ports, MAIN)
    memory.clock.advance(seconds=passed_s)

    try:
        open_socket(ports, "c1", secret_of(address))
    except NotAuthenticated:
        assert not opens

    assert len(push.sockets()) == opens


@pytest.mark.parametrize("secret", ["", "guessed"])
def test_a_guessed_ticket_opens_nothing(ports: Ports, push: MemoryPush, secret: str):
    make_ticket(ports, MAIN)

    with pytest.raises(NotAuthenticated):
        open_socket(ports, "c1", secret)

    assert push.sockets() == ()


@pytest.mark.parametrize(("open_already", "opens"), [(MOST_SOCKETS - 1, True), (MOST_SOCKETS, False)])
def test_a_project_has_so_many_sockets_and_no_more(
    ports: Ports, push: MemoryPush, open_already: int, opens: bool
):
    for number in range(open_already):
        opened(ports, push, f"c{number}")

    if opens:
        opened(ports, push, "one more")
    else:
        with pytest.raises(TooManyRequests):
            opened(ports, push, "one more")

    assert len(push.sockets()) == MOST_SOCKETS


def test_sockets_of_other_projects_and_those_that_are_over_take_no_room(
    memory: MemoryPorts, ports: Ports, push: MemoryPush
):
    for number in range(MOST_SOCKETS):
        opened(ports, push, f"c{number}")
    assert opened(ports, push, "other", Listener("club"))

    memory.clock.advance(seconds=600)

    assert opened(ports, push, "later")


def test_a_closed_socket_is_forgotten(ports: Ports, push: MemoryPush):
    opened(ports, push, "c1")

    close_socket(ports, "c1")

    assert push.sockets() == ()


def test_without_push_there_are_no_tickets(memory: MemoryPorts):
    with pytest.raises(NotFound, match=NO_PUSH):
        make_ticket(memory, MAIN)


def test_a_page_hears_each_changed_session_once(ports: Ports, push: MemoryPush):
    opened(ports, push, "c1")
    for changed in (SESSION_ID, OTHER, SESSION_ID):
        note(ports, changed)

    tell_pages(ports)
    tell_pages(ports)

    assert push.sent["c1"] == [HINT % "match-17-north", HINT % "match-18"]


def test_a_page_hears_nothing_that_it_may_not_see(ports: Ports, push: MemoryPush):
    opened(ports, push, "other project", Listener("club"))
    opened(ports, push, "share", Listener("main", OTHER))

    note(ports, SESSION_ID)
    tell_pages(ports)

    assert push.sent == {"other project": [], "share": []}


def test_a_change_is_told_after_it_is_on_record_and_not_before(
    ports: Ports, push: MemoryPush, memory: MemoryPorts
):
    opened(ports, push, "c1")
    picture = memory.records.picture(SESSION_ID)
    assert picture

    with telling(ports):
        save(ports, picture)
        assert push.sent["c1"] == []

    assert push.sent["c1"] == [HINT % "match-17-north"]


def test_what_was_changed_is_told_also_when_the_call_fails(ports: Ports, push: MemoryPush):
    opened(ports, push, "c1")

    with pytest.raises(StorageBusy), telling(ports):  # noqa: PT012 - what is told is told by the end of both
        note(ports, SESSION_ID)
        raise StorageBusy("later")

    assert push.sent["c1"] == [HINT % "match-17-north"]


def test_a_socket_that_is_closed_is_forgotten_and_the_others_are_told(ports: Ports, push: MemoryPush):
    for each in ("c1", "c2", "c3"):
        opened(ports, push, each)
    del push.sent["c2"]

    note(ports, SESSION_ID)
    note(ports, OTHER)
    tell_pages(ports)

    assert [each.connection_id for each in push.sockets()] == ["c1", "c3"]
    assert {name: len(sent) for name, sent in push.sent.items()} == {"c1": 2, "c3": 2}


class BrokenPush(MemoryPush):
    def recent_sockets(self) -> tuple[Socket, ...]:
        raise RuntimeError("no answer")


def test_a_hint_that_cannot_be_sent_fails_no_call(memory: MemoryPorts, caplog: pytest.LogCaptureFixture):
    ports = replace(memory, push=BrokenPush(), changed=[])
    note(ports, SESSION_ID)

    with caplog.at_level(logging.WARNING):
        tell_pages(ports)

    assert [record.message for record in caplog.records] == ["pages not told"]


class SlowPush(MemoryPush):
    """Each message takes 0.1 s."""

    def __init__(self, memory: MemoryPorts) -> None:
        super().__init__()
        self._memory = memory

    def send(self, connection_id: str, message: str) -> bool:
        self._memory.clock.advance(seconds=0.1)
        return super().send(connection_id, message)


def test_telling_ends_when_its_time_is_over(memory: MemoryPorts):
    push = SlowPush(memory)
    ports = replace(memory, push=push, changed=[])
    for number in range(10):
        opened(ports, push, f"c{number}")

    note(ports, SESSION_ID)
    tell_pages(ports)

    assert sum(map(len, push.sent.values())) == round(TELLING_S / 0.1)


def test_each_call_begins_with_nothing_changed_and_without_push_nothing_is_noted(
    memory: MemoryPorts, ports: Ports
):
    note(ports, SESSION_ID)
    assert acting_ports(ports).changed == []

    without = acting_ports(memory)
    note(without, SESSION_ID)
    assert without.changed is None
