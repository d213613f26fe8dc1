"""A client completes, cancels and looks at an upload: what becomes of it, and what the client hears, word for word."""

import re
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.artifact import Kind
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import (
    Conflict,
    Finalizing,
    MultipartGone,
    NotAFilm,
    NotFound,
    NotPermitted,
    PartsMismatch,
    PartsRefused,
    StateConflict,
    StorageBusy,
    UploadGone,
)
from chalicelib.core.ids import DeviceId, UploadId
from chalicelib.core.keys import BROWSER_FILMS
from chalicelib.core.parts import PartPlan, StoredPart
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Upload, UploadState, Way
from chalicelib.flows import completion
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import ATTEMPTS
from tests.core.settle.cases import verified
from tests.support.builders import (
    DEVICE_ID,
    POLICY,
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_bodies,
    make_chapter,
    make_picture,
    make_upload,
    memory_ports,
    send_parts,
)
from tests.support.faults import Fault, When, faulty, lost_races
from tests.support.log_lines import lines_of
from tests.support.memory import MemoryObjectStore, crc64nvme_of

NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
SOUTH = Principal(Role.DEVICE, "main", DeviceId("d_south"))
PROCESSOR = Principal(Role.PROCESSOR, "main", None)
OPERATOR = Principal(Role.OPERATOR, "main", None)
BODIES = make_bodies(make_upload().plan)
BODY = b"".join(BODIES.values())
CRC = crc64nvme_of(BODY)
WRONG = crc64nvme_of(b"something else")
PAGE = b"<!DOCTYPE html><title>Log in</title>"


def arranged(*numbers: int, upload: Upload | None = None) -> MemoryPorts:
    """Ports with one open upload whose parts `numbers` (none given: all) have arrived."""
    upload = upload or make_upload()
    ports = memory_ports(make_picture(upload))
    send_parts(ports.objects, upload, *numbers)
    return ports


def recorded(ports: MemoryPorts) -> Upload:
    picture = ports.records.picture(SESSION_ID)
    assert picture
    return picture.upload(UPLOAD_ID)


def complete(ports, claim=CRC, principal=NORTH):
    return completion.complete_upload(ports, principal, UPLOAD_ID, claim).upload


def mismatch(ports: MemoryPorts, claim=CRC) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    """What a client hears of its parts: the words, which are missing, and which differ."""
    with pytest.raises(PartsMismatch) as refusal:
        complete(ports, claim)
    return str(refusal.value), refusal.value.missing, refusal.value.differing


def finalizing(ports: MemoryPorts, claim=CRC, principal=NORTH) -> str:
    """What a client hears that may ask again."""
    with pytest.raises(Finalizing) as refusal:
        complete(ports, claim, principal)
    return str(refusal.value)


def test_completing_all_parts_ends_in_a_verified_upload_a_receipt_and_a_stored_session():
    ports = arranged()

    upload = complete(ports)

    assert upload.state is UploadState.VERIFIED
    assert upload.receipt
    assert (upload.receipt.crc64nvme, upload.receipt.size_bytes) == (CRC, 25)
    assert ports.objects.body(upload.key) == BODY
    stored = ports.objects.head(upload.key)
    assert stored
    assert (stored.upload_id, stored.version_id) == (UPLOAD_ID, upload.receipt.version_id)


def test_the_last_chapters_receipt_stores_the_session_at_the_next_look():
    ports = arranged()
    complete(ports)

    picture = settle_session(ports, SESSION_ID, Actor.API)

    assert picture.session.state is SessionState.STORED


def test_completing_again_answers_the_same_receipt():
    ports = arranged()

    assert complete(ports) == complete(ports)


def test_who_names_no_crc_claims_what_the_parts_make():
    ports = arranged()

    assert complete(ports, claim=None).receipt
    assert recorded(ports).claim == CRC


def test_who_names_no_crc_replaces_no_claim():
    ports = arranged()
    with pytest.raises(PartsMismatch):
        complete(ports, claim=WRONG)

    with pytest.raises(PartsMismatch, match="fold to another CRC64NVME"):
        complete(ports, claim=None)

    assert recorded(ports).claim == WRONG


