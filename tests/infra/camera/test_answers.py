"""Other answers than those due, links that end, and a camera that changes while a client is at work."""

import http.client
import json
from dataclasses import replace

import pytest

from infra.local.camera import (
    BAD_REQUEST,
    GARBAGE,
    HTML,
    MISSING_SAYS_200,
    NO_FILES,
    NO_MEDIA,
    SERVER_ERROR,
    UNKNOWN_ERROR,
    Camera,
    CardChanges,
    FallAsleep,
    Fault,
    HangUp,
    OtherRange,
    Outcome,
    Reset,
    Silence,
    StateChanges,
    Storage,
    card_with,
    document,
    other_card,
    recording,
)
from tests.infra.camera.chapter import CHAPTER, SIZE, part
from tests.infra.raw_http import ask, connect, eventually, is_refused, receive, send

LIST = "/gopro/media/list"
STATE = "/gopro/camera/state"


@pytest.mark.parametrize(
    ("effect", "status", "media"),
    [(NO_MEDIA, 200, []), (NO_FILES, 200, [{"d": "100GOPRO", "fs": []}])],
)
def test_a_list_may_hold_nothing_while_the_state_counts_videos(camera, effect, status, media):
    camera.faults.add(Fault(LIST, effect))

    reply = ask(camera, LIST)

    assert (reply.status, reply.json()["media"]) == (status, media)
    assert ask(camera, STATE).json()["status"]["39"] == 2


@pytest.mark.parametrize(
    ("effect", "status"),
    [(SERVER_ERROR, 500), (UNKNOWN_ERROR, 500), (BAD_REQUEST, 400), (HTML, 200), (GARBAGE, 200)],
)
def test_a_list_may_be_another_page(camera, effect, status):
    camera.faults.add(Fault(LIST, effect))

    reply = ask(camera, LIST)

    assert reply.status == status
    assert reply.header("Content-Length") == str(len(reply.body))


@pytest.mark.parametrize("effect", [HTML, GARBAGE])
def test_neither_html_nor_garbage_is_json(camera, effect):
    camera.faults.add(Fault(LIST, effect))

    with pytest.raises(ValueError, match=r"JSON|codec|Expecting"):
        json.loads(ask(camera, LIST).body)


def test_the_error_page_may_come_as_success(camera):
    camera.faults.add(Fault(CHAPTER, MISSING_SAYS_200))

    reply = part(camera, 0, 999)

    assert (reply.status, reply.body) == (200, b"Error 404: Not Found\nNot found")


def test_any_document_can_be_told(camera):
    camera.faults.add(Fault(STATE, document({"status": {}})))

    assert ask(camera, STATE).json() == {"status": {}}


def test_another_range_comes_with_headers_that_say_so(camera):
    camera.faults.add(Fault(CHAPTER, OtherRange(50), times=2))

    ranged, open_ended = part(camera, 100, 109), ask(camera, CHAPTER, Range="bytes=100-")

    assert ranged.header("Content-Range") == f"bytes 150-159/{SIZE}"
    assert ranged.body == camera.card.files()[0][1].content.read(150, 10)
    assert open_ended.header("Content-Range") == f"bytes 150-{SIZE - 1}/{SIZE}"


@pytest.mark.parametrize(("effect", "was_reset"), [(Reset(), True), (HangUp(), False)])
def test_a_connection_may_end_before_a_byte_is_said(camera, effect, was_reset):
    camera.faults.add(Fault(STATE, effect))

    reply = ask(camera, STATE)

    assert (reply.lines, reply.was_reset) == ([""], was_reset)
    assert (camera.log.all()[0].status, camera.log.all()[0].outcome) == (0, Outcome.CUT)
    assert not is_refused(camera)


def test_a_silent_camera_says_not_even_a_status_line_until_it_is_released(camera):
    camera.faults.add(Fault(CHAPTER, Silence()))

    with connect(camera) as connection:
        send(connection, CHAPTER, Range="bytes=0-9")
        assert eventually(lambda: camera.log.of(CHAPTER))
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        camera.release()
        received, _ = receive(connection)

    assert received.startswith(b"HTTP/1.1 206 ")


