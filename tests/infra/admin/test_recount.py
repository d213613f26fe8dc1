"""`recount`: what it says of what differs, and what it puts right. `tests/flows/test_recount.py` has the proof."""

import pytest

from chalicelib.core.statistics.counts import Counter, Counts, counter_keys, total
from chalicelib.flows import operations
from tests.infra.admin.desks import Terminal, processed
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    MemoryPorts,
    make_session,
    make_session_id,
    recorded,
)
from tests.support.counters import demand_counted


def counts(ports: MemoryPorts) -> Counts:
    return ports.records.counts("main", None, None, None)


def spoil(ports: MemoryPorts, **figures: int) -> None:
    """Somebody writes the session's counter of its shard by hand."""
    key = counter_keys(recorded(ports).session)[0]
    before = ports.records.counter(key)
    assert ports.records.replace_counter(key, before, total((before.counts, figures)))


def test_counters_that_are_right_are_proven_and_nothing_is_written():
    terminal = Terminal(processed())

    assert terminal.run("recount") == 0
    assert terminal.said == ["1 session and 2 counters compared, none differs"]
    assert terminal.writes == []


def test_a_planted_difference_is_found_and_left_without_repair():
    ports = processed()
    spoil(ports, sessions_processed=2, bytes_originals=-5)
    terminal = Terminal(ports)

    assert terminal.run("recount") == 1
    found, total_line = terminal.said
    assert found.endswith("beyond its sessions it has bytes_originals -5, sessions_processed +2")
    assert total_line == (
        "1 session and 2 counters compared, 1 differed: nothing was written; --repair puts it right"
    )
    assert counts(ports)["sessions_processed"] == 3


def test_repair_puts_the_difference_right_and_the_next_run_finds_none():
    ports = processed()
    spoil(ports, sessions_processed=2, bytes_originals=-5)
    terminal = Terminal(ports)

    document, code = terminal.told("recount", "--repair")

    assert (document["repaired"], code) == (True, 0)
    [drift] = document["drifts"]
    assert drift["surplus"] == {"bytes_originals": -5, "sessions_processed": 2}
    demand_counted(ports.records)
    assert terminal.told("recount")[1] == 0


@pytest.mark.parametrize("arguments", [(), ("--repair",)])
def test_a_counter_of_no_session_differs_by_all_that_it_has(arguments: tuple[str, ...]):
    ports = processed()
    key = counter_keys(make_session(session_id=make_session_id("gone", "club")))[0]
    ports.records.replace_counter(key, Counter({}, 0), {"chapters": 3})

    document, _ = Terminal(ports).told("recount", *arguments)

    assert [(each["project"], each["surplus"]) for each in document["drifts"]] == [("club", {"chapters": 3})]
    left = {} if arguments else {"chapters": 3}
    assert ports.records.counts("club", None, None, None) == left


def test_sessions_that_are_older_than_the_counters_are_named_and_counted_by_repair():
    ports = processed()
    ports.records.forget_counts()
    terminal = Terminal(ports)

    assert terminal.run("recount") == 1
    assert terminal.said[0] == "main/match-17-north: what it counts for now was not counted"
    assert counts(ports) == {}
    version = recorded(ports).session.version

    assert terminal.run("recount", "--repair") == 0
    assert recorded(ports).session.version == version + 1
    demand_counted(ports.records)


def test_a_counter_that_is_written_at_every_look_is_left_alone_and_the_command_says_to_try_again():
    ports = processed()
    spoil(ports, chapters=7)
    terminal = Terminal(ports)
    held: list[str] = []

    def write() -> None:
        held.append("wait")
        is_held = recorded(ports).session.held
        operations.hold(ports, story.OPERATOR, SESSION_ID, None if is_held else "wait")

    terminal.waiting = write
    document, code = terminal.told("recount", "--repair")

    assert (document["drifts"], len(document["moving"]), code) == ([], 1, 75)
    assert counts(ports)["chapters"] == 9
