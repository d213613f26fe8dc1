"""No call that can be made up from the contract ends outside it: no 5xx, no status or member that it does not have."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case

from chalicelib.web.routing import Route
from tests.fuzzed.calls import Fuzz, Sent
from tests.web.contract import ROUTES

CASES = 2_000
"""In all, in each run of the tests."""

SEEDS = 10
CASES_OF_A_SEED = 5_000
"""In all, with each seed of the soak: calls beyond the first two thousand found nothing since the contract is whole."""

BY_CALLERS = 3
"""Each made-up call is sent so often with a token, in some world and by somebody, and once without."""

by_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")


def fuzz(route: Route, cases: int, seeded: Callable[[Callable[[], None]], Callable[[], None]]) -> Fuzz:
    """The route's share of `cases`."""
    made = Fuzz(route)

    @settings(
        max_examples=-(-cases // len(ROUTES) // (BY_CALLERS + 1)),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a failure is told as it was made up: to make it smaller takes minutes
    )
    @given(made.made_up(), st.tuples(*[made.sent()] * BY_CALLERS))
    def send(case: Case, sent: tuple[Sent, ...]) -> None:
        made.send_without_token(case)
        for each in sent:
            made.send(case, each)

    seeded(send)()
    return made


@by_route
def test_what_the_contract_lets_be_asked_is_answered_as_it_says(
    route: Route, record_property: Callable[[str, object], None]
):
    found = fuzz(route, CASES, seed(0))

    record_property("statuses", dict(found.statuses))
    assert found.cases >= CASES / len(ROUTES)
    assert found.successes > 0


@pytest.mark.soak
@by_route
@pytest.mark.parametrize("number", range(1, SEEDS + 1), ids=lambda number: f"seed-{number:03}")
def test_ten_times_as_many_calls_are_answered_as_the_contract_says(route: Route, number: int):
    assert fuzz(route, CASES_OF_A_SEED, seed(number)).successes > 0
