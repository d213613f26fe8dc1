"""The coordinator at its door: what it answers is its own, and its bucket refuses what S3 refuses."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.coordinator import SIGNATURE, TOKEN, Door, MemoryCoordinator, SentUpload, serving
from tests.support.memory import START, crc64nvme_of
from tests.support.older_python import lent_names

ARTIFACT = "original.100GOPRO.GX010042.MP4"
CHAPTER = {"directory": "100GOPRO", "filename": "GX010042.MP4", "size_bytes": 15}
SESSION = {"camera": {"serial": "C3501324500711"}, "chapters": [CHAPTER]}
HEARTBEAT = {
    "bytes_down": 2,
    "bytes_up": 1,
    "spool_bytes": 1,
    "disk_free_bytes": 9,
    "clock": "2026-11-25T12:00:00Z",
}
BODIES = {1: b"0123456789", 2: b"abcde"}
WHOLE = b"".join(BODIES.values())
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Reelhaul-Client-Version": "0.1.0"}


@pytest.fixture
def coordinator() -> Iterator[MemoryCoordinator]:
    with serving(MemoryCoordinator(10, START)) as made:
        yield made


def call(coordinator: MemoryCoordinator, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(method, coordinator.url + path, json=body, headers=HEADERS, timeout=5)


def call_in_vain(coordinator: MemoryCoordinator) -> None:
    with contextlib.suppress(requests.ConnectionError):
        call(coordinator, "PUT", "/v1/sessions/s", SESSION)


def sign(coordinator: MemoryCoordinator) -> dict[int, dict[str, Any]]:
    """The session planned, its upload open, and an address for each part."""
    call(coordinator, "PUT", "/v1/sessions/s", SESSION)
    call(coordinator, "POST", "/v1/sessions/s/uploads", {"artifact_id": ARTIFACT, "size_bytes": 15})
    wanted = [{"number": number, "crc64nvme": crc64nvme_of(body)} for number, body in BODIES.items()]
    answer = call(coordinator, "POST", "/v1/uploads/u_1/part-urls", {"parts": wanted})
    return {each["number"]: each for each in answer.json()["part_urls"]}


def put(
    part: dict[str, Any], body: bytes, without: str = "", url: str = "", **other: str
) -> requests.Response:
    headers = {name: value for name, value in part["headers"].items() if name not in (without, *other)}
    more = {name.replace("_", "-"): value for name, value in other.items()}
    return requests.put(url or part["url"], data=body, headers={**headers, **more}, timeout=5)


def haul(coordinator: MemoryCoordinator) -> requests.Response:
    for number, part in sign(coordinator).items():
        assert put(part, BODIES[number]).status_code == 200
    return call(coordinator, "POST", "/v1/uploads/u_1/complete", {"crc64nvme": crc64nvme_of(WHOLE)})


def proof(coordinator: MemoryCoordinator) -> dict[str, Any]:
    path = f"/v1/sessions/s/artifacts/{ARTIFACT}/proof-urls"
    answer = call(coordinator, "POST", path, {"ranges": [{"first": 8, "size_bytes": 4}]})
    [found] = answer.json()["proof_urls"]
    return dict(found)


class TestTheCoordinator:
    def test_brings_a_chapter_home(self, coordinator: MemoryCoordinator):
        answer = haul(coordinator)

        assert answer.json()["receipt"] == coordinator.receipts()[ARTIFACT]
        assert coordinator.objects() == {ARTIFACT: WHOLE}

    def test_answers_by_its_own_rules(self, coordinator: MemoryCoordinator):
        assert requests.get(f"{coordinator.url}/v1/sessions/s", timeout=5).status_code == 401
        assert call(coordinator, "GET", "/v1/sessions/s").json()["title"] == "Not found"
        assert call(coordinator, "PUT", "/v1/sessions/s", {"chapters": 7}).status_code == 400

    def test_logs_what_it_is_asked(self, coordinator: MemoryCoordinator):
        haul(coordinator)

        assert coordinator.calls == ["session", "open", "urls", "complete"]
        assert (coordinator.puts, coordinator.batches) == ([1, 2], [[1, 2]])
        assert coordinator.sessions == {"s": SESSION}
        assert {headers["Authorization"] for headers in coordinator.headers} == {f"Bearer {TOKEN}"}

    def test_does_not_note_a_session_that_it_refuses(self, coordinator: MemoryCoordinator):
        call(coordinator, "PUT", "/v1/sessions/s", {"chapters": 7})

        assert coordinator.sessions == {}

    def test_expires_uploads_when_their_deadline_has_passed(self, coordinator: MemoryCoordinator):
        sign(coordinator)

        coordinator.expire_uploads()

        assert coordinator.uploads["u_1"].state == "EXPIRED"
        assert call(coordinator, "POST", "/v1/uploads/u_1/complete", {}).status_code == 410

    def test_expires_uploads_that_have_all_their_parts(self, coordinator: MemoryCoordinator):
        coordinator.faults["complete"] = [(503, b"{}")]
        haul(coordinator)

        coordinator.expire_uploads()

        assert coordinator.uploads["u_1"].state == "EXPIRED"

    def test_lets_another_device_plan_and_haul_a_chapter(self, coordinator: MemoryCoordinator):
        coordinator.claim("theirs", "C3501324500711", CHAPTER, WHOLE)
        coordinator.claim("begun", "C3501324500711", CHAPTER, None)

        known = call(coordinator, "GET", "/v1/cameras/C3501324500711/chapters").json()["chapters"]
        told = {each["session_id"]: (each["device_id"], bool(each["receipt"])) for each in known}
        assert told == {"theirs": ("d_other", True), "begun": ("d_other", False)}
        assert call(coordinator, "GET", "/v1/sessions/theirs").status_code == 404

    def test_advises_every_device_until_it_advises_otherwise(self, coordinator: MemoryCoordinator):
        call(coordinator, "PUT", "/v1/sessions/s", SESSION)
        told = list[Any]()

        for pause, pace_bytes_s in ((True, None), (False, 1000), (False, None)):
            coordinator.advise(pause=pause, pace_bytes_s=pace_bytes_s)
            answer = call(coordinator, "POST", "/v1/sessions/s/progress", HEARTBEAT)
            told.append(answer.json()["policy"])

        assert told == [
            {"pause": True, "pace_bytes_s": None},
            {"pause": False, "pace_bytes_s": 1000},
            {"pause": False, "pace_bytes_s": None},
        ]
        assert coordinator.heartbeats == [HEARTBEAT] * 3

    def test_knows_its_operator_who_is_no_device(self, coordinator: MemoryCoordinator):
        token = coordinator.enrol_operator()

        known = coordinator.call("GET", "/v1/cameras/C3501324500711/chapters", token=token)

        assert known.document["asked_by"] is None
        assert coordinator.call("POST", "/v1/sessions/s/progress", HEARTBEAT, token).status == 403

    def test_plans_new_uploads_with_the_part_size_of_now(self, coordinator: MemoryCoordinator):
        sign(coordinator)
        coordinator.expire_uploads()
        coordinator.part_bytes = 20

        call(coordinator, "POST", "/v1/sessions/s/uploads", {"artifact_id": ARTIFACT, "size_bytes": 15})

        assert [upload.count for upload in coordinator.uploads.values()] == [2, 1]

    def test_knows_nothing_once_it_has_forgotten(self, coordinator: MemoryCoordinator):
        haul(coordinator)

        coordinator.forget()

        assert (coordinator.sessions, coordinator.uploads, coordinator.objects()) == ({}, {}, {})


class TestTheBucket:
    def test_takes_a_part_at_its_address_which_ends_with_the_signature(self, coordinator: MemoryCoordinator):
        part = sign(coordinator)[2]

        answer = put(part, BODIES[2])

        assert part["url"].endswith(f"&X-Amz-Signature={SIGNATURE}")
        assert answer.headers["x-amz-checksum-crc64nvme"] == crc64nvme_of(BODIES[2])
        assert coordinator.uploads["u_1"].parts == {2: BODIES[2]}

    @pytest.mark.parametrize(
        ("body", "how", "refusal"),
        [
            pytest.param(
                b"0123456789", {"without": "x-amz-checksum-crc64nvme"}, (403, "SignatureDoesNotMatch")
            ),
            pytest.param(
                b"0123456789", {"x-amz-checksum-crc64nvme": "rosUhgp5mIg="}, (403, "SignatureDoesNotMatch")
            ),
            pytest.param(b"012345678", {"content-length": "9"}, (403, "SignatureDoesNotMatch")),
            pytest.param(b"01234567890", {"content-length": "11"}, (403, "SignatureDoesNotMatch")),
            pytest.param(b"9876543210", {}, (400, "BadDigest")),
            pytest.param(b"0123456789", {"Authorization": "Bearer t_device.x"}, (400, "InvalidArgument")),
            pytest.param(b"0123456789", {"x-amz-acl": "private"}, (403, "AccessDenied")),
        ],
        ids=["no crc", "another crc", "shorter", "longer", "other bytes", "a token", "an unsigned header"],
    )
    def test_refuses_another_part_than_was_signed(
        self, coordinator: MemoryCoordinator, body: bytes, how: dict[str, str], refusal: tuple[int, str]
    ):
        answer = put(sign(coordinator)[1], body, **how)

        assert (answer.status_code, said(answer)) == refusal
        assert coordinator.uploads["u_1"].parts == {}

    @pytest.mark.parametrize(
        ("signed", "changed"),
        [("number=1", "number=2"), (SIGNATURE, "x"), (f"&X-Amz-Signature={SIGNATURE}", "")],
    )
    def test_refuses_an_address_that_was_changed(
        self, coordinator: MemoryCoordinator, signed: str, changed: str
    ):
        part = sign(coordinator)[1]

        answer = put(part, BODIES[1], url=part["url"].replace(signed, changed))

        assert (answer.status_code, said(answer)) == (403, "SignatureDoesNotMatch")

    @pytest.mark.parametrize(("after_s", "status"), [(899, 200), (900, 403), (901, 403)])
    def test_refuses_an_address_that_has_expired(
        self, coordinator: MemoryCoordinator, after_s: int, status: int
    ):
        part = sign(coordinator)[1]
        coordinator.ports.clock.advance(after_s)

        assert put(part, BODIES[1]).status_code == status

    def test_knows_no_upload_that_was_lost(self, coordinator: MemoryCoordinator):
        part = sign(coordinator)[1]
        coordinator.uploads["u_1"].lose()

        answer = put(part, BODIES[1])

        assert (answer.status_code, said(answer)) == (404, "NoSuchUpload")

    def test_gives_the_range_that_was_signed_and_no_other(self, coordinator: MemoryCoordinator):
        haul(coordinator)
        signed = proof(coordinator)

        given = requests.get(signed["url"], headers=signed["headers"], timeout=5)
        refused = requests.get(signed["url"], headers={"range": "bytes=0-14"}, timeout=5)

        assert (given.status_code, given.content) == (206, WHOLE[8:12])
        assert given.headers["Content-Range"] == "bytes 8-11/15"
        assert (refused.status_code, said(refused)) == (403, "SignatureDoesNotMatch")
        assert coordinator.gets == ["bytes=8-11", "bytes=0-14"]

    def test_gives_no_whole_object_for_a_range(self, coordinator: MemoryCoordinator):
        haul(coordinator)

        assert requests.get(proof(coordinator)["url"], timeout=5).status_code == 403


class TestFaults:
    def test_are_taken_one_by_one_by_requests_of_their_kind(self, coordinator: MemoryCoordinator):
        coordinator.faults["session"] = [(503, b"{}", {"Retry-After": "9"}), None, (429, b"{}")]

        answers = [call(coordinator, "PUT", "/v1/sessions/s", SESSION) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [503, 201, 429, 200]
        assert answers[0].headers["Retry-After"] == "9"

    def test_may_change_an_answer_on_its_way(self, coordinator: MemoryCoordinator):
        coordinator.faults["session"] = [
            lambda door: door.serve_otherwise(lambda said: said.update(state="ODD"))
        ]

        assert call(coordinator, "PUT", "/v1/sessions/s", SESSION).json()["state"] == "ODD"
        assert call(coordinator, "GET", "/v1/sessions/s").json()["state"] == "OPEN"

    def test_may_lose_an_answer_to_what_was_done(self, coordinator: MemoryCoordinator):
        def lose(door: Door, upload: SentUpload, number: int) -> None:
            door.take()
            door.lose_answer()

        part = sign(coordinator)[1]
        coordinator.faults["put"] = [lose]

        with pytest.raises(requests.ConnectionError):
            put(part, BODIES[1])
        assert coordinator.uploads["u_1"].parts == {1: BODIES[1]}

    def test_may_write_to_the_wire_themselves(self, coordinator: MemoryCoordinator):
        coordinator.faults["session"] = [lambda door: door.write(b"HTTP/1.1 299 Odd\r\n\r\nraw")]

        answer = call(coordinator, "PUT", "/v1/sessions/s", SESSION)

        assert (answer.status_code, answer.content) == (299, b"raw")

    def test_may_lead_a_part_elsewhere(self, coordinator: MemoryCoordinator):
        coordinator.faults["address"] = ["http://127.0.0.1:1"]

        first, second = sign(coordinator).values()

        assert first["url"].startswith("http://127.0.0.1:1/bucket/")
        assert second["url"].startswith(f"{coordinator.url}/bucket/")

    def test_that_break_fail_the_test(self):
        coordinator = MemoryCoordinator(10, START)
        coordinator.faults["session"] = [lambda door: door.nothing]

        with pytest.raises(AssertionError, match="broke"), serving(coordinator):
            call_in_vain(coordinator)


def test_nothing_lent_by_a_newer_python_stays():
    before = re.compile
    with lent_names():
        pass

    assert re.compile is before


def said(answer: requests.Response) -> str:
    """The code of S3's refusal."""
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]
