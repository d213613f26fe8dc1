"""Frozen settings from arguments and environment; whatever cannot work is named at once, all of it."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from edge_client.base.errors import SettingsFault
from edge_client.camera.link import link_to
from edge_client.coordinator.values import Token
from edge_client.http.exchange import keeps_secrets
from edge_client.model.advice import Called
from edge_client.model.gopro_names import PATH
from edge_client.model.quantities import duration_s, rate_bytes_s, size_bytes
from edge_client.model.selection import (
    ByFile,
    ByTime,
    Choice,
    Everything,
    Films,
    New,
    parsed_recording,
    parsed_time,
)

SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
TOKEN = re.compile(r"t_[A-Za-z0-9._~+/=-]{1,500}", re.ASCII)
# A haul outlasts a night without power; somebody waits for a look at a card.
HAUL_PATIENCE_S = 24 * 3600.0
LOOK_PATIENCE_S = 120.0
# A folder in it is used when it is this user's alone.
SYSTEM_TEMPORARY = Path("/tmp")  # nosec B108
# What `haul` and `audit` both take.
WORK_OPTIONS = (
    *("camera", "interface", "locks", "coordinator", "token-file"),
    *("spool", "spool-budget", "limit-rate", "give-up-after"),
)
V = TypeVar("V")


@dataclass(frozen=True)
class CameraAddress:
    """Where the camera is: an address, a network interface, or an address on an interface."""

    url: str | None
    interface: str | None
    locks: Path


@dataclass(frozen=True)
class Service:
    """The coordinator and our token for it."""

    url: str
    token: Token


@dataclass(frozen=True)
class Device:
    """All that a device needs to haul."""

    camera: CameraAddress
    service: Service
    spool: Path
    spool_budget_bytes: int | None
    limit_rate_bytes_s: float | None
    give_up_after_s: float


@dataclass(frozen=True)
class HaulSettings:
    """One run of `haul`."""

    session_id: str | None
    choice: Choice
    dry_run: bool
    device: Device
    as_json: bool


@dataclass(frozen=True)
class AuditSettings:
    """One run of `audit`."""

    haul: bool
    device: Device
    as_json: bool
    called: Called


@dataclass(frozen=True)
class ListSettings:
    """One run of `list`; without a service nobody says what is hauled."""

    camera: CameraAddress
    service: Service | None
    give_up_after_s: float
    as_json: bool


@dataclass(frozen=True)
class ForgetSettings:
    """One run of `forget`; without a camera none is asked, without a service nobody says what S3 has."""

    session_id: str
    lose_footage: bool
    dry_run: bool
    camera: CameraAddress | None
    service: Service | None
    spool: Path
    give_up_after_s: float
    as_json: bool


@dataclass(frozen=True)
class StatusSettings:
    """One run of `status`."""

    spool: Path
    service: Service | None
    as_json: bool


Settings = HaulSettings | AuditSettings | ListSettings | StatusSettings | ForgetSettings


class _Reader:
    """Reads values and gathers the faults; a value that cannot be had is stood in for, as Settings never see it."""

    def __init__(self, arguments: Namespace, environ: Mapping[str, str], temporary: Path) -> None:
        self._arguments = arguments
        self._environ = environ
        self._temporary = temporary
        self.faults: list[str] = []

    def told(self, option: str) -> str | None:
        """The option, or else its variable without the blanks and carriage returns that an editor leaves around it."""
        name = _variable(option)
        given: str | None = getattr(self._arguments, option.replace("-", "_"))
        if given:
            return self._without_controls(f"--{option}", given)
        return self._without_controls(name, self._environ.get(name, "").strip()) or None

    def _without_controls(self, source: str, text: str) -> str:
        if any(unicodedata.category(char) == "Cc" for char in text):
            self.faults.append(f"{source} has a control character in it, such as a carriage return or a tab")
        return text

    def called(self) -> Called:
        """The program and the options as they were given; what the environment says is there for the next command."""
        given = ((option, getattr(self._arguments, option.replace("-", "_"))) for option in WORK_OPTIONS)
        options = (word for option, value in given if value for word in (f"--{option}", value))
        program = self._environ.get("REELHAUL_AS")
        return Called(tuple(program.split()) if program else ("reelhaul",), tuple(options))

    def required(self, option: str) -> str:
        value = self.told(option)
        if not value:
            self.faults.append(f"--{option} (or {_variable(option)}) is needed")
        return value or ""

    def camera(self) -> CameraAddress:
        url, interface = self.told("camera"), self.told("interface")
        try:
            link_to(url, interface)
        except SettingsFault as error:
            self.faults += error.faults
        locks = self.told("locks")
        return CameraAddress(url, interface, Path(locks) if locks else self._shared_locks())

    def _shared_locks(self) -> Path:
        """Where the clients of this user lock cameras unless told.

        All of them must find the same folder, so a full disk leads nowhere else, as it does with `tempfile`.
        """
        return self._temporary_folder() / f"reelhaul-{os.geteuid()}"

    def _temporary_folder(self) -> Path:
        told = self._environ.get("TMPDIR", "").strip()
        return Path(os.path.abspath(told)) if told and os.path.isdir(told) else self._temporary

    def _require_locks(self) -> None:
        if not self.told("locks") and not self._temporary_folder().is_dir():
            self.faults.append(
                f"--locks (or REELHAUL_LOCKS) is needed: there is no temporary folder {self._temporary_folder()}"
            )

    def camera_to_ask(self) -> CameraAddress | None:
        """The camera that is asked before a session is forgotten; None only where the operator says so."""
        if not self._arguments.without_camera:
            return self.camera()
        if self._arguments.camera or self._arguments.interface:
            self.faults.append("--without-camera asks no camera; leave out --camera and --interface, or it")
        return None

    def service(self) -> Service:
        return Service(self._coordinator_url(), self._token())

    def service_if_told(self) -> Service | None:
        return self.service() if self.told("coordinator") or self.told("token-file") else None

    def _coordinator_url(self) -> str:
        text = self.required("coordinator")
        if text and not _is_address(text):
            self.faults.append(
                "--coordinator must be an http or https address without user, query or fragment"
            )
        elif text and not keeps_secrets(text):
            self.faults.append("--coordinator must be https: the token would cross the network in the open")
        return text

    def _token(self) -> Token:
        path = self.required("token-file")
        try:
            return Token(_token_text(Path(path))) if path else Token("")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self.faults.append(f"--token-file {path}: {reason}")
            return Token("")

    def device(self, give_up_after_s: float) -> Device:
        self._require_locks()
        return Device(
            camera=self.camera(),
            service=self.service(),
            spool=Path(self.required("spool")),
            spool_budget_bytes=self._quantity("spool-budget", size_bytes),
            limit_rate_bytes_s=self._quantity("limit-rate", rate_bytes_s),
            give_up_after_s=self.give_up_after_s(give_up_after_s),
        )

    def give_up_after_s(self, default_s: float) -> float:
        told_s = self._quantity("give-up-after", duration_s)
        return default_s if told_s is None else told_s

    def choice(self) -> Choice:
        given = self._arguments
        timed = bool(given.since or given.until)
        if [bool(given.recording), bool(given.file), timed, given.new, given.all].count(True) != 1:
            self.faults.append(
                "exactly one of --recording, --file, --since/--until, --new and --all is needed"
            )
        if given.unfinished and not given.file:
            self.faults.append(
                "--unfinished goes with --file: name the films that are to be hauled as they are"
            )
        if given.recording:
            return self._parsed("recording", given.recording, parsed_recording) or Everything()
        if given.file:
            return self._files(given.file)
        if timed:
            return self._time(given.since, given.until)
        return New() if given.new else Everything()

    def _files(self, paths: Sequence[str]) -> ByFile:
        if bad := [path for path in paths if not PATH.fullmatch(path)]:
            self.faults.append(f"--file is DIRECTORY/NAME of a chapter, not {', '.join(bad)}")
        films = Films.AS_THEY_ARE if self._arguments.unfinished else Films.FINISHED
        return ByFile(tuple(dict.fromkeys(paths)), films)

    def _time(self, since: str | None, until: str | None) -> Choice:
        bounds = (
            since and self._parsed("since", since, parsed_time),
            until and self._parsed("until", until, parsed_time),
        )
        try:
            return ByTime(bounds[0] or None, bounds[1] or None)
        except ValueError as error:
            self.faults.append(str(error))
            return Everything()

    def session_id(self) -> str | None:
        given = self._arguments
        session: str | None = given.session
        if session is not None:
            self._check_session_id(session)
        if session is not None and (given.all or given.new or given.since or given.until):
            self.faults.append(
                "--all, --new, --since and --until make a session of each recording, so they take no SESSION"
            )
        return session

    def session_to_forget(self) -> str:
        session: str = self._arguments.session
        self._check_session_id(session)
        return session

    def _check_session_id(self, session: str) -> None:
        if not SESSION_ID.fullmatch(session):
            self.faults.append(
                "SESSION takes letters, digits, '.', '_' and '-', at most 100, a letter or digit first"
            )

    def _quantity(self, option: str, parse: Callable[[str], V]) -> V | None:
        text = self.told(option)
        return self._parsed(option, text, parse) if text else None

    def _parsed(self, option: str, text: str, parse: Callable[[str], V]) -> V | None:
        try:
            return parse(text)
        except ValueError as error:
            self.faults.append(f"--{option} {error}")
            return None


def settings_from(
    arguments: Namespace, environ: Mapping[str, str], temporary: Path = SYSTEM_TEMPORARY
) -> Settings:
    """The settings of the command that is asked for. Raises SettingsFault with every fault."""
    reader = _Reader(arguments, environ, temporary)
    settings = READ[arguments.command](arguments, reader)
    if reader.faults:
        raise SettingsFault(list(dict.fromkeys(reader.faults)))
    return settings


def _haul(arguments: Namespace, reader: _Reader) -> Settings:
    session_id, choice = reader.session_id(), reader.choice()
    return HaulSettings(session_id, choice, arguments.dry_run, reader.device(HAUL_PATIENCE_S), arguments.json)


def _audit(arguments: Namespace, reader: _Reader) -> Settings:
    patience_s = HAUL_PATIENCE_S if arguments.haul else LOOK_PATIENCE_S
    return AuditSettings(arguments.haul, reader.device(patience_s), arguments.json, reader.called())


def _list(arguments: Namespace, reader: _Reader) -> Settings:
    camera, service = reader.camera(), reader.service_if_told()
    return ListSettings(camera, service, reader.give_up_after_s(LOOK_PATIENCE_S), arguments.json)


def _status(arguments: Namespace, reader: _Reader) -> Settings:
    return StatusSettings(Path(reader.required("spool")), reader.service_if_told(), arguments.json)


def _forget(arguments: Namespace, reader: _Reader) -> Settings:
    return ForgetSettings(
        session_id=reader.session_to_forget(),
        lose_footage=arguments.lose_footage,
        dry_run=arguments.dry_run,
        camera=reader.camera_to_ask(),
        service=reader.service_if_told(),
        spool=Path(reader.required("spool")),
        give_up_after_s=reader.give_up_after_s(LOOK_PATIENCE_S),
        as_json=arguments.json,
    )


READ: Mapping[str, Callable[[Namespace, _Reader], Settings]] = {
    "haul": _haul,
    "audit": _audit,
    "list": _list,
    "status": _status,
    "forget": _forget,
}


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
