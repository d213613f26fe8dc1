"""A bit flips in S3: the scheduled round finds it, the reconciler makes it lost, and all are told what to do next."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.rig import Rig
from tests.e2e.test_by_hand import ARTIFACT, BODY, crc_of
from tests.e2e.test_orders import hauled

pytestmark = pytest.mark.e2e


def verified(rig: Rig, *arguments: str) -> tuple[int, dict[str, Any]]:
    """What the operator's command answers, and its exit code."""
    done = rig.operator("verify", *arguments)
    return done.code, done.report


def reread(rig: Rig, session: str, crc64nvme: str) -> dict[str, Any]:
    """What the coordinator answers a device that read the card of the session again."""
    read_at = datetime.now(UTC).isoformat()
    body = {"size_bytes": len(BODY), "crc64nvme": crc64nvme, "xxh128": "ab" * 16, "read_at": read_at}
    answer = rig.call("POST", f"/v1/sessions/{session}/artifacts/{ARTIFACT}/evidence", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_bit_that_flips_in_one_of_many_objects_is_found_lost_and_told(rig: Rig):
    names = [f"rest-{number}" for number in range(3)]
    receipts = {name: hauled(rig, name) for name in names}
    rotten = receipts[names[2]]
    first = reread(rig, names[0], rotten["crc64nvme"])
    second = reread(rig, names[1], crc_of(b"a bit flipped"))
    rig.world.aws.rot(rotten["key"], rotten["version_id"], len(BODY) - 1)
    head = rig.world.aws.client("s3").head_object(
        Bucket=rig.world.bucket, Key=rotten["key"], ChecksumMode="ENABLED"
    )
    code, document = verified(rig, "--older-than", "0h")
    rig.reconcile()

    assert head["ChecksumCRC64NVME"] == rotten["crc64nvme"]
    assert code == 1
    [damaged] = [each for each in document["damaged"] if each["session_id"] in names]
    assert (damaged["artifact_id"], damaged["version_id"]) == (ARTIFACT, rotten["version_id"])
    shown = rig.session(names[2])
    assert shown
    assert (shown["missing"], shown["chapters"][0]["receipt"]) == ([ARTIFACT], None)
    assert "haul the session again" in shown["lost"][0]["remedy"]
    assert "damaged in S3" in shown["held"]
    for sound in (names[0], names[1]):
        known = rig.session(sound)
        assert known
        assert known["lost"] == []
        assert known["proven_at"]
        assert known["chapters"][0]["evidence"]["read_back"]["agrees"]
    assert (first["level"], second["level"], second["agrees"]) == ("read-twice", "read-once", False)
    levels = [(rig.session(name) or {})["guarantee"] for name in names[:2]]
    assert [(each["level"], each["agrees"]) for each in levels] == [("read-back", True), ("read-once", False)]
