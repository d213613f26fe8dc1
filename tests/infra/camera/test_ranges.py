"""The camera's file server answers as stock CivetWeb 1.15 does, at and beyond the end of a file too."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.local.camera import Camera, Card, CardFile, Directory, VirtualContent, card_with, chapter_path
from tests.infra.raw_http import ask

MTIME = 0x6B010751
SIZE = 102_400
SIZES = {"GX010001.MP4": SIZE, "GX010002.MP4": 5_368_709_123, "GX010003.MP4": 0}
CHAPTER = chapter_path("GX010001.MP4")
REFERENCE = Path(__file__).with_name("civetweb-1.15-ranges.txt")


def reference_card() -> Card:
    modified = MTIME + Card.utc_offset_s
    return card_with(
        *(CardFile(name, VirtualContent(size), modified=modified) for name, size in SIZES.items())
    )


@pytest.fixture(scope="module")
def camera():
    with Camera(reference_card()) as running:
        yield running


def content(first: int = 0, last: int = SIZE - 1) -> bytes:
    return VirtualContent(SIZE).read(first, last - first + 1)


def test_a_file_is_served_whole_with_civetwebs_headers_in_civetwebs_order(camera):
    reply = ask(camera, CHAPTER)

    assert reply.lines == [
        "HTTP/1.1 200 OK",
        "Content-Type: video/mp4",
        "Last-Modified: Sat, 21 Nov 2026 02:52:01 GMT",
        'Etag: "6b010751.102400"',
        "Content-Length: 102400",
        "Accept-Ranges: bytes",
        "Connection: close",
    ]
    assert reply.body == content()


def test_a_range_is_served_with_its_content_range_before_connection(camera):
    reply = ask(camera, CHAPTER, Range="bytes=10-19")

    assert reply.lines[0] == "HTTP/1.1 206 Partial Content"
    assert reply.lines[-3:] == [
        "Accept-Ranges: bytes",
        "Content-Range: bytes 10-19/102400",
        "Connection: close",
    ]
    assert reply.body == content(10, 19)


@pytest.mark.parametrize(
    ("asked", "promised", "content_range", "sent"),
    [
        ("bytes=0-102398", 102_399, "bytes 0-102398/102400", 102_399),
        ("bytes=0-102399", 102_400, "bytes 0-102399/102400", 102_400),
        ("bytes=0-102400", 102_401, "bytes 0-102400/102400", 102_400),
        ("bytes=102000-999999", 401, "bytes 102000-102400/102400", 400),
        ("bytes=102399-", 1, "bytes 102399-102399/102400", 1),
        ("bytes=102400-", 0, "bytes 102400-102399/102400", 0),
        ("bytes=102401-", -1, "bytes 102401-102399/102400", 0),
        ("bytes=500-100", -399, "bytes 500-100/102400", 0),
        ("bytes=0-1,5-6", 2, "bytes 0-1/102400", 2),
    ],
)
def test_the_end_of_a_file_is_counted_as_civetweb_counts_it(camera, asked, promised, content_range, sent):
    reply = ask(camera, CHAPTER, Range=asked)

    assert reply.status == 206
    assert (reply.header("Content-Length"), reply.header("Content-Range")) == (str(promised), content_range)
    assert len(reply.body) == sent


@pytest.mark.parametrize("asked", ["bytes=-100", "lines=0-9", "bytes=", "bytes=a-b"])
def test_a_suffix_range_or_none_that_is_one_gets_the_whole_file(camera, asked):
    reply = ask(camera, CHAPTER, Range=asked)

    assert (reply.status, reply.body) == (200, content())


def test_a_range_beyond_four_gibibytes_is_exact(camera):
    reply = ask(camera, chapter_path("GX010002.MP4"), Range="bytes=5368709118-5368709122")

    assert reply.header("Content-Range") == "bytes 5368709118-5368709122/5368709123"
    assert reply.body == VirtualContent(SIZES["GX010002.MP4"]).read(5_368_709_118, 5)


def test_a_range_of_an_empty_file_is_answered_with_an_impossible_one(camera):
    reply = ask(camera, chapter_path("GX010003.MP4"), Range="bytes=0-")

    assert (reply.status, reply.header("Content-Range"), reply.body) == (206, "bytes 0--1/0", b"")


def test_head_answers_the_headers_of_get_and_no_body(camera):
    got, headed = ask(camera, CHAPTER, Range="bytes=0-9"), ask(camera, CHAPTER, "HEAD", Range="bytes=0-9")

    assert headed.lines == got.lines
    assert headed.body == b""


def test_the_files_own_etag_in_if_none_match_is_answered_with_304(camera):
    reply = ask(camera, CHAPTER, If_None_Match='"6b010751.102400"')

    assert reply.lines == [
        "HTTP/1.1 304 Not Modified",
        "Last-Modified: Sat, 21 Nov 2026 02:52:01 GMT",
        'Etag: "6b010751.102400"',
        "Connection: close",
    ]
    assert reply.body == b""


@pytest.mark.parametrize("header", ["If_Range", "If_Match"])
def test_other_conditions_are_not_looked_at(camera, header):
    reply = ask(camera, CHAPTER, Range="bytes=0-9", **{header: '"nonsense"'})

    assert (reply.status, reply.body) == (206, content(0, 9))


@pytest.mark.parametrize(
    "path", ["/videos/DCIM/100gopro/gx010001.mp4", "/videos/DCIM/100GOPRO/", "/nothing", "/videos/DCIM/.."]
)
def test_a_path_that_is_not_there_gets_thirty_bytes_and_no_length(camera, path):
    reply = ask(camera, path)

    assert reply.lines == [
        "HTTP/1.1 404 Not Found",
        "Content-Type: text/plain; charset=utf-8",
        "Connection: close",
    ]
    assert reply.body == b"Error 404: Not Found\nNot found"
    assert len(reply.body) == 30


def test_the_etag_follows_size_and_time_of_the_file_unless_it_has_its_own():
    file = CardFile("GX010001.MP4", VirtualContent(10), modified=3600 + 255)

    card = Card((Directory("100GOPRO", (file,)),))

    assert card.etag(file) == '"ff.10"'
    assert card.etag(replace(file, etag='"chosen"')) == '"chosen"'


def reference_cases() -> list[Any]:
    """The measured exchanges: curl's arguments, the lines it showed, how it ended."""
    text = REFERENCE.read_text()
    exchange = r"^=== (.+)\n((?:.+\n)+?)\[curl exit (\d+); (?:body bytes (\d+)|HEAD)\]"
    return [pytest.param(*found, id=found[0]) for found in re.findall(exchange, text, re.MULTILINE)]


class TestMeasuredExchanges:
    @pytest.mark.parametrize(("arguments", "shown", "exit_code", "body_bytes"), reference_cases())
    def test_each_measured_exchange_is_answered_the_same(
        self, camera, arguments, shown, exit_code, body_bytes
    ):
        options, url = arguments.rsplit(" ", 1) if " " in arguments else ("", arguments)

        reply = ask(
            camera, urlsplit(url).path, "HEAD" if "-I" in options else "GET", **asked_headers(options)
        )

        lines = shown.splitlines()
        # curl stops showing headers at a length it cannot read, and ends with 8.
        assert (reply.lines[: len(lines)] if exit_code == "8" else reply.lines) == lines
        assert len(reply.body) == int(body_bytes or 0)

    def test_all_measured_exchanges_were_read(self):
        assert len(reference_cases()) == REFERENCE.read_text().count("\n=== ") == 20


def asked_headers(options: str) -> dict[str, str]:
    """What stands behind -H, its quotes kept where they are the header's own."""
    found = re.findall(r"-H (\S+): (.+?)(?= -H|$)", options)
    return {name.replace("-", "_"): text for name, text in found}
