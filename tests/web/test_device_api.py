"""Every call of docs/api.md, and every problem that it names."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Conflict, MultipartGone, StorageBusy
from chalicelib.core.order import Order, wish
from chalicelib.core.upload import UploadState
from tests.support.builders import (
    UPLOAD_ID,
    make_chapter,
    make_picture,
    make_upload,
    memory_ports,
)
from tests.support.faults import Fault, faulty
from tests.support.memory import START, crc64nvme_of, deliver
from tests.support.story import cleaned, processed
from tests.web.client import Deployment, device_of
from tests.web.contract import documented, shape
from tests.web.usual import (
    ARTIFACT_ID,
    BODIES,
    CAMERA,
    CHAPTER,
    CONFIRMED,
    EVIDENCE,
    OPENED,
    PART_URLS,
    PROGRESS,
    SESSION,
    UPLOAD,
    WHOLE,
    opened,
    picture_of,
    stored,
    with_parts,
)

EVIDENCE_OF = f"{SESSION}/artifacts/{ARTIFACT_ID}/evidence"


def test_a_new_session_is_created():
    answer = device_of(memory_ports()).call("PUT", SESSION, CONFIRMED)

    assert answer.status == 201
    assert answer.headers["ETag"].startswith('"1.')
    assert answer.document == {
        "session_id": "match-17-north",
        "state": "OPEN",
        "version": 1,
        "project": "main",
        "device_id": "d_north",
        "group": None,
        "camera": {"serial": "C3501324500711", "model": None, "firmware": None},
        "created_at": "2026-11-21T12:00:00Z",
        "chapters": [
            {
                "artifact_id": ARTIFACT_ID,
                "directory": "100GOPRO",
                "filename": "GX010038.MP4",
                "size_bytes": 25,
                "created": None,
                "unfinished": False,
                "trailing_bytes": 0,
                "film": None,
                "upload": None,
                "receipt": None,
                "evidence": None,
                "lost": None,
                "proxy": None,
                "thumbnail": None,
            }
        ],
        "missing": [ARTIFACT_ID],
        "progress": None,
        "order": None,
        "failure": None,
        "held": None,
        "processed_at": None,
        "cleaned_at": None,
        "cleanup_refused": None,
        "gates": {
            "closed": [
                {"gate": "processed", "waits_for": "the session is OPEN"},
                {"gate": "outputs-required", "waits_for": "the session's order requires no output"},
                {"gate": "chapters-verified", "waits_for": f"not verified: {ARTIFACT_ID}"},
                {"gate": "grace-over", "waits_for": "nobody recorded when the grace began"},
            ],
            "open": [
                "ordered-here",
                "minimum-required",
                "outputs-verified",
                "measurements-indexed",
                "nothing-open",
                "not-held",
                "not-quarantined",
                "originals-finished",
                "nothing-lost",
                "originals-whole",
                "evidence-agrees",
                "evidence-suffices",
            ],
            "asked_later": [
                "armed",
                "clocks-agree",
                "grace-over-in-s3",
                "outputs-stand",
                "bucket-keeps",
                "originals-stand",
                "outputs-plausible",
                "breaker",
            ],
        },
        "restoring": [],
        "lost": [],
        "proven_at": None,
        "guarantee": {
            "safe_at": None,
            "last_closed_at": None,
            "safe_after_s": None,
            "unknown": "the camera does not say when the last chapter began",
            "waiting_chapters": 1,
            "waiting_bytes": 25,
            "predicted_clear_at": None,
            "level": None,
            "agrees": True,
        },
        "storage": {
            "origin": "device",
            "source": None,
            "row_id": None,
            "keys": {},
            "missing": [],
            "recorded_at": None,
            "imported_at": None,
        },
        "proxies": True,
    }


def test_everything_that_the_contract_lets_a_device_say_is_recorded():
    ports = memory_ports()
    body = documented('{"camera"')

    device_of(ports).call("PUT", SESSION, body)

    picture = picture_of(ports)
    assert (picture.session.camera.model, picture.session.group) == ("HERO12 Black", "match-17")
    assert picture.session.order == Order(1, wish(["output.enhanced.mp4"], {"speed_kmh": 7.5}), START)
    assert picture.chapters[0] == make_chapter(
        size_bytes=15728640, created=1656931398, modified=1656931398, etag='"62c2a1c6.15728640"'
    )


@pytest.mark.parametrize("noted", [{"unfinished": True}, {"trailing_bytes": 24}])
def test_what_a_device_notes_of_a_film_is_shown_with_its_session(noted: dict[str, Any]):
    device = device_of(memory_ports())
    device.call("PUT", SESSION, {**CONFIRMED, "chapters": [{**CHAPTER, **noted}]})

    [shown] = device.call("GET", SESSION).document["chapters"]

    assert {name: shown[name] for name in ("unfinished", "trailing_bytes")} == {
        "unfinished": False,
        "trailing_bytes": 0,
        **noted,
    }


def test_the_same_body_again_confirms_the_session():
    ports = memory_ports()
    device = device_of(ports)
    created = device.call("PUT", SESSION, CONFIRMED)

    confirmed = device.call("PUT", SESSION, CONFIRMED)

    assert confirmed.status == 200
    assert confirmed.document == created.document


def test_a_session_says_of_which_chapter_s3_does_not_tell_the_checksum():
    ports = with_parts()
    ports.objects.hide_checksums(make_upload().key)
    device = device_of(ports)

    answer = device.call("POST", f"{UPLOAD}/complete", {"crc64nvme": WHOLE})
    shown = device.call("GET", SESSION).document["chapters"][0]["upload"]

    assert answer.problem == (423, "finalizing", "retry")
    assert (shown["state"], shown["unproven_since"]) == ("COMPLETED", "2026-11-21T12:00:00Z")
    assert device.call("GET", UPLOAD).document["unproven_since"] == "2026-11-21T12:00:00Z"


def test_another_body_for_the_same_session_is_told_with_its_differences():
    device = device_of(opened())

    answer = device.call("PUT", SESSION, {"camera": CAMERA, "chapters": [{**CHAPTER, "size_bytes": 26}]})

    assert answer.problem == (409, "session-differs", "stop")
    assert answer.document["differences"] == ["chapter 1, size_bytes: 25 here, 26 in the request"]


def test_a_session_is_shown_with_its_uploads_receipts_and_progress():
    ports = with_parts()
    device = device_of(ports)
    device.call("POST", f"{UPLOAD}/complete", {"crc64nvme": WHOLE})
    device.call("POST", f"{SESSION}/progress", PROGRESS)

    shown = device.call("GET", SESSION).document

    assert (shown["state"], shown["missing"]) == ("STORED", [])
    assert shown["chapters"][0]["upload"] == {
        "upload_id": UPLOAD_ID,
        "state": "VERIFIED",
        "unproven_since": None,
    }
    assert shown["chapters"][0]["receipt"] == {
        "upload_id": UPLOAD_ID,
        "artifact_id": ARTIFACT_ID,
        "key": "originals/main/match-17-north/100GOPRO/GX010038.MP4",
        "version_id": "version-1",
        "size_bytes": 25,
        "crc64nvme": WHOLE,
        "verified_at": "2026-11-21T12:00:00Z",
    }
    assert shown["progress"] == {
        **PROGRESS,
        "clock": "2026-11-21T10:18:00Z",
        "camera_ahead_s": None,
        "last_chapter_s": None,
        "retried_parts": None,
        "heard_at": "2026-11-21T12:00:00Z",
    }


AT_NOON = int(START.timestamp())


def test_a_session_says_when_the_camera_closed_its_last_chapter_and_when_all_would_be_up():
    ports = memory_ports()
    device = device_of(ports)
    chapter = {
        "directory": "100GOPRO",
        "filename": "GX010038.MP4",
        "size_bytes": 25,
        "created": AT_NOON + 3000,
    }
    device.call("PUT", SESSION, {**CONFIRMED, "chapters": [chapter]})

    told = {"camera_clock": AT_NOON + 3604, "last_chapter_s": 531, "rate_up_bytes_s": 5, "retried_parts": 1}
    device.call("POST", f"{SESSION}/progress", {**PROGRESS, **told})

    shown = device.call("GET", SESSION).document
    assert shown["progress"]["camera_ahead_s"] == 3604
    assert shown["guarantee"] == {
        "safe_at": None,
        "last_closed_at": "2026-11-21T11:58:47Z",
        "safe_after_s": None,
        "unknown": None,
        "waiting_chapters": 1,
        "waiting_bytes": 25,
        "predicted_clear_at": "2026-11-21T12:00:05Z",
        "level": None,
        "agrees": True,
    }


@pytest.mark.parametrize("known", ["{}", "W/{}", '"7", {}', "*", " * "])
def test_a_session_that_the_caller_knows_already_is_not_sent_again(known: str):
    device = device_of(opened())
    tag = device.call("GET", SESSION).headers["ETag"]

    answer = device.call("GET", SESSION, headers={"If-None-Match": known.format(tag)})

    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)


def test_the_tag_of_a_session_changes_with_what_its_gates_wait_for():
    ports = processed()
    device = device_of(ports)
    tag = device.call("GET", SESSION).headers["ETag"]

    ports.clock.advance(ports.policy.grace_s)

    answer = device.call("GET", SESSION, headers={"If-None-Match": tag})
    assert (answer.status, answer.document["gates"]["closed"]) == (200, [])


def test_a_cleaned_session_has_no_gates():
    assert device_of(cleaned()).call("GET", SESSION).document["gates"] is None


def test_a_session_that_has_moved_on_is_sent():
    answer = device_of(opened()).call("GET", SESSION, headers={"If-None-Match": '"0"'})

    assert answer.status == 200


def test_whatever_is_there_is_not_sent_to_a_caller_who_wants_it_only_where_it_is_not():
    answer = device_of(opened()).call("GET", UPLOAD, headers={"If-None-Match": "*"})

    assert (answer.status, answer.body, "ETag" in answer.headers) == (304, b"", False)


@pytest.mark.parametrize("known", ['"*"', "W/*x", ""])
def test_only_the_bare_star_means_anything_that_is_there(known: str):
    answer = device_of(opened()).call("GET", SESSION, headers={"If-None-Match": known})

    assert answer.status == 200


def test_what_is_not_there_is_a_problem_whatever_the_caller_knows():
    answer = device_of(opened()).call("GET", "/v1/sessions/other", headers={"If-None-Match": "*"})

    assert answer.problem == (404, "not-found", "stop")


def test_an_upload_is_opened():
    ports = memory_ports(make_picture())

    answer = device_of(ports).call("POST", f"{SESSION}/uploads", {**OPENED, "part_size_bytes": 10})

    assert answer.status == 201
    assert answer.document == {
        "upload_id": picture_of(ports).uploads[0].upload_id,
        "project": "main",
        "session_id": "match-17-north",
        "artifact_id": ARTIFACT_ID,
        "state": "OPEN",
        "way": "parts",
        "plan": {"size_bytes": 25, "part_size_bytes": 10, "part_count": 3},
        "parts": [],
        "missing": [1, 2, 3],
        "opened_at": "2026-11-21T12:00:00Z",
        "expires_at": "2026-11-27T12:00:00Z",
        "receipt": None,
        "reason": None,
        "unproven_since": None,
    }


def test_the_open_upload_is_answered_with_the_parts_that_s3_holds():
    answer = device_of(with_parts(2)).call("POST", f"{SESSION}/uploads", OPENED)

    assert answer.status == 200
    assert answer.document["parts"] == [
        {"number": 2, "size_bytes": 10, "crc64nvme": crc64nvme_of(BODIES[2])},
    ]
    assert answer.document["missing"] == [1, 3]


@pytest.mark.parametrize("named", [{"size_bytes": 24}, {"part_size_bytes": 11}])
def test_a_client_with_another_plan_is_given_the_coordinators(named: dict[str, int]):
    answer = device_of(opened()).call("POST", f"{SESSION}/uploads", {**OPENED, **named})

    assert answer.problem == (409, "plan-differs", "replan")
    assert answer.document["plan"] == {"size_bytes": 25, "part_size_bytes": 10, "part_count": 3}


def test_part_urls_take_exactly_the_bytes_that_were_announced():
    ports = opened()

    answer = device_of(ports).call("POST", f"{UPLOAD}/part-urls", PART_URLS)

    [first, *_] = answer.document["part_urls"]
    assert answer.status == 200
    assert first["headers"] == {"content-length": "10", "x-amz-checksum-crc64nvme": crc64nvme_of(BODIES[1])}
    assert (first["expires_at"], first["expires_in_s"]) == ("2026-11-21T12:15:00Z", 900)
    assert deliver(ports.objects, first["url"], first["headers"], BODIES[1], START)


def test_an_upload_is_shown_with_what_is_missing():
    shown = device_of(with_parts(1, 3)).call("GET", UPLOAD)

    assert (shown.status, shown.document["missing"]) == (200, [2])


def test_a_complete_upload_is_answered_with_its_receipt():
    answer = device_of(with_parts()).call("POST", f"{UPLOAD}/complete", {"crc64nvme": WHOLE})

    assert (answer.status, answer.document["state"], answer.document["missing"]) == (200, "VERIFIED", [])
    assert answer.document["receipt"]["crc64nvme"] == WHOLE


@pytest.mark.parametrize("body", [{}, {"crc64nvme": None}])
def test_a_client_need_not_have_read_the_whole(body: dict[str, None]):
    assert device_of(with_parts()).call("POST", f"{UPLOAD}/complete", body).document["state"] == "VERIFIED"


def test_completing_twice_answers_the_same():
    device = device_of(with_parts())
    first = device.call("POST", f"{UPLOAD}/complete", {"crc64nvme": WHOLE})

    assert device.call("POST", f"{UPLOAD}/complete", {"crc64nvme": WHOLE}).document == first.document


def test_parts_that_are_missing_are_named():
    answer = device_of(with_parts(2)).call("POST", f"{UPLOAD}/complete", {"crc64nvme": WHOLE})

    assert answer.problem == (422, "parts-mismatch", "resign")
    assert (answer.document["missing"], answer.document["differing"]) == ([1, 3], [])


def test_parts_of_another_length_are_named():
    ports = with_parts(1, 3)
    ports.objects.put_part(make_upload().key, make_upload().multipart_id, 2, b"short")

    answer = device_of(ports).call("POST", f"{UPLOAD}/complete", {"crc64nvme": WHOLE})

    assert answer.document["differing"] == [2]


def test_parts_that_fold_to_something_else_than_was_read_are_refused():
    answer = device_of(with_parts()).call("POST", f"{UPLOAD}/complete", {"crc64nvme": crc64nvme_of(b"")})

    assert answer.problem == (422, "parts-mismatch", "resign")


def test_a_cancelled_upload_is_answered_as_such_however_often_it_is_asked():
    device = device_of(with_parts(1))
    first = device.call("DELETE", UPLOAD)

    assert (first.status, first.document["state"]) == (200, "CANCELLED")
    assert device.call("DELETE", UPLOAD).document == first.document


def test_nothing_is_missing_of_an_upload_that_has_ended():
    device = device_of(with_parts(1))

    assert device.call("DELETE", UPLOAD).document["missing"] == []


def test_nothing_is_missing_of_an_upload_that_is_being_completed():
    upload = make_upload().promised(WHOLE, START)
    ports = memory_ports(make_picture(upload))
    ports.objects.abort(upload.key, upload.multipart_id)

    shown = device_of(ports).call("GET", UPLOAD).document

    assert (shown["state"], shown["parts"], shown["missing"]) == ("OPEN", [], [])


def test_a_verified_upload_cannot_be_cancelled():
    device = device_of(with_parts())
    device.call("POST", f"{UPLOAD}/complete", {})

    assert device.call("DELETE", UPLOAD).problem == (409, "state-conflict", "stop")


def test_whoever_wants_to_send_parts_of_a_verified_upload_is_led_to_its_receipt():
    device = device_of(with_parts())
    device.call("POST", f"{UPLOAD}/complete", {})

    assert device.call("POST", f"{UPLOAD}/part-urls", PART_URLS).problem == (410, "upload-gone", "reopen")
    asked = {"artifact_id": make_upload().artifact_id, "size_bytes": make_upload().plan.size_bytes}
    assert device.call("POST", f"{SESSION}/uploads", asked).document["receipt"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("DELETE", UPLOAD, None), ("POST", f"{UPLOAD}/part-urls", PART_URLS)],
)
class TestTheWrongMoment:
    def test_an_upload_that_is_being_completed_wants_patience(self, method: str, path: str, body: object):
        ports = memory_ports(make_picture(make_upload().promised(WHOLE, START)))

        assert device_of(ports).call(method, path, body).problem == (423, "finalizing", "retry")

    def test_an_upload_that_has_expired_is_gone(self, method: str, path: str, body: object):
        ports = opened(state=UploadState.EXPIRED, reason="its deadline passed")

        answer = device_of(ports).call(method, path, body)

        assert answer.problem == (410, "upload-gone", "reopen")
        assert answer.document["reason"] == "its deadline passed"


@pytest.mark.parametrize(("seconds_left", "status"), [(1, 200), (0, 410), (-1, 410)])
def test_parts_are_signed_until_the_upload_expires(seconds_left: int, status: int):
    ports = opened()
    ports.clock.move_to(make_upload().expires_at - timedelta(seconds=seconds_left))

    assert device_of(ports).call("POST", f"{UPLOAD}/part-urls", PART_URLS).status == status


@pytest.mark.parametrize(
    "deployment", [Deployment(), Deployment(pause=True), Deployment(pace_bytes_s=6_000_000)]
)
def test_a_heartbeat_is_answered_with_what_the_device_should_do(deployment: Deployment):
    answer = device_of(opened(), deployment).call("POST", f"{SESSION}/progress", PROGRESS)

    assert answer.status == 200
    assert answer.document == {
        "policy": {"pause": deployment.pause, "pace_bytes_s": deployment.pace_bytes_s},
        "server_time": "2026-11-21T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("size_bytes", "status"),
    [(53_687_091_199_999, 201), (53_687_091_200_000, 201), (53_687_091_200_001, 413)],
)
def test_a_chapter_beyond_ten_thousand_parts_of_five_gib_is_too_large(size_bytes: int, status: int):
    body = {"camera": CAMERA, "chapters": [{**CHAPTER, "size_bytes": size_bytes}]}

    assert device_of(memory_ports()).call("PUT", SESSION, body).status == status


@pytest.mark.parametrize(
    ("port", "fault"),
    [
        ("records", Fault("picture", StorageBusy("DynamoDB: Throttling", retry_after_s=9))),
        ("records", Fault("picture", Conflict("version 7"))),
        # The first look is the settling's; between the two S3 was told to abort.
        ("objects", Fault("parts", MultipartGone("multipart-1"), call=2)),
        ("objects", Fault("head", StorageBusy("S3: SlowDown", retry_after_s=9))),
    ],
)
def test_storage_that_is_busy_says_when_to_ask_again(port: str, fault: Fault):
    ports = with_parts(1)
    device = device_of(replace(ports, **{port: faulty(getattr(ports, port), fault)}))

    answer = device.call("POST", f"{SESSION}/uploads", OPENED)

    assert answer.problem == (503, "storage-busy", "retry")
    assert int(answer.headers["Retry-After"]) >= 1
    assert device.call("POST", f"{SESSION}/uploads", OPENED).status == 200


def test_a_fault_that_has_no_name_is_told_without_its_details():
    ports = opened()
    troubled = replace(ports, records=faulty(ports.records, Fault("picture", ZeroDivisionError("inner"))))

    answer = device_of(troubled).call("GET", SESSION)

    assert answer.problem == (500, "internal", "retry")
    assert b"inner" not in answer.body


@pytest.mark.parametrize(
    ("method", "path", "body", "beginning"),
    [
        ("GET", SESSION, None, '{"session_id": "match-17-north", "state"'),
        ("GET", UPLOAD, None, '{"upload_id": "u_…", "project"'),
        ("POST", f"{UPLOAD}/part-urls", PART_URLS, '{"part_urls"'),
    ],
)
def test_an_answer_has_the_documented_shape(method: str, path: str, body: object, beginning: str):
    answer = device_of(with_parts(1)).call(method, path, body)

    assert shape(answer.document) == shape(documented(beginning))


def test_a_receipt_has_the_documented_shape():
    answer = device_of(with_parts()).call("POST", f"{UPLOAD}/complete", {})

    assert shape(answer.document["receipt"]) == shape(documented('{"upload_id": "u_…", "artifact_id"'))


def test_answers_are_json():
    assert device_of(opened()).call("GET", SESSION).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_a_body_is_json_whatever_its_parameters(content_type: str):
    answer = device_of(opened()).call("PUT", SESSION, CONFIRMED, {"Content-Type": content_type})

    assert answer.status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "", "multipart/form-data", "application/xml"])
@pytest.mark.parametrize(("method", "path"), [("GET", SESSION), ("GET", UPLOAD), ("DELETE", UPLOAD)])
def test_what_a_call_without_a_body_says_of_one_is_ignored(method: str, path: str, content_type: str):
    answer = device_of(opened()).call(method, path, headers={"Content-Type": content_type})

    assert answer.status == 200


def test_a_body_of_another_kind_is_refused_before_any_view():
    answer = device_of(opened()).call("PUT", SESSION, CONFIRMED, {"Content-Type": "text/plain"})

    assert answer.status == 415


def test_a_device_that_read_a_card_again_gets_what_the_session_shows_from_then_on():
    ports = stored()
    device = device_of(ports)
    once = device.call("GET", SESSION).document["chapters"][0]["evidence"]

    answer = device.call("POST", EVIDENCE_OF, EVIDENCE)

    shown = device.call("GET", SESSION).document
    assert once == {
        "level": "read-once",
        "agrees": True,
        "read_twice": None,
        "read_back": None,
        "differences": [],
    }
    assert answer.document == {
        **once,
        "level": "read-twice",
        "read_twice": {
            "at": "2026-11-21T12:00:00Z",
            "by": "d_north",
            "crc64nvme": WHOLE,
            "xxh128": EVIDENCE["xxh128"],
            "agrees": True,
        },
    }
    assert shown["chapters"][0]["evidence"] == answer.document
    assert (shown["guarantee"]["level"], shown["guarantee"]["agrees"]) == ("read-twice", True)
    assert shape(answer.document) | {"read_back": None, "differences": None} == shape(
        documented('{"level"')
    ) | {"read_back": None, "differences": None}


def test_a_difference_is_shown_with_both_values_however_often_the_card_agrees_afterwards():
    ports = stored()
    device = device_of(ports)
    other = crc64nvme_of(b"a bit flipped")

    answers = [
        device.call("POST", EVIDENCE_OF, {**EVIDENCE, "crc64nvme": crc}).document
        for crc in (WHOLE, other, WHOLE)
    ]

    assert [(each["level"], each["agrees"]) for each in answers] == [
        ("read-twice", True),
        ("read-once", False),
        ("read-once", False),
    ]
    read_twice = answers[2]["read_twice"]
    assert (read_twice["crc64nvme"], read_twice["agrees"]) == (other, False)
    assert [
        (each["crc64nvme"], each["expected"], each["accepted"]) for each in answers[2]["differences"]
    ] == [(other, WHOLE, None)]
    assert shape(answers[2]["differences"]) == shape(documented('{"level"'))["differences"]
    guarantee = device.call("GET", SESSION).document["guarantee"]
    assert (guarantee["level"], guarantee["agrees"]) == ("read-once", False)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"size_bytes": 24}, "$.size_bytes"),
        ({"read_at": "2026-11-21T12:05:01Z"}, "$.read_at"),
        ({"read_at": "2026-11-21T11:54:59Z"}, "$.read_at"),
    ],
)
def test_what_is_no_second_whole_read_is_refused_and_leaves_nothing(said: dict[str, Any], named: str):
    ports = stored()

    answer = device_of(ports).call("POST", EVIDENCE_OF, {**EVIDENCE, **said})

    assert answer.problem == (400, "invalid-request", "stop")
    assert answer.document["detail"].startswith(named)
    assert picture_of(ports).session.evidence == ()


def test_a_chapter_without_a_receipt_cannot_be_read_again():
    answer = device_of(with_parts()).call("POST", EVIDENCE_OF, EVIDENCE)

    assert answer.problem == (409, "state-conflict", "stop")
    assert "has no receipt yet" in answer.document["detail"]
