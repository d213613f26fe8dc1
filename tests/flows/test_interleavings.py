"""Any two who act on one session, one's whole run inside the other at each of its calls; and each call failing once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count, product

import pytest

from chalicelib.core.errors import Conflict, MultipartGone, ReelhaulError, StorageBusy
from chalicelib.core.order import wish
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.settle.outputs import awaits_outputs
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Upload, UploadState
from chalicelib.flows import completion, sessions, uploads
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    UPLOAD_ID,
    MemoryPorts,
    make_bodies,
    make_chapter,
    make_claimed,
    make_picture,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.counters import demand_counted
from tests.support.faults import When
from tests.support.interrupted import Act, Interrupted, Moment, interruptions
from tests.support.memory import Refused, crc64nvme_of

WISH = wish(["output.enhanced.mp4"], {})
NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
CHAPTER = make_chapter()
BODY = b"".join(make_bodies(make_upload().plan).values())
CRC = crc64nvme_of(BODY)
MISREAD_CRC = crc64nvme_of(b"misread")
ROUNDS = 3


def completes(ports: MemoryPorts) -> object:
    return completion.complete_upload(ports, NORTH, UPLOAD_ID, CRC)


def completes_with_another_claim(ports: MemoryPorts) -> object:
    """A second client of the device, which read the chapter otherwise; it may hear anything but yes."""
    answer = completion.complete_upload(ports, NORTH, UPLOAD_ID, MISREAD_CRC)
    pytest.fail(f"a claim of {MISREAD_CRC} was answered {answer}")


def hears_of_it(ports: MemoryPorts) -> object:
    return settle_session(ports, SESSION_ID, Actor.EVENT)


def reconciles(ports: MemoryPorts) -> object:
    return reconcile(ports, 60)


def cancels(ports: MemoryPorts) -> object:
    return completion.cancel_upload(ports, NORTH, UPLOAD_ID)


def opens(ports: MemoryPorts) -> uploads.UploadView:
    return uploads.open_upload(ports, NORTH, SESSION_ID, CHAPTER.artifact_id, CHAPTER.size_bytes, None)[0]


def asks(ports: MemoryPorts) -> object:
    return completion.view_upload(ports, NORTH, UPLOAD_ID)


def reconciles_after_the_undo_window(ports: MemoryPorts) -> object:
    ports.clock.advance(ports.policy.undo_s)
    return reconcile(ports, 60)


def sends_a_part_it_misread(ports: MemoryPorts) -> None:
    """A PUT that was on its way for long: its bytes are what the device read first, not what it read since."""
    upload = make_upload()
    with suppress(Refused):
        ports.objects.put_part(upload.key, upload.multipart_id, 1, b"!" * 10)


ACTS: tuple[Act, ...] = (
    completes,
    completes_with_another_claim,
    hears_of_it,
    reconciles,
    cancels,
    opens,
    asks,
    reconciles_after_the_undo_window,
)
STARTS = {
    "open": make_upload(),
    "claimed": make_upload().claimed(CRC),
    "promised": make_upload().promised(CRC, make_upload().opened_at),
    "cancelled": make_upload().cancelled(make_upload().opened_at),
}


MISREAD = [(act, sends_a_part_it_misread, start) for act in ACTS for start in ("open", "claimed")]
"""Once it is promised, what S3 holds by then is what the device had read."""

CASES = [*product(ACTS, ACTS, STARTS), *MISREAD]


def world(start: Upload, *numbers: int) -> MemoryPorts:
    """The first upload recorded as `start`, its parts `numbers` (none given: all) in S3."""
    ports = memory_ports(make_picture(start))
    send_parts(ports.objects, start, *numbers)
    return ports


def run(act: Act, ports: MemoryPorts) -> None:
    """`act`, whose refusals are answers like others; anything without a name fails the test."""
    with suppress(ReelhaulError):
        act(ports)


def interleavings(arranged: Callable[[], MemoryPorts], first: Act, second: Act) -> Iterator[MemoryPorts]:
    """The worlds in which `second` ran inside `first`, whatever either was refused."""
    return interruptions(arranged, partial(run, first), partial(run, second))


def demand_sound(ports: MemoryPorts) -> None:
    """What must hold at any moment."""
    demand_counted(ports.records)
    for upload in recorded(ports).uploads:
        if upload.is_live:
            _demand_parts_or_object(ports, upload)
        if upload.receipt:
            assert ports.objects.body(upload.key) == BODY
            assert not upload.is_disowned, "verified though its device read something else"
            assert upload.receipt.version_id == ports.objects.versions(upload.key)[-1].version_id


def _demand_parts_or_object(ports: MemoryPorts, upload: Upload) -> None:
    stored = ports.objects.head(upload.key)
    if stored and stored.upload_id == upload.upload_id:
        return
    try:
        ports.objects.parts(upload.key, upload.multipart_id)
    except MultipartGone:
        pytest.fail(f"{upload.upload_id} is {upload.state.value} and was aborted")


def demand_settled(ports: MemoryPorts) -> None:
    """What must hold after the reconciler: nothing owed to anyone, nothing forgotten in S3, no promise left hanging."""
    picture = recorded(ports)
    assert not [upload for upload in picture.uploads if upload.owes]
    assert not list(ports.objects.multiparts(""))
    # Who waits for a processor is looked at in every round.
    assert awaits_outputs(picture) or not ports.records.due(ports.clock.now(), 10)
    for upload in picture.uploads:
        assert upload.state in (UploadState.VERIFIED, UploadState.REJECTED) or not upload.promise


def time_passes(ports: MemoryPorts, seconds: float) -> None:
    for _ in range(ROUNDS):
        ports.clock.advance(seconds / ROUNDS)
        reconcile(ports, 60)
        demand_sound(ports)


def device_hauls(ports: MemoryPorts) -> None:
    """The client's rerun: open, send what is missing or differs, complete; until there is a receipt."""
    for _ in range(2 * ROUNDS):
        try:
            view = opens(ports)
        except MultipartGone:
            # Assembled, and the reconciler has yet to reject it.
            time_passes(ports, ports.policy.finalize_patience_s)
            continue
        if view.upload.receipt:
            return
        if view.upload.promise:
            time_passes(ports, ports.policy.finalize_patience_s)
            continue
        send_parts(ports.objects, view.upload)
        try:
            completion.complete_upload(ports, NORTH, view.upload.upload_id, CRC)
        except ReelhaulError:
            # Being assembled, or the key is not free yet: the client tries again for some minutes, or a person later.
            time_passes(ports, ports.policy.in_flight_s)
    assert recorded(ports).missing == ()


