"""Stock Uppy 5 and 6, unmodified, in Chromium: what they upload is proven, and what they truncate is refused."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, Route

from chalicelib.aws.records import DynamoRecords
from chalicelib.core import ids
from chalicelib.core.ids import SessionId
from chalicelib.core.landing import LandingState
from chalicelib.core.picture import Picture
from tests.browser.conftest import Site
from tests.browser.other_site import PAGE, UPPY, OtherSite, stock_uppy
from tests.browser.watched import Watched, log_in
from tests.support.films import make_film
from tests.support.memory import crc64nvme_of

MIB = 2**20
NAME = "GX010042.MP4"
PLUGIN = {
    "5.2.4": """{ endpoint, headers, shouldUseMultipart, getChunkSize: () => window.chunk, limit: 3 }""",
    "6.0.1": """{ companionEndpoint: endpoint, shouldUseMultipart, getChunkSize: () => window.chunk }""",
}
BEGIN = """([endpoint, headers, shouldUseMultipart, metadata]) => {
  window.chunk = 8 * 1024 * 1024;
  window.told = [];
  const uppy = new Uppy.Uppy({ autoProceed: false });
  const given = PLUGIN;
  if (shouldUseMultipart === null) delete given.shouldUseMultipart;
  uppy.use(Uppy.AwsS3, given);
  uppy.on("upload-success", (file, answer) => window.told.push(["success", file.name, answer.uploadURL]));
  uppy.on("upload-error", (file, error) => window.told.push(["error", file.name, String(error)]));
  for (const data of document.getElementById("film").files) {
    uppy.addFile({ name: data.name, type: data.type, data, meta: metadata });
  }
  window.uppy = uppy;
}"""


@cache
def film_bytes() -> bytes:
    return make_film(60_000, 40 * MIB)


@dataclass
class Client:
    """A page with stock Uppy in it, and what it uploads."""

    site: Site
    watched: Watched
    version: str
    session_id: SessionId

    @property
    def page(self) -> Page:
        return self.watched.page

    def begin(self, endpoint: str, films: list[Path], **said: Any) -> None:
        self.page.set_input_files("#film", films)
        arguments = [
            endpoint,
            said.get("headers", {}),
            said.get("is_multipart", True),
            said.get("metadata", {}),
        ]
        self.page.evaluate(BEGIN.replace("PLUGIN", PLUGIN[self.version]), arguments)

    def upload(self) -> list[list[str]]:
        """What Uppy told of each file."""
        self.page.evaluate("() => window.uppy.upload().then(() => null, () => null)")
        return self.told()

    def retry(self) -> list[list[str]]:
        self.page.evaluate(
            "() => { window.told = []; return window.uppy.retryAll().then(() => null, () => null); }"
        )
        return self.told()

    def told(self) -> list[list[str]]:
        told: list[list[str]] = self.page.evaluate("() => window.told")
        return told

    def picture(self) -> Picture:
        world = self.site.world
        picture = DynamoRecords(world.aws.client("dynamodb"), world.table).picture(self.session_id)
        assert picture
        return picture

    def demand_proven(self, body: bytes | None = None) -> None:
        """The reconciler has brought the film home: its receipt is for these bytes, and nothing is left over."""
        body = body or film_bytes()
        world = self.site.world
        world.run_schedule()
        picture = self.picture()
        [film] = picture.chapters
        receipt = picture.receipt(film.artifact_id)
        assert receipt
        assert (receipt.size_bytes, receipt.crc64nvme) == (len(body), crc64nvme_of(body))
        s3 = world.aws.client("s3")
        assert "Contents" not in s3.list_objects_v2(
            Bucket=world.bucket, Prefix=f"incoming/{self.session_id}/"
        )


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / NAME
    path.write_bytes(film_bytes())
    return path


@pytest.fixture(params=list(UPPY))
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(site: Site, other_site: OtherSite, watched: Watched, name: str, version: str) -> Client:
    """A page of another origin with this version of Uppy."""
    other_site.put(f"/uppy-{version}.js", "text/javascript", stock_uppy(version))
    other_site.put(f"/with-{version}.html", "text/html", PAGE.format(version=version).encode())
    watched.page.goto(f"{other_site.origin}/with-{version}.html")
    return Client(site, watched, version, ids.session_id(ids.MAIN, name))


def of_session(client: Client) -> tuple[str, dict[str, str]]:
    """Where a caller with a token uploads, and its headers."""
    name = ids.name_of(client.session_id)
    endpoint = f"{client.site.world.coordinator_url}/v1/sessions/{name}/companion"
    return endpoint, {"Authorization": f"Bearer {client.site.operator}"}


def of_pass(client: Client) -> str:
    """Where a caller with a pass uploads."""
    name = ids.name_of(client.session_id)
    answer = requests.post(
        f"{client.site.world.coordinator_url}/v1/sessions/{name}/upload-passes",
        json={"ttl_s": 3600},
        headers={"Authorization": f"Bearer {client.site.operator}"},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    endpoint: str = answer.json()["endpoint"]
    return endpoint


def begin(client: Client, films: list[Path], **said: Any) -> None:
    """Uppy 5 shows a token in a header; Uppy 6 has no header of its own, and a pass in its address."""
    if client.version == "5.2.4":
        endpoint, headers = of_session(client)
        client.begin(endpoint, films, headers=headers, **said)
    else:
        client.begin(of_pass(client), films, **said)


@pytest.mark.parametrize("is_multipart", [True, False], ids=["parts", "form"])
def test_40_mb_are_uploaded_from_another_origin_and_proven(client: Client, film: Path, is_multipart: bool):
    begin(client, [film], is_multipart=is_multipart)

    [told] = client.upload()

    assert told[:2] == ["success", NAME], told
    client.demand_proven()


def fails(page: Page, address: str, *, status: int = 0, times: int = 1) -> None:
    """The next `times` calls of `address` fail: with this status, or by a cut connection."""
    left = iter(range(times))

    def fail(route: Route) -> None:
        if next(left, None) is None or route.request.method == "OPTIONS":
            route.fallback()
        elif status:
            route.fulfill(status=status, headers={"Access-Control-Allow-Origin": "*"}, body="{}")
        else:
            route.abort()

    page.route(re.compile(address), fail)


@pytest.mark.parametrize("version", ["6.0.1", pytest.param("5.2.4", marks=pytest.mark.soak)], indirect=True)
def test_a_resume_with_other_parts_is_refused_and_no_film_of_it_is_ever_there(client: Client, film: Path):
    """Stock Uppy trusts the numbers of the parts that S3 has, and would call this a success."""
    client.watched.expect("error")
    begin(client, [film])
    fails(client.page, r"[?&]partNumber=3&", times=20)
    [failed] = client.upload()
    assert failed[0] == "error"
    client.page.unroute_all()
    client.page.evaluate("() => { window.chunk = 5 * 1024 * 1024; }")

    [told] = client.retry()

    if client.version == "5.2.4":
        # It cancelled at the first failure, and begins again from the first byte.
        assert told[0] == "success"
        client.demand_proven()
        return
    assert told[0] == "error"
    client.site.world.run_schedule()
    [landing] = client.picture().landings
    assert landing.state is LandingState.ARRIVING
    assert client.picture().chapters == ()


def test_one_503_of_complete_loses_nothing_and_a_retry_ends_it(client: Client, film: Path):
    """Uppy 5 answers it with DELETE, and begins again; Uppy 6 asks again."""
    client.watched.expect("error")
    begin(client, [film])
    fails(client.page, "/complete[?]", status=503)
    deletes = client.version == "5.2.4"

    with (
        client.page.expect_response(lambda each: each.request.method == "DELETE")
        if deletes
        else nullcontext()
    ):
        [failed] = client.upload()
    assert failed[0] == "error"
    [landing] = client.picture().landings
    assert landing.state is (LandingState.CANCELLED if deletes else LandingState.ARRIVING)
    assert client.site.world.aws.client("s3").list_parts(
        Bucket=client.site.world.bucket, Key=landing.key, UploadId=landing.multipart_id
    )["Parts"]

    [told] = client.retry()
    assert told[0] == "success"
    client.demand_proven()


def test_a_page_of_another_origin_than_the_deployments_uploads_nothing(
    client: Client, film: Path, other_site: OtherSite
):
    client.watched.expect("")
    address = f"{other_site.origin}/with-{client.version}.html".replace("127.0.0.1", "localhost")
    client.page.goto(address)
    begin(client, [film])

    [failed] = client.upload()

    assert failed[0] == "error"
    world = client.site.world
    assert DynamoRecords(world.aws.client("dynamodb"), world.table).picture(client.session_id) is None


@pytest.mark.parametrize("version", ["6.0.1"], indirect=True)
def test_on_the_coordinators_own_origin_the_pages_cookie_is_enough(client: Client, film: Path):
    own = f"{client.site.url}uppy.html"
    bundle = stock_uppy(client.version)
    page = PAGE.format(version=client.version).replace("/uppy-", f"{client.site.url}uppy-")
    client.page.route(own, lambda route: route.fulfill(body=page, content_type="text/html"))
    client.page.route(
        f"**/uppy-{client.version}.js",
        lambda route: route.fulfill(body=bundle, content_type="text/javascript"),
    )
    log_in(client.page, client.site.url, client.site.operator)
    client.page.goto(own)
    endpoint, _ = of_session(client)
    client.begin(endpoint, [film], is_multipart=False)

    [told] = client.upload()

    assert told[0] == "success", told
    client.demand_proven()


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_200_mb_are_uploaded_with_the_clients_own_settings_and_proven(
    client: Client, tmp_path: Path, request: pytest.FixtureRequest
):
    """More than 100 MiB go part after part without being told to. Slow: make test-browser PYTEST=--soak."""
    large = make_film(300_000, 200 * MIB)
    path = tmp_path / NAME
    path.write_bytes(large)
    client.page.set_default_timeout(100_000)
    begin(client, [path], is_multipart=None)

    [told] = client.upload()

    assert told[0] == "success", told
    client.demand_proven(large)
