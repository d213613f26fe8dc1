"""A device dies in the middle of a session: an operator gives it to another one, which ends it with the same camera."""

from typing import Any

import pytest

from infra.local.camera import card_with, recording
from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, source_sha256, until
from tests.e2e.test_another_device import another_device

pytestmark = pytest.mark.e2e
SERIAL, SESSION = "C71", "C71-100GOPRO-0038-1656931398"
PARTS = 8
PACE_BYTES_S = 3 * PART_SIZE_BYTES
"""So slow that the first device can be killed in the middle."""


def adopted(rig: Rig, device_id: str) -> dict[str, Any]:
    """What the operator's command answers."""
    done = rig.operator("adopt", SESSION, "--device", device_id)
    assert done.code == 0, done.said
    return done.report


def device_of(rig: Rig) -> str:
    """The id by which the coordinator knows the rig's device."""
    asked_by: str = rig.call("GET", f"/v1/cameras/{SERIAL}/chapters").json()["asked_by"]
    return asked_by


def test_another_device_ends_the_session_and_sends_no_part_twice(rig: Rig):
    south = another_device(rig)
    card = card_with(*recording(38, [PARTS * PART_SIZE_BYTES, PART_SIZE_BYTES], serial=SERIAL), serial=SERIAL)
    with camera_with(card=card, pace_bytes_s=PACE_BYTES_S) as camera:
        north = rig.client(camera, None, "--new")
        until(lambda: rig.parts(SESSION) >= PARTS // 2, "half of the first chapter in S3")
        rig.killed(north)
        stored = rig.parts(SESSION)
        told = adopted(rig, device_of(south))
    with camera_with(card=card) as camera:
        refused = rig.call("GET", f"/v1/sessions/{SESSION}")
        done = south.haul(camera, None, "--new", spool="south")

        assert (told["changed"], told["former_device_id"]) == (True, device_of(rig))
        assert refused.status_code == 409
        assert refused.json()["device_id"] == device_of(south)
        assert done.code == 0, done.said
        assert done.report["session"] == SESSION
        assert done.parts_sent == PARTS + 1 - stored
        assert south.stored_sha256(SESSION) == source_sha256(camera)
        shown = south.session(SESSION)
        assert shown
        assert shown["device_id"] == device_of(south)
