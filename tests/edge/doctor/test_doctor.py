"""`doctor`: each planted fault is reported by its check with one next step, and a sound device has no finding."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edge_client.base.errors import Refused
from edge_client.camera.client import Camera
from edge_client.cli import run
from edge_client.commands.doctor import code_of, doctor_json, doctor_lines
from edge_client.doctor.examination import CHECKS, Check, Found, examine
from edge_client.doctor.finding import Finding, Severity, fine, not_checked, problem, warning
from edge_client.doctor.machine import MOST_FILE_BYTES, FreeSpace, Machine, resolve, room_of, write_s
from edge_client.doctor.service import PROBE_BYTES
from edge_client.doctor.subject import Subject, s3_of
from edge_client.model.listing import CameraStatus
from infra.local.camera.home import HomeNetwork, Papers, make_papers, write_for_client
from infra.local.http_server import Server
from tests.edge.conftest import Device
from tests.edge.doctor.sound import (
    CABLE,
    DEFAULT,
    DISK,
    GIB,
    LAN,
    OTHER_CABLE,
    ROUTES,
    TO_CAMERA,
    Break,
    SoundDevice,
    route,
)
from tests.edge.strangers import self_signed, stranger
from tests.support.coordinator import OPERATOR_TOKEN, Door
from tests.support.exchange import answering

PROBLEM, WARNING, NOT_CHECKED = Severity.PROBLEM, Severity.WARNING, Severity.NOT_CHECKED
PORTAL = (200, b"<html>please log in</html>", {"Content-Type": "text/html"})


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """S3, which refuses who shows nothing."""
    with Server(answering(lambda exchange: exchange.answer(403, b"", {"x-amz-request-id": "1"}))) as server:
        yield server.url


@pytest.fixture
def sound(device: Device, tmp_path: Path, s3_url: str) -> SoundDevice:
    return SoundDevice(device, tmp_path, s3_url)


def test_a_sound_device_has_no_finding(sound: SoundDevice):
    found = sound.examine()

    assert [each for each in found if each.finding.severity is not Severity.FINE] == []
    assert {each.check for each in found} == set(CHECKS)
    assert code_of(found) == 0


def mtp(sound: SoundDevice) -> None:
    sound.unplug()
    sound.plug_in("1-2", None)
    (sound.root / f"sys/devices/pci0/usb1/1-2/1-2:1.0/net/{CABLE}/address").unlink()
    (sound.root / f"sys/devices/pci0/usb1/1-2/1-2:1.0/net/{CABLE}").rmdir()


def another_interface(sound: SoundDevice) -> None:
    sound.unplug()
    sound.plug_in("1-3", OTHER_CABLE)


def camera_says(sound: SoundDevice, **ids: int) -> None:
    sound.device.camera.state.update({name.removeprefix("s"): value for name, value in ids.items()})


def camera_hangs(sound: SoundDevice) -> None:
    sound.device.camera.faults["state"] = [lambda exchange: exchange.wait_for_hang_up(8)] * 9


def two_networks(sound: SoundDevice, rp_filter: int) -> None:
    sound.plug_in("1-3", OTHER_CABLE)
    sound.own[OTHER_CABLE] = "172.27.111.49"
    sound.write(
        "/proc/net/route", ROUTES + DEFAULT + LAN + TO_CAMERA + route(OTHER_CABLE, "172.27.111.0", 24)
    )
    sound.write("/proc/sys/net/ipv4/conf/all/rp_filter", f"{rp_filter}\n")


def two_unnamed(sound: SoundDevice) -> None:
    two_networks(sound, 2)
    del sound.environ["REELHAUL_INTERFACE"]
    sound.environ["REELHAUL_CAMERA"] = "172.27.111.51"


def empty_list(sound: SoundDevice) -> None:
    sound.device.camera.files.clear()
    camera_says(sound, s39=7)


def docker(
    sound: SoundDevice, pools: str | None, network: str = "172.17.0.0", bridge: str = "docker0"
) -> None:
    sound.write(f"/sys/class/net/{bridge}/operstate", "up\n")
    lines = ROUTES + DEFAULT + LAN + TO_CAMERA + route(bridge, network, 16, metric=0)
    sound.write("/proc/net/route", lines)
    if pools is not None:
        sound.write("/etc/docker/daemon.json", pools)


def portal(sound: SoundDevice) -> None:
    sound.device.cloud.faults["get"] = [PORTAL] * 9


def fails(error_number: int) -> dict[str, object]:
    def write(_folder: Path) -> float:
        raise OSError(error_number, "as the test says")

    return {"write_s": write}


def unresolved(_host: str, _port: int) -> tuple[str, ...]:
    raise OSError(-2, "Name or service not known")


def clock(**off: float) -> dict[str, object]:
    return {"now": lambda: datetime.now(timezone.utc) + timedelta(**off)}


def escaped(path: Path) -> str:
    """A path as the kernel's tables and fstab write it."""
    return str(path).replace(" ", "\\040")


