"""What each function asks of AWS at its work is what its policy file allows: no more, no less."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
import requests

from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.ids import SessionId, UploadId
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor, Policy
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Upload
from chalicelib.flows import finishing, intake, ordering
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settling import settle_session
from chalicelib.ports import Orders, Ports, Signer
from chalicelib.wiring import RandomIds, SystemClock
from tests.contracts.worlds import AwsWorld, Place
from tests.infra.test_policies import BUCKET, ORDERS, ORIGINALS, TABLE, WORK, rights
from tests.support.builders import DEVICE_ID, make_chapter, make_session
from tests.support.faults import Fault, When, faulty
from tests.support.local_aws import local_aws
from tests.support.memory import CountingMetrics, MemoryOrders, crc64nvme_of

NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
BODY = b"one short part"
CRC = crc64nvme_of(BODY)
WISH = wish(["output.enhanced.mp4"], {})

Rights = set[tuple[str, str]]
Asked = list[tuple[str, dict[str, Any]]]

OF_S3: dict[str, Rights] = {
    "CreateMultipartUpload": {("s3:PutObject", ORIGINALS)},
    "CompleteMultipartUpload": {("s3:PutObject", ORIGINALS)},
    "ListParts": {("s3:ListMultipartUploadParts", ORIGINALS)},
    "AbortMultipartUpload": {("s3:AbortMultipartUpload", ORIGINALS)},
    "ListMultipartUploads": {("s3:ListBucketMultipartUploads", BUCKET)},
    # Without ListBucket a missing object is 403, not 404.
    "HeadObject": {("s3:GetObject", ORIGINALS), ("s3:ListBucket", BUCKET)},
    # Signed here, asked by whoever reads: S3 judges the signer's rights.
    "read_url": {("s3:GetObjectVersion", ORIGINALS)},
    # If-Match reads the ETag.
    "DeleteObject": {("s3:DeleteObject", ORIGINALS), ("s3:GetObject", ORIGINALS)},
}
"""Source: docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""


def needed(operation: str, params: dict[str, Any]) -> Rights:
    """What a call needs. A transaction needs the right of each of its items."""
    if operation in OF_S3:
        return OF_S3[operation]
    if operation == "send":
        return ORDERS
    if operation == "TransactWriteItems":
        return {(f"dynamodb:{act}Item", TABLE) for item in params["TransactItems"] for act in item}
    return {(f"dynamodb:{operation}", WORK if "IndexName" in params else TABLE)}


@pytest.fixture(scope="module")
def world() -> Iterator[AwsWorld]:
    with local_aws() as endpoint_url:
        made = AwsWorld(Place(endpoint_url, "test", "test", "us-east-1", part_size_bytes=4))
        yield made
        made.end()


@pytest.fixture
def asked(world: AwsWorld) -> Iterator[Asked]:
    """What was asked so far; a test clears it where its function begins."""
    found: Asked = []

    def hear(params: dict[str, Any], model: Any, **_others: Any) -> None:
        found.append((model.name, params))

    clients = (world.clients.s3, world.clients.dynamodb)
    for client in clients:
        client.meta.events.register("before-parameter-build", hear)
    yield found
    for client in clients:
        client.meta.events.unregister("before-parameter-build", hear)


class Heard:
    """A port whose calls are noted before they are made; its methods stand for AWS's operations by their names."""

    def __init__(self, port: object, asked: Asked) -> None:
        self._port = port
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if name in ("read_url", "send"):
                self._asked.append((name, {}))
            return getattr(self._port, name)(*args, **kwargs)

        return call


@pytest.fixture
def ports(world: AwsWorld, asked: Asked) -> Iterator[Ports]:
    """The real adapters and a queue in memory, with no patience and no undo window."""
    yield Ports(
        footage=world.footage,
        records=world.records,
        signer=cast(Signer, Heard(world.signer, asked)),
        orders=cast(Orders, Heard(MemoryOrders(), asked)),
        ids=RandomIds(),
        clock=SystemClock(),
        metrics=CountingMetrics(),
        policy=Policy(undo_s=0, finalize_patience_s=0, orphan_age_s=0),
    )
    world.wipe_records()


