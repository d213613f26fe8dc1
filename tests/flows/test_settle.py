from typing import cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Conflict, NotFound, PartsRefused, StorageBusy
from chalicelib.core.ids import UploadId
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor, Remove
from chalicelib.core.upload import StoredObject, Upload, UploadState
from chalicelib.flows.actions import carry_out
from chalicelib.flows.settle import settle_session
from tests.support.builders import (
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_bodies,
    make_picture,
    make_session_id,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.faults import Fault, When, faulty
from tests.support.memory import MemoryObjectStore, crc64nvme_of

BODY = b"".join(make_bodies(make_upload().plan).values())
CRC = crc64nvme_of(BODY)
WRONG = crc64nvme_of(b"another")


def with_all_parts(upload: Upload | None = None) -> MemoryPorts:
    upload = upload or make_upload()
    ports = memory_ports(make_picture(upload))
    send_parts(ports.objects, upload)
    return ports


def with_object(upload: Upload) -> MemoryPorts:
    """Ports in whose bucket S3 has assembled the upload's parts already."""
    ports = with_all_parts(upload)
    assemble(ports, upload)
    return ports


def assemble(ports: MemoryPorts, upload: Upload) -> None:
    parts = ports.objects.parts(upload.key, upload.multipart_id)
    ports.objects.complete(upload.key, upload.multipart_id, parts, CRC, 25)


def bring(ports: MemoryPorts, upload: Upload) -> None:
    """S3 assembles the same bytes again, for `upload`, of which the record knows nothing."""
    ports.objects.register(upload.key, upload.upload_id, upload.multipart_id)
    send_parts(ports.objects, upload)
    assemble(ports, upload)


def settled(ports, actor=Actor.RECONCILER) -> Upload:
    return settle_session(ports, SESSION_ID, actor).upload(UPLOAD_ID)


def test_the_reconciler_finishes_what_its_device_left_behind():
    ports = with_all_parts()

    picture = settle_session(ports, SESSION_ID, Actor.RECONCILER)

    assert picture.session.state is SessionState.STORED
    assert picture.upload(UPLOAD_ID).receipt
    assert ports.objects.body(make_upload().key) == BODY
    assert ports.records.due(START, 10) == ()


def test_settling_again_changes_nothing():
    ports = with_all_parts()

    assert settle_session(ports, SESSION_ID, Actor.RECONCILER) == settle_session(
        ports, SESSION_ID, Actor.RECONCILER
    )


def test_an_event_verifies_but_completes_nothing():
    assert settled(with_all_parts(), Actor.EVENT).state is UploadState.OPEN
    promised = make_upload().promised(CRC, START)
    assert settled(with_object(promised), Actor.EVENT).state is UploadState.VERIFIED


@pytest.mark.parametrize("actor", [Actor.API, Actor.EVENT])
def test_only_the_reconciler_rejects(actor: Actor):
    ports = with_object(make_upload(promise=WRONG, promised_at=START))

    assert settled(ports, actor).state is UploadState.OPEN
    assert settled(ports).state is UploadState.REJECTED


def test_a_rejected_object_gets_a_delete_marker_so_that_the_next_upload_can_complete():
    upload = make_upload(promise=WRONG, promised_at=START)
    ports = with_object(upload)

    settled(ports)

    assert ports.objects.head(upload.key) is None
    assert [version.body for version in ports.objects.versions(upload.key) if version.stored] == [BODY]
    assert ports.records.due(START, 10) == ()


def rejected_with_its_object() -> MemoryPorts:
    """Ports with a rejected upload whose object still stands."""
    ports = with_object(make_upload())
    ports.records.arrange(make_picture(make_upload().rejected("wrong", START)), START)
    return ports


def object_on(ports: MemoryPorts) -> StoredObject:
    stored = ports.objects.head(make_upload().key)
    assert stored
    return stored


def test_a_rejected_object_is_not_removed_once_the_session_was_written_since():
    ports = rejected_with_its_object()
    before = recorded(ports)
    ports.records.arrange(replace(before, session=before.session.bumped()), START)

    with pytest.raises(Conflict):
        carry_out(ports, before, Remove(UPLOAD_ID, object_on(ports)))

    assert object_on(ports)


def test_the_object_of_another_upload_is_not_removed_for_the_rejected_one():
    ports = rejected_with_its_object()
    stored = object_on(ports)
    ports.objects.mark_deleted(stored.key)
    bring(ports, make_upload(upload_id=UploadId("u_again"), multipart_id="again"))

    assert object_on(ports).etag == stored.etag
    for judged in (stored, object_on(ports)):
        with pytest.raises(Conflict):
            carry_out(ports, recorded(ports), Remove(UPLOAD_ID, judged))
    assert object_on(ports).upload_id == "u_again"


def test_another_version_than_the_one_that_was_judged_is_not_removed():
    ports = rejected_with_its_object()
    stored = object_on(ports)
    ports.objects.mark_deleted(stored.key)
    bring(ports, make_upload(multipart_id="again"))

    with pytest.raises(Conflict, match="another version"):
        carry_out(ports, recorded(ports), Remove(UPLOAD_ID, stored))

    assert object_on(ports)


def test_a_rejection_that_crashed_before_its_delete_marker_is_finished_later():
    upload = make_upload(promise=WRONG, promised_at=START)
    ports = with_object(upload)
    crashing = replace(ports, objects=faulty(ports.objects, Fault("remove", StorageBusy("crash"))))
    with pytest.raises(StorageBusy):
        settled(crashing)

    settled(ports)

    assert ports.objects.head(upload.key) is None


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("method", ["create_multipart", "parts", "complete", "head"])
def test_a_failing_call_to_s3_loses_nothing_and_the_next_round_ends_right(method: str, when: When):
    ports = with_all_parts()
    fault = Fault(method, StorageBusy("SlowDown"), when=when)
    try:
        settled(replace(ports, objects=faulty(ports.objects, fault)))
    except StorageBusy:
        assert settled(ports).receipt

    assert settled(ports).receipt
    assert ports.objects.body(make_upload().key) == BODY


@pytest.mark.parametrize("call", [1, 2, 3, 4])
@pytest.mark.parametrize("when", list(When))
def test_losing_any_write_to_a_rival_ends_right(call: int, when: When):
    ports = with_all_parts()
    fault = Fault("write", Conflict("rival"), call=call, when=when)

    assert settled(replace(ports, records=faulty(ports.records, fault))).receipt


def test_who_always_loses_gives_up_with_a_clear_word():
    ports = with_all_parts()
    faults = [Fault("write", Conflict("rival"), call=call) for call in range(1, 20)]

    with pytest.raises(StorageBusy, match="written by others"):
        settled(replace(ports, records=faulty(ports.records, *faults)))


def test_a_promise_that_s3_refuses_is_taken_back():
    ports = with_all_parts()
    refusing = faulty(ports.objects, Fault("complete", PartsRefused("changed", "InvalidPart")))

    with pytest.raises(PartsRefused):
        settled(replace(ports, objects=refusing))

    assert recorded(ports).upload(UPLOAD_ID).promise is None


def test_a_completion_tried_again_promises_anew_so_that_nobody_withdraws_what_is_being_kept():
    ports = with_all_parts(make_upload(promise=CRC, promised_at=START))
    ports.clock.advance(ports.policy.finalize_patience_s)
    busy = replace(ports, objects=faulty(ports.objects, Fault("complete", StorageBusy("SlowDown"))))

    with pytest.raises(StorageBusy):
        settled(busy)

    assert recorded(ports).upload(UPLOAD_ID).promised_at == ports.clock.now()


def test_an_abort_is_repeated_until_s3_holds_nothing():
    upload = make_upload().expired("late", START)
    ports = memory_ports(make_picture(upload))

    class Lingering:
        """S3 where a part was on its way when the first abort came."""

        aborts = 0

        def __getattr__(self, name):
            return getattr(ports.objects, name)

        def abort(self, key, multipart_id):
            self.aborts += 1
            return self.aborts > 1

    objects = Lingering()
    settle_session(replace(ports, objects=cast(MemoryObjectStore, objects)), SESSION_ID, Actor.RECONCILER)

    assert objects.aborts == 2
    assert not recorded(ports).upload(UPLOAD_ID).owes


def test_settling_a_session_that_is_not_recorded_is_not_found():
    with pytest.raises(NotFound):
        settle_session(memory_ports(), make_session_id("nowhere"), Actor.EVENT)
