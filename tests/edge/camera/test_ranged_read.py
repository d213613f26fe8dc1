"""A ranged read: what is believed, and what is given on."""

from __future__ import annotations

import errno
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_client.base.errors import (
    CameraBusy,
    CameraUnreachable,
    EdgeError,
    FileInDoubt,
    ReadBroken,
    RequestForbidden,
    Transient,
    Unsettled,
)
from edge_client.base.retry import STALL_FLOOR_BYTES, STALL_WINDOW_S
from edge_client.camera.client import Camera
from edge_client.camera.connection import END_S, LOOK_S
from edge_client.camera.ranged_read import BLOCK_BYTES
from edge_client.model.parts import Span
from edge_client.model.plan import ChapterPlan
from tests.edge.fake_camera import CameraExchange, CameraFile, FakeCamera, footage, part, raw

CONTENT = footage(1000)
ETAG = '"62c2a1c6.1"'
CHAPTER = ChapterPlan("100GOPRO", "GX010042.MP4", 1000, 1, 1, ETAG, None)
LOG = b"gpHttpServer: [04327868][INFO ] conn 0: /videos/DCIM @civetweb.c:17872\r\n"
LOG_WITHOUT_COLON = b"[04327868][INFO ] keep going @civetweb.c\r\n"
NOT_FOUND = b"Error 404: Not Found\nNot found"


@pytest.fixture
def reader(camera: FakeCamera) -> Iterator[Camera]:
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(CONTENT)
    made = Camera(camera.url, lambda: 0.0)
    yield made
    made.close()


def read(reader: Camera, first: int = 100, size_bytes: int = 200) -> bytes:
    taken = bytearray()
    reader.read_part(CHAPTER, Span(1, first, size_bytes), taken.extend)
    return bytes(taken)


def answer(
    body: bytes = CONTENT[100:300],
    status: bytes = b"HTTP/1.1 206 Partial Content",
    before: bytes = b"",
    among: bytes = b"",
    **changes: bytes | None,
) -> Callable[..., None]:
    """The right answer to bytes 100-299, but for what is changed; None leaves a header out."""
    headers: dict[str, bytes | None] = {
        "Etag": ETAG.encode(),
        "Content_Length": b"200",
        "Content_Range": b"bytes 100-299/1000",
    }
    lines = [
        name.replace("_", "-").encode() + b": " + value
        for name, value in (headers | changes).items()
        if value is not None
    ]
    head = b"\r\n".join([status, lines[0]]) + b"\r\n" + among + b"\r\n".join([*lines[1:], b"", b""])
    return raw(before + head + body)


@pytest.mark.parametrize(("first", "size_bytes"), [(0, 1), (0, 1000), (999, 1), (1, 999)])
def test_a_ranged_read_gives_exactly_the_bytes_asked_for(reader: Camera, first: int, size_bytes: int):
    assert read(reader, first, size_bytes) == CONTENT[first : first + size_bytes]


@pytest.mark.parametrize("size_bytes", [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 7])
def test_a_part_of_several_blocks_comes_whole_and_in_order(
    reader: Camera, camera: FakeCamera, size_bytes: int
):
    content = footage(size_bytes + 20)
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(content)
    chapter = ChapterPlan("100GOPRO", "GX010042.MP4", len(content), 1, 1, ETAG, None)
    taken = bytearray()

    reader.read_part(chapter, Span(1, 10, size_bytes), taken.extend)

    assert taken == content[10 : 10 + size_bytes]


