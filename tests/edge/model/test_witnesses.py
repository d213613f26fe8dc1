"""What the camera's state says of its card beside the list, and when that means to keep the card."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_client.camera.documents import status_of, witnesses_of
from edge_client.model.listing import (
    BESIDE_AN_ENTRY_BYTES,
    GIGABYTE,
    MOST_UNEXPLAINED_BYTES,
    MOST_USED_WHEN_EMPTY_BYTES,
    READER,
    Inventory,
    Witnesses,
    doubts,
    unexplained_bytes,
)

NOTHING = Inventory(entries=0, recordings=0, videos=0, sizes_bytes=())
# Two recordings in five chapters, and a photo.
CARD = Inventory(entries=6, recordings=2, videos=5, sizes_bytes=(10 * GIGABYTE,) * 5 + (5_000_000,))
EXPLAINED = 50 * GIGABYTE + 5_000_000 + 6 * BESIDE_AN_ENTRY_BYTES


@pytest.mark.parametrize(
    ("counted", "is_doubtful"),
    [
        (None, False),
        (0, False),
        (1, False),
        # recordings, or more and neither recordings nor files
        (2, False),
        (3, True),
        (4, True),
        # files, and one more
        (5, False),
        (6, True),
    ],
)
def test_a_count_of_videos_is_doubtful_unless_it_is_that_of_recordings_or_files_or_less(
    counted: int | None, is_doubtful: bool
):
    found = doubts(CARD, Witnesses(videos=counted, used_bytes=EXPLAINED))

    assert bool(found) is is_doubtful
    if is_doubtful:
        assert found == (
            f"the camera counts {counted} videos, but its list has 5 files of 2 recordings: {READER}",
        )


@pytest.mark.parametrize(
    ("more", "is_doubtful"), [(-1, False), (0, False), (1, True), (-MOST_UNEXPLAINED_BYTES * 2, False)]
)
def test_more_than_a_few_gigabytes_that_no_listed_file_explains_are_doubtful(more: int, is_doubtful: bool):
    witnesses = Witnesses(videos=2, used_bytes=EXPLAINED + MOST_UNEXPLAINED_BYTES + more)

    found = doubts(CARD, witnesses)

    assert bool(found) is is_doubtful
    if is_doubtful:
        assert found == (f"4.0 GB of the card are used by what the camera does not list: {READER}",)


def test_a_file_that_is_larger_than_all_that_is_used_explains_nothing():
    boasting = Inventory(entries=1, recordings=1, videos=1, sizes_bytes=(10**18,))

    assert unexplained_bytes(boasting, Witnesses(1, 9 * GIGABYTE)) == 9 * GIGABYTE - BESIDE_AN_ENTRY_BYTES
    assert doubts(boasting, Witnesses(1, 9 * GIGABYTE))


@pytest.mark.parametrize(
    ("witnesses", "words"),
    [
        (Witnesses(0, MOST_USED_WHEN_EMPTY_BYTES), []),
        (Witnesses(0, MOST_USED_WHEN_EMPTY_BYTES + 1), ["lists nothing, but 0.3 GB of its card are used"]),
        (Witnesses(None, MOST_USED_WHEN_EMPTY_BYTES), []),
        (Witnesses(None, 60 * GIGABYTE), ["lists nothing, but 60.0 GB of its card are used"]),
        (Witnesses(0, None), []),
        (Witnesses(None, None), ["lists nothing, and nothing else is known"]),
        (Witnesses(1, 0), ["counts 1 videos, but its list has none"]),
        (Witnesses(3, 60 * GIGABYTE), ["counts 3 videos, but its list has none", "60.0 GB"]),
    ],
)
def test_an_empty_list_is_an_empty_card_only_where_a_witness_says_so(witnesses: Witnesses, words: list[str]):
    found = doubts(NOTHING, witnesses)

    assert len(found) == len(words)
    assert all(word in doubt for word, doubt in zip(words, found, strict=True))


def test_photos_alone_are_no_empty_list():
    photos = Inventory(entries=1, recordings=0, videos=0, sizes_bytes=(5_000_000,))

    assert doubts(photos, Witnesses(0, MOST_USED_WHEN_EMPTY_BYTES + 1)) == ()
    assert doubts(photos, Witnesses(None, None)) == ()


@given(
    st.builds(
        Inventory,
        entries=st.integers(0, 50),
        recordings=st.integers(0, 10),
        videos=st.integers(0, 20),
        sizes_bytes=st.lists(st.integers(0, 10**11)).map(tuple),
    ),
    st.builds(
        Witnesses,
        videos=st.none() | st.integers(0, 30),
        used_bytes=st.none() | st.integers(0, 10**12),
    ),
)
def test_a_count_above_all_files_and_space_above_all_bytes_are_always_doubted(
    listed: Inventory, witnesses: Witnesses
):
    found = doubts(listed, witnesses)
    counted, used = witnesses.videos or 0, witnesses.used_bytes or 0
    explained = sum(listed.sizes_bytes) + BESIDE_AN_ENTRY_BYTES * listed.entries

    if counted > max(listed.videos, listed.recordings) or used > explained + MOST_UNEXPLAINED_BYTES:
        assert found


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"39": 31, "54": 25_630_304, "117": 124_868_608}, Witnesses(31, 99_238_304 * 1024)),
        ({"39": "31", "54": "1", "117": "3"}, Witnesses(31, 2048)),
        ({"39": 0, "54": 3, "117": 3}, Witnesses(0, 0)),
        ({}, Witnesses(None, None)),
        ({"39": -1, "54": 1, "117": 3}, Witnesses(None, 2048)),
        ({"39": "many", "54": 1.5, "117": None}, Witnesses(None, None)),
        ({"39": [], "54": {}, "117": True}, Witnesses(None, None)),
        ({"54": 1}, Witnesses(None, None)),
        ({"117": 1}, Witnesses(None, None)),
        ({"54": 4, "117": 3}, Witnesses(None, None)),
        ({"54": 0, "117": 0}, Witnesses(None, None)),
        ({"54": -1, "117": 3}, Witnesses(None, None)),
    ],
)
def test_a_number_that_makes_no_sense_says_nothing(status: dict[str, Any], expected: Witnesses):
    assert witnesses_of(status_of({"status": status})) == expected


def test_a_silent_witness_is_named():
    assert Witnesses(1, 1).silences == ()
    assert Witnesses(None, 1).silences == ("the camera does not say how many videos its card has",)
    assert Witnesses(1, None).silences == ("the camera does not say how much of its card is used",)
    assert len(Witnesses(None, None).silences) == 2
