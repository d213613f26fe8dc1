"""Live over both transports: a haul shows its progress with push and without, and a lost socket falls back."""

import json
import os
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, WebSocket, expect

from infra.admin.commands.tokens import enroll
from infra.local.camera import Fault, Stall, chapter_path
from tests.browser.conftest import Site
from tests.browser.watched import Watched, log_in
from tests.browser.watched import until as until_seen
from tests.e2e.rig import RECORDING, Rig, camera_with, until

SETTLED_S = 7.5
"""So long after its socket opened the page polls seldom: six seconds, a last poll, and some more."""
HELD_AT_BYTES = 1_000_000
"""So far a haul comes before the page has shown it."""
NO_PUSH = {
    "type": "urn:reelhaul:problem:not-found",
    "title": "Not found",
    "status": 404,
    "detail": "this deployment has no push; ask at intervals",
    "action": "stop",
}


@pytest.fixture
def rig(site: Site, tmp_path: Path) -> Rig:
    """A device of this test."""
    token_file = tmp_path / "device.token"
    with os.fdopen(os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(enroll(site.world.registry, name=f"north-{secrets.token_hex(3)}").token)
    return Rig(site.world, tmp_path, token_file)


def refuse_push(page: Page) -> None:
    """What a coordinator without push answers."""

    def answer(route: Route) -> None:
        route.fulfill(status=404, content_type="application/problem+json", body=json.dumps(NO_PUSH))

    page.route("**/v1/push-tickets", answer)


def hints_of(page: Page) -> list[str]:
    """The sessions that the page's sockets name, from now on."""
    hints: list[str] = []

    def hear(socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: hints.append(json.loads(payload)["session"]))

    page.on("websocket", hear)
    return hints


def shown(site: Site, watched: Watched, place: str) -> Page:
    watched.expect("v1/login")  # 401 before the login
    log_in(watched.page, site.url, site.operator, place)
    return watched.page


def hold(site: Site, rig: Rig, name: str, *, held: bool) -> None:
    said = {"held": held, "reason": "the referee looks"} if held else {"held": held}
    answer = rig.call("POST", f"/v1/sessions/{name}/hold", said, Authorization=f"Bearer {site.operator}")
    assert answer.status_code == 200, answer.text


def demand_shown(page: Page, *, held: bool) -> None:
    expect(page.get_by_text("held", exact=True)).to_have_count(int(held))


def opened(rig: Rig, name: str) -> None:
    listed = {"directory": "100GOPRO", "filename": "GX010038.MP4", "size_bytes": 12_000_000}
    answer = rig.call("PUT", f"/v1/sessions/{name}", {"camera": {"serial": "C1"}, "chapters": [listed]})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("transport", ["push", "polls"])
def test_a_haul_shows_its_progress_over_either_transport(
    site: Site, watched: Watched, rig: Rig, name: str, transport: str
):
    hints = hints_of(watched.page)
    if transport == "polls":
        refuse_push(watched.page)
        watched.expect("push-tickets")  # the browser reports the refused answer itself
    page = shown(site, watched, "#/")
    with camera_with(6_000_000, 2_000_000) as camera:
        camera.faults.add(Fault(chapter_path("GX010038.MP4"), Stall(HELD_AT_BYTES), times=None))
        client = rig.client(camera, name, "--recording", RECORDING)
        until(lambda: rig.session(name), "the session is opened")
        page.goto(f"{site.url}#/sessions/{name}")
        expect(page.get_by_text("0 of 2 proven")).to_be_visible()
        camera.release()
        assert rig.ended(client).code == 0

    expect(page.get_by_text("2 of 2 proven")).to_be_visible()
    if transport == "push":
        until_seen(page, lambda: name in hints, "a hint names the session")
    else:
        assert name not in hints


def test_a_hint_shows_a_change_before_any_poll_and_a_lost_socket_falls_back_by_itself(
    site: Site, watched: Watched, rig: Rig, name: str
):
    sockets = site.world.sockets
    watched.expect("WebSocket")  # the browser reports the cut
    opened(rig, name)
    heard = hints_of(watched.page)
    page = shown(site, watched, f"#/sessions/{name}")
    until(lambda: sockets.connection_ids, "the socket is open")
    # By the page's own timers, which are late where its machine is busy.
    page.evaluate("(ms) => new Promise((done) => setTimeout(done, ms))", 1_000 * SETTLED_S)
    page.on("request", lambda request: heard.append("a poll") if request.url.endswith(name) else None)
    heard.clear()

    hold(site, rig, name, held=True)
    demand_shown(page, held=True)
    assert heard[:2] == [name, "a poll"]

    sockets.cut()
    refuse_push(page)
    watched.expect("push-tickets")
    hold(site, rig, name, held=False)
    demand_shown(page, held=False)
    assert sockets.connection_ids == ()
