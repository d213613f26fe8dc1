"""The index of measurements: what an action leaves on record and in S3, and what it reports."""

import pytest
from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.keys import index_prefix
from chalicelib.core.upload import Receipt
from chalicelib.flows.actions import carry_out
from chalicelib.flows.index_measurements import quarantined
from chalicelib.flows.measurement_index import possible_objects
from tests.core.settle import cases
from tests.core.settle.cases import LIGHTS, index_of, receipt_of
from tests.flows.actions.acted import Acted
from tests.flows.actions.arranged import NOW, put, session_of, world, written
from tests.support.builders import SESSION_ID, START, MemoryPorts, recorded
from tests.support.faults import Fault, When, faulty
from tests.support.measurements import as_list, make_frames
from tests.support.memory import crc64nvme_of


def measured(body: bytes) -> tuple[MemoryPorts, Receipt]:
    """Ports with a STORED session whose verified measurements are not indexed yet."""
    picture = cases.stored_session().picture
    ports = world(picture)
    stored = put(ports, picture.key(LIGHTS), body)
    receipt = receipt_of(
        picture, LIGHTS, len(body), version_id=stored.version_id, crc64nvme=crc64nvme_of(body)
    )
    ports.records.arrange(replace(picture, receipts=(receipt,)))
    return ports, receipt


def test_indexed_measurements_are_reported_with_their_frames(acted: Acted):
    ports, receipt = measured(as_list(make_frames(3)))

    after = acted.carry_out(ports, settle.IndexMeasurements(receipt))

    assert [index.frames for index in after.indexes] == [3]
    assert acted.reported == (
        "INFO",
        "measurements indexed",
        {"artifact_id": LIGHTS, "frames": 3, "rejected": 0},
    )
    assert (ports.metrics.counts["frames.indexed"], ports.metrics.counts["frames.rejected"]) == (3, 0)


def test_poison_is_an_error_with_its_reason(acted: Acted):
    ports, receipt = measured(b"<html>")

    [index] = acted.carry_out(ports, settle.IndexMeasurements(receipt)).indexes

    assert index.quarantine
    assert acted.reported == (
        "ERROR",
        "measurements quarantined",
        {"artifact_id": LIGHTS, "reason": index.quarantine},
    )


def test_a_quarantine_is_on_record_with_its_time_and_reason(acted: Acted):
    ports, receipt = measured(b"")

    after = acted.carry_out(ports, settle.Quarantine(receipt, "three attempts"))

    assert after.indexes == (quarantined(receipt, NOW, "three attempts"),)
    assert acted.reported.about == {"artifact_id": LIGHTS, "reason": "three attempts"}


def test_a_request_for_the_index_of_a_large_file_is_on_record_and_reported(acted: Acted):
    ports, receipt = measured(b"")
    before = session_of(ports)

    after = acted.carry_out(ports, settle.RequestIndex(receipt))

    assert after.session == written(before.requesting_index(receipt.version_id, NOW))
    assert acted.reported == ("INFO", "index requested", {"artifact_id": LIGHTS})


@pytest.mark.parametrize("error", [Conflict("rival"), StorageBusy("the table asks for patience")])
def test_an_attempt_that_cannot_be_uncounted_stays_counted_and_is_tried_again(error: Exception):
    ports, receipt = measured(as_list(make_frames(3)))
    busy = replace(
        ports,
        records=faulty(ports.records, Fault("write", error, call=2)),
        frame_index=faulty(ports.frame_index, Fault("source", StorageBusy("the file cannot be read now"))),
    )

    with pytest.raises(StorageBusy, match="the file cannot be read now"):
        carry_out(busy, recorded(ports), settle.IndexMeasurements(receipt))

    assert [each.count for each in session_of(ports).attempts] == [1]


@pytest.mark.parametrize("when", list(When))
def test_a_result_is_recorded_once_and_all_else_is_decided_about_again_after_a_conflict(when: When):
    ports, receipt = measured(as_list(make_frames(3)))
    before = recorded(ports)
    rival = faulty(ports.records, Fault("write", Conflict("rival"), call=2, when=when))
    words = r"^others wrote the session while its measurements were looked into$"

    with pytest.raises(Conflict, match=words):
        carry_out(replace(ports, records=rival), before, settle.IndexMeasurements(receipt))

    assert [index.frames for index in recorded(ports).indexes] == [3]
    assert session_of(ports) == before.session.bumped().bumped()


def test_a_result_whose_revision_is_being_removed_is_dropped_with_its_attempt():
    ports, receipt = measured(as_list(make_frames(3)))
    before = recorded(ports)
    going = index_of(receipt, removing_since=START)
    ports.records.arrange(replace(before, indexes=(going,)))

    after = carry_out(ports, recorded(ports), settle.IndexMeasurements(receipt))

    assert after.indexes == (going,)
    assert after.session == before.session.bumped().bumped()


def test_remains_of_an_attempt_go_with_the_attempt_and_never_those_of_a_published_index():
    ports, receipt = measured(b"")
    before = recorded(ports)
    tried = before.session.attempting(receipt.version_id, START)
    ports.records.arrange(replace(before, session=tried))
    key = possible_objects(tried, LIGHTS, index_of(receipt).revision)[0]
    put(ports, key)
    remove = settle.RemoveRemains(receipt.version_id, LIGHTS)

    after = carry_out(ports, recorded(ports), remove)
    assert (after.session, ports.objects.head(key)) == (written(before.session), None)

    put(ports, key)
    ports.records.arrange(replace(before, session=tried, indexes=(index_of(receipt),)))
    carry_out(ports, recorded(ports), remove)
    assert ports.objects.head(key)


def test_a_removed_index_is_reported_with_its_revision(acted: Acted):
    case = cases.made_session()
    [present] = case.picture.indexes
    earlier = receipt_of(case.picture, LIGHTS, version_id="earlier")
    old = index_of(earlier, revision="z", objects=(f"{index_prefix(SESSION_ID, LIGHTS, 'z')}x",))
    ports = world(replace(case.picture, indexes=(present, old)))

    after = acted.carry_out(ports, settle.RemoveIndex(old))

    assert replace(old, removing_since=NOW, removed_at=NOW) in after.indexes
    assert acted.reported == (
        "INFO",
        "index removed",
        {"artifact_id": LIGHTS, "revision": old.revision, "objects": 1},
    )


def test_the_index_that_readers_get_is_never_removed():
    picture = cases.made_session().picture

    with pytest.raises(Conflict, match=r"^no newer index has replaced this one; decide again$"):
        carry_out(world(picture), picture, settle.RemoveIndex(picture.indexes[0]))


@pytest.mark.parametrize(("lost", "is_recorded"), [(4, True), (5, False)])
def test_a_result_is_written_five_times_while_others_write_the_session(lost: int, is_recorded: bool):
    ports, receipt = measured(as_list(make_frames(3)))
    rivals = [
        Fault("write", Conflict("rival"), call) for call in range(2, 2 + lost)
    ]  # the first is the attempt

    with pytest.raises(Conflict, match=r"^others wrote the session"):
        carry_out(
            replace(ports, records=faulty(ports.records, *rivals)),
            recorded(ports),
            settle.IndexMeasurements(receipt),
        )

    assert bool(recorded(ports).indexes) is is_recorded
