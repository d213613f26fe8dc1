"""What the spool has of a session beside what S3 has."""

from __future__ import annotations

import pytest

from edge_client.haul.holdings import Holding, holdings, ranges
from edge_client.model.api import StoredSession, UploadView
from edge_client.model.parts import ChapterParts, PartPlan, Span, SpooledPart, StoredPart, fold_crcs
from edge_client.model.plan import CameraIdentity, ChapterPlan, SessionPlan

PART = 100
SIZE = 2 * PART + 5
CHAPTER = ChapterPlan("100GOPRO", "GX010042.MP4", SIZE, 1, 1, '"e"', None)
PLAN = SessionPlan("s", "0042", CameraIdentity("C1", None, None), (CHAPTER,))
PARTS = PartPlan(SIZE, PART, 3)
WHOLE_CRC = fold_crcs((7, span.size_bytes) for span in PARTS.spans())


def spooled(*numbers: int, crc: int = 7) -> tuple[SpooledPart, ...]:
    return tuple(SpooledPart(PARTS.span(number), crc) for number in numbers)


def found(*parts: SpooledPart, confirmed_crc: int | None = None) -> ChapterParts:
    size_bytes = sum(part.span.size_bytes for part in parts)
    return ChapterParts(CHAPTER.artifact_id, PLAN.identity(CHAPTER), parts, size_bytes, confirmed_crc)


def upload(*numbers: int, crc: int = 7, state: str = "OPEN") -> UploadView:
    parts = {number: StoredPart(PARTS.span(number).size_bytes, crc) for number in numbers}
    return UploadView("u", state, PARTS, parts, None)


def held(
    here: ChapterParts | None, stored: UploadView | None = None, receipts: tuple[str, ...] = ()
) -> Holding:
    known = StoredSession(uploads={CHAPTER.path: stored} if stored else {})
    [one] = holdings(PLAN, [here] if here else [], receipts, known).chapters
    return one


@pytest.mark.parametrize(
    ("here", "stored", "whole"),
    [
        ((1, 2, 3), (), True),
        ((1, 2), (3,), True),
        ((), (1, 2, 3), True),
        ((1, 2), (), False),
        ((2, 3), (), False),
        ((1, 3), (1,), False),
    ],
)
def test_a_chapter_is_whole_when_spool_and_s3_have_each_byte_between_them(
    here: tuple[int, ...], stored: tuple[int, ...], whole: bool
):
    assert held(found(*spooled(*here)), upload(*stored)).is_whole is whole


@pytest.mark.parametrize(("last_bytes", "whole"), [(4, False), (5, True), (6, True)])
def test_the_last_byte_counts(last_bytes: int, whole: bool):
    last = SpooledPart(Span(3, 2 * PART, last_bytes), 7)

    assert held(found(*spooled(1, 2), last)).is_whole is whole


@pytest.mark.parametrize("state", ["CANCELLED", "EXPIRED", "REJECTED"])
def test_an_upload_that_has_ended_keeps_nothing(state: str):
    one = held(found(*spooled(1)), upload(1, state=state))

    assert (one.acknowledged, one.unsent) == ((), spooled(1))


def test_a_part_is_acknowledged_only_with_its_very_bytes():
    one = held(found(*spooled(1, 2)), upload(1, crc=8))

    assert (one.acknowledged, one.unsent) == ((), spooled(1, 2))


def test_a_part_of_another_part_plan_is_not_acknowledged():
    other = SpooledPart(Span(1, 0, PART - 1), 7)

    assert held(found(other), upload(1)).acknowledged == ()


def test_a_receipt_of_the_coordinators_alone_was_not_held_against_the_parts():
    stored = StoredSession(verified=frozenset({CHAPTER.path}))
    [one] = holdings(PLAN, [found(*spooled(1))], (), stored).chapters

    assert (one.is_verified, one.is_accepted, one.unsent) == (True, False, spooled(1))


def test_a_receipt_here_says_that_its_parts_are_home():
    one = held(found(*spooled(1)), receipts=(CHAPTER.artifact_id,))

    assert (one.is_verified, one.is_accepted, one.unsent) == (True, True, ())


@pytest.mark.parametrize(
    ("here", "in_s3", "confirmed_crc", "needs_none"),
    [
        ((1, 2, 3), (), WHOLE_CRC, True),
        ((1, 3), (2, 3), WHOLE_CRC, True),
        ((), (1, 2, 3), WHOLE_CRC, True),
        ((1, 2, 3), (), None, False),
        ((1, 2, 3), (), WHOLE_CRC + 1, False),
        ((1, 2), (), WHOLE_CRC, False),
        ((2, 3), (2,), WHOLE_CRC, False),
    ],
)
def test_no_camera_is_needed_for_a_chapter_whose_very_bytes_a_last_look_found_right(
    here: tuple[int, ...], in_s3: tuple[int, ...], confirmed_crc: int | None, needs_none: bool
):
    one = held(found(*spooled(*here), confirmed_crc=confirmed_crc), upload(*in_s3))

    assert one.needs_no_camera is needs_none


def test_a_part_here_counts_before_that_in_s3():
    one = held(found(*spooled(1, crc=8), *spooled(2, 3), confirmed_crc=WHOLE_CRC), upload(1))

    assert not one.needs_no_camera


def test_parts_of_two_part_plans_are_no_whole():
    other = SpooledPart(Span(2, PART - 1, SIZE - PART + 1), 7)

    assert not held(found(*spooled(1), other, confirmed_crc=WHOLE_CRC)).needs_no_camera


def test_parts_of_another_identity_belong_to_no_chapter():
    strange = ChapterParts(CHAPTER.artifact_id, "0" * 16, spooled(1), PART, None)
    both = holdings(PLAN, [strange], (), None)

    assert (both.chapters[0].found, both.others, both.is_asked) == (None, (strange,), False)


def test_neighbouring_parts_are_one_range():
    assert ranges(spooled(1, 2)) == "0 to 199"
    assert ranges(spooled(1, 3)) == "0 to 99, 200 to 204"
