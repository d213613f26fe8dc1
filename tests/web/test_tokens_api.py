"""Enrolment and rotation as calls: without a token, once, and repeated."""

import pytest

from chalicelib.core import tokens
from chalicelib.core.tokens import Device, Role
from chalicelib.flows.devices import Grant
from chalicelib.flows.enrolment import invite
from chalicelib.flows.revocation import revoke_device
from chalicelib.ports import Enlisting
from tests.support.builders import DEVICE_ID, START, MemoryPorts, memory_ports
from tests.web.client import Answer, Caller, app_over, caller_of, device_of
from tests.web.usual import PART_URLS, SESSION, UPLOAD, opened

ENROLMENTS = "/v1/enrolments"
ROTATE = "/v1/token/rotate"
OURS, THEIRS = tokens.digest("ours"), tokens.digest("theirs")


def invited(ports: MemoryPorts) -> str:
    return invite(ports, Grant(Role.DEVICE, "main", "jetson-north", None, None), 60)[2]


def enrolled(ports: MemoryPorts, code: str, digest: str = OURS) -> Answer:
    return Caller(app_over(ports)).call("POST", ENROLMENTS, {"code": code, "secret_digest": digest})


def holder(ports: MemoryPorts, token_id: str, secret: str) -> Caller:
    said = {"Authorization": f"Bearer {token_id}.{secret}", "Reelhaul-Client-Version": "0.1.0"}
    return Caller(app_over(ports), said)


def test_a_code_is_exchanged_without_a_token_for_one_that_works():
    ports = memory_ports()

    answer = enrolled(ports, invited(ports))

    assert answer.status == 201
    told = answer.document
    assert (told["role"], told["project"], told["name"]) == ("device", "main", "jetson-north")
    assert told["expires_at"] is None
    assert holder(ports, told["token_id"], "ours").call("GET", f"{SESSION}").status == 404


def test_no_answer_has_a_secret_or_its_digest():
    ports = memory_ports()

    body = enrolled(ports, invited(ports)).body.decode()

    assert OURS not in body
    assert "secret" not in body


def test_a_repeated_exchange_answers_the_same_token():
    ports = memory_ports()
    code = invited(ports)
    first = enrolled(ports, code)

    again = enrolled(ports, code)

    assert (again.status, again.document) == (200, first.document)


def test_a_second_device_does_not_get_in_with_a_used_code():
    ports = memory_ports()
    code = invited(ports)
    enrolled(ports, code)

    answer = enrolled(ports, code, THEIRS)

    assert answer.problem == (409, "state-conflict", "stop")
    assert "used at" in answer.document["detail"]


def test_an_expired_code_says_so():
    ports = memory_ports()
    code = invited(ports)
    ports.clock.advance(60)

    answer = enrolled(ports, code)

    assert answer.problem == (409, "state-conflict", "stop")
    assert "expired at" in answer.document["detail"]


def test_an_unknown_code_is_not_found_and_not_repeated():
    answer = enrolled(memory_ports(), "7K3Q-M2XA-0123-4567-89AB-CDEF")

    assert answer.problem == (404, "not-found", "stop")
    assert "7K3Q" not in answer.body.decode()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "7K3Q"},
        {"code": "", "secret_digest": OURS},
        {"code": "7K3Q", "secret_digest": OURS},
        {"code": "7K3Q-M2XA-0123-4567-89AB-CDEF", "secret_digest": OURS[:-1]},
        {"code": "7K3Q-M2XA-0123-4567-89AB-CDEF", "secret_digest": OURS + "0"},
        {"code": "7K3Q-M2XA-0123-4567-89AB-CDEF", "secret_digest": OURS.upper()},
        {"code": "7K3Q-M2XA-0123-4567-89AB-CDEF", "secret_digest": OURS, "role": "operator"},
        {"code": "0" * 61, "secret_digest": OURS},
    ],
)
def test_a_body_that_is_none_is_refused(body: dict[str, str]):
    answer = Caller(app_over(memory_ports())).call("POST", ENROLMENTS, body)

    assert answer.problem == (400, "invalid-request", "stop")


def test_a_token_is_rotated_and_both_secrets_work_for_a_day():
    ports = memory_ports()
    token_id = enrolled(ports, invited(ports)).document["token_id"]

    answer = holder(ports, token_id, "ours").call("POST", ROTATE, {"secret_digest": THEIRS})

    assert (answer.status, answer.document["before_until"]) == (201, "2026-11-22T12:00:00Z")
    for secret in ("ours", "theirs"):
        assert holder(ports, token_id, secret).call("GET", SESSION).status == 404
    ports.clock.advance(86_400)
    assert holder(ports, token_id, "ours").call("GET", SESSION).status == 401
    assert holder(ports, token_id, "theirs").call("GET", SESSION).status == 404


def test_a_repeated_rotation_answers_the_same():
    ports = memory_ports()
    operator = caller_of(ports, Role.OPERATOR)
    first = operator.call("POST", ROTATE, {"secret_digest": OURS})

    again = operator.call("POST", ROTATE, {"secret_digest": OURS})

    assert (again.status, again.document) == (200, first.document)


def test_an_old_secret_does_not_rotate_once_more():
    ports = memory_ports()
    operator = caller_of(ports, Role.OPERATOR)
    operator.call("POST", ROTATE, {"secret_digest": OURS})

    answer = operator.call("POST", ROTATE, {"secret_digest": THEIRS})

    assert answer.problem == (409, "state-conflict", "stop")


def test_a_revoked_device_gets_no_part_urls():
    ports = opened()
    device = device_of(ports)
    assert device.call("POST", f"{UPLOAD}/part-urls", PART_URLS).status == 200
    ports.records.enlist(Enlisting(device=Device(DEVICE_ID, "north", "main", START)))

    revoke_device(ports, DEVICE_ID)

    assert device.call("POST", f"{UPLOAD}/part-urls", PART_URLS).problem == (401, "not-authenticated", "stop")
