"""Whether two files are the same file: every combination of what card and record say."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from edge_client.model.files import CameraFile, FileIdentity, Likeness, likeness

FILE = CameraFile("100GOPRO", "GX010042.MP4", 1000, 7, 8)
SAME, UNSURE, OTHER = Likeness.SAME, Likeness.UNSURE, Likeness.OTHER

# What the card says of its ETag or gumi, what the record says, and what that makes of a file that is alike in all else.
TOLD = {
    (None, None): SAME,
    (None, "a"): SAME,
    ("a", None): UNSURE,
    ("a", "a"): SAME,
    ("a", "b"): OTHER,
    ("a", ""): OTHER,
}
WORST_FIRST = (OTHER, UNSURE, SAME)


@pytest.mark.parametrize(("etag", "gumi"), list(product(TOLD, TOLD)))
def test_etag_and_gumi_must_be_equal_wherever_the_card_has_them(
    etag: tuple[str | None, str | None], gumi: tuple[str | None, str | None]
):
    card, record = (FileIdentity(FILE, etag[at], gumi[at]) for at in (0, 1))

    due = next(each for each in WORST_FIRST if each in (TOLD[etag], TOLD[gumi]))
    assert likeness(card, record) is due


@pytest.mark.parametrize(
    "other",
    [
        replace(FILE, directory="101GOPRO"),
        replace(FILE, filename="GX010043.MP4"),
        *(replace(FILE, size_bytes=size_bytes) for size_bytes in (999, 1001)),
        *(replace(FILE, created=created) for created in (6, 8, 0, None)),
        *(replace(FILE, modified=modified) for modified in (7, 9, 0, None)),
    ],
)
@pytest.mark.parametrize("told", [None, "a"])
def test_another_path_size_or_date_is_another_file_whatever_else_is_alike(
    other: CameraFile, told: str | None
):
    assert likeness(FileIdentity(FILE, told, told), FileIdentity(other, told, told)) is OTHER
    assert likeness(FileIdentity(other, told, told), FileIdentity(FILE, told, told)) is OTHER


@pytest.mark.parametrize(
    ("created", "modified", "due"),
    [(None, None, UNSURE), (0, None, SAME), (None, 0, SAME), (0, 0, SAME), (7, None, SAME)],
)
@pytest.mark.parametrize("told", [None, "a"])
def test_a_file_without_any_date_may_be_another_of_its_name_and_size(
    created: int | None, modified: int | None, due: Likeness, told: str | None
):
    file = FileIdentity(replace(FILE, created=created, modified=modified), told, told)

    assert likeness(file, file) is due
