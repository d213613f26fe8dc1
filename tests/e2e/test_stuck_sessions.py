"""A card that is formatted before its session is home, beside the deployed coordinator."""

from __future__ import annotations

import pytest

from infra.local.camera import Card, card_with, recording
from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, source_sha256, until

pytestmark = pytest.mark.e2e

BUDGET = ("--spool-budget", str(3 * PART_SIZE_BYTES))


def card_of(serial: str, number: int, parts: int, created: int) -> Card:
    films = recording(number, [parts * PART_SIZE_BYTES], serial=serial, created=created)
    return card_with(*films, serial=serial)


def test_a_card_formatted_in_the_middle_holds_no_later_haul_up_and_forget_frees_its_room(rig: Rig):
    serial = "C7100000000001"
    # The uplink is down: the spool fills with parts that S3 does not have.
    rig.world.chaos.fail_before("UploadPart", times=10_000, key_prefix="originals/main/first/")
    with camera_with(card=card_of(serial, 7, 6, 1_600_000_000)) as camera:
        first = rig.haul(camera, "first", "--recording", "0007", *BUDGET, "--give-up-after", "2s")
        assert first.code == 75, first.said
        rig.world.chaos.clear()
        camera.card = card_of(serial, 8, 5, 1_700_000_000)

        told = rig.haul(camera, None, "--new", *BUDGET)
        status = rig.printed_command("reelhaul status")
        again = rig.haul(camera, None, "--new", *BUDGET)
        audit = rig.command("audit", camera)
        kept = rig.command("forget", camera, "first")
        forgotten = rig.command("forget", camera, "first", "--lose-footage")
        after = rig.printed_command("reelhaul status")

        assert rig.stored_sha256(told.report["session"]) == source_sha256(camera)
    assert (told.code, again.code, audit.code) == (1, 0, 0), told.said + again.said
    assert "session first cannot end (100GOPRO/GX010007.MP4: not on the card any more)" in told.said
    assert "a part of a film that can never be whole makes room" in told.said
    [stuck] = [one for one in status.reports if one["session"] == "first"]
    assert (status.code, stuck["cannot_end"]) == (1, {"100GOPRO/GX010007.MP4": "not on the card any more"})
    # One part made room, and no more.
    assert stuck["spool_bytes"] == 2 * PART_SIZE_BYTES
    assert (kept.code, kept.reports) == (1, [])
    assert f"GX010007.MP4: {2 * PART_SIZE_BYTES:,} bytes (0 to {2 * PART_SIZE_BYTES - 1})" in kept.said
    assert forgotten.code == 0, forgotten.said
    assert (after.code, [one["session"] for one in after.reports]) == (0, [told.report["session"]])


def test_parts_that_s3_has_make_room_for_another_card(rig: Rig):
    serial = "C7200000000001"
    slow = camera_with(card=card_of(serial, 7, 6, 1_600_000_000), pace_bytes_s=4 * PART_SIZE_BYTES)
    with slow as camera:
        client = rig.client(camera, "begun", "--recording", "0007", *BUDGET)
        until(lambda: rig.parts("begun") >= 3, "three parts in S3")
        rig.killed(client)
    with camera_with(card=card_of(serial, 8, 5, 1_700_000_000)) as camera:
        done = rig.haul(camera, "second", "--recording", "0008", *BUDGET)

        assert done.code == 0, done.said
        assert rig.stored_sha256("second") == source_sha256(camera)
