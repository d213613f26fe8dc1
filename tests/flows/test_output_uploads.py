"""What processors upload through the API: the same parts, proofs and receipts as a device's chapters."""

from collections.abc import Callable

import pytest

from chalicelib.core.errors import (
    InvalidRequest,
    NotFound,
    NotPermitted,
    PartsMismatch,
    PlanDiffers,
    StateConflict,
    UploadGone,
)
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import UploadState
from chalicelib.flows import artifacts, completion, operations, sessions, uploads
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.memory import crc64nvme_of, deliver, fetch
from tests.support.story import CHAPTERS, LIGHTS, MADE, NORTH, OPERATOR, PROCESSOR, VIDEO

BODY = MADE[VIDEO]
CRC = crc64nvme_of(BODY)
KEY = story.key_of(VIDEO)
NOTES = ArtifactId("intermediate.notes.txt")
ORIGINAL = CHAPTERS[0].artifact_id


def ordered(*required: ArtifactId) -> MemoryPorts:
    """A world in which the session is STORED and its order, for the video unless others are named, has gone out."""
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish(required or [VIDEO], {}))
    settle_session(ports, SESSION_ID, Actor.EVENT)
    return ports


def opened_by(
    ports: MemoryPorts, principal: Principal, artifact_id: ArtifactId = VIDEO, size_bytes: int = len(BODY)
):
    return uploads.open_upload(ports, principal, SESSION_ID, artifact_id, size_bytes, None)


def completed(ports: MemoryPorts, upload_id, claim=CRC, principal: Principal = PROCESSOR):
    return completion.complete_upload(ports, principal, upload_id, claim).upload


@pytest.mark.parametrize("principal", [PROCESSOR, OPERATOR])
def test_what_is_required_is_uploaded_over_part_urls_and_ends_the_order(principal: Principal):
    ports = ordered()
    view, is_new = opened_by(ports, principal)
    upload = view.upload
    assert is_new
    for number in upload.plan.numbers:
        part = BODY[upload.plan.start_of(number) :][: upload.plan.size_of(number)]
        wanted = [(number, crc64nvme_of(part))]
        [url] = uploads.sign_parts(ports, principal, upload.upload_id, wanted)
        deliver(ports.objects, url.url, url.headers, part, ports.clock.now())

    receipt = completed(ports, upload.upload_id, principal=principal).receipt

    assert receipt
    assert (receipt.key, receipt.crc64nvme, receipt.artifact_id) == (KEY, CRC, VIDEO)
    assert ports.objects.body(KEY) == BODY
    assert story.state_of(ports) == "PROCESSED"


def test_a_processor_that_dies_after_its_last_part_is_finished_without_it():
    ports = ordered()
    upload = story.open_made(ports, VIDEO, BODY)
    uploads.sign_parts(ports, PROCESSOR, upload.upload_id, [(1, crc64nvme_of(BODY[:10]))], CRC)
    story.send_body(ports, upload, BODY)

    story.let_pass(ports)

    assert story.state_of(ports) == "PROCESSED"


def test_opening_again_answers_the_same_upload_with_the_parts_that_s3_holds():
    ports = ordered()
    first = story.open_made(ports, VIDEO, BODY)
    ports.objects.put_part(first.key, first.multipart_id, 2, BODY[10:20])

    view, is_new = opened_by(ports, PROCESSOR)

    assert (view.upload.upload_id, is_new) == (first.upload_id, False)
    assert [part.number for part in view.parts] == [2]


def test_an_output_that_was_made_anew_with_another_size_is_no_part_of_the_open_upload():
    ports = ordered()
    first = story.open_made(ports, VIDEO, BODY)

    with pytest.raises(PlanDiffers) as differs:
        story.open_made(ports, VIDEO, BODY + b"!")

    plan = first.plan
    assert (differs.value.size_bytes, differs.value.part_size_bytes) == (
        plan.size_bytes,
        plan.part_size_bytes,
    )


def test_a_cancelled_output_opens_anew_with_another_size_and_again_with_the_same():
    ports = ordered()
    first = story.open_made(ports, VIDEO, BODY)
    completion.cancel_upload(ports, PROCESSOR, first.upload_id)
    assert story.open_made(ports, VIDEO, BODY).upload_id == first.upload_id
    completion.cancel_upload(ports, PROCESSOR, first.upload_id)

    longer = BODY + b"!"
    upload = story.upload_made(ports, VIDEO, longer)

    assert upload.upload_id != first.upload_id
    assert ports.objects.body(KEY) == longer
    assert story.state_of(ports) == "PROCESSED"
    story.let_pass(ports, ports.policy.undo_s, rounds=2)
    assert not list(ports.objects.multiparts(""))
    assert ports.objects.body(KEY) == longer


