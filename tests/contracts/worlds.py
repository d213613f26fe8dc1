"""The worlds that the contract suites run in: memory, and whatever speaks S3 and DynamoDB at one endpoint."""

import ipaddress
import json
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

import boto3
import requests
import websockets.sync.client
from msgspec.structs import replace

from chalicelib.aws.clients import Clients, clients_of
from chalicelib.aws.frame_index import S3FrameIndex
from chalicelib.aws.items import Item
from chalicelib.aws.notifications import SnsNotifier
from chalicelib.aws.object_store import S3ObjectStore
from chalicelib.aws.orders import SqsOrders
from chalicelib.aws.push import ApiGatewayPush
from chalicelib.aws.records import DynamoRecords
from chalicelib.aws.signer import S3Signer
from chalicelib.core.cleanup import CLEANED_TAG
from chalicelib.ports import FormToPost, FrameIndex, Notifier, ObjectStore, Orders, Push, Records, Signer
from infra.aws import template
from infra.local.aws.gateway import sockets
from infra.local.aws.gateway.sockets import SocketGateway
from infra.local.aws.lambdas.functions import Outcome
from infra.local.http_server import Server
from tests.support.memory import (
    MemoryFrameIndex,
    MemoryNotifier,
    MemoryObjectStore,
    MemoryOrders,
    MemoryPush,
    MemoryRecords,
    MemorySigner,
    MovableClock,
    Refused,
    deliver,
    fetch,
    post,
)

CLEANED = dict(zip(("Key", "Value"), CLEANED_TAG, strict=True))
S3_LEAST_PART_BYTES = 5 * 2**20


