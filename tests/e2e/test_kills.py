"""Real clients killed with SIGKILL at moments drawn from a seed, and the same command again.

A moment is something seen from outside: the n-th call that begins or has had its effect, the n-th file in the spool,
a byte of the camera's, a millisecond. 20 seeds have each sign for a first kill; `make soak` plays them and 180 more.
`make test` plays every second one of the 20: what a kill leaves behind is drawn in memory as well, in each history.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import pytest
from _pytest.mark import ParameterSet

from tests.e2e.kills.calls import Calls
from tests.e2e.kills.case import Case, drawn
from tests.e2e.kills.cost import COST, cost
from tests.e2e.kills.proof import demand_home, demand_nothing_twice
from tests.e2e.kills.signs import SEEN, Signs
from tests.e2e.kills.story import staged
from tests.e2e.rig import Rig

pytestmark = pytest.mark.e2e

SEEDS = 200
SEEDS_EACH_TIME = range(0, 20, 2)


def of_seed(seed: int) -> ParameterSet:
    marks = [pytest.mark.soak] if seed not in SEEDS_EACH_TIME else []
    return pytest.param(seed, id=f"seed-{seed:03}", marks=marks)


@pytest.mark.parametrize("seed", [of_seed(seed) for seed in range(SEEDS)])
def test_a_killed_haul_comes_home_and_does_nothing_twice(
    rig: Rig, calls: Calls, signs: Signs, seed: int, record_property
):
    case = drawn(seed)
    with named(seed, case), staged(rig, calls, signs, case, f"killed-{seed:03}") as story:
        story.play()

        demand_home(story)
        demand_nothing_twice(story)
        first = story.runs[0]
        # What is only looked at every so often may be over too soon.
        assert first.killed or case.kills[0].moment.sign in SEEN, "the first kill never came"
        record_property(COST, asdict(cost(story)))


@contextmanager
def named(seed: int, case: Case) -> Iterator[None]:
    """A failure says what was played, and how to play it alone."""
    try:
        yield
    except Exception as error:
        error.add_note(f"seed {seed}: {case}\nalone: make soak PYTEST='-k seed-{seed:03}'")
        raise
