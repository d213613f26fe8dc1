"""What the audit trail tells of a write: each state that changed, and nothing where none did."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.acting import Acting
from chalicelib.core.audit import LONGEST_TEXT, Step, entry_of, step
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.evidence import Evidence, SecondRead, Xxh128
from chalicelib.core.ids import DeviceId, TokenId, UploadId
from chalicelib.core.order import wish
from chalicelib.core.picture import Picture
from chalicelib.core.upload import Receipt
from tests.support.builders import START, make_chapter, make_picture, make_upload

WHO = Acting("d_north", TokenId("t_1"), "POST /v1", "r-1")
BEFORE = make_picture(make_upload())
SESSION = BEFORE.session


def steps(
    after: Picture, before: Picture | None = BEFORE
) -> list[tuple[str, str | None, str | None, str | None]]:
    entry = entry_of(before, after, WHO, START)
    return [(each.thing, each.name, each.before, each.after) for each in entry.steps] if entry else []


def test_an_entry_names_who_when_the_session_and_its_version():
    after = replace(BEFORE, session=replace(SESSION, held="look", version=2))

    entry = entry_of(BEFORE, after, WHO, START)

    assert entry
    assert (entry.acting, entry.at, entry.project) == (WHO, START, "main")
    assert (entry.session_id, entry.version) == (SESSION.session_id, 2)


def test_a_new_session_begins_the_trail():
    assert steps(make_picture(), None) == [("session", None, None, "OPEN")]


def test_a_write_that_changes_no_state_leaves_no_entry():
    resting = make_upload().rested(START + timedelta(hours=1))
    after = replace(BEFORE, uploads=(resting,), session=replace(SESSION, version=2))

    assert entry_of(BEFORE, after, WHO, START) is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"held": "look"}, ("hold", None, None, "look")),
        ({"failure": "dark"}, ("failure", None, None, "dark")),
    ],
)
def test_a_change_of_the_session_is_a_step(
    changed: dict[str, str], expected: tuple[str, str | None, str | None, str | None]
):
    assert steps(replace(BEFORE, session=replace(SESSION, **changed))) == [expected]


def test_a_release_tells_what_was_held():
    held = replace(BEFORE, session=replace(SESSION, held="look"))

    assert steps(BEFORE, held) == [("hold", None, "look", None)]


def test_an_order_is_told_with_its_number_and_what_it_requires():
    ordered = replace(BEFORE, session=SESSION.ordered(wish(["output.a.mp4"], {}), START))

    assert ("order", None, None, "number 1: output.a.mp4") in steps(ordered)


def test_a_restore_names_what_comes_back():
    artifact_id = make_chapter().artifact_id
    restoring = replace(BEFORE, session=replace(SESSION, restoring=(artifact_id,)))

    assert steps(restoring) == [("restore", None, None, artifact_id)]


def test_an_upload_is_told_by_its_states_and_its_reason():
    cancelled = replace(BEFORE, uploads=(make_upload().cancelled(START),))
    name = f"u_first of {make_chapter().artifact_id}"

    assert steps(cancelled) == [("upload", name, "OPEN", "CANCELLED: cancelled by the device")]


def test_a_new_upload_is_told():
    second = make_upload(upload_id=UploadId("u_second"))
    name = f"u_second of {make_chapter().artifact_id}"

    assert steps(replace(BEFORE, uploads=(*BEFORE.uploads, second))) == [("upload", name, None, "OPEN")]


@pytest.mark.parametrize("length", [LONGEST_TEXT - 1, LONGEST_TEXT, LONGEST_TEXT + 1])
def test_the_trail_keeps_so_much_of_a_text(length: int):
    assert step("hold", None, "x" * length, "y" * length) == Step(
        "hold", None, "x" * min(length, LONGEST_TEXT), "y" * min(length, LONGEST_TEXT)
    )


def test_what_was_read_again_is_a_step_of_its_chapter_with_every_value():
    chapter = make_chapter()
    receipt = Receipt(None, chapter.artifact_id, "key", "v1", 25, Crc64Nvme("rosUhgp5mIg="), START)
    once = Evidence(chapter.artifact_id)
    agreeing = once.with_read(
        SecondRead(START, DeviceId("d_north"), receipt.crc64nvme, Xxh128("ab" * 16)), receipt
    )
    differing = agreeing.with_read(
        SecondRead(START, DeviceId("d_south"), Crc64Nvme("AAAAAAAAAAI="), Xxh128("cd" * 16)), receipt
    )
    known = replace(BEFORE, session=SESSION.with_evidence(agreeing))

    accepted = replace(BEFORE, session=SESSION.with_evidence(differing.accepted("it plays")))
    later = replace(BEFORE, session=SESSION.with_evidence(differing))

    one, when = chapter.artifact_id, "2026-11-21T12:00:00Z"
    first = (
        f"read again by d_north, until {when}: CRC64NVME rosUhgp5mIg=, xxh128 {'ab' * 16}, as the receipt has"
    )
    words = "the receipt has CRC64NVME rosUhgp5mIg=, the card gave AAAAAAAAAAI="
    second = f"read again by d_south, until {when}: CRC64NVME AAAAAAAAAAI=, xxh128 {'cd' * 16}; {words}"
    assert steps(known) == [("evidence", one, None, first), ("level", one, "read-once", "read-twice")]
    assert steps(later, known) == [("evidence", one, None, second), ("level", one, "read-twice", "read-once")]
    assert steps(accepted, later) == [
        ("evidence", one, None, f"accepted, although {words}: it plays"),
        ("level", one, "read-once", "read-twice"),
    ]
    assert steps(known, known) == []
