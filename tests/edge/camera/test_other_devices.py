"""What answers where a camera should be: a supported camera, one that starts, an older one, or no camera at all."""

from __future__ import annotations

import time
from typing import Any

import pytest

from edge_client.base.errors import CameraBusy, CameraUnsupported, EdgeError, Unsettled
from edge_client.camera.client import Camera
from edge_client.model.selection import New
from tests.edge.conftest import Device
from tests.edge.fake_camera import CameraExchange, FakeCamera

OLDER = (404, b"Error 404: Not Found\nNot found", {"Content-Type": "text/plain"})
NGINX = (404, b"<html><center>nginx</center></html>", {"Server": "nginx/1.24.0", "Content-Type": "text/html"})
ROUTER = (200, b"<!DOCTYPE html><title>Login</title>", {"Content-Type": "text/html; charset=utf-8"})
REDIRECT = (302, b"", {"Location": "/login"})
FORBIDDEN = (401, b"", {"WWW-Authenticate": "Basic"})
OTHER_JSON = (200, b'{"error": "no such thing"}', {"Content-Type": "application/json"})
HOSTILE = (404, b"", {"Server": "\x1b[2J" + "a" * 500})


def replaced(device: Device, *reply: Any) -> None:
    """Something that gives the same answer to everything is at the camera's address."""
    for name in ("state", "list", "info", "keep_alive", "wired_usb"):
        device.camera.faults[name] = [reply] * 1000


@pytest.fixture
def reader(camera: FakeCamera) -> Camera:
    return Camera(camera.url, time.monotonic)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (OLDER, "what seems to be an older GoPro (HERO8, MAX, Fusion or before) answers (404 to "),
        (NGINX, "a server that calls itself 'nginx/1.24.0' answers (404 to "),
        (ROUTER, "a web page answers (200 to "),
        (REDIRECT, "something that seems to be no GoPro answers (302 to "),
        (FORBIDDEN, "something that seems to be no GoPro answers (401 to "),
        (OTHER_JSON, "something that seems to be no GoPro answers (200 to "),
        (HOSTILE, "a server that calls itself '"),
    ],
)
def test_is_told_at_once_with_what_is_supported(device: Device, reply: Any, words: str):
    replaced(device, *reply)

    with pytest.raises(CameraUnsupported) as told:
        device.run(session=None, choice=New())

    text = str(told.value)
    assert f"no supported camera is at {device.camera.url.removeprefix('http://')}: {words}" in text
    assert "supported are GoPro HERO9 and newer" in text
    assert text.isprintable()
    assert len(text) < 500
    assert sum(device.time.slept) <= 5
    assert device.cloud.calls == []


def test_is_only_asked_for_what_changes_nothing(device: Device):
    replaced(device, *OLDER)

    with pytest.raises(CameraUnsupported):
        device.run(session=None, choice=New())

    asked = {(method, path) for method, path, _ in device.camera.requests}
    assert asked == {
        ("GET", "/gopro/camera/control/wired_usb?p=1"),
        ("GET", "/gopro/camera/state"),
        ("GET", "/gopro/media/list"),
        ("GET", "/gopro/camera/keep_alive"),
    }


def hang_up(handler: CameraExchange) -> None:
    """The connection ends without a word."""


@pytest.mark.parametrize(
    "starting",
    [
        pytest.param({"state": [(503, b"")]}, id="busy"),
        pytest.param({"state": [(500, b"")]}, id="a server's error"),
        pytest.param({"state": [OLDER], "list": [(503, b"")]}, id="no state yet, and busy"),
        pytest.param({"state": [OLDER], "list": [(500, b"")]}, id="no state yet, and a server's error"),
        pytest.param({"state": [OLDER]}, id="no state yet, but a list"),
        pytest.param({"state": [ROUTER]}, id="garbage for the state, but a list"),
        pytest.param({"state": [OLDER], "list": [OLDER]}, id="nothing yet, for a moment"),
        pytest.param({"state": [hang_up]}, id="no answer"),
    ],
)
def test_a_camera_that_starts_is_waited_for(device: Device, starting: dict[str, list[Any]]):
    device.camera.faults.update(starting)

    assert len(device.run(session=None, choice=New()).done) == 1


@pytest.mark.parametrize(
    ("reply", "kind"), [(OLDER, Unsettled), (ROUTER, Unsettled), ((503, b""), CameraBusy)]
)
def test_a_camera_that_has_answered_before_keeps_its_minute(
    reader: Camera, camera: FakeCamera, reply: Any, kind: type[EdgeError]
):
    reader.check_ready()
    camera.faults["state"], camera.faults["list"] = [reply], [reply]

    with pytest.raises(kind) as odd:
        reader.check_ready()

    assert not isinstance(odd.value, CameraUnsupported)


@pytest.mark.parametrize(
    "model",
    [
        "HERO9 Black",
        "HERO11 Black Mini",
        "HERO12 Black",
        "MAX2",
        "LIT HERO",
        "HERO",
        "HERO14 Black",
        "Mission 1",
    ],
)
def test_no_model_is_refused_by_its_name(device: Device, model: str):
    answer = f'{{"serial_number": "C3501324500711", "model_name": "{model}"}}'.encode()
    device.camera.faults["info"] = [(200, answer)] * 100

    assert len(device.run(session=None, choice=New()).done) == 1