@pytest.mark.parametrize(("first", "size_bytes"), [(0, 1001), (999, 2), (1000, 1), (0, 0), (-1, 2)])
def test_nothing_is_asked_beyond_the_end(reader: Camera, camera: FakeCamera, first: int, size_bytes: int):
    with pytest.raises(RequestForbidden):
        read(reader, first, size_bytes)

    assert camera.requests == []


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(answer(), id="as it should be"),
        pytest.param(answer(status=b"HTTP/1.0 206 OK"), id="of HTTP/1.0"),
        pytest.param(answer(among=LOG), id="log text with a colon among the headers"),
        pytest.param(answer(Content_Encoding=b"identity"), id="identity encoding"),
        pytest.param(answer(status=b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 x"), id="after a 100"),
    ],
)
def test_a_ranged_read_takes_an_answer(reader: Camera, camera: FakeCamera, act: Any):
    camera.faults["read"] = [act]

    assert read(reader) == CONTENT[100:300]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        pytest.param(lambda h, f, a, b: h.answer(200, f.content), Unsettled, id="200 to a range"),
        pytest.param(lambda h, *_: h.answer(200, NOT_FOUND), Unsettled, id="200 of 30 bytes"),
        pytest.param(lambda h, *_: h.answer(404, NOT_FOUND), Unsettled, id="404 of 30 bytes"),
        pytest.param(raw(b"HTTP/1.1 404 Not Found\r\n\r\n", NOT_FOUND), Unsettled, id="404 without a length"),
        pytest.param(lambda h, *_: h.answer(416), Unsettled, id="416"),
        pytest.param(lambda h, *_: h.answer(500), Unsettled, id="500"),
        pytest.param(lambda h, *_: h.answer(503, b'{"message": "Camera is busy"}'), CameraBusy, id="busy"),
        pytest.param(lambda h, *_: h.answer(302, b"", {"Location": "/x"}), Unsettled, id="redirect"),
        pytest.param(answer(Content_Range=b"bytes 101-300/1000"), ReadBroken, id="other range"),
        pytest.param(answer(Content_Range=b"bytes 101-299/1000"), ReadBroken, id="other start"),
        pytest.param(answer(Content_Range=b"bytes 100-300/1000"), ReadBroken, id="other end"),
        pytest.param(answer(Content_Range=b"bytes 100-299/1001"), FileInDoubt, id="other total"),
        pytest.param(answer(Content_Range=b"bytes 100-299/*"), ReadBroken, id="no total"),
        pytest.param(answer(Content_Range=b"bytes 100-99/1000"), ReadBroken, id="range of nothing"),
        pytest.param(answer(Content_Range=None), ReadBroken, id="no range"),
        pytest.param(
            answer(Content_Range=b"bytes 100-299/1000\r\nContent-Range: bytes 0-199/1000"),
            ReadBroken,
            id="two ranges",
        ),
        pytest.param(answer(Etag=b'"other"'), FileInDoubt, id="other etag"),
        pytest.param(answer(Etag=ETAG.encode() + b'\r\nEtag: "other"'), FileInDoubt, id="two etags"),
        pytest.param(answer(Etag=None), Unsettled, id="no etag"),
        pytest.param(answer(Etag=b""), Unsettled, id="empty etag"),
        pytest.param(answer(Content_Encoding=b"gzip"), ReadBroken, id="encoded"),
        pytest.param(answer(Transfer_Encoding=b"chunked"), ReadBroken, id="chunked"),
        pytest.param(answer(Content_Length=b"199"), ReadBroken, id="content-length one too short"),
        pytest.param(answer(Content_Length=b"201"), ReadBroken, id="content-length one too long"),
        pytest.param(answer(Content_Length=b"0"), ReadBroken, id="content-length 0"),
        pytest.param(answer(Content_Length=b"-1"), ReadBroken, id="content-length -1"),
        pytest.param(answer(Content_Length=None), ReadBroken, id="no content-length"),
        pytest.param(answer(b""), ReadBroken, id="no body"),
        pytest.param(answer(CONTENT[100:299]), ReadBroken, id="body one byte short"),
        pytest.param(answer(CONTENT[100:301]), ReadBroken, id="body one byte too long"),
        pytest.param(
            answer(CONTENT[100:150] + LOG + CONTENT[150:300]), ReadBroken, id="log text between the bytes"
        ),
        pytest.param(answer(before=LOG), CameraUnreachable, id="log text before the status line"),
        pytest.param(
            answer(among=LOG_WITHOUT_COLON), ReadBroken, id="log text without a colon among the headers"
        ),
        pytest.param(raw(b"HTTP/1.1 206 x\r\nEtag"), ReadBroken, id="hung up among the headers"),
        pytest.param(raw(b"HTTP/1.1 206 x\r\n" + b"X: y\r\n" * 200), CameraUnreachable, id="endless headers"),
        pytest.param(raw(b""), CameraUnreachable, id="hung up"),
    ],
)
def test_a_ranged_read_refuses(reader: Camera, camera: FakeCamera, act: Any, error: type[EdgeError]):
    camera.faults["read"] = [act]

    with pytest.raises(error):
        read(reader)


