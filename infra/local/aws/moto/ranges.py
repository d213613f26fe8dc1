"""A range of an object is read where it lies.

moto copies the whole object for each range, and cuts the range out of the copy: of 73 MB, 90 ms for a range of 4 KB.
"""

from __future__ import annotations

import threading
from functools import wraps
from typing import Any


def read_ranges_where_they_lie() -> None:
    """From now on moto in this process reads no more of an object than a GET with a range asks for."""
    # Not at the head of the file: moto must not be imported before its settings are in the environment.
    from moto.s3.models import FakeKey
    from moto.s3.responses import S3Response

    moto: Any = S3Response
    key: Any = FakeKey
    answer = moto.key_response
    if hasattr(answer, "__wrapped__"):
        return
    value = key.value
    of_thread = threading.local()

    def value_or_stored(held: Any) -> Any:
        return _Stored(held) if getattr(of_thread, "asks_for_range", False) else value.fget(held)

    @wraps(answer)
    def key_response(response: Any, request: Any, *more: Any) -> Any:
        of_thread.asks_for_range = request.method == "GET" and "range" in request.headers
        try:
            status, headers, body = answer(response, request, *more)
        finally:
            of_thread.asks_for_range = False
        return status, headers, bytes(body) if isinstance(body, _Stored) else body

    key.value = property(value_or_stored, value.fset)
    moto.key_response = key_response


class _Stored:
    """The bytes of one of moto's objects, each read when it is asked for."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __len__(self) -> int:
        return int(self._key.size)

    def __bytes__(self) -> bytes:
        return self[0 : len(self)]

    def __getitem__(self, wanted: slice) -> bytes:
        first, end, _ = wanted.indices(len(self))
        with self._key.lock:
            self._key._value_buffer.seek(first)
            read: bytes = self._key._value_buffer.read(end - first)
        return read
