"""Push: a hint to the open pages of a project that a session changed. A page then asks for what it may see."""

from datetime import datetime

import msgspec
from msgspec import Struct

from chalicelib.core.ids import SessionId, name_of, project_of

TICKET_S = 30
"""How long a ticket opens a socket."""

SOCKET_S = 600
"""How long a socket hears hints; the page replaces it before. Nothing else ends what a revoked token had opened.

API Gateway ends a socket that is idle for ten minutes, and any after two hours.
"""

MOST_SOCKETS = 25
"""How many sockets a project has at most; the pages beyond only ask at intervals."""


class Listener(Struct, frozen=True):
    """Who listens: a caller who may see a project, or one session of it."""

    project: str
    session_id: SessionId | None = None


class Ticket(Struct, frozen=True):
    """The right to open one socket, until `expires_at`."""

    listener: Listener
    expires_at: datetime

    def is_good(self, now: datetime) -> bool:
        return now < self.expires_at


class Socket(Struct, frozen=True):
    """An open connection of a page, by API Gateway's id of it."""

    connection_id: str
    listener: Listener
    expires_at: datetime


def hint(session_id: SessionId) -> str:
    """What a page is sent when a session changed: JSON with its name and nothing of what changed."""
    return msgspec.json.encode({"changed": "session", "session": name_of(session_id)}).decode()


def may_hear(socket: Socket, session_id: SessionId, now: datetime) -> bool:
    """Whether the page behind `socket` may know that this session changed."""
    listener = socket.listener
    if now >= socket.expires_at or listener.project != project_of(session_id):
        return False
    return listener.session_id in (None, session_id)
