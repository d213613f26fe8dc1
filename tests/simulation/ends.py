"""How the story may end, and nothing else: each demand fails the test where the world is another."""

from datetime import timedelta

from chalicelib.core import keys
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.flows.measurement_index import read_frames
from tests.simulation.actors import MADE
from tests.support import story
from tests.support.builders import SESSION_ID, START, MemoryPorts, make_picture, make_session_id, recorded
from tests.support.memory import crc64nvme_of

BYSTANDER = make_picture(
    session_id=make_session_id("match-17-south"),
    state=SessionState.PROCESSED,
    processed_at=START - timedelta(days=30),
    held="an operator says so",
)
"""Another session, processed long ago, which an operator holds: nothing of it is ever touched."""


def demand_quiet(ports: MemoryPorts) -> None:
    """Nothing is owed, nothing forgotten in S3 (L2, L7), and the bystander is as it was (S9)."""
    picture = recorded(ports)
    assert recorded(ports, BYSTANDER.session.session_id) == BYSTANDER
    assert ports.objects.body(BYSTANDER.key(BYSTANDER.chapters[0].artifact_id)) == b"theirs"
    assert not [upload.upload_id for upload in picture.uploads if upload.owes]
    assert not list(ports.objects.multiparts(""))
    assert not picture.session.restoring
    for artifact_id, body in MADE.items():
        receipt = picture.receipt(artifact_id)
        assert receipt, f"{artifact_id} has no receipt"
        assert crc64nvme_of(body) == receipt.crc64nvme
    _demand_frames(ports, picture)


def _demand_frames(ports: MemoryPorts, picture: Picture) -> None:
    """The measurements are indexed, their frames can be read, and of older revisions nothing is left (L4)."""
    receipt = picture.receipt(story.LIGHTS)
    assert receipt
    index = picture.index(receipt)
    assert index
    frames = read_frames(ports.frame_index, SESSION_ID, index, Wanted())
    assert [frame["frame_number"] for frame in frames.frames] == [0, 39]
    assert ports.objects.below(keys.REPLACED) == set(index.objects), "an old revision is left"


def demand_poisoned(ports: MemoryPorts) -> None:
    picture = recorded(ports)
    assert picture.session.state is SessionState.FAILED
    assert [index.artifact_id for index in picture.quarantined] == [story.LIGHTS]
    assert not [upload.upload_id for upload in picture.uploads if upload.owes]
    assert not list(ports.objects.multiparts(""))
    assert story.originals_stand(ports)


def demand_cleaned(ports: MemoryPorts) -> None:
    demand_quiet(ports)
    session = recorded(ports).session
    assert session.state is SessionState.CLEANED
    assert story.originals_are_gone(ports)
    for number, key in enumerate(story.original_keys(), start=1):
        assert story.original(number) in [each.body for each in ports.objects.versions(key) if each.stored]
    for artifact_id, body in MADE.items():
        assert ports.objects.body(recorded(ports).key(artifact_id)) == body


def demand_guarded(ports: MemoryPorts) -> None:
    demand_cleaned(ports)
    assert recorded(ports).session.is_guarded


def demand_restored(ports: MemoryPorts) -> None:
    """Identical bytes, under new receipts, and nobody cleans them before an operator says so."""
    demand_quiet(ports)
    picture = recorded(ports)
    assert picture.session.state is SessionState.PROCESSED
    assert picture.session.held
    assert story.originals_stand(ports)
    for key in story.original_keys():
        stored = ports.objects.head(key)
        assert stored
        assert picture.receipts_at(key)[-1].is_kept_by(stored)
