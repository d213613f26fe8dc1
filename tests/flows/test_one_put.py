"""A small film from a browser comes by one PUT: bound to its bytes, proven by what S3 stored, never over another."""

import random
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Finalizing, InvalidRequest, PartsMismatch, StateConflict, UploadGone
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.upload import UploadState, Way
from chalicelib.flows import completion, uploads
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from chalicelib.flows.uploads import ONE_PUT_TTL_S
from tests.flows.test_browser_sessions import DEVICE, OPERATOR, confirm, film
from tests.support.builders import (
    PART_SIZE_BYTES,
    POLICY,
    SESSION_ID,
    make_chapter,
    make_picture,
    memory_ports,
    recorded,
)
from tests.support.counted import counted
from tests.support.faults import lost_races
from tests.support.memory import Refused, crc64nvme_of, deliver

BODY = b"a film"
OTHER = b"a firm"
SMALL = film(1, len(BODY))


def begun(body=BODY, **policy):
    """Ports with a browser's session of one small film, and its upload."""
    ports = memory_ports(policy=replace(POLICY, **policy))
    confirm(ports, (film(1, len(body)),))
    return ports, ask(ports, len(body)).upload


def ask(
    ports, size_bytes=SMALL.size_bytes, way=Way.ONE_PUT, artifact_id=SMALL.artifact_id, principal=OPERATOR
):
    return uploads.open_upload(ports, principal, SESSION_ID, artifact_id, size_bytes, None, way=way)[0]


def sign(ports, upload, body=BODY):
    (url,) = uploads.sign_parts(ports, OPERATOR, upload.upload_id, [(1, crc64nvme_of(body))])
    return url


def put(ports, url, body=BODY):
    return deliver(ports.objects, url.url, url.headers, body, ports.clock.now())


def complete(ports, upload, claim=None):
    return completion.complete_upload(ports, OPERATOR, upload.upload_id, claim).upload


def later(ports, **by):
    ports.clock.move_to(ports.clock.now() + timedelta(**by))


def rounds(ports, *minutes):
    for each in minutes:
        later(ports, minutes=each)
        reconcile(ports, 240.0)


@pytest.mark.parametrize(
    ("size_bytes", "way"),
    [
        (PART_SIZE_BYTES - 1, Way.ONE_PUT),
        (PART_SIZE_BYTES, Way.ONE_PUT),
        (PART_SIZE_BYTES + 1, Way.PARTS),
    ],
)
def test_a_film_of_at_most_one_part_comes_by_one_put(size_bytes, way):
    _, upload = begun(b"x" * size_bytes)

    assert upload.way is way
    assert bool(upload.multipart_id) is (way is Way.PARTS)


def test_who_does_not_ask_for_one_put_sends_parts():
    ports = memory_ports()
    confirm(ports, (SMALL,))

    assert ask(ports, way=Way.PARTS).upload.way is Way.PARTS


def test_a_device_sends_parts():
    chapter = make_chapter(size_bytes=len(BODY))
    ports = memory_ports(make_picture(chapters=(chapter,)))

    assert ask(ports, artifact_id=chapter.artifact_id, principal=DEVICE).upload.way is Way.PARTS


def test_the_address_binds_length_type_checksum_and_that_nothing_is_there():
    ports, upload = begun()

    url = sign(ports, upload)

    assert url.headers == {
        "content-length": str(len(BODY)),
        "content-type": "video/mp4",
        "if-none-match": "*",
        "x-amz-checksum-crc64nvme": crc64nvme_of(BODY),
        "x-amz-meta-upload-id": upload.upload_id,
    }
    assert url.expires_at == ports.clock.now() + timedelta(seconds=ONE_PUT_TTL_S)


def test_the_object_gets_its_receipt_when_the_browser_completes():
    ports, upload = begun()
    put(ports, sign(ports, upload))

    verified = complete(ports, upload, crc64nvme_of(BODY))

    assert verified.receipt
    assert (verified.receipt.crc64nvme, verified.receipt.size_bytes) == (crc64nvme_of(BODY), len(BODY))
    assert recorded(ports).session.state is SessionState.STORED


@pytest.mark.parametrize("actor", [Actor.EVENT, Actor.RECONCILER])
def test_the_object_gets_its_receipt_when_nobody_completes(actor):
    ports, upload = begun()
    put(ports, sign(ports, upload))

    settle_session(ports, SESSION_ID, actor, keys=[upload.key] if actor is Actor.EVENT else [])

    assert recorded(ports).upload(upload.upload_id).receipt


