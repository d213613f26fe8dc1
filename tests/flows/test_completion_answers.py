"""What a client hears when its upload cannot be completed, word for word, and what an operator reads of it."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.artifact import Kind
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import (
    Conflict,
    Finalizing,
    NotAFilm,
    PartsMismatch,
    PartsRefused,
    StateConflict,
    StorageBusy,
)
from chalicelib.core.keys import BROWSER_FILMS
from chalicelib.core.parts import PartPlan
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Upload, Way
from chalicelib.flows import completion
from chalicelib.flows.store import ATTEMPTS
from tests.support.builders import (
    DEVICE_ID,
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
from tests.support.faults import Fault, faulty
from tests.support.log_lines import lines_of
from tests.support.memory import crc64nvme_of

NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
OPERATOR = Principal(Role.OPERATOR, "main", None)
CRC = crc64nvme_of(b"".join(make_bodies(make_upload().plan).values()))
WRONG = crc64nvme_of(b"something else")
NOW = START + timedelta(hours=1)
PAGE = b"<!DOCTYPE html><title>Log in</title>"
NOBODY_WRITES = [Fault("write", Conflict("rival"), call) for call in range(1, ATTEMPTS + 1)]


def arranged(upload: Upload | None = None, *numbers: int, sends: bool = True) -> MemoryPorts:
    """Ports with one open upload whose parts `numbers` (none given: all) have arrived."""
    upload = upload or make_upload()
    ports = memory_ports(make_picture(upload), now=NOW)
    if sends:
        send_parts(ports.objects, upload, *numbers)
    return ports


def assemble(ports: MemoryPorts, upload: Upload) -> None:
    """S3 assembles all parts of the upload."""
    held = ports.objects.parts(upload.key, upload.multipart_id)
    whole = b"".join(ports.objects.bodies(upload.multipart_id).values())
    ports.objects.complete(upload.key, upload.multipart_id, held, crc64nvme_of(whole), len(whole))


def refusal(ports: MemoryPorts, claim=CRC, principal: Principal = NORTH) -> Exception:
    """What completing the upload raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011  the kind is part of the answer
        completion.complete_upload(ports, principal, UPLOAD_ID, claim)
    return raised.value


def mismatch(ports: MemoryPorts, claim=CRC) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    error = refusal(ports, claim)
    assert isinstance(error, PartsMismatch)
    return str(error), error.missing, error.differing


def test_missing_parts_and_those_of_another_size_are_told_together():
    ports = arranged(None, 1, 2)
    ports.objects.put_part(make_upload().key, make_upload().multipart_id, 2, b"1234")

    assert mismatch(ports) == (
        "1 parts are missing and 1 parts have another size than planned",
        (3,),
        (2,),
    )


def test_missing_parts_alone_say_nothing_of_sizes():
    assert mismatch(arranged(None, 1)) == ("2 parts are missing", (2, 3), ())


def test_parts_of_another_size_alone_say_nothing_of_missing_ones():
    ports = arranged()
    ports.objects.put_part(make_upload().key, make_upload().multipart_id, 3, b"1234")

    assert mismatch(ports) == ("1 parts have another size than planned", (), (3,))


def test_parts_that_fold_to_another_whole_are_to_be_compared():
    words = (
        "the parts in S3 fold to another CRC64NVME than this device read; compare them with GET and send again what "
        "differs"
    )

    assert mismatch(arranged(), WRONG) == (words, (), ())


def test_parts_that_s3_refuses_to_assemble_are_to_be_compared():
    ports = arranged()
    refusing = faulty(ports.objects, Fault("complete", PartsRefused("changed", "InvalidPart")))

    assert mismatch(replace(ports, objects=refusing)) == (
        "S3 refused to assemble the parts (InvalidPart); compare them with GET and send again what differs",
        (),
        (),
    )


def test_an_object_that_was_not_put_yet_is_its_only_part():
    upload = make_upload(way=Way.ONE_PUT, multipart_id="", plan=PartPlan(7, 10)).signed(CRC, START)

    assert mismatch(arranged(upload, sends=False)) == (
        "S3 does not have this object yet; send it",
        (1,),
        (),
    )


def test_a_receipt_that_its_device_disowns_is_an_error_for_the_operator(caplog: pytest.LogCaptureFixture):
    ports = arranged()
    completion.complete_upload(ports, NORTH, UPLOAD_ID, CRC)

    error = refusal(ports, WRONG)

    assert isinstance(error, StateConflict)
    assert str(error) == (
        f"the verified object has another CRC64NVME ({CRC}) than this device read ({WRONG}); keep the parts and audit "
        "the chapter"
    )
    assert lines_of(caplog, "receipt disowned") == [
        (
            "ERROR",
            "receipt disowned",
            {"session_id": SESSION_ID, "upload_id": UPLOAD_ID, "claim": WRONG},
        )
    ]