def test_a_camera_falls_asleep_after_so_many_bytes(camera):
    camera.faults.add(Fault(CHAPTER, FallAsleep(100)))

    reply = part(camera, 0, 9999)

    assert reply.was_reset
    assert camera.log.body_bytes(CHAPTER) == 100
    assert eventually(lambda: camera.is_asleep)
    assert eventually(lambda: is_refused(camera))


def test_a_camera_that_falls_asleep_ends_its_other_connections(camera):
    camera.faults.add(Fault(CHAPTER, FallAsleep()), Fault(STATE, Silence()))

    with connect(camera) as other:
        send(other, STATE)
        assert eventually(lambda: camera.log.of(STATE))
        part(camera, 0, 9)
        assert receive(other)[0] == b""


def test_somebody_wakes_a_sleeping_camera_after_a_while(camera):
    camera.faults.add(Fault(CHAPTER, FallAsleep(seconds=1.0)))
    url = camera.url

    part(camera, 0, 9)

    assert eventually(lambda: is_refused(camera))
    assert eventually(lambda: not is_refused(camera))
    assert (camera.url, camera.is_asleep) == (url, False)
    assert ask(camera, STATE).status == 200


def test_a_camera_that_was_woken_falls_asleep_again_when_nobody_feeds_it():
    with Camera(card_with(*recording(38, [SIZE])), keep_alive_s=0.2) as camera:
        camera.sleep(0.05)
        assert eventually(lambda: not camera.is_asleep)

        assert eventually(lambda: camera.is_asleep)


def test_the_card_is_another_from_the_nth_request_on(camera):
    before = [part(camera, 600_000, 600_009)]
    camera.faults.add(Fault(CHAPTER, CardChanges(other_card), nth=2))

    before.append(part(camera, 600_000, 600_009))
    after = part(camera, 600_000, 600_009)

    assert before[0].body == before[1].body != after.body
    assert (after.lines, before[0].header("Etag")) == (before[0].lines, after.header("Etag"))


def test_another_camera_answers_from_the_nth_request_on(camera):
    camera.faults.add(Fault(LIST, CardChanges(lambda card: other_card(card, "C3501324500999"))))
    before = ask(camera, "/gopro/camera/info").json()["serial_number"]

    ask(camera, LIST)

    assert before == "C3501324500711"
    assert ask(camera, "/gopro/camera/info").json()["serial_number"] == "C3501324500999"


def test_the_state_is_another_from_the_nth_request_on(camera):
    camera.faults.add(
        Fault(STATE, StateChanges(lambda state: replace(state, storage=Storage.SWAPPED)), nth=2)
    )

    assert [ask(camera, STATE).json()["status"]["33"] for _ in range(3)] == [0, 8, 8]


def test_deletes_are_still_counted_after_the_state_changed(camera):
    camera.faults.add(Fault(STATE, StateChanges(lambda state: replace(state, turbo=True))))
    ask(camera, STATE)

    ask(camera, "/gopro/media/delete/all")

    assert camera.deletes == ["/gopro/media/delete/all"]


def test_a_camera_that_is_busy_answers_media_calls_with_503(camera):
    camera.state.busy = True

    assert [ask(camera, path).status for path in (LIST, CHAPTER, STATE)] == [503, 503, 200]


def test_pythons_own_client_reads_what_the_camera_serves(camera):
    connection = http.client.HTTPConnection(camera.url.removeprefix("http://"), timeout=10)
    connection.request("GET", CHAPTER, headers={"Range": "bytes=0-9"})
    response = connection.getresponse()

    assert (response.status, len(response.read())) == (206, 10)
    connection.close()


def test_the_log_names_what_is_neither_get_nor_head(camera):
    ask(camera, LIST)
    ask(camera, LIST, "POST")

    assert [(entry.method, entry.path) for entry in camera.log.writes()] == [("POST", LIST)]


@pytest.mark.parametrize(
    ("ranges", "repeated"),
    [
        ([(0, 9), (10, 19)], 0),
        ([(0, 9), (9, 19)], 1),
        ([(0, 9), (0, 9), (0, 9)], 20),
        ([(0, 99), (10, 19), (30, 39), (95, 104)], 25),
    ],
)
def test_the_log_counts_bytes_that_went_out_again(camera, ranges, repeated):
    for first, last in ranges:
        part(camera, first, last)

    assert camera.log.repeated_bytes(CHAPTER) == repeated
