"""The camera as a server on loopback: connections, sleep, refusals, and the pieces in their places."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType

from infra.local.camera.card import Card
from infra.local.camera.delivery import LOOK_S, Delivery
from infra.local.camera.doorway import HOST, Doorway
from infra.local.camera.faults.table import Fault, FaultTable, spoilt_answer, spoilt_request
from infra.local.camera.log import LoggedRequest, RequestLog
from infra.local.camera.routes import Routes
from infra.local.camera.state import CameraState, Habits
from infra.local.camera.wire import Answer, Request, read_request
from infra.local.link import Link

SLOW_READER_S = 30.0
JOIN_S = 5.0


class Camera:
    """A GoPro on 127.0.0.1. `card`, `state` and `faults` may be changed while it runs; `log` says what it was asked.

    With `keep_alive_s` it falls asleep when no keep-alive came for so long, whatever else it is asked, and refuses all
    connections until `wake`. A client that takes nothing for `slow_reader_s` is cut off. One request per connection.
    """

    def __init__(
        self,
        card: Card,
        *,
        port: int = 0,
        pace_bytes_s: float | None = None,
        keep_alive_s: float | None = None,
        slow_reader_s: float = SLOW_READER_S,
        habits: Habits = Habits(),  # noqa: B008 - a frozen value
        faults: Iterable[Fault] = (),
        now_s: Callable[[], float] = time.time,
        on_done: Callable[[LoggedRequest], None] = lambda _: None,
    ) -> None:
        self.card = card
        self.state = CameraState()
        self.faults = FaultTable(list(faults))
        self.log = RequestLog()
        self._habits = habits
        self._now_s = now_s
        self._on_done = on_done
        self._keep_alive_s = keep_alive_s
        self._slow_reader_s = slow_reader_s
        self._fed_at = time.monotonic()
        self._refused_until: float | None = None
        self._asleep = False
        self._wakes_at = math.inf
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._delivery = Delivery(Link(pace_bytes_s))
        self._doorway = Doorway(port)
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._doorway.port}"

    @property
    def deletes(self) -> list[str]:
        """The deleting paths that were called; the camera deleted nothing."""
        return self.state.deletes

    @property
    def is_asleep(self) -> bool:
        return self._asleep

    def start(self) -> Camera:
        self.wake()
        self._thread.start()
        return self

    def close(self) -> None:
        """Ends every connection and thread. Calling it again does nothing."""
        self._delivery.ended.set()
        self._doorway.shut()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        for thread in self._hang_up():
            thread.join(JOIN_S)
        self._doorway.close()

    def __enter__(self) -> Camera:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def sleep(self, seconds: float = math.inf) -> None:
        """What the camera does when nobody feeds it: every connection ends, new ones are refused.

        After `seconds` somebody presses its button.
        """
        self._asleep = True
        self._wakes_at = time.monotonic() + seconds
        self._doorway.shut()
        self._hang_up()

    def wake(self) -> None:
        """Somebody presses its button."""
        self._fed_at = time.monotonic()
        self._asleep = False
        self._refused_until = None
        self._doorway.open()

    def refuse(self, seconds: float) -> None:
        """Refuses new connections for so long; those there are continue."""
        self._refused_until = time.monotonic() + seconds
        self._doorway.shut()

    def release(self) -> None:
        """Lets stalled answers continue, and those that would stall from now on."""
        self._delivery.released.set()

    def _run(self) -> None:
        while not self._delivery.ended.is_set():
            self._keep_time()
            connection = self._doorway.accept(LOOK_S)
            if connection is not None:
                self._take(connection)
            elif self._refused_until is not None or self._asleep:
                self._delivery.ended.wait(LOOK_S)

    def _keep_time(self) -> None:
        now = time.monotonic()
        if self._asleep and now >= self._wakes_at:
            self.wake()
        if self._keep_alive_s is not None and not self._asleep and now - self._fed_at > self._keep_alive_s:
            self.sleep()
        if self._refused_until is not None and now >= self._refused_until and not self._asleep:
            self._refused_until = None
            self._doorway.open()

    def _feed(self) -> None:
        self._fed_at = time.monotonic()

    def _take(self, connection: socket.socket) -> None:
        connection.settimeout(self._slow_reader_s)
        thread = threading.Thread(
            target=self._serve, args=(connection,), name="camera connection", daemon=True
        )
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            request = _request_on(connection)
            if request is not None:
                self._exchange(connection, request)
        finally:
            with self._lock:
                self._connections.pop(connection)
                connection.close()

    def _exchange(self, connection: socket.socket, request: Request) -> None:
        entry = self.log.note(request)
        answer = self._answer(request)
        if answer.refuse_s is not None:
            self.refuse(answer.refuse_s)
        self._delivery.send(connection, answer, entry)
        if answer.sleep_s is not None:
            self.sleep(answer.sleep_s)
        self._on_done(entry)

    def _answer(self, request: Request) -> Answer:
        effects = self.faults.due(request)
        for effect in effects:
            effect.happen(self)
        routes = Routes(self.card, self.state, self._habits, self._feed, self._now_s)
        return spoilt_answer(effects, routes.answer(spoilt_request(effects, request)))

    def _hang_up(self) -> list[threading.Thread]:
        """Ends all connections; answers their threads, which end by themselves."""
        with self._lock:
            for connection in self._connections:
                _shut_down(connection)
            return list(self._connections.values())


def _request_on(connection: socket.socket) -> Request | None:
    try:
        return read_request(connection)
    except (OSError, ValueError):
        return None  # the client left, the camera hung up, or it was not a request


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended already
