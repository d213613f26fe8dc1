"""The camera: whether it is there, awake and well, and its card, clock and firmware as a haul needs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from edge_client.base.errors import (
    CameraBusy,
    CameraUnreachable,
    CameraUnsupported,
    CameraUntrusted,
    CardFault,
    EdgeError,
    Refused,
)
from edge_client.doctor.finding import Finding, NotChecked, fine, first, problem, warning
from edge_client.doctor.machine import Machine
from edge_client.doctor.subject import Subject, device_of, silent
from edge_client.model.listing import CameraStatus

GOPRO_VENDOR = "2672"
USB = "/sys/bus/usb/devices"
INTERFACES = "/sys/class/net"
# Open GoPro's families from HERO9 on, as far as they are known: HERO9, 10, 11 and 11 Mini, 12, 13.
KNOWN_FIRMWARE = re.compile(r"(?:HD9\.01|H21\.01|H22\.01|H22\.03|H23\.01|H24\.01)(?:\.|$)")
LEAST_USB_MBIT = 480
# A camera's clock shows the local time of no known zone: what differs more than all zones do is wrong.
CLOCK_MAY_DIFFER_S = 26 * 3600
DAY_S = 86_400
REPLUG = "pull the camera's cable out and plug it in again, with the camera switched on"
RESTART = "switch the camera off and on, then run doctor again"


@dataclass(frozen=True)
class UsbCamera:
    """A GoPro on a USB port; it has interfaces only while its USB connection is a network."""

    port: str
    speed_mbit: float | None
    interfaces: tuple[str, ...]


def usb_cameras(machine: Machine) -> list[UsbCamera]:
    """The GoPros on this device's USB ports. Raises NotChecked where the system does not show its ports."""
    folder = machine.path(USB)
    if not folder.is_dir():
        raise NotChecked(f"this system does not show its USB ports ({USB})", "look at `lsusb -d 2672:`")
    found = []
    for device in sorted(folder.iterdir()):
        if (machine.text(f"{USB}/{device.name}/idVendor") or "").strip().lower() == GOPRO_VENDOR:
            speed = (machine.text(f"{USB}/{device.name}/speed") or "").strip()
            names = sorted(each.name for each in device.glob("*/net/*"))
            found.append(UsbCamera(device.name, float(speed) if _is_number(speed) else None, tuple(names)))
    return found


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is not None


def usb(subject: Subject) -> Iterator[Finding]:
    """That the camera is on USB as a network, and fast."""
    interface = subject.interface
    if not _is_expected_on_usb(subject):
        yield fine("this camera is reached over another network than USB")
        return
    cameras = usb_cameras(subject.machine)
    own = [each for each in cameras if interface is None or device_of(interface) in each.interfaces]
    if any(each.interfaces for each in own):
        for each in own:
            if each.speed_mbit is not None and each.speed_mbit < LEAST_USB_MBIT:
                yield warning(
                    f"USB port {each.port} runs at {each.speed_mbit:g} Mbit/s, not {LEAST_USB_MBIT}: a haul takes far "
                    "longer",
                    "plug the camera in with another cable, straight into this device",
                )
                return
        yield fine(f"a GoPro is on USB port {own[0].port} as a network")
    elif not cameras:
        yield problem(
            "no GoPro is on any USB port of this device",
            "switch the camera on and plug it in; if it is, take another cable",
        )
    elif any(not each.interfaces for each in cameras):
        port = next(each.port for each in cameras if not each.interfaces)
        yield problem(
            f"the GoPro on USB port {port} is no network: its USB connection is MTP",
            "on the camera: Preferences > Connections > USB Connection > GoPro Connect",
        )
    else:
        names = ", ".join(name for each in cameras for name in each.interfaces)
        yield problem(
            f"{interface} is no GoPro on USB; there is {names}",
            f"name that interface: `sudo reelhaul-at {cameras[0].interfaces[0]} doctor`",
        )


def _is_expected_on_usb(subject: Subject) -> bool:
    """Whether the settings mean a camera on USB: an interface without an address, or an address of such a camera."""
    url = subject.camera_address.url
    if url is None:
        return not (subject.interface or "").startswith("wl")
    address = host_in(url)
    return address is not None and is_of_usb(address)


def host_in(url: str) -> IPv4Address | None:
    """The address in a camera's address; None where it is a name."""
    host = re.sub(r"^[a-z]+://", "", url, flags=re.IGNORECASE).partition("/")[0].partition(":")[0]
    try:
        return IPv4Address(host)
    except AddressValueError:
        return None


def is_of_usb(address: IPv4Address) -> bool:
    """Whether cameras have such an address on USB: 172.2X.1YZ.51."""
    octets = address.packed
    return octets[0] == 172 and 20 <= octets[1] <= 29 and 100 <= octets[2] <= 199 and octets[3] == 51


