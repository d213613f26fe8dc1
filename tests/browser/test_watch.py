"""A film in Chromium: over its chapters, over addresses that die, and where this browser cannot play it."""

from __future__ import annotations

import itertools
import json
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Request, Route, expect

from infra.local.footage import Film
from tests.browser.conftest import Site
from tests.browser.films import CREATED, SMALL, chapters_of, store
from tests.browser.watched import WAIT_S, Watched, log_in, until

FRAME_S = 1 / 30
DRAWN_S = 0.1
"""Between two pictures that a browser draws no more than this counts as time in which it could draw."""
LONGER = replace(SMALL, frames_per_chapter=120)
HEVC = Film(
    width=160, height=90, fps=30, chapters=1, frames_per_chapter=15, bit_rate=100_000, codec="libx265"
)

_NOTE_TIMES = """
() => {
  const seek = document.querySelector(".seek");
  window.noted = [];
  const note = () => {
    window.noted.push([performance.now() / 1000, Number(seek.value)]);
    requestAnimationFrame(note);
  };
  note();
}
"""


@pytest.fixture(scope="module")
def film(site: Site) -> str:
    """The name of a session of three chapters of 4 s."""
    name = f"film-{secrets.token_hex(4)}"
    store(site.world, name, chapters_of(LONGER))
    return name


def watch_session(site: Site, page: Page, name: str) -> None:
    """The watch view of a session, with the first frame of its film."""
    log_in(page, site.url, site.operator, f"#/sessions/{name}/watch")
    page.get_by_role("button", name="Play").wait_for()
    wait_until(page, "[...document.querySelectorAll('video')].some((each) => each.readyState >= 2)")


def wait_until(page: Page, condition: str, timeout_s: float = WAIT_S) -> None:
    """Until an expression holds. Playwright's own wait evaluates text in the page, which the page's policy refuses."""
    until(page, lambda: page.evaluate(condition), condition, timeout_s)


def time_of(page: Page) -> float:
    return float(page.get_by_role("slider", name="Position in the film").input_value())


@dataclass(frozen=True)
class Played:
    """What a person saw of a film that played: how long the picture stood still at most, and where its time went back.

    The picture stands still in the time that the page had to draw in: a browser that gets no turn from its machine
    draws nothing, and that says nothing of the player.
    """

    longest_still_s: float
    set_back: list[tuple[float, float]]


def play_through(page: Page, until_s: float) -> Played:
    """Plays up to a time of the film."""
    page.evaluate(_NOTE_TIMES)
    page.keyboard.press("k")
    wait_until(page, f"window.noted.at(-1)[1] >= {until_s}", 60)
    noted: list[tuple[float, float]] = page.evaluate("window.noted")
    longest_s = still_s = 0.0
    for (before_at_s, before_s), (at_s, film_s) in itertools.pairwise(noted):
        still_s = 0.0 if film_s != before_s else still_s + min(at_s - before_at_s, DRAWN_S)
        longest_s = max(longest_s, still_s if before_s > 0 else 0.0)
    times = [film_s for _, film_s in noted]
    return Played(longest_s, [pair for pair in itertools.pairwise(times) if pair[1] < pair[0]])


def slowest_answer_s(page: Page) -> float:
    """How long the page waited at most for an answer of the coordinator or the storage: no picture comes before it."""
    return float(
        page.evaluate(
            "Math.max(0, ...performance.getEntriesByType('resource').map((each) => each.duration)) / 1000"
        )
    )


def test_a_film_of_three_chapters_plays_to_its_end_without_a_stop(site: Site, page: Page, film: str):
    watch_session(site, page, film)

    page.get_by_label("Speed").select_option("4")
    played = play_through(page, 11.9)
    page.get_by_role("button", name="Play").wait_for()

    assert played.set_back == []
    assert played.longest_still_s < 1 + slowest_answer_s(page)
    assert time_of(page) == pytest.approx(12, abs=FRAME_S)
    expect(page.get_by_text("camera's clock")).to_be_visible()


