"""How the world must be for a gate to be closed: each way closes one gate of a session whose every gate is open."""

from collections.abc import Callable
from datetime import timedelta

from msgspec.structs import replace

from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.evidence import Level, ReadBack, SecondRead, Xxh128
from chalicelib.core.ids import ArtifactId
from chalicelib.core.keys import INTERMEDIATES, ORIGINALS
from chalicelib.core.session import Damage, Lost, SessionState
from chalicelib.core.upload import UploadState
from tests.core.settle.cases import (
    AUDIO,
    CHAPTERS,
    LIGHTS,
    NOW,
    ORDER,
    OTHER_CRC,
    POLICY,
    PROCESSED_AT,
    SPARE,
    START,
    VIDEO,
    Case,
    index_of,
    receipt_of,
    upload_of,
)

THIRD_CRC = Crc64Nvme("AAAAAAAAAAI=")
REPORT = ArtifactId("output.report.pdf")
FIRST, SECOND = (chapter.artifact_id for chapter in CHAPTERS)


def without_receipt(case: Case, artifact_id) -> Case:
    """As if nobody had verified the artifact; what stands on its key still stands."""
    key = case.key(artifact_id)
    uploads = tuple(replace(each, receipt=None) if each.key == key else each for each in case.picture.uploads)
    receipts = tuple(each for each in case.picture.receipts if each.key != key)
    # Ended and given up: otherwise it were open besides.
    uploads = tuple(
        each if each.receipt else replace(each, state=UploadState.EXPIRED, owes_abort=False)
        for each in uploads
    )
    return case.recorded(uploads=uploads, receipts=receipts)


def measured(case: Case, artifact_id, **changes) -> Case:
    """The session with measurements that its order does not require, and what became of them."""
    receipt = receipt_of(case.picture, artifact_id)
    picture = case.picture.with_receipt(receipt).with_index(index_of(receipt, **changes))
    return replace(case, picture=picture)


def lost(case: Case, artifact_id) -> Case:
    """The session after the artifact was found damaged, and its loss recorded."""
    version_id = case.receipt(artifact_id).version_id
    return case.session(lost=(Lost(artifact_id, version_id, "damaged in S3", NOW),))


def damaged(case: Case, artifact_id) -> Case:
    """The session with a finding about the artifact on record."""
    return case.session(damage=(Damage(case.receipt(artifact_id).version_id, "a bit flipped", NOW),))


def reindexed(case: Case, **changes) -> Case:
    return case.recorded(indexes=(replace(case.picture.indexes[0], **changes),))


def promised(case: Case, **changes) -> Case:
    bucket = case.facts.bucket
    assert bucket is not None
    return case.told(bucket=replace(bucket, **changes))


def unintended(case: Case) -> Case:
    """The session with an intent that does not name the first original, if it has one."""
    cleanup = case.picture.session.cleanup
    if cleanup is None:
        return case
    others = tuple(each for each in cleanup.doomed if each.artifact_id != FIRST)
    return case.session(cleanup=replace(cleanup, doomed=others))


def minimum(case: Case, *required: ArtifactId) -> Case:
    """The session in a deployment that requires these of every order."""
    return replace(case, policy=replace(case.policy, required_outputs=required))


def left_out(case: Case, *artifact_ids: ArtifactId) -> Case:
    """The session whose order leaves these out on an operator's word."""
    order = case.picture.session.order
    assert order
    wish = replace(order.wish, left_out=artifact_ids, below_minimum_reason="a rehearsal")
    return case.session(order=replace(order, wish=wish))


def unfinished(case: Case, *artifact_ids: ArtifactId) -> Case:
    """The session whose device marked these originals as unfinished."""
    chapters = (replace(each, unfinished=each.artifact_id in artifact_ids) for each in case.picture.chapters)
    return case.recorded(chapters=tuple(chapters))


