"""Proxies and thumbnails: a device brings them, whoever may read can watch them, and nothing waits for them."""

from contextlib import suppress
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.artifact import Kind, sidecar_id
from chalicelib.core.errors import (
    NotAFilm,
    NotFound,
    NotPermitted,
    PlanDiffers,
    ProxiesOff,
    StateConflict,
    StorageBusy,
    TooLarge,
)
from chalicelib.core.ids import ArtifactId, DeviceId, UploadId
from chalicelib.core.limits import Limits
from chalicelib.core.order import wish
from chalicelib.core.session import Damage
from chalicelib.core.settle import Policy, due_uploads
from chalicelib.core.settle.at_rest import at_rest, owed_to_damage
from chalicelib.core.tokens import Device, Principal, Role
from chalicelib.core.upload import Receipt, Upload, UploadState
from chalicelib.flows import completion, operations, revocation, sessions, uploads
from chalicelib.flows.artifacts import list_artifacts, sign_artifact
from chalicelib.ports import Enlisting
from chalicelib.web.wire import responses
from tests.support import story
from tests.support.builders import (
    DEVICE_ID,
    POLICY,
    SESSION_ID,
    START,
    MemoryPorts,
    make_session,
    memory_ports,
    recorded,
)
from tests.support.faults import Fault, When, faulty
from tests.support.films import box, make_film
from tests.support.memory import MemoryNotifier, crc64nvme_of, fetch
from tests.support.story import CHAPTERS, NORTH, OPERATOR, PROCESSOR, VIDEO

CHECKING = replace(POLICY, checks_films=True)
FIRST = CHAPTERS[0].artifact_id
PROXY = sidecar_id(FIRST, Kind.PROXY)
THUMBNAIL = sidecar_id(FIRST, Kind.THUMBNAIL)
FILM = make_film(800, 55, seed=7)
PICTURE = b"\xff\xd8\xff\xe0" + b"picture" * 3
BODIES = {PROXY: FILM, THUMBNAIL: PICTURE}
PAGE = b"<!DOCTYPE html><title>Not found</title>"
CUT = box(b"ftyp") + b"\0\0\0\0mdat" + b"pictures" * 5
KEY = f"proxies/{SESSION_ID}/100GOPRO/GX010038.MP4.mp4"


def confirmed(policy: Policy = CHECKING) -> MemoryPorts:
    """A world whose session waits for both of its chapters, and is to end with a video."""
    ports = memory_ports(policy=policy)
    camera = make_session().camera
    sessions.confirm_session(ports, NORTH, SESSION_ID, camera, None, CHAPTERS, wish([VIDEO], {}))
    return ports


def open_one(
    ports: MemoryPorts, artifact_id: ArtifactId = PROXY, size_bytes: int = len(FILM), by: Principal = NORTH
) -> Upload:
    return uploads.open_upload(ports, by, SESSION_ID, artifact_id, size_bytes, None)[0].upload


def send(ports: MemoryPorts, artifact_id: ArtifactId = PROXY, body: bytes = FILM) -> Upload:
    """The open upload, all of whose parts S3 has."""
    upload = open_one(ports, artifact_id, len(body))
    story.send_body(ports, upload, body)
    return upload


def bring(ports: MemoryPorts, artifact_id: ArtifactId = PROXY, body: bytes = FILM) -> Receipt:
    upload = send(ports, artifact_id, body)
    done = completion.complete_upload(ports, NORTH, upload.upload_id, crc64nvme_of(body)).upload
    assert done.receipt
    return done.receipt


def read(ports: MemoryPorts, artifact_id: ArtifactId) -> bytes:
    """What an operator gets at the address of a sidecar."""
    address = sign_artifact(ports, OPERATOR, SESSION_ID, artifact_id)[1]
    return fetch(ports.objects, address.url, ports.clock.now())


def told(ports: MemoryPorts) -> Any:
    """What the session's answer says of its first chapter."""
    return responses.session(recorded(ports), ports.policy, ports.clock.now())["chapters"][0]


