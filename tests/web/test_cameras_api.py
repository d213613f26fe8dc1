"""What the coordinator tells of a camera: its chapters, page by page, and what is no camera and no page."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest, StorageBusy
from chalicelib.core.ids import DeviceId, UploadId
from chalicelib.core.picture import MOST_CHAPTERS, Picture
from chalicelib.core.tokens import Role
from chalicelib.core.upload import Receipt
from chalicelib.flows.cameras import ENOUGH_CHAPTERS
from chalicelib.ports import Listed
from chalicelib.web.wire import cursors
from tests.support import story
from tests.support.builders import (
    START,
    MemoryPorts,
    make_chapter,
    make_picture,
    make_session,
    make_session_id,
    make_upload,
    memory_ports,
)
from tests.support.faults import Fault, faulty
from tests.web.client import Answer, caller_of, device_of
from tests.web.contract import documented, shape
from tests.web.test_bad_input import NO_ID
from tests.web.usual import ARTIFACT_ID, CHAPTERS, SESSION, WHOLE, opened, stored

LAMBDA_ANSWER_BYTES = 6 * 2**20
"""Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def known(ports: MemoryPorts, query: str = "") -> Answer:
    return device_of(ports).call("GET", CHAPTERS + query)


def receipts(ports: MemoryPorts) -> list[Any]:
    return [chapter["receipt"] for chapter in known(ports).document["chapters"]]


def recordings(count: int) -> MemoryPorts:
    """Ports with so many sessions of one chapter, `s-0` the newest."""
    sessions = [
        make_picture(session_id=make_session_id(f"s-{place}"), created_at=START - timedelta(seconds=place))
        for place in range(count)
    ]
    return memory_ports(*sessions)


def test_a_chapter_is_told_with_its_session_its_identity_and_its_receipt():
    ports = stored()
    [shown] = device_of(ports).call("GET", SESSION).document["chapters"]

    assert shown["receipt"]["crc64nvme"] == WHOLE
    assert known(ports).document == {
        "asked_by": "d_north",
        "chapters": [
            {
                "session_id": "match-17-north",
                "device_id": "d_north",
                "artifact_id": ARTIFACT_ID,
                "directory": "100GOPRO",
                "filename": "GX010038.MP4",
                "size_bytes": 25,
                "created": None,
                "modified": None,
                "etag": None,
                "gumi": None,
                "unfinished": False,
                "trailing_bytes": 0,
                "receipt": shown["receipt"],
                "evidence": shown["evidence"],
            }
        ],
        "cursor": None,
    }


def test_the_answer_is_the_contracts():
    contract = documented('{"asked_by"')

    assert shape(known(opened()).document) == shape(contract)


def test_what_tells_a_chapter_from_another_of_its_name_is_told_as_the_device_gave_it():
    identity: dict[str, Any] = {
        "created": 1656931398,
        "modified": 0,
        "etag": '"62c2a1c6.15728640"',
        "gumi": "2f3a",
        "unfinished": True,
        "trailing_bytes": 24,
    }
    ports = memory_ports(make_picture(chapters=[make_chapter(**identity)]))

    [told] = known(ports).document["chapters"]

    assert {name: told[name] for name in identity} == identity


def test_a_chapter_that_is_not_verified_has_no_receipt():
    assert receipts(opened()) == [None]


def test_chapters_stand_in_the_order_of_their_recording():
    ports = memory_ports(make_picture(chapters=[make_chapter(2), make_chapter(1)]))

    told = known(ports).document["chapters"]

    assert [chapter["filename"] for chapter in told] == ["GX020038.MP4", "GX010038.MP4"]


def test_the_receipts_of_a_cleaned_session_are_told_though_its_originals_are_gone():
    before = story.processed()
    ports = story.cleaned()

    assert story.originals_are_gone(ports)
    assert receipts(ports) == receipts(before)
    assert [receipt["size_bytes"] for receipt in receipts(ports)] == [60, 57]


def test_after_a_restore_the_receipts_are_of_what_stands_now():
    ports = story.cleaned()
    cleaned = receipts(ports)
    restored = caller_of(ports, Role.OPERATOR).call("POST", f"{SESSION}/restore", {"reason": "wanted"})
    assert restored.status == 200
    assert receipts(ports) == cleaned

    story.let_pass(ports, ports.policy.in_flight_s + 600, rounds=5)

    assert story.originals_stand(ports)
    stands = [ports.objects.head(receipt["key"]) for receipt in receipts(ports)]
    assert [receipt["version_id"] for receipt in receipts(ports)] == [
        each.version_id for each in stands if each
    ]
    assert receipts(ports) != cleaned


