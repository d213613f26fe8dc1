"""Every gate of cleanup: it alone keeps the session, and opens at its limit."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Spent
from chalicelib.core.evidence import Level
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.keys import INTERMEDIATES, ORIGINALS
from chalicelib.core.order import Order, wish
from chalicelib.core.settle import PlanCleanup, gates
from chalicelib.core.settle.cleaning import may_be_cleaned
from tests.core.settle.cases import (
    AUDIO,
    CHAPTERS,
    LIGHTS,
    NOW,
    OTHER_CRC,
    POLICY,
    PROCESSED_AT,
    SPARE,
    START,
    VIDEO,
    Case,
    intended,
    open_gates,
    receipt_of,
    upload_of,
    verified,
)
from tests.core.settle.closings import (
    CLOSINGS,
    FIRST,
    REPORT,
    SECOND,
    THIRD_CRC,
    accepted_reads,
    broken,
    damaged,
    demanding,
    left_out,
    lost,
    measured,
    minimum,
    promised,
    read_back,
    read_twice,
    reindexed,
    reread,
    unfinished,
    without_receipt,
)

MORE = ArtifactId("measurements.more.json")

IMPLIED = {
    "outputs-verified": {"outputs-stand", "measurements-indexed"},
    "chapters-verified": {"originals-stand"},
    "originals-whole": {"outputs-plausible"},
    "measurements-indexed": {"not-quarantined", "outputs-plausible"},
}
"""What is closed with a gate of necessity: what was never verified cannot stand, what has no index may be poison.

