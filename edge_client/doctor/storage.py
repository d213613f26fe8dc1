"""The disk below the spool, and the settings that name it."""

from __future__ import annotations

import errno
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_client.config import Faulty
from edge_client.doctor.finding import Finding, NotChecked, fine, first, problem, warning
from edge_client.doctor.machine import LOOK_THERE, PROBE_BYTES, Machine
from edge_client.doctor.subject import Subject

MIB = 1024 * 1024
# Two parts, and what is always kept free (spool/budget.py).
LEAST_ROOM_BYTES = 48 * MIB
AMPLE_ROOM_BYTES = 1024 * MIB
LEAST_BUDGET_BYTES = 32 * MIB
LEAST_FREE_FILES = 1000
# A part of 16 MiB then takes 8 s, less than a slow camera needs for it.
SLOW_WRITE_S = 2.0
IN_MEMORY = ("tmpfs", "ramfs")
WITHOUT_OWNERS = ("vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk")
ELSEWHERE = re.compile(r"nfs\d?|cifs|smb3|fuse\.sshfs|9p")
MAKE_ROOM = "remove other files from that disk, or mount a larger one there; never remove files of the spool"


def settings(subject: Subject) -> Iterator[Finding]:
    """That every setting can be read. The token's faults are the token's check."""
    of_token = set(subject.settings.token.faults)
    faults = [fault for fault in subject.settings.device.faults if fault not in of_token]
    for fault in faults:
        yield problem(
            fault,
            "correct it in /etc/reelhaul/reelhaul.env or /etc/reelhaul/INTERFACE.env, then run doctor again",
        )
    budget = subject.settings.spool_budget_bytes
    if budget is not None and budget < LEAST_BUDGET_BYTES:
        yield problem(
            f"the spool may hold {budget:,} bytes, and two parts of 16 MiB need {LEAST_BUDGET_BYTES:,}",
            "raise REELHAUL_SPOOL_BUDGET to 64MiB or more",
        )
    elif not faults:
        yield fine("every setting can be read")


def spool(subject: Subject) -> Iterator[Finding]:
    """That the spool, and the locks of cameras, are folders of this user alone."""
    camera = subject.settings.camera
    folders = [subject.spool] if isinstance(camera, Faulty) else [subject.spool, camera.value.locks]
    faults = [fault for folder in folders if (fault := _fault_of_folder(subject.machine, folder))]
    if faults:
        yield faults[0]
    else:
        yield fine(f"the spool is {subject.spool}")


def _fault_of_folder(machine: Machine, folder: Path) -> Finding | None:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return _fault_of_parent(machine, folder)
    if not stat.S_ISDIR(found.st_mode):
        return problem(
            f"{folder} is not a folder, or a link", f"move {folder} away; the client makes the folder itself"
        )
    if found.st_uid != machine.user_id():
        return problem(f"{folder} belongs to another user than the one that runs doctor", LOOK_THERE)
    if found.st_mode & 0o022:
        return problem(f"others may write to {folder}", f"sudo chmod go-w {folder}")
    return None


def _fault_of_parent(machine: Machine, folder: Path) -> Finding | None:
    """The next haul makes the folder, where it may."""
    parent = _there(folder)
    found = parent.stat()
    mine = found.st_uid == machine.user_id() and found.st_mode & 0o200
    if mine or found.st_mode & 0o002 or machine.user_id() == 0:
        return None
    return problem(f"{folder} is not there, and this user may not make it in {parent}", LOOK_THERE)


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(each for each in (folder, *folder.absolute().parents) if each.exists())


def room(subject: Subject) -> Iterator[Finding]:
    """That the spool's disk has room for parts."""
    folder = _there(subject.spool)
    try:
        found = subject.machine.room(folder)
    except OSError as error:
        yield problem(f"the disk of {folder} does not say its room ({error.strerror})", "take another disk")
        return
    free_mb = found.free_bytes // 1_000_000
    if found.free_bytes < LEAST_ROOM_BYTES:
        yield problem(f"{free_mb:,} MB are free on the spool's disk, and two parts need 50", MAKE_ROOM)
    elif found.free_files is not None and found.free_files < LEAST_FREE_FILES:
        yield problem(f"the spool's disk has room for {found.free_files} more files only", MAKE_ROOM)
    elif found.free_bytes < AMPLE_ROOM_BYTES:
        yield warning(
            f"{free_mb:,} MB are free on the spool's disk: the camera waits whenever the uplink is slow",
            MAKE_ROOM,
        )
    else:
        yield fine(f"{free_mb:,} MB are free on the spool's disk")