def test_keys_move_the_film_by_frames_and_chapters(site: Site, page: Page, film: str):
    watch_session(site, page, film)

    def press(key: str, expected_s: float) -> None:
        page.keyboard.press(key)
        wait_until(page, f"Math.abs(document.querySelector('.seek').value - {expected_s}) < {FRAME_S / 2}")

    press("]", 4)
    for frame in (1, 2):
        press(".", 4 + frame * FRAME_S)
    for frame in (1, 0, -1):
        press(",", 4 + frame * FRAME_S)
    press("9", 10.8)
    press("Home", 0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog").get_by_text("One frame back, ahead")).to_be_visible()


@dataclass
class MortalAddresses:
    """Addresses that live for `life_s` seconds, when each was issued, and how often the storage refused a dead one."""

    life_s: float
    issued: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    def note(self, page: Page, told_life_s: float | None = None) -> None:
        """Note what the coordinator issues to a page, and tell it of another life where `told_life_s` says so."""

        def shorten(route: Route) -> None:
            answer = route.fetch()
            told = answer.json()
            self.issued[_signature(told["url"])] = time.time()
            told["expires_in_s"] = told_life_s or told["expires_in_s"]
            route.fulfill(response=answer, body=json.dumps(told))

        page.route(re.compile(r"/artifacts/[^/]+/url$"), shorten)

    def refuse_dead(self, page: Page, bucket: str) -> None:
        """Have the storage refuse a page's requests for addresses that are dead."""

        def judge(route: Route, request: Request) -> None:
            if time.time() - self.issued[_signature(request.url)] > self.life_s:
                self.refused += 1
                route.fulfill(
                    status=403, headers={"Access-Control-Allow-Origin": "*"}, body="Request has expired"
                )
            else:
                route.continue_()

        page.route(lambda url: bucket in url and "X-Amz-Signature" in url, judge)

    def used_dead(self, page: Page) -> list[str]:
        """The addresses that a page asked for after their death, by its own notes of when it asked."""
        asked: list[tuple[str, float]] = page.evaluate(
            """performance.getEntriesByType("resource").filter(({ name }) => name.includes("X-Amz-Signature"))
              .map(({ name, startTime }) => [name, (performance.timeOrigin + startTime) / 1000])"""
        )
        assert asked
        return [url for url, at_s in asked if at_s - self.issued[_signature(url)] > self.life_s]


def _signature(url: str) -> str:
    return parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]


def test_addresses_that_die_twice_are_renewed_before_and_no_stop_is_seen(site: Site, page: Page, film: str):
    addresses = MortalAddresses(life_s=1.6)
    addresses.note(page, told_life_s=1.6)
    watch_session(site, page, film)

    page.get_by_label("Speed").select_option("1.5")
    played = play_through(page, 11.9)

    assert played.set_back == []
    assert played.longest_still_s < 1 + slowest_answer_s(page)
    assert addresses.used_dead(page) == []
    assert len(addresses.issued) >= 3 + 3 + 2  # three thumbnails, three chapters, two that died


def test_a_refused_address_leads_on_by_a_new_one_at_the_same_place(
    site: Site, watched: Watched, page: Page, film: str
):
    watched.expect("403")
    addresses = MortalAddresses(life_s=60)
    addresses.note(page)
    addresses.refuse_dead(page, site.world.bucket)
    watch_session(site, page, film)

    until(page, lambda: len(addresses.issued) >= 3 + 3, "addresses of three thumbnails and three chapters")
    addresses.issued = dict.fromkeys(addresses.issued, 0.0)
    page.keyboard.press("]")
    page.keyboard.press("k")
    wait_until(page, "document.querySelector('.seek').value > 4.5")

    assert 1 <= addresses.refused <= 2
    assert not page.get_by_role("alert").is_visible()


def test_an_hevc_film_leads_to_its_proxy(site: Site, page: Page, name: str):
    store(site.world, name, chapters_of(HEVC))
    watch_session(site, page, name)

    expect(page.get_by_label("Film to watch")).to_have_value("proxy")
    page.get_by_label("Film to watch").select_option("original")
    page.get_by_text("This browser cannot play HEVC").wait_for()


def test_an_hevc_film_without_a_proxy_leads_to_a_sentence(site: Site, page: Page, name: str):
    store(site.world, name, [replace(each, proxy=b"") for each in chapters_of(HEVC)])
    log_in(page, site.url, site.operator, f"#/sessions/{name}/watch")

    page.get_by_text("This browser cannot play HEVC (hvc1.").wait_for()
    expect(page.get_by_text("No proxy was hauled.")).to_be_visible()
    expect(page.locator("video")).to_have_count(0)


def test_two_cameras_of_a_group_play_in_step_within_a_frame(site: Site, page: Page, name: str):
    [chapter, *_] = chapters_of(LONGER)
    camera = [replace(chapter, thumbnail=b"", original=chapter.proxy, proxy=b"")]
    store(site.world, f"{name}-north", camera, group=name)
    store(site.world, f"{name}-south", camera, group=name, created=CREATED + 1)
    log_in(page, site.url, site.operator, f"#/groups/{name}/watch")
    wait_until(
        page,
        "[...document.querySelectorAll('video.front')].filter((each) => each.readyState > 1).length == 2",
    )
    page.get_by_text("aligned by their clocks").wait_for()

    def ahead_s() -> float:
        north, south = page.evaluate(
            "[...document.querySelectorAll('video.front')].map((each) => each.currentTime)"
        )
        return float(north - south)

    page.keyboard.press("k")
    wait_until(page, "document.querySelector('.seek').value > 2.5")
    until(page, lambda: ahead_s() == pytest.approx(1, abs=FRAME_S), "the cameras are in step")
    page.keyboard.press("k")
    offset = page.get_by_label(f"Offset of {name}-south in seconds")
    offset.fill("0.5")
    offset.blur()
    wait_until(
        page, "[...document.querySelectorAll('video.front')].every((each) => each.paused && !each.seeking)"
    )
    page.keyboard.press(".")
    until(
        page,
        lambda: ahead_s() == pytest.approx(1.5, abs=FRAME_S),
        "the cameras are in step at the new offset",
    )
