"""The register of multipart uploads: what moto forgets or mixes up, kept as S3 keeps it."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from infra.local.aws.strict_s3.checksums import Scheme
from infra.local.aws.strict_s3.wire import Answer, Refusal

STRIPES = 64


@dataclass(frozen=True)
class Part:
    """A part that S3 has. `checksum` is of the upload's own algorithm, `etag` without quotes."""

    number: int
    size_bytes: int
    etag: str
    checksum: str
    modified_at: datetime


@dataclass(frozen=True)
class Upload:
    """An upload that is neither completed nor aborted."""

    id: str
    bucket: str
    key: str
    scheme: Scheme
    initiated_at: datetime
    parts: Mapping[int, Part] = field(default_factory=dict)

    def page(self, after: int, count: int) -> tuple[list[Part], bool]:
        """At most `count` parts with numbers above `after`, and whether there are more."""
        numbers = sorted(self.parts)
        begin = bisect_right(numbers, after)
        page = [self.parts[number] for number in numbers[begin : begin + count]]
        return page, begin + len(page) < len(numbers)


@dataclass(frozen=True)
class _Completed:
    bucket: str
    key: str
    answer: Answer
    completed_at: datetime


@dataclass(frozen=True)
class Whole:
    """The checksum of an object that was made of parts."""

    scheme: Scheme
    value: str


def no_such_upload(upload_id: str) -> Refusal:
    message = (
        "The specified upload does not exist. It may never have begun, or may have been aborted or completed."
    )
    return Refusal(404, "NoSuchUpload", message, UploadId=upload_id)


class Uploads:
    """All open uploads, and for a while the answers to those that were completed. Thread safe."""

    def __init__(self, clock: Callable[[], datetime], completed_memory_s: float) -> None:
        self._clock = clock
        self._memory = timedelta(seconds=completed_memory_s)
        self._lock = threading.Lock()
        self._open: dict[str, Upload] = {}
        self._completed: dict[str, _Completed] = {}
        self._wholes: dict[tuple[str, str, str], Whole] = {}

    def begin(self, upload_id: str, bucket: str, key: str, scheme: Scheme) -> None:
        with self._lock:
            self._open[upload_id] = Upload(upload_id, bucket, key, scheme, self._clock())

    def get(self, upload_id: str, bucket: str, key: str) -> Upload:
        """The open upload of exactly this key. Raises Refusal (NoSuchUpload)."""
        with self._lock:
            upload = self._open.get(upload_id)
        if upload is None or (upload.bucket, upload.key) != (bucket, key):
            raise no_such_upload(upload_id)
        return upload

    def put_part(self, upload_id: str, part: Part) -> None:
        with self._lock:
            upload = self._open[upload_id]
            self._open[upload_id] = replace(upload, parts={**upload.parts, part.number: part})

    def complete(self, upload: Upload, answer: Answer, etag: str, whole: str) -> None:
        with self._lock:
            del self._open[upload.id]
            self._completed[upload.id] = _Completed(upload.bucket, upload.key, answer, self._clock())
            self._wholes[upload.bucket, upload.key, etag] = Whole(upload.scheme, whole)

    def whole(self, bucket: str, key: str, etag: str) -> Whole | None:
        """The checksum of the object of this key and ETag (without quotes); None when it was not made of parts."""
        with self._lock:
            return self._wholes.get((bucket, key, etag))

    def abort(self, upload_id: str) -> None:
        with self._lock:
            del self._open[upload_id]

    def completed_answer(self, upload_id: str, bucket: str, key: str) -> Answer | None:
        """What the completion of this upload answered, as long as S3 remembers it."""
        with self._lock:
            completed = self._completed.get(upload_id)
            if completed is None or (completed.bucket, completed.key) != (bucket, key):
                return None
            if self._clock() - completed.completed_at <= self._memory:
                return completed.answer
            del self._completed[upload_id]
            return None

    def page(self, bucket: str, prefix: str, after: tuple[str, str], count: int) -> tuple[list[Upload], bool]:
        """At most `count` uploads after the key and upload id `after`, and whether there are more.

        Ordered by key and upload id. S3 orders uploads of one key by their time, which no client here relies on.
        """
        with self._lock:
            uploads = list(self._open.values())
        wanted = [one for one in uploads if one.bucket == bucket and one.key.startswith(prefix)]
        ordered = sorted(
            (one for one in wanted if (one.key, one.id) > after), key=lambda one: (one.key, one.id)
        )
        return ordered[:count], len(ordered) > count


class KeyLocks:
    """Lets writes to one key go one after another, because moto checks and writes in two steps."""

    def __init__(self) -> None:
        self._locks = tuple(threading.Lock() for _ in range(STRIPES))

    @contextmanager
    def held(self, bucket: str, key: str) -> Iterator[None]:
        with self._locks[hash((bucket, key)) % STRIPES]:
            yield
