"""`audit --reread` and `--require`, as their users run them, against a camera and a coordinator over HTTP."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.edge.commands.test_commands import Line
from tests.edge.commands.test_commands import line as line
from tests.edge.conftest import Device
from tests.edge.fake_camera import CameraExchange, CameraFile
from tests.support.coordinator import TOKEN

SIZE_BYTES = 20_000
PATH = "100GOPRO/GX010042.MP4"
HOME = "every video on this card is home and safe to erase"
PLACE = 1_234


def flip(exchange: CameraExchange, file: CameraFile, first: int, last: int) -> None:
    """Answer the range with one bit of it changed."""
    harmed = bytearray(file.content)
    harmed[PLACE] ^= 4
    assert first <= PLACE <= last
    exchange.part(CameraFile(bytes(harmed), file.etag), first, last)


@pytest.fixture(autouse=True)
def _now(device: Device) -> None:
    """The coordinator's clock shows what that of the command does: it refuses a read that is yet to come."""
    clock = device.cloud.ports.clock
    clock.advance((datetime.now(timezone.utc) - clock.now()).total_seconds())


@pytest.fixture
def hauled(device: Device) -> Device:
    device.card(GX010042=SIZE_BYTES)
    device.report()
    return device


@pytest.fixture
def harmed(device: Device) -> Device:
    """A device whose one read of the film gave one bit that the card does not have."""
    device.card(GX010042=SIZE_BYTES)
    device.camera.faults["read"] = [flip]
    device.report()
    assert device.object() != device.content()
    return device


def again(line: Line, *more: str) -> int:
    return line.audit("--reread", "--after-restart", "--give-up-after", "5s", *more)


class TestReread:
    def test_says_read_twice_where_the_card_gives_the_same(self, hauled: Device, line: Line):
        assert again(line) == 0
        first, second, *_ = line.said.splitlines()
        assert first == "read again:"
        assert second.startswith(f"  {PATH}  the same  crc64nvme ")
        assert line.said.splitlines()[-1] == f"{HOME}, read twice"
        assert line.audit() == 0
        assert "safe to erase, read twice" in line.said
        assert line.said.splitlines()[-1] == f"{HOME}, read twice"

    def test_ends_with_4_where_it_gives_something_else_and_shows_both_values(
        self, harmed: Device, line: Line
    ):
        assert line.audit() == 0
        [receipt] = harmed.receipts()

        assert again(line) == 4
        assert (
            f"{PATH}  DIFFERENT: its receipt has crc64nvme {receipt['crc64nvme']}, and the card gave "
            in line.said
        )
        assert "safe to erase" not in line.said
        assert "keep this card: films that the card gave otherwise when they were read again: 1" in line.said
        assert "keep the card and tell the coordinator's operator" in line.said
        assert "the card differs from what is home" in line.complaints

    def test_of_a_second_haul_settles_what_differed(self, harmed: Device, line: Line):
        again(line)
        line.haul("again", "--file", PATH)

        assert line.audit() == 4
        assert line.said.splitlines()[-1].startswith("keep this card: films that the card gave otherwise")
        assert again(line) == 0
        assert line.said.splitlines()[-1] == f"{HOME}, read twice"

    def test_of_a_difference_is_remembered_by_audit_and_status(self, harmed: Device, line: Line):
        again(line)

        assert line.audit() == 4
        assert line.status() == 4
        assert f"  s: {PATH}  keep the card: its receipt has crc64nvme " in line.said
        assert line.status_asked() == 4

    def test_of_a_difference_is_known_without_this_spool(self, harmed: Device, line: Line):
        again(line)
        for record in (harmed.spool / ".rereads").glob("*.json"):
            record.unlink()

        assert line.audit() == 4
        assert "safe to erase" not in line.said

    def test_shows_all_of_it_as_json(self, harmed: Device, line: Line):
        assert again(line, "--json") == 4
        [read] = line.document["read_again"]
        [recording] = line.document["recordings"]
        assert (read["path"], read["agrees"], read["is_told"]) == (PATH, False, True)
        assert read["receipt_crc64nvme"] != read["reads"][0]["crc64nvme"]
        assert len(read["reads"][0]["xxh128"]) == 32
        assert (recording["safe_to_erase"], recording["level"], line.document["level"]) == (False, None, None)

    def test_tells_the_coordinator_which_holds_the_difference_and_both_values(
        self, harmed: Device, line: Line
    ):
        again(line)

        evidence = evidence_of(harmed)
        [difference] = evidence["differences"]
        [receipt] = harmed.receipts()
        assert (evidence["level"], evidence["agrees"]) == ("read-once", False)
        assert difference["expected"] == receipt["crc64nvme"] != difference["crc64nvme"]

    def test_of_a_small_card_says_what_to_do(self, hauled: Device, line: Line):
        assert line.audit("--reread") == 1
        assert (
            f"{PATH}  not read again: the card has too little to flush the camera's memory with" in line.said
        )

    def test_while_a_haul_is_at_work_ends_with_75(self, hauled: Device, line: Line):
        with hauled.camera_locks.hold("C3501324500711"):
            assert again(line) == 75
        assert "a haul is at work" in line.complaints

    def test_goes_with_its_options(self, hauled: Device, line: Line):
        assert line.audit("--after-restart") == 2
        assert "--after-restart goes with --reread" in line.complaints
        assert again(line, "--reread-rate", "1") == 2
        assert again(line, "--reread-rate", "100MB") == 0


class TestRequire:
    def test_of_more_than_is_known_keeps_the_card_and_says_what_helps(self, hauled: Device, line: Line):
        assert line.audit("--require", "read-twice") == 1
        said = line.said.splitlines()
        assert said[-1] == "keep this card: 1 of 1 recordings are not read twice"
        assert "keep: read once" in line.said
        assert "safe to erase" not in line.said
        [helps] = [text for text in said if " audit --reread " in text]
        assert helps.startswith("  reelhaul audit --reread --camera ")

    def test_of_what_is_known_ends_with_0(self, hauled: Device, line: Line):
        assert again(line, "--require", "read-twice") == 0
        assert line.audit("--require", "read-twice") == 0
        assert line.audit("--require", "read-back") == 1
        assert "an operator has S3's bytes read and compared" in line.said

    def test_is_a_setting_too(self, hauled: Device, line: Line, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("REELHAUL_REQUIRE", "read-twice")

        assert line.audit() == 1
        assert line.audit("--require", "read-once") == 0

    def test_takes_no_other_level(self, hauled: Device, line: Line):
        assert line.audit("--require", "twice") == 2
        assert "--require is one of read-once, read-twice, read-back" in line.complaints

    def test_is_in_the_document(self, hauled: Device, line: Line):
        assert line.audit("--require", "read-twice", "--json") == 1
        document = line.document
        assert (document["all_home"], document["level"], document["required"]) == (
            True,
            "read-once",
            "read-twice",
        )
        assert document["recordings"][0]["safe_to_erase"] is False
        assert document["advice"][0]["files"] == [{"path": PATH, "text": "reads it from the card again"}]


def test_status_names_the_level_of_each_session(hauled: Device, line: Line):
    assert line.status_asked() == 0
    assert "1 of 1, read once" in line.said
    again(line)
    assert line.status_asked("--json") == 0
    assert json.loads(line.said)["level"] == "read-twice"


def evidence_of(device: Device) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Reelhaul-Client-Version": "0.1.0"}
    answer = device.cloud.answered("GET", "/v1/sessions/s", headers, b"")
    found: dict[str, Any] = json.loads(answer.body)["chapters"][0]["evidence"]
    return found
