"""The camera's wire: what may be asked, and what is believed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_client.camera import Camera, KeepAlive, serial_of_header
from edge_client.errors import (
    CameraBusy,
    CameraUnreachable,
    CardFault,
    PlanDiffers,
    ReadBroken,
    RequestForbidden,
    Transient,
    Unsettled,
)
from edge_client.plan import ChapterPlan, Span
from edge_client.retry import STALL_WINDOW_S
from tests.edge_client.conftest import ROOT
from tests.edge_client.fakes import CameraFile, CameraHandler, FakeCamera, footage

CONTENT = footage(1000)
CHAPTER = ChapterPlan("100GOPRO", "GX010042.MP4", 1000, 1, 1, '"62c2a1c6.1"', None)


@pytest.fixture
def reader(camera: FakeCamera) -> Iterator[Camera]:
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(CONTENT)
    made = Camera(camera.url, lambda: 0.0)
    yield made
    made.close()


def read(reader: Camera, first: int = 100, size_bytes: int = 200) -> bytes:
    taken = bytearray()
    reader.read_part(CHAPTER, Span(1, first, size_bytes), taken.extend)
    return bytes(taken)


def part(**headers: str) -> Callable[[CameraHandler, CameraFile, int, int], None]:
    return lambda handler, file, first, last: handler.part(file, first, last, **headers)


def raw(data: bytes) -> Callable[..., None]:
    def act(handler: CameraHandler, *rest: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(data)

    return act


@pytest.mark.parametrize(("first", "size_bytes"), [(0, 1), (0, 1000), (999, 1), (1, 999)])
def test_a_ranged_read_gives_exactly_the_bytes_asked_for(reader: Camera, first: int, size_bytes: int):
    assert read(reader, first, size_bytes) == CONTENT[first : first + size_bytes]


@pytest.mark.parametrize(("first", "size_bytes"), [(0, 1001), (999, 2), (1000, 1), (0, 0), (-1, 2)])
def test_nothing_is_asked_beyond_the_end(reader: Camera, camera: FakeCamera, first: int, size_bytes: int):
    with pytest.raises(RequestForbidden):
        read(reader, first, size_bytes)

    assert camera.requests == []


SHORT = b"HTTP/1.1 206 x\r\nContent-Range: bytes 100-299/1000\r\nContent-Length: 200\r\nEtag: %s\r\n\r\nshort"


@pytest.mark.parametrize(
    ("act", "error"),
    [
        pytest.param(lambda h, f, a, b: h.answer(200, f.content), Unsettled, id="200 to a range"),
        pytest.param(part(**{"Content-Range": "bytes 101-300/1000"}), ReadBroken, id="other start"),
        pytest.param(part(**{"Content-Range": "bytes 100-300/1000"}), ReadBroken, id="other end"),
        pytest.param(part(**{"Content-Range": "bytes 100-299/1001"}), PlanDiffers, id="other total"),
        pytest.param(part(**{"Content-Range": "bytes 100-299/*"}), ReadBroken, id="no total"),
        pytest.param(part(Etag='"other"'), PlanDiffers, id="other etag"),
        pytest.param(part(Etag=""), PlanDiffers, id="no etag"),
        pytest.param(part(**{"Content-Encoding": "gzip"}), ReadBroken, id="encoded"),
        pytest.param(part(**{"Content-Length": "199"}), ReadBroken, id="short content-length"),
        pytest.param(
            raw((SHORT % b'"62c2a1c6.1"').replace(b"Length: 200", b"Length: 201") + bytes(196)),
            ReadBroken,
            id="content-length one too long",
        ),
        pytest.param(raw(SHORT % b'"62c2a1c6.1"'), (ReadBroken, CameraUnreachable), id="short body"),
        pytest.param(
            lambda h, *_: h.answer(404, b"Error 404: Not Found\nNot found"), Unsettled, id="404 of 30 bytes"
        ),
        pytest.param(lambda h, *_: h.answer(503, b'{"message": "Camera is busy"}'), CameraBusy, id="busy"),
        pytest.param(lambda h, *_: h.answer(302, b"", {"Location": "/x"}), Unsettled, id="redirect"),
        pytest.param(
            raw(b"gpHttpServer: [INFO ] conn 0\r\n"), CameraUnreachable, id="log text before the status"
        ),
        pytest.param(raw(b""), CameraUnreachable, id="hung up"),
    ],
)
def test_a_ranged_read_refuses(reader: Camera, camera: FakeCamera, act: Any, error: Any):
    camera.faults["read"] = [act]

    with pytest.raises(error):
        read(reader)


def test_a_refused_read_gives_no_byte_before_its_headers_are_right(reader: Camera, camera: FakeCamera):
    camera.faults["read"] = [part(Etag='"other"')]
    taken = bytearray()

    with pytest.raises(PlanDiffers):
        reader.read_part(CHAPTER, Span(1, 0, 100), taken.extend)

    assert taken == b""


def test_a_trickle_is_a_stall(camera: FakeCamera):
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(CONTENT)
    clock = itertools.count(0, STALL_WINDOW_S)
    reader = Camera(camera.url, lambda: next(clock))

    def one_byte_and_no_more(handler: CameraHandler, file: CameraFile, first: int, last: int) -> None:
        head = f"HTTP/1.1 206 x\r\nContent-Range: bytes {first}-{last}/1000\r\nContent-Length: {last - first + 1}\r\n"
        handler.wfile.write(f"{head}Etag: {file.etag}\r\n\r\nx".encode())
        handler.close_connection = True
        handler.connection.recv(1)  # until the client hangs up

    camera.faults["read"] = [one_byte_and_no_more]
    with pytest.raises(Transient, match="stalled"):
        reader.read_part(CHAPTER, Span(1, 0, 1000), lambda block: None)
    reader.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/gopro/media/list"),
        ("POST", "/gopro/media/list"),
        ("PUT", "/videos/DCIM/100GOPRO/GX010042.MP4"),
        ("GET", "/gopro/media/delete/file?path=100GOPRO/GX010042.MP4"),
        ("GET", "/gp/gpControl/command/storage/delete/all"),
        ("GET", "/gopro/media/delete/all"),
        ("GET", "/gp/gpControl/command/system/sleep"),
        ("GET", "/gopro/camera/control/wired_usb?p=0"),
        ("GET", "/gopro/camera/state?x=1"),
        ("GET", "/gopro/media/list/"),
        ("GET", "/videos/DCIM/100GOPRO/../../etc/passwd"),
        ("GET", "/videos/DCIM/100GOPRO/Proxy/GX010042.MP4"),
        ("GET", "/videos/DCIM/100GOPRO/..GX010042.MP4"),
        ("GET", "/videos/DCIM/100GOPRO/a?b=GX010042.MP4"),
        ("GET", "/videos/DCIM/100GOPRO/GX010042.MP4?delete=1"),
        ("GET", "/gopro/media/info?path=100GOPRO/GX010042.MP4&delete=1"),
        ("GET", "/videos/DCIM/100GOPRO/GX010042.MP4\r\nX: 1"),
    ],
)
def test_nothing_but_reading_can_be_sent(reader: Camera, camera: FakeCamera, method: str, path: str):
    with pytest.raises(RequestForbidden):
        reader._ask(method, path)

    assert camera.requests == []


def test_no_proxy_of_the_environment_is_used(reader: Camera, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert read(reader, 0, 10) == CONTENT[:10]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"10": "1"}, CameraBusy),
        ({"8": 1}, CameraBusy),
        ({"82": 0}, CameraBusy),
        ({"33": 4}, CameraBusy),
        ({"33": -1}, CameraBusy),
        ({"33": "2"}, CardFault),
        ({"33": 8}, CardFault),
        ({"8": None}, Unsettled),
    ],
)
def test_a_camera_is_not_ready_when(reader: Camera, camera: FakeCamera, changes: dict[str, Any], error: Any):
    camera.state.update(changes)

    with pytest.raises(error):
        reader.check_ready()


def test_a_state_of_texts_is_read_like_one_of_numbers(reader: Camera, camera: FakeCamera):
    camera.state = {key: str(value) for key, value in camera.state.items()}

    assert reader.check_ready()["39"] == 1


@pytest.mark.parametrize("nested", [False, True])
def test_the_serial_is_found_in_both_shapes_of_info(reader: Camera, camera: FakeCamera, nested: bool):
    camera.nested_info = nested

    found = reader.info()

    assert found
    assert found.serial == "C3501324500711"


def test_an_old_model_has_no_info(reader: Camera, camera: FakeCamera):
    camera.serial = None

    assert reader.info() is None


@pytest.mark.parametrize("reply", [(404, b"x"), (500, b"x"), (200, b"<html>"), (200, b"[]"), (200, b"{}")])
def test_a_list_that_cannot_be_read_is_not_an_empty_card(reader: Camera, camera: FakeCamera, reply: Any):
    camera.faults["list"] = [reply]

    with pytest.raises(Unsettled):
        reader.files(0)


def test_a_camera_that_refuses_usb_control_is_still_read(reader: Camera, camera: FakeCamera):
    camera.faults["wired_usb"] = [(404, b"x")]

    reader.control_over_usb()

    assert reader.check_ready()["8"] == 0


def test_a_camera_that_is_away_is_unreachable():
    reader = Camera("http://127.0.0.1:1", lambda: 0.0)

    with pytest.raises(CameraUnreachable):
        reader.check_ready()
    reader.close()


def test_the_unique_id_is_taken_when_there_is_one(reader: Camera, camera: FakeCamera):
    camera.faults["info"] = [(200, b'{"gumi": "abc"}')]

    assert reader.gumi("100GOPRO", "GX010042.MP4") == "abc"


@pytest.mark.parametrize("head", [b"", b"GPRO", b"GPRO" + bytes(200), b"mdat" * 50])
def test_a_header_without_a_serial_is_not_guessed_at(head: bytes):
    with pytest.raises(Unsettled):
        serial_of_header(head)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "serial"),
    [
        ("hero7.mp4", "C3281324500963"),
        ("karma.mp4", "C3161325750003"),
        ("max-heromode.mp4", "C3353424500199"),
    ],
)
def test_the_serial_of_real_files_is_the_cameras_and_not_the_lens(name: str, serial: str):
    path: Path = ROOT.parent / "shared" / "data" / "gopro" / "mp4" / name
    if not path.exists():
        pytest.skip("the real camera files are not beside the project")

    with path.open("rb") as stream:
        assert serial_of_header(stream.read(256)) == serial


def test_a_list_that_only_trickles_is_stalled(camera: FakeCamera):
    ticks = itertools.count(0.0, STALL_WINDOW_S)
    with closing(Camera(camera.url, lambda: next(ticks))) as slow, pytest.raises(ReadBroken, match="stalled"):
        slow.files(0)


def test_a_beat_without_an_answer_does_not_hold_up_the_next_ones(camera: FakeCamera):
    answered = threading.Event()
    camera.faults["keep_alive"] = [lambda handler: (answered.wait(10), handler.answer(200))]

    with KeepAlive(Camera(camera.url, time.monotonic), every_s=0.05):
        deadline = time.monotonic() + 5
        while camera.beats() < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    answered.set()

    assert camera.beats() >= 3
