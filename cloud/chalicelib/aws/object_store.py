"""The bucket, over S3."""

from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.aws.errors import code_of, is_no_version, named, status_of
from chalicelib.core import keys
from chalicelib.core.cleanup import CLEANED_TAG, KEPT_TAG, Bucket
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import MultipartGone, RemovalRefused, StorageUnfit, TooLarge, VersionGone
from chalicelib.core.ids import UploadId
from chalicelib.core.lifecycle import kept_days, purges_untagged
from chalicelib.core.parts import LandedPart, PartPlan, StoredPart
from chalicelib.core.upload import StoredObject
from chalicelib.ports import OpenMultipart

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_UPLOAD_ID = "upload-id"
"""The name under which an object's metadata names its upload (rule 5)."""


class S3ObjectStore:
    """The bucket `bucket`; it must keep versions."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def create_multipart(self, key: str, upload_id: UploadId) -> str:
        """Raises StorageUnfit when the storage ignores the checksum that every part is to have."""
        content_type = keys.content_type(key)
        told: Any = {"ContentType": content_type} if content_type else {}
        # Declared here, or S3 takes a wrong checksum of the whole at the end.
        with named():
            answer = self._s3.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                ChecksumAlgorithm="CRC64NVME",
                ChecksumType="FULL_OBJECT",
                Metadata={_UPLOAD_ID: upload_id},
                **told,
            )
        multipart_id = answer["UploadId"]
        if answer.get("ChecksumAlgorithm") != "CRC64NVME":
            self.abort(key, multipart_id)
            raise StorageUnfit(
                "this storage ignores that each part is to have its CRC64NVME: an operator must choose another bucket"
            )
        return multipart_id

    def open_landing(self, key: str, upload_id: UploadId) -> str:
        # No checksum is declared: S3 would refuse every part that comes without one.
        with named():
            made = self._s3.create_multipart_upload(
                Bucket=self._bucket, Key=key, Metadata={_UPLOAD_ID: upload_id}
            )
        return made["UploadId"]

    def landed_parts(self, key: str, multipart_id: str) -> tuple[LandedPart, ...]:
        pages = self._s3.get_paginator("list_parts").paginate(
            Bucket=self._bucket, Key=key, UploadId=multipart_id
        )
        with named():
            return tuple(
                LandedPart(listed["PartNumber"], listed["Size"], listed["ETag"].strip('"'))
                for page in pages
                for listed in page.get("Parts", ())
            )

    def complete_landing(
        self, key: str, multipart_id: str, parts: Sequence[LandedPart], size_bytes: int
    ) -> None:
        listed: Any = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        with named():
            self._s3.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=multipart_id,
                MultipartUpload={"Parts": listed},
                MpuObjectSize=size_bytes,
                IfNoneMatch="*",
            )

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

    def read(self, key: str, most_bytes: int) -> bytes | None:
        try:
            with named():
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                if answer["ContentLength"] > most_bytes:
                    raise TooLarge(
                        f"{key} has {answer['ContentLength']} bytes; at most {most_bytes} are read"
                    )
                return answer["Body"].read()
        except ClientError as error:
            if code_of(error) in ("404", "NoSuchKey"):
                return None
            raise

    def read_range(self, key: str, version_id: str, first: int, last: int) -> bytes:
        try:
            with named():
                answer = self._s3.get_object(
                    Bucket=self._bucket, Key=key, VersionId=version_id, Range=f"bytes={first}-{last}"
                )
                return answer["Body"].read()
        except ClientError as error:
            if is_no_version(error):
                raise VersionGone(f"S3 holds no version {version_id} of {key}") from error
            raise

    def tags(self, key: str, version_id: str) -> Mapping[str, str]:
        try:
            with named():
                answer = self._s3.get_object_tagging(Bucket=self._bucket, Key=key, VersionId=version_id)
        except ClientError as error:
            if is_no_version(error):
                raise VersionGone(f"S3 holds no version {version_id} of {key}") from error
            raise
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def copy_part(
        self,
        key: str,
        multipart_id: str,
        version_id: str,
        plan: PartPlan,
        number: int,
        source_key: str | None = None,
    ) -> StoredPart:
        """Raises MultipartGone, VersionGone, StorageUnfit for a part without CRC64NVME."""
        with named():
            answer = self._s3.upload_part_copy(
                Bucket=self._bucket,
                Key=key,
                UploadId=multipart_id,
                PartNumber=number,
                CopySource={"Bucket": self._bucket, "Key": source_key or key, "VersionId": version_id},
                **_range(plan, number),
            )
        return _part({**answer["CopyPartResult"], "PartNumber": number, "Size": plan.size_of(number)})

    def bucket(self) -> Bucket:
        with named():
            versioning = self._s3.get_bucket_versioning(Bucket=self._bucket)
            rules = self._rules()
        told_at = versioning["ResponseMetadata"]["HTTPHeaders"]["date"]
        return Bucket(
            versioning.get("Status") == "Enabled",
            {prefix: kept_days(rules, prefix) for prefix in keys.CLEANED},
            parsedate_to_datetime(told_at),
            tuple(prefix for prefix in keys.CLEANED if purges_untagged(rules, prefix)),
        )

    def remove(self, key: str, etag: str) -> None:
        """The only place that deletes an object: a marker over exactly the one that was judged."""
        if not keys.may_be_removed(key):
            raise ValueError(f"{key} is never removed: only originals, intermediates and landings are")
        try:
            with named():
                self._s3.delete_object(Bucket=self._bucket, Key=key, IfMatch=etag)
        except ClientError as error:
            if code_of(error) in ("PreconditionFailed", "412", "NoSuchKey", "404"):
                return
            if status_of(error) in range(400, 500):
                raise RemovalRefused(
                    f"S3 refuses to remove {key}: {code_of(error)}", code_of(error)
                ) from error
            raise

    def tag_cleaned(self, key: str, version_id: str) -> None:
        self._tag(key, version_id, CLEANED_TAG)

    def untag_cleaned(self, key: str, version_id: str) -> None:
        self._tag(key, version_id, KEPT_TAG)

    def _tag(self, key: str, version_id: str, tag: tuple[str, str]) -> None:
        """Give the version this tag; it replaces the tag that the version had."""
        if not keys.may_be_purged(key):
            raise ValueError(f"{key} is never purged: only originals and intermediates are")
        name, value = tag
        tagging: Any = {"TagSet": [{"Key": name, "Value": value}]}
        try:
            with named():
                self._s3.put_object_tagging(
                    Bucket=self._bucket, Key=key, VersionId=version_id, Tagging=tagging
                )
        except ClientError as error:
            if status_of(error) in range(400, 500):
                raise RemovalRefused(f"S3 refuses to tag {key}: {code_of(error)}", code_of(error)) from error
            raise

    def _rules(self) -> list[Any]:
        try:
            return list(self._s3.get_bucket_lifecycle_configuration(Bucket=self._bucket)["Rules"])
        except ClientError as error:
            if code_of(error) == "NoSuchLifecycleConfiguration":
                return []
            raise

    def multiparts(self, prefix: str, after_key: str = "") -> Iterator[OpenMultipart]:
        behind: Any = {"KeyMarker": after_key} if after_key else {}
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=prefix, **behind
        )
        with named():
            for page in pages:
                for listed in page.get("Uploads", ()):
                    yield OpenMultipart(listed["Key"], listed["UploadId"], listed["Initiated"])


def _listed(part: StoredPart) -> Any:
    return {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC64NVME": part.crc64nvme}


def _range(plan: PartPlan, number: int) -> Any:
    """The range that a copy asks for; empty when it wants all.

    Of 5 MB or less S3 copies no range.
    Source: docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html (x-amz-copy-source-range)
    """
    if plan.part_count == 1:
        return {}
    first = plan.start_of(number)
    return {"CopySourceRange": f"bytes={first}-{first + plan.size_of(number) - 1}"}


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
        _whole_crc(answer),
        answer["ETag"],
        answer["VersionId"],
        upload_id,
        answer["LastModified"],
    )


def _whole_crc(answer: Mapping[str, Any]) -> Crc64Nvme | None:
    """The object's CRC64NVME from a HEAD; None where S3 shows none of the whole object.

    S3 omits the checksum when the caller may not use the object's KMS key.
    Source: docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (x-amz-checksum-mode)
    """
    told = answer.get("ChecksumCRC64NVME")
    return Crc64Nvme(told) if told and answer.get("ChecksumType") != "COMPOSITE" else None
