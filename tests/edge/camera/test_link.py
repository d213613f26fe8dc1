"""How a camera is reached: by address, by interface, and by both where two cameras have one address."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from edge_client.base.errors import CameraUnreachable, EdgeError, Refused, SettingsFault
from edge_client.camera.client import Camera
from edge_client.camera.link import Link, address_of, bind_to, link_to
from tests.edge.fake_camera import CameraFile, FakeCamera, film

NOWHERE = "rh-none0"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://10.5.5.9:8080", Link("10.5.5.9", 8080, None)),
        ("http://10.5.5.9:8080/", Link("10.5.5.9", 8080, None)),
        ("http://10.5.5.9", Link("10.5.5.9", 8080, None)),
        ("http://10.5.5.9:80", Link("10.5.5.9", 80, None)),
        ("10.5.5.9", Link("10.5.5.9", 8080, None)),
        ("10.5.5.9/", Link("10.5.5.9", 8080, None)),
        ("172.24.171.51", Link("172.24.171.51", 8080, None)),
        ("10.5.5.9:1", Link("10.5.5.9", 1, None)),
        ("10.5.5.9:65535", Link("10.5.5.9", 65535, None)),
        ("camera.local", Link("camera.local", 8080, None)),
        ("camera", Link("camera", 8080, None)),
        ("camera:81", Link("camera", 81, None)),
        ("HTTP://10.5.5.9", Link("10.5.5.9", 8080, None)),
        ("[fe80::1]", Link("fe80::1", 8080, None)),
        ("[fe80::1%enx1]:81", Link("fe80::1%enx1", 81, None)),
        ("http://Camera.local:81", Link("camera.local", 81, None)),
        ("http://[fe80::1]:8080", Link("fe80::1", 8080, None)),
        ("https://192.168.1.7", Link("192.168.1.7", 443, None)),
        ("HTTPS://192.168.1.7:8443/", Link("192.168.1.7", 8443, None)),
    ],
)
def test_a_camera_is_reached_at_its_address(url: str, expected: Link):
    assert link_to(url, None) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        ":8080",
        "10.5.5.9:",
        "10.5.5.9:0",
        "10.5.5.9:65536",
        "10.5.5.9:-1",
        "10.5.5.9:x",
        "10.5.5.9/videos",
        "10.5.5.9?x",
        "10.5.5.9#x",
        "10.5.5.9 8080",
        "10.5.5.9\n",
        "user@10.5.5.9",
        "fe80::1",
        "[fe80::1",
        "//10.5.5.9",
        "camera local",
        "http://:8080",
        "ftp://10.5.5.9",
        "http://user:password@10.5.5.9",
        "https://user:password@192.168.1.7",
        "https://192.168.1.7/videos",
        "http://10.5.5.9/videos",
        "http://10.5.5.9?x=1",
        "http://10.5.5.9#x",
        "http://10.5.5.9:x",
        "http://10.5.5.9:70000",
        "http://[10.5.5.9",
    ],
)
def test_no_other_address_is_taken(url: str):
    with pytest.raises(SettingsFault, match="the camera's address is HOST or HOST:PORT, ") as refusal:
        link_to(url, None)
    assert "password" not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "lo\n", "..%", "é", "x" * 16, "lo;ls"])
def test_what_cannot_name_an_interface_is_refused(name: str):
    for named in (lambda: link_to(None, name), lambda: link_to("http://10.5.5.9", name)):
        with pytest.raises(SettingsFault, match="cannot name a network interface"):
            named()


@pytest.mark.parametrize("name", ["lo", "enxd43260ddac8", "x" * 15, "eth0.100", "eth0:1", "wlan_0-a"])
def test_an_interface_is_named_as_systems_do(name: str):
    assert link_to("http://10.5.5.9", name) == Link("10.5.5.9", 8080, name)


def test_neither_address_nor_interface_is_no_camera():
    with pytest.raises(SettingsFault, match="--camera or --interface"):
        Camera(None, lambda: 0.0)


def test_a_camera_on_usb_is_51_in_the_network_of_its_interface():
    assert address_of("lo") == IPv4Address("127.0.0.1")
    assert link_to(None, "lo").address() == ("127.0.0.51", 8080)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1"])
def test_an_interface_that_is_not_there_may_be_plugged_in_later(url: str | None):
    with pytest.raises(CameraUnreachable, match=f"no network interface {NOWHERE}; is the camera plugged in"):
        Camera(url, lambda: 0.0, NOWHERE).check_ready()


def test_an_interface_that_is_not_there_is_told_with_the_cameras_usb_setting():
    with pytest.raises(CameraUnreachable, match="Connections > USB Connection is GoPro Connect, not MTP"):
        Camera(None, lambda: 0.0, NOWHERE).check_ready()


def test_a_camera_is_read_over_its_interface(camera: FakeCamera):
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(100))
    over_loopback = Camera(camera.url, lambda: 0.0, "lo")

    assert over_loopback.head("100GOPRO", "GX010042.MP4").size_bytes == 100


@pytest.mark.parametrize(("interface", "bound"), [("lo", b"lo\0"), (None, b"")])
def test_a_connection_is_bound_to_the_interface_that_is_named(
    camera: FakeCamera, interface: str | None, bound: bytes
):
    link = link_to(camera.url, interface)
    with link.connect(link.address(), socket.socket, 5.0) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == bound


def test_a_bound_socket_has_the_interfaces_own_address_as_source():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        bind_to(made, "lo")

        assert made.getsockname()[0] == "127.0.0.1"


class _Denied(socket.socket):
    """A socket of a system that denies the binding."""

    def __init__(self, number: int) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._number = number

    def setsockopt(self, *_: object) -> None:
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.EPERM, Refused, "only root"),
        (errno.ENODEV, CameraUnreachable, "no network interface lo"),
        (errno.ENOMEM, CameraUnreachable, "cannot be used"),
    ],
)
def test_a_binding_that_is_denied_says_why(number: int, error: type[EdgeError], words: str):
    with _Denied(number) as made, pytest.raises(error, match=words):
        bind_to(made, "lo")


def test_a_socket_that_could_not_be_bound_is_closed():
    made: list[socket.socket] = []

    def make(family: int) -> socket.socket:
        made.append(socket.socket(family))
        return made[0]

    with pytest.raises(CameraUnreachable):
        Link("127.0.0.1", 1, NOWHERE).connect(("127.0.0.1", 1), make, 1.0)

    assert [one.fileno() for one in made] == [-1]


SERVER = """
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"serial_number": sys.argv[1]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("", 8080), Handler)
print("ready", flush=True)
server.serve_forever()
"""

ASK = """
import os, subprocess, sys, time
from edge_client.camera.client import Camera
from edge_client.base.errors import EdgeError
def serial(url, interface):
    try:
        return Camera(url, time.monotonic, interface).info().serial
    except EdgeError as error:
        return f"{type(error).__name__}: {error}"
