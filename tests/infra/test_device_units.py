"""The files of a device: units that call the client as it is, write where they may, and end as its exit codes mean."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from edge_client.base.exit import LIMIT_S, ExitCode
from edge_client.cli import parser
from edge_client.commands import COMMANDS
from edge_client.commands.audit import AuditSettings
from edge_client.commands.haul import HaulSettings
from edge_client.commands.tidy import TIDY
from edge_client.config import Device, Values
from edge_client.model.selection import New

HOUSE = Path(__file__).parents[2]
DEVICE = HOUSE / "infra" / "device"
CLIENT = "/opt/reelhaul/bin/reelhaul"
INTERFACE = "enxd43260ddac87"
SERVICES = ("reelhaul@.service", "reelhaul-audit@.service")
TIMER = "reelhaul-audit@.timer"
SPECIFIERS = {"%i": INTERFACE, "%S": "/var/lib", "%t": "/run"}
# What tells the haul from its safety net; all else is one text in two files.
OWN_KEYS = {
    *("ExecCondition", "ExecStart", "ExecStopPost", "Environment"),
    *("Restart", "RestartSec", "RestartForceExitStatus", "RestartPreventExitStatus"),
}
VERIFY = shutil.which("systemd-analyze")


def entries(name: str, section: str = "Service") -> dict[str, list[str]]:
    """One section of a unit: its values by key, in order, with this instance's specifiers filled in."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in (DEVICE / name).read_text().splitlines():
        if line.startswith("["):
            inside = line == f"[{section}]"
        elif inside and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(re.sub("%[iSt]", lambda match: SPECIFIERS[match[0]], value))
    return found


def one(name: str, key: str, section: str = "Service") -> str:
    [value] = entries(name, section)[key]
    return value


def command(name: str) -> list[str]:
    """What the client is called with."""
    program, *arguments = shlex.split(one(name, "ExecStart"))
    assert program == CLIENT
    return arguments


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("t_made.up")
    path.chmod(0o600)
    return path


def example(token_file: Path) -> dict[str, str]:
    """Every variable of the example, those that are commented out as well."""
    lines = re.findall(
        r"^#?(REELHAUL_[A-Z_]+)=(.*)$", (DEVICE / "reelhaul.env.example").read_text(), re.MULTILINE
    )
    return {**dict(lines), "REELHAUL_TOKEN_FILE": str(token_file)}


def settings_of(name: str, environ: dict[str, str]) -> object:
    """What the client makes of a unit's command. Raises SettingsFault."""
    arguments = parser().parse_args(command(name))
    [chosen] = [each for each in COMMANDS if each.name == arguments.command]
    return chosen.settings(Values(arguments, environ))


def device_of(settings: object) -> Device:
    assert isinstance(settings, (HaulSettings, AuditSettings))
    return settings.device


def test_the_haul_brings_what_is_new_on_its_interface(token_file: Path):
    settings = settings_of("reelhaul@.service", example(token_file))

    assert isinstance(settings, HaulSettings)
    assert settings.choice == New()
    assert settings.device.camera.interface == INTERFACE


def test_the_audit_brings_what_is_missing_and_soon_gives_way(token_file: Path):
    settings = settings_of("reelhaul-audit@.service", example(token_file))

    assert isinstance(settings, AuditSettings)
    assert settings.haul
    assert settings.device.camera.interface == INTERFACE
    # While it waits for a camera that is away, it has the spool.
    assert settings.device.give_up_after_s <= 600


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_writes_where_it_may_whatever_the_environment_files_say(name: str, token_file: Path):
    elsewhere = {"REELHAUL_SPOOL": "/elsewhere", "REELHAUL_LOCKS": "/elsewhere", "REELHAUL_INTERFACE": "lo"}

    device = device_of(settings_of(name, {**example(token_file), **elsewhere}))

    assert str(device.spool) == f"/var/lib/{one(name, 'StateDirectory')}"
    assert str(device.camera.locks) == f"/run/{one(name, 'RuntimeDirectory')}"
    assert device.camera.interface == INTERFACE
    assert one(name, "ProtectSystem") == "strict"
    assert not {"ReadWritePaths", "BindPaths", "DynamicUser"} & entries(name).keys()


