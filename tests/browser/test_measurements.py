"""Plots of a session's measurements: in step with its film, finer where a person looks, and honest about gaps."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, Response, expect

from tests.browser.conftest import Site
from tests.browser.films import SMALL, store
from tests.browser.films import chapters_of as pictures_of
from tests.browser.measured import LIGHTS, Crew, chapters_of, crew_of, order_of
from tests.browser.watched import WAIT_S, log_in, until
from tests.support.measurements import as_document, make_frames, zipped

FRAME_S = 1 / 30
DASH = "\N{EN DASH}"
FRAMES = 9000
GAP = range(3000, 3300)
WITHOUT_INTENSITY = range(600, 900)
WIND = "measurements.wind.json"
ASKED = {
    "side": "left",
    "numbering": "icao",
    "nominal_angles": {"1": 3.5, "2": 3.17, "3": 2.83, "4": 2.4},
    "tolerance_arcmin": 3,
}


VIDEO = "document.querySelector('video.front')"
"""The element that is seen."""

NOTE_STEPS = """
(chapter_s) => {
  window.steps = [];
  const presented = new Map();
  let shown = null;
  for (const video of document.querySelectorAll("video")) {
    const note = (_now, { mediaTime }) => {
      presented.set(video, mediaTime);
      shown = video;
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
    video.addEventListener("emptied", () => presented.delete(video));
  }
  const host = document.querySelector("[data-plot=angle] .field"), home = document.querySelector(".in-step");
  const look = () => {
    const field = host.querySelector(".u-over").getBoundingClientRect();
    const line = host.querySelector(".film-time").getBoundingClientRect();
    const [from, to] = [Number(home.dataset.from), Number(home.dataset.to)];
    const told_s = Number(host.ariaValueNow);
    const drawn_s = from + ((line.left + line.width / 2 - field.left) / field.width) * (to - from);
    const shown_s = presented.get(document.querySelector("video.front"));
    const apart = Math.abs((told_s % chapter_s) - shown_s);
    // A browser that gets no turn presents nothing, and its film goes on: there is no picture to be in step with.
    const isFresh = shown === document.querySelector("video.front");
    shown = null;
    if (isFresh) window.steps.push({ told_s, drawn_s, apart_s: Math.min(apart, chapter_s - apart) });
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
"""
"""Notes at each picture how far the plots' time is from that of the frame which the browser presents."""


@pytest.fixture(scope="module")
def crew(site: Site) -> Crew:
    return crew_of(site.world, site.operator)


@pytest.fixture(scope="module")
def long_film(crew: Crew) -> str:
    """Three chapters, 5 minutes: a gap from 100 s to 110 s, and a light without intensity from 20 s to 30 s."""
    name = "long-film"
    frames = [each for each in make_frames(FRAMES) if each["frame_number"] not in GAP]
    for frame in frames[WITHOUT_INTENSITY.start : WITHOUT_INTENSITY.stop]:
        frame["papi_b"]["intensity"] = None
    crew.haul(name, chapters_of(100, 100, 100), order_of(LIGHTS, inspection=ASKED))
    crew.measure(name, zipped(as_document(frames)))
    return name


@pytest.fixture
def answers(page: Page) -> list[Response]:
    """What the tab was answered about buckets of frames."""
    found: list[Response] = []
    page.on("response", lambda answer: found.append(answer) if "points=" in answer.url else None)
    return found


def open_film(page: Page, site: Site, name: str) -> None:
    log_in(page, site.url, site.operator, f"#/sessions/{name}/watch")
    shows(page, "whole").wait_for()


def shows(page: Page, rows: str) -> Locator:
    """The plots, when their newest rows are drawn: `whole` or `finer`."""
    return page.locator(f".in-step[data-rows={rows}]:not([data-busy])")


def plot(page: Page, title: str = "Angle") -> Locator:
    return page.get_by_role("slider", name=title)


def told_s(page: Page) -> float:
    """The film's time as a plot tells it."""
    return float(plot(page).get_attribute("aria-valuenow") or "nan")


def drawn_s(page: Page, title: str = "Angle") -> float:
    """The film's time by where its line lies in a plot, in the part that is shown."""
    share = plot(page, title).evaluate(
        """(host) => {
          const field = host.querySelector(".u-over").getBoundingClientRect();
          const line = host.querySelector(".film-time").getBoundingClientRect();
          return (line.left + line.width / 2 - field.left) / field.width;
        }"""
    )
    first, last = part_shown(page)
    return first + float(share) * (last - first)


def part_shown(page: Page) -> tuple[float, float]:
    host = page.locator(".in-step")
    return float(host.get_attribute("data-from") or "nan"), float(host.get_attribute("data-to") or "nan")


def zipped_bytes(answer: Response) -> int:
    """What an answer weighs on its way: the gateway zips it."""
    return len(gzip.compress(answer.body()))


def click_at(page: Page, share: float, title: str = "Angle") -> float:
    """Click in a plot; the time that lies there."""
    field = plot(page, title).locator(".u-over")
    box = field.bounding_box()
    assert box
    field.click(position={"x": round(box["width"] * share), "y": 40})
    first, last = part_shown(page)
    return first + round(box["width"] * share) / box["width"] * (last - first)


def value_of(page: Page, light: str, title: str) -> str:
    """What the table of present values says of a light."""
    table = page.get_by_role("table", name="Values at")
    titles = table.locator("thead th").all_inner_texts()
    row = table.locator("tbody tr").filter(has=page.get_by_role("rowheader", name=light, exact=True))
    return row.locator("th, td").nth(titles.index(title)).inner_text()


def test_one_small_answer_draws_the_whole_film_and_one_more_draws_a_part_finer(
    site: Site, page: Page, long_film: str, answers: list[Response]
):
    open_film(page, site, long_film)

    [only] = [each for each in answers if "from_s" not in each.url]
    assert zipped_bytes(only) <= 300 * 1024
    whole = only.json()
    answers.clear()
    plot(page).focus()
    for _ in range(4):
        page.keyboard.press("+")
    shows(page, "finer").wait_for()

    assert len(answers) <= 2
    assert sum(zipped_bytes(each) for each in answers) <= 150 * 1024
    assert min(each.json()["frames_per_bucket"] for each in answers) < whole["frames_per_bucket"]
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Whole film")).to_be_disabled()


def test_a_gap_is_never_drawn_over_and_null_is_never_0(site: Site, page: Page, long_film: str):
    open_film(page, site, long_film)

    expect(page.get_by_text("Without any frame: 1:40.0 to 1:50.0.")).to_be_visible()
    assert inked(page, "Intensity", 105) == 0
    assert inked(page, "Intensity", 95) > 0
    seek(page, 105)
    assert value_of(page, "A", "Angle") == value_of(page, "B", "Status") == "no frame"
    seek(page, 25)
    expect(page.get_by_role("table", name="Values at")).not_to_contain_text("no frame")
    assert value_of(page, "B", "Intensity") == DASH
    assert float(value_of(page, "A", "Intensity")) > 100


def test_values_at_rest_are_those_of_the_very_frame(site: Site, crew: Crew, page: Page, long_film: str):
    open_film(page, site, long_film)
    seek(page, 42)

    number = round(told_s(page) / FRAME_S)
    found = crew.call(crew.operator, "GET", f"/v1/sessions/{long_film}/frames?from_frame={number}&limit=1")
    frame = found["frames"][0]
    assert frame["frame_number"] == number
    expect(page.get_by_role("table", name="Values at")).not_to_contain_text("≈")
    for light in "ABCD":
        seen = frame[f"papi_{light.lower()}"]
        assert value_of(page, light, "Angle") == f"{seen['angle']:g}°"
        assert value_of(page, light, "Status") == seen["status"]


def test_a_plot_moves_the_film_by_pointer_and_by_keys_and_every_plot_follows(
    site: Site, page: Page, long_film: str
):
    open_film(page, site, long_film)
    plot(page).focus()
    for _ in range(12):
        page.keyboard.press("+")

    for share in (0.2, 0.8, 0.5):
        wanted = click_at(page, share)
        expect(plot(page)).to_have_attribute("aria-valuenow", f"{wanted:.3f}")
        for title in ("Angle", "Status", "Intensity"):
            until(page, lambda: abs(drawn_s(page, title) - wanted) <= FRAME_S, f"{title} follows")  # noqa: B023 - at once
    before = told_s(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(t) => +document.querySelector('.field').ariaValueNow > t", arg=before)
    assert 0 < told_s(page) - before <= 1.5 * FRAME_S
    page.keyboard.press("End")
    page.wait_for_function("() => +document.querySelector('.field').ariaValueNow > 299")
    until(
        page, lambda: part_shown(page)[0] <= told_s(page) <= part_shown(page)[1], "the part follows the film"
    )


def test_plots_follow_the_picture_and_move_it_within_a_frame_over_three_chapters(
    site: Site, crew: Crew, page: Page, name: str
):
    store(site.world, name, pictures_of(SMALL))
    crew.call(crew.operator, "POST", f"/v1/sessions/{name}/order", order_of(LIGHTS))
    crew.measure(name, as_document(make_frames(SMALL.frames)))
    open_film(page, site, name)
    page.get_by_role("button", name="Play").wait_for()
    page.wait_for_function(f"() => {VIDEO}?.readyState >= 2")

    page.evaluate(NOTE_STEPS, SMALL.frames_per_chapter * FRAME_S)
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("(end) => window.steps.at(-1)?.told_s >= end", arg=5.9)
    steps = page.evaluate("() => window.steps")
    # A film that still plays moves on from where a click has put it.
    page.get_by_role("button", name="Play").wait_for()

    assert {int(step["told_s"] // 2) for step in steps} - {3} == {0, 1, 2}  # 3 is the very end
    assert max(step["apart_s"] for step in steps) <= FRAME_S * 1.01
    assert max(abs(step["drawn_s"] - step["told_s"]) for step in steps) <= FRAME_S / 2
    for share in (0.9, 0.1, 0.5):
        wanted = click_at(page, share)
        page.wait_for_function(
            f"([wanted, frame]) => Math.abs({VIDEO}.currentTime - wanted % 2) <= frame && !{VIDEO}.seeking",
            arg=[wanted, FRAME_S * 1.01],
        )
        page.wait_for_function(
            "([wanted, frame]) => Math.abs(document.querySelector('.field').ariaValueNow - wanted) <= frame",
            arg=[wanted, FRAME_S * 1.01],
        )
        until(page, lambda: abs(drawn_s(page) - wanted) <= FRAME_S * 1.1, "the line follows")  # noqa: B023 - at once
    before = told_s(page)
    plot(page).press("ArrowRight")
    page.wait_for_function("(t) => +document.querySelector('.field').ariaValueNow > t + 0.02", arg=before)
    # A click may rest within a frame: the step from there ends in the next one.
    assert told_s(page) - before == pytest.approx(FRAME_S, abs=FRAME_S / 2)


def test_csv_of_a_part_is_what_the_api_says_and_the_report_opens_in_a_tab_of_its_own(
    site: Site, page: Page, long_film: str
):
    open_film(page, site, long_film)
    plot(page).focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    first, last = part_shown(page)

    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV of the part shown").click()

    assert saved.value.suggested_filename == f"{long_film}.lights.json.csv"
    rows = saved.value.path().read_bytes().decode().split("\r\n")
    assert rows == csv_of(site, long_film, first, last)
    assert len(rows) > 2000
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report to print").click()
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible()
    expect(opened.value.get_by_text(long_film).first).to_be_visible()


def test_the_table_has_each_light_with_its_angle_and_its_verdict_with_the_reason(
    site: Site, page: Page, long_film: str
):
    open_film(page, site, long_film)

    lights = page.locator("table.lights tbody tr")
    expect(lights).to_have_count(4)
    expect(lights.nth(0)).to_contain_text("3.500° ± 0.")
    expect(lights.nth(0)).to_contain_text("pass")
    expect(lights.nth(3)).to_contain_text("fail")
    expect(lights.nth(3)).to_contain_text("2.4°")
    expect(page.get_by_text("Symmetry:")).to_be_visible()


def test_what_a_person_chooses_is_drawn_and_remembered(
    site: Site, page: Page, long_film: str, answers: list[Response]
):
    open_film(page, site, long_film)

    page.get_by_text("Choose plots").click()
    page.get_by_role("checkbox", name="Intensity").uncheck()
    page.get_by_role("checkbox", name="Distance over ground").check()
    page.get_by_role("checkbox", name="C", exact=True).uncheck()
    expect(plot(page, "Distance over ground")).to_be_visible()
    page.reload()

    expect(plot(page, "Distance over ground")).to_be_visible()
    expect(plot(page, "Intensity")).to_have_count(0)
    shows(page, "whole").wait_for()
    assert "papi_c" not in answers[-1].url


def test_the_page_tells_how_far_measurements_are_and_shows_each_new_version_by_itself(
    site: Site, crew: Crew, page: Page, name: str
):
    crew.haul(name, chapters_of(10), order_of(LIGHTS, WIND))
    log_in(page, site.url, site.operator, f"#/sessions/{name}/watch")
    expect(page.get_by_text("the processor has not brought it yet")).to_be_visible()

    crew.measure(name, b'{"frames": [], "frames": []}')
    look_again(page)
    expect(page.get_by_role("alert")).to_contain_text("in quarantine")
    crew.call(crew.operator, "POST", f"/v1/sessions/{name}/order", order_of(LIGHTS, WIND, again=1))
    crew.measure(name, wind_document(), WIND)
    look_again(page)
    page.get_by_label("Measurements of").select_option(WIND)
    expect(plot(page, "wind")).to_be_visible()
    expect(value_of_number(page, "wind")).to_have_text("0 m/s")
    expect(value_of_number(page, "gust")).to_have_text(DASH)

    crew.call(crew.operator, "POST", f"/v1/sessions/{name}/order", order_of(LIGHTS, WIND, again=2))
    crew.measure(name, wind_document(wind=7.5), WIND)
    look_again(page)
    expect(page.get_by_text("the page shows the newer version")).to_be_visible()
    shows(page, "whole").wait_for()
    expect(value_of_number(page, "wind")).to_have_text("7.5 m/s")
    crew.measure(name, zipped(as_document(make_frames(60))))
    look_again(page)
    page.get_by_label("Measurements of").select_option(LIGHTS)
    expect(plot(page, "Angle")).to_be_visible()


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    context.set_default_timeout(1_000 * WAIT_S)
    yield context.new_page()
    context.close()


def test_a_finger_moves_the_film_on_a_narrow_screen_and_two_zoom(site: Site, phone: Page, long_film: str):
    open_film(phone, site, long_film)

    field = plot(phone).locator(".u-over")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 30)

    phone.wait_for_function("() => +document.querySelector('.field').ariaValueNow > 1")
    assert abs(told_s(phone) - 150) < 2
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    pinch(phone, box["x"] + box["width"] / 2, box["y"] + 30)
    until(phone, lambda: part_shown(phone)[1] - part_shown(phone)[0] < 200, "the plots are zoomed")
    first, last = part_shown(phone)
    assert first < 150 < last


def pinch(page: Page, x: float, y: float) -> None:
    """Two fingers move apart."""
    touch = page.context.new_cdp_session(page)
    for apart, kind in ((40, "touchStart"), (50, "touchMove"), (60, "touchMove"), (80, "touchMove")):
        points = [{"x": x - apart / 2, "y": y, "id": 0}, {"x": x + apart / 2, "y": y, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def seek(page: Page, time_s: float) -> None:
    """Bring the film to about this time with the plot, at rest."""
    first, last = part_shown(page)
    click_at(page, (time_s - first) / (last - first))
    page.wait_for_function(
        "(t) => Math.abs(document.querySelector('[data-time]').dataset.time - t) < 1", arg=time_s
    )


def inked(page: Page, title: str, time_s: float) -> int:
    """How many pixels of a plot have the colour of a line or a spread, in the column of a time."""
    first, last = part_shown(page)
    return int(
        plot(page, title).evaluate(
            """(host, share) => {
              const canvas = host.querySelector("canvas"), field = host.querySelector(".u-over");
              const scale = canvas.width / canvas.clientWidth;
              const x = Math.round((field.offsetLeft + share * field.clientWidth) * scale);
              const y = Math.round(field.offsetTop * scale), height = Math.round(field.clientHeight * scale);
              const copy = new OffscreenCanvas(1, height).getContext("2d");
              copy.drawImage(canvas, x, y, 1, height, 0, 0, 1, height);
              const { data } = copy.getImageData(0, 0, 1, height);
              let count = 0;
              for (let at = 0; at < data.length; at += 4) {
                const colours = [data[at], data[at + 1], data[at + 2]];
                if (data[at + 3] > 60 && Math.max(...colours) - Math.min(...colours) > 60) count += 1;
              }
              return count;
            }""",
            (time_s - first) / (last - first),
        )
    )


def csv_of(site: Site, name: str, first: float, last: float) -> list[str]:
    """The rows of a part, page after page, as any client reads them."""
    rows: list[str] = []
    path: str | None = f"{site.url}v1/sessions/{name}/frames?from_s={first}&to_s={last}"
    while path:
        headers = {"Authorization": f"Bearer {site.operator}", "Accept": "text/csv"}
        answer = requests.get(path, headers=headers, timeout=60)
        assert answer.ok, answer.text
        lines = answer.content.decode().split("\r\n")
        rows = [*rows[:-1], *(lines[1:] if rows else lines)]
        following = answer.headers.get("Reelhaul-Next-Frame")
        path = (
            f"{site.url}v1/sessions/{name}/frames?from_frame={following}&to_s={last}" if following else None
        )
    return rows


def look_again(page: Page) -> None:
    """As when a person comes back to the tab: the page asks at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def value_of_number(page: Page, number: str) -> Locator:
    row = page.get_by_role("table", name="Values at").get_by_role("row").filter(has_text=number)
    return row.locator("td")


def wind_document(**changes: Any) -> bytes:
    frames = [
        {"frame_number": number, "timestamp": number * FRAME_S, "wind": 0, "gust": 1} for number in range(60)
    ]
    frames[0]["gust"] = None  # type: ignore[assignment]  # a value that is missing
    document = {"kind": "generic", "metadata": {"units": {"wind": "m/s"}}}
    return json.dumps({**document, "frames": [{**frame, **changes} for frame in frames]}).encode()
