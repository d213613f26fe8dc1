"""A world with the page, and a browser that complains about every fault of it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from chalicelib.core.tokens import Role
from infra.admin import deployment
from infra.admin.commands.tokens import enroll
from infra.local import browser
from infra.local.stack import World
from infra.page import BUILT
from tests.browser.other_site import OtherSite
from tests.browser.watched import WAIT_S, Watched, watch

HERE = Path(__file__).parent
PART_SIZE_BYTES = 5 * 1024 * 1024
LONGEST_S = 600
"""When a test hangs. The first one starts the world, too, which takes minutes on a machine that is busy."""

expect.set_options(timeout=1_000 * WAIT_S)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(LONGEST_S))


@dataclass(frozen=True)
class Site:
    """The deployed page, and who may use it."""

    world: World
    operator: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"{self.world.coordinator_url}/"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; each test has a context of its own in it."""
    try:
        with browser.chromium() as launched:
            yield launched
    except browser.NoBrowser as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def other_site() -> Iterator[OtherSite]:
    """Somebody else's site; the deployment lets its pages upload."""
    with OtherSite() as site:
        yield site


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, other_site: OtherSite) -> Iterator[World]:
    """The local AWS with the coordinator and its page deployed: no grace, parts of 5 MiB as S3 demands."""
    if not (BUILT / "index.html").is_file():
        pytest.skip("the page is not built: make assets")
    settings = {"PART_SIZE_BYTES": str(PART_SIZE_BYTES), "GRACE_S": "0"}
    with World.start(
        workdir=tmp_path_factory.mktemp("world"),
        settings=settings,
        parameters={"BrowserOrigins": other_site.origin},
        progress=lambda _: None,
    ) as started:
        yield started


@pytest.fixture(scope="session")
def site(world: World) -> Site:
    registry = deployment.registry(world.aws.client("dynamodb"), world.table)
    return Site(world, enroll(registry, Role.OPERATOR).token)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser without cookies, 1440 pixels wide."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(1_000 * WAIT_S)
    yield context
    context.close()


@pytest.fixture
def watched(context: BrowserContext) -> Iterator[Watched]:
    """A tab; the test fails where the page broke its policy, threw an error, or complained in the console."""
    watched = watch(context)
    yield watched
    watched.demand_sound()


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"match-{secrets.token_hex(4)}"
