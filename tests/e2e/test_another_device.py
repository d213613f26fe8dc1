"""What another device says of a card is proven against that card, or counts for nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests
from awscrt.checksums import crc64nvme

from infra.admin import deployment
from infra.admin.commands.tokens import enroll
from infra.local.camera import Camera, Card, card_with, recording
from tests.e2e.rig import DEADLINE_S, PART_SIZE_BYTES, Rig, camera_with, source_sha256

pytestmark = pytest.mark.e2e

HEAD = b"\x00\x00\x00\x14ftypmp41" + bytes(8)
"""The first box of a film: a file without any is rejected, so the zeros come behind one."""

PROVEN = "hauled by another device, proven against this card"


@contextmanager
def honest_camera(serial: str) -> Iterator[Camera]:
    files = recording(7, [2 * PART_SIZE_BYTES + 7, PART_SIZE_BYTES], serial=serial)
    with camera_with(card=card_with(*files, serial=serial)) as camera:
        yield camera


def another_device(rig: Rig) -> Rig:
    """One more device of the same project."""
    registry = deployment.registry(rig.world.aws.client("dynamodb"), rig.world.table)
    token_file = rig.folder / "another.token"
    token_file.touch(mode=0o600)
    token_file.write_text(enroll(registry, name="south").token)
    return replace(rig, token_file=token_file)


def stated(card: Card, identity: bool) -> list[dict[str, Any]]:
    """The chapters of a card as its own device would state them, with ETag and gumi or without."""
    return [
        {
            "directory": directory,
            "filename": file.name,
            "size_bytes": file.size_bytes,
            "created": file.created,
            "modified": file.modified,
            "etag": card.etag(file) if identity else None,
            "gumi": card.gumi(directory, file) if identity else None,
        }
        for directory, file in card.files()
    ]


def upload_zeros(rig: Rig, session: str, card: Card, identity: bool) -> None:
    """This device claims the card's files and uploads zeros in the form of films for them, to their receipts."""
    body = {"camera": {"serial": card.serial}, "chapters": stated(card, identity)}
    confirmed = rig.call("PUT", f"/v1/sessions/{session}", body)
    assert confirmed.status_code == 201, confirmed.text
    for chapter in confirmed.json()["chapters"]:
        size_bytes, artifact_id = chapter["size_bytes"], chapter["artifact_id"]
        asked = {"artifact_id": artifact_id, "size_bytes": size_bytes}
        upload = rig.call("POST", f"/v1/sessions/{session}/uploads", asked).json()
        part_bytes = upload["plan"]["part_size_bytes"]
        body_of_zeros = HEAD + bytes(size_bytes - len(HEAD))
        parts = {
            number: body_of_zeros[(number - 1) * part_bytes : number * part_bytes]
            for number in upload["missing"]
        }
        wanted = [{"number": number, "crc64nvme": crc_of(part)} for number, part in parts.items()]
        path = f"/v1/uploads/{upload['upload_id']}"
        for url in rig.call("POST", f"{path}/part-urls", {"parts": wanted}).json()["part_urls"]:
            sent = requests.put(
                url["url"], data=parts[url["number"]], headers=url["headers"], timeout=DEADLINE_S
            )
            assert sent.ok, sent.text
        done = rig.call("POST", f"{path}/complete", {"crc64nvme": crc_of(body_of_zeros)})
        assert done.json()["receipt"], done.text


def crc_of(body: bytes) -> str:
    return base64.b64encode(crc64nvme(body).to_bytes(8, "big")).decode()


@pytest.mark.parametrize(
    ("serial", "identity", "told"),
    [
        ("C61", False, "what was hauled under this name is another file"),
        ("C62", True, "another file of the same name is home"),
    ],
    ids=["names, sizes and dates", "ETag and gumi too"],
)
def test_zeros_that_another_device_calls_the_cards_films_let_nothing_be_erased(
    rig: Rig, serial: str, identity: bool, told: str
):
    with honest_camera(serial) as camera:
        upload_zeros(another_device(rig), f"attack-{serial}", camera.card, identity)

        audit = rig.command("audit", camera)
        done = rig.haul(camera, None, "--new", spool="fresh")
        again = rig.command("audit", camera, spool="fresh")

        assert (audit.code, audit.report["all_home"]) == (1, False), audit.said
        files = [file for one in audit.report["recordings"] for file in one["files"]]
        assert [file["state"] for file in files] == ["other content"] * 2
        assert all(told in (file["reason"] or told) for file in files)
        assert done.code == 0, done.said
        assert rig.stored_sha256(done.report["session"]) == source_sha256(camera)
        assert (again.code, again.report["all_home"]) == (0, True), again.said


def test_a_device_that_takes_the_sessions_name_first_does_not_keep_the_card_from_being_hauled(rig: Rig):
    name = "C63-100GOPRO-0007-1656931398"
    with honest_camera("C63") as camera:
        upload_zeros(another_device(rig), name, camera.card, identity=True)

        done = rig.haul(camera, None, "--new")

        assert done.code == 0, done.said
        assert done.report["session"] == f"{name}-2"
        assert rig.stored_sha256(f"{name}-2") == source_sha256(camera)


def test_a_second_honest_device_proves_what_the_first_one_hauled_and_hauls_nothing(rig: Rig):
    with honest_camera("C64") as camera:
        assert rig.haul(camera, None, "--new").code == 0
        second = another_device(rig)

        done = second.haul(camera, None, "--new", spool="another")
        audit = second.command("audit", camera, spool="another")

        assert (done.code, done.reports, audit.code) == (0, [], 0), done.said + audit.said
        [recorded] = audit.report["recordings"]
        assert (recorded["state"], recorded["safe_to_erase"]) == (PROVEN, True)
        assert {file["known_by"] for file in recorded["files"]} == {"proof"}


def test_a_device_that_lost_its_spool_counts_its_own_receipts_and_compares_nothing(rig: Rig):
    with honest_camera("C65") as camera:
        assert rig.haul(camera, None, "--new").code == 0
        before = len(camera.log.all())

        done = rig.haul(camera, None, "--new", spool="wiped")
        audit = rig.command("audit", camera, spool="wiped")

        assert (done.code, done.reports, audit.code) == (0, [], 0), done.said + audit.said
        assert [entry for entry in camera.log.all()[before:] if entry.asked] == []
        assert {file["known_by"] for file in audit.report["recordings"][0]["files"]} == {"receipt"}
