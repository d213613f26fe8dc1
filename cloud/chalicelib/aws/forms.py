"""The form of a browser that may write one object: its policy, signed with AWS Signature Version 4.

The strict local S3 takes these forms and those of botocore alike (tests/contracts/test_landings_contract.py).
Source: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

EXPIRATION = "%Y-%m-%dT%H:%M:%SZ"


def signed_fields(
    bucket: str,
    given: Mapping[str, str],
    signature: Mapping[str, str],
    sizes_bytes: tuple[int, int],
    expires_at: datetime,
    sign: Callable[[str], str],
) -> dict[str, str]:
    """All fields of the form but its file.

    Each of `given` and `signature` must come exactly so, and the file must have `sizes_bytes` (least, most).
    """
    fields = {**given, **signature}
    conditions: list[Any] = [{"bucket": bucket}, ["content-length-range", *sizes_bytes]]
    conditions += [{name: value} for name, value in fields.items()]
    policy = json.dumps({"expiration": expires_at.strftime(EXPIRATION), "conditions": conditions})
    written = base64.b64encode(policy.encode()).decode()
    return {**fields, "policy": written, "x-amz-signature": sign(written)}
