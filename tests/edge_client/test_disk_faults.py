"""What a disk may do to a haul: every row ends well or with a message of its own, and the next run finishes.

The letters are the rows of the fault list for disk and process: E2 power cut, E3 torn documents, E4 to E8 a disk that
refuses, E7 bytes that change, E12 a spool wiped by hand, E14 a lost unlink, E15 planted links. Kills (E1) and two
devices (E10) are played with real processes in tests/e2e.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_client.disk import Disk
from edge_client.errors import (
    CoordinatorRefusal,
    EdgeError,
    PlanUnreadable,
    Refused,
    SpoolFault,
    SpoolFull,
    TryLater,
)
from edge_client.haul import Each, Report
from tests.edge_client.conftest import Device
from tests.edge_client.fakes import PART_BYTES, CameraFile, CameraHandler
from tests.edge_client.test_haul import killed_after

PARTS = 4
MOST_CALLS = 60


@dataclass
class FailingOnce:
    """A disk on which the n-th fsync fails, once, in the way of `code`."""

    nth: int
    code: int
    calls: int = 0

    def fsync(self, file: int) -> None:
        self.calls += 1
        if self.calls == self.nth:
            raise OSError(self.code, os.strerror(self.code))
        os.fsync(file)


def run_on(device: Device, disk: FailingOnce) -> Each[Report] | EdgeError:
    device.fsync = disk.fsync
    try:
        return device.run()
    except EdgeError as error:
        return error
    finally:
        device.fsync = os.fsync


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        pytest.param(errno.ENOSPC, SpoolFull, id="E4 E5: full"),
        pytest.param(errno.EDQUOT, SpoolFull, id="E4: over quota"),
        pytest.param(errno.EIO, SpoolFault, id="E6: input/output error"),
        pytest.param(errno.EROFS, SpoolFault, id="E8: read-only"),
    ],
)
def test_a_disk_that_refuses_at_any_moment_ends_clearly_and_costs_nothing(
    device: Device, code: int, raised: type[EdgeError]
):
    for nth in range(1, MOST_CALLS):
        shutil.rmtree(device.spool, ignore_errors=True)
        device.cloud.sessions.clear()
        device.cloud.uploads.clear()
        disk = FailingOnce(nth, code)

        outcome = run_on(device, disk)

        if disk.calls < nth:
            break  # the haul has fewer calls than that: all of them were tried
        # A full disk is relieved where S3 has parts to show for it; nothing else goes on by itself.
        assert isinstance(outcome, raised) or (raised is SpoolFull and isinstance(outcome, Each)), nth
        device.run()
        assert device.object() == device.content(), nth
        assert device.parts() == [], nth
    else:
        pytest.fail("a haul with more calls than were tried")
    assert nth > 3 * PARTS


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_part_whose_fsync_failed_is_no_part(device: Device, code: int):
    """E6: after a failed fsync nobody knows what the disk holds: it is read from the camera again."""
    seen: list[bool] = []

    def fsync(file: int) -> None:
        path = os.readlink(f"/proc/self/fd/{file}")
        if path.endswith("00002.writing") and not seen:
            seen.append(True)
            raise OSError(code, os.strerror(code))
        os.fsync(file)

    device.fsync = fsync
    ended = None
    try:
        device.run()
    except EdgeError as error:
        ended = error
    device.fsync = os.fsync

    assert seen
    assert not list(device.spool.rglob("00002*")) or ended is None
    device.run()
    assert device.object() == device.content()
    assert device.camera.reads().count(f"bytes={PART_BYTES}-{2 * PART_BYTES - 1}") == 2


Disturb = Callable[[Device], None]


def part_of(device: Device) -> Path:
    return device.parts()[0]


def emptied(device: Device) -> None:
    part_of(device).write_bytes(b"")


def cut(device: Device) -> None:
    os.truncate(part_of(device), PART_BYTES - 1)


def appended(device: Device) -> None:
    with part_of(device).open("ab") as file:
        file.write(b"x")


def zeroed(device: Device) -> None:
    part_of(device).write_bytes(bytes(PART_BYTES))


def renamed_as_another(device: Device) -> None:
    path = part_of(device)
    path.rename(path.with_name("00003" + path.name[5:]))


def linked_elsewhere(device: Device) -> None:
    path = part_of(device)
    path.rename(device.spool.parent / "elsewhere")
    path.symlink_to(device.spool.parent / "elsewhere")


def folder_linked_elsewhere(device: Device) -> None:
    folder = part_of(device).parent
    folder.rename(device.spool.parent / "elsewhere")
    folder.symlink_to(device.spool.parent / "elsewhere")


def unreadable(name: str, content: bytes) -> Disturb:
    def disturb(device: Device) -> None:
        (device.spool / "s" / name).write_bytes(content)

    return disturb


def gone(name: str) -> Disturb:
    return lambda device: (device.spool / "s" / name).unlink()


def wiped(device: Device) -> None:
    shutil.rmtree(device.spool)


def others_may_write(device: Device) -> None:
    (device.spool / "s").chmod(0o777)


@dataclass(frozen=True)
class Row:
    """What becomes of the spool between two runs, and how the second ends: well, or with this error."""

    name: str
    disturb: Disturb
    ends: type[EdgeError] | None = None
    words: str = ""


ROWS = (
    Row("E2: a part is empty after a power cut", emptied),
    Row("E2: a part is cut short", cut),
    Row("E2: a part is longer than it was", appended),
    Row("E7: a part is zeros", zeroed),
    Row("E7: a part has another part's name", renamed_as_another),
    Row("E3: the plan is empty", unreadable("plan.json", b""), PlanUnreadable, "move it away"),
    Row(
        "E3: the plan is torn",
        unreadable("plan.json", b'{"schema": 1, "ses'),
        PlanUnreadable,
        "cannot be read",
    ),
    Row(
        "E3: the plan is of another schema",
        unreadable("plan.json", b'{"schema": 7}'),
        PlanUnreadable,
        "schema 7",
    ),
    Row("E3: the plan is lost", gone("plan.json")),
    Row("E12: the spool is wiped", wiped),
    Row("E15: a link in place of a part", linked_elsewhere),
    Row("E15: a link in place of a chapter's folder", folder_linked_elsewhere, SpoolFault, "no link"),
    Row(
        "E15: others may write to the session's folder",
        others_may_write,
        SpoolFault,
        "writable by nobody else",
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_whatever_becomes_of_the_spool_between_two_runs_no_wrong_byte_comes_home(device: Device, row: Row):
    device.cloud.faults["put"] = [(503, b"")] * 1000
    killed_after(device, parts=3)
    device.cloud.faults.clear()
    row.disturb(device)

    if row.ends is None:
        device.run()
        assert device.object() == device.content()
        assert device.parts() == []
        return
    with pytest.raises(row.ends, match=row.words):
        device.run()
    assert issubclass(row.ends, (Refused, TryLater))
    assert device.cloud.objects() == {}


@pytest.mark.parametrize("seed", range(12))
def test_a_bit_that_turns_anywhere_in_a_part_is_noticed(device: Device, seed: int):
    """E7: at any byte of any part."""
    chance = random.Random(seed)
    device.cloud.faults["put"] = [(503, b"")] * 1000
    killed_after(device, parts=3)
    device.cloud.faults.clear()
    path = chance.choice(device.parts())
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)

    device.run()

    assert device.object() == device.content()
    assert len(device.camera.reads()) == 2  # the part that changed, and the one that was never there


@pytest.mark.parametrize("seed", range(12))
def test_a_byte_that_changes_anywhere_in_the_plan_never_brings_other_bytes_home(device: Device, seed: int):
    """E3: the plan is refused, by its form or by the camera and the coordinator, or it is what it was."""
    chance = random.Random(seed)
    killed_after(device, parts=2)
    path = device.spool / "s" / "plan.json"
    plan = bytearray(path.read_bytes())
    plan[chance.randrange(len(plan))] = chance.randrange(256)
    path.write_bytes(plan)

    try:
        device.run()
    except (Refused, TryLater):
        assert device.cloud.objects() == {}
    else:
        assert device.object() == device.content()


@pytest.mark.parametrize("nth", range(1, PARTS + 1))
def test_a_spool_wiped_in_the_middle_of_a_run_costs_time_alone(device: Device, nth: int):
    """E12: while the n-th part is read."""
    reads: list[int] = []

    def act(handler: CameraHandler, file: CameraFile, first: int, last: int) -> None:
        reads.append(first)
        if len(reads) == nth:
            shutil.rmtree(device.spool)
        handler.part(file, first, last)

    device.camera.faults["read"] = [act] * 20
    # It may end clearly, where its own file vanished under it; the next run has nothing to complain of.
    with contextlib.suppress(SpoolFault):
        device.run()
    device.camera.faults.clear()
    device.run()

    assert device.object() == device.content()


def test_parts_that_a_lost_unlink_left_go_with_the_next_run(device: Device):
    """E14: the receipt is durable, the parts are still there."""
    device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
    with pytest.raises(CoordinatorRefusal):
        device.run()
    device.cloud.verify(device.cloud.uploads["u_1"])
    assert device.parts()

    device.run()

    assert device.parts() == []


def test_a_receipt_that_the_disk_has_spoilt_is_none_and_is_written_again(device: Device):
    """E2: status and --new count receipts."""
    device.run()
    [path] = device.spool.glob("s/receipts/*.json")
    path.write_bytes(b"")
    assert device.receipts() == []

    device.run()

    assert len(device.receipts()) == 1


def test_a_disk_that_can_be_read_alone_is_told_as_such(tmp_path: Path):
    """E8: with the path that a person looks for."""

    def fsync(file: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path / "plan.json"))

    with pytest.raises(SpoolFault, match="Read-only file system"):
        Disk(fsync=fsync).make_private(tmp_path / "spool")
