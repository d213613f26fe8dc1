"""Every change of a session and every administrative act is in the trail, with who made it."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.acting import Acting
from chalicelib.core.audit import Entry
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.tokens import Role
from chalicelib.flows import devices, operations, sessions, uploads
from chalicelib.flows.devices import Grant
from chalicelib.flows.enrolment import exchange, invite, rotate
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.revocation import revoke_device
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    MemoryPorts,
    claim_of,
    make_bodies,
    make_chapter,
    make_picture,
    make_session,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.faults import Fault, faulty
from tests.support.memory import crc64nvme_of

WHO = Acting("d_north", TokenId("t_1"), "PUT /v1/sessions/{session_id}", "r-1")


def acted(ports: MemoryPorts) -> MemoryPorts:
    return replace(ports, acting=WHO)


def trail(ports: MemoryPorts) -> list[Entry]:
    return list(ports.records.trail(SESSION_ID, 0, 1000))


def told(ports: MemoryPorts) -> list[tuple[str, str | None, str | None]]:
    return [(step.thing, step.before, step.after) for entry in trail(ports) for step in entry.steps]


def test_a_session_begins_its_trail_with_who_opened_it():
    ports = memory_ports()
    device = story.NORTH

    sessions.confirm_session(
        acted(ports), device, SESSION_ID, make_session().camera, None, [make_chapter()], None
    )

    [entry] = trail(ports)
    assert (entry.acting, entry.version, entry.at) == (WHO, 1, ports.clock.now())


def test_each_write_names_its_own_caller():
    ports = memory_ports(make_picture(make_upload()))

    operations.hold(acted(ports), story.OPERATOR, SESSION_ID, "look")
    reconciler = replace(ports, acting=Acting.of_function("reconcile", "l-1"))
    operations.hold(reconciler, story.OPERATOR, SESSION_ID, None)

    assert [(entry.acting.who, entry.acting.request_id) for entry in trail(ports)] == [
        ("d_north", "r-1"),
        ("reconcile", "l-1"),
    ]
    assert told(ports) == [("hold", None, "look"), ("hold", "look", None)]


def test_a_call_that_changes_nothing_leaves_nothing():
    ports = memory_ports(make_picture(make_upload()))
    operations.hold(ports, story.OPERATOR, SESSION_ID, "look")

    operations.hold(ports, story.OPERATOR, SESSION_ID, "look")

    assert len(trail(ports)) == 1


def test_a_write_that_lost_leaves_no_entry():
    ports = memory_ports(make_picture(make_upload()))
    losing = replace(ports, records=faulty(ports.records, Fault("write", Conflict("rival"))))

    operations.hold(losing, story.OPERATOR, SESSION_ID, "look")

    assert told(ports) == [("hold", None, "look")]


def test_an_upload_is_followed_from_its_opening_to_its_receipt():
    ports = memory_ports(make_picture())
    opened, _ = uploads.open_upload(ports, story.NORTH, SESSION_ID, make_chapter().artifact_id, 25, None)
    plan = opened.upload.plan
    wanted = [(number, crc64nvme_of(body)) for number, body in make_bodies(plan).items()]
    uploads.sign_parts(ports, story.NORTH, opened.upload.upload_id, wanted, claim_of(plan))
    send_parts(ports.objects, opened.upload)

    reconcile(ports, 240)

    states = [(before, after) for thing, before, after in told(ports) if thing == "upload"]
    assert states == [(None, "OPEN"), ("OPEN", "COMPLETED"), ("COMPLETED", "VERIFIED")]
    assert ("session", "OPEN", "STORED") in told(ports)


def test_the_whole_story_of_a_session_is_in_its_trail():
    ports = story.cleaned()

    things = told(ports)

    assert [after for thing, _, after in things if thing == "session"] == [
        "OPEN",
        "STORED",
        "PROCESSED",
        "CLEANED",
    ]
    assert any(thing == "order" and "sent at" in (after or "") for thing, _, after in things)
    assert any(thing == "cleanup" for thing, _, _ in things)
    versions = [entry.version or 0 for entry in trail(ports)]
    assert versions == sorted(set(versions))


def test_every_version_that_changed_a_state_has_an_entry():
    ports = story.cleaned()
    last = recorded(ports).session

    assert trail(ports)[-1].version
    assert (trail(ports)[-1].version or 0) <= last.version


NORTH = Grant(Role.DEVICE, "main", "jetson-north", None, None)
OURS = tokens.digest("ours")


def enrolled(ports: MemoryPorts) -> DeviceId:
    device, _ = devices.enrol(ports, Role.DEVICE, "main", "jetson-north")
    assert device
    return device.device_id


ACTS: dict[str, tuple[Callable[[MemoryPorts], object], str]] = {
    "enroll": (enrolled, "made for a device"),
    "invite": (lambda ports: invite(ports, NORTH, 60), "a code for a device"),
    "exchange": (lambda ports: exchange(ports, invite(ports, NORTH, 60)[2], OURS), "enrolled with its code"),
    "rotate": (
        lambda ports: rotate(
            ports, exchange(ports, invite(ports, NORTH, 60)[2], OURS)[1].token_id, 1, "cd" * 32
        ),
        "rotated; the secret before is good until 2026-11-22T12:00:00Z",
    ),
    "revoke": (lambda ports: revoke_device(ports, enrolled(ports)), "revoked"),
}


@pytest.mark.parametrize("name", ACTS)
def test_an_administrative_act_is_in_the_trail_of_its_project_with_who_did_it(name: str):
    do, expected = ACTS[name]
    ports = memory_ports()

    do(acted(ports))

    acts = ports.records.trail_of_day("main", ports.clock.now().date())
    assert {entry.acting for entry in acts} == {WHO}
    last = acts[-1].steps[-1]
    assert (last.thing, last.after) == ("token", expected)
    assert last.name
    assert last.name.startswith("t_")


def test_no_entry_has_a_secret_or_its_digest():
    ports = memory_ports()
    _, _, written = invite(ports, NORTH, 60)
    exchange(ports, written, OURS)

    kept = str(ports.records.entries)

    assert OURS not in kept
    assert written.replace("-", "")[8:] not in kept