def test_a_verified_output_is_answered_with_its_receipt_and_never_uploaded_again():
    ports = ordered(VIDEO, LIGHTS)
    first = story.upload_made(ports, VIDEO, BODY)

    view, is_new = opened_by(ports, PROCESSOR)

    assert (view.upload, is_new) == (first, False)
    with pytest.raises(PlanDiffers):
        opened_by(ports, PROCESSOR, size_bytes=len(BODY) + 1)


def test_an_output_that_was_pinned_by_its_manifest_is_not_uploaded_as_well():
    ports = ordered(VIDEO, ArtifactId("output.report.pdf"))
    story.process(ports, {VIDEO: BODY})
    settle_session(ports, SESSION_ID, Actor.EVENT)

    with pytest.raises(StateConflict, match="verified already"):
        story.open_made(ports, VIDEO, BODY)


def test_parts_that_are_not_what_was_read_end_nothing():
    ports = ordered()
    upload = story.open_made(ports, VIDEO, BODY)
    story.send_body(ports, upload, BODY[:-1] + b"!")

    with pytest.raises(PartsMismatch):
        completed(ports, upload.upload_id)
    story.let_pass(ports, rounds=2)

    assert recorded(ports).upload(upload.upload_id).state is UploadState.OPEN
    assert ports.objects.head(KEY) is None


def test_an_object_that_was_written_past_an_upload_is_kept_and_told():
    ports = ordered()
    upload = story.open_made(ports, VIDEO, BODY)
    story.send_body(ports, upload, BODY)
    ports.objects.put_object(KEY, b"written past the upload")

    with pytest.raises(StateConflict, match="nobody expects"):
        completed(ports, upload.upload_id)
    story.let_pass(ports, rounds=2)

    assert ports.objects.body(KEY) == b"written past the upload"
    assert story.state_of(ports) == "STORED"


def test_an_object_that_was_written_past_an_upload_counts_when_a_manifest_states_it():
    ports = ordered()
    upload = story.open_made(ports, VIDEO, BODY)
    story.process(ports, {VIDEO: b"written past it"})

    story.let_pass(ports)

    assert story.state_of(ports) == "PROCESSED"
    assert recorded(ports).upload(upload.upload_id).state is UploadState.EXPIRED
    assert not list(ports.objects.multiparts(""))


def test_a_rejected_output_fails_its_session_and_is_kept():
    ports = ordered()
    upload = story.open_made(ports, VIDEO, BODY)
    story.send_body(ports, upload, BODY)
    parts = ports.objects.parts(KEY, upload.multipart_id)
    # Somebody else completes it, as nobody promised.
    ports.objects.complete(KEY, upload.multipart_id, parts, CRC, len(BODY))

    story.let_pass(ports, rounds=2)

    session = recorded(ports).session
    assert recorded(ports).upload(upload.upload_id).state is UploadState.REJECTED
    assert session.state.value == "FAILED"
    assert session.failure
    assert session.failure.startswith(VIDEO)
    assert ports.objects.body(KEY) == BODY
    with pytest.raises(UploadGone):
        completed(ports, upload.upload_id)
    with pytest.raises(StateConflict, match="FAILED"):
        story.open_made(ports, VIDEO, BODY)


def test_what_was_rejected_is_uploaded_for_the_next_order():
    ports = ordered()
    operations.fail(ports, PROCESSOR, SESSION_ID, "no light found", 1)
    operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {}))

    upload = story.upload_made(ports, VIDEO, BODY)

    assert upload.key == story.key_of(VIDEO, 2)
    assert story.state_of(ports) == "PROCESSED"


def test_an_upload_of_an_earlier_order_ends_without_a_word_for_the_present_one():
    ports = ordered()
    late = story.open_made(ports, VIDEO, BODY)
    operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {"again": True}))
    story.send_body(ports, late, BODY)

    assert completed(ports, late.upload_id).receipt
    assert story.state_of(ports) == "STORED"
    assert recorded(ports).awaited == (VIDEO,)


@pytest.mark.parametrize(
    "moved",
    [
        lambda ports: operations.fail(ports, PROCESSOR, SESSION_ID, "no light found", 1),
        lambda ports: story.process(ports, {VIDEO: BODY}),
    ],
    ids=["FAILED", "PROCESSED"],
)
def test_nothing_is_made_of_a_session_that_is_not_stored(moved: Callable[[MemoryPorts], object]):
    ports = ordered()
    moved(ports)
    settle_session(ports, SESSION_ID, Actor.EVENT)

    with pytest.raises(StateConflict, match=story.state_of(ports)):
        story.open_made(ports, ArtifactId("output.late.mp4"), b"late")


