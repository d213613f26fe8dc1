"""The bucket, over S3."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.aws.errors import StorageUnfit, code_of, named
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import MultipartGone
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import StoredPart
from chalicelib.core.upload import StoredObject
from chalicelib.ports import OpenMultipart

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_UPLOAD_ID = "upload-id"
"""The name under which an object's metadata names its upload (rule 5)."""


class S3Footage:
    """The bucket `bucket`; it must keep versions."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def create_multipart(self, key: str, upload_id: UploadId) -> str:
        # Declared here, or S3 takes a wrong checksum of the whole at the end.
        with named():
            answer = self._s3.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                ChecksumAlgorithm="CRC64NVME",
                ChecksumType="FULL_OBJECT",
                Metadata={_UPLOAD_ID: upload_id},
            )
        return answer["UploadId"]

    def parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...]:
        """Every part that S3 holds, by number. Raises MultipartGone, StorageUnfit for a part without CRC64NVME."""
        pages = self._s3.get_paginator("list_parts").paginate(
            Bucket=self._bucket, Key=key, UploadId=multipart_id
        )
        with named():
            return tuple(_part(listed) for page in pages for listed in page.get("Parts", ()))

    def complete(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], crc64nvme: Crc64Nvme, size_bytes: int
    ) -> None:
        """A reply that was lost is asked for again: KeyTaken and MultipartGone may mean that we were first."""
        with named():
            self._s3.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=multipart_id,
                MultipartUpload={"Parts": [_listed(part) for part in parts]},
                ChecksumCRC64NVME=crc64nvme,
                ChecksumType="FULL_OBJECT",
                MpuObjectSize=size_bytes,
                IfNoneMatch="*",
            )

    def abort(self, key: str, multipart_id: str) -> bool:
        """True once S3 lists no such multipart upload; False when a part that was on its way kept it alive."""
        try:
            with named():
                self._s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=multipart_id)
                self._s3.list_parts(Bucket=self._bucket, Key=key, UploadId=multipart_id, MaxParts=1)
        except MultipartGone:
            return True
        return False

    def head(self, key: str) -> StoredObject | None:
        """The current object of `key`, or None. Raises StorageUnfit when the bucket keeps no versions."""
        try:
            with named():
                answer = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if code_of(error) in ("404", "NoSuchKey"):
                return None
            raise
        return _stored(key, answer)

    def remove(self, stored: StoredObject) -> None:
        """The only place that deletes an object: a marker over exactly the one that was judged."""
        try:
            with named():
                self._s3.delete_object(Bucket=self._bucket, Key=stored.key, IfMatch=stored.etag)
        except ClientError as error:
            if code_of(error) not in ("PreconditionFailed", "412", "NoSuchKey", "404"):
                raise

    def multiparts(self, prefix: str) -> Iterator[OpenMultipart]:
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=prefix)
        with named():
            for page in pages:
                for listed in page.get("Uploads", ()):
                    yield OpenMultipart(listed["Key"], listed["UploadId"], listed["Initiated"])


def _listed(part: StoredPart) -> Any:
    return {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC64NVME": part.crc64nvme}


def _part(listed: Mapping[str, Any]) -> StoredPart:
    crc = listed.get("ChecksumCRC64NVME")
    if not crc:
        raise StorageUnfit(f"part {listed['PartNumber']} is listed without its CRC64NVME")
    return StoredPart(listed["PartNumber"], listed["Size"], Crc64Nvme(crc), listed["ETag"])


def _stored(key: str, answer: Mapping[str, Any]) -> StoredObject:
    # "null" is the version of what was written while versions were not kept; removing that one would destroy it.
    if answer.get("VersionId", "null") == "null":
        raise StorageUnfit("the bucket keeps no versions: nothing in it could be removed and brought back")
    upload_id = answer["Metadata"].get(_UPLOAD_ID)
    return StoredObject(
        key,
        answer["ContentLength"],
        answer.get("ChecksumCRC64NVME"),
        answer["ETag"],
        answer["VersionId"],
        upload_id,
        answer["LastModified"],
    )
