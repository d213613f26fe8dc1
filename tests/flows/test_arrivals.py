from urllib.parse import quote_plus

import pytest

from chalicelib.core.upload import UploadState
from chalicelib.flows.arrivals import original_arrived
from tests.support.builders import (
    SESSION_ID,
    START,
    UPLOAD_ID,
    make_picture,
    make_upload,
    memory_ports,
    recorded,
)
from tests.support.builders import send_parts as send
from tests.support.memory import crc64nvme_of


def event_of(*keys: str) -> dict:
    return {"Records": [{"s3": {"object": {"key": key}}} for key in keys]}


def arranged():
    """Ports where S3 has assembled what was promised and nobody has looked since."""
    crc = crc64nvme_of(b"\x01" * 10 + b"\x02" * 10 + b"\x03" * 5)
    upload = make_upload().promised(crc, START)
    ports = memory_ports(make_picture(upload))
    send(ports.footage, upload)
    parts = ports.footage.parts(upload.key, upload.multipart_id)
    ports.footage.complete(upload.key, upload.multipart_id, parts, crc, 25)
    return ports, upload


def state(ports) -> UploadState:
    return recorded(ports).upload(UPLOAD_ID).state


@pytest.mark.parametrize("encoded", [lambda key: key, quote_plus])
def test_an_event_verifies_the_original_it_names_however_its_key_is_encoded(encoded):
    ports, upload = arranged()

    assert original_arrived(ports, event_of(encoded(upload.key))) == [SESSION_ID]
    assert state(ports) is UploadState.VERIFIED


def test_a_doubled_event_changes_nothing_more():
    ports, upload = arranged()
    original_arrived(ports, event_of(upload.key, upload.key))
    before = recorded(ports)

    original_arrived(ports, event_of(upload.key))

    assert ports.records.picture(SESSION_ID) == before


def test_an_event_before_its_object_changes_nothing():
    ports = memory_ports(make_picture(make_upload()))

    assert original_arrived(ports, event_of(make_upload().key)) == [SESSION_ID]
    assert state(ports) is UploadState.OPEN


@pytest.mark.parametrize(
    "event",
    [
        {"Event": "s3:TestEvent"},
        event_of("originals/unknown/100GOPRO/GX010001.MP4"),
        event_of("other/prefix"),
        event_of("originals/../x"),
    ],
)
def test_an_event_that_names_nothing_of_ours_is_passed_over(event):
    ports, _ = arranged()

    assert original_arrived(ports, event) == []
    assert ports.metrics.counts["event.ignored"] == len(event.get("Records", ()))
