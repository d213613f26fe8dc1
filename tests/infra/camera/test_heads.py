"""Heads on order: that say something else than what follows, or hold what is no header."""

import http.client
import time
from urllib.parse import urlsplit

import pytest

from infra.local.camera import (
    LOG_LINE,
    Fault,
    LengthSays,
    LogAmongHeaders,
    OtherStart,
    OtherTotal,
    SlowHead,
    WithoutHeader,
)
from tests.infra.camera.chapter import CHAPTER, SIZE, part, true_bytes
from tests.infra.raw_http import ask


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (OtherStart(7), f"bytes 107-116/{SIZE}"),
        (OtherStart(-100), f"bytes 0-9/{SIZE}"),
        (OtherTotal(1), f"bytes 100-109/{SIZE + 1}"),
        (OtherTotal(-1), f"bytes 100-109/{SIZE - 1}"),
    ],
)
def test_a_content_range_with_another_start_or_total_comes_with_the_right_bytes(camera, effect, said):
    camera.faults.add(Fault(CHAPTER, effect))

    reply = part(camera, 100, 109)

    assert (reply.status, reply.header("Content-Range"), reply.header("Content-Length")) == (206, said, "10")
    assert reply.body == true_bytes(camera, 100, 109)


@pytest.mark.parametrize("effect", [OtherStart(1), OtherTotal(1)])
def test_an_answer_without_a_content_range_stays_as_it_is(camera, effect):
    before = ask(camera, CHAPTER, "HEAD")
    camera.faults.add(Fault(CHAPTER, effect))

    assert ask(camera, CHAPTER, "HEAD") == before


@pytest.mark.parametrize("text", ["0", "-1", "9", "nonsense"])
def test_a_content_length_says_what_it_is_told_to(camera, text):
    camera.faults.add(Fault(CHAPTER, LengthSays(text)))

    reply = part(camera, 0, 9)

    assert (reply.status, reply.header("Content-Length")) == (206, text)
    assert reply.body == true_bytes(camera, 0, 9)


def test_a_fault_by_method_strikes_head_and_leaves_get_alone(camera):
    camera.faults.add(Fault(CHAPTER, LengthSays("77"), times=None, method="HEAD"))

    headed, got = ask(camera, CHAPTER, "HEAD"), ask(camera, CHAPTER)

    assert (headed.header("Content-Length"), got.header("Content-Length")) == ("77", str(SIZE))


def test_requests_by_another_method_are_not_counted(camera):
    camera.faults.add(Fault(CHAPTER, LengthSays("77"), nth=2, method="HEAD"))

    lengths = [ask(camera, CHAPTER, method).header("Content-Length") for method in ("HEAD", "GET", "HEAD")]

    assert lengths == [str(SIZE), str(SIZE), "77"]


@pytest.mark.parametrize("name", ["Content-Length", "Content-Range", "Etag"])
def test_a_header_can_be_left_out(camera, name):
    camera.faults.add(Fault(CHAPTER, WithoutHeader(name)))

    reply = part(camera, 0, 9)

    assert reply.header(name) is None
    assert reply.body == true_bytes(camera, 0, 9)
    assert len(reply.lines) == len(part(camera, 0, 9).lines) - 1


@pytest.mark.parametrize("behind", [0, 2, 7])
def test_a_log_line_stands_behind_so_many_headers(camera, behind):
    whole = part(camera, 0, 9)
    camera.faults.add(Fault(CHAPTER, LogAmongHeaders(behind)))

    reply = part(camera, 0, 9)

    assert reply.lines == [*whole.lines[: behind + 1], LOG_LINE, *whole.lines[behind + 1 :]]
    assert reply.body == true_bytes(camera, 0, 9)


def test_a_log_line_with_a_colon_reads_as_a_header_and_one_without_hides_those_behind_it(camera):
    camera.faults.add(Fault(CHAPTER, LogAmongHeaders(1)), Fault(CHAPTER, LogAmongHeaders(1, "noise"), nth=2))
    lengths = []

    for _ in range(2):
        connection = http.client.HTTPConnection(urlsplit(camera.url).netloc, timeout=10)
        connection.request("GET", CHAPTER, headers={"Range": "bytes=0-9"})
        lengths.append(connection.getresponse().getheader("Content-Length"))
        connection.close()

    assert lengths == ["10", None]


def test_a_slow_head_comes_byte_by_byte_and_true_bytes(camera):
    before = part(camera, 0, 9)
    camera.faults.add(Fault(CHAPTER, SlowHead(0.001)))
    began = time.monotonic()

    after = part(camera, 0, 9)

    assert after == before
    assert time.monotonic() - began >= 0.2
