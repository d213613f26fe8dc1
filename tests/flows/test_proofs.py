"""What a device may read back of what is home: a few ranges of a verified original of its project, and no more."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest, NotFound, NotPermitted
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId, UploadId
from chalicelib.core.parts import PartPlan
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Receipt, UploadState
from chalicelib.flows import proofs
from chalicelib.flows.proofs import MOST_BYTES, MOST_RANGES, PROOF_URL_TTL_S
from chalicelib.ports import ByteRange, RangeUrl
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    START,
    MemoryPorts,
    make_chapter,
    make_picture,
    make_session_id,
    make_upload,
    memory_ports,
    recorded,
)
from tests.support.memory import Refused, crc64nvme_of, fetch
from tests.support.story import CHAPTERS, NORTH, OPERATOR, PROCESSOR

SOUTH = Principal(Role.DEVICE, "main", DeviceId("d_south"))
ELSEWHERE = Principal(Role.DEVICE, "club", DeviceId("d_elsewhere"))
ONE = CHAPTERS[0].artifact_id
LARGE_BYTES = 3 * MOST_BYTES


def hauled() -> MemoryPorts:
    ports = memory_ports()
    story.haul(ports)
    return ports


def asked(
    ports: MemoryPorts,
    *ranges: ByteRange,
    principal: Principal = SOUTH,
    session_id: SessionId = SESSION_ID,
    artifact_id: ArtifactId = ONE,
) -> tuple[Receipt, tuple[RangeUrl, ...]]:
    wanted: Sequence[ByteRange] = ranges or (ByteRange(0, 1),)
    return proofs.sign_ranges(ports, principal, session_id, artifact_id, wanted)


def large() -> MemoryPorts:
    """A verified chapter of three times what one call may read."""
    chapter = make_chapter(size_bytes=LARGE_BYTES)
    crc = crc64nvme_of(b"large")
    receipt = Receipt(
        UploadId("u_first"), chapter.artifact_id, chapter.key(SESSION_ID), "v", LARGE_BYTES, crc, START
    )
    upload = replace(
        make_upload(chapter),
        plan=PartPlan(LARGE_BYTES, MOST_BYTES),
        state=UploadState.VERIFIED,
        receipt=receipt,
    )
    return memory_ports(make_picture(upload, chapters=[chapter]))


@pytest.mark.parametrize("principal", [NORTH, SOUTH], ids=["its own", "another's"])
def test_a_device_reads_ranges_of_a_verified_original_of_its_project(principal: Principal):
    ports, body = hauled(), story.original(1)

    receipt, (head, tail) = asked(ports, ByteRange(0, 3), ByteRange(20, 5), principal=principal)

    assert receipt == recorded(ports).receipt(ONE)
    read = [fetch(ports.objects, each.url, ports.clock.now(), each.headers["range"]) for each in (head, tail)]
    assert read == [body[:3], body[20:25]]


@pytest.mark.parametrize("wanted", [None, "bytes=0-24", "bytes=0-3"])
def test_what_is_read_is_the_range_and_never_the_film(wanted: str | None):
    ports = hauled()
    _, (made,) = asked(ports, ByteRange(0, 3))

    with pytest.raises(Refused, match="SignatureDoesNotMatch"):
        fetch(ports.objects, made.url, ports.clock.now(), wanted)


def test_an_address_is_short_lived():
    ports = hauled()

    _, (made,) = asked(ports)

    assert made.expires_at == ports.clock.now().replace(microsecond=0) + timedelta(seconds=PROOF_URL_TTL_S)
    assert PROOF_URL_TTL_S <= 300


@pytest.mark.parametrize("principal", [PROCESSOR, OPERATOR], ids=["processor", "operator"])
def test_who_may_read_the_whole_has_no_need_of_ranges(principal: Principal):
    with pytest.raises(NotPermitted):
        asked(hauled(), principal=principal)


def test_of_another_project_nothing_is_there():
    with pytest.raises(NotFound, match="no session with this id"):
        asked(hauled(), principal=ELSEWHERE)


def test_an_unknown_session_is_not_found():
    with pytest.raises(NotFound, match="no session with this id"):
        asked(hauled(), session_id=make_session_id("unknown"))


@pytest.mark.parametrize(
    "artifact_id", ["original.100GOPRO.GX990038.MP4", story.VIDEO, story.LIGHTS, "x", ""]
)
def test_what_is_no_chapter_of_the_session_is_not_found(artifact_id: str):
    with pytest.raises(NotFound, match="no artifact with this id"):
        asked(hauled(), artifact_id=ArtifactId(artifact_id))


def test_of_what_a_processor_made_nothing_is_read_back():
    with pytest.raises(NotFound):
        asked(story.processed(), artifact_id=story.VIDEO)


def test_what_is_not_verified_proves_nothing():
    with pytest.raises(NotFound, match="not verified yet"):
        asked(memory_ports(make_picture(make_upload())))


def test_what_was_cleaned_cannot_be_read():
    with pytest.raises(NotFound, match="was cleaned"):
        asked(story.cleaned())


@pytest.mark.parametrize("wanted", [ByteRange(59, 1), ByteRange(0, 60)])
def test_a_range_may_end_with_the_file(wanted: ByteRange):
    assert asked(hauled(), wanted)[1][0].wanted == wanted


@pytest.mark.parametrize(
    "wanted", [ByteRange(59, 2), ByteRange(60, 1), ByteRange(0, 61), ByteRange(2**63, 1)]
)
def test_a_range_outside_the_file_is_refused_with_its_place(wanted: ByteRange):
    with pytest.raises(InvalidRequest, match=r"\$\.ranges\[1\]"):
        asked(hauled(), ByteRange(0, 1), wanted)


@pytest.mark.parametrize("count", [1, MOST_RANGES - 1, MOST_RANGES])
def test_as_many_ranges_as_a_call_takes_are_signed(count: int):
    _, urls = asked(large(), *[ByteRange(place, 1) for place in range(count)])

    assert [each.wanted.first for each in urls] == list(range(count))


@pytest.mark.parametrize("count", [0, MOST_RANGES + 1])
def test_no_range_and_too_many_are_refused(count: int):
    with pytest.raises(InvalidRequest, match="1 to 32 ranges"):
        proofs.sign_ranges(large(), SOUTH, SESSION_ID, ONE, [ByteRange(0, 1)] * count)


@pytest.mark.parametrize("sizes", [(MOST_BYTES - 1,), (MOST_BYTES,), (MOST_BYTES - 1, 1)])
def test_all_ranges_of_a_call_together_may_have_64_mib(sizes: tuple[int, ...]):
    assert MOST_BYTES == 64 * 2**20
    assert len(asked(large(), *[ByteRange(0, size) for size in sizes])[1]) == len(sizes)


@pytest.mark.parametrize("sizes", [(MOST_BYTES + 1,), (MOST_BYTES, 1), (LARGE_BYTES,)])
def test_a_call_for_more_is_refused(sizes: tuple[int, ...]):
    with pytest.raises(InvalidRequest, match="together"):
        asked(large(), *[ByteRange(0, size) for size in sizes])
