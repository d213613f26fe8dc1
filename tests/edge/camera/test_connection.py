"""The only way to a camera: what can be sent, over what, and what is made of its failures."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_client.base.errors import CameraUnreachable, RequestForbidden
from edge_client.camera.client import Camera
from edge_client.camera.connection import ALLOWED, Connection
from edge_client.camera.link import link_to
from tests.edge.fake_camera import CameraExchange, CameraFile, FakeCamera, film, raw

STATE = "/gopro/camera/state"


@pytest.fixture
def connection(camera: FakeCamera) -> Iterator[Connection]:
    made = Connection(link_to(camera.url, None), lambda: 0.0)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/gopro/media/list"),
        ("POST", "/gopro/media/list"),
        ("PUT", "/videos/DCIM/100GOPRO/GX010042.MP4"),
        ("get", "/gopro/media/list"),
        ("GET", ""),
        ("GET", "/"),
        ("GET", "http://127.0.0.1/gopro/media/list"),
        ("GET", "/gopro/media/delete/file?path=100GOPRO/GX010042.MP4"),
        ("GET", "/gp/gpControl/command/storage/delete/all"),
        ("GET", "/gopro/media/delete/all"),
        ("GET", "/gopro/media/turbo_transfer?p=1"),
        ("GET", "/gp/gpControl/command/system/sleep"),
        ("GET", "/gopro/camera/control/wired_usb?p=0"),
        ("GET", "/gopro/camera/state?x=1"),
        ("GET", "/gopro/camera/state\n"),
        ("GET", "/gopro/media/list/"),
        ("GET", "/gopro/media/info?path=100GOPRO/GX010042.MP4&delete=1"),
        ("GET", "/gopro/media/info?path=../100GOPRO/GX010042.MP4"),
        ("GET", "/videos/DCIM/100GOPRO/GX010042.MP4\r\nX: 1"),
        ("GET", "/videos/DCIM/100GOPRO/GX010042.MP4?delete=1"),
    ],
)
def test_nothing_but_reading_can_be_sent(connection: Connection, camera: FakeCamera, method: str, path: str):
    with pytest.raises(RequestForbidden):
        connection.ask(method, path)

    assert camera.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "100GOPRO/GX010042.MP4",
        "999_ABCD/GX010042.MP4",
        "100GOPRO/GXAA0042.MP4",
        "100GOPRO/GS010042.360",
        "100GOPRO/SX010042.MP4",
        "100GOPRO/my-own_name+(1),.GX010042.MP4",
        "100GOPRO/" + "N" * 28 + "GX010042.MP4",
    ],
)
def test_a_file_may_be_asked_for_whose_name_is_of_a_cameras_form(path: str):
    assert any(allowed.fullmatch(f"/videos/DCIM/{path}") for allowed in ALLOWED)
    assert any(allowed.fullmatch(f"/gopro/media/info?path={path}") for allowed in ALLOWED)


@pytest.mark.parametrize(
    "path",
    ["100GOPRO/GL010042.LRV", "100GOPRO/GLAA0042.LRV", "100GOPRO/GX010042.THM", "101GOPRO/GHAB0042.THM"],
)
def test_a_proxy_and_a_thumbnail_may_be_read_and_nothing_else_is_asked_of_them(path: str):
    assert any(allowed.fullmatch(f"/videos/DCIM/{path}") for allowed in ALLOWED)
    assert not any(allowed.fullmatch(f"/gopro/media/info?path={path}") for allowed in ALLOWED)


@pytest.mark.parametrize(
    "path",
    [
        "100GOPRO/GX010042.LRV",
        "100GOPRO/GL010042.MP4",
        "100GOPRO/GL010042.THM",
        "100GOPRO/GL000042.LRV",
        "100GOPRO/GL010000.LRV",
        "100GOPRO/GL010042.lrv",
        "100GOPRO/GL010042.LRV.MP4",
        "100GOPRO/GL01%30042.LRV",
        "100GOPRO/SL010042.LRV",
        "100GOPRO/GS010042.LRV",
        "100GOPRO/CamA-GL010042.LRV",
        "100GOPRO/GM010042.THM",
        "100GOPRO/SX010042.THM",
        "100GOPRO/Proxies/GX010042_Proxy.MP4",
        "GL010042.LRV",
        "100GOPRO/../GL010042.LRV",
        "100GOPRO/../../etc/passwd",
        "../100GOPRO/GX010042.MP4",
        "100GOPRO/..",
        "100GOPRO/.MP4",
        "100GOPRO/_X010042.MP4",
        "100GOPRO/GX010042",
        "100GOPRO/GX010042.JPG",
        "100GOPRO/GX010042.MP4.MP4",
        "100GOPRO/GX01%30042.MP4",
        "100GOPRO/GX01 0042.MP4",
        "100GOPRO/GX01\u0660042.MP4",
        "100GOPRO//GX010042.MP4",
        "100GOPRO/a/GX010042.MP4",
        "100GOPRO\\GX010042.MP4",
        "100gopro/GX010042.MP4",
        "10GOPRO/GX010042.MP4",
        "100GOPROX/GX010042.MP4",
        "GX010042.MP4",
        "100GOPRO/" + "N" * 65 + ".MP4",
    ],
)
def test_no_file_of_another_name_is_read(connection: Connection, camera: FakeCamera, path: str):
    for before in ("/videos/DCIM/", "/gopro/media/info?path="):
        with pytest.raises(RequestForbidden):
            connection.ask("GET", before + path)

    assert camera.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "100GOPRO/../../etc/passwd",
        "../100GOPRO/GX010042.MP4",
        "100GOPRO/..",
        "100GOPRO/.",
        "./GX010042.MP4",
        "%2E%2E/%2E%2E%2Fetc",
        "100GOPRO/a%2Fb.MP4",
        "100GOPRO/a%5Cb.MP4",
        "100GOPRO/a%00.MP4",
        "100GOPRO/a%0D%0AX.MP4",
        "100GOPRO/a%1F.MP4",
        "100GOPRO/a%7F.MP4",
        "100GOPRO/a%2f.MP4",
        "100GOPRO/a%.MP4",
        "100GOPRO/GX01 0042.MP4",
        "100GOPRO/GX01\u0660042.MP4",
        "100GOPRO//GX010042.MP4",
        "100GOPRO/a/GX010042.MP4",
        "100GOPRO\\GX010042.MP4",
        "100GOPRO/GX010042.MP4?delete=1",
        "100GOPRO/GX010042.MP4\r\nX: 1",
        "100GOPRO/",
        "GX010042.MP4",
        "100GOPRO/" + "N" * 766,
    ],
)
def test_no_name_leaves_its_folder_when_a_file_is_asked_how_long_it_is(
    connection: Connection, camera: FakeCamera, path: str
):
    with pytest.raises(RequestForbidden):
        connection.ask("HEAD", f"/videos/DCIM/{path}")

    assert camera.requests == []


@pytest.mark.parametrize(
    "path", ["100GOPRO/caf%E9.MP4", "odd%20folder/GX010042", "100GOPRO/...", "a/" + "N" * 765]
)
def test_a_file_of_any_other_name_may_be_asked_how_long_it_is(
    connection: Connection, camera: FakeCamera, path: str
):
    with connection.ask("HEAD", f"/videos/DCIM/{path}") as answer:
        assert answer.status == 404


def test_a_request_carries_only_what_it_needs(
    camera: FakeCamera, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Neither a proxy nor a netrc nor anything else of the environment has a say."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    sent: list[dict[str, str]] = []

    def note(handler: CameraExchange) -> None:
        sent.append(dict(handler.headers))
        handler.answer_json(200, {"status": camera.state})

    camera.faults["state"] = [note]
    Camera(camera.url, lambda: 0.0).check_ready()

    assert sent == [
        {"Host": camera.url.removeprefix("http://"), "Accept-Encoding": "identity", "Connection": "close"}
    ]


def test_each_request_has_a_connection_of_its_own(connection: Connection, camera: FakeCamera):
    peers: list[int] = []

    def note(handler: CameraExchange) -> None:
        peers.append(handler.client_address[1])
        handler.answer_json(200, {})
        handler.wait_for_hang_up()

    camera.faults["state"] = [note, note]
    for _ in range(2):
        with connection.ask("GET", STATE) as answer:
            answer.refuse_unless(200)

    assert len(set(peers)) == 2


def test_a_silent_camera_is_waited_for_only_so_long(connection: Connection, camera: FakeCamera):
    answered = threading.Event()
    camera.faults["state"] = [lambda handler: answered.wait(10)]

    with pytest.raises(CameraUnreachable, match="TimeoutError"):
        connection.ask("GET", STATE, timeouts_s=(5, 0.05))
    answered.set()


def test_an_answer_that_is_waited_for_ends_when_the_connection_is_closed(
    connection: Connection, camera: FakeCamera
):
    asked, answered = threading.Event(), threading.Event()

    def never(handler: CameraExchange) -> None:
        asked.set()
        answered.wait(10)

    def hang_up() -> None:
        asked.wait(5)
        connection.close()

    camera.faults["state"] = [never]
    other = threading.Thread(target=hang_up)
    other.start()
    began = time.monotonic()
    with pytest.raises(CameraUnreachable):
        connection.ask("GET", STATE)
    took_s = time.monotonic() - began
    answered.set()
    other.join()

    assert took_s < 5


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\r\n",
        b"HTTP/1.1 x y\r\n\r\n",
        b"HTTP/1.1 2000 y\r\n\r\n",
        b"HTTP/3.9 200 OK\r\n\r\n",
        b"gpHttpServer: [INFO ] conn 0\r\nHTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"\x16\x03\x01" * 100,
    ],
    ids=["nothing", "empty line", "no status", "long status", "HTTP/3.9", "log text", "long header", "TLS"],
)
def test_what_is_no_http_is_no_answer(connection: Connection, camera: FakeCamera, said: bytes):
    camera.faults["state"] = [raw(said)]

    with pytest.raises(CameraUnreachable):
        connection.ask("GET", STATE)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "x" * 70])
def test_a_camera_that_is_away_is_unreachable(host: str):
    with pytest.raises(CameraUnreachable):
        Camera(f"http://{host}", lambda: 0.0).check_ready()


def test_a_camera_of_any_address_family_is_found(camera: FakeCamera):
    """`localhost` may be ::1 first, where no camera listens."""
    port = camera.url.rpartition(":")[2]

    there, here = (Camera(url, lambda: 0.0) for url in (f"http://localhost:{port}", camera.url))
    assert there.check_ready() == here.check_ready()


def test_an_ipv6_address_is_asked():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback on this machine")
        listener.listen()
        port = listener.getsockname()[1]
        thread = threading.Thread(target=_answer_once, args=(listener, b"HTTP/1.1 404 x\r\n\r\n"))
        thread.start()
        found = Camera(f"http://[::1]:{port}", lambda: 0.0).info()
        thread.join()

    assert found is None


def _answer_once(listener: socket.socket, said: bytes) -> None:
    with listener.accept()[0] as accepted:
        accepted.recv(4096)
        accepted.sendall(said)


def test_a_camera_needs_neither_requests_nor_urllib3():
    """Whatever version of them is installed, a short body is noticed."""
    code = "import sys, edge_client.camera.client; sys.exit(bool({'requests', 'urllib3'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_head_brings_size_and_etag_and_no_body(connection: Connection, camera: FakeCamera):
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(100))

    with connection.ask("HEAD", "/videos/DCIM/100GOPRO/GX010042.MP4") as answer:
        assert (answer.status, answer.header("content-length"), answer.take(10)) == (200, "100", b"")
