"""Bodies on order: cut, too long, too slow, or not the file's."""

import time

import pytest

from infra.local.camera import (
    ERROR_PAGE,
    LOG_LINE,
    BitFlipped,
    BodyInstead,
    CableDrops,
    EndAfter,
    Fault,
    LogInBody,
    Outcome,
    Overlong,
    Stall,
    Surplus,
    Trickle,
)
from tests.infra.camera.chapter import CHAPTER, SIZE, part, true_bytes
from tests.infra.raw_http import connect, eventually, receive, send


@pytest.mark.parametrize(("most", "sent"), [(0, 0), (999, 999), (1000, 1000), (1001, 1000)])
def test_a_body_ends_in_good_order_after_so_many_bytes(camera, most, sent):
    camera.faults.add(Fault(CHAPTER, EndAfter(most)))

    reply = part(camera, 500, 1499)

    assert (reply.header("Content-Length"), len(reply.body), reply.was_reset) == ("1000", sent, False)
    assert reply.body == true_bytes(camera, 500, 499 + sent)


def test_a_cable_drops_each_time_it_has_carried_so_many_bytes(camera):
    camera.faults.add(Fault(CHAPTER, CableDrops(2500), times=None, method="GET"))

    sent = [len(part(camera, 0, 999).body) for _ in range(6)]

    assert sent == [1000, 1000, 500, 1000, 1000, 500]


@pytest.mark.parametrize(("every", "sent"), [(999, 999), (1000, 1000), (1001, 1000)])
def test_a_cable_that_drops_at_the_end_of_a_body_is_reset_all_the_same(camera, every, sent):
    camera.faults.add(Fault(CHAPTER, CableDrops(every), times=None))

    reply = part(camera, 0, 999)

    assert (len(reply.body), reply.was_reset) == (sent, every <= 1000)


def test_a_surplus_follows_what_the_headers_promise(camera):
    camera.faults.add(Fault(CHAPTER, Surplus(b"and more")))

    reply = part(camera, 0, 9)

    assert (reply.header("Content-Length"), reply.header("Content-Range")) == ("10", f"bytes 0-9/{SIZE}")
    assert reply.body == true_bytes(camera, 0, 9) + b"and more"
    assert (camera.log.body_bytes(CHAPTER), camera.log.all()[0].outcome) == (18, Outcome.SENT)


def test_an_overlong_body_is_promised_in_its_length_and_not_in_its_range(camera):
    camera.faults.add(Fault(CHAPTER, Overlong(b"and more")))

    reply = part(camera, 0, 9)

    assert (reply.header("Content-Length"), reply.header("Content-Range")) == ("18", f"bytes 0-9/{SIZE}")
    assert reply.body == true_bytes(camera, 0, 9) + b"and more"


def test_the_thirty_bytes_of_an_error_page_come_behind_the_headers_of_the_file(camera):
    camera.faults.add(Fault(CHAPTER, BodyInstead()))

    reply = part(camera, 100, 1099)

    assert (reply.status, reply.header("Content-Range")) == (206, f"bytes 100-1099/{SIZE}")
    assert reply.body == ERROR_PAGE
    assert len(ERROR_PAGE) == 30


@pytest.mark.parametrize("behind", [0, 1, 500, 1000])
def test_a_log_line_in_the_body_pushes_the_bytes_behind_it_back(camera, behind):
    camera.faults.add(Fault(CHAPTER, LogInBody(behind)))

    reply = part(camera, 2000, 2999)

    line, whole = f"{LOG_LINE}\r\n".encode(), true_bytes(camera, 2000, 2999)
    assert reply.header("Content-Length") == "1000"
    assert reply.body == whole[:behind] + line + whole[behind:]


@pytest.mark.parametrize("offset", [2000, 2500, 2999])
def test_a_flipped_bit_changes_one_byte_and_no_header(camera, offset):
    before = part(camera, 2000, 2999)
    camera.faults.add(Fault(CHAPTER, BitFlipped(offset)))

    after = part(camera, 2000, 2999)

    differing = [n for n, pair in enumerate(zip(before.body, after.body, strict=True)) if pair[0] != pair[1]]
    assert (differing, after.lines) == ([offset - 2000], before.lines)


@pytest.mark.parametrize("offset", [1999, 3000])
def test_a_flipped_bit_outside_of_what_is_read_changes_nothing(camera, offset):
    camera.faults.add(Fault(CHAPTER, BitFlipped(offset)))

    assert part(camera, 2000, 2999).body == true_bytes(camera, 2000, 2999)


def test_a_trickle_comes_drop_by_drop(camera):
    camera.faults.add(Fault(CHAPTER, Trickle(3, 0.05)))
    began = time.monotonic()

    reply = part(camera, 0, 9)

    assert reply.body == true_bytes(camera, 0, 9)
    assert 0.2 <= time.monotonic() - began < 5


def test_a_trickle_begins_behind_what_comes_at_full_speed(camera):
    camera.faults.add(Fault(CHAPTER, Trickle(1, 60.0, after_bytes=1000)))

    with connect(camera) as connection:
        send(connection, CHAPTER, Range="bytes=0-1999")
        assert eventually(lambda: camera.log.body_bytes(CHAPTER) == 1001)
        camera.release()
        received, _ = receive(connection)

    assert received.endswith(b"\r\n\r\n" + true_bytes(camera, 0, 1999))


def test_a_trickle_ends_when_its_client_leaves(camera):
    camera.faults.add(Fault(CHAPTER, Trickle(1, 60.0)))

    with connect(camera) as connection:
        send(connection, CHAPTER, Range="bytes=0-1999")
        assert eventually(lambda: camera.log.body_bytes(CHAPTER) == 1)

    assert eventually(lambda: camera.log.of(CHAPTER)[0].outcome is Outcome.CUT)


def test_a_trickle_may_stall_and_the_stall_comes_at_its_byte(camera):
    camera.faults.add(Fault(CHAPTER, Stall(5)), Fault(CHAPTER, Trickle(3, 0.01)))

    with connect(camera) as connection:
        send(connection, CHAPTER, Range="bytes=0-9")
        assert eventually(lambda: camera.log.body_bytes(CHAPTER) == 5)
        camera.release()
        received, _ = receive(connection)

    assert received.endswith(b"\r\n\r\n" + true_bytes(camera, 0, 9))
