"""An ASC MHL hash list, written with the library `ascmhl`: its own `verify` checks files against it.

Source: github.com/ascmitc/mhl, and the specification of ASC MHL v2.0
"""

import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from typing import Any

from infra.admin.deployment import Refused

FOLDER = "ascmhl"
"""Where the library looks for the lists of the folder around it."""

_FORMAT = "xxh128"


@dataclass(frozen=True)
class Hashed:
    """A file at its `place` below the folder of the list; `xxh128` are 32 hex digits of bytes that were read `at`."""

    place: PurePosixPath
    size_bytes: int
    xxh128: str
    at: datetime


def demand_library() -> None:
    """Raises Refused where `ascmhl` is not installed."""
    try:
        import ascmhl.generator  # noqa: F401
    except ModuleNotFoundError as error:
        raise Refused("this needs ascmhl: install the command as reelhaul-admin[manifest]") from error


def write_list(folder: Path, files: Sequence[Hashed], comment: str, tool_version: str) -> Path:
    """The list of these files, which `folder` need not have yet; all of it or nothing.

    Raises Refused where the folder has lists already: they are never changed.
    """
    refuse_other_lists(folder)
    from ascmhl.generator import MHLGenerationCreationSession
    from ascmhl.hashlist import MHLCreatorInfo, MHLProcess, MHLProcessInfo, MHLTool
    from ascmhl.history import MHLHistory

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".manifest-", dir=folder.parent) as workplace:
        # The library names the list after the folder that it is written for.
        root = Path(workplace).resolve() / folder.name
        root.mkdir()
        session = MHLGenerationCreationSession(MHLHistory.load_from_path(str(root)))
        for file in files:
            session.append_file_hash(
                str(root / file.place),
                file.size_bytes,
                None,
                _FORMAT,
                file.xxh128,
                hash_date=_naive(file.at),
            )
        _append_folders(session, root, files)
        creator = MHLCreatorInfo()
        creator.tool = MHLTool("reelhaul-admin", tool_version)
        creator.creation_date = datetime.now().astimezone().replace(microsecond=0).isoformat()
        creator.host_name = platform.node()
        creator.comment = comment
        process = MHLProcessInfo()
        process.process = MHLProcess("transfer")
        session.commit(creator, process)
        [written] = (root / FOLDER).glob("*.mhl")
        # A rename replaces no folder that has files: one that came meanwhile stays.
        (root / FOLDER).rename(folder / FOLDER)
        return folder / FOLDER / written.name


def refuse_other_lists(folder: Path) -> None:
    """Raises Refused where the folder has lists already."""
    lists = folder / FOLDER
    if os.path.lexists(lists):
        raise Refused(
            f"{lists} is there already, and lists are never changed: move it away, or name another --out"
        )


def _append_folders(session: Any, root: Path, files: Sequence[Hashed]) -> None:
    """The hashes of every folder, of what is in it and of its names; the library computes them from those of files."""
    from ascmhl.hasher import DirectoryHashContext

    by_place = {file.place: file for file in files}
    folders = {folder for place in by_place for folder in place.parents}
    found: dict[PurePosixPath, tuple[str, str]] = {}
    # A folder comes behind those in it, which have longer paths; children come by name, as the library walks.
    for folder in sorted(folders, key=lambda each: (-len(each.parts), each)):
        context = DirectoryHashContext(_FORMAT)
        children = [each for each in (*by_place, *found) if each.parent == folder and each != folder]
        for child in sorted(children, key=lambda each: each.name):
            if child in by_place:
                context.append_file_hash(str(root / child), by_place[child].xxh128)
            else:
                context.append_directory_hashes(str(root / child), *found[child])
        found[folder] = (context.final_content_hash_str(), context.final_structure_hash_str())
        content, structure = found[folder]
        session.append_multiple_format_directory_hashes(
            str(root / folder), None, {_FORMAT: content}, {_FORMAT: structure}
        )


def _naive(at: datetime) -> datetime:
    """`at` without its zone, as the library takes it: it adds the machine's present one."""
    is_summer = time.localtime().tm_isdst == 1
    offset_s = -(time.altzone if is_summer else time.timezone)
    return at.astimezone(timezone(timedelta(seconds=offset_s))).replace(tzinfo=None)
