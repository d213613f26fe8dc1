from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import NotFound, StateConflict
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.session import SessionState
from tests.core.settle.cases import (
    AUDIO,
    CHAPTERS,
    LIGHTS,
    NOW,
    ORDER,
    ORIGINALS,
    SPARE,
    START,
    VIDEO,
    Case,
    cleaned,
    index_of,
    intended,
    made_session,
    open_gates,
    receipt_of,
    stored_session,
    upload_of,
    verified,
)

FIRST, SECOND = ORIGINALS
LATER = START + timedelta(minutes=1)


def uploaded_again(case: Case, artifact_id: ArtifactId) -> Case:
    size_bytes = case.receipt(artifact_id).size_bytes
    again = upload_of(case.picture, artifact_id, size_bytes, upload_id=UploadId("u_again"), opened_at=LATER)
    return case.uploaded(verified(again))


def with_receipt(case: Case, artifact_id: ArtifactId) -> Case:
    return replace(case, picture=case.picture.with_receipt(receipt_of(case.picture, artifact_id)))


def test_an_artifact_stands_where_its_kind_and_order_say():
    picture = open_gates().picture

    assert picture.key(FIRST) == "originals/main/match-17-north/100GOPRO/GX010038.MP4"
    assert picture.key(VIDEO) == "outputs/main/match-17-north/1/enhanced.mp4"
    again = replace(picture, session=replace(picture.session, order=replace(ORDER, number=2)))
    assert again.key(VIDEO) == "outputs/main/match-17-north/2/enhanced.mp4"


def test_a_chapter_that_the_session_has_not_stands_nowhere():
    with pytest.raises(NotFound):
        open_gates().picture.key(ArtifactId("original.100GOPRO.GX090038.MP4"))


def test_without_an_order_nothing_is_made():
    picture = open_gates().session(order=None).picture

    with pytest.raises(StateConflict, match="is not ordered"):
        picture.key(VIDEO)
    assert (picture.required, picture.awaited, [*picture.made], picture.unindexed) == ((), (), [], ())


def test_the_last_verified_upload_speaks_for_its_artifact():
    case = open_gates()
    first = case.receipt(FIRST)
    late = upload_of(case.picture, FIRST, 25, upload_id=UploadId("u_late"), opened_at=LATER)

    assert case.uploaded(late).receipt(FIRST) == first
    assert case.uploaded(late).picture.latest_upload(FIRST) == case.picture.upload(
        first.upload_id or late.upload_id
    )
    again = uploaded_again(case, FIRST)
    assert again.receipt(FIRST).upload_id == "u_again"
    assert [each.upload_id for each in again.picture.receipts_at(case.key(FIRST))] == [
        first.upload_id,
        "u_again",
    ]


def test_without_a_verified_upload_the_last_opened_speaks():
    case = stored_session()
    one = upload_of(case.picture, VIDEO, upload_id=UploadId("u_one"))
    two = upload_of(case.picture, VIDEO, upload_id=UploadId("u_two"), opened_at=LATER)

    assert case.picture.latest_upload(VIDEO) is None
    assert case.uploaded(two).uploaded(one).picture.latest_upload(VIDEO) == two


def test_an_upload_speaks_before_what_a_processor_wrote_itself():
    case = with_receipt(stored_session(), VIDEO)
    assert case.receipt(VIDEO).upload_id is None

    by_upload = case.uploaded(verified(upload_of(case.picture, VIDEO)))
    assert by_upload.receipt(VIDEO).upload_id == f"u_{VIDEO}"
    assert len(by_upload.picture.receipts_at(case.key(VIDEO))) == 2


def test_what_is_required_and_has_no_receipt_is_awaited():
    assert stored_session().picture.awaited == (VIDEO, LIGHTS)
    assert with_receipt(stored_session(), VIDEO).picture.awaited == (LIGHTS,)
    assert made_session().picture.awaited == ()


