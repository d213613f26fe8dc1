"""An import from a folder and a database: whole, honest about what is missing, and safe to run again."""

import gzip
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.core.order import wish
from chalicelib.flows import artifacts, operations
from chalicelib.flows.frames import view_frames
from infra.admin.dry_run import rehearsed
from infra.migration import run
from infra.migration.plan import FILE, ROW, TABLE
from infra.migration.send import NotSent
from tests.infra.migration.older import SCHEMA, Older, frame_row, item_of, old_id, statuses
from tests.support import story
from tests.support.builders import recorded
from tests.support.memory import fetch


@pytest.fixture
def older(tmp_path: Path) -> Older:
    return Older(tmp_path / "older system")


def named(name: str) -> SessionId:
    return ids.session_id("main", name)


def body_of(older: Older, name: str, artifact_id: str) -> bytes:
    """What the coordinator gives a reader of the artifact."""
    _, read = artifacts.sign_artifact(older.ports, story.OPERATOR, named(name), ArtifactId(artifact_id))
    return fetch(older.ports.objects, read.url, older.ports.clock.now())


def test_a_session_comes_with_its_films_its_frames_and_its_row(older: Older):
    name = older.add(1)
    older.make_tables()
    older.add_row(name, airport_icao_code="LOWW", video_metadata='{"fps": 29.97, "gps_data": []}')

    report = older.import_all()

    assert statuses(report.sessions[0]) == {
        "original.000OLDER.flight.mp4": "imported",
        "output.enhanced.mp4": "imported",
        FILE: "imported",
        ROW: "imported",
    }
    assert (report.wrong, report.finished) == (0, True)
    picture = recorded(older.ports, named(name))
    assert picture.session.state.value == "PROCESSED"
    assert (
        body_of(older, name, "original.000OLDER.flight.mp4")
        == (older.root / f"videos/original/{name}/flight.mp4").read_bytes()
    )
    row = json.loads(body_of(older, name, ROW))
    assert (row["airport_icao_code"], row["video_metadata"]) == ("LOWW", {"fps": 29.97, "gps_data": []})
    assert picture.session.created_at.isoformat() == "2025-06-01T10:00:00+00:00"


