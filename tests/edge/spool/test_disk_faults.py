"""What a disk may do to a haul: every row ends well or with a message of its own, and the next run finishes.

The letters are the rows of the fault list for disk and process: E2 power cut, E3 torn documents, E4 to E8 a disk that
refuses, E7 bytes that change, E11 clocks, E12 a spool wiped by hand, E14 a lost unlink, E15 planted links. Kills (E1)
and two devices (E10) are played with real processes in tests/e2e, two clients (E9) in test_haul, memory (E13) in
test_cli.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import (
    CoordinatorRefusal,
    EdgeError,
    PartCorrupt,
    PlanUnreadable,
    SpoolFault,
    SpoolFull,
    TryLater,
)
from edge_client.haul.sessions import Each, Report
from edge_client.model.parts import PartPlan
from edge_client.model.plan import PLAN, decoded
from edge_client.spool.budget import SpoolBudget
from edge_client.spool.chapter import ChapterSpool
from tests.edge.conftest import PART_BYTES, Device
from tests.edge.fake_camera import CameraExchange, CameraFile
from tests.edge.haul.test_haul import killed_after
from tests.edge.refusing_disk import ALWAYS, RefusingDisk, altered, number_of
from tests.support.coordinator import Door

PARTS = 4
PART_2 = "*/00002.writing"
CHAPTER = "*/original.*"
RECEIPT = "*/receipts/*"
REPORT = "*/report.json*"
FULL, QUOTA, BROKEN, READ_ONLY = errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS


@dataclass(frozen=True)
class Recovers:
    """The run ends well; `reads` is how often the camera was asked for a part."""

    reads: int = PARTS + 1


@dataclass(frozen=True)
class Ends:
    """The run ends with this error, that exit code and these words."""

    error: type[EdgeError]
    code: int
    words: str


@dataclass(frozen=True)
class Refusal:
    name: str
    disk: Callable[[], RefusingDisk]
    ends: Recovers | Ends


def once(call: str, code: int, where: str = PART_2, **more: Any) -> Callable[[], RefusingDisk]:
    return lambda: RefusingDisk(call, code, where, **more)


def always(call: str, code: int, where: str = PART_2, **more: Any) -> Callable[[], RefusingDisk]:
    return lambda: RefusingDisk(call, code, where, times=ALWAYS, **more)


IS_FULL = Ends(SpoolFull, 75, "the spool's disk is full; nothing was deleted")
IS_READ_ONLY = Ends(SpoolFault, 1, "Read-only file system")
IS_BROKEN = Ends(SpoolFault, 1, "Input/output error")
KEEPS_NOTHING = Ends(SpoolFault, 1, "did not keep part 2: Input/output error")

REFUSALS = [
    # What S3 has makes room, and the part is read into that; a part is reserved before its first byte is asked for.
    Refusal("E4: full when a part is reserved", once("allocate", FULL), Recovers(reads=PARTS)),
    Refusal("E4: full in the middle of a part", once("append", FULL), Recovers()),
    Refusal("E4: full after half a block", once("append", FULL, halves=True), Recovers()),
    Refusal("E4: full when a part is made durable", once("fsync", FULL), Recovers()),
    Refusal("E4: full when a part gets its name", once("move", FULL), Recovers()),
    Refusal("E4: over quota in the middle of a part", once("append", QUOTA), Recovers()),
    Refusal("E4: full for good when a part is reserved", always("allocate", FULL), IS_FULL),
    Refusal("E4: full for good in the middle of a part", always("append", FULL), IS_FULL),
    Refusal("E4: over quota for good", always("append", QUOTA), IS_FULL),
    Refusal("E4: full when the plan is written", once("append", FULL, "*/plan.json*"), IS_FULL),
    Refusal("E4: full when the plan is made durable", once("fsync", FULL, "*/plan.json*"), IS_FULL),
    Refusal("E4: full when the plan gets its name", once("move", FULL, "*/plan.json*"), IS_FULL),
    Refusal("E5: full when the receipt is written", once("append", FULL, RECEIPT), IS_FULL),
    Refusal("E5: full when the receipt is made durable", once("fsync", FULL, RECEIPT), IS_FULL),
    Refusal("E5: full when the receipt gets its name", once("move", FULL, RECEIPT), IS_FULL),
    Refusal("E5: full when the receipt's name is made durable", once("fsync", FULL, "*/receipts"), IS_FULL),
    Refusal("E5: full when the report is written", once("append", FULL, REPORT), IS_FULL),
    # A broken disk: what it was given is read again, into a new file.
    Refusal("E6: an error when a part is reserved", once("allocate", BROKEN), Recovers(reads=PARTS)),
    Refusal("E6: an error in the middle of a part", once("append", BROKEN), Recovers()),
    Refusal("E6: an error when a part is made durable", once("fsync", BROKEN), Recovers()),
    Refusal("E6: an error when a part gets its name", once("move", BROKEN), Recovers()),
    Refusal(
        "E6: an error when a part's name is made durable", once("fsync", BROKEN, CHAPTER, nth=2), Recovers()
    ),
    Refusal("E6: errors whenever a part is written", always("append", BROKEN), KEEPS_NOTHING),
    Refusal("E6: errors whenever a part is made durable", always("fsync", BROKEN), KEEPS_NOTHING),
    Refusal("E6: an error when the plan is made durable", once("fsync", BROKEN, "*/plan.json*"), IS_BROKEN),
    Refusal("E6: an error when the receipt is made durable", once("fsync", BROKEN, RECEIPT), IS_BROKEN),
    # The last look at the camera fills the first time, and the sender the second time.
    Refusal(
        "E7: an error when the last look reads a part",
        once("fill", BROKEN, "*/00002-*.part"),
        Recovers(reads=PARTS),
    ),
    Refusal("E7: an error when a part is read", once("fill", BROKEN, "*/00002-*.part", nth=2), Recovers()),
    Refusal(
        "E7: errors whenever a part is read",
        always("fill", BROKEN, "*/00002-*.part"),
        Ends(SpoolFault, 1, "does not keep what is written to it"),
    ),
    Refusal("E8: read-only when a part is reserved", always("allocate", READ_ONLY), IS_READ_ONLY),
    Refusal("E8: read-only in the middle of a part", always("append", READ_ONLY), IS_READ_ONLY),
    Refusal("E8: read-only when a part gets its name", always("move", READ_ONLY), IS_READ_ONLY),
    Refusal(
        "E8: read-only when the plan is written", always("append", READ_ONLY, "*/plan.json*"), IS_READ_ONLY
    ),
    Refusal("E8: read-only when the receipt is written", always("append", READ_ONLY, RECEIPT), IS_READ_ONLY),
]


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row.name)
def test_a_disk_that_refuses_costs_nothing_that_s3_does_not_have(device: Device, row: Refusal):
    disk = row.disk()
    device.disk = disk.disk()

    if isinstance(row.ends, Recovers):
        device.run()
        assert device.object() == device.content()
        assert len(device.camera.reads()) == row.ends.reads
    else:
        with pytest.raises(row.ends.error, match=row.ends.words) as ended:
            device.run()
        assert (75 if isinstance(ended.value, TryLater) else 1) == row.ends.code
        check_that_nothing_is_lost(device, disk)

    assert disk.refused
    check_that_it_goes_on(device)


def check_that_nothing_is_lost(device: Device, disk: RefusingDisk) -> None:
    """Each part that got its name is there yet, or S3 has it; until the receipt is durable all of them, if they may."""
    stored = {number for upload in device.cloud.uploads.values() for number in upload.stored}
    lost = {2} if disk.call == "fill" else set[int]()  # no disk gives it back, but the card has it
    assert disk.kept - lost <= stored | {number_of(path) for path in device.parts()}
    if "receipt" in disk.where:
        assert len(device.parts()) == PARTS
    assert not list(device.spool.rglob("*.writing"))


def check_that_it_goes_on(device: Device) -> None:
    """The disk is well again: the same command ends well, and reads and sends nothing that is where it should be."""
    stored = {number for upload in device.cloud.uploads.values() for number in upload.stored}
    spooled = {number_of(path) for path in device.parts()}
    device.disk = SystemDisk()
    device.camera.requests.clear()
    device.cloud.puts.clear()

    device.run()

    assert device.object() == device.content()
    assert device.parts() == []
    # Before it is complete, one of the parts that S3 alone has is held against the card.
    assert 0 <= len(device.camera.reads()) - (PARTS - len(stored | spooled)) <= bool(stored - spooled)
    assert stored.isdisjoint(device.cloud.puts)


def test_a_failed_fsync_is_never_tried_again_on_the_same_file(device: Device):
    """E6: what the disk holds then is unknown, and a second fsync would say that all is well."""
    disk = RefusingDisk("fsync", BROKEN, PART_2)
    device.disk = disk.disk()

    device.run()

    assert disk.log == ["allocate", "append", "fsync"] * 2 + ["move"]


@pytest.mark.parametrize(("code", "refusals"), [(FULL, 1), (BROKEN, 3)], ids=["full", "broken"])
def test_what_is_in_the_spool_goes_up_before_a_refusing_disk_ends_the_run(
    device: Device, code: int, refusals: int
):
    """Two parts are on their way when the disk begins to refuse, and one waits."""
    disk = RefusingDisk("append", code, "*/00004.writing", times=ALWAYS)

    def once_the_disk_refuses(door: Door, *rest: Any) -> None:
        deadline = time.monotonic() + 10
        while disk.refused < refusals and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(0.05)
        door.take()

    device.disk = disk.disk()
    device.cloud.faults["put"] = [once_the_disk_refuses] * 3

    with pytest.raises((SpoolFault, SpoolFull)):
        device.run()

    assert sorted(device.cloud.uploads["u_1"].parts) == [1, 2, 3]


def test_before_the_plan_is_durable_nothing_is_read_and_nobody_is_told(device: Device):
    device.disk = RefusingDisk("fsync", FULL, "*/plan.json*").disk()

    with pytest.raises(SpoolFull):
        device.run()

    assert (device.camera.reads(), device.cloud.calls) == ([], [])


@pytest.mark.parametrize("code", [FULL, BROKEN], ids=["full", "broken"])
def test_a_disk_that_refuses_at_any_moment_ends_well_or_clearly(device: Device, code: int):
    """Whatever the call, whatever the file: all of them, one after the other."""
    device.card(GX010042=PART_BYTES + 5)
    for nth in range(1, 200):
        shutil.rmtree(device.spool, ignore_errors=True)
        device.cloud.forget()
        disk = RefusingDisk("*", code, nth=nth)

        outcome = run_on(device, disk.disk())

        if not disk.refused:
            break  # the haul has fewer calls than that: all of them were tried
        assert isinstance(outcome, (Each, SpoolFault, SpoolFull)), nth
        run_on(device, SystemDisk())
        assert device.object() == device.content(), nth
        assert device.parts() == [], nth
    else:
        pytest.fail("a haul with more calls than were tried")
    assert nth > 20


def run_on(device: Device, disk: SystemDisk) -> Each[Report] | EdgeError:
    device.disk = disk
    try:
        return device.run()
    except EdgeError as error:
        return error


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


def renamed_with_another_crc(device: Device) -> None:
    path = part_of(device)
    last = "1" if path.name[-6] == "0" else "0"
    path.rename(path.with_name(path.name[:-6] + last + ".part"))


def renamed_though_s3_has_it(device: Device) -> None:
    device.cloud.uploads["u_1"].parts[1] = device.content()[:PART_BYTES]
    renamed_with_another_crc(device)


def linked_elsewhere(device: Device) -> None:
    path = part_of(device)
    path.rename(device.spool.parent / "elsewhere")
    path.symlink_to(device.spool.parent / "elsewhere")


def shared_with_somebody(device: Device) -> None:
    """Somebody has the same file under a name of his own, and writes to it."""
    theirs = device.spool.parent / "theirs"
    theirs.hardlink_to(part_of(device))
    with theirs.open("r+b") as file:
        file.write(b"theirs")


def planted_where_a_part_will_be(device: Device) -> None:
    victim = device.spool.parent / "victim"
    victim.write_bytes(b"precious")
    (part_of(device).parent / "00004.writing").symlink_to(victim)
    (device.spool / "s" / "report.json.writing").symlink_to(victim)


def link(name: str) -> Disturb:
    """A name of the spool leads elsewhere, to what was there."""

    def disturb(device: Device) -> None:
        path, elsewhere = device.spool / name, device.spool.parent / "elsewhere"
        path.rename(elsewhere)
        path.symlink_to(elsewhere)

    return disturb


def folder_linked_elsewhere(device: Device) -> None:
    folder = part_of(device).parent
    folder.rename(device.spool.parent / "elsewhere")
    folder.symlink_to(device.spool.parent / "elsewhere")


def planted(name: str) -> Disturb:
    """A link to nowhere, where a file or folder is to be made."""
    return lambda device: (device.spool / name).symlink_to(device.spool.parent / "nowhere")


def unreadable(name: str, content: bytes) -> Disturb:
    def disturb(device: Device) -> None:
        (device.spool / "s" / name).write_bytes(content)

    return disturb


def gone(name: str) -> Disturb:
    return lambda device: (device.spool / "s" / name).unlink()


def other_plan(device: Device) -> None:
    """The plan of a session that was copied to begin another."""
    path = device.spool / "s" / PLAN
    plan = decoded(path.read_bytes(), "s")
    path.write_bytes(type(plan)("t", plan.recording, plan.camera, plan.chapters).encoded())


def no_serial(device: Device) -> None:
    """A plan of another program's, its CRC right."""
    path = device.spool / "s" / PLAN
    plan = decoded(path.read_bytes(), "s")
    path.write_bytes(replace(plan, camera=replace(plan.camera, serial="../../C35")).encoded())


