"""Every view: readable for screen readers, in light and dark, wide and narrow, and usable without a mouse."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from infra.page import PAGE
from tests.browser.conftest import Site
from tests.browser.sample import Sample, make_sample
from tests.browser.watched import WAIT_S, log_in, watch

AXE = PAGE / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
LOOKS: list[tuple[int, Literal["light", "dark"]]] = [
    (360, "light"),
    (360, "dark"),
    (1440, "light"),
    (1440, "dark"),
]


@pytest.fixture(scope="module")
def sample(site: Site) -> Sample:
    return make_sample(site.world)


@dataclass(frozen=True)
class Walk:
    """What was seen in each view: the first headings and the title by view, what is grave by view and look."""

    headings: dict[str, tuple[int, str]]
    findings: dict[str, list[str]]


@pytest.fixture(scope="module")
def walk(site: Site, sample: Sample, chromium: Browser) -> Iterator[Walk]:
    """One walk through all views, which takes as long as all other tests here."""
    context = chromium.new_context()
    context.set_default_timeout(1_000 * WAIT_S)
    watched = watch(context)
    page, walk = watched.page, Walk({}, {})
    log_in(page, site.url, site.operator)
    for name, place in sample.places.items():
        open_view(page, f"{site.url}{place}")
        walk.headings[name] = (page.locator("h1").count(), page.title())
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            walk.findings[f"{name}, {width} pixels, {scheme}"] = [*grave_findings(page), *overflows(page)]
    yield walk
    watched.demand_sound()
    context.close()


def test_no_view_has_a_serious_finding_or_is_wider_than_the_screen(walk: Walk):
    assert {look: found for look, found in walk.findings.items() if found} == {}


def test_each_view_has_one_first_heading_and_a_title(walk: Walk):
    assert {name: seen for name, seen in walk.headings.items() if seen[0] != 1 or not seen[1]} == {}


def test_by_keyboard_alone_a_person_logs_in_and_opens_a_session(site: Site, sample: Sample, page: Page):
    page.goto(site.url)
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(site.operator)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log out").wait_for()

    tab_to(page, page.get_by_role("link", name="Sessions"))
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name=sample.processed, exact=True).first
    link.wait_for()
    tab_to(page, link)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text(sample.processed)


def open_view(page: Page, address: str) -> None:
    """Open a view and wait until its content is there."""
    page.goto("about:blank")
    page.goto(address)
    page.locator("main h1").first.wait_for()
    page.wait_for_load_state("networkidle")


def grave_findings(page: Page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(Path(AXE).read_text())
    results = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']} at {json.dumps([node['target'] for node in each['nodes']][:3])}"
        for each in results["violations"]
        if each["impact"] in GRAVE
    ]


def overflows(page: Page) -> list[str]:
    """The page itself never scrolls sideways; wide tables do so within themselves."""
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    return [f"the page is {wide} pixels wide on a screen of {screen}"] if wide > screen else []


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus, as far as a person would; the page may draw it anew meanwhile."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if wanted.evaluate("wanted => document.activeElement === wanted"):
            return
    raise AssertionError("the focus never came there")
