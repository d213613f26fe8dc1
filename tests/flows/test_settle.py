from datetime import timedelta
from typing import cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Conflict, MultipartGone, NotFound, PartsRefused, StorageBusy
from chalicelib.core.ids import BROWSER, UploadId
from chalicelib.core.landing import Landing
from chalicelib.core.order import Order, wish
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor, Remove
from chalicelib.core.upload import StoredObject, Upload, UploadState
from chalicelib.flows.actions import carry_out
from chalicelib.flows.deadline import Deadline
from chalicelib.flows.settle import settle_in_time, settle_session
from tests.support.builders import (
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_bodies,
    make_chapter,
    make_claimed,
    make_picture,
    make_session_id,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.faults import Fault, When, faulty
from tests.support.log_lines import lines_of
from tests.support.memory import MemoryObjectStore, MovableClock, crc64nvme_of

BODY = b"".join(make_bodies(make_upload().plan).values())
CRC = crc64nvme_of(BODY)
WRONG = crc64nvme_of(b"another")


def with_all_parts(upload: Upload | None = None) -> MemoryPorts:
    upload = upload or make_claimed()
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
    ports = with_all_parts(make_claimed(promise=CRC, promised_at=START))
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


def test_a_session_that_still_has_something_to_do_after_many_rounds_is_not_called_busy():
    ports = memory_ports(make_picture(make_upload().expired("late", START)))

    class NeverDone(MemoryObjectStore):
        """S3 where a part is on its way at each abort."""

        def abort(self, key, multipart_id):
            return False

    picture = settle_session(replace(ports, objects=NeverDone()), SESSION_ID, Actor.RECONCILER)

    assert picture.upload(UPLOAD_ID).owes_abort


def ordered() -> MemoryPorts:
    """Ports with all parts of the only chapter of a session that is ordered."""
    upload = make_claimed()
    ports = memory_ports(make_picture(upload, order=Order(1, wish(["output.enhanced.mp4"], {}), START)))
    send_parts(ports.objects, upload)
    return ports


def test_who_waits_for_a_receipt_does_not_wait_for_the_queue():
    ports = ordered()

    picture = settle_session(ports, SESSION_ID, Actor.API, UPLOAD_ID)
    assert picture.upload(UPLOAD_ID).receipt
    assert ports.orders.sent == []

    settle_session(ports, SESSION_ID, Actor.EVENT)
    assert len(ports.orders.sent) == 1


def test_an_event_inspects_only_the_uploads_of_its_keys():
    ports = with_object(make_upload().promised(CRC, START))

    settle_session(ports, SESSION_ID, Actor.EVENT, keys=["originals/another"])
    assert recorded(ports).upload(UPLOAD_ID).receipt is None

    settle_session(ports, SESSION_ID, Actor.EVENT, keys=[make_upload().key])
    assert recorded(ports).upload(UPLOAD_ID).receipt


def test_only_the_landing_that_somebody_asks_about_is_inspected():
    wanted, other = (
        Landing(UploadId(name), f"{name}.mp4", f"incoming/{SESSION_ID}/{name}", "video/mp4", START, START, 4)
        for name in ("u_wanted", "u_other")
    )
    ports = memory_ports(replace(make_picture(device_id=BROWSER), landings=(wanted, other)))
    for each in (wanted, other):
        ports.objects.land(each.key, b"film", each.landing_id)

    picture = settle_session(ports, SESSION_ID, Actor.API, landing_id=wanted.landing_id)

    assert picture.landing(other.landing_id) == other
    assert picture.landing(wanted.landing_id) != wanted


def test_a_write_that_is_lost_to_another_is_on_the_log(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    ports = with_all_parts()

    settled(replace(ports, records=faulty(ports.records, Fault("write", Conflict("rival")))))

    assert lines_of(caplog, "session written by another") == [
        ("INFO", "session written by another", {"session_id": SESSION_ID})
    ]


class Working(MemoryObjectStore):
    """S3 at whose every assembly a minute goes by."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__(clock)
        self.clock = clock

    def complete(self, *arguments):
        super().complete(*arguments)
        self.clock.advance(60)


def two_uploads() -> tuple[MemoryPorts, list[Upload]]:
    """Ports with all parts of two chapters; each takes a minute to assemble."""
    chapters = (make_chapter(1), make_chapter(2))
    uploads = [
        make_claimed(chapter, upload_id=UploadId(f"u_{number}"), multipart_id=f"m-{number}")
        for number, chapter in enumerate(chapters)
    ]
    ports = memory_ports(make_picture(*uploads, chapters=chapters))
    ports = replace(ports, objects=Working(ports.clock))
    for upload in uploads:
        ports.objects.register(upload.key, upload.upload_id, upload.multipart_id)
        send_parts(ports.objects, upload)
    return ports, uploads


def test_what_was_done_before_the_deadline_is_kept_and_the_rest_stays_due(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    ports, _ = two_uploads()

    picture = settle_in_time(ports, SESSION_ID, Deadline(ports.clock, START + timedelta(seconds=30)))

    assert picture == recorded(ports)
    assert [each.state for each in picture.uploads] == [UploadState.COMPLETED, UploadState.OPEN]
    assert picture.session.state is SessionState.OPEN
    assert lines_of(caplog, "session not ended in its time") == [
        ("INFO", "session not ended in its time", {"session_id": SESSION_ID})
    ]


def test_time_enough_ends_the_session_and_one_upload_alone_where_it_is_named():
    ports, uploads = two_uploads()
    deadline = Deadline(ports.clock, START + timedelta(hours=1))

    named = settle_in_time(ports, SESSION_ID, deadline, uploads[1].upload_id)
    assert [each.receipt is not None for each in named.uploads] == [False, True]

    assert settle_in_time(ports, SESSION_ID, deadline).session.state is SessionState.STORED


def test_nothing_is_begun_after_the_deadline_not_even_what_asks_s3_nothing():
    expired = make_upload(expires_at=START)
    ports = memory_ports(make_picture(expired))
    clock = MovableClock(START)

    class Slow(MemoryObjectStore):
        """S3 that takes a minute to say what a key has; the look asks twice."""

        def parts(self, key, multipart_id):
            raise MultipartGone("gone")

        def head(self, key):
            clock.advance(60)

    deadline = Deadline(clock, START + timedelta(seconds=90))
    picture = settle_in_time(replace(ports, objects=Slow()), SESSION_ID, deadline)

    assert picture.upload(UPLOAD_ID) == expired
