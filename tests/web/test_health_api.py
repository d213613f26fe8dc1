"""Health: monitors get one word without a token, operators what works and what waits."""

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import StorageBusy
from chalicelib.core.rounds import SILENT_S
from chalicelib.core.tokens import Role
from chalicelib.flows.reconcile import reconcile
from chalicelib.web.api.health import KEPT_S, Watch
from tests.support import story
from tests.support.builders import MemoryPorts, memory_ports
from tests.support.counted import counted
from tests.support.faults import Fault, faulty
from tests.web.client import Caller, app_over, caller_of

HEALTH = "/v1/health"
DETAIL = "/v1/health/detail"


def nobody_of(ports: MemoryPorts) -> Caller:
    """Somebody without a token."""
    return Caller(app_over(ports))


def operator_of(ports: MemoryPorts) -> Caller:
    return caller_of(ports, Role.OPERATOR)


def running() -> MemoryPorts:
    """A deployment whose reconciler has just had a round."""
    ports = memory_ports()
    reconcile(ports, 60)
    return ports


def failing(ports: MemoryPorts, what: str) -> MemoryPorts:
    """The deployment while its table, or its bucket, does not answer."""
    if what == "table":
        return replace(ports, records=cast(Any, _Dead(ports.records)))
    return replace(ports, objects=faulty(ports.objects, *[Fault("head", StorageBusy("S3"))] * 9))


class _Dead:
    """A table of which only tokens can be read, as from a cache."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        if "token" in name or "device" in name or name == "enlist":
            return getattr(self._plain, name)
        raise StorageBusy(name)


def test_a_monitor_is_told_that_all_is_well_without_a_token():
    answer = nobody_of(running()).call("GET", HEALTH)

    assert (answer.status, answer.document) == (200, {"status": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_deployment_that_never_had_a_round_is_not_called_broken():
    assert nobody_of(memory_ports()).call("GET", HEALTH).status == 200


@pytest.mark.parametrize("what", ["table", "bucket"])
def test_a_monitor_is_told_no_more_than_that_somebody_must_look(what: str):
    answer = nobody_of(failing(running(), what)).call("GET", HEALTH)

    assert (answer.status, answer.document) == (503, {"status": "failing"})


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 503), (1, 503)])
def test_a_reconciler_that_no_longer_runs_is_a_failure(seconds: int, status: int):
    ports = running()
    ports.clock.advance(SILENT_S + seconds)

    assert nobody_of(ports).call("GET", HEALTH).status == status


@pytest.mark.parametrize(("seconds", "looks"), [(KEPT_S - 1, 1), (KEPT_S, 2)])
def test_however_many_monitors_ask_table_and_bucket_are_asked_seldom(seconds: int, looks: int):
    watched, calls = counted(running())
    client = nobody_of(watched)
    for _ in range(50):
        client.call("GET", HEALTH)

    watched.clock.advance(seconds)
    client.call("GET", HEALTH)

    assert (calls["head"], calls["last_round"]) == (looks, looks)


def test_a_look_that_hangs_is_a_failure_and_gathers_no_others_behind_it():
    ports, release = running(), threading.Event()
    begun: list[int] = []

    def hang() -> None:
        begun.append(1)
        release.wait(30)

    hanging = replace(ports, objects=cast(Any, _Hanging(ports.objects, hang)))
    watch = Watch()
    began_at = time.monotonic()

    answers = []
    for _ in range(3):
        answers.append(watch.health(hanging, most_s=0.05).is_well)
        ports.clock.advance(KEPT_S)
    took_s = time.monotonic() - began_at
    release.set()

    assert (answers, begun) == ([False] * 3, [1])
    assert took_s < 5


class _Hanging:
    def __init__(self, plain: Any, hang: Callable[[], None]) -> None:
        self._plain = plain
        self._hang = hang

    def head(self, key: str) -> Any:
        self._hang()
        return self._plain.head(key)


def test_an_operator_is_told_what_works_and_what_waits():
    ports = running()
    story.arm(ports)
    story.haul(ports)
    ports.clock.advance(900)

    answer = operator_of(ports).call("GET", DETAIL)

    told = answer.document
    assert answer.status == 200
    assert {told[name] for name in ("status", "table", "bucket", "reconciler")} == {"ok"}
    assert told["last_round"]["ended_at"] == "2026-11-21T12:00:00Z"
    assert (told["due"], told["late"]) == ({"count": 1, "since": "2026-11-21T12:00:00Z"}, 1)
    assert told["unproven"] == {"count": 0, "since": None}
    assert told["cleanup"]["armed"] is True


@pytest.mark.parametrize(("seconds", "late"), [(899, 0), (900, 1), (901, 1)])
def test_what_has_been_due_for_three_rounds_is_late(seconds: int, late: int):
    ports = running()
    story.haul(ports)
    ports.clock.advance(seconds)

    assert operator_of(ports).call("GET", DETAIL).document["late"] == late


def test_an_operator_is_told_what_nobody_has_proven_in_time():
    ports = running()
    story.haul(ports, None)
    ports.clock.advance(ports.policy.at_rest_s)
    reconcile(ports, 60)

    told = operator_of(ports).call("GET", DETAIL).document

    assert told["unproven"] == {"count": 1, "since": "2026-11-21T12:00:00Z"}


def test_a_deployment_that_nobody_armed_says_so():
    assert operator_of(memory_ports()).call("GET", DETAIL).document["cleanup"] is None


def test_what_the_bucket_does_not_answer_hides_nothing_else():
    told = operator_of(failing(running(), "bucket")).call("GET", DETAIL)

    assert told.status == 503
    assert (told.document["bucket"], told.document["table"]) == ("failing", "ok")
    assert told.document["last_round"]


def test_what_the_table_does_not_answer_is_null():
    told = operator_of(failing(running(), "table")).call("GET", DETAIL)

    assert told.status == 503
    assert (told.document["table"], told.document["last_round"]) == ("failing", None)
    assert [told.document[name] for name in ("due", "late", "unproven", "cleanup")] == [None] * 4