def test_what_was_made_is_the_present_orders_alone():
    case = with_receipt(open_gates(), SPARE)

    assert [each.artifact_id for each in case.picture.made] == [VIDEO, LIGHTS, SPARE, AUDIO]
    assert [each.artifact_id for each in case.picture.measurements] == [LIGHTS, SPARE]
    assert [*case.session(order=replace(ORDER, number=11)).picture.made] == []


def test_order_one_does_not_take_what_order_eleven_made():
    case = open_gates()
    eleven = replace(case.receipt(VIDEO), key=case.key(VIDEO).replace("/1/", "/11/"))

    assert eleven not in [*replace(case.picture, receipts=(eleven,)).made]


def test_measurements_are_unindexed_until_this_very_version_was_looked_into():
    case = open_gates()
    lights = case.receipt(LIGHTS)

    assert case.picture.unindexed == ()
    assert case.recorded(indexes=()).picture.unindexed == (lights,)
    for changes in ({"version_id": "another"}, {"artifact_id": SPARE}):
        assert case.recorded(indexes=(index_of(lights, **changes),)).picture.unindexed == (lights,)


def test_poison_of_the_present_order_is_quarantined():
    case = open_gates()
    poison = index_of(case.receipt(LIGHTS), quarantine="not JSON")
    poisoned = case.recorded(indexes=(poison,))

    assert poisoned.picture.quarantined == (poison,)
    assert poisoned.picture.unindexed == ()
    assert poisoned.session(order=replace(ORDER, number=2)).picture.quarantined == ()
    assert case.picture.quarantined == ()


def test_the_last_receipt_of_each_original_and_intermediate_can_be_cleaned():
    case = uploaded_again(open_gates(), FIRST)

    assert {(each.artifact_id, each.upload_id) for each in case.picture.cleanable} == {
        (FIRST, "u_again"),
        (SECOND, f"u_{SECOND}"),
        (AUDIO, f"u_{AUDIO}"),
    }


def test_intermediates_of_earlier_orders_can_be_cleaned_and_outputs_never():
    case = open_gates()
    video = case.uploaded(verified(upload_of(case.picture, VIDEO)))
    again = video.session(order=replace(ORDER, number=2))

    assert {each.artifact_id for each in again.picture.cleanable} == {*ORIGINALS, AUDIO}


def test_what_an_intent_names_counts_as_gone_from_then_on():
    names = tuple(chapter.name for chapter in CHAPTERS)

    assert open_gates().picture.gone == ()
    assert intended().picture.gone == names
    assert cleaned().picture.gone == names
    assert uploaded_again(cleaned(), FIRST).picture.gone == names[1:]


def test_what_is_gone_can_be_restored():
    assert open_gates().picture.restorable == ()
    for case in (intended(), cleaned()):
        assert {each.artifact_id for each in case.picture.restorable} == {*ORIGINALS, AUDIO}


def test_an_intermediate_of_an_earlier_order_cannot_be_named_any_more():
    case = cleaned().session(order=replace(ORDER, number=2))

    assert [each.artifact_id for each in case.picture.restorable] == [*ORIGINALS]


def test_a_chapter_without_a_receipt_is_missing():
    case = open_gates()
    first = case.picture.upload(UploadId(f"u_{FIRST}"))

    assert case.picture.missing == ()
    assert case.uploaded(replace(first, receipt=None)).picture.missing == (FIRST,)


def test_a_changed_upload_takes_its_own_place():
    picture = open_gates().picture
    changed = replace(picture.uploads[0], reason="changed")

    assert picture.with_upload(changed).uploads == (changed, *picture.uploads[1:])


def test_a_processed_session_is_what_the_cases_begin_with():
    assert open_gates().picture.session.state is SessionState.PROCESSED
    assert open_gates().now == NOW


def test_what_a_session_counts_for_changes_nothing_that_follows_from_its_record():
    picture = open_gates().picture
    made = picture.made

    after = picture.with_counted({"chapters": 2})

    assert (after, after.counted, picture.counted) == (picture, {"chapters": 2}, {})
    assert after.made is made, "it is worked out again"
