"""What a processor writes itself: verified against its manifest, pinned by version, and nothing of it ever removed."""

import json
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.errors import Conflict, StateConflict, StorageBusy
from chalicelib.core.ids import ArtifactId
from chalicelib.core.manifest import MOST_BYTES
from chalicelib.core.order import wish
from chalicelib.core.parts import StoredPart
from chalicelib.core.settle import Actor
from chalicelib.flows import operations
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports, named, recorded
from tests.support.counted import WRITES, counted
from tests.support.faults import Fault, When, faulty
from tests.support.memory import MemoryObjectStore, crc64nvme_of
from tests.support.story import MADE, OPERATOR, PROCESSOR, VIDEO

BODY = MADE[VIDEO]
REPORT = ArtifactId("output.report.pdf")
VIDEO_ALONE = {VIDEO: BODY}
BOTH = {VIDEO: BODY, REPORT: b"a report"}
KEY = story.key_of(VIDEO)
MANIFEST_KEY = keys.manifest_key(SESSION_ID, 1)
STATED = {"artifact_id": VIDEO, "size_bytes": len(BODY), "crc64nvme": crc64nvme_of(BODY)}


def ordered(*required: ArtifactId) -> MemoryPorts:
    """A world in which the session is STORED and its order, for the video unless others are named, has gone out."""
    ports = memory_ports()
    story.haul(ports, wish(required or [VIDEO], {}))
    settle_session(ports, SESSION_ID, Actor.EVENT)
    return ports


def arrived(ports: MemoryPorts) -> str:
    """The session's state after the event of an output."""
    return settle_session(ports, SESSION_ID, Actor.EVENT).session.state.value


def put_manifest(ports: MemoryPorts, document: Any) -> None:
    ports.objects.put_object(
        MANIFEST_KEY, document if isinstance(document, bytes) else json.dumps(document).encode()
    )


def stating(*artifacts: object, **members: object) -> dict[str, object]:
    return {**named(), "order": 1, "artifacts": list(artifacts), **members}


def failure_of(ports: MemoryPorts) -> str:
    session = recorded(ports).session
    assert session.state.value == "FAILED", session.state
    assert session.failure
    return session.failure


@pytest.mark.parametrize("actor", [Actor.EVENT, Actor.MADE_EVENT, Actor.RECONCILER])
def test_outputs_that_are_what_their_manifest_states_are_pinned_by_whoever_looks_first(actor: Actor):
    ports = ordered()
    story.process(ports, VIDEO_ALONE)

    picture = settle_session(ports, SESSION_ID, actor)

    stored = ports.objects.head(KEY)
    receipt = picture.receipt(VIDEO)
    assert receipt
    assert stored
    assert (receipt.key, receipt.version_id, receipt.upload_id) == (KEY, stored.version_id, None)
    assert (receipt.size_bytes, receipt.crc64nvme) == (len(BODY), crc64nvme_of(BODY))
    assert (picture.session.state.value, picture.session.processed_at) == ("PROCESSED", ports.clock.now())


def test_outputs_without_a_manifest_are_not_believed():
    ports = ordered()
    story.write_output(ports, VIDEO, BODY)

    assert arrived(ports) == "STORED"
    assert recorded(ports).receipt(VIDEO) is None


def test_a_manifest_may_come_before_what_it_states():
    ports = ordered()
    story.write_manifest(ports, VIDEO_ALONE)
    assert arrived(ports) == "STORED"

    story.write_output(ports, VIDEO, BODY)

    assert arrived(ports) == "PROCESSED"


def test_a_session_is_processed_only_with_all_that_it_requires():
    ports = ordered(VIDEO, REPORT)
    story.write_manifest(ports, BOTH)
    story.write_output(ports, VIDEO, BODY)
    assert arrived(ports) == "STORED"
    assert recorded(ports).awaited == (REPORT,)

    story.write_output(ports, REPORT, BOTH[REPORT])

    assert arrived(ports) == "PROCESSED"


def test_a_manifest_that_leaves_out_what_is_required_leaves_the_session_waiting():
    ports = ordered(VIDEO, REPORT)
    story.process(ports, VIDEO_ALONE)

    assert arrived(ports) == "STORED"
    assert recorded(ports).awaited == (REPORT,)