def test_a_file_that_two_devices_haul_is_told_of_each():
    broken = make_picture(session_id=make_session_id("of-the-broken-one"), device_id=DeviceId("d_broken"))
    ports = stored()
    ports.records.arrange(broken)

    told = known(ports).document["chapters"]

    assert [(each["session_id"], each["device_id"], each["receipt"] is None) for each in told] == [
        ("of-the-broken-one", "d_broken", True),
        ("match-17-north", "d_north", False),
    ]


@pytest.mark.parametrize("role", [Role.PROCESSOR, Role.OPERATOR])
def test_who_asks_and_is_no_device_is_told_as_none(role: Role):
    answer = caller_of(stored(), role).call("GET", CHAPTERS).document

    assert (answer["asked_by"], answer["chapters"][0]["device_id"]) == (None, "d_north")


def test_of_a_camera_that_nobody_hauled_from_nothing_is_known():
    answer = device_of(opened()).call("GET", "/v1/cameras/C0000000000000/chapters")

    assert (answer.status, answer.document) == (
        200,
        {"asked_by": "d_north", "chapters": [], "cursor": None},
    )


def test_a_cursor_leads_to_the_next_page_until_there_is_none():
    ports = recordings(45)
    pages = [known(ports).document]
    while pages[-1]["cursor"]:
        pages.append(known(ports, f"?cursor={pages[-1]['cursor']}").document)

    told = [chapter["session_id"] for page in pages for chapter in page["chapters"]]
    assert [len(page["chapters"]) for page in pages] == [20, 20, 5]
    assert told == [f"s-{place}" for place in range(45)]


def test_a_cursor_is_good_as_often_as_it_is_sent():
    ports = recordings(21)
    cursor = known(ports).document["cursor"]

    first, again = (known(ports, f"?cursor={cursor}") for _ in range(2))

    assert first.document == again.document
    assert [chapter["session_id"] for chapter in first.document["chapters"]] == ["s-20"]


def encoded(plain: str) -> str:
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


GOOD = "2026-11-21T12:00:00.000000+00:00#main/match-17"
NO_CURSOR = {
    "empty": "",
    "no base64": "*",
    "no base64 within": f"{encoded(GOOD)}*",
    "of another length": encoded(GOOD)[:-1],
    "padded": base64.urlsafe_b64encode(GOOD.encode()).decode() + "%3D",
    "in plain": GOOD.replace("+", "%2B").replace("#", "%23"),
    "no UTF-8": "_w",
    "not ASCII": "%C3%A4",
    "no session": encoded("2026-11-21T12:00:00.000000+00:00"),
    "no session's id": encoded("2026-11-21T12:00:00.000000+00:00#main/-a"),
    "no project": encoded("2026-11-21T12:00:00.000000+00:00#match-17"),
    "no project's name": encoded("2026-11-21T12:00:00.000000+00:00#Main/match-17"),
    "no moment": encoded("#main/match-17"),
    "no such moment": encoded("2026-13-41T12:00:00.000000+00:00#main/match-17"),
    "without a zone": encoded("2026-11-21T12:00:00.000000#main/match-17"),
    "of another zone": encoded("2026-11-21T12:00:00.000000+01:00#main/match-17"),
    "before the first year": encoded("0001-01-01T00:00:00.000000+14:00#main/match-17"),
    "after the last year": encoded("9999-12-31T23:59:59.000000-14:00#main/match-17"),
    "written otherwise": encoded("2026-11-21T12:00:00+00:00#main/match-17"),
    "a day": encoded("2026-11-21#main/match-17"),
    "too long": "a" * 2001,
}


@pytest.mark.parametrize("kind", NO_CURSOR)
def test_what_is_no_cursor_is_refused_with_its_parameter(kind: str):
    answer = known(opened(), f"?cursor={NO_CURSOR[kind]}")

    assert answer.problem == (400, "invalid-request", "stop")
    assert answer.document["detail"].startswith("cursor: ")


def test_what_the_refused_cursors_are_compared_with_is_one():
    assert known(opened(), f"?cursor={encoded(GOOD)}").status == 200


def test_a_cursor_says_what_to_do_without_quoting_what_was_sent():
    told = known(opened(), "?cursor=nonsense").document["detail"]

    assert "the one that the page before answered" in told
    assert "nonsense" not in told


