"""Which bytes are compared."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from awscrt.checksums import crc64nvme

from edge_client.model.parts import (
    PIECE_BYTES,
    PIECES,
    SAMPLE_BYTES,
    PartPlan,
    Span,
    SpooledPart,
    crc_text,
    crc_value,
    fold_crcs,
    sample,
)

MIB = 1024 * 1024
FOUR_GB = 4_000_000_000


def drawn(seed: int) -> Callable[[int], int]:
    return random.Random(seed).randrange


def test_16_mib_are_compared_in_64_pieces():
    assert (SAMPLE_BYTES, PIECE_BYTES, PIECES) == (16 * MIB, MIB // 4, 64)


@pytest.mark.parametrize(
    "size_bytes", [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, SAMPLE_BYTES - 1, SAMPLE_BYTES]
)
def test_of_a_film_of_up_to_16_mib_every_byte_is_compared_once(size_bytes: int):
    spans = sample(size_bytes, drawn(1))

    ends = [span.first + span.size_bytes for span in spans]
    assert [span.first for span in spans] == [0, *ends[:-1]]
    assert ends[-1] == size_bytes
    assert all(1 <= span.size_bytes <= PIECE_BYTES for span in spans)


@pytest.mark.parametrize("size_bytes", [SAMPLE_BYTES + 1, SAMPLE_BYTES + PIECE_BYTES, FOUR_GB])
@pytest.mark.parametrize("seed", range(20))
def test_of_a_longer_one_16_mib_are_with_both_ends_and_no_byte_twice(size_bytes: int, seed: int):
    spans = sample(size_bytes, drawn(seed))

    assert spans[0] == Span(1, 0, PIECE_BYTES)
    assert spans[-1] == Span(PIECES, size_bytes - PIECE_BYTES, PIECE_BYTES)
    assert [span.number for span in spans] == list(range(1, PIECES + 1))
    assert sum(span.size_bytes for span in spans) == SAMPLE_BYTES
    assert all(one.first + one.size_bytes <= next_one.first for one, next_one in pairwise(spans))


def test_no_two_draws_compare_the_same_places():
    assert len({sample(FOUR_GB, drawn(seed)) for seed in range(50)}) == 50


def test_every_place_of_a_film_is_as_likely():
    size_bytes, draws = 64 * MIB, 400
    counts = [0] * 8
    for seed in range(draws):
        for span in sample(size_bytes, drawn(seed))[1:-1]:
            counts[span.first * 8 // size_bytes] += 1

    due = draws * (PIECES - 2) / 8
    assert all(0.85 * due < count < 1.15 * due for count in counts), counts


@pytest.mark.parametrize(("share", "at_most"), [(0.5, 0), (0.1, 0.02)])
def test_a_film_with_a_hole_is_seen(share: float, at_most: float):
    """The hole is where it is least likely to be met: anywhere but at the ends."""
    size_bytes, draws = 512 * MIB, 500
    hole = range(int(size_bytes * 0.3), int(size_bytes * (0.3 + share)))
    missed = sum(
        not any(
            span.first < hole.stop and hole.start < span.first + span.size_bytes
            for span in sample(size_bytes, drawn(seed))
        )
        for seed in range(draws)
    )

    assert missed <= at_most * draws


def test_the_parts_of_a_plan_are_numbered_from_one_and_the_last_is_what_is_left():
    assert list(PartPlan(25, 10, 3).spans()) == [Span(1, 0, 10), Span(2, 10, 10), Span(3, 20, 5)]


@pytest.mark.parametrize(
    ("plan", "is_sound"),
    [
        (PartPlan(20, 10, 2), True),
        (PartPlan(21, 10, 3), True),
        (PartPlan(20, 10, 3), False),
        (PartPlan(21, 10, 2), False),
        (PartPlan(1, 1, 1), True),
        (PartPlan(0, 10, 0), False),
        (PartPlan(20, 0, 2), False),
        (PartPlan(20, -10, -2), False),
    ],
)
def test_a_plan_is_sound_when_count_and_sizes_agree(plan: PartPlan, is_sound: bool):
    assert plan.is_sound is is_sound


def test_a_crc_travels_as_eight_bytes():
    assert crc_text(0xAE8B14860A799888) == "rosUhgp5mIg="
    assert crc_text(1) == "AAAAAAAAAAE="
    assert crc_value("rosUhgp5mIg=") == 0xAE8B14860A799888


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("AAAAAAAAAA==", "has 8 bytes, not 7"),
        ("AAAAAAAAAAAA", "has 8 bytes, not 9"),
        ("rosUhgp5mIg=!", "."),
    ],
)
def test_a_crc_of_another_form_is_refused(text: str, why: str):
    with pytest.raises(ValueError, match=why):
        crc_value(text)


def test_the_crc_of_a_whole_is_that_of_its_parts_in_order():
    parts = [b"123", b"", b"456789"]

    assert fold_crcs((crc64nvme(part), len(part)) for part in parts) == 0xAE8B14860A799888
    assert fold_crcs([]) == 0


def test_a_part_is_named_by_its_number_its_first_byte_and_its_crc():
    assert SpooledPart(Span(2, 10, 5), 0xAE8B).filename == "00002-000000000000010-000000000000ae8b.part"
