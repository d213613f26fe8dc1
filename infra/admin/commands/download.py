"""`download`: the files of a session or a group, fetched to this machine and proven there."""

import argparse
import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from chalicelib.core import ids
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import demand_group
from chalicelib.flows.store import load
from chalicelib.ports import Listed, ListedBy, Ports
from infra.admin import formats
from infra.admin.at_rest.reading import Pace, demand_checksums
from infra.admin.console import (
    DONE,
    NAMED,
    OWED,
    REFUSED,
    Arguments,
    Console,
    at_a_stage,
    command,
    named_session,
    number,
    tell,
)
from infra.admin.deployment import Refused
from infra.admin.fetching import End, Fetching, FetchProgress, Outcome, Target
from infra.admin.formats import columns, counted, size
from infra.admin.layout import File, Part, Reach, files_of, session_folder

_EXAMPLES = """  reelhaul-admin download --stage prod match-17-north /mnt/edit
  reelhaul-admin download --stage prod match-17-north /mnt/edit --outputs --measurements
  reelhaul-admin download --stage prod --group match-17 /mnt/edit
  reelhaul-admin download --stage prod match-17-north /mnt/edit --limit-rate 20 --parallel 2"""

PARALLEL = 8
_MOST_PARALLEL = 10
"""As many connections to one host as boto3 keeps."""
_WIDTH = 24
_PAGE = 100

_PARTS = {
    Part.ORIGINALS: "the chapters as the camera wrote them; the default where nothing else is named",
    Part.OUTPUTS: "what processors made, below outputs/",
    Part.MEASUREMENTS: "measurements, below measurements/",
    Part.PROXIES: "the small films of the camera, below proxies/",
    Part.THUMBNAILS: "the pictures of the camera, below thumbnails/",
}
_ENDS = {End.DIFFERS: REFUSED, End.DAMAGED: REFUSED, End.UNREAD: OWED}
_REACHES = {Reach.NOT: REFUSED, Reach.LATER: OWED}
_REMEDIES = {
    End.DIFFERS: "move that file away, or download into another folder",
    End.DAMAGED: "`reelhaul-admin verify` says whether S3's bytes are damaged; if they are not, look at this machine",
    End.UNREAD: "run the same command again: it continues",
}


def describe(commands: Any) -> None:
    """The command `download`."""
    made = command(
        commands,
        "download",
        "fetch the files of a session or a group, proven by their receipts",
        _EXAMPLES,
        _download,
    )
    at_a_stage(made)
    made.add_argument(
        "names",
        nargs="+",
        metavar="[SESSION ...] DIR",
        help=f"SESSION is {NAMED}; its files come into DIR/NAME",
    )
    made.add_argument(
        "--group", type=_group, metavar="GROUP", help="every session of this group, in place of SESSION"
    )
    made.add_argument(
        "--project", default=ids.MAIN, metavar="PROJECT", help=f"of the group; default: {ids.MAIN}"
    )
    add_parts(made)
    made.add_argument(
        "--limit-rate", type=number, metavar="MIB_S", help="read at most so many MiB per second in all"
    )
    made.add_argument(
        "--parallel",
        type=parallel,
        default=PARALLEL,
        metavar="N",
        help=f"ranges at a time, at most {_MOST_PARALLEL}; default: {PARALLEL}",
    )


def _group(text: str) -> str:
    try:
        return demand_group(text)
    except InvalidRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_parts(made: argparse.ArgumentParser) -> None:
    """The options that say which of a session's files are meant; `wanted_parts` reads them."""
    for part, what in _PARTS.items():
        made.add_argument(f"--{part.value}", dest="parts", action="append_const", const=part, help=what)


def wanted_parts(given: Arguments) -> frozenset[Part]:
    """Which of a session's files are meant: those that are named, or the originals."""
    return frozenset(given.parts or (Part.ORIGINALS,))


def parallel(text: str) -> int:
    """An argument that says how many ranges are read at a time."""
    if number(text) > _MOST_PARALLEL:
        raise argparse.ArgumentTypeError(f"{text} is more than {_MOST_PARALLEL}")
    return number(text)


def _download(given: Arguments, desk: Console) -> int:
    named, folder = _named(given)
    demand_checksums()
    ports = desk.reach(given).ports
    sessions = named or list(_sessions_of(ports, given.project, given.group))
    parts = wanted_parts(given)
    files = [file for picture in _pictures(ports, sessions) for file in files_of(picture, parts, given.stage)]
    folder.mkdir(parents=True, exist_ok=True)
    with _holding([session_folder(folder, each) for each in sessions], desk):
        return _fetch(given, desk, ports, folder, files)


def _named(given: Arguments) -> tuple[list[SessionId], Path]:
    """The sessions that are named, and the folder: the last name."""
    *names, folder = given.names
    if bool(names) == bool(given.group):
        given.misused("name SESSION and DIR, or --group GROUP and DIR")
    try:
        sessions = list(dict.fromkeys(named_session(each) for each in names))
    except argparse.ArgumentTypeError as error:
        given.misused(str(error))
    if len({ids.name_of(each) for each in sessions}) < len(sessions):
        given.misused("sessions of one name, in two projects, need a DIR each")
    return sessions, Path(folder)


def _sessions_of(ports: Ports, project: str, group: str) -> Iterator[SessionId]:
    """The sessions of a group, the oldest first. Raises Refused when there is none."""
    found: list[SessionId] = []
    last: Listed | None = None
    by = ListedBy(ids.project(project), group=group)
    while entries := ports.records.list_sessions(by, None, None, last, _PAGE):
        found += [each.listed.session_id for each in entries]
        last = entries[-1].listed
    # A list may have a session that was never recorded.
    known = [each for each in reversed(found) if ports.records.picture(each)]
    if not known:
        raise Refused(f"project {project} has no session of group {group}")
    yield from known


