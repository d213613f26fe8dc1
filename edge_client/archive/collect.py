"""What goes into the archive: each piece without secrets and within its bound, or the reason why it is not there."""

from __future__ import annotations

import json
import os
import platform
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge_client.archive.journal import NoJournal, read_journal
from edge_client.archive.redact import SECRET_NAME, Redactor, is_of_file, secrets_in
from edge_client.base.disk import SystemDisk
from edge_client.base.terminal import plain

KIB = 1024
MOST_FILE_BYTES = 256 * KIB
OVERLAP_BYTES = 8 * KIB
MOST_READ_BYTES = MOST_FILE_BYTES + OVERLAP_BYTES
MOST_SECRETS_BYTES = 64 * KIB
MOST_TOTAL_BYTES = 24 * KIB * KIB
MOST_SESSIONS = 100
MOST_LISTED = 5000
ETC = Path("/etc/reelhaul")
DOCUMENTS = ("plan.json", "report.json", "stuck.json", "sidecars.json")
LIBRARIES = ("reelhaul", "requests", "urllib3", "certifi", "awscrt", "tqdm")
VARIABLE = "REELHAUL_"


@dataclass(frozen=True)
class Piece:
    """One file of the archive; `is_cut` where it was longer than its bound."""

    name: str
    content: bytes
    is_cut: bool = False


@dataclass(frozen=True)
class Absent:
    """Something that is not in the archive, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class Sources:
    """Where the pieces come from.

    `options` are those of the command line that were given; `secret_files` hold what must not be in the archive.
    """

    environ: Mapping[str, str]
    options: Mapping[str, str]
    spool: Path | None
    secret_files: Sequence[Path]
    doctor: Callable[[], Mapping[str, object]]
    etc: Path = ETC
    journal: Callable[[], bytes] = read_journal


def collect(sources: Sources) -> list[Piece | Absent]:
    """Everything that the archive will have, the list of it first."""
    redactor = Redactor(_secrets(sources))
    found = list(_within(_pieces(sources, redactor), redactor))
    return [_contents(found), *found]


def _within(pieces: Iterable[Piece | Absent], redactor: Redactor) -> Iterator[Piece | Absent]:
    """The pieces with safe names, as many as fit into the archive's bound."""
    left_bytes = MOST_TOTAL_BYTES
    for each in pieces:
        name = _safe(redactor.text(each.name))
        if isinstance(each, Absent):
            yield Absent(name, redactor.text(each.why))
        elif len(each.content) > left_bytes:
            yield Absent(name, "the archive is full")
        else:
            left_bytes -= len(each.content)
            yield Piece(name, each.content, each.is_cut)


def _safe(name: str) -> str:
    """A name that leads nowhere else when it is unpacked."""
    parts = [re.sub(r"[^A-Za-z0-9._=@()-]", "_", part) for part in plain(name).split("/")]
    return "/".join(part if part.strip(".") else "_" for part in parts)


def _contents(found: list[Piece | Absent]) -> Piece:
    rows = [
        {"name": each.name, "size_bytes": len(each.content), "is_cut": each.is_cut}
        if isinstance(each, Piece)
        else {"name": each.name, "absent_because": each.why}
        for each in found
    ]
    return Piece("contents.json", json.dumps(rows, indent=1).encode())


def _pieces(sources: Sources, redactor: Redactor) -> Iterator[Piece | Absent]:
    yield _made("versions.json", _versions(), redactor)
    settings = {
        "environment": {
            name: text for name, text in sorted(sources.environ.items()) if name.startswith(VARIABLE)
        },
        "options": dict(sources.options),
    }
    yield _made("settings.json", settings, redactor)
    for path in sorted(sources.etc.glob("*.env")):
        yield _file(f"settings/{path.name}", path, redactor)
    yield _made("doctor.json", sources.doctor(), redactor)
    yield _journal(sources, redactor)
    if sources.spool is None:
        yield Absent("spool", "no spool is named: --spool, or REELHAUL_SPOOL")
    elif not sources.spool.is_dir():
        yield Absent("spool", f"{sources.spool} is not there")
    else:
        yield from _spool(sources.spool, redactor)


def _made(name: str, document: object, redactor: Redactor) -> Piece:
    return Piece(name, json.dumps(redactor.document(document), indent=1).encode())