def test_what_is_stated_and_not_required_is_verified_as_well():
    ports = ordered()
    story.process(ports, BOTH)

    arrived(ports)

    assert recorded(ports).receipt(REPORT)


def test_events_that_are_lost_are_made_good_by_the_reconciler_and_another_round_writes_nothing():
    ports = ordered()
    story.process(ports, VIDEO_ALONE)
    story.let_pass(ports)
    assert story.state_of(ports) == "PROCESSED"
    watched, calls = counted(ports)

    reconcile(watched, 60)

    assert sum(calls[name] for name in WRITES) == 0


@pytest.mark.parametrize(
    "wrong",
    [b"", BODY[:-1], BODY + b"!", BODY[:-1] + b"!", b"x" * len(BODY)],
    ids=["empty", "truncated", "longer", "one byte differs", "another"],
)
@pytest.mark.parametrize("actor", [Actor.EVENT, Actor.RECONCILER])
def test_an_output_that_is_not_what_is_stated_fails_the_session_by_name(wrong: bytes, actor: Actor):
    ports = ordered()
    story.write_output(ports, VIDEO, wrong)
    story.write_manifest(ports, VIDEO_ALONE)

    settle_session(ports, SESSION_ID, actor)

    assert failure_of(ports).startswith(f"{VIDEO} has {len(wrong)} bytes")
    assert recorded(ports).receipt(VIDEO) is None
    assert ports.objects.body(KEY) == wrong
    assert story.originals_stand(ports)


def test_a_failed_session_pins_nothing_any_more():
    ports = ordered(VIDEO, REPORT)
    story.write_output(ports, VIDEO, b"wrong")
    story.write_manifest(ports, BOTH)
    arrived(ports)

    story.write_output(ports, REPORT, BOTH[REPORT])

    assert arrived(ports) == "FAILED"
    assert recorded(ports).receipt(REPORT) is None


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        ([], "cannot be read"),
        (stating(), "cannot be read"),
        (stating({**STATED, "size_bytes": 0}), "cannot be read"),
        (stating({**STATED, "size_bytes": -1}), "cannot be read"),
        (stating({**STATED, "crc64nvme": "AAAA"}), "cannot be read"),
        (stating({**STATED, "artifact_id": "original.100GOPRO.GX010038.MP4"}), "cannot be read"),
        (stating({**STATED, "artifact_id": "intermediate.a"}), "cannot be read"),
        (stating({**STATED, "artifact_id": "output.manifest.json"}), "cannot be read"),
        (stating({**STATED, "artifact_id": "output.../../1/a"}), "cannot be read"),
        (stating(STATED, STATED), f"states twice: {VIDEO}"),
        (stating(STATED, order=2), "order 2"),
        (stating(STATED, order=0), "order 0"),
        (stating(STATED, session_id="another"), "session main/another"),
        (stating(STATED, project="club"), "session club/match-17-north"),
    ],
)
def test_a_manifest_that_cannot_be_believed_fails_the_session(document: Any, told: str):
    ports = ordered()
    story.write_output(ports, VIDEO, BODY)
    put_manifest(ports, document)

    assert arrived(ports) == "FAILED"
    assert "manifest" in failure_of(ports)
    assert told in failure_of(ports)
    assert ports.objects.body(KEY) == BODY


def test_members_of_a_manifest_that_nobody_knows_are_passed_over():
    ports = ordered()
    story.write_output(ports, VIDEO, BODY)
    put_manifest(ports, stating({**STATED, "made_with": "x"}, version=3))

    assert arrived(ports) == "PROCESSED"


@pytest.mark.parametrize(
    ("more_bytes", "state"), [(-1, "PROCESSED"), (0, "PROCESSED"), (1, "FAILED"), (10**6, "FAILED")]
)
def test_a_manifest_has_at_most_256_kibibytes(more_bytes: int, state: str):
    ports = ordered()
    story.write_output(ports, VIDEO, BODY)
    put_manifest(ports, json.dumps(stating(STATED)).encode().ljust(MOST_BYTES + more_bytes))

    assert arrived(ports) == state
    assert MOST_BYTES == 256 * 1024


