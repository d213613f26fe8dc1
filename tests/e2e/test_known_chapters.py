"""What the deployed coordinator tells one device of what another has hauled."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib.core.tokens import Role
from infra.admin import deployment
from infra.admin.commands.tokens import enroll
from tests.e2e.processing import Session
from tests.e2e.rig import Rig
from tests.e2e.test_by_hand import ARTIFACT, BODY, CHAPTER, crc_of
from tests.e2e.test_orders import sent_parts
from tests.e2e.test_story import session as session

pytestmark = pytest.mark.e2e
IDENTITY = {"created": 1656931398, "modified": 1656931399, "etag": '"62c2a1c6.65636"', "gumi": "2f3a"}


def another(rig: Rig, role: Role, project: str, folder: Path) -> Rig:
    """Somebody else's hand on the same world."""
    registry = deployment.registry(rig.world.aws.client("dynamodb"), rig.world.table)
    name = "south" if role is Role.DEVICE else None
    token_file = folder / f"{role.value}-{project.replace('*', 'all')}.token"
    token_file.write_text(enroll(registry, role, project, name).token)
    return replace(rig, token_file=token_file)


def known(rig: Rig, serial: str, query: str = "") -> dict[str, Any]:
    answer = rig.call("GET", f"/v1/cameras/{serial}/chapters{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def walked(rig: Rig, serial: str) -> list[list[str]]:
    """The sessions of every page."""
    page = known(rig, serial)
    pages = [page]
    while page["cursor"]:
        page = known(rig, serial, f"?cursor={page['cursor']}")
        pages.append(page)
    return [[chapter["session_id"] for chapter in each["chapters"]] for each in pages]


def confirm(rig: Rig, session_name: str, serial: str) -> None:
    body = {"camera": {"serial": serial}, "chapters": [{**CHAPTER, **IDENTITY}]}
    confirmed = rig.call("PUT", f"/v1/sessions/{session_name}", body)
    assert confirmed.status_code == 201, confirmed.text


def test_a_device_of_the_project_learns_what_a_replaced_one_hauled_and_gets_nothing_more(
    rig: Rig, tmp_path: Path
):
    camera = {"serial": "C1known"}
    upload_id = sent_parts(rig, "known-1", camera=camera, chapters=[{**CHAPTER, **IDENTITY}])
    south = another(rig, Role.DEVICE, "main", tmp_path)
    [before] = known(south, "C1known")["chapters"]

    done = rig.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_of(BODY)}).json()
    [after] = known(south, "C1known")["chapters"]
    shown = rig.session("known-1")

    assert shown
    assert before == {
        "session_id": "known-1", "device_id": shown["device_id"], "artifact_id": ARTIFACT,
        **CHAPTER, **IDENTITY, "unfinished": False, "trailing_bytes": 0, "receipt": None, "evidence": None
    }  # fmt: skip
    once = {"level": "read-once", "agrees": True, "read_twice": None, "read_back": None, "differences": []}
    assert after == {**before, "receipt": done["receipt"], "evidence": once}
    assert south.session("known-1") is None
    assert south.call("GET", f"/v1/uploads/{upload_id}").status_code == 404
    assert south.call("GET", f"/v1/sessions/known-1/artifacts/{ARTIFACT}/url").status_code == 403


def test_a_device_of_the_project_reads_ranges_of_what_a_replaced_one_hauled_and_never_the_whole(
    rig: Rig, tmp_path: Path
):
    upload_id = sent_parts(rig, "known-5", camera={"serial": "C5known"}, chapters=[{**CHAPTER, **IDENTITY}])
    south, club = (another(rig, Role.DEVICE, project, tmp_path) for project in ("main", "club"))
    path = f"/v1/sessions/known-5/artifacts/{ARTIFACT}/proof-urls"
    wanted = {"ranges": [{"first": 0, "size_bytes": 10}, {"first": len(BODY) - 5, "size_bytes": 5}]}
    early = south.call("POST", path, wanted).status_code
    assert rig.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_of(BODY)}).ok

    answer = south.call("POST", path, wanted)
    strange = club.call("POST", path, wanted)
    beyond = south.call("POST", path, {"ranges": [{"first": len(BODY) - 5, "size_bytes": 6}]})

    assert (early, answer.status_code, strange.status_code, beyond.status_code) == (404, 200, 404, 400)
    head, tail = answer.json()["proof_urls"]
    assert got(head["url"], head["headers"]) == (206, BODY[:10])
    assert got(tail["url"], tail["headers"]) == (206, BODY[-5:])
    for headers in ({}, {"range": "bytes=0-"}, tail["headers"]):
        assert got(head["url"], headers)[0] == 403


def got(url: str, headers: dict[str, str]) -> tuple[int, bytes]:
    answer = requests.get(url, headers=headers, timeout=60)
    return answer.status_code, answer.content


def test_another_project_learns_nothing_and_who_is_of_all_learns_it(rig: Rig, tmp_path: Path):
    confirm(rig, "known-2", "C2known")

    for role in (Role.DEVICE, Role.PROCESSOR, Role.OPERATOR):
        assert is_unknown(known(another(rig, role, "club", tmp_path), "C2known"))
    for role, project in ((Role.PROCESSOR, "main"), (Role.OPERATOR, "main"), (Role.OPERATOR, "*")):
        told = known(another(rig, role, project, tmp_path), "C2known")["chapters"]
        assert [chapter["session_id"] for chapter in told] == ["known-2"]
    assert is_unknown(known(rig, "C2unknown"))


def is_unknown(answer: dict[str, Any]) -> bool:
    return (answer["chapters"], answer["cursor"]) == ([], None)


def test_more_sessions_than_a_page_has_are_all_told_once_the_newest_first(rig: Rig):
    names = [f"known-3-{number:02}" for number in range(21)]
    for name in names:
        confirm(rig, name, "C3known")

    pages = walked(rig, "C3known")

    assert [len(page) for page in pages] == [20, 1]
    assert [name for page in pages for name in page] == list(reversed(names))


def test_a_cleaned_session_still_shows_the_receipts_of_its_originals(session: Session):
    receipt = session.haul_and_order()
    session.process()
    session.calm()
    session.reconcile()
    assert session.is_cleaned(receipt)

    told = known(session.rig, "C3501324500711")["chapters"]

    assert [each["receipt"] for each in told if each["session_id"] == session.name] == [receipt]


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("C4/chapters?cursor=nonsense", 400, "cursor"),
        ("C4/chapters?cursor=", 400, "cursor"),
        ("C4/chapters?limit=1", 400, "limit"),
        ("C4-1/chapters", 400, "serial"),
        ("%2e%2e%2f/chapters", 400, "serial"),
        ("C4", 403, "Authentication"),
    ],
)
def test_what_cannot_be_asked_of_a_camera_is_answered_with_what_is_wrong(
    rig: Rig, address: str, status: int, told: str
):
    answer = rig.call("GET", f"/v1/cameras/{address}")

    assert answer.status_code == status, answer.text
    assert told in answer.text
