"""`tidy`: what is left of old sessions leaves the spool, and nothing of one that is not home."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import CoordinatorRefusal, SpoolBusy
from edge_client.base.retry import Retry
from edge_client.cli import run
from edge_client.coordinator.client import Coordinator
from edge_client.haul.stuck import STUCK, Record
from edge_client.haul.tidy import Tidied, Tidying, tidy
from edge_client.model.api import Token
from edge_client.model.levels import Reread, WholeRead
from edge_client.model.plan import PLAN
from edge_client.spool.spool import Spool
from tests.edge.conftest import NOON, PART_BYTES, Device
from tests.edge.fake_camera import CameraFile, film
from tests.edge.haul.test_haul import killed_after
from tests.support.coordinator import OTHER_TOKEN, TOKEN

DAYS_90 = timedelta(days=90)
SECOND = timedelta(seconds=1)
ARTIFACT = "original.100GOPRO.GX010042.MP4"
RECEIPT = f"receipts/{ARTIFACT}.json"

Harm = Callable[[Device], object]


def spool_of(device: Device) -> Spool:
    return Spool(str(device.spool), SystemDisk())


def tidied(
    device: Device, now: datetime = NOON + DAYS_90, token: str = TOKEN, url: str = "", is_dry: bool = False
) -> Tidied:
    """What `tidy --keep 90d` does at this time. The session came home at noon."""
    retry = Retry(device.time.timing(), 0.0, device.tally)
    coordinator = Coordinator(url or device.cloud.url, Token(token), "0.1.0", retry)
    try:
        return tidy(spool_of(device), coordinator, Tidying(DAYS_90, is_dry), now)
    finally:
        coordinator.close()


def files(device: Device) -> list[str]:
    return sorted(
        str(path.relative_to(device.spool / "s"))
        for path in (device.spool / "s").rglob("*")
        if path.is_file()
    )


@pytest.mark.parametrize(("past", "goes"), [(-SECOND, False), (0 * SECOND, True), (SECOND, True)])
def test_a_session_goes_once_it_has_been_home_for_so_long(device: Device, past: timedelta, goes: bool):
    device.report()

    found = tidied(device, NOON + DAYS_90 + past)

    assert [each.session for each in found.removed] == ["s"] * goes
    assert found.young == (not goes)
    assert (device.spool / "s").exists() is not goes
    assert not (device.spool / ".forgotten" / "s").exists()


def test_a_session_of_a_future_night_is_young(device: Device):
    device.report()

    assert tidied(device, NOON - timedelta(days=400)).young == 1


def test_a_dry_run_says_what_would_go_and_removes_nothing(device: Device):
    device.report()
    before = files(device)

    found = tidied(device, is_dry=True)

    assert [each.home_since for each in found.removed] == [NOON]
    assert files(device) == before


def test_an_audit_and_a_haul_say_the_same_after_tidying(device: Device):
    device.report()
    uploads = len(device.cloud.uploads)

    assert len(tidied(device).removed) == 1

    assert device.survey().all_home
    assert device.report().chapters[0].parts_sent == 0
    assert len(device.cloud.uploads) == uploads


def test_another_film_under_the_name_of_a_tidied_session_is_refused(device: Device):
    """The plan here would have refused it; now the coordinator does, and what is home stays as it is."""
    device.report()
    home = device.object()
    assert len(tidied(device).removed) == 1
    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(2 * PART_BYTES, 9), created="1656999999")

    with pytest.raises(CoordinatorRefusal):
        device.report()

    assert device.object() == home


def lose_a_receipt(device: Device) -> None:
    (device.spool / "s" / RECEIPT).unlink()


def spoil_a_receipt(device: Device) -> None:
    (device.spool / "s" / RECEIPT).write_text("{")


def change_receipt(device: Device, **changes: object) -> None:
    path = device.spool / "s" / RECEIPT
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def leave_a_part(device: Device) -> None:
    folder = device.spool / "s" / f"{ARTIFACT}.0123456789abcdef"
    folder.mkdir()
    (folder / "00001.part").write_bytes(b"film")


def find_it_stuck(device: Device) -> None:
    Record({"100GOPRO/GX010042.MP4": "is not on the card"}).write(spool_of(device).session("s"))
    assert (device.spool / "s" / STUCK).exists()


def lose_the_original(device: Device) -> None:
    device.cloud.forget()


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lose_a_receipt, "not home: no receipt here for 100GOPRO/GX010042.MP4"),
        (spoil_a_receipt, "not home: no receipt here for 100GOPRO/GX010042.MP4"),
        (
            lambda device: change_receipt(device, size_bytes=3 * PART_BYTES + 4),
            "not home: no receipt here for 100GOPRO/GX010042.MP4",
        ),
        (
            lambda device: change_receipt(device, artifact_id="proxy.100GOPRO.GX010042.MP4"),
            "not home: no receipt here for 100GOPRO/GX010042.MP4",
        ),
        (leave_a_part, "parts of it are in the spool"),
        (find_it_stuck, "a haul found that it cannot end"),
        (lambda device: change_receipt(device, verified_at=None), "do not say when it came home"),
        (lambda device: change_receipt(device, verified_at="2026-11-25T12:00:00"), "do not say when"),
        (lambda device: change_receipt(device, verified_at="once"), "do not say when it came home"),
        (lose_the_original, "the coordinator shows no session of this name to this device"),
    ],
)
def test_a_session_stays_while_anything_says_that_it_may_not_be_home(device: Device, harm: Harm, reason: str):
    device.report()
    harm(device)
    before = files(device)

    found = tidied(device, NOON + 10 * DAYS_90)

    assert [each.session for each in found.kept] == ["s"]
    assert reason in found.kept[0].reason
    assert found.removed == ()
    assert files(device) == before


def test_a_session_that_is_under_way_stays(device: Device):
    killed_after(device, 2)
    before = files(device)

    found = tidied(device, NOON + 10 * DAYS_90)

    assert "not home" in found.kept[0].reason
    assert files(device) == before


def test_a_session_stays_when_the_coordinator_has_lost_the_receipt_since(device: Device):
    """The receipts here are as old as the session; only the coordinator knows what is home now."""
    device.report()
    device.cloud.faults["state"] = [
        lambda door: door.serve_otherwise(lambda document: document["chapters"][0].update(receipt=None))
    ]

    found = tidied(device)

    assert found.kept[0].reason == "the coordinator has no receipt for 100GOPRO/GX010042.MP4"
    assert PLAN in files(device)


def test_a_session_stays_when_the_coordinator_knows_of_a_read_that_differs(device: Device):
    device.report()
    differs = {"level": "read-once", "agrees": False, "read_twice": None, "read_back": None}
    device.cloud.faults["state"] = [
        lambda door: door.serve_otherwise(lambda document: document["chapters"][0].update(evidence=differs))
    ]

    found = tidied(device)

    assert (
        found.kept[0].reason
        == "another read of 100GOPRO/GX010042.MP4 gave other bytes than its receipt is for"
    )
    assert PLAN in files(device)


@pytest.mark.parametrize(("crc", "goes"), [(1, True), (2, False)])
def test_a_session_stays_when_this_device_read_other_bytes_again(device: Device, crc: int, goes: bool):
    device.report()
    read = WholeRead(9, crc, "0" * 32, "2026-11-26T12:00:00Z")
    spool_of(device).rereads.keep(Reread("s", ARTIFACT, 1, (read,)))

    assert len(tidied(device).removed) == goes
    assert (device.spool / "s").exists() is not goes


def test_a_session_stays_when_the_coordinator_does_not_answer(device: Device):
    device.report()

    found = tidied(device, url="http://127.0.0.1:9")

    assert "does not say that it is home: no answer from the coordinator" in found.kept[0].reason
    assert PLAN in files(device)


def test_a_session_stays_under_the_token_of_another_device(device: Device):
    device.report()
    device.cloud.claim(
        "other", "C0", {"directory": "100GOPRO", "filename": "GX010001.MP4", "size_bytes": 9}, None
    )

    assert "shows no session" in tidied(device, token=OTHER_TOKEN).kept[0].reason


def test_a_plan_that_cannot_be_read_stays(device: Device):
    device.report()
    (device.spool / "s" / PLAN).write_text("{")

    assert tidied(device, NOON + 10 * DAYS_90) == Tidied((), (), 0)
    assert RECEIPT in files(device)


def test_one_session_that_is_not_home_keeps_no_other(device: Device):
    device.report("home")
    device.card(GX010042=3 * PART_BYTES + 5, GX010043=PART_BYTES)
    device.report("s")
    lose_a_receipt(device)

    found = tidied(device)

    assert ([each.session for each in found.removed], [each.session for each in found.kept]) == (
        ["home"],
        ["s"],
    )


def test_nothing_goes_while_another_client_has_the_spool(device: Device):
    device.report()

    with device.spool_held(), pytest.raises(SpoolBusy):
        tidied(device)

    assert PLAN in files(device)


def test_young_sessions_disturb_no_client_that_has_the_spool(device: Device):
    device.report()

    with device.spool_held():
        assert tidied(device, NOON).young == 1


def test_the_command_says_what_it_removes(device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    device.report()
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    words = ["tidy", "--coordinator", device.cloud.url, "--token-file", str(token_file)]
    words += ["--spool", str(device.spool), "--keep"]

    assert run([*words, "0s", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "session s: would be removed, home since 2026-11-25T12:00:00Z",
        "1 would be removed, 0 kept for a reason, 0 kept because they came home not long ago",
    ]
    assert run([*words, "0s", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == [
        {"session": "s", "home_since": "2026-11-25T12:00:00Z"}
    ]
    assert run([*words, "90"]) == 2
    assert "--keep is a number with s, m, h or d, such as 24h" in capsys.readouterr().err
