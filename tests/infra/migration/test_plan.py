"""What an import makes of an old session: nothing is left out, and what is missing is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.errors import InvalidRequest
from infra.migration.legacy.values import OldObject, OldRow, OldSession
from infra.migration.plan import FILE, ROW, TABLE, From, plan_session

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
OLD_ID = "6f1f2a52-52a2-4a0e-9c2e-0c2f2b5a9a10"
FLIGHT = OldObject("original", f"videos/original/{OLD_ID}/flight.mp4", 100)
ENHANCED = OldObject("enhanced", f"videos/enhanced/{OLD_ID}/{OLD_ID}_enhanced_main_video.mp4", 90)
AUDIO = OldObject("enhanced_with_audio", f"videos/enhanced_with_audio/{OLD_ID}/with.MOV", 95)
FRAMES = OldObject("frames", f"frames/{OLD_ID}/measurements.json.gz", 40)
OLD_ROW = OldRow(OLD_ID, OLD_ID, "completed", NOW - timedelta(days=300), NOW - timedelta(days=301))
OLD = OldSession(OLD_ID, OLD_ROW, (FLIGHT, ENHANCED, AUDIO, FRAMES))


def planned(old: OldSession = OLD):
    return plan_session("main", "s3://older", old, NOW)


def ids(old: OldSession) -> list[str]:
    return [item.artifact_id for item in planned(old).items]


def test_every_file_and_the_row_become_artifacts():
    plan = planned()

    assert [(item.artifact_id, item.source, item.size_bytes) for item in plan.items] == [
        ("original.000OLDER.flight.mp4", From.OBJECT, 100),
        ("output.enhanced.mp4", From.OBJECT, 90),
        ("output.enhanced_with_audio.mov", From.OBJECT, 95),
        (FILE, From.OBJECT, 40),
        (ROW, From.SESSION_ROW, None),
    ]
    assert (plan.missing, plan.notes, plan.size_bytes) == ((), (), 325)


def test_the_session_keeps_its_name_its_times_and_its_old_keys():
    wanted = planned().wanted

    assert (wanted.session_id, wanted.created_at) == (f"main/{OLD_ID}", OLD_ROW.created_at)
    assert (wanted.storage.row_id, wanted.storage.recorded_at) == (OLD_ID, OLD_ROW.recorded_at)
    assert {each.artifact_id: each.key for each in wanted.storage.keys} == {
        "original.000OLDER.flight.mp4": FLIGHT.key,
        "output.enhanced.mp4": ENHANCED.key,
        "output.enhanced_with_audio.mov": AUDIO.key,
        FILE: FRAMES.key,
    }
    assert wanted.made == ("output.enhanced.mp4", "output.enhanced_with_audio.mov", FILE, ROW)


def test_the_same_session_gives_the_same_plan_in_whatever_order_its_files_are_listed():
    assert planned(replace(OLD, objects=OLD.objects[::-1])) == planned()


@pytest.mark.parametrize(
    ("old", "missing"),
    [
        (replace(OLD, objects=(ENHANCED, FRAMES)), ("original",)),
        (replace(OLD, objects=(FLIGHT, ENHANCED)), ("frames",)),
        (replace(OLD, objects=()), ("original", "frames")),
        (replace(OLD, objects=(FLIGHT, FRAMES)), ()),
        (replace(OLD, objects=(FLIGHT, replace(FRAMES, size_bytes=0))), ("frames",)),
        (replace(OLD, objects=(FLIGHT,), frame_rows=0), ("frames",)),
        (replace(OLD, objects=(FLIGHT,), frame_rows=1), ()),
    ],
)
def test_what_the_older_system_lacks_is_missing(old: OldSession, missing: tuple[str, ...]):
    assert planned(old).missing == missing


def test_a_video_that_the_row_names_and_nobody_has_is_missing():
    row = replace(OLD_ROW, named={"enhanced_with_audio": "videos/enhanced_with_audio/x.mp4"})

    assert planned(replace(OLD, row=row, objects=(FLIGHT, FRAMES))).missing == ("enhanced_with_audio",)


def test_a_session_without_a_row_is_imported_from_its_files():
    plan = planned(replace(OLD, row=None))

    assert plan.wanted.storage.row_id is None
    assert plan.wanted.created_at == NOW
    assert "time of the import" in plan.notes[0]


def test_a_session_that_was_created_in_the_future_counts_from_the_import():
    row = replace(OLD_ROW, created_at=NOW + timedelta(seconds=1))

    assert planned(replace(OLD, row=row)).wanted.created_at == NOW


def test_frames_in_a_file_and_in_rows_are_both_imported():
    plan = planned(replace(OLD, frame_rows=7))

    assert {FILE, TABLE} <= {item.artifact_id for item in plan.items}
    assert "7 rows" in plan.notes[0]


def test_an_empty_file_is_noted():
    assert planned(replace(OLD, objects=(replace(FLIGHT, size_bytes=0),))).notes == (
        f"{FLIGHT.key} is empty and counts as missing",
    )


def test_several_files_of_a_kind_are_all_imported():
    second = replace(ENHANCED, key=f"videos/enhanced/{OLD_ID}/z.mp4")
    original = replace(FLIGHT, key=f"videos/original/{OLD_ID}/a.mp4")

    assert ids(OldSession(OLD_ID, None, (FLIGHT, second, ENHANCED, original))) == [
        "original.000OLDER.a.mp4",
        "original.000OLDER.flight.mp4",
        "output.enhanced.mp4",
        "output.enhanced.2.mp4",
    ]


@pytest.mark.parametrize(
    ("filename", "becomes"),
    [
        ("a" * 96 + ".mp4", "a" * 96 + ".mp4"),
        ("a" * 97 + ".mp4", "original-1.mp4"),
        ("ü" * 50 + ".avi", "original-1.avi"),
        ("bell\x07.mp4", "original-1.mp4"),
        ("no suffix", "no suffix"),
        ("odd.s u f", "odd.s u f"),
    ],
)
def test_an_original_keeps_its_name_where_a_chapter_can_have_it(filename: str, becomes: str):
    plan = planned(replace(OLD, objects=(replace(FLIGHT, key=f"videos/original/{OLD_ID}/{filename}"),)))

    assert plan.wanted.chapters[0].filename == becomes
    assert any("cannot be kept" in note for note in plan.notes) == (becomes != filename)


def test_two_originals_of_one_name_are_both_imported():
    other = replace(FLIGHT, key="videos/original/elsewhere/flight.mp4", size_bytes=3)

    chapters = planned(replace(OLD, objects=(FLIGHT, other))).wanted.chapters

    assert [(each.filename, each.size_bytes) for each in chapters] == [
        ("flight.mp4", 100),
        ("original-2.mp4", 3),
    ]


def test_an_id_that_is_no_session_name_is_refused():
    with pytest.raises(InvalidRequest, match="session id"):
        planned(replace(OLD, old_id="../etc"))


@pytest.mark.parametrize("count", [99, 100])
def test_a_session_has_at_most_99_originals(count: int):
    objects = tuple(
        replace(FLIGHT, key=f"videos/original/{OLD_ID}/{number:03}.mp4") for number in range(count)
    )
    old = replace(OLD, row=None, objects=objects)
    if count == 99:
        assert len(planned(old).wanted.chapters) == 99
        return
    with pytest.raises(InvalidRequest, match="99 originals"):
        planned(old)


def test_a_name_that_is_not_utf_8_is_replaced_and_its_key_is_kept_in_codes():
    plan = planned(replace(OLD, objects=(replace(FLIGHT, key="videos/original/x/caf\udce9.mp4"),)))

    assert plan.wanted.chapters[0].filename == "original-1.mp4"
    assert plan.wanted.storage.keys[0].key == "videos/original/x/caf\\udce9.mp4"
    assert plan.items[0].key == "videos/original/x/caf\udce9.mp4"