def mounted(sound: SoundDevice, kind: str, options: str = "rw,relatime") -> None:
    line = f"40 22 8:2 / {escaped(sound.device.spool)} {options} - {kind} /dev/sda1 rw"
    sound.write("/proc/self/mountinfo", f"{DISK}\n{line}\n")


def failing(sound: SoundDevice) -> None:
    sound.device.cloud.faults["get"] = [(503, b'{"status": "failing"}')] * 9


def too_old(door: Door) -> None:
    if door.path.endswith("/v1/limits"):
        door.problem(426, "client-too-old", "stop")
    else:
        door.serve()


def without_proofs(door: Door) -> None:
    if door.path.endswith("openapi.json"):
        door.serve_otherwise(
            lambda document: document["paths"].pop(
                "/v1/sessions/{session_id}/artifacts/{artifact_id}/proof-urls"
            )
        )
    else:
        door.serve()


def without_contract(door: Door) -> None:
    if door.path.endswith("openapi.json"):
        door.answer(403, b'{"message": "Missing Authentication Token"}')
    else:
        door.serve()


def gets(act: object) -> Break:
    def harm(sound: SoundDevice) -> None:
        sound.device.cloud.faults["get"] = [act] * 9

    return harm


def operators(sound: SoundDevice) -> None:
    sound.token_file.write_text(sound.device.cloud.enrol_operator())


def set_machine(**calls: object) -> Break:
    def harm(sound: SoundDevice) -> None:
        sound.machine = calls

    return harm


def set_environ(**values: str) -> Break:
    def harm(sound: SoundDevice) -> None:
        sound.environ |= {f"REELHAUL_{name}": text for name, text in values.items()}

    return harm


