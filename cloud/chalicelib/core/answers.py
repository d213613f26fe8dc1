"""The size of an answer as Lambda counts it: as JSON, in which the body is a string.

So each quote and each backslash of the body counts twice, and a character outside ASCII seven bytes or fourteen.
Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB for a synchronous answer; Lambda's own
message names 6,291,556 bytes)
"""

import json

from chalicelib.core.errors import TooLarge

MOST_PAYLOAD_BYTES = 6 * 2**20 + 100
ENVELOPE_BYTES = 4 * 1024
"""Reserved for the status, the headers and the names around the body; ours take less than 300 bytes."""

MOST_BODY_BYTES = MOST_PAYLOAD_BYTES - ENVELOPE_BYTES

_ENCODER = json.JSONEncoder(separators=(",", ":"))

_LONGEST_CHARACTER = 12
"""Bytes: one outside the basic plane, as JSON writes it."""


def written(document: object) -> str:
    """`document` as the body of an answer: JSON, all of it ASCII."""
    return _ENCODER.encode(document)


def demand_sendable(body: str) -> None:
    """Raises TooLarge for a longer answer than Lambda allows: the gateway would always say 502."""
    if len(body) * _LONGEST_CHARACTER + len('""') <= MOST_BODY_BYTES:
        return
    size_bytes = counted_bytes(body)
    if size_bytes > MOST_BODY_BYTES:
        raise TooLarge(
            f"this answer has {size_bytes} bytes as Lambda counts them; at most {MOST_BODY_BYTES} can be sent. "
            "ask for less, or have an operator look at the session"
        )


def counted_bytes(body: str) -> int:
    """How many bytes of a function's answer `body` takes."""
    return len(json.dumps(body))
