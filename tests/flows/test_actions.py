"""What an action leaves on record and in S3, and what it reports: uploads and landings."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.artifact import Kind
from chalicelib.core.errors import Conflict, KeyTaken, MultipartGone, RemovalRefused
from chalicelib.core.film import Film
from chalicelib.core.ids import BROWSER, UploadId
from chalicelib.core.keys import landing_key
from chalicelib.core.landing import Landed, Landing, LandingState
from chalicelib.core.parts import PartPlan
from chalicelib.core.picture import Picture
from chalicelib.core.scan import Scan
from chalicelib.core.settle import Action, rest_until
from chalicelib.core.settle.restoring import PURGED
from chalicelib.core.upload import CANCELLED, Source, StoredObject, Upload, UploadState
from chalicelib.flows.actions import carry_out
from tests.support.acted import Acted
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
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.faults import Fault, When, faulty
from tests.support.memory import MemoryObjectStore, crc64nvme_of

NOW = START + timedelta(hours=1)
BODY = b"".join(make_bodies(make_upload().plan).values())
CRC = crc64nvme_of(BODY)
PROMISED = make_upload().promised(CRC, START)
KEY = make_upload().key
SIDECAR = make_upload(
    artifact_id=f"{Kind.THUMBNAIL.value}.100GOPRO.GX010038.MP4",
    key=make_chapter().sidecar_key(SESSION_ID, Kind.THUMBNAIL),
)


@pytest.fixture
def acted(caplog: pytest.LogCaptureFixture) -> Acted:
    return Acted(caplog)


def world(*uploads: Upload, **changes) -> MemoryPorts:
    return memory_ports(make_picture(*uploads, **changes), now=NOW)


def about(upload: Upload, reason: str | None = None) -> dict[str, object]:
    return {"upload_id": upload.upload_id, "size_bytes": upload.plan.size_bytes, "reason": reason}


def put(ports: MemoryPorts, key: str = KEY, body: bytes = BODY) -> StoredObject:
    """An object that nobody of the record wrote."""
    ports.objects.put_object(key, body)
    stored = ports.objects.head(key)
    assert stored
    return stored


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
    picture = acted.carry_out(world(upload), action)

    assert picture.upload(UPLOAD_ID) == move(upload)
    assert acted.reported == (level, event, about(upload, reason))


def test_an_ended_upload_leaves_no_parts_in_s3():
    ended = make_upload().expired("late", START)
    ports = world(ended)
    ports.objects.register(KEY, UPLOAD_ID, ended.multipart_id)

    carry_out(ports, recorded(ports), settle.Abort(UPLOAD_ID))

    assert list(ports.objects.multiparts("")) == []


def test_an_upload_without_a_proof_is_an_error_and_is_looked_at_later(acted: Acted):
    ports = world(PROMISED)
    until = rest_until(PROMISED, recorded(ports), NOW, POLICY)

    picture = acted.carry_out(ports, settle.Doubt(UPLOAD_ID))

    assert picture.upload(UPLOAD_ID) == PROMISED.doubted(NOW, until)
    assert acted.reported == ("ERROR", "upload unproven", about(PROMISED))


def test_uploads_rest_together_until_their_own_times_and_wake_alone(acted: Acted):
    uploads = [make_upload(), make_upload(upload_id=UploadId("u_other"), multipart_id="other", looks=3)]
    ports = world(*uploads)
    until = [rest_until(each, recorded(ports), NOW, POLICY) for each in uploads]
    rested = [each.rested(when) for each, when in zip(uploads, until, strict=True)]

    picture = acted.carry_out(ports, settle.Rest(tuple(each.upload_id for each in uploads)))
    assert list(picture.uploads) == rested
    assert picture.session.version == 2

    picture = acted.carry_out(ports, settle.Wake(UPLOAD_ID))
    assert list(picture.uploads) == [uploads[0], rested[1]]


def test_a_receipt_is_counted_with_its_bytes_and_ends_what_its_scan_said(acted: Acted):
    ports = world(PROMISED)
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
    ports = world(PROMISED)
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
    ports = world(make_upload())
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
    ports = world(rejected)
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
    ports = world()
    version_id = put(ports).version_id
    upload = make_upload(copies=version_id)
    copying(ports, upload)

    acted.carry_out(ports, settle.CopyParts(UPLOAD_ID, (1, 3)))

    bodies = make_bodies(upload.plan)
    assert ports.objects.bodies(upload.multipart_id) == {1: bodies[1], 3: bodies[3]}
    assert acted.logged("parts copied").about == copied(2, 0, 15)
    assert ports.metrics.counts["bytes.copied"] == 15


def test_parts_of_another_key_are_copied_from_there():
    ports = world()
    source = put(ports, landing_key(SESSION_ID, "u_landing"))
    upload = make_upload(source=Source(source.key, source.version_id))
    copying(ports, upload)

    carry_out(ports, recorded(ports), settle.CopyParts(UPLOAD_ID, (2,)))

    assert ports.objects.bodies(upload.multipart_id) == {2: make_bodies(upload.plan)[2]}


def test_a_copy_that_fails_midway_logs_what_was_copied(acted: Acted):
    ports = world()
    upload = make_upload(copies=put(ports).version_id)
    copying(ports, upload)
    failing = replace(ports, objects=faulty(ports.objects, Fault("copy_part", MultipartGone("gone"), call=2)))

    picture = acted.carry_out(failing, settle.CopyParts(UPLOAD_ID, (1, 2, 3)))

    assert picture.upload(UPLOAD_ID) == upload
    assert acted.logged("parts copied") == ("INFO", "parts copied", copied(1, 2, 10))


def test_a_version_that_s3_purged_ends_its_copy_as_an_error(acted: Acted):
    ports = world()
    upload = make_upload(copies="purged")
    copying(ports, upload)

    picture = acted.carry_out(ports, settle.CopyParts(UPLOAD_ID, (1,)))

    assert picture.upload(UPLOAD_ID) == upload.expired(PURGED, NOW)
    assert acted.logged("version purged").level == "ERROR"


# Landings

LANDING = Landing(
    UploadId("u_landing"),
    "a.mp4",
    landing_key(SESSION_ID, "u_landing"),
    "video/mp4",
    START,
    START,
    multipart_id="m-landing",
)
LANDING_ID = LANDING.landing_id
LANDED = replace(LANDING, state=LandingState.LANDED, landed=Landed("v-landed", '"etag"', len(BODY), CRC))
FILM = LANDED.film(len(BODY))


def shore(landing: Landing, *uploads: Upload, **changes) -> MemoryPorts:
    """Ports with a browser's session of this landing."""
    changes = {"chapters": (), "device_id": BROWSER, **changes}
    ports = memory_ports(replace(make_picture(*uploads, **changes), landings=(landing,)), now=NOW)
    if landing.multipart_id:
        ports.objects.register(landing.key, landing.landing_id, landing.multipart_id)
    return ports


