"""API Gateway on this machine: serves the REST APIs that were imported, their functions called by proxy integration.

Custom authorizers are not played: ours stand inside the application.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from infra.local.aws.gateway import answer as answers
from infra.local.aws.gateway.answer import Answer
from infra.local.aws.gateway.event import Destination, Request, proxy_event
from infra.local.aws.gateway.routes import Document, Route, binary_types, route
from infra.local.aws.lambdas.functions import Outcome
from infra.local.http_server import ConnectionCut

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BODY_LIMIT_BYTES = 10 * 1024 * 1024
TIMEOUT_S = 29.0
CONCURRENCY = 64
NOTHING: Document = {"paths": {}}  # the API that was deleted while it was asked


class Trouble(Enum):
    """What a test may let happen to requests before they reach a route."""

    THROTTLED = "answered 429"
    REFUSED = "answered 503"
    CUT = "connection cut without an answer"


class Gateway:
    """A WSGI application: `/{api_id}/{stage}/...`, and the API imported first at `{mount}/...` as well.

    `documents` are what the APIs were imported from, by id, and may change at any time. `mount` is one segment, as
    `/api`, and is the stage's name there. `invoke` is called with the ARN of a function.
    """

    def __init__(
        self,
        documents: Mapping[str, Document],
        invoke: Callable[[str, object], Outcome],
        *,
        mount: str,
        now: Callable[[], datetime],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._documents = documents
        self._invoke = invoke
        self._mount = mount
        self._now = now
        self._timeout_s = timeout_s
        self._calls = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="gateway")
        self._lock = threading.Lock()
        self._troubles: dict[Trouble, float] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        trouble = self._next_trouble()
        if trouble is Trouble.CUT:
            raise ConnectionCut
        if trouble is Trouble.THROTTLED:
            return answers.THROTTLED.send(start_response)
        if trouble is Trouble.REFUSED:
            return answers.REFUSED.send(start_response)
        return self._answer(environ).send(start_response)

    def throttle(self, times: float) -> None:
        """The next `times` requests are answered 429."""
        self._order(Trouble.THROTTLED, times)

    def refuse(self, times: float = math.inf) -> None:
        """The next `times` requests are answered 503; without a number, all until `recover`."""
        self._order(Trouble.REFUSED, times)

    def cut(self, times: float = math.inf) -> None:
        """The connections of the next `times` requests end without an answer; without a number, all until `recover`."""
        self._order(Trouble.CUT, times)

    def recover(self) -> None:
        """No trouble any more."""
        with self._lock:
            self._troubles.clear()

    def close(self) -> None:
        """Waits for the functions that still run; ending those first makes that soon."""
        self._calls.shutdown()

    def _order(self, trouble: Trouble, times: float) -> None:
        with self._lock:
            self._troubles[trouble] = times

    def _next_trouble(self) -> Trouble | None:
        with self._lock:
            for trouble, times in self._troubles.items():
                if times > 0:
                    self._troubles[trouble] = times - 1
                    return trouble
        return None

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        body = _body(environ)
        if isinstance(body, Answer):
            return body
        request = Request.parsed(environ, body)
        found = self._destination(request)
        if found is None:
            return answers.NO_SUCH_ROUTE
        document, destination, its_route = found
        if its_route.integration["type"] == "mock":
            return answers.of_mock(its_route.integration)
        return self._proxied(request, document, destination, its_route)

    def _proxied(
        self, request: Request, document: Document, destination: Destination, its_route: Route
    ) -> Answer:
        types = binary_types(document)
        event = proxy_event(request, destination, types, self._now())
        running = self._calls.submit(self._invoke, its_route.function_arn, event)
        try:
            outcome = running.result(self._timeout_s)
        except TimeoutError:
            return answers.TIMED_OUT  # the function runs on, as it does in AWS
        return answers.of_outcome(outcome, request.header("Accept"), types)

    def _destination(self, request: Request) -> tuple[Document, Destination, Route] | None:
        place = self._place(request.path)
        if place is None:
            return None
        api_id, stage, path = place
        document = self._documents.get(api_id, NOTHING)
        found = route(document, request.method, path)
        if found is None:
            return None
        return document, Destination(api_id, stage, path, found.template, found.parameters), found

    def _place(self, path: str) -> tuple[str, str, str] | None:
        """API, stage and the path within."""
        documents = list(self._documents)
        _, first, *rest = path.split("/")
        if f"/{first}" == self._mount and documents:
            return documents[0], first, "/" + "/".join(rest)
        if first in documents and rest:
            return first, rest[0], "/" + "/".join(rest[1:])
        return None


def _body(environ: WSGIEnvironment) -> bytes | Answer:
    """The whole body, or why there is none."""
    declared = int(environ.get("CONTENT_LENGTH") or 0)
    if declared > BODY_LIMIT_BYTES:
        return answers.TOO_LONG
    body: bytes = environ["wsgi.input"].read(BODY_LIMIT_BYTES + 1)
    if len(body) > BODY_LIMIT_BYTES:
        return answers.TOO_LONG
    return answers.BROKEN_REQUEST if len(body) < declared else body
