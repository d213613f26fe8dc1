"""Every Push keeps tickets and sockets, and sends to the sockets that are open."""

from datetime import timedelta

from chalicelib.core.ids import SessionId
from chalicelib.core.push import Listener, Socket, Ticket
from tests.contracts.test_records_contract import NOON
from tests.contracts.worlds import Pages

SHARED = Listener("main", SessionId("main/match-17"))


def make_socket(connection_id: str, listener: Listener = SHARED) -> Socket:
    return Socket(connection_id, listener, NOON + timedelta(seconds=600))


def test_a_ticket_is_taken_whole_and_once(pages: Pages):
    ticket = Ticket(SHARED, NOON)
    pages.push.put_ticket("digest", ticket)

    assert pages.push.take_ticket("digest") == ticket
    assert pages.push.take_ticket("digest") is None


def test_there_is_no_ticket_that_was_not_put(pages: Pages):
    pages.push.put_ticket("digest", Ticket(Listener("main"), NOON))

    assert pages.push.take_ticket("another") is None
    assert pages.push.take_ticket("digest") == Ticket(Listener("main"), NOON)


def test_sockets_are_known_until_they_are_forgotten_and_forgotten_twice_in_peace(pages: Pages):
    first, second = make_socket("a="), make_socket("b=", Listener("club"))
    for each in (first, second):
        pages.push.put_socket(each)
    assert set(pages.push.sockets()) == set(pages.push.recent_sockets()) == {first, second}

    for _ in range(2):
        pages.push.forget_socket("a=")

    assert pages.push.sockets() == pages.push.recent_sockets() == (second,)


def test_a_message_comes_to_its_page_and_to_no_other(pages: Pages):
    first, second = pages.open(), pages.open()

    assert pages.push.send(first.connection_id, '{"to": "Größe 日本"}')
    assert pages.push.send(second.connection_id, '{"to": "second"}')

    assert first.received() == '{"to": "Größe 日本"}'
    assert second.received() == '{"to": "second"}'
    first.close()
    second.close()


def test_a_socket_that_was_closed_or_never_was_takes_no_message(pages: Pages):
    page = pages.open()
    page.close()

    assert not pages.push.send(page.connection_id, "{}")
    assert not pages.push.send("never=", "{}")
