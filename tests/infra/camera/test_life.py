"""The camera in time: sleep, pace, slow readers, its log, its end."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from infra.local.camera import (
    Asked,
    Camera,
    Card,
    CardFile,
    Outcome,
    VirtualContent,
    card_with,
    chapter_path,
    recording,
)
from infra.local.camera.delivery import Delivery
from infra.local.camera.log import RequestLog
from infra.local.camera.wire import Answer, Request
from infra.local.link import Link
from tests.infra.raw_http import PATIENCE_S, ask, connect, eventually, is_refused, receive, send

CHAPTER = chapter_path("GX010038.MP4")
SIZE = 1_000_000


def card(size_bytes: int = SIZE) -> Card:
    return card_with(*recording(38, [size_bytes]))


def test_a_camera_that_nobody_feeds_falls_asleep_and_refuses():
    with Camera(card(), keep_alive_s=0.2) as camera:
        assert eventually(lambda: camera.is_asleep)
        assert is_refused(camera)


def test_a_camera_that_was_heard_out_has_noted_all_that_clients_asked_before_they_left():
    with Camera(card()) as camera:
        for _ in range(20):
            with connect(camera) as client:
                send(client, CHAPTER)
        camera.hear_out()

        assert len(camera.log.of(CHAPTER)) == 20


def test_a_camera_is_heard_out_once_a_request_that_has_begun_is_over():
    with Camera(card()) as camera, connect(camera) as client:
        client.sendall(b"GET /gopro/camera/state HTTP/1.1\r\n")
        rest = threading.Timer(0.3, client.sendall, [b"\r\n"])
        rest.start()
        camera.hear_out()

        assert len(camera.log.of("/gopro/camera/state")) == 1
        rest.join()


def test_a_fed_camera_stays_awake():
    with Camera(card(), keep_alive_s=1.0) as camera:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert ask(camera, "/gopro/camera/keep_alive").body == b"{}"
            time.sleep(0.05)

        assert not camera.is_asleep


def test_other_calls_do_not_feed_the_camera():
    with Camera(card(), keep_alive_s=0.3) as camera:
        until = time.monotonic() + PATIENCE_S
        with suppress(ConnectionError):
            while time.monotonic() < until:
                ask(camera, "/gopro/camera/state")

        assert camera.is_asleep


def test_a_download_under_way_ends_when_the_camera_falls_asleep():
    with Camera(card(), keep_alive_s=0.6, pace_bytes_s=400_000) as camera:
        body = ask(camera, CHAPTER).body

        assert 0 < len(body) < SIZE
        assert camera.is_asleep


def test_a_camera_without_the_timer_never_sleeps_by_itself():
    with Camera(card()) as camera:
        time.sleep(0.1)

        assert ask(camera, "/gopro/camera/state").status == 200


def test_a_woken_camera_answers_on_the_same_port():
    with Camera(card()) as camera:
        url = camera.url
        camera.sleep()
        assert is_refused(camera)

        camera.wake()

        assert camera.url == url
        assert ask(camera, "/gopro/camera/state").status == 200


def test_a_sleeping_camera_is_not_woken_by_the_end_of_a_refusal():
    with Camera(card()) as camera:
        camera.refuse(0.05)
        camera.sleep()
        time.sleep(0.2)

        assert is_refused(camera)


def test_a_paced_link_takes_its_time_for_all_its_connections_together():
    with Camera(card(), pace_bytes_s=2_000_000) as camera:
        began = time.monotonic()
        threads = [threading.Thread(target=ask, args=(camera, CHAPTER)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert time.monotonic() - began >= 0.8


def test_a_reader_that_stops_reading_is_cut_off():
    with Camera(card(200_000_000), slow_reader_s=0.3) as camera, connect(camera) as connection:
        send(connection, CHAPTER)

        assert eventually(lambda: camera.log.of(CHAPTER) and camera.log.of(CHAPTER)[0].outcome is Outcome.CUT)
        received, _ = receive(connection)

    assert 0 < len(received) < 200_000_000


def test_a_reader_that_pauses_gets_every_byte():
    size_bytes = 20_000_000
    with Camera(card(size_bytes)) as camera, connect(camera) as connection:
        send(connection, CHAPTER)
        # Reading begins only when the buffers between the two are full.
        assert eventually(lambda: camera.log.body_bytes(CHAPTER) > 0)
        assert eventually(lambda: stands_still(camera))
        received, _ = receive(connection)

    assert received.partition(b"\r\n\r\n")[2] == camera.card.files()[0][1].content.read(0, size_bytes)


def test_a_socket_that_takes_a_piece_in_bites_still_gets_all_of_it():
    content = VirtualContent(1_000_000)
    near, far = socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    near.settimeout(PATIENCE_S)
    request = Request("GET", CHAPTER, {}, {})
    answer = Answer(200, content=content, count=content.size_bytes)
    sender = threading.Thread(
        target=Delivery(Link(None)).send, args=(near, answer, RequestLog().note(request))
    )

    with near, far:
        sender.start()
        received, _ = receive(far)
        sender.join()

    assert received == answer.head() + content.read(0, content.size_bytes)


def stands_still(camera: Camera) -> bool:
    before = camera.log.body_bytes(CHAPTER)
    time.sleep(0.05)
    return before == camera.log.body_bytes(CHAPTER) < 20_000_000


def test_a_connection_that_says_nothing_is_cut_off():
    with Camera(card(), slow_reader_s=0.2) as camera, connect(camera) as connection:
        assert receive(connection) == (b"", False)


def test_the_log_says_what_was_asked_and_how_much_was_sent():
    with Camera(card()) as camera:
        ask(camera, CHAPTER, Range="bytes=10-19")
        ask(camera, f"{CHAPTER}?x=1", "HEAD")
        ranged, headed = camera.log.all()

    assert (ranged.method, ranged.path, ranged.asked) == ("GET", CHAPTER, Asked(10, 19))
    assert (headed.method, headed.path, headed.query, headed.asked) == ("HEAD", CHAPTER, {"x": "1"}, None)
    assert [(entry.status, entry.body_bytes) for entry in (ranged, headed)] == [(206, 10), (200, 0)]
    assert {ranged.outcome, headed.outcome} == {Outcome.SENT}


def test_the_log_adds_up_the_bytes_of_a_path():
    with Camera(card()) as camera:
        for first in (0, 10, 20):
            ask(camera, CHAPTER, Range=f"bytes={first}-{first + 9}")

        assert camera.log.body_bytes(CHAPTER) == 30


def test_a_finished_request_is_told_as_one_line():
    lines: list[str] = []
    with Camera(card(), on_done=lambda entry: lines.append(entry.line())) as camera:
        ask(camera, CHAPTER, Range="bytes=0-9")

    assert lines == [f"GET {CHAPTER} bytes=0-9 -> 206 10 bytes, sent"]


def test_many_clients_are_served_at_once():
    with Camera(card()) as camera:
        expected = camera.card.files()[0][1].content.read(0, SIZE)
        bodies: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: bodies.append(ask(camera, CHAPTER).body)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert bodies == [expected] * 8


def test_a_closed_camera_leaves_no_thread_and_gives_its_port_back():
    before = set(threading.enumerate())
    camera = Camera(card()).start()
    port = int(camera.url.rpartition(":")[2])
    connection = connect(camera)
    camera.close()

    with connection, Camera(card(), port=port) as successor:
        assert ask(successor, "/gopro/camera/state").status == 200
    assert set(threading.enumerate()) == before


def test_closing_twice_is_closing_once():
    camera = Camera(card()).start()
    camera.close()

    camera.close()

    assert is_refused(camera)


def test_a_taken_port_is_an_error():
    with Camera(card()) as camera, pytest.raises(OSError, match="in use"):
        Camera(card(), port=int(camera.url.rpartition(":")[2]))


def test_a_film_of_twelve_gigabytes_needs_no_memory_to_begin():
    with Camera(card_with(CardFile("GX010038.MP4", VirtualContent(12_000_000_000)))) as camera:
        assert len(ask(camera, CHAPTER, Range="bytes=11999999990-11999999999").body) == 10
