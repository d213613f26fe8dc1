"""Writing once: no object of an order is ever written over, and S3 proves every byte by its CRC64NVME."""

import base64
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from awscrt import checksums
from botocore.exceptions import BotoCoreError, ClientError

from examples.processor.errors import CannotProcess, NotAllowed, TryLater

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 16 * 2**20
"""Each part is held in memory; 10,000 of them make 160 GB."""


@dataclass(frozen=True)
class Written:
    """What stands in the bucket now."""

    size_bytes: int
    crc64nvme: str


class Bucket:
    """The bucket, for a processor with keys of its own."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self._s3 = s3
        self._name = name

    def put_once(self, key: str, file: BinaryIO, content_type: str) -> Written:
        """`file` as the object of `key`; where the very same stands already, it is left as it is.

        Raises CannotProcess when something else stands there, and for nothing else; TryLater, NotAllowed.
        """
        try:
            return self._put(key, file, content_type)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 403:
                raise NotAllowed(f"S3 refuses these keys: {_code(error)} for {key}") from error
            if status == 501:
                raise NotAllowed(
                    f"this storage has no CRC64NVME or no write on a condition: {_code(error)} for {key}"
                ) from error
            # Also a 409: another writes this key at the same moment, and next time it is seen who was first.
            raise TryLater(f"S3 does not take {key}: {_code(error)}") from error
        except BotoCoreError as error:
            raise TryLater(f"S3 does not answer: {type(error).__name__}") from error

    def _put(self, key: str, file: BinaryIO, content_type: str) -> Written:
        upload = self._s3.create_multipart_upload(
            Bucket=self._name,
            Key=key,
            ContentType=content_type,
            ChecksumAlgorithm="CRC64NVME",
            ChecksumType="FULL_OBJECT",
        )["UploadId"]
        try:
            parts, written = self._put_parts(key, upload, file)
            self._s3.complete_multipart_upload(
                Bucket=self._name,
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                ChecksumCRC64NVME=written.crc64nvme,
                ChecksumType="FULL_OBJECT",
                MpuObjectSize=written.size_bytes,
                IfNoneMatch="*",
            )
        except BaseException as error:
            # When this fails too, the first error is the one to tell; the coordinator ends such uploads in six days.
            with suppress(ClientError, BotoCoreError):
                self._s3.abort_multipart_upload(Bucket=self._name, Key=key, UploadId=upload)
            if isinstance(error, ClientError) and _code(error) == "PreconditionFailed":
                return self._standing(key, written)
            raise
        return written

    def _put_parts(
        self, key: str, upload: str, file: BinaryIO
    ) -> "tuple[list[CompletedPartTypeDef], Written]":
        parts: list[CompletedPartTypeDef] = []
        crc = size_bytes = 0
        while (body := file.read(PART_BYTES)) or not parts:
            crc, size_bytes = checksums.crc64nvme(body, crc), size_bytes + len(body)
            number, own = len(parts) + 1, _text(checksums.crc64nvme(body))
            answer = self._s3.upload_part(
                Bucket=self._name,
                Key=key,
                UploadId=upload,
                PartNumber=number,
                Body=body,
                ChecksumCRC64NVME=own,
            )
            parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC64NVME": own})
        return parts, Written(size_bytes, _text(crc))

    def _standing(self, key: str, written: Written) -> Written:
        """Somebody was first: an order is delivered at least once. Raises CannotProcess unless he wrote the same."""
        answer = self._s3.head_object(Bucket=self._name, Key=key, ChecksumMode="ENABLED")
        standing = Written(answer["ContentLength"], answer.get("ChecksumCRC64NVME", ""))
        if standing != written:
            raise CannotProcess(f"another object stands on {key}; what an order made is never written over")
        return written


def _text(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "no code"))
