"""A session is brought home, and at each call somebody claims otherwise: a receipt is never for what was disowned."""

from contextlib import suppress

import pytest

from chalicelib.core.errors import ReelhaulError
from tests.simulation.interruptions import (
    claims_otherwise,
    interruptions,
    reconciles,
    rounds_pass,
    sent,
)
from tests.support import story
from tests.support.builders import MemoryPorts, recorded
from tests.support.interrupted import Act

RERUNS = 4


def hauls(ports: MemoryPorts) -> None:
    story.haul(ports)


def demand_owned(ports: MemoryPorts) -> None:
    """No receipt is of an upload whose device read something else."""
    disowned = [each.upload_id for each in recorded(ports).uploads if each.receipt and each.is_disowned]
    assert not disowned, f"{disowned} are verified, and their device read something else"


@pytest.mark.parametrize("first", [reconciles, hauls])
def test_whoever_claims_otherwise_inside_a_run_gets_no_receipt_and_the_next_hauls_bring_what_was_read(
    first: Act,
):
    for ports in interruptions(sent, first, claims_otherwise):
        demand_owned(ports)
        for _ in range(RERUNS):
            with suppress(ReelhaulError):
                hauls(ports)
            rounds_pass(ports)
            demand_owned(ports)

        assert story.originals_stand(ports)
        assert recorded(ports).missing == ()


@pytest.mark.parametrize("second", [reconciles, hauls])
def test_whoever_runs_inside_a_claim_of_other_bytes_makes_it_no_receipt(second: Act):
    for ports in interruptions(sent, claims_otherwise, second):
        demand_owned(ports)
        rounds_pass(ports)
        demand_owned(ports)
