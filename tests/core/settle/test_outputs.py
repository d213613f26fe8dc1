"""What is owed to a session for what its processor made."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.manifest import Manifest, Stated
from chalicelib.core.order import Order, wish
from chalicelib.core.session import ChecksumCopy, Lost, SessionState
from chalicelib.core.settle import (
    ComputeChecksum,
    DropChecksumCopy,
    Facts,
    Fail,
    IndexMeasurements,
    Policy,
    Process,
    VerifyOutput,
    settle,
)
from chalicelib.core.settle.outputs import (
    MOST_COMPUTED_BYTES,
    awaits_outputs,
    fault_on_record,
    is_processed,
    judge_computed,
)
from chalicelib.core.upload import StoredObject, Upload
from tests.core.settle.cases import (
    AUDIO,
    LIGHTS,
    ORDER,
    OTHER_CRC,
    SPARE,
    START,
    VIDEO,
    Case,
    crc_of,
    index_of,
    made_session,
    open_gates,
    receipt_of,
    stored_of,
    stored_session,
    upload_of,
    verified,
)
from tests.support.builders import EMPTY, make_picture

THUMB = ArtifactId("output.thumb.jpg")


def stated(artifact_id: ArtifactId, size_bytes: int = 5) -> Stated:
    return Stated(artifact_id, size_bytes, crc_of(artifact_id))


def written(case: Case, artifact_id: ArtifactId, **changes) -> StoredObject:
    """What a processor wrote itself."""
    return stored_of(receipt_of(case.picture, artifact_id), **changes)


def with_manifest(case: Case, *artifact_ids: ArtifactId, **changes) -> Case:
    """The session after a processor wrote all of these and then said so; the first one with `changes`."""
    first, *others = artifact_ids
    stored = [written(case, first, **changes), *(written(case, each) for each in others)]
    case = case.told(manifest=Manifest(tuple(stated(each) for each in artifact_ids)))
    return case.told(stored={each.key: each for each in stored})


def rejected(case: Case, artifact_id: ArtifactId = VIDEO, **changes) -> Upload:
    return upload_of(case.picture, artifact_id, **changes).rejected("wrong bytes", START).aborted()


def test_what_the_manifest_states_and_the_bucket_shows_is_pinned():
    case = with_manifest(stored_session(), VIDEO, LIGHTS)

    assert case.owed() == (
        VerifyOutput(VIDEO, written(case, VIDEO)),
        VerifyOutput(LIGHTS, written(case, LIGHTS)),
    )


def test_what_nobody_requires_is_pinned_as_well():
    case = with_manifest(stored_session(), THUMB)

    assert case.owed() == (VerifyOutput(THUMB, written(case, THUMB)),)


def test_without_a_manifest_nothing_is_pinned():
    case = with_manifest(stored_session(), VIDEO)

    assert case.told(manifest=None).owed() == ()


def test_what_is_stated_and_does_not_stand_there_yet_is_waited_for():
    case = with_manifest(stored_session(), VIDEO, LIGHTS)

    assert [
        action.artifact_id
        for action in case.seen(case.key(VIDEO), None).owed()
        if isinstance(action, VerifyOutput)
    ] == [LIGHTS]
    assert case.told(stored={}).owed() == ()


def test_what_has_its_receipt_is_not_pinned_again():
    case = with_manifest(stored_session(), VIDEO)
    pinned = replace(case, picture=case.picture.with_receipt(receipt_of(case.picture, VIDEO)))

    assert pinned.owed() == ()


def test_an_object_whose_crc64nvme_nobody_knows_yet_has_it_computed_and_is_neither_pinned_nor_a_fault():
    case = with_manifest(stored_session(), VIDEO, crc64nvme=None)

    action = case.only(ComputeChecksum)
    assert action.stated.artifact_id == VIDEO
    assert judge_computed(
        action.stated, replace(action.stored, crc64nvme=action.stated.crc64nvme)
    ) == VerifyOutput(VIDEO, replace(action.stored, crc64nvme=action.stated.crc64nvme))
    assert isinstance(judge_computed(action.stated, replace(action.stored, crc64nvme=OTHER_CRC)), Fail)


def copying(case: Case, **changes: Any) -> Case:
    """The case while S3 computes the CRC64NVME of the video."""
    key = case.picture.key(VIDEO)
    copy = replace(ChecksumCopy(VIDEO, key, "version", "multipart", 8), **changes)
    return case.session(checksum_copy=copy)


def test_the_copy_of_an_output_that_is_still_awaited_is_kept():
    assert DropChecksumCopy not in [type(each) for each in copying(stored_session()).owed()]


@pytest.mark.parametrize(
    "ended",
    [
        lambda: copying(stored_session(), key="outputs/of/an/earlier/order"),
        lambda: copying(made_session()),
        lambda: copying(stored_session()).session(state=SessionState.FAILED, failure="no light"),
        lambda: copying(stored_session()).session(state=SessionState.OPEN),
        lambda: copying(stored_session()).session(order=None),
    ],
)
def test_the_copy_of_what_nobody_waits_for_any_more_is_dropped(ended: Callable[[], Case]):
    assert DropChecksumCopy in [type(each) for each in ended().owed()]


def test_an_object_of_one_of_our_uploads_gets_its_receipt_by_that_upload():
    case = stored_session()
    upload = upload_of(case.picture, VIDEO)
    case = with_manifest(case.uploaded(upload), VIDEO, upload_id=upload.upload_id, size_bytes=4)

    assert case.owed() == ()


@pytest.mark.parametrize(
    "wrong", [{"size_bytes": 0}, {"size_bytes": 4}, {"size_bytes": 6}, {"crc64nvme": OTHER_CRC}]
)
@pytest.mark.parametrize("artifact_id", [VIDEO, THUMB])
def test_an_object_that_is_not_what_the_manifest_states_fails_the_session(wrong, artifact_id):
    case = with_manifest(stored_session(), artifact_id, LIGHTS, **wrong)

    assert artifact_id in case.only(Fail).reason
    assert "its manifest states 5" in case.only(Fail).reason


def test_a_wrong_size_fails_the_session_though_nobody_knows_the_crc64nvme():
    assert with_manifest(stored_session(), VIDEO, size_bytes=4, crc64nvme=None).kinds() == ["Fail"]


def test_a_manifest_that_cannot_be_believed_fails_the_session():
    assert stored_session().told(manifest=Manifest(fault="it is not JSON")).owed() == (
        Fail("it is not JSON"),
    )


def test_a_rejected_output_fails_the_session():
    case = stored_session()
    failed = case.uploaded(rejected(case))

    assert failed.owed() == (Fail(f"{VIDEO}: wrong bytes"),)


def test_a_rejected_output_fails_the_session_though_its_processor_has_opened_another_upload():
    case = stored_session()
    again = upload_of(
        case.picture, VIDEO, upload_id=UploadId("u_again"), opened_at=START + timedelta(seconds=1)
    )

    assert case.uploaded(rejected(case)).uploaded(again).kinds() == ["Fail"]


@pytest.mark.parametrize("artifact_id", [THUMB, AUDIO, SPARE])
def test_a_rejected_upload_of_what_nobody_requires_fails_nothing(artifact_id):
    case = stored_session()

    assert case.uploaded(rejected(case, artifact_id)).owed() == ()


def test_a_rejected_upload_of_an_earlier_order_fails_nothing():
    case = stored_session()
    case = case.uploaded(rejected(case)).session(order=replace(ORDER, number=2))

    assert case.owed() == ()


def test_a_rejected_upload_of_what_is_verified_by_now_fails_nothing():
    case = made_session()

    assert case.uploaded(rejected(case)).owed() == (Process(),)


def test_poison_among_what_is_required_fails_the_session():
    case = made_session()
    poison = case.recorded(indexes=(index_of(case.receipt(LIGHTS), frames=0, quarantine="not JSON"),))

    assert poison.owed() == (Fail(f"{LIGHTS} is poison: not JSON"),)


def test_poison_that_nobody_requires_does_not_fail_the_session():
    case = made_session()
    spare = receipt_of(case.picture, SPARE)
    case = replace(
        case, picture=case.picture.with_receipt(spare).with_index(index_of(spare, quarantine="not JSON"))
    )

    assert case.owed() == (Process(),)


def test_a_faulty_session_pins_nothing_more():
    case = with_manifest(stored_session(), VIDEO, LIGHTS, size_bytes=4)

    assert case.kinds() == ["Fail"]


def test_a_session_with_everything_verified_and_indexed_is_processed():
    assert made_session().owed() == (Process(),)


def test_a_session_of_which_anything_is_awaited_is_not_processed():
    case = made_session()

    for receipt in case.picture.receipts:
        others = tuple(each for each in case.picture.receipts if each != receipt)
        assert "Process" not in case.recorded(receipts=others).kinds()
    assert "Process" not in case.session(order=None).kinds()
    assert not is_processed(case.session(order=replace(ORDER, wish=replace(ORDER.wish, required=()))).picture)


@pytest.mark.parametrize(("frames", "processed"), [(0, False), (1, True), (2, True)])
def test_measurements_need_a_frame_to_count_as_indexed(frames: int, processed: bool):
    case = made_session()
    indexed = case.recorded(indexes=(index_of(case.receipt(LIGHTS), frames=frames),))

    assert ("Process" in indexed.kinds()) is processed


@pytest.mark.parametrize("changes", [{"version_id": "another"}, {"artifact_id": SPARE}])
def test_an_index_of_something_else_does_not_make_a_session_processed(changes):
    case = made_session()
    other = case.recorded(indexes=(index_of(case.receipt(LIGHTS), **changes),))

    assert other.owed() == (IndexMeasurements(case.receipt(LIGHTS)),)


def test_an_order_without_measurements_waits_for_no_index():
    case = made_session().session(order=replace(ORDER, wish=wish([VIDEO], {})))

    assert case.recorded(indexes=(), receipts=case.picture.receipts[:1]).owed() == (Process(),)


@pytest.mark.parametrize("by_upload", [False, True])
@pytest.mark.parametrize("artifact_id", [LIGHTS, SPARE])
@pytest.mark.parametrize("base", [stored_session, open_gates])
def test_measurements_are_indexed_once_whoever_brought_them(base, artifact_id, by_upload: bool):
    case = base()
    receipt = receipt_of(case.picture, artifact_id)
    case = case.recorded(
        receipts=tuple(each for each in case.picture.receipts if each.artifact_id != artifact_id)
    )
    case = case.recorded(
        indexes=tuple(each for each in case.picture.indexes if each.artifact_id != artifact_id)
    )
    if by_upload:
        upload = verified(upload_of(case.picture, artifact_id))
        case, receipt = case.uploaded(upload), upload.receipt or receipt
    else:
        case = replace(case, picture=case.picture.with_receipt(receipt))

    assert case.owed() == (IndexMeasurements(receipt),)
    indexed = replace(case, picture=case.picture.with_index(index_of(receipt)))
    assert "IndexMeasurements" not in indexed.kinds()


@pytest.mark.parametrize("state", [SessionState.OPEN, SessionState.FAILED, SessionState.CLEANED])
def test_in_no_other_state_anything_is_done_for_outputs(state: SessionState):
    case = with_manifest(stored_session(), VIDEO, LIGHTS)
    case = case.uploaded(rejected(case)).session(state=state)
    kinds = case.recorded(chapters=()).kinds() if state is SessionState.OPEN else case.kinds()

    assert not {"VerifyOutput", "Fail", "Process", "IndexMeasurements"} & set(kinds)


def test_outputs_are_awaited_once_the_order_was_sent():
    case = stored_session()

    assert awaits_outputs(case.picture)
    assert not awaits_outputs(case.session(order=replace(ORDER, sent_at=None)).picture)
    assert not awaits_outputs(case.session(order=None).picture)
    assert not awaits_outputs(case.session(state=SessionState.FAILED).picture)
    assert not awaits_outputs(made_session().picture)


def test_a_session_of_which_everything_is_there_already_sends_no_order():
    case = made_session().session(order=replace(ORDER, sent_at=None))

    assert case.owed() == (Process(),)


def test_an_order_that_replaces_another_begins_with_nothing_made():
    case = made_session()
    again = case.after(case.picture.session.ordered(wish([VIDEO], {}), START))

    assert again.kinds() == ["SendOrder"]
    assert again.picture.awaited == (VIDEO,)
    assert fault_on_record(again.uploaded(rejected(case)).picture) is None


@pytest.mark.parametrize(("more", "fails"), [(-1, False), (0, False), (1, True)])
def test_an_output_without_crc64nvme_that_is_too_large_to_be_computed_fails_its_order(more: int, fails: bool):
    size_bytes = MOST_COMPUTED_BYTES + more
    picture = make_picture(
        state=SessionState.STORED,
        order=Order(1, wish(["output.a.mp4"], {}), START, sent_at=START),
        chapters=[],
    )
    key = picture.key(ArtifactId("output.a.mp4"))
    facts = Facts(
        manifest=Manifest((Stated(ArtifactId("output.a.mp4"), size_bytes, EMPTY),)),
        stored={key: StoredObject(key, size_bytes, None, '"e"', "v1", None, START)},
    )

    owed = settle(picture, facts, START, Policy())

    assert [type(action) for action in owed] == ([Fail] if fails else [ComputeChecksum])


def test_a_session_is_not_processed_while_a_stated_output_that_nobody_requires_lacks_its_proof():
    """Afterwards nobody looks at the manifest again: the output would never have its receipt."""
    case = with_manifest(made_session(), THUMB, crc64nvme=None)

    assert case.kinds() == ["ComputeChecksum"]
    assert with_manifest(made_session(), THUMB).kinds() == ["VerifyOutput", "Process"]
    assert with_manifest(made_session(), THUMB).told(stored={}).kinds() == ["Process"]


def test_an_output_that_was_lost_is_not_verified_again_where_it_stands():
    case = with_manifest(made_session(), THUMB)
    loss = Lost(THUMB, written(case, THUMB).version_id, "damaged", START)
    receipt = receipt_of(case.picture, THUMB, version_id=loss.version_id)
    case = case.recorded(receipts=(*case.picture.receipts, receipt)).session(lost=(loss,))

    assert case.picture.receipt(THUMB) is None
    assert case.kinds() == ["Process"]


def test_what_a_computed_checksum_shows_is_told():
    computed = stored_of(receipt_of(stored_session().picture, THUMB), crc64nvme=OTHER_CRC)

    assert judge_computed(stated(THUMB), computed) == Fail(
        f"{THUMB} has 5 bytes and CRC64NVME {OTHER_CRC}; its manifest states 5 and {crc_of(THUMB)}"
    )
