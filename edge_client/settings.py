"""Frozen settings from arguments and environment; whatever cannot work is named at once, all of it."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from edge_client.choice import ByFile, Choice, Everything, parsed_recording
from edge_client.coordinator import Token
from edge_client.errors import SettingsFault
from edge_client.names import PATH
from edge_client.quantities import duration_s, rate_bytes_s, size_bytes

SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
TOKEN = re.compile(r"t_[A-Za-z0-9._~+/=-]{1,500}", re.ASCII)
GIVE_UP_AFTER_S = 24 * 3600.0
Q = TypeVar("Q", int, float)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Settings:
    """What one run of `haul` needs; everything checked."""

    session_id: str | None
    choice: Choice
    camera_url: str
    coordinator_url: str
    token: Token
    spool: Path
    spool_budget_bytes: int | None
    locks: Path
    limit_rate_bytes_s: float | None
    give_up_after_s: float
    dry_run: bool
    as_json: bool


class _Reader:
    """Reads values and gathers the faults; a value that cannot be had is stood in for, as Settings never see it."""

    def __init__(self, arguments: Namespace, environ: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._environ = environ
        self.faults: list[str] = []

    def required(self, option: str) -> str:
        variable = _variable(option)
        value = getattr(self._arguments, option.replace("-", "_")) or self._environ.get(variable)
        if not value:
            self.faults.append(f"--{option} (or {variable}) is needed")
        return value or ""

    def url(self, option: str) -> str:
        text = self.required(option)
        if text and not _is_address(text):
            self.faults.append(f"--{option} must be an http or https address without user, query or fragment")
        return text

    def coordinator_url(self) -> str:
        text = self.url("coordinator")
        if text and _is_address(text) and not _keeps_a_secret(text):
            self.faults.append("--coordinator must be https: the token would cross the network in the open")
        return text

    def token(self) -> Token:
        path = self.required("token-file")
        try:
            return Token(_token_text(Path(path))) if path else Token("")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self.faults.append(f"--token-file {path}: {reason}")
            return Token("")

    def choice(self) -> Choice:
        given = self._arguments
        if [bool(given.recording), bool(given.file), given.all].count(True) != 1:
            self.faults.append("exactly one of --recording, --file and --all is needed")
        if bad := [path for path in given.file or [] if not PATH.fullmatch(path)]:
            self.faults.append(f"--file is DIRECTORY/NAME of a chapter, not {', '.join(bad)}")
        try:
            if given.recording:
                return parsed_recording(given.recording)
        except ValueError as error:
            self.faults.append(f"--recording {error}")
        return ByFile(tuple(dict.fromkeys(given.file))) if given.file else Everything()

    def session_id(self) -> str | None:
        session: str | None = self._arguments.session
        if session is not None and not SESSION_ID.fullmatch(session):
            self.faults.append(
                "SESSION takes letters, digits, '.', '_' and '-', at most 100, a letter or digit first"
            )
        if session is not None and self._arguments.all:
            self.faults.append("--all makes a session of each recording, so it takes no SESSION")
        return session

    def locks(self) -> Path:
        """One folder for all clients of this user on this machine, whatever their spools."""
        told = self._arguments.locks or self._environ.get("REELHAUL_LOCKS")
        return Path(told) if told else Path(tempfile.gettempdir()) / f"reelhaul-{os.geteuid()}"

    def quantity(self, option: str, parsed: Callable[[str], Q]) -> Q | None:
        text = getattr(self._arguments, option.replace("-", "_")) or self._environ.get(_variable(option))
        if not text:
            return None
        try:
            return parsed(text)
        except ValueError as error:
            self.faults.append(f"--{option} {error}")
            return None


def settings_from(arguments: Namespace, environ: Mapping[str, str]) -> Settings:
    """The settings. Raises SettingsFault with every fault."""
    reader = _Reader(arguments, environ)
    patience_s = reader.quantity("give-up-after", duration_s)
    settings = Settings(
        session_id=reader.session_id(),
        choice=reader.choice(),
        camera_url=reader.url("camera"),
        coordinator_url=reader.coordinator_url(),
        token=reader.token(),
        spool=Path(reader.required("spool")),
        locks=reader.locks(),
        spool_budget_bytes=reader.quantity("spool-budget", size_bytes),
        limit_rate_bytes_s=reader.quantity("limit-rate", rate_bytes_s),
        give_up_after_s=GIVE_UP_AFTER_S if patience_s is None else patience_s,
        dry_run=arguments.dry_run,
        as_json=arguments.json,
    )
    if reader.faults:
        raise SettingsFault(reader.faults)
    return settings


def _variable(option: str) -> str:
    return f"REELHAUL_{option.upper().replace('-', '_')}"


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        known = parts.hostname and parts.port != 0
    except ValueError:
        return False
    return (
        bool(known)
        and parts.scheme in ("http", "https")
        and not (parts.username or parts.query or parts.fragment)
    )


def _keeps_a_secret(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme == "https" or parts.hostname in LOOPBACK


def _token_text(path: Path) -> str:
    """The token in a file that nobody else can read. Raises ValueError or OSError; no text of it is told."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            raise ValueError("must be a file with mode 0600, readable by nobody else")
        text = stream.read(1024).decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(text):
        raise ValueError("does not hold a token (t_…)")
    return text