def test_a_late_part_of_an_earlier_try_completes_nothing_that_nobody_has_claimed():
    ports = arranged(1, 2)
    ports.objects.put_part(make_upload().key, make_upload().multipart_id, 3, b"other")

    for actor in (Actor.API, Actor.EVENT, Actor.RECONCILER):
        settle_session(ports, SESSION_ID, actor)
        assert (recorded(ports).state, recorded(ports).promise) == (UploadState.OPEN, None)


@pytest.mark.parametrize(("sent", "missing"), [((1,), (2, 3)), ((1, 2), (3,)), ((2, 3), (1,))])
def test_completing_with_parts_missing_names_them_and_keeps_the_claim_alone(sent, missing):
    ports = arranged(*sent)
    before = recorded(ports)

    assert mismatch(ports) == (f"{len(missing)} parts are missing", missing, ())
    assert recorded(ports) == before.claimed(CRC)


def test_completing_with_a_part_of_another_size_names_it():
    ports = arranged()
    ports.objects.put_part(make_upload().key, make_upload().multipart_id, 3, b"1234")

    assert mismatch(ports) == ("1 parts have another size than planned", (), (3,))
    assert ports.objects.head(make_upload().key) is None


def test_missing_parts_and_those_of_another_size_are_named_together():
    ports = arranged(1, 2)
    ports.objects.put_part(make_upload().key, make_upload().multipart_id, 2, b"1234")

    assert mismatch(ports) == (
        "1 parts are missing and 1 parts have another size than planned",
        (3,),
        (2,),
    )


def test_an_object_that_was_not_put_yet_is_its_only_part():
    upload = make_upload(way=Way.ONE_PUT, multipart_id="", plan=PartPlan(7, 10)).signed(CRC, START)
    ports = memory_ports(make_picture(upload))

    assert mismatch(ports) == (
        "S3 does not have this object yet; send it",
        (1,),
        (),
    )


def test_parts_that_fold_to_another_crc_than_the_device_read_are_never_completed_by_anyone():
    ports = arranged()

    words = (
        "the parts in S3 fold to another CRC64NVME than this device read; compare them with GET and send again what "
        "differs"
    )
    assert mismatch(ports, WRONG) == (words, (), ())
    settle_session(ports, SESSION_ID, Actor.RECONCILER)

    assert recorded(ports).state is UploadState.OPEN
    assert ports.objects.head(make_upload().key) is None


def test_a_disowned_upload_is_completed_once_the_differing_part_was_sent_again():
    ports = arranged()
    upload = make_upload()
    ports.objects.put_part(upload.key, upload.multipart_id, 2, b"rotten....")
    with pytest.raises(PartsMismatch):
        complete(ports)

    send_parts(ports.objects, upload, 2)

    assert complete(ports).receipt
    assert ports.objects.body(upload.key) == BODY


def test_a_part_that_comes_late_is_never_completed_against_the_claim():
    ports = arranged()

    class Late:
        """The bucket, where a PUT that was on its way for long lands after the first look at the parts."""

        def __init__(self) -> None:
            self.looks = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.objects, name)

        def parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...]:
            held = ports.objects.parts(key, multipart_id)
            self.looks += 1
            if self.looks == 1:
                ports.objects.put_part(key, multipart_id, 1, b"!" * 10)
            return held

    with pytest.raises(Finalizing):
        complete(replace(ports, objects=cast(MemoryObjectStore, Late())))

    assert recorded(ports).promise is None
    assert ports.objects.head(make_upload().key) is None
    with pytest.raises(PartsMismatch):
        complete(ports)


def test_a_device_may_correct_its_claim():
    ports = arranged()
    with pytest.raises(PartsMismatch):
        complete(ports, claim=WRONG)

    assert complete(ports).receipt


def test_a_recorded_claim_also_holds_for_a_completion_that_names_none():
    ports = arranged()
    with pytest.raises(PartsMismatch):
        complete(ports, claim=WRONG)

    with pytest.raises(PartsMismatch, match="fold to another"):
        complete(ports, claim=None)


def test_a_receipt_that_its_device_disowns_is_an_error_for_the_operator(caplog: pytest.LogCaptureFixture):
    ports = arranged()
    complete(ports)

    with pytest.raises(StateConflict) as refusal:
        complete(ports, claim=WRONG)

    assert str(refusal.value) == (
        f"the verified object has another CRC64NVME ({CRC}) than this device read ({WRONG}); keep the parts and audit "
        "the chapter"
    )
    assert lines_of(caplog, "receipt disowned") == [
        (
            "ERROR",
            "receipt disowned",
            {"session_id": SESSION_ID, "upload_id": UPLOAD_ID, "claim": WRONG},
        )
    ]
    assert ports.metrics.counts["receipt.disowned"] == 1


