"""The scan gate, from a processor's write to the receipt: clean, infected, inconclusive, and never scanned."""

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Finalizing, NotFound, NotPermitted, StateConflict, UploadGone, VersionGone
from chalicelib.core.events import Event
from chalicelib.core.ids import ArtifactId
from chalicelib.core.scan import CLEAN, INCONCLUSIVE, INFECTED, TAG
from chalicelib.core.settle import Actor
from chalicelib.core.times import DAY_S
from chalicelib.core.upload import UploadState
from chalicelib.flows import artifacts, completion, frames, operations
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import POLICY, SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.faults import Fault, faulty
from tests.support.memory import crc64nvme_of
from tests.support.story import LIGHTS, MADE, OPERATOR, PROCESSOR, VIDEO

GATED = replace(POLICY, scan_gate=True)
NOTES = ArtifactId("intermediate.notes.txt")
ROUND_S = 300


def made() -> MemoryPorts:
    """A processor has written all that was ordered, and nothing of it is scanned yet."""
    ports = memory_ports(policy=GATED)
    story.arm(ports)
    story.haul(ports)
    story.let_pass(ports)
    story.process(ports)
    story.let_pass(ports, ROUND_S)
    return ports


def scan(ports: MemoryPorts, finding: str, *artifact_ids: ArtifactId) -> None:
    """The scanner tags these artifacts (default: all of the order), and the next round comes."""
    for artifact_id in artifact_ids or (VIDEO, LIGHTS):
        ports.objects.give_tag(story.key_of(artifact_id), TAG, finding)
    story.let_pass(ports, ROUND_S)


def told(ports: MemoryPorts, artifact_id: ArtifactId = VIDEO) -> str:
    """What a reader of the artifact hears."""
    with pytest.raises(NotFound) as refused:
        artifacts.sign_artifact(ports, OPERATOR, SESSION_ID, artifact_id)
    return str(refused.value)


def test_nothing_is_read_indexed_or_counted_before_its_scan():
    ports = made()
    session = recorded(ports).session

    assert f"{VIDEO} waits for the scan since" in told(ports)
    with pytest.raises(NotFound, match="waits for the scan"):
        frames.view_summary(ports, OPERATOR, SESSION_ID, LIGHTS)
    assert (session.state.value, recorded(ports).awaited) == ("STORED", (VIDEO, LIGHTS))
    assert recorded(ports).indexes == ()
    assert ports.metrics.counts[Event.SCAN_AWAITED.value] == 2


def test_it_waits_for_as_long_as_no_scan_comes():
    ports = made()
    story.let_pass(ports, 30 * DAY_S, rounds=30)

    assert story.state_of(ports) == "STORED"
    assert "waits for the scan" in told(ports)
    assert ports.metrics.counts[Event.SCAN_AWAITED.value] == 2


def test_a_clean_scan_of_all_is_followed_by_receipts_index_processing_and_cleanup():
    ports = made()
    scan(ports, CLEAN)

    assert story.state_of(ports) == "PROCESSED"
    assert artifacts.sign_artifact(ports, OPERATOR, SESSION_ID, VIDEO)
    assert recorded(ports).session.scans == ()
    story.let_grace_pass(ports)
    assert story.state_of(ports) == "CLEANED"


def test_one_clean_scan_lets_no_other_artifact_pass():
    ports = made()
    scan(ports, CLEAN, VIDEO)

    assert recorded(ports).awaited == (LIGHTS,)
    assert "waits for the scan" in told(ports, LIGHTS)


def test_an_infected_output_holds_the_session_and_is_never_read_counted_or_removed():
    ports = made()
    scan(ports, INFECTED, VIDEO)
    session = recorded(ports).session

    assert "output.enhanced.mp4 is infected" in str(session.held)
    assert (session.state.value, session.failure) == ("FAILED", session.held)
    assert "is infected" in told(ports)
    assert ports.metrics.counts[Event.ARTIFACT_INFECTED.value] == 1
    [version] = ports.objects.versions(story.key_of(VIDEO))
    assert version.body == MADE[VIDEO]
    story.let_grace_pass(ports)
    assert story.originals_stand(ports)


def test_after_an_infection_the_session_is_released_and_ordered_again():
    ports = made()
    scan(ports, INFECTED, VIDEO)
    operations.hold(ports, OPERATOR, SESSION_ID, None)
    operations.order(ports, OPERATOR, SESSION_ID, story.WISH)
    story.process(ports, order=2)
    for artifact_id in (VIDEO, LIGHTS):
        ports.objects.give_tag(story.key_of(artifact_id, 2), TAG, CLEAN)
    story.let_pass(ports, ROUND_S)

    assert story.state_of(ports) == "PROCESSED"


@pytest.mark.parametrize("finding", INCONCLUSIVE)
def test_a_scan_that_came_to_nothing_waits_for_an_operators_word(finding: str):
    ports = made()
    scan(ports, CLEAN, LIGHTS)
    scan(ports, finding, VIDEO)
    assert f"came to nothing ({finding}" in told(ports)
    assert story.state_of(ports) == "STORED"

    operations.accept_scan(ports, OPERATOR, SESSION_ID, VIDEO, "a film of ours, watched")
    story.let_pass(ports, ROUND_S)

    assert story.state_of(ports) == "PROCESSED"
    [kept] = recorded(ports).session.scans
    assert (kept.finding, kept.accepted) == (finding, "a film of ours, watched")


