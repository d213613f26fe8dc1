"""The camera as an application of the local HTTP server: sleep, refusals, and the pieces in their places."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from infra.local.camera.card import Card
from infra.local.camera.delivery import LOOK_S, Delivery
from infra.local.camera.faults.table import Fault, FaultTable, spoilt_answer, spoilt_request
from infra.local.camera.log import LoggedRequest, RequestLog
from infra.local.camera.routes import Routes
from infra.local.camera.state import CameraState, Habits
from infra.local.camera.wire import Answer, Request, request_of
from infra.local.http_server import ConnectionCut, Server
from infra.local.link import Link

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SLOW_READER_S = 30.0


class Camera:
    """A GoPro on 127.0.0.1. `card`, `state`, `habits` and `faults` may be changed while it runs; `log` says what it was
    asked.

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
        self.habits = habits
        self._now_s = now_s
        self._on_done = on_done
        self._keep_alive_s = keep_alive_s
        self._fed_at = time.monotonic()
        self._refused_until: float | None = None
        self._asleep = False
        self._wakes_at = math.inf
        self._delivery = Delivery(Link(pace_bytes_s))
        self._server = Server(self, port, idle_s=slow_reader_s)
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def deletes(self) -> list[str]:
        """The deleting paths that were called; the camera deleted nothing."""
        return self.state.deletes

    @property
    def is_asleep(self) -> bool:
        return self._asleep

    def start(self) -> Camera:
        self.wake()
        self._server.start()
        self._thread.start()
        return self

    def close(self) -> None:
        """Ends every connection and thread. Calling it again does nothing."""
        self._delivery.ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._server.shut()
        self._server.hang_up()
        self._server.close()

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
        self._server.shut()
        self._server.hang_up()

    def wake(self) -> None:
        """Somebody presses its button."""
        self._fed_at = time.monotonic()
        self._asleep = False
        self._refused_until = None
        self._server.open()

    def refuse(self, seconds: float) -> None:
        """Refuses new connections for so long; those there are continue."""
        self._refused_until = time.monotonic() + seconds
        self._server.shut()

    def hear_out(self) -> None:
        """Return once all that was asked by now is in the `log`, and answered as far as the client took it."""
        self._server.hear_out()

    def release(self) -> None:
        """Lets stalled answers continue, and those that would stall from now on."""
        self._delivery.released.set()

    def _run(self) -> None:
        while not self._delivery.ended.wait(LOOK_S):
            self._keep_time()

    def _keep_time(self) -> None:
        now = time.monotonic()
        if self._asleep and now >= self._wakes_at:
            self.wake()
        if self._keep_alive_s is not None and not self._asleep and now - self._fed_at > self._keep_alive_s:
            self.sleep()
        if self._refused_until is not None and now >= self._refused_until and not self._asleep:
            self._refused_until = None
            self._server.open()

    def _feed(self) -> None:
        self._fed_at = time.monotonic()

    def __call__(self, environ: WSGIEnvironment, _: StartResponse) -> list[bytes]:
        """One request; the answer and the end of the connection are written past the server, byte by byte."""
        handler = environ["reelhaul.handler"]
        request = request_of(handler.command, handler.path, handler.headers.items())
        entry = self.log.note(request)
        answer = self._answer(request)
        if answer.refuse_s is not None:
            self.refuse(answer.refuse_s)
        self._delivery.send(handler.connection, answer, entry)
        if answer.sleep_s is not None:
            self.sleep(answer.sleep_s)
        self._on_done(entry)
        raise ConnectionCut

    def _answer(self, request: Request) -> Answer:
        effects = self.faults.due(request)
        for effect in effects:
            effect.happen(self)
        routes = Routes(self.card, self.state, self.habits, self._feed, self._now_s)
        return spoilt_answer(effects, routes.answer(spoilt_request(effects, request)))
