"""One request to DynamoDB at a time: moto's tables break when a transaction walks them while another writes.

And nothing left behind each: moto holds every table and item that it ever made, for a dashboard of its own, so also the
copy of the whole table that it makes for each item of each transaction.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_DYNAMODB = "DynamoDB_"


class Turns:
    """WSGI middleware: `app` (moto), with DynamoDB's requests one after another and all others as they come.

    `forget` drops what moto holds of DynamoDB besides its tables; it is called after each of its requests.
    """

    def __init__(self, app: "WSGIApplication", forget: Callable[[], None]) -> None:
        self._app = app
        self._forget = forget
        self._turn = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith(_DYNAMODB):
            return self._app(environ, start_response)
        with self._turn:
            try:
                return list(self._app(environ, start_response))
            finally:
                self._forget()
