"""Two projects that give their sessions the same name: neither sees, occupies or influences the other's."""

import json
from urllib.parse import quote_plus

import pytest

from chalicelib.core.errors import InvalidRequest, NotFound
from chalicelib.core.ids import DeviceId
from chalicelib.core.keys import manifest_key
from chalicelib.core.order import wish
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.flows import completion, operations, sessions, uploads
from chalicelib.flows.s3_events import settle_created
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    MemoryPorts,
    make_bodies,
    make_session,
    make_session_id,
    memory_ports,
    named,
    recorded,
    send_parts,
)
from tests.support.memory import crc64nvme_of

THEIRS = make_session_id(project="club")
CLUB = Principal(Role.DEVICE, "club", DeviceId("d_of_the_club"))
CLUBS_PROCESSOR = Principal(Role.PROCESSOR, "club", None)
CAMERA = make_session().camera


def confirmed(ports: MemoryPorts) -> Picture:
    """The club's session: the same name, the same camera, the same chapters."""
    wanted = wish([story.VIDEO], {})
    return sessions.confirm_session(ports, CLUB, THEIRS, CAMERA, None, story.CHAPTERS, wanted)[0]


def hauled(ports: MemoryPorts) -> Picture:
    """The club's session with every chapter verified."""
    confirmed(ports)
    for chapter in story.CHAPTERS:
        view, _ = uploads.open_upload(ports, CLUB, THEIRS, chapter.artifact_id, chapter.size_bytes, None)
        send_parts(ports.objects, view.upload)
        whole = crc64nvme_of(b"".join(make_bodies(view.upload.plan).values()))
        completion.complete_upload(ports, CLUB, view.upload.upload_id, whole)
    return recorded(ports, THEIRS)


def test_a_name_that_another_project_uses_is_a_session_of_its_own():
    ports = memory_ports()
    story.haul(ports)
    before = recorded(ports)

    picture = confirmed(ports)

    assert (picture.session.project, picture.session.name, picture.session.version) == (
        "club",
        before.session.name,
        1,
    )
    assert recorded(ports) == before


def test_what_the_other_project_has_reads_like_what_does_not_exist():
    ports = memory_ports()
    story.haul(ports)

    with pytest.raises(NotFound) as there:
        sessions.view_session(ports, CLUB, SESSION_ID)
    with pytest.raises(NotFound) as nowhere:
        sessions.view_session(ports, CLUB, make_session_id("never-heard-of", "club"))

    assert str(there.value) == str(nowhere.value)


def test_a_device_opens_no_session_in_another_project():
    ports = memory_ports()

    with pytest.raises(NotFound):
        sessions.confirm_session(ports, CLUB, SESSION_ID, CAMERA, None, story.CHAPTERS, None)

    assert list(ports.records.sessions()) == []


def test_an_event_settles_the_session_of_its_keys_project():
    ports = memory_ports()
    story.haul(ports)
    confirmed(ports)
    keys = [chapter.key(each) for each in (SESSION_ID, THEIRS) for chapter in story.CHAPTERS]

    heard = [settle_created(ports, event_of(key), Actor.EVENT) for key in keys]

    assert heard == [[SESSION_ID], [SESSION_ID], [THEIRS], [THEIRS]]
    assert settle_created(ports, event_of(*keys), Actor.EVENT) == [SESSION_ID, THEIRS]
    assert recorded(ports, THEIRS).session.state is SessionState.OPEN


def event_of(*keys: str) -> dict[str, object]:
    return {"Records": [{"s3": {"object": {"key": quote_plus(key)}}} for key in keys]}


def test_each_order_leads_to_the_keys_of_its_own_project():
    ports = memory_ports()
    story.haul(ports)
    hauled(ports)
    story.let_pass(ports)

    told = {message["project"]: message for message in ports.orders.sent}

    assert {message["session_id"] for message in told.values()} == {"match-17-north"}
    for project, message in told.items():
        prefixes = [
            message["outputs"],
            message["measurements"],
            *(each["key"] for each in message["originals"]),
        ]
        assert {prefix.split("/")[1] for prefix in prefixes} == {project}
    assert set(told) == {"main", "club"}