def wiped(device: Device) -> None:
    shutil.rmtree(device.spool)


def others_may_write(device: Device) -> None:
    (device.spool / "s").chmod(0o777)


def three_days_off(days: int) -> Disturb:
    """What the disk says of when its files were written is of no account."""

    def disturb(device: Device) -> None:
        at = time.time() + days * 86_400
        for path in device.spool.rglob("*"):
            os.utime(path, (at, at))

    return disturb


NO_LINK = Ends(SpoolFault, 1, "not a link")
LOOPS = Ends(SpoolFault, 1, "symbolic links")
NO_PLAN = "plan.json of session s .* move it away, and the same is planned again"


@dataclass(frozen=True)
class Row:
    """What becomes of the spool between two runs, and how the second ends.

    Of four parts three were in the spool, and none in S3; `Recovers` says how many are read from the camera then.
    """

    name: str
    disturb: Disturb
    ends: Recovers | Ends


ROWS = (
    Row("nothing", lambda device: None, Recovers(reads=1)),
    Row("E2: a part is empty after a power cut", emptied, Recovers(reads=2)),
    Row("E2: a part is cut short", cut, Recovers(reads=2)),
    Row("E2: a part is longer than it was", appended, Recovers(reads=2)),
    Row("E7: a part is zeros", zeroed, Recovers(reads=2)),
    Row("E7: a part has another part's name", renamed_as_another, Recovers(reads=2)),
    Row("E7: a part's name has another CRC", renamed_with_another_crc, Recovers(reads=2)),
    Row("E7: the name of a part that S3 has has another CRC", renamed_though_s3_has_it, Recovers(reads=1)),
    Row("E3: the plan is empty", unreadable(PLAN, b""), Ends(PlanUnreadable, 1, NO_PLAN)),
    Row("E3: the plan is torn", unreadable(PLAN, b'{"schema": 2, "ses'), Ends(PlanUnreadable, 1, NO_PLAN)),
    Row("E3: the plan is a list", unreadable(PLAN, b"[]"), Ends(PlanUnreadable, 1, NO_PLAN)),
    Row("E3: the plan is without end", unreadable(PLAN, b"[" * 100_000), Ends(PlanUnreadable, 1, NO_PLAN)),
    Row(
        "E3: the plan is of another schema",
        unreadable(PLAN, b'{"schema": 7}'),
        Ends(PlanUnreadable, 1, "schema 7"),
    ),
    Row("E3: the plan is another session's", other_plan, Ends(PlanUnreadable, 1, "that of session t")),
    Row(
        "E3: the plan names no serial",
        no_serial,
        Ends(PlanUnreadable, 1, "serial is '../../C35'; .* letters and digits"),
    ),
    Row("E3: the plan is lost", gone(PLAN), Recovers(reads=1)),
    Row("E11: every file is three days old", three_days_off(-3), Recovers(reads=1)),
    Row("E11: every file is of three days ahead", three_days_off(3), Recovers(reads=1)),
    Row("E12: the spool is wiped", wiped, Recovers(reads=4)),
    Row("E15: a link in place of a part", linked_elsewhere, Recovers(reads=2)),
    Row("E15: a part is somebody else's file too", shared_with_somebody, Recovers(reads=2)),
    Row("E15: links where files are going to be written", planted_where_a_part_will_be, Recovers(reads=1)),
    Row("E15: a link in place of a chapter's folder", folder_linked_elsewhere, NO_LINK),
    Row("E15: a link in place of the session's folder", link("s"), NO_LINK),
    Row("E15: a link in place of the receipts' folder", planted("s/receipts"), NO_LINK),
    Row("E15: a link in place of the plan", link(f"s/{PLAN}"), LOOPS),
    Row("E15: a link in place of the lock", link("lock"), LOOPS),
    Row("E15: others may write to the session's folder", others_may_write, NO_LINK),
)


