"""What every Records keeps of outputs, measurements, cleanup and restore in a session's picture."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Cleanup, Doomed
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import Conflict
from chalicelib.core.evidence import MOST_REASON, Difference, Evidence, ReadBack, SecondRead, Xxh128
from chalicelib.core.film import Film
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId, UploadId
from chalicelib.core.measurements.index import Index, IndexAttempts
from chalicelib.core.order import Order, OrderKey, Wish
from chalicelib.core.picture import Picture
from chalicelib.core.safe import Safe
from chalicelib.core.scan import Scan
from chalicelib.core.session import (
    Camera,
    ChecksumCopy,
    Damage,
    FormerDevice,
    Lost,
    Session,
    SessionState,
)
from chalicelib.core.storage import OldKey, Storage
from chalicelib.core.upload import Receipt
from chalicelib.ports import Change, Records
from tests.contracts.test_records_contract import assert_all_is_said
from tests.contracts.worlds import World
from tests.support.builders import make_chapter, make_session, make_session_id, make_upload

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
CRC = Crc64Nvme("rosUhgp5mIg=")
OTHER_CRC = Crc64Nvme("AAAAAAAAAAI=")
VERSION = "3HL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH"
LARGEST_OBJECT_BYTES = 10_000 * 5 * 2**30


def make_receipt(
    name: str = "enhanced.mp4", order: int = 1, upload_id: str | None = None, kind: str = "output"
) -> Receipt:
    return Receipt(
        UploadId(upload_id) if upload_id else None,
        ArtifactId(f"{kind}.{name}"),
        f"{kind}s/match-17/{order}/{name}",
        VERSION,
        LARGEST_OBJECT_BYTES,
        CRC,
        NOON + MOMENT,
    )


def make_index(
    name: str = "lights", revision: str = "0123456789abcdef", quarantine: str | None = None
) -> Index:
    artifact_id = ArtifactId(f"measurements.{name}")
    return Index(artifact_id, VERSION, revision, "papi", 324_000, 12, NOON, quarantine)


def make_doomed(number: int = 1) -> Doomed:
    chapter = make_chapter(number)
    key = chapter.key(make_session_id("match-17"))
    return Doomed(chapter.artifact_id, key, VERSION, f'"{number:032x}-1000"', LARGEST_OBJECT_BYTES, CRC)


def make_evidence(number: int, reason: str) -> Evidence:
    """All that can be known of a chapter."""
    read = SecondRead(NOON + MOMENT, DeviceId("d_" + "n" * 22), CRC, Xxh128("ab" * 16))
    differences = (
        Difference(read, OTHER_CRC, reason),
        Difference(replace(read, xxh128="cd" * 16), CRC, reason),
    )
    back = ReadBack(VERSION, NOON, "s3-batch", agrees=True)
    return Evidence(make_chapter(number).artifact_id, read, differences, back)


@pytest.fixture
def records(world: World) -> Records:
    return world.records


@pytest.fixture
def recorded(records: Records, session_id: SessionId) -> Session:
    """A session of version 1 with one chapter."""
    session = make_session(session_id=session_id, created_at=NOON)
    records.write(Change(session, chapters=(make_chapter(),)))
    return session


def picture_of(records: Records, session: Session) -> Picture:
    found = records.picture(session.session_id)
    assert found is not None
    return found


def versions_of(session: Session) -> Iterator[Session]:
    """The session at its next versions."""
    while True:
        session = session.bumped()
        yield session


def test_a_new_session_has_neither_receipts_nor_indexes(records: Records, recorded: Session):
    found = picture_of(records, recorded)

    assert (found.receipts, found.indexes) == ((), ())


@pytest.mark.parametrize("upload_id", [None, "u_made"])
def test_a_receipt_is_read_as_it_was_written(records: Records, recorded: Session, upload_id: str | None):
    receipt = make_receipt(upload_id=upload_id)

    records.write(Change(recorded.bumped(), receipts=(receipt,)))

    assert picture_of(records, recorded) == Picture(recorded.bumped(), (make_chapter(),), receipts=(receipt,))


@pytest.mark.parametrize("quarantine", [None, 'poison: "größe" is 北'])
def test_an_index_is_read_as_it_was_written(records: Records, recorded: Session, quarantine: str | None):
    index = make_index(quarantine=quarantine)

    records.write(Change(recorded.bumped(), indexes=(index,)))

    assert picture_of(records, recorded) == Picture(recorded.bumped(), (make_chapter(),), indexes=(index,))


def test_receipts_stand_in_the_order_of_their_keys(records: Records, recorded: Session):
    made = [("b", 1), ("a.mp4", 1), ("a-b", 1), ("a", 1), ("a", 10), ("a", 2), ("A", 1)]
    receipts = [make_receipt(name, order) for name, order in made]
    lights = make_receipt("lights", kind="measurement")

    records.write(Change(recorded.bumped(), receipts=(*receipts, lights)))

    found = [receipt.key for receipt in picture_of(records, recorded).receipts]
    assert found == sorted(receipt.key for receipt in (*receipts, lights))


def test_a_session_of_more_than_a_page_is_read_whole(records: Records, recorded: Session):
    """DynamoDB reads a megabyte at a time; these are four items of 300 kB, on both sides of the session's own."""
    large = [
        replace(make_index(revision=f"{number:016x}"), objects=(f"lake/{number}" + "x" * 300_000,))
        for number in range(4)
    ]
    session, upload = recorded, make_upload(session_id=recorded.session_id)
    for index in large:
        session = session.bumped()
        records.write(Change(session, indexes=(index,)))
    session = session.bumped()
    records.write(Change(session, uploads=(upload,)))

    assert picture_of(records, recorded) == Picture(
        session, (make_chapter(),), (upload,), indexes=tuple(large)
    )