def rejected() -> MemoryPorts:
    """A rejected upload, whose object stands and is to be removed."""
    start = make_upload()
    ports = world(start)
    held = ports.objects.parts(start.key, start.multipart_id)
    ports.objects.complete(start.key, start.multipart_id, held, CRC, len(BODY))
    ports.clock.advance(60)
    ports.records.arrange(make_picture(start.rejected("wrong", ports.clock.now())), ports.clock.now())
    return ports


def brings_the_same_again(ports: MemoryPorts) -> None:
    """Another round removes what was rejected, and the device brings the same bytes for as long as a call may last."""
    for seconds in (0, 1, ports.policy.in_flight_s - 2):
        ports.clock.advance(seconds)
        reconcile(ports, 60)
        view = opens(ports)
        if view.upload.is_live:
            send_parts(ports.objects, view.upload)
            with suppress(ReelhaulError):
                completion.complete_upload(ports, NORTH, view.upload.upload_id, CRC)


def test_no_marker_of_a_removal_ever_goes_over_the_same_bytes_that_were_brought_again():
    for ports in interleavings(rejected, reconciles, brings_the_same_again):
        demand_sound(ports)
        device_hauls(ports)
        time_passes(ports, 2 * ports.policy.orphan_age_s)

        demand_sound(ports)
        demand_settled(ports)
        assert recorded(ports).session.state is SessionState.STORED


def test_a_removal_inside_the_next_haul_leaves_its_object_where_it_is():
    for ports in interleavings(rejected, brings_the_same_again, reconciles):
        demand_sound(ports)
        device_hauls(ports)

        demand_sound(ports)


def test_a_removal_that_failed_at_any_call_is_ended_by_the_next_round_and_the_key_is_free_again():
    for call in count(1):
        ports = rejected()
        broken = failing(ports, call, When.AFTER, StorageBusy("no answer"))
        with suppress(StorageBusy):
            reconcile(broken.ports, 60)
        if not broken.happened:
            break
        device_hauls(ports)

        demand_sound(ports)


@pytest.mark.parametrize(("first", "second", "start"), CASES)
def test_whoever_acts_inside_whose_run_the_next_haul_ends_in_one_right_object_and_nothing_owed(
    first: Act, second: Act, start: str
):
    for ports in interleavings(lambda: world(STARTS[start]), first, second):
        demand_sound(ports)
        device_hauls(ports)
        time_passes(ports, 2 * ports.policy.orphan_age_s)

        demand_sound(ports)
        demand_settled(ports)
        assert recorded(ports).session.state is SessionState.STORED
        rejected = [each for each in recorded(ports).uploads if each.state is UploadState.REJECTED]
        assert len([each for each in ports.objects.versions(make_upload().key) if each.stored]) == 1 + len(
            rejected
        )