def killed_with_three_parts_in_the_spool(device: Device) -> None:
    """S3 takes nothing until the end of the run, and moves no clock."""

    def hold(door: Door, *rest: Any) -> None:
        door.body()
        while not (device.time.stop.is_set() or door.wait_for_hang_up(0.01)):
            pass
        door.s3_error(503, "SlowDown")

    device.cloud.faults["put"] = [hold] * 10
    killed_after(device, parts=3)
    device.cloud.faults.clear()
    assert len(device.parts()) == 3


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_whatever_becomes_of_the_spool_between_two_runs_no_wrong_byte_comes_home(device: Device, row: Row):
    killed_with_three_parts_in_the_spool(device)
    row.disturb(device)

    if isinstance(row.ends, Recovers):
        device.run()
        assert device.object() == device.content()
        assert device.parts() == []
        # One more where the last look finds the change before the sender does, or S3 alone has the part then.
        assert row.ends.reads <= len(device.camera.reads()) <= row.ends.reads + 1
    else:
        with pytest.raises(row.ends.error, match=row.ends.words):
            device.run()
        assert all(found == device.content() for found in device.cloud.objects().values())
    victim = device.spool.parent / "victim"
    assert not victim.exists() or victim.read_bytes() == b"precious"
    assert not (device.spool.parent / "nowhere").exists()


