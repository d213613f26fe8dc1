"""The plug pulled in the middle: of the client, of S3, of the events, of the coordinator."""

import pytest

from infra.local.aws.events.delivery import What
from infra.local.aws.strict_s3 import Chaos, Fault
from tests.e2e.rig import PART_SIZE_BYTES, RECORDING, Rig, bytes_read, camera_with, source_sha256, until

pytestmark = pytest.mark.e2e

EIGHT_PARTS = 8 * PART_SIZE_BYTES
PACE_BYTES_S = 6 * PART_SIZE_BYTES


def test_a_client_killed_in_mid_haul_goes_on_where_it_was(rig: Rig):
    with camera_with(EIGHT_PARTS, pace_bytes_s=PACE_BYTES_S) as camera:
        client = rig.client(camera, "killed")
        until(lambda: rig.parts("killed") >= 3, "three parts in S3")
        rig.killed(client)
        there = rig.parts("killed")
        second = rig.haul(camera, "killed")

        assert second.code == 0, second.said
        assert rig.stored_sha256("killed") == source_sha256(camera)
        # At most the parts that were on their way when it was killed come again.
        assert EIGHT_PARTS <= bytes_read(camera) <= EIGHT_PARTS + 2 * PART_SIZE_BYTES
    assert second.parts_sent <= 8 - there
    assert rig.open_multiparts("killed") == []


def test_a_client_gone_after_its_last_part_is_finished_by_the_reconciler_with_every_event_lost(rig: Rig):
    rig.world.delivery.drop()
    rig.world.chaos.fail_before("CompleteMultipartUpload", times=1000, key_prefix="originals/main/gone/")
    with camera_with(3 * PART_SIZE_BYTES) as camera:
        client = rig.client(camera, "gone")
        until(lambda: _refused_completion(rig, "gone"), "a refused completion")
        rig.killed(client)
        rig.world.chaos.clear()
        rig.reconcile()

        assert rig.stored_sha256("gone") == source_sha256(camera)
    shown = rig.session("gone")
    assert shown
    assert shown["state"] == "STORED"
    assert What.DROPPED in {entry.what for entry in rig.world.delivery.log}
    assert rig.haul(camera, "gone").code == 0


