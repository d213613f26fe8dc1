"""What a client of one's own sees: expired URLs, cancel and undo, bad input, all through the gateway."""

import base64
import time
from collections.abc import Iterator

import pytest
import requests
from awscrt.checksums import crc64nvme

from tests.e2e.rig import DEADLINE_S, PART_SIZE_BYTES, Rig, until
from tests.support.films import make_film

pytestmark = pytest.mark.e2e
LASTING_MS = 23_300
BODY = make_film(LASTING_MS, PART_SIZE_BYTES + 100)
PARTS = {1: BODY[:PART_SIZE_BYTES], 2: BODY[PART_SIZE_BYTES:]}
CHAPTER = {"directory": "100GOPRO", "filename": "GX010038.MP4", "size_bytes": len(BODY)}
ARTIFACT = "original.100GOPRO.GX010038.MP4"


def crc_of(body: bytes) -> str:
    return base64.b64encode(crc64nvme(body).to_bytes(8, "big")).decode()


def opened(rig: Rig, session: str) -> str:
    """The id of an upload of the one chapter of a new session."""
    confirmed = rig.call(
        "PUT", f"/v1/sessions/{session}", {"camera": {"serial": "C3501324500711"}, "chapters": [CHAPTER]}
    )
    assert confirmed.status_code == 201, confirmed.text
    asked = {"artifact_id": ARTIFACT, "size_bytes": len(BODY)}
    answer = rig.call("POST", f"/v1/sessions/{session}/uploads", asked)
    return str(answer.json()["upload_id"])


def signed(rig: Rig, upload_id: str, *numbers: int, claim: str | None = None) -> list[dict]:
    wanted = [{"number": number, "crc64nvme": crc_of(PARTS[number])} for number in numbers]
    body = {"parts": wanted, "crc64nvme": claim}
    answer = rig.call("POST", f"/v1/uploads/{upload_id}/part-urls", body)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["part_urls"])


def put(part_url: dict, body: bytes) -> int:
    return requests.put(
        part_url["url"], data=body, headers=part_url["headers"], timeout=DEADLINE_S
    ).status_code


@pytest.fixture
def short_lived_urls(rig: Rig) -> Iterator[None]:
    """Part URLs that live for two seconds, less the fraction that a signature's date drops."""
    functions = rig.world.aws.client("lambda")
    [name] = [
        each["FunctionName"]
        for each in functions.list_functions()["Functions"]
        if each["Handler"] == "app.app"
    ]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**before, "PART_URL_TTL_S": "2"}}
    )
    yield
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def test_a_part_url_is_good_until_it_expires_and_a_fresh_one_is_good_again(rig: Rig, short_lived_urls: None):
    upload_id = opened(rig, "short-lived")
    [url] = signed(rig, upload_id, 1)
    asked_at = time.monotonic()

    assert put(url, PARTS[1]) == 200
    until(lambda: put(url, PARTS[1]) == 403, "the URL has expired")

    assert time.monotonic() - asked_at > 0.9
    [fresh] = signed(rig, upload_id, 1)
    assert put(fresh, PARTS[1]) == 200


def test_a_part_url_takes_its_bytes_and_no_others(rig: Rig):
    upload_id = opened(rig, "bound")
    first, second = signed(rig, upload_id, 1, 2)

    assert put(first, b"\x08" * PART_SIZE_BYTES) == 400
    assert put({**first, "url": second["url"]}, PARTS[1]) == 403
    assert put({**first, "url": first["url"].replace("partNumber=1", "partNumber=2")}, PARTS[1]) == 403
    assert put({**first, "headers": {}}, PARTS[1]) == 403
    assert rig.call("GET", f"/v1/uploads/{upload_id}").json()["parts"] == []


def test_a_cancelled_upload_is_taken_up_again_with_its_parts_and_finished(rig: Rig):
    upload_id = opened(rig, "undone")
    [first] = signed(rig, upload_id, 1)
    assert put(first, PARTS[1]) == 200

    assert rig.call("DELETE", f"/v1/uploads/{upload_id}").json()["state"] == "CANCELLED"
    gone = rig.call(
        "POST",
        f"/v1/uploads/{upload_id}/part-urls",
        {"parts": [{"number": 2, "crc64nvme": crc_of(PARTS[2])}]},
    )
    assert (gone.status_code, gone.json()["action"]) == (410, "reopen")
    asked = {"artifact_id": ARTIFACT, "size_bytes": len(BODY)}
    again = rig.call("POST", "/v1/sessions/undone/uploads", asked).json()

    assert (again["upload_id"], again["state"], again["missing"]) == (upload_id, "OPEN", [2])
    [second] = signed(rig, upload_id, 2)
    assert put(second, PARTS[2]) == 200
    done = rig.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_of(BODY)}).json()
    assert done["state"] == "VERIFIED"
    assert done["receipt"]["crc64nvme"] == crc_of(BODY)


def test_parts_that_fold_to_another_crc_than_claimed_are_not_completed_by_the_reconciler_either(rig: Rig):
    upload_id = opened(rig, "disowned")
    for url in signed(rig, upload_id, 1, 2):
        assert put(url, PARTS[url["number"]]) == 200

    refused = rig.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_of(b"other")})
    rig.reconcile()

    assert (refused.status_code, refused.json()["action"]) == (422, "resign")
    assert rig.call("GET", f"/v1/uploads/{upload_id}").json()["state"] == "OPEN"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/sessions/unknown", 404),
        ("/v1/sessions/..", 403),
        ("/v1/sessions/%2e%2e%2f", 400),
        ("/v1/sessions/a%2Fb", 400),
        ("/v1/sessions/a%00b", 400),
        ("/v1/sessions/a%0Ab", 400),
        ("/v1/sessions/" + "a" * 300, 400),
        ("/v1/uploads/u_unknown", 404),
        ("/v1/uploads/" + "u" * 300, 404),
        ("/v1/nothing", 403),
    ],
)
def test_a_strange_address_is_answered_with_what_is_wrong(rig: Rig, path: str, status: int):
    answer = rig.call("GET", path)

    assert answer.status_code == status, answer.text
    assert answer.json().get("detail") or answer.json().get("message")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"\xff\xfe{}", "UTF-8"),
        (b'{"camera": {"serial": "C1"}, "chapters": [], "surprise": 1}', "surprise"),
        (b'{"camera": {"serial": "C1"}, "chapters": []}', "1 to 99 chapters"),
    ],
)
def test_a_strange_body_is_answered_with_what_is_wrong(rig: Rig, body: bytes, told: str):
    answer = requests.put(
        f"{rig.world.coordinator_url}/v1/sessions/strange",
        data=body,
        headers={
            "Authorization": f"Bearer {rig.token}",
            "Reelhaul-Client-Version": "0.1.0",
            "Content-Type": "application/json",
        },
        timeout=DEADLINE_S,
    )

    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told in answer.json()["detail"]
    assert rig.session("strange") is None