def reject(ports: MemoryPorts, artifact_id: ArtifactId = PROXY, body: bytes = PAGE) -> Upload:
    """The upload of bytes that are no sidecar, once the reconciler has seen them."""
    upload = send(ports, artifact_id, body)
    with pytest.raises(NotAFilm, match="nothing waits for it"):
        completion.complete_upload(ports, NORTH, upload.upload_id, None)
    story.let_pass(ports)
    return recorded(ports).upload(upload.upload_id)


def test_a_device_brings_proxy_and_thumbnail_before_any_original_each_with_its_receipt():
    ports = confirmed()

    proxy, thumbnail = bring(ports, PROXY, FILM), bring(ports, THUMBNAIL, PICTURE)

    assert (proxy.key, proxy.artifact_id) == (KEY, "proxy.100GOPRO.GX010038.MP4")
    assert thumbnail.key == f"proxies/{SESSION_ID}/100GOPRO/GX010038.MP4.jpg"
    assert (ports.objects.body(proxy.key), ports.objects.body(thumbnail.key)) == (FILM, PICTURE)


def test_the_session_tells_both_of_their_chapter_as_it_tells_outputs():
    ports = confirmed()
    assert (told(ports)["proxy"], told(ports)["thumbnail"]) == (None, None)

    receipt = bring(ports)
    bring(ports, THUMBNAIL, PICTURE)

    assert told(ports)["proxy"] == {
        "artifact_id": PROXY,
        "kind": "proxy",
        "name": "100GOPRO/GX010038.MP4.mp4",
        "size_bytes": len(FILM),
        "required": False,
        "cleaned": False,
        "receipt": responses.upload(
            uploads.UploadView(recorded(ports).upload(receipt.upload_id or ""))  # type: ignore[arg-type]  # never ""
        )["receipt"],
        "index": None,
        "scan": None,
    }
    assert told(ports)["thumbnail"]["kind"] == "thumbnail"


def test_an_open_sidecar_is_not_told_and_nobody_can_read_it():
    ports = confirmed()
    open_one(ports)

    assert told(ports)["proxy"] is None
    with pytest.raises(NotFound, match="not verified yet"):
        sign_artifact(ports, OPERATOR, SESSION_ID, PROXY)


@pytest.mark.parametrize("reader", [PROCESSOR, OPERATOR])
def test_those_who_may_read_read_sidecars_where_they_read_outputs(reader: Principal):
    ports = confirmed()
    for artifact_id, body in BODIES.items():
        bring(ports, artifact_id, body)

        receipt, address = sign_artifact(ports, reader, SESSION_ID, artifact_id)

        assert receipt.artifact_id == artifact_id
        assert fetch(ports.objects, address.url, ports.clock.now()) == body
    assert [each.artifact_id for each in list_artifacts(ports, reader, SESSION_ID)][-2:] == [PROXY, THUMBNAIL]


def test_a_device_reads_no_sidecar_unless_devices_may_read():
    ports = confirmed()
    bring(ports)

    with pytest.raises(NotPermitted):
        sign_artifact(ports, NORTH, SESSION_ID, PROXY)
    allowing = replace(ports, policy=replace(CHECKING, devices_may_read=True))
    assert sign_artifact(allowing, NORTH, SESSION_ID, PROXY)[0].key == KEY


@pytest.mark.parametrize("by", [PROCESSOR, OPERATOR])
def test_nobody_but_a_device_opens_a_sidecar(by: Principal):
    with pytest.raises(NotPermitted):
        open_one(confirmed(), by=by)


def test_no_other_device_opens_a_sidecar():
    with pytest.raises(NotFound):
        open_one(confirmed(), by=Principal(Role.DEVICE, "main", DeviceId("d_south")))


@pytest.mark.parametrize("unknown", ["proxy.100GOPRO.GX990038.MP4", "thumbnail.", "proxy.x"])
def test_a_sidecar_of_no_chapter_of_the_session_is_not_found(unknown: str):
    ports = confirmed()

    with pytest.raises(NotFound):
        open_one(ports, ArtifactId(unknown))
    with pytest.raises(NotFound):
        sign_artifact(ports, OPERATOR, SESSION_ID, ArtifactId(unknown))


