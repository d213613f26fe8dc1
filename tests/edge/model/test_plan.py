"""A plan outlives the client that wrote it: what an older one planned is read and hauled on, with its parts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from edge_client.base.errors import EdgeError, PlanDiffers, PlanUnreadable, Unsettled
from edge_client.model.files import CameraFile, FileIdentity, FilmNotes
from edge_client.model.plan import CameraIdentity, ChapterPlan, SessionPlan, decoded

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


CAMERA = CameraIdentity("C3501324500711", "HERO12 Black", "H23.01")
CHAPTER = ChapterPlan("100GOPRO", "GX010042.MP4", 70_000_000, 1656931398, 1656931399, '"e"', "abc", "f" * 16)
SECOND = replace(CHAPTER, filename="GX020042.MP4")
PLANNED = SessionPlan("match-17", "0042", CAMERA, (CHAPTER, SECOND))
ANOTHER = "to haul it as it is now, take another session name"


def said(act: Callable[[], object], error: type[EdgeError] = PlanDiffers) -> str:
    """What a refusal says, whole."""
    with pytest.raises(error) as caught:
        act()
    return str(caught.value)


class TestAChapter:
    def test_has_the_names_under_which_it_is_known(self):
        assert CHAPTER.path == "100GOPRO/GX010042.MP4"
        assert CHAPTER.artifact_id == "original.100GOPRO.GX010042.MP4"
        assert CHAPTER.file == CameraFile("100GOPRO", "GX010042.MP4", 70_000_000, 1656931398, 1656931399)
        assert CHAPTER.file_identity == FileIdentity(CHAPTER.file, '"e"', "abc")

    def test_leaves_out_notes_that_are_not_set_and_nothing_else(self):
        bare = ChapterPlan("100GOPRO", "GX010042.MP4", 0, None, None, None, None)
        noted = replace(bare, unfinished=True, trailing_bytes=7)

        assert set(bare.facts()) == {field.name for field in fields(bare)} - {"unfinished", "trailing_bytes"}
        assert (noted.facts()["unfinished"], noted.facts()["trailing_bytes"]) == (True, 7)
        assert noted.notes == FilmNotes(True, 7)
        assert bare.notes == FilmNotes()

    @pytest.mark.parametrize("gumi", ["abc", "", None])
    def test_is_the_file_that_the_camera_serves_with_its_size_and_etag(self, gumi: str | None):
        CHAPTER.refuse_other_file(70_000_000, '"e"', gumi)

    @pytest.mark.parametrize("size_bytes", [69_999_999, 70_000_001])
    def test_is_no_file_of_another_size(self, size_bytes: int):
        assert said(lambda: CHAPTER.refuse_other_file(size_bytes, '"e"', "abc")) == (
            f"100GOPRO/GX010042.MP4 has {size_bytes} bytes now, 70000000 were planned; {ANOTHER}"
        )

    @pytest.mark.parametrize(
        ("planned", "etag", "gumi"),
        [('"e"', '"other"', "abc"), ('"e"', '"e"', "other"), (None, '"e"', "abc"), ('"e"', None, "other")],
    )
    def test_is_no_file_with_another_etag_or_id(self, planned: str | None, etag: str | None, gumi: str):
        chapter = replace(CHAPTER, etag=planned)

        assert said(lambda: chapter.refuse_other_file(70_000_000, etag, gumi)) == (
            "100GOPRO/GX010042.MP4 is another file than was planned, though as long (its ETag or id changed); "
            f"{ANOTHER}"
        )

    def test_is_unknown_without_the_etag_that_it_had(self):
        assert said(lambda: CHAPTER.refuse_other_file(70_000_000, None, "abc"), Unsettled) == (
            "the camera no longer says which version of 100GOPRO/GX010042.MP4 it sends (no ETag); switch it off and on"
        )

    def test_that_never_had_an_etag_needs_none(self):
        replace(CHAPTER, etag=None).refuse_other_file(70_000_000, None, "abc")

    def test_says_what_its_first_bytes_mean(self):
        CHAPTER.refuse_other_head("f" * 16)

        assert said(lambda: CHAPTER.refuse_other_head("e" * 16)) == (
            "100GOPRO/GX010042.MP4 begins with other bytes than were planned, though all else is the same: the camera "
            f"or its card was changed; nothing is lost: put the first one back and haul again; {ANOTHER}"
        )


class TestAPlan:
    def test_is_read_as_it_was_written(self):
        grouped = replace(PLANNED, group="final", chapters=(replace(CHAPTER, unfinished=True), SECOND))

        for plan in (PLANNED, grouped):
            assert decoded(plan.encoded(), "match-17") == plan
        assert b"group" not in PLANNED.encoded()
        assert b"unfinished" not in PLANNED.encoded()

    def test_shows_everything(self):
        assert PLANNED.document() == asdict(PLANNED)
        assert PLANNED.encoded().startswith(b'{\n "schema": 2,\n "crc64nvme": "')

    @pytest.mark.parametrize(
        ("raw", "why"),
        [
            (b"[]", "TypeError"),
            (b"{}", "KeyError: 'schema'"),
            (b'{"schema": 3}', "ValueError: schema 3, not 2"),
            (OLDER_PLAN.replace(b"abc", b"abd"), "ValueError: its bytes have changed"),
        ],
    )
    def test_that_cannot_be_read_says_why_and_what_to_do(self, raw: bytes, why: str):
        text = said(lambda: decoded(raw, "match-17"), PlanUnreadable)

        assert text.startswith("plan.json of session match-17 in the spool cannot be read (")
        assert re.search(why, text)
        assert text.endswith("); move it away, and the same is planned again")

    def test_of_another_session_is_none(self):
        assert said(lambda: decoded(PLANNED.encoded(), "match-18"), PlanUnreadable) == (
            "plan.json of session match-18 in the spool cannot be read (ValueError: it is that of session match-17); "
            "move it away, and the same is planned again"
        )

    def test_names_a_serial_that_a_camera_can_have(self):
        odd = replace(PLANNED, camera=replace(CAMERA, serial="../" + "x" * 80))

        text = said(lambda: decoded(odd.encoded(), "match-17"), PlanUnreadable)

        assert f"the serial is '../{'x' * 57}'; a camera's serial has 1 to 40 letters and digits" in text

    def test_has_the_files_that_may_be_its_own(self):
        assert PLANNED.has(SECOND.file)
        assert PLANNED.has(replace(SECOND.file, created=None, modified=None)) is False
        assert not PLANNED.has(replace(SECOND.file, size_bytes=1))
        assert not PLANNED.lacks_in([SECOND.file, CHAPTER.file])
        assert PLANNED.lacks_in([CHAPTER.file])
        assert PLANNED.lacks_in([replace(CHAPTER.file, filename="GX010043.MP4")])
        assert PLANNED.lacks_in([])

    def test_refuses_files_of_its_names_that_are_others(self):
        others = [replace(one.file, size_bytes=1) for one in (CHAPTER, SECOND)]

        PLANNED.refuse_other_files([CHAPTER.file, replace(others[0], filename="GX010043.MP4")])
        assert said(lambda: PLANNED.refuse_other_files(others)) == (
            "100GOPRO/GX010042.MP4, 100GOPRO/GX020042.MP4 is not the file that session match-17 has (its size or dates "
            f"changed); {ANOTHER}"
        )

    def test_is_not_widened_by_files_that_come_later(self):
        later = replace(CHAPTER.file, filename="GX030042.MP4")

        assert PLANNED.without([CHAPTER.file, later]) == ("100GOPRO/GX030042.MP4",)

    @pytest.mark.parametrize(
        "name", ["size_bytes", "created", "modified", "etag", "head_crc", "filename", "gumi"]
    )
    def test_gives_another_file_another_identity(self, name: str):
        other: dict[str, Any] = {name: 1}

        assert PLANNED.identity(replace(CHAPTER, **other)) != PLANNED.identity(CHAPTER)

    def test_gives_the_file_of_another_camera_another_identity(self):
        other = replace(PLANNED, camera=replace(CAMERA, serial="C2"))

        assert other.identity(CHAPTER) != PLANNED.identity(CHAPTER)

    def test_gives_the_same_file_the_same_identity_whatever_is_noted_of_it(self):
        noted = replace(CHAPTER, unfinished=True, trailing_bytes=7)

        assert PLANNED.identity(noted) == PLANNED.identity(CHAPTER) == "59f6256709fb14b1"

    @pytest.mark.parametrize("number", ["0042", "100GOPRO/0042", "100GOPRO/GX..0042"])
    def test_of_a_recording_is_called_by_its_number(self, number: str):
        assert PLANNED.is_called(number)
        assert not PLANNED.is_called("0043")
        assert not replace(PLANNED, recording=None).is_called(number)
        odd = replace(PLANNED, chapters=(replace(CHAPTER, filename="FILM.MP4"),))
        assert not odd.is_called(number)

    def test_stays_in_its_group(self):
        grouped = replace(PLANNED, group="final")
        rest = "haul it without --group, or take another session name"

        PLANNED.refuse_other_group(None)
        grouped.refuse_other_group(None)
        grouped.refuse_other_group("final")
        assert said(lambda: PLANNED.refuse_other_group("final")) == (
            f"session match-17 is already planned without a group, not in group final: {rest}"
        )
        assert said(lambda: grouped.refuse_other_group("other")) == (
            f"session match-17 is already planned in group final, not in group other: {rest}"
        )

    def test_is_of_one_camera(self):
        PLANNED.refuse_other_camera("C3501324500711")

        assert said(lambda: PLANNED.refuse_other_camera("C2")) == (
            "session match-17 is planned for camera C3501324500711, but C2 answers; plug in the first camera, or give "
            "each camera a spool of its own"
        )
