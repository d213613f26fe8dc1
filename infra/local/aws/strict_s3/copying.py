"""The object that a copying request reads: its bytes, which moto does not give us, and the conditions on it.

Source: docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.local.aws.strict_s3.moto_app import part_minimum_bytes
from infra.local.aws.strict_s3.operations import CopySource
from infra.local.aws.strict_s3.versions import (
    check_version_id,
    hidden_by_marker,
    looked_up,
    marker_id,
    no_such_key,
    precondition_failed,
    query_of,
)
from infra.local.aws.strict_s3.wire import Answer, Refusal, Request, inner

RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(frozen=True)
class SourceBytes:
    """What is copied, and from which version (None in a bucket without versions)."""

    data: bytes = field(repr=False)
    version_id: str | None


def read_source(ask: Callable[[Request], Answer], request: Request) -> SourceBytes:
    """The bytes that UploadPartCopy copies. Raises Refusal when source, range or condition does not hold."""
    source = CopySource.of(request)
    if source is None:
        raise Refusal(400, "InvalidArgument", "A copy needs the header x-amz-copy-source.")
    check_version_id(source.version_id)
    answer = ask(inner(request, "GET", source.bucket, source.key, query_of(source.version_id)))
    if not answer.is_success:
        raise _absence(ask, request, source)
    wanted = request.header("x-amz-copy-source-if-match")
    if wanted is not None and wanted.strip('"') != (answer.header("etag") or "").strip('"'):
        raise precondition_failed()
    return SourceBytes(_ranged(request, answer.body), answer.header("x-amz-version-id"))


def _absence(ask: Callable[[Request], Answer], request: Request, source: CopySource) -> Refusal:
    marker = marker_id(looked_up(ask, request, source.bucket, source.key, source.version_id))
    if source.version_id is None:
        return hidden_by_marker(source.key, marker) if marker else no_such_key(source.key)
    if marker is None:
        return Refusal(404, "NoSuchVersion", "The specified version does not exist.", Key=source.key)
    message = "The source of a copy request may not specifically refer to a delete marker by version id."
    return Refusal(400, "InvalidRequest", message)


def _ranged(request: Request, data: bytes) -> bytes:
    text = request.header("x-amz-copy-source-range")
    if text is None:
        return data
    # "You can copy a range only if the source object is greater than 5 MB": S3's words about the smallest part.
    if len(data) <= part_minimum_bytes():
        message = "The specified copy source is not supported as a byte-range copy source"
        raise Refusal(400, "InvalidRequest", message)
    found = RANGE.fullmatch(text)
    first, last = (int(number) for number in found.groups()) if found else (1, 0)
    if not first <= last < len(data):
        message = f"Range specified is not valid for source object of size: {len(data)}"
        raise Refusal(400, "InvalidArgument", message)
    return data[first : last + 1]