FAULTS: tuple[tuple[str, Break, str, Severity, str, str], ...] = (
    # what is broken, how, which check says it, how bad it is, what it says, and its next step
    ("the camera is in MTP", mtp, "usb", PROBLEM, "its USB connection is MTP", "GoPro Connect"),
    (
        "no camera is plugged in",
        SoundDevice.unplug,
        "usb",
        PROBLEM,
        "no GoPro is on any USB port",
        "plug it in",
    ),
    ("the camera is another interface", another_interface, "usb", PROBLEM, OTHER_CABLE, f"at {OTHER_CABLE}"),
    (
        "a slow cable",
        lambda sound: sound.plug_in("1-2", CABLE, "12"),
        *("usb", WARNING, "runs at 12 Mbit/s", "another cable"),
    ),
    ("no interface", SoundDevice.unplug, "interface", PROBLEM, f"no network interface {CABLE}", "`usb`"),
    (
        "the interface is down",
        lambda sound: sound.write(f"/sys/class/net/{CABLE}/operstate", "down\n"),
        *("interface", PROBLEM, "is down", f"sudo ip link set {CABLE} up"),
    ),
    (
        "no address from the camera",
        lambda sound: sound.own.clear(),
        *("interface", PROBLEM, "no address from the camera", "plug it in again"),
    ),
    (
        "two cameras with one address, strictly filtered",
        lambda sound: two_networks(sound, 1),
        *("addresses", PROBLEM, "rp_filter 1", "rp_filter = 2"),
    ),
    (
        "two cameras with one address, none named",
        two_unnamed,
        *("addresses", PROBLEM, "chance decides", "REELHAUL_INTERFACE="),
    ),
    (
        "Docker has the camera's network",
        lambda sound: docker(sound, '{"default-address-pools": []}', "172.27.0.0"),
        *("docker", PROBLEM, "172.27.0.0/16 (docker0) covers the camera's", "bip"),
    ),
    (
        "a network that Docker made has the camera's",
        lambda sound: docker(sound, None, "172.27.0.0", bridge="br-0123456789ab"),
        *("docker", PROBLEM, "(br-0123456789ab) covers", "docker network rm 0123456789ab"),
    ),
    (
        "Docker may take it",
        lambda sound: docker(sound, None),
        "docker",
        WARNING,
        "next network",
        "another pool",
    ),
    (
        "Docker's file is broken",
        lambda sound: docker(sound, "{"),
        *("docker", NOT_CHECKED, "daemon.json cannot be read", "correct /etc/docker/daemon.json"),
    ),
    (
        "the camera sleeps",
        lambda sound: setattr(sound, "camera_url", "http://127.0.0.1:9"),
        *("camera", PROBLEM, "asleep or still starting", "press the camera's button"),
    ),
    (
        "the camera records",
        lambda sound: camera_says(sound, s8=1, s10=1),
        *("camera", WARNING, "recording", "wait until it has stopped"),
    ),
    (
        "something else answers at the camera's address",
        lambda sound: setattr(sound, "camera_url", sound.s3_url),
        *("camera", PROBLEM, "no supported camera is at", "plug a supported camera in"),
    ),
    ("no card", lambda sound: camera_says(sound, s33=2), "card", PROBLEM, "card is out", "put it in"),
    ("a broken card", lambda sound: camera_says(sound, s33=3), "card", PROBLEM, "format error", "look at it"),
    (
        "an empty list",
        empty_list,
        *("card", PROBLEM, "counts 7 videos but lists none", "off and on"),
    ),
    ("it is hot", lambda sound: camera_says(sound, s6=1), "power", WARNING, "too hot", "in the shade"),
    ("low battery", lambda sound: camera_says(sound, s70=9), "power", WARNING, "9 percent", "power"),
    (
        "unknown firmware",
        lambda sound: sound.device.camera.faults["info"].extend(
            [(200, b'{"serial_number": "C3501324500711", "firmware_version": "H99.01.01"}')] * 9
        ),
        *("firmware", WARNING, "H99.01.01 is of no known family", "audit it"),
    ),
    (
        "the camera's clock was reset",
        lambda sound: sound.device.camera.faults["get_date_time"].append(
            (200, b'{"date": "2016_1_1", "time": "0_0_0"}')
        ),
        *("camera-clock", WARNING, "days behind", "set the camera's date"),
    ),
    (
        "the spool is anybody's",
        lambda sound: sound.device.spool.chmod(0o777),
        *("spool", PROBLEM, "others may write to", "sudo chmod go-w"),
    ),
    (
        "the spool is another user's",
        set_machine(user_id=lambda: 1234567),
        *("spool", PROBLEM, "belongs to another user", "reelhaul-at"),
    ),
    (
        "the disk is full",
        set_machine(room=lambda folder: FreeSpace(48 * 1024**2 - 1, 10**6)),
        *("room", PROBLEM, "50 MB are free", "remove other files"),
    ),
    (
        "little room",
        set_machine(room=lambda folder: FreeSpace(GIB - 1, None)),
        *("room", WARNING, "the camera waits", "remove other files"),
    ),
    (
        "no more files",
        set_machine(room=lambda folder: FreeSpace(GIB, 999)),
        *("room", PROBLEM, "999 more files", "remove other files"),
    ),
    (
        "the disk is read-only",
        lambda sound: mounted(sound, "ext4", "ro,relatime"),
        *("mount", PROBLEM, "mounted read-only", "remount"),
    ),
    (
        "the spool is in memory",
        lambda sound: mounted(sound, "tmpfs"),
        "mount",
        PROBLEM,
        "in memory",
        "mount one",
    ),
    ("the spool is on a stick", lambda sound: mounted(sound, "exfat"), "mount", PROBLEM, "exfat", "ext4"),
    (
        "the spool is far away",
        lambda sound: mounted(sound, "nfs4"),
        "mount",
        WARNING,
        "another machine",
        "of this",
    ),
    (
        "its disk is not mounted",
        lambda sound: sound.write("/etc/fstab", f"UUID=2 {escaped(sound.device.spool)} ext4 defaults 0 2\n"),
        *("mount", PROBLEM, "is not mounted", "sudo mount"),
    ),
    ("a slow disk", set_machine(write_s=lambda _: 2.01), "write", WARNING, "is slow", "another disk"),
    ("a dead disk", set_machine(**fails(errno.EIO)), "write", PROBLEM, "does not take", "another disk"),
    (
        "a disk that cannot write unnamed",
        set_machine(**fails(errno.EOPNOTSUPP)),
        *("write", NOT_CHECKED, "without leaving a file", "haul"),
    ),
    (
        "no way out",
        lambda sound: sound.write("/proc/net/route", ROUTES + LAN + TO_CAMERA),
        *("route", PROBLEM, "no default route", "uplink"),
    ),
    (
        "the way out is the camera",
        lambda sound: sound.write(
            "/proc/net/route",
            ROUTES + DEFAULT + LAN + TO_CAMERA + route(CABLE, "0.0.0.0", 0, "172.27.111.51", 50),
        ),
        *("route", PROBLEM, f"leads to the camera ({CABLE})", "ipv4.never-default yes"),
    ),
    (
        "names are asked at the camera",
        lambda sound: sound.write("/etc/resolv.conf", "nameserver 172.27.111.51\n"),
        *("route", PROBLEM, "looked up at the camera", "ignore-auto-dns"),
    ),
    ("no name server", set_machine(resolve=unresolved), "dns", PROBLEM, "cannot be looked up", "resolvectl"),
    (
        "no coordinator",
        lambda sound: setattr(sound, "coordinator_url", "http://127.0.0.1:9"),
        *("coordinator", PROBLEM, "no answer from the coordinator", "ping"),
    ),
    ("a login page", portal, "coordinator", PROBLEM, "not the coordinator", "log in"),
    ("a failing coordinator", failing, "coordinator", WARNING, "failing", "operator"),
    (
        "another address",
        gets((403, b'{"message": "Missing Authentication Token"}')),
        *("coordinator", PROBLEM, "is this the coordinator's address?", "REELHAUL_COORDINATOR"),
    ),
    ("a clock ahead", set_machine(**clock(seconds=70)), "clock", WARNING, "s ahead", "set-ntp"),
    ("a clock behind", set_machine(**clock(seconds=-70)), "clock", WARNING, "s behind", "set-ntp"),
    (
        "a clock without battery",
        set_machine(**clock(days=-9999)),
        "clock",
        PROBLEM,
        "before this client",
        "set-ntp",
    ),
    (
        "a token for everybody to read",
        lambda sound: sound.token_file.chmod(0o644),
        *("token", PROBLEM, "mode 0600", "sudo chmod 600"),
    ),
    ("no token", lambda sound: sound.token_file.unlink(), "token", PROBLEM, "No such file", "enroll"),
    (
        "a revoked token",
        lambda sound: sound.token_file.write_text("t_device.another"),
        *("token", PROBLEM, "wrong, or was revoked", "enroll"),
    ),
    ("an operator's token", operators, "token", PROBLEM, "not a device's", "enroll"),
    ("an old client", gets(too_old), "version", PROBLEM, "too old for the coordinator", "upgrade the client"),
    (
        "an old coordinator",
        gets(without_proofs),
        "version",
        PROBLEM,
        "has no POST /v1/",
        "coordinator upgraded",
    ),
    (
        "no contract",
        gets(without_contract),
        "version",
        WARNING,
        "older than this client",
        "coordinator upgraded",
    ),
    (
        "S3 is not reached",
        lambda sound: setattr(sound, "s3_url", "http://127.0.0.1:9"),
        *("s3", PROBLEM, "no answer from S3", "let https to 127.0.0.1"),
    ),
    (
        "something else answers as S3",
        lambda sound: setattr(sound, "s3_url", sound.coordinator_url),
        *("s3", PROBLEM, "is not S3", "log in"),
    ),
    (
        "an address without a region",
        lambda sound: setattr(sound, "s3_url", None),
        *("s3", NOT_CHECKED, "does not say in which region", "haul"),
    ),
    (
        "a setting that cannot be read",
        set_environ(LIMIT_RATE="fast"),
        *("settings", PROBLEM, "--limit-rate is a rate", "reelhaul.env"),
    ),
    (
        "a budget of less than two parts",
        set_environ(SPOOL_BUDGET="33554431"),
        *("settings", PROBLEM, "two parts of 16 MiB", "SPOOL_BUDGET"),
    ),
)


