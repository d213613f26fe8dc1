"""What every Records counts in the windows of limits: never past the limit, whoever counts at the same moment."""

import secrets
import threading
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.aws import items
from chalicelib.core import limits
from chalicelib.core.limits import Window, Windowed
from chalicelib.ports import Records
from tests.contracts.worlds import AwsWorld, World

NOW = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


@pytest.fixture
def records(world: World) -> Records:
    return world.records


@pytest.fixture
def window() -> Window:
    """A window of the test's own."""
    return limits.window(f"TOKEN#t_{secrets.token_hex(8)}", Windowed.orders_an_hour, NOW)


def test_nothing_is_used_before_something_is_counted(records: Records, window: Window):
    assert records.used(window) == 0


@pytest.mark.parametrize(("amount", "passes"), [(4, True), (5, True), (6, False)])
def test_as_much_as_the_limit_is_counted_and_no_more(
    records: Records, window: Window, amount: int, passes: bool
):
    assert records.use(window, 5, 10)

    assert records.use(window, amount, 10) is passes
    assert records.used(window) == 5 + (amount if passes else 0)


@pytest.mark.parametrize(("amount", "passes"), [(9, True), (10, True), (11, False)])
def test_the_first_amount_may_be_the_whole_limit(records: Records, window: Window, amount: int, passes: bool):
    assert records.use(window, amount, 10) is passes
    assert records.used(window) == (amount if passes else 0)


def test_what_is_given_back_can_be_used_again(records: Records, window: Window):
    records.use(window, 10, 10)
    records.give_back(window, 3)

    assert records.used(window) == 7
    assert not records.use(window, 4, 10)
    assert records.use(window, 3, 10)


def test_windows_and_owners_do_not_share(records: Records, window: Window):
    records.use(window, 10, 10)
    others = [
        limits.window(window.owner, window.what, window.ends_at),
        limits.window(window.owner, window.what, window.began_at - timedelta(seconds=1)),
        limits.window(window.owner, Windowed.calls_a_minute, NOW),
        limits.window(f"{window.owner}0", window.what, NOW),
    ]

    assert [records.used(each) for each in others] == [0, 0, 0, 0]
    assert all(records.use(each, 10, 10) for each in others)


def test_of_many_at_the_same_moment_as_many_pass_as_the_limit_has(records: Records, window: Window):
    passed: list[bool] = []
    callers = [threading.Thread(target=lambda: passed.append(records.use(window, 1, 5))) for _ in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert sorted(passed) == [False] * 7 + [True] * 5
    assert records.used(window) == 5


def test_the_table_forgets_a_window_a_day_after_its_end(local_world: AwsWorld, window: Window):
    local_world.records.use(window, 1, 5)

    key = items.attributes(items.window_key(window))
    item = local_world.clients.dynamodb.get_item(TableName=local_world.name, Key=key)["Item"]
    local_world.wipe_records()

    assert int(item["ttl"]["N"]) == int((window.ends_at + timedelta(days=1)).timestamp())