def accepted(case: Case) -> Case:
    """The session whose present outputs an operator accepted."""
    order = case.picture.session.order
    assert order
    return case.session(order=replace(order, accepted="I watched it"))


def broken(case: Case, *artifact_ids: ArtifactId) -> Case:
    """The session of which these originals turned out to be broken films; their length is unknown."""
    for artifact_id in artifact_ids:
        case = case.film(artifact_id, duration_ms=None, fault="it has no moov box", is_broken=True)
    return case


def with_live_upload(case: Case) -> Case:
    return case.uploaded(upload_of(case.picture, SPARE))


def reread(case: Case, *crcs: Crc64Nvme, artifact_id: ArtifactId = FIRST) -> Case:
    """The session of which one chapter was read from its card again, with these results."""
    session, receipt = case.picture.session, case.receipt(artifact_id)
    for crc in crcs:
        read = SecondRead(NOW, session.device_id, crc, Xxh128("ab" * 16))
        session = session.with_evidence(session.evidence_of(artifact_id).with_read(read, receipt))
    return case.session(evidence=session.evidence)


def demanding(case: Case, level: Level) -> Case:
    """The session in a deployment that demands so much evidence."""
    return replace(case, policy=replace(case.policy, require_evidence=level))


def read_twice(case: Case) -> Case:
    """The session all of whose chapters were read from the card again, as they were read first."""
    session = case.picture.session
    for artifact_id in (FIRST, SECOND):
        receipt = case.receipt(artifact_id)
        read = SecondRead(NOW, session.device_id, receipt.crc64nvme, Xxh128("ab" * 16))
        session = session.with_evidence(session.evidence_of(artifact_id).with_read(read, receipt))
    return case.session(evidence=session.evidence)


def read_back(case: Case, version_id: str | None = None) -> Case:
    """The session all of whose chapters were compared in S3, in this version of each or in the verified one."""
    session = case.picture.session
    for artifact_id in (FIRST, SECOND):
        back = ReadBack(version_id or case.receipt(artifact_id).version_id, NOW, "reading")
        session = session.with_evidence(session.evidence_of(artifact_id).with_read_back(back))
    return case.session(evidence=session.evidence)


def accepted_reads(case: Case) -> Case:
    """The session of whose first chapter an operator accepted what differs."""
    known = case.picture.session.evidence_of(FIRST).accepted("the cable was broken")
    return case.session(evidence=case.picture.session.with_evidence(known).evidence)