def write(subject: Subject) -> Iterator[Finding]:
    """That the spool's disk takes and keeps what is written, in time."""
    folder = subject.spool
    if not folder.is_dir():
        raise NotChecked(
            "the spool's folder is not there yet", "haul once, which makes it, then run doctor again"
        )
    try:
        seconds = subject.machine.write_s(folder)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise NotChecked(
                "this file system cannot write without leaving a file",
                "haul: its log says what the disk refuses",
            ) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            yield problem("the spool's disk is full", first("room"))
        elif error.errno == errno.EROFS:
            yield problem("the spool's disk is read-only", first("mount"))
        elif error.errno in (errno.EACCES, errno.EPERM):
            yield problem(f"this user may not write to {folder}", first("spool"))
        else:
            yield problem(
                f"the spool's disk does not take what is written ({error.strerror})", "take another disk"
            )
        return
    what = f"{PROBE_BYTES // MIB} MiB are on the spool's disk in {seconds:.2f} s"
    if seconds > SLOW_WRITE_S:
        yield warning(
            f"the spool's disk is slow: {what}", "take another disk, such as an NVMe or a newer SD card"
        )
    else:
        yield fine(what)


@dataclass(frozen=True)
class Mount:
    """A file system and where it is."""

    place: Path
    kind: str
    options: frozenset[str]


def mounts(machine: Machine) -> list[Mount]:
    """What is mounted, in order: the last of a place counts. Raises NotChecked."""
    found = []
    for line in machine.needed_text("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, more = before.split(), after.split()
        if len(fields) >= 6 and more:
            options = frozenset(fields[5].split(",")) | frozenset(
                more[-1].split(",") if len(more) > 2 else ()
            )
            found.append(Mount(Path(_unescaped(fields[4])), more[0], options))
    return found


def mount(subject: Subject) -> Iterator[Finding]:
    """That the spool lies on a disk that keeps it, and on the disk that is meant for it."""
    folder = subject.spool.absolute()
    known = mounts(subject.machine)
    above = [each for each in known if each.place == folder or each.place in folder.parents]
    if not above:
        raise NotChecked("the system does not say which disk the spool is on", LOOK_THERE)
    own = max(reversed(above), key=lambda each: len(each.place.parts))
    if missing := _not_mounted(subject.machine, folder, {each.place for each in known}):
        yield problem(
            f"the disk that /etc/fstab names for {missing} is not mounted, so the spool fills the system's disk",
            f"sudo mount {missing}",
        )
    elif "ro" in own.options:
        yield problem(
            f"the spool's disk ({own.place}) is mounted read-only, which a system does to a disk with faults",
            f"sudo mount -o remount,rw {own.place}; if it refuses, take another disk",
        )
    elif own.kind in IN_MEMORY:
        yield problem(
            f"the spool is in memory ({own.kind} at {own.place}), and gone when the power is",
            "put the spool on a disk: mount one at /var/lib/reelhaul",
        )
    elif own.kind in WITHOUT_OWNERS:
        yield problem(
            f"the spool's disk ({own.place}) is {own.kind}, where no file belongs to a user",
            "format that disk as ext4, once nothing on it is wanted",
        )
    elif ELSEWHERE.fullmatch(own.kind):
        yield warning(
            f"the spool is on another machine ({own.kind} at {own.place}), and waits for it",
            "put the spool on a disk of this device: mount one at /var/lib/reelhaul",
        )
    else:
        yield fine(f"the spool is on {own.kind} at {own.place}")


def _not_mounted(machine: Machine, folder: Path, places: set[Path]) -> Path | None:
    """The place in /etc/fstab that the spool is below and where nothing is mounted."""
    for line in (machine.text("/etc/fstab") or "").splitlines():
        fields = line.split("#")[0].split()
        if len(fields) >= 4 and fields[1].startswith("/") and "noauto" not in fields[3].split(","):
            place = Path(_unescaped(fields[1]))
            if (place == folder or place in folder.parents) and place != Path("/") and place not in places:
                return place
    return None


def _unescaped(text: str) -> str:
    """A path of the kernel's tables, where blanks and the like are octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
