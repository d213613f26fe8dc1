"""Limits over the wire: 429 says when to ask again, calls are counted at no price, and a usual haul meets no limit."""

import dataclasses
import math
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from chalicelib.core.limits import Limits, Quota
from chalicelib.core.parts import plan_parts
from chalicelib.core.settle import Policy
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.uploads import MOST_URLS
from chalicelib.settings import settings
from chalicelib.web.meter import CallMeter
from tests.support.builders import START, MemoryPorts, memory_ports
from tests.support.counted import counted
from tests.web.client import Answer, Caller, app_over, caller_of, device_of, with_token
from tests.web.contract import documented, shape
from tests.web.usual import CONFIRMED, ORDER, SESSION, opened, stored

LIMITS = "/v1/limits"
LEAST = {
    "BUCKET": "reelhaul-prod",
    "TABLE": "reelhaul-prod",
    "STAGE": "prod",
    "AWS_REGION": "eu-west-1",
    "MINIMUM_CLIENT_VERSION": "0.1.0",
    "ORDER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
}
"""The variables without a default."""


def limited(ports: MemoryPorts, caller: Quota | None = None, project: Quota | None = None) -> MemoryPorts:
    return replace(ports, limits=Limits(caller or Quota(), project or Quota()))


def demand_wait(answer: Answer, at_most_s: int) -> None:
    assert answer.problem == (429, "too-many-requests", "retry")
    assert 1 <= int(answer.headers["Retry-After"]) <= at_most_s


def passed(call: Callable[[], Answer], times: int) -> int:
    """How many of so many calls are not refused."""
    return [call().status for _ in range(times)].count(200)