@pytest.mark.parametrize(("count", "state"), [(199, "PROCESSED"), (200, "PROCESSED"), (201, "FAILED")])
def test_a_manifest_states_at_most_200_artifacts(count: int, state: str):
    ports = ordered()
    story.write_output(ports, VIDEO, BODY)
    others = [{**STATED, "artifact_id": f"output.{number}"} for number in range(count - 1)]
    put_manifest(ports, stating(STATED, *others))

    assert arrived(ports) == state


def test_an_output_that_is_replaced_before_it_is_pinned_fails_the_session():
    ports = ordered()
    story.process(ports, VIDEO_ALONE)
    ports.objects.put_object(KEY, b"something else")

    assert arrived(ports) == "FAILED"


def test_an_output_that_is_replaced_after_it_was_pinned_changes_no_receipt():
    ports = ordered(VIDEO, REPORT)
    story.write_output(ports, VIDEO, BODY)
    story.write_manifest(ports, BOTH)
    arrived(ports)
    before = recorded(ports).receipt(VIDEO)
    ports.objects.put_object(KEY, b"something else")
    story.write_output(ports, REPORT, BOTH[REPORT])

    assert arrived(ports) == "PROCESSED"
    assert recorded(ports).receipt(VIDEO) == before


def test_a_doubled_processor_changes_nothing():
    ports = ordered()
    story.process(ports, VIDEO_ALONE)
    arrived(ports)
    before = recorded(ports)

    story.process(ports, {VIDEO: b"made a second time"})
    arrived(ports)
    story.let_pass(ports)

    assert recorded(ports) == before
    assert ports.objects.body(KEY) == BODY


def test_a_late_processor_of_an_earlier_order_changes_nothing_of_the_present_one():
    ports = ordered()
    operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {"again": True}))
    story.process(ports, {VIDEO: b"made for the first order"}, order=1)
    assert arrived(ports) == "STORED"

    story.process(ports, VIDEO_ALONE, order=2)

    assert arrived(ports) == "PROCESSED"
    receipt = recorded(ports).receipt(VIDEO)
    assert receipt
    assert (receipt.key, receipt.crc64nvme) == (story.key_of(VIDEO, 2), crc64nvme_of(BODY))


def test_the_manifest_of_an_earlier_order_fails_no_later_one():
    ports = ordered()
    operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {"again": True}))
    put_manifest(ports, b"broken")

    assert arrived(ports) == "STORED"


def test_a_session_that_failed_by_its_outputs_is_ordered_again_and_ends_well():
    ports = ordered()
    story.write_output(ports, VIDEO, b"wrong")
    story.write_manifest(ports, VIDEO_ALONE)
    arrived(ports)

    operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {}))
    story.process(ports, VIDEO_ALONE, order=2)

    assert arrived(ports) == "PROCESSED"
    assert ports.objects.body(KEY) == b"wrong"


def test_a_processed_session_is_ordered_again_and_its_first_outputs_stay():
    ports = story.processed()

    picture = operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {}))
    assert (picture.session.state.value, picture.session.processed_at) == ("STORED", None)
    assert picture.receipt(VIDEO) is None
    story.process(ports, {VIDEO: b"better"}, order=2)

    assert arrived(ports) == "PROCESSED"
    assert ports.objects.body(KEY) == BODY
    assert [sent["order"] for sent in ports.orders.sent] == [1, 2]


@pytest.mark.parametrize("principal", [PROCESSOR, OPERATOR])
def test_nobody_fails_a_session_whose_outputs_are_verified(principal):
    ports = story.processed()
    before = recorded(ports)

    with pytest.raises(StateConflict, match="hold it"):
        operations.fail(ports, principal, SESSION_ID, "too late", 1)

    assert recorded(ports) == before


def test_the_outputs_of_a_failed_session_are_not_looked_at():
    ports = ordered()
    operations.fail(ports, PROCESSOR, SESSION_ID, "no light found", 1)
    story.process(ports, VIDEO_ALONE)

    story.let_pass(ports, rounds=2)

    assert (story.state_of(ports), failure_of(ports)) == ("FAILED", "no light found")


def test_a_session_that_is_held_after_its_order_went_out_is_processed_all_the_same():
    ports = ordered()
    operations.hold(ports, OPERATOR, SESSION_ID, "look at it first")
    story.process(ports, VIDEO_ALONE)

    assert arrived(ports) == "PROCESSED"


