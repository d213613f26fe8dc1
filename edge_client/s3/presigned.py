"""S3 over presigned addresses: PUT of parts and GET of pieces, with exactly the headers that the coordinator signed.

Each call is one try. S3's answer becomes the error that says what to do next; the haul decides about the next try.
"""

from __future__ import annotations

import requests

from edge_client.base.errors import (
    PartTurnedDown,
    StorageUnreachable,
    StoredRefused,
    UploadLost,
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
from edge_client.model.parts import PartBody, PartUrl, PieceUrl, Span

# S3's 400s that are about the URL's signature, and those that are about a connection.
EXPIRED_CODES = frozenset({"ExpiredToken", "AuthorizationQueryParametersError"})
PASSING_CODES = frozenset({"RequestTimeout", "IncompleteBody", "TemporaryRedirect"})
CHECKSUM = "x-amz-checksum-crc64nvme"


class PartStore:
    """One connection to S3 for parts. Each PUT is one try."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._session = bare_session(timeouts)

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def put(self, url: PartUrl, body: PartBody) -> None:
        """Send one part. Raises UploadLost, UrlRefused, PartTurnedDown, StorageUnreachable, and what `body` raises."""
        try:
            with self._session.put(
                url.url,
                data=body,  # type: ignore[arg-type]  # its blocks are buffers, which sockets take as they are
                headers=dict(url.headers),
                timeout=(self._timeouts.connect_s, self._timeouts.answer_s),
                stream=True,
            ) as response:
                answer = response.raw.read(ERROR_BODY_BYTES)
                return refuse_unless_stored(response, answer, url.headers.get(CHECKSUM, ""))
        except LIBRARY_ERRORS as error:
            reason = describe(error)
        # Raised outside the handler: a chained library error would show the presigned URL in its text.
        raise StorageUnreachable(f"S3 did not take the part ({reason})")


def refuse_unless_stored(response: requests.Response, body: bytes, checksum: str) -> None:
    """Raise the error that says what to do next, unless S3 has stored the part."""
    status = response.status_code
    code = s3_error_code(body)
    if status == 200 and _is_receipt(response, body, checksum):
        return
    if status == 404 and code == "NoSuchUpload":
        raise UploadLost("S3 does not know the upload")
    answer = f"S3 answered {status} {code}".rstrip()
    if status == 501 and code:
        raise _unfit(answer)
    if status == 200 and _is_unchecked(response, body, checksum):
        raise _unfit("S3 answered 200 without the part's checksum")
    if status == 429 or status >= 500 or code in PASSING_CODES:
        raise StorageUnreachable(answer, retry_after_s(response))
    if status == 200 or not code:
        raise StorageUnreachable(not_s3(status), retry_after_s(response))
    if status == 403 or (status == 400 and code in EXPIRED_CODES):
        raise UrlRefused(answer)
    raise PartTurnedDown(answer)


def _unfit(answer: str) -> PartTurnedDown:
    """What to say of storage that lacks what a haul rests on."""
    return PartTurnedDown(
        f"{answer}: this storage cannot check parts by CRC64NVME; the coordinator's operator must choose another"
    )


def _is_receipt(response: requests.Response, body: bytes, checksum: str) -> bool:
    """Whether a 200 is S3's for these bytes. Others send pages, with ETags of their own; an error may be in a body."""
    return bool(response.headers.get("ETag")) and not body and response.headers.get(CHECKSUM, "") == checksum


def _is_unchecked(response: requests.Response, body: bytes, checksum: str) -> bool:
    """Whether a 200 is that of a storage which took the part and ignored the checksum that was sent with it.

    S3 answers a part that has a checksum with the same checksum.
    Source: docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html (x-amz-checksum-crc64nvme)
    """
    is_plain = bool(response.headers.get("ETag")) and not body
    return is_plain and bool(checksum) and CHECKSUM not in response.headers


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