class TestAccepting:
    def test_is_for_operators(self):
        with pytest.raises(NotPermitted):
            operations.accept_scan(made(), PROCESSOR, SESSION_ID, VIDEO, "trust me")

    def test_is_refused_for_what_is_infected(self):
        ports = made()
        scan(ports, INFECTED, VIDEO)

        with pytest.raises(StateConflict, match="order it again"):
            operations.accept_scan(ports, OPERATOR, SESSION_ID, VIDEO, "it is fine")

    @pytest.mark.parametrize("seconds", [-ROUND_S - 1, 0])
    def test_of_what_was_never_scanned_is_possible_after_a_day(self, seconds: int):
        ports = made()
        ports.clock.advance(DAY_S + seconds)

        if seconds < 0:
            with pytest.raises(StateConflict, match="after a day"):
                operations.accept_scan(ports, OPERATOR, SESSION_ID, VIDEO, "the scanner was off")
        else:
            operations.accept_scan(ports, OPERATOR, SESSION_ID, VIDEO, "the scanner was off")
            assert recorded(ports).awaited == (LIGHTS,)

    def test_is_refused_for_what_waits_for_no_scan(self):
        ports = made()
        scan(ports, CLEAN)

        with pytest.raises(StateConflict, match="waits for no scan"):
            operations.accept_scan(ports, OPERATOR, SESSION_ID, VIDEO, "once more")


class TestUploads:
    """What a processor or a browser uploads by the API."""

    @staticmethod
    def sent(artifact_id: ArtifactId = VIDEO) -> MemoryPorts:
        ports = memory_ports(policy=GATED)
        story.haul(ports)
        story.let_pass(ports)
        with pytest.raises(Finalizing, match="waits for the scan"):
            story.upload_made(ports, artifact_id, MADE[VIDEO])
        return ports

    @staticmethod
    def complete(ports: MemoryPorts):
        upload = recorded(ports).uploads[-1]
        crc = crc64nvme_of(MADE[VIDEO])
        return completion.complete_upload(ports, PROCESSOR, upload.upload_id, crc).upload

    def test_get_their_receipt_with_their_clean_scan(self):
        ports = self.sent()
        ports.objects.give_tag(story.key_of(VIDEO), TAG, CLEAN)

        assert self.complete(ports).receipt

    def test_are_verified_by_the_reconciler_when_nobody_asks(self):
        ports = self.sent()
        ports.objects.give_tag(story.key_of(VIDEO), TAG, CLEAN)
        story.let_pass(ports, 2 * ports.policy.longest_look_s, rounds=24)

        assert recorded(ports).uploads[-1].state is UploadState.VERIFIED

    def test_wait_beyond_their_deadline(self):
        ports = self.sent()
        story.let_pass(ports, 2 * ports.policy.upload_ttl_s, rounds=20)

        assert recorded(ports).uploads[-1].is_live

    def test_are_rejected_when_they_are_infected(self):
        ports = self.sent()
        ports.objects.give_tag(story.key_of(VIDEO), TAG, INFECTED)
        with pytest.raises(Finalizing, match="is infected"):
            self.complete(ports)
        reconcile(ports, 60)

        with pytest.raises(UploadGone, match="is infected"):
            self.complete(ports)
        assert ports.objects.head(story.key_of(VIDEO))
        assert recorded(ports).session.held

    def test_of_intermediates_are_hidden_when_they_are_infected_and_stay_a_version_that_nothing_purges(self):
        ports = self.sent(NOTES)
        key = story.key_of(NOTES)
        ports.objects.give_tag(key, TAG, INFECTED)
        story.let_pass(ports, ports.policy.longest_look_s)
        story.let_pass(ports, ROUND_S)

        assert ports.objects.head(key) is None
        ports.objects.purge(key)
        assert ports.objects.versions(key)[0].body == MADE[VIDEO]


def test_the_list_of_artifacts_shows_what_waits_and_what_is_infected_even_if_nobody_required_it():
    ports = memory_ports(policy=GATED)
    story.haul(ports)
    story.let_pass(ports)
    thumb = ArtifactId("output.thumb.jpg")
    story.process(ports, {**MADE, thumb: b"a picture"})
    scan(ports, INFECTED, thumb)

    shown = {each.artifact_id: each for each in artifacts.list_artifacts(ports, OPERATOR, SESSION_ID)}

    scans = {scan.artifact_id: scan.finding for scan in (each.scan for each in shown.values()) if scan}
    assert scans == {VIDEO: None, LIGHTS: None, thumb: INFECTED}
    assert shown[VIDEO].receipt is None
    assert recorded(ports).session.state.value == "STORED"


def test_a_gate_that_is_closed_later_takes_no_receipt_back_and_one_that_is_opened_lets_all_pass():
    ports = story.processed()
    behind = replace(ports, policy=GATED)
    assert artifacts.sign_artifact(behind, OPERATOR, SESSION_ID, VIDEO)

    waiting = made()
    story.let_pass(replace(waiting, policy=POLICY), ROUND_S)
    assert story.state_of(waiting) == "PROCESSED"


def test_an_output_that_is_replaced_while_its_scan_is_read_waits_for_the_next_look():
    ports = made()
    ports.objects.give_tag(story.key_of(VIDEO), TAG, CLEAN)
    ports.clock.advance(ROUND_S)
    gone = faulty(ports.objects, Fault("tags", VersionGone("gone")))

    settle_session(replace(ports, objects=gone), SESSION_ID, Actor.RECONCILER)
    assert recorded(ports).receipt(VIDEO) is None

    settle_session(ports, SESSION_ID, Actor.RECONCILER)
    assert recorded(ports).receipt(VIDEO)