A broken film has no length.
"""

EACH = [
    pytest.param(gate, close, id=f"{gate}: {how}")
    for gate, ways in CLOSINGS.items()
    for how, close in ways.items()
]


def test_every_gate_has_its_cases():
    assert set(CLOSINGS) == {*gates.RECORD, *gates.WORLD}


def test_a_session_whose_every_gate_is_open_is_intended_and_then_cleaned():
    assert open_gates().closed() == {}
    assert open_gates().kinds() == ["PlanCleanup"]
    assert intended().closed() == {}
    assert intended().kinds() == ["Clean", "Clean", "Clean"]


@pytest.mark.parametrize("base", [open_gates, intended])
@pytest.mark.parametrize(("gate", "close"), EACH)
def test_each_gate_alone_keeps_the_session(
    gate: str, close: Callable[[Case], Case], base: Callable[[], Case]
):
    case = close(base())

    assert gate in case.closed()
    if base is open_gates:
        assert set(case.closed()) <= {gate} | IMPLIED.get(gate, set())
    assert not {"PlanCleanup", "Clean"} & set(case.kinds())
    assert case.closed()[gate]


def test_an_operator_who_accepted_the_outputs_lets_originals_go_that_were_hauled_unfinished():
    case = unfinished(open_gates(), FIRST)

    accepted = case.after(case.picture.session.accepted("I watched it"))

    assert case.closed().keys() == {"originals-finished"}
    assert "100GOPRO/GX010038.MP4" in case.closed()["originals-finished"]
    assert (accepted.closed(), accepted.kinds()) == ({}, ["PlanCleanup"])


def test_an_operator_who_accepted_the_outputs_lets_a_broken_film_go_only_where_its_device_marked_it():
    case = broken(open_gates(), FIRST)
    accepted = case.after(case.picture.session.accepted("I watched it"))

    assert accepted.closed().keys() == {"originals-whole"}
    assert f"{FIRST} (it has no moov box)" in accepted.closed()["originals-whole"]
    assert unfinished(accepted, FIRST).closed() == {}


def test_an_operator_who_accepted_a_difference_between_two_reads_lets_the_originals_go():
    case = reread(open_gates(), OTHER_CRC)

    assert case.closed().keys() == {"evidence-agrees"}
    assert OTHER_CRC in case.closed()["evidence-agrees"]
    assert (accepted_reads(case).closed(), accepted_reads(case).kinds()) == ({}, ["PlanCleanup"])
    assert reread(open_gates(), case.receipt(FIRST).crc64nvme).closed() == {}


@pytest.mark.parametrize(
    ("demanded", "known"),
    [
        (Level.READ_ONCE, open_gates),
        (Level.READ_TWICE, lambda: read_twice(open_gates())),
        (Level.READ_TWICE, lambda: read_back(read_twice(open_gates()))),
        (Level.READ_BACK, lambda: read_back(read_twice(open_gates()))),
    ],
)
def test_originals_that_are_known_as_surely_as_is_demanded_may_go(demanded: Level, known: Callable[[], Case]):
    case = demanding(known(), demanded)

    assert (case.closed(), case.kinds()) == ({}, ["PlanCleanup"])


@pytest.mark.parametrize("base", [open_gates, intended])
@pytest.mark.parametrize("gate", [*gates.RECORD])
def test_the_record_alone_tells_that_s3_need_not_be_looked_at(gate: str, base: Callable[[], Case]):
    for close in CLOSINGS[gate].values():
        case = close(base())
        is_intended = case.picture.session.cleanup is not None and gate != "processed"

        assert may_be_cleaned(case.picture, case.now, case.policy) is is_intended


@pytest.mark.parametrize(("seconds", "is_open"), [(-1, False), (0, True), (1, True)])
def test_the_grace_is_over_at_its_end(seconds: int, is_open: bool):
    case = open_gates().at(seconds, PROCESSED_AT + timedelta(seconds=POLICY.grace_s))

    assert ("grace-over" not in case.closed()) is is_open
    assert (case.kinds() == ["PlanCleanup"]) is is_open


@pytest.mark.parametrize("written", [VIDEO, LIGHTS])
@pytest.mark.parametrize(("seconds", "is_open"), [(-1, False), (0, True), (1, True)])
def test_the_grace_is_over_at_its_end_by_s3s_clock_too(seconds: int, is_open: bool, written):
    modified_at = NOW - timedelta(seconds=POLICY.grace_s + seconds)
    case = open_gates().changed(written, modified_at=modified_at)

    assert ("grace-over-in-s3" not in case.closed()) is is_open
    assert (case.kinds() == ["PlanCleanup"]) is is_open


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("seconds", "is_open"), [(-1, True), (0, True), (1, False)])
def test_our_clock_and_s3s_may_differ_by_the_tolerance(seconds: int, is_open: bool, sign: int):
    # Long after the grace by either clock, so that no other gate speaks.
    later = open_gates().at(86_400)
    apart = timedelta(seconds=sign * (POLICY.clock_tolerance_s + seconds))
    case = promised(later, at=later.now + apart)

    assert set(case.closed()) == (set() if is_open else {"clocks-agree"})
    assert (case.kinds() == ["PlanCleanup"]) is is_open


@pytest.mark.parametrize("prefix", [ORIGINALS, INTERMEDIATES])
@pytest.mark.parametrize(("days", "is_open"), [(-1, False), (0, True), (1, True)])
def test_the_bucket_keeps_what_is_cleaned_for_as_long_as_is_promised(prefix: str, days: int, is_open: bool):
    case = open_gates()
    assert case.facts.bucket
    kept = {**case.facts.bucket.keeps_days, prefix: POLICY.restorable_days + days}

    assert (promised(case, keeps_days=kept).kinds() == ["PlanCleanup"]) is is_open


@pytest.mark.parametrize(("objects", "is_open"), [(-1, True), (0, False), (1, False)])
def test_the_breaker_counts_objects_to_the_last(objects: int, is_open: bool):
    case = open_gates().told(spent=Spent(objects=POLICY.cleanup_limit.objects + objects))

    assert (case.kinds() == ["PlanCleanup"]) is is_open


@pytest.mark.parametrize(("size_bytes", "is_open"), [(-1, True), (0, True), (1, False)])
def test_the_breaker_counts_bytes_to_the_last(size_bytes: int, is_open: bool):
    room = POLICY.cleanup_limit.size_bytes - CHAPTERS[0].size_bytes
    case = open_gates().told(spent=Spent(size_bytes=room + size_bytes))

    assert (case.kinds() == ["PlanCleanup"]) is is_open


@pytest.mark.parametrize(("frames", "is_open"), [(0, False), (1, True), (2, True)])
def test_an_index_has_at_least_one_frame(frames: int, is_open: bool):
    case = replace(open_gates(), policy=replace(POLICY, least_frames_a_minute=0))

    assert (reindexed(case, frames=frames).kinds() == ["PlanCleanup"]) is is_open


def test_an_output_without_bytes_of_its_own_is_none():
    case = open_gates()
    receipts = tuple(replace(each, size_bytes=0) for each in case.picture.receipts)
    case = case.recorded(receipts=receipts).changed(VIDEO, size_bytes=0).changed(LIGHTS, size_bytes=0)

    assert set(case.closed()) == {"outputs-stand"}


@pytest.mark.parametrize("artifact_id", [VIDEO, LIGHTS])
def test_the_pinned_version_of_an_output_stands_though_its_writer_left_no_crc64nvme(artifact_id):
    case = open_gates().changed(artifact_id, crc64nvme=None)

    assert case.closed() == {}
    assert set(case.changed(artifact_id, version_id="another").closed()) == {"outputs-stand"}
    assert set(case.changed(artifact_id, size_bytes=6).closed()) == {"outputs-stand"}


def test_what_a_processor_makes_beside_the_order_keeps_nothing_once_it_is_indexed():
    assert measured(open_gates(), SPARE).kinds() == ["PlanCleanup"]


def test_what_ended_without_owing_anything_keeps_nothing():
    case = open_gates()
    ended = upload_of(case.picture, SPARE, upload_id=UploadId("u_late")).expired("late", NOW).aborted()

    assert case.uploaded(ended).kinds() == ["PlanCleanup"]


def test_an_original_that_an_earlier_cleanup_removed_keeps_not_the_others():
    case = open_gates()
    cleaned = case.session(cleaned=(case.receipt(FIRST).version_id,)).gone(FIRST)

    assert [each.artifact_id for each in cleaned.only(PlanCleanup).doomed] == [CHAPTERS[1].artifact_id, AUDIO]


@pytest.mark.parametrize("closed", ["armed", "outputs-stand"])
def test_at_the_last_moment_the_kill_switch_and_the_outputs_are_asked_again(closed: str):
    case = intended()
    seen = case.facts
    assert gates.closed_at_the_last_moment(case.picture, seen, case.now, case.policy) == {}

    for close in CLOSINGS[closed].values():
        changed = close(case)
        found = gates.closed_at_the_last_moment(changed.picture, changed.facts, changed.now, changed.policy)
        assert set(found) == {closed}


def test_a_second_order_is_not_satisfied_by_what_the_first_one_made():
    again = Order(2, wish([VIDEO], {}), START, START)
    case = open_gates().session(order=again)

    assert {"outputs-verified", "outputs-stand"} <= set(case.closed())
    assert verified(upload_of(case.picture, VIDEO)).key != case.picture.receipts[0].key


def test_what_an_operator_left_out_of_the_minimum_keeps_no_session():
    case = left_out(minimum(open_gates(), VIDEO, REPORT), REPORT)

    assert case.closed() == {}


def test_the_gate_names_what_the_order_lacks_of_the_present_minimum():
    assert minimum(open_gates(), VIDEO, REPORT, SPARE).closed() == {
        "minimum-required": f"the deployment requires it and the order does not: {REPORT}, {SPARE}"
    }


def test_each_gate_is_closed_open_or_is_asked_later():
    picture = replace(open_gates().picture, session=replace(open_gates().picture.session, held="wait"))

    states = gates.states(picture, NOW, POLICY)

    assert states
    assert states.closed == {"not-held": "held: wait"}
    assert {*states.closed, *states.open} == set(gates.RECORD)
    assert states.asked_later == tuple(gates.WORLD)


WHY = {
    "processed": {"open": "the session is OPEN", "failed": "no light found"},
    "outputs-required": {"nothing ordered": "the session's order requires no output"},
    "ordered-here": {"the import's own order": "imported, and not ordered here: order the session first"},
    "outputs-verified": {
        "only an earlier order's outputs": "not verified: output.enhanced.mp4, measurements.lights.json"
    },
    "measurements-indexed": {"no index": "measurements.lights.json is not indexed"},
    "chapters-verified": {"no receipt of a chapter": f"not verified: {FIRST}"},
    "nothing-open": {
        "a live upload": "uploads are open: u_measurements.spare.json",
        "something wanted back": f"being restored: {FIRST}",
    },
    "not-held": {"held": "held: look first"},
    "not-quarantined": {
        "poison that nobody requires": "quarantined: measurements.spare.json (not JSON)",
        "measurements that nobody looked into": (
            "nobody looked yet whether it is poison: measurements.spare.json"
        ),
    },
    "originals-finished": {
        "every film was": (
            "hauled unfinished, and no operator accepted the outputs: 100GOPRO/GX010038.MP4, 100GOPRO/GX020038.MP4"
        )
    },
    "originals-whole": {
        "a broken film": f"broken, and kept for a repair: {FIRST} (it has no moov box)",
    },
    "nothing-lost": {"an output that nobody requires": "damaged or lost: measurements.spare.json"},
    "evidence-agrees": {
        "a second read differs": (
            f"two reads differ, keep the card: {FIRST} (the receipt has CRC64NVME AzBJDDi2gkQ=, the card gave "
            "AAAAAAAAAAA=)"
        )
    },
    "evidence-suffices": {
        "read once where twice is demanded": (
            f"the deployment demands read-twice: {FIRST} (read-once), original.100GOPRO.GX020038.MP4 (read-once)"
        )
    },
    "grace-over": {
        "a second before its end": "the grace ends at 2026-11-24 13:00 UTC",
        "nobody knows since when": "nobody recorded when the grace began",
    },
    "armed": {
        "never armed": "cleanup was never armed here: everything is kept",
        "disarmed": "cleanup is disarmed: stop",
    },
    "clocks-agree": {"ours is ahead": "our clock and S3's are 901 s apart"},
    "grace-over-in-s3": {
        "the video was written later": (
            "output.enhanced.mp4 was written at 2026-11-21 13:00 UTC by S3's clock"
        )
    },
    "outputs-stand": {"gone": "no longer what was verified: output.enhanced.mp4"},
    "originals-stand": {
        "an original is gone": "100GOPRO/GX010038.MP4 is gone, and nobody here removed it",
        "an original was not looked at": "100GOPRO/GX010038.MP4 was not looked at",
        "an original of another size": "another object is in the place of 100GOPRO/GX010038.MP4",
    },
    "outputs-plausible": {
        "a chapter that nobody read": f"the length of 1 films is not read yet, such as {FIRST}",
        "a chapter that is no film": "the length of 100GOPRO/GX010038.MP4 cannot be told: no moov",
        "a video that is not a whole film": "output.enhanced.mp4 is not a whole film: no moov",
        "a video that is too short": (
            "output.enhanced.mp4 lasts 9.0 s of the 10.0 s of the chapters, less than 90 %"
        ),
        "measurements that cover too little": (
            "measurements.lights.json covers 5.0 s of the 10.0 s of the chapters, less than 50 %"
        ),
        "measurements with too few frames": (
            "measurements.lights.json has 9 frames for 10.0 s of chapters, less than 60 a minute"
        ),
        "measurements whose times nobody noted": (
            "it is unknown how many seconds measurements.lights.json covers"
        ),
    },
    "breaker": {
        "not known": "what was cleaned today is not known",
        "no object left": (
            "500 objects and 0 bytes were cleaned today; the next one, of 25 bytes, would pass the limit of "
            "500 objects and 4398046511104 bytes a day"
        ),
    },
}


@pytest.mark.parametrize(
    ("gate", "how", "why"), [(gate, how, why) for gate, ways in WHY.items() for how, why in ways.items()]
)
def test_a_closed_gate_tells_an_operator_why(gate: str, how: str, why: str):
    assert CLOSINGS[gate][how](open_gates()).closed()[gate] == why


def test_where_several_outputs_are_lost_each_is_named():
    case = open_gates().gone(VIDEO, LIGHTS)

    assert case.closed()["outputs-stand"] == (
        "no longer what was verified: output.enhanced.mp4, measurements.lights.json"
    )


def test_a_bucket_that_was_not_looked_at_keeps_the_session():
    closed = open_gates().told(bucket=None).closed()

    assert closed == {
        "clocks-agree": "S3's time is not known",
        "grace-over-in-s3": "S3's time is not known",
        "bucket-keeps": "the bucket was not looked at",
    }


@pytest.mark.parametrize(("size_bytes", "is_lost"), [(0, True), (1, False), (2, False)])
def test_an_output_of_a_single_byte_is_one(size_bytes: int, is_lost: bool):
    case = open_gates()
    receipt = replace(case.receipt(VIDEO), size_bytes=size_bytes)
    others = [each for each in case.picture.receipts if each.artifact_id != VIDEO]
    tiny = case.recorded(receipts=(*others, receipt)).changed(VIDEO, size_bytes=size_bytes)

    assert gates.lost_outputs(tiny.picture, tiny.facts) == ((VIDEO,) if is_lost else ())


def test_where_nothing_is_left_to_clean_the_day_need_not_leave_a_byte():
    limit = POLICY.cleanup_limit
    case = open_gates().gone(*(chapter.artifact_id for chapter in CHAPTERS), AUDIO)
    spent = Spent(limit.objects - 1, limit.size_bytes)

    assert "breaker" not in case.told(spent=spent).closed()


def test_the_evidence_of_a_cleanup_is_lost_when_it_is_another_object_gone_or_not_looked_at():
    case = intended()

    def lost(changed: Case) -> tuple[str, ...]:
        return gates.lost_evidence(changed.picture, changed.facts)

    assert lost(case) == ()
    assert lost(case.gone(VIDEO)) == (VIDEO,)
    assert lost(case.unseen(case.key(LIGHTS))) == (LIGHTS,)
    assert lost(case.changed(VIDEO, version_id="another")) == (VIDEO,)
    assert lost(case.gone(VIDEO, LIGHTS)) == (VIDEO, LIGHTS)


def test_a_session_without_a_cleanup_has_no_evidence_to_lose():
    case = open_gates().gone(VIDEO, LIGHTS)

    assert gates.lost_evidence(case.picture, case.facts) == ()


SEVERAL: dict[str, tuple[str, Callable[[Case], Case]]] = {
    "chapters-verified": (
        f"{FIRST}, {SECOND}",
        lambda case: without_receipt(without_receipt(case, FIRST), SECOND),
    ),
    "nothing-open": (
        f"being restored: {FIRST}, {SECOND}",
        lambda case: case.session(restoring=(FIRST, SECOND)),
    ),
    "not-quarantined": (
        "quarantined: measurements.spare.json (not JSON), measurements.more.json (not JSON)",
        lambda case: measured(measured(case, SPARE, quarantine="not JSON"), MORE, quarantine="not JSON"),
    ),
    "nothing-lost": (
        "damaged or lost: intermediate.audio.wav, measurements.spare.json",
        lambda case: damaged(lost(measured(case, SPARE), SPARE), AUDIO),
    ),
    "evidence-agrees": (f"=), {FIRST} (the receipt has", lambda case: reread(case, OTHER_CRC, THIRD_CRC)),
    "originals-whole": (
        f"{FIRST} (it has no moov box), {SECOND} (it has no moov box)",
        lambda case: broken(case, FIRST, SECOND),
    ),
}


@pytest.mark.parametrize("gate", SEVERAL)
def test_a_closed_gate_names_all_that_keep_it_closed(gate: str):
    named, close = SEVERAL[gate]

    assert named in close(open_gates()).closed()[gate]


def test_each_open_upload_and_each_file_that_nobody_looked_into_is_named():
    case = open_gates()
    opened = case.uploaded(upload_of(case.picture, SPARE)).uploaded(upload_of(case.picture, MORE))
    unread = case.picture
    for artifact_id in (SPARE, MORE):
        unread = unread.with_receipt(receipt_of(unread, artifact_id))

    assert (
        opened.closed()["nothing-open"]
        == "uploads are open: u_measurements.more.json, u_measurements.spare.json"
    )
    assert replace(case, picture=unread).closed()["not-quarantined"] == (
        "nobody looked yet whether it is poison: measurements.spare.json, measurements.more.json"
    )


def test_the_reason_of_a_gate_ends_after_1000_characters():
    case = open_gates().film(FIRST, duration_ms=None, fault="it has no moov box " * 60, is_broken=True)

    assert len(case.closed()["originals-whole"]) == 1000
