"""S3 holds the right object and does not tell its checksum: it is kept, somebody is told, and it is looked at again."""

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Finalizing
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import UploadState
from chalicelib.flows import completion, uploads
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.s3_events import settle_created
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    UPLOAD_ID,
    MemoryPorts,
    make_bodies,
    make_chapter,
    make_picture,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.counted import counted
from tests.support.memory import crc64nvme_of

DEVICE = Principal(Role.DEVICE, "main", DEVICE_ID)
UPLOAD = make_upload()
BODY = b"".join(make_bodies(UPLOAD.plan).values())
CRC = crc64nvme_of(BODY)


def unproven() -> MemoryPorts:
    """Ports whose device completed its upload, and where S3 tells no checksum of the object."""
    ports = memory_ports(make_picture(UPLOAD))
    send_parts(ports.objects, UPLOAD)
    ports.objects.hide_checksums(UPLOAD.key)
    with pytest.raises(Finalizing, match="does not tell its CRC64NVME"):
        completes(ports)
    return ports


def completes(ports: MemoryPorts) -> object:
    return completion.complete_upload(ports, DEVICE, UPLOAD_ID, CRC)


def opens(ports: MemoryPorts) -> object:
    return uploads.open_upload(ports, DEVICE, SESSION_ID, make_chapter().artifact_id, 25, None)


def test_its_device_is_told_to_keep_its_parts_and_an_operator_that_somebody_must_look():
    ports = unproven()

    assert ports.metrics.counts["upload.unproven"] == 1
    for asks in (completes, opens):
        with pytest.raises(Finalizing, match="Keep the parts"):
            asks(ports)
    upload = completion.view_upload(ports, DEVICE, UPLOAD_ID).upload
    assert (upload.state, upload.unproven_since) == (UploadState.COMPLETED, ports.clock.now())


def test_it_is_neither_rejected_nor_hidden_however_long_nobody_helps_and_is_looked_at_every_hour():
    ports = unproven()
    watched, calls = counted(ports)
    for _ in range(2 * 86_400 // 300):
        ports.clock.advance(300)
        reconcile(watched, 60)

    upload = recorded(ports).upload(UPLOAD_ID)
    assert upload.state is UploadState.COMPLETED
    assert ports.objects.body(UPLOAD.key) == BODY
    assert 48 <= ports.metrics.counts["upload.unproven"] <= 48 + 5
    assert calls["remove"] == calls["abort"] == 0


def test_it_is_verified_within_an_hour_and_a_round_once_s3_tells_its_checksum():
    ports = unproven()
    for _ in range(86_400 // 300):
        ports.clock.advance(300)
        reconcile(ports, 60)
    ports.objects.hide_checksums()

    for _ in range(3_600 // 300):
        ports.clock.advance(300)
        reconcile(ports, 60)

    picture = recorded(ports)
    assert picture.session.state is SessionState.STORED
    assert picture.upload(UPLOAD_ID).unproven_since is None


@pytest.mark.parametrize("asks", [completes, opens])
def test_it_is_verified_at_once_when_its_device_asks(asks):
    ports = unproven()
    ports.objects.hide_checksums()

    asks(ports)

    assert recorded(ports).upload(UPLOAD_ID).receipt


def test_an_event_finds_it_and_tells_of_it_too():
    promised = UPLOAD.promised(CRC, UPLOAD.opened_at)
    ports = memory_ports(make_picture(promised))
    send_parts(ports.objects, UPLOAD)
    held = ports.objects.parts(UPLOAD.key, UPLOAD.multipart_id)
    ports.objects.complete(UPLOAD.key, UPLOAD.multipart_id, held, CRC, 25)
    ports.objects.hide_checksums(UPLOAD.key)

    settle_created(ports, {"Records": [{"s3": {"object": {"key": UPLOAD.key}}}]}, Actor.EVENT)

    assert recorded(ports).upload(UPLOAD_ID) == replace(
        promised, looks=1, look_at=recorded(ports).upload(UPLOAD_ID).look_at, unproven_since=ports.clock.now()
    )
    assert ports.metrics.counts["upload.unproven"] == 1