def test_outputs_and_a_manifest_of_one_project_fulfil_no_order_of_the_other():
    ports = memory_ports()
    story.haul(ports, wish([story.VIDEO], {}))
    hauled(ports)
    story.let_pass(ports)

    story.process(ports, {story.VIDEO: story.MADE[story.VIDEO]})
    story.let_pass(ports)

    assert story.state_of(ports) == "PROCESSED"
    assert recorded(ports, THEIRS).session.state is SessionState.STORED


def test_a_manifest_that_names_the_other_project_fails_the_order_that_it_stands_with():
    ports = memory_ports()
    story.haul(ports, wish([story.VIDEO], {}))
    hauled(ports)
    stated = {"artifact_id": story.VIDEO, "size_bytes": 1, "crc64nvme": crc64nvme_of(b"x")}
    document = {**named(THEIRS), "order": 1, "artifacts": [stated]}
    ports.objects.put_object(manifest_key(SESSION_ID, 1), json.dumps(document).encode())
    story.let_pass(ports)

    assert story.state_of(ports) == "FAILED"
    assert "club/match-17-north" in (recorded(ports).session.failure or "")
    assert recorded(ports, THEIRS).session.state is SessionState.STORED


def test_cleanup_of_one_leaves_every_object_of_the_other():
    ports = story.processed()
    hauled(ports)
    keys = [chapter.key(THEIRS) for chapter in story.CHAPTERS]
    before = story.bodies_of(ports, keys)

    story.let_grace_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    assert story.originals_are_gone(ports)
    assert all(ports.objects.head(key) for key in keys)
    assert story.bodies_of(ports, keys) == before
    assert recorded(ports, THEIRS).session.state is SessionState.STORED


def test_the_word_of_one_projects_processor_is_not_heard_in_the_other():
    ports = memory_ports()
    story.haul(ports)
    hauled(ports)

    with pytest.raises(NotFound):
        operations.fail(ports, CLUBS_PROCESSOR, SESSION_ID, "no light found", 1)
    operations.fail(ports, CLUBS_PROCESSOR, THEIRS, "no light found", 1)

    assert story.state_of(ports) == "STORED"
    assert recorded(ports, THEIRS).session.state is SessionState.FAILED


def test_an_upload_of_another_project_is_not_found_though_its_id_is_known():
    ports = memory_ports()
    confirmed(ports)
    chapter = story.CHAPTERS[0]
    view, _ = uploads.open_upload(ports, CLUB, THEIRS, chapter.artifact_id, chapter.size_bytes, None)

    with pytest.raises(NotFound):
        completion.view_upload(ports, Principal(Role.OPERATOR, "main", None), view.upload.upload_id)
    assert completion.view_upload(ports, story.OPERATOR, view.upload.upload_id).upload == view.upload


@pytest.mark.parametrize(
    ("of", "said", "meant"),
    [
        ("main", None, "main"),
        ("club", None, "club"),
        ("club", "club", "club"),
        (ALL_PROJECTS, None, "main"),
        (ALL_PROJECTS, "main", "main"),
        (ALL_PROJECTS, "club", "club"),
    ],
)
def test_a_call_is_about_the_tokens_project_or_the_one_that_a_token_of_all_names(
    of: str, said: str | None, meant: str
):
    assert Principal(Role.OPERATOR, of, None).meant_project(said) == meant


@pytest.mark.parametrize("said", ["main", "clu", "club-2"])
def test_a_token_of_one_project_cannot_mean_another(said: str):
    with pytest.raises(NotFound):
        Principal(Role.OPERATOR, "club", None).meant_project(said)


@pytest.mark.parametrize("of", ["main", ALL_PROJECTS])
@pytest.mark.parametrize("said", ["", "*", "Main", "main/", "a" * 41, "main\n"])
def test_what_is_no_projects_name_is_refused(of: str, said: str):
    with pytest.raises(InvalidRequest):
        Principal(Role.OPERATOR, of, None).meant_project(said)
