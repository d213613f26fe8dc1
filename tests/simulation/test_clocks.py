"""A function whose clock is weeks away from everybody's cleans nothing early, and when it is set right all goes on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import pytest
from msgspec.structs import replace

from chalicelib.core.settle import Actor
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.simulation import actors, ends, scenario
from tests.simulation.interruptions import days_pass
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports
from tests.support.memory import MovableClock

APART = [timedelta(days=30), timedelta(days=-30), timedelta(days=3), timedelta(hours=1)]
"""How far ahead; less than nothing is behind."""


@dataclass(frozen=True)
class WrongClock:
    """As far ahead of the true one as it is told."""

    true: MovableClock
    ahead: timedelta

    def now(self) -> datetime:
        return self.true.now() + self.ahead


def by_a_wrong_clock(ports: MemoryPorts, ahead: timedelta) -> MemoryPorts:
    return replace(ports, clock=cast(MovableClock, WrongClock(ports.clock, ahead)))


def made() -> MemoryPorts:
    """A session of which everything is made, and nobody has looked at it yet."""
    ports = memory_ports()
    scenario.armed(ports)
    story.haul(ports)
    story.let_pass(ports)
    story.process(ports, actors.MADE)
    return ports


def demand_nothing_gone_while_the_grace_lasts(ports: MemoryPorts, wrong: MemoryPorts) -> None:
    """Rounds by a clock that is wrong, to the last second of the true grace."""
    steps = 12
    for _ in range(steps):
        ports.clock.advance((ports.policy.grace_s - 1) / steps)
        reconcile(wrong, 60)
        assert story.originals_stand(ports)


@pytest.mark.parametrize("ahead", APART)
def test_a_reconciler_with_a_wrong_clock_cleans_nothing_early(ahead: timedelta):
    ports = made()
    reconcile(ports, 60)
    assert story.state_of(ports) == "PROCESSED"

    demand_nothing_gone_while_the_grace_lasts(ports, by_a_wrong_clock(ports, ahead))
    days_pass(ports, 34)

    ends.demand_cleaned(ports)


@pytest.mark.parametrize("ahead", APART)
def test_a_grace_that_a_wrong_clock_began_ends_no_earlier(ahead: timedelta):
    ports = made()
    settle_session(by_a_wrong_clock(ports, ahead), SESSION_ID, Actor.MADE_EVENT)
    assert story.state_of(ports) == "PROCESSED"

    demand_nothing_gone_while_the_grace_lasts(ports, ports)
    days_pass(ports, 37)

    ends.demand_cleaned(ports)


@pytest.mark.parametrize("ahead", APART)
def test_everything_by_one_wrong_clock_cleans_nothing_early(ahead: timedelta):
    ports = made()
    wrong = by_a_wrong_clock(ports, ahead)
    settle_session(wrong, SESSION_ID, Actor.MADE_EVENT)

    demand_nothing_gone_while_the_grace_lasts(ports, wrong)
