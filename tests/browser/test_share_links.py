"""A share link, opened by somebody who only watches: one session, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from infra.client import Client
from tests.browser.conftest import Site
from tests.browser.recorded import ports_of, processed
from tests.browser.watched import WAIT_S, Watched, log_in, watch


@pytest.fixture
def guest(chromium: Browser) -> Iterator[Watched]:
    """A tab of somebody else's browser, on a phone."""
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(1_000 * WAIT_S)
    watched = watch(context)
    yield watched
    context.close()


@pytest.fixture
def operator(site: Site) -> Client:
    return Client(site.url, site.operator)


@pytest.fixture
def link(site: Site, operator: Client, name: str) -> Any:
    """A link to a session with films."""
    processed(ports_of(site.world), name)
    return operator.share(name, "the club's coach", 3_600)


def open_link(guest: Watched, site: Site, token: str) -> Page:
    guest.page.goto(f"{site.url}#/share/{token}")
    return guest.page


def status_of(page: Page, method: str, path: str, body: str | None = None) -> int:
    """The status of a call that a script in the page makes with its cookie."""
    return int(
        page.evaluate(
            """([method, path, body]) => fetch(path, {
              method, body, headers: body ? {"Content-Type": "application/json"} : {},
            }).then((answer) => answer.status)""",
            [method, path, body],
        )
    )


def test_a_link_opens_its_session_to_watch_and_leaves_no_token_behind(
    site: Site, guest: Watched, link: Any, name: str
):
    page = open_link(guest, site, link["token"])

    page.wait_for_url(f"**/#/sessions/{name}/watch")
    expect(page.get_by_text("shared link")).to_be_visible()
    expect(page.get_by_role("link", name="Fleet")).to_have_count(0)
    assert link["token"] not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert page.evaluate("document.cookie") == ""


def test_who_came_by_a_link_reads_one_session_and_changes_nothing(
    site: Site, guest: Watched, link: Any, name: str
):
    page = open_link(guest, site, link["token"])
    page.wait_for_url(f"**/#/sessions/{name}/watch")

    assert status_of(page, "GET", f"v1/sessions/{name}") == 200
    assert status_of(page, "GET", f"v1/sessions/{name}/artifacts") == 200
    assert status_of(page, "GET", "v1/sessions/another") == 404
    for path in ("v1/sessions", "v1/devices", "v1/statistics", f"v1/sessions/{name}/audit"):
        assert status_of(page, "GET", path) == 403
    held = '{"held": true, "reason": "mine"}'
    assert status_of(page, "POST", f"v1/sessions/{name}/hold", held) == 403


def test_a_revoked_link_ends_for_those_who_opened_it(
    site: Site, guest: Watched, link: Any, operator: Client, name: str
):
    page = open_link(guest, site, link["token"])
    page.wait_for_url(f"**/#/sessions/{name}/watch")

    operator.revoke_share(name, link["share_id"])

    page.reload()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto("about:blank")
    open_link(guest, site, link["token"])
    expect(page.get_by_role("heading", name="This link does not open")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("revoked")


def test_a_page_of_another_origin_changes_nothing_with_the_cookie(site: Site, page: Page, name: str):
    """localhost and 127.0.0.1 are one machine, and two origins."""
    processed(ports_of(site.world), name)
    log_in(page, site.url, site.operator)
    held = '{"held": true, "reason": "mine"}'
    assert status_of(page, "POST", f"v1/sessions/{name}/hold", held) == 200
    elsewhere = page.request.post(
        f"{site.url}v1/sessions/{name}/hold", data={"held": False}, headers={"Origin": "http://localhost:1"}
    )

    assert elsewhere.status == 403
    assert elsewhere.json()["type"] == "urn:reelhaul:problem:not-permitted"
