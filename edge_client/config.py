"""What commands read from their arguments and from the environment: each option is a value or its faults.

A value that cannot be read has no placeholder. `together` makes one value of several, or has the faults of all of
them, so that a person hears of every fault at once.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NoReturn, TypeVar
from urllib.parse import urlsplit

from edge_client.base.errors import SettingsFault
from edge_client.camera.home import Home, Login, context_of, login_of
from edge_client.camera.link import Link, is_secure, link_to
from edge_client.http.exchange import keeps_secrets
from edge_client.model.api import Token
from edge_client.model.levels import Level

SIZE = re.compile(r"([0-9]{1,15})(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?", re.ASCII)
RATE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)(kB|KB|MB|KiB|MiB|kbit|Mbit|Gbit)", re.ASCII)
DURATION = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)

_DECIMAL = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
SIZES = {**_DECIMAL, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
RATES = {**SIZES, "kbit": 125, "Mbit": 125_000, "Gbit": 125_000_000}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Four connections share it, and each must stay above what counts as a stall.
LEAST_RATE_BYTES_S = 32 * 1024

SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
# Not half of a surrogate pair either, which is how an argument has bytes that are no text.
GROUP = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}")
TOKEN = re.compile(r"t_[A-Za-z0-9._~+/=-]{1,500}", re.ASCII)
# A haul outlasts a night without power; somebody waits for a look at a card.
HAUL_PATIENCE_S = 24 * 3600.0
LOOK_PATIENCE_S = 120.0
# A folder in it is used when it is this user's alone.
SYSTEM_TEMPORARY = Path("/tmp")  # nosec B108
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)


def size_bytes(text: str) -> int:
    """The bytes of `20GB` or `64MiB`; without a unit they are bytes. Raises ValueError."""
    match = SIZE.fullmatch(text)
    if not match or not int(match[1]):
        raise ValueError("is a size such as 20GB, 64MiB or a number of bytes")
    return int(match[1]) * SIZES[match[2] or ""]


def rate_bytes_s(text: str) -> float:
    """The bytes a second of `2.5MB` or `20Mbit`. Raises ValueError."""
    match = RATE.fullmatch(text)
    rate = float(match[1]) * RATES[match[2]] if match else 0.0
    if rate < LEAST_RATE_BYTES_S:
        raise ValueError("is a rate a second such as 2.5MB or 20Mbit, at least 32KiB")
    return rate


def duration_s(text: str) -> float:
    """The seconds of `24h`. Raises ValueError."""
    match = DURATION.fullmatch(text)
    if not match:
        raise ValueError("is a number with s, m, h or d, such as 24h")
    return float(int(match[1]) * SECONDS[match[2]])


@dataclass(frozen=True)
class Value(Generic[V_co]):
    """What was read."""

    value: V_co

    @property
    def faults(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class Faulty:
    """Why there is no value: a text for each fault."""

    faults: tuple[str, ...]

    @property
    def value(self) -> NoReturn:
        raise AssertionError(f"a value was used before its faults were refused: {'; '.join(self.faults)}")


Parsed = Value[V] | Faulty


def together(make: Callable[[], V], *parts: Parsed[object]) -> Parsed[V]:
    """What `make` makes of the values of `parts`, or every fault of theirs, each once."""
    faults = dict.fromkeys(fault for part in parts for fault in part.faults)
    return Faulty(tuple(faults)) if faults else Value(make())


def parsed(option: str, text: str, parse: Callable[[str], V]) -> Parsed[V]:
    """What `parse` makes of an option's text; its ValueError is the fault."""
    try:
        return Value(parse(text))
    except ValueError as error:
        return Faulty((f"--{option} {error}",))


def fault_unless(fault: str, holds: object) -> Parsed[None]:
    """No value where the demand holds, else its fault."""
    return Value(None) if holds else Faulty((fault,))


def session_id_of(session: str) -> Parsed[str]:
    """A session's id, as the coordinator takes it."""
    fault = "SESSION takes letters, digits, '.', '_' and '-', at most 100, a letter or digit first"
    return together(lambda: session, fault_unless(fault, SESSION_ID.fullmatch(session)))


def group_of(group: str | None) -> Parsed[str | None]:
    """The name of a group, as the coordinator takes it; None where none is given."""
    fault = "--group takes 1 to 100 characters, none of them a control character"
    return together(lambda: group, fault_unless(fault, group is None or GROUP.fullmatch(group)))


