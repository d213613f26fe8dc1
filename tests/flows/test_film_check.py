"""From the last part to the receipt: films come home, broken ones marked, and what is no film is turned away."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Finalizing, NotAFilm, StorageBusy, VersionGone
from chalicelib.core.events import Event
from chalicelib.core.ids import UploadId
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor
from chalicelib.core.upload import Upload, UploadState
from chalicelib.flows import completion, operations, sessions, uploads
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import (
    POLICY,
    SESSION_ID,
    MemoryPorts,
    make_chapter,
    make_session,
    memory_ports,
    recorded,
)
from tests.support.counted import counted
from tests.support.faults import Fault, faulty
from tests.support.films import box, make_film
from tests.support.memory import crc64nvme_of
from tests.support.story import CHAPTERS, NORTH, OPERATOR

CHECKING = replace(POLICY, checks_films=True)
PAGE = b"<!DOCTYPE html><title>Log in to the hotel's network</title>"
CUT = box(b"ftyp") + b"\0\0\0\0mdat" + b"pictures" * 5


def world(now_checking: bool = True) -> MemoryPorts:
    return memory_ports(policy=CHECKING if now_checking else POLICY)


def bring(ports: MemoryPorts, body: bytes, **changes) -> UploadId:
    """A device's upload of a chapter of these bytes, all parts of which are in S3."""
    chapter = make_chapter(1, len(body), **changes)
    camera = make_session().camera
    sessions.confirm_session(ports, NORTH, SESSION_ID, camera, None, [chapter], wish([story.VIDEO], {}))
    view, _ = uploads.open_upload(ports, NORTH, SESSION_ID, chapter.artifact_id, len(body), None)
    story.send_body(ports, view.upload, body)
    return view.upload.upload_id


def complete(ports: MemoryPorts, upload_id: UploadId, body: bytes) -> Upload:
    return completion.complete_upload(ports, NORTH, upload_id, crc64nvme_of(body)).upload


def reject(ports: MemoryPorts, body: bytes = PAGE) -> UploadId:
    """The upload of a file that is no film, once the reconciler has seen it."""
    upload_id = bring(ports, body)
    with pytest.raises(Finalizing, match="about to be rejected"):
        complete(ports, upload_id, body)
    reconcile(ports, 240)
    return upload_id


def test_a_film_gets_its_receipt_and_its_length_is_on_record():
    ports, body = world(), make_film(7_000)
    assert complete(ports, bring(ports, body), body).receipt

    [film] = recorded(ports).session.films
    assert (film.duration_ms, film.is_broken) == (7_000, False)
    assert Event.FILM_BROKEN.value not in ports.metrics.counts


@pytest.mark.parametrize("body", [CUT, make_film(7_000)[:50], box(b"ftyp") + box(b"mdat", b"pictures")])
def test_a_broken_film_gets_its_receipt_and_a_mark_that_says_what_is_wrong(body: bytes):
    ports = world()
    upload = complete(ports, bring(ports, body), body)

    assert upload.receipt
    [film] = recorded(ports).broken_films
    assert film.is_of(upload.receipt)
    assert film.fault
    assert ports.metrics.counts[Event.FILM_BROKEN.value] == 1
    assert settle_session(ports, SESSION_ID, Actor.EVENT).session.state.value == "STORED"


def test_a_page_of_a_captive_portal_is_rejected_and_the_device_is_told_why():
    ports = world()
    upload_id = reject(ports)

    with pytest.raises(NotAFilm, match=r"100GOPRO/GX010038.MP4 is not a film: it begins as a page of HTML"):
        complete(ports, upload_id, PAGE)

    upload = recorded(ports).upload(upload_id)
    assert (upload.state, upload.is_no_film, upload.receipt) == (UploadState.REJECTED, True, None)
    assert recorded(ports).missing


def test_the_reconciler_judges_alike_when_nobody_completes():
    ports = world()
    upload_id = bring(ports, PAGE)
    uploads.sign_parts(ports, NORTH, upload_id, [(1, crc64nvme_of(PAGE[:10]))], crc64nvme_of(PAGE))
    ports.clock.advance(ports.policy.longest_look_s)
    reconcile(ports, 240)

    assert recorded(ports).upload(upload_id).is_no_film


def test_what_was_rejected_stays_in_the_bucket_as_a_version_that_nothing_purges():
    ports = world()
    upload_id = reject(ports)
    key = recorded(ports).upload(upload_id).key
    assert ports.objects.head(key) is None

    ports.objects.purge(key)

    [version, marker] = ports.objects.versions(key)
    assert (version.body, marker.stored) == (PAGE, None)


def test_the_same_bytes_are_not_taken_twice():
    ports = world()
    upload_id = reject(ports)
    artifact_id = recorded(ports).upload(upload_id).artifact_id

    with pytest.raises(NotAFilm, match="Keep the card"):
        uploads.open_upload(ports, NORTH, SESSION_ID, artifact_id, len(PAGE), None)
    with pytest.raises(NotAFilm, match="Keep the card"):
        uploads.sign_parts(ports, NORTH, upload_id, [(1, crc64nvme_of(PAGE))])


def test_a_deployment_that_checks_no_longer_takes_them():
    ports = world()
    upload_id = reject(ports)
    artifact_id = recorded(ports).upload(upload_id).artifact_id
    lenient = replace(ports, policy=POLICY)

    view, is_new = uploads.open_upload(lenient, NORTH, SESSION_ID, artifact_id, len(PAGE), None)

    assert is_new
    assert view.upload.upload_id != upload_id


def test_a_file_that_was_hauled_as_it_is_comes_home_marked_even_if_it_is_no_film():
    ports = world()
    upload_id = bring(ports, PAGE, unfinished=True)

    assert complete(ports, upload_id, PAGE).receipt
    assert [film.fault for film in recorded(ports).broken_films] == [
        "it begins as a page of HTML or XML does"
    ]


def test_a_film_that_cannot_be_read_now_is_judged_later():
    ports, body = world(), make_film(7_000)
    upload_id = bring(ports, body)
    busy = faulty(ports.objects, Fault("read_range", StorageBusy("slow down")))

    with pytest.raises(StorageBusy):
        completion.complete_upload(replace(ports, objects=busy), NORTH, upload_id, crc64nvme_of(body))
    assert recorded(ports).upload(upload_id).is_live

    assert complete(ports, upload_id, body).receipt


def test_a_film_is_read_once_from_its_arrival_to_its_cleanup():
    ports = world()
    story.arm(ports)
    ports, calls = counted(ports)
    story.haul(ports)
    at_arrival = calls["read_range"]
    story.process(ports)
    story.let_pass(ports)
    ports.clock.advance(ports.policy.grace_s)

    assert settle_session(ports, SESSION_ID, Actor.RECONCILER).session.state.value == "CLEANED"
    assert at_arrival == len(CHAPTERS)
    assert calls["read_range"] == at_arrival + 1  # the video


def broken_and_processed(**changes) -> MemoryPorts:
    """The grace has passed of a processed session with a broken chapter."""
    ports = world()
    story.arm(ports)
    bodies: Sequence[bytes] = (story.BODIES[0][:-1], story.BODIES[1])
    chapters = (replace(CHAPTERS[0], size_bytes=len(bodies[0]), **changes), CHAPTERS[1])
    story.haul(ports, bodies=bodies, chapters=chapters)
    story.process(ports)
    story.let_pass(ports)
    ports.clock.advance(ports.policy.grace_s)
    return ports


def test_no_cleanup_ever_takes_a_session_with_a_broken_chapter_not_even_when_its_outputs_are_accepted():
    ports = broken_and_processed()
    operations.accept(ports, OPERATOR, SESSION_ID, "I watched it")
    for _ in range(5):
        ports.clock.advance(365 * 86_400)
        reconcile(ports, 240)

    assert recorded(ports).session.state.value == "PROCESSED"
    assert recorded(ports).gone == ()
    assert all(ports.objects.head(key) for key in story.original_keys())


def test_one_that_its_device_marked_goes_once_its_outputs_are_accepted():
    ports = broken_and_processed(unfinished=True)
    operations.accept(ports, OPERATOR, SESSION_ID, "I watched it")

    assert settle_session(ports, SESSION_ID, Actor.RECONCILER).session.state.value == "CLEANED"


def test_a_film_that_is_gone_while_it_is_read_gets_its_receipt_once_it_can_be_read():
    ports, body = world(), make_film(7_000)
    upload_id = bring(ports, body)
    gone = faulty(ports.objects, Fault("read_range", VersionGone("gone")))

    with pytest.raises(Finalizing):
        completion.complete_upload(replace(ports, objects=gone), NORTH, upload_id, crc64nvme_of(body))
    assert recorded(ports).upload(upload_id).receipt is None

    assert complete(ports, upload_id, body).receipt