def test_indexes_stand_in_the_order_of_their_artifact_and_revision(records: Records, recorded: Session):
    made = [("b", "00"), ("a.json", "00"), ("a", "ff"), ("a", "0f"), ("a-b", "00")]
    indexes = [make_index(name, revision) for name, revision in made]

    records.write(Change(recorded.bumped(), indexes=tuple(indexes)))

    found = [(index.artifact_id, index.revision) for index in picture_of(records, recorded).indexes]
    assert found == sorted((index.artifact_id, index.revision) for index in indexes)


def test_what_is_written_later_stands_beside_what_was_there(records: Records, recorded: Session):
    first, second = make_receipt("a"), make_receipt("b")
    versions = versions_of(recorded)
    records.write(Change(next(versions), receipts=(first,)))
    records.write(Change(next(versions), indexes=(make_index(),)))

    records.write(Change(next(versions), receipts=(second,)))

    found = picture_of(records, recorded)
    assert (found.receipts, found.indexes) == ((first, second), (make_index(),))


def test_a_receipt_or_an_index_written_again_replaces_itself(records: Records, recorded: Session):
    receipt, index = make_receipt(), make_index()
    versions = versions_of(recorded)
    records.write(Change(next(versions), receipts=(receipt,), indexes=(index,)))
    newer = replace(receipt, version_id="another"), replace(index, frames=0, quarantine="poison")

    records.write(Change(next(versions), receipts=newer[:1], indexes=newer[1:]))

    found = picture_of(records, recorded)
    assert (*found.receipts, *found.indexes) == newer


@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_conflict_leaves_neither_receipt_nor_index(records: Records, recorded: Session, version: int):
    records.write(Change(recorded.bumped()))
    before = picture_of(records, recorded)
    late = Change(replace(recorded, version=version), receipts=(make_receipt(),), indexes=(make_index(),))

    with pytest.raises(Conflict):
        records.write(late)

    assert picture_of(records, recorded) == before


def cleaning(session: Session, doomed: int, evidence: int) -> Session:
    """The session with an intent for so many objects, by so many outputs."""
    cleanup = Cleanup(
        NOON,
        tuple(make_doomed(number) for number in range(1, doomed + 1)),
        tuple(make_receipt(f"enhanced-{number}.mp4") for number in range(evidence)),
    )
    return session.intending(cleanup)


