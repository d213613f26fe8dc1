"""No call that can be made up from the contract ends outside it: no 5xx, no status or member that it does not have."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case

from chalicelib.web.routing import Route
from tests.fuzzed.calls import SENT, Fuzz, Sent
from tests.web.contract import ROUTES

CASES = 5_000
"""In all, and with each seed of the soak."""

SEEDS = 10
BY_CALLERS = 7
"""Each made-up call is sent so often with a token, in some world and by somebody, and once without."""

by_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")


def fuzz(route: Route, seeded: Callable[[Callable[[], None]], Callable[[], None]]) -> Fuzz:
    """The route's share of the cases."""
    made = Fuzz(route)

    @settings(
        max_examples=-(-CASES // len(ROUTES) // (BY_CALLERS + 1)),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(made.made_up(), st.lists(SENT, min_size=BY_CALLERS, max_size=BY_CALLERS), st.integers(0, 7))
    def send(case: Case, sent: list[Sent], place: int) -> None:
        made.send_without_token(case)
        for each in sent:
            made.send(case, each, place)

    seeded(send)()
    return made


@by_route
def test_what_the_contract_lets_be_asked_is_answered_as_it_says(
    route: Route, record_property: Callable[[str, object], None]
):
    found = fuzz(route, seed(0))

    record_property("statuses", dict(found.statuses))
    assert found.cases >= CASES / len(ROUTES)
    assert found.successes > 0


@pytest.mark.soak
@by_route
@pytest.mark.parametrize("number", range(1, SEEDS + 1), ids=lambda number: f"seed-{number:03}")
def test_ten_times_as_many_calls_are_answered_as_the_contract_says(route: Route, number: int):
    assert fuzz(route, seed(number)).successes > 0