def _pictures(ports: Ports, sessions: Sequence[SessionId]) -> Iterator[Picture]:
    return (load(ports, each) for each in sessions)


@contextlib.contextmanager
def _holding(folders: Sequence[Path], desk: Console) -> Iterator[None]:
    """Keep other runs out of these folders. Raises Refused where one is under way."""
    with contextlib.ExitStack() as held:
        for folder in folders:
            # Beside the folder: whatever is in it, a hash list must name.
            lock = folder.with_name(f".{folder.name}.lock")
            descriptor = _lock(lock, folder, desk)
            held.callback(os.close, descriptor)
            held.callback(lock.unlink, missing_ok=True)
        yield


def _lock(lock: Path, folder: Path, desk: Console) -> int:
    """The descriptor of the lock of a folder, which this run holds."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise Refused(f"another download writes into {folder}") from error
        except OSError as error:
            desk.note(
                f"this disk keeps no locks ({error.strerror}): let no other download write into {folder}"
            )
            return descriptor
        if _is_at(lock, descriptor):
            return descriptor
        # Its holder has removed it meanwhile.
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _fetch(given: Arguments, desk: Console, ports: Ports, folder: Path, files: Sequence[File]) -> int:
    by_path = {file.path(folder): file for file in files}
    targets = [Target(file.receipt, path) for path, file in by_path.items() if file.receipt]
    _demand_room(desk, folder, targets)
    began_at = ports.clock.now()

    def seconds() -> float:
        return (ports.clock.now() - began_at).total_seconds()

    pace = Pace(given.limit_rate * 2**20 if given.limit_rate else None, seconds, desk.pause)
    fetching = Fetching(
        ports.objects,
        pace,
        given.parallel,
        lambda so_far: desk.draw(_bar(so_far, pace.read_bytes, seconds())),
    )
    desk.note(f"{counted(len(targets), 'file')} into {folder}")
    outcomes = {outcome.target.path: outcome for outcome in fetching.run(targets)}
    desk.draw("")
    told = [_document(file, path, outcomes.get(path)) for path, file in by_path.items()]
    document = {
        "stage": given.stage,
        "folder": str(folder),
        "fetched_bytes": fetching.so_far.fetched_bytes,
        "files": told,
    }
    tell(given, desk, document, lambda: list(_lines(document, seconds())))
    codes = {_ENDS.get(outcome.end, DONE) for outcome in outcomes.values()}
    codes |= {_REACHES[file.reach] for file in files if file.receipt is None}
    return REFUSED if REFUSED in codes else OWED if OWED in codes else DONE


def _demand_room(desk: Console, folder: Path, targets: Sequence[Target]) -> None:
    """Raises Refused when the disk has no room for what is still to be fetched."""
    wanted = sum(
        each.receipt.size_bytes - each.begun_bytes() for each in targets if not os.path.lexists(each.path)
    )
    free = desk.free_bytes(folder)
    if wanted > free:
        raise Refused(
            f"{folder} has {size(free)} free; {size(wanted)} are to be fetched: make room, or choose another disk"
        )


def _bar(so_far: FetchProgress, read_bytes: int, passed_s: float) -> str:
    """`[######------]  50 %  3 of 6 files, 1.0 GiB of 2.0 GiB, 30.0 MiB/s, 0:00:35 left`."""
    done = min(1.0, so_far.fetched_bytes / so_far.size_bytes) if so_far.size_bytes else 1.0
    filled = int(done * _WIDTH)
    rate = read_bytes / passed_s if passed_s > 0 else 0
    left = max(0, so_far.size_bytes - so_far.fetched_bytes)
    tail = f", {size(round(rate))}/s, {timedelta(seconds=round(left / rate))} left" if rate else ""
    tail += f"; reads back {so_far.read_back}" if so_far.read_back else ""
    return (
        f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {done:4.0%}  {so_far.done_files} of {so_far.files} files, "
        f"{size(so_far.fetched_bytes)} of {size(so_far.size_bytes)}{tail}"
    )


def _document(file: File, path: Path, outcome: Outcome | None) -> Mapping[str, Any]:
    return {
        "project": ids.project_of(file.session_id),
        "session_id": ids.name_of(file.session_id),
        "artifact_id": file.artifact_id,
        "path": str(path),
        "size_bytes": file.size_bytes,
        "status": outcome.end.value if outcome else "missing",
        "why": outcome.fault if outcome else file.why,
        "next": _REMEDIES.get(outcome.end) if outcome else file.remedy,
    }


def _lines(document: Mapping[str, Any], passed_s: float) -> Iterator[str]:
    for each in document["files"]:
        if each["why"]:
            yield f"{formats.session(each)}: not fetched {each['artifact_id']}"
            yield from columns([("why", each["why"]), ("next", each["next"])], indent=2)
    done = [each for each in document["files"] if each["status"] == End.FETCHED.value]
    there = [each for each in document["files"] if each["status"] == End.THERE.value]
    left = len(document["files"]) - len(done) - len(there)
    yield (
        f"{counted(len(done), 'file')} fetched and proven, {len(there)} there already, {left} not fetched; "
        f"{size(document['fetched_bytes'])} read in {timedelta(seconds=round(passed_s))} into {document['folder']}"
    )