def level(text: str) -> Level:
    """A level of evidence. Raises ValueError."""
    found = next((level for level in Level if level.value == text), None)
    if found is None:
        raise ValueError(f"is one of {', '.join(level.value for level in Level)}")
    return found


@dataclass(frozen=True)
class CameraAddress:
    """Where the camera is: an address, a network interface, or an address on an interface.

    `home` is what a camera in its home network asks for.
    """

    url: str | None
    interface: str | None
    locks: Path
    home: Home | None = None


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
    hauls_sidecars: bool = True


@dataclass(frozen=True)
class Values:
    """The arguments of a command and its environment; `temporary` is where the system has its temporary files."""

    arguments: Namespace
    environ: Mapping[str, str]
    temporary: Path = SYSTEM_TEMPORARY

    def device(self, give_up_after_s: float) -> Parsed[Device]:
        """All that a haul needs; it gives up after so long unless the operator says otherwise."""
        place, camera, service, spool = self._lock_place(), self.camera(), self.service(), self.spool()
        budget_bytes = self.spool_budget_bytes()
        rate_bytes = self._quantity("limit-rate", rate_bytes_s)
        patience_s, without = self.give_up_after_s(give_up_after_s), self._without_proxies()
        return together(
            lambda: Device(
                camera=camera.value,
                service=service.value,
                spool=spool.value,
                spool_budget_bytes=budget_bytes.value,
                limit_rate_bytes_s=rate_bytes.value,
                give_up_after_s=patience_s.value,
                hauls_sidecars=not without.value,
            ),
            *(place, camera, service, spool, budget_bytes, rate_bytes, patience_s, without),
        )

    def camera(self) -> Parsed[CameraAddress]:
        """Where the camera is."""
        url, interface, link = (
            self._optional("camera", Value),
            self._optional("interface", Value),
            self._link(),
        )
        locks, home = self._optional("locks", Value), self._home()
        return together(
            lambda: CameraAddress(
                url.value,
                interface.value,
                Path(locks.value) if locks.value else self._shared_locks(),
                home.value,
            ),
            *(url, interface, link, locks, home),
        )

    def _home(self) -> Parsed[Home | None]:
        """What a camera at an https address asks for; None for any other."""
        if is_secure(self._text("camera")):
            certificate = self._required("camera-cert", _certificate_in)
            login = self._required("camera-login", _login_in)
            return together(lambda: Home(certificate.value, login.value), certificate, login)
        unused = [each for each in ("camera-cert", "camera-login") if self._text(each)]
        return together(
            lambda: None,
            *(fault_unless(f"--{each} goes with a --camera at https://…", False) for each in unused),
        )

    def service(self) -> Parsed[Service]:
        """The coordinator, and the token in its file."""
        url, token = self.coordinator(), self.token()
        return together(lambda: Service(url.value, token.value), url, token)

    def token(self) -> Parsed[Token]:
        """The token in its file."""
        return self._required("token-file", _token_in)

    def token_file_name(self) -> str | None:
        """The file that is named for the token, whatever is in it."""
        return self._text("token-file")

    def coordinator(self) -> Parsed[str]:
        """The coordinator's address."""
        return self._required("coordinator", _address)

    def token_file(self) -> Parsed[Path]:
        """Where the token is, or will be."""
        return self._required("token-file", lambda text: Value(Path(text)))

    def service_if_given(self) -> Parsed[Service | None]:
        """The coordinator; None where neither it nor a token is named."""
        is_given = self._text("coordinator") or self._text("token-file")
        return self.service() if is_given else Value(None)

    def spool(self) -> Parsed[Path]:
        """The folder where parts wait."""
        return self._required("spool", lambda text: Value(Path(text)))

    def spool_budget_bytes(self) -> Parsed[int | None]:
        """The most that parts may take in the spool."""
        return self._quantity("spool-budget", size_bytes)

    def give_up_after_s(self, default_s: float) -> Parsed[float]:
        """The longest outage."""
        given_s = self._quantity("give-up-after", duration_s)
        return together(lambda: default_s if given_s.value is None else given_s.value, given_s)

    def keep_s(self) -> Parsed[float]:
        """For how long finished sessions are kept after they came home."""
        return self._required("keep", lambda text: parsed("keep", text, duration_s))

    def level(self) -> Parsed[Level]:
        """How surely a video must be known before its card may be erased; by one read unless the operator says."""
        required = self._optional("require", lambda text: parsed("require", text, level))
        return together(lambda: required.value or Level.READ_ONCE, required)

    def reread_rate_bytes_s(self) -> Parsed[float | None]:
        """The most that a second read takes from the camera in a second."""
        return self._quantity("reread-rate", rate_bytes_s)

    def _without_proxies(self) -> Parsed[bool]:
        """Whether proxies and thumbnails stay on the card."""
        text = "yes" if self.arguments.no_proxies else self._text_of_environment("no-proxies")
        fault = f"{_variable('no-proxies')} is yes or no"
        return together(lambda: text == "yes", fault_unless(fault, text in (None, "yes", "no")))

    def _text_of_environment(self, option: str) -> str | None:
        return self.environ.get(_variable(option), "").strip() or None

    def _text(self, option: str) -> str | None:
        """The option, or else its variable without the blanks and carriage returns that an editor leaves around it."""
        return self._argument(option) or self._text_of_environment(option)

    def _argument(self, option: str) -> str | None:
        given: str | None = getattr(self.arguments, option.replace("-", "_"))
        return given

    def _optional(self, option: str, check: Callable[[str], Parsed[V]]) -> Parsed[V | None]:
        text = self._text(option)
        return Value(None) if text is None else self._checked(option, text, check)

    def _required(self, option: str, check: Callable[[str], Parsed[V]]) -> Parsed[V]:
        text = self._text(option)
        if text is None:
            return Faulty((f"--{option} (or {_variable(option)}) is needed",))
        return self._checked(option, text, check)

    def _checked(self, option: str, text: str, check: Callable[[str], Parsed[V]]) -> Parsed[V]:
        source = f"--{option}" if self._argument(option) else _variable(option)
        is_clean = fault_unless(
            f"{source} has a control character in it, such as a carriage return or a tab",
            not any(unicodedata.category(char) == "Cc" for char in text),
        )
        found = check(text)
        return together(lambda: found.value, is_clean, found)

    def _quantity(self, option: str, parse: Callable[[str], V]) -> Parsed[V | None]:
        return self._optional(option, lambda text: parsed(option, text, parse))

    def _link(self) -> Parsed[Link]:
        try:
            return Value(link_to(self._text("camera"), self._text("interface")))
        except SettingsFault as error:
            return Faulty(tuple(error.faults))

    def _lock_place(self) -> Parsed[Path | None]:
        """Where locks lie unless the operator says so; None where he does."""
        folder = self._temporary_folder()
        if self._text("locks"):
            return self._optional("locks", lambda _: Value(None))
        if folder.is_dir():
            return Value(folder)
        return Faulty((f"--locks (or REELHAUL_LOCKS) is needed: there is no temporary folder {folder}",))

    def _shared_locks(self) -> Path:
        """Where the clients of this user lock cameras unless the operator names a folder.

        All of them must find the same folder, so a full disk leads nowhere else, as it does with `tempfile`.
        """
        return self._temporary_folder() / f"reelhaul-{os.geteuid()}"

    def _temporary_folder(self) -> Path:
        named = self.environ.get("TMPDIR", "").strip()
        return Path(os.path.abspath(named)) if named and os.path.isdir(named) else self.temporary


