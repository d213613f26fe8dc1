"""The pages of parts and of uploads, in S3's XML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import quote

from infra.local.aws.strict_s3.checksums import Scheme, element_of
from infra.local.aws.strict_s3.uploads import Part, Upload, Uploads
from infra.local.aws.strict_s3.wire import Answer, Refusal, elements, xml_answer

LONGEST_PAGE = 1000
OWNER = "<ID>75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a</ID><DisplayName>local</DisplayName>"
OWNERS = f"<Initiator>{OWNER}</Initiator><Owner>{OWNER}</Owner>"
# After any upload id, so that a key marker alone passes over all uploads of that key.
BEHIND_ALL_IDS = "\U0010ffff"


def parts_page(upload: Upload, parameters: Mapping[str, str]) -> Answer:
    """One page of ListParts; moto has already refused markers and counts that are not numbers."""
    marker = int(parameters.get("part-number-marker") or 0)
    count = min(int(parameters.get("max-parts") or LONGEST_PAGE), LONGEST_PAGE)
    parts, is_truncated = upload.page(marker, count)
    said = elements(
        {
            "Bucket": upload.bucket,
            "Key": upload.key,
            "UploadId": upload.id,
            "PartNumberMarker": marker,
            "NextPartNumberMarker": parts[-1].number if parts else 0,
            "MaxParts": count,
            "IsTruncated": is_truncated,
            "StorageClass": "STANDARD",
            **scheme_elements(upload.scheme),
        }
    )
    return xml_answer("ListPartsResult", said + OWNERS + "".join(_part(upload, part) for part in parts))


def uploads_page(uploads: Uploads, bucket: str, parameters: Mapping[str, str]) -> Answer:
    """One page of ListMultipartUploads."""
    if parameters.get("delimiter"):
        raise Refusal(501, "NotImplemented", "This local S3 lists uploads without delimiters.")
    count, prefix = _page_length(parameters.get("max-uploads")), parameters.get("prefix", "")
    page, is_truncated = uploads.page(bucket, prefix, _marker(parameters), count)
    encode = quote if parameters.get("encoding-type") == "url" else str
    following = (
        {"NextKeyMarker": encode(page[-1].key), "NextUploadIdMarker": page[-1].id} if is_truncated else {}
    )
    said = elements(
        {
            "Bucket": bucket,
            "KeyMarker": encode(parameters.get("key-marker", "")),
            "UploadIdMarker": parameters.get("upload-id-marker", ""),
            **following,
            "Prefix": encode(prefix),
            "EncodingType": parameters.get("encoding-type"),
            "MaxUploads": count,
            "IsTruncated": is_truncated,
        }
    )
    return xml_answer(
        "ListMultipartUploadsResult", said + "".join(_upload(upload, encode) for upload in page)
    )


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def scheme_elements(scheme: Scheme) -> dict[str, str]:
    if not scheme.is_declared:
        return {}
    return {"ChecksumAlgorithm": scheme.algorithm, "ChecksumType": scheme.kind.value}


def checksum_element(scheme: Scheme, value: str) -> dict[str, str]:
    return {element_of(scheme.algorithm): value} if scheme.is_declared else {}


def _part(upload: Upload, part: Part) -> str:
    said = elements(
        {
            "PartNumber": part.number,
            "LastModified": stamp(part.modified_at),
            "ETag": f'"{part.etag}"',
            "Size": part.size_bytes,
            **checksum_element(upload.scheme, part.checksum),
        }
    )
    return f"<Part>{said}</Part>"


def _upload(upload: Upload, encode: Callable[[str], str]) -> str:
    said = elements(
        {
            "Key": encode(upload.key),
            "UploadId": upload.id,
            "StorageClass": "STANDARD",
            "Initiated": stamp(upload.initiated_at),
            **scheme_elements(upload.scheme),
        }
    )
    return f"<Upload>{said}{OWNERS}</Upload>"


def _page_length(text: str | None) -> int:
    if text is None:
        return LONGEST_PAGE
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        message = "Argument max-uploads must be an integer between 1 and 2147483647"
        raise Refusal(400, "InvalidArgument", message, ArgumentName="max-uploads", ArgumentValue=text)
    return min(int(text), LONGEST_PAGE)


def _marker(asked: Mapping[str, str]) -> tuple[str, str]:
    key = asked.get("key-marker", "")
    if not key:
        return "", ""
    return key, asked.get("upload-id-marker") or BEHIND_ALL_IDS
