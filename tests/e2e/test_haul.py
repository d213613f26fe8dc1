"""A haul from card to receipt, and again."""

from pathlib import Path

import pytest

from infra.local.camera import Card, card_of_folder, card_with, recording
from tests.e2e.rig import PART_SIZE_BYTES, Rig, bytes_read, camera_with, source_sha256, until

pytestmark = pytest.mark.e2e


def test_a_recording_ends_as_verified_objects_with_receipts_and_a_stored_session(rig: Rig):
    with camera_with(3 * PART_SIZE_BYTES, 2 * PART_SIZE_BYTES + 1, PART_SIZE_BYTES - 1) as camera:
        done = rig.haul(camera, "whole")

        assert done.code == 0, done.said
        assert rig.stored_sha256("whole") == source_sha256(camera)
        assert [chapter["parts_sent"] for chapter in done.report["chapters"]] == [3, 3, 1]
        assert camera.deletes == []
    assert rig.world.settled(30)
    shown = rig.session("whole")
    assert shown
    assert (shown["state"], shown["missing"]) == ("STORED", [])
    assert [chapter["receipt"] for chapter in shown["chapters"]] == [
        chapter["receipt"] for chapter in done.report["chapters"]
    ]
    assert not list((rig.folder / "spool").rglob("*.part"))


def test_a_rerun_after_success_transfers_nothing_and_needs_no_camera(rig: Rig):
    with camera_with(2 * PART_SIZE_BYTES) as camera:
        first = rig.haul(camera, "again")
        read = bytes_read(camera)
        second = rig.haul(camera, "again")

        assert (first.code, second.code) == (0, 0), second.said
        assert bytes_read(camera) == read
    assert second.parts_sent == 0
    assert second.report["chapters"][0]["receipt"] == first.report["chapters"][0]["receipt"]
    third = rig.haul(camera, "again")
    assert third.code == 0, third.said


def test_a_spool_wiped_after_success_costs_nothing_but_the_question(rig: Rig):
    with camera_with(2 * PART_SIZE_BYTES) as camera:
        rig.haul(camera, "wiped")
        read = bytes_read(camera)
        again = rig.haul(camera, "wiped", spool="another-spool")

        assert again.code == 0, again.said
        read_again = bytes_read(camera) - read
    assert again.parts_sent == 0
    assert read_again == 0


def test_every_recording_of_a_card_becomes_a_session_of_its_own(rig: Rig):
    files = (*recording(7, [PART_SIZE_BYTES + 5]), *recording(8, [1000, 2000]))
    with camera_with(card=card_with(*files).unsorted(seed=3)) as camera:
        done = rig.haul(camera, None, "--all")

    assert done.code == 0, done.said
    assert sorted(len(report["chapters"]) for report in done.reports) == [1, 2]
    assert len({report["session"] for report in done.reports}) == 2


def test_a_recording_that_is_not_there_is_refused_with_what_is(rig: Rig):
    with camera_with(1000) as camera:
        done = rig.haul(camera, "nothing", "--recording", "0099")

    assert done.code == 1
    assert "no recording 0099" in done.said
    assert "0038" in done.said
    assert rig.session("nothing") is None


def test_a_file_swapped_under_its_name_is_noticed_before_a_byte_is_mixed(rig: Rig):
    with camera_with(4 * PART_SIZE_BYTES, pace_bytes_s=2 * PART_SIZE_BYTES) as camera:
        client = rig.client(camera, "swapped")
        until(lambda: rig.parts("swapped") >= 1, "a first part in S3")
        rig.killed(client)
        [(directory, file)] = camera.card.files()
        [other] = recording(38, [4 * PART_SIZE_BYTES], created=1_700_000_000)
        camera.card = camera.card.with_file(directory, other)
        done = rig.haul(camera, "swapped")

    assert file.size_bytes == other.size_bytes
    assert done.code == 1
    assert "ETag" in done.said
    upload = rig.upload("swapped")
    assert upload
    assert upload["receipt"] is None


def test_films_of_cameras_are_hauled_byte_for_byte(rig: Rig, films: Path, request: pytest.FixtureRequest):
    session = f"films-{request.node.callspec.id}"
    card: Card = card_of_folder(films)
    with camera_with(card=card) as camera:
        [number] = {file.name[4:8] for _, file in card.files()}
        done = rig.haul(camera, session, "--recording", number)

        assert done.code == 0, done.said
        assert rig.stored_sha256(session) == source_sha256(camera)
        assert len(source_sha256(camera)) == 3
