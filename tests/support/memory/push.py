"""Sockets in memory."""

from chalicelib.core.push import Socket, Ticket


class MemoryPush:
    """Tickets and sockets, and what each socket that is open was sent."""

    address = "wss://sockets.test/api"

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}
        self.sent: dict[str, list[str]] = {}
        """By the id of the connection; who closes one takes it out."""
        self._sockets: dict[str, Socket] = {}

    def put_ticket(self, digest: str, ticket: Ticket) -> None:
        self.tickets[digest] = ticket

    def take_ticket(self, digest: str) -> Ticket | None:
        return self.tickets.pop(digest, None)

    def put_socket(self, socket: Socket) -> None:
        self._sockets[socket.connection_id] = socket

    def forget_socket(self, connection_id: str) -> None:
        self._sockets.pop(connection_id, None)

    def sockets(self) -> tuple[Socket, ...]:
        return tuple(self._sockets[each] for each in sorted(self._sockets))

    def recent_sockets(self) -> tuple[Socket, ...]:
        return self.sockets()

    def send(self, connection_id: str, message: str) -> bool:
        if connection_id not in self.sent:
            return False
        self.sent[connection_id].append(message)
        return True
