"""The older system's files in a bucket."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.migration.legacy.values import PLACES, OldObject
from infra.migration.sources import SourceChanged, SourceUnusable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ABSENT = ("404", "NoSuchKey", "NotFound")


class Bucket:
    """An address `s3://BUCKET/PREFIX` with `videos/{kind}/{id}/{filename}` and `frames/{id}/{filename}` below it.

    Only List and Get are asked of it. Raises SourceUnusable.
    """

    def __init__(self, s3: "S3Client", address: str) -> None:
        scheme, _, rest = address.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise SourceUnusable(f"{address} is no s3://BUCKET/PREFIX")
        self._s3 = s3
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.name = f"s3://{bucket}/{self._prefix}".rstrip("/")

    def sessions(self) -> Iterator[str]:
        found: set[str] = set()
        for place in PLACES.values():
            prefix = self._prefix + place
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            for page in pages:
                found.update(
                    each["Prefix"].removeprefix(prefix).rstrip("/") for each in page.get("CommonPrefixes", ())
                )
        if not found:
            raise SourceUnusable(f"{self.name} has nothing below {', '.join(PLACES.values())}")
        yield from sorted(found)

    def objects(self, old_id: str, named: Mapping[str, str]) -> tuple[OldObject, ...]:
        found: dict[str, OldObject] = {}
        for kind, place in PLACES.items():
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}{place}{old_id}/"
            )
            for page in pages:
                for each in page.get("Contents", ()):
                    # Consoles write an empty object for a folder that somebody makes by hand.
                    if not each["Key"].endswith("/"):
                        found[each["Key"]] = OldObject(kind, each["Key"], each["Size"])
        for kind, key in named.items():
            for wanted in dict.fromkeys((key, self._prefix + key)):
                if wanted not in found and (size_bytes := self._size(wanted)) is not None:
                    found[wanted] = OldObject(kind, wanted, size_bytes)
        return tuple(found.values())

    def read(self, key: str, first: int, size_bytes: int) -> bytes:
        bounds = f"bytes={first}-{first + size_bytes - 1}"
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key, Range=bounds)["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidObjectState":
                raise SourceChanged(f"{key} is in an archive: restore it there first") from error
            if code in (*_ABSENT, "InvalidRange"):
                raise SourceChanged(f"{key} has no {size_bytes} bytes at {first}: {code}") from error
            raise
        if len(body) != size_bytes:
            raise SourceChanged(f"{key} has no {size_bytes} bytes at {first}: it changed since it was listed")
        return body

    def _size(self, key: str) -> int | None:
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise
