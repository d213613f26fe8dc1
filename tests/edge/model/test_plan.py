"""A plan outlives the client that wrote it: what an older one planned is read and hauled on, with its parts."""

from dataclasses import replace

import pytest

from edge_client.base.errors import PlanDiffers
from edge_client.model.files import CameraFile
from edge_client.model.plan import decoded

# Written by the client before plans had the CRC of a chapter's first bytes; its parts lay below IDENTITY.
OLDER_PLAN = b"""{
 "schema": 2,
 "crc64nvme": "762daba3defec69a",
 "session_id": "match-17",
 "recording": "0042",
 "camera": {
  "serial": "C3501324500711",
  "model": "HERO12 Black",
  "firmware": "H23.01"
 },
 "chapters": [
  {
   "directory": "100GOPRO",
   "filename": "GX010042.MP4",
   "size_bytes": 70000000,
   "created": 1656931398,
   "modified": 1656931398,
   "etag": "\\"62c2a1c6.42c1d80\\"",
   "gumi": "abc"
  }
 ]
}"""
IDENTITY = "a0ef107d04f89d4d"


def test_a_plan_of_an_older_client_is_read():
    plan = decoded(OLDER_PLAN, "match-17")

    [chapter] = plan.chapters
    assert plan.has(CameraFile("100GOPRO", "GX010042.MP4", 70_000_000, 1656931398, 1656931398))
    assert (chapter.etag, chapter.gumi, chapter.head_crc) == ('"62c2a1c6.42c1d80"', "abc", None)


def test_the_parts_that_an_older_client_left_are_found_under_its_name():
    plan = decoded(OLDER_PLAN, "match-17")

    assert plan.identity(plan.chapters[0]) == IDENTITY


def test_only_a_plan_that_knows_the_first_bytes_is_held_against_them():
    [older] = decoded(OLDER_PLAN, "match-17").chapters

    older.refuse_other_head("0123456789abcdef")
    with pytest.raises(PlanDiffers):
        replace(older, head_crc="fedcba9876543210").refuse_other_head("0123456789abcdef")


LISTED = CameraFile("100GOPRO", "GX010042.MP4", 70_000_000, 1656931398, 1656931398)


@pytest.mark.parametrize("size_bytes", [69_999_999, 70_000_000, 70_000_001])
@pytest.mark.parametrize("modified", [1656931397, 1656931398, 1656931399])
def test_a_list_that_shows_another_size_or_last_change_is_for_the_camera_to_confirm(size_bytes, modified):
    plan = decoded(OLDER_PLAN, "match-17")
    shown = replace(LISTED, size_bytes=size_bytes, modified=modified)

    assert plan.to_confirm([shown]) == ([] if shown == LISTED else list(plan.chapters))


def test_the_proxies_that_the_list_promised_are_read_back_and_change_no_identity():
    plan = decoded(OLDER_PLAN, "match-17")
    planned = replace(plan, proxies={"100GOPRO/GX010042.MP4": 2_400_000})

    assert decoded(planned.encoded(), "match-17") == planned
    assert plan.proxies == {}
    assert b"proxies" not in plan.encoded()
    assert planned.identity(planned.chapters[0]) == IDENTITY


@pytest.mark.parametrize("created", [1656931397, 1656931399, None])
def test_a_file_that_began_at_another_time_is_refused_on_the_lists_word(created):
    plan = decoded(OLDER_PLAN, "match-17")

    with pytest.raises(PlanDiffers, match="its size or dates changed"):
        plan.to_confirm([replace(LISTED, created=created)])


def test_without_an_etag_nothing_could_confirm_that_a_file_was_not_repaired():
    plan = decoded(OLDER_PLAN, "match-17")
    without = replace(plan, chapters=(replace(plan.chapters[0], etag=None),))

    assert without.to_confirm([replace(LISTED, size_bytes=5)]) == list(without.chapters)
    with pytest.raises(PlanDiffers, match="its size or dates changed"):
        without.to_confirm([replace(LISTED, modified=1656931399)])


def test_files_of_other_names_are_not_for_the_plan_to_judge():
    plan = decoded(OLDER_PLAN, "match-17")

    assert plan.to_confirm([replace(LISTED, filename="GX020042.MP4", created=1)]) == []
