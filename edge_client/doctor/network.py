"""The ways of this device: which network leads to the camera, which to the internet, and whether they collide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from edge_client.camera.link import CAMERA_HOST_NUMBER
from edge_client.doctor.at_camera import INTERFACES, host_in, is_of_usb
from edge_client.doctor.finding import Finding, NotChecked, fine, first, problem, warning
from edge_client.doctor.machine import Machine
from edge_client.doctor.subject import Subject, device_of

DOCKERS = re.compile(r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}|veth.*")
DAEMON = "/etc/docker/daemon.json"
# What Docker takes networks from unless it is told otherwise (docs.docker.com, "default-address-pools").
DOCKERS_OWN_POOLS = (IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
OTHER_POOL = (
    f'give Docker another pool in {DAEMON}, {{"default-address-pools": [{{"base": "10.201.0.0/16", "size": 24}}]}}, '
    "and restart it"
)
OWN_WIFI = IPv4Address("10.5.5.9")
STRICT = 1
UP = 0x1


@dataclass(frozen=True)
class Route:
    """One route of the kernel's main table; without a gateway its network is right there."""

    interface: str
    network: IPv4Network
    gateway: IPv4Address | None
    metric: int

    @property
    def is_default(self) -> bool:
        return self.network.prefixlen == 0


def routes(machine: Machine) -> list[Route]:
    """The IPv4 routes of this device. Raises NotChecked."""
    found = []
    for line in machine.needed_text("/proc/net/route").splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 8 and int(fields[3], 16) & UP:
            gateway = _address(fields[2])
            found.append(
                Route(
                    fields[0],
                    IPv4Network((int(_address(fields[1])), bin(int(fields[7], 16)).count("1")), strict=False),
                    gateway if int(gateway) else None,
                    int(fields[6]),
                )
            )
    return found


def _address(text: str) -> IPv4Address:
    """An address as the kernel writes it, its bytes in the machine's order: little endian on all that we run on."""
    return IPv4Address(bytes.fromhex(text)[::-1])


def camera_route(subject: Subject) -> Route:
    """The route to the camera's own network. Raises NotChecked."""
    there = [each for each in routes(subject.machine) if not each.is_default and each.gateway is None]
    name = subject.interface
    if name is not None:
        own = [each for each in there if each.interface == device_of(name)]
    else:
        host = _host(subject)
        own = [each for each in there if host in each.network]
    if not own:
        raise NotChecked(
            "this device has no address in the camera's network",
            first("interface")
            if name
            else "name the camera by its interface, if it is on a cable of its own",
        )
    return max(own, key=lambda each: each.network.prefixlen)


def _host(subject: Subject) -> IPv4Address:
    """The camera's address as it is given. Raises NotChecked."""
    found = host_in(subject.camera_address.url or "")
    if found is None:
        raise NotChecked(
            "the camera is named by a name, not by its address",
            "name the camera by its interface: --interface",
        )
    return found


@dataclass(frozen=True)
class _Camera:
    """Where the camera is: as it is given, or the .51 of its interface's network."""

    interface: str
    address: IPv4Address


def _camera(subject: Subject) -> _Camera | None:
    """Where the camera is; None where that is not known."""
    try:
        found = camera_route(subject)
        if subject.camera_address.url is not None:
            return _Camera(found.interface, _host(subject))
    except NotChecked:
        return None
    own = int(found.network.network_address)
    return _Camera(found.interface, IPv4Address(own & 0xFFFFFF00 | CAMERA_HOST_NUMBER))


def _is_shared(subject: Subject) -> bool:
    """Whether other cameras may have this one's address: those on USB and on their own Wi-Fi, not one in a LAN."""
    url = subject.camera_address.url
    host = host_in(url) if url is not None else None
    return url is None or host == OWN_WIFI or (host is not None and is_of_usb(host))


def way_out(subject: Subject) -> Iterator[Finding]:
    """That the way to the internet is there, and is not the camera's cable."""
    outs = [each for each in routes(subject.machine) if each.is_default]
    if not outs and (newer := _way_out_by_ipv6(subject.machine)):
        yield fine(f"the way to the internet is {newer}, by IPv6")
        return
    if not outs:
        yield problem(
            "this device has no way to the internet: no default route",
            "connect this device to its uplink (router, modem or Wi-Fi), then run doctor again",
        )
        return
    best = min(outs, key=lambda each: each.metric)
    camera = _camera(subject)
    if camera and best.interface == camera.interface and best.gateway in (None, camera.address):
        yield problem(
            f"the way to the internet leads to the camera ({best.interface})",
            f'sudo nmcli connection modify "$(nmcli -g GENERAL.CONNECTION device show {best.interface})" '
            "ipv4.never-default yes ipv4.ignore-auto-dns yes",
        )
        return
    servers = _name_servers(subject.machine)
    if camera and servers and all(each == camera.address for each in servers):
        yield problem(
            "names are looked up at the camera, which knows none",
            f'sudo nmcli connection modify "$(nmcli -g GENERAL.CONNECTION device show {camera.interface})" '
            "ipv4.ignore-auto-dns yes",
        )
        return
    yield fine(f"the way to the internet is {best.interface}")


