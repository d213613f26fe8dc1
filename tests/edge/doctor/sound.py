"""A sound device: its kernel's files, its disk, its camera, its coordinator and S3. A test breaks one thing of it."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from edge_client.base.errors import CameraUnreachable
from edge_client.camera.client import Camera
from edge_client.cli import parser
from edge_client.commands.doctor import settings_of
from edge_client.config import CameraAddress, Values
from edge_client.doctor.examination import CHECKS, Check, Found, examine
from edge_client.doctor.finding import Finding, Severity
from edge_client.doctor.machine import FreeSpace, Machine
from edge_client.doctor.subject import Subject
from tests.edge.conftest import Device
from tests.support.coordinator import TOKEN

CABLE = "enxd43260ddac87"
OTHER_CABLE = "enxd43260ddac99"
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
DISK = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw"
GIB = 1024**3


def route(interface: str, network: str, bits: int, gateway: str = "0.0.0.0", metric: int = 100) -> str:
    """A line of the kernel's table."""
    mask = (0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF
    network, gateway, written = (
        f"{int.from_bytes(IPv4Address(each).packed, 'little'):08X}" for each in (network, gateway, mask)
    )
    return f"{interface}\t{network}\t{gateway}\t0003\t0\t0\t{metric}\t{written}\t0\t0\t0\n"


DEFAULT = route("eth0", "0.0.0.0", 0, "192.168.1.1")
LAN = route("eth0", "192.168.1.0", 24)
TO_CAMERA = route(CABLE, "172.27.111.0", 24)


@dataclass
class SoundDevice:
    """A device whose every check is fine, until a test changes it."""

    device: Device
    folder: Path
    s3_url: str
    own: dict[str, str] = field(default_factory=lambda: {CABLE: "172.27.111.50"})
    environ: dict[str, str] = field(default_factory=dict)
    machine: Mapping[str, object] = field(default_factory=dict)
    coordinator_url: str = ""
    camera_url: str = ""

    def __post_init__(self) -> None:
        self.coordinator_url = self.device.cloud.url
        self.camera_url = self.device.camera.url
        token = self.folder / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        self.environ = {
            "REELHAUL_INTERFACE": CABLE,
            "REELHAUL_TOKEN_FILE": str(token),
            "REELHAUL_SPOOL": str(self.device.spool),
            "REELHAUL_LOCKS": str(self.folder / "locks"),
        }
        self.device.spool.mkdir(mode=0o700)
        self.write("/proc/net/route", ROUTES + DEFAULT + LAN + TO_CAMERA)
        self.write("/proc/sys/net/ipv4/conf/all/rp_filter", "0\n")
        self.write("/proc/self/mountinfo", f"{DISK}\n")
        self.write("/etc/resolv.conf", "nameserver 192.168.1.1\n")
        self.write(
            "/etc/fstab", "UUID=1 / ext4 defaults 0 1\n# /dev/sdb1 /var/lib/reelhaul ext4 defaults 0 2\n"
        )
        self.plug_in("1-2", CABLE)
        self.write("/sys/class/net/eth0/operstate", "up\n")

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def token_file(self) -> Path:
        return Path(self.environ["REELHAUL_TOKEN_FILE"])

    def write(self, name: str, text: str) -> None:
        """A file of the system."""
        path = self.root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def plug_in(self, port: str, interface: str | None, speed: str = "480") -> None:
        """A GoPro is on this port: as a network, or in MTP where it has no interface."""
        real = f"/sys/devices/pci0/usb1/{port}"
        self.write(f"{real}/idVendor", "2672\n")
        self.write(f"{real}/speed", f"{speed}\n")
        (self.root / "sys/bus/usb/devices").mkdir(parents=True, exist_ok=True)
        shown = self.root / "sys/bus/usb/devices" / port
        if not shown.is_symlink():
            shown.symlink_to(f"../../../devices/pci0/usb1/{port}")
        if interface:
            self.write(f"{real}/{port}:1.0/net/{interface}/address", "d4:32:60:dd:ac:87\n")
            self.write(f"/sys/class/net/{interface}/operstate", "unknown\n")

    def unplug(self) -> None:
        """No GoPro is on any port."""
        (self.root / "sys/bus/usb/devices/1-2").unlink()
        (self.root / f"sys/class/net/{CABLE}/operstate").unlink()
        (self.root / f"sys/class/net/{CABLE}").rmdir()
        self.write("/proc/net/route", ROUTES + DEFAULT + LAN)
        self.own.clear()

    def subject(self) -> Subject:
        """What doctor examines."""
        environ = {"REELHAUL_COORDINATOR": self.coordinator_url, **self.environ}
        arguments: Namespace = parser().parse_args(["doctor"])
        machine = {
            "address_of": self._address_of,
            "resolve": lambda host, port: (host,),
            "room": lambda folder: FreeSpace(100 * GIB, 10**6),
            "write_s": lambda folder: 0.05,
            **self.machine,
        }
        return Subject(
            settings_of(Values(arguments, environ)),
            Machine(root=self.root, **machine),  # type: ignore[arg-type]  # as the test says
            "0.1.0",
            self._camera,
            lambda host: self.s3_url,
        )

    def _address_of(self, interface: str) -> IPv4Address:
        if interface not in self.own:
            raise CameraUnreachable(f"the network interface {interface} has no address from the camera yet")
        return IPv4Address(self.own[interface])

    def _camera(self, address: CameraAddress, machine: Machine) -> Camera:
        return Camera(self.camera_url, machine.monotonic, home=address.home)

    def examine(self, *names: str, limit_s: float = 20.0) -> list[Found]:
        """What all checks found, or those of these names."""
        checks: Mapping[str, Check] = {name: CHECKS[name] for name in names} if names else CHECKS
        return examine(self.subject(), checks, limit_s)

    def findings(self) -> dict[str, list[Finding]]:
        """What is not fine, by check."""
        found: dict[str, list[Finding]] = {}
        for each in self.examine():
            if each.finding.severity is not Severity.FINE:
                found.setdefault(each.check, []).append(each.finding)
        return found


Break = Callable[[SoundDevice], object]


def is_root() -> bool:
    return os.geteuid() == 0
