"""How much is looked at: no upload for what a person says, its own for an event, few of many that wait in a round."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Conflict
from chalicelib.core.ids import SessionId, UploadId
from chalicelib.core.order import wish
from chalicelib.core.picture import MOST_CHAPTERS, Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.settle.uploads import LOOKS_AT_ONCE
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.core.upload import Upload, UploadState
from chalicelib.flows import completion, operations, uploads
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.s3_events import settle_created
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    UPLOAD_ID,
    MemoryPorts,
    make_bodies,
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
from tests.support.faults import Fault, faulty
from tests.support.memory import crc64nvme_of

DEVICE = Principal(Role.DEVICE, "main", DEVICE_ID)
OPERATOR = Principal(Role.OPERATOR, ALL_PROJECTS, None)
WISH = wish(["output.enhanced.mp4"], {})
CHAPTERS = [make_chapter(number) for number in range(1, MOST_CHAPTERS + 1)]
CRC = crc64nvme_of(b"".join(make_bodies(make_upload().plan).values()))
ROUND_S = 300
FEW = 10


def full(session_id: SessionId = SESSION_ID, looks: int = 0) -> Picture:
    """A session whose 99 chapters all have a claimed upload, of which no part has arrived; all are due."""
    uploads = tuple(
        make_claimed(
            chapter,
            session_id=session_id,
            upload_id=UploadId(f"u_{session_id}_{number:02d}"),
            multipart_id=f"multipart-{session_id}-{number}",
            looks=looks,
        )
        for number, chapter in enumerate(CHAPTERS, start=1)
    )
    return Picture(make_session(session_id=session_id), tuple(CHAPTERS), uploads)


def orders(ports: MemoryPorts) -> object:
    return operations.order(ports, OPERATOR, SESSION_ID, WISH)


def holds(ports: MemoryPorts) -> object:
    return operations.hold(ports, OPERATOR, SESSION_ID, "look first")


def releases(ports: MemoryPorts) -> object:
    return operations.hold(ports, OPERATOR, SESSION_ID, None)


def fails(ports: MemoryPorts) -> object:
    return operations.fail(ports, OPERATOR, SESSION_ID, "no light", None)


@pytest.mark.parametrize("says", [orders, holds, releases, fails])
def test_what_is_said_of_a_session_with_99_open_uploads_looks_at_none_of_them(
    says: Callable[[MemoryPorts], object],
):
    ports, calls = counted(memory_ports(replace(full(), session=make_session(held="wait"))))

    says(ports)

    assert (calls["parts"], calls["head"]) == (0, 0)
    assert calls.total() <= FEW


def test_an_event_looks_at_the_uploads_of_its_key_alone():
    plain = memory_ports(full())
    first = recorded(plain).uploads[0]
    plain.records.arrange(recorded(plain).with_upload(first.promised(CRC, plain.clock.now())))
    assemble(plain, first)
    ports, calls = counted(plain)

    settle_created(ports, {"Records": [{"s3": {"object": {"key": first.key}}}]}, Actor.EVENT)

    assert recorded(plain).uploads[0].receipt
    assert calls.total() <= FEW


def assemble(ports: MemoryPorts, upload: Upload) -> None:
    send_parts(ports.objects, upload)
    held = ports.objects.parts(upload.key, upload.multipart_id)
    ports.objects.complete(upload.key, upload.multipart_id, held, CRC, upload.plan.size_bytes)


def test_a_round_looks_at_few_uploads_of_a_session_and_the_next_rounds_at_the_others():
    plain = memory_ports(full())
    ports, calls = counted(plain)
    for number in range(1, 6):
        plain.clock.advance(1)
        reconcile(ports, 60)
        assert calls["parts"] == min(number * LOOKS_AT_ONCE, MOST_CHAPTERS)

    reconcile(ports, 60)
    assert calls["parts"] == MOST_CHAPTERS
    assert all(upload.looks == 1 for upload in recorded(plain).uploads)


def test_a_round_over_6000_open_uploads_of_which_nobody_hears_looks_at_a_bounded_number():
    sessions = [make_session_id(f"match-{number}") for number in range(61)]
    plain = memory_ports(*(full(session_id, looks=9) for session_id in sessions))
    ports, calls = counted(plain)
    looks = []
    for _ in range(3_600 // ROUND_S + 1):
        plain.clock.advance(ROUND_S)
        before = calls["parts"]
        assert reconcile(ports, 60).finished
        looks.append(calls["parts"] - before)

    at_once = len(sessions) * LOOKS_AT_ONCE
    everyone_once = len(sessions) * MOST_CHAPTERS
    assert looks[:4] == [at_once] * 4
    assert sum(looks[:5]) == everyone_once
    # Then nobody for the rest of the hour.
    assert (sum(looks[5:12]), looks[12]) == (0, at_once)


def resting(looks: int = 9) -> MemoryPorts:
    """Ports with one claimed upload, silent for hours, at which the reconciler has just looked."""
    ports = memory_ports(make_picture(make_claimed(looks=looks)))
    reconcile(ports, 60)
    assert recorded(ports).upload(UPLOAD_ID).is_resting(ports.clock.now())
    return ports


def signs(ports: MemoryPorts) -> object:
    return uploads.sign_parts(ports, DEVICE, UPLOAD_ID, [(1, CRC)])


def test_who_asks_for_part_urls_has_the_upload_looked_at_in_the_next_round():
    ports = resting()

    signs(ports)
    send_parts(ports.objects, make_upload())
    ports.clock.advance(1)
    reconcile(ports, 60)

    assert recorded(ports).session.state is SessionState.STORED


def test_asking_for_part_urls_again_and_again_writes_nothing_more():
    ports = resting()
    signs(ports)
    watched, calls = counted(ports)

    signs(watched)

    assert calls["write"] == 0


def test_who_asks_for_part_urls_and_loses_a_race_has_it_looked_at_all_the_same():
    ports = resting()
    signs(replace(ports, records=faulty(ports.records, Fault("write", Conflict("rival")))))

    assert not recorded(ports).upload(UPLOAD_ID).is_resting(ports.clock.now())


def test_who_completes_or_opens_is_not_kept_waiting_by_a_rest():
    for act in (
        lambda ports: completion.complete_upload(ports, DEVICE, UPLOAD_ID, None),
        lambda ports: uploads.open_upload(ports, DEVICE, SESSION_ID, make_chapter().artifact_id, 25, None),
    ):
        ports = resting()
        send_parts(ports.objects, make_upload())
        act(ports)

        assert recorded(ports).upload(UPLOAD_ID).state is UploadState.VERIFIED


def test_an_event_of_an_object_that_only_the_reconciler_may_reject_has_it_looked_at_in_the_next_round():
    ports = resting()
    assemble(ports, make_upload())

    settle_created(ports, {"Records": [{"s3": {"object": {"key": make_upload().key}}}]}, Actor.EVENT)
    assert recorded(ports).upload(UPLOAD_ID).state is UploadState.OPEN
    ports.clock.advance(1)
    reconcile(ports, 60)

    assert recorded(ports).upload(UPLOAD_ID).state is UploadState.REJECTED


@pytest.mark.parametrize("silence_s", [1, 301, 3_600, 5 * 86_400])
def test_what_is_claimed_and_whole_is_stored_without_its_device_within_an_hour_and_two_rounds(silence_s: int):
    ports = memory_ports(make_picture(make_claimed()))
    for _ in range(silence_s // ROUND_S):
        ports.clock.advance(ROUND_S)
        reconcile(ports, 60)
    ports.clock.advance(silence_s % ROUND_S)
    send_parts(ports.objects, make_upload())

    for _ in range((ports.policy.longest_look_s + 2 * ROUND_S) // ROUND_S):
        ports.clock.advance(ROUND_S)
        reconcile(ports, 60)

    assert recorded(ports).session.state is SessionState.STORED


def test_uploads_that_fail_in_every_round_do_not_keep_others_of_their_session_from_their_turn():
    plain = memory_ports(full())
    last = recorded(plain).uploads[-1]
    send_parts(plain.objects, last)
    broken = replace(plain, objects=_Unfit(plain.objects, last.multipart_id))

    for _ in range(MOST_CHAPTERS // LOOKS_AT_ONCE + 1):
        plain.clock.advance(1)
        reconcile(broken, 60)

    assert recorded(plain).upload(last.upload_id).receipt


class _Unfit:
    """A bucket that lists the parts of one upload alone."""

    def __init__(self, objects: object, multipart_id: str) -> None:
        self._objects = objects
        self._multipart_id = multipart_id

    def __getattr__(self, name: str) -> object:
        return getattr(self._objects, name)

    def parts(self, key: str, multipart_id: str) -> object:
        if multipart_id != self._multipart_id:
            raise ValueError(f"the parts of {key} have no checksum")
        return self._objects.parts(key, multipart_id)  # type: ignore[attr-defined]  # a stand-in
