"""The completion of an upload: which parts it names, and whether they are what it says they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree.ElementTree import Element  # nosec B405

from infra.local.aws.strict_s3 import xml
from infra.local.aws.strict_s3.body import bad_digest, stated_checksum
from infra.local.aws.strict_s3.checksums import Kind, Scheme, element_of
from infra.local.aws.strict_s3.uploads import Part, Upload
from infra.local.aws.strict_s3.wire import (
    Answer,
    Refusal,
    Request,
    elements,
    xml_answer,
)

OUT_OF_ORDER = "The list of parts was not in ascending order."
NOT_CONSECUTIVE = (
    "The part numbers of an upload with an additional checksum must be consecutive and begin with 1."
)
NOT_FOUND = (
    "One or more of the specified parts could not be found, or did not match in entity tag or checksum."
)


@dataclass(frozen=True)
class ListedPart:
    """A part as a completion names it; `checksums` by algorithm."""

    number: int
    etag: str
    checksums: Mapping[str, str]


def listed_parts(body: bytes) -> list[ListedPart]:
    """The parts in the order named. Raises Refusal (MalformedXML, InvalidPartOrder)."""
    listed = [_listed_part(element) for element in xml.children(xml.parsed(body), "Part")]
    if not listed:
        raise xml.malformed()
    numbers = [part.number for part in listed]
    if numbers != sorted(set(numbers)):
        raise Refusal(400, "InvalidPartOrder", OUT_OF_ORDER)
    return listed


def _listed_part(element: Element) -> ListedPart:
    number, etag = xml.text(element, "PartNumber") or "", xml.text(element, "ETag")
    if not number.isdigit() or etag is None:
        raise xml.malformed()
    stated = {
        child.tag.rpartition("Checksum")[2]: (child.text or "").strip()
        for child in element
        if "Checksum" in child.tag
    }
    return ListedPart(int(number), etag.strip().strip('"'), stated)


def chosen_parts(upload: Upload, listed: Sequence[ListedPart]) -> list[Part]:
    """The parts that the completion names.

    Raises Refusal: InvalidPart for one that S3 does not have like that; InvalidPartOrder for an upload that declared a
    checksum and has a gap.
    Source: docs.aws.amazon.com/AmazonS3/latest/API/API_CompletedPart.html (PartNumber)
    """
    for named in listed:
        part = upload.parts.get(named.number)
        if part is None or part.etag != named.etag or not _agrees(upload.scheme, part, named):
            raise Refusal(
                400,
                "InvalidPart",
                NOT_FOUND,
                UploadId=upload.id,
                PartNumber=str(named.number),
                ETag=named.etag,
            )
    if upload.scheme.is_declared and [part.number for part in listed] != list(range(1, len(listed) + 1)):
        raise Refusal(400, "InvalidPartOrder", NOT_CONSECUTIVE)
    return [upload.parts[named.number] for named in listed]


def _agrees(scheme: Scheme, part: Part, named: ListedPart) -> bool:
    if scheme.is_declared and scheme.kind is Kind.COMPOSITE and scheme.algorithm not in named.checksums:
        message = f"The upload was created using a {scheme.algorithm.lower()} checksum."
        raise Refusal(
            400, "InvalidRequest", f"{message} The complete request must include the checksum for each part."
        )
    return named.checksums.get(scheme.algorithm, part.checksum) == part.checksum


def check_size(request: Request, parts: Sequence[Part]) -> None:
    """Refuse an MpuObjectSize that is wrong."""
    stated = request.header("x-amz-mp-object-size")
    if stated is not None and stated != str(sum(part.size_bytes for part in parts)):
        message = "The provided 'x-amz-mp-object-size' header does not match what was computed."
        raise Refusal(400, "InvalidRequest", message)


def check_whole(request: Request, scheme: Scheme, whole: str) -> None:
    """Refuse a checksum of the whole object that is wrong."""
    kind = request.header("x-amz-checksum-type")
    if kind is not None and kind != scheme.kind.value:
        raise Refusal(
            400, "InvalidRequest", f"The upload was created with the {scheme.kind.value} checksum type."
        )
    stated = stated_checksum(request)
    if stated is None:
        return
    if stated[0] != scheme.algorithm:
        raise Refusal(
            400, "InvalidRequest", f"The upload was created using a {scheme.algorithm.lower()} checksum."
        )
    if stated[1] not in (whole, whole.partition("-")[0]):
        raise bad_digest(scheme.algorithm)


def completion_answer(request: Request, scheme: Scheme, etag: str, whole: str) -> Answer:
    said = {
        "Location": f"http://{request.header('host')}/{request.bucket}/{quote(request.key)}",
        "Bucket": request.bucket,
        "Key": request.key,
        "ETag": f'"{etag}"',
        element_of(scheme.algorithm): whole,
        "ChecksumType": scheme.kind.value,
    }
    return xml_answer("CompleteMultipartUploadResult", elements(said))
