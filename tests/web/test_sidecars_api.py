"""Proxies and thumbnails, call by call, as the contract tells it."""

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.tokens import Role
from tests.support.builders import POLICY, MemoryPorts, make_bodies, make_upload, memory_ports
from tests.support.memory import crc64nvme_of, deliver, fetch
from tests.web.client import Caller, caller_of, device_of
from tests.web.usual import CHAPTER, CONFIRMED, OPENED, SESSION

NAME = "100GOPRO.GX010038.MP4"
PROXY, THUMBNAIL = f"proxy.{NAME}", f"thumbnail.{NAME}"
BODIES = make_bodies(make_upload().plan)
BODY = b"".join(BODIES.values())
LONGEST = "abcd" + "é" * 29 + ".MP4"
"""Its original's id has 200 characters."""


def confirmed(**policy: Any) -> MemoryPorts:
    ports = memory_ports(policy=replace(POLICY, **policy))
    device_of(ports).call("PUT", SESSION, CONFIRMED)
    return ports


def opened(device: Caller, artifact_id: str) -> Any:
    answer = device.call("POST", f"{SESSION}/uploads", {"artifact_id": artifact_id, "size_bytes": len(BODY)})
    assert answer.status == 201, answer.document
    return answer.document


def bring(ports: MemoryPorts, artifact_id: str) -> Any:
    """The receipt of a sidecar that came through every call that an original needs."""
    device = device_of(ports)
    place = f"/v1/uploads/{opened(device, artifact_id)['upload_id']}"
    parts = [{"number": number, "crc64nvme": crc64nvme_of(body)} for number, body in BODIES.items()]
    for url in device.call("POST", f"{place}/part-urls", {"parts": parts}).document["part_urls"]:
        deliver(ports.objects, url["url"], url["headers"], BODIES[url["number"]], ports.clock.now())
    answer = device.call("POST", f"{place}/complete", {"crc64nvme": crc64nvme_of(BODY)})
    assert answer.status == 200, answer.document
    return answer.document["receipt"]


def test_a_sidecar_comes_by_the_calls_by_which_an_original_comes():
    ports = confirmed()

    receipts = {artifact_id: bring(ports, artifact_id) for artifact_id in (PROXY, THUMBNAIL)}

    [chapter] = device_of(ports).call("GET", SESSION).document["chapters"]
    assert chapter["proxy"]["receipt"] == receipts[PROXY]
    assert chapter["thumbnail"]["receipt"] == receipts[THUMBNAIL]
    assert (chapter["receipt"], chapter["upload"]) == (None, None)


def test_the_address_of_a_sidecar_is_answered_like_that_of_an_output():
    ports = confirmed()
    bring(ports, PROXY)

    answer = caller_of(ports, Role.PROCESSOR).call("GET", f"{SESSION}/artifacts/{PROXY}/url")

    assert answer.document["size_bytes"] == len(BODY)
    assert fetch(ports.objects, answer.document["url"], ports.clock.now()) == BODY
    assert device_of(ports).call("GET", f"{SESSION}/artifacts/{PROXY}/url").status == 403


@pytest.mark.parametrize("artifact_id", [PROXY, THUMBNAIL])
def test_where_none_are_taken_the_answer_is_a_problem_of_its_own(artifact_id: str):
    device = device_of(confirmed(takes_proxies=False))
    assert device.call("GET", SESSION).document["proxies"] is False

    answer = device.call("POST", f"{SESSION}/uploads", {"artifact_id": artifact_id, "size_bytes": 1})

    assert (answer.status, answer.document["type"]) == (409, "urn:reelhaul:problem:proxies-off")
    assert answer.document["action"] == "stop"
    assert device.call("POST", f"{SESSION}/uploads", OPENED).status == 201


def test_the_tag_of_a_session_changes_with_the_policy_that_it_tells():
    ports = confirmed()
    taking = device_of(ports)
    without = device_of(replace(ports, policy=replace(POLICY, takes_proxies=False)))
    tag = taking.call("GET", SESSION).headers["ETag"]

    assert taking.call("GET", SESSION, headers={"If-None-Match": tag}).status == 304
    assert without.call("GET", SESSION, headers={"If-None-Match": tag}).status == 200


def test_the_longest_thumbnail_s_id_is_taken():
    ports = memory_ports()
    chapter = {**CHAPTER, "filename": LONGEST}
    answer = device_of(ports).call("PUT", SESSION, {**CONFIRMED, "chapters": [chapter]})
    name = answer.document["chapters"][0]["artifact_id"].removeprefix("original.")
    assert len(f"original.{name}") == 200

    assert opened(device_of(ports), f"thumbnail.{name}")["artifact_id"] == f"thumbnail.{name}"


@pytest.mark.parametrize("artifact_id", ["proxies.x", "Proxy.x", "proxy", "thumbnail"])
def test_what_only_looks_like_a_sidecar_s_id_is_bad_input(artifact_id: str):
    body = {"artifact_id": artifact_id, "size_bytes": 1}

    assert device_of(confirmed()).call("POST", f"{SESSION}/uploads", body).status == 400


def test_a_proof_of_a_card_reads_no_sidecar():
    ports = confirmed()
    bring(ports, PROXY)
    ranges = {"ranges": [{"first": 0, "size_bytes": 1}]}

    assert device_of(ports).call("POST", f"{SESSION}/artifacts/{PROXY}/proof-urls", ranges).status == 404


def test_statistics_tell_the_bytes_of_sidecars_apart_and_hold_them():
    ports = confirmed()
    bring(ports, PROXY)

    sizes = caller_of(ports, Role.OPERATOR).call("GET", "/v1/statistics").document["bytes"]

    assert (sizes["proxies"], sizes["originals"], sizes["held"]) == (len(BODY), 0, len(BODY))
