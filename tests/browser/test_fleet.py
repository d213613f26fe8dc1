"""The fleet and the list of sessions, as operators and viewers see them."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from chalicelib.core.tokens import Role
from infra.admin.commands.tokens import enroll
from infra.client import Client
from infra.local.aws.moto.count_writes import Writes
from tests.browser.conftest import Site
from tests.browser.fleet import Fleet, fill
from tests.browser.watched import Watched, log_in

FIRST_PAINT_MS = 1000
LOADS = 3
MOST_READS = 10
LONG_NAME = "x" * 100


@dataclass(frozen=True)
class Project:
    """A project of its own, with the tokens of people who look at it."""

    name: str
    operator: str
    viewer: str


@pytest.fixture
def project(site: Site) -> Callable[[], Project]:
    def make() -> Project:
        name, registry = f"p{secrets.token_hex(4)}", site.world.registry
        return Project(
            name,
            enroll(registry, Role.OPERATOR, name).token,
            enroll(registry, Role.VIEWER, name).token,
        )

    return make


@pytest.fixture(scope="module")
def large(site: Site) -> Project:
    """500 sessions and 50 devices."""
    name, registry = f"p{secrets.token_hex(4)}", site.world.registry
    fill(site.world, Fleet(name, 500, 50, silent=1))
    return Project(
        name, enroll(registry, Role.OPERATOR, name).token, enroll(registry, Role.VIEWER, name).token
    )


@pytest.fixture(scope="module")
def listed(site: Site) -> Project:
    """60 sessions and 6 devices: two pages of a list. A search in 500 only takes an AWS of Python longer."""
    name, registry = f"p{secrets.token_hex(4)}", site.world.registry
    fill(site.world, Fleet(name, 60, 6, silent=1))
    return Project(
        name, enroll(registry, Role.OPERATOR, name).token, enroll(registry, Role.VIEWER, name).token
    )


_OWN_PAINT = """
() => {
  const paintedAt = performance.getEntriesByName("first-contentful-paint")[0].startTime;
  const waits = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map(({ startTime, responseEnd }) => [startTime, Math.min(responseEnd, paintedAt)])
    .sort(([one], [other]) => one - other);
  let waited = 0, seen = 0;
  for (const [from, to] of waits) {
    waited += Math.max(0, to - Math.max(from, seen));
    seen = Math.max(seen, to);
  }
  return paintedAt - waited;
}
"""


def painted_ms(page: Page) -> float:
    """When the browser first painted content, counted from the call of the page, without its waits for answers.

    The answers come from an AWS of Python on this machine: how few there are is for the reads to say.
    """
    return float(page.evaluate(_OWN_PAINT))


def let_calls_end(page: Page, counts: Writes) -> None:
    """Wait until the calls that a page left behind have done their reads."""
    still = before = -1
    while still < 3:
        still = still + 1 if before == counts.reads.total() else 0
        before = counts.reads.total()
        page.wait_for_timeout(400)


def concern(page: Page, subject: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=subject, exact=True))


def test_with_500_sessions_and_50_devices_it_is_there_at_once_and_reads_the_table_ten_times(
    site: Site, large: Project, watched: Watched
):
    page, counts = watched.page, site.world.aws.writes
    # The socket comes beside the view, and its two reads with it: here the page polls, as where push is not deployed.
    page.route("**/v1/push-tickets", lambda route: route.fulfill(status=404, json={}))
    watched.expect("v1/push-tickets")
    log_in(page, site.url, large.operator)
    page.get_by_role("heading", name="Newest sessions").wait_for()
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")
    let_calls_end(page, counts)
    counts.reads.clear()

    page.goto(site.url)
    page.get_by_role("heading", name="Newest sessions").wait_for()
    reads = dict(counts.reads)

    assert sum(reads.values()) <= MOST_READS, reads
    paints = [painted_ms(page)]
    while min(paints) > FIRST_PAINT_MS and len(paints) < LOADS:  # one may be late where the machine is busy
        page.reload()
        page.get_by_role("heading", name="Newest sessions").wait_for()
        paints.append(painted_ms(page))
    assert min(paints) <= FIRST_PAINT_MS
    expect(page.get_by_role("region", name="Devices").get_by_role("row")).to_have_count(51)
    expect(page.get_by_role("region", name="Newest sessions").get_by_role("row")).to_have_count(11)


def test_what_needs_a_person_is_on_top_in_its_own_words_with_what_to_do(
    site: Site, large: Project, page: Page
):
    log_in(page, site.url, large.viewer)

    failed = concern(page, "match-059")
    expect(failed).to_contain_text("Failed no runway in the film")
    expect(failed).to_contain_text("Next: End the cause, then order the session again.")
    silent = concern(page, "jetson-49")
    # It was 20 minutes when the sessions were made, which is some time ago.
    expect(silent).to_contain_text(
        re.compile(r"it was last heard 2\d min \d+ s ago, while it brought match-049")
    )
    expect(silent.get_by_role("button", name="Copy the command")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(r"Needs a person 46$"))).to_be_visible()
    failed.get_by_role("link", name="match-059").click()
    expect(page).to_have_url(re.compile("#/sessions/match-059$"))


def test_a_device_that_hauls_tells_what_is_to_come_and_until_when(site: Site, large: Project, page: Page):
    log_in(page, site.url, large.operator)

    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="jetson-00", exact=True))

    for text in (
        "hauling",
        "12 GB: 5.0 GB on the device",
        "31 MB/s",
        "6.0 MB/s",
        "91 GB",
        "0.1.0",
        re.compile(r"in (3[0-3]|2\d) min"),  # 33 when it was made, which is some time ago
    ):
        expect(row).to_contain_text(text)
    silent = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="jetson-49", exact=True))
    expect(silent).to_contain_text("unknown")


def test_a_failure_appears_and_goes_without_a_reload(site: Site, project: Callable[[], Project], page: Page):
    own = project()
    fill(site.world, Fleet(own.name, 2, 1))
    operator = Client(site.world.coordinator_url, own.operator)
    log_in(page, site.url, own.operator)
    expect(page.get_by_text("Nothing needs a person.")).to_be_visible()

    operator.hold("match-001", "the referee wants to look")
    expect(concern(page, "match-001")).to_contain_text("Held the referee wants to look")

    operator.release("match-001")
    expect(page.get_by_text("Nothing needs a person.")).to_be_visible()


def test_where_nothing_was_ever_brought_it_says_what_to_do_first(
    site: Site, project: Callable[[], Project], page: Page
):
    log_in(page, site.url, project().operator)

    expect(page.get_by_role("heading", name="No device is enrolled yet")).to_be_visible()
    expect(page.get_by_text("reelhaul-admin invite --stage STAGE --name jetson-north")).to_be_visible()
    expect(page.get_by_text(f"sudo reelhaul-enroll {site.world.coordinator_url} CODE")).to_be_visible()
    page.goto(f"{site.url}#/sessions")
    expect(page.get_by_text("There is no session yet.")).to_be_visible()


def test_filters_are_in_the_address_and_a_link_shows_the_same_list(site: Site, listed: Project, page: Page):
    log_in(page, site.url, listed.viewer, "#/sessions")
    page.get_by_label("State").select_option("FAILED")
    page.get_by_label("Name has").fill("match-05")
    page.get_by_label("Name has").press("Enter")
    expect(page.get_by_role("rowheader")).to_have_text(["match-059"])
    link = page.url

    page.goto("about:blank")
    page.goto(link)

    expect(page.get_by_role("rowheader")).to_have_text(["match-059"])
    expect(page.get_by_label("State")).to_have_value("FAILED")
    expect(page.get_by_label("Name has")).to_have_value("match-05")
    page.get_by_role("link", name="All sessions").click()
    expect(page.get_by_role("rowheader")).to_have_count(50)


def test_pages_follow_one_another_and_each_has_its_address(site: Site, listed: Project, page: Page):
    log_in(page, site.url, listed.viewer, "#/sessions?device=" + quote(f"d_{listed.name}3"))
    expect(page.get_by_role("rowheader")).to_have_count(10)
    page.goto(f"{site.url}#/sessions")
    expect(page.get_by_role("rowheader").first).to_have_text("match-000")

    page.get_by_role("link", name="Older sessions").click()
    expect(page.get_by_role("rowheader").first).to_have_text("match-050")
    page.reload()

    expect(page.get_by_role("rowheader").first).to_have_text("match-050")
    page.get_by_role("link", name="To the newest").click()
    expect(page.get_by_role("rowheader").first).to_have_text("match-000")
    page.go_back()
    expect(page.get_by_role("rowheader").first).to_have_text("match-050")


def test_a_filter_that_cannot_be_is_told_in_the_coordinators_words(
    site: Site, large: Project, watched: Watched
):
    page = watched.page
    log_in(page, site.url, large.viewer)
    watched.expect("400")

    page.goto(f"{site.url}#/sessions?camera=no+such%2Fserial")

    expect(page.get_by_role("alert")).to_contain_text("camera:")


def test_a_group_is_reached_from_its_session(site: Site, large: Project, page: Page):
    log_in(page, site.url, large.viewer, "#/sessions?group=round+0")

    expect(page.get_by_role("rowheader")).to_have_text(["match-001", "match-002", "match-003"])
    page.get_by_role("link", name="round 0").first.click()

    expect(page.get_by_role("heading", level=1, name="Group round 0")).to_be_visible()


def test_names_and_reasons_of_others_are_text_and_fit_the_smallest_screen(
    site: Site, project: Callable[[], Project], page: Page
):
    own = project()
    fill(site.world, Fleet(own.name, 2, 1))
    operator = Client(site.world.coordinator_url, own.operator)
    operator.hold("match-001", f"<img src=x onerror=alert(1)> {LONG_NAME}")
    page.set_viewport_size({"width": 360, "height": 800})

    log_in(page, site.url, own.operator)

    expect(concern(page, "match-001")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
