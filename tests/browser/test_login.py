"""Logging in to the page, and who is refused."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from chalicelib.core.tokens import Role
from infra.admin import deployment
from infra.admin.commands.tokens import enroll
from tests.browser.conftest import Site
from tests.browser.watched import Watched, log_in

REFUSED = "401"
NOT_FOR_THIS_ROLE = "403"
TOO_OLD = "426"  # what a device is told that names no version


def token_of(site: Site, role: Role) -> str:
    registry = deployment.registry(site.world.aws.client("dynamodb"), site.world.table)
    return enroll(registry, role, name="north" if role is Role.DEVICE else None).token


def try_token(page: Page, url: str, token: str) -> None:
    page.goto(url)
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def test_an_operator_is_let_in_and_scripts_see_no_cookie(site: Site, page: Page, context: BrowserContext):
    log_in(page, site.url, site.operator)

    expect(page.get_by_role("link", name="Fleet")).to_be_visible()
    expect(page.get_by_role("link", name="Upload")).to_be_visible()
    [cookie] = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert page.evaluate("document.cookie") == ""
    assert site.operator not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")


def test_a_viewer_is_let_in_and_is_offered_no_change(site: Site, page: Page):
    log_in(page, site.url, token_of(site, Role.VIEWER))

    expect(page.get_by_role("link", name="Fleet")).to_be_visible()
    expect(page.get_by_role("link", name="Upload")).to_have_count(0)


@pytest.mark.parametrize("token", ["t_nobody.wrong", "not a token", "<img src=x onerror=alert(1)>"])
def test_an_unknown_token_is_refused_in_words(site: Site, watched: Watched, token: str):
    watched.expect(REFUSED)

    try_token(watched.page, site.url, token)

    expect(watched.page.get_by_role("alert")).to_contain_text("token")
    expect(watched.page.get_by_role("heading", name="Log in")).to_be_visible()


@pytest.mark.parametrize("role", [Role.DEVICE, Role.PROCESSOR])
def test_a_token_that_is_not_for_people_is_refused_in_words(site: Site, watched: Watched, role: Role):
    watched.expect(REFUSED)
    watched.expect(NOT_FOR_THIS_ROLE)
    watched.expect(TOO_OLD)

    try_token(watched.page, site.url, token_of(site, role))

    expect(watched.page.get_by_role("alert")).to_contain_text(role.value)
    expect(watched.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_who_logs_out_cannot_go_back(site: Site, watched: Watched):
    watched.expect(REFUSED)
    log_in(watched.page, site.url, site.operator)

    watched.page.get_by_role("button", name="Log out").click()
    expect(watched.page.get_by_role("heading", name="Log in")).to_be_visible()
    watched.page.goto(f"{site.url}#/sessions")

    expect(watched.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_after_a_reload_nobody_needs_to_log_in_again(site: Site, page: Page):
    log_in(page, site.url, site.operator, "#/sessions")

    page.reload()

    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()


def test_a_place_without_a_view_says_so(site: Site, page: Page):
    log_in(page, site.url, site.operator, "#/nowhere")

    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_the_token_in_a_share_link_leaves_the_address_and_one_that_is_unknown_is_told(
    site: Site, watched: Watched
):
    watched.expect(REFUSED)

    watched.page.goto(f"{site.url}#/share/h_nobody.wrong")

    expect(watched.page.get_by_role("heading", name="This link does not open")).to_be_visible()