CLOSINGS: dict[str, dict[str, Callable[[Case], Case]]] = {
    "originals-whole": {
        "a broken film": lambda case: broken(case, FIRST),
        "a broken film whose outputs an operator accepted": lambda case: accepted(broken(case, FIRST)),
        "a broken film beside one that its device marked": lambda case: accepted(
            unfinished(broken(case, FIRST, SECOND), FIRST)
        ),
    },
    "evidence-agrees": {
        "a second read differs": lambda case: reread(case, OTHER_CRC),
        "a later read agrees": lambda case: reread(case, OTHER_CRC, case.receipt(FIRST).crc64nvme),
        "an earlier read agreed": lambda case: reread(case, case.receipt(FIRST).crc64nvme, OTHER_CRC),
        "one difference is accepted and another is not": lambda case: reread(
            accepted_reads(reread(case, OTHER_CRC)), THIRD_CRC
        ),
        "the outputs are accepted": lambda case: accepted(reread(case, OTHER_CRC)),
    },
    "evidence-suffices": {
        "read once where twice is demanded": lambda case: demanding(case, Level.READ_TWICE),
        "read once where a comparison in S3 is demanded": lambda case: demanding(case, Level.READ_BACK),
        "one chapter read twice and the other once": lambda case: demanding(
            reread(case, case.receipt(FIRST).crc64nvme), Level.READ_TWICE
        ),
        "read back and not read twice": lambda case: demanding(read_back(case), Level.READ_TWICE),
        "read twice and not read back": lambda case: demanding(read_twice(case), Level.READ_BACK),
        "an earlier version was read back": lambda case: demanding(
            read_back(read_twice(case), "v-before"), Level.READ_BACK
        ),
    },
    "processed": {
        "open": lambda case: case.session(state=SessionState.OPEN),
        "stored": lambda case: case.session(state=SessionState.STORED),
        "failed": lambda case: case.session(state=SessionState.FAILED, failure="no light found"),
        "cleaned": lambda case: case.session(state=SessionState.CLEANED, cleaned_at=NOW),
    },
    "outputs-required": {
        "nothing ordered": lambda case: case.session(order=None),
        "an order for nothing": lambda case: case.session(
            order=replace(ORDER, wish=replace(ORDER.wish, required=()))
        ),
    },
    "ordered-here": {
        "the import's own order": lambda case: case.session(order=replace(ORDER, is_import=True)),
        "an import's order that an operator accepted": lambda case: case.session(
            order=replace(ORDER, is_import=True, accepted="watched all of it")
        ),
    },
    "minimum-required": {
        "an order from before the minimum": lambda case: minimum(case, VIDEO, LIGHTS, REPORT),
        "an order for something else": lambda case: minimum(case, REPORT),
        "another was left out": lambda case: minimum(left_out(case, SPARE), VIDEO, SPARE, REPORT),
    },
    "outputs-verified": {
        "no receipt of the video": lambda case: without_receipt(case, VIDEO),
        "only an earlier order's outputs": lambda case: reindexed(case).session(
            order=replace(ORDER, number=2)
        ),
    },
    "measurements-indexed": {
        "no index": lambda case: case.recorded(indexes=()),
        "an index of another version": lambda case: reindexed(case, version_id="version-of-another"),
        "poison": lambda case: reindexed(case, quarantine="not JSON"),
        "an index without frames": lambda case: reindexed(case, frames=0),
        "an index of another artifact": lambda case: reindexed(case, artifact_id=SPARE),
    },
    "chapters-verified": {
        "no receipt of a chapter": lambda case: without_receipt(case, FIRST),
        "no chapters at all": lambda case: case.recorded(chapters=()),
    },
    "nothing-open": {
        "a live upload": with_live_upload,
        "an upload that can be undone": lambda case: case.uploaded(
            upload_of(case.picture, SPARE).cancelled(NOW)
        ),
        "an upload to be aborted": lambda case: case.uploaded(
            upload_of(case.picture, SPARE).expired("late", NOW)
        ),
        "something wanted back": lambda case: case.session(restoring=(FIRST,)),
    },
    "not-held": {"held": lambda case: case.session(held="look first")},
    "not-quarantined": {
        "poison that nobody requires": lambda case: measured(case, SPARE, quarantine="not JSON"),
        "measurements that nobody looked into": lambda case: measured(case, SPARE).recorded(
            indexes=case.picture.indexes
        ),
    },
    "originals-finished": {
        "a film that was hauled unfinished": lambda case: unfinished(case, FIRST),
        "every film was": lambda case: unfinished(
            case, *(each.artifact_id for each in case.picture.chapters)
        ),
    },
    "nothing-lost": {
        "an output that nobody requires": lambda case: lost(measured(case, SPARE), SPARE),
        "damage that nobody decided on yet": lambda case: damaged(case, AUDIO),
    },
    "grace-over": {
        "a second before its end": lambda case: case.at(-1),
        "nobody knows since when": lambda case: case.session(processed_at=None),
    },
    "armed": {
        "never armed": lambda case: case.told(arming=None),
        "disarmed": lambda case: case.told(arming=Arming(False, START, "stop")),
    },
    "clocks-agree": {
        "ours is ahead": lambda case: replace(
            case, now=NOW + timedelta(seconds=POLICY.clock_tolerance_s + 1)
        ),
        "ours is thirty days ahead": lambda case: replace(case, now=NOW + timedelta(days=30)),
        "S3's is ahead": lambda case: promised(
            case, at=NOW + timedelta(seconds=POLICY.clock_tolerance_s + 1)
        ),
    },
    "grace-over-in-s3": {
        "the video was written later": lambda case: case.changed(
            VIDEO, modified_at=PROCESSED_AT + timedelta(seconds=1)
        ),
        "the measurements were written later": lambda case: case.changed(
            LIGHTS, modified_at=PROCESSED_AT + timedelta(seconds=1)
        ),
    },
    "outputs-stand": {
        "gone": lambda case: case.gone(VIDEO),
        "not looked at": lambda case: case.unseen(case.key(VIDEO)),
        "another version": lambda case: case.changed(VIDEO, version_id="version-of-another"),
        "another size": lambda case: case.changed(VIDEO, size_bytes=6),
        "another checksum": lambda case: case.changed(VIDEO, crc64nvme=OTHER_CRC),
        "measurements replaced": lambda case: case.changed(LIGHTS, version_id="version-of-another"),
    },
    "bucket-keeps": {
        "no versions": lambda case: promised(case, is_versioned=False),
        "a day too few for originals": lambda case: promised(
            case, keeps_days={ORIGINALS: POLICY.restorable_days - 1, INTERMEDIATES: POLICY.restorable_days}
        ),
        "a day too few for intermediates": lambda case: promised(
            case, keeps_days={ORIGINALS: POLICY.restorable_days, INTERMEDIATES: POLICY.restorable_days - 1}
        ),
        "hidden originals purged that nobody cleaned": lambda case: promised(
            case, purges_untagged=(ORIGINALS,)
        ),
        "hidden intermediates purged that nobody cleaned": lambda case: promised(
            case, purges_untagged=(INTERMEDIATES,)
        ),
        "no rule for originals": lambda case: promised(
            case, keeps_days={INTERMEDIATES: POLICY.restorable_days}
        ),
        "no rule for intermediates": lambda case: promised(
            case, keeps_days={ORIGINALS: 99, INTERMEDIATES: None}
        ),
    },
    "originals-stand": {
        "an original is gone": lambda case: unintended(case).seen(case.key(FIRST), None),
        "an original was not looked at": lambda case: case.unseen(case.key(FIRST)),
        "an original of another version": lambda case: case.changed(FIRST, version_id="version-of-another"),
        "an original of another size": lambda case: case.changed(FIRST, size_bytes=26),
        "an original of another checksum": lambda case: case.changed(FIRST, crc64nvme=OTHER_CRC),
        "an original without a checksum": lambda case: case.changed(FIRST, crc64nvme=None),
    },
    "outputs-plausible": {
        "a chapter that nobody read": lambda case: case.session(films=case.picture.session.films[1:]),
        "a chapter's film of another version": lambda case: case.film(FIRST, version_id="version-of-another"),
        "a chapter that is no film": lambda case: case.film(FIRST, duration_ms=None, fault="no moov"),
        "a video that nobody read": lambda case: case.session(films=case.picture.session.films[:-1]),
        "a video that is not a whole film": lambda case: case.film(VIDEO, duration_ms=None, fault="no moov"),
        "a video that is too short": lambda case: case.film(VIDEO, duration_ms=8_999),
        "measurements that cover too little": lambda case: reindexed(case, span_ms=4_999),
        "measurements with too few frames": lambda case: reindexed(case, frames=9),
        "measurements whose times nobody noted": lambda case: reindexed(case, span_ms=None),
    },
    "breaker": {
        "not known": lambda case: case.told(spent=None),
        "no object left": lambda case: case.told(spent=Spent(objects=POLICY.cleanup_limit.objects)),
        "no byte left": lambda case: case.told(spent=Spent(size_bytes=POLICY.cleanup_limit.size_bytes)),
    },
}
"""For each gate, by its name, how the world must be for this gate to be closed."""