def test_nothing_is_made_before_every_chapter_is_verified():
    ports = memory_ports()
    camera = recorded(ordered()).session.camera
    sessions.confirm_session(ports, NORTH, SESSION_ID, camera, None, CHAPTERS, wish([VIDEO], {}))

    with pytest.raises(StateConflict, match="OPEN"):
        story.open_made(ports, VIDEO, BODY)


def test_nothing_is_made_of_a_session_that_nobody_ordered():
    ports = memory_ports()
    story.haul(ports, None)

    with pytest.raises(StateConflict, match="not ordered"):
        story.open_made(ports, VIDEO, BODY)


def test_a_device_uploads_no_output_and_a_processor_no_chapter():
    ports = ordered()
    before = recorded(ports)
    with pytest.raises(NotPermitted):
        opened_by(ports, NORTH)
    for principal in (PROCESSOR, OPERATOR):
        with pytest.raises(NotPermitted):
            opened_by(ports, principal, ORIGINAL, CHAPTERS[0].size_bytes)

    assert recorded(ports) == before


def test_the_device_of_the_session_touches_no_upload_of_an_output():
    ports = ordered()
    upload = story.open_made(ports, VIDEO, BODY)
    story.send_body(ports, upload, BODY)
    before = recorded(ports)

    for call in (
        lambda: uploads.sign_parts(ports, NORTH, upload.upload_id, [(1, CRC)]),
        lambda: completed(ports, upload.upload_id, principal=NORTH),
        lambda: completion.cancel_upload(ports, NORTH, upload.upload_id),
    ):
        with pytest.raises(NotPermitted):
            call()

    assert recorded(ports) == before
    assert completion.view_upload(ports, NORTH, upload.upload_id).parts


def test_a_processor_of_another_project_finds_neither_session_nor_upload():
    ports = ordered()
    upload = story.open_made(ports, VIDEO, BODY)
    stranger = Principal(Role.PROCESSOR, "club", None)

    with pytest.raises(NotFound):
        opened_by(ports, stranger)
    with pytest.raises(NotFound):
        uploads.sign_parts(ports, stranger, upload.upload_id, [(1, CRC)])
    with pytest.raises(NotFound):
        completed(ports, upload.upload_id, principal=stranger)


@pytest.mark.parametrize(
    "name", ["output", "output.", "output.a/b", "output.manifest.json", "lake.a", "", "Output.a"]
)
def test_what_is_no_artifacts_id_is_refused(name: str):
    with pytest.raises(InvalidRequest):
        opened_by(ordered(), PROCESSOR, ArtifactId(name))


def test_an_intermediate_comes_by_the_upload_api_is_listed_and_can_be_read():
    ports = ordered()
    story.upload_made(ports, NOTES, b"what was seen on the way")

    view = artifacts.list_artifacts(ports, PROCESSOR, SESSION_ID)[-1]
    _, read = artifacts.sign_artifact(ports, PROCESSOR, SESSION_ID, NOTES)

    assert (view.artifact_id, view.is_required, view.is_cleaned) == (NOTES, False, False)
    assert fetch(ports.objects, read.url, ports.clock.now()) == b"what was seen on the way"
    assert story.state_of(ports) == "STORED"


def test_an_open_upload_of_an_intermediate_keeps_no_order_from_its_end_but_the_originals_from_theirs():
    ports = ordered()
    story.open_made(ports, NOTES, b"never sent")
    story.process(ports, {VIDEO: BODY})
    story.let_pass(ports)
    assert story.state_of(ports) == "PROCESSED"

    story.let_grace_pass(ports)
    assert story.originals_stand(ports)
    story.let_pass(ports, ports.policy.upload_ttl_s, rounds=3)

    assert story.originals_are_gone(ports)
    assert story.state_of(ports) == "CLEANED"


def test_measurements_by_the_upload_api_wait_for_their_index():
    ports = ordered(LIGHTS)
    story.upload_made(ports, LIGHTS, MADE[LIGHTS])
    assert story.state_of(ports) == "STORED"

    settle_session(ports, SESSION_ID, Actor.EVENT)
    assert story.state_of(ports) == "STORED"
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)

    assert story.state_of(ports) == "PROCESSED"
    [view] = [each for each in artifacts.list_artifacts(ports, PROCESSOR, SESSION_ID) if each.index]
    assert view.index
    assert (view.artifact_id, view.index.frames, view.index.rejected) == (LIGHTS, 40, 0)
