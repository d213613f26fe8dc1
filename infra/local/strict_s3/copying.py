"""The object that a copying request reads: its bytes, which moto does not give us, and the conditions on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from infra.local.strict_s3.operations import CopySource
from infra.local.strict_s3.wire import Answer, Refusal, Request, inner

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
    query = f"versionId={quote(source.version_id, safe='')}" if source.version_id else ""
    answer = ask(inner(request, "GET", source.bucket, source.key, query))
    if not answer.is_success:
        code = "NoSuchVersion" if source.version_id else "NoSuchKey"
        raise Refusal(404, code, "The specified copy source does not exist.")
    wanted = request.header("x-amz-copy-source-if-match")
    if wanted is not None and wanted.strip('"') != (answer.header("etag") or "").strip('"'):
        raise Refusal(
            412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
        )
    return SourceBytes(_ranged(request, answer.body), answer.header("x-amz-version-id"))


def _ranged(request: Request, data: bytes) -> bytes:
    text = request.header("x-amz-copy-source-range")
    if text is None:
        return data
    found = RANGE.fullmatch(text)
    first, last = (int(number) for number in found.groups()) if found else (1, 0)
    if not first <= last < len(data):
        message = f"Range specified is not valid for source object of size: {len(data)}"
        raise Refusal(400, "InvalidArgument", message)
    return data[first : last + 1]