def test_where_the_policy_takes_none_a_sidecar_is_refused_and_the_session_says_so():
    ports = confirmed()
    assert responses.session(recorded(ports), ports.policy, ports.clock.now())["proxies"] is True
    without = replace(ports, policy=replace(CHECKING, takes_proxies=False))

    assert responses.session(recorded(ports), without.policy, ports.clock.now())["proxies"] is False
    for artifact_id in BODIES:
        with pytest.raises(ProxiesOff, match="send the originals alone"):
            open_one(without, artifact_id)
    assert recorded(ports).uploads == ()


def test_what_was_verified_before_the_policy_changed_is_still_told_and_read():
    ports = confirmed()
    receipt = bring(ports)
    without = replace(ports, policy=replace(CHECKING, takes_proxies=False))

    assert open_one(without).receipt == receipt
    assert sign_artifact(without, OPERATOR, SESSION_ID, PROXY)[0] == receipt


def test_an_upload_that_was_open_when_the_policy_changed_is_still_completed():
    ports = confirmed()
    upload = send(ports)
    without = replace(ports, policy=replace(CHECKING, takes_proxies=False))

    assert completion.complete_upload(without, NORTH, upload.upload_id, None).upload.receipt


@pytest.mark.parametrize("size_bytes", [len(FILM) - 1, len(FILM) + 1])
def test_another_size_than_that_of_the_verified_sidecar_is_refused_and_the_first_one_stays(size_bytes: int):
    ports = confirmed()
    receipt = bring(ports)

    with pytest.raises(
        PlanDiffers, match=f"this artifact has {len(FILM)} bytes, not {size_bytes}"
    ) as refusal:
        open_one(ports, size_bytes=size_bytes)

    assert refusal.value.size_bytes == len(FILM)
    assert recorded(ports).receipt(PROXY) == receipt
    assert ports.objects.body(KEY) == FILM


def test_a_sidecar_of_another_size_is_opened_once_the_first_upload_is_cancelled():
    ports = confirmed()
    first = open_one(ports, size_bytes=len(FILM) + 9)
    with pytest.raises(PlanDiffers):
        open_one(ports)

    completion.cancel_upload(ports, NORTH, first.upload_id)

    assert bring(ports).size_bytes == len(FILM)


def test_a_cancelled_sidecar_opens_again_with_its_parts():
    ports = confirmed()
    first = send(ports)
    completion.cancel_upload(ports, NORTH, first.upload_id)

    again = open_one(ports)

    assert (again.upload_id, again.state) == (first.upload_id, UploadState.OPEN)
    assert completion.complete_upload(ports, NORTH, again.upload_id, None).upload.receipt


def test_a_sidecar_larger_than_any_file_may_be_is_refused():
    ports = replace(confirmed(), limits=Limits(largest_file_bytes=len(FILM) - 1))

    with pytest.raises(TooLarge):
        open_one(ports)


@pytest.mark.parametrize(
    ("artifact_id", "body", "reason"),
    [
        (PROXY, PAGE, "the proxy of 100GOPRO/GX010038.MP4: it begins as a page of HTML or XML does"),
        (PROXY, PICTURE, "it begins as a JPEG picture does"),
        (PROXY, CUT, "it cannot be played: its box 'mdat' at byte 8 has no size"),
        (PROXY, FILM[:-1], "it cannot be played"),
        (PROXY, bytes(60), "and no box of a film"),
        (
            THUMBNAIL,
            PAGE,
            "the thumbnail of 100GOPRO/GX010038.MP4: a thumbnail is a JPEG picture: it begins as a page",
        ),
        (THUMBNAIL, FILM, "a thumbnail is a JPEG picture"),
        (THUMBNAIL, b"\xff", "a thumbnail is a JPEG picture"),
    ],
)
def test_a_sidecar_that_cannot_be_looked_at_is_rejected_for_itself(
    artifact_id: ArtifactId, body: bytes, reason: str
):
    ports = confirmed()

    upload = reject(ports, artifact_id, body)

    assert upload.state is UploadState.REJECTED
    assert reason in (upload.reason or "")
    with pytest.raises(NotAFilm, match="nothing waits for it"):
        open_one(ports, artifact_id, len(body))
    assert told(ports)["proxy"] is told(ports)["thumbnail"] is None


