"""Films go from the browser into S3, and are proven there."""

import random
import re
import struct
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Request, Route, expect

from infra.client import Client, Session
from tests.browser.conftest import Site
from tests.browser.test_accessibility import grave_findings
from tests.browser.watched import Watched, log_in, watch

MIB = 2**20
NUMBER = re.compile(r"partNumber=(\d+)")


@pytest.fixture(autouse=True)
def expected(watched: Watched) -> None:
    """Who asks for a session that is not there yet is answered 404, and the browser says so."""
    watched.expect("v1/sessions/match-")


def film(path: Path, size_bytes: int, seed: int = 1) -> Path:
    """A file that is a film by its boxes: ftyp, mdat with noise, moov."""
    noise = random.Random(seed).randbytes(size_bytes - 20 - 8 - 16)
    path.write_bytes(
        struct.pack(">I4s4sI4s", 20, b"ftyp", b"mp41", 0, b"mp41")
        + struct.pack(">I4s", 8 + len(noise), b"mdat")
        + noise
        + struct.pack(">I4sI4s", 16, b"moov", 8, b"free")
    )
    assert path.stat().st_size == size_bytes
    return path


class Uploader:
    """The upload view of a session in one tab, and the parts that left it."""

    def __init__(self, site: Site, page: Page, name: str) -> None:
        self.site, self.page, self.name = site, page, name
        self.sent: list[int] = []
        page.on("request", self._note)
        log_in(page, site.url, site.operator, f"#/sessions/{name}/upload")

    def _note(self, request: Request) -> None:
        if request.method == "PUT" and "/originals/" in request.url:
            found = NUMBER.search(request.url)
            self.sent.append(int(found[1]) if found else 1)

    def choose(self, file: Path | FilePayload) -> None:
        self.page.locator(".uppy-Dashboard-input").first.set_input_files(file)

    def start(self, count: int = 1) -> None:
        self.page.get_by_role("button", name=f"Upload {count} file").click()

    def wait_until_proven(self) -> None:
        expect(self.page.get_by_text(re.compile("stored and proven"))).to_be_visible(timeout=60_000)

    @property
    def session(self) -> Session:
        return client(self.site).session(self.name)

    def demand_equal(self, path: Path) -> None:
        """What S3 has is the file, byte for byte."""
        key = f"originals/main/{self.name}/000FILMS/{path.name}"
        stored = self.site.world.aws.client("s3").get_object(Bucket=self.site.world.bucket, Key=key)
        assert stored["Body"].read() == path.read_bytes()


def client(site: Site) -> Client:
    return Client(site.world.coordinator_url, site.operator)


def held(route: Route) -> None:
    """A request that never gets an answer."""


def test_forty_megabytes_with_a_reload_in_the_middle_arrive_with_at_most_one_part_sent_twice(
    site: Site, page: Page, name: str, tmp_path: Path
):
    path = film(tmp_path / "GX010038.MP4", 40 * MIB)
    uploader = Uploader(site, page, name)
    uploader.choose(path)
    # The fifth part is on its way when the page goes.
    page.route(re.compile(r"partNumber=5&"), held)
    uploader.start()
    expect(page.get_by_text(re.compile(r"(6|7|8)\d%")).first).to_be_visible(timeout=60_000)
    page.unroute(re.compile(r"partNumber=5&"))
    first = list(uploader.sent)

    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.get_by_text("GX010038.MP4").wait_for()
    uploader.choose(path)
    uploader.start()
    uploader.wait_until_proven()

    again = set(first) & set(uploader.sent[len(first) :])
    assert len(again) <= 1
    assert set(uploader.sent) == set(range(1, 9))
    uploader.demand_equal(path)
    [chapter] = uploader.session.chapters
    assert chapter.receipt
    assert chapter.receipt.size_bytes == 40 * MIB


def test_another_browser_continues_what_one_began(
    site: Site, page: Page, chromium: Browser, name: str, tmp_path: Path
):
    path = film(tmp_path / "GX010038.MP4", 12 * MIB)
    first = Uploader(site, page, name)
    first.choose(path)
    page.route(re.compile(r"partNumber=3&"), held)
    first.start()
    expect(page.get_by_text(re.compile(r"8\d%")).first).to_be_visible(timeout=60_000)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("about:blank")

    context = chromium.new_context()
    other = watch(context)
    second = Uploader(site, other.page, name)
    expect(other.page.get_by_text("begun")).to_be_visible()
    second.choose(path)
    second.start()
    second.wait_until_proven()

    assert second.sent == [3]
    second.demand_equal(path)
    other.demand_sound()
    context.close()


