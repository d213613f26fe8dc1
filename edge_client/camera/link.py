"""How a camera is reached: its address, and the network interface that its cable is, where that is named.

Two cameras with equal last three digits of their serials, or two on 10.5.5.9, have one address between them; only the
interface tells them apart. A socket is bound to the device by its name and has the interface's own address as source.
"""

from __future__ import annotations

import errno
import fcntl
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TypeVar
from urllib.parse import urlsplit

from edge_client.base.errors import CameraUnreachable, Refused, SettingsFault
from edge_client.base.terminal import plain

INTERFACE = re.compile(r"[A-Za-z0-9_.:-]{1,15}", re.ASCII)
# On USB the camera is the DHCP server of a network of its own, x.51 in it.
CAMERA_HOST_NUMBER = 51
CAMERA_PORT = 8080
# Of a camera in its home network.
SECURE_PORT = 443
ADDRESS = (
    "HOST or HOST:PORT, an IPv6 address in brackets, perhaps http:// or https:// before it, and nothing else"
)
# A name, an IPv4 address, or an IPv6 address without its brackets, perhaps with the interface that it is on.
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?", re.ASCII)
# linux/sockios.h and linux/if.h: a name of 16 bytes, then a sockaddr_in whose address begins at 20.
SIOCGIFADDR = 0x8915
IFREQ = struct.Struct("40s")

S = TypeVar("S", bound=socket.socket)


@dataclass(frozen=True)
class Link:
    """The way to one camera. Without a host, each call looks for it on the interface."""

    host: str | None
    port: int
    interface: str | None

    def address(self) -> tuple[str, int]:
        """Where the camera is now. Raises CameraUnreachable while the interface is not up."""
        if self.host is not None:
            return self.host, self.port
        own = int(address_of(self.interface or ""))
        return str(IPv4Address(own & 0xFFFFFF00 | CAMERA_HOST_NUMBER)), self.port

    @property
    def place(self) -> str:
        """Where the camera is looked for, in words."""
        if self.host is None:
            return f"the .{CAMERA_HOST_NUMBER} of {self.interface}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" + (f" on {self.interface}" if self.interface else "")

    def connect(self, address: tuple[str, int], make: Callable[[int], S], timeout_s: float) -> S:
        """A connected socket of those that `make` gives for an address family. Raises OSError, CameraUnreachable."""
        family = socket.AF_INET if self.interface else socket.AF_UNSPEC
        failure = OSError("the camera's name has no address")
        for found, _, _, _, where in socket.getaddrinfo(*address, family, socket.SOCK_STREAM):
            made = make(found)
            try:
                if self.interface is not None:
                    bind_to(made, self.interface)
                made.settimeout(timeout_s)
                made.connect(where)
            except OSError as error:
                made.close()
                failure = error
            except BaseException:
                made.close()
                raise
            else:
                return made
        raise failure


def link_to(base_url: str | None, interface: str | None) -> Link:
    """The link to the camera at `base_url`, or, without one, to that on `interface`. Raises SettingsFault."""
    if interface is not None and not INTERFACE.fullmatch(interface):
        raise SettingsFault([f"{interface!r} cannot name a network interface (see `ip link`)"])
    if base_url is None:
        if interface is None:
            raise SettingsFault(
                ["--camera or --interface (or REELHAUL_CAMERA, REELHAUL_INTERFACE) is needed"]
            )
        return Link(None, CAMERA_PORT, interface)
    return Link(*_host_and_port(base_url), interface)


def _host_and_port(address: str) -> tuple[str, int]:
    """Host and port of `HOST`, `HOST:PORT` or either after a scheme. Raises SettingsFault that says what is wrong."""
    if found := _parsed(address):
        return found
    # Before an @ there may be a password.
    named = plain(address.rpartition("@")[2])
    raise SettingsFault([f"the camera's address is {ADDRESS}; {named!r} is not"])


def _parsed(address: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query or parts.fragment:
        return None
    if "@" in parts.netloc or parts.netloc.endswith(":") or port == 0:
        return None
    if not HOST.fullmatch(host) or not address.isprintable():
        return None
    default = SECURE_PORT if parts.scheme == "https" else CAMERA_PORT
    return host, default if port is None else port


def is_secure(base_url: str | None) -> bool:
    """Whether the camera at this address is one in its home network, which speaks TLS."""
    return re.match("https://", base_url or "", re.IGNORECASE) is not None


def bind_to(made: socket.socket, interface: str) -> None:
    """Let a socket use this interface and no other, with the address that the interface has now.

    Raises CameraUnreachable while the interface or its address is missing, Refused where only root may bind.
    """
    own = address_of(interface)
    # An alias such as eth0:1 is an address of eth0, not a device.
    device = interface.partition(":")[0]
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
    except PermissionError as error:
        raise Refused(
            f"this system lets only root bind a connection to {interface} (Linux before 5.7); "
            "run as root, give CAP_NET_RAW, or name the camera by its address alone"
        ) from error
    except OSError as error:
        raise CameraUnreachable(_reason(interface, error)) from error
    made.bind((str(own), 0))


def address_of(interface: str) -> IPv4Address:
    """The interface's own IPv4 address. Raises CameraUnreachable when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            answer = fcntl.ioctl(asked, SIOCGIFADDR, IFREQ.pack(interface.encode()))
        except OSError as error:
            raise CameraUnreachable(_reason(interface, error)) from error
    own = IPv4Address(answer[20:24])
    if own.is_link_local:
        # What a system gives itself where no DHCP server answered.
        raise CameraUnreachable(_no_address(interface))
    return own


def _reason(interface: str, error: OSError) -> str:
    if error.errno == errno.ENODEV:
        return (
            f"there is no network interface {interface}; is the camera plugged in and switched on? It has one only "
            "when its Preferences > Connections > USB Connection is GoPro Connect, not MTP"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return _no_address(interface)
    return f"the network interface {interface} cannot be used ({error.strerror})"


def _no_address(interface: str) -> str:
    return f"the network interface {interface} has no address from the camera yet"
