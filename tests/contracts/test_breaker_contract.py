"""What every Records keeps of the whole deployment: whether cleanup is armed, what a day spent, where a sweep is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest

from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.ids import SessionId
from chalicelib.ports import Change, Records
from tests.contracts.worlds import World
from tests.support.builders import make_session

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
TODAY = date(2026, 11, 21)
LIMIT = Spent(objects=3, size_bytes=100)


@pytest.fixture
def records(world: World) -> Records:
    return world.records


def test_whether_cleanup_is_armed_is_unknown_until_somebody_says_so(records: Records):
    assert records.arming() is None


@pytest.mark.parametrize("is_armed", [True, False])
def test_what_was_said_of_cleanup_is_read_as_it_was_put(records: Records, is_armed: bool):
    arming = Arming(is_armed, NOON, 'weil "das" so ist — 北')

    records.put_arming(arming)

    assert records.arming() == arming


def test_the_last_word_on_cleanup_counts(records: Records):
    records.put_arming(Arming(True, NOON, "begin"))
    last = Arming(False, NOON, "stop")

    records.put_arming(last)

    assert records.arming() == last


BEGUN = Arming(True, NOON, "begin")
STOPPED = Arming(False, NOON, "stop")
LATER = NOON.replace(microsecond=250_001)


@pytest.mark.parametrize("before", [None, STOPPED])
def test_a_word_replaces_the_one_that_was_read(records: Records, before: Arming | None):
    if before:
        records.put_arming(before)

    assert records.replace_arming(before, BEGUN)

    assert records.arming() == BEGUN


@pytest.mark.parametrize(
    ("read", "said_since"),
    [
        (None, STOPPED),
        (STOPPED, Arming(False, LATER, "stop")),
        (STOPPED, Arming(False, NOON, "stop it")),
        (STOPPED, Arming(True, NOON, "stop")),
    ],
)
def test_a_word_never_replaces_what_was_said_since(records: Records, read: Arming | None, said_since: Arming):
    if read:
        records.put_arming(read)
    records.put_arming(said_since)

    assert not records.replace_arming(read, BEGUN)

    assert records.arming() == said_since


def test_a_word_replaces_none_where_none_was_ever_said(records: Records):
    assert not records.replace_arming(STOPPED, BEGUN)

    assert records.arming() is None


def test_a_sweep_begins_with_the_first_key_until_somebody_says_otherwise(records: Records):
    assert records.swept_until() == ""


def test_the_last_word_on_the_sweep_counts_also_that_it_begins_with_the_first_key(records: Records):
    records.put_swept_until("originals/match-17/100GOPRO/GX010038.MP4")
    assert records.swept_until() == "originals/match-17/100GOPRO/GX010038.MP4"

    records.put_swept_until("")
    assert records.swept_until() == ""


def test_a_day_on_which_nothing_was_cleaned_has_spent_nothing(records: Records):
    assert records.spent(TODAY) is None


def test_what_is_spent_adds_up(records: Records):
    assert records.spend(TODAY, 30, LIMIT)
    assert records.spend(TODAY, 5, LIMIT)

    assert records.spent(TODAY) == Spent(2, 35)


def test_each_day_spends_its_own(records: Records):
    tomorrow = date(2026, 11, 22)
    records.spend(TODAY, 100, LIMIT)

    assert records.spend(tomorrow, 100, LIMIT)

    assert (records.spent(TODAY), records.spent(tomorrow)) == (Spent(1, 100), Spent(1, 100))


@pytest.mark.parametrize(("objects", "is_left"), [(1, True), (2, True), (3, False), (4, False)])
def test_one_object_more_than_the_limit_is_refused_and_not_counted(
    records: Records, objects: int, is_left: bool
):
    for _ in range(objects):
        records.spend(TODAY, 1, Spent(10, 100))

    assert records.spend(TODAY, 1, LIMIT) is is_left

    assert records.spent(TODAY) == Spent(objects + is_left, objects + is_left)


@pytest.mark.parametrize(("size_bytes", "is_left"), [(39, True), (40, True), (41, False)])
def test_one_byte_more_than_the_limit_is_refused_and_not_counted(
    records: Records, size_bytes: int, is_left: bool
):
    records.spend(TODAY, 60, LIMIT)

    assert records.spend(TODAY, size_bytes, LIMIT) is is_left

    assert records.spent(TODAY) == (Spent(2, 60 + size_bytes) if is_left else Spent(1, 60))


@pytest.mark.parametrize(("size_bytes", "is_left"), [(99, True), (100, True), (101, False)])
def test_not_even_the_first_object_of_a_day_passes_the_limit(
    records: Records, size_bytes: int, is_left: bool
):
    assert records.spend(TODAY, size_bytes, LIMIT) is is_left

    assert records.spent(TODAY) == (Spent(1, size_bytes) if is_left else None)


def test_a_limit_of_no_objects_lets_none_pass(records: Records):
    assert not records.spend(TODAY, 1, Spent(0, 100))

    assert records.spent(TODAY) is None


def test_a_limit_that_was_lowered_since_lets_nothing_pass(records: Records):
    records.spend(TODAY, 60, LIMIT)

    assert not records.spend(TODAY, 1, Spent(3, 50))

    assert records.spent(TODAY) == Spent(1, 60)


def test_a_smaller_object_may_pass_where_a_larger_one_did_not(records: Records):
    records.spend(TODAY, 60, LIMIT)

    assert not records.spend(TODAY, 41, LIMIT)
    assert records.spend(TODAY, 40, LIMIT)


def test_terabytes_are_counted_exactly(records: Records):
    limit = Spent(10, 10**15 - 1)
    records.spend(TODAY, 2**49 + 1, limit)

    assert not records.spend(TODAY, 10**15 - 1 - 2**49, limit)
    assert records.spend(TODAY, 10**15 - 2 - 2**49, limit)

    assert records.spent(TODAY) == Spent(2, 10**15 - 1)


def test_who_spends_at_the_same_time_never_passes_the_limit_together(records: Records):
    spenders = 8
    start = Barrier(spenders)

    def spend(_: int) -> int:
        start.wait(timeout=10)
        return sum(records.spend(TODAY, 10, Spent(20, 200)) for _ in range(5))

    with ThreadPoolExecutor(spenders) as pool:
        passed = sum(pool.map(spend, range(spenders)))

    assert passed == 20
    assert records.spent(TODAY) == Spent(20, 200)


def test_every_session_is_found_once(records: Records, session_id: SessionId):
    names = {SessionId(f"{session_id}-{number}") for number in range(30)}
    for name in names:
        records.write(Change(make_session(session_id=name)))

    found = list(records.sessions())

    assert sorted(found) == sorted(names)


def test_what_is_not_a_session_is_none(records: Records):
    records.put_arming(Arming(True, NOON, "begin"))
    records.spend(TODAY, 1, LIMIT)

    assert list(records.sessions()) == []


def test_sessions_are_found_behind_a_page_of_others(records: Records, session_id: SessionId):
    # Four of them are more than the megabyte that a page of a scan holds.
    names = [SessionId(f"{session_id}-{number}") for number in range(5)]
    for name in names:
        records.write(Change(make_session(session_id=name, failure="x" * 300_000)))

    assert sorted(records.sessions()) == names
