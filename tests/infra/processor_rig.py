"""What the sample processor works with: a bucket, a queue, originals in S3, and a coordinator that answers as told."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from awscrt import checksums
from botocore.config import Config

from chalicelib.web.contract.examples import EXAMPLES
from examples.processor import processing
from examples.processor.__main__ import take_one
from examples.processor.bucket import Bucket
from examples.processor.coordinator import CoordinatorClient
from examples.processor.order import Order
from examples.processor.queue import Queue

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BUCKET = "processed"
TOKEN = "t_processor.secret-of-the-processor"
VIDEO = "output.enhanced.mp4"
LIGHTS = "measurements.lights.json"


def crc_of(body: bytes) -> str:
    return base64.b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode()


@cache
def client(service: Any, endpoint_url: str, secret: str = "test") -> Any:
    """A boto3 client that tries once, so that faults are seen; the same for every test, for to make one takes 50 ms."""
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key=secret,
        config=Config(
            retries={"total_max_attempts": 1},
            signature_version="s3v4" if service == "s3" else "v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
        ),
    )


@dataclass
class FakeCoordinator:
    """The calls that a processor makes, as a WSGI application.

    `status` answers all of them when it is set, `failing` those about failures; `shown` is the session's document.
    """

    state: str = "STORED"
    order: int = 1
    urls: dict[str, str] = field(default_factory=dict)
    failures: list[Mapping[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    projects: list[str | None] = field(default_factory=list)
    status: int | None = None
    failing: int | None = None
    shown: object = ...

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        said = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = str(environ["PATH_INFO"])
        self.asked.append(f"{environ['REQUEST_METHOD']} {path}")
        self.projects.append(environ.get("HTTP_REELHAUL_PROJECT"))
        if environ.get("HTTP_AUTHORIZATION") != f"Bearer {TOKEN}":
            return _answer(start_response, 401, {})
        if self.status:
            return _answer(start_response, self.status, {})
        return _answer(start_response, *self._answered(path, said))

    def _answered(self, path: str, said: bytes) -> tuple[int, object]:
        if path.endswith("/url"):
            return 200, {**EXAMPLES["ArtifactUrl"], "url": self.urls[path.split("/")[-2]]}
        if path.endswith("/failure"):
            told = json.loads(said)
            if self.failing:
                return self.failing, {}
            if told["order"] != self.order:
                return 409, {}
            self.failures.append(told)
        order = {**EXAMPLES["Session"]["order"], "number": self.order}
        known = {**EXAMPLES["Session"], "state": self.state, "order": order}
        return 200, known if self.shown is ... else self.shown


def _answer(start_response: StartResponse, status: int, document: object) -> list[bytes]:
    body = json.dumps(document).encode()
    start_response(
        f"{status} Told", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]


@dataclass
class Rig:
    """One session with its originals in S3, its own queue, and the processor at work on both."""

    endpoint_url: str
    coordinator: FakeCoordinator
    coordinator_url: str
    session_id: str = field(default_factory=lambda: f"session-{secrets.token_hex(6)}")
    token: str = TOKEN

    def __post_init__(self) -> None:
        self.s3 = client("s3", self.endpoint_url)
        self.sqs = client("sqs", self.endpoint_url)
        self.queue_url: str = self.sqs.create_queue(QueueName=self.session_id)["QueueUrl"]

    def message(self, chapters: Iterable[bytes], *required: str) -> dict[str, Any]:
        """The order's message, its originals put into the bucket."""
        originals = [
            self._original(f"GX{number:02d}0038.MP4", body) for number, body in enumerate(chapters, 1)
        ]
        return {
            "session_id": self.session_id,
            "project": "main",
            "group": None,
            "order": 1,
            "ordered_at": "2026-11-21T10:15:00Z",
            "required": list(required) or [VIDEO, LIGHTS],
            "parameters": {},
            "originals": originals,
            "outputs": f"outputs/main/{self.session_id}/1/",
            "measurements": f"measurements/main/{self.session_id}/1/",
        }

    def _original(self, filename: str, body: bytes) -> dict[str, Any]:
        key = f"originals/main/{self.session_id}/100GOPRO/{filename}"
        version = self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
        artifact_id = f"original.100GOPRO.{filename}"
        where = {"Bucket": BUCKET, "Key": key, "VersionId": version}
        self.coordinator.urls[artifact_id] = self.s3.generate_presigned_url(
            "get_object", where, ExpiresIn=900
        )
        return {
            "artifact_id": artifact_id,
            "directory": "100GOPRO",
            "filename": filename,
            "key": key,
            "version_id": version,
            "size_bytes": len(body),
            "crc64nvme": crc_of(body),
            "url": self.coordinator.urls[artifact_id],
            "expires_at": "2026-11-21T10:35:00Z",
        }

    def take(self, message: object, bucket: Bucket | None = None) -> int:
        """What the processor ends with when it finds `message` on the queue; it writes to `bucket`."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(message))
        return take_one(Queue(self.sqs, self.queue_url), self._coordinator(), bucket or self.bucket)

    def process(self, message: object) -> bool:
        """One walk, without the queue."""
        return processing.process(Order.parsed(json.dumps(message)), self._coordinator(), self.bucket)

    @property
    def bucket(self) -> Bucket:
        return Bucket(self.s3, BUCKET)

    def key(self, artifact_id: str) -> str:
        kind, _, name = artifact_id.partition(".")
        return f"{'measurements' if kind == 'measurements' else 'outputs'}/main/{self.session_id}/1/{name}"

    @property
    def manifest_key(self) -> str:
        return f"outputs/main/{self.session_id}/1/manifest.json"

    def body(self, key: str) -> bytes:
        found: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return found

    def manifest(self) -> Any:
        return json.loads(self.body(self.manifest_key))

    def written(self) -> list[str]:
        """The keys of all versions that a processor wrote, each as often as it was written."""
        found = self.s3.list_object_versions(Bucket=BUCKET).get("Versions", ())
        own = (version["Key"] for version in found if self.session_id in version["Key"])
        return sorted(key for key in own if not key.startswith("originals/"))

    def waiting(self) -> int:
        """Messages on the queue, those included that are hidden for a while."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def _coordinator(self) -> CoordinatorClient:
        return CoordinatorClient(self.coordinator_url, self.token)
