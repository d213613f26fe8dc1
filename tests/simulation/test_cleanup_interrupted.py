"""The reconciler cleans, and at each of its calls somebody else acts: nothing wanted is lost, and the end is right."""

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Spent
from chalicelib.core.session import SessionState
from tests.simulation import ends
from tests.simulation.interruptions import (
    DAY_S,
    days_pass,
    demand_nothing_lost,
    disarms,
    due_for_cleanup,
    hauls_again,
    holds,
    interruptions,
    orders_again,
    originals_standing,
    overwrites_an_output,
    reconciles,
    releases,
    removes_an_output,
    restores,
    run,
    stops,
    writes_on_an_original,
)
from tests.support import story
from tests.support.builders import recorded
from tests.support.interrupted import Act


def test_a_second_reconciler_inside_a_cleanup_changes_nothing():
    for ports in interruptions(due_for_cleanup, reconciles, reconciles):
        demand_nothing_lost(ports)
        days_pass(ports, 1)

        ends.demand_cleaned(ports)


@pytest.mark.parametrize("word", [holds, disarms])
def test_a_word_that_keeps_inside_a_cleanup_stops_all_but_the_call_on_its_way(word: Act):
    for ports in stops(due_for_cleanup, reconciles, word):
        gone = [ports.objects.head(key) for key in story.original_keys()]
        days_pass(ports, 4)

        assert [ports.objects.head(key) for key in story.original_keys()] == gone
        demand_nothing_lost(ports)
        assert story.state_of(ports) == ("CLEANED" if story.originals_are_gone(ports) else "PROCESSED")


@pytest.mark.parametrize("word", [holds, disarms])
def test_after_the_word_is_taken_back_the_cleanup_goes_on(word: Act):
    for ports in stops(due_for_cleanup, reconciles, word):
        days_pass(ports, 1)
        run(releases, ports)
        story.arm(ports)
        days_pass(ports, 4)

        ends.demand_cleaned(ports)


def test_a_restore_inside_a_cleanup_has_every_original_back():
    for ports in interruptions(due_for_cleanup, reconciles, restores):
        was_refused = not recorded(ports).session.held
        days_pass(ports, 5)

        # Before there is an intent, nothing is cleaned and there is nothing to restore.
        if was_refused:
            ends.demand_cleaned(ports)
        else:
            ends.demand_restored(ports)


def test_an_order_inside_a_cleanup_has_its_originals_or_is_refused():
    for ports in interruptions(due_for_cleanup, reconciles, orders_again):
        order = recorded(ports).session.order
        days_pass(ports, 5)

        assert order
        if order.number == 1:
            ends.demand_cleaned(ports)
        else:
            assert story.originals_stand(ports)
            assert recorded(ports).session.state is SessionState.STORED
            assert {message["order"] for message in ports.orders.sent} == {1, 2}


def test_a_device_inside_a_cleanup_is_led_to_its_receipt():
    for ports in interruptions(due_for_cleanup, reconciles, hauls_again):
        days_pass(ports, 1)

        ends.demand_cleaned(ports)


@pytest.mark.parametrize("harm", [overwrites_an_output, removes_an_output])
def test_an_output_lost_inside_a_cleanup_has_every_original_back_before_s3_purges(harm: Act):
    for ports in stops(due_for_cleanup, reconciles, harm):
        days_pass(ports, ports.policy.restorable_days - 1)

        assert story.originals_stand(ports)
        days_pass(ports, 30)
        assert story.originals_stand(ports)


def test_what_a_stranger_writes_on_an_originals_key_inside_a_cleanup_is_hidden_at_most_and_kept():
    for ports in interruptions(due_for_cleanup, reconciles, writes_on_an_original):
        days_pass(ports, 5)

        versions = ports.objects.versions(story.original_keys()[0])
        assert b"a stranger's" in [each.body for each in versions]
        demand_nothing_lost(ports)


def test_an_original_under_a_strangers_object_is_back_on_its_key_within_days():
    ports = due_for_cleanup()
    writes_on_an_original(ports)

    days_pass(ports, 10)

    assert story.originals_stand(ports)


def test_no_more_is_cleaned_on_a_day_than_its_limit():
    due = due_for_cleanup()
    ports = replace(due, policy=replace(due.policy, cleanup_limit=Spent(objects=1, size_bytes=100)))

    for days, left in ((0, 1), (1, 0)):
        ports.clock.advance(days * DAY_S)
        for _ in range(3):
            reconciles(ports)
            assert originals_standing(ports) == left
