"""How many requests changed something that is stored, the measure of a fixpoint; and how many read a table."""

import threading
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_TABLE = "DynamoDB_20120810."
_TABLE_WRITES = frozenset(
    {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem", "ExecuteStatement"}
)
_TABLE_READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
_BUCKET_WRITES = frozenset({"PUT", "POST", "DELETE"})


class Writes:
    """WSGI middleware that counts what `app` is asked to write into tables and buckets, refused or not.

    `counts` has DynamoDB's operations and S3's methods. Other services' requests (queues, functions) are not counted.
    `reads` has the operations that read a table.
    """

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()

    @property
    def total(self) -> int:
        with self._lock:
            return sum(self.counts.values())

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        name = _write(environ)
        operation = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix(_TABLE)
        with self._lock:
            if name:
                self.counts[name] += 1
            elif operation in _TABLE_READS:
                self.reads[operation] += 1
        return self._app(environ, start_response)


def _write(environ: "WSGIEnvironment") -> str | None:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        operation = target.removeprefix(_TABLE)
        return operation if target.startswith(_TABLE) and operation in _TABLE_WRITES else None
    method = environ["REQUEST_METHOD"]
    return f"S3 {method}" if method in _BUCKET_WRITES and _is_for_s3(environ) else None


def _is_for_s3(environ: "WSGIEnvironment") -> bool:
    """Whether the request is signed for S3, by header or in its query."""
    signed = environ.get("HTTP_AUTHORIZATION", "") + environ.get("QUERY_STRING", "").replace("%2F", "/")
    return "/s3/aws4_request" in signed
