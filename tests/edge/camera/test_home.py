"""A camera in its home network: its own certificate and no other, its login, and no secret of it anywhere."""

from __future__ import annotations

import base64
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from edge_client.base.errors import (
    CameraUnreachable,
    CameraUntrusted,
    ReadBroken,
    SettingsFault,
    Unsettled,
)
from edge_client.base.retry import STALL_WINDOW_S
from edge_client.camera.client import Camera
from edge_client.camera.home import Home, Login, login_of
from edge_client.cli import parser, run
from edge_client.commands.list import LIST
from edge_client.config import CameraAddress, Values
from infra.local.camera.home import USER, HomeNetwork, Papers, make_papers, write_for_client
from tests.edge.conftest import Device
from tests.edge.fake_camera import CameraExchange, CameraFile, FakeCamera, film
from tests.support.coordinator import TOKEN

PASSWORD = "Qw7:rT.x-9"
SECRETS = (PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)
PAPERS = make_papers()


@pytest.fixture
def network(camera: FakeCamera) -> Iterator[HomeNetwork]:
    with HomeNetwork(port_of(camera.url), PASSWORD, PAPERS) as made:
        yield made


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def camera_at(
    url: str,
    certificate: str = PAPERS.root,
    password: str = PASSWORD,
    monotonic: Callable[[], float] = lambda: 0.0,
) -> closing[Camera]:
    return closing(Camera(url, monotonic, None, Home(certificate, Login(USER, password))))


@pytest.mark.parametrize("certificate", [PAPERS.root, PAPERS.certificate], ids=["its root's", "its own"])
def test_a_camera_is_read_over_tls_with_the_certificate_that_is_pinned(
    camera: FakeCamera, network: HomeNetwork, certificate: str
):
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(1000))

    with camera_at(network.url, certificate) as reader:
        reader.check_ready()
        assert reader.head("100GOPRO", "GX010042.MP4").size_bytes == 1000
        assert len(reader.entries(1)) == 1


def test_the_address_in_the_certificate_does_not_count(camera: FakeCamera):
    papers = make_papers(host="192.168.1.7")
    with (
        HomeNetwork(port_of(camera.url), PASSWORD, papers) as moved,
        camera_at(moved.url, papers.root) as reader,
    ):
        reader.check_ready()


def ended(days: int) -> Papers:
    return make_papers(NOW + days * DAY, DAY)


@pytest.mark.parametrize(
    ("papers", "pinned", "words"),
    [
        (make_papers(), PAPERS.root, "does not have the certificate of --camera-cert; compare the address"),
        (PAPERS, make_papers().certificate, "does not have the certificate of --camera-cert; compare"),
        (ended(-2), None, "the camera's certificate has expired; have the camera make another one"),
        (ended(+2), None, "the camera's certificate is not valid yet; set this device's clock"),
    ],
    ids=["another camera", "another pin", "expired", "not yet valid"],
)
def test_a_certificate_that_does_not_fit_is_refused_before_anything_is_asked(
    camera: FakeCamera, papers: Papers, pinned: str | None, words: str
):
    with (
        HomeNetwork(port_of(camera.url), PASSWORD, papers) as network,
        camera_at(network.url, pinned or papers.root) as reader,
        pytest.raises(CameraUntrusted, match=words),
    ):
        reader.check_ready()

    # Whoever it is has not heard the password.
    assert (network.refused, camera.requests) == (0, [])


def test_a_login_that_the_camera_does_not_take_is_refused_and_not_repeated_in_the_text(
    camera: FakeCamera, network: HomeNetwork
):
    with (
        camera_at(network.url, password=f"{PASSWORD}x") as reader,
        pytest.raises(CameraUntrusted, match="does not take the user and the password") as refusal,
    ):
        reader.check_ready()

    assert network.refused == 1
    assert camera.requests == []
    assert PASSWORD not in str(refusal.value)


def test_a_camera_on_its_cable_that_answers_401_is_an_odd_camera(camera: FakeCamera):
    camera.faults["state"] = [lambda handler: handler.answer_json(401, {})]

    with closing(Camera(camera.url, lambda: 0.0)) as reader, pytest.raises(Unsettled, match="answers 401"):
        reader.check_ready()


def test_what_does_not_speak_tls_does_not_answer(camera: FakeCamera):
    with (
        camera_at(camera.url.replace("http:", "https:")) as reader,
        pytest.raises(CameraUnreachable, match="SSLError"),
    ):
        reader.check_ready()


def test_a_camera_that_trickles_over_tls_is_stalled(camera: FakeCamera, network: HomeNetwork):
    ticks = itertools.count(0.0, STALL_WINDOW_S)

    with (
        camera_at(network.url, monotonic=lambda: next(ticks)) as slow,
        pytest.raises(ReadBroken, match="stalled"),
    ):
        slow.entries(0)


def ends_when_hung_up(reader: Camera, when: threading.Event) -> None:
    """Ask, and hang up from another thread `when` it is time."""

    def hang_up() -> None:
        when.wait(5)
        reader.close()

    other = threading.Thread(target=hang_up)
    other.start()
    began = time.monotonic()
    with pytest.raises(CameraUnreachable):
        reader.check_ready()
    other.join()
    assert time.monotonic() - began < 5