def test_a_refused_read_gives_no_byte_before_its_headers_are_right(reader: Camera, camera: FakeCamera):
    camera.faults["read"] = [part(Etag='"other"')]
    taken = bytearray()

    with pytest.raises(FileInDoubt):
        reader.read_part(CHAPTER, Span(1, 0, 100), taken.extend)

    assert taken == b""


def test_a_chapter_that_was_planned_without_an_etag_is_read_without_one(reader: Camera, camera: FakeCamera):
    chapter = ChapterPlan("100GOPRO", "GX010042.MP4", 1000, 1, 1, None, None)
    camera.faults["read"] = [answer(Etag=None)]
    taken = bytearray()

    reader.read_part(chapter, Span(1, 100, 200), taken.extend)

    assert taken == CONTENT[100:300]


def staying(surplus: bytes = b"", **headers: str) -> Callable[..., None]:
    """The right answer, and a connection that stays open until the client ends it."""

    def act(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        part(**headers)(handler, file, first, last)
        handler.write(surplus)
        handler.connection.recv(1)  # until the client hangs up

    return act


def test_a_camera_that_does_not_hang_up_costs_one_wait_and_no_more(reader: Camera, camera: FakeCamera):
    camera.faults["read"] = [staying() for _ in range(10)]

    began_s = time.monotonic()
    assert read(reader) == CONTENT[100:300]
    first_s = time.monotonic() - began_s
    for _ in range(9):
        assert read(reader) == CONTENT[100:300]
    nine_more_s = time.monotonic() - began_s - first_s

    assert first_s < END_S + 1
    assert nine_more_s < 9 * LOOK_S + 1


def test_a_camera_that_says_that_it_keeps_its_connection_costs_no_wait(reader: Camera, camera: FakeCamera):
    camera.faults["read"] = [staying(Connection="Keep-Alive")]

    began_s = time.monotonic()
    assert read(reader) == CONTENT[100:300]

    assert time.monotonic() - began_s < END_S / 2


@pytest.mark.parametrize("headers", [{}, {"Connection": "keep-alive"}], ids=["unsaid", "said"])
def test_what_a_camera_that_keeps_its_connections_has_sent_too_much_is_seen(
    reader: Camera, camera: FakeCamera, headers: dict[str, str]
):
    camera.faults["read"] = [staying(), staying(b"!", **headers)]
    assert read(reader) == CONTENT[100:300]

    with pytest.raises(ReadBroken, match="more than was asked for"):
        read(reader)


def test_a_byte_too_many_that_comes_late_is_seen_before_the_connection_ends(
    reader: Camera, camera: FakeCamera
):
    """A camera takes rests: of more than a second, too, between the body and what does not belong to it."""

    def rest(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        handler.part(file, first, last)
        time.sleep(1.5)
        handler.write(b"!")

    camera.faults["read"] = [rest]

    with pytest.raises(ReadBroken, match="more than was asked for"):
        read(reader)


def test_a_camera_that_ends_each_connection_is_waited_for_each_time(reader: Camera, camera: FakeCamera):
    camera.faults["read"] = [part(), part(), answer(CONTENT[100:301])]
    for _ in range(2):
        assert read(reader) == CONTENT[100:300]

    with pytest.raises(ReadBroken, match="more than was asked for"):
        read(reader)


def test_a_camera_that_resets_the_connection_behind_the_last_byte_is_read_all_the_same(
    reader: Camera, camera: FakeCamera
):
    all_taken = threading.Event()

    def reset(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        handler.part(file, first, last)
        all_taken.wait(5)
        handler.reset()

    camera.faults["read"] = [reset]
    taken = bytearray()

    def write(block: memoryview) -> None:
        taken.extend(block)
        if len(taken) == 200:
            all_taken.set()

    reader.read_part(CHAPTER, Span(1, 100, 200), write)

    assert taken == CONTENT[100:300]


def test_each_read_after_a_broken_one_begins_anew(reader: Camera, camera: FakeCamera):
    camera.faults["read"] = [answer(CONTENT[100:301]), answer(CONTENT[100:150])]
    for _ in range(2):
        with pytest.raises(ReadBroken):
            read(reader)

    assert read(reader) == CONTENT[100:300]


def test_bytes_are_given_on_as_they_come_and_not_when_a_buffer_is_full(reader: Camera, camera: FakeCamera):
    first_came = threading.Event()

    def trickle(handler: CameraExchange, *rest: Any) -> None:
        answer(CONTENT[100:101])(handler)
        seen.append(first_came.wait(5))
        handler.write(CONTENT[101:300])

    seen: list[bool] = []
    camera.faults["read"] = [trickle]
    reader.read_part(CHAPTER, Span(1, 100, 200), lambda block: first_came.set())

    assert seen == [True]


def test_a_block_is_gone_when_its_call_is_over(reader: Camera):
    kept: list[memoryview] = []
    reader.read_part(CHAPTER, Span(1, 0, 100), kept.append)

    with pytest.raises(ValueError, match="released"):
        kept[0].tobytes()


def test_what_the_writer_raises_is_not_laid_at_the_cameras_door(reader: Camera):
    def full(block: memoryview) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with pytest.raises(OSError, match="no room"):
        reader.read_part(CHAPTER, Span(1, 0, 100), full)


@pytest.mark.parametrize("interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 x\r\nX: y\r\n\r\n"])
def test_interim_answers_without_end_are_silence(camera: FakeCamera, interim: bytes):
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(CONTENT)
    clock = itertools.count(0, 1.0)
    reader = Camera(camera.url, lambda: next(clock))

    def never_an_answer(handler: CameraExchange, *rest: object) -> None:
        # As many bytes as the floor asks for, many times over.
        handler.write(interim * (20 * STALL_FLOOR_BYTES // len(interim)))

    camera.faults["read"] = [never_an_answer]
    with pytest.raises(Transient, match="stalled: 0 bytes"):
        reader.read_part(CHAPTER, Span(1, 0, 1000), lambda block: None)
    reader.close()


def test_an_answer_behind_interim_ones_is_read(camera: FakeCamera):
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(CONTENT)
    reader, taken = Camera(camera.url, lambda: 0.0), bytearray()

    def interim_first(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        handler.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 3)
        handler.part(file, first, last)

    camera.faults["read"] = [interim_first]
    reader.read_part(CHAPTER, Span(1, 100, 200), taken.extend)
    reader.close()

    assert taken == CONTENT[100:300]


@pytest.mark.parametrize("sent_bytes", [10, 120], ids=["in its head", "in its body"])
def test_a_trickle_is_a_stall(camera: FakeCamera, sent_bytes: int):
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(CONTENT)
    clock = itertools.count(0, STALL_WINDOW_S)
    reader = Camera(camera.url, lambda: next(clock))

    def some_bytes_and_no_more(handler: CameraExchange, file: CameraFile, first: int, last: int) -> None:
        head = f"HTTP/1.1 206 x\r\nContent-Range: bytes {first}-{last}/1000\r\nContent-Length: {last - first + 1}\r\n"
        handler.write((f"{head}Etag: {file.etag}\r\n\r\n".encode() + CONTENT)[:sent_bytes])
        handler.connection.recv(1)  # until the client hangs up

    camera.faults["read"] = [some_bytes_and_no_more]
    with pytest.raises(Transient, match="stalled"):
        reader.read_part(CHAPTER, Span(1, 0, 1000), lambda block: None)
    reader.close()
