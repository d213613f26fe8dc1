"""A session: seen live, printed, held, restored, ordered again, and downloaded."""

import os
import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from chalicelib.core.evidence import Evidence, SecondRead, Xxh128
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.flows.store import load
from chalicelib.ports import Ports
from infra.admin.commands.tokens import enroll
from infra.local.camera import Fault, Stall, chapter_path
from tests.browser.conftest import Site
from tests.browser.recorded import CRC, VIDEO, chapters, now, ordered, ports_of, processed, record
from tests.browser.watched import Watched, log_in
from tests.e2e.rig import RECORDING, Rig, camera_with, until
from tests.support.builders import make_session_id

HELD_AT_BYTES = 1_000_000
"""So far a haul comes before the page has shown it."""


@pytest.fixture(scope="module")
def ports(site: Site) -> Ports:
    return ports_of(site.world)


@pytest.fixture
def rig(site: Site, tmp_path: Path) -> Rig:
    """A device of this test."""
    token_file = tmp_path / "device.token"
    with os.fdopen(os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(enroll(site.world.registry, name=f"north-{secrets.token_hex(3)}").token)
    return Rig(site.world, tmp_path, token_file)


def shown(site: Site, watched: Watched, place: str) -> Page:
    """The page at a place, with an operator logged in."""
    watched.expect("v1/login")  # 401 before the login
    log_in(watched.page, site.url, site.operator, place)
    return watched.page


def recorded(ports: Ports, name: str) -> Picture:
    return load(ports, make_session_id(name))


def alert(page: Page, text: str) -> Locator:
    """What the top of the view says that a person must know."""
    return page.get_by_role("status").filter(has_text=text)


def confirm(page: Page, opens: str, name: str, button: str, **fields: str) -> None:
    """Open a dialog, fill it, type the session's name, and send it."""
    page.get_by_role("button", name=opens, exact=True).click()
    dialog = page.get_by_role("dialog")
    for label, text in fields.items():
        dialog.get_by_label(label.replace("_", " ")).fill(text)
    send = dialog.get_by_role("button", name=button)
    expect(send).to_be_disabled()
    dialog.get_by_label(re.compile(f"Type {re.escape(name)}")).fill(name)
    send.click()


def let_polls_find_nothing(page: Page, name: str) -> None:
    """From now on the page learns of its own action by the answer alone."""
    page.route(
        re.compile(rf"/v1/sessions/{name}$"),
        lambda route: route.fulfill(status=304) if route.request.method == "GET" else route.fallback(),
    )


def test_a_haul_is_seen_live_until_every_chapter_is_proven(site: Site, watched: Watched, rig: Rig, name: str):
    with camera_with(11_000_000, 6_000_000) as camera:
        camera.faults.add(Fault(chapter_path("GX010038.MP4"), Stall(HELD_AT_BYTES), times=None))
        client = rig.client(camera, name, "--recording", RECORDING)
        until(lambda: rig.session(name), "the session is opened")
        page = shown(site, watched, f"#/sessions/{name}")
        expect(page.get_by_text(re.compile(r"^chapter [12] of 2, down \d+ %, up"))).to_be_visible()
        expect(page.get_by_text(re.compile(r"^chapter [12] of 2, \d+ %, ")).first).to_be_visible()
        camera.release()
        assert rig.ended(client).code == 0

    expect(page.get_by_text("2 of 2 proven")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^chapter \d of 2, down"))).to_have_count(0)
    expect(page.get_by_role("img", name="100GOPRO/GX010038.MP4: proven")).to_be_visible()


def test_an_open_upload_shows_which_parts_s3_has(site: Site, watched: Watched, rig: Rig, name: str):
    listed = {"directory": "100GOPRO", "filename": "GX010038.MP4", "size_bytes": 12_000_000}
    rig.call("PUT", f"/v1/sessions/{name}", {"camera": {"serial": "C1"}, "chapters": [listed]})
    asked = {"artifact_id": "original.100GOPRO.GX010038.MP4", "size_bytes": 12_000_000}
    rig.call("POST", f"/v1/sessions/{name}/uploads", asked)

    page = shown(site, watched, f"#/sessions/{name}")

    expect(page.get_by_text("0 of 3 parts in S3, 100 % on the card", exact=True)).to_be_visible()


def test_an_operator_holds_and_releases_a_session_by_typing_its_name(
    site: Site, ports: Ports, watched: Watched, name: str
):
    processed(ports, name)
    page = shown(site, watched, f"#/sessions/{name}")
    page.get_by_role("button", name="Hold …", exact=True).wait_for()
    let_polls_find_nothing(page, name)

    confirm(page, "Hold …", name, "Hold the session", Why="the referee wants to look")

    expect(alert(page, "Held: the referee wants to look")).to_be_visible()
    assert recorded(ports, name).session.held == "the referee wants to look"
    page.unroute_all()
    expect(page.get_by_text("No operator holds it not-held")).to_be_visible()

    confirm(page, "Release …", name, "Release the session")

    expect(alert(page, "Held:")).to_have_count(0)
    assert recorded(ports, name).session.held is None
    page.get_by_text("Audit trail").click()
    expect(page.get_by_role("cell", name="hold: the referee wants to look", exact=True)).to_be_visible()


def test_an_operator_restores_a_cleaned_session_by_typing_its_name(
    site: Site, ports: Ports, watched: Watched, name: str
):
    made = processed(ports, name)
    gone = tuple(made.receipt(each).version_id for each in made.picture.chapters)
    made.tell(state=SessionState.CLEANED, cleaned_at=now(), cleaned=gone, is_guarded=True)
    page = shown(site, watched, f"#/sessions/{name}")
    expect(page.get_by_text("cleaned: S3 keeps it hidden").first).to_be_visible()
    let_polls_find_nothing(page, name)

    confirm(page, "Restore …", name, "Restore the session", Why="the referee wants to see it")

    expect(alert(page, "On the way back:")).to_be_visible()
    session = recorded(ports, name).session
    assert session.restoring == tuple(each.artifact_id for each in made.picture.chapters)
    assert session.held
    assert "the referee wants to see it" in session.held


def test_an_operator_orders_again_with_other_parameters(
    site: Site, ports: Ports, watched: Watched, name: str
):
    made = record(ports, name).verify()
    # Held: no processor of another test gets the order.
    made.tell(state=SessionState.FAILED, failure="the lights cannot be seen", held="a test")
    page = shown(site, watched, f"#/sessions/{name}")
    expect(alert(page, "Failed: the lights cannot be seen")).to_be_visible()
    let_polls_find_nothing(page, name)

    fields = {"Parameters": '{"speed_kmh": 9}', "Required": "output.enhanced.mp4\noutput.short.mp4"}
    confirm(page, "Order again …", name, "Place the order", **fields)

    expect(alert(page, "Failed:")).to_have_count(0)
    order = recorded(ports, name).session.order
    assert order
    assert order.number == 2
    assert order.wish.required == ("output.enhanced.mp4", "output.short.mp4")
    assert order.wish.parameters == '{"speed_kmh": 9}'


def test_a_refused_action_says_why_and_changes_nothing(site: Site, ports: Ports, watched: Watched, name: str):
    made = record(ports, name).verify()
    page = shown(site, watched, f"#/sessions/{name}")
    page.get_by_role("button", name="Fail …").click()
    made.tell(order=ordered(), state=SessionState.PROCESSED, processed_at=now())
    dialog = page.get_by_role("dialog")

    watched.expect("409")
    dialog.get_by_label("Why").fill("too late")
    dialog.get_by_label(re.compile("Type")).fill(name)
    dialog.get_by_role("button", name="Fail the session").click()

    expect(dialog.get_by_role("alert")).to_contain_text("hold it to keep its originals")
    assert recorded(ports, name).session.state is SessionState.PROCESSED


def test_a_session_is_held_by_the_keyboard_alone(site: Site, ports: Ports, watched: Watched, name: str):
    processed(ports, name)
    page = shown(site, watched, f"#/sessions/{name}")
    opener = page.get_by_role("button", name="Hold …")
    opener.focus()

    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Why")).to_be_focused()
    page.keyboard.type("by hand")
    page.keyboard.press("Tab")
    page.keyboard.type(name)
    page.keyboard.press("Enter")

    expect(alert(page, "Held: by hand")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_receipt_is_what_the_coordinator_recorded(site: Site, ports: Ports, watched: Watched, name: str):
    made = record(ports, name, chapters(14, 4_000_000_000)).verify()
    first = made.picture.chapters[0]
    read = SecondRead(now(), DeviceId("d_north"), CRC, Xxh128("99aa06d3014798d86001c324468d497f"))
    made.tell(evidence=(Evidence(first.artifact_id, agreed=read),))
    page = shown(site, watched, f"#/sessions/{name}/receipt")
    table = page.get_by_role("table")
    table.wait_for()

    text = table.inner_text()
    for chapter in made.picture.chapters:
        receipt = made.receipt(chapter)
        at = receipt.verified_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        assert f"{chapter.name}\t{receipt.size_bytes}\t{at}\t" in text
        assert f"{receipt.key} version {receipt.version_id}" in text
    assert text.count(f"CRC64NVME {CRC}") == 14
    assert text.count("99aa06d3014798d86001c324468d497f") == 1
    assert (text.count("read-twice"), text.count("read-once")) == (1, 13)
    assert pages_of(page) == 1


def pages_of(page: Page) -> int:
    """The pages of A4 that printing takes."""
    return len(re.findall(rb"/Type /Page\b", page.pdf(prefer_css_page_size=True)))


def test_a_receipt_of_a_session_on_its_way_says_to_keep_the_card(
    site: Site, ports: Ports, watched: Watched, name: str
):
    made = record(ports, name, chapters(3))
    made.verify(made.picture.chapters[:1])

    page = shown(site, watched, f"#/sessions/{name}/receipt")

    expect(page.get_by_text("2 chapters have no receipt. Do not erase the card.")).to_be_visible()


def test_an_artifact_opens_at_a_click_and_its_address_stays_nowhere(
    site: Site, ports: Ports, watched: Watched, name: str
):
    made = record(ports, name)
    put = site.world.aws.client("s3").put_object(
        Bucket=site.world.bucket,
        Key=made.picture.key(VIDEO),
        Body=b"the film itself",
        ChecksumAlgorithm="CRC64NVME",
        IfNoneMatch="*",
    )
    made.make(VIDEO, version_id=put["VersionId"])
    page = shown(site, watched, f"#/sessions/{name}")

    with page.expect_download() as opening:
        page.get_by_role("button", name="Download: enhanced.mp4").click()

    assert opening.value.suggested_filename == "enhanced.mp4"
    assert opening.value.path().read_bytes() == b"the film itself"
    assert "X-Amz-Signature" not in page.content()


def test_an_artifact_that_is_refused_says_why(site: Site, ports: Ports, watched: Watched, name: str):
    made = processed(ports, name)
    page = shown(site, watched, f"#/sessions/{name}")
    button = page.get_by_role("button", name="Original: 100GOPRO/GX010038.MP4")
    page.get_by_role("button", name="Download: enhanced.mp4").wait_for()
    watched.expect("ERR_FAILED")
    # The page hears nothing of the cleanup that comes between its look and the click.
    page.route(re.compile(rf"/v1/sessions/{name}(/artifacts)?$"), lambda route: route.abort())
    made.tell(cleaned=(made.receipt(made.picture.chapters[0]).version_id,))

    watched.expect("404")
    button.click()

    expect(row_of(button).get_by_role("alert")).to_contain_text("an operator can restore it")


def row_of(button: Locator) -> Locator:
    return button.locator("xpath=ancestor::li")


def test_a_group_shows_each_camera_s_session_and_the_way_to_watch_them(
    site: Site, ports: Ports, watched: Watched, name: str
):
    processed(ports, f"{name}-north", group=name)
    record(ports, f"{name}-south", group=name)

    page = shown(site, watched, f"#/groups/{name}")

    expect(page.get_by_role("link", name=f"{name}-north")).to_be_visible()
    expect(page.get_by_role("link", name=f"{name}-south")).to_be_visible()
    expect(page.get_by_text("2 of 2 chapters")).to_be_visible()
    expect(page.get_by_text("0 of 2 chapters")).to_be_visible()
    page.get_by_role("link", name="Watch together").click()
    expect(page).to_have_url(re.compile(re.escape(f"#/groups/{name}/watch") + "$"))


def test_a_link_shows_its_session_without_actions_until_it_is_revoked(
    site: Site, ports: Ports, watched: Watched, chromium: Browser, name: str
):
    processed(ports, name)
    page = shown(site, watched, f"#/sessions/{name}")
    page.get_by_role("button", name="Share …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Who it is for").fill("<b>the coach</b>")
    dialog.get_by_label("Good for").select_option("an hour")
    dialog.get_by_role("button", name="Make a link").click()
    link = dialog.get_by_role("status").get_by_role("code").inner_text()
    expect(dialog.get_by_role("listitem")).to_contain_text("<b>the coach</b>")
    assert link.startswith(f"{site.url}#/share/s_")

    with chromium.new_context() as elsewhere:
        guest = elsewhere.new_page()
        guest.goto(link)
        guest.wait_for_url(f"**/#/sessions/{name}/watch")
        guest.goto(f"{site.url}#/sessions/{name}")
        expect(guest.get_by_text("2 of 2 proven")).to_be_visible()
        expect(guest.get_by_text("output.enhanced.mp4").first).to_be_visible()
        expect(guest.get_by_role("button", name="Hold …")).to_have_count(0)
        expect(guest.get_by_role("button", name="Share …")).to_have_count(0)
        expect(guest.get_by_text("Audit trail")).to_have_count(0)

        dialog.get_by_role("button", name="Revoke the link for <b>the coach</b>").click()
        expect(dialog.get_by_role("listitem")).to_contain_text("Revoked")
        guest.reload()
        expect(guest.get_by_role("heading", name="Log in")).to_be_visible()

    expect(dialog.get_by_role("status")).to_have_count(0)
