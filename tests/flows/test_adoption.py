"""A session that a broken device began: an operator lets another one finish it, and only that one writes then."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import NotFound, NotPermitted, ReelhaulError, SessionAdopted, StateConflict
from chalicelib.core.evidence import Evidence, WholeRead, Xxh128
from chalicelib.core.ids import DeviceId, UploadId
from chalicelib.core.listing import Wanted
from chalicelib.core.picture import Progress
from chalicelib.core.storage import Storage
from chalicelib.core.tokens import Device, Principal, Role
from chalicelib.core.upload import UploadState
from chalicelib.flows import (
    completion,
    devices,
    evidence,
    listings,
    operations,
    revocation,
    sessions,
    uploads,
)
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.silence import silences
from chalicelib.ports import Change, Enlisting, Listed, ListedBy, ListEntry
from tests.support import story
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    START,
    MemoryPorts,
    make_session,
    memory_ports,
    recorded,
)
from tests.support.counters import demand_counted
from tests.support.interrupted import Act, interruptions
from tests.support.memory import MemoryNotifier, crc64nvme_of

SOUTH_ID = DeviceId("d_south")
NORTH = story.NORTH
SOUTH = Principal(Role.DEVICE, "main", SOUTH_ID)
STRANGER = Principal(Role.DEVICE, "main", DeviceId("d_stranger"))
FIRST, SECOND = story.CHAPTERS
BODY = story.BODIES[1]
SENT = 3
"""The parts of the second chapter that the north device has sent."""


def begun() -> MemoryPorts:
    """The north device has brought the first chapter and a part of the second; the south one is enrolled too."""
    ports = replace(memory_ports(), notifier=MemoryNotifier())
    for device_id in (DEVICE_ID, SOUTH_ID):
        ports.records.enlist(Enlisting(device=Device(device_id, device_id, "main", START)))
        devices.enrol(ports, Role.DEVICE, "main", device_id=device_id)
    confirm(ports, NORTH)
    first = uploads.open_upload(ports, NORTH, SESSION_ID, FIRST.artifact_id, FIRST.size_bytes, None)[0].upload
    story.send_body(ports, first, story.BODIES[0])
    completion.complete_upload(ports, NORTH, first.upload_id, crc64nvme_of(story.BODIES[0]))
    send(ports, open_second(ports, NORTH).upload.upload_id, *range(1, SENT + 1))
    return ports


def confirm(ports: MemoryPorts, principal: Principal) -> None:
    sessions.confirm_session(ports, principal, SESSION_ID, make_session().camera, None, story.CHAPTERS, None)


def open_second(ports: MemoryPorts, principal: Principal) -> uploads.UploadView:
    return uploads.open_upload(ports, principal, SESSION_ID, SECOND.artifact_id, SECOND.size_bytes, None)[0]


def send(ports: MemoryPorts, upload_id: UploadId, *numbers: int) -> None:
    upload = recorded(ports).upload(upload_id)
    for number in numbers:
        start = upload.plan.start_of(number)
        part = BODY[start : start + upload.plan.size_of(number)]
        ports.objects.put_part(upload.key, upload.multipart_id, number, part)


def adopt(ports: MemoryPorts, device_id: DeviceId = SOUTH_ID) -> None:
    operations.adopt(ports, story.OPERATOR, SESSION_ID, device_id)


def beat(ports: MemoryPorts, principal: Principal) -> None:
    sessions.record_progress(ports, principal, SESSION_ID, Progress(1, 2, None, None, 3, 4, START, START))


def adopted() -> MemoryPorts:
    ports = begun()
    adopt(ports)
    return ports


def test_the_other_device_finds_the_session_and_sends_only_what_s3_lacks():
    ports = adopted()

    confirm(ports, SOUTH)
    view = open_second(ports, SOUTH)
    send(
        ports, view.upload.upload_id, *(set(view.upload.plan.numbers) - {each.number for each in view.parts})
    )
    completion.complete_upload(ports, SOUTH, view.upload.upload_id, crc64nvme_of(BODY))

    assert [each.number for each in view.parts] == list(range(1, SENT + 1))
    assert recorded(ports).missing == ()
    assert recorded(ports).session.device_id == SOUTH_ID


def read_again(ports: MemoryPorts, principal: Principal) -> Evidence:
    read = WholeRead(FIRST.size_bytes, crc64nvme_of(story.BODIES[0]), Xxh128("ab" * 16), ports.clock.now())
    return evidence.record_second_read(ports, principal, SESSION_ID, FIRST.artifact_id, read)


CALLS: dict[str, Callable[[MemoryPorts, Principal], object]] = {
    "confirm": confirm,
    "look": lambda ports, who: sessions.view_session(ports, who, SESSION_ID),
    "open": open_second,
    "progress": beat,
    "sign": lambda ports, who: uploads.sign_parts(ports, who, of_second(ports), [(4, crc64nvme_of(BODY))]),
    "view upload": lambda ports, who: uploads.load_upload(ports, who, of_second(ports)),
    "complete": lambda ports, who: completion.complete_upload(ports, who, of_second(ports), None),
    "cancel": lambda ports, who: completion.cancel_upload(ports, who, of_second(ports)),
    "order": lambda ports, who: operations.order(ports, who, SESSION_ID, story.WISH),
    "tell of a second read": read_again,
}


def test_the_other_device_tells_of_what_it_reads_again():
    ports = adopted()

    known = read_again(ports, SOUTH)

    assert known.agreed
    assert known.agreed.by == SOUTH_ID


def of_second(ports: MemoryPorts) -> UploadId:
    upload = recorded(ports).latest_upload(SECOND.artifact_id)
    assert upload
    return upload.upload_id


@pytest.mark.parametrize("call", CALLS)
def test_the_next_call_of_the_device_that_began_it_hears_who_finishes_it(call: str):
    ports = adopted()
    before = recorded(ports)

    with pytest.raises(SessionAdopted, match="device d_south finish session match-17-north") as heard:
        CALLS[call](ports, NORTH)

    assert heard.value.device_id == SOUTH_ID
    assert recorded(ports) == before


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("world", [begun, adopted])
def test_a_device_that_was_not_given_the_session_cannot_write(call: str, world: Callable[[], MemoryPorts]):
    ports = world()
    before = recorded(ports)

    with pytest.raises(NotFound):
        CALLS[call](ports, STRANGER)

    assert recorded(ports) == before


def test_before_the_adoption_the_other_device_cannot_write_either():
    with pytest.raises(NotFound):
        confirm(begun(), SOUTH)


def test_a_device_of_the_same_id_in_another_project_hears_nothing():
    with pytest.raises(NotFound):
        sessions.view_session(adopted(), replace(NORTH, project="club"), SESSION_ID)


@pytest.mark.parametrize("role", [Role.DEVICE, Role.PROCESSOR])
def test_only_an_operator_lets_a_device_adopt(role: Role):
    principal = replace(SOUTH, role=role)

    with pytest.raises(NotPermitted):
        operations.adopt(begun(), principal, SESSION_ID, SOUTH_ID)


def test_the_trail_tells_who_had_it_and_who_has_it():
    ports = adopted()

    steps = [step for entry in ports.records.trail(SESSION_ID, 0, 100) for step in entry.steps]

    assert [(each.before, each.after) for each in steps if each.thing == "device"] == [(DEVICE_ID, SOUTH_ID)]
    assert ports.metrics.counts["session.adopted"] == 1


def test_an_adoption_that_is_repeated_changes_nothing():
    ports = adopted()
    before = recorded(ports)

    adopt(ports)

    assert recorded(ports) == before


def test_a_session_may_come_back_to_its_first_device():
    ports = adopted()

    adopt(ports, DEVICE_ID)

    confirm(ports, NORTH)
    with pytest.raises(SessionAdopted):
        confirm(ports, SOUTH)


def test_lists_and_counters_have_it_with_the_other_device():
    ports = adopted()

    def listed(device_id: DeviceId) -> int:
        wanted = Wanted(device_id=device_id)
        return len(listings.list_sessions(ports, story.OPERATOR, "main", wanted, None, 10).rows)

    assert (listed(DEVICE_ID), listed(SOUTH_ID)) == (0, 1)
    assert ports.records.counts("main", DEVICE_ID, None, None) == {}
    assert ports.records.counts("main", SOUTH_ID, None, None) == ports.records.counts(
        "main", None, None, None
    )
    assert [each.device_id for each in ports.records.waiting("main", None, None, 9)] == [SOUTH_ID]
    demand_counted(ports.records)


def test_the_silence_of_the_former_device_is_no_alarm_and_that_of_the_other_one_is():
    ports = begun()
    beat(ports, NORTH)
    adopt(ports)
    ports.clock.advance(ports.policy.device_silent_s + 60)
    reconcile(ports, 60)

    assert ports.metrics.counts["device.silent"] == 0
    beat(ports, SOUTH)
    assert {each.heard.device_id: each.is_hauling for each in silences(ports, "main")} == {
        DEVICE_ID: False,
        SOUTH_ID: True,
    }
    ports.clock.advance(ports.policy.device_silent_s + 60)
    reconcile(ports, 60)
    assert ports.metrics.counts["device.silent"] == 1


@pytest.mark.parametrize("revoked_first", [True, False])
def test_revoking_the_broken_device_ends_no_upload_that_the_other_one_continues(revoked_first: bool):
    ports = begun()
    acts = [lambda: revocation.revoke_device(ports, DEVICE_ID), lambda: adopt(ports)]
    for act in acts if revoked_first else reversed(acts):
        act()

    view = open_second(ports, SOUTH)

    assert view.upload.state is UploadState.OPEN
    assert [each.number for each in view.parts] == list(range(1, SENT + 1))


def test_a_list_that_still_names_the_former_device_revokes_nothing_of_the_other_one():
    ports = adopted()
    stale = ports.records.list_sessions(ListedBy("main", device_id=SOUTH_ID), None, None, None, 9)

    ended = revocation.revoke_device(
        replace(ports, records=Stale(ports.records, stale)),
        DEVICE_ID,
    )

    assert ended.upload_ids == ()
    assert recorded(ports).upload(of_second(ports)).state is UploadState.OPEN


class Stale:
    """A table whose list by device is older than the table."""

    def __init__(self, records: object, entries: tuple[ListEntry, ...]) -> None:
        self._records = records
        self._entries = entries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def list_sessions(
        self, by: ListedBy, created_from: None, created_to: None, after: Listed | None, limit: int
    ) -> tuple[ListEntry, ...]:
        return self._entries if after is None else ()


def test_a_device_that_the_project_does_not_have_adopts_nothing():
    ports = begun()
    ports.records.enlist(Enlisting(device=Device(DeviceId("d_club"), "club's", "club", START)))

    for unknown in ("d_nobody", "d_club"):
        with pytest.raises(NotFound, match=f"project main has no device {unknown}"):
            adopt(ports, DeviceId(unknown))


def test_a_device_without_a_good_token_adopts_nothing():
    ports = begun()
    revocation.revoke_device(ports, SOUTH_ID)

    with pytest.raises(StateConflict, match="no token that is good"):
        adopt(ports)


def test_an_imported_session_has_no_device_that_could_be_another():
    ports = begun()
    picture = recorded(ports)
    storage = Storage("older", START)
    ports.records.arrange(replace(picture, session=replace(picture.session, storage=storage)))

    with pytest.raises(StateConflict, match="imported"):
        adopt(ports)


def test_a_write_of_the_former_device_that_was_under_way_loses():
    """It had read the session before the adoption: its write meets another version, and it looks again."""
    ports = begun()
    upload_id = of_second(ports)
    upload = recorded(ports).upload(upload_id)
    send(ports, upload_id, *upload.plan.numbers)
    plain = ports.records.write
    tries: list[int] = []

    class Late:
        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def write(self, change: Change) -> None:
            tries.append(1)
            if len(tries) == 1:
                adopt(ports)
            plain(change)

    with pytest.raises(SessionAdopted):
        operations.order(replace(ports, records=Late()), NORTH, SESSION_ID, story.WISH)

    assert recorded(ports).session.order is None
    assert recorded(ports).session.device_id == SOUTH_ID


def test_parts_of_an_expired_upload_are_begun_again_by_the_other_device():
    ports = adopted()
    ports.clock.advance(timedelta(days=7).total_seconds())
    reconcile(ports, 60)

    view = open_second(ports, SOUTH)

    assert view.upload.state is UploadState.OPEN
    assert view.parts == ()


def brings_the_rest(ports: MemoryPorts, principal: Principal) -> None:
    """A device brings what is missing of the second chapter, as far as it may."""
    ports.clock.advance(0.001)
    with suppress(ReelhaulError):
        view = open_second(ports, principal)
        if view.upload.is_live:
            send(ports, view.upload.upload_id, *range(SENT + 1, view.upload.plan.part_count + 1))
        completion.complete_upload(ports, principal, view.upload.upload_id, crc64nvme_of(BODY))
        beat(ports, principal)


ACTS: dict[str, Act] = {
    "brings": lambda ports: brings_the_rest(ports, NORTH),
    "reconciles": lambda ports: reconcile(ports, 60),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("adoption_first", [True, False])
def test_an_adoption_inside_any_call_and_any_call_inside_an_adoption_end_with_the_film_home(
    act: str, adoption_first: bool
):
    first, second = (adopt, ACTS[act]) if adoption_first else (ACTS[act], adopt)
    worlds = 0
    for ports in interruptions(begun, first, second):
        worlds += 1
        adopt(ports)
        brings_the_rest(ports, SOUTH)
        reconcile(ports, 60)

        assert recorded(ports).session.device_id == SOUTH_ID
        assert recorded(ports).missing == ()
        assert ports.objects.body(SECOND.key(SESSION_ID)) == BODY
        demand_counted(ports.records)
    assert worlds > 4
