"""One request to DynamoDB at a time: moto's tables break when a transaction walks them while another writes."""

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DYNAMODB = "DynamoDB_"


class Turns:
    """WSGI middleware: `app` (moto), with DynamoDB's requests one after another and all others as they come."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._turn = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith(_DYNAMODB):
            return self._app(environ, start_response)
        with self._turn:
            return list(self._app(environ, start_response))
