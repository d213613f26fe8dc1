"""The size of an answer as Lambda counts it: as JSON, in which the body is a string.

So each quote and each backslash of the body counts twice, and a character outside ASCII seven bytes or fourteen.
Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB for a synchronous answer; Lambda's own
message names 6,291,556 bytes)
"""

import json

MOST_PAYLOAD_BYTES = 6 * 2**20 + 100
ENVELOPE_BYTES = 4 * 1024
"""Reserved for the status, the headers and the names around the body; ours take less than 300 bytes."""

MOST_BODY_BYTES = MOST_PAYLOAD_BYTES - ENVELOPE_BYTES


def written(document: object) -> str:
    """`document` as the body of an answer: JSON, all of it ASCII."""
    return json.dumps(document, separators=(",", ":"))


def counted_bytes(body: str) -> int:
    """How many bytes of a function's answer `body` takes."""
    return len(json.dumps(body))
