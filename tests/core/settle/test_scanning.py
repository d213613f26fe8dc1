"""The scan gate: a version gets its receipt once its own scan is clean, or once an operator says so."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.manifest import Manifest, Stated
from chalicelib.core.order import Order, wish
from chalicelib.core.scan import CLEAN, INCONCLUSIVE, INFECTED, TAG, Scan, ScanTag
from chalicelib.core.settle import Facts, Observation, RecordScan, Reject, Rest, Verify, settle
from chalicelib.core.settle.scanning import is_overdue, must_be_scanned
from tests.core.settle.cases import (
    AUDIO,
    CHAPTERS,
    NOW,
    START,
    VIDEO,
    Case,
    crc_of,
    receipt_of,
    stored_of,
    stored_session,
    upload_of,
)
from tests.support.builders import POLICY, SESSION_ID

GATED = replace(POLICY, scan_gate=True)
FOR_VIDEO = Order(1, wish([VIDEO], {}), START, START)
THUMB = ArtifactId("output.thumb.jpg")
STATUSES = [None, INFECTED, *INCONCLUSIVE, "A_WORD_OF_TOMORROW"]


def stands(case: Case, artifact_id: ArtifactId = VIDEO, finding: str | None = None, **changes) -> Case:
    """The artifact is stated and stands, with this finding of its scan."""
    stored = stored_of(receipt_of(case.picture, artifact_id), **changes)
    said = case.facts.manifest.stated if case.facts.manifest else ()
    facts = replace(
        case.facts,
        manifest=Manifest((*said, Stated(artifact_id, 5, crc_of(artifact_id)))),
        stored={**case.facts.stored, stored.key: stored},
        scans={**case.facts.scans, stored.version_id: ScanTag(finding)},
    )
    return replace(case, facts=facts, policy=GATED)


def recorded(case: Case, finding: str | None, artifact_id: ArtifactId = VIDEO, **changes) -> Case:
    receipt = receipt_of(case.picture, artifact_id)
    scan = Scan(artifact_id, receipt.key, receipt.version_id, finding, START)
    return case.after(case.picture.session.scanned(replace(scan, **changes)))


def test_a_clean_output_is_verified():
    assert stands(stored_session(), finding=CLEAN).kinds() == ["VerifyOutput"]


@pytest.mark.parametrize("finding", STATUSES)
def test_any_other_finding_is_recorded_and_nothing_is_verified(finding: str | None):
    case = stands(stored_session(), finding=finding)
    receipt = receipt_of(case.picture, VIDEO)

    assert case.owed() == (RecordScan(Scan(VIDEO, receipt.key, receipt.version_id, finding, case.now)),)


@pytest.mark.parametrize("finding", [None, *INCONCLUSIVE])
def test_what_is_on_record_is_recorded_once(finding: str | None):
    assert recorded(stands(stored_session(), finding=finding), finding).kinds() == []


@pytest.mark.parametrize(("before", "now"), [(None, "FAILED"), ("FAILED", None), ("FAILED", INFECTED)])
def test_another_finding_is_recorded_again(before: str | None, now: str | None):
    assert recorded(stands(stored_session(), finding=now), before).only(RecordScan).scan.finding == now


@pytest.mark.parametrize("before", [None, *INCONCLUSIVE])
def test_what_turns_out_clean_is_verified(before: str | None):
    assert recorded(stands(stored_session(), finding=CLEAN), before).kinds() == ["VerifyOutput"]


def test_a_version_whose_scan_was_not_read_is_neither_verified_nor_recorded():
    case = stands(stored_session()).told(scans={})

    assert case.kinds() == []


def test_the_scan_of_another_version_says_nothing_of_this_one():
    case = stands(stored_session(), finding=CLEAN).told(scans={"another-version": ScanTag(CLEAN)})

    assert case.kinds() == []


def test_no_checksum_is_computed_of_what_is_not_clean():
    case = stands(stored_session(), crc64nvme=None)

    assert recorded(case, None).kinds() == []
    assert stands(stored_session(), finding=CLEAN, crc64nvme=None).kinds() == ["ComputeChecksum"]


def test_an_infected_output_that_is_required_fails_and_holds_the_session():
    case = recorded(stands(stored_session(), finding=INFECTED), INFECTED)

    assert case.kinds() == ["Fail"]
    assert "is infected" in str(case.picture.session.held)


@pytest.mark.parametrize("finding", [CLEAN, None, "FAILED", INFECTED])
def test_what_was_infected_once_never_counts(finding: str | None):
    case = recorded(stands(stored_session(), THUMB, finding), INFECTED, THUMB, accepted="I know better")

    assert case.kinds() == []


class TestAccepting:
    @pytest.mark.parametrize("finding", [None, *INCONCLUSIVE])
    def test_what_an_operator_accepted_is_verified(self, finding: str | None):
        case = recorded(stands(stored_session(), finding=finding), finding, accepted="watched it")

        assert case.kinds() == ["VerifyOutput"]

    @pytest.mark.parametrize(
        ("accepted", "now"), [(None, "FAILED"), ("FAILED", "UNSUPPORTED"), ("FAILED", INFECTED)]
    )
    def test_the_word_was_for_the_finding_that_he_saw(self, accepted: str | None, now: str):
        case = recorded(stands(stored_session(), finding=now), accepted, accepted="watched it")

        assert case.only(RecordScan).scan.accepted is None

    @pytest.mark.parametrize(("seconds", "is_so"), [(-1, False), (0, True), (1, True)])
    def test_a_scan_is_overdue_after_the_patience(self, seconds: int, is_so: bool):
        scan = Scan(VIDEO, "key", "v1", None, START)
        now = START + timedelta(seconds=GATED.scan_patience_s + seconds)

        assert is_overdue(scan, now, GATED) is is_so


class TestProcessed:
    """A session whose required video is verified, and of which its processor states a picture besides."""

    @staticmethod
    def beside(finding: str | None) -> Case:
        case = stored_session().session(order=FOR_VIDEO)
        case = case.recorded(receipts=(receipt_of(case.picture, VIDEO),))
        return stands(case, THUMB, finding)

    def test_waits_for_the_scan_of_what_nobody_requires(self):
        assert self.beside(None).kinds() == ["RecordScan"]
        assert recorded(self.beside(None), None, THUMB).kinds() == []

    @pytest.mark.parametrize("finding", INCONCLUSIVE)
    def test_waits_for_an_operators_word(self, finding: str):
        assert recorded(self.beside(finding), finding, THUMB).kinds() == []

    def test_comes_with_the_last_clean_scan(self):
        assert self.beside(CLEAN).kinds() == ["VerifyOutput", "Process"]

    def test_does_not_come_in_the_breath_in_which_an_infection_is_found(self):
        assert self.beside(INFECTED).kinds() == ["RecordScan"]

    def test_comes_without_what_is_infected_and_stays_held(self):
        case = recorded(self.beside(INFECTED), INFECTED, THUMB)

        assert case.kinds() == ["Process"]
        assert case.picture.session.held


class TestUploads:
    """What came by an upload: the same gate before the same receipt."""

    def owed(self, finding: str | None, on_record: str | bool | None = False, policy=GATED, **changes):
        case = stored_session()
        upload = replace(upload_of(case.picture, AUDIO).promised(crc_of(AUDIO), START), **changes)
        receipt = receipt_of(case.picture, AUDIO)
        stored = stored_of(receipt, upload_id=upload.upload_id)
        if on_record is not False:
            case = recorded(case, on_record, AUDIO)  # type: ignore[arg-type]  # False is told apart above
        seen = Observation(None, stored, scan=ScanTag(finding))
        picture = case.picture.with_upload(upload)
        actions = settle(picture, Facts({upload.upload_id: seen}), NOW, policy)
        return [each for each in actions if not isinstance(each, Rest)]

    def test_a_clean_one_is_verified(self):
        assert [type(each) for each in self.owed(CLEAN)] == [Verify]

    @pytest.mark.parametrize("finding", STATUSES)
    def test_any_other_is_recorded(self, finding: str | None):
        receipt = receipt_of(stored_session().picture, AUDIO)

        assert self.owed(finding) == [RecordScan(Scan(AUDIO, receipt.key, receipt.version_id, finding, NOW))]

    @pytest.mark.parametrize("finding", [None, *INCONCLUSIVE])
    def test_and_waits(self, finding: str | None):
        assert self.owed(finding, on_record=finding) == []

    @pytest.mark.parametrize("finding", [INFECTED, CLEAN])
    def test_an_infected_one_is_rejected_with_the_reason(self, finding: str):
        [action] = self.owed(finding, on_record=INFECTED)

        assert action == Reject(
            UploadId(f"u_{AUDIO}"),
            f"{AUDIO} is infected (THREATS_FOUND, since 2026-11-21 12:00 UTC): it is never read or counted",
        )

    def test_what_a_restore_copies_was_scanned_when_it_came(self):
        assert [type(each) for each in self.owed(None, copies="v0")] == [Verify]

    def test_without_the_gate_nothing_is_asked(self):
        assert [type(each) for each in self.owed(None, policy=POLICY)] == [Verify]


@pytest.mark.parametrize(
    ("key", "is_so"),
    [
        (CHAPTERS[0].key(SESSION_ID), False),
        ("outputs/main/s/1/a.mp4", True),
        ("measurements/main/s/1/a.json", True),
        ("intermediates/main/s/1/a.wav", True),
    ],
)
def test_all_but_originals_must_be_scanned_and_only_behind_the_gate(key: str, is_so: bool):
    assert must_be_scanned(key, GATED) is is_so
    assert not must_be_scanned(key, POLICY)


def test_a_session_that_waits_for_a_scan_is_due():
    case = recorded(stands(stored_session()), None)

    assert case.due() == case.now


def test_without_the_gate_an_output_is_verified_unscanned():
    case = replace(stands(stored_session()), policy=POLICY)

    assert case.kinds() == ["VerifyOutput"]


def test_the_tag_is_guard_dutys():
    assert TAG == "GuardDutyMalwareScanStatus"
