"""Faults on order: what, on which path, on which request, for which byte."""

import threading
import time
from dataclasses import dataclass, replace

import pytest

from infra.local.camera import (
    BUSY,
    MISSING,
    Camera,
    CloseAfter,
    Effect,
    EtagChanged,
    Fault,
    Instead,
    LogLine,
    Outcome,
    RangeIgnored,
    Refuse,
    ShortBody,
    Stall,
    VirtualContent,
    WrongContentRange,
    card_with,
    chapter_path,
    recording,
)
from infra.local.camera.wire import bytes_answer
from tests.infra.camera.chapter import CHAPTER, SIZE, part, true_bytes
from tests.infra.raw_http import ask, connect, eventually, is_refused, receive, send


def test_a_fault_strikes_the_nth_request_and_no_other(camera):
    camera.faults.add(Fault(CHAPTER, BUSY, nth=3))

    assert [part(camera, 0, 9).status for _ in range(4)] == [206, 206, 503, 206]


def test_a_fault_strikes_as_many_times_as_it_says(camera):
    camera.faults.add(Fault(CHAPTER, BUSY, nth=2, times=2))

    assert [part(camera, 0, 9).status for _ in range(4)] == [206, 503, 503, 206]


def test_a_fault_without_an_end_stays_until_it_is_cleared(camera):
    camera.faults.add(Fault(CHAPTER, MISSING, nth=2, times=None))

    struck = [part(camera, 0, 9).status for _ in range(3)]
    camera.faults.clear()

    assert struck == [206, 404, 404]
    assert part(camera, 0, 9).status == 206


def test_a_fault_on_one_path_leaves_the_others_alone(camera):
    camera.faults.add(Fault(CHAPTER, BUSY, times=None))

    assert ask(camera, chapter_path("GX020038.MP4"), "HEAD").status == 200
    assert ask(camera, "/gopro/media/list").status == 200


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [(0, 998, 206), (0, 999, 206), (0, 1000, 503), (1000, 1000, 503), (1001, 2000, 206)],
)
def test_a_fault_on_a_byte_strikes_only_requests_for_that_byte(camera, first, last, status):
    camera.faults.add(Fault(CHAPTER, BUSY, covering=1000))

    assert part(camera, first, last).status == status


def test_requests_for_other_bytes_are_not_counted(camera):
    camera.faults.add(Fault(CHAPTER, BUSY, nth=2, covering=1000))

    statuses = [part(camera, *ends).status for ends in [(0, 9), (1000, 1009), (0, 9), (1000, 1009)]]

    assert statuses == [206, 206, 206, 503]


def test_a_request_for_the_whole_file_asks_for_every_byte(camera):
    camera.faults.add(Fault(CHAPTER, BUSY, covering=SIZE - 1))

    assert ask(camera, CHAPTER).status == 503


def test_a_closed_connection_is_reset_after_so_many_bytes(camera):
    camera.faults.add(Fault(CHAPTER, CloseAfter(1000)))

    reply = part(camera, 0, 9999)

    assert reply.was_reset
    assert reply.body == true_bytes(camera)[: len(reply.body)]
    assert camera.log.of(CHAPTER)[0].body_bytes == 1000
    assert camera.log.of(CHAPTER)[0].outcome is Outcome.CUT


def test_a_short_body_ends_in_good_order_behind_headers_that_promise_all(camera):
    camera.faults.add(Fault(CHAPTER, ShortBody(1)))

    reply = part(camera, 0, 9999)

    assert not reply.was_reset
    assert (reply.header("Content-Length"), len(reply.body)) == ("10000", 9999)


def test_a_wrong_content_range_comes_with_the_right_bytes(camera):
    camera.faults.add(Fault(CHAPTER, WrongContentRange(f"bytes 1-10/{SIZE}")))

    reply = part(camera, 0, 9)

    assert (reply.status, reply.header("Content-Range")) == (206, f"bytes 1-10/{SIZE}")
    assert reply.body == true_bytes(camera)[:10]


def test_an_ignored_range_gets_the_whole_file(camera):
    camera.faults.add(Fault(CHAPTER, RangeIgnored()))

    reply = part(camera, 10, 19)

    assert (reply.status, reply.header("Content-Range")) == (200, None)
    assert reply.body == true_bytes(camera)


def test_a_chapter_that_is_gone_in_mid_run_gets_the_thirty_bytes(camera):
    camera.faults.add(Fault(CHAPTER, MISSING))

    assert part(camera, 0, 9).body == b"Error 404: Not Found\nNot found"


