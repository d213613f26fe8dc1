"""The strict layer on moto, a client for it, and a way to send the very same request to both."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit
from xml.etree import ElementTree

import boto3
from botocore.config import Config

from infra.local.aws.strict_s3 import Chaos, StrictS3
from infra.local.aws.strict_s3.checksums import checksum
from infra.local.aws.strict_s3.moto_app import moto_app
from infra.local.http_server import Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
COMPLETED_MEMORY_S = 60.0
DEADLINE_S = 10.0


class MovableClock:
    """The true time, moved by what a test has advanced it."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(timezone.utc) + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Reply:
    """An answer; `code` is that of S3's error document, or None."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def code(self) -> str | None:
        try:
            return ElementTree.fromstring(self.body).findtext("Code")
        except ElementTree.ParseError:
            return None

    @property
    def outcome(self) -> tuple[int, str | None]:
        return self.status, self.code


class Inbox:
    """The events handed over, with their targets."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, target: str, event: dict[str, Any]) -> None:
        with self._changed:
            self._items.append((target, event))
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._items) >= count, DEADLINE_S), self._items
            return list(self._items)

    def clear(self) -> None:
        with self._changed:
            self._items.clear()


class Bench:
    def __init__(self) -> None:
        self.moto = moto_app()
        self.clock = MovableClock()
        self.chaos = Chaos()
        self.inbox = Inbox()
        self.strict = StrictS3(
            self.moto,
            credentials={"test": "test", "other": "othersecret"},
            clock=self.clock,
            on_event=self.inbox,
            chaos=self.chaos,
            completed_memory_s=COMPLETED_MEMORY_S,
        )
        self._server = Server(self.strict)
        self.url = self._server.url
        self.s3 = client_at(self.url)

    def __enter__(self) -> Bench:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.s3.close()
        self._server.close()
        self.strict.close()

    def reset(self) -> None:
        self.clock.offset = timedelta()
        self.chaos.clear()
        self.inbox.clear()

    def make_bucket(self, name: str) -> Bucket:
        self.s3.create_bucket(Bucket=name)
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return Bucket(self, name)

    def strictly(self, method: str, url: str, body: bytes = b"", **headers: str) -> Reply:
        return send(self.strict, method, url, body, headers)

    def barely(self, method: str, url: str, body: bytes = b"", **headers: str) -> Reply:
        """What bare moto says to the same request; where it crashes, its server says 500."""
        try:
            return send(self.moto, method, url, body, headers)
        except Exception:  # noqa: BLE001 - whatever moto raises, its own server turns into a 500
            return Reply(500, {}, b"")


def client_at(url: str, secret: str = "test", key: str = "test", token: str | None = None) -> S3Client:
    config = Config(
        signature_version="s3v4", retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20
    )
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=config,
    )


def environ_of(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    parts = urlsplit(url)
    variables = {name.upper().replace("-", "_"): value for name, value in headers.items()}
    bare_names = [name for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if name in variables]
    special: dict[str, Any] = {name: variables.pop(name) for name in bare_names}
    return {
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": parts.netloc,
        **{f"HTTP_{name}": value for name, value in variables.items()},
        **special,
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def send(app: WSGIApplication, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """The request as WSGI, in process; header names may be written with underscores."""
    said: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], _: object = None, /) -> Callable[[bytes], object]:
        said[:] = [status, headers]
        return lambda _: None

    chunks = app(environ_of(method, url, body, headers), start)
    answer = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    return Reply(int(said[0][:3]), {name.lower(): value for name, value in said[1]}, answer)


@dataclass(frozen=True)
class Bucket:
    """A bucket of the bench, with what tests do to it most."""

    bench: Bench
    name: str

    @property
    def s3(self) -> S3Client:
        return self.bench.s3

    def presigned(
        self, operation: str, key: str = "a/film.mp4", expires_s: int = 300, **parameters: Any
    ) -> str:
        return self.s3.generate_presigned_url(
            operation, Params={"Bucket": self.name, "Key": key, **parameters}, ExpiresIn=expires_s
        )

    def put(self, key: str = "a/film.mp4", body: bytes = b"film") -> Any:
        return self.s3.put_object(Bucket=self.name, Key=key, Body=body)

    def begin(self, key: str = "a/film.mp4", algorithm: Any = "CRC64NVME", **parameters: Any) -> Open:
        created = self.s3.create_multipart_upload(
            Bucket=self.name, Key=key, ChecksumAlgorithm=algorithm, **parameters
        )
        return Open(self, key, created["UploadId"], algorithm)

    def begin_plain(self, key: str = "a/film.mp4") -> Open:
        """An upload that promises no checksum."""
        created = self.s3.create_multipart_upload(Bucket=self.name, Key=key)
        return Open(self, key, created["UploadId"], "CRC64NVME")


@dataclass(frozen=True)
class Open:
    """An open upload."""

    bucket: Bucket
    key: str
    id: str
    algorithm: str

    @property
    def address(self) -> dict[str, Any]:
        return {"Bucket": self.bucket.name, "Key": self.key, "UploadId": self.id}

    def checksum(self, data: bytes) -> str:
        return checksum(self.algorithm, data)

    def part_url(self, number: int = 1, expires_s: int = 300, **parameters: Any) -> str:
        return self.bucket.presigned(
            "upload_part", self.key, expires_s, UploadId=self.id, PartNumber=number, **parameters
        )

    def copy_url(self, **parameters: Any) -> str:
        """Of part 1, to be copied as `parameters` say."""
        return self.bucket.presigned(
            "upload_part_copy", self.key, UploadId=self.id, PartNumber=1, **parameters
        )

    def put(self, number: int, data: bytes) -> dict[str, Any]:
        """The part, sent rightly, as CompleteMultipartUpload names it."""
        stated: dict[str, Any] = {f"Checksum{self.algorithm}": self.checksum(data)}
        sent = self.bucket.s3.upload_part(**self.address, PartNumber=number, Body=data, **stated)
        return {"PartNumber": number, "ETag": sent["ETag"]}

    def complete(self, parts: Sequence[Any], **parameters: Any) -> Any:
        return self.bucket.s3.complete_multipart_upload(
            **self.address, MultipartUpload={"Parts": list(parts)}, **parameters
        )

    def completion_url(self, **parameters: Any) -> str:
        return self.bucket.presigned("complete_multipart_upload", self.key, UploadId=self.id, **parameters)


def completion_body(parts: Sequence[Mapping[str, Any]]) -> bytes:
    listed = "".join(
        f"<Part><PartNumber>{part['PartNumber']}</PartNumber><ETag>{part['ETag']}</ETag></Part>"
        for part in parts
    )
    return f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