def test_frame_rows_become_measurements_with_every_column(older: Older):
    name = older.add(1, frames=0)
    older.make_tables()
    older.add_row(name)
    older.add_frames([frame_row(7, name, 1), frame_row(9, name, 0), frame_row(8, name, 2, papi_a_angle=None)])

    report = older.import_all()

    rows = item_of(report.sessions[0], TABLE).rows
    assert rows
    assert (rows.written, rows.unreadable) == (3, 0)
    lines = gzip.decompress(body_of(older, name, TABLE)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [9, 7, 8]
    _, found = view_frames(older.ports, story.OPERATOR, named(name), None, Wanted())
    first, _, last = found.frames
    assert first["papi_a"]["status"] == "transition"
    assert first["papi_a"]["rgb"] == {"r": 250, "g": 30, "b": 20}
    assert (first["drone_latitude"], first["wind_knots"]) == (48.12345678, 4.5)
    assert last["papi_a"]["angle"] is None
    assert first["drone_elevation"] is None


def test_a_row_that_cannot_be_read_is_counted_with_its_reason_and_the_others_come(older: Older):
    name = older.add(1, frames=0)
    older.make_tables()
    older.add_row(name)
    older.add_frames([frame_row(each, name, each) for each in range(3)])
    older.execute("UPDATE frame_measurements SET papi_a_status = CAST(x'ff41' AS TEXT) WHERE id = 1")

    rows = item_of(older.one(), TABLE).rows

    assert rows
    assert (rows.written, rows.unreadable) == (2, 1)
    assert rows.reasons == ("id 1: papi_a_status is not UTF-8",)
    story.let_pass(older.ports)
    assert older.one(run.verify).is_wrong is False


def test_rows_without_a_frame_number_come_last_and_are_rejected_by_the_index(older: Older):
    name = older.add(1, frames=0)
    older.make_tables()
    older.add_row(name)
    older.add_frames(
        [frame_row(1, name, None), frame_row(2, name, 0), frame_row(3, name, 1), frame_row(4, name, 2)]
    )

    older.import_all()

    [index] = recorded(older.ports, named(name)).indexes
    assert (index.frames, index.rejected) == (3, 1)
    assert statuses(older.one(run.verify))[TABLE] == "same"


def test_a_number_that_is_none_is_not_made_null(older: Older):
    name = older.add(1, frames=0)
    older.make_tables()
    older.add_row(name)
    older.add_frames([frame_row(1, name, 0, wind_knots=9e999)])

    older.play()

    [line] = gzip.decompress(body_of(older, name, TABLE)).splitlines()
    assert json.loads(line)["wind_knots"] == "inf"


@pytest.mark.parametrize(
    ("lost", "missing", "state"),
    [
        ("videos/original", ["original"], "OPEN"),
        ("frames", ["frames"], "PROCESSED"),
        ("videos/enhanced", ["enhanced"], "PROCESSED"),
    ],
)
def test_what_is_missing_is_said_and_the_rest_is_imported(
    older: Older, lost: str, missing: list[str], state: str
):
    name = older.add(1)
    older.make_tables()
    older.add_row(name, enhanced_video_s3_key=f"videos/enhanced/{name}/gone.mp4")
    for path in (older.root / lost / name).iterdir():
        path.unlink()

    report = older.import_all().sessions[0]

    assert list(report.missing) == missing
    assert not report.is_wrong
    session = recorded(older.ports, named(name)).session
    assert (session.state.value, list(session.storage.missing if session.storage else ())) == (state, missing)
    assert older.one(run.verify).is_wrong is False


def test_a_session_that_is_a_row_alone_is_imported_as_that(older: Older):
    older.make_tables()
    older.add_row(old_id(1), status="error")

    report = older.one()

    assert (report.state, report.missing) == ("OPEN", ("original", "frames"))
    assert statuses(report) == {ROW: "imported"}


def test_the_key_that_a_row_names_is_imported_wherever_it_lies(older: Older):
    name = older.add(1, frames=0)
    older.write("archive/2025/all frames.json", b'[{"frame_number": 0, "timestamp": 0}]')
    older.make_tables()
    older.add_row(name, frame_measurements_s3_key="archive/2025/all frames.json")

    report = older.one()

    assert item_of(report, FILE).source == "archive/2025/all frames.json"
    assert report.missing == ()


@pytest.mark.parametrize("path", ["../secret.mp4", "/etc/passwd", "link.mp4"])
def test_nothing_outside_the_folder_is_imported(older: Older, path: str):
    name = older.add(1, frames=0)
    (older.root.parent / "secret.mp4").write_bytes(b"not yours")
    (older.root / "link.mp4").symlink_to(older.root.parent / "secret.mp4")
    older.make_tables()
    older.add_row(name, enhanced_audio_video_s3_key=path)

    report = older.one()

    assert report.missing == ("enhanced_with_audio", "frames")
    assert len(report.items) == 3


def test_the_plan_writes_nothing(older: Older):
    older.add(1)

    report = older.one(run.foresee, world=older.world(rehearsed(older.ports)))

    assert set(statuses(report).values()) == {"would import"}
    assert report.state is None
    assert list(older.ports.records.sessions()) == []


def test_the_plan_of_what_is_imported_has_nothing_to_do(older: Older):
    older.add(1)
    older.import_all()

    report = older.one(run.foresee, world=older.world(rehearsed(older.ports)))

    assert set(statuses(report).values()) == {"verified before"}
    assert report.state == "PROCESSED"


def test_a_second_run_sends_and_changes_nothing(older: Older):
    name = older.add(1)
    older.make_tables()
    older.add_row(name)
    older.import_all()
    before, sent = recorded(older.ports, named(name)), older.sent

    report = older.one()

    assert set(statuses(report).values()) == {"verified before"}
    assert (recorded(older.ports, named(name)), older.sent) == (before, sent)


def test_what_the_older_system_has_more_at_a_second_run_is_added(older: Older):
    name = older.add(1, frames=0)
    older.import_all()

    older.add(1, frames=5)
    report = older.import_all().sessions[0]

    assert statuses(report)[FILE] == "imported"
    assert recorded(older.ports, named(name)).session.state.value == "PROCESSED"
    assert report.missing == ()


def test_an_import_adds_nothing_to_a_session_that_was_ordered_since(older: Older):
    name = older.add(1, frames=0)
    older.import_all()
    operations.order(older.ports, story.OPERATOR, named(name), wish(["output.enhanced.mp4"], {}))

    older.add(1, frames=5)
    planned = older.one(run.foresee)
    report = older.one()

    assert "ordered since" in (planned.fault or "")
    assert statuses(report) == {
        "original.000OLDER.flight.mp4": "verified before",
        "output.enhanced.mp4": "verified before",
        FILE: "not imported",
    }
    assert report.is_wrong


def test_an_original_that_changed_since_is_a_fault_and_nothing_is_written(older: Older):
    name = older.add(1)
    older.import_all()
    before = recorded(older.ports, named(name))
    older.write(f"videos/original/{name}/flight.mp4", b"another film")

    report = older.one()

    assert "another than the one to be imported" in (report.fault or "")
    assert recorded(older.ports, named(name)) == before


def test_a_fault_of_one_session_stops_no_other(older: Older):
    older.add(1)
    (older.root / "videos/original/no name").mkdir()
    older.write("videos/original/no name/a.mp4", b"film")

    report = older.play()

    assert [each.is_wrong for each in report.sessions] == [False, True]
    assert "session id" in (report.sessions[1].fault or "")


def test_a_limit_counts_the_sessions_that_had_something_to_do(older: Older):
    for number in (1, 2, 3):
        older.add(number)

    runs = [older.play(limit=2), older.play(limit=2), older.play(limit=2)]

    assert [len(each.sessions) for each in runs] == [2, 3, 3]
    assert [each.finished for each in runs] == [False, True, True]
    assert len(list(older.ports.records.sessions())) == 3


def test_only_named_sessions_are_imported_and_an_unknown_one_is_a_fault(older: Older):
    for number in (1, 2):
        older.add(number)

    report = older.play(wanted=[old_id(2), old_id(3)])

    assert list(older.ports.records.sessions()) == [named(old_id(2))]
    assert report.sessions[1].fault == "the older system has no session of this id"


def test_a_part_that_s3_refuses_is_sent_again(older: Older):
    older.add(1)
    failures = iter([True, False, True])

    def send(url, body) -> None:
        if next(failures, False):
            raise NotSent("part 1: S3 answered 503")
        older.send(url, body)

    report = older.one(world=older.world(send=send))

    assert not report.is_wrong
    assert older.waits == [1, 1]


def test_a_part_that_s3_always_refuses_is_a_fault_that_names_it(older: Older):
    older.add(1, frames=0)

    def send(url, body) -> None:
        raise NotSent("part 1: S3 answered 403 Forbidden")

    report = older.one(world=older.world(send=send))

    assert item_of(report, "output.enhanced.mp4").detail == "part 1: S3 answered 403 Forbidden"
    assert older.waits[:4] == [1, 2, 4, 8]
    assert report.is_wrong


def test_parts_that_s3_holds_are_not_sent_again(older: Older):
    name = older.add(1, frames=0)
    whole = replace(older.ports, policy=replace(older.ports.policy, part_size_bytes=16))
    parts = -(-(older.root / f"videos/original/{name}/flight.mp4").stat().st_size // 16)

    def dies(url, body) -> None:
        if older.sent == parts - 1:
            raise KeyboardInterrupt
        older.send(url, body)

    stopped = older.play(world=older.world(whole, dies))
    assert not stopped.finished
    older.sent = 0
    older.one(world=older.world(whole))

    film = (older.root / f"videos/enhanced/{name}/{name}_enhanced_main_video.mp4").stat().st_size
    assert older.sent == 1 + -(-film // 16)


def test_a_source_that_changes_between_two_runs_never_becomes_a_mixture(older: Older):
    name = older.add(1, frames=0)
    whole = replace(older.ports, policy=replace(older.ports.policy, part_size_bytes=16))

    def dies(url, body) -> None:
        if older.sent == 3:
            raise KeyboardInterrupt
        older.send(url, body)

    older.play(world=older.world(whole, dies))
    path = older.root / f"videos/original/{name}/flight.mp4"
    changed = bytes(255 - byte for byte in path.read_bytes())
    path.write_bytes(changed)

    older.one(world=older.world(whole))

    assert body_of(older, name, "original.000OLDER.flight.mp4") == changed


def test_an_upload_of_rows_that_changed_since_begins_once_more(older: Older):
    name = older.add(1, frames=0)
    older.make_tables()
    older.add_row(name)
    older.add_frames([frame_row(1, name, 0)])

    def dies(url, body) -> None:
        if older.sent == 2:
            raise KeyboardInterrupt
        older.send(url, body)

    assert not older.play(world=older.world(send=dies)).finished
    older.add_frames([frame_row(2, name, 1, papi_a_angle=2.718281828459045)])

    report = older.one()

    assert statuses(report)[TABLE] == "imported"
    assert len(gzip.decompress(body_of(older, name, TABLE)).splitlines()) == 2


def test_the_same_rows_give_the_same_bytes(older: Older):
    name = older.add(1, frames=0)
    older.make_tables()
    older.add_row(name)
    older.add_frames([frame_row(each, name, each) for each in range(50)])
    older.import_all()

    assert statuses(older.one(run.verify)) == dict.fromkeys(
        ["original.000OLDER.flight.mp4", "output.enhanced.mp4", TABLE, ROW], "same"
    )


def test_verify_finds_every_planted_difference(older: Older):
    for number in range(1, 6):
        name = older.add(number, frames=0)
        if number == 1:
            older.make_tables()
        older.add_row(name)
        older.add_frames([frame_row(number * 100 + each, name, each) for each in range(3)])
    older.import_all()
    assert older.play(run.verify).wrong == 0

    film = older.root / f"videos/enhanced/{old_id(1)}/{old_id(1)}_enhanced_main_video.mp4"
    film.write_bytes(film.read_bytes()[:-1] + b"!")
    older.execute("DELETE FROM frame_measurements WHERE id = 202")
    older.execute("UPDATE measurement_sessions SET status = 'error' WHERE id = ?", [[old_id(3)]])
    older.ports.objects.put_object(artifact_key(older, old_id(4), "output.enhanced.mp4"), b"somebody's")

    wrong = {each.old_id: each for each in older.play(run.verify).sessions if each.is_wrong}

    assert set(wrong) == {old_id(number) for number in (1, 2, 3, 4)}
    assert "CRC64NVME" in (item_of(wrong[old_id(1)], "output.enhanced.mp4").detail or "")
    assert item_of(wrong[old_id(2)], TABLE).status.value == "differs"
    assert item_of(wrong[old_id(3)], ROW).status.value == "differs"
    assert "version of the receipt" in (item_of(wrong[old_id(4)], "output.enhanced.mp4").detail or "")


def artifact_key(older: Older, name: str, artifact_id: str) -> str:
    receipt = recorded(older.ports, named(name)).receipt(ArtifactId(artifact_id))
    assert receipt
    return receipt.key


def test_verify_finds_an_index_of_another_number_of_frames(older: Older):
    name = older.add(1)
    older.import_all()
    picture = recorded(older.ports, named(name))
    index = replace(picture.indexes[0], frames=4)
    older.ports.records.arrange(replace(picture, indexes=(index,)), None)

    assert (
        item_of(older.one(run.verify), FILE).detail == "the source has 5 frames, the index 4 and 0 rejected"
    )


def test_verify_says_what_was_never_imported(older: Older):
    older.add(1)

    assert older.one(run.verify).fault == "not imported"


def test_frames_that_are_poison_fail_the_session_and_stay_readable_as_a_file(older: Older):
    name = older.add(1)
    older.write(f"frames/{name}/measurements.json.gz", b"<html>")

    older.import_all()

    assert recorded(older.ports, named(name)).session.state.value == "FAILED"
    assert body_of(older, name, FILE) == b"<html>"
    assert "cannot be read" in (item_of(older.one(run.verify), FILE).detail or "")


def test_nothing_of_the_older_system_is_written(older: Older):
    name = older.add(1)
    older.make_tables()
    older.add_row(name)
    before = {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(older.root.rglob("*"))
        if path.is_file()
    }

    older.import_all()
    older.play(run.verify)

    assert before == {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(older.root.rglob("*"))
        if path.is_file()
    }


def test_frame_rows_without_a_row_of_their_session_are_imported(older: Older):
    name = older.add(1, frames=0)
    older.make_tables()
    older.add_frames([frame_row(each, name, each) for each in range(4)])

    report = older.import_all().sessions[0]

    assert report.missing == ("row",)
    assert set(statuses(report)) == {"original.000OLDER.flight.mp4", "output.enhanced.mp4", TABLE}
    assert recorded(older.ports, named(name)).indexes[0].frames == 4
    assert statuses(older.one(run.verify))[TABLE] == "same"


def test_a_frame_table_that_is_gone_is_no_fault(older: Older):
    name = older.add(1)
    older.make_tables(SCHEMA.partition("CREATE TABLE frame_measurements")[0])
    older.add_row(name)

    report = older.one()

    assert (report.frame_rows, report.is_wrong) == (None, False)