def _variable(option: str) -> str:
    return f"REELHAUL_{option.upper().replace('-', '_')}"


def _address(text: str) -> Parsed[str]:
    if not _is_address(text):
        return Faulty(("--coordinator must be an http or https address without user, query or fragment",))
    if not keeps_secrets(text):
        return Faulty(("--coordinator must be https: the token would cross the network in the open",))
    return Value(text)


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


def _token_in(path: str) -> Parsed[Token]:
    try:
        return Value(Token(_token_text(Path(path))))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return Faulty((f"--token-file {path}: {reason}",))


def _certificate_in(path: str) -> Parsed[str]:
    try:
        text = Path(path).read_text("ascii", "replace")
        context_of(text)
        return Value(text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return Faulty((f"--camera-cert {path}: {reason}",))


def _login_in(path: str) -> Parsed[Login]:
    try:
        return Value(login_of(_secret_text(Path(path)).decode("utf-8", "replace")))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return Faulty((f"--camera-login {path}: {reason}",))


def _token_text(path: Path) -> str:
    """The token in a file that nobody else can read. Raises ValueError or OSError, never with its text."""
    text = _secret_text(path).decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(text):
        raise ValueError("does not hold a token (t_…)")
    return text


def _secret_text(path: Path) -> bytes:
    """The beginning of a file that nobody else can read. Raises ValueError or OSError, never with its text."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            raise ValueError("must be a file with mode 0600, readable by its owner alone")
        return stream.read(1024)