def landing_after(picture: Picture) -> Landing:
    return picture.landing(LANDING_ID)


@pytest.mark.parametrize(
    ("landing", "action", "after", "level", "event", "reason"),
    [
        (
            LANDED,
            settle.RefuseLanding(LANDING_ID, "no film"),
            LANDED.refused("no film", NOW),
            "WARNING",
            "landing refused",
            "no film",
        ),
        (
            LANDING,
            settle.EndLanding(LANDING_ID, "silence"),
            LANDING.ended("silence", NOW),
            "INFO",
            "landing expired",
            "silence",
        ),
        (
            LANDING.ended("silence", START),
            settle.AbortLanding(LANDING_ID),
            LANDING.ended("silence", START).aborted(),
            "INFO",
            "multipart aborted",
            "silence",
        ),
        (
            LANDED.moved(UPLOAD_ID),
            settle.DropLanding(LANDING_ID, None),
            LANDED.moved(UPLOAD_ID).done(NOW),
            "INFO",
            "landing removed",
            None,
        ),
    ],
)
def test_a_landing_that_ends_has_its_time_on_record_and_its_reason_on_the_log(
    acted: Acted, landing: Landing, action: Action, after: Landing, level: str, event: str, reason: str | None
):
    picture = acted.carry_out(shore(landing), action)

    assert landing_after(picture) == after
    assert acted.reported == (level, event, {"landing_id": LANDING_ID, "reason": reason})


def test_what_landed_is_on_record_as_s3_shows_it(acted: Acted):
    stored = StoredObject(LANDING.key, len(BODY), CRC, '"etag"', "v-landed", LANDING_ID, START)

    assert landing_after(acted.carry_out(shore(LANDING), settle.Land(LANDING_ID, stored))) == LANDED


def test_an_ended_landing_leaves_no_parts_in_s3():
    ports = shore(LANDING.ended("silence", START))

    carry_out(ports, recorded(ports), settle.AbortLanding(LANDING_ID))

    assert list(ports.objects.multiparts("")) == []


def test_a_landing_owes_its_abort_while_a_part_is_on_its_way(acted: Acted):
    class StillSending(MemoryObjectStore):
        def abort(self, key: str, multipart_id: str) -> bool:
            return False

    ended = LANDING.ended("silence", START)
    ports = replace(shore(ended), objects=StillSending())

    assert landing_after(acted.carry_out(ports, settle.AbortLanding(LANDING_ID))) == ended