def interface(subject: Subject) -> Iterator[Finding]:
    """That the camera's network interface is there and has an address."""
    name = subject.interface
    if name is None:
        yield fine("no interface is named: the camera is found by its address alone")
        return
    folder = f"{INTERFACES}/{device_of(name)}"
    if not subject.machine.path(folder).exists():
        yield problem(
            f"there is no network interface {name}",
            first("usb") if _is_expected_on_usb(subject) else "compare the name with `ip -br link`",
        )
        return
    if (subject.machine.text(f"{folder}/operstate") or "").strip() == "down":
        yield problem(f"the network interface {name} is down", f"sudo ip link set {device_of(name)} up")
        return
    try:
        own = subject.machine.address_of(name)
    except CameraUnreachable:
        yield problem(f"{name} has no address from the camera", REPLUG)
    else:
        yield fine(f"{name} is there, and this device is {own} on it")


def camera(subject: Subject) -> Iterator[Finding]:
    """That a supported camera answers and is ready."""
    try:
        subject.status()
    except CardFault:
        yield fine("the camera answers")
    except CameraBusy as error:
        yield warning(str(error), "wait until it has stopped; a haul waits by itself")
    except CameraUntrusted as error:
        what, _, cure = str(error).partition("; ")
        yield problem(what, cure)
    except CameraUnsupported as error:
        yield problem(str(error), "plug a supported camera in, or correct the camera's address")
    except CameraUnreachable as error:
        is_refused = "ConnectionRefused" in str(error)
        what = "it is asleep or still starting" if is_refused else "it is off, asleep, or on another network"
        yield problem(
            f"{error}: {what}", "press the camera's button, wait ten seconds, then run doctor again"
        )
    except Refused as error:
        what, _, cure = str(error).partition("; ")
        yield problem(what, cure or RESTART)
    except EdgeError as error:
        yield problem(str(error), RESTART)
    else:
        yield fine(f"{_name(subject)} answers, awake and idle")


def _name(subject: Subject) -> str:
    try:
        who = subject.identity()
    except NotChecked:
        who = None
    return f"camera {who.serial} ({who.model or 'of unknown model'})" if who else "a camera"


def power(subject: Subject) -> Iterator[Finding]:
    """That the camera will not switch itself off."""
    status = _ready(subject)
    cures = {
        "hot": "open the camera's door and put it in the shade",
        "battery": "give the camera power: plug it in or change its battery",
    }
    for concern in status.concerns:
        yield warning(
            f"the camera may switch itself off: {concern}",
            cures["hot"] if "hot" in concern else cures["battery"],
        )
    if not status.concerns:
        yield fine("the camera is neither too hot nor short of power, as far as it says")


def _ready(subject: Subject) -> CameraStatus:
    """The status of a camera that is ready. Raises NotChecked."""
    try:
        return subject.status()
    except CameraBusy as error:
        raise NotChecked("the camera is busy", "wait until it has stopped, then run doctor again") from error
    except EdgeError as error:
        raise silent(error) from error


def card(subject: Subject) -> Iterator[Finding]:
    """That the card is in, sound and listed."""
    try:
        status = subject.status()
        entries = subject.camera().entries(status.witnesses.videos or 0)
    except CardFault as error:
        what, _, cure = str(error).partition(": ")
        yield problem(what, cure or RESTART)
    except CameraBusy as error:
        raise NotChecked("the camera is busy", "wait until it has stopped, then run doctor again") from error
    except CameraUnreachable as error:
        raise silent(error) from error
    except EdgeError as error:
        if isinstance(error, CameraUnsupported):
            raise NotChecked("no supported camera answers", first("camera")) from error
        yield problem(str(error), RESTART)
    else:
        yield fine(f"the card can be read and lists {len(entries)} files")


def firmware(subject: Subject) -> Iterator[Finding]:
    """That the camera's firmware is of a family that is known."""
    who = subject.identity()
    if who is None or not who.firmware:
        yield fine("the camera does not say its firmware; models before HERO12 never do")
    elif KNOWN_FIRMWARE.match(who.firmware):
        yield fine(f"firmware {who.firmware} is of a known family")
    else:
        yield warning(
            f"firmware {who.firmware} is of no known family, so this camera may answer otherwise",
            "haul one short recording and audit it before you rely on this camera",
        )


def camera_clock(subject: Subject) -> Iterator[Finding]:
    """That the camera's clock shows about this time, in any time zone."""
    try:
        shown = subject.once("camera clock", lambda: subject.camera().clock())
    except EdgeError as error:
        raise silent(error) from error
    if shown is None:
        yield fine("the camera does not say what its clock shows")
        return
    off_s = shown - subject.machine.now().timestamp()
    if abs(off_s) > CLOCK_MAY_DIFFER_S:
        days = abs(off_s) / DAY_S
        yield warning(
            f"the camera's clock is {days:,.1f} days {'ahead of' if off_s > 0 else 'behind'} this device's",
            "set the camera's date and time; if `clock` has a finding too, set this device's first",
        )
    else:
        yield fine("the camera's clock shows this day")