def assembled(*, is_told: bool) -> MemoryPorts:
    """Ports where S3 has assembled what was promised without a claim; `is_told`: whoever asked S3 heard of it."""
    upload = make_upload().promised(CRC, START)
    ports = arranged(upload=upload)
    held = ports.objects.parts(upload.key, upload.multipart_id)
    ports.objects.complete(upload.key, upload.multipart_id, held, CRC, 25)
    if is_told:
        ports.records.arrange(make_picture(upload.completed()), START)
    return ports


@pytest.mark.parametrize("is_told", [False, True])
def test_what_was_assembled_before_its_device_claimed_otherwise_is_rejected_and_never_verified(is_told: bool):
    ports = assembled(is_told=is_told)

    assert finalizing(ports, WRONG) == (
        f"S3 assembled parts of CRC64NVME {CRC}, and this device read {WRONG}; the object is about to be rejected: ask "
        "again, then open a new upload"
    )
    settle_session(ports, SESSION_ID, Actor.EVENT)
    assert recorded(ports).receipt is None
    settle_session(ports, SESSION_ID, Actor.RECONCILER)

    assert recorded(ports).state is UploadState.REJECTED
    with pytest.raises(UploadGone, match=re.escape(WRONG)):
        complete(ports, claim=WRONG)


@pytest.mark.parametrize("is_told", [False, True])
def test_what_was_assembled_before_its_device_claimed_the_same_is_verified(is_told: bool):
    assert complete(assembled(is_told=is_told), claim=CRC).receipt


def test_a_claim_that_comes_while_a_part_is_missing_holds_when_the_part_has_come():
    ports = arranged(1, 2)
    with pytest.raises(PartsMismatch):
        complete(ports, claim=WRONG)

    send_parts(ports.objects, make_upload(), 3)
    settle_session(ports, SESSION_ID, Actor.RECONCILER)

    assert ports.objects.head(make_upload().key) is None


def test_a_claim_that_loses_a_race_is_recorded_all_the_same():
    ports = arranged()
    once = replace(ports, records=faulty(ports.records, Fault("write", Conflict("rival"))))

    assert complete(once).receipt
    assert recorded(ports).claim == CRC


def test_a_claim_or_a_cancel_that_others_keep_from_the_record_may_be_asked_for_again():
    ports = arranged()
    words = f"session {SESSION_ID} is being written by others; ask again"

    with pytest.raises(StorageBusy) as busy:
        complete(lost_races(ports, ATTEMPTS))
    assert str(busy.value) == words
    with pytest.raises(StorageBusy) as busy:
        completion.cancel_upload(lost_races(ports, ATTEMPTS), NORTH, UPLOAD_ID)
    assert str(busy.value) == words

    assert ports.objects.head(make_upload().key) is None


@pytest.mark.parametrize("error", [StorageBusy("reply lost"), MultipartGone("second caller")])
def test_a_completion_whose_reply_was_lost_ends_in_the_truth(error):
    ports = arranged()
    lossy = replace(ports, objects=faulty(ports.objects, Fault("complete", error, when=When.AFTER)))
    try:
        complete(lossy)
    except StorageBusy:
        assert recorded(ports).promise == CRC

    assert complete(ports).receipt


def test_no_such_upload_before_any_effect_is_not_taken_for_success():
    ports = arranged()
    upload = make_upload()
    ports.objects.abort(upload.key, upload.multipart_id)

    with pytest.raises(UploadGone, match="gone from S3"):
        complete(ports)

    assert recorded(ports).receipt is None


def test_after_a_promise_the_multipart_upload_may_be_gone_for_a_while():
    ports = arranged(upload=make_upload(promise=CRC, promised_at=START))
    ports.objects.abort(make_upload().key, make_upload().multipart_id)

    assert finalizing(ports) == "S3 is still assembling this object; ask again in a moment"