def test_parts_behind_a_link_are_not_sent_though_nothing_has_to_be_written(device: Device):
    """E15: all of a chapter is in the spool, and its folder leads elsewhere."""
    device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
    with pytest.raises(CoordinatorRefusal):
        device.run()
    device.cloud.expire_uploads()
    device.cloud.puts.clear()
    folder_linked_elsewhere(device)

    with pytest.raises(SpoolFault, match="not a link"):
        device.run()

    assert device.cloud.puts == []


@pytest.mark.parametrize("seed", range(12))
def test_a_bit_that_turns_anywhere_in_a_part_is_noticed(device: Device, seed: int):
    """E7: at any byte of any part."""
    chance = random.Random(seed)
    killed_with_three_parts_in_the_spool(device)
    path = chance.choice(device.parts())
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)

    device.run()

    assert device.object() == device.content()
    assert len(device.camera.reads()) == 2  # the part that changed, and the one that was never there


def spoilt(content: bytes) -> Iterator[bytes]:
    """Every bit turned, every end cut off, a byte more."""
    for at in range(len(content)):
        for bit in range(8):
            yield content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
        yield content[:at]
    yield content + b"\0"


def test_no_bit_of_a_part_may_turn_and_no_byte_be_missing(tmp_path: Path):
    plan, content = PartPlan(70, 70, 1), random.Random(7).randbytes(70)
    parts = ChapterSpool(
        str(tmp_path / "s" / "c"), SystemDisk(), SpoolBudget(str(tmp_path), SystemDisk(), 10**9)
    )
    with parts.open_writer(plan.span(1)) as writer:
        writer.write(content)
        part = writer.commit()
    path, buffer = tmp_path / "s" / "c" / part.filename, memoryview(bytearray(16))

    for other in spoilt(content):
        path.write_bytes(other)
        left = bytearray()
        with pytest.raises(PartCorrupt):
            left.extend(byte for block in parts.reader(part).blocks(buffer) for byte in block)
        assert len(left) < len(content)


