"""Pictures of each view, for the documents: `make screenshots`.

They show the demo's film, hauled, processed and measured, beside sessions in other states.
"""

import sys
import tempfile
from pathlib import Path

from chalicelib.core.tokens import Role
from infra.admin.commands.tokens import enroll
from infra.local.browser import NoBrowser, chromium, log_in
from infra.local.footage import Film
from infra.local.stack import World
from infra.page import PAGE
from tests.browser.sample import make_sample
from tests.browser.test_accessibility import LOOKS, open_view

FOLDER = PAGE.parents[1] / "build" / "screenshots"


def main() -> int:
    """The exit code: 0 when the pictures are taken, 1 where there is no Chromium."""
    with tempfile.TemporaryDirectory() as name:
        settings = {"GRACE_S": "86400"}
        with World.start(workdir=Path(name), settings=settings, progress=print) as world:
            sample = make_sample(world, Film())
            token = enroll(world.registry, Role.OPERATOR).token
            try:
                take(f"{world.coordinator_url}/", token, sample.places)
            except NoBrowser as error:
                print(f"no pictures: {error}", file=sys.stderr)
                return 1
    print(f"the pictures are in {FOLDER}")
    return 0


def take(url: str, token: str, places: dict[str, str]) -> None:
    """A picture of each place and each look. Raises NoBrowser."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        page = browser.new_page()
        log_in(page, url, token)
        for name, place in places.items():
            for width, scheme in LOOKS:
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme)
                open_view(page, f"{url}{place}")
                page.screenshot(path=FOLDER / f"{name}-{width}-{scheme}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main())
