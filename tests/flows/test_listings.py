"""Lists of sessions: who sees which, by which facts, stable while others write, at a cost that ends with the page."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest, NotFound, NotPermitted
from chalicelib.core.heard import Heard
from chalicelib.core.ids import DeviceId
from chalicelib.core.listing import Summary, Wanted
from chalicelib.core.picture import Picture
from chalicelib.core.session import Camera, SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import ALL_PROJECTS, Device, Principal, Role
from chalicelib.flows import listings
from chalicelib.flows.listings import (
    MOST_ENTRIES,
    MOST_QUERIES,
    MOST_READ,
    MOST_ROWS,
    DevicePage,
    SessionPage,
)
from chalicelib.flows.sessions import confirm_session
from chalicelib.flows.settle import settle_session
from chalicelib.ports import Change, Enlisting, Listed, ListedDevice, ListEntry, Ports
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    START,
    MemoryPorts,
    make_chapter,
    make_claimed,
    make_picture,
    make_session,
    make_session_id,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.counted import counted

NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
OPERATOR = Principal(Role.OPERATOR, "main", None)
PROCESSOR = Principal(Role.PROCESSOR, "main", None)
EVERYWHERE = Principal(Role.OPERATOR, ALL_PROJECTS, None)


def at(place: int, project: str = "main", **facts: Any) -> Picture:
    """The session `at-{place}`, so many seconds older than the newest."""
    created_at = START - timedelta(seconds=place)
    known = make_session(session_id=make_session_id(f"at-{place:04}", project), created_at=created_at)
    return Picture(replace(known, **facts), (make_chapter(),))


def listed(ports: Ports, principal: Principal = OPERATOR, **asked: Any) -> SessionPage:
    """The first page, or the one after `after`, of what is asked for."""
    after, limit = asked.pop("after", None), asked.pop("limit", 10)
    project = asked.pop("project", "main")
    return listings.list_sessions(ports, principal, project, Wanted(**asked), after, limit)


def names(page: SessionPage) -> list[str]:
    return [row.session.name for row in page.rows]


def pages(ports: Ports, limit: int, principal: Principal = OPERATOR, **asked: Any) -> Iterator[list[str]]:
    after: Listed | None = None
    while True:
        page = listed(ports, principal, after=after, limit=limit, **asked)
        yield names(page)
        after = page.ends_with
        if after is None:
            return


def flat(found: Iterator[Sequence[str]]) -> list[str]:
    return [name for page in found for name in page]


def test_the_newest_session_comes_first():
    assert names(listed(memory_ports(at(3), at(1), at(2)))) == ["at-0001", "at-0002", "at-0003"]


FACTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "state": (SessionState.FAILED, {"state": SessionState.FAILED}),
    "device_id": (DeviceId("d_south"), {"device_id": DeviceId("d_south")}),
    "serial": ("C99", {"camera": Camera("C99")}),
    "group": ("match-17", {"group": "match-17"}),
}


@pytest.mark.parametrize("fact", FACTS)
def test_a_list_can_be_of_the_sessions_with_one_fact(fact: str):
    asked, facts = FACTS[fact]
    ports = memory_ports(at(1), at(2, **facts), at(3, project="club", **facts), at(4, **facts))

    assert names(listed(ports, **{fact: asked})) == ["at-0002", "at-0004"]
    assert flat(pages(ports, 1, **{fact: asked})) == ["at-0002", "at-0004"]


@pytest.mark.parametrize("first", FACTS)
@pytest.mark.parametrize("second", FACTS)
def test_facts_narrow_the_list_together(first: str, second: str):
    both = FACTS[first][1] | FACTS[second][1]
    ports = memory_ports(at(1, **FACTS[first][1]), at(2, **both), at(3, **FACTS[second][1]))

    found = flat(pages(ports, 1, **{first: FACTS[first][0], second: FACTS[second][0]}))

    assert found == (["at-0002"] if first != second else ["at-0001", "at-0002", "at-0003"])


@pytest.mark.parametrize(
    ("text", "found"), [("0012", 1), ("AT-00", 20), ("at-0012", 1), ("main", 0), ("t-1", 0)]
)
def test_a_text_is_part_of_the_name_in_any_case_and_of_nothing_else(text: str, found: int):
    ports = memory_ports(*(at(place) for place in range(20)))

    assert len(names(listed(ports, text=text, limit=50))) == found


def test_a_list_is_of_the_time_from_the_first_moment_to_before_the_last():
    ports = memory_ports(*(at(place) for place in range(5)))

    found = listed(ports, created_from=START - timedelta(seconds=3), created_to=START - timedelta(seconds=1))

    assert names(found) == ["at-0002", "at-0003"]


def test_a_device_lists_its_own_sessions_and_no_others():
    ports = memory_ports(at(1), at(2, device_id=DeviceId("d_south")), at(3))

    assert names(listed(ports, NORTH)) == ["at-0001", "at-0003"]
    assert names(listed(ports, NORTH, device_id=DEVICE_ID)) == ["at-0001", "at-0003"]
    assert listed(ports, NORTH, device_id=DeviceId("d_south")) == SessionPage((), None)
    assert names(listed(ports, NORTH, serial="C3501324500711")) == ["at-0001", "at-0003"]


def test_a_processor_lists_its_project():
    ports = memory_ports(at(1), at(2, device_id=DeviceId("d_south")), at(3, project="club"))

    assert names(listed(ports, PROCESSOR)) == ["at-0001", "at-0002"]


def test_a_project_that_the_token_is_not_of_has_no_list():
    with pytest.raises(NotFound):
        listed(memory_ports(at(1, project="club")), OPERATOR, project="club")


def test_a_token_of_all_projects_lists_the_one_that_it_names():
    ports = memory_ports(at(1), at(2, project="club"))

    assert names(listed(ports, EVERYWHERE, project="club")) == ["at-0002"]


@pytest.mark.parametrize("limit", [1, MOST_ROWS])
def test_a_page_may_have_from_one_to_the_most_rows(limit: int):
    ports = memory_ports(*(at(place) for place in range(MOST_ROWS + 1)))

    assert len(listed(ports, limit=limit).rows) == limit


@pytest.mark.parametrize("limit", [0, MOST_ROWS + 1])
def test_other_sizes_of_a_page_are_refused(limit: int):
    with pytest.raises(InvalidRequest, match=r"limit"):
        listed(memory_ports(), limit=limit)


@pytest.mark.parametrize("count", [9, 10, 11])
def test_a_page_that_is_the_last_one_says_so(count: int):
    page = listed(memory_ports(*(at(place) for place in range(count))))

    assert len(page.rows) == min(count, 10)
    assert (page.ends_with is None) == (count <= 10)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_no_session_is_skipped_or_told_twice_while_others_write(limit: int):
    ports = memory_ports(*(at(place) for place in range(10, 30)))
    seen: list[str] = []
    after: Listed | None = None
    newer = iter(range(9, -1, -1))
    while True:
        page = listed(ports, after=after, limit=limit)
        seen += names(page)
        after = page.ends_with
        if after is None:
            break
        # Between two pages a session is opened, another one changes its state, and one of an older day is imported.
        ports.records.arrange(at(next(newer, 0)))
        ports.records.arrange(at(20, state=SessionState.FAILED))
        if len(seen) < 10:
            ports.records.arrange(at(1000 + len(seen)))

    known = [f"at-{place:04}" for place in range(10, 30)]
    assert [name for name in seen if name in known] == known
    assert len(seen) == len(set(seen))


def test_what_a_row_tells_is_recorded_with_each_write_of_the_session():
    ports = memory_ports()
    chapters = [make_chapter(1), make_chapter(2, size_bytes=10)]
    confirm_session(ports, NORTH, SESSION_ID, Camera("C35"), None, chapters, None)

    [row] = listed(ports).rows

    assert row.summary == Summary(2, 35, 0, 0, None)


def test_a_row_tells_how_much_is_verified_and_since_when_the_session_is_stored():
    ports = memory_ports(make_picture(make_claimed(), chapters=[make_chapter(1), make_chapter(2)]))
    send_parts(ports.objects, make_upload())
    settle_session(ports, SESSION_ID, Actor.RECONCILER)

    assert listed(ports).rows[0].summary == Summary(2, 50, 1, 25, None)

    whole = memory_ports(make_picture(make_claimed()))
    send_parts(whole.objects, make_upload())
    settle_session(whole, SESSION_ID, Actor.RECONCILER)
    [receipt] = recorded(whole).receipts_at(make_upload().key)

    assert listed(whole).rows[0].summary == Summary(1, 25, 1, 25, receipt.verified_at)


def test_what_an_older_version_recorded_is_told_from_its_records():
    ports = memory_ports()
    ports.records.write(Change(make_session(), chapters=(make_chapter(),)))

    [row] = listed(ports).rows

    assert row.summary == Summary(1, 25, 0, 0, None)


def many(count: int, **last: Any) -> MemoryPorts:
    """So many sessions, the oldest of them with these facts."""
    return memory_ports(*(at(place) for place in range(count - 1)), at(count - 1, **last))


def test_what_no_index_serves_is_looked_for_in_a_bounded_number_of_entries():
    most = MOST_ENTRIES * MOST_QUERIES
    ports, calls = counted(many(most + 1, state=SessionState.FAILED))

    page = listed(ports, state=SessionState.FAILED)

    assert (page.rows, page.ends_with) == (
        (),
        Listed(at(most - 1).session.session_id, at(most - 1).session.created_at),
    )
    assert (calls["list_sessions"], calls["rows"]) == (MOST_QUERIES, 0)
    assert names(listed(ports, state=SessionState.FAILED, after=page.ends_with)) == [f"at-{most:04}"]


def test_a_page_goes_on_past_the_entries_of_one_query():
    ports = many(MOST_ENTRIES + 2, state=SessionState.FAILED)
    ports.records.arrange(at(0, state=SessionState.FAILED))

    assert flat(pages(ports, 10, state=SessionState.FAILED)) == ["at-0000", f"at-{MOST_ENTRIES + 1:04}"]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_what_only_a_session_itself_tells_is_looked_for_in_a_bounded_number_of_sessions(more: int):
    ports, calls = counted(many(MOST_READ + more, group="match-17", device_id=DeviceId("d_south")))

    page = listed(ports, serial="C3501324500711", device_id=DeviceId("d_south"), limit=MOST_ROWS)

    assert calls["rows"] <= MOST_READ / MOST_ROWS
    assert len(page.rows) == (0 if more == 1 else 1)
    following = listed(ports, serial="C3501324500711", device_id=DeviceId("d_south"), after=page.ends_with)
    assert more < 1 or len(following.rows) == 1


@pytest.mark.parametrize("count", [11, 300])
def test_a_page_of_one_index_costs_one_query_and_one_read_of_rows(count: int):
    ports, calls = counted(memory_ports(*(at(place) for place in range(count))))

    listed(ports)

    assert calls == {"list_sessions": 1, "rows": 1}


def device(name: str, place: int = 0, project: str = "main") -> Device:
    return Device(DeviceId(f"d_{name}"), name, project, START - timedelta(seconds=place))


def with_devices(*devices: Device, pictures: Sequence[Picture] = ()) -> MemoryPorts:
    ports = memory_ports(*pictures)
    for each in devices:
        ports.records.enlist(Enlisting(device=each))
    return ports


def heard(ports: MemoryPorts, name: str, picture: Picture, seconds: int = 0) -> None:
    last = Heard(DeviceId(f"d_{name}"), picture.session.session_id, START - timedelta(seconds=seconds))
    ports.records.put_heard("main", last)


def devices_of(
    ports: Ports, after: ListedDevice | None = None, limit: int = 10, principal: Principal = OPERATOR
) -> DevicePage:
    return listings.list_devices(ports, principal, "main", after, limit)


def test_a_device_is_told_with_its_silence_and_whether_it_hauls():
    waiting = at(1, device_id=DeviceId("d_a"))
    whole = at(2, device_id=DeviceId("d_b"), state=SessionState.STORED)
    ports = with_devices(device("a"), device("b", 1), device("c", 2), pictures=[waiting, whole])
    heard(ports, "a", waiting, 12)
    heard(ports, "b", whole, 900)

    rows = devices_of(ports).rows

    assert [(row.device.name, row.silent_s, row.is_hauling) for row in rows] == [
        ("a", 12, True),
        ("b", 900, False),
        ("c", None, False),
    ]


@pytest.mark.parametrize(("seconds", "is_silent"), [(899, False), (900, True), (901, True)])
def test_a_device_that_hauls_is_silent_after_fifteen_minutes(seconds: int, is_silent: bool):
    waiting, whole = (
        at(1, device_id=DeviceId("d_a")),
        at(2, device_id=DeviceId("d_b"), state=SessionState.STORED),
    )
    ports = with_devices(device("a"), device("b", 1), pictures=[waiting, whole])
    heard(ports, "a", waiting, seconds)
    heard(ports, "b", whole, seconds)

    assert [row.is_silent for row in devices_of(ports).rows] == [is_silent, False]


def test_what_a_session_tells_of_a_device_is_told_as_long_as_the_session_is_its_own():
    own = at(1, device_id=DeviceId("d_a"))
    ports = with_devices(device("a"), device("b", 1), pictures=[own])
    heard(ports, "a", own)
    heard(ports, "b", own)

    mine, former = devices_of(ports).rows

    assert (mine.is_hauling, mine.waiting_bytes) == (True, 25)
    assert (former.is_hauling, former.waiting_bytes, former.last) == (False, None, None)


def test_a_heartbeat_of_a_moment_ago_is_never_from_the_future():
    ports = with_devices(device("a"), pictures=[at(1)])
    heard(ports, "a", at(1), -3)

    assert devices_of(ports).rows[0].silent_s == 0


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_page_of_devices_says_whether_it_is_the_last(count: int):
    ports = with_devices(*(device(f"n{place}", place) for place in range(count)))

    page = devices_of(ports, limit=3)

    assert len(page.rows) == min(3, count)
    assert (page.ends_with is None) == (count <= 3)
    if page.ends_with:
        assert [row.device.name for row in devices_of(ports, page.ends_with).rows] == ["n3"]


def test_a_page_of_devices_costs_two_reads_however_many_there_are():
    ports = with_devices(*(device(f"n{place}", place) for place in range(60)), pictures=[at(1)])
    heard(ports, "n3", at(1))
    watched, calls = counted(ports)

    devices_of(watched)

    assert calls == {"list_devices": 1, "rows": 1}


@pytest.mark.parametrize("principal", [NORTH, PROCESSOR])
def test_only_operators_list_devices(principal: Principal):
    with pytest.raises(NotPermitted):
        devices_of(memory_ports(), principal=principal)


@pytest.mark.parametrize("limit", [0, MOST_ROWS + 1])
def test_a_page_of_devices_has_a_size(limit: int):
    with pytest.raises(InvalidRequest, match=r"limit"):
        devices_of(memory_ports(), limit=limit)


def test_an_entry_of_a_session_that_was_never_recorded_so_is_left_out():
    ports = memory_ports(at(1), at(2))

    class Ahead:
        """A table whose list has one session that is not recorded, and another moment of one that is."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def list_sessions(self, *asked: Any) -> tuple[ListEntry, ...]:
            never, moved = at(0).session, at(1).session
            return (
                ListEntry(Listed(never.session_id, never.created_at), None),
                ListEntry(Listed(moved.session_id, moved.created_at + timedelta(seconds=1)), None),
                *ports.records.list_sessions(*asked),
            )

    assert names(listed(replace(ports, records=Ahead()))) == ["at-0001", "at-0002"]