def test_parts_that_s3_refuses_to_assemble_can_be_sent_again():
    ports = arranged()
    refusing = faulty(ports.objects, Fault("complete", PartsRefused("changed", "InvalidPart")))

    assert mismatch(replace(ports, objects=refusing)) == (
        "S3 refused to assemble the parts (InvalidPart); compare them with GET and send again what differs",
        (),
        (),
    )

    assert recorded(ports).promise is None
    assert complete(ports).receipt


def test_a_foreign_object_on_the_key_is_kept_and_told():
    ports = arranged()
    ports.objects.put_object(make_upload().key, b"somebody else's")

    with pytest.raises(StateConflict) as refusal:
        complete(ports)
    assert str(refusal.value) == "this key has an object that nobody expects; an operator must move it away"

    assert ports.objects.body(make_upload().key) == b"somebody else's"


def test_an_object_that_nobody_expects_is_the_operators_also_where_the_device_disowns_the_promise():
    ports = arranged(upload=make_upload(promise=CRC, promised_at=START))
    ports.objects.abort(make_upload().key, make_upload().multipart_id)
    ports.objects.put_object(make_upload().key, b"somebody else's")

    with pytest.raises(StateConflict):
        complete(ports, claim=WRONG)


def test_an_object_that_is_not_what_was_promised_gets_no_receipt_from_the_api():
    upload = make_upload(promise=WRONG, promised_at=START)
    ports = arranged(upload=upload)
    ports.objects.complete(
        upload.key,
        upload.multipart_id,
        ports.objects.parts(upload.key, upload.multipart_id),
        CRC,
        25,
    )

    with pytest.raises(Finalizing):
        complete(ports)

    assert recorded(ports).receipt is None


@pytest.mark.parametrize(
    "upload",
    [
        make_upload().cancelled(START),
        make_upload().expired("late", START),
        make_upload().rejected("wrong", START),
    ],
)
def test_an_ended_upload_cannot_be_completed(upload: Upload):
    with pytest.raises(UploadGone, match=upload.reason):
        complete(memory_ports(make_picture(upload)))


def test_an_open_upload_is_seen_with_its_parts():
    view = completion.view_upload(arranged(1, 3), NORTH, UPLOAD_ID)

    assert [part.number for part in view.parts] == [1, 3]


def test_asking_after_a_lost_reply_answers_the_receipt():
    ports = arranged()
    lossy = replace(
        ports, objects=faulty(ports.objects, Fault("complete", StorageBusy("lost"), when=When.AFTER))
    )
    with pytest.raises(StorageBusy):
        complete(lossy)

    assert completion.view_upload(ports, NORTH, UPLOAD_ID).upload.receipt


def test_cancelling_keeps_the_parts_and_is_idempotent():
    ports = arranged(1)

    first = completion.cancel_upload(ports, NORTH, UPLOAD_ID)
    again = completion.cancel_upload(ports, NORTH, UPLOAD_ID)

    assert first == again
    assert first.upload.state is UploadState.CANCELLED
    assert len(ports.objects.parts(first.upload.key, first.upload.multipart_id)) == 1