@pytest.mark.parametrize("numbers", [(), (1,)], ids=["all parts", "one part"])
@pytest.mark.parametrize(("first", "second", "start"), CASES)
def test_whoever_acts_inside_whose_run_nothing_is_owed_when_the_device_never_comes_back(
    first: Act, second: Act, start: str, numbers: tuple[int, ...]
):
    for ports in interleavings(lambda: world(STARTS[start], *numbers), first, second):
        time_passes(ports, 2 * ports.policy.upload_ttl_s)

        demand_settled(ports)


@pytest.mark.parametrize("other", ACTS)
def test_a_cancel_that_was_answered_holds_until_somebody_opens(other: Act):
    for first, second in ((cancels, other), (other, cancels)):
        for ports in interleavings(lambda: world(make_upload()), first, second):
            upload = recorded(ports).upload(UPLOAD_ID)
            if upload.state is UploadState.CANCELLED:
                time_passes(ports, 2 * ports.policy.upload_ttl_s)
                assert ports.objects.head(upload.key) is None


@pytest.mark.parametrize("other", [*ACTS, sends_a_part_it_misread])
def test_what_a_device_disowns_is_never_completed(other: Act):
    for ports in interleavings(lambda: world(make_upload()), completes, other):
        sends_a_part_it_misread(ports)
        time_passes(ports, 2 * ports.policy.upload_ttl_s)

        demand_sound(ports)


def failing(ports: MemoryPorts, call: int, when: When, error: Exception) -> Interrupted:
    """`ports` whose `call`-th call of bucket and table together raises `error`, before or after its effect."""

    def fail() -> None:
        raise error

    return Interrupted(ports, call, Moment.BEFORE if when is When.BEFORE else Moment.AFTER, fail)


def device_tries_once(ports: MemoryPorts, plain: MemoryPorts) -> None:
    """Confirm, open, sign, send, complete; a call that fails is made once more, the completion never again."""
    with suppress(ReelhaulError):
        _confirms(ports)
    _confirms(plain)
    with suppress(ReelhaulError):
        opens(ports)
    view = opens(plain)
    if view.upload.is_live and not view.upload.promise:
        with suppress(ReelhaulError):
            _signs(ports, view.upload)
        _signs(plain, view.upload)
        send_parts(plain.objects, view.upload)
    with suppress(ReelhaulError):
        completion.complete_upload(ports, NORTH, view.upload.upload_id, CRC)


def _signs(ports: MemoryPorts, upload: Upload) -> None:
    wanted = [(number, crc64nvme_of(body)) for number, body in make_bodies(upload.plan).items()]
    uploads.sign_parts(ports, NORTH, upload.upload_id, wanted, CRC)


def _confirms(ports: MemoryPorts) -> None:
    camera = make_picture().session.camera
    sessions.confirm_session(ports, NORTH, SESSION_ID, camera, None, [CHAPTER], WISH)


@pytest.mark.parametrize("error", [StorageBusy("no answer"), Conflict("lost")], ids=["busy", "conflict"])
@pytest.mark.parametrize("when", When)
def test_any_call_may_fail_once_and_two_rounds_later_the_session_is_stored(when: When, error: ReelhaulError):
    failed = 0
    for call in count(1):
        ports = memory_ports()
        broken = failing(ports, call, when, error)
        device_tries_once(broken.ports, ports)
        if not broken.happened:
            break
        failed += 1
        demand_sound(ports)
        for _ in range(2):
            ports.clock.advance(ports.policy.orphan_age_s)
            reconcile(ports, 60)

        demand_sound(ports)
        demand_settled(ports)
        assert recorded(ports).session.state is SessionState.STORED
        assert {message["order"] for message in ports.orders.sent} == {1}
    assert failed > 10


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize(
    "error", [StorageBusy("no answer"), ValueError("nameless")], ids=["busy", "nameless"]
)
def test_any_call_of_the_reconciler_may_fail_once_and_two_rounds_later_the_session_is_stored(
    when: When, error: Exception
):
    for call in count(1):
        ports = world(make_claimed())
        broken = failing(ports, call, when, error)
        with suppress(StorageBusy, ValueError):
            reconcile(broken.ports, 60)
        if not broken.happened:
            break
        for _ in range(2):
            ports.clock.advance(ports.policy.look_s)
            reconcile(ports, 60)

        demand_settled(ports)
        assert recorded(ports).session.state is SessionState.STORED