def test_a_changed_etag_comes_with_the_same_bytes(camera):
    before = part(camera, 0, 9)
    camera.faults.add(Fault(CHAPTER, EtagChanged()))

    after = part(camera, 0, 9)

    assert after.header("Etag") == '"5eed.1"' != before.header("Etag")
    assert after.body == before.body


def test_a_log_line_stands_before_the_status_line(camera):
    camera.faults.add(Fault(CHAPTER, LogLine()))

    reply = part(camera, 0, 9)

    assert "civetweb.c" in reply.lines[0]
    assert reply.lines[1] == "HTTP/1.1 206 Partial Content"
    assert reply.body == true_bytes(camera)[:10]


def test_any_other_answer_can_be_put_in_place(camera):
    camera.faults.add(Fault("/gopro/media/list", Instead(bytes_answer(500, "text/html", b"<html>"))))

    reply = ask(camera, "/gopro/media/list")

    assert (reply.status, reply.body) == (500, b"<html>")


def test_two_faults_on_one_request_add_up(camera):
    camera.faults.add(Fault(CHAPTER, LogLine("noise")), Fault(CHAPTER, ShortBody(5)))

    reply = part(camera, 0, 9)

    assert (reply.lines[0], len(reply.body)) == ("noise", 5)


@pytest.mark.parametrize("stalled_at", [0, 1, 1000])
def test_a_stalled_answer_goes_on_when_it_is_released(camera, stalled_at):
    camera.faults.add(Fault(CHAPTER, Stall(stalled_at)))

    with connect(camera) as connection:
        send(connection, CHAPTER, Range="bytes=0-1999")
        assert eventually(lambda: camera.log.of(CHAPTER) and camera.log.of(CHAPTER)[0].status == 206)
        assert eventually(lambda: camera.log.of(CHAPTER)[0].body_bytes == stalled_at)
        assert camera.log.of(CHAPTER)[0].outcome is Outcome.RUNNING
        camera.release()
        received, _ = receive(connection)

    assert received.endswith(b"\r\n\r\n" + true_bytes(camera)[:2000])


def test_a_stalled_answer_ends_when_its_client_leaves(camera):
    camera.faults.add(Fault(CHAPTER, Stall(10)))

    with connect(camera) as connection:
        send(connection, CHAPTER, Range="bytes=0-1999")
        assert eventually(lambda: camera.log.body_bytes(CHAPTER) == 10)

    assert eventually(lambda: camera.log.of(CHAPTER)[0].outcome is Outcome.CUT)


def test_a_stalled_answer_keeps_neither_the_camera_nor_its_thread_alive():
    before = set(threading.enumerate())
    camera = Camera(card_with(*recording(38, [SIZE])), faults=[Fault(CHAPTER, Stall(10))]).start()

    with connect(camera) as connection:
        send(connection, CHAPTER)
        assert eventually(lambda: camera.log.body_bytes(CHAPTER) == 10)
        began = time.monotonic()
        camera.close()

    assert set(threading.enumerate()) == before
    assert time.monotonic() - began < 2


def test_a_refusing_camera_cuts_the_request_and_comes_back_on_the_same_port(camera):
    camera.faults.add(Fault("/gopro/camera/state", Refuse(0.5)))
    url = camera.url

    reply = ask(camera, "/gopro/camera/state")

    assert (reply.lines, reply.was_reset) == ([""], True)
    assert is_refused(camera)
    assert eventually(lambda: not is_refused(camera))
    assert camera.url == url
    assert ask(camera, "/gopro/camera/state").status == 200


def test_a_new_fault_needs_one_class():
    @dataclass(frozen=True)
    class Shouting(Effect):
        def answer(self, answer, /):
            return bytes_answer(200, "text/plain", b"LOUD")

    with Camera(card_with(*recording(38, [SIZE])), faults=[Fault(CHAPTER, Shouting())]) as camera:
        assert ask(camera, CHAPTER).body == b"LOUD"


def test_content_that_ends_early_ends_the_body():
    @dataclass(frozen=True)
    class Shrunk(Effect):
        def answer(self, answer, /):
            return replace(answer, content=VirtualContent(4))

    with Camera(card_with(*recording(38, [SIZE])), faults=[Fault(CHAPTER, Shrunk())]) as camera:
        assert len(ask(camera, CHAPTER).body) == 4
        assert camera.log.of(CHAPTER)[0].outcome is Outcome.CUT
