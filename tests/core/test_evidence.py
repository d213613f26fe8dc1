"""How surely a chapter is known, and what no later read may hide."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import InvalidRequest, StateConflict
from chalicelib.core.evidence import (
    MOST_REASON,
    SKEW_S,
    Evidence,
    Level,
    ReadBack,
    SecondRead,
    WholeRead,
    Xxh128,
    demand_second_read,
    xxh128,
)
from chalicelib.core.ids import ArtifactId, DeviceId
from chalicelib.core.upload import Receipt
from tests.support.builders import START
from tests.support.memory import crc64nvme_of

ONE = ArtifactId("original.100GOPRO.GX010038.MP4")
CRC = crc64nvme_of(b"the film")
OTHER = crc64nvme_of(b"the film, a bit flipped")
THIRD = crc64nvme_of(b"the film, another bit flipped")
RECEIPT = Receipt(None, ONE, "originals/main/match/100GOPRO/GX010038.MP4", "v1", 8, CRC, START)
BACK = ReadBack("v1", START, "reading")
UNKNOWN = Evidence(ONE)


def read_of(crc: Crc64Nvme = CRC, digest: str = "a", minutes: int = 1, by: str = "d_north") -> SecondRead:
    return SecondRead(START + timedelta(minutes=minutes), DeviceId(by), crc, Xxh128(digest * 32))


def whole_read(size_bytes: int, read_at: datetime = START) -> WholeRead:
    return WholeRead(size_bytes, CRC, Xxh128("a" * 32), read_at)


def known(*reads: SecondRead, receipt: Receipt = RECEIPT) -> Evidence:
    evidence = UNKNOWN
    for read in reads:
        evidence = evidence.with_read(read, receipt)
    return evidence


def test_a_chapter_of_which_nothing_more_is_known_was_read_once():
    assert (UNKNOWN.level, UNKNOWN.agrees) == (Level.READ_ONCE, True)


def test_a_second_read_that_agrees_makes_it_read_twice():
    assert (known(read_of()).level, known(read_of()).agrees) == (Level.READ_TWICE, True)


def test_what_was_read_back_but_not_read_twice_is_read_once():
    assert UNKNOWN.with_read_back(BACK).level is Level.READ_ONCE
    assert known(read_of()).with_read_back(BACK).level is Level.READ_BACK


@pytest.mark.parametrize(
    ("level", "reached"),
    [
        (Level.READ_ONCE, [Level.READ_ONCE]),
        (Level.READ_TWICE, [Level.READ_ONCE, Level.READ_TWICE]),
        (Level.READ_BACK, list(Level)),
    ],
)
def test_each_level_contains_those_before_it(level: Level, reached: list[Level]):
    assert [each for each in Level if level.reaches(each)] == reached


def test_the_same_read_again_changes_nothing():
    once = known(read_of())

    assert once.with_read(read_of(minutes=9, by="d_south"), RECEIPT) == once
    differing = known(read_of(OTHER))
    assert differing.with_read(read_of(OTHER, minutes=9), RECEIPT) == differing


@pytest.mark.parametrize("reads", [[OTHER], [OTHER, CRC], [CRC, OTHER], [OTHER, CRC, CRC]])
def test_a_difference_is_hidden_by_no_read_that_agrees(reads: list[Crc64Nvme]):
    evidence = known(*(read_of(crc) for crc in reads)).with_read_back(BACK)

    assert (evidence.level, evidence.agrees) == (Level.READ_ONCE, False)
    assert [(each.read.crc64nvme, each.expected) for each in evidence.open_differences] == [(OTHER, CRC)]
    assert CRC in evidence.differences[0].words
    assert OTHER in evidence.differences[0].words


def test_equal_crcs_of_different_bytes_are_a_difference():
    evidence = known(read_of(digest="a"), read_of(digest="b"))

    assert (evidence.level, evidence.agrees) == (Level.READ_ONCE, False)
    assert "different xxh128" in evidence.differences[0].words


def test_the_first_difference_and_the_last_are_kept():
    evidence = known(*(read_of(crc) for crc in (OTHER, THIRD, crc64nvme_of(b"a fourth"))))

    assert [each.read.crc64nvme for each in evidence.differences] == [OTHER, crc64nvme_of(b"a fourth")]


def test_an_accepted_difference_stays_on_record_and_counts_no_more():
    evidence = known(read_of(), read_of(OTHER)).accepted("the cable was broken")

    assert (evidence.level, evidence.agrees) == (Level.READ_TWICE, True)
    assert [each.accepted for each in evidence.differences] == ["the cable was broken"]
    assert known(read_of(OTHER)).accepted("watched").level is Level.READ_ONCE


def test_another_difference_needs_another_word():
    evidence = known(read_of(OTHER)).accepted("the cable was broken").with_read(read_of(THIRD), RECEIPT)

    assert not evidence.agrees
    assert [each.accepted for each in evidence.differences] == ["the cable was broken", None]


def test_what_was_accepted_before_is_not_accepted_again():
    accepted = known(read_of(OTHER)).accepted("the cable was broken")
    again = accepted.with_read(read_of(THIRD), RECEIPT).accepted("this one too")

    assert [each.accepted for each in again.differences] == ["the cable was broken", "this one too"]
    with pytest.raises(StateConflict, match="no read"):
        again.accepted("and again")
    with pytest.raises(StateConflict, match="no read"):
        known(read_of()).accepted("nothing differs")


@pytest.mark.parametrize(("more", "is_good"), [(-1, True), (0, True), (1, False)])
def test_a_reason_is_no_longer_than_its_item_allows(more: int, is_good: bool):
    reason = "x" * (MOST_REASON + more)

    if is_good:
        assert known(read_of(OTHER)).accepted(reason).differences[0].accepted == reason
        return
    with pytest.raises(InvalidRequest, match="200 characters"):
        known(read_of(OTHER)).accepted(reason)


def test_a_read_that_agreed_with_an_earlier_receipt_of_other_bytes_differs_from_the_new_one():
    hauled_again = replace(RECEIPT, version_id="v2", crc64nvme=OTHER)
    evidence = known(read_of())

    assert not evidence.against(hauled_again).agrees
    after = evidence.with_read(read_of(OTHER, "b"), hauled_again)
    assert (after.agreed, after.agrees) == (read_of(OTHER, "b"), False)


def test_a_restored_version_of_the_same_bytes_is_read_twice_and_not_read_back():
    restored = replace(RECEIPT, version_id="v2")
    evidence = known(read_of()).with_read_back(BACK)

    assert evidence.against(RECEIPT).level is Level.READ_BACK
    assert (evidence.against(restored).level, evidence.against(restored).read_back) == (
        Level.READ_TWICE,
        None,
    )


def test_bytes_that_were_read_back_and_are_not_those_of_the_receipt_agree_with_nothing():
    evidence = known(read_of()).with_read_back(replace(BACK, agrees=False))

    assert (evidence.level, evidence.agrees) == (Level.READ_ONCE, False)


@pytest.mark.parametrize("size_bytes", [7, 9])
def test_only_a_whole_read_is_evidence(size_bytes: int):
    demand_second_read(whole_read(8), RECEIPT, START)

    with pytest.raises(InvalidRequest, match="whole read"):
        demand_second_read(whole_read(size_bytes), RECEIPT, START)


@pytest.mark.parametrize(("seconds", "is_good"), [(-1, True), (0, True), (1, False)])
def test_a_read_may_end_in_the_future_as_far_as_clocks_may_differ(seconds: int, is_good: bool):
    read_at = START + timedelta(seconds=SKEW_S + seconds)

    assert _is_taken(read_at - START) is is_good


@pytest.mark.parametrize(("seconds", "is_good"), [(-1, False), (0, True), (1, True)])
def test_a_read_from_before_the_receipt_may_be_the_first_one(seconds: int, is_good: bool):
    assert _is_taken(timedelta(seconds=seconds - SKEW_S)) is is_good


def _is_taken(after_the_receipt: timedelta) -> bool:
    try:
        demand_second_read(whole_read(8, START + after_the_receipt), RECEIPT, START)
    except InvalidRequest:
        return False
    return True


@pytest.mark.parametrize(
    "text", ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32, " " + "a" * 31, "a" * 31 + "\n"]
)
def test_only_32_lower_case_hex_digits_are_an_xxh128(text: str):
    with pytest.raises(InvalidRequest, match="xxh128"):
        xxh128(text)


def test_an_xxh128_is_taken_as_it_is():
    assert xxh128("99aa06d3014798d86001c324468d497f") == "99aa06d3014798d86001c324468d497f"


def test_a_whole_read_becomes_the_second_read_of_its_device():
    assert whole_read(8).by(DeviceId("d_north")) == SecondRead(
        START, DeviceId("d_north"), CRC, Xxh128("a" * 32)
    )


def test_the_audit_trail_has_a_sentence_for_each_read():
    evidence = known(read_of(), read_of(OTHER)).accepted("the cable was broken").with_read_back(BACK)
    differs = f"the receipt has CRC64NVME {CRC}, the card gave {OTHER}"

    assert evidence.facts == (
        f"read again by d_north, until 2026-11-21T12:01:00Z: CRC64NVME {CRC}, xxh128 {'a' * 32}, as the receipt has",
        f"read again by d_north, until 2026-11-21T12:01:00Z: CRC64NVME {OTHER}, xxh128 {'a' * 32}; {differs}",
        f"accepted, although {differs}: the cable was broken",
        "version v1 read back at 2026-11-21T12:00:00Z by reading",
    )


def test_the_audit_trail_says_nothing_of_what_nobody_did():
    assert UNKNOWN.facts == ()
    assert len(known(read_of(OTHER)).facts) == 1


def test_a_read_that_agreed_with_an_earlier_receipt_is_kept_as_a_difference_from_the_new_one():
    newer = replace(RECEIPT, crc64nvme=OTHER)

    [difference] = known(read_of()).against(newer).differences

    assert (difference.read, difference.expected) == (read_of(), OTHER)


@pytest.mark.parametrize(
    ("version_id", "seconds", "is_kept"),
    [("v1", -1, False), ("v1", 0, False), ("v1", 1, True), ("v2", -1, True)],
)
def test_a_comparison_is_replaced_by_a_later_one_or_one_of_another_version(
    version_id: str, seconds: int, is_kept: bool
):
    other = ReadBack(version_id, START + timedelta(seconds=seconds), "another way")

    assert UNKNOWN.with_read_back(BACK).with_read_back(other).read_back == (other if is_kept else BACK)


def test_a_refused_read_says_what_was_expected():
    late, early = START + timedelta(seconds=SKEW_S + 1), START - timedelta(seconds=SKEW_S + 1)
    refused = {
        whole_read(
            7
        ): "$.size_bytes: 7 bytes were read, and the chapter has 8: only a whole read is evidence",
        whole_read(
            8, late
        ): "$.read_at: 2026-11-21T12:05:01Z is yet to come, it is 2026-11-21T12:00:00Z here; set the "
        "device's clock",
        whole_read(
            8, early
        ): "$.read_at: 2026-11-21T11:54:59Z is before the receipt of 2026-11-21T12:00:00Z: this "
        "may be the first read; read the card again, or set the device's clock",
    }

    for read, why in refused.items():
        with pytest.raises(InvalidRequest) as refusal:
            demand_second_read(read, RECEIPT, START)
        assert str(refusal.value) == why
    with pytest.raises(InvalidRequest, match=r"^xxh128 must be 32 lower-case hex digits$"):
        xxh128("A" * 32)
