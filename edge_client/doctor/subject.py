"""What is examined: the settings as far as they can be read, the device, its camera and its coordinator."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from edge_client.base.errors import CameraUnreachable, CardFault, EdgeError
from edge_client.camera.client import Camera
from edge_client.config import CameraAddress, Device, Faulty, Parsed
from edge_client.doctor.finding import NotChecked, first
from edge_client.doctor.machine import Machine
from edge_client.model.api import Token
from edge_client.model.listing import CameraStatus
from edge_client.model.plan import CameraIdentity

REGION = re.compile(r"[a-z0-9]+\.execute-api\.([a-z0-9-]+)\.amazonaws\.com", re.ASCII)

T = TypeVar("T")


class Once(Generic[T]):
    """A fact that several checks need. It is asked for once; the others wait for the answer."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._found: list[T] = []
        self._failure: Exception | None = None

    def __call__(self) -> T:
        """The fact. Raises what asking for it raised."""
        with self._lock:
            if not self._found and self._failure is None:
                try:
                    self._found.append(self._ask())
                except Exception as error:  # noqa: BLE001  each check that needs the fact has it, and says so
                    self._failure = error
            if self._failure is not None:
                raise self._failure
            return self._found[0]


@dataclass(frozen=True)
class Settings:
    """The settings of the device, each a value or its faults; `device` has the faults of all of them."""

    device: Parsed[Device]
    camera: Parsed[CameraAddress]
    coordinator: Parsed[str]
    token: Parsed[Token]
    token_file: str | None
    spool: Parsed[Path]
    spool_budget_bytes: int | None


def real_camera(address: CameraAddress, machine: Machine) -> Camera:
    """The camera at an address."""
    return Camera(address.url, machine.monotonic, address.interface, address.home)


def s3_of(host: str) -> str | None:
    """S3 in the region of a coordinator's host, or None where its name does not say the region."""
    found = REGION.fullmatch(host)
    return f"https://s3.{found[1]}.amazonaws.com" if found else None


@dataclass(frozen=True)
class Subject:
    """What the checks look at. Facts that several need are asked for once."""

    settings: Settings
    machine: Machine
    version: str
    camera_at: Callable[[CameraAddress, Machine], Camera] = real_camera
    s3_of: Callable[[str], str | None] = s3_of
    _facts: dict[str, Once[object]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """The fact of this name, asked for by the first check that needs it. Raises what asking raised."""
        with self._lock:
            known = self._facts.setdefault(name, Once(ask))
        return known()  # type: ignore[return-value]  # each name has one type

    @property
    def camera_address(self) -> CameraAddress:
        """Where the camera is. Raises NotChecked."""
        return given(self.settings.camera, "where the camera is")

    @property
    def interface(self) -> str | None:
        """The camera's network interface, where it is named. Raises NotChecked."""
        return self.camera_address.interface

    @property
    def coordinator(self) -> str:
        """The coordinator's address. Raises NotChecked."""
        return given(self.settings.coordinator, "the coordinator's address").rstrip("/")

    @property
    def spool(self) -> Path:
        """The spool's folder. Raises NotChecked."""
        return given(self.settings.spool, "the spool's folder")

    def camera(self) -> Camera:
        """The camera, whose interface is there. Raises NotChecked."""
        address = self.camera_address
        if (
            address.interface
            and not self.machine.path(f"/sys/class/net/{device_of(address.interface)}").exists()
        ):
            raise NotChecked(f"there is no network interface {address.interface}", first("interface"))
        return self.camera_at(address, self.machine)

    def status(self) -> CameraStatus:
        """The camera's status. Raises NotChecked, EdgeError."""
        return self.once("status", lambda: self.camera().check_ready())

    def identity(self) -> CameraIdentity | None:
        """Who the camera is. Raises NotChecked where it does not answer."""
        try:
            return self.once("identity", lambda: self.camera().info())
        except EdgeError as error:
            raise silent(error) from error


def silent(error: EdgeError) -> NotChecked:
    """What a check says that needs the camera's answer."""
    if isinstance(error, CardFault):
        return NotChecked("the camera's card cannot be read", first("card"))
    if isinstance(error, CameraUnreachable):
        return NotChecked("the camera does not answer", first("camera"))
    return NotChecked(f"the camera does not say it ({error})", first("camera"))


def given(setting: Parsed[T], what: str) -> T:
    """The value of a setting. Raises NotChecked where it has faults."""
    if isinstance(setting, Faulty):
        raise NotChecked(f"the settings do not say {what}", first("settings"))
    return setting.value


def device_of(interface: str) -> str:
    """The device of an interface: an alias such as eth0:1 is an address of eth0."""
    return interface.partition(":")[0]
