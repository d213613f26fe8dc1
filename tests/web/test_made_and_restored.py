"""What becomes of a session after its order went out, call by call: made, shown, cleaned, restored."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.ids import ArtifactId
from chalicelib.core.manifest import Stated, manifest
from chalicelib.core.tokens import Role
from chalicelib.flows.reconcile import reconcile
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts
from tests.support.memory import crc64nvme_of, deliver, fetch
from tests.support.story import CHAPTERS, LIGHTS, MADE, VIDEO
from tests.web.client import Answer, Caller, caller_of, device_of
from tests.web.contract import documented, shape
from tests.web.usual import (
    FAILURE,
    HOLD,
    OPENED_OUTPUT,
    ORDER,
    OUTPUT_ID,
    PART_URLS,
    RESTORE,
    SESSION,
    UPLOAD,
    making,
    picture_of,
)

ONE, TWO = (chapter.artifact_id for chapter in CHAPTERS)
BODY = MADE[VIDEO]
PROCESSED_AT = "2026-11-21T12:00:01Z"


def shown(ports: MemoryPorts) -> Any:
    return device_of(ports).call("GET", SESSION).document


def listed(ports: MemoryPorts) -> list[Any]:
    artifacts: list[Any] = device_of(ports).call("GET", f"{SESSION}/artifacts").document["artifacts"]
    return artifacts


def url_of(ports: MemoryPorts, artifact_id: str = ONE) -> Answer:
    return caller_of(ports, Role.PROCESSOR).call("GET", f"{SESSION}/artifacts/{artifact_id}/url")


def opened(ports: MemoryPorts, artifact_id: str, size_bytes: int, role: Role = Role.PROCESSOR) -> Answer:
    asked = {"artifact_id": artifact_id, "size_bytes": size_bytes}
    return caller_of(ports, role).call("POST", f"{SESSION}/uploads", asked)


def restored(ports: MemoryPorts, body: object = RESTORE) -> Answer:
    return caller_of(ports, Role.OPERATOR).call("POST", f"{SESSION}/restore", body)


def let_end(ports: MemoryPorts) -> None:
    story.let_pass(ports, ports.policy.in_flight_s + 600, rounds=5)


def ordered(*required: ArtifactId) -> MemoryPorts:
    """A world in which the session is STORED and these outputs are awaited."""
    ports = making()
    caller_of(ports, Role.OPERATOR).call("POST", f"{SESSION}/order", {"required": list(required)})
    return ports


def sent(caller: Caller, ports: MemoryPorts, upload: Any, body: bytes) -> None:
    """Every part of `body`, each over its part URL."""
    size = upload["plan"]["part_size_bytes"]
    for number in upload["missing"]:
        part = body[(number - 1) * size : number * size]
        asked = {"parts": [{"number": number, "crc64nvme": crc64nvme_of(part)}]}
        answer = caller.call("POST", f"/v1/uploads/{upload['upload_id']}/part-urls", asked)
        [url] = answer.document["part_urls"]
        deliver(ports.objects, url["url"], url["headers"], part, ports.clock.now())


@pytest.mark.parametrize("role", [Role.PROCESSOR, Role.OPERATOR])
@pytest.mark.parametrize("artifact_id", [VIDEO, "intermediate.notes.txt", LIGHTS])
def test_what_is_made_of_a_session_is_uploaded_like_a_chapter(role: Role, artifact_id: str):
    ports = ordered(ArtifactId("output.another.mp4"))
    caller = caller_of(ports, role)
    answer = opened(ports, artifact_id, len(BODY), role)
    upload = answer.document
    sent(caller, ports, upload, BODY)

    done = caller.call(
        "POST", f"/v1/uploads/{upload['upload_id']}/complete", {"crc64nvme": crc64nvme_of(BODY)}
    )

    assert (answer.status, done.status, done.document["state"]) == (201, 200, "VERIFIED")
    receipt = done.document["receipt"]
    kind, name = artifact_id.split(".", 1)
    below = {"output": "outputs", "intermediate": "intermediates", "measurements": "measurements"}[kind]
    assert receipt["key"] == f"{below}/{SESSION_ID}/2/{name}"
    assert ports.objects.body(receipt["key"]) == BODY


def test_the_last_required_output_makes_the_session_processed():
    ports = making()

    caller_of(ports, Role.PROCESSOR).call("POST", f"{UPLOAD}/complete", {})

    session = shown(ports)
    assert (session["state"], session["processed_at"]) == ("PROCESSED", "2026-11-21T12:00:00Z")


def test_an_open_upload_is_answered_again_with_its_parts():
    answer = opened(making(), OUTPUT_ID, 25)

    assert answer.status == 200
    assert answer.document["artifact_id"] == OUTPUT_ID


@pytest.mark.parametrize("size_bytes", [24, 26])
def test_another_size_than_that_of_the_open_upload_is_another_plan(size_bytes: int):
    answer = opened(making(), OUTPUT_ID, size_bytes)

    assert answer.problem == (409, "plan-differs", "replan")
    assert answer.document["plan"]["size_bytes"] == 25


def test_a_cancelled_output_may_be_opened_with_another_size():
    ports = making()
    caller_of(ports, Role.PROCESSOR).call("DELETE", UPLOAD)

    answer = opened(ports, OUTPUT_ID, 26)

    assert (answer.status, answer.document["plan"]["size_bytes"]) == (201, 26)


def test_a_processor_ends_what_one_that_died_left_open_with_another_size():
    ports = making()
    caller = caller_of(ports, Role.PROCESSOR)
    told = opened(ports, OUTPUT_ID, len(BODY)).document["plan"]["size_bytes"]

    left = opened(ports, OUTPUT_ID, told).document["upload_id"]
    assert caller.call("DELETE", f"/v1/uploads/{left}").document["state"] == "CANCELLED"
    upload = opened(ports, OUTPUT_ID, len(BODY)).document
    sent(caller, ports, upload, BODY)
    claim = {"crc64nvme": crc64nvme_of(BODY)}
    done = caller.call("POST", f"/v1/uploads/{upload['upload_id']}/complete", claim)

    # The one that was only slow is refused, and its bytes become nothing.
    assert caller.call("POST", f"/v1/uploads/{left}/complete", {}).problem == (410, "upload-gone", "reopen")
    assert done.document["state"] == "VERIFIED"
    assert ports.objects.body(done.document["receipt"]["key"]) == BODY


@pytest.mark.parametrize(
    ("size_bytes", "status"),
    [(53_687_091_199_999, 201), (53_687_091_200_000, 201), (53_687_091_200_001, 413)],
)
def test_an_output_beyond_ten_thousand_parts_of_five_gib_is_too_large(size_bytes: int, status: int):
    assert opened(making(), "output.large", size_bytes).status == status


def test_a_session_that_is_not_stored_takes_nothing_that_is_made():
    ports = making()
    caller_of(ports, Role.PROCESSOR).call("POST", f"{SESSION}/failure", FAILURE)

    answer = opened(ports, "output.late.mp4", 25)

    assert answer.problem == (409, "state-conflict", "stop")
    assert "FAILED" in answer.document["detail"]


def test_an_object_that_did_not_come_by_the_upload_is_kept_and_told():
    ports = making()
    key = picture_of(ports).key(ArtifactId(OUTPUT_ID))
    ports.objects.put_object(key, b"written past it")

    answer = caller_of(ports, Role.PROCESSOR).call("POST", f"{UPLOAD}/complete", {})

    assert answer.problem == (409, "state-conflict", "stop")
    assert ports.objects.body(key) == b"written past it"


@pytest.mark.parametrize("chapter", [ONE, "original.100GOPRO.GX990038.MP4"])
def test_a_chapter_is_its_devices_alone_to_upload(chapter: str):
    assert opened(making(), chapter, 25).problem == (403, "not-permitted", "stop")


def test_an_output_is_not_a_devices_to_upload():
    answer = device_of(making()).call("POST", f"{SESSION}/uploads", OPENED_OUTPUT)

    assert answer.problem == (403, "not-permitted", "stop")


def test_the_list_has_chapters_then_what_is_required_then_whatever_else_was_made():
    ports = ordered(LIGHTS, VIDEO)
    story.upload_made(ports, ArtifactId("intermediate.notes.txt"), b"notes")

    artifacts = listed(ports)

    assert [(each["artifact_id"], each["kind"], each["name"], each["required"]) for each in artifacts] == [
        (ONE, "original", "100GOPRO/GX010038.MP4", False),
        (LIGHTS, "measurements", "lights.json", True),
        (VIDEO, "output", "enhanced.mp4", True),
        ("intermediate.notes.txt", "intermediate", "notes.txt", False),
    ]
    assert [each["size_bytes"] for each in artifacts] == [25, None, None, 5]


def test_what_a_processor_wrote_itself_is_listed_with_its_receipt_and_measurements_with_their_index():
    ports = story.processed([VIDEO, LIGHTS])

    *_, video, lights = listed(ports)

    assert (video["receipt"]["upload_id"], video["receipt"]["crc64nvme"]) == (None, crc64nvme_of(BODY))
    assert (video["size_bytes"], video["index"]) == (len(BODY), None)
    index = lights["index"]
    assert (index["kind"], index["frames"], index["rejected"], index["quarantine"]) == ("papi", 40, 0, None)
    assert index["indexed_at"] == PROCESSED_AT
    assert shape(index) == shape(documented('{"kind": "papi"'))


def test_every_artifact_has_the_documented_shape():
    contract = documented('{"artifacts"')["artifacts"]

    for artifact in listed(ordered(VIDEO)):
        assert [shape(each) for each in contract] == [
            shape({**artifact, "receipt": None, "index": None, "scan": None})
        ] * 2


def test_poison_is_listed_with_what_is_wrong_with_it():
    ports = ordered(LIGHTS)
    story.process(ports, {LIGHTS: b"poison"}, order=2)
    reconcile_later(ports)

    lights = listed(ports)[-1]

    assert lights["index"]["quarantine"]
    assert (shown(ports)["state"], lights["index"]["frames"]) == ("FAILED", 0)
    assert lights["index"]["quarantine"] in shown(ports)["failure"]


def reconcile_later(ports: MemoryPorts) -> None:
    ports.clock.advance(1)
    reconcile(ports, 60)


def test_the_manifest_of_the_contract_is_one():
    document = documented('{"project": "main", "session_id": "match-17-north", "order"')
    document["artifacts"][0]["crc64nvme"] = crc64nvme_of(b"")

    said = manifest(json.dumps(document).encode(), SESSION_ID, 1)

    assert said.stated == (Stated(VIDEO, 10485760, crc64nvme_of(b"")),)


def test_a_session_shows_where_it_is_on_its_way():
    ports = story.processed()
    assert (shown(ports)["processed_at"], shown(ports)["cleaned_at"]) == (PROCESSED_AT, None)

    story.let_grace_pass(ports)
    cleaned = shown(ports)
    assert (cleaned["state"], cleaned["processed_at"]) == ("CLEANED", PROCESSED_AT)
    assert cleaned["cleaned_at"]

    restored(ports, {"reason": "the referee asks"})
    session = shown(ports)
    assert (session["state"], session["cleaned_at"]) == ("PROCESSED", None)
    assert session["restoring"] == [ONE, TWO]

    let_end(ports)
    assert shown(ports)["restoring"] == []


def test_the_answer_to_a_restore_is_the_session_held_with_the_reason():
    ports = story.cleaned()

    answer = restored(ports)

    again = device_of(ports).call("GET", SESSION)
    assert (answer.status, answer.document, answer.headers["ETag"]) == (
        200,
        again.document,
        again.headers["ETag"],
    )
    assert RESTORE["reason"] in answer.document["held"]
    assert answer.document["restoring"] == [ONE]


@pytest.mark.parametrize("said", [{}, {"artifacts": None}])
def test_a_restore_that_names_nothing_is_of_all_that_was_cleaned(said: dict[str, None]):
    assert restored(story.cleaned(), {"reason": "all", **said}).document["restoring"] == [ONE, TWO]


def test_asking_twice_answers_the_same():
    ports = story.cleaned()
    first = restored(ports)

    assert restored(ports).document == first.document


def test_the_documented_restore_is_taken():
    ports = story.cleaned()

    answer = restored(ports, documented('{"reason": "the referee'))

    assert answer.document["restoring"] == [ONE]


@pytest.mark.parametrize("body", [RESTORE, {"reason": "all"}])
@pytest.mark.parametrize("world", [making, story.processed])
def test_what_was_not_cleaned_is_not_restored(world: Callable[[], MemoryPorts], body: object):
    ports = world()
    before = picture_of(ports)

    assert restored(ports, body).problem == (409, "state-conflict", "stop")
    assert picture_of(ports) == before


@pytest.mark.parametrize(
    ("artifact_id", "status"),
    [("original.100GOPRO.GX990038.MP4", 404), (VIDEO, 409), (LIGHTS, 409), ("intermediate.a", 409)],
)
def test_what_a_cleaned_session_cannot_bring_back_is_told(artifact_id: str, status: int):
    ports = story.cleaned()

    answer = restored(ports, {"reason": "x", "artifacts": [ONE, artifact_id]})

    assert answer.status == status
    assert shown(ports)["state"] == "CLEANED"


@pytest.mark.parametrize(
    ("method", "call", "body"),
    [("POST", "/part-urls", PART_URLS), ("POST", "/complete", {}), ("DELETE", "", None)],
)
def test_a_restores_upload_is_seen_and_nobodys_to_send(method: str, call: str, body: object):
    ports = story.cleaned()
    restored(ports)
    story.let_pass(ports)
    [upload] = [each for each in picture_of(ports).uploads if each.copies]
    path = f"/v1/uploads/{upload.upload_id}"
    device = device_of(ports)

    assert device.call(method, f"{path}{call}", body).problem == (409, "state-conflict", "stop")
    assert device.call("GET", path).document["artifact_id"] == ONE


def test_a_cleaned_chapter_has_no_address_until_it_is_restored():
    ports = story.cleaned()
    cleaned = url_of(ports)
    assert cleaned.problem == (404, "not-found", "stop")
    assert "an operator can restore it" in cleaned.document["detail"]
    assert [each["cleaned"] for each in listed(ports)] == [True, True, False]

    restored(ports)
    let_end(ports)

    url = url_of(ports).document["url"]
    assert fetch(ports.objects, url, ports.clock.now()) == story.original(1)
    assert [each["cleaned"] for each in listed(ports)] == [False, True, False]


def test_a_chapter_that_was_purged_stays_cleaned_and_its_upload_says_why():
    ports = story.cleaned()
    ports.objects.purge(CHAPTERS[0].key(SESSION_ID))
    restored(ports)
    let_end(ports)

    [upload] = [each for each in picture_of(ports).uploads if each.copies]
    told = device_of(ports).call("GET", f"/v1/uploads/{upload.upload_id}").document

    assert (told["state"], shown(ports)["restoring"]) == ("EXPIRED", [])
    assert "cannot be restored" in told["reason"]
    assert listed(ports)[0]["cleaned"]


@pytest.mark.parametrize("world", [story.processed, story.cleaned])
def test_a_failure_that_comes_after_every_output_is_refused(world: Callable[[], MemoryPorts]):
    ports = world()

    answer = caller_of(ports, Role.PROCESSOR).call("POST", f"{SESSION}/failure", FAILURE)

    assert answer.problem == (409, "state-conflict", "stop")
    assert shown(ports)["failure"] is None


def test_a_cleaned_session_is_ordered_only_once_it_is_restored():
    ports = story.cleaned()
    device = device_of(ports)
    refused = device.call("POST", f"{SESSION}/order", ORDER)
    assert refused.problem == (409, "state-conflict", "stop")
    assert "restore" in refused.document["detail"]

    restored(ports, {"reason": "to be ordered again"})
    let_end(ports)

    assert device.call("POST", f"{SESSION}/order", ORDER).document["order"]["number"] == 2


def test_a_hold_keeps_the_originals_and_a_release_begins_the_grace_anew():
    ports = story.processed()
    operator = caller_of(ports, Role.OPERATOR)
    operator.call("POST", f"{SESSION}/hold", HOLD)
    story.let_grace_pass(ports)
    assert shown(ports)["state"] == "PROCESSED"

    released = operator.call("POST", f"{SESSION}/hold", {"held": False}).document

    assert released["processed_at"] > PROCESSED_AT
    story.let_grace_pass(ports)
    assert shown(ports)["state"] == "CLEANED"


def test_a_session_shows_that_s3_refuses_to_remove_what_is_to_be_cleaned():
    ports = story.processed()
    ports.objects.refuses_removals = True
    story.let_grace_pass(ports)

    shown = caller_of(ports, Role.OPERATOR).call("GET", SESSION).document

    assert shown["cleanup_refused"] == f"S3 refuses to remove {story.original_keys()[0]}: AccessDenied"


def test_a_session_that_was_cleaned_shows_no_refusal_of_before():
    ports = story.processed()
    ports.objects.refuses_removals = True
    story.let_grace_pass(ports)
    ports.objects.refuses_removals = False
    story.let_pass(ports, ports.policy.cleanup_patience_s, rounds=2)

    shown = caller_of(ports, Role.OPERATOR).call("GET", SESSION).document

    assert (shown["state"], shown["cleanup_refused"]) == ("CLEANED", None)
