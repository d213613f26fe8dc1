"""What the memory adapters do beyond their contracts: the things that tests do to them."""

import pytest

from chalicelib.core.upload import UploadState
from tests.support.builders import (
    SESSION_ID,
    START,
    make_bodies,
    make_chapter,
    make_picture,
    make_upload,
    memory_ports,
    send_parts,
)
from tests.support.memory import FixedIds, MemoryObjectStore, Refused, crc64nvme_of

KEY = "originals/match-17/100GOPRO/GX010038.MP4"


@pytest.fixture
def objects() -> MemoryObjectStore:
    made = MemoryObjectStore()
    made.register(KEY, FixedIds().upload_id(), "multipart")
    return made


@pytest.mark.parametrize("number", [1, 10_000])
def test_parts_have_the_numbers_that_s3_takes(objects: MemoryObjectStore, number: int):
    objects.put_part(KEY, "multipart", number, b"x")

    assert [part.number for part in objects.parts(KEY, "multipart")] == [number]


@pytest.mark.parametrize("number", [0, 10_001])
def test_parts_of_other_numbers_are_refused(objects: MemoryObjectStore, number: int):
    with pytest.raises(Refused, match="400 InvalidArgument"):
        objects.put_part(KEY, "multipart", number, b"x")


def test_a_part_with_another_crc_is_refused(objects: MemoryObjectStore):
    with pytest.raises(Refused, match="400 BadDigest"):
        objects.put_part(KEY, "multipart", 1, b"x", crc64nvme_of(b"y"))


def test_a_part_for_no_upload_is_refused(objects: MemoryObjectStore):
    with pytest.raises(Refused, match="404 NoSuchUpload"):
        objects.put_part(KEY, "another", 1, b"x")


def test_ports_hold_the_pictures_they_were_made_of_and_their_empty_multipart_uploads():
    upload = make_upload()
    picture = make_picture(upload)

    ports = memory_ports(picture)

    assert ports.records.picture(SESSION_ID) == picture
    assert ports.objects.parts(upload.key, upload.multipart_id) == ()
    assert [due.session_id for due in ports.records.due(START, 10)] == [SESSION_ID]


def test_ports_hold_no_multipart_upload_of_what_has_ended():
    ports = memory_ports(make_picture(make_upload(state=UploadState.EXPIRED)))

    assert list(ports.objects.multiparts("")) == []
    assert ports.records.due(START, 10) == ()


def test_parts_are_sent_as_planned():
    upload = make_upload(make_chapter(size_bytes=21))
    ports = memory_ports(make_picture(upload))

    send_parts(ports.objects, upload)

    held = ports.objects.parts(upload.key, upload.multipart_id)
    assert [part.size_bytes for part in held] == [10, 10, 1]
    assert [part.crc64nvme for part in held] == [
        crc64nvme_of(body) for body in make_bodies(upload.plan).values()
    ]