def test_a_cancelled_upload_has_its_time_and_reason_on_record(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    ports = arranged()
    ports.clock.advance(3_600)

    completion.cancel_upload(ports, NORTH, UPLOAD_ID, "another camera")

    assert recorded(ports) == make_upload().cancelled(ports.clock.now(), "another camera")
    assert lines_of(caplog, "upload cancelled") == [
        ("INFO", "upload cancelled", {"session_id": SESSION_ID, "upload_id": UPLOAD_ID})
    ]


@pytest.mark.parametrize(
    ("upload", "error"),
    [
        (make_upload().promised(CRC, START), Finalizing),
        (make_upload().promised(CRC, START).completed(), Finalizing),
        (make_upload().expired("late", START), UploadGone),
        (verified(make_upload()), StateConflict),
    ],
)
def test_what_is_being_finalized_or_has_ended_cannot_be_cancelled(upload: Upload, error):
    ports = memory_ports(make_picture(upload))

    with pytest.raises(error):
        completion.cancel_upload(ports, NORTH, UPLOAD_ID)

    assert recorded(ports) == upload


def test_a_cancel_that_loses_a_race_decides_again():
    ports = arranged(1)
    once = replace(ports, records=faulty(ports.records, Fault("write", Conflict("rival"))))

    assert completion.cancel_upload(once, NORTH, UPLOAD_ID).upload.state is UploadState.CANCELLED


@pytest.mark.parametrize("act", [completion.view_upload, completion.cancel_upload])
def test_an_upload_of_another_device_does_not_exist_for_the_caller(act):
    ports = arranged()

    with pytest.raises(NotFound):
        act(ports, SOUTH, UPLOAD_ID)
    with pytest.raises(NotFound):
        act(ports, NORTH, UploadId("u_none"))


def test_a_processor_completes_and_cancels_no_chapter():
    for act in (
        lambda: completion.complete_upload(arranged(), PROCESSOR, UPLOAD_ID, None),
        lambda: completion.cancel_upload(arranged(), PROCESSOR, UPLOAD_ID),
    ):
        with pytest.raises(NotPermitted):
            act()


def standing_on_the_key(other: Upload) -> MemoryPorts:
    """Ports where all parts of the first upload have arrived, and the object of `other`, an earlier one, stands."""
    upload = make_upload()
    ports = memory_ports(make_picture(other, upload))
    ports.objects.register(other.key, other.upload_id, other.multipart_id)
    send_parts(ports.objects, other)
    held = ports.objects.parts(other.key, other.multipart_id)
    ports.objects.complete(other.key, other.multipart_id, held, CRC, 25)
    send_parts(ports.objects, upload)
    return ports


EARLIER = make_upload(upload_id=UploadId("u_earlier"), multipart_id="earlier")


def test_who_completes_before_a_rejected_object_is_removed_is_asked_to_wait_for_the_reconciler():
    ports = standing_on_the_key(EARLIER.rejected("wrong", START))

    assert finalizing(ports) == (
        "an object that was rejected is being removed from this key; it is completed "
        f"{ports.policy.in_flight_s} s after that at the earliest: ask again"
    )

    settle_session(ports, SESSION_ID, Actor.RECONCILER)
    ports.clock.advance(ports.policy.in_flight_s - 1)
    with pytest.raises(Finalizing, match="being removed"):
        complete(ports)
    ports.clock.advance(1)
    assert complete(ports).receipt


def test_who_completes_onto_the_object_of_an_upload_that_has_ended_hears_that_an_operator_must_look():
    ports = standing_on_the_key(EARLIER.expired("late", START).aborted())

    with pytest.raises(StateConflict, match="operator"):
        complete(ports)


def no_film(chapter: Chapter, **changes) -> MemoryPorts:
    """Ports where the parts of this chapter's upload are those of a page."""
    upload = make_upload(chapter, plan=PartPlan(len(PAGE), 100), **changes)
    picture = make_picture(upload, chapters=[chapter])
    ports = memory_ports(picture, policy=replace(POLICY, checks_films=True))
    ports.objects.put_part(upload.key, upload.multipart_id, 1, PAGE)
    return ports


@pytest.mark.parametrize(
    ("chapter", "principal", "keep"),
    [
        (make_chapter(1, len(PAGE)), NORTH, "card"),
        (Chapter(BROWSER_FILMS, "a.mp4", len(PAGE)), OPERATOR, "file"),
    ],
)
def test_the_answer_about_what_is_no_film_says_to_keep_its_only_copy(
    chapter: Chapter, principal: Principal, keep: str
):
    session = {"device_id": "browser"} if principal is OPERATOR else {}
    ports = no_film(chapter)
    picture = ports.records.picture(SESSION_ID)
    assert picture
    ports.records.arrange(replace(picture, session=replace(picture.session, **session)), START)

    assert finalizing(ports, None, principal) == (
        f"{chapter.artifact_id} is not a film: it begins as a page of HTML or XML does; it is about to be rejected: "
        f"ask again, and keep the {keep}"
    )


def test_a_sidecar_that_is_no_film_is_refused_at_once_with_the_reason():
    chapter = make_chapter(1, len(PAGE))
    artifact_id = f"{Kind.PROXY.value}.{chapter.artifact_id.removeprefix('original.')}"
    ports = no_film(chapter, artifact_id=artifact_id, key=chapter.sidecar_key(SESSION_ID, Kind.PROXY))

    with pytest.raises(NotAFilm, match=f"{artifact_id}: it begins as a page of HTML or XML does"):
        complete(ports, claim=None)
