"""An answer on its way: paced, counted, stalled or cut as the answer says."""

from __future__ import annotations

import math
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

from infra.local.camera.log import LoggedRequest, Outcome
from infra.local.camera.wire import Answer, Ending, Words
from infra.local.link import Link

CHUNK_BYTES = 256 * 1024
LOOK_S = 0.02


@dataclass
class Delivery:
    """Sends answers; `ended` says that the camera closes, `released` that answers which wait may continue."""

    link: Link
    ended: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def send(self, connection: socket.socket, answer: Answer, entry: LoggedRequest) -> None:
        """Sends the answer and notes how far it came. A client that leaves or stops reading cuts it."""
        if answer.words is Words.UNSPOKEN:
            entry.outcome = Outcome.CUT
            close(connection, answer.ending)
            return
        entry.status = answer.status
        try:
            self._send_head(connection, answer)
            if entry.method != "HEAD":
                self._send_body(connection, answer, entry)
        except OSError:
            entry.outcome = Outcome.CUT
            return
        entry.outcome = _outcome(answer, entry)
        close(connection, answer.ending)

    def _send_head(self, connection: socket.socket, answer: Answer) -> None:
        if answer.words is Words.HELD:
            self._hold(connection)
        if not answer.head_byte_s:
            connection.sendall(answer.head())
            return
        for byte in answer.head():
            connection.sendall(bytes((byte,)))
            self._hold(connection, answer.head_byte_s)

    def _send_body(self, connection: socket.socket, answer: Answer, entry: LoggedRequest) -> None:
        with self.link.flow():
            self._send_paced(connection, answer, entry)

    def _send_paced(self, connection: socket.socket, answer: Answer, entry: LoggedRequest) -> None:
        for piece in self._pieces(answer):
            if entry.body_bytes == answer.stall_at:
                self._hold(connection)
            if self.ended.is_set():
                return
            _send_counted(connection, piece, entry)
            self.ended.wait(self.link.wait_s(len(piece)))
            if answer.drip and entry.body_bytes > answer.drip.after_bytes:
                self._hold(connection, answer.drip.every_s)
        if answer.count == answer.stall_at:
            self._hold(connection)
        _send_counted(connection, answer.surplus, entry)

    def _pieces(self, answer: Answer) -> Iterator[bytes]:
        """The body, cut where it is to stall and where it is to drip."""
        drip = answer.drip
        places = (answer.stall_at, drip.after_bytes if drip else None, answer.count)
        done = 0
        for stop in sorted(place for place in places if place is not None and 0 < place <= answer.count):
            while done < stop:
                most = drip.size_bytes if drip and done >= drip.after_bytes else self._chunk_bytes()
                piece = answer.content.read(answer.start + done, min(most, stop - done))
                if not piece:
                    return
                yield piece
                done += len(piece)

    def _chunk_bytes(self) -> int:
        # Small enough for twenty chunks a second, so that a slow link flows instead of hopping.
        rate_bytes_s = self.link.rate_bytes_s
        return CHUNK_BYTES if rate_bytes_s is None else max(1, min(CHUNK_BYTES, int(rate_bytes_s / 20)))

    def _hold(self, connection: socket.socket, seconds: float = math.inf) -> None:
        """Waits so long, or until it is released, the camera closes or the client leaves."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0 and not (self.ended.is_set() or _is_gone(connection)):
            if self.released.wait(min(LOOK_S, left)):
                return


def close(connection: socket.socket, ending: Ending) -> None:
    """Ends a connection; the other side sees the end of the body, or a reset."""
    if ending is Ending.RESET:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The server has files on the socket, which would keep it open.
    os.close(connection.detach())


def _outcome(answer: Answer, entry: LoggedRequest) -> Outcome:
    whole = entry.method == "HEAD" or entry.body_bytes == answer.body_bytes
    return Outcome.SENT if whole and answer.ending is Ending.ORDERLY else Outcome.CUT


def _send_counted(connection: socket.socket, piece: bytes, entry: LoggedRequest) -> None:
    view = memoryview(piece)
    while view:
        sent = connection.send(view)
        entry.body_bytes += sent
        view = view[sent:]


def _is_gone(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
