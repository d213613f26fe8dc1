"""What devices, processors, files and people may call things is text in every view, and nothing of it runs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site
from tests.browser.measured import LIGHTS, Crew, chapters_of, crew_of, order_of
from tests.browser.test_accessibility import open_view
from tests.browser.watched import Watched, log_in

RUN = "window.hostile=1"
IMAGE = f"<img src=x onerror={RUN}>"
SCRIPT = f"'\"></textarea></title><script>{RUN}</script>"
LINK = f"javascript:{RUN}//"
FILM = f"{IMAGE}.MP4"
ALIVE = "[onerror], [onload], [onclick], [onfocus], body script, iframe, object, base, [href^='javascript:']"
"""What no view of the page has; names that became elements would."""


@dataclass(frozen=True)
class Scene:
    """Sessions in which each name is hostile that its owner may choose."""

    measured: str
    quarantined: str
    group: str


@pytest.fixture(scope="module")
def crew(site: Site) -> Crew:
    return crew_of(site.world, site.operator)


@pytest.fixture(scope="module")
def scene(crew: Crew) -> Scene:
    scene = Scene("match-hostile", "match-poison", IMAGE)
    for name in (scene.measured, scene.quarantined):
        _haul(crew, name, scene.group)
    frames = [
        {"frame_number": number, "timestamp": number / 30, IMAGE: number, SCRIPT: number % 7, "word": IMAGE}
        for number in range(60)
    ]
    units = {IMAGE: SCRIPT, SCRIPT: IMAGE}
    document = {"kind": "generic", "metadata": {"units": units, "note": IMAGE}, "frames": frames}
    crew.measure(scene.measured, json.dumps(document).encode())
    too_long = [{"frame_number": 0, "timestamp": 0, IMAGE * 4: 1}]
    crew.measure(scene.quarantined, json.dumps({"kind": "generic", "frames": too_long}).encode())
    _say(crew, scene.measured, "shares", {"label": IMAGE, "ttl_s": 3600})
    _say(crew, scene.measured, "hold", {"held": True, "reason": f"{IMAGE} {SCRIPT}"})
    return scene


def _haul(crew: Crew, name: str, group: str) -> None:
    [film] = chapters_of(2)
    body = {
        "camera": {"serial": "C3501324500711", "model": IMAGE, "firmware": SCRIPT},
        "group": group,
        "chapters": [{"directory": "100GOPRO", "filename": FILM, "size_bytes": len(film)}],
        "order": order_of(LIGHTS, **{IMAGE: SCRIPT, "link": LINK}),
    }
    session = crew.call(crew.device, "PUT", f"/v1/sessions/{name}", body)
    crew.bring(crew.device, name, session["chapters"][0]["artifact_id"], film)
    beat = {
        "bytes_down": 1,
        "bytes_up": 0,
        "spool_bytes": 0,
        "disk_free_bytes": 1,
        "clock": "2026-11-21T10:18:00Z",
    }
    crew.call(crew.device, "POST", f"/v1/sessions/{name}/progress", beat)


def _say(crew: Crew, name: str, what: str, body: object) -> None:
    crew.call(crew.operator, "POST", f"/v1/sessions/{name}/{what}", body)


@pytest.fixture
def inside(site: Site, watched: Watched) -> Iterator[Page]:
    """The page with an operator logged in; whatever is done, nothing hostile has run at the end."""
    log_in(watched.page, site.url, site.operator)
    yield watched.page
    demand_dead(watched.page)


def demand_dead(page: Page) -> None:
    assert page.evaluate("window.hostile") is None
    assert page.locator(ALIVE).count() == 0


def test_no_name_becomes_more_than_text_in_any_view(site: Site, scene: Scene, inside: Page):
    group = quote(scene.group, safe="")
    places = [
        "#/",
        "#/sessions",
        *(f"#/sessions/{name}{view}" for name in (scene.measured, scene.quarantined) for view in VIEWS),
        f"#/groups/{group}",
        f"#/groups/{group}/watch",
        "#/upload",
    ]
    for place in places:
        open_view(inside, f"{site.url}{place}")
        demand_dead(inside)


VIEWS = ("", "/receipt", "/watch")


def test_an_address_becomes_no_more_than_text(site: Site, watched: Watched, inside: Page):
    watched.expect("404")
    watched.expect("400")
    watched.expect("401")
    for place in ("sessions/{}", "sessions/{}/watch", "groups/{}", "share/{}", "{}"):
        open_view(inside, f"{site.url}#/{place.format(quote(IMAGE, safe=''))}")
        demand_dead(inside)


def test_the_session_shows_each_name_as_it_was_given(site: Site, scene: Scene, inside: Page):
    open_view(inside, f"{site.url}#/sessions/{scene.measured}")
    main = inside.get_by_role("main")

    for text in (f"100GOPRO/{FILM}", IMAGE, f"Held: {IMAGE} {SCRIPT}", LINK):
        expect(main).to_contain_text(text)
    inside.get_by_text("Audit trail").click()
    expect(inside.get_by_role("cell", name=f"hold: {IMAGE} {SCRIPT}")).to_be_visible()
    inside.get_by_role("button", name="Release …").click()
    expect(inside.get_by_role("dialog")).to_contain_text(f"It is held: {IMAGE} {SCRIPT}")
    inside.keyboard.press("Escape")
    inside.get_by_role("button", name="Share …").click()
    expect(inside.get_by_role("dialog").get_by_role("listitem")).to_contain_text(IMAGE)
    inside.keyboard.press("Escape")
    inside.get_by_role("button", name="Order again …").click()
    expect(inside.get_by_label("Parameters")).to_have_value(
        json.dumps({IMAGE: SCRIPT, "link": LINK}, indent=2)
    )


def test_the_receipt_and_the_group_show_each_name_as_it_was_given(site: Site, scene: Scene, inside: Page):
    open_view(inside, f"{site.url}#/sessions/{scene.measured}/receipt")
    expect(inside.get_by_role("main")).to_contain_text(f"{IMAGE}, C3501324500711, {SCRIPT}")
    expect(inside.get_by_role("table")).to_contain_text(f"100GOPRO/{FILM}")

    open_view(inside, f"{site.url}#/groups/{quote(scene.group, safe='')}")
    expect(inside.get_by_role("heading", level=1)).to_have_text(f"Group {scene.group}")
    expect(inside.get_by_role("link", name=scene.quarantined)).to_be_visible()


def test_a_reason_from_inside_a_file_is_text(site: Site, scene: Scene, inside: Page):
    open_view(inside, f"{site.url}#/sessions/{scene.quarantined}")

    expect(inside.get_by_text("in quarantine:").first).to_contain_text(IMAGE[:20])