def test_after_an_audit_the_records_of_old_sessions_go_from_its_own_spool(token_file: Path):
    [(program, *words)] = [shlex.split(each) for each in entries("reelhaul-audit@.service")["ExecStopPost"]]
    arguments = parser().parse_args(words)
    usual = dict(each.split("=") for each in entries("reelhaul-audit@.service")["Environment"])

    settings = TIDY.settings(Values(arguments, {**example(token_file), **usual}))

    # A minus: what becomes of it is not what became of the audit.
    assert program == f"-{CLIENT}"
    assert settings.keep == timedelta(days=90)
    assert str(settings.spool) == f"/var/lib/{one('reelhaul-audit@.service', 'StateDirectory')}"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_unit_writes_is_for_its_user_alone(name: str):
    assert one(name, "StateDirectoryMode") == one(name, "RuntimeDirectoryMode") == "0700"
    assert one(name, "UMask") == "0077"
    assert one(name, "User") == "reelhaul"


@pytest.mark.parametrize("name", SERVICES)
def test_all_instances_share_their_locks_which_outlive_each(name: str):
    assert INTERFACE in one(name, "StateDirectory")
    assert INTERFACE not in one(name, "RuntimeDirectory")
    assert one(name, "RuntimeDirectoryPreserve") == "yes"


def test_a_haul_that_ends_with_try_again_later_does_and_one_for_a_person_does_not():
    unit = entries("reelhaul@.service")

    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartForceExitStatus"] == [str(ExitCode.TRY_LATER.value)]
    assert {int(code) for code in unit["RestartPreventExitStatus"][0].split()} == {
        ExitCode.REFUSED,
        ExitCode.USAGE,
    }
    assert one("reelhaul@.service", "StartLimitIntervalSec", "Unit") == "0"


@pytest.mark.parametrize("name", SERVICES)
def test_a_client_that_was_stopped_or_found_the_spool_taken_has_not_failed(name: str):
    assert one(name, "SuccessExitStatus") == str(ExitCode.TRY_LATER.value)


@pytest.mark.parametrize("name", SERVICES)
def test_a_client_that_is_stopped_has_time_to_end_by_itself(name: str):
    assert float(one(name, "TimeoutStopSec")) > 2 * LIMIT_S
    assert "KillSignal" not in entries(name)


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_may_use_what_reaches_a_camera_and_s3(name: str):
    assert {"AF_INET", "AF_INET6", "AF_NETLINK"} <= set(one(name, "RestrictAddressFamilies").split())
    assert not {"PrivateNetwork", "IPAddressDeny", "RestrictNetworkInterfaces"} & entries(name).keys()


def test_haul_and_audit_differ_in_their_command_and_restarts_alone():
    haul, audit = (
        {key: value for key, value in entries(name).items() if key not in OWN_KEYS} for name in SERVICES
    )

    assert haul == audit
    assert entries(SERVICES[0], "Unit")["After"] == entries(SERVICES[1], "Unit")["After"]


def test_the_timer_goes_by_what_has_passed_and_comes_again():
    timer = entries(TIMER, "Timer")

    assert {"OnBootSec", "OnUnitInactiveSec"} <= timer.keys()
    assert not {"OnCalendar", "Persistent"} & timer.keys()
    # It starts the service of its own name.
    assert "Unit" not in timer
    assert (DEVICE / TIMER).with_suffix(".service").exists()


def may_start(interface: str, spool: Path) -> bool:
    """What the haul's unit asks before each start, as systemd runs it."""
    moved = {INTERFACE: interface, f"/var/lib/reelhaul/{INTERFACE}": str(spool)}
    words = shlex.split(one("reelhaul@.service", "ExecCondition").replace("$$", "$"))
    asked = [moved.get(word, word) for word in words]
    return subprocess.run(asked, timeout=30, check=False).returncode == 0


def test_a_haul_without_its_interface_starts_only_while_parts_are_in_its_spool(tmp_path: Path):
    session = tmp_path / "a spool" / "match-17"
    (session / "original.100GOPRO.GX010038.MP4.4f").mkdir(parents=True)
    (session / "report.json").touch()
    assert may_start("lo", session.parent)
    assert not may_start("enx0", session.parent)

    (session / "original.100GOPRO.GX010038.MP4.4f" / "00001-0-09.part").touch()

    assert may_start("enx0", session.parent)


def test_a_haul_without_its_interface_is_asked_at_each_start_and_not_ended_by_the_cable():
    unit = entries("reelhaul@.service", "Unit")

    # systemd does not ask a unit's conditions when it starts it again.
    assert not [key for key in unit if key.startswith("Condition")]
    # Unplugged, it still has its spool to send.
    assert not {"BindsTo", "Requires", "PartOf", "StopWhenUnneeded"} & unit.keys()


