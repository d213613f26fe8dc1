"""Bodies and path parameters as values; what does not fit is refused with its place named."""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from chalice.app import Request

from chalicelib.core.errors import NO_UPLOAD, InvalidRequest, NotFound, TooLarge
from chalicelib.core.ids import ShareId, UploadId

LARGEST_BODY_BYTES = 2**20

Shape = TypeVar("Shape")

_MADE_HERE = re.compile(r"u_[A-Za-z0-9_-]{1,64}")
_SHARE = re.compile(r"s_[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"[!-~]{1,100}")
_REPLACED = "\ufffd"


def decoded(body: bytes, shape: type[Shape]) -> Shape:
    """The JSON `body` as a `shape`. Raises InvalidRequest, and TooLarge above 1 MiB."""
    if len(body) > LARGEST_BODY_BYTES:
        raise TooLarge(f"the body has {len(body)} bytes; send at most {LARGEST_BODY_BYTES}")
    if not body:
        raise InvalidRequest("the body is empty; send a JSON object as docs/api.md shows it")
    _demand_utf8(body)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{error}; send a JSON object as docs/api.md shows it") from error
    except RecursionError as error:
        raise InvalidRequest("the body's lists and objects lie too deep; send it flatter") from error


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The call's Idempotency-Key; None without one. Raises InvalidRequest."""
    key = headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            "the header Idempotency-Key has 1 to 100 characters of ASCII, none of them a blank"
        )
    return key


def raw_body(request: Request) -> bytes:
    """The body as it was sent. Raises InvalidRequest when the gateway hands over what no bytes make."""
    try:
        raw = request.raw_body
    except UnicodeEncodeError as error:
        raise InvalidRequest("the body is not UTF-8; encode it as UTF-8") from error
    return raw if isinstance(raw, bytes) else raw.encode()


def upload_id(text: str) -> UploadId:
    """`text` as an upload id. Raises NotFound: what was never made here does not exist."""
    if not _MADE_HERE.fullmatch(text):
        raise NotFound(f"{NO_UPLOAD}; take the id that opening it answered")
    return UploadId(text)


def share_id(text: str) -> ShareId:
    """`text` as a share's id. Raises NotFound: what was never made here does not exist."""
    if not _SHARE.fullmatch(text):
        raise NotFound("this session has no link with this id")
    return ShareId(text)


def _demand_utf8(body: bytes) -> None:
    """API Gateway hands over text, with U+FFFD where the bytes were not UTF-8: what was sent is lost then."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8 at byte {error.start}; encode it as UTF-8") from error
    if _REPLACED in text:
        raise InvalidRequest("the body is not UTF-8, or has U+FFFD in it; encode it as UTF-8 without U+FFFD")
