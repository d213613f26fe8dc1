"""The bucket as the measurements are read and their index is written, over S3."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError

from chalicelib.aws.errors import code_of, is_no_version, named
from chalicelib.core.errors import NotFound, VersionGone
from chalicelib.core.keys import may_be_replaced

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK_BYTES = 256 * 1024
_ABSENT = ("NoSuchKey", "404", "InvalidRange", "416")


class S3FrameIndex:
    """The bucket `bucket`."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def source(self, key: str, version_id: str) -> Iterator[bytes]:
        try:
            with named():
                answer = self._s3.get_object(Bucket=self._bucket, Key=key, VersionId=version_id)
                yield from answer["Body"].iter_chunks(_CHUNK_BYTES)
        except ClientError as error:
            if is_no_version(error):
                raise VersionGone(f"S3 holds no version {version_id} of {key}") from error
            raise

    def put(self, key: str, content: BinaryIO) -> None:
        # In one PUT: readers see all of it or nothing, and an index is far below the 5 GB that one takes.
        with named():
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)

    def read(self, key: str, first: int = 0, last: int | None = None) -> bytes:
        wanted = f"bytes={first}-{'' if last is None else last}"
        try:
            with named():
                return self._s3.get_object(Bucket=self._bucket, Key=key, Range=wanted)["Body"].read()
        except ClientError as error:
            if code_of(error) in _ABSENT:
                raise NotFound(f"the bucket holds no such bytes of {key}") from error
            raise

    def remove(self, key: str) -> None:
        if not may_be_replaced(key):
            raise ValueError(f"{key} is never removed: it is neither an index nor of the lake")
        with named():
            self._s3.delete_object(Bucket=self._bucket, Key=key)