@pytest.mark.parametrize("query", ["?after=1", "?cursor=&limit=1", "?Cursor=a", "?project=club"])
def test_an_unknown_parameter_is_refused(query: str):
    answer = known(opened(), query)

    assert answer.problem == (400, "invalid-request", "stop")
    assert "no such parameter; there are cursor" in answer.document["detail"]


@pytest.mark.parametrize("serial", [*NO_ID, "C35-01", "C35.01", "a" * 41, "\u0661"])
def test_what_is_no_serial_is_refused(serial: str):
    answer = device_of(opened()).call("GET", f"/v1/cameras/{serial}/chapters")

    assert answer.problem == (400, "invalid-request", "stop")
    assert "serial" in answer.document["detail"]


@pytest.mark.parametrize(("length", "status"), [(1, 200), (39, 200), (40, 200), (41, 400)])
def test_a_serial_has_at_most_40_characters(length: int, status: int):
    assert device_of(opened()).call("GET", f"/v1/cameras/{'a' * length}/chapters").status == status


@pytest.mark.parametrize("serial", ["a/b", "../..", "\x00", "a\n", "é", "\ud800", ""])
def test_a_gateway_that_decodes_the_path_changes_nothing(serial: str):
    answer = device_of(opened()).hand_over("GET", "/v1/cameras/{serial}/chapters", {"serial": serial}, None)

    assert answer.problem == (400, "invalid-request", "stop")


@pytest.mark.parametrize("method", ["picture", "sessions_of_camera"])
def test_a_table_that_asks_for_patience_is_told_and_never_a_shorter_list(method: str):
    ports = stored()
    busy = replace(ports, records=faulty(ports.records, Fault(method, StorageBusy("ask again"))))

    assert known(busy).problem == (503, "storage-busy", "retry")


MOMENTS = st.datetimes(timezones=st.just(UTC))
PROJECTS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(MOMENTS, NAMES, PROJECTS)
def test_every_place_in_a_list_comes_back_from_its_cursor(created_at: datetime, name: str, project: str):
    listed = Listed(make_session_id(name, project), created_at)

    written = cursors.written(listed)

    assert cursors.parsed(written) == listed
    assert written.replace("-", "").replace("_", "").isalnum()


ANYTHING = st.text(max_size=60)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(
    ANYTHING
    | ANYTHING.map(encoded)
    | st.tuples(MOMENTS, ANYTHING).map(lambda each: encoded(f"{each[0]}#{each[1]}"))
)
def test_any_other_text_is_refused_and_makes_no_fault(text: str):
    try:
        listed = cursors.parsed(text)
    except InvalidRequest:
        return
    assert cursors.written(listed) == text


ASTRAL = "\U0001f3a5"
"""Two escapes of JSON, six letters each: the most that a character can become."""


def make_largest(place: int, chapters: int) -> Picture:
    """A verified session whose every text is as long as it may be."""
    session_id = make_session_id(f"{place:0>100}")
    said: dict[str, Any] = {
        "created": -(2**62),
        "modified": -(2**62),
        "etag": ASTRAL * 200,
        "gumi": ASTRAL * 200,
    }
    listed = [
        make_chapter(filename=f"{number:02}{ASTRAL * 14}.MP4", size_bytes=2**45, **said)
        for number in range(chapters)
    ]
    uploads = [make_upload(each, session_id=session_id, upload_id=UploadId(each.filename)) for each in listed]
    verified = [
        replace(
            each, receipt=Receipt(each.upload_id, each.artifact_id, each.key, "v" * 1024, 2**45, WHOLE, START)
        )
        for each in uploads
    ]
    created_at = START - timedelta(seconds=place)
    return Picture(make_session(session_id=session_id, created_at=created_at), tuple(listed), tuple(verified))


def test_the_largest_page_is_below_half_of_what_a_function_may_answer():
    ports = memory_ports(
        *[make_largest(place, chapters) for place, chapters in enumerate((99, 99, 1, 99, 99))]
    )

    answer = known(ports)

    assert len(answer.document["chapters"]) == ENOUGH_CHAPTERS - 1 + MOST_CHAPTERS
    assert answer.document["cursor"]
    # A function answers JSON in which the body is a text.
    assert len(json.dumps({"body": answer.body.decode()})) < LAMBDA_ANSWER_BYTES / 2
