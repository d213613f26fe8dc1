"""Cleanup step by step: intent, markers, proof that they are gone, and a last look before the purge."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.artifact import Kind, sidecar_id
from chalicelib.core.cleanup import Doomed, Refusal, Spent
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import wish
from chalicelib.core.session import SessionState
from chalicelib.core.settle import (
    Abort,
    Clean,
    ConfirmOutputs,
    Finish,
    Inspect,
    Observation,
    PlanCleanup,
    Recall,
    look_again_at,
)
from chalicelib.core.settle.cleaning import FILMS_AT_ONCE
from tests.core.settle.cases import (
    AUDIO,
    CHAPTERS,
    LASTING_MS,
    LIGHTS,
    NOW,
    ORDER,
    ORIGINALS,
    OTHER_CRC,
    POLICY,
    VIDEO,
    Case,
    cleaned,
    intended,
    open_gates,
    receipt_of,
    stored_of,
    upload_of,
    verified,
)
from tests.core.settle.closings import FIRST, accepted_reads, reread

DOOMED = (*ORIGINALS, AUDIO)
LAST_LOOK = NOW + timedelta(seconds=POLICY.last_look_s)


def doomed_of(case: Case, artifact_id) -> Doomed:
    receipt, stored = case.receipt(artifact_id), case.object(artifact_id)
    return Doomed(
        artifact_id,
        receipt.key,
        receipt.version_id,
        stored.etag,
        receipt.size_bytes,
        receipt.crc64nvme,
    )


def at_last_look(case: Case | None = None, seconds: int = 0) -> Case:
    return (case or cleaned()).at(seconds, LAST_LOOK)


def test_the_intent_names_every_original_and_intermediate_and_the_outputs_that_allow_it():
    case = open_gates()

    assert case.only(PlanCleanup) == PlanCleanup(
        tuple(doomed_of(case, artifact_id) for artifact_id in DOOMED),
        (case.receipt(VIDEO), case.receipt(LIGHTS)),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"version_id": "another"},
        {"size_bytes": 6},
        {"crc64nvme": OTHER_CRC},
        {"crc64nvme": None},
    ],
)
def test_an_intermediate_that_is_not_what_was_verified_is_kept(wrong):
    found = open_gates().changed(AUDIO, **wrong).only(PlanCleanup)

    assert [each.artifact_id for each in found.doomed] == [*ORIGINALS]


def test_an_intermediate_that_is_gone_or_was_not_looked_at_is_not_intended():
    case = open_gates()

    for changed in (case.gone(AUDIO), case.unseen(case.key(AUDIO))):
        assert [each.artifact_id for each in changed.only(PlanCleanup).doomed] == [*ORIGINALS]


def test_an_intermediate_of_an_earlier_order_is_cleaned_as_well():
    case = open_gates()
    early = verified(
        upload_of(case.picture, AUDIO, key=case.key(AUDIO).replace("/1/", "/0/"), upload_id="u_early")
    )
    assert early.receipt
    case = case.uploaded(early).seen(early.key, stored_of(early.receipt))

    assert early.key in [each.key for each in case.only(PlanCleanup).doomed]


def test_what_was_uploaded_again_and_verified_is_cleaned_as_its_last_receipt_says():
    case = open_gates()
    again = upload_of(case.picture, ORIGINALS[0], 25, upload_id="u_again", opened_at=NOW)
    case = case.uploaded(verified(again))
    assert "originals-stand" in case.closed()
    case = case.seen(again.key, stored_of(case.receipt(ORIGINALS[0])))
    case = case.inspected(*LASTING_MS, sum(LASTING_MS))

    assert doomed_of(case, ORIGINALS[0]) in case.only(PlanCleanup).doomed


def test_each_object_of_the_intent_gets_its_marker():
    case = intended()

    assert case.owed() == tuple(Clean(doomed_of(case, artifact_id)) for artifact_id in DOOMED)


@pytest.mark.parametrize("gone", [DOOMED[:1], DOOMED[1:], DOOMED[:2]])
def test_what_is_gone_already_is_not_cleaned_again(gone):
    case = intended().gone(*gone)

    assert [action.doomed.artifact_id for action in case.owed() if isinstance(action, Clean)] == [
        each for each in DOOMED if each not in gone
    ]


@pytest.mark.parametrize("changes", [{"version_id": "another"}, {"etag": '"another"'}])
def test_an_object_that_is_not_the_one_of_the_intent_is_kept(changes):
    case = intended().changed(AUDIO, **changes)

    assert [action.doomed.artifact_id for action in case.owed() if isinstance(action, Clean)] == [*ORIGINALS]


def test_an_original_whose_etag_is_not_the_one_of_the_intent_is_kept():
    kinds = intended().changed(ORIGINALS[0], etag='"another"').owed()

    assert ORIGINALS[0] not in [action.doomed.artifact_id for action in kinds if isinstance(action, Clean)]


def test_what_the_intent_names_and_nobody_looked_at_is_kept():
    case = intended()
    case = case.unseen(case.key(AUDIO))

    assert AUDIO not in [action.doomed.artifact_id for action in case.owed() if isinstance(action, Clean)]
    assert "Finish" not in case.gone(*ORIGINALS).kinds()


@pytest.mark.parametrize(("left", "cleaned_now"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)])
def test_no_more_objects_are_cleaned_than_the_day_leaves(left: int, cleaned_now: int):
    case = intended().told(spent=Spent(objects=POLICY.cleanup_limit.objects - left))

    assert case.kinds() == ["Clean"] * cleaned_now


@pytest.mark.parametrize(
    ("left", "cleaned_now"), [(24, 0), (25, 1), (31, 1), (32, 2), (36, 2), (37, 3), (38, 3)]
)
def test_no_more_bytes_are_cleaned_than_the_day_leaves(left: int, cleaned_now: int):
    case = intended().told(spent=Spent(size_bytes=POLICY.cleanup_limit.size_bytes - left))

    assert case.kinds() == ["Clean"] * cleaned_now


def test_a_cleanup_is_finished_once_everything_that_its_intent_names_is_gone():
    assert intended().gone(*DOOMED).owed() == (Finish(),)


@pytest.mark.parametrize("left", DOOMED)
def test_a_cleanup_is_not_finished_while_anything_of_its_intent_stands_or_was_not_looked_at(left):
    case = intended()
    gone = case.gone(*(each for each in DOOMED if each != left))

    assert "Finish" not in gone.kinds()
    assert "Finish" not in gone.unseen(case.key(left)).kinds()
    # Whatever else stands there now: it is not gone.
    assert "Finish" not in gone.changed(left, version_id="another").kinds()


def test_a_cleanup_that_is_over_is_finished_though_a_gate_has_closed_meanwhile():
    assert intended().gone(*DOOMED).session(held="look first").owed() == (Finish(),)


@pytest.mark.parametrize("base", [open_gates, intended])
def test_nothing_is_cleaned_when_the_bucket_was_not_looked_at(base: Callable[[], Case]):
    assert base().told(bucket=None).owed() == ()
    assert base().gone(*DOOMED).told(bucket=None).owed() == ()


@pytest.mark.parametrize("state", [state for state in SessionState if state is not SessionState.PROCESSED])
def test_only_a_processed_session_is_cleaned(state: SessionState):
    for case in (open_gates(), intended(), intended().gone(*DOOMED)):
        assert not {"PlanCleanup", "Clean", "Finish"} & set(case.session(state=state, cleaned_at=NOW).kinds())


@pytest.mark.parametrize(("seconds", "is_due"), [(-1, False), (0, True), (1, True)])
def test_a_cleaned_session_is_looked_at_a_day_before_the_purge(seconds: int, is_due: bool):
    case = at_last_look(seconds=seconds)

    assert case.due() == LAST_LOOK
    assert case.owed() == ((ConfirmOutputs(),) if is_due else ())


def test_the_last_look_counts_from_the_intent_and_not_from_the_last_marker():
    late = cleaned().session(cleaned_at=NOW + timedelta(days=5))

    assert late.due() == LAST_LOOK
    assert at_last_look(late).owed() == (ConfirmOutputs(),)


def test_a_guarded_session_is_owed_nothing_more():
    case = at_last_look()
    guarded = case.after(case.picture.session.guarded())

    assert guarded.owed() == ()
    assert guarded.due() is None
    assert guarded.gone(VIDEO).owed() == ()


@pytest.mark.parametrize("lost", [VIDEO, LIGHTS])
def test_originals_are_recalled_when_an_output_is_lost_before_they_are_purged(lost):
    for case in (at_last_look().gone(lost), at_last_look().changed(lost, version_id="another")):
        recall = case.only(Recall)

        assert recall.artifact_ids == ORIGINALS
        assert lost in recall.reason


def test_originals_are_recalled_when_a_second_read_of_a_card_turns_out_to_differ():
    differing = reread(at_last_look(), OTHER_CRC, at_last_look().receipt(FIRST).crc64nvme)

    assert differing.only(Recall).artifact_ids == ORIGINALS
    assert FIRST in differing.only(Recall).reason
    assert accepted_reads(differing).owed() == (ConfirmOutputs(),)
    assert reread(at_last_look(), at_last_look().receipt(FIRST).crc64nvme).owed() == (ConfirmOutputs(),)


def test_the_last_look_decides_nothing_about_what_was_not_looked_at():
    case = at_last_look()

    assert case.unseen(case.key(VIDEO)).owed() == ()
    assert case.unseen(case.key(LIGHTS)).gone(VIDEO).owed() == ()


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, True), (0, True), (1, False)])
def test_a_clock_that_is_ahead_ends_no_last_look(seconds: int, is_over: bool):
    case = at_last_look()
    assert case.facts.bucket
    behind = case.now - timedelta(seconds=POLICY.clock_tolerance_s + seconds)

    assert case.told(bucket=replace(case.facts.bucket, at=behind)).owed() == (
        (ConfirmOutputs(),) if is_over else ()
    )
    assert case.told(bucket=None).owed() == ()


def test_lost_outputs_are_a_reason_to_recall_by_any_clock():
    assert at_last_look().gone(VIDEO).told(bucket=None).kinds() == ["Recall"]


def test_an_output_whose_writer_left_no_crc64nvme_is_no_reason_to_recall():
    assert at_last_look().changed(VIDEO, crc64nvme=None).owed() == (ConfirmOutputs(),)


@pytest.mark.parametrize(("seconds", "is_due"), [(-1, False), (0, True), (1, True)])
def test_a_cleanup_that_came_to_no_end_is_recalled_before_its_first_marker_is_purged(
    seconds: int, is_due: bool
):
    half_way = at_last_look(intended().gone(ORIGINALS[0]), seconds)

    for stuck in (half_way.session(held="look first"), half_way.gone(VIDEO), half_way.told(arming=None)):
        assert stuck.kinds() == (["Recall"] if is_due else [])
    assert half_way.kinds() == (["Recall"] if is_due else ["Clean"] * 2)


def test_a_cleanup_that_is_over_is_finished_however_late():
    assert at_last_look(intended().gone(*DOOMED)).owed() == (Finish(),)


def refused(case: Case, **changes) -> Case:
    """This case after S3 refused a removal at NOW."""
    cleanup = case.picture.session.cleanup
    assert cleanup
    return case.session(cleanup=replace(cleanup, refusal=Refusal("v", NOW, "AccessDenied")), **changes)


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, False), (0, True), (1, True)])
def test_after_s3_refused_a_removal_nothing_is_removed_for_a_while(seconds: int, is_over: bool):
    resting = refused(intended()).at(POLICY.cleanup_patience_s + seconds, NOW)

    assert resting.kinds() == (["Clean"] * 3 if is_over else [])


def test_a_cleanup_that_s3_refused_is_due_when_its_rest_is_over():
    rest_ends = NOW + timedelta(seconds=POLICY.cleanup_patience_s)
    resting = refused(intended()).at(POLICY.cleanup_patience_s - 1, NOW)

    assert look_again_at(resting.picture, resting.now, resting.policy) == rest_ends


def test_a_session_that_is_cleaned_does_not_wait_for_what_s3_once_refused():
    over = refused(cleaned())

    assert over.due() == LAST_LOOK


def test_a_recall_says_why():
    assert at_last_look().gone(VIDEO, LIGHTS).only(Recall).reason == (
        "restored because it is no longer what was verified: output.enhanced.mp4, measurements.lights.json"
    )
    half_way = at_last_look(intended().gone(ORIGINALS[0]))
    assert half_way.only(Recall).reason == "restored because its cleanup did not finish in time"
    both = reread(reread(at_last_look(), OTHER_CRC), OTHER_CRC, artifact_id=ORIGINALS[1])
    assert both.only(Recall).reason == (
        f"restored because two reads of the card differ, and no operator accepted that: {FIRST}, {ORIGINALS[1]}"
    )


def test_a_recall_names_every_original_however_long_its_reason():
    artifact_ids = tuple(ArtifactId(f"output.{'long' * 20}{number}.mp4") for number in range(10))
    order = replace(ORDER, wish=wish(artifact_ids, {}))
    recall = at_last_look().session(order=order)
    recall = recall.seen(recall.key(VIDEO), None)
    keys = [recall.key(artifact_id) for artifact_id in artifact_ids]
    reason = recall.told(stored={**recall.facts.stored, **dict.fromkeys(keys)}).only(Recall)

    assert reason.artifact_ids == ORIGINALS
    assert len(reason.reason) == 500


def test_films_are_read_a_few_at_a_time_and_only_once_every_other_gate_is_open():
    case = open_gates().session(films=())

    assert case.only(Inspect).receipts == tuple(case.receipt(each) for each in (*ORIGINALS, VIDEO))
    assert case.told(arming=None).owed() == ()


@pytest.mark.parametrize("films", [FILMS_AT_ONCE - 1, FILMS_AT_ONCE, FILMS_AT_ONCE + 1])
def test_no_more_than_twenty_films_are_read_in_one_look(films: int):
    videos = tuple(ArtifactId(f"output.{number:02}.mp4") for number in range(films))
    case = open_gates()
    case = case.session(order=replace(ORDER, wish=wish(videos, {})))
    made = tuple(receipt_of(case.picture, video) for video in videos)
    case = case.recorded(receipts=(*case.picture.receipts, *made))
    case = case.told(stored={**case.facts.stored, **{each.key: stored_of(each) for each in made}})

    assert len(case.only(Inspect).receipts) == min(films, FILMS_AT_ONCE)


def test_a_removal_that_the_day_leaves_no_room_for_waits_and_those_after_it_too():
    """The day leaves room for the intermediate, which comes last, but not for the first original."""
    limit = POLICY.cleanup_limit
    spent = Spent(0, limit.size_bytes - CHAPTERS[1].size_bytes)

    assert intended().told(spent=spent).owed() == ()


def test_nothing_is_removed_while_nobody_knows_what_was_removed_today():
    assert intended().told(spent=None).owed() == ()


@pytest.mark.parametrize("removing", [open_gates, intended], ids=["planned", "under way"])
def test_while_originals_are_removed_the_uploads_of_sidecars_wait(removing: Callable[[], Case]):
    case = removing()
    proxy = sidecar_id(FIRST, Kind.PROXY)
    sidecar = upload_of(case.picture, proxy).expired("late", NOW)
    beside = case.uploaded(sidecar).told(uploads={sidecar.upload_id: Observation(None, None)})

    assert beside.owed() == case.owed()
    assert Abort(sidecar.upload_id) in beside.told(arming=None).owed()
