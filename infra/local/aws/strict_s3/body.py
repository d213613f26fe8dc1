"""The body of a request: received once, unchunked, and refused when it is not what the request says it is."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.local.aws.strict_s3.checksums import COMPUTE, checksum, header_of, stated
from infra.local.aws.strict_s3.signatures import STREAMING, UNSIGNED_PAYLOAD
from infra.local.aws.strict_s3.wire import Refusal, Request

SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Body:
    """The bytes that were meant, and the trailers that came after them, by lower-case name."""

    data: bytes = field(repr=False)
    trailers: Mapping[str, str]


def receive(request: Request) -> bytes:
    """The bytes that the request announces, as they came over the wire. Raises Refusal when the client sends fewer."""
    size_bytes = request.size_bytes
    if size_bytes is None:
        if request.header("transfer-encoding"):
            raise Refusal(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        return b""
    data: bytes = request.environ["wsgi.input"].read(size_bytes)
    if len(data) != size_bytes:
        raise _incomplete()
    return data


def _incomplete() -> Refusal:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header."
    return Refusal(400, "IncompleteBody", message)


def decode(request: Request, raw: bytes) -> Body:
    """What `raw` carries, out of its chunks. Raises Refusal when its length or SHA-256 is not the signed one."""
    payload = request.header("x-amz-content-sha256") or UNSIGNED_PAYLOAD
    if payload.startswith(STREAMING):
        return _unchunked(request, raw)
    if SHA256_HEX.fullmatch(payload) and not hmac.compare_digest(hashlib.sha256(raw).hexdigest(), payload):
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise Refusal(400, "XAmzContentSHA256Mismatch", message)
    return Body(raw, {})


def _unchunked(request: Request, raw: bytes) -> Body:
    """The body of an `aws-chunked` request: `size[;signature]`, data, … `0`, trailers."""
    chunks, at = [], 0
    while True:
        line_end = raw.find(b"\r\n", at)
        size_bytes = _chunk_size(raw[at : max(line_end, at)])
        at = line_end + 2
        if size_bytes == 0:
            break
        chunks.append(raw[at : at + size_bytes])
        at += size_bytes + 2
    data = b"".join(chunks)
    if str(len(data)) != request.header("x-amz-decoded-content-length"):
        raise _incomplete()
    return Body(data, _trailers(raw[at:]))


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError as error:
        raise _incomplete() from error


def _trailers(raw: bytes) -> dict[str, str]:
    pairs = (line.decode("latin-1").partition(":") for line in raw.split(b"\r\n") if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def plain(request: Request, body: Body) -> Request:
    """The request as the application below understands it: its body whole, its trailers among the headers."""
    encodings = [word.strip() for word in (request.header("content-encoding") or "").split(",")]
    kept = ",".join(word for word in encodings if word not in ("", "aws-chunked"))
    gone = ("transfer-encoding", "x-amz-trailer", "x-amz-decoded-content-length", "x-amz-content-sha256")
    headers = {**dict.fromkeys(gone), "content-encoding": kept or None, **body.trailers}
    return request.with_headers(headers).with_body(body.data)


def check_md5(request: Request, data: bytes) -> None:
    """Refuse a Content-MD5 that is wrong."""
    text = request.header("content-md5")
    if text is None:
        return
    if len(_decoded(text)) != 16:
        raise Refusal(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
    if hashlib.md5(data, usedforsecurity=False).digest() != _decoded(text):
        raise Refusal(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")


def stated_checksum(request: Request) -> tuple[str, str] | None:
    """The one x-amz-checksum-* that the request carries, algorithm and value; None when it carries none."""
    found = stated(request.amazon_headers())
    if not found:
        return None
    if len(found) > 1:
        raise Refusal(400, "InvalidRequest", "Expecting a single x-amz-checksum- header.")
    algorithm, value = next(iter(found.items()))
    # Before its hyphen, because a composite checksum ends with the count of its parts.
    if len(_decoded(value.partition("-")[0])) != len(COMPUTE[algorithm](b"")):
        raise Refusal(400, "InvalidRequest", f"Value for {header_of(algorithm)} header is invalid.")
    return algorithm, value


def check_checksum(request: Request, data: bytes) -> tuple[str, str] | None:
    """The stated checksum of `data`, proven; None when none was stated."""
    found = stated_checksum(request)
    if found and checksum(found[0], data) != found[1]:
        raise bad_digest(found[0])
    return found


def bad_digest(algorithm: str) -> Refusal:
    message = f"The {algorithm} you specified did not match the calculated checksum."
    return Refusal(400, "BadDigest", message)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
