"""Live over both transports: a haul shows its progress with push and without, and a lost socket falls back."""

import json
import os
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, WebSocket, expect

from infra.admin.commands.tokens import enroll
from tests.browser.conftest import Site
from tests.browser.watched import Watched, log_in
from tests.e2e.rig import RECORDING, Rig, camera_with, until

HEARD_POLL_S = 30.0
SETTLE_S = 6.0
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
    """Well before a poll while hints come."""
    expect(page.get_by_text("held", exact=True)).to_have_count(int(held), timeout=1_000 * HEARD_POLL_S / 2)


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
    with camera_with(6_000_000, 2_000_000, pace_bytes_s=2_000_000) as camera:
        client = rig.client(camera, name, "--recording", RECORDING)
        until(lambda: rig.session(name), "the session is opened")
        page.goto(f"{site.url}#/sessions/{name}")
        expect(page.get_by_text("0 of 2 proven")).to_be_visible()
        assert rig.ended(client).code == 0

    expect(page.get_by_text("2 of 2 proven")).to_be_visible()
    assert (name in hints) is (transport == "push")


def test_a_hint_shows_a_change_before_any_poll_and_a_lost_socket_falls_back_by_itself(
    site: Site, watched: Watched, rig: Rig, name: str
):
    sockets = site.world.sockets
    watched.expect("WebSocket")  # the browser reports the cut
    opened(rig, name)
    page = shown(site, watched, f"#/sessions/{name}")
    until(lambda: sockets.connection_ids, "the socket is open")
    page.wait_for_timeout(1_000 * (SETTLE_S + 1))  # polls are rare from now on
    polls: list[str] = []
    page.on("request", lambda request: polls.append(request.url) if request.url.endswith(name) else None)

    hold(site, rig, name, held=True)
    demand_shown(page, held=True)
    assert len(polls) == 1

    sockets.cut()
    refuse_push(page)
    watched.expect("push-tickets")
    hold(site, rig, name, held=False)
    demand_shown(page, held=False)
    assert sockets.connection_ids == ()
