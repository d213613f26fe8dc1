"""What an action leaves of a landing on record and in S3, and what it reports."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.errors import Conflict, RemovalRefused
from chalicelib.core.ids import BROWSER, UploadId
from chalicelib.core.keys import landing_key
from chalicelib.core.landing import Landed, Landing, LandingState
from chalicelib.core.parts import PartPlan
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Action
from chalicelib.core.upload import Source, StoredObject, Upload
from chalicelib.flows.actions import carry_out
from tests.flows.actions.acted import Acted
from tests.flows.actions.arranged import BODY, NOW, world
from tests.support.builders import (
    POLICY,
    SESSION_ID,
    START,
    UPLOAD_ID,
    MemoryPorts,
    make_picture,
    make_upload,
    recorded,
)
from tests.support.faults import Fault, When, faulty
from tests.support.memory import MemoryObjectStore, crc64nvme_of

CRC = crc64nvme_of(BODY)
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
    ports = world(replace(make_picture(*uploads, **changes), landings=(landing,)))
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