def test_the_example_is_one_that_the_client_takes(token_file: Path):
    device = device_of(settings_of("reelhaul@.service", example(token_file)))

    assert device.spool_budget_bytes
    assert device.limit_rate_bytes_s
    assert device.service.url.startswith("https://")


def test_the_example_names_described_variables_only(token_file: Path):
    described = set(re.findall(r"`(REELHAUL_[A-Z_]+)`", (HOUSE / "docs/settings.md").read_text()))

    assert example(token_file).keys() <= described


def test_no_secret_is_in_the_files_of_a_device():
    for path in DEVICE.iterdir():
        assert not re.search(r"\bt_[A-Za-z0-9]|AKIA|SECRET|Signature", path.read_text()), path.name


def test_the_environment_files_are_those_that_the_example_names():
    said = (DEVICE / "reelhaul.env.example").read_text()

    for name in SERVICES:
        assert entries(name)["EnvironmentFile"] == [
            "/etc/reelhaul/reelhaul.env",
            f"-/etc/reelhaul/{INTERFACE}.env",
        ]
    assert "/etc/reelhaul/reelhaul.env" in said
    assert "/etc/reelhaul/INTERFACE.env" in said


@pytest.mark.skipif(VERIFY is None, reason="systemd-analyze is not installed: the units are not verified")
@pytest.mark.parametrize("name", [*SERVICES, TIMER, "reelhaul-start.service"])
def test_systemd_has_nothing_to_say_of_a_unit(name: str, tmp_path: Path):
    assert VERIFY
    for path in (*DEVICE.glob("*.service"), *DEVICE.glob("*.timer")):
        # It looks for the programs, which no machine has but a device.
        text = (
            path.read_text()
            .replace(CLIENT, "/bin/true")
            .replace("/usr/local/bin/reelhaul-start", "/bin/true")
        )
        (tmp_path / path.name).write_text(text)
    instance = str(tmp_path / name.replace("@", f"@{INTERFACE}"))

    done = subprocess.run(
        [VERIFY, "verify", instance], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.fixture
def by_hand(tmp_path: Path, token_file: Path) -> Path:
    """`reelhaul-at` with its folders moved into the test's, and what needs root saying what it was asked."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "reelhaul.env").write_text(
        f"REELHAUL_COORDINATOR=https://coordinator.example\nREELHAUL_TOKEN_FILE={token_file}\nREELHAUL_SPOOL=/elsewhere\n"
    )
    (tmp_path / "etc" / "wlan0.env").write_text("REELHAUL_CAMERA=http://10.5.5.9:8080\n")
    for stub in ("install", "runuser"):
        path = tmp_path / stub
        path.write_text(f'#!/bin/sh\necho {stub} "$@"\n[ {stub} = install ] || env | grep REELHAUL_ | sort\n')
        path.chmod(0o755)
    script = tmp_path / "reelhaul-at"
    script.write_text((DEVICE / "reelhaul-at").read_text().replace("/etc/reelhaul", str(tmp_path / "etc")))
    return script


def said_by(script: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        ["sh", str(script), *arguments],
        env={"PATH": f"{script.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return [f"exit {done.returncode}", *done.stdout.splitlines()]


def test_by_hand_the_client_has_what_the_units_give_it(by_hand: Path, token_file: Path):
    said = said_by(by_hand, INTERFACE, "haul", "--new")

    assert said == [
        "exit 0",
        f"install -d -o reelhaul -g reelhaul -m 0700 /var/lib/reelhaul/{INTERFACE} /run/reelhaul",
        f"runuser -u reelhaul -- {CLIENT} haul --new",
        f"REELHAUL_AS=sudo reelhaul-at {INTERFACE}",
        "REELHAUL_COORDINATOR=https://coordinator.example",
        f"REELHAUL_INTERFACE={INTERFACE}",
        "REELHAUL_LOCKS=/run/reelhaul",
        "REELHAUL_SPOOL=/var/lib/reelhaul/enxd43260ddac87",
        f"REELHAUL_TOKEN_FILE={token_file}",
    ]
    device = device_of(settings_of("reelhaul@.service", example(token_file)))
    assert f"REELHAUL_SPOOL={device.spool}" in said
    assert f"REELHAUL_LOCKS={device.camera.locks}" in said


def test_by_hand_too_a_camera_has_a_file_of_its_own(by_hand: Path):
    assert "REELHAUL_CAMERA=http://10.5.5.9:8080" in said_by(by_hand, "wlan0", "list")


def environment_by_hand(script: Path, content: bytes) -> dict[str, str]:
    """What the client by hand has of this file of its interface."""
    (script.parent / "etc" / "wlan0.env").write_bytes(content)
    said = said_by(script, "wlan0", "list")
    assert said[0] == "exit 0", said
    return dict(line.split("=", 1) for line in said if line.startswith("REELHAUL_"))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"REELHAUL_CAMERA=http://10.5.5.9:8080\r\n", "http://10.5.5.9:8080"),
        (b"REELHAUL_CAMERA=http://10.5.5.9:8080", "http://10.5.5.9:8080"),
        (b"  REELHAUL_CAMERA = http://10.5.5.9:8080 \t\r\n", "http://10.5.5.9:8080"),
        (b'REELHAUL_CAMERA="http://10.5.5.9:8080"\r\n', "http://10.5.5.9:8080"),
        (b"REELHAUL_CAMERA='http://10.5.5.9:8080'\n", "http://10.5.5.9:8080"),
        (b"\xef\xbb\xbfREELHAUL_CAMERA=http://10.5.5.9:8080\r\n", "http://10.5.5.9:8080"),
        (b"\xef\xbb\xbf# of Windows\r\n\r\n;\r\nREELHAUL_CAMERA=a=b\r\n\r\n", "a=b"),
        (b'REELHAUL_CAMERA="\n', '"'),
        (b'REELHAUL_CAMERA=""\n', ""),
        (b"REELHAUL_CAMERA=\r\n", ""),
        (b"REELHAUL_CAMERA=20 GB\n", "20 GB"),
        (b"REELHAUL_CAMERA=$(touch ran)`touch ran`;touch ran\n", "$(touch ran)`touch ran`;touch ran"),
        (b"REELHAUL_CAMERA=back\\slash # and more\n", "back\\slash # and more"),
    ],
)
def test_by_hand_a_line_of_a_file_is_read_as_systemd_reads_it(by_hand: Path, line: bytes, value: str):
    assert environment_by_hand(by_hand, line)["REELHAUL_CAMERA"] == value
    assert not (HOUSE / "ran").exists()


@pytest.mark.parametrize(
    "line", [b"REELHAUL_CAMERA\n", b"REELHAUL CAMERA=x\n", b"=x\n", b"1A=x\n", b"export A=x\n"]
)
def test_by_hand_a_line_that_is_no_setting_is_told_with_its_number(by_hand: Path, line: bytes):
    (by_hand.parent / "etc" / "wlan0.env").write_bytes(b"# first\n" + line)

    done = subprocess.run(
        ["sh", str(by_hand), "wlan0", "list"],
        env={"PATH": f"{by_hand.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == f"reelhaul-at: line 2 of {by_hand.parent}/etc/wlan0.env is not NAME=VALUE\n"


@pytest.mark.parametrize("interface", ["", "..", "../etc", "--help"])
def test_by_hand_what_cannot_be_an_interface_touches_nothing(by_hand: Path, interface: str):
    assert said_by(by_hand, interface, "list") == ["exit 2"]


STUB = """\
#!/bin/sh
echo "${0##*/} $*" >>"${0%/*}/asked"
"""
COORDINATOR = "https://abc123.execute-api.eu-west-1.amazonaws.com/api"
CODE = "7K3Q-M2XA-0123-4567-89AB-CDEF"


class Enrolling:
    """`reelhaul-enroll` and `reelhaul-start`, with their folders and the programs they call moved into the test's."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for folder in ("etc", "spool", "bin"):
            (place / folder).mkdir()
        self.settings, self.token = place / "etc/reelhaul.env", place / "etc/token"
        self.settings.write_text((DEVICE / "reelhaul.env.example").read_text())
        # The client makes the token; the udev database has one camera.
        self.stub("reelhaul", f'echo t_a.b >"{self.token}"')
        self.stub("udevadm", "echo /sys/devices/usb1/1-2/1-2:1.0/net/enxd43260ddac87")
        for name in ("chown", "systemctl"):
            self.stub(name, "")
        moved = {"/etc/reelhaul": "etc", "/var/lib/reelhaul": "spool", "/opt/reelhaul/bin": "bin"}
        for name in ("reelhaul-enroll", "reelhaul-start"):
            text = (DEVICE / name).read_text()
            for path, folder in moved.items():
                text = text.replace(path, str(place / folder))
            self.program(name, text)

    def program(self, name: str, text: str) -> None:
        (self.place / "bin" / name).write_text(text)
        (self.place / "bin" / name).chmod(0o755)

    def stub(self, name: str, then: str) -> None:
        self.program(name, STUB + then + "\n")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={"PATH": f"{self.place / 'bin'}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def asked(self) -> list[str]:
        path = self.place / "bin/asked"
        return (
            [line for line in path.read_text().splitlines() if "udevadm" not in line] if path.exists() else []
        )


@pytest.fixture
def enrolling(tmp_path: Path) -> Enrolling:
    return Enrolling(tmp_path)


def start(*interfaces: str) -> list[str]:
    return [
        f"systemctl start --no-block reelhaul@{each}.service reelhaul-audit@{each}.timer"
        for each in interfaces
    ]


def test_who_enrols_has_the_address_written_and_the_camera_that_is_plugged_in_started(enrolling: Enrolling):
    done = enrolling.run("reelhaul-enroll", COORDINATOR, CODE)

    assert done.returncode == 0, done.stderr
    assert enrolling.asked() == [
        f"reelhaul enroll {CODE} --coordinator {COORDINATOR} --token-file {enrolling.token}",
        f"chown reelhaul:reelhaul {enrolling.token}",
        *start(INTERFACE),
    ]
    lines = [each for each in enrolling.settings.read_text().splitlines() if "REELHAUL_COORDINATOR" in each]
    assert lines == [f"REELHAUL_COORDINATOR={COORDINATOR}"]
    assert "REELHAUL_TOKEN_FILE=/etc/reelhaul/token" in enrolling.settings.read_text()


def test_an_enrolment_that_failed_is_finished_by_the_same_command(enrolling: Enrolling):
    enrolling.stub("chown", "exit 1")
    assert enrolling.run("reelhaul-enroll", COORDINATOR, CODE).returncode == 1
    enrolling.stub("chown", "")

    done = enrolling.run("reelhaul-enroll", COORDINATOR, CODE)

    assert done.returncode == 0, done.stderr
    assert "has its token already" in done.stdout
    assert len([each for each in enrolling.asked() if each.startswith("reelhaul ")]) == 1


def test_a_client_that_cannot_enrol_starts_nothing(enrolling: Enrolling):
    enrolling.stub("reelhaul", "exit 75")

    assert enrolling.run("reelhaul-enroll", COORDINATOR, CODE).returncode == 75
    assert not [each for each in enrolling.asked() if each.startswith(("chown", "systemctl"))]


def test_a_device_is_not_moved_to_another_coordinator_by_the_way(enrolling: Enrolling):
    enrolling.run("reelhaul-enroll", COORDINATOR, CODE)
    before = enrolling.settings.read_text()

    done = enrolling.run("reelhaul-enroll", "https://other.example/api", CODE)

    assert done.returncode == 1
    assert "enrolled with another coordinator" in done.stderr
    assert enrolling.settings.read_text() == before


@pytest.mark.parametrize(
    "arguments", [[], [CODE], [CODE, COORDINATOR], [COORDINATOR], [f"{COORDINATOR}\nREELHAUL_A=b", CODE]]
)
def test_a_wrong_order_of_address_and_code_changes_nothing(enrolling: Enrolling, arguments: list[str]):
    before = enrolling.settings.read_text()

    assert enrolling.run("reelhaul-enroll", *arguments).returncode == 2
    assert enrolling.settings.read_text() == before
    assert enrolling.asked() == []


def test_at_the_start_of_the_device_spools_with_parts_are_sent_without_their_camera(enrolling: Enrolling):
    enrolling.stub("udevadm", "")
    for name in ("enx2/s/a.1/00001-0-0.part", "enx2/s/a.1/00002-0-0.part", "enx1/s/b.2/00001-0-0.part"):
        (enrolling.place / "spool" / name).parent.mkdir(parents=True, exist_ok=True)
        (enrolling.place / "spool" / name).touch()
    (enrolling.place / "spool/enx3/s").mkdir(parents=True)
    (enrolling.place / "spool/enx3/s/report.json").touch()

    assert enrolling.run("reelhaul-start").returncode == 0
    assert enrolling.asked() == start("enx1", "enx2")