@pytest.mark.parametrize(
    ("fault", "disturb"),
    [
        (Fault.CUT_AFTER, Chaos.cut_after),
        (Fault.FAIL_AFTER, Chaos.fail_after),
        (Fault.ERROR_IN_200, Chaos.error_in_200),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_whatever_is_answered_at_completion_ends_in_the_truth(rig: Rig, fault: Fault, disturb):
    session = f"answered-{fault.name}"
    disturb(rig.world.chaos, "CompleteMultipartUpload", times=3, key_prefix=f"originals/main/{session}/")
    with camera_with(3 * PART_SIZE_BYTES) as camera:
        done = rig.haul(camera, session)

        assert done.code == 0, done.said
        assert rig.stored_sha256(session) == source_sha256(camera)
    assert fault in {occurrence.fault for occurrence in rig.world.chaos.log}


def test_events_doubled_and_out_of_order_change_nothing(rig: Rig):
    rig.world.delivery.hold()
    rig.world.delivery.duplicate(10)
    with camera_with(PART_SIZE_BYTES + 1, PART_SIZE_BYTES, 1000) as camera:
        done = rig.haul(camera, "doubled")
        before = rig.session("doubled")
        rig.world.delivery.shuffle(seed=4)
        rig.world.delivery.release()
        assert rig.world.settled(30)

        assert done.code == 0, done.said
        assert rig.stored_sha256("doubled") == source_sha256(camera)
    after = rig.session("doubled")
    assert before
    assert after
    assert [c["receipt"] for c in after["chapters"]] == [c["receipt"] for c in before["chapters"]]
    assert after["state"] == "STORED"


def test_a_part_corrupted_on_its_way_is_refused_and_sent_again(rig: Rig):
    rig.world.chaos.corrupt_body("UploadPart", times=2, key_prefix="originals/main/corrupted/")
    with camera_with(3 * PART_SIZE_BYTES) as camera:
        done = rig.haul(camera, "corrupted")

        assert done.code == 0, done.said
        assert rig.stored_sha256("corrupted") == source_sha256(camera)
    assert [occurrence.fault for occurrence in rig.world.chaos.log] == [Fault.CORRUPT_BODY] * 2
    assert done.report["retries"] >= 2


def test_urls_that_s3_takes_no_more_are_signed_anew_and_cost_no_patience(rig: Rig):
    rig.world.chaos.fail_before(
        "UploadPart", times=3, status=403, code="AccessDenied", key_prefix="originals/main/expired/"
    )
    with camera_with(3 * PART_SIZE_BYTES) as camera:
        done = rig.haul(camera, "expired")

        assert done.code == 0, done.said
        assert rig.stored_sha256("expired") == source_sha256(camera)
    assert len(rig.world.chaos.log) == 3


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload", "HeadObject", "ListParts"])
def test_storage_that_is_busy_for_a_while_is_waited_for(rig: Rig, operation: str):
    session = f"busy-{operation}"
    rig.world.chaos.fail_before(operation, times=3, key_prefix=f"originals/main/{session}/")
    with camera_with(2 * PART_SIZE_BYTES) as camera:
        done = rig.haul(camera, session)

        assert done.code == 0, done.said
        assert rig.stored_sha256(session) == source_sha256(camera)
    assert len(rig.world.chaos.log) == 3


def test_a_coordinator_that_is_down_for_a_while_is_waited_for(rig: Rig):
    with camera_with(EIGHT_PARTS, pace_bytes_s=PACE_BYTES_S) as camera:
        client = rig.client(camera, "down")
        until(lambda: rig.parts("down") >= 2, "two parts in S3")
        rig.world.gateway.refuse(3)
        done = rig.ended(client)

        assert done.code == 0, done.said
        assert rig.stored_sha256("down") == source_sha256(camera)
    assert done.report["retries"] >= 3


def test_a_coordinator_that_stays_down_ends_the_run_to_be_tried_again(rig: Rig):
    rig.world.gateway.refuse()
    with camera_with(1000) as camera:
        done = rig.haul(camera, "outage", "--recording", RECORDING, "--give-up-after", "2s")

    assert done.code == 75
    assert "run the same command again" in done.said
    assert rig.token not in done.said


def test_of_two_clients_on_one_spool_the_second_steps_back(rig: Rig):
    with camera_with(EIGHT_PARTS, pace_bytes_s=PACE_BYTES_S) as camera:
        first = rig.client(camera, "two")
        until(lambda: rig.parts("two") >= 1, "a first part in S3")
        second = rig.haul(camera, "two")
        done = rig.ended(first)

        assert (done.code, second.code) == (0, 75), second.said
        assert rig.stored_sha256("two") == source_sha256(camera)
    assert "another client" in second.said


def test_two_clients_with_a_spool_each_end_in_one_object_and_one_receipt(rig: Rig):
    with camera_with(EIGHT_PARTS) as camera:
        clients = [rig.client(camera, "both", spool=f"spool-{number}") for number in (1, 2)]
        first, second = (rig.ended(client) for client in clients)

        assert (first.code, second.code) == (0, 0), first.said + second.said
        assert rig.stored_sha256("both") == source_sha256(camera)
    assert first.report["chapters"][0]["receipt"] == second.report["chapters"][0]["receipt"]
    assert rig.open_multiparts("both") == []


def test_a_failed_upload_keeps_its_parts_and_the_next_run_reads_nothing_again(rig: Rig):
    rig.world.chaos.fail_before("UploadPart", times=10_000, key_prefix="originals/main/kept/")
    with camera_with(4 * PART_SIZE_BYTES) as camera:
        first = rig.haul(camera, "kept", "--recording", RECORDING, "--give-up-after", "3s")
        read = bytes_read(camera)
        rig.world.chaos.clear()
        second = rig.haul(camera, "kept")

        assert (first.code, second.code) == (75, 0), second.said
        assert bytes_read(camera) == read == 4 * PART_SIZE_BYTES
        assert rig.stored_sha256("kept") == source_sha256(camera)


def _refused_completion(rig: Rig, session: str) -> bool:
    return any(f"/{session}/" in occurrence.key for occurrence in rig.world.chaos.log)