class World(Protocol):
    """One set of adapters, and what others than the coordinator do to the same storage."""

    @property
    def objects(self) -> ObjectStore: ...

    @property
    def frame_index(self) -> FrameIndex: ...

    @property
    def records(self) -> Records: ...

    @property
    def signer(self) -> Signer: ...

    @property
    def part_size_bytes(self) -> int:
        """The least that a part which is not the last may have here."""

    def now(self) -> datetime:
        """The storage's own time."""

    def put(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """The status of a PUT to a part URL."""

    def post(self, form: FormToPost, body: bytes) -> int:
        """The status of a POST of a form with the file `body`."""

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of a GET of a read URL; an error's body is empty."""

    def put_object(self, key: str, body: bytes) -> None:
        """Write an object past the coordinator."""

    def mark_deleted(self, key: str) -> None:
        """Write a delete marker past the coordinator."""

    def version_ids(self, key: str) -> set[str]:
        """The versions of a key that hold bytes; delete markers are none."""

    def body(self, key: str) -> bytes:
        """The current object's bytes."""

    def purge_after(self, days: Mapping[str, int], *, is_tagged: bool = True) -> None:
        """Have the lifecycle end noncurrent versions below each prefix after its days: what was cleaned, or all."""

    def tags(self, key: str, version_id: str) -> dict[str, str]:
        """The tags of a version."""

    def keep_versions(self) -> None:
        """Have the bucket keep versions, as it does from the beginning."""

    def suspend_versions(self) -> None:
        """Have the bucket keep no versions until `keep_versions`."""


class Queue(Protocol):
    """A processing queue, and what its processor finds there."""

    @property
    def orders(self) -> Orders: ...

    def received(self) -> list[Any]:
        """Every message that is there, decoded; afterwards none is."""

    def bury(self) -> None:
        """One more message is dead."""


Documents: TypeAlias = Callable[[], list[Any]]
"""The documents that a subscription has been sent since it was asked last."""


class Topic(Protocol):
    """A topic of notifications, and the programs that subscribe to it."""

    @property
    def notifier(self) -> Notifier: ...

    def subscribe(self, wanted: Mapping[str, list[str]]) -> Documents:
        """A program's subscription with this filter; the empty one lets everything through."""


class Page(Protocol):
    """A page with an open socket."""

    @property
    def connection_id(self) -> str: ...

    def received(self) -> str:
        """The next message; it waits for it."""

    def close(self) -> None:
        """Close the socket, and wait until it is closed."""


class Pages(Protocol):
    """A WebSocket API, and the pages that open sockets there."""

    @property
    def push(self) -> Push: ...

    def open(self) -> Page: ...


class ForeignPlaceRefused(Exception):
    """The suites do not run there."""


class MemoryWorld:
    """The memory adapters."""

    part_size_bytes = 4

    def __init__(self) -> None:
        self._clock = MovableClock()
        self.objects = MemoryObjectStore(self._clock)
        self.frame_index = MemoryFrameIndex(self.objects)
        self.records = MemoryRecords()
        self.signer = MemorySigner()

    def now(self) -> datetime:
        return self._clock.now()

    def put(self, url: str, headers: dict[str, str], body: bytes) -> int:
        try:
            deliver(self.objects, url, headers, body, self.now())
        except Refused as refused:
            return refused.status
        return 200

    def post(self, form: FormToPost, body: bytes) -> int:
        try:
            post(self.objects, form.fields, body, self.now())
        except Refused as refused:
            return refused.status
        return 201

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        wanted = (headers or {}).get("range")
        try:
            return 206 if wanted else 200, fetch(self.objects, url, self.now(), wanted)
        except Refused as refused:
            return refused.status, b""

    def put_object(self, key: str, body: bytes) -> None:
        self.objects.put_object(key, body)

    def mark_deleted(self, key: str) -> None:
        self.objects.mark_deleted(key)

    def version_ids(self, key: str) -> set[str]:
        return {version.version_id for version in self.objects.versions(key) if version.stored}

    def body(self, key: str) -> bytes:
        return self.objects.body(key)

    def purge_after(self, days: Mapping[str, int], *, is_tagged: bool = True) -> None:
        self.objects.promise = replace(
            self.objects.promise, keeps_days=dict(days), purges_untagged=() if is_tagged else tuple(days)
        )

    def tags(self, key: str, version_id: str) -> dict[str, str]:
        (version,) = [each for each in self.objects.versions(key) if each.version_id == version_id]
        tag = self.objects.tag(version)
        return dict([tag]) if tag else {}

    def keep_versions(self) -> None:
        self.objects.promise = replace(self.objects.promise, is_versioned=True)

    def suspend_versions(self) -> None:
        self.objects.promise = replace(self.objects.promise, is_versioned=False)


class MemoryQueue:
    """The queue in memory."""

    def __init__(self) -> None:
        self.orders = MemoryOrders()

    def received(self) -> list[Any]:
        found, self.orders.sent = self.orders.sent, []
        return found

    def bury(self) -> None:
        self.orders.dead = (self.orders.dead or 0) + 1


class MemoryTopic:
    """The topic in memory."""

    def __init__(self) -> None:
        self.notifier = MemoryNotifier()

    def subscribe(self, wanted: Mapping[str, list[str]]) -> Documents:
        def documents() -> list[Any]:
            published = [each.document for each in self.notifier.published]
            return [
                each for each in published if all(each[name] in values for name, values in wanted.items())
            ]

        return documents


class MemoryPage:
    """A page in memory."""

    def __init__(self, push: MemoryPush) -> None:
        self.connection_id = f"c{len(push.sent)}="
        self._sent = push.sent
        push.sent[self.connection_id] = []

    def received(self) -> str:
        return self._sent[self.connection_id].pop(0)

    def close(self) -> None:
        del self._sent[self.connection_id]


class MemoryPages:
    """Sockets in memory."""

    def __init__(self) -> None:
        self.push = MemoryPush()

    def open(self) -> Page:
        return MemoryPage(self.push)


@dataclass(frozen=True)
class Place:
    """Where an AwsWorld stands: the one endpoint of all services, or None for AWS's own; and who may use it."""

    endpoint_url: str | None
    access_key: str
    secret_key: str
    region: str
    part_size_bytes: int


def foreign_place(endpoint_url: str, environment: Mapping[str, str]) -> Place:
    """The place at `endpoint_url` with the credentials and the region of REELHAUL_CONFORMANCE_*.

    Raises ForeignPlaceRefused for what is not loopback, unless REELHAUL_CONFORMANCE_ALLOW_REMOTE is 1.
    """
    host = urlsplit(endpoint_url).hostname or ""
    if not _is_loopback(host) and environment.get("REELHAUL_CONFORMANCE_ALLOW_REMOTE") != "1":
        raise ForeignPlaceRefused(
            f"{host} is not loopback; set REELHAUL_CONFORMANCE_ALLOW_REMOTE=1 to allow it"
        )
    names = [f"REELHAUL_CONFORMANCE_{name}" for name in ("ACCESS_KEY", "SECRET_KEY", "REGION")]
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise ForeignPlaceRefused(f"--aws-endpoint needs {', '.join(missing)}")
    access_key, secret_key, region = (environment[name] for name in names)
    # On AWS no one address answers for S3 and DynamoDB: boto3 knows the region's.
    one_for_all = None if host.endswith(".amazonaws.com") else endpoint_url
    return Place(one_for_all, access_key, secret_key, region, S3_LEAST_PART_BYTES)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class AwsWorld:
    """The boto3 adapters on a bucket and a table of their own, which `end` removes."""

    def __init__(self, place: Place) -> None:
        self.part_size_bytes = place.part_size_bytes
        self.clients = _clients(place)
        self._name = f"reelhaul-contracts-{secrets.token_hex(8)}"
        self._create_bucket(place.region)
        self._create_table()
        self.objects = S3ObjectStore(self.clients.s3, self._name)
        self.frame_index = S3FrameIndex(self.clients.s3, self._name)
        self.records = DynamoRecords(self.clients.dynamodb, self._name)
        self.signer = S3Signer(self._name, place.region, self.clients.credentials, place.endpoint_url)

    @property
    def name(self) -> str:
        """The bucket's name and the table's."""
        return self._name

    def now(self) -> datetime:
        return datetime.now(UTC)

    def put(self, url: str, headers: dict[str, str], body: bytes) -> int:
        return requests.put(url, data=body, headers=headers, timeout=60).status_code

    def post(self, form: FormToPost, body: bytes) -> int:
        return requests.post(form.url, data=form.fields, files={"file": body}, timeout=60).status_code

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        answer = requests.get(url, headers=dict(headers or {}), timeout=60)
        return answer.status_code, answer.content if answer.ok else b""

    def put_object(self, key: str, body: bytes) -> None:
        self.clients.s3.put_object(Bucket=self._name, Key=key, Body=body)

    def put_with_crc64nvme(self, key: str, body: bytes) -> None:
        """As `put_object`, with the checksum that boto3 does not choose by itself."""
        self.clients.s3.put_object(Bucket=self._name, Key=key, Body=body, ChecksumAlgorithm="CRC64NVME")

    def mark_deleted(self, key: str) -> None:
        self.clients.s3.delete_object(Bucket=self._name, Key=key)

    def version_ids(self, key: str) -> set[str]:
        listed = self.clients.s3.list_object_versions(Bucket=self._name, Prefix=key)
        return {version["VersionId"] for version in listed.get("Versions", ()) if version["Key"] == key}

    def body(self, key: str) -> bytes:
        return self.clients.s3.get_object(Bucket=self._name, Key=key)["Body"].read()

    def tags(self, key: str, version_id: str) -> dict[str, str]:
        found = self.clients.s3.get_object_tagging(Bucket=self._name, Key=key, VersionId=version_id)
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def purge_after(self, days: Mapping[str, int], *, is_tagged: bool = True) -> None:
        rules: list[Any] = [
            {
                "Status": "Enabled",
                "Filter": {"And": {"Prefix": prefix, "Tags": [CLEANED]}} if is_tagged else {"Prefix": prefix},
                "NoncurrentVersionExpiration": {"NoncurrentDays": each},
            }
            for prefix, each in days.items()
        ]
        self.clients.s3.put_bucket_lifecycle_configuration(
            Bucket=self._name, LifecycleConfiguration={"Rules": rules}
        )

    def keep_versions(self) -> None:
        self._set_versioning("Enabled")

    def suspend_versions(self) -> None:
        self._set_versioning("Suspended")

    def _set_versioning(self, status: Literal["Enabled", "Suspended"]) -> None:
        self.clients.s3.put_bucket_versioning(Bucket=self._name, VersioningConfiguration={"Status": status})

    def put_item(self, item: Item) -> None:
        """Write an item past the adapter, as an older release did."""
        self.clients.dynamodb.put_item(TableName=self._name, Item=item)

    def wipe_records(self) -> None:
        """An empty table for the next test."""
        pages = self.clients.dynamodb.get_paginator("scan").paginate(
            TableName=self._name, ProjectionExpression="pk, sk", ConsistentRead=True
        )
        for key in [item for page in pages for item in page["Items"]]:
            self.clients.dynamodb.delete_item(TableName=self._name, Key=key)

    def queue(self) -> "SqsQueue":
        """A new queue at the same endpoint, which not every place has; `end` it."""
        return SqsQueue(self.clients, self._name)

    def topic(self) -> "SnsTopic":
        """A new topic at the same endpoint, which not every place has; `end` it."""
        return SnsTopic(self.clients, self._name)

    def pages(self) -> "SocketPages":
        """A new WebSocket API of this machine, with the same table; `end` it."""
        return SocketPages(self.clients, self._name)

    def end(self) -> None:
        """Remove the bucket and the table."""
        self.clients.dynamodb.delete_table(TableName=self._name)
        for multipart in self.objects.multiparts(""):
            self.objects.abort(multipart.key, multipart.multipart_id)
        pages = self.clients.s3.get_paginator("list_object_versions").paginate(Bucket=self._name)
        for page in pages:
            for version in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                self.clients.s3.delete_object(
                    Bucket=self._name, Key=version["Key"], VersionId=version["VersionId"]
                )
        self.clients.s3.delete_bucket(Bucket=self._name)

    def _create_bucket(self, region: str) -> None:
        s3 = self.clients.s3
        if region == "us-east-1":
            s3.create_bucket(Bucket=self._name)
        else:
            s3.create_bucket(
                Bucket=self._name,
                CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
            )
        self.keep_versions()

    def _create_table(self) -> None:
        self.clients.dynamodb.create_table(TableName=self._name, **_table_of_template())
        self.clients.dynamodb.get_waiter("table_exists").wait(
            TableName=self._name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )


@cache
def _table_of_template() -> dict[str, Any]:
    """What the template says of the table, read once: a test may make many worlds."""
    properties = template.load()["Resources"]["Table"]["Properties"]
    names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return {name: properties[name] for name in names}


def _messages(sqs: Any, url: str) -> list[Any]:
    """Every message of a queue, decoded; afterwards none is there."""
    found: list[Any] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


class SqsQueue:
    """A queue in SQS, which `end` removes."""

    def __init__(self, clients: Clients, name: str) -> None:
        self._sqs = clients.sqs
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self._dead_url = self._sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        self.orders = SqsOrders(self._sqs, self._url, self._dead_url)

    def received(self) -> list[Any]:
        return _messages(self._sqs, self._url)

    def bury(self) -> None:
        self._sqs.send_message(QueueUrl=self._dead_url, MessageBody="{}")

    def end(self) -> None:
        self._sqs.delete_queue(QueueUrl=self._url)
        self._sqs.delete_queue(QueueUrl=self._dead_url)


class SnsTopic:
    """A topic in SNS, with a queue for each subscription; `end` removes them."""

    def __init__(self, clients: Clients, name: str) -> None:
        self._sns, self._sqs = clients.notifications(), clients.sqs
        self._name = name
        self._arn = self._sns.create_topic(Name=name)["TopicArn"]
        self._queues: list[str] = []
        self.notifier = SnsNotifier(clients.notifications, self._arn, "test")

    def subscribe(self, wanted: Mapping[str, list[str]]) -> Documents:
        url = self._sqs.create_queue(QueueName=f"{self._name}-{len(self._queues)}")["QueueUrl"]
        self._queues.append(url)
        asked = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        attributes = {"RawMessageDelivery": "true"} | ({"FilterPolicy": json.dumps(wanted)} if wanted else {})
        self._sns.subscribe(
            TopicArn=self._arn,
            Protocol="sqs",
            Endpoint=asked["Attributes"]["QueueArn"],
            Attributes=attributes,
        )
        return lambda: _messages(self._sqs, url)

    def end(self) -> None:
        self._sns.delete_topic(TopicArn=self._arn)
        for url in self._queues:
            self._sqs.delete_queue(QueueUrl=url)


def _wait_until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end, "the socket neither opened nor closed"
        time.sleep(0.002)


class SocketPage:
    """A page on a socket of this machine."""

    def __init__(self, gateway: SocketGateway) -> None:
        before = set(gateway.connection_ids)
        self._closing = ExitStack()
        self._socket = self._closing.enter_context(websockets.sync.client.connect(gateway.url))
        self._gateway = gateway
        _wait_until(lambda: {*gateway.connection_ids} - before)
        [self.connection_id] = {*gateway.connection_ids} - before

    def received(self) -> str:
        return str(self._socket.recv(timeout=10))

    def close(self) -> None:
        self._closing.close()
        _wait_until(lambda: self.connection_id not in self._gateway.connection_ids)


class SocketPages:
    """The local WebSocket API without functions: it lets in all who come. `end` closes it."""

    def __init__(self, clients: Clients, table: str) -> None:
        self._gateway = SocketGateway(
            sockets.listening(),
            lambda route: "connect" if route == "$connect" else None,
            lambda _function, _event: Outcome({"statusCode": 200}),
            now=lambda: datetime.now(UTC),
        )
        self._server = Server(self._gateway).start()
        session = boto3.Session("test", "test", region_name="us-east-1")
        client = session.client("apigatewaymanagementapi", endpoint_url=self._server.url)
        self.push = ApiGatewayPush(lambda: client, clients.dynamodb, table, self._gateway.url)

    def open(self) -> Page:
        return SocketPage(self._gateway)

    def end(self) -> None:
        self._gateway.close()
        self._server.close()


@cache
def _clients(place: Place) -> Clients:
    """The same for every world of a place: clients cost 100 ms and megabytes that are never given back."""
    session = boto3.Session(
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        region_name=place.region,
    )
    return clients_of(session, place.endpoint_url)
