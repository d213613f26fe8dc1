"""A camera that is plugged in starts its units: the rule in udev itself, on devices that only the test's /sys has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.device_bundle import DEVICE

RULE = DEVICE / "90-reelhaul.rules"
RENAMED = "enxd43260ddac87"
PORT = "devices/platform/usb/usb1/1-2"
TOOLS = ("udevadm", "unshare", "mount")
needs_udev = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, TOOLS)),
    reason=f"needs root, namespaces and {', '.join(TOOLS)}: the udev rule is not tried",
)
# A /sys and a /run of its own; udev is told by its own switch that this /sys is none of the kernel.
ASK_UDEV = """
set -e
mount --bind "$1" /sys
mount -t tmpfs none /run
mkdir -p /run/udev/rules.d
cp "$2"/*.rules /run/udev/rules.d/
SYSTEMD_DEVICE_VERIFY_SYSFS=0 udevadm test --action="$3" /sys/class/net/usb0
"""


class Plugged:
    """A device at a port, with one network interface, and what udev makes of it."""

    def __init__(self, place: Path, vendor: str, driver: str) -> None:
        self.sys, self.rules = place / "sys", place / "rules"
        self.rules.mkdir()
        shutil.copy(RULE, self.rules)
        interface = f"{PORT}/1-2:1.0"
        self.write(f"{PORT}/idVendor", f"{vendor}\n")
        self.write(f"{PORT}/uevent", "DEVTYPE=usb_device\nDRIVER=usb\n")
        self.write(f"{interface}/uevent", f"DEVTYPE=usb_interface\nDRIVER={driver}\n")
        self.write(f"{interface}/net/usb0/uevent", "INTERFACE=usb0\nIFINDEX=9999\n")
        self.write(f"{interface}/net/usb0/ifindex", "9999\n")
        self.link(f"{PORT}/subsystem", "bus/usb")
        self.link(f"{interface}/subsystem", "bus/usb")
        self.link(f"{interface}/driver", f"bus/usb/drivers/{driver}")
        self.link(f"{interface}/net/usb0/subsystem", "class/net")
        self.link("class/net/usb0", f"{interface}/net/usb0")

    def write(self, name: str, text: str) -> None:
        (self.sys / name).parent.mkdir(parents=True, exist_ok=True)
        (self.sys / name).write_text(text)

    def link(self, name: str, target: str) -> None:
        (self.sys / target).mkdir(parents=True, exist_ok=True)
        (self.sys / name).parent.mkdir(parents=True, exist_ok=True)
        (self.sys / name).symlink_to(os.path.relpath(self.sys / target, (self.sys / name).parent))

    def properties(self, action: str = "add") -> dict[str, str]:
        """What udev knows of the interface after `action`."""
        done = subprocess.run(
            ["unshare", "--mount", "--net", "sh", "-c", ASK_UDEV, "sh", self.sys, self.rules, action],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return dict(re.findall(r"(?m)^([A-Z._]+)=(.*)$", done.stdout))


def wanted(interface: str) -> str:
    return f"reelhaul@{interface}.service reelhaul-audit@{interface}.timer"


@needs_udev
@pytest.mark.parametrize("action", ["add", "change", "move"])
def test_a_gopro_that_is_a_network_starts_its_haul_and_its_audits(tmp_path: Path, action: str):
    properties = Plugged(tmp_path, "2672", "cdc_ncm").properties(action)

    assert properties["SYSTEMD_WANTS"] == wanted("usb0")
    assert ":systemd:" in properties["TAGS"]


@needs_udev
def test_the_units_are_those_of_the_name_that_udev_gives_the_interface(tmp_path: Path):
    camera = Plugged(tmp_path, "2672", "cdc_ether")
    (camera.rules / "80-names.rules").write_text(f'SUBSYSTEM=="net", NAME="{RENAMED}"\n')

    assert camera.properties()["SYSTEMD_WANTS"] == wanted(RENAMED)


@needs_udev
@pytest.mark.parametrize(
    ("vendor", "driver", "action"),
    [("0bda", "cdc_ncm", "add"), ("2672", "usb-storage", "add"), ("2672", "cdc_ncm", "remove")],
    ids=["another maker's", "not a network over USB", "unplugged"],
)
def test_nothing_else_starts_anything(tmp_path: Path, vendor: str, driver: str, action: str):
    assert "SYSTEMD_WANTS" not in Plugged(tmp_path, vendor, driver).properties(action)


def test_the_rule_starts_units_that_there_are():
    for unit in ("reelhaul@.service", "reelhaul-audit@.timer"):
        assert (DEVICE / unit).exists()
        assert unit.replace("@", "@$name") in RULE.read_text()


def test_the_rule_comes_after_the_one_that_names_the_interface():
    assert RULE.name > "80-net-setup-link.rules"


@pytest.mark.skipif(
    "verify" not in subprocess.run(["udevadm", "--help"], capture_output=True, text=True, check=False).stdout
    if shutil.which("udevadm")
    else True,
    reason="udevadm verify came with systemd 254: the rule's grammar is not checked by it",
)
def test_udev_has_nothing_to_say_of_the_rule():
    subprocess.run(["udevadm", "verify", "--no-summary", RULE], check=True, timeout=30)
