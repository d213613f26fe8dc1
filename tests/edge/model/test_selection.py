"""What an operator asks for, and what that means on a card."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_client.base.errors import CardFault, RecordingUnknown
from edge_client.model.files import CameraFile
from edge_client.model.selection import (
    ByFile,
    ByNumber,
    ByTime,
    Choice,
    Everything,
    New,
    Selection,
    parsed_recording,
    parsed_time,
    selection,
)
from tests.edge.fake_camera import FakeCamera
from tests.edge.model.test_recordings import CARDS, file, listed

# 2026-11-24 18:00:00 of the camera's wall clock, coded as an epoch
EVENING = 1795543200
SIX, SEVEN = datetime.fromisoformat("2026-11-24T18:00"), datetime.fromisoformat("2026-11-24T19:00")


def labels(found: Selection) -> list[str]:
    return [one.label for one in found.recordings]


class TestByNumber:
    CARD = (
        *("GX010001.MP4", "GX010042.MP4", "GX020042.MP4", "101GOPRO/GX010042.MP4", "GPFR0007.MP4"),
        *("GPBK0007.MP4", "GXAA0003.MP4", "CamA-GX010009.MP4", "GS010001.360", "GX020088.MP4"),
    )

    def choose(self, number: str) -> Selection:
        return selection([file(path) for path in self.CARD], ByNumber(number))

    @pytest.mark.parametrize(
        ("number", "label"),
        [
            ("AA", "100GOPRO/GXAA.."),
            ("100GOPRO/AA", "100GOPRO/GXAA.."),
            ("100GOPRO/GXAA..", "100GOPRO/GXAA.."),
            ("100GOPRO/0042", "100GOPRO/GX..0042"),
            ("101GOPRO/0042", "101GOPRO/GX..0042"),
            ("101GOPRO/GX..0042", "101GOPRO/GX..0042"),
            ("100GOPRO/GF..0007", "100GOPRO/GF..0007"),
            ("100GOPRO/GS..0001", "100GOPRO/GS..0001"),
            ("0009", "100GOPRO/CamA-GX..0009"),
        ],
    )
    def test_is_the_one_recording_that_is_called_so(self, number: str, label: str):
        found = self.choose(number)

        assert labels(found) == [label]
        assert found.refusals == ()

    @pytest.mark.parametrize(
        ("number", "words"),
        [
            ("0042", "0042 is not unique; .*100GOPRO/GX..0042.*, 101GOPRO/GX..0042"),
            ("0007", "0007 is not unique; .*100GOPRO/GB..0007.*, 100GOPRO/GF..0007"),
            ("100GOPRO/0001", "not unique; .*100GOPRO/GS..0001.*, 100GOPRO/GX..0001"),
        ],
    )
    def test_of_several_is_not_guessed_and_all_are_named(self, number: str, words: str):
        with pytest.raises(RecordingUnknown, match=words):
            self.choose(number)

    def test_of_several_days_says_when_each_began(self):
        files = [
            CameraFile("100GOPRO", "GX010042.MP4", 10, 1656931398, None),
            CameraFile("101GOPRO", "GX020042.MP4", 10, 1657017798, None),
            CameraFile("102GOPRO", "GX010042.MP4", 10, None, None),
        ]

        with pytest.raises(RecordingUnknown) as told:
            selection(files, ByNumber("0042"))

        assert str(told.value).endswith(
            "one of: 100GOPRO/GX..0042 (began 2022-07-04 10:43:18), "
            "101GOPRO/GX..0042 (began 2022-07-05 10:43:18), 102GOPRO/GX..0042"
        )

    @pytest.mark.parametrize("number", ["0043", "AB", "102GOPRO/0042", "101GOPRO/GH..0042", "42", ""])
    def test_of_none_says_which_there_are(self, number: str):
        with pytest.raises(RecordingUnknown, match=r"there are: 100GOPRO/GS..0001, 100GOPRO/GX..0001, "):
            self.choose(number)

    def test_on_an_empty_card_says_so(self):
        with pytest.raises(RecordingUnknown, match="there are: none"):
            selection([file("GOPR0042.JPG")], ByNumber("0042"))

    def test_takes_a_recording_with_its_gap_for_the_haul_to_refuse(self):
        [recording] = self.choose("0088").recordings

        assert recording.missing == (1,)


class TestByFile:
    CARD = tuple(
        file(path)
        for path in (
            *("GX020001.MP4", "GX010001.MP4", "GX030001.MP4", "GX010002.MP4", "GOPR0003.JPG"),
            *("GX010001_Proxy.MP4", "GX010004.MP4", "101GOPRO/GX020004.MP4"),
            "GX020005.MP4",
        )
    )

    def test_is_those_files_in_the_order_of_their_recordings_and_once(self):
        paths = (
            "100GOPRO/GX010002.MP4",
            "100GOPRO/GX030001.MP4",
            "100GOPRO/GX020001.MP4",
            "100GOPRO/GX030001.MP4",
        )

        found = selection(self.CARD, ByFile(paths))

        assert [[one.filename for one in recording.files] for recording in found.recordings] == [
            ["GX020001.MP4", "GX030001.MP4"],
            ["GX010002.MP4"],
        ]
        assert not any(recording.missing for recording in found.recordings)

    def test_of_a_recording_with_a_gap_are_all_that_is_asked_for(self):
        [recording] = selection(self.CARD, ByFile(("100GOPRO/GX020005.MP4",))).recordings

        assert recording.missing == ()

    def test_of_two_directories_are_still_of_one_recording(self):
        found = selection(self.CARD, ByFile(("101GOPRO/GX020004.MP4", "100GOPRO/GX010004.MP4")))

        assert [len(recording.files) for recording in found.recordings] == [2]

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("100GOPRO/GX010009.MP4", "not on the camera: 100GOPRO/GX010009.MP4"),
            ("101GOPRO/GX010001.MP4", "not on the camera"),
            ("100GOPRO/GOPR0003.JPG", "not named like a chapter: 100GOPRO/GOPR0003.JPG"),
            ("100GOPRO/GX010001_Proxy.MP4", "not named like a chapter"),
        ],
    )
    def test_that_is_not_there_or_no_chapter_is_refused(self, path: str, words: str):
        with pytest.raises(RecordingUnknown, match=words):
            selection(self.CARD, ByFile(("100GOPRO/GX010001.MP4", path)))


class TestByTime:
    @pytest.mark.parametrize(
        ("since", "until", "created", "is_chosen"),
        [
            (SIX, None, EVENING - 1, False),
            (SIX, None, EVENING, True),
            (SIX, None, EVENING + 1, True),
            (None, SIX, EVENING - 1, True),
            (None, SIX, EVENING, False),
            (None, SIX, EVENING + 1, False),
            (SIX, SEVEN, EVENING - 1, False),
            (SIX, SEVEN, EVENING, True),
            (SIX, SEVEN, EVENING + 3599, True),
            (SIX, SEVEN, EVENING + 3600, False),
            (None, None, EVENING, True),
        ],
    )
    def test_has_since_and_not_until(
        self, since: datetime | None, until: datetime | None, created: int, is_chosen: bool
    ):
        found = selection([file("GX010042.MP4", created)], ByTime(since, until))

        assert labels(found) == ["100GOPRO/GX..0042"] * is_chosen
        assert found.refusals == ()

    def test_goes_by_a_recordings_first_file_and_takes_all_of_it(self):
        files = [
            file("GX010001.MP4", EVENING - 1),
            file("GX020001.MP4", EVENING + 900),
            file("GX020002.MP4", EVENING + 7200),
            file("GX010002.MP4", EVENING),
        ]

        found = selection(files, ByTime(SIX, SEVEN))

        assert labels(found) == ["100GOPRO/GX..0002"]
        assert len(found.recordings[0].files) == 2

    def test_names_recordings_without_a_date_and_takes_the_others(self):
        files = [
            file("GOPR0001.MP4", None),
            file("GX010002.MP4", EVENING),
            file("GX010003.MP4", None),
            file("GX020003.MP4", EVENING),
        ]

        found = selection(files, ByTime(SIX, None))

        assert labels(found) == ["100GOPRO/GX..0002"]
        [refusal] = found.refusals
        assert "does not say when these began" in str(refusal)
        assert "100GOPRO/GP..0001, 100GOPRO/GX..0003" in str(refusal)

    def test_names_strangers_that_may_be_of_this_time(self):
        files = [file("in.MP4", EVENING), file("before.MP4", EVENING - 1), file("undated.MP4", None)]

        [refusal] = selection(files, ByTime(SIX, None)).refusals

        assert "not hauled: 100GOPRO/in.MP4, 100GOPRO/undated.MP4" in str(refusal)

    @pytest.mark.parametrize("until", [SIX, datetime.fromisoformat("2026-11-24T17:59:59")])
    def test_that_is_empty_is_refused(self, until: datetime):
        with pytest.raises(ValueError, match="before"):
            ByTime(SIX, until)


class TestNew:
    FIRST, SECOND, OTHER = file("GX010001.MP4", 1), file("GX020001.MP4", 2), file("GX010002.MP4", 3)

    @pytest.mark.parametrize(
        ("verified", "expected"),
        [
            ([], ["100GOPRO/GX..0001", "100GOPRO/GX..0002"]),
            ([FIRST], ["100GOPRO/GX..0001", "100GOPRO/GX..0002"]),
            ([FIRST, SECOND], ["100GOPRO/GX..0002"]),
            ([FIRST, SECOND, OTHER], []),
        ],
    )
    def test_is_every_recording_with_a_file_that_is_not_verified(
        self, verified: list[CameraFile], expected: list[str]
    ):
        found = selection([self.FIRST, self.OTHER, self.SECOND], New(frozenset(verified)))

        assert labels(found) == expected
        assert all(len(one.files) == (2 if one.number == "0001" else 1) for one in found.recordings)

    @pytest.mark.parametrize(
        "other",
        [
            CameraFile("101GOPRO", "GX010002.MP4", 10, 3, None),
            CameraFile("100GOPRO", "GH010002.MP4", 10, 3, None),
            CameraFile("100GOPRO", "GX010002.MP4", 11, 3, None),
            CameraFile("100GOPRO", "GX010002.MP4", 10, 4, None),
            CameraFile("100GOPRO", "GX010002.MP4", 10, None, None),
            CameraFile("100GOPRO", "GX010002.MP4", 10, 3, 4),
        ],
    )
    def test_does_not_take_another_file_of_the_name_for_a_verified_one(self, other: CameraFile):
        assert labels(selection([self.OTHER], New(frozenset([other])))) == ["100GOPRO/GX..0002"]

    def test_names_strangers_that_are_not_verified(self):
        known, unknown = file("known.MP4"), file("unknown.MP4")

        [refusal] = selection([known, unknown], New(frozenset([known]))).refusals

        assert "not hauled: 100GOPRO/unknown.MP4" in str(refusal)


class TestEverything:
    def test_is_every_recording_and_a_word_on_every_stranger(self):
        files = [
            file(path) for path in ("GX020002.MP4", "GX010001.MP4", "y.MP4", "GXAA0001.MP4", "x.360", "z.LRV")
        ]

        found = selection(files, Everything())

        assert labels(found) == ["100GOPRO/GX..0001", "100GOPRO/GXAA..", "100GOPRO/GX..0002"]
        assert [str(one) for one in found.refusals] == [
            "not named like chapters, so not hauled: 100GOPRO/x.360, 100GOPRO/y.MP4; copy them by hand"
        ]

    def test_of_an_empty_card_is_nothing(self):
        assert selection([], Everything()) == Selection(())


EACH: list[Choice] = [
    ByNumber("0001"),
    ByFile(("100GOPRO/GX010001.MP4",)),
    ByTime(SIX, None),
    New(),
    Everything(),
]


@pytest.mark.parametrize("choice", EACH, ids=lambda choice: type(choice).__name__)
def test_no_choice_is_made_from_a_list_that_contradicts_itself(choice: Choice):
    with pytest.raises(CardFault):
        selection([file("GX010001.MP4", EVENING), file("GX010001.MP4", EVENING, 11)], choice)


@given(CARDS)
def test_with_nothing_verified_all_is_new(files: list[CameraFile]):
    new, everything = selection(files, New()), selection(files, Everything())

    assert new.recordings == everything.recordings
    assert [str(one) for one in new.refusals] == [str(one) for one in everything.refusals]


@given(CARDS, st.integers(6, 9))
def test_before_and_after_a_moment_is_all_that_has_a_date(files: list[CameraFile], second: int):
    moment = parsed_time(f"1970-01-01 00:00:0{second}")
    before, after = selection(files, ByTime(None, moment)), selection(files, ByTime(moment, None))

    dated = [one for one in selection(files, Everything()).recordings if one.created is not None]
    assert sorted(labels(before) + labels(after)) == sorted(one.label for one in dated)


@given(CARDS, st.data())
def test_named_files_come_all_and_no_other(files: list[CameraFile], data: st.DataObject):
    chapters = [
        one.path for recording in selection(files, Everything()).recordings for one in recording.files
    ]
    paths = data.draw(st.lists(st.sampled_from(chapters))) if chapters else []

    found = selection(files, ByFile(tuple(paths)))

    assert {one.path for recording in found.recordings for one in recording.files} == set(paths)


class TestTheTextOf:
    @pytest.mark.parametrize(
        "text",
        ["0042", "9999", "AA", "100GOPRO/0042", "100GOPRO/AA", "100GOPRO/GX..0042", "100GOPRO/Cam(A)GXAA.."],
    )
    def test_recording_is_a_number_letters_or_a_label(self, text: str):
        assert parsed_recording(text) == ByNumber(text)

    @pytest.mark.parametrize(
        "text",
        [
            *("", "42", "00042", "A", "AAA", "aa", "A1", "0042\n", "GX..0042", "100GOPRO", "100GOPRO/"),
            *("100GOPRO/GX010042.MP4", "GOPRO/0042", "100GOPRO/0042/", "x/0042", "100GOPRO/../0042"),
        ],
    )
    def test_recording_that_is_nothing_of_this_is_refused(self, text: str):
        with pytest.raises(ValueError, match="four digits"):
            parsed_recording(text)

    @pytest.mark.parametrize(
        ("text", "time"),
        [
            ("2026-11-24", (2026, 11, 24, 0, 0, 0)),
            ("2026-11-24T18:00", (2026, 11, 24, 18, 0, 0)),
            ("2026-11-24 18:00", (2026, 11, 24, 18, 0, 0)),
            ("2026-11-24T18:00:30", (2026, 11, 24, 18, 0, 30)),
            ("2026-11-24 18:00:30", (2026, 11, 24, 18, 0, 30)),
            ("2028-02-29", (2028, 2, 29, 0, 0, 0)),
        ],
    )
    def test_time_is_a_day_or_a_time_of_it(self, text: str, time: tuple[int, ...]):
        assert parsed_time(text).timetuple()[:6] == time
        assert parsed_time(text).tzinfo is None

    @pytest.mark.parametrize(
        "text",
        [
            *("", "today", "18:00", "24.11.2026", "2026-11", "2026-11-24T18", "2026-11-24T18:00Z"),
            *(
                "2026-11-24T18:00+01:00",
                "2026-11-24T18:00:30.5",
                "2026-11-24  18:00",
                "2026-11-24 ",
                "20261124",
            ),
            *("2026-11-24\n", "2026-W48-2", "\u0662026-11-24"),
        ],
    )
    def test_time_in_any_other_form_is_refused_with_an_example(self, text: str):
        with pytest.raises(ValueError, match="such as 2026-11-24, 2026-11-24T18:00"):
            parsed_time(text)

    @pytest.mark.parametrize(
        "text", ["2026-02-29", "2026-13-01", "0000-01-01", "2026-11-24T24:00", "2026-11-24 18:60"]
    )
    def test_time_that_no_calendar_has_is_refused_by_its_name(self, text: str):
        with pytest.raises(ValueError, match=f"^{text}: "):
            parsed_time(text)


def test_a_real_card_is_chosen_by_its_own_clock(camera: FakeCamera, media_lists: Path):
    files = listed(camera, media_lists / "issue887_media_list.json")

    found = selection(files, ByTime(parsed_time("2026-01-19T16:00"), parsed_time("2026-01-20")))

    assert labels(found) == ["100GOPRO/GX..0164"]


def test_a_real_card_of_an_older_camera_has_no_dates_to_choose_by(camera: FakeCamera, media_lists: Path):
    files = listed(camera, media_lists / "hero4_hero5_legacy_gpMediaList_excerpt.json")

    found = selection(files, ByTime(parsed_time("2017-05-25"), None))

    assert found.recordings == ()
    assert "131GOPRO/GP..8204, 131GOPRO/GP..8205, 131GOPRO/GP..8206" in str(found.refusals[0])
