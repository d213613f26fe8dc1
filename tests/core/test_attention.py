"""Which sessions need a person, and in which words."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.attention import MOST_DETAIL, Need, NeedKind, needs
from chalicelib.core.cleanup import Cleanup, Refusal
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.evidence import Evidence, SecondRead, Xxh128
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.measurements.index import Index
from chalicelib.core.order import Order, wish
from chalicelib.core.picture import Picture
from chalicelib.core.scan import INFECTED, Scan
from chalicelib.core.session import Lost, SessionState
from chalicelib.core.statistics.contribution import contribution
from chalicelib.core.upload import Receipt, Upload, UploadState
from tests.support.builders import (
    DEVICE_ID,
    EMPTY,
    SESSION_ID,
    START,
    UPLOAD_ID,
    make_chapter,
    make_picture,
    make_upload,
)

ORIGINAL = make_chapter().artifact_id
RECEIPT = Receipt(UPLOAD_ID, ORIGINAL, make_upload().key, "v1", 25, EMPTY, START)
VERIFIED = make_upload(state=UploadState.VERIFIED, receipt=RECEIPT)
ORDER = Order(1, wish(["output.enhanced.mp4"], {}), START)
VIDEO = ArtifactId("output.enhanced.mp4")
LIGHTS = ArtifactId("measurements.frames.json")


def told(picture: Picture) -> list[tuple[str, str]]:
    return [(each.kind.value, each.detail) for each in needs(picture)]


def with_session(**changes: Any) -> Picture:
    return make_picture(VERIFIED, order=ORDER, **changes)


def rejected(count: int) -> tuple[Upload, ...]:
    return tuple(
        make_upload(upload_id=UploadId(f"u_{place}"), opened_at=START + timedelta(seconds=place)).rejected(
            f"reason {place}", START
        )
        for place in range(count)
    )


@pytest.mark.parametrize("state", [each for each in SessionState if each is not SessionState.FAILED])
def test_a_session_on_its_way_needs_nobody(state: SessionState):
    assert needs(with_session(state=state)) == ()


def test_a_failed_session_needs_a_person_and_says_why():
    assert told(with_session(state=SessionState.FAILED, failure="no light")) == [("failed", "no light")]


def test_a_held_session_needs_a_person_and_says_why():
    assert told(with_session(held="the referee looks")) == [("held", "the referee looks")]


def test_a_lost_original_is_told_once_although_it_holds_its_session():
    picture = with_session()
    lost = Lost(ORIGINAL, "v1", "S3 purged it", START)

    assert told(replace(picture, session=picture.session.losing(lost))) == [
        ("lost", f"{ORIGINAL}: S3 purged it")
    ]


def test_what_is_copied_back_needs_nobody_but_its_hold():
    picture = with_session()
    lost = picture.session.losing(Lost(ORIGINAL, "v1", "damaged", START))
    coming = lost.repairing([ORIGINAL], "damaged", START)

    assert told(replace(picture, session=coming)) == [("held", "damaged")]


def test_a_second_read_that_differs_needs_a_person_until_an_operator_accepts_it():
    read = SecondRead(START, DEVICE_ID, Crc64Nvme("AAAAAAAAAAI="), Xxh128("ab" * 16))
    known = Evidence(ORIGINAL).with_read(read, RECEIPT)

    [(kind, detail)] = told(with_session(evidence=(known,)))

    assert kind == "differs"
    assert "the card gave AAAAAAAAAAI=" in detail
    assert needs(with_session(evidence=(known.accepted("it plays"),))) == ()


@pytest.mark.parametrize(
    ("finding", "kinds"), [(None, []), (INFECTED, ["infected"]), ("UNSUPPORTED", ["unscanned"])]
)
def test_a_scan_needs_a_person_where_it_found_something_or_came_to_nothing(
    finding: str | None, kinds: list[str]
):
    picture = with_session()
    key = picture.key(VIDEO)
    scanned = picture.session.scanned(Scan(VIDEO, key, "v2", finding, START))
    accepted = replace(scanned, scans=(replace(scanned.scans[0], accepted="looked at"),))

    assert [each.kind.value for each in needs(replace(picture, session=scanned))] == kinds
    assert all(each.kind is NeedKind.HELD for each in needs(replace(picture, session=accepted)))


def test_poison_measurements_need_a_person():
    picture = with_session()
    receipt = Receipt(None, LIGHTS, picture.key(LIGHTS), "v3", 9, EMPTY, START)
    index = Index(LIGHTS, "v3", "r", "papi", 0, 0, START, quarantine="line 1 is no JSON")

    assert told(picture.with_receipt(receipt).with_index(index)) == [
        ("quarantined", f"{LIGHTS}: line 1 is no JSON")
    ]


@pytest.mark.parametrize(("count", "is_told"), [(1, False), (2, True), (3, True)])
def test_a_chapter_that_is_rejected_again_and_again_needs_a_person(count: int, is_told: bool):
    expected = [("rejected", f"{ORIGINAL}, {count} times: reason {count - 1}")] if is_told else []

    assert told(make_picture(*rejected(count))) == expected


def test_a_chapter_that_was_rejected_and_has_its_receipt_now_needs_nobody():
    assert needs(make_picture(*rejected(2), VERIFIED)) == ()


def test_an_upload_that_s3_gives_no_checksum_of_needs_a_person_until_it_ends():
    unproven = make_upload(unproven_since=START)

    [(kind, detail)] = told(make_picture(unproven))

    assert (kind, detail) == (
        "unproven",
        f"{ORIGINAL}: S3 gives no checksum of it since {START:%Y-%m-%d %H:%M} UTC",
    )
    assert needs(make_picture(unproven.expired("late", START))) == ()


def test_a_removal_that_s3_refuses_needs_a_person():
    cleanup = Cleanup(START, (), (), Refusal("v1", START, "AccessDenied"))

    assert told(with_session(state=SessionState.PROCESSED, cleanup=cleanup)) == [("refused", "AccessDenied")]
    assert needs(with_session(state=SessionState.CLEANED, cleanup=cleanup)) == ()


def test_needs_of_one_kind_are_counted_and_the_gravest_kind_comes_first():
    chapters = [make_chapter(number) for number in (1, 2, 3)]
    uploads = [
        make_upload(
            chapter,
            upload_id=UploadId(f"u_{chapter.filename}"),
            state=UploadState.VERIFIED,
            receipt=replace(
                RECEIPT,
                artifact_id=chapter.artifact_id,
                key=chapter.key(SESSION_ID),
                version_id=chapter.filename,
            ),
        )
        for chapter in chapters
    ]
    picture = make_picture(*uploads, chapters=chapters, state=SessionState.FAILED, failure="why")
    session = picture.session
    for chapter in chapters:
        session = session.losing(Lost(chapter.artifact_id, chapter.filename, "purged", START))

    found = needs(replace(picture, session=session))

    assert found == (
        Need(NeedKind.LOST, f"{chapters[0].artifact_id}: purged", 3),
        Need(NeedKind.FAILED, "why"),
    )


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_long_reason_is_cut(more: int):
    [need] = needs(with_session(held="x" * (MOST_DETAIL + more)))

    assert len(need.detail) == MOST_DETAIL + min(more, 0)


def test_a_session_that_needs_a_person_counts_as_one():
    assert contribution(with_session(held="why"))["sessions_needy"] == 1
    assert "sessions_needy" not in contribution(with_session())