def test_who_asks_for_the_upload_again_hears_that_it_is_verified():
    ports, upload = begun()
    put(ports, sign(ports, upload))

    assert ask(ports).upload.receipt
    assert completion.view_upload(ports, OPERATOR, upload.upload_id).upload.receipt


def test_nothing_is_complete_before_the_object_is_there():
    ports, upload = begun()
    sign(ports, upload)

    with pytest.raises(PartsMismatch) as refusal:
        complete(ports, upload)

    assert refusal.value.missing == (1,)
    assert recorded(ports).upload(upload.upload_id).state is UploadState.OPEN


def test_other_bytes_are_refused():
    ports, upload = begun()
    url = sign(ports, upload)

    with pytest.raises(Refused) as refused:
        put(ports, url, OTHER)

    assert refused.value.status == 400
    assert ports.objects.head(upload.key) is None


def test_a_second_put_is_refused_and_changes_nothing():
    ports, upload = begun()
    url = sign(ports, upload)
    put(ports, url)

    with pytest.raises(Refused) as refused:
        put(ports, url)

    assert refused.value.status == 412
    assert complete(ports, upload).receipt


def test_there_is_one_address_and_no_second_part():
    ports, upload = begun()

    with pytest.raises(InvalidRequest, match=r"outside 1\.\.1"):
        uploads.sign_parts(ports, OPERATOR, upload.upload_id, [(2, crc64nvme_of(BODY))])


def test_its_claim_is_what_its_address_takes():
    ports, upload = begun()
    whole, other = crc64nvme_of(BODY), crc64nvme_of(OTHER)

    with pytest.raises(InvalidRequest, match="one part"):
        uploads.sign_parts(ports, OPERATOR, upload.upload_id, [(1, whole)], other)
    assert recorded(ports).upload(upload.upload_id).claim is None

    uploads.sign_parts(ports, OPERATOR, upload.upload_id, [(1, whole)], whole)
    assert recorded(ports).upload(upload.upload_id).claim == whole


def test_the_same_bytes_may_be_signed_again_at_any_time():
    ports, upload = begun()
    sign(ports, upload)
    later(ports, seconds=ONE_PUT_TTL_S + 1)

    put(ports, sign(ports, upload))

    assert complete(ports, upload).receipt


@pytest.mark.parametrize(("seconds", "is_signed"), [(899, False), (900, True), (901, True)])
def test_other_bytes_are_signed_only_when_no_earlier_put_can_be_on_its_way(seconds, is_signed):
    ports, upload = begun()
    sign(ports, upload)
    later(ports, seconds=seconds)

    if is_signed:
        put(ports, sign(ports, upload, OTHER), OTHER)
        assert complete(ports, upload).receipt
    else:
        with pytest.raises(Finalizing, match="other bytes"):
            sign(ports, upload, OTHER)


def test_an_object_that_is_not_what_its_browser_read_gets_no_receipt():
    ports, upload = begun()
    put(ports, sign(ports, upload))

    with pytest.raises(Finalizing, match="about to be rejected"):
        complete(ports, upload, crc64nvme_of(OTHER))

    rounds(ports, 1)
    assert recorded(ports).upload(upload.upload_id).state is UploadState.REJECTED
    assert recorded(ports).upload(upload.upload_id).receipt is None


def test_a_rejected_object_is_hidden_only_when_no_put_can_come_any_more_and_then_the_film_may_come_again():
    ports, upload = begun(checks_films=True)
    put(ports, sign(ports, upload))
    rounds(ports, 1)
    assert recorded(ports).upload(upload.upload_id).state is UploadState.REJECTED
    assert ports.objects.head(upload.key)

    rounds(ports, 13)
    assert ports.objects.head(upload.key)
    rounds(ports, 1)

    assert ports.objects.head(upload.key) is None
    assert not recorded(ports).upload(upload.upload_id).owes


def test_nothing_is_signed_while_a_marker_may_be_on_its_way():
    ports, upload = begun()
    put(ports, sign(ports, upload))
    with pytest.raises(Finalizing):
        complete(ports, upload, crc64nvme_of(OTHER))
    rounds(ports, 1, 15)
    again = ask(ports).upload
    assert again.upload_id != upload.upload_id

    with pytest.raises(Finalizing, match="being removed"):
        sign(ports, again)

    later(ports, minutes=15)
    put(ports, sign(ports, again))
    assert complete(ports, again).receipt