def test_hanging_up_ends_the_wait_for_an_answer(camera: FakeCamera, network: HomeNetwork):
    asked, answered = threading.Event(), threading.Event()

    def never(handler: CameraExchange) -> None:
        asked.set()
        answered.wait(10)

    camera.faults["state"] = [never]
    with camera_at(network.url) as reader:
        ends_when_hung_up(reader, asked)
        answered.set()


def test_hanging_up_ends_a_greeting_that_is_not_answered():
    greeted = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as mute, camera_at(url_of(mute)) as reader:
        waiting = threading.Thread(target=ends_when_hung_up, args=(reader, greeted))
        waiting.start()
        met, _ = mute.accept()
        assert met.recv(1)
        greeted.set()
        waiting.join()
        met.close()


def url_of(listener: socket.socket) -> str:
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


class TestSettings:
    @pytest.fixture
    def files(self, network: HomeNetwork, tmp_path: Path) -> tuple[Path, Path]:
        return write_for_client(tmp_path / "home", network)

    def address(
        self, files: tuple[Path, Path], url: str = "https://192.168.1.7", **more: str
    ) -> CameraAddress:
        certificate, login = files
        environ = {
            "REELHAUL_CAMERA": url,
            "REELHAUL_CAMERA_CERT": str(certificate),
            "REELHAUL_CAMERA_LOGIN": str(login),
            **more,
        }
        return LIST.settings(Values(parser().parse_args(["list"]), environ)).camera

    def faults(self, files: tuple[Path, Path], url: str = "https://192.168.1.7", **more: str) -> list[str]:
        with pytest.raises(SettingsFault) as caught:
            self.address(files, url, **more)
        for secret in SECRETS:
            assert secret not in str(caught.value)
        return caught.value.faults

    def test_are_an_address_a_certificate_and_a_login(self, files: tuple[Path, Path]):
        made = self.address(files)

        assert made.home == Home(PAPERS.root, Login(USER, PASSWORD))

    def test_do_not_show_the_login(self, files: tuple[Path, Path]):
        shown = repr(self.address(files))

        assert not [secret for secret in SECRETS if secret in shown]

    def test_of_an_https_camera_need_both_files(self, files: tuple[Path, Path]):
        assert self.faults(files, REELHAUL_CAMERA_CERT="", REELHAUL_CAMERA_LOGIN="") == [
            "--camera-cert (or REELHAUL_CAMERA_CERT) is needed",
            "--camera-login (or REELHAUL_CAMERA_LOGIN) is needed",
        ]

    def test_of_any_other_camera_need_none_of_them(self, files: tuple[Path, Path]):
        assert self.faults(files, "10.5.5.9") == [
            "--camera-cert goes with a --camera at https://…",
            "--camera-login goes with a --camera at https://…",
        ]

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
    def test_refuse_a_login_that_others_can_read(self, files: tuple[Path, Path], mode: int):
        files[1].chmod(mode)

        assert self.faults(files) == [
            f"--camera-login {files[1]}: must be a file with mode 0600, readable by its owner alone"
        ]

    @pytest.mark.parametrize(
        "text", ["", PASSWORD[:3], f"{USER}:", f":{PASSWORD}", f"{USER}:{PASSWORD}\nmore:x"]
    )
    def test_refuse_a_login_of_another_form(self, files: tuple[Path, Path], text: str):
        files[1].write_text(text)

        assert self.faults(files) == [f"--camera-login {files[1]}: does not hold one line USER:PASSWORD"]

    @pytest.mark.parametrize(
        "text", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    )
    def test_refuse_what_is_no_certificate(self, files: tuple[Path, Path], text: str):
        files[0].write_text(text)

        assert self.faults(files) == [
            f"--camera-cert {files[0]}: is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        ]

    def test_name_the_files_that_are_not_there(self, files: tuple[Path, Path]):
        for each in files:
            each.unlink()

        assert self.faults(files) == [
            f"--camera-cert {files[0]}: No such file or directory",
            f"--camera-login {files[1]}: No such file or directory",
        ]


@pytest.mark.parametrize("text", [f"{USER}:{PASSWORD}", f" {USER}:{PASSWORD}\r\n", f"{USER}:{PASSWORD}\n"])
def test_a_login_is_a_line_and_the_password_may_have_colons(text: str):
    assert login_of(text) == Login(USER, PASSWORD)


def test_a_whole_session_comes_home_over_tls_and_no_secret_is_written_anywhere(
    device: Device, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    with HomeNetwork(port_of(device.camera.url), PASSWORD) as network:
        certificate, login = write_for_client(tmp_path / "home", network)
        common = [
            *("--camera", network.url, "--camera-cert", str(certificate), "--camera-login", str(login)),
            *("--token-file", str(token), "--coordinator", device.cloud.url),
            *("--locks", str(tmp_path / "locks"), "--verbose"),
        ]
        spool = ["--spool", str(device.spool)]
        assert run(["haul", "s", "--recording", "0042", *spool, *common]) == 0
        assert run(["audit", *common, *spool]) == 0
        login.write_text(f"{USER}:{PASSWORD}x\n")
        assert run(["haul", "--all", *spool, *common]) == 1

    said = "".join(capfd.readouterr())
    assert "does not take the user and the password" in said
    written = b"".join(path.read_bytes() for path in device.spool.rglob("*") if path.is_file())
    assert not [each for each in SECRETS if each in said or each.encode() in written]
