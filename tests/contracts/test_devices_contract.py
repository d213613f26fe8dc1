"""What every Records lists of devices: those of one project, the newest first, page by page, as heard last."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.heard import Heard
from chalicelib.core.ids import DeviceId
from chalicelib.core.tokens import Device
from chalicelib.ports import Enlisting, ListedDevice, Records
from tests.contracts.worlds import World
from tests.support.builders import make_session_id

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def records(world: World) -> Records:
    return world.records


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return f"p{secrets.token_hex(8)}"


def enrolled(records: Records, project: str, name: str, at: datetime = NOON) -> Device:
    device = Device(DeviceId(f"d_{project}-{name}"), name, project, at)
    records.enlist(Enlisting(device=device))
    return device


def demand(records: Records, project: str, expected: list[Device]) -> None:
    """The list once it is `expected`: the index may lag behind writes."""
    deadline = time.monotonic() + 10
    while (found := listed(records, project)) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected


def listed(records: Records, project: str, after: Device | None = None, limit: int = 100) -> list[Device]:
    place = ListedDevice(after.device_id, after.enrolled_at) if after else None
    return [device for device, _ in records.list_devices(project, place, limit)]


def walked(records: Records, project: str, limit: int) -> Iterator[Device]:
    page = listed(records, project, None, limit)
    while page:
        assert len(page) <= limit
        yield from page
        page = listed(records, project, page[-1], limit)


def test_a_project_without_devices_lists_none(records: Records, project: str):
    assert records.list_devices(project, None, 10) == ()


def test_the_devices_of_a_project_are_listed_the_newest_first(records: Records, project: str):
    older = enrolled(records, project, "older", NOON - timedelta(days=400))
    newest = enrolled(records, project, "newest", NOON + MOMENT)
    same = [enrolled(records, project, name) for name in ("c", "b", "a")]
    enrolled(records, f"{project}-2", "of-another-project")

    demand(records, project, [newest, *same, older])


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_pages_of_any_size_have_every_device_once(records: Records, project: str, limit: int):
    known = [enrolled(records, project, name) for name in ("d", "c", "b", "a")]
    demand(records, project, known)

    assert list(walked(records, project, limit)) == known


def test_a_device_is_listed_with_what_was_heard_of_it_last(records: Records, project: str):
    silent, heard = enrolled(records, project, "silent"), enrolled(records, project, "heard")
    demand(records, project, [silent, heard])
    last = Heard(heard.device_id, make_session_id("s", project), NOON)
    records.put_heard(project, last)

    assert records.list_devices(project, None, 10) == ((silent, None), (heard, last))


def test_more_devices_than_one_read_takes_are_listed(records: Records, project: str):
    known = [enrolled(records, project, f"at-{place:02}", NOON - place * MOMENT) for place in range(51)]

    demand(records, project, known)
