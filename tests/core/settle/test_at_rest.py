"""Proof at rest: which receipts the stored bytes must bear out, and what is decided where they do not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.ids import BROWSER, UploadId
from chalicelib.core.session import Damage, Lost, SessionState
from chalicelib.core.settle import Lose
from chalicelib.core.settle.at_rest import at_rest, earlier_versions, may_be_proven, remedy
from tests.core.settle.cases import (
    AUDIO,
    LIGHTS,
    NOW,
    ORDER,
    ORIGINALS,
    OTHER_CRC,
    VIDEO,
    Case,
    cleaned,
    crc_of,
    intended,
    open_gates,
    stored_session,
    upload_of,
    verified,
)

FIRST, SECOND = ORIGINALS
EARLIER = "version-of-u_earlier"


def found(case: Case, version_id: str, good_version_id: str | None = None) -> Case:
    return case.session(damage=(Damage(version_id, "a bit flipped", NOW, good_version_id),))


def restored(case: Case, crc=None) -> Case:
    """The session whose first original was cleaned and restored: an earlier version has the same bytes."""
    earlier = upload_of(case.picture, FIRST, 25, upload_id=UploadId("u_earlier"))
    earlier = verified(replace(earlier, opened_at=earlier.opened_at - timedelta(days=1)))
    assert earlier.receipt
    changed = replace(earlier, receipt=replace(earlier.receipt, crc64nvme=crc or earlier.receipt.crc64nvme))
    return case.uploaded(changed).session(cleaned=(EARLIER,))


def names(case: Case) -> list[str]:
    return [receipt.artifact_id for receipt in at_rest(case.picture)]


def test_everything_that_is_verified_and_not_cleaned_is_at_rest():
    assert sorted(names(open_gates())) == sorted([*ORIGINALS, AUDIO, VIDEO, LIGHTS])
    assert sorted(names(stored_session())) == sorted(ORIGINALS)


@pytest.mark.parametrize("case", [intended, cleaned])
def test_what_a_cleanup_removes_is_not(case: Callable[[], Case]):
    assert sorted(names(case())) == sorted([VIDEO, LIGHTS])


def test_what_an_earlier_order_made_still_is():
    case = open_gates().session(order=replace(ORDER, number=2))

    assert {VIDEO, LIGHTS} <= set(names(case))


def test_what_a_restore_brings_back_cannot_be_proven_yet():
    case = open_gates().session(restoring=(FIRST,))

    assert FIRST not in names(case)
    assert not may_be_proven(case.picture)
    assert may_be_proven(open_gates().picture)


def test_only_the_last_version_of_a_key_is_at_rest():
    receipts = [each for each in at_rest(restored(open_gates()).picture) if each.artifact_id == FIRST]

    assert [each.version_id for each in receipts] == [f"version-of-u_{FIRST}"]


def test_a_finding_loses_exactly_that_version():
    case = found(open_gates(), f"version-of-u_{FIRST}")

    assert case.only(Lose) == Lose(case.receipt(FIRST), "damaged in S3: a bit flipped", None)
    assert case.due() == NOW


@pytest.mark.parametrize("version_id", ["version-of-another", EARLIER])
def test_a_finding_about_another_version_loses_nothing(version_id: str):
    case = found(restored(open_gates()), version_id)

    assert "Lose" not in case.kinds()


def test_a_finding_about_what_was_cleaned_meanwhile_loses_nothing():
    case = found(cleaned(), f"version-of-u_{FIRST}")

    assert case.kinds() == []
    assert case.due() == found(cleaned(), "version-of-another").due()


def test_a_finding_about_what_an_intent_names_stops_the_cleanup():
    case = found(intended(), f"version-of-u_{FIRST}")

    assert case.kinds() == ["Lose"]


def test_a_finding_is_decided_once():
    case = found(open_gates(), f"version-of-{VIDEO}")
    after = case.session(lost=(Lost(VIDEO, f"version-of-{VIDEO}", "damaged", NOW),))

    assert case.kinds() == ["Lose"]
    assert after.kinds() == []


def test_an_earlier_version_of_the_same_bytes_can_bring_it_back():
    case = restored(open_gates())
    receipt = case.receipt(FIRST)

    assert [each.version_id for each in earlier_versions(case.picture, receipt)] == [EARLIER]
    assert found(case, receipt.version_id, EARLIER).only(Lose).good_version_id == EARLIER


def test_an_earlier_version_of_other_bytes_cannot():
    case = restored(open_gates(), OTHER_CRC)
    receipt = case.receipt(FIRST)

    assert crc_of(FIRST) != OTHER_CRC
    assert earlier_versions(case.picture, receipt) == ()
    assert found(case, receipt.version_id, EARLIER).only(Lose).good_version_id is None


def lost(case: Case, *artifact_ids) -> Case:
    losses = (Lost(each, case.receipt(each).version_id, "damaged", NOW) for each in artifact_ids)
    return case.session(lost=tuple(losses))


def test_a_lost_original_is_hauled_again_and_what_was_made_of_it_stands():
    case = lost(open_gates(), FIRST)

    text = remedy(case.picture, FIRST)
    assert "haul the session again" in text
    assert str(VIDEO) in text
    assert case.picture.session.camera.serial in text
    assert case.picture.session.device_id in text


def test_a_lost_original_that_is_copied_back_needs_nobody():
    case = lost(restored(open_gates()), FIRST).session(restoring=(FIRST,))

    assert "copies it back" in remedy(case.picture, FIRST)


def test_a_lost_output_is_made_again_from_its_originals():
    assert remedy(lost(open_gates(), VIDEO).picture, VIDEO).startswith("order the session again")
    assert "haul the lost originals" in remedy(lost(open_gates(), VIDEO, FIRST).picture, VIDEO)
    assert "restore the originals" in remedy(lost(cleaned(), VIDEO).picture, VIDEO)


def test_what_an_earlier_order_lost_is_missed_by_nobody():
    case = lost(open_gates(), VIDEO)

    assert [each.artifact_id for each in case.picture.lost] == [VIDEO]
    assert case.session(order=replace(ORDER, number=2)).picture.lost == ()


def test_a_stored_session_that_lost_what_its_order_requires_fails():
    case = lost(open_gates(), VIDEO).session(state=SessionState.STORED, processed_at=None)

    assert case.kinds() == ["Fail"]


def test_what_can_be_done_about_a_loss_is_told_in_full():
    card = (
        "keep the card of camera C3501324500711 and haul the session again with device d_north; what was made of it "
        "before stands: intermediate.audio.wav, measurements.lights.json, output.enhanced.mp4"
    )
    browser = (
        "keep the film where it was uploaded from, and upload it again into this session; what was made of it before "
        "stands: intermediate.audio.wav, measurements.lights.json, output.enhanced.mp4"
    )
    original = lost(open_gates(), FIRST)
    copied_back = lost(restored(open_gates()), FIRST).session(restoring=(FIRST,))

    assert remedy(original.picture, FIRST) == card
    assert remedy(original.session(device_id=BROWSER).picture, FIRST) == browser
    assert remedy(copied_back.picture, FIRST) == (
        "an earlier version of it is whole, and the coordinator copies it back: wait"
    )
    assert remedy(lost(open_gates(), VIDEO).picture, VIDEO) == "order the session again: its originals stand"
    assert remedy(lost(open_gates(), VIDEO, FIRST).picture, VIDEO) == (
        "haul the lost originals again, then order the session again"
    )
    assert remedy(lost(cleaned(), VIDEO).picture, VIDEO) == (
        "restore the originals while S3 keeps them, release the session, then order it again"
    )


def test_of_a_lost_original_of_which_nothing_was_made_nothing_stands():
    case = lost(stored_session(), FIRST)

    assert remedy(case.picture, FIRST) == (
        "keep the card of camera C3501324500711 and haul the session again with device d_north"
    )