def test_a_small_film_comes_by_one_put(site: Site, page: Page, name: str, tmp_path: Path):
    path = film(tmp_path / "short.mp4", 1 * MIB)
    uploader = Uploader(site, page, name)
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url) if request.method == "PUT" else None)
    uploader.choose(path)
    uploader.start()
    uploader.wait_until_proven()

    [address] = [each for each in addresses if "/originals/" in each]
    assert "partNumber" not in address
    assert "if-none-match" in address
    uploader.demand_equal(path)


@pytest.mark.parametrize(
    ("filename", "body", "why"),
    [
        ("notes.txt", b"not a film", "only files that end in .mp4 or .360"),
        ("GX010038.MP4", b"<!doctype html><title>Log in</title>", "it is no film"),
        ("GX010038.MP4", b"", "the file is empty"),
    ],
)
def test_what_is_no_film_is_refused_before_the_first_byte(
    site: Site, page: Page, name: str, filename: str, body: bytes, why: str
):
    uploader = Uploader(site, page, name)
    uploader.choose({"name": filename, "mimeType": "video/mp4", "buffer": body})

    expect(page.get_by_role("alert").get_by_text(why)).to_be_visible()

    expect(page.get_by_role("button", name="Upload 1 file")).to_be_hidden()
    assert uploader.sent == []


def test_a_cancelled_film_comes_back_with_its_parts(site: Site, page: Page, name: str, tmp_path: Path):
    path = film(tmp_path / "GX010038.MP4", 12 * MIB)
    uploader = Uploader(site, page, name)
    uploader.choose(path)
    page.route(re.compile(r"partNumber=3&"), held)
    uploader.start()
    expect(page.get_by_text(re.compile(r"8\d%")).first).to_be_visible(timeout=60_000)

    page.get_by_role("button", name=re.compile("Remove file")).click()
    expect(page.get_by_text("is cancelled. What is stored of it stays for an hour.")).to_be_visible()
    [chapter] = uploader.session.chapters
    assert chapter.upload
    assert chapter.upload.state == "CANCELLED"
    page.unroute(re.compile(r"partNumber=3&"))
    uploader.sent.clear()
    page.get_by_role("button", name="Undo").click()
    uploader.wait_until_proven()

    assert uploader.sent == [3]
    uploader.demand_equal(path)


def test_a_film_that_shrinks_while_it_is_sent_is_not_stored(
    site: Site, watched: Watched, name: str, tmp_path: Path
):
    watched.expect("ERR_")  # the browser itself says that the file changed
    page = watched.page
    path = film(tmp_path / "GX010038.MP4", 12 * MIB)

    def shrink(route: Route) -> None:
        path.write_bytes(path.read_bytes()[: 7 * MIB])
        route.continue_()

    page.route(re.compile("/part-urls$"), shrink)
    uploader = Uploader(site, page, name)
    uploader.choose(path)
    uploader.start()

    expect(page.get_by_role("alert").get_by_text("cannot be read any more").first).to_be_visible()

    assert not uploader.session.chapters[0].receipt


def test_a_phone_and_a_keyboard_suffice_and_uppy_speaks_german(
    site: Site, chromium: Browser, name: str, tmp_path: Path
):
    path = film(tmp_path / "GX010038.MP4", 1 * MIB)
    context = chromium.new_context(viewport={"width": 360, "height": 740}, locale="de-DE")
    narrow = watch(context)
    narrow.expect("v1/sessions/match-")
    page = narrow.page
    log_in(page, site.url, site.operator, "#/upload")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Name").press("Enter")
    page.locator(".uppy-Dashboard-input").first.set_input_files(path)
    start = page.get_by_role("button", name=re.compile("Eine Datei hochladen"))
    start.wait_for()
    assert grave_findings(page) == []
    for _ in range(40):
        if start.evaluate("each => each === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("stored and proven"))).to_be_visible(timeout=60_000)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    narrow.demand_sound()
    context.close()
