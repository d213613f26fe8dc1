"""Plain objects: proven when they come, shown with their checksum, deleted on condition, as S3 does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from infra.local.aws.strict_s3.body import check_checksum
from infra.local.aws.strict_s3.checksums import (
    COMPUTE,
    DEFAULT,
    PREFIX,
    Kind,
    checksum,
    header_of,
)
from infra.local.aws.strict_s3.uploads import Uploads
from infra.local.aws.strict_s3.versions import (
    check_current_etag,
    check_version_id,
    hidden_by_marker,
    looked_up,
    marker_asked_for,
    marker_id,
)
from infra.local.aws.strict_s3.wire import Answer, Request

PARTIAL = 206
KIND = "x-amz-checksum-type"
# moto gives these away, S3 does not.
INTERNAL = frozenset({"x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm"})


class Objects:
    """The operations on whole objects whose checksums, conditions or delete markers moto gets wrong or forgets."""

    def __init__(self, ask: Callable[[Request], Answer], uploads: Uploads) -> None:
        self._ask = ask
        self._uploads = uploads
        self.operations: Mapping[str, Callable[[Request, bytes], Answer]] = {
            "PutObject": self._put,
            "GetObject": self._show,
            "HeadObject": self._show,
            "DeleteObject": self._delete,
        }

    def _put(self, request: Request, data: bytes) -> Answer:
        etag = request.header("if-match")
        if etag is not None:
            check_current_etag(self._ask, request, request.key, etag)
        algorithm, value = check_checksum(request, data) or (DEFAULT, checksum(DEFAULT, data))
        kept = {"x-amz-sdk-checksum-algorithm": algorithm, header_of(algorithm): value, "if-match": None}
        answer = self._ask(request.with_headers(kept))
        if not answer.is_success:
            return answer
        return _clean(answer).with_headers({header_of(algorithm): value, KIND: Kind.FULL_OBJECT.value})

    def _show(self, request: Request, _: bytes) -> Answer:
        version_id = request.parameters.get("versionId")
        check_version_id(version_id)
        answer = self._ask(request)
        if answer.status in (404, 405):
            self._check_marker(request, version_id)
        # S3 gives no checksum for a range: it has only that of the whole object.
        is_told = answer.is_success and answer.status != PARTIAL
        if not is_told or request.header("x-amz-checksum-mode") != "ENABLED":
            return _clean(answer).without_headers(lambda name: name.startswith(PREFIX))
        etag = (answer.header("etag") or "").strip('"')
        whole = self._uploads.whole(request.bucket, request.key, etag)
        if whole:
            said = {header_of(whole.scheme.algorithm): whole.value, KIND: whole.scheme.kind.value}
            return _clean(answer).with_headers(said)
        has_checksum = any(answer.header(header_of(algorithm)) for algorithm in COMPUTE)
        return _clean(answer).with_headers({KIND: Kind.FULL_OBJECT.value} if has_checksum else {})

    def _check_marker(self, request: Request, version_id: str | None) -> None:
        """Raise Refusal when a delete marker is why the object is missing."""
        marker = marker_id(looked_up(self._ask, request, request.bucket, request.key, version_id))
        if marker and version_id:
            raise marker_asked_for(request.method, marker)
        if marker:
            raise hidden_by_marker(request.key, marker)

    def _delete(self, request: Request, _: bytes) -> Answer:
        check_version_id(request.parameters.get("versionId"))
        etag = request.header("if-match")
        if etag is not None:
            check_current_etag(self._ask, request, request.key, etag)
        # Judged here; moto would take `*` for an ETag.
        return self._ask(request.with_headers({"if-match": None}))


def _clean(answer: Answer) -> Answer:
    return answer.without_headers(lambda name: name in INTERNAL)
