"""Multipart uploads by S3's rules: every part, list and completion is judged here before moto hears of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from infra.local.aws.strict_s3 import xml
from infra.local.aws.strict_s3.body import check_checksum, stated_checksum
from infra.local.aws.strict_s3.checksums import Scheme, checksum, header_of
from infra.local.aws.strict_s3.completion import (
    check_size,
    check_whole,
    chosen_parts,
    completion_answer,
    listed_parts,
)
from infra.local.aws.strict_s3.copying import read_source
from infra.local.aws.strict_s3.listing import checksum_element, parts_page, stamp, uploads_page
from infra.local.aws.strict_s3.uploads import Part, Upload, Uploads, no_such_upload
from infra.local.aws.strict_s3.wire import (
    Answer,
    Refusal,
    Request,
    elements,
    xml_answer,
)

HIGHEST_PART = 10_000

Ask = Callable[[Request], Answer]


class Multipart:
    """The multipart operations. `ask` is moto; requests arrive with their bodies received and plain."""

    def __init__(self, ask: Ask, uploads: Uploads, clock: Callable[[], datetime]) -> None:
        self._ask = ask
        self._uploads = uploads
        self._clock = clock
        self.operations: Mapping[str, Callable[[Request, bytes], Answer]] = {
            "CreateMultipartUpload": self._create,
            "UploadPart": self._put_part,
            "UploadPartCopy": self._copy_part,
            "ListParts": self._list_parts,
            "ListMultipartUploads": self._list_uploads,
            "CompleteMultipartUpload": self._complete,
            "AbortMultipartUpload": self._abort,
        }

    def _create(self, request: Request, _: bytes) -> Answer:
        scheme = Scheme.of(request.header("x-amz-checksum-algorithm"), request.header("x-amz-checksum-type"))
        promised = {"x-amz-checksum-algorithm": scheme.algorithm, "x-amz-checksum-type": scheme.kind.value}
        answer = self._ask(request.with_headers(promised))
        if not answer.is_success:
            return answer
        upload_id = xml.text(xml.parsed(answer.body), "UploadId") or ""
        self._uploads.begin(upload_id, request.bucket, request.key, scheme)
        said = elements({"Bucket": request.bucket, "Key": request.key, "UploadId": upload_id})
        created = xml_answer("InitiateMultipartUploadResult", said)
        return created.with_headers(promised if scheme.is_declared else {})

    def _put_part(self, request: Request, data: bytes) -> Answer:
        number = _part_number(request)
        upload = self._upload(request)
        value = _part_checksum(request, upload.scheme, data)
        answer = self._ask(request)
        if not answer.is_success:
            return answer
        etag = (answer.header("etag") or "").strip('"')
        self._uploads.put_part(upload.id, Part(number, len(data), etag, value, self._clock()))
        proven = stated_checksum(request)
        return answer.with_headers({header_of(proven[0]): proven[1]} if proven else {})

    def _copy_part(self, request: Request, _: bytes) -> Answer:
        number = _part_number(request)
        upload = self._upload(request)
        source = read_source(self._ask, request)
        answer = self._ask(request)
        if not answer.is_success:
            return answer
        etag = (xml.text(xml.parsed(answer.body), "ETag") or "").strip('"')
        value = checksum(upload.scheme.algorithm, source.data)
        part = Part(number, len(source.data), etag, value, self._clock())
        self._uploads.put_part(upload.id, part)
        said = {
            "LastModified": stamp(part.modified_at),
            "ETag": f'"{etag}"',
            **checksum_element(upload.scheme, value),
        }
        copied = xml_answer("CopyPartResult", elements(said))
        return copied.with_headers(
            {"x-amz-copy-source-version-id": source.version_id} if source.version_id else {}
        )

    def _list_parts(self, request: Request, _: bytes) -> Answer:
        upload = self._upload(request)
        answer = self._ask(request)
        return parts_page(upload, request.parameters) if answer.is_success else answer

    def _list_uploads(self, request: Request, _: bytes) -> Answer:
        answer = self._ask(request)
        return (
            uploads_page(self._uploads, request.bucket, request.parameters) if answer.is_success else answer
        )

    def _complete(self, request: Request, body: bytes) -> Answer:
        remembered = self._uploads.completed_answer(
            request.parameters["uploadId"], request.bucket, request.key
        )
        if remembered:
            return remembered
        upload = self._upload(request)
        parts = chosen_parts(upload, listed_parts(body))
        whole = upload.scheme.whole([(part.checksum, part.size_bytes) for part in parts])
        check_size(request, parts)
        check_whole(request, upload.scheme, whole)
        answer = self._ask(request)
        if not answer.is_success:
            return answer
        etag = (xml.text(xml.parsed(answer.body), "ETag") or "").strip('"')
        completed = completion_answer(request, upload.scheme, etag, whole).with_headers(
            _amazon_headers(answer)
        )
        self._uploads.complete(upload, completed, etag, whole)
        return completed

    def _abort(self, request: Request, _: bytes) -> Answer:
        upload = self._upload(request)
        answer = self._ask(request)
        if answer.is_success:
            self._uploads.abort(upload.id)
        return answer

    def _upload(self, request: Request) -> Upload:
        upload_id = request.parameters["uploadId"]
        if not upload_id:
            raise no_such_upload(upload_id)
        return self._uploads.get(upload_id, request.bucket, request.key)


def _part_number(request: Request) -> int:
    text = request.parameters.get("partNumber", "")
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= HIGHEST_PART:
        message = f"Part number must be an integer between 1 and {HIGHEST_PART}, inclusive"
        raise Refusal(400, "InvalidArgument", message, ArgumentName="partNumber", ArgumentValue=text)
    return number


def _part_checksum(request: Request, scheme: Scheme, data: bytes) -> str:
    """The part's checksum under the upload's scheme. Raises Refusal when it is missing, of another kind or wrong."""
    found = stated_checksum(request)
    stated = found[0] if found else None
    if scheme.is_declared and stated != scheme.algorithm:
        actual = stated.lower() if stated else "null"
        message = f"expected checksum Type: {scheme.algorithm.lower()}, actual checksum Type: {actual}"
        raise Refusal(400, "InvalidRequest", f"Checksum Type mismatch occurred, {message}")
    check_checksum(request, data)
    return found[1] if found and scheme.is_declared else checksum(scheme.algorithm, data)


def _amazon_headers(answer: Answer) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers if name.lower().startswith("x-amz-")}
