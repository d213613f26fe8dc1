"""What an action leaves on record and in S3, and what it reports: cleanup, restore, damage, outputs, measurements."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.cleanup import CLEANED_TAG, Cleanup, Doomed, Spent
from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.events import Measure
from chalicelib.core.film import Film
from chalicelib.core.ids import ArtifactId
from chalicelib.core.keys import index_prefix
from chalicelib.core.manifest import Stated
from chalicelib.core.order import Order, wish
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.scan import CLEAN, INFECTED, Scan
from chalicelib.core.session import ChecksumCopy, Lost, Session, SessionState
from chalicelib.core.settle.restoring import PURGED
from chalicelib.core.upload import Receipt, StoredObject
from chalicelib.flows.actions import carry_out
from chalicelib.flows.index_measurements import quarantined
from chalicelib.flows.measurement_index import possible_objects
from tests.core.settle import cases
from tests.core.settle.cases import (
    LIGHTS,
    ORIGINALS,
    VIDEO,
    index_of,
    receipt_of,
    stored_of,
    upload_of,
    verified,
)
from tests.support import story
from tests.support.acted import Acted
from tests.support.builders import (
    POLICY,
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_picture,
    memory_ports,
    recorded,
)
from tests.support.faults import Fault, When, faulty
from tests.support.films import make_film
from tests.support.measurements import as_list, make_frames
from tests.support.memory import MemoryObjectStore, crc64nvme_of

NOW = START + timedelta(days=9)
FIRST = ORIGINALS[0]
BODY = b"an object"


@pytest.fixture
def acted(caplog: pytest.LogCaptureFixture) -> Acted:
    return Acted(caplog)


def world(picture: Picture) -> MemoryPorts:
    return memory_ports(picture, now=NOW)


def session_of(ports: MemoryPorts) -> Session:
    return recorded(ports).session


def written(session: Session) -> Session:
    """`session` after the one write of an action."""
    return session.bumped()


def put(ports: MemoryPorts, key: str, body: bytes = BODY) -> StoredObject:
    ports.objects.put_object(key, body)
    stored = ports.objects.head(key)
    assert stored
    return stored


# On the way to PROCESSED


def stored_a_minute_after_the_camera() -> Picture:
    """An OPEN session whose last receipt came a minute after the camera closed its last chapter."""
    picture = cases.stored_session().picture
    began = int(START.timestamp()) - 100
    progress = Progress(0, 0, None, None, 0, 0, START, START, camera_ahead_s=0, last_chapter_s=40)
    chapters = (picture.chapters[0], replace(picture.chapters[1], created=began))
    session = replace(picture.session, state=SessionState.OPEN)
    return replace(picture, session=session, chapters=chapters, progress=progress)


def test_the_time_until_a_session_is_safe_is_measured_once(acted: Acted):
    ports = world(stored_a_minute_after_the_camera())

    picture = acted.carry_out(ports, settle.Store())

    assert picture.session.state is SessionState.STORED
    assert picture.session.safe
    assert picture.session.safe.after_s == 60
    assert acted.reported == ("INFO", "session stored", {"safe_after_s": 60})
    assert ports.metrics.sizes == {Measure.TIME_TO_SAFE: [60]}
    acted.carry_out(ports, settle.Store())
    assert ports.metrics.sizes == {Measure.TIME_TO_SAFE: [60]}


def test_a_session_of_which_nobody_knows_when_its_camera_ended_is_not_measured(acted: Acted):
    ports = world(cases.stored_session().picture)

    acted.carry_out(ports, settle.Store())

    assert acted.reported == ("INFO", "session stored", {"safe_after_s": None})
    assert ports.metrics.sizes == {}


def test_an_order_is_sent_and_says_when(acted: Acted):
    order = Order(3, wish([VIDEO], {}), START)
    ports = world(cases.stored_session().session(order=order).picture)

    picture = acted.carry_out(ports, settle.SendOrder())

    assert picture.session.order == order.sent(NOW)
    assert [message["order"] for message in ports.orders.sent] == [3]
    assert acted.reported == ("INFO", "order sent", {"order": 3})


def test_an_output_that_was_verified_has_its_receipt_of_now(acted: Acted):
    case = cases.stored_session()
    receipt = receipt_of(case.picture, VIDEO, verified_at=NOW)
    scan = Scan(VIDEO, receipt.key, receipt.version_id, None, START)

    after = acted.carry_out(
        world(case.session(scans=(scan,)).picture), settle.VerifyOutput(VIDEO, stored_of(receipt))
    )

    assert (after.receipts, after.session.scans) == ((receipt,), ())
    assert acted.reported == ("INFO", "output verified", {"artifact_id": VIDEO, "size_bytes": 5})


def test_a_failed_session_is_an_error_with_its_reason(acted: Acted):
    before = cases.stored_session().picture

    after = acted.carry_out(world(before), settle.Fail("no picture"))

    assert after.session == written(before.session.failed("no picture"))
    assert acted.reported == ("ERROR", "session failed", {"reason": "no picture"})


def test_a_processed_session_begins_its_grace(acted: Acted):
    before = cases.made_session().picture

    after = acted.carry_out(world(before), settle.Process())

    assert after.session == written(before.session.processed(NOW))
    assert acted.reported == ("INFO", "session processed", {})


@pytest.mark.parametrize(
    ("finding", "level", "event"),
    [
        (INFECTED, "ERROR", "artifact infected"),
        (None, "INFO", "scan awaited"),
        ("FAILED", "ERROR", "scan inconclusive"),
        (CLEAN, "ERROR", "scan inconclusive"),
    ],
)
def test_what_a_scan_came_to_is_on_record_and_told(acted: Acted, finding: str | None, level: str, event: str):
    before = cases.stored_session().picture
    scan = Scan(VIDEO, before.key(VIDEO), "v1", finding, START)

    after = acted.carry_out(world(before), settle.RecordScan(scan))

    assert after.session == written(before.session.scanned(scan))
    assert acted.reported == (level, event, {"artifact_id": VIDEO, "version_id": "v1", "finding": finding})


# Checksums that S3 computes


class NamedOnly(MemoryObjectStore):
    """S3 for which each multipart upload has to have a name."""

    def create_multipart(self, key, upload_id):
        assert upload_id
        return super().create_multipart(key, upload_id)


def without_checksum() -> tuple[MemoryPorts, settle.ComputeChecksum]:
    """Ports with an output that was written without CRC64NVME, and what is owed to it."""
    picture = cases.stored_session().picture
    ports = world(picture)
    ports = replace(ports, objects=NamedOnly(ports.clock))
    ports.objects.put_without_crc64nvme(picture.key(VIDEO), BODY)
    stored = ports.objects.head(picture.key(VIDEO))
    assert stored
    return ports, settle.ComputeChecksum(Stated(VIDEO, len(BODY), crc64nvme_of(BODY)), stored)


def test_a_computed_checksum_is_told_with_its_key_and_leaves_no_copy(acted: Acted):
    ports, action = without_checksum()

    after = acted.carry_out(ports, action)

    assert (after.session.checksum_copy, list(ports.objects.multiparts(""))) == (None, [])
    assert after.receipts[0].crc64nvme == crc64nvme_of(BODY)
    line = acted.logged("checksum computed")
    assert (line.about["key"], line.about["size_bytes"]) == (action.stored.key, len(BODY))


def test_a_copy_that_is_gone_is_a_warning_and_begins_again_later(acted: Acted):
    ports, action = without_checksum()
    copy = ChecksumCopy(VIDEO, action.stored.key, action.stored.version_id, "gone", 10)
    ports.records.arrange(replace(recorded(ports), session=replace(session_of(ports), checksum_copy=copy)))

    after = acted.carry_out(ports, action)

    assert (after.session.checksum_copy, after.receipts) == (None, ())
    line = acted.logged("checksum copy is gone")
    assert (line.level, line.about["key"]) == ("WARNING", action.stored.key)
    assert "gone" in str(line.about["error"])


def test_a_copy_that_nobody_needs_is_off_the_record_and_out_of_s3(acted: Acted):
    ports, action = without_checksum()
    stored = action.stored
    multipart_id = ports.objects.create_multipart(stored.key, UPLOAD_ID)
    copy = ChecksumCopy(VIDEO, stored.key, stored.version_id, multipart_id, 10)
    before = session_of(ports)
    ports.records.arrange(replace(recorded(ports), session=replace(before, checksum_copy=copy)))

    after = acted.carry_out(ports, settle.DropChecksumCopy())

    assert (after.session, list(ports.objects.multiparts(""))) == (written(before), [])


# Cleanup


def unread() -> tuple[MemoryPorts, Receipt]:
    """Ports with a session whose first original is a film that nobody has read."""
    picture = cases.made_session().picture
    ports = world(picture)
    body = make_film(1_000, 60)
    stored = put(ports, picture.key(FIRST), body)
    upload = verified(upload_of(picture, FIRST, len(body)), version_id=stored.version_id)
    ports.records.arrange(picture.with_upload(upload))
    assert upload.receipt
    return ports, upload.receipt


def test_the_length_of_films_is_on_record_and_what_cannot_be_read_is_a_warning(acted: Acted):
    ports, receipt = unread()
    gone = recorded(ports).receipt(VIDEO)
    assert gone

    after = acted.carry_out(ports, settle.Inspect((receipt,)))
    assert after.session.films == (Film(FIRST, receipt.version_id, 1_000),)
    assert acted.reported == ("INFO", "films inspected", {"films": 1, "faults": {}})

    after = acted.carry_out(ports, settle.Inspect((gone,)))
    [film] = [each for each in after.session.films if each.artifact_id == VIDEO]
    assert film.fault
    assert acted.reported == ("WARNING", "films inspected", {"films": 1, "faults": {VIDEO: film.fault}})


def test_a_look_that_read_nothing_writes_nothing():
    ports, receipt = unread()
    before = recorded(ports)
    busy = faulty(ports.objects, Fault("read_range", StorageBusy("slow down")))

    with pytest.raises(StorageBusy):
        carry_out(replace(ports, objects=busy), before, settle.Inspect((receipt,)))

    assert recorded(ports) == before


def test_an_intent_says_when_and_how_much(acted: Acted):
    case = cases.intended()
    intent = case.picture.session.cleanup
    assert intent
    before = replace(case.picture, session=replace(case.picture.session, cleanup=None))

    after = acted.carry_out(world(before), settle.PlanCleanup(intent.doomed, intent.evidence))

    assert after.session == written(before.session.intending(Cleanup(NOW, intent.doomed, intent.evidence)))
    size_bytes = sum(each.size_bytes for each in intent.doomed)
    assert acted.reported == (
        "INFO",
        "cleanup intended",
        {"objects": len(intent.doomed), "size_bytes": size_bytes},
    )


def about_to_clean(**policy) -> tuple[MemoryPorts, Doomed]:
    """Ports with an armed session whose intent names one original, with that original and the video in S3."""
    case = cases.open_gates()
    ports = memory_ports(now=NOW, policy=replace(POLICY, **policy))
    story.arm(ports)
    film, video = put(ports, case.key(FIRST)), put(ports, case.key(VIDEO))
    lights = put(ports, case.key(LIGHTS))
    receipts = tuple(
        replace(
            case.receipt(artifact_id),
            version_id=stored.version_id,
            size_bytes=len(BODY),
            crc64nvme=crc64nvme_of(BODY),
        )
        for artifact_id, stored in ((VIDEO, video), (LIGHTS, lights))
    )
    doomed = Doomed(FIRST, film.key, film.version_id, film.etag, len(BODY), crc64nvme_of(BODY))
    intent = Cleanup(NOW, (doomed,), receipts)
    picture = replace(case.picture, receipts=receipts, session=case.picture.session.intending(intent))
    ports.records.arrange(picture)
    return ports, doomed


def test_a_cleaned_object_is_told_with_its_version(acted: Acted):
    ports, doomed = about_to_clean()

    acted.carry_out(ports, settle.Clean(doomed))

    assert ports.objects.head(doomed.key) is None
    assert acted.reported == (
        "INFO",
        "object cleaned",
        {"key": doomed.key, "version_id": doomed.version_id},
    )
    assert ports.metrics.counts["bytes.cleaned"] == len(BODY)


def test_a_gate_that_closed_at_the_last_moment_is_a_warning(acted: Acted):
    ports, doomed = about_to_clean()
    story.arm(ports, is_armed=False)

    acted.carry_out(ports, settle.Clean(doomed))

    assert ports.objects.head(doomed.key)
    line = acted.reported
    assert (line.level, line.message) == ("WARNING", "cleanup stopped")
    assert list(line.about["closed"]) == ["armed"]  # type: ignore[call-overload]  # a mapping


def test_a_cleanup_over_the_limit_of_the_day_is_a_warning(acted: Acted):
    ports, doomed = about_to_clean(cleanup_limit=Spent())

    acted.carry_out(ports, settle.Clean(doomed))

    assert ports.objects.head(doomed.key)
    assert acted.reported == ("WARNING", "cleanup limited", {"key": doomed.key})


def test_a_removal_that_s3_refuses_is_an_error_with_its_words(acted: Acted):
    ports, doomed = about_to_clean()
    ports.objects.refuses_removals = True

    after = acted.carry_out(ports, settle.Clean(doomed))

    reason = f"S3 refuses to remove {doomed.key}: AccessDenied"
    assert after.session.cleanup
    assert after.session.cleanup.refusal
    assert after.session.cleanup.refusal.reason == reason
    assert acted.reported == ("ERROR", "cleanup refused", {"reason": reason})


def test_what_no_intent_names_is_never_cleaned():
    ports, doomed = about_to_clean()

    with pytest.raises(Conflict, match=r"^no intent on record names this object; decide again$"):
        carry_out(ports, recorded(ports), settle.Clean(replace(doomed, version_id="another")))


def test_a_cleaned_session_says_when(acted: Acted):
    before = cases.intended().picture

    after = acted.carry_out(world(before), settle.Finish())

    assert after.session == written(before.session.after_cleanup(NOW))
    assert acted.reported == ("INFO", "session cleaned", {})


def away(*, is_intended: bool) -> tuple[MemoryPorts, list[Receipt]]:
    """A CLEANED session of two originals, hidden in S3 without a tag; its intent names the first, or there is none."""
    empty = cases.stored_session().picture
    ports = world(empty)
    receipts, uploads = [], []
    for chapter in empty.chapters:
        stored = put(ports, empty.key(chapter.artifact_id), BODY[: chapter.size_bytes])
        ports.objects.mark_deleted(stored.key)
        upload = verified(
            upload_of(empty, chapter.artifact_id, chapter.size_bytes),
            version_id=stored.version_id,
        )
        assert upload.receipt
        receipts.append(upload.receipt)
        uploads.append(upload)
    first = receipts[0]
    doomed = Doomed(first.artifact_id, first.key, first.version_id, "etag", 1, first.crc64nvme)
    session = replace(
        empty.session,
        state=SessionState.CLEANED,
        cleaned=tuple(each.version_id for each in receipts),
        cleanup=Cleanup(START, (doomed,), ()) if is_intended else None,
    )
    ports.records.arrange(replace(empty, session=session, uploads=tuple(uploads)))
    return ports, receipts


def tags(ports: MemoryPorts, receipts: list[Receipt]) -> list[bool]:
    """Which of these versions S3 may purge."""
    return [CLEANED_TAG in ports.objects.tags(each.key, each.version_id).items() for each in receipts]


@pytest.mark.parametrize(("is_intended", "tagged"), [(True, [False, True]), (False, [True, True])])
def test_after_the_last_look_s3_may_purge_what_stayed_away_in_an_earlier_restore(
    acted: Acted, is_intended: bool, tagged: list[bool]
):
    ports, receipts = away(is_intended=is_intended)

    after = acted.carry_out(ports, settle.ConfirmOutputs())

    assert after.session.is_guarded
    assert tags(ports, receipts) == tagged
    assert acted.reported == ("INFO", "cleanup guarded", {})
    assert ports.metrics.counts["cleanup.guarded"] == 1


def test_a_last_look_ends_although_s3_has_purged_a_version():
    ports, receipts = away(is_intended=False)
    ports.objects.forget_version(receipts[0].key, receipts[0].version_id)

    assert carry_out(ports, recorded(ports), settle.ConfirmOutputs()).session.is_guarded
    assert tags(ports, receipts[1:]) == [True]


def test_a_recall_is_an_error_with_its_reason(acted: Acted):
    before = cases.cleaned().picture

    after = acted.carry_out(world(before), settle.Recall(ORIGINALS, "the video is gone"))

    assert after.session == written(before.session.bringing_back(ORIGINALS, "the video is gone", NOW))
    assert acted.reported == ("ERROR", "cleanup recalled", {"reason": "the video is gone"})


# Restore


def test_a_restore_says_what_it_brings_back(acted: Acted):
    ports, receipts = away(is_intended=False)

    after = acted.carry_out(ports, settle.StartRestore(FIRST))

    assert after.uploads[-1].copies == receipts[0].version_id
    assert acted.logged("restore begun").about["artifact_id"] == FIRST


def restoring(ports: MemoryPorts) -> MemoryPorts:
    session = session_of(ports).bringing_back([FIRST], "asked", START)
    ports.records.arrange(replace(recorded(ports), session=session))
    return ports


@pytest.mark.parametrize("is_there", [True, False])
def test_the_end_of_a_restore_says_which_version_is_there(acted: Acted, is_there: bool):
    ports, receipts = away(is_intended=False)
    version_id = receipts[0].version_id
    ports.objects.tag_cleaned(receipts[0].key, version_id)
    before = session_of(restoring(ports))
    stands = version_id if is_there else None

    after = acted.carry_out(ports, settle.EndRestore(FIRST, stands))

    assert after.session == written(before.brought_back(FIRST, stands))
    assert tags(ports, receipts[:1]) == [not is_there]
    assert acted.reported == (
        "INFO" if is_there else "ERROR",
        "restore ended",
        {"artifact_id": FIRST, "version_id": stands},
    )


def test_an_original_that_others_removed_and_s3_purged_is_lost(acted: Acted):
    picture = cases.made_session().picture
    receipt = picture.receipt(FIRST)
    assert receipt
    copy = upload_of(picture, FIRST, upload_id="u_copy", copies=receipt.version_id).expired(PURGED, START)
    session = picture.session.repairing([FIRST], "gone", START)
    ports = world(replace(picture, session=session, uploads=(*picture.uploads, copy)))
    lost = Lost(FIRST, receipt.version_id, PURGED, NOW)

    after = acted.carry_out(ports, settle.EndRestore(FIRST, None))

    assert after.session == written(session.brought_back(FIRST, None).losing(lost))
    assert acted.reported == (
        "ERROR",
        "original lost",
        {"artifact_id": FIRST, "version_id": receipt.version_id, "reason": PURGED},
    )


def test_an_original_that_a_cleanup_removed_and_s3_purged_is_not_called_lost():
    ports, receipts = away(is_intended=False)
    restoring(ports)
    picture = recorded(ports)
    copy = upload_of(picture, FIRST, upload_id="u_copy", copies=receipts[0].version_id).expired(PURGED, START)
    ports.records.arrange(replace(picture, uploads=(*picture.uploads, copy)))

    assert carry_out(ports, recorded(ports), settle.EndRestore(FIRST, None)).session.lost == ()


def copied_back(*, was_cleaned: bool) -> tuple[MemoryPorts, Receipt, StoredObject]:
    """A session whose first original is a copy of an earlier version, which a cleanup hid, or somebody else."""
    picture = cases.stored_session().picture
    ports = world(picture)
    old = put(ports, picture.key(FIRST))
    ports.objects.mark_deleted(old.key)
    new = put(ports, picture.key(FIRST))
    upload = verified(
        upload_of(picture, FIRST, len(BODY), upload_id="u_copy", copies=old.version_id, opened_at=NOW),
        version_id=new.version_id,
    )
    session = replace(picture.session, restoring=(FIRST,), cleaned=(old.version_id,) if was_cleaned else ())
    ports.records.arrange(replace(picture, session=session, uploads=(*picture.uploads, upload)))
    assert upload.receipt
    return ports, upload.receipt, old


@pytest.mark.parametrize("was_cleaned", [True, False])
def test_s3_may_purge_the_version_that_was_copied_back_only_if_a_cleanup_hid_it(was_cleaned: bool):
    ports, receipt, old = copied_back(was_cleaned=was_cleaned)

    carry_out(ports, recorded(ports), settle.EndRestore(FIRST, receipt.version_id))

    tagged = CLEANED_TAG in ports.objects.tags(old.key, old.version_id).items()
    assert tagged is was_cleaned


def test_a_restore_ends_although_s3_has_purged_what_was_copied():
    ports, receipt, old = copied_back(was_cleaned=True)
    ports.objects.forget_version(old.key, old.version_id)

    after = carry_out(ports, recorded(ports), settle.EndRestore(FIRST, receipt.version_id))

    assert after.session.restoring == ()


def test_the_restore_of_what_was_never_verified_ends_as_well():
    picture = make_picture(chapters=cases.CHAPTERS, restoring=(FIRST,))

    assert carry_out(world(picture), picture, settle.EndRestore(FIRST, None)).session.restoring == ()


# Damage


def loss(picture: Picture, artifact_id: ArtifactId, good: str | None = None) -> tuple[settle.Lose, Lost]:
    receipt = picture.receipt(artifact_id)
    assert receipt
    lost = Lost(artifact_id, receipt.version_id, "one bit flipped", NOW)
    return settle.Lose(receipt, "one bit flipped", good), lost


@pytest.mark.parametrize(
    ("artifact_id", "event"), [(FIRST, "original lost"), (LIGHTS, "artifact lost"), (VIDEO, "artifact lost")]
)
def test_a_loss_is_an_error_that_names_the_version(acted: Acted, artifact_id: ArtifactId, event: str):
    before = cases.made_session().picture
    action, lost = loss(before, artifact_id)

    after = acted.carry_out(world(before), action)

    assert after.session == written(before.session.losing(lost))
    assert acted.reported == (
        "ERROR",
        event,
        {"artifact_id": artifact_id, "version_id": lost.version_id, "reason": "one bit flipped"},
    )


def test_a_loss_during_a_cleanup_brings_back_all_other_originals(acted: Acted):
    before = cases.intended().picture
    action, lost = loss(before, FIRST)

    after = acted.carry_out(world(before), action)

    assert after.session == written(
        before.session.losing(lost).bringing_back(ORIGINALS[1:], "one bit flipped", NOW)
    )


def test_a_loss_with_a_good_version_is_repaired_from_it(acted: Acted):
    before = cases.made_session().session(cleaned=("v-good", "v-other"), restoring=ORIGINALS).picture
    action, lost = loss(before, FIRST, "v-good")

    after = acted.carry_out(world(before), action)

    session = before.session.losing(lost).brought_back(FIRST, "v-good")
    assert after.session == written(session.repairing((FIRST,), "one bit flipped", NOW))
    assert after.session.cleaned == ("v-other",)
    assert acted.reported.message == "original damaged"


def test_a_lost_output_that_a_processor_uploaded_is_never_removed():
    picture = cases.stored_session().picture
    upload = verified(upload_of(picture, VIDEO))
    before = picture.with_upload(upload)

    after = carry_out(world(before), before, loss(before, VIDEO)[0])

    assert not after.upload(upload.upload_id).owes_removal


# The weekly scrub


def test_a_scrub_says_when(acted: Acted):
    before = cases.made_session().picture
    ports = world(before)

    after = acted.carry_out(ports, settle.Scrubbed())

    assert after.session == written(before.session.scrubbed(NOW))
    assert acted.reported == ("INFO", "originals scrubbed", {})
    assert ports.metrics.counts["originals.scrubbed"] == 1


def test_a_repair_is_an_error_with_its_reason(acted: Acted):
    before = cases.made_session().picture

    after = acted.carry_out(world(before), settle.Repair((FIRST,), "gone"))

    assert after.session == written(before.session.repairing((FIRST,), "gone", NOW))
    assert acted.reported == ("ERROR", "original damaged", {"reason": "gone"})


def test_a_foreign_object_is_hidden_and_told_and_never_another_version_of_it(acted: Acted):
    before = cases.made_session().picture
    ports = world(before)
    stored = put(ports, before.key(FIRST))

    with pytest.raises(Conflict, match=r"^another version is on the key by now; look again$"):
        carry_out(ports, before, settle.Displace(FIRST, replace(stored, version_id="earlier")))
    acted.carry_out(ports, settle.Displace(FIRST, stored))

    assert ports.objects.head(stored.key) is None
    assert acted.reported == (
        "ERROR",
        "foreign object hidden",
        {"artifact_id": FIRST, "key": stored.key, "version_id": stored.version_id},
    )


# Measurements


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


def test_indexed_measurements_are_told_with_their_frames(acted: Acted):
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


def test_a_quarantine_says_when_and_why(acted: Acted):
    ports, receipt = measured(b"")

    after = acted.carry_out(ports, settle.Quarantine(receipt, "three attempts"))

    assert after.indexes == (quarantined(receipt, NOW, "three attempts"),)
    assert acted.reported.about == {"artifact_id": LIGHTS, "reason": "three attempts"}


def test_a_request_for_the_index_of_a_large_file_is_told(acted: Acted):
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


def test_a_removed_index_is_told_with_its_revision(acted: Acted):
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
