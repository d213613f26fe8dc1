"""The deployed coordinator tells its contract to anybody, and a script's client gets along with it."""

from urllib.parse import urljoin

import jsonschema
import pytest
import requests

from chalicelib.web.contract.document import GATEWAY, openapi
from infra.client import Client, Problem
from tests.e2e.rig import Rig
from tests.e2e.test_by_hand import CHAPTER
from tests.web.contract import ROUTES

pytestmark = pytest.mark.e2e


def test_the_contract_is_served_from_the_package_to_anybody(rig: Rig):
    address = f"{rig.world.coordinator_url}/v1/openapi.json"

    answer = requests.get(address, timeout=30)
    again = requests.get(address, headers={"If-None-Match": answer.headers["ETag"]}, timeout=30)
    page = requests.get(f"{rig.world.coordinator_url}/v1/docs", headers={"Accept": "text/html"}, timeout=30)

    assert answer.json() == openapi(ROUTES)
    assert (again.status_code, again.content) == (304, b"")
    assert (page.status_code, page.text[:15]) == (200, "<!DOCTYPE html>")
    assert urljoin(address, answer.json()["servers"][0]["url"]).rstrip("/") == rig.world.coordinator_url


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/nothing", {}),
        ("PATCH", "/v1/sessions/match-17", {}),
        ("PUT", "/v1/sessions/match-17", {"Content-Type": "text/plain"}),
    ],
)
def test_what_is_answered_before_a_view_has_the_form_that_the_contract_tells(
    rig: Rig, method: str, path: str, headers: dict[str, str]
):
    answer = requests.request(
        method, f"{rig.world.coordinator_url}{path}", headers=headers, data=b"{}", timeout=30
    )

    schema = openapi(ROUTES)["components"]["schemas"][GATEWAY]
    jsonschema.Draft202012Validator(schema).validate(answer.json())


def test_a_scripts_client_opens_a_session_and_hears_what_is_wrong(rig: Rig):
    token = rig.token_file.read_text().strip()
    client = Client(rig.world.coordinator_url, token, client_version="0.1.0")

    session = client.confirm_session("by-a-script", {"camera": {"serial": "C1script"}, "chapters": [CHAPTER]})
    upload = client.open_upload("by-a-script", session.missing[0], session.chapters[0].size_bytes)

    assert (session.state, upload.state) == ("OPEN", "OPEN")
    assert "by-a-script" in [row.session_id for row in client.all_sessions(limit=1)]
    with pytest.raises(Problem) as told:
        client.complete(upload.upload_id)
    assert (told.value.slug, told.value.action) == ("parts-mismatch", "resign")