def _versions() -> dict[str, object]:
    libraries = dict[str, str | None]()
    for name in LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            libraries[name] = None
    release = Path("/etc/os-release")
    text = release.read_text(errors="replace") if release.is_file() else ""
    system = re.search(r'^PRETTY_NAME="?([^"\n]*)', text, re.MULTILINE)
    return {
        "libraries": libraries,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "system": system[1] if system else None,
    }


def _journal(sources: Sources, redactor: Redactor) -> Piece | Absent:
    try:
        lines = sources.journal()
    except NoJournal as error:
        return Absent("journal.txt", str(error))
    return Piece("journal.txt", redactor.text(lines.decode("utf-8", "replace")).encode())


def _file(name: str, path: Path, redactor: Redactor) -> Piece | Absent:
    """A file, redacted before it is cut."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return Absent(name, "it is not a file")
        with os.fdopen(SystemDisk().open(str(path)), "rb", buffering=0) as stream:
            raw = stream.read(MOST_READ_BYTES + 1) or b""
    except OSError as error:
        return Absent(name, f"it cannot be read ({error.strerror})")
    is_cut = len(raw) > MOST_READ_BYTES
    content = redactor.content(raw)
    if is_cut:
        # A secret may be cut in two at the end of what was read, and then nothing tells it.
        content = content[:-OVERLAP_BYTES]
    return Piece(name, content[:MOST_FILE_BYTES], is_cut or len(content) > MOST_FILE_BYTES)


def _spool(root: Path, redactor: Redactor) -> Iterator[Piece | Absent]:
    """The list of the spool's files, then what later sessions have to say before earlier ones."""
    try:
        yield _listing(root, redactor)
        folders = [each for each in root.iterdir() if each.is_dir() and not each.is_symlink()]
        sessions = sorted(
            (each for each in folders if not each.name.startswith(".")),
            key=lambda folder: folder.stat().st_mtime,
            reverse=True,
        )
    except OSError as error:
        yield Absent("spool", f"it cannot be read ({error.strerror})")
        return
    for path in sorted((root / ".rereads").glob("*.json"))[:MOST_LISTED]:
        yield _file(f"spool/rereads/{path.name}", path, redactor)
    for folder in sessions[:MOST_SESSIONS]:
        for name in DOCUMENTS:
            if (folder / name).exists():
                yield _file(f"spool/{folder.name}/{name}", folder / name, redactor)
        for path in sorted((folder / "receipts").glob("*.json")):
            yield _file(f"spool/{folder.name}/receipts/{path.name}", path, redactor)
    if len(sessions) > MOST_SESSIONS:
        yield Absent(
            "spool", f"{len(sessions) - MOST_SESSIONS} earlier sessions: the last {MOST_SESSIONS} are in"
        )


def _listing(root: Path, redactor: Redactor) -> Piece:
    """Names and sizes of what is in the spool; no byte of a film is in the archive."""
    lines = list[str]()
    for path in sorted(root.rglob("*")):
        if len(lines) == MOST_LISTED:
            lines.append("…")
            break
        if not path.is_dir():
            lines.append(f"{path.lstat().st_size:>14,}  {plain(str(path.relative_to(root)))}")
    return Piece("spool/files.txt", redactor.text("\n".join(lines)).encode())


def _secrets(sources: Sources) -> set[str]:
    """The secrets of this device: its token, files that a setting names, and settings with a secret's name."""
    named = {name: text for name, text in sources.environ.items() if name.startswith(VARIABLE)}
    for path in sorted(sources.etc.glob("*.env")):
        named |= {f"{path.name} {name}": text for name, text in _lines_of(path)}
    files = {Path(text) for text in named.values() if text.startswith("/")} | set(sources.secret_files)
    secrets = {
        text for name, text in named.items() if SECRET_NAME.search(name) and not is_of_file(name, text)
    }
    for file in files:
        secrets |= secrets_in(_text_of(file))
    return secrets


def _lines_of(path: Path) -> Iterator[tuple[str, str]]:
    for line in _text_of(path).splitlines():
        name, is_setting, text = line.partition("=")
        if is_setting:
            yield name.strip(), text.strip().strip("\"'")


def _text_of(path: Path) -> str:
    """What a small file says; nothing where it cannot be read, as it is then in no other place of the archive."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            return stream.read(MOST_SECRETS_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
