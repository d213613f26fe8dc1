"""The page before anybody is logged in."""

import gzip

from playwright.sync_api import Page, Response

from tests.browser.conftest import Site

FIRST_VIEW_BYTES = 150_000


def test_the_first_view_asks_for_a_token_and_weighs_at_most_150_kilobytes(site: Site, page: Page):
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  # Playwright marks its listeners

    page.goto(site.url)
    page.get_by_role("heading", name="Log in").wait_for()

    own = [each for each in answers if "/v1/" not in each.url]
    assert sum(len(gzip.compress(each.body())) for each in own) <= FIRST_VIEW_BYTES
    assert all(each.status == 200 for each in own)
