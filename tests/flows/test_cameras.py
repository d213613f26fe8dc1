"""What is known of a camera: whose sessions, how much of it a page, and what is believed of the index."""

from datetime import timedelta
from typing import cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import NotFound, StorageBusy
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Camera
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.flows import cameras
from chalicelib.flows.cameras import ENOUGH_CHAPTERS, MOST_SESSIONS, KnownSessions
from chalicelib.ports import Listed, Ports
from tests.support.builders import (
    DEVICE_ID,
    START,
    MemoryPorts,
    make_chapter,
    make_session,
    make_session_id,
    memory_ports,
)
from tests.support.counted import counted
from tests.support.faults import Fault, faulty
from tests.support.memory import MemoryRecords

SERIAL = "C3501324500711"
NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
SOUTH = Principal(Role.DEVICE, "main", DeviceId("d_south"))
ELSEWHERE = Principal(Role.DEVICE, "club", DEVICE_ID)
EVERYWHERE = Principal(Role.OPERATOR, ALL_PROJECTS, None)


def make_recording(place: int, chapters: int = 1, project: str = "main", **session) -> Picture:
    """The session `at-{place}`, so many seconds older than the newest, with so many chapters."""
    created_at = START - timedelta(seconds=place)
    known = make_session(session_id=make_session_id(f"at-{place:03}", project), created_at=created_at)
    return Picture(replace(known, **session), tuple(make_chapter(number + 1) for number in range(chapters)))


def known_of(
    ports: Ports, principal: Principal = NORTH, after: Listed | None = None, project: str | None = None
) -> KnownSessions:
    """What is known in `project`, or else in the one that this caller means by naming none."""
    project = project or principal.meant_project(None)
    return cameras.list_known_sessions(ports, principal, project, SERIAL, after)


def names(known: KnownSessions) -> list[str]:
    return [picture.session.name for picture in known.pictures]


def walked(ports: Ports, principal: Principal = NORTH) -> list[list[str]]:
    """The names of the sessions of every page."""
    known = known_of(ports, principal)
    pages = [names(known)]
    while known.ends_with:
        known = known_of(ports, principal, known.ends_with)
        pages.append(names(known))
    return pages


def test_of_a_camera_that_nobody_hauled_from_nothing_is_known():
    assert known_of(memory_ports()) == KnownSessions((), None)


def test_the_newest_session_is_told_first_as_it_is_recorded():
    older, newer = make_recording(2, chapters=3), make_recording(1)

    assert known_of(memory_ports(older, newer)).pictures == (newer, older)


def test_a_device_knows_what_others_of_its_project_haul_and_nothing_of_another():
    ports = memory_ports(
        make_recording(1, device_id=DeviceId("d_broken")),
        make_recording(2, device_id=SOUTH.device_id),
        make_recording(3, project="club"),
    )

    assert names(known_of(ports, NORTH)) == names(known_of(ports, SOUTH)) == ["at-001", "at-002"]
    assert names(known_of(ports, ELSEWHERE)) == ["at-003"]


@pytest.mark.parametrize("role", Role)
def test_every_role_knows_the_same_of_its_project(role: Role):
    ports = memory_ports(make_recording(1), make_recording(2, project="club"))

    assert names(known_of(ports, Principal(role, "main", None))) == ["at-001"]


def test_who_is_of_all_projects_knows_the_sessions_of_the_project_that_is_named():
    ports = memory_ports(
        make_recording(1), make_recording(2, project="club"), make_recording(3, camera=Camera("C35"))
    )

    assert names(known_of(ports, EVERYWHERE, project="main")) == ["at-001"]
    assert names(known_of(ports, EVERYWHERE, project="club")) == ["at-002"]


@pytest.mark.parametrize("role", Role)
def test_who_is_of_one_project_hears_that_there_is_no_other(role: Role):
    ports = memory_ports(make_recording(1, project="club"))

    with pytest.raises(NotFound):
        known_of(ports, Principal(role, "main", DEVICE_ID), project="club")


@pytest.mark.parametrize(
    ("sessions", "sizes"), [(19, [19]), (20, [20]), (21, [20, 1]), (40, [20, 20]), (41, [20, 20, 1])]
)
def test_a_page_has_at_most_twenty_sessions_and_the_last_one_says_so(sessions: int, sizes: list[int]):
    assert MOST_SESSIONS == 20
    recordings = [make_recording(place) for place in range(sessions)]

    pages = walked(memory_ports(*recordings))

    assert [len(page) for page in pages] == sizes
    assert [name for page in pages for name in page] == [each.session.name for each in recordings]


@pytest.mark.parametrize(("third", "pages"), [(1, [4, 1]), (2, [3, 2]), (3, [3, 2])])
def test_a_page_goes_on_until_it_has_two_hundred_chapters(third: int, pages: list[int]):
    assert ENOUGH_CHAPTERS == 99 + 99 + 2
    chapters = (99, 99, third, 99, 99)
    recordings = [make_recording(place, each) for place, each in enumerate(chapters)]

    assert [len(page) for page in walked(memory_ports(*recordings))] == pages


def test_sessions_of_another_project_are_neither_read_nor_told_by_the_cursor():
    strange = [make_recording(place, project="club") for place in range(30)]
    ports, calls = counted(memory_ports(*strange, make_recording(31), make_recording(32)))

    known = known_of(ports)

    assert (names(known), known.ends_with, calls["picture"]) == (["at-031", "at-032"], None, 2)


def test_no_page_reads_more_than_it_tells():
    ports, calls = counted(memory_ports(*[make_recording(place, 99) for place in range(10)]))

    assert len(known_of(ports).pictures) == 3
    assert (calls["sessions_of_camera"], calls["picture"]) == (1, 3)


def test_what_a_rival_adds_between_two_pages_neither_hides_nor_repeats_a_session():
    ports = memory_ports(*[make_recording(place) for place in range(1, 25)])
    first = known_of(ports)
    ports.records.arrange(make_recording(0))

    second = known_of(ports, after=first.ends_with)

    assert names(first) + names(second) == [f"at-{place:03}" for place in range(1, 25)]


class MistakenIndex(MemoryRecords):
    """A table whose index names for every project what it knows, and one session that is not there."""

    def __init__(self, records: MemoryRecords) -> None:
        self._records = records

    def picture(self, session_id):
        return self._records.picture(session_id)

    def sessions_of_camera(self, serial, project, after, limit):
        listed = [self._records.sessions_of_camera(serial, each, after, limit) for each in ("main", "club")]
        return (Listed(make_session_id("never"), START), *listed[0], *listed[1])[:limit]


def mistaken(ports: MemoryPorts) -> Ports:
    return replace(ports, records=cast(MemoryRecords, MistakenIndex(ports.records)))


def test_what_the_index_says_of_a_project_is_not_believed():
    ports = memory_ports(make_recording(1, project="club"), make_recording(2))

    assert names(known_of(mistaken(ports))) == ["at-002"]


def test_a_page_of_nothing_that_the_caller_may_see_is_empty_and_not_the_last():
    ports = memory_ports(*[make_recording(place, project="club") for place in range(30)])

    known = known_of(mistaken(ports))

    assert known.pictures == ()
    assert known.ends_with == Listed(make_session_id("at-018", "club"), START - timedelta(seconds=18))


def test_a_session_that_cannot_be_read_now_is_never_left_out():
    ports = memory_ports(make_recording(1), make_recording(2))
    busy = faulty(ports.records, Fault("picture", StorageBusy("ask again"), call=2))

    with pytest.raises(StorageBusy):
        known_of(replace(ports, records=busy))
