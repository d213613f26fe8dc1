"""Every call of the story fails once, as in memory, on the strict local AWS: real adapters, real semantics."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.contracts.worlds import Place
from tests.simulation.aws_world import aws_ports
from tests.simulation.scenario import LEGS, Leg
from tests.simulation.stage import Fault, Stage, Way
from tests.simulation.watch import Watch, demand_allowed
from tests.support.local_aws import local_aws

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with local_aws() as endpoint_url:
        yield Place(endpoint_url, "test", "test", "us-east-1", part_size_bytes=1)


@contextmanager
def staged(place: Place, leg: Leg, fault: Fault | None = None) -> Iterator[tuple[Stage, Watch]]:
    ports = contextmanager(aws_ports)
    with ports(place) as plain:
        leg.begin(plain)
        watch = Watch(plain, demand_allowed)
        yield Stage(plain, watch, fault), watch


def calls_of(place: Place, leg: Leg) -> int:
    with staged(place, leg) as (stage, _):
        leg.play(stage)
        leg.right_end(stage.plain)
        return len(stage.calls)


@pytest.mark.parametrize("name", LEGS)
def test_the_story_makes_the_same_calls_on_aws_and_fails_at_any_without_harm(
    place: Place, name: str, request: pytest.FixtureRequest
):
    leg, every = LEGS[name], request.config.getoption("--every")
    ways = tuple(Way)
    faults = [Fault(call, way) for call in range(1, calls_of(place, leg) + 1) for way in ways]
    # A number that shares no divisor with the ways, or some of them would never be met.
    for fault in faults[:: every if every % len(ways) else every + 1]:
        with staged(place, leg, fault) as (stage, watch):
            leg.endure(stage)

            watch.writes.clear()
            leg.go_on(stage)
            assert watch.writes == [], f"after {fault} the world does not come to rest (L6)"
