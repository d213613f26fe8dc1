"""A card beside the deployed coordinator: list, --new, audit, and what a heartbeat leaves."""

from dataclasses import replace

import pytest

from infra import admin
from infra.local.camera import Camera, Card, card_with, recording
from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, source_sha256

pytestmark = pytest.mark.e2e


def card_of(serial: str, *numbers: int) -> Card:
    """A card of one camera with these recordings, a part and a bit each."""
    files = [file for n in numbers for file in recording(n, [PART_SIZE_BYTES + n], serial=serial)]
    return card_with(*files, serial=serial)


def another_device(rig: Rig) -> Rig:
    """One more device of the same project."""
    registry = admin.registry(rig.world.aws.client("dynamodb"), rig.world.table)
    token_file = rig.folder / "another.token"
    token_file.touch(mode=0o600)
    token_file.write_text(admin.enroll(registry, name="south").token)
    return replace(rig, token_file=token_file)


def test_a_card_is_listed_with_what_is_hauled(rig: Rig):
    with camera_with(card=card_of("C1111111111111", 7, 8)) as camera:
        assert rig.haul(camera, "listed-7", "--recording", "0007").code == 0
        shown = rig.command("list", camera)

    assert shown.code == 0, shown.said
    recordings = shown.report["recordings"]
    assert [(one["number"], one["hauled"], one["sessions"]) for one in recordings] == [
        ("0007", True, ["listed-7"]),
        ("0008", False, []),
    ]
    assert [one["seconds"] for one in recordings] == [60, 60]


def test_an_audit_names_what_is_missing_and_with_haul_brings_it(rig: Rig):
    with camera_with(card=card_of("C2222222222222", 7, 8)) as camera:
        assert rig.haul(camera, "audited-7", "--recording", "0007").code == 0
        before = rig.command("audit", camera)
        brought = rig.command("audit", camera, "--haul")
        again = rig.command("audit", camera)

        assert (before.code, brought.code, again.code) == (1, 0, 0), brought.said
        assert camera.deletes == []
        assert rig.stored_sha256(brought.reports[0]["session"]) == source_sha256(camera)[1:]
    assert [one["standing"] for one in before.report["recordings"]] == ["hauled", "missing"]
    assert [one["safe_to_erase"] for one in again.report["recordings"]] == [True, True]
    assert brought.reports[-1]["all_home"] is True


def test_what_another_device_hauled_is_not_new(rig: Rig):
    with camera_with(card=card_of("C3333333333333", 7)) as camera:
        assert rig.haul(camera, None, "--new").code == 0
        sent = parts_put(rig, camera)
        swapped = another_device(rig)
        done = swapped.haul(camera, None, "--new", spool="another")
        audit = swapped.command("audit", camera, spool="another")

        assert (done.code, done.reports, audit.code) == (0, [], 0), done.said
        # Compared once, and remembered.
        assert parts_put(rig, camera) == sent + PART_SIZE_BYTES + 7


def test_a_card_formatted_and_filled_anew_is_new_though_its_names_are_not(rig: Rig):
    with camera_with(card=card_of("C4444444444444", 7)) as camera:
        assert rig.haul(camera, None, "--new").code == 0
        camera.card = card_with(
            *recording(7, [PART_SIZE_BYTES + 7], serial="C4444444444444", created=1_700_000_000),
            serial="C4444444444444",
        )
        audit = rig.command("audit", camera)
        done = rig.haul(camera, None, "--new")

        assert (audit.code, done.code) == (1, 0), done.said
        assert [one["standing"] for one in audit.report["recordings"]] == ["other content"]
        assert rig.stored_sha256(done.report["session"]) == source_sha256(camera)


def test_a_session_shows_the_last_heartbeat_of_its_device(rig: Rig):
    with camera_with(card=card_of("C5555555555555", 7)) as camera:
        assert rig.haul(camera, "beaten", "--recording", "0007").code == 0

    shown = rig.session("beaten")
    assert shown
    assert shown["progress"]["disk_free_bytes"] > 0
    assert shown["progress"]["heard_at"]


def test_a_budget_of_two_parts_hauls_ten(rig: Rig):
    budget = ("--spool-budget", str(2 * PART_SIZE_BYTES))
    with camera_with(10 * PART_SIZE_BYTES) as camera:
        done = rig.haul(camera, "narrow", "--recording", "0038", *budget)

        assert done.code == 0, done.said
        assert rig.stored_sha256("narrow") == source_sha256(camera)
    assert done.parts_sent == 10


def parts_put(rig: Rig, camera: Camera) -> int:
    """How many bytes of parts the camera has given in all."""
    return sum(entry.body_bytes for entry in camera.log.all() if entry.asked and entry.body_bytes > 256)
