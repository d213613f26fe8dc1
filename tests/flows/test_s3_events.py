from urllib.parse import quote_plus

import pytest

from chalicelib.core import keys
from chalicelib.core.settle import Actor
from chalicelib.core.upload import UploadState
from chalicelib.flows.s3_events import settle_created
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
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
    send(ports.objects, upload)
    parts = ports.objects.parts(upload.key, upload.multipart_id)
    ports.objects.complete(upload.key, upload.multipart_id, parts, crc, 25)
    return ports, upload


def state(ports) -> UploadState:
    return recorded(ports).upload(UPLOAD_ID).state


@pytest.mark.parametrize("encoded", [lambda key: key, quote_plus])
def test_an_event_verifies_the_original_it_names_however_its_key_is_encoded(encoded):
    ports, upload = arranged()

    assert settle_created(ports, event_of(encoded(upload.key)), Actor.EVENT) == [SESSION_ID]
    assert state(ports) is UploadState.VERIFIED


def test_a_doubled_event_changes_nothing_more():
    ports, upload = arranged()
    settle_created(ports, event_of(upload.key, upload.key), Actor.EVENT)
    before = recorded(ports)

    settle_created(ports, event_of(upload.key), Actor.EVENT)

    assert ports.records.picture(SESSION_ID) == before


def test_an_event_before_its_object_changes_nothing():
    ports = memory_ports(make_picture(make_upload()))

    assert settle_created(ports, event_of(make_upload().key), Actor.EVENT) == [SESSION_ID]
    assert state(ports) is UploadState.OPEN


@pytest.mark.parametrize(
    "event",
    [
        {"Event": "s3:TestEvent"},
        event_of("originals/main/unknown/100GOPRO/GX010001.MP4"),
        event_of("other/prefix"),
        event_of("originals/main/../x"),
    ],
)
def test_an_event_that_names_nothing_of_ours_is_passed_over(event):
    ports, _ = arranged()

    assert settle_created(ports, event, Actor.EVENT) == []
    assert ports.metrics.counts["event.ignored"] == len(event.get("Records", ()))


def made() -> MemoryPorts:
    """Ports where a processor wrote all that the session requires, and nobody has looked since."""
    ports = memory_ports()
    story.haul(ports)
    settle_created(ports, event_of(story.original_keys()[0]), Actor.EVENT)
    story.process(ports)
    return ports


@pytest.mark.parametrize("encoded", [lambda key: key, quote_plus])
@pytest.mark.parametrize("key", story.original_keys())
def test_an_event_of_an_original_pins_what_stands_and_leaves_the_measurements_to_others(encoded, key: str):
    ports = made()

    assert settle_created(ports, event_of(encoded(key)), Actor.EVENT) == [SESSION_ID]

    assert recorded(ports).awaited == ()
    assert recorded(ports).indexes == ()
    assert story.state_of(ports) == "STORED"


def test_an_event_of_measurements_indexes_them_and_the_session_is_processed():
    ports = made()

    settle_created(ports, event_of(story.key_of(story.LIGHTS)), Actor.MADE_EVENT)

    [index] = recorded(ports).indexes
    assert (index.artifact_id, index.frames, index.quarantine) == (story.LIGHTS, len(story.FRAMES), None)
    assert story.state_of(ports) == "PROCESSED"


def test_doubled_and_reordered_events_of_outputs_end_the_same():
    ports = made()
    measured, written = story.key_of(story.LIGHTS), story.key_of(story.VIDEO)
    settle_created(ports, event_of(measured, measured), Actor.MADE_EVENT)
    before = recorded(ports)

    settle_created(ports, event_of(written, measured, written), Actor.EVENT)
    settle_created(ports, event_of(measured), Actor.MADE_EVENT)

    assert recorded(ports) == before


def test_one_event_that_names_many_keys_of_a_session_settles_it_once():
    ports = made()

    named = event_of(story.key_of(story.VIDEO), keys.manifest_key(SESSION_ID, 1), "outputs/main/unknown/1/a")

    assert settle_created(ports, named, Actor.EVENT) == [SESSION_ID]
    assert ports.metrics.counts["event.ignored"] == 1


@pytest.mark.parametrize(
    "key",
    [
        "outputs/main/unknown/1/enhanced.mp4",
        "measurements/main/unknown/1/lights.json",
        "outputs/",
        "outputs/main/match-17-north",
        "outputs/main//1/a",
        "outputs/main/../1/a",
        "index/main/match-17-north/lights.json/abc/summary.json",
        "lake/kind=papi/session=match-17-north/part-1.parquet",
        "quarantine/main/match-17-north/lights.json",
        "Outputs/main/match-17-north/1/a",
        "/outputs/main/match-17-north/1/a",
        "",
    ],
)
@pytest.mark.parametrize("actor", [Actor.EVENT, Actor.MADE_EVENT])
def test_a_key_that_is_no_sessions_moves_nothing(actor: Actor, key: str):
    ports = made()
    before = recorded(ports)

    assert settle_created(ports, event_of(key), actor) == []

    assert recorded(ports) == before
    assert ports.metrics.counts["event.ignored"] == 1


@pytest.mark.parametrize(
    "key",
    [
        "outputs/main/match-17-north/stray.mp4",
        "outputs/main/match-17-north/7/a",
        "measurements/main/match-17-north/1/x",
    ],
)
def test_a_key_of_a_session_that_nobody_stated_is_looked_at_and_moves_nothing(key: str):
    ports = memory_ports()
    story.haul(ports)
    settle_created(ports, event_of(story.original_keys()[0]), Actor.EVENT)
    before = recorded(ports)
    ports.objects.put_object(key, b"stray")

    assert settle_created(ports, event_of(key), Actor.MADE_EVENT) == [SESSION_ID]

    assert recorded(ports) == before
