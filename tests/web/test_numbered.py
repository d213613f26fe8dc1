"""Each call has a number: the answer carries it, and each log line of the call names it, the route and the caller."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.core.acting import Acting
from chalicelib.core.ids import TokenId
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.acting import acting, acting_ports, current, identify, running
from chalicelib.logs import JsonLines
from tests.support.builders import DEVICE_ID, memory_ports
from tests.web.client import REQUEST_ID, Answer, Caller, app_over, caller_of, device_of
from tests.web.usual import CONFIRMED, HOLD, PROGRESS, SESSION, opened

ROUTE = "/v1/sessions/{session_id}"


@contextmanager
def written_lines() -> Iterator[list[dict[str, Any]]]:
    """The lines that the functions' log has of what happens meanwhile; complete at the end."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root, lines = logging.getLogger(), list[dict[str, Any]]()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        lines += map(json.loads, stream.getvalue().splitlines())


def handed_over(caller: Caller, name: str = "match-17-north") -> Answer:
    return caller.hand_over("GET", ROUTE, {"session_id": name}, None)


def test_an_answer_carries_the_gateways_request_id():
    answer = handed_over(device_of(opened()))

    assert (answer.status, answer.headers["X-Request-Id"]) == (200, REQUEST_ID)


def test_a_problem_carries_it_in_its_body_too():
    answer = handed_over(device_of(opened()), "never-heard-of")

    assert (answer.status, answer.headers["X-Request-Id"]) == (404, REQUEST_ID)
    assert answer.document["request_id"] == REQUEST_ID


def test_a_call_without_a_good_token_has_a_number_too():
    answer = handed_over(Caller(app_over(memory_ports())))

    assert (answer.status, answer.document["request_id"]) == (401, REQUEST_ID)
    assert answer.headers["X-Request-Id"] == REQUEST_ID


def test_a_failure_without_a_name_has_a_number_by_which_the_log_is_found():
    ports = opened()
    device = device_of(ports)
    ports.records.picture = None  # type: ignore[method-assign,assignment] # any fault inside a view

    with written_lines() as lines:
        answer = handed_over(device)

    assert (answer.status, answer.document["request_id"]) == (500, REQUEST_ID)
    [failed] = [line for line in lines if line["message"] == "view failed"]
    assert failed["request_id"] == REQUEST_ID


def test_what_the_caller_has_already_is_numbered_like_any_other_answer():
    device = device_of(opened())
    tag = device.call("GET", SESSION).headers["ETag"]

    answer = device.call("GET", SESSION, headers={"If-None-Match": tag})

    assert answer.status == 304
    assert answer.headers["X-Request-Id"]


def test_without_a_gateway_each_call_has_a_number_of_its_own():
    device = device_of(opened())

    first, second = (device.call("GET", SESSION).headers["X-Request-Id"] for _ in range(2))

    assert first
    assert first != second


def test_a_caller_cannot_choose_the_number():
    answer = device_of(opened()).call("GET", SESSION, headers={"X-Request-Id": "mine"})

    assert answer.headers["X-Request-Id"] != "mine"


def test_each_line_of_a_devices_call_names_device_token_route_and_request():
    device = device_of(opened())
    token_id = device.headers["Authorization"].removeprefix("Bearer ").partition(".")[0]

    with written_lines() as lines:
        answer = device.call("PUT", f"{SESSION}-2", CONFIRMED)

    assert answer.status == 201
    assert lines
    for line in lines:
        assert line["who"] == DEVICE_ID
        assert line["by_token"] == token_id
        assert line["route"] == f"PUT {ROUTE}"
        assert line["request_id"] == answer.headers["X-Request-Id"]


def test_lines_of_an_operators_call_name_the_role():
    operator = caller_of(opened(), Role.OPERATOR)

    with written_lines() as lines:
        operator.call("POST", f"{SESSION}/hold", HOLD)

    assert {line["who"] for line in lines} == {"operator"}


def test_a_call_that_is_refused_before_its_token_is_known_is_nobodys():
    stranger = Caller(app_over(memory_ports()), {"Authorization": "Bearer t_unknown.s3cret"})

    with written_lines() as lines:
        stranger.call("GET", SESSION)

    [line] = lines
    assert (line["who"], line["route"], "by_token" in line) == ("nobody", f"GET {ROUTE}", False)


def test_after_the_call_nobody_acts():
    device_of(opened()).call("POST", f"{SESSION}/progress", PROGRESS)

    assert current() is None


def test_an_extra_cannot_pass_itself_off_as_the_caller():
    with acting(Acting("d_north", request_id="r-1")), written_lines() as lines:
        logging.getLogger("chalicelib.test").info("said", extra={"who": "operator", "request_id": "r-2"})

    assert [(line["who"], line["request_id"]) for line in lines] == [("d_north", "r-1")]


def test_lines_outside_of_any_call_name_nobody():
    with written_lines() as lines:
        logging.getLogger("chalicelib.test").info("said")

    assert not {"who", "by_token", "route", "request_id"} & lines[0].keys()


def test_two_calls_at_the_same_time_keep_their_own_callers():
    seen, both = dict[str, str](), threading.Barrier(2)

    def call(request_id: str) -> None:
        with acting(Acting.of_call("GET /v1", request_id)):
            both.wait(5)
            known = current()
            both.wait(5)
            seen[request_id] = known.request_id or "" if known else ""

    threads = [threading.Thread(target=call, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert seen == {"first": "first", "second": "second"}


def test_the_ports_of_a_call_know_its_caller():
    principal = Principal(Role.DEVICE, "main", DEVICE_ID, TokenId("t_north"))

    with acting(Acting.of_call("GET /v1", "r-1")):
        identify(principal)
        ports = acting_ports(memory_ports())

    assert ports.acting == Acting(DEVICE_ID, TokenId("t_north"), "GET /v1", "r-1")


@pytest.mark.parametrize(("role", "who"), [(Role.OPERATOR, "operator"), (Role.PROCESSOR, "processor")])
def test_who_has_no_device_acts_as_a_role(role: Role, who: str):
    assert Acting.of_call("GET /v1", "r-1").by(Principal(role, "main", None)).who == who


def test_the_run_of_a_function_is_named_by_function_and_lambdas_request_id():
    class Context:
        aws_request_id = "l-1"

    with running(memory_ports(), "reconcile", Context()) as ports, written_lines() as lines:
        logging.getLogger("chalicelib.test").info("said")

    assert ports.acting == Acting.of_function("reconcile", "l-1")
    assert (lines[0]["who"], lines[0]["request_id"]) == ("reconcile", "l-1")


def test_ports_outside_of_every_call_are_the_coordinators():
    assert acting_ports(memory_ports()).acting == Acting("coordinator")
