"""What was cleaned is brought back, and at each call somebody else acts: all comes back, or is known as lost."""

import pytest

from chalicelib.core.session import SessionState
from tests.simulation import ends, scenario
from tests.simulation.interruptions import (
    days_pass,
    demand_nothing_lost,
    holds,
    interruptions,
    purges,
    reconciles,
    releases,
    restores,
    rounds_pass,
)
from tests.support import story
from tests.support.builders import MemoryPorts, memory_ports, recorded
from tests.support.interrupted import Act


def cleaned() -> MemoryPorts:
    ports = memory_ports()
    scenario.cleaned(ports)
    return ports


def being_restored() -> MemoryPorts:
    """A cleaned session that an operator wants back, when no marker can be on its way any more."""
    ports = cleaned()
    restores(ports)
    ports.clock.advance(ports.policy.in_flight_s)
    return ports


@pytest.mark.parametrize("other", [reconciles, holds])
def test_a_reconciler_or_a_hold_inside_a_restore_changes_nothing_of_its_end(other: Act):
    for ports in interruptions(being_restored, reconciles, other):
        demand_nothing_lost(ports)
        days_pass(ports, 5)

        ends.demand_restored(ports)


@pytest.mark.parametrize("other", [reconciles, holds, releases, restores])
def test_whoever_acts_while_a_restore_is_asked_for_it_all_comes_back(other: Act):
    for ports in interruptions(cleaned, restores, other):
        demand_nothing_lost(ports)
        rounds_pass(ports)

        assert story.originals_stand(ports)


def test_what_is_released_inside_its_restore_comes_back_and_is_cleaned_after_another_grace():
    for ports in interruptions(being_restored, reconciles, releases):
        rounds_pass(ports)

        assert story.originals_stand(ports)
        days_pass(ports, 4)
        ends.demand_cleaned(ports)


def test_what_s3_purges_inside_a_restore_is_told_lost_and_keeps_nothing_else_from_its_end():
    for ports in interruptions(being_restored, reconciles, purges):
        rounds_pass(ports)

        ends.demand_quiet(ports)
        session = recorded(ports).session
        assert session.state is SessionState.PROCESSED
        assert session.held
        for number, key in enumerate(story.original_keys(), start=1):
            assert ports.objects.head(key) is None or ports.objects.body(key) == story.original(number)
