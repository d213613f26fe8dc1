"""What becomes of a stored session, call by call: ordered, failed, held, read."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.ids import ArtifactId, DeviceId
from chalicelib.core.order import Wish
from chalicelib.core.tokens import Role
from chalicelib.web import api
from tests.support.builders import UPLOAD_ID, MemoryPorts, memory_ports
from tests.support.memory import Refused, fetch
from tests.web.calls import CALLS
from tests.web.client import Answer, Caller, Deployment, app_over, caller_of, device_of, with_token
from tests.web.contract import CONTRACT, documented, shape
from tests.web.usual import (
    ARTIFACT_ID,
    BODIES,
    CONFIRMED,
    FAILURE,
    HOLD,
    ORDER,
    SESSION,
    UPLOAD,
    WHOLE,
    opened,
    picture_of,
    stored,
    with_parts,
)

URL = f"{SESSION}/artifacts/{ARTIFACT_ID}/url"
DEFAULT = Wish((ArtifactId("output.usual.mp4"),))
OTHER = {"required": ["output.other.mp4"]}


def shown(ports: MemoryPorts) -> Any:
    return device_of(ports).call("GET", SESSION).document


def ordered(ports: MemoryPorts, body: object = ORDER) -> Answer:
    return device_of(ports).call("POST", f"{SESSION}/order", body)


def failed(ports: MemoryPorts, **said: Any) -> Answer:
    return caller_of(ports, Role.PROCESSOR).call("POST", f"{SESSION}/failure", {**FAILURE, **said})


def held(ports: MemoryPorts, body: object = HOLD) -> Answer:
    return caller_of(ports, Role.OPERATOR).call("POST", f"{SESSION}/hold", body)


@pytest.mark.parametrize("module", api.SUBJECTS, ids=lambda module: module.__name__)
def test_the_contract_tells_every_route(module: Any):
    told = {line for line in CONTRACT.read_text().splitlines() if line.startswith("### ")}

    assert {f"### {route.method} {route.path}" for route in module.ROUTES} <= told


AS_ASKED: dict[str, Any] = {
    "added": [],
    "left_out": [],
    "below_minimum_reason": None,
    "accepted": None,
    "imported": False,
}


def test_an_order_of_a_stored_session_goes_out_at_once():
    ports = stored()

    answer = ordered(ports)

    assert answer.status == 200
    assert answer.document["order"] == {
        "number": 1,
        **ORDER,
        **AS_ASKED,
        "ordered_at": "2026-11-21T12:00:00Z",
        "sent_at": "2026-11-21T12:00:00Z",
    }
    assert [sent["required"] for sent in ports.orders.sent] == [ORDER["required"]]


def test_the_answer_to_an_order_is_the_session():
    ports = stored()

    answer = ordered(ports)

    again = device_of(ports).call("GET", SESSION)
    assert (answer.document, answer.headers["ETag"]) == (again.document, again.headers["ETag"])


def test_an_order_of_an_open_session_waits():
    ports = opened()

    order = ordered(ports).document["order"]

    assert (order["number"], order["sent_at"], ports.orders.sent) == (1, None, [])


def test_an_order_needs_no_parameters():
    assert ordered(stored(), OTHER).document["order"]["parameters"] == {}


def test_parameters_come_back_as_they_were_sent():
    parameters = {"ä": [1, 2.5, None, True, {"b": []}], "": "\u0000\n", "large": 10**30}

    answer = ordered(stored(), {**ORDER, "parameters": parameters})

    assert answer.document["order"]["parameters"] == parameters


def test_each_further_order_has_the_next_number():
    ports = stored()
    ordered(ports)

    ordered(ports, OTHER)

    assert shown(ports)["order"]["number"] == 2
    assert [sent["order"] for sent in ports.orders.sent] == [1, 2]


def test_a_processor_is_told_what_the_contract_says():
    ports = stored(group="match-17")
    ordered(ports)

    [sent] = ports.orders.sent

    told = documented('{"session_id": "match-17-north", "project"')
    assert shape({**sent, "parameters": {}}) == shape({**told, "parameters": {}})


def test_a_device_orders_its_new_session_in_the_same_call():
    ports = memory_ports()

    answer = device_of(ports).call("PUT", SESSION, {**CONFIRMED, "order": ORDER})

    assert answer.status == 201
    assert answer.document["order"] == {
        "number": 1,
        **ORDER,
        **AS_ASKED,
        "ordered_at": "2026-11-21T12:00:00Z",
        "sent_at": None,
    }


@pytest.mark.parametrize("said", [{}, {"order": None}])
def test_a_device_that_says_nothing_of_an_order_gets_the_deployments(said: dict[str, None]):
    ports = memory_ports()

    answer = device_of(ports, Deployment(default_wish=DEFAULT)).call("PUT", SESSION, {**CONFIRMED, **said})

    assert answer.document["order"]["required"] == ["output.usual.mp4"]


BELOW: dict[str, Any] = {**ORDER, "below_minimum_reason": "a rehearsal"}


def with_minimum(ports: MemoryPorts) -> MemoryPorts:
    """A deployment that requires the usual video of every order."""
    return replace(ports, policy=replace(ports.policy, required_outputs=DEFAULT.required))


def test_a_device_adds_to_what_the_deployment_requires_and_is_told_so():
    device = device_of(with_minimum(memory_ports()), Deployment(default_wish=DEFAULT))

    answer = device.call("PUT", SESSION, {**CONFIRMED, "order": OTHER})

    assert answer.document["order"]["required"] == [*OTHER["required"], "output.usual.mp4"]
    assert answer.document["order"]["added"] == ["output.usual.mp4"]


def test_a_device_that_orders_again_replaces_nothing_that_the_deployment_requires():
    ports = with_minimum(stored())

    answer = ordered(ports)

    assert answer.document["order"]["required"] == [*ORDER["required"], "output.usual.mp4"]
    assert answer.document["order"]["added"] == ["output.usual.mp4"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{SESSION}/order", BELOW),
        ("PUT", SESSION, {**CONFIRMED, "order": BELOW}),
    ],
)
def test_a_device_never_goes_below_what_the_deployment_requires(method: str, path: str, body: Any):
    ports = with_minimum(stored() if method == "POST" else memory_ports())

    answer = device_of(ports).call(method, path, body)

    assert (answer.status, answer.document["type"]) == (403, "urn:reelhaul:problem:not-permitted")
    assert "only an operator" in answer.document["detail"]


def test_an_operator_goes_below_what_the_deployment_requires_with_a_reason():
    ports = with_minimum(stored())

    answer = caller_of(ports, Role.OPERATOR).call("POST", f"{SESSION}/order", BELOW)

    order = answer.document["order"]
    assert (order["required"], order["added"]) == (ORDER["required"], [])
    assert (order["left_out"], order["below_minimum_reason"]) == (["output.usual.mp4"], "a rehearsal")


def test_an_operator_without_a_reason_is_told_what_the_deployment_requires():
    answer = caller_of(with_minimum(stored()), Role.OPERATOR).call("POST", f"{SESSION}/order", ORDER)

    assert (answer.status, answer.document["type"]) == (400, "urn:reelhaul:problem:invalid-request")
    assert "the deployment requires output.usual.mp4 as well" in answer.document["detail"]


@pytest.mark.parametrize("said", [{}, {"order": ORDER}, {"order": OTHER}])
def test_whoever_confirms_a_session_orders_nothing(said: dict[str, Any]):
    device = device_of(memory_ports(), Deployment(default_wish=DEFAULT))
    created = device.call("PUT", SESSION, {**CONFIRMED, "order": ORDER})

    confirmed = device.call("PUT", SESSION, {**CONFIRMED, **said})

    assert (confirmed.status, confirmed.document) == (200, created.document)


def test_a_failure_is_shown_with_its_reason():
    ports = stored()

    answer = failed(ports, reason="two\nlines")

    assert answer.status == 200
    assert (answer.document["state"], answer.document["failure"]) == ("FAILED", "two\nlines")
    assert shown(ports) == answer.document


@pytest.mark.parametrize("said", [{}, {"order": None}, {"order": 2}])
def test_a_failure_is_of_the_order_that_stands(said: dict[str, int | None]):
    ports = stored()
    ordered(ports)
    ordered(ports, OTHER)

    assert failed(ports, **said).document["state"] == "FAILED"


@pytest.mark.parametrize("number", [1, 3])
def test_a_failure_of_another_order_fails_nothing(number: int):
    ports = stored()
    ordered(ports)
    ordered(ports, OTHER)

    answer = failed(ports, order=number)

    assert answer.problem == (409, "state-conflict", "stop")
    assert shown(ports)["state"] == "STORED"


def test_a_failed_session_that_is_ordered_again_is_as_before():
    ports = stored()
    ordered(ports)
    failed(ports)

    session = ordered(ports).document

    assert (session["state"], session["failure"], session["order"]["number"]) == ("STORED", None, 2)


def test_a_held_session_is_not_sent_until_it_is_released():
    ports = stored()

    assert held(ports).document["held"] == HOLD["reason"]
    assert ordered(ports).document["order"]["sent_at"] is None
    released = held(ports, {"held": False}).document

    assert released["held"] is None
    assert released["order"]["sent_at"] == "2026-11-21T12:00:00Z"


def test_a_release_may_say_that_it_has_no_reason():
    ports = stored(held="to be looked at")

    assert held(ports, {"held": False, "reason": None}).document["held"] is None


def test_an_artifact_that_is_not_verified_is_listed_without_a_receipt():
    answer = device_of(opened()).call("GET", f"{SESSION}/artifacts")

    assert answer.status == 200
    assert answer.document == {
        "artifacts": [
            {
                "artifact_id": ARTIFACT_ID,
                "kind": "original",
                "name": "100GOPRO/GX010038.MP4",
                "size_bytes": 25,
                "required": False,
                "cleaned": False,
                "receipt": None,
                "index": None,
                "scan": None,
            }
        ]
    }


def test_a_verified_artifact_is_listed_with_its_receipt():
    [artifact] = device_of(stored()).call("GET", f"{SESSION}/artifacts").document["artifacts"]

    assert (artifact["receipt"]["upload_id"], artifact["receipt"]["crc64nvme"]) == (UPLOAD_ID, WHOLE)


def test_an_address_reads_the_verified_version():
    ports = stored()

    answer = caller_of(ports, Role.PROCESSOR).call("GET", URL)

    assert answer.status == 200
    url = answer.document.pop("url")
    assert fetch(ports.objects, url, ports.clock.now()) == b"".join(BODIES.values())


def test_an_address_is_told_with_its_end_and_what_it_reads():
    document = caller_of(stored(), Role.PROCESSOR).call("GET", URL).document

    document.pop("url")
    assert document == {
        "expires_at": "2026-11-21T12:15:00Z",
        "expires_in_s": 900,
        "size_bytes": 25,
        "version_id": "version-1",
    }


@pytest.mark.parametrize(("seconds", "is_good"), [(899, True), (900, False), (901, False)])
def test_an_address_is_good_for_a_quarter_of_an_hour(seconds: int, is_good: bool):
    ports = stored()
    url = caller_of(ports, Role.PROCESSOR).call("GET", URL).document["url"]

    ports.clock.advance(seconds)

    assert is_readable(ports, url) is is_good


def test_an_artifact_that_is_not_verified_has_no_address():
    answer = caller_of(with_parts(), Role.PROCESSOR).call("GET", URL)

    assert answer.problem == (404, "not-found", "stop")
    assert f"{ARTIFACT_ID} is not verified yet" in answer.document["detail"]


def test_an_address_can_be_read_as_soon_as_the_upload_is_complete():
    ports = with_parts()
    device_of(ports).call("POST", f"{UPLOAD}/complete", {})

    assert caller_of(ports, Role.PROCESSOR).call("GET", URL).status == 200


READS = ("artifact url", "frames", "summary", "frames url", "report")


@pytest.mark.parametrize("read", READS)
def test_a_device_reads_nothing_unless_the_deployment_lets_devices_read(read: str):
    ports = CALLS[read].world()
    refused = device_of(ports).call(*CALLS[read].said)
    lenient = replace(ports, policy=replace(ports.policy, devices_may_read=True))

    assert refused.problem == (403, "not-permitted", "stop")
    assert device_of(lenient).call(*CALLS[read].said).status == 200


def test_a_device_that_may_read_reads_its_own_sessions_alone():
    ports = stored()
    lenient = replace(ports, policy=replace(ports.policy, devices_may_read=True))
    neighbour = with_token(ports.records, Role.DEVICE, device_id=DeviceId("d_other"))
    headers = neighbour | {"Reelhaul-Client-Version": "0.1.0"}

    assert Caller(app_over(lenient), headers).call("GET", URL).status == 404


def test_a_device_can_always_prove_a_card_and_see_what_is_stored():
    ports = stored()

    for call in ("proof urls", "known chapters", "artifacts", "get session", "get upload"):
        assert device_of(ports).call(*CALLS[call].said).status == 200


@pytest.mark.parametrize(
    ("world", "path", "beginning"),
    [(opened, f"{SESSION}/artifacts", '{"artifacts"'), (stored, URL, '{"url"')],
)
def test_an_answer_has_the_documented_shape(world: Callable[[], MemoryPorts], path: str, beginning: str):
    answer = caller_of(world(), Role.OPERATOR).call("GET", path)

    assert shape(answer.document) == shape(documented(beginning))


def test_an_order_is_shown_in_the_documented_shape():
    assert shape(ordered(stored()).document["order"]) == shape(documented('{"number"'))


@pytest.mark.parametrize(
    ("role", "call", "beginning"),
    [
        (Role.OPERATOR, "order", '{"required"'),
        (Role.PROCESSOR, "failure", '{"reason": "the lights'),
        (Role.OPERATOR, "hold", '{"held"'),
    ],
)
def test_the_documented_body_is_taken(role: Role, call: str, beginning: str):
    ports = stored()
    ordered(ports)
    before = picture_of(ports)

    answer = caller_of(ports, role).call("POST", f"{SESSION}/{call}", documented(beginning))

    assert answer.status == 200
    assert picture_of(ports) != before


def is_readable(ports: MemoryPorts, url: str) -> bool:
    try:
        return bool(fetch(ports.objects, url, ports.clock.now()))
    except Refused:
        return False