def used(asked: Asked) -> Rights:
    return {right for operation, params in asked for right in needed(operation, params)}


def allowed(function: str) -> Rights:
    """What its policy file says of footage, records and orders."""
    kept = {right for right in rights(function) if right[0].startswith(("s3:", "dynamodb:"))}
    return kept | (rights(function) & ORDERS)


def opened(ports: Ports, name: str) -> Upload:
    """The open upload of the session `name`, without parts."""
    session_id, chapter = SessionId(name), make_chapter(size_bytes=len(BODY))
    intake.confirm_session(ports, NORTH, session_id, make_session().camera, None, [chapter], WISH)
    return intake.open_upload(ports, NORTH, session_id, chapter.artifact_id, len(BODY), None)[0].upload


def sent(ports: Ports, name: str) -> Upload:
    """The open upload of the session `name`, all its parts in S3."""
    upload = opened(ports, name)
    [url] = intake.sign_parts(ports, NORTH, upload.upload_id, [(1, CRC)])
    assert requests.put(url.url, data=BODY, headers=url.headers, timeout=10).status_code == 200
    return upload


def completed(ports: Ports, name: str) -> Upload:
    """An upload whose object stands, and whose caller died before it was verified."""
    upload = sent(ports, name)
    dying = faulty(ports.footage, Fault("complete", StorageBusy("gone"), when=When.AFTER))
    with pytest.raises(StorageBusy):
        settle_session(replace(ports, footage=dying), upload.session_id, Actor.API)
    return upload


def completed_by_a_stranger(ports: Ports, name: str) -> Upload:
    """An upload whose object stands without a promise."""
    upload = sent(ports, name)
    held = ports.footage.parts(upload.key, upload.multipart_id)
    ports.footage.complete(upload.key, upload.multipart_id, held, CRC, len(BODY))
    return upload


def loses_every_race(ports: Ports) -> Ports:
    return replace(
        ports,
        records=faulty(
            ports.records, *(Fault("write", Conflict("rival"), call=call) for call in range(1, 9))
        ),
    )


def test_the_api_uses_exactly_the_rights_it_has(ports: Ports, asked: Asked):
    finishing.complete_upload(ports, NORTH, sent(ports, "hauled").upload_id, CRC)
    ordering.order(ports, NORTH, SessionId("hauled"), WISH)
    finishing.cancel_upload(ports, NORTH, opened(ports, "cancelled").upload_id)
    with pytest.raises(StorageBusy):
        opened(loses_every_race(ports), "cancelled")

    assert used(asked) == allowed("api_handler")


def test_the_event_function_uses_exactly_the_rights_it_has(ports: Ports, asked: Asked):
    heard_of, waiting = completed(ports, "heard-of"), opened(ports, "waiting")
    asked.clear()

    assert settle_session(ports, heard_of.session_id, Actor.EVENT).missing == ()
    settle_session(ports, waiting.session_id, Actor.EVENT)

    assert used(asked) == allowed("on_original")


def test_the_reconciler_uses_exactly_the_rights_it_has(ports: Ports, asked: Asked):
    finished, rejected = sent(ports, "finished"), completed_by_a_stranger(ports, "rejected")
    finishing.cancel_upload(ports, NORTH, opened(ports, "cancelled").upload_id)
    opened(ports, "waiting")
    ports.footage.create_multipart(finished.key, UploadId("u_orphan"))
    asked.clear()

    done = reconcile(ports, 60)

    assert (done.failed, done.finished) == (0, True)
    assert done.aborted_orphans
    assert intake.seen_session(ports, NORTH, finished.session_id).missing == ()
    assert ports.footage.head(rejected.key) is None
    assert used(asked) == allowed("reconcile")