@pytest.mark.parametrize(
    ("harm", "check", "severity", "what", "next_step"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_each_planted_fault_is_reported_with_its_next_step(
    sound: SoundDevice, harm: Break, check: str, severity: Severity, what: str, next_step: str
):
    harm(sound)
    before = listing(sound.folder)

    found = sound.findings()

    assert check in found, found
    [finding] = found[check]
    assert (finding.severity, what in finding.what) == (severity, True), finding
    assert next_step in (finding.next_step or ""), finding
    # All else that is not fine was not checked, or is another word for the same fault.
    others = {name for name, each in found.items() if name != check and each[0].severity is PROBLEM}
    assert others <= {"usb", "interface"} if check in ("usb", "interface") else not others, found
    for each in (each for several in found.values() for each in several):
        assert each.next_step, each
        assert "\n" not in each.next_step, each
    assert listing(sound.folder) == before
    demand_that_nothing_was_asked_but_what_reads(sound)


def demand_that_nothing_was_asked_but_what_reads(sound: SoundDevice) -> None:
    """Raises when the camera was asked for anything that changes it, or the coordinator has anything new."""
    asked = {(method, path) for method, path, _ in sound.device.camera.requests}
    reads = ("camera/state", "camera/info", "camera/get_date_time", "media/list")
    assert asked <= {("GET", f"/gopro/{name}") for name in reads}
    assert sound.device.cloud.sessions == {}
    assert sound.device.cloud.heartbeats == []


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def one(sound: SoundDevice, check: str, limit_s: float = 20.0) -> Finding:
    [found] = sound.examine(check, limit_s=limit_s)
    return found.finding


class TestExamination:
    def test_a_check_that_hangs_keeps_no_other_and_is_said_to_be_late(self, sound: SoundDevice):
        end = threading.Event()

        def hang(_subject: Subject) -> list[Finding]:
            end.wait(30)
            return []

        late = problem("it hangs", "switch it off and on")
        found = examine(
            sound.subject(),
            {"mute": Check(hang), "known": Check(hang, late), "well": Check(lambda _: [fine("well")])},
            limit_s=0.2,
        )
        end.set()

        assert [(each.check, each.finding.severity) for each in found] == [
            ("known", PROBLEM),
            ("mute", NOT_CHECKED),
            ("well", Severity.FINE),
        ]
        assert found[0].finding == late
        assert found[1].finding.what == "because it did not end within 0 s"

    def test_a_fault_of_a_check_keeps_no_other_and_says_nothing_that_may_be_secret(self, sound: SoundDevice):
        def break_down(_subject: Subject) -> list[Finding]:
            raise KeyError("t_device.SeCrEt")

        found = examine(sound.subject(), {"odd": Check(break_down), "well": Check(lambda _: [fine("well")])})

        assert found[0].finding.severity is NOT_CHECKED
        assert "KeyError" in found[0].finding.what
        assert "SeCrEt" not in found[0].finding.what
        assert found[1].finding.severity is Severity.FINE

    def test_facts_that_several_checks_need_are_asked_for_once(self, sound: SoundDevice):
        sound.examine()

        paths = [path for _, path, _ in sound.device.camera.requests]
        assert paths.count("/gopro/camera/state") == 1
        assert paths.count("/gopro/camera/info") == 1

    @pytest.mark.parametrize(
        ("findings", "code"),
        [
            ([fine("a")], 0),
            ([fine("a"), not_checked("b", "c")], 75),
            ([not_checked("b", "c"), warning("d", "e")], 3),
            ([warning("d", "e"), problem("f", "g"), not_checked("b", "c")], 1),
            ([problem("f", "g")], 1),
        ],
    )
    def test_the_worst_finding_decides_how_it_ends(self, findings: list[Finding], code: int):
        assert code_of([Found("x", each) for each in findings]) == code


def test_without_any_setting_that_can_be_read_the_rest_is_examined(sound: SoundDevice):
    sound.environ = {"REELHAUL_CAMERA": "ftp://10.5.5.9", "REELHAUL_COORDINATOR": "http://example.com"}
    sound.coordinator_url = "http://example.com"

    found = sound.findings()

    assert len(found["settings"]) == 3
    assert found["room"][0].what == "because the settings do not say the spool's folder"
    assert "route" not in found


@pytest.mark.parametrize(
    ("password", "pinned", "what", "step"),
    [
        ("another", None, "does not take the user and the password", "write those into the file"),
        ("secret", make_papers(), "does not have the certificate", "compare the address"),
    ],
    ids=["login", "certificate"],
)
def test_a_camera_in_its_home_network_that_does_not_know_us_is_a_problem_with_one_step(
    sound: SoundDevice, tmp_path: Path, password: str, pinned: Papers | None, what: str, step: str
):
    port = urlsplit(sound.camera_url).port
    assert port
    with HomeNetwork(port, password) as network:
        certificate, login = write_for_client(tmp_path / "home", network)
        login.write_text("gopro:secret")
        if pinned:
            certificate.write_text(pinned.root)
        sound.camera_url = network.url
        sound.environ |= {
            "REELHAUL_CAMERA": network.url,
            "REELHAUL_CAMERA_CERT": str(certificate),
            "REELHAUL_CAMERA_LOGIN": str(login),
        }

        finding = one(sound, "camera")

    assert finding.severity is PROBLEM
    assert what in finding.what
    assert step in (finding.next_step or "")


def test_a_camera_that_takes_the_connection_and_says_nothing_is_a_problem(sound: SoundDevice):
    camera_hangs(sound)

    finding = one(sound, "camera", limit_s=0.5)

    assert finding.severity is PROBLEM
    assert "does not answer" in finding.what
    camera_hangs(sound)
    assert one(sound, "card", limit_s=0.2) == not_checked(
        "the camera does not answer", "first do what `camera` says, then run doctor again"
    )


def test_a_kernel_that_lets_only_root_bind_is_said_with_its_cure(sound: SoundDevice):
    class Bound(Camera):
        def check_ready(self) -> CameraStatus:
            raise Refused(
                "this system lets only root bind a connection to it; run as root, or give CAP_NET_RAW"
            )

    subject = replace(
        sound.subject(), camera_at=lambda address, machine: Bound(sound.camera_url, machine.monotonic)
    )
    [found] = examine(subject, {"camera": CHECKS["camera"]})

    assert found.finding == problem(
        "this system lets only root bind a connection to it", "run as root, or give CAP_NET_RAW"
    )


def test_a_camera_in_the_network_of_the_uplink_is_fine(sound: SoundDevice):
    """As in a home network, where two interfaces may lead too, and the router has the names."""
    sound.unplug()
    sound.write("/proc/net/route", ROUTES + DEFAULT + LAN + route("wlan0", "192.168.1.0", 24, metric=600))
    del sound.environ["REELHAUL_INTERFACE"]
    sound.environ["REELHAUL_CAMERA"] = "192.168.1.7"

    assert sound.findings() == {}


def test_a_way_out_by_ipv6_is_one(sound: SoundDevice):
    sound.write("/proc/net/route", ROUTES + LAN + TO_CAMERA)
    rest = f"{'0' * 32} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003"
    sound.write("/proc/net/ipv6_route", f"{'0' * 32} 00 {rest}       lo\n")
    assert one(sound, "route").severity is PROBLEM
    sound.write("/proc/net/ipv6_route", f"{'0' * 32} 00 {rest}    wwan0\n")

    assert one(sound, "route") == fine("the way to the internet is wwan0, by IPv6")


def test_what_needs_the_camera_is_not_guessed_without_it(sound: SoundDevice):
    sound.camera_url = "http://127.0.0.1:9"

    found = sound.findings()

    assert {name for name, each in found.items() if each[0].severity is NOT_CHECKED} == {
        *("power", "card", "firmware", "camera-clock")
    }
    assert found["card"][0] == not_checked(
        "the camera does not answer", "first do what `camera` says, then run doctor again"
    )


def test_what_needs_the_coordinator_is_not_guessed_without_it(sound: SoundDevice):
    sound.coordinator_url = "http://127.0.0.1:9"

    found = sound.findings()

    assert {name for name, each in found.items() if each[0].severity is NOT_CHECKED} == {
        *("clock", "token", "version", "uplink")
    }


def test_a_certificate_that_nobody_vouches_for_is_a_problem_of_tls(sound: SoundDevice, tmp_path: Path):
    with stranger(self_signed(tmp_path)) as found:
        sound.coordinator_url = found.url
        tls, coordinator = one(sound, "tls"), one(sound, "coordinator")

    assert (tls.severity, coordinator.severity) == (PROBLEM, NOT_CHECKED)
    assert "certificate there cannot be trusted" in tls.what
    assert coordinator.next_step == "first do what `tls` says, then run doctor again"
    assert b"".join(found.heard) == b""


def test_wi_fi_needs_no_usb(sound: SoundDevice):
    sound.unplug()
    del sound.environ["REELHAUL_INTERFACE"]
    sound.environ["REELHAUL_CAMERA"] = "10.5.5.9"

    assert one(sound, "usb").severity is Severity.FINE


def test_two_cameras_with_one_address_are_told_apart_where_the_kernel_does(sound: SoundDevice):
    two_networks(sound, 2)

    assert one(sound, "addresses").severity is Severity.FINE


def test_docker_that_takes_its_networks_elsewhere_is_fine(sound: SoundDevice):
    docker(sound, '{"default-address-pools": [{"base": "10.201.0.0/16", "size": 24}]}')

    assert one(sound, "docker").severity is Severity.FINE


@pytest.mark.parametrize(("seconds", "severity"), [(59, Severity.FINE), (62, WARNING)])
def test_a_clock_may_be_off_by_a_minute(sound: SoundDevice, seconds: float, severity: Severity):
    sound.machine = clock(seconds=seconds)

    assert one(sound, "clock").severity is severity


@pytest.mark.parametrize(("hours", "severity"), [(-26.1, WARNING), (-25.9, Severity.FINE), (26.1, WARNING)])
def test_a_cameras_clock_may_be_in_any_time_zone(sound: SoundDevice, hours: float, severity: Severity):
    shown = datetime.now(timezone.utc) + timedelta(hours=hours)
    said = {"date": f"{shown:%Y_%m_%d}", "time": f"{shown:%H_%M_%S}"}
    sound.device.camera.faults["get_date_time"] = [(200, json.dumps(said).encode())]

    assert one(sound, "camera-clock").severity is severity


class TestUplink:
    def measured(self, sound: SoundDevice, seconds: float) -> Finding:
        """What is said of an uplink that needs so long for the megabyte."""
        passed = [0.0]

        def slow(door: Door) -> None:
            passed[0] += seconds if len(door.body()) == PROBE_BYTES else 0.0
            door.serve()

        sound.device.cloud.faults["progress"] = [slow] * 9
        sound.machine = {"monotonic": lambda: passed[0]}
        return one(sound, "uplink")

    def test_says_what_the_line_does_at_least(self, sound: SoundDevice):
        finding = self.measured(sound, 0.5)

        assert finding == fine("this device sends at least 1.97 MB/s to the coordinator")

    @pytest.mark.parametrize(("seconds", "severity"), [(3.5, Severity.FINE), (3.6, WARNING)])
    def test_warns_where_a_chapter_needs_more_than_a_night(
        self, sound: SoundDevice, seconds: float, severity: Severity
    ):
        assert self.measured(sound, seconds).severity is severity

    def test_sends_a_megabyte_at_most_and_changes_nothing(self, sound: SoundDevice):
        sent: list[int] = []

        def count(door: Door) -> None:
            sent.append(len(door.body()))
            door.serve()
            assert door.said
            assert door.said.status == 400

        sound.device.cloud.faults["progress"] = [count] * 9

        assert one(sound, "uplink").severity is Severity.FINE
        assert sent == [2, 2, PROBE_BYTES]
        assert PROBE_BYTES < 1024 * 1024
        assert sound.device.cloud.heartbeats == []

    def test_is_not_guessed_from_an_answer_of_somebody_else(self, sound: SoundDevice):
        sound.device.cloud.faults["progress"] = [PORTAL] * 9

        assert one(sound, "uplink").severity is NOT_CHECKED


class TestMachine:
    def test_a_write_is_measured_and_leaves_nothing(self, tmp_path: Path):
        assert write_s(tmp_path) > 0
        assert list(tmp_path.iterdir()) == []

    def test_a_disk_says_its_room(self, tmp_path: Path):
        assert room_of(tmp_path).free_bytes > 0

    def test_an_address_is_its_own(self):
        assert resolve("127.0.0.1", 80) == ("127.0.0.1",)

    def test_a_file_of_the_system_is_read_to_a_bound(self, tmp_path: Path):
        (tmp_path / "long").write_bytes(b"x" * (MOST_FILE_BYTES + 1))

        assert len(Machine(tmp_path).text("/long") or "") == MOST_FILE_BYTES
        assert Machine(tmp_path).text("/absent") is None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("abc123.execute-api.eu-west-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com"),
        ("api.example.com", None),
        ("abc123.execute-api.eu-west-1.amazonaws.com.example.com", None),
    ],
)
def test_s3_is_where_the_coordinators_name_says(host: str, url: str | None):
    assert s3_of(host) == url


def test_the_command_says_every_finding_and_no_secret(
    sound: SoundDevice, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """On the machine of the test, whose network is what it is."""
    for name, text in sound.environ.items():
        monkeypatch.setenv(name, text)
    words = ["doctor", "--coordinator", sound.coordinator_url, "--camera", sound.camera_url]
    monkeypatch.delenv("REELHAUL_INTERFACE")

    code = run([*words, "--json"])

    said = capsys.readouterr()
    document = json.loads(said.out)
    assert {each["check"] for each in document["findings"]} == set(CHECKS)
    assert document["fine"] is (code == 0)
    assert sound.token_file.read_text().partition(".")[2] not in said.out + said.err
    assert OPERATOR_TOKEN not in said.out


def test_lines_begin_with_the_worst_and_name_the_next_step(sound: SoundDevice):
    found = [Found("card", problem("no card", "put it in")), Found("dns", not_checked("of x", "look"))]

    assert doctor_lines([*found, Found("room", fine("much"))]) == [
        "problem: card: no card",
        "  next: put it in",
        "not checked: dns because of x",
        "  next: look",
        "fine: room: much",
        "3 checks: 1 problem, 0 warnings, 1 not checked",
    ]
    assert doctor_json(found)["fine"] is False