def test_a_cancelled_upload_says_when_and_why(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    ports = arranged()

    completion.cancel_upload(ports, NORTH, UPLOAD_ID, "another camera")

    assert recorded(ports).upload(UPLOAD_ID) == make_upload().cancelled(NOW, "another camera")
    assert lines_of(caplog, "upload cancelled") == [
        ("INFO", "upload cancelled", {"session_id": SESSION_ID, "upload_id": UPLOAD_ID})
    ]


def test_who_loses_each_write_to_others_may_ask_again():
    ports = arranged()
    words = f"session {SESSION_ID} is being written by others; ask again"

    error = refusal(replace(ports, records=faulty(ports.records, *NOBODY_WRITES)))
    assert (type(error), str(error)) == (StorageBusy, words)
    with pytest.raises(StorageBusy) as busy:
        completion.cancel_upload(
            replace(ports, records=faulty(ports.records, *NOBODY_WRITES)), NORTH, UPLOAD_ID
        )
    assert str(busy.value) == words


def test_an_object_that_s3_still_assembles_is_worth_another_call():
    ports = arranged(make_upload(promise=CRC, promised_at=NOW))
    ports.objects.abort(make_upload().key, make_upload().multipart_id)

    error = refusal(ports)

    assert isinstance(error, Finalizing)
    assert str(error) == "S3 is still assembling this object; ask again in a moment"


def test_an_object_that_nobody_expects_is_the_operators():
    ports = arranged()
    ports.objects.put_object(make_upload().key, b"somebody else's")

    error = refusal(ports)

    assert isinstance(error, StateConflict)
    assert str(error) == "this key has an object that nobody expects; an operator must move it away"


def test_an_object_that_nobody_expects_is_the_operators_also_where_the_device_disowns_the_promise():
    ports = arranged(make_upload(promise=CRC, promised_at=NOW))
    ports.objects.abort(make_upload().key, make_upload().multipart_id)
    ports.objects.put_object(make_upload().key, b"somebody else's")

    assert isinstance(refusal(ports, WRONG), StateConflict)


def test_a_rejected_object_on_the_key_has_to_go_first():
    earlier = make_upload(upload_id="u_earlier", multipart_id="earlier")
    ports = memory_ports(make_picture(earlier.rejected("wrong", NOW), make_upload()), now=NOW)
    ports.objects.register(earlier.key, earlier.upload_id, earlier.multipart_id)
    send_parts(ports.objects, earlier)
    assemble(ports, earlier)
    send_parts(ports.objects, make_upload())

    error = refusal(ports)

    assert isinstance(error, Finalizing)
    assert str(error) == (
        f"an object that was rejected is being removed from this key; it is completed {POLICY.in_flight_s} s after "
        "that at the earliest: ask again"
    )


def test_what_was_assembled_and_its_device_disowns_needs_another_upload():
    upload = make_upload().promised(CRC, NOW)
    ports = arranged(upload)
    assemble(ports, upload)

    error = refusal(ports, WRONG)

    assert isinstance(error, Finalizing)
    assert str(error) == (
        f"S3 assembled parts of CRC64NVME {CRC}, and this device read {WRONG}; the object is about to be rejected: ask "
        "again, then open a new upload"
    )


def no_film(chapter: Chapter, **changes) -> MemoryPorts:
    """Ports where the parts of this chapter's upload are those of a page."""
    upload = make_upload(chapter, plan=PartPlan(len(PAGE), 100), **changes)
    picture = make_picture(upload, chapters=[chapter])
    ports = memory_ports(picture, now=NOW, policy=replace(POLICY, checks_films=True))
    ports.objects.put_part(upload.key, upload.multipart_id, 1, PAGE)
    return ports


@pytest.mark.parametrize(
    ("chapter", "principal", "keep"),
    [
        (make_chapter(1, len(PAGE)), NORTH, "card"),
        (Chapter(BROWSER_FILMS, "a.mp4", len(PAGE)), OPERATOR, "file"),
    ],
)
def test_whoever_has_the_only_copy_of_what_is_no_film_is_told_to_keep_it(
    chapter: Chapter, principal: Principal, keep: str
):
    session = {"device_id": "browser"} if principal is OPERATOR else {}
    ports = no_film(chapter)
    picture = recorded(ports)
    ports.records.arrange(replace(picture, session=replace(picture.session, **session)), NOW)

    error = refusal(ports, None, principal)

    assert isinstance(error, Finalizing)
    assert str(error) == (
        f"{chapter.artifact_id} is not a film: it begins as a page of HTML or XML does; it is about to be rejected: "
        f"ask again, and keep the {keep}"
    )


def test_a_sidecar_that_is_no_film_is_refused_at_once_with_the_reason():
    chapter = make_chapter(1, len(PAGE))
    artifact_id = f"{Kind.PROXY.value}.{chapter.artifact_id.removeprefix('original.')}"
    ports = no_film(chapter, artifact_id=artifact_id, key=chapter.sidecar_key(SESSION_ID, Kind.PROXY))

    error = refusal(ports, None)

    assert isinstance(error, NotAFilm)
    assert f"{artifact_id}: it begins as a page of HTML or XML does" in str(error)