class TestCallsAMinute:
    @pytest.mark.parametrize("calls", [21, 22, 23])
    def test_one_process_lets_through_the_limit_and_a_tenth(self, calls: int):
        device = device_of(limited(opened(), Quota(calls_a_minute=20)))

        assert passed(lambda: device.call("GET", SESSION), calls) == min(calls, 22)

    @pytest.mark.parametrize("most", [1, 2, 9, 10, 11, 100])
    def test_never_fewer_calls_than_the_limit_pass(self, most: int):
        device = device_of(limited(opened(), Quota(calls_a_minute=most)))

        found = passed(lambda: device.call("GET", SESSION), 2 * most + 3)

        assert most <= found <= most + max(1, most // 10)

    def test_all_processes_together_let_through_a_tenth_more_each(self):
        ports = limited(opened(), Quota(calls_a_minute=20))
        processes = [device_of(ports) for _ in range(4)]

        found = sum(
            passed(lambda device=device: device.call("GET", SESSION), 10)  # type: ignore[misc]  # bound at once
            for _ in range(3)
            for device in processes
        )

        assert 20 <= found <= 20 + 4 * 2

    def test_a_refused_call_says_when_the_minute_ends_and_succeeds_then(self):
        ports = limited(opened(), Quota(calls_a_minute=1))
        device = device_of(ports)
        passed(lambda: device.call("GET", SESSION), 2)
        ports.clock.advance(50)

        answer = device.call("GET", SESSION)

        demand_wait(answer, 10)
        ports.clock.advance(int(answer.headers["Retry-After"]))
        assert device.call("GET", SESSION).status == 200

    def test_what_is_refused_changes_nothing(self):
        ports = limited(memory_ports(), Quota(calls_a_minute=1))
        device = device_of(ports)
        passed(lambda: device.call("GET", LIMITS), 2)

        demand_wait(device.call("PUT", SESSION, CONFIRMED), 60)

        assert list(ports.records.sessions()) == []

    def test_another_caller_is_not_refused_and_the_project_counts_all(self):
        ports = limited(opened(), Quota(calls_a_minute=10), Quota(calls_a_minute=15))
        device, operator = device_of(ports), caller_of(ports, Role.OPERATOR)
        app = app_over(ports)
        device, operator = dataclasses.replace(device, app=app), dataclasses.replace(operator, app=app)

        assert passed(lambda: device.call("GET", SESSION), 20) == 11
        assert passed(lambda: operator.call("GET", SESSION), 20) == 5

    def test_a_wrong_secret_uses_nothing_of_the_tokens_limit(self):
        ports = limited(opened(), Quota(calls_a_minute=1))
        device = device_of(ports)
        forged = dataclasses.replace(
            device, headers={**device.headers, "Authorization": device.headers["Authorization"] + "x"}
        )

        assert {forged.call("GET", SESSION).status for _ in range(5)} == {401}
        assert device.call("GET", SESSION).status == 200

    @pytest.mark.parametrize(
        ("calls", "writes"), [(1, 0), (10, 0), (11, 1), (20, 1), (21, 2), (110, 10), (200, 11)]
    )
    def test_calls_cost_a_write_for_each_tenth_of_the_limit_after_the_first(self, calls: int, writes: int):
        ports, asked = counted(limited(opened(), Quota(calls_a_minute=100)))
        device = device_of(ports)

        passed(lambda: device.call("GET", SESSION), calls)

        assert asked["use"] == writes


def test_a_limit_is_answered_with_the_time_to_wait():
    ports = limited(stored(), Quota(orders_an_hour=1))
    operator = caller_of(ports, Role.OPERATOR)
    operator.call("POST", f"{SESSION}/order", ORDER)

    answer = operator.call("POST", f"{SESSION}/order", {**ORDER, "parameters": {}})

    demand_wait(answer, 900)
    assert "this token has reached its limit of 1 orders an hour" in answer.document["detail"]


def test_the_limits_are_told_as_the_contract_shows_them():
    ports = limited(opened(), Quota(open_sessions=5))
    document = device_of(ports).call("GET", LIMITS).document

    assert shape(document) == shape(documented('{"part_size_bytes"'))
    assert document["limits"][0] == {
        "scope": "device",
        "what": "open_sessions",
        "most": 5,
        "used": 1,
        "window_s": None,
    }
    assert len(document["limits"]) == 10


def test_a_file_that_is_too_large_is_413_and_names_the_file():
    ports = replace(memory_ports(), limits=Limits(largest_file_bytes=24))

    answer = device_of(ports).call("PUT", SESSION, CONFIRMED)

    assert answer.problem == (413, "too-large", "stop")
    assert answer.document["detail"].startswith("100GOPRO/GX010038.MP4 has 25 bytes")


def test_a_file_that_is_not_taken_is_400_and_names_the_file():
    ports = replace(memory_ports(), limits=Limits(extensions=(".360",)))

    answer = device_of(ports).call("PUT", SESSION, CONFIRMED)

    assert answer.problem == (400, "invalid-request", "stop")
    assert answer.document["detail"].startswith("100GOPRO/GX010038.MP4: only files that end in .360")


def test_a_haul_of_fourteen_chapters_of_twelve_gigabytes_meets_no_usual_limit():
    """All of its calls in one minute, which no uplink could: 168 GB, with the settings of a deployment."""
    usual = settings(LEAST)
    ports = replace(memory_ports(policy=Policy()), limits=usual.limits)
    device = device_of(ports)
    size_bytes = 12_000_000_000
    names = [f"GX{number:02}0038.MP4" for number in range(1, 15)]
    chapters = [{"directory": "100GOPRO", "filename": name, "size_bytes": size_bytes} for name in names]
    statuses = [device.call("PUT", SESSION, {**CONFIRMED, "chapters": chapters}).status]
    for name in names:
        asked = {"artifact_id": f"original.100GOPRO.{name}", "size_bytes": size_bytes}
        statuses.append(device.call("POST", f"{SESSION}/uploads", asked).status)
    calls = math.ceil(plan_parts(size_bytes).part_count / MOST_URLS) * len(names)
    statuses += [device.call("GET", SESSION).status for _ in range(calls)]

    assert calls == 322
    assert set(statuses) == {200, 201}
    assert ports.clock.now() == START
    most = usual.limits.caller
    assert (most.calls_a_minute, most.open_sessions, most.open_uploads) == (6_000, 1_000, 2_000)
    assert calls + 3 * len(names) < 6_000 / 10
    assert most.bytes_a_day is None


def test_a_token_of_all_projects_counts_for_the_project_that_it_names():
    ports = limited(stored(), project=Quota(orders_an_hour=1))
    headers = with_token(ports.records, Role.OPERATOR, "*")
    operator = Caller(app_over(ports), headers)

    elsewhere = operator.call("POST", f"{SESSION}/order", ORDER, {"Reelhaul-Project": "club"})
    here = operator.call("POST", f"{SESSION}/order", ORDER)

    assert (elsewhere.status, here.status) == (404, 200)


def test_an_operators_command_that_has_aws_credentials_and_no_token_is_not_counted():
    ports, calls = counted(limited(opened(), Quota(calls_a_minute=1), Quota(calls_a_minute=1)))
    meter = CallMeter()

    for _ in range(5):
        meter.count(ports, Principal(Role.OPERATOR, "main", None), "main")

    assert calls["use"] == 0
