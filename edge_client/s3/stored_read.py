"""Read pieces of stored objects from presigned addresses; each address is valid for exactly one range."""

from __future__ import annotations

import requests

from edge_client.base.errors import (
    StorageUnreachable,
    StoredRefused,
    UrlRefused,
    describe,
)
from edge_client.http.exchange import (
    ERROR_BODY_BYTES,
    LIBRARY_ERRORS,
    Timeouts,
    bare_session,
    not_s3,
    retry_after_s,
    s3_error_code,
)
from edge_client.model.parts import PieceUrl, Span


class StoredObjects:
    """Reads pieces of stored objects over one connection, each into a buffer of the caller's. Each read is one try."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._session = bare_session(timeouts)

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def read_into(self, buffer: memoryview, url: PieceUrl, span: Span, total_bytes: int) -> None:
        """Fill `buffer` with exactly the bytes of `span` of an object of `total_bytes`.

        Raises UrlRefused, StorageUnreachable, StoredRefused.
        """
        try:
            with self._session.get(
                url.url,
                headers=dict(url.headers),
                timeout=(self._timeouts.connect_s, self._timeouts.answer_s),
                stream=True,
            ) as response:
                _refuse_other_answer(response, span, total_bytes)
                return _fill(buffer, response, span)
        except LIBRARY_ERRORS as error:
            reason = describe(error)
        # Raised outside the handler: a chained library error would show the presigned URL in its text.
        raise StorageUnreachable(f"S3 did not send the bytes ({reason})")


def _refuse_other_answer(response: requests.Response, span: Span, total_bytes: int) -> None:
    status = response.status_code
    if status in (403, 404):
        code = s3_error_code(response.raw.read(ERROR_BODY_BYTES))
        if not code:
            # Without a code of S3's the answer is somebody else's, and says nothing of the object.
            raise StorageUnreachable(not_s3(status))
        if status == 403:
            raise UrlRefused(f"S3 answered 403 {code}")
        raise StoredRefused("S3 has no such version any more")
    if status != 206:
        raise StorageUnreachable(f"S3 answered {status} where a range was asked for", retry_after_s(response))
    due = f"bytes {span.first}-{span.first + span.size_bytes - 1}/{total_bytes}"
    if response.headers.get("Content-Range") != due:
        raise StorageUnreachable(
            "the server does not send the range that was asked for; a captive portal, or another address?"
        )


def _fill(buffer: memoryview, response: requests.Response, span: Span) -> None:
    taken_bytes = 0
    while taken_bytes < span.size_bytes:
        block: bytes = response.raw.read(span.size_bytes - taken_bytes, decode_content=False)
        if not block:
            raise StorageUnreachable(f"S3 ended {span.size_bytes - taken_bytes} bytes early")
        buffer[taken_bytes : taken_bytes + len(block)] = block
        taken_bytes += len(block)
