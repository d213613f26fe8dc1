"""What is told of a change of a session, and how it reads."""

import re
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.evidence import Evidence, SecondRead, Xxh128
from chalicelib.core.ids import ArtifactId
from chalicelib.core.notices import (
    MOST_DETAIL,
    NEXT,
    NoticeKind,
    announcement,
    notices_of,
    plain_detail,
)
from chalicelib.core.order import Order, wish
from chalicelib.core.picture import Picture
from chalicelib.core.session import Lost, SessionState
from chalicelib.core.upload import Receipt, UploadState
from tests.support.builders import DEVICE_ID, EMPTY, START, UPLOAD_ID, make_chapter, make_picture, make_upload

WISH = wish(["output.enhanced.mp4"], {})
RECEIPT = Receipt(UPLOAD_ID, make_chapter().artifact_id, make_upload().key, "v1", 25, EMPTY, START)
VERIFIED = make_upload(state=UploadState.VERIFIED, receipt=RECEIPT)


def told(before: Picture, after: Picture) -> list[tuple[str, str]]:
    return [(each.kind.value, each.detail) for each in notices_of(before, after, START)]


def changed(before: Picture, **changes: Any) -> Picture:
    return replace(before, session=replace(before.session, **changes))


def test_a_write_that_changes_nothing_of_note_tells_nothing():
    picture = make_picture(make_upload())

    assert told(picture, changed(picture, version=2)) == []


def test_the_first_time_that_all_chapters_are_verified_is_told_with_their_number_and_size():
    before = make_picture(VERIFIED)

    assert told(before, changed(before, state=SessionState.STORED)) == [
        ("session.stored", "1 chapter, 25 bytes")
    ]


@pytest.mark.parametrize(("seconds", "is_told"), [(-1, True), (0, True), (1, False)])
def test_a_session_that_is_ordered_again_was_stored_before_and_is_not_told_of_twice(
    seconds: int, is_told: bool
):
    order = Order(2, WISH, START + timedelta(seconds=seconds))
    before = make_picture(VERIFIED, order=order)

    assert bool(told(before, changed(before, state=SessionState.STORED))) is is_told


def test_a_processed_session_is_told_with_what_was_made():
    before = make_picture(VERIFIED, order=Order(1, WISH, START), state=SessionState.STORED)

    assert told(before, changed(before, state=SessionState.PROCESSED)) == [
        ("session.processed", "output.enhanced.mp4")
    ]


def test_a_restored_session_is_held_and_not_processed_once_more():
    before = make_picture(VERIFIED, state=SessionState.CLEANED)

    after = changed(before, state=SessionState.PROCESSED, held="restored: cut again")

    assert told(before, after) == [("session.held", "restored: cut again")]


def test_a_failed_session_is_told_with_its_reason():
    before = make_picture(VERIFIED, state=SessionState.STORED)

    assert told(before, changed(before, state=SessionState.FAILED, failure="no lights in the film")) == [
        ("session.failed", "no lights in the film")
    ]


@pytest.mark.parametrize(
    ("was", "now", "is_told"),
    [(None, "why", True), ("why", "why", False), ("why", None, False), ("why", "another", True)],
)
def test_a_hold_is_told_when_it_begins_and_when_its_reason_changes(
    was: str | None, now: str | None, is_told: bool
):
    before = make_picture(VERIFIED, held=was)

    assert told(before, changed(before, held=now)) == ([("session.held", now)] if is_told else [])


def test_a_loss_is_told_once_although_it_holds_the_session():
    before = make_picture(VERIFIED)
    lost = Lost(VERIFIED.artifact_id, "v1", "S3 purged it", START)
    after = replace(before, session=before.session.losing(lost))

    assert told(before, after) == [("original.lost", f"{VERIFIED.artifact_id}: S3 purged it")]
    assert told(after, changed(after, version=9)) == []


def test_a_read_that_differs_is_told_once_with_both_values():
    before = make_picture(VERIFIED)
    known = Evidence(VERIFIED.artifact_id)
    read = SecondRead(START, DEVICE_ID, Crc64Nvme("AAAAAAAAAAI="), Xxh128("ab" * 16))
    differing = changed(before, evidence=(known.with_read(read, RECEIPT),))
    accepted = changed(before, evidence=(known.with_read(read, RECEIPT).accepted("it plays"),))

    [(kind, detail)] = told(before, differing)

    assert kind == "evidence.differs"
    assert detail == (
        f"{VERIFIED.artifact_id}: the receipt has CRC64NVME {EMPTY}, the card gave AAAAAAAAAAI=, read by {DEVICE_ID}"
    )
    assert told(differing, changed(differing, version=9)) == told(differing, accepted) == []


def test_a_read_that_agrees_is_not_told():
    before = make_picture(VERIFIED)
    read = SecondRead(START, DEVICE_ID, EMPTY, Xxh128("ab" * 16))

    assert told(before, changed(before, evidence=(Evidence(VERIFIED.artifact_id, read),))) == []