def test_no_bit_of_a_plan_may_turn_and_no_byte_be_missing(device: Device):
    device.run()
    raw = (device.spool / "s" / PLAN).read_bytes()
    plan = decoded(raw, "s")

    for other in spoilt(raw):
        try:
            found = decoded(other, "s")
        except PlanUnreadable:
            continue
        assert found == plan, other


WIPES: dict[str, Callable[[Device], list[Path]]] = {
    "a part": lambda device: device.parts()[:1],
    "the chapter's folder": lambda device: list(device.spool.glob("s/original.*")),
    "the session's folder": lambda device: [device.spool / "s"],
    "all that is in the spool": lambda device: list(device.spool.iterdir()),
}


def remove(device: Device, what: str) -> None:
    for path in WIPES[what](device):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@pytest.mark.parametrize("what", WIPES)
@pytest.mark.parametrize("nth", range(1, PARTS + 1))
def test_what_is_wiped_while_a_part_is_read_is_read_again(device: Device, nth: int, what: str):
    """E12: by hand, in the middle of a run."""
    reads: list[int] = []

    def act(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        reads.append(first)
        if len(reads) == nth:
            remove(device, what)
        handler.part(file, first, last)

    device.camera.faults["read"] = [act] * 20

    device.run()

    assert device.object() == device.content()
    assert len(device.receipts()) == 1


@pytest.mark.parametrize("what", WIPES)
@pytest.mark.parametrize("nth", range(1, PARTS + 1))
def test_what_is_wiped_while_a_part_is_sent_is_read_again(device: Device, nth: int, what: str):
    def act(door: Door, *rest: Any) -> None:
        if len(device.cloud.puts) == nth:
            remove(device, what)
        door.take()

    device.cloud.faults["put"] = [act] * 20

    device.run()

    assert device.object() == device.content()
    assert len(device.receipts()) == 1


@pytest.mark.parametrize("what", WIPES)
@pytest.mark.parametrize("kind", ["session", "open", "urls", "complete"])
def test_what_is_wiped_while_the_coordinator_is_asked_is_read_again(device: Device, kind: str, what: str):
    def act(door: Door) -> None:
        remove(device, what)
        door.serve()

    device.cloud.faults[kind] = [act]

    device.run()

    assert device.object() == device.content()
    assert len(device.receipts()) == 1


def test_what_is_wiped_once_the_receipt_is_durable_does_not_trip_the_end(device: Device):
    """E12: parts that are dropped and a report that is written, in folders that are not there."""

    def fsync_folder(folder: str) -> None:
        SystemDisk().fsync_folder(folder)
        if folder.endswith("/receipts"):
            remove(device, "all that is in the spool")

    device.disk = altered(fsync_folder=fsync_folder)

    device.run()

    assert device.object() == device.content()
    assert (device.spool / "s" / "report.json").exists()


def test_a_spool_that_is_gone_altogether_ends_the_run_and_not_the_next(device: Device):
    """E12: it may have been a disk that was pulled out; what is below must not be filled in its place."""

    def act(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        shutil.rmtree(device.spool)
        handler.part(file, first, last)

    device.camera.faults["read"] = [None, act]
    with pytest.raises(SpoolFault, match=r"No such file or directory .*/spool"):
        device.run()

    assert not device.spool.exists()
    device.run()
    assert device.object() == device.content()


def test_parts_that_a_lost_unlink_left_go_with_the_next_run(device: Device):
    """E14: the receipt is durable, the parts are still there."""
    device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
    with pytest.raises(CoordinatorRefusal):
        device.run()
    device.cloud.complete("u_1")
    assert device.parts()

    device.run()

    assert device.parts() == []


@pytest.mark.parametrize("content", [b"", b'{"size_by', b"[]", b"[" * 100_000, b'{"size_bytes": "many"}'])
def test_a_receipt_that_the_disk_has_spoilt_is_none_and_is_written_again(device: Device, content: bytes):
    """E2: status and --new count receipts."""
    device.run()
    [path] = device.spool.glob("s/receipts/*.json")
    path.write_bytes(content)
    assert device.receipts() == []

    device.run()

    assert len(device.receipts()) == 1
