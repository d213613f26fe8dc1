"""Push: tickets open sockets, and open pages hear what changed, after it is on record.

A hint is a courtesy: the page asks at intervals in any case. So what cannot be told in a moment is not told, and no
call or run fails by it.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from chalicelib.core import tokens
from chalicelib.core.errors import NotAuthenticated, NotFound, TooManyRequests
from chalicelib.core.ids import SessionId
from chalicelib.core.push import MOST_SOCKETS, SOCKET_S, TICKET_S, Listener, Socket, Ticket, hint, may_hear
from chalicelib.ports import Ports, Push

log = logging.getLogger(__name__)

TELLING_S = 0.3
"""After so long no further page is told: a device waits for the answer of its call."""

NO_PUSH = "this deployment has no push; ask at intervals"


def make_ticket(ports: Ports, listener: Listener) -> tuple[str, Ticket]:
    """The address at which one socket can be opened, once, and the ticket in it. Raises NotFound without push."""
    push = _push(ports)
    secret = ports.ids.secret()
    ticket = Ticket(listener, ports.clock.now() + timedelta(seconds=TICKET_S))
    push.put_ticket(tokens.digest(secret), ticket)
    return f"{push.address}?ticket={secret}", ticket


def open_socket(ports: Ports, connection_id: str, secret: str) -> Socket:
    """The socket that a ticket opens. Raises NotFound without push, NotAuthenticated, TooManyRequests.

    Sockets that are opened at the same moment do not see one another: a few more than the limit may be open.
    """
    push, now = _push(ports), ports.clock.now()
    ticket = push.take_ticket(tokens.digest(secret))
    if ticket is None or not ticket.is_good(now):
        raise NotAuthenticated("this ticket is not known, was used or is over; ask for another one")
    project = ticket.listener.project
    listening = [
        each for each in push.sockets() if each.listener.project == project and now < each.expires_at
    ]
    if len(listening) >= MOST_SOCKETS:
        raise TooManyRequests(
            f"project {project} has {MOST_SOCKETS} sockets open; ask at intervals", SOCKET_S
        )
    socket = Socket(connection_id, ticket.listener, now + timedelta(seconds=SOCKET_S))
    push.put_socket(socket)
    return socket


def close_socket(ports: Ports, connection_id: str) -> None:
    """Forget a socket that was closed."""
    _push(ports).forget_socket(connection_id)


def note(ports: Ports, session_id: SessionId) -> None:
    """Have pages hear that the session changed, once this call or run ends."""
    if ports.changed is not None:
        ports.changed.append(session_id)


@contextmanager
def telling(ports: Ports) -> Iterator[Ports]:
    """`ports`; at the end open pages are told of what changed, also when the call or run fails."""
    try:
        yield ports
    finally:
        tell_pages(ports)


def tell_pages(ports: Ports) -> None:
    """Tell the pages that may hear it what was noted, each session once; then nothing is noted. Never raises."""
    if not ports.changed or ports.push is None:
        return
    changed = tuple(dict.fromkeys(ports.changed))
    ports.changed.clear()
    try:
        _tell(ports, ports.push, changed)
    except Exception:  # a door: a hint fails no call that has done its work
        log.warning("pages not told", exc_info=True)


def _tell(ports: Ports, push: Push, changed: Sequence[SessionId]) -> None:
    began_at = ports.clock.now()
    end = began_at + timedelta(seconds=TELLING_S)
    for socket in push.recent_sockets():
        for session_id in changed:
            if not may_hear(socket, session_id, began_at):
                continue
            if ports.clock.now() >= end:
                log.info("not all pages told in time")
                return
            if not push.send(socket.connection_id, hint(session_id)):
                push.forget_socket(socket.connection_id)
                break


def _push(ports: Ports) -> Push:
    if ports.push is None:
        raise NotFound(NO_PUSH)
    return ports.push