def test_a_film_that_landed_gets_its_place_and_the_upload_that_copies_it(acted: Acted):
    ports = shore(LANDED)

    picture = acted.carry_out(ports, settle.MoveLanding(LANDING_ID))

    [upload] = picture.uploads
    key = FILM.key(SESSION_ID)
    [multipart] = ports.objects.multiparts("originals/")
    assert upload == Upload(
        upload.upload_id,
        SESSION_ID,
        FILM.artifact_id,
        key,
        PartPlan(len(BODY), POLICY.restore_part_size_bytes),
        multipart_id=multipart.multipart_id,
        opened_at=NOW,
        expires_at=NOW + timedelta(seconds=POLICY.upload_ttl_s),
        claim=CRC,
        source=Source(LANDING.key, "v-landed"),
    )
    assert picture.chapters == (FILM,)
    assert landing_after(picture) == LANDED.moved(upload.upload_id)
    assert acted.reported == (
        "INFO",
        "landing moved",
        {"landing_id": LANDING_ID, "upload_id": upload.upload_id, "size_bytes": len(BODY)},
    )


def test_a_film_whose_place_is_known_does_not_get_another():
    ports = shore(LANDED, chapters=(FILM,))

    picture = carry_out(ports, recorded(ports), settle.MoveLanding(LANDING_ID))

    assert picture.chapters == (FILM,)
    assert len(picture.uploads) == 1


def test_a_film_that_came_before_shares_its_receipt():
    upload = make_upload(FILM).promised(CRC, START)
    stored = StoredObject(upload.key, len(BODY), CRC, '"etag"', "v1", UPLOAD_ID, START)
    ports = shore(LANDED, upload.verified(stored, START), chapters=(FILM,))

    picture = carry_out(ports, recorded(ports), settle.MoveLanding(LANDING_ID))

    assert landing_after(picture) == LANDED.moved(UPLOAD_ID)
    assert len(picture.uploads) == 1


@pytest.mark.parametrize(("when", "multiparts"), [(When.BEFORE, 0), (When.AFTER, 1)])
def test_who_loses_the_write_of_a_move_aborts_only_what_nobody_recorded(when: When, multiparts: int):
    ports = shore(LANDED)
    rival = replace(ports, records=faulty(ports.records, Fault("write", Conflict("rival"), when=when)))

    with pytest.raises(Conflict):
        carry_out(rival, recorded(ports), settle.MoveLanding(LANDING_ID))

    assert len(list(ports.objects.multiparts("originals/"))) == multiparts


def landed_in_s3() -> tuple[MemoryPorts, StoredObject]:
    """Ports with an object that landed, and was moved."""
    ports = shore(LANDED.moved(UPLOAD_ID))
    ports.objects.land(LANDING.key, BODY, LANDING_ID)
    stored = ports.objects.head(LANDING.key)
    assert stored
    landed = Landed(stored.version_id, stored.etag, stored.size_bytes, CRC)
    ports.records.arrange(
        replace(recorded(ports), landings=(replace(LANDED.moved(UPLOAD_ID), landed=landed),))
    )
    return ports, stored


def test_exactly_what_landed_is_hidden():
    ports, stored = landed_in_s3()

    carry_out(ports, recorded(ports), settle.DropLanding(LANDING_ID, replace(stored, version_id="another")))
    assert ports.objects.head(LANDING.key)

    carry_out(ports, recorded(ports), settle.DropLanding(LANDING_ID, stored))
    assert ports.objects.head(LANDING.key) is None


def test_a_landing_that_s3_does_not_let_go_is_done_and_on_the_log(acted: Acted):
    ports, stored = landed_in_s3()
    refused = Fault("remove", RemovalRefused("S3 refuses: AccessDenied", "AccessDenied"))

    picture = acted.carry_out(
        replace(ports, objects=faulty(ports.objects, refused)), settle.DropLanding(LANDING_ID, stored)
    )

    assert landing_after(picture).state is LandingState.DONE
    assert acted.logged("landing not removed") == (
        "WARNING",
        "landing not removed",
        {"key": LANDING.key, "error": "S3 refuses: AccessDenied"},
    )


def test_an_upload_that_was_completed_says_so():
    ports = world(make_upload())
    send_parts(ports.objects, make_upload())
    parts = ports.objects.parts(KEY, make_upload().multipart_id)

    picture = carry_out(ports, recorded(ports), settle.Complete(UPLOAD_ID, CRC, parts))

    assert picture.upload(UPLOAD_ID).state is UploadState.COMPLETED
