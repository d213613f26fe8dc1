"""A scrub looks at originals that should exist, brings back what is gone or replaced, and ends when all are proven."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.ids import UploadId
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Facts, Repair, Scrubbed
from chalicelib.core.settle.scrubbing import is_scrub_due, scrub_at, to_scrub
from tests.core.settle.cases import (
    AUDIO,
    NOW,
    ORIGINALS,
    OTHER_CRC,
    POLICY,
    START,
    VIDEO,
    Case,
    cleaned,
    intended,
    open_gates,
    stored_session,
    upload_of,
    verified,
)
from tests.support.builders import make_chapter, make_picture

FIRST, SECOND = ORIGINALS
SCRUB = timedelta(seconds=POLICY.scrub_s)


def due(seconds: int = 0) -> Case:
    """A processed session of which nothing else is owed, so long after its originals were due for a scrub."""
    case = open_gates().session(scrubbed_at=NOW)
    return case.at(seconds, NOW + SCRUB).told(arming=None)


def names(case: Case) -> list[str]:
    return [receipt.artifact_id for receipt in to_scrub(case.picture)]


# which originals should exist


def test_the_originals_of_a_session_should_exist_and_nothing_else_is_scrubbed():
    assert names(open_gates()) == [*ORIGINALS]
    assert names(stored_session()) == [*ORIGINALS]


@pytest.mark.parametrize("case", [cleaned, intended], ids=["cleaned", "being cleaned"])
def test_what_a_cleanup_removes_is_not_scrubbed(case: Callable[[], Case]):
    assert names(case()) == []
    assert scrub_at(case().picture, POLICY) is None
    assert not is_scrub_due(case().picture, NOW + 10 * SCRUB, POLICY)


def test_what_an_earlier_cleanup_removed_and_what_is_brought_back_is_not_scrubbed():
    case = open_gates()
    gone = case.session(cleaned=(case.receipt(FIRST).version_id,))

    assert names(gone) == [SECOND]
    assert names(case.session(restoring=(SECOND,))) == [FIRST]


def test_a_cleaned_session_is_not_scrubbed_whatever_its_intent():
    assert names(open_gates().session(state=SessionState.CLEANED)) == []


def test_an_original_without_a_receipt_is_not_scrubbed():
    case = open_gates()
    others = tuple(each for each in case.picture.uploads if each.artifact_id != FIRST)

    assert names(case.recorded(uploads=others)) == [SECOND]


# when


@pytest.mark.parametrize(("seconds", "is_due"), [(-1, False), (0, True), (1, True)])
def test_originals_are_scrubbed_six_days_after_the_last_scrub(seconds: int, is_due: bool):
    case = due(seconds)

    assert scrub_at(case.picture, POLICY) == NOW + SCRUB
    assert is_scrub_due(case.picture, case.now, POLICY) is is_due
    assert case.owed() == ((Scrubbed(),) if is_due else ())


def test_the_first_scrub_counts_from_the_first_receipt():
    case = open_gates()
    later = START + timedelta(days=1)
    second = next(each for each in case.picture.uploads if each.artifact_id == SECOND)
    assert second.receipt
    case = case.uploaded(replace(second, receipt=replace(second.receipt, verified_at=later)))

    assert scrub_at(case.picture, POLICY) == START + SCRUB


# what is found


def test_a_scrub_ends_once_every_original_is_proven():
    assert due().only(Scrubbed) == Scrubbed()


def test_an_original_that_is_gone_is_brought_back():
    assert due().gone(FIRST).only(Repair) == Repair(
        (FIRST,), f"originals that nobody here removed are gone: {FIRST}"
    )


def test_an_original_that_was_replaced_is_brought_back():
    assert due().changed(SECOND, version_id="another").only(Repair) == Repair(
        (SECOND,), f"originals that nobody here removed are replaced: {SECOND}"
    )


def test_all_that_is_gone_or_replaced_is_brought_back_at_once():
    found = due().gone(SECOND).changed(FIRST, version_id="another").only(Repair)

    assert found.artifact_ids == (SECOND, FIRST)
    assert found.reason == f"originals that nobody here removed are gone: {SECOND}; replaced: {FIRST}"
    assert due().gone(*ORIGINALS).only(Repair).reason.endswith(f"gone: {FIRST}, {SECOND}")


@pytest.mark.parametrize("unseen", ORIGINALS)
def test_while_an_original_was_not_looked_at_nothing_is_decided(unseen):
    case = due().gone(*ORIGINALS)

    assert case.unseen(case.key(unseen)).owed() == ()


@pytest.mark.parametrize(
    "changes",
    [{"crc64nvme": None}, {"crc64nvme": OTHER_CRC}, {"size_bytes": 1}, {"upload_id": UploadId("u_other")}],
    ids=["no checksum", "another checksum", "another size", "another upload"],
)
def test_a_version_that_shows_other_details_neither_ends_a_scrub_nor_is_brought_back(changes):
    """S3 never changes a version, and may not tell its checksum: that is no fault and no proof."""
    assert due().changed(FIRST, **changes).owed() == ()


def test_outputs_and_intermediates_are_not_brought_back_by_a_scrub():
    assert due().gone(VIDEO, AUDIO).owed() == (Scrubbed(),)


def test_what_a_scrub_finds_is_recorded_before_anything_else_is_decided():
    case = open_gates().session(scrubbed_at=NOW - SCRUB).gone(FIRST)
    restoring = case.session(restoring=(SECOND,), restoring_since=None)

    assert restoring.kinds() == ["Repair"]


def test_the_reason_of_a_repair_ends_after_500_characters():
    chapters = tuple(make_chapter(filename=f"{'X' * 90}{number}.MP4") for number in range(6))
    empty = make_picture(chapters=chapters, state=SessionState.STORED)
    originals = (verified(upload_of(empty, chapter.artifact_id, chapter.size_bytes)) for chapter in chapters)
    picture = make_picture(*originals, chapters=chapters, state=SessionState.STORED)
    gone = Facts(stored={each.key: None for each in to_scrub(picture)})
    found = Case(picture, gone, START + SCRUB).only(Repair)

    assert found.artifact_ids == tuple(chapter.artifact_id for chapter in chapters)
    assert len(found.reason) == 500