def test_a_cancelled_one_opens_again_and_finds_what_came_meanwhile():
    ports, upload = begun()
    url = sign(ports, upload)
    completion.cancel_upload(ports, OPERATOR, upload.upload_id)
    put(ports, url)

    again = ask(ports).upload

    assert (again.upload_id, again.state) == (upload.upload_id, UploadState.OPEN)
    assert complete(ports, again).receipt


def test_what_came_of_a_cancelled_one_is_hidden_after_the_undo_window():
    ports, upload = begun()
    url = sign(ports, upload)
    completion.cancel_upload(ports, OPERATOR, upload.upload_id)
    put(ports, url)

    rounds(ports, 59)
    assert ports.objects.head(upload.key)
    rounds(ports, 1, 5)

    assert ports.objects.head(upload.key) is None
    assert not recorded(ports).upload(upload.upload_id).owes


def test_one_that_was_never_signed_owes_nothing_when_it_is_given_up():
    ports, upload = begun()
    completion.cancel_upload(ports, OPERATOR, upload.upload_id)

    rounds(ports, 61)

    assert not recorded(ports).upload(upload.upload_id).owes
    assert recorded(ports).upload(upload.upload_id).removed_at is None


def test_its_deadline_ends_it_when_no_put_can_come_any_more():
    ports, upload = begun()
    later(ports, days=5, hours=23, minutes=59)
    url = sign(ports, upload)
    later(ports, minutes=2)

    with pytest.raises(UploadGone):
        sign(ports, upload)
    reconcile(ports, 240.0)
    assert recorded(ports).upload(upload.upload_id).state is UploadState.OPEN
    put(ports, url)
    rounds(ports, 5)

    assert recorded(ports).upload(upload.upload_id).receipt


def test_one_that_never_came_expires():
    ports, upload = begun()
    sign(ports, upload)
    later(ports, days=6)

    rounds(ports, 1, 5)

    ended = recorded(ports).upload(upload.upload_id)
    assert (ended.state, ended.owes) == (UploadState.EXPIRED, False)


def test_an_object_of_somebody_else_on_the_key_is_kept():
    ports, upload = begun()
    ports.objects.put_object(upload.key, OTHER)
    url = sign(ports, upload)

    with pytest.raises(Refused):
        put(ports, url)
    with pytest.raises(StateConflict, match="nobody expects"):
        complete(ports, upload)

    rounds(ports, 1)
    assert ports.objects.body(upload.key) == OTHER


@pytest.mark.parametrize("seed", range(100))
def test_a_truncated_upload_is_refused_and_never_stored(seed):
    """A browser announces a film and brings less of it: no tail, no part, or fewer bytes than it signed."""
    chance = random.Random(seed)
    size_bytes = chance.randint(2, 5 * PART_SIZE_BYTES)
    body = chance.randbytes(size_bytes)
    ports = memory_ports()
    confirm(ports, (film(1, size_bytes),))
    upload = ask(ports, size_bytes, chance.choice(list(Way))).upload
    lasting = body[: chance.randrange(size_bytes)]
    for number in upload.plan.numbers:
        start = upload.plan.start_of(number)
        part = lasting[start : start + upload.plan.size_of(number)]
        (url,) = uploads.sign_parts(ports, OPERATOR, upload.upload_id, [(number, crc64nvme_of(part))])
        if len(part) < upload.plan.size_of(number):
            with pytest.raises(Refused):
                deliver(ports.objects, url.url, url.headers, part, ports.clock.now())
        else:
            deliver(ports.objects, url.url, url.headers, part, ports.clock.now())

    with pytest.raises(PartsMismatch):
        complete(ports, upload, crc64nvme_of(lasting))

    rounds(ports, 1, 60)
    assert ports.objects.head(upload.key) is None
    assert recorded(ports).session.state is SessionState.OPEN


def test_who_loses_the_race_to_open_an_upload_by_one_put_has_nothing_to_abort():
    ports = memory_ports()
    confirm(ports, (SMALL,))
    watched, calls = counted(ports)

    upload = ask(lost_races(watched, 1)).upload

    assert recorded(ports).uploads == (upload,)
    assert (calls["create_multipart"], calls["abort"]) == (0, 0)
