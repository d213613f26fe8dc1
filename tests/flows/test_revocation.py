"""A revoked device: no token of its is good, no code for it, and its uploads end."""

import pytest
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.errors import NotAuthenticated, NotFound, PartsRefused, StateConflict
from chalicelib.core.ids import DeviceId, TokenId, UploadId
from chalicelib.core.tokens import Device, Role
from chalicelib.core.upload import UploadState
from chalicelib.flows import devices
from chalicelib.flows.devices import Grant
from chalicelib.flows.enrolment import exchange, invite
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.revocation import REASON, revoke_device
from chalicelib.ports import Enlisting
from tests.support.builders import (
    DEVICE_ID,
    MemoryPorts,
    make_chapter,
    make_claimed,
    make_picture,
    make_session_id,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.faults import Fault, faulty
from tests.support.memory import START

SECOND = make_chapter(2)
OTHER = DeviceId("d_other")


def opened() -> MemoryPorts:
    """The usual device with a session of two chapters, both of whose uploads are open."""
    uploads = (make_claimed(), make_upload(SECOND, upload_id=UploadId("u_second"), multipart_id="second"))
    ports = memory_ports(make_picture(*uploads, chapters=[make_chapter(), SECOND]))
    for device_id in (DEVICE_ID, OTHER):
        ports.records.enlist(Enlisting(device=Device(device_id, device_id, "main", START)))
    return ports


def token_of(ports: MemoryPorts, device_id: DeviceId) -> tuple[TokenId, str]:
    return tokens.parsed(devices.enrol(ports, Role.DEVICE, "main", device_id=device_id)[1])


def states(ports: MemoryPorts) -> dict[str, UploadState]:
    return {each.upload_id: each.state for each in recorded(ports).uploads}


def test_every_token_of_the_device_is_refused_from_the_next_call_on():
    ports = opened()
    held = [token_of(ports, DEVICE_ID) for _ in range(2)]

    ended = revoke_device(ports, DEVICE_ID)

    assert set(ended.token_ids) == {token_id for token_id, _ in held}
    for token_id, secret in held:
        with pytest.raises(NotAuthenticated, match="revoked"):
            tokens.principal(ports.records.token(token_id), secret, START)


def test_tokens_of_other_devices_stay_good():
    ports = opened()
    token_id, secret = token_of(ports, OTHER)

    revoke_device(ports, DEVICE_ID)

    assert tokens.principal(ports.records.token(token_id), secret, START).device_id == OTHER


def test_a_code_for_the_device_is_worth_nothing_any_more():
    ports = opened()
    code = invite(ports, Grant(Role.DEVICE, "main", None, DEVICE_ID, None), 60)[2]

    revoke_device(ports, DEVICE_ID)

    with pytest.raises(StateConflict, match="revoked"):
        exchange(ports, code, "ab" * 32)


def test_its_open_uploads_are_cancelled_and_say_why():
    ports = opened()

    ended = revoke_device(ports, DEVICE_ID)

    assert set(ended.upload_ids) == {"u_first", "u_second"}
    assert set(states(ports).values()) == {UploadState.CANCELLED}
    assert {each.reason for each in recorded(ports).uploads} == {REASON}


def test_the_reconciler_ends_them_in_s3_after_the_undo_window():
    ports = opened()
    revoke_device(ports, DEVICE_ID)
    ports.clock.advance(ports.policy.undo_s + 1)

    reconcile(ports, 240)

    assert list(ports.objects.multiparts("originals/")) == []


def test_a_film_of_which_s3_has_every_claimed_part_is_completed_and_not_cancelled():
    ports = opened()
    send_parts(ports.objects, recorded(ports).uploads[0])

    ended = revoke_device(ports, DEVICE_ID)

    assert states(ports) == {"u_first": UploadState.VERIFIED, "u_second": UploadState.CANCELLED}
    assert ended.upload_ids == ("u_second",)


def test_sessions_of_other_devices_and_projects_are_left_alone():
    ports = memory_ports(
        make_picture(make_upload(), device_id=OTHER),
        make_picture(
            make_upload(
                upload_id=UploadId("u_theirs"),
                session_id=make_session_id(project="club"),
                multipart_id="club",
            ),
            session_id=make_session_id(project="club"),
        ),
    )
    ports.records.enlist(Enlisting(device=Device(DEVICE_ID, "north", "main", START)))

    assert revoke_device(ports, DEVICE_ID).upload_ids == ()


def test_a_second_revocation_finds_nothing_to_end():
    ports = opened()
    token_of(ports, DEVICE_ID)
    revoke_device(ports, DEVICE_ID)

    again = revoke_device(ports, DEVICE_ID)

    assert (again.token_ids, again.upload_ids) == ((), ())


def test_an_unknown_device_is_not_found():
    with pytest.raises(NotFound):
        revoke_device(memory_ports(), DeviceId("d_unknown"))


def test_a_film_whose_parts_s3_refuses_is_cancelled():
    ports = opened()
    send_parts(ports.objects, recorded(ports).uploads[0])
    refusing = faulty(ports.objects, Fault("complete", PartsRefused("changed", "InvalidPart")))

    ended = revoke_device(replace(ports, objects=refusing), DEVICE_ID)

    assert set(ended.upload_ids) == {"u_first", "u_second"}
    assert set(states(ports).values()) == {UploadState.CANCELLED}