"""


@dataclass(frozen=True)
class Lab:
    """A device with the interfaces `cam1` and `cam2`, each a cable to a camera of that name; each in a namespace."""

    prefix: str

    def run(self, place: str, *command: str) -> None:
        subprocess.run(
            ["ip", "netns", "exec", self.prefix + place, *command],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def addresses(self, interface: str, *addresses: str) -> None:
        """Give the device exactly these addresses on an interface."""
        self.run("device", "ip", "address", "flush", "dev", interface)
        for address in addresses:
            self.run("device", "ip", "address", "add", *address.split(), "dev", interface)

    def says(self, code: str) -> list[str]:
        """What a program on the device prints, line by line."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.prefix + "device", sys.executable, "-c", ASK + code],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        return done.stdout.splitlines()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("two cables need network namespaces: root and iproute2")
    made = Lab(f"rh{os.getpid()}-")
    with ExitStack() as stack:
        for place in ("device", "cam1", "cam2"):
            name = made.prefix + place
            _or_skip("ip", "netns", "add", name)
            stack.callback(subprocess.run, ["ip", "netns", "delete", name], check=True)
        for camera in ("cam1", "cam2"):
            _plug(made, camera)
            stack.enter_context(_serving(made, camera))
        yield made


def _or_skip(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no network namespaces with cables here: {done.stderr.strip()}")


def _plug(lab: Lab, camera: str) -> None:
    device, other = lab.prefix + "device", lab.prefix + camera
    ends = [camera, "netns", device, "type", "veth", "peer", "name", "usb0", "netns", other]
    _or_skip("ip", "link", "add", *ends)
    lab.run("device", "ip", "link", "set", camera, "up")
    # Strict (1), the system would drop what comes over the second cable: its way back would be the first.
    lab.run("device", "sh", "-c", f"echo 2 > /proc/sys/net/ipv4/conf/{camera}/rp_filter")
    lab.run(camera, "ip", "link", "set", "usb0", "up")
    for address in ("10.5.5.9/24", "172.24.171.51/24", "172.25.182.51/24"):
        lab.run(camera, "ip", "address", "add", address, "dev", "usb0")


@contextmanager
def _serving(lab: Lab, camera: str) -> Iterator[None]:
    command = [
        "ip",
        "netns",
        "exec",
        lab.prefix + camera,
        sys.executable,
        "-c",
        SERVER,
        f"SERIALOF{camera}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.terminate()


@pytest.mark.netns
class TestTwoCables:
    @pytest.mark.parametrize("own", [("10.5.5.50/24", "10.5.5.54/24"), ("10.5.5.50/24", "10.5.5.50/24")])
    def test_tell_two_cameras_of_one_address_apart(self, lab: Lab, own: tuple[str, str]):
        """Whether or not both cameras gave us the same address as well."""
        lab.addresses("cam1", own[0])
        lab.addresses("cam2", own[1])

        said = lab.says("for name in ['cam1', 'cam2'] * 3: print(serial('http://10.5.5.9:8080', name))")

        assert said == ["SERIALOFcam1", "SERIALOFcam2"] * 3

    def test_need_no_address_of_a_camera_on_usb(self, lab: Lab):
        lab.addresses("cam1", "172.24.171.50/24")
        lab.addresses("cam2", "172.24.171.50/24")

        said = lab.says("print(serial(None, 'cam1'), serial(None, 'cam2'))")

        assert said == ["SERIALOFcam1 SERIALOFcam2"]

    def test_follow_an_address_that_changes(self, lab: Lab):
        lab.addresses("cam1", "172.24.171.50/24")

        said = lab.says(
            "camera = Camera(None, time.monotonic, 'cam1')\n"
            "print(camera.info().serial)\n"
            "subprocess.run('ip address flush dev cam1; ip address add 172.25.182.54/24 dev cam1', shell=True)\n"
            "print(camera.info().serial)"
        )

        assert said == ["SERIALOFcam1"] * 2

    @pytest.mark.parametrize("own", [(), ("169.254.7.7/16",)], ids=["none", "one of its own making"])
    def test_without_an_address_are_waited_for(self, lab: Lab, own: tuple[str, ...]):
        lab.addresses("cam1", *own)

        said = lab.says("print(serial('http://10.5.5.9:8080', 'cam1')); print(serial(None, 'cam1'))")

        assert (
            said == ["CameraUnreachable: the network interface cam1 has no address from the camera yet"] * 2
        )

    def test_may_be_named_by_an_alias(self, lab: Lab):
        lab.addresses("cam1", "10.5.5.50/24", "172.24.171.50/24 label cam1:1")

        assert lab.says("print(serial(None, 'cam1:1'))") == ["SERIALOFcam1"]

    def test_do_not_need_root(self, lab: Lab):
        lab.addresses("cam1", "10.5.5.50/24")

        said = lab.says(
            "import encodings.idna, encodings.utf_8_sig  # later, their files may not be readable\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "print(serial('http://10.5.5.9:8080', 'cam1'))"
        )

        assert said == ["SERIALOFcam1"]
