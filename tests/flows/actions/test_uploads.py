"""What an action leaves of an upload on record and in S3, and what it reports."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.artifact import Kind
from chalicelib.core.errors import Conflict, KeyTaken, MultipartGone
from chalicelib.core.film import Film
from chalicelib.core.ids import UploadId
from chalicelib.core.keys import landing_key
from chalicelib.core.scan import Scan
from chalicelib.core.settle import Action, rest_until
from chalicelib.core.settle.restoring import PURGED
from chalicelib.core.upload import CANCELLED, Source, StoredObject, Upload, UploadState
from chalicelib.flows.actions import carry_out
from tests.flows.actions.acted import Acted
from tests.flows.actions.arranged import NOW, put, world
from tests.support.builders import (
    POLICY,
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_bodies,
    make_chapter,
    make_picture,
    make_upload,
    recorded,
    send_parts,
)
from tests.support.faults import Fault, faulty
from tests.support.memory import crc64nvme_of

BODY = b"".join(make_bodies(make_upload().plan).values())
CRC = crc64nvme_of(BODY)
PROMISED = make_upload().promised(CRC, START)
KEY = make_upload().key
SIDECAR = make_upload(
    artifact_id=f"{Kind.THUMBNAIL.value}.100GOPRO.GX010038.MP4",
    key=make_chapter().sidecar_key(SESSION_ID, Kind.THUMBNAIL),
)


def recording(*uploads: Upload) -> MemoryPorts:
    return world(make_picture(*uploads))


def about(upload: Upload, reason: str | None = None) -> dict[str, object]:
    return {"upload_id": upload.upload_id, "size_bytes": upload.plan.size_bytes, "reason": reason}


def assembled(ports: MemoryPorts, upload: Upload) -> StoredObject:
    """The object that S3 assembles of all parts of the upload."""
    ports.objects.register(upload.key, upload.upload_id, upload.multipart_id)
    send_parts(ports.objects, upload)
    held = ports.objects.parts(upload.key, upload.multipart_id)
    ports.objects.complete(upload.key, upload.multipart_id, held, CRC, upload.plan.size_bytes)
    stored = ports.objects.head(upload.key)
    assert stored
    return stored


Move = Callable[[Upload], Upload]


@pytest.mark.parametrize(
    ("upload", "action", "move", "level", "event", "reason"),
    [
        (PROMISED, settle.Withdraw(UPLOAD_ID), Upload.unpromised, "WARNING", "promise withdrawn", None),
        (
            make_upload(),
            settle.Expire(UPLOAD_ID, "late"),
            lambda upload: upload.expired("late", NOW),
            "INFO",
            "upload expired",
            "late",
        ),
        (
            PROMISED,
            settle.Reject(UPLOAD_ID, "wrong"),
            lambda upload: upload.rejected("wrong", NOW),
            "ERROR",
            "upload rejected",
            "wrong",
        ),
        (
            SIDECAR,
            settle.Reject(UPLOAD_ID, "a page", is_no_film=True),
            lambda upload: upload.rejected_as_no_film("a page", NOW),
            "WARNING",
            "upload rejected",
            "a page",
        ),
        (
            make_upload().cancelled(START),
            settle.GiveUp(UPLOAD_ID),
            Upload.given_up,
            "INFO",
            "undo closed",
            CANCELLED,
        ),
        (
            make_upload().expired("late", START),
            settle.Abort(UPLOAD_ID),
            Upload.aborted,
            "INFO",
            "multipart aborted",
            "late",
        ),
        (
            PROMISED.rejected("wrong", START),
            settle.Remove(UPLOAD_ID, None),
            lambda upload: upload.removed(NOW),
            "INFO",
            "object removed",
            "wrong",
        ),
    ],
)
def test_an_upload_that_ends_has_its_time_on_record_and_its_reason_on_the_log(
    acted: Acted, upload: Upload, action: Action, move: Move, level: str, event: str, reason: str | None
):
    picture = acted.carry_out(recording(upload), action)

    assert picture.upload(UPLOAD_ID) == move(upload)
    assert acted.reported == (level, event, about(upload, reason))


def test_an_ended_upload_leaves_no_parts_in_s3():
    ended = make_upload().expired("late", START)
    ports = recording(ended)
    ports.objects.register(KEY, UPLOAD_ID, ended.multipart_id)

    carry_out(ports, recorded(ports), settle.Abort(UPLOAD_ID))

    assert list(ports.objects.multiparts("")) == []


def test_an_upload_without_a_proof_is_an_error_and_is_looked_at_later(acted: Acted):
    ports = recording(PROMISED)
    until = rest_until(PROMISED, recorded(ports), NOW, POLICY)

    picture = acted.carry_out(ports, settle.Doubt(UPLOAD_ID))

    assert picture.upload(UPLOAD_ID) == PROMISED.doubted(NOW, until)
    assert acted.reported == ("ERROR", "upload unproven", about(PROMISED))


def test_uploads_rest_together_until_their_own_times_and_wake_alone(acted: Acted):
    uploads = [make_upload(), make_upload(upload_id=UploadId("u_other"), multipart_id="other", looks=3)]
    ports = recording(*uploads)
    until = [rest_until(each, recorded(ports), NOW, POLICY) for each in uploads]
    rested = [each.rested(when) for each, when in zip(uploads, until, strict=True)]

    picture = acted.carry_out(ports, settle.Rest(tuple(each.upload_id for each in uploads)))
    assert list(picture.uploads) == rested
    assert picture.session.version == 2

    picture = acted.carry_out(ports, settle.Wake(UPLOAD_ID))
    assert list(picture.uploads) == [uploads[0], rested[1]]


def test_a_receipt_is_counted_with_its_bytes_and_ends_what_its_scan_said(acted: Acted):
    ports = recording(PROMISED)
    stored = assembled(ports, PROMISED)
    scan = Scan(PROMISED.artifact_id, KEY, stored.version_id, None, START)
    ports.records.arrange(make_picture(PROMISED, scans=(scan,)))
    film = Film(PROMISED.artifact_id, stored.version_id, 1_000)

    picture = acted.carry_out(ports, settle.Verify(UPLOAD_ID, stored, film))

    assert picture.upload(UPLOAD_ID) == PROMISED.verified(stored, NOW)
    assert (picture.session.scans, picture.session.films) == ((), (film,))
    assert acted.reported == ("INFO", "upload verified", about(PROMISED))
    assert ports.metrics.counts["bytes.verified"] == len(BODY)


def test_a_broken_film_is_a_warning_that_says_what_is_wrong(acted: Acted):
    ports = recording(PROMISED)
    stored = assembled(ports, PROMISED)
    film = Film(PROMISED.artifact_id, stored.version_id, None, "it ends early", is_broken=True)

    acted.carry_out(ports, settle.Verify(UPLOAD_ID, stored, film))

    line = acted.logged("film broken")
    assert (line.level, line.about["artifact_id"], line.about["fault"]) == (
        "WARNING",
        PROMISED.artifact_id,
        "it ends early",
    )


@pytest.mark.parametrize("error", [MultipartGone("no such upload"), KeyTaken("an object is there")])
def test_a_completion_that_another_has_made_leaves_the_promise(acted: Acted, error: Exception):
    ports = recording(make_upload())
    taken = replace(ports, objects=faulty(ports.objects, Fault("complete", error)))

    picture = acted.carry_out(taken, settle.Complete(UPLOAD_ID, CRC, ()))

    assert picture.upload(UPLOAD_ID) == make_upload().promised(CRC, NOW)
    assert acted.logged("completion found taken") == (
        "INFO",
        "completion found taken",
        {"upload_id": UPLOAD_ID, "error": str(error)},
    )


def test_nothing_is_removed_once_the_judged_object_is_gone_or_another():
    rejected = PROMISED.rejected("wrong", START)
    ports = recording(rejected)
    judged = assembled(ports, PROMISED)
    remove = settle.Remove(UPLOAD_ID, replace(judged, version_id="an older one"))

    with pytest.raises(Conflict) as another:
        carry_out(ports, recorded(ports), remove)
    ports.objects.mark_deleted(KEY)
    with pytest.raises(Conflict) as gone:
        carry_out(ports, recorded(ports), remove)

    assert str(another.value) == "the key of the rejected object has another version now; look again"
    assert str(gone.value) == "the rejected object is gone from its key; look again"


def copying(ports: MemoryPorts, upload: Upload) -> None:
    ports.records.arrange(make_picture(upload))
    ports.objects.register(upload.key, upload.upload_id, upload.multipart_id)


def copied(count: int, left: int, size_bytes: int) -> dict[str, object]:
    return {"key": KEY, "copied": count, "left": left, "size_bytes": size_bytes}


def test_parts_of_an_earlier_version_of_the_key_are_copied_and_counted(acted: Acted):
    ports = recording()
    version_id = put(ports, KEY, BODY).version_id
    upload = make_upload(copies=version_id)
    copying(ports, upload)

    acted.carry_out(ports, settle.CopyParts(UPLOAD_ID, (1, 3)))

    bodies = make_bodies(upload.plan)
    assert ports.objects.bodies(upload.multipart_id) == {1: bodies[1], 3: bodies[3]}
    assert acted.logged("parts copied").about == copied(2, 0, 15)
    assert ports.metrics.counts["bytes.copied"] == 15


def test_parts_of_another_key_are_copied_from_there():
    ports = recording()
    source = put(ports, landing_key(SESSION_ID, "u_landing"), BODY)
    upload = make_upload(source=Source(source.key, source.version_id))
    copying(ports, upload)

    carry_out(ports, recorded(ports), settle.CopyParts(UPLOAD_ID, (2,)))

    assert ports.objects.bodies(upload.multipart_id) == {2: make_bodies(upload.plan)[2]}


def test_a_copy_that_fails_midway_logs_what_was_copied(acted: Acted):
    ports = recording()
    upload = make_upload(copies=put(ports, KEY, BODY).version_id)
    copying(ports, upload)
    failing = replace(ports, objects=faulty(ports.objects, Fault("copy_part", MultipartGone("gone"), call=2)))

    picture = acted.carry_out(failing, settle.CopyParts(UPLOAD_ID, (1, 2, 3)))

    assert picture.upload(UPLOAD_ID) == upload
    assert acted.logged("parts copied") == ("INFO", "parts copied", copied(1, 2, 10))


def test_a_version_that_s3_purged_ends_its_copy_as_an_error(acted: Acted):
    ports = recording()
    upload = make_upload(copies="purged")
    copying(ports, upload)

    picture = acted.carry_out(ports, settle.CopyParts(UPLOAD_ID, (1,)))

    assert picture.upload(UPLOAD_ID) == upload.expired(PURGED, NOW)
    assert acted.logged("version purged").level == "ERROR"


def test_an_upload_that_s3_has_assembled_is_completed():
    ports = recording(make_upload())
    send_parts(ports.objects, make_upload())
    parts = ports.objects.parts(KEY, make_upload().multipart_id)

    picture = carry_out(ports, recorded(ports), settle.Complete(UPLOAD_ID, CRC, parts))

    assert picture.upload(UPLOAD_ID).state is UploadState.COMPLETED
