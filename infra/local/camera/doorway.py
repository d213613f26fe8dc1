"""The camera's port: open, or shut so that connections are refused while the port stays the camera's own."""

from __future__ import annotations

import socket
import threading

HOST = "127.0.0.1"


class Doorway:
    """One port on loopback for as long as this lives. Raises OSError when the port is taken."""

    def __init__(self, port: int) -> None:
        # Bound and never listening: it keeps the port while no listener is there, and connections to it are refused.
        self._place = _bound(port)
        self.port: int = self._place.getsockname()[1]
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._retired: list[socket.socket] = []

    def open(self) -> None:
        with self._lock:
            if self._listener is None:
                self._listener = _bound(self.port)
                self._listener.listen(64)

    def shut(self) -> None:
        """Refuses from now on; who waits in `accept` comes back."""
        with self._lock:
            if self._listener is not None:
                # Only shut down: closing would free the descriptor's number under a waiting `accept`.
                self._listener.shutdown(socket.SHUT_RDWR)
                self._retired.append(self._listener)
            self._listener = None

    def accept(self, wait_s: float) -> socket.socket | None:
        """The next connection, or None when none comes in time or the doorway is shut. For one thread only."""
        with self._lock:
            listener = self._listener
            self._close_retired()
        if listener is None:
            return None
        listener.settimeout(wait_s)
        try:
            return listener.accept()[0]
        except OSError:
            return None

    def close(self) -> None:
        """Gives the port back; nobody may be in `accept` any more."""
        self.shut()
        with self._lock:
            self._close_retired()
        self._place.close()

    def _close_retired(self) -> None:
        while self._retired:
            self._retired.pop().close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