def test_what_can_be_made_or_copied_again_does_not_ask_for_the_card():
    before = make_picture(VERIFIED)
    video = Lost(ArtifactId("output.enhanced.mp4"), "v2", "damaged in S3", START)
    of_output = before.session.losing(video)
    original = Lost(VERIFIED.artifact_id, "v1", "damaged in S3", START)
    copied_back = before.session.losing(original).repairing([VERIFIED.artifact_id], "damaged in S3", START)

    for session in (of_output, copied_back):
        assert told(before, replace(before, session=session)) == [("session.held", "damaged in S3")]


def test_each_upload_that_is_rejected_is_told_once():
    uploads = [make_upload(upload_id=f"u_{each}") for each in "ab"]
    before = make_picture(*uploads)
    first = before.with_upload(uploads[0].rejected("its checksum is another", START))
    both = first.with_upload(uploads[1].rejected("it is no film", START))

    assert told(before, first) == [("upload.rejected", f"{uploads[0].artifact_id}: its checksum is another")]
    assert told(first, both) == [("upload.rejected", f"{uploads[1].artifact_id}: it is no film")]
    assert len(told(before, both)) == 2


def test_an_import_tells_of_nothing_but_loss():
    order = Order(1, WISH, START - timedelta(days=1), is_import=True)
    before = make_picture(VERIFIED, order=order)
    stored = changed(before, state=SessionState.STORED)
    lost = stored.session.losing(Lost(VERIFIED.artifact_id, "v1", "gone", START))

    assert told(before, stored) == []
    assert [kind for kind, _ in told(stored, replace(stored, session=lost))] == ["original.lost"]


def test_two_notices_of_one_write_have_two_ids_and_the_next_write_has_others():
    uploads = [make_upload(upload_id=f"u_{each}") for each in "ab"]
    before = make_picture(*uploads)
    both = before.with_upload(uploads[0].rejected("x", START)).with_upload(uploads[1].rejected("y", START))
    later = changed(both, version=2, held="why")

    ids = [each.notice_id for each in (*notices_of(before, both, START), *notices_of(both, later, START))]
    assert len(set(ids)) == 3


def make_announcement(detail: str = "no lights in the film", name: str | None = "jetson-north") -> Any:
    before = make_picture(VERIFIED, state=SessionState.STORED)
    [notice] = notices_of(before, changed(before, state=SessionState.FAILED, failure=detail), START)
    return announcement(notice, name)


def test_a_person_reads_what_happened_why_what_to_do_next_and_of_which_device():
    made = make_announcement()

    assert made.subject == "session main/match-17-north failed"
    assert made.text.splitlines() == [
        "session main/match-17-north failed: no lights in the film",
        f"Next: {NEXT[NoticeKind.FAILED]}",
        "",
        "Project: main",
        "Session: match-17-north",
        "Device: jetson-north (d_north)",
        "Time: 2026-11-21 12:00:00 UTC",
    ]


def test_a_program_reads_the_same_by_name():
    assert make_announcement().document == {
        "notice_id": "main/match-17-north@1/0",
        "kind": "session.failed",
        "project": "main",
        "session_id": "match-17-north",
        "device_id": DEVICE_ID,
        "device": "jetson-north",
        "at": "2026-11-21T12:00:00Z",
        "detail": "no lights in the film",
        "next": NEXT[NoticeKind.FAILED],
    }


def test_a_device_that_nobody_knows_any_more_is_named_by_its_id():
    assert "Device: d_north\n" in make_announcement(name=None).text


def test_a_reason_loses_its_addresses_because_their_queries_are_secrets():
    secret = "https://footage.s3.eu-west-1.amazonaws.com/originals/a?X-Amz-Signature=abc"
    made = make_announcement(f"cannot read {secret}, twice")

    assert made.document["detail"] == "cannot read [address] twice"
    assert "://" not in made.text
    assert "abc" not in str(made)


def test_a_reason_is_one_line_that_steers_no_terminal():
    assert plain_detail("one\r\ntwo\x1b[31m\tthree") == "one two [31m three"


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_long_reason_is_cut_at_its_limit(more: int):
    cut = plain_detail("x" * (MOST_DETAIL + more))

    assert len(cut) == min(MOST_DETAIL, MOST_DETAIL + more)
    assert cut.endswith("…") is (more > 0)


@pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
def test_every_kind_says_what_to_do_next_in_whole_sentences_without_an_address(kind: NoticeKind):
    assert re.fullmatch(r"[A-Z][^/]*\.", NEXT[kind])
    assert len(NEXT[kind]) <= 200


def test_an_artifacts_id_is_told_as_it_is():
    assert plain_detail(ArtifactId("original.100GOPRO.GX010038.MP4")) == "original.100GOPRO.GX010038.MP4"