def test_nothing_is_looked_for_before_the_order_has_gone_out():
    ports = memory_ports()
    story.haul(ports, None)
    operations.hold(ports, OPERATOR, SESSION_ID, "look at it first")
    operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {}))
    watched, calls = counted(ports)
    story.process(ports, VIDEO_ALONE)

    assert arrived(watched) == "STORED"
    assert calls["read"] == 0


class TestAnOutputWithoutCrc64nvme:
    """boto3 writes CRC32 unless told otherwise."""

    def written(self, body: bytes = BODY) -> MemoryPorts:
        ports = ordered()
        ports.objects.put_without_crc64nvme(KEY, body)
        story.write_manifest(ports, VIDEO_ALONE)
        return ports

    def test_it_waits_for_the_reconciler_who_has_s3_compute_it(self):
        ports = self.written()
        assert arrived(ports) == "STORED"

        story.let_pass(ports)

        assert story.state_of(ports) == "PROCESSED"
        receipt = recorded(ports).receipt(VIDEO)
        assert receipt
        assert receipt.crc64nvme == crc64nvme_of(BODY)

    def test_it_stays_the_one_version_and_no_multipart_upload_is_left(self):
        ports = self.written()
        versions = ports.objects.versions(KEY)

        story.let_pass(ports)

        assert ports.objects.versions(KEY) == versions
        assert not list(ports.objects.multiparts(""))

    def test_it_fails_the_session_when_it_is_not_what_is_stated(self):
        ports = self.written(BODY[:-1] + b"!")

        story.let_pass(ports)

        assert failure_of(ports).startswith(VIDEO)

    def test_its_size_alone_fails_the_session_at_the_event(self):
        ports = self.written(BODY[:-1])

        assert arrived(ports) == "FAILED"

    @pytest.mark.parametrize("when", list(When))
    @pytest.mark.parametrize("call", [1, 2, 3])
    def test_a_copy_that_fails_midway_is_resumed_and_leaves_nothing_behind(self, call: int, when: When):
        ports = self.written()
        ports.clock.advance(1)
        broken = faulty(ports.objects, Fault("copy_part", StorageBusy("S3"), call=call, when=when))
        small = replace(ports.policy, part_size_bytes=1)

        done = reconcile(replace(ports, objects=broken, policy=small), 60)
        watched, calls = counted(replace(ports, policy=small))
        watched.clock.advance(1)
        reconcile(watched, 60)

        assert done.failed == 1
        assert story.state_of(ports) == "PROCESSED"
        assert calls["copy_part"] == -(-len(BODY) // 8) - (call if when is When.AFTER else call - 1)
        assert not list(ports.objects.multiparts(""))
        assert len(ports.objects.versions(KEY)) == 1

    @pytest.mark.parametrize("undo", ["aborted", "replaced"])
    def test_a_copy_that_is_of_no_use_any_more_is_begun_again(self, undo: str):
        ports = self.begun()
        copy = recorded(ports).session.checksum_copy
        assert copy
        if undo == "aborted":
            ports.objects.abort(KEY, copy.multipart_id)
        else:
            ports.objects.put_without_crc64nvme(KEY, BODY)

        story.let_pass(ports, rounds=2)

        assert story.state_of(ports) == "PROCESSED"
        assert recorded(ports).session.checksum_copy is None
        assert not list(ports.objects.multiparts(""))

    def test_the_copy_of_an_order_that_another_took_over_is_dropped(self):
        ports = self.begun()
        operations.order(ports, story.OPERATOR, SESSION_ID, wish([VIDEO], {"again": 1}))

        story.let_pass(ports)

        assert recorded(ports).session.checksum_copy is None
        assert not list(ports.objects.multiparts(""))

    def test_the_multipart_upload_of_a_copy_is_no_orphan_however_old_it_is(self):
        ports = self.begun()
        ports.clock.advance(ports.policy.upload_ttl_s + 1)

        broken = faulty(ports.objects, Fault("copy_part", StorageBusy("S3")))
        done = reconcile(replace(ports, objects=broken), 60)

        assert done.aborted_orphans == 0
        assert list(ports.objects.multiparts(""))

    def begun(self) -> MemoryPorts:
        """A world in which S3 has copied one part of the output."""
        ports = self.written()
        ports.clock.advance(1)
        broken = faulty(ports.objects, Fault("copy_part", StorageBusy("S3"), call=2))
        small = replace(ports.policy, part_size_bytes=1)
        reconcile(replace(ports, objects=broken, policy=small), 60)
        return ports

    def test_a_copy_of_which_s3_shows_too_few_parts_is_begun_again(self):
        ports = self.written()
        ports.clock.advance(1)

        class Forgetful:
            def __getattr__(self, name: str) -> Any:
                return getattr(ports.objects, name)

            def parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...]:
                return ports.objects.parts(key, multipart_id)[1:]

        reconcile(replace(ports, objects=cast(MemoryObjectStore, Forgetful())), 60)

        assert recorded(ports).session.checksum_copy is None
        assert not list(ports.objects.multiparts(""))
        assert story.state_of(ports) == "STORED"
        story.let_pass(ports)
        assert story.state_of(ports) == "PROCESSED"

    def test_a_copy_that_cannot_be_recorded_is_aborted(self):
        ports = self.written()
        arrived(ports)
        ports.clock.advance(1)
        broken = faulty(
            ports.records, *(Fault("write", Conflict("rival"), call=call) for call in range(1, 9))
        )

        reconcile(replace(ports, records=broken), 60)

        assert not list(ports.objects.multiparts(""))
        assert recorded(ports).session.checksum_copy is None

    def test_the_next_one_is_not_computed_once_an_output_has_failed_the_session(self):
        ports = ordered(VIDEO, REPORT)
        ports.objects.put_without_crc64nvme(KEY, BODY[:-1] + b"!")
        ports.objects.put_without_crc64nvme(story.key_of(REPORT), BOTH[REPORT])
        story.write_manifest(ports, BOTH)
        watched, calls = counted(ports)

        story.let_pass(watched)

        assert failure_of(ports).startswith(VIDEO)
        assert calls["create_multipart"] == 1

    def test_it_is_computed_once(self):
        ports = self.written()
        story.let_pass(ports)
        watched, calls = counted(ports)
        watched.clock.advance(1)

        reconcile(watched, 60)

        assert calls["copy_part"] == 0