def test_nothing_below_proxies_is_ever_removed_and_nobody_is_told_to_keep_a_card():
    notifier = MemoryNotifier()
    ports = replace(confirmed(), notifier=notifier)
    upload = reject(ports)
    story.let_pass(ports, 30 * 86_400, rounds=3)

    assert not recorded(ports).upload(upload.upload_id).owes
    assert [each.stored is not None for each in ports.objects.versions(KEY)] == [True]
    assert (ports.records.notices(10), notifier.published) == ((), [])


def test_a_sidecar_that_was_rejected_for_another_reason_is_refused_once_its_object_has_the_key():
    ports = confirmed()
    upload = send(ports)
    parts = ports.objects.parts(KEY, upload.multipart_id)
    ports.objects.complete(KEY, upload.multipart_id, parts, crc64nvme_of(FILM), len(FILM))
    story.let_pass(ports)
    assert (
        recorded(ports).upload(upload.upload_id).reason
        == "its object was completed without a recorded promise"
    )

    with pytest.raises(StateConflict, match="its key is taken for good"):
        open_one(ports)
    assert len(recorded(ports).uploads) == 1


def test_a_sidecar_whose_object_vanished_can_be_sent_again():
    ports = confirmed()
    upload = send(ports)
    ports.objects.abort(KEY, upload.multipart_id)
    story.let_pass(ports)
    assert recorded(ports).upload(upload.upload_id).state is UploadState.EXPIRED

    assert bring(ports)


def test_where_films_are_not_checked_any_sidecar_gets_its_receipt():
    ports = confirmed(POLICY)

    assert bring(ports, PROXY, PAGE)
    assert bring(ports, THUMBNAIL, PAGE)


def test_a_sidecar_is_not_scanned_as_little_as_an_original_is():
    assert bring(confirmed(replace(CHECKING, scan_gate=True)))


def test_a_proxy_whose_length_is_not_told_gets_its_receipt_and_the_session_keeps_no_line_of_any_sidecar():
    ports = confirmed()
    silent = box(b"ftyp") + box(b"mdat", b"pictures") + box(b"moov", box(b"mvhd", bytes(20)))

    bring(ports, PROXY, silent)

    assert recorded(ports).session.films == ()


def test_an_open_sidecar_keeps_no_session_from_any_of_its_states():
    ports = confirmed(POLICY)
    story.arm(ports)
    first = open_one(ports)
    story.haul(ports, chapters=CHAPTERS)
    assert recorded(ports).session.safe

    story.process(ports, {VIDEO: story.MADE[VIDEO]})
    story.let_pass(ports)
    assert story.state_of(ports) == "PROCESSED"
    story.let_grace_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    assert recorded(ports).upload(first.upload_id).state is UploadState.OPEN


def test_an_abandoned_sidecar_is_dropped_after_its_time_and_the_session_rests():
    ports = confirmed(POLICY)
    first = open_one(ports)
    story.let_pass(ports, POLICY.upload_ttl_s + 3_600, rounds=4)

    assert recorded(ports).upload(first.upload_id).state is UploadState.EXPIRED
    assert list(ports.objects.multiparts("proxies/")) == []
    assert ports.records.due(ports.clock.now(), 10) == ()


def test_a_sidecar_whose_device_fell_silent_after_its_last_part_is_completed_by_the_reconciler():
    ports = confirmed()
    upload = open_one(ports)
    uploads.sign_parts(ports, NORTH, upload.upload_id, [(1, crc64nvme_of(FILM[:10]))], crc64nvme_of(FILM))
    story.send_body(ports, upload, FILM)

    story.let_pass(ports)

    assert recorded(ports).receipt(PROXY)