def test_every_field_of_a_session_is_read_as_it_was_written(records: Records, recorded: Session):
    wish = Wish((ArtifactId("output.enhanced.mp4"),), '{"größe": 1.5}')
    session = replace(
        cleaning(recorded, 2, 1),
        version=2,
        camera=Camera("C3501324500711", "HERO12 Black", "H23.01.02.32.00"),
        group="Schöne Landung ✈",
        state=SessionState.CLEANED,
        order=Order(3, wish, NOON, NOON + MOMENT),
        failure="no light — ever",
        held="ask 北",
        processed_at=NOON + 2 * MOMENT,
        cleaned=(VERSION, "another"),
        restoring=(make_chapter(1).artifact_id, ArtifactId("intermediate.stabilised.mp4")),
        restoring_since=NOON + 3 * MOMENT,
        cleaned_at=NOON + 4 * MOMENT,
        is_guarded=True,
        checksum_copy=ChecksumCopy(
            ArtifactId("output.enhanced.mp4"), "outputs/match/1/enhanced.mp4", VERSION, "multipart", 2**28
        ),
        attempts=(IndexAttempts(VERSION, 1, NOON + MOMENT), IndexAttempts("another", 3, NOON)),
        scrubbed_at=NOON + 5 * MOMENT,
        lost=(Lost(make_chapter(2).artifact_id, VERSION, "purged — gone", NOON + 6 * MOMENT),),
        damage=(Damage(VERSION, "its bytes — others", NOON + 7 * MOMENT, "version-before"),),
        proven_at=NOON + 8 * MOMENT,
        films=(
            Film(make_chapter(1).artifact_id, VERSION, 90_000),
            Film(ArtifactId("output.enhanced.mp4"), "another", None, "not a whole film"),
        ),
        storage=Storage(
            "s3://older/videos",
            NOON + 7 * MOMENT,
            "7f6f8f0a",
            (OldKey(ArtifactId("output.enhanced.mp4"), "videos/enhanced/7f6f8f0a/größe.mp4"),),
            ("original", "frames"),
            NOON,
        ),
        scans=(
            Scan(
                ArtifactId("output.enhanced.mp4"),
                "outputs/match/1/enhanced.mp4",
                VERSION,
                "THREATS_FOUND",
                NOON,
                "a tool — known",
            ),
        ),
        order_keys=(OrderKey("schlüssel", "digest", NOON),),
        safe=Safe(NOON, NOON - MOMENT, "the clock was — set", 3),
        evidence=(make_evidence(1, "größe 北"), Evidence(make_chapter(2).artifact_id)),
        former_devices=(FormerDevice(DeviceId("d_broken"), NOON - MOMENT),),
    )
    assert_all_is_said(session)

    records.write(Change(session))

    assert picture_of(records, session).session == session


def test_what_a_session_no_longer_says_of_cleanup_and_restore_is_gone(records: Records, recorded: Session):
    versions = versions_of(recorded)
    cleaned = cleaning(next(versions), 1, 1).processed(NOON).after_cleanup(NOON)
    records.write(Change(cleaned))
    wanted = [make_chapter().artifact_id]
    restoring = cleaned.bringing_back(wanted, "wanted", NOON)
    records.write(Change(replace(restoring, version=3)))

    back = replace(restoring.brought_back(wanted[0], VERSION), version=4)
    records.write(Change(back))

    found = picture_of(records, recorded).session
    assert found == back
    assert (found.cleanup, found.cleaned, found.restoring, found.cleaned_at) == (None, (), (), None)


def test_the_largest_intent_is_read_as_it_was_written(records: Records, recorded: Session):
    session = cleaning(recorded.bumped(), 99, 50)

    records.write(Change(session))

    assert picture_of(records, session).session == session


def test_the_evidence_of_the_largest_session_fits_beside_its_largest_intent(
    records: Records, recorded: Session
):
    evidence = tuple(make_evidence(number, "北" * MOST_REASON) for number in range(1, 100))
    session = replace(cleaning(recorded.bumped(), 99, 50), evidence=evidence)

    records.write(Change(session))

    assert picture_of(records, session).session == session
