"""A scanner that plays GuardDuty Malware Protection for S3: it reads each new object and tags its version.

It finds nothing but the test file of the antivirus industry (EICAR). Into encrypted ZIP files it cannot look.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core import keys
from chalicelib.core.scan import CLEAN, INFECTED, TAG

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROLE = "arn:aws:iam::123456789012:role/scanner"
"""Whom the bucket's policy must let tag: the stack's parameter ScanRoleArn."""
KEY = "scanner"
UNSUPPORTED = "UNSUPPORTED"
EVERY_S = 2.0

_CHUNK_BYTES = 1 << 20
_ZIP = b"PK\x03\x04"
_ENCRYPTED = 0x01

log = logging.getLogger(__name__)


def eicar() -> bytes:
    """The test file. It is put together here, so that no scanner takes this source for infected."""
    pieces = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-", "ANTIVIRUS-TEST-", "FILE!$H+H*")
    return "".join(pieces).encode()


def finding_of(chunks: Iterable[bytes]) -> str:
    """What the tag of an object with these bytes says."""
    test_file = eicar()
    tail, is_first = b"", True
    for chunk in chunks:
        if is_first and chunk.startswith(_ZIP) and len(chunk) > len(_ZIP) + 2 and chunk[6] & _ENCRYPTED:
            return UNSUPPORTED
        is_first = False
        if test_file in tail + chunk:
            return INFECTED
        tail = (tail + chunk)[-len(test_file) :]
    return CLEAN


class Scanner:
    """Tags every version below `keys.SCANNED` that has no finding yet: at each `scan`, or by itself once started."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._known = set[tuple[str, str]]()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def scan(self) -> Mapping[str, str]:
        """The findings of this look, by key."""
        return {key: self._scan(key, version_id) for key, version_id in list(self._new())}

    def start(self, every_s: float = EVERY_S) -> None:
        """From now on it looks every `every_s` seconds."""
        self._thread = threading.Thread(target=self._run, args=(every_s,), name="scanner", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Its thread has ended."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _run(self, every_s: float) -> None:
        while not self._stop.wait(every_s):
            try:
                self.scan()
            except (BotoCoreError, ClientError) as error:
                log.warning("not scanned", extra={"reason": type(error).__name__})

    def _new(self) -> Iterator[tuple[str, str]]:
        pages = self._s3.get_paginator("list_object_versions")
        for prefix in keys.SCANNED:
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for version in page.get("Versions", ()):
                    found = (version["Key"], version["VersionId"])
                    if found not in self._known:
                        yield found

    def _scan(self, key: str, version_id: str) -> str:
        at: Any = {"Bucket": self._bucket, "Key": key, "VersionId": version_id}
        before = {tag["Key"]: tag["Value"] for tag in self._s3.get_object_tagging(**at)["TagSet"]}
        finding = before.get(TAG)
        if finding is None:
            finding = finding_of(self._s3.get_object(**at)["Body"].iter_chunks(_CHUNK_BYTES))
            tags = {**before, TAG: finding}
            tagging: Any = {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
            self._s3.put_object_tagging(**at, Tagging=tagging)
        self._known.add((key, version_id))
        return finding