@pytest.mark.parametrize("call", [1, 2])
def test_a_look_that_fails_is_made_good_by_the_next_round(call: int):
    ports = ordered()
    story.process(ports, VIDEO_ALONE)
    ports.clock.advance(1)
    reconcile(replace(ports, objects=faulty(ports.objects, Fault("head", StorageBusy("S3"), call=call))), 60)

    story.let_pass(ports)

    assert story.state_of(ports) == "PROCESSED"


def test_what_nobody_requires_is_verified_too_before_the_session_is_processed():
    extra = ArtifactId("output.thumb.jpg")
    made = {VIDEO: MADE[VIDEO], extra: b"a small picture"}
    ports = memory_ports()
    story.haul(ports, wish([VIDEO], {}))
    settle_session(ports, SESSION_ID, Actor.EVENT)
    story.write_output(ports, VIDEO, made[VIDEO])
    ports.objects.put_without_crc64nvme(story.key_of(extra), made[extra])
    story.write_manifest(ports, made)

    settle_session(ports, SESSION_ID, Actor.EVENT)
    assert story.state_of(ports) == "STORED"
    story.let_pass(ports)

    assert story.state_of(ports) == "PROCESSED"
    assert recorded(ports).receipt(extra)


def test_an_order_that_was_fulfilled_while_its_session_was_held_can_be_given_again():
    ports = memory_ports()
    story.haul(ports, None)
    operations.hold(ports, OPERATOR, SESSION_ID, "look first")
    operations.order(ports, OPERATOR, SESSION_ID, story.WISH)
    for artifact_id, body in MADE.items():
        story.upload_made(ports, artifact_id, body)
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)
    assert (story.state_of(ports), ports.orders.sent) == ("PROCESSED", [])
    operations.hold(ports, OPERATOR, SESSION_ID, None)

    operations.order(ports, OPERATOR, SESSION_ID, story.WISH)

    assert [message["order"] for message in ports.orders.sent] == [2]