@pytest.mark.parametrize("when", list(When))
@pytest.mark.parametrize("method", ["create_multipart", "parts", "complete", "head", "read_range"])
def test_a_call_that_fails_on_a_sidecar_delays_no_original_and_the_next_try_brings_it(
    method: str, when: When
):
    ports = confirmed()
    fault = Fault(method, StorageBusy("S3 is busy"), when=when)
    with suppress(StorageBusy):
        bring(replace(ports, objects=faulty(ports.objects, fault)))

    story.haul(ports)
    assert story.state_of(ports) == "STORED"
    story.let_pass(ports)

    assert open_one(ports).receipt or bring(ports)
    assert len(ports.objects.versions(KEY)) == 1
    story.let_pass(ports, POLICY.orphan_age_s)
    assert list(ports.objects.multiparts("proxies/")) == []


def test_sidecars_wait_until_originals_had_their_look():
    ports = confirmed()
    uploads_of_all = [open_one(ports), open_one(ports, THUMBNAIL, len(PICTURE))]
    uploads_of_all += [open_one(ports, each.artifact_id, each.size_bytes) for each in CHAPTERS]

    due = due_uploads(recorded(ports), ports.clock.now(), ports.policy)

    assert [each.artifact_id for each in due] == [*(each.artifact_id for each in CHAPTERS), PROXY, THUMBNAIL]


def test_a_session_without_its_originals_is_no_safer_for_its_sidecars():
    ports = confirmed()
    for artifact_id, body in BODIES.items():
        bring(ports, artifact_id, body)
    story.let_pass(ports)

    assert story.state_of(ports) == "OPEN"
    assert recorded(ports).missing == tuple(each.artifact_id for each in CHAPTERS)
    assert recorded(ports).session.safe is None


def test_what_was_cleaned_can_still_be_watched():
    ports = story.cleaned()
    for artifact_id, body in BODIES.items():
        bring(ports, artifact_id, body)
    story.let_pass(ports, 30 * 86_400, rounds=3)

    for artifact_id, body in BODIES.items():
        assert read(ports, artifact_id) == body


def test_a_cleanup_keeps_sidecars_and_removes_what_it_should():
    ports = confirmed(POLICY)
    story.arm(ports)
    bring(ports)
    story.haul(ports)
    story.process(ports, {VIDEO: story.MADE[VIDEO]})
    story.let_pass(ports)
    story.let_grace_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    assert story.originals_are_gone(ports)
    assert len(ports.objects.versions(KEY)) == 1
    assert read(ports, PROXY) == FILM
    with pytest.raises(NotFound, match="was cleaned"):
        sign_artifact(ports, OPERATOR, SESSION_ID, FIRST)


def test_a_restore_names_no_sidecar():
    ports = story.cleaned()
    bring(ports)

    with pytest.raises(StateConflict):
        operations.restore(ports, OPERATOR, SESSION_ID, [PROXY], "the referee asks")


def test_a_proof_at_rest_leaves_sidecars_out_and_damage_of_one_decides_nothing():
    ports = confirmed()
    receipt = bring(ports)
    damaged = recorded(ports).session.found_damaged(Damage(receipt.version_id, "zeros", START))

    assert at_rest(recorded(ports)) == ()
    assert list(owed_to_damage(replace(recorded(ports), session=damaged))) == []


def test_the_bytes_of_sidecars_are_counted_apart():
    ports = confirmed()
    bring(ports)
    bring(ports, THUMBNAIL, PICTURE)

    counts = recorded(ports).counted
    assert counts["bytes_proxies"] == len(FILM) + len(PICTURE)
    assert "bytes_originals" not in counts


def test_a_revoked_device_s_open_sidecar_is_cancelled():
    ports = confirmed()
    ports.records.enlist(Enlisting(device=Device(DEVICE_ID, "north", "main", START)))
    first = open_one(ports)

    assert revocation.revoke_device(ports, DEVICE_ID).upload_ids == (first.upload_id,)


def test_a_forgotten_multipart_upload_of_a_sidecar_is_aborted_after_an_hour_as_that_of_an_original_is():
    ports = confirmed()
    ports.objects.create_multipart(KEY, UploadId("u_lost"))
    story.let_pass(ports, POLICY.orphan_age_s - 1)
    assert list(ports.objects.multiparts("proxies/"))

    story.let_pass(ports, 1)

    assert list(ports.objects.multiparts("proxies/")) == []