def _way_out_by_ipv6(machine: Machine) -> str | None:
    """The interface of the IPv6 default route, where there is one."""
    for line in (machine.text("/proc/net/ipv6_route") or "").splitlines():
        fields = line.split()
        if len(fields) == 10 and set(fields[0]) == {"0"} and fields[1] == "00" and fields[9] != "lo":
            return fields[9]
    return None


def _name_servers(machine: Machine) -> list[IPv4Address]:
    found = re.findall(r"^nameserver\s+([0-9.]+)\s*$", machine.text("/etc/resolv.conf") or "", re.MULTILINE)
    return [IPv4Address(text) for text in found if re.fullmatch(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}", text)]


def addresses(subject: Subject) -> Iterator[Finding]:
    """That no other network has the camera's address, or that the kernel tells the two apart."""
    if not _is_shared(subject):
        yield fine("the camera's address is its own in that network")
        return
    camera = camera_route(subject)
    others = sorted(
        {
            each.interface
            for each in routes(subject.machine)
            if not each.is_default
            and each.interface != camera.interface
            and each.network.overlaps(camera.network)
            and not DOCKERS.fullmatch(each.interface)
        }
    )
    if not others:
        yield fine(f"no other interface is in the camera's network {camera.network}")
        return
    names = ", ".join(others)
    if subject.interface is None:
        yield problem(
            f"{names} is in the camera's network too, and chance decides which camera answers",
            f"name the camera by its interface: REELHAUL_INTERFACE={camera.interface}",
        )
        return
    strict = [name for name in (camera.interface, *others) if _rp_filter(subject.machine, name) == STRICT]
    if strict:
        yield problem(
            f"{camera.interface} and {names} have one network, and the kernel drops the answers of one (rp_filter 1)",
            "put `net.ipv4.conf.all.rp_filter = 2` into /etc/sysctl.d/60-reelhaul.conf, then `sudo sysctl --system`",
        )
    else:
        yield fine(f"{camera.interface} and {names} have one network, and the kernel tells them apart")


def _rp_filter(machine: Machine, interface: str) -> int:
    """The filter that counts: the stricter number of all and of the interface (kernel's ip-sysctl)."""
    values = [machine.text(f"/proc/sys/net/ipv4/conf/{each}/rp_filter") for each in ("all", interface)]
    return max((int(value) for value in values if value and value.strip().isdigit()), default=0)


def docker(subject: Subject) -> Iterator[Finding]:
    """That Docker has not taken the camera's network, and will not."""
    machine = subject.machine
    own = [each for each in routes(machine) if DOCKERS.fullmatch(each.interface)]
    is_here = own or machine.path(f"{INTERFACES}/docker0").exists() or machine.text(DAEMON) is not None
    if not is_here:
        yield fine("Docker has no network here")
        return
    camera = camera_route(subject)
    taken = [each for each in own if each.network.overlaps(camera.network)]
    if taken:
        name = taken[0].interface
        yield problem(
            f"Docker's network {taken[0].network} ({name}) covers the camera's {camera.network}",
            f"sudo docker network rm {name.removeprefix('br-')}, and make it again in another network (--subnet)"
            if name.startswith("br-")
            else f'set {{"bip": "10.200.0.1/24"}} in {DAEMON}, and restart Docker',
        )
    elif any(pool.overlaps(camera.network) for pool in _pools(machine)):
        yield warning(
            f"the next network that Docker makes may cover the camera's {camera.network}",
            OTHER_POOL,
        )
    else:
        yield fine("Docker takes its networks elsewhere")


def _pools(machine: Machine) -> Sequence[IPv4Network]:
    """What Docker may take networks from. Raises NotChecked for a file that Docker cannot read either."""
    text = machine.text(DAEMON)
    if text is None:
        return DOCKERS_OWN_POOLS
    try:
        pools = json.loads(text or "{}").get("default-address-pools")
        if not pools:
            return DOCKERS_OWN_POOLS
        return [IPv4Network(each["base"], strict=False) for each in pools if ":" not in each["base"]]
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise NotChecked(f"{DAEMON} cannot be read", f"correct {DAEMON}, then run doctor again") from error
