"""The camera's calls, and what is made of their answers."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from typing import Any

import pytest

from edge_client.base.errors import (
    CameraBusy,
    CameraUnreachable,
    CardFault,
    EdgeError,
    ReadBroken,
    RequestForbidden,
    Unfinished,
    Unsettled,
)
from edge_client.base.retry import STALL_WINDOW_S
from edge_client.camera.client import Camera
from edge_client.camera.documents import MOST_JSON_BYTES, concerns_of
from edge_client.camera.keep_alive import KeepAlive
from edge_client.model.files import MediaInfo
from edge_client.model.listing import CameraStatus, Witnesses
from edge_client.model.plan import CameraIdentity
from tests.edge.fake_camera import CameraExchange, CameraFile, FakeCamera, film, footage, part, raw

FILM = film(1000)
FILE = ("100GOPRO", "GX010042.MP4")
ETAG = '"62c2a1c6.1"'


@pytest.fixture
def reader(camera: FakeCamera) -> Iterator[Camera]:
    camera.files["100GOPRO/GX010042.MP4"] = CameraFile(FILM)
    made = Camera(camera.url, lambda: 0.0)
    yield made
    made.close()


class TestReadiness:
    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"10": "1"}, CameraBusy),
            ({"8": 1}, CameraBusy),
            ({"82": 0}, CameraBusy),
            ({"33": 4}, CameraBusy),
            ({"33": -1}, CameraBusy),
            ({"33": "2"}, CardFault),
            ({"33": 8}, CardFault),
            ({"8": None}, Unsettled),
        ],
    )
    def test_is_denied_when(
        self, reader: Camera, camera: FakeCamera, changes: dict[str, Any], error: type[EdgeError]
    ):
        camera.state.update(changes)

        with pytest.raises(error):
            reader.check_ready()

    def test_is_read_from_texts_like_from_numbers(self, reader: Camera, camera: FakeCamera):
        camera.state = {key: str(value) for key, value in camera.state.items()}

        assert reader.check_ready().witnesses.videos == 1

    @pytest.mark.parametrize(
        "name",
        [
            b"caf\xe9",
            b"\xff\xfe\x80",
            b"\xed\xa0\x80",
            b"a\tb",
            b"\0\x01\x1f\x7f",
            b"line\r\nline",
            "\u202e".encode(),
        ],
    )
    def test_is_read_whatever_bytes_its_texts_have(self, reader: Camera, camera: FakeCamera, name: bytes):
        said = b'{"settings": {"%s": "%s"}, "status": {"8": 0, "10": 0, "30": "%s", "39": 1}}' % ((name,) * 3)
        camera.faults["state"] = [(200, said)]

        assert reader.check_ready() == CameraStatus(Witnesses(videos=1))

    def test_is_busy_in_spite_of_odd_texts(self, reader: Camera, camera: FakeCamera):
        camera.faults["state"] = [(200, b'{"status": {"30": "\xff\0", "8": 0, "10": 1}}')]

        with pytest.raises(CameraBusy, match="recording"):
            reader.check_ready()

    def test_that_is_cut_off_within_an_odd_text_is_not_read(self, reader: Camera, camera: FakeCamera):
        camera.faults["state"] = [(200, b'{"status": {"8": 0, "10": 0, "30": "\xff\0')]

        with pytest.raises(Unsettled, match="cannot be read"):
            reader.check_ready()

    def test_does_not_need_usb_control(self, reader: Camera, camera: FakeCamera):
        camera.faults["wired_usb"] = [(404, b"x")]

        reader.control_over_usb()

        assert reader.check_ready().concerns == ()


@pytest.mark.parametrize(
    ("status", "concerns"),
    [
        ({}, ()),
        ({"6": 0, "70": 11}, ()),
        ({"6": 1}, ("it is too hot",)),
        ({"70": 10}, ("its battery is at 10 percent",)),
        ({"70": 0}, ("its battery is at 0 percent",)),
        ({"70": 9, "2": 3}, ("its battery is at 9 percent",)),
        ({"70": 9, "2": 4}, ()),
        ({"6": 1, "70": 3, "2": 0}, ("it is too hot", "its battery is at 3 percent")),
    ],
)
def test_a_hot_camera_and_one_whose_battery_is_low_and_not_charged_are_of_concern(
    status: dict[str, int], concerns: tuple[str, ...]
):
    assert concerns_of(status) == concerns


NO_SERIALS = [
    *(
        "a" * 41,
        "C35 1",
        " C35",
        "C35\n",
        "C35-1",
        "C35_1",
        "C35.1",
        "../../etc/cron.d/x",
        "C35/chapters?a=",
        "C35#",
    ),
    *("ü", "\u0661", "\u202eC35", "C35\x1b[2J", "C35\x00", "\ud800", "C" * 100_000),
]


class TestClock:
    def test_is_the_wall_clock_as_an_epoch(self, reader: Camera, camera: FakeCamera):
        camera.faults["get_date_time"] = [
            (200, b'{"date": "2026_9_1", "time": "3_4_5", "tzone": 120, "dst": 1}')
        ]

        assert reader.clock() == int(datetime(2026, 9, 1, 3, 4, 5, tzinfo=timezone.utc).timestamp())

    @pytest.mark.parametrize(
        "said",
        [
            b"{}",
            b"[]",
            b'{"date": "2026_9_1"}',
            b'{"date": "2026_9_1", "time": "3_4"}',
            b'{"date": "2026_13_1", "time": "3_4_5"}',
            b'{"date": "2026_9_1", "time": "3_4_x"}',
            b'{"date": "99999_9_1", "time": "3_4_5"}',
            b'{"date": 2026, "time": [3, 4, 5]}',
        ],
    )
    def test_is_none_when_it_cannot_be_read(self, reader: Camera, camera: FakeCamera, said: bytes):
        camera.faults["get_date_time"] = [(200, said)]

        assert reader.clock() is None

    def test_is_not_told_by_an_old_model(self, reader: Camera, camera: FakeCamera):
        camera.faults["get_date_time"] = [(404, b"Error 404: Not Found\nNot found")]

        assert reader.clock() is None


class TestIdentity:
    @pytest.mark.parametrize("nested", [False, True])
    def test_is_found_in_both_shapes_of_info(self, reader: Camera, camera: FakeCamera, nested: bool):
        camera.nested_info = nested

        found = reader.info()

        assert found
        assert found.serial == "C3501324500711"

    def test_is_not_told_by_an_old_model(self, reader: Camera, camera: FakeCamera):
        camera.serial = None

        assert reader.info() is None

    def test_is_none_when_the_serial_is_no_text(self, reader: Camera, camera: FakeCamera):
        camera.faults["info"] = [(200, b'{"serial_number": ["C3501324500711"]}')]

        assert reader.info() is None

    @pytest.mark.parametrize("serial", ["C", "C3501324500711", "a" * 39, "a" * 40])
    def test_has_a_serial_of_letters_and_digits(self, reader: Camera, camera: FakeCamera, serial: str):
        camera.serial = serial

        assert reader.info() == CameraIdentity(serial, "HERO12 Black", "H23.01")

    @pytest.mark.parametrize("serial", NO_SERIALS)
    def test_has_no_other_serial_and_says_what_is_wrong(
        self, reader: Camera, camera: FakeCamera, serial: str
    ):
        camera.faults["info"] = [(200, json.dumps({"serial_number": serial}).encode())]

        with pytest.raises(
            Unsettled, match=r"cannot be told from others: the serial is .*; .* 1 to 40 letters and digits"
        ) as odd:
            reader.info()

        assert str(odd.value).isprintable()
        assert len(str(odd.value)) < 200

    def test_of_a_file_that_changes_meanwhile_has_not_settled(self, reader: Camera):
        with pytest.raises(Unsettled, match="changed while"):
            reader.serial_in(*FILE, len(FILM) + 1)


class TestTheList:
    @pytest.mark.parametrize(
        "reply",
        [
            (404, b"x"),
            (500, b"x"),
            (204, b""),
            (200, b""),
            (200, b"<html>"),
            (200, b"[]"),
            (200, b"{}"),
            (200, b'{"media": {}}'),
            (200, b'{"media": []'),
            (200, b"\xff\xfe"),
            (200, b"[" * 100_000),
            (200, b'{"media":' * 100_000),
            (200, b'{"media": [' + b"9" * 100_000),
        ],
        ids=lambda reply: f"{reply[0]} {reply[1][:12]!r}",
    )
    def test_that_cannot_be_read_is_not_an_empty_card(self, reader: Camera, camera: FakeCamera, reply: Any):
        camera.faults["list"] = [reply]

        with pytest.raises(Unsettled):
            reader.entries(0)

    def test_that_is_empty_while_videos_are_counted_is_a_fault(self, reader: Camera, camera: FakeCamera):
        camera.files.clear()

        with pytest.raises(Unsettled, match="counts 1 videos"):
            reader.entries(1)

    @pytest.mark.parametrize(
        ("directory", "name"),
        [
            ("..", "GX010042.MP4"),
            ("100GOPRO", ".."),
            ("100GOPRO", "."),
            ("100GOPRO", "../../../etc/passwd"),
            ("100GOPRO", "a\\b.MP4"),
            ("100GOPRO/100GOPRO", "GX010042.MP4"),
            ("100GOPRO", "GX010042.MP4\r\nX: y"),
            ("100GOPRO", "\x00.MP4"),
            ("100GOPRO", "\x7f.MP4"),
            ("100GOPRO", "\ud800.MP4"),
            ("100GOPRO", "N" * 766),
        ],
    )
    def test_of_hostile_names_asks_nothing_of_the_camera(
        self, reader: Camera, camera: FakeCamera, directory: str, name: str
    ):
        rows = {"media": [{"d": directory, "fs": [{"n": name, "s": "5"}]}]}
        camera.faults["list"] = [(200, json.dumps(rows).encode())]
        [entry] = reader.entries(0)
        named = (entry.directory or "", entry.filename or "")

        for ask in (
            lambda: reader.head(*named),
            lambda: reader.media_info(*named),
            lambda: reader.check_whole(*named, 100, None),
            lambda: reader.serial_in(*named, 100),
        ):
            with pytest.raises(RequestForbidden):
                ask()

        assert [path for _, path, _ in camera.requests] == ["/gopro/media/list"]

    @pytest.mark.parametrize(
        ("directory", "name", "asked"),
        [
            ("100GOPRO", "caf\udce9.MP4", "100GOPRO/caf%E9.MP4"),
            ("100GOPRO", "café.MP4", "100GOPRO/caf%C3%A9.MP4"),
            ("100GOPRO", "GX010042.MP4?delete", "100GOPRO/GX010042.MP4%3Fdelete"),
            ("100GOPRO", "%2e%2e%2f.MP4", "100GOPRO/%252e%252e%252f.MP4"),
            ("100GOPRO", "a b#c.MOV", "100GOPRO/a%20b%23c.MOV"),
            ("100GOPRO", "...", "100GOPRO/..."),
            ("100gopro", "GX010042.MP4", "100gopro/GX010042.MP4"),
            ("100GOPRO", "CamA(1)+GX010042.MP4", "100GOPRO/CamA(1)+GX010042.MP4"),
        ],
    )
    def test_of_odd_names_is_asked_how_long_they_are_byte_by_byte_and_nothing_else(
        self, reader: Camera, camera: FakeCamera, directory: str, name: str, asked: str
    ):
        camera.files[f"{directory}/{name}"] = CameraFile(FILM)

        assert reader.head(directory, name).size_bytes == len(FILM)
        if "CamA" not in name:
            for ask in (
                lambda: reader.media_info(directory, name),
                lambda: reader.check_whole(directory, name, 100, None),
            ):
                with pytest.raises(RequestForbidden):
                    ask()
        assert [path for _, path, _ in camera.requests] == [f"/videos/DCIM/{asked}"]

    def test_that_ends_early_is_read_again(self, reader: Camera, camera: FakeCamera):
        camera.faults["list"] = [raw(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"media": []}')]

        with pytest.raises(ReadBroken, match="86 bytes early"):
            reader.entries(0)

    @pytest.mark.parametrize(
        "said",
        [
            b'HTTP/1.1 200 OK\r\n\r\n{"media": []}',
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"med\r\n8\r\nia": []}\r\n0\r\n\r\n',
        ],
        ids=["without a length", "in chunks"],
    )
    def test_comes_in_any_framing(self, reader: Camera, camera: FakeCamera, said: bytes):
        camera.faults["list"] = [raw(said)]

        assert reader.entries(0) == []

    def test_in_chunks_that_end_early_is_read_again(self, reader: Camera, camera: FakeCamera):
        camera.faults["list"] = [raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}")]

        with pytest.raises(CameraUnreachable):
            reader.entries(0)

    @pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
    def test_is_taken_up_to_so_many_bytes(self, reader: Camera, camera: FakeCamera, more: int, fits: bool):
        said = b'{"media": []}'.ljust(MOST_JSON_BYTES + more)
        camera.faults["list"] = [(200, said)]

        if fits:
            assert reader.entries(0) == []
        else:
            with pytest.raises(Unsettled, match="longer than"):
                reader.entries(0)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
    def test_that_is_compressed_is_not_unpacked(self, reader: Camera, camera: FakeCamera, encoding: str):
        bomb = gzip.compress(b'{"media": []' + b" " * 10_000_000 + b"}")
        camera.faults["list"] = [(200, bomb, {"Content-Encoding": encoding})]

        with pytest.raises(Unsettled, match="cannot be read"):
            reader.entries(0)

    def test_that_only_trickles_is_stalled(self, camera: FakeCamera):
        ticks = itertools.count(0.0, STALL_WINDOW_S)
        with (
            closing(Camera(camera.url, lambda: next(ticks))) as slow,
            pytest.raises(ReadBroken, match="stalled"),
        ):
            slow.entries(0)


class TestAFilesFacts:
    def test_are_its_size_and_etag_as_served(self, reader: Camera):
        found = reader.head(*FILE)

        assert (found.size_bytes, found.etag) == (1000, ETAG)

    def test_have_no_etag_where_the_camera_gives_none(self, reader: Camera, camera: FakeCamera):
        camera.files["100GOPRO/GX010042.MP4"].etag = ""

        assert reader.head(*FILE).etag is None

    @pytest.mark.parametrize("length", ["-1", "a", "1 1", "1\r\nContent-Length: 2"])
    def test_are_not_known_without_a_length(self, reader: Camera, camera: FakeCamera, length: str):
        camera.faults["head"] = [{"Content-Length": length}]

        with pytest.raises(ReadBroken, match="how long"):
            reader.head(*FILE)


class TestMediaInfo:
    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ({"gumi": "abc", "dur": "35", "s": "1"}, MediaInfo("abc", 35)),
            ({"gumi": "abc", "dur": 35}, MediaInfo("abc", 35)),
            ({"gumi": "abc"}, MediaInfo("abc", None)),
            ({"gumi": "abc", "dur": "-1"}, MediaInfo("abc", None)),
            ({"gumi": "abc", "dur": [1]}, MediaInfo("abc", None)),
            ({"dur": "35"}, MediaInfo(None, 35)),
            ({"gumi": "not hex"}, MediaInfo(None, None)),
            ({"gumi": "a" * 65}, MediaInfo(None, None)),
            ({"gumi": {}}, MediaInfo(None, None)),
            ({}, MediaInfo(None, None)),
        ],
    )
    def test_is_taken_as_far_as_it_can_be_used(
        self, reader: Camera, camera: FakeCamera, said: object, expected: MediaInfo
    ):
        camera.faults["media"] = [(200, json.dumps(said).encode())]

        assert reader.media_info(*FILE) == expected

    @pytest.mark.parametrize("reply", [(404, b"x"), (400, b"x"), (500, b"x"), (200, b"<html>"), (200, b"[]")])
    def test_says_nothing_where_the_camera_has_none(self, reader: Camera, camera: FakeCamera, reply: Any):
        camera.faults["media"] = [reply]

        assert reader.media_info(*FILE) == MediaInfo(None, None)

    @pytest.mark.parametrize(
        ("reply", "error"),
        [
            ((503, b"busy"), CameraBusy),
            (raw(b""), CameraUnreachable),
            (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), ReadBroken),
        ],
        ids=["busy", "hung up", "cut short"],
    )
    def test_is_not_answered(self, reader: Camera, camera: FakeCamera, reply: Any, error: type[Exception]):
        camera.faults["media"] = [reply]

        with pytest.raises(error):
            reader.media_info(*FILE)


class TestAWholeFile:
    def test_is_known_by_its_boxes_headers_alone(self, reader: Camera, camera: FakeCamera):
        reader.check_whole(*FILE, len(FILM), ETAG)

        assert camera.looks() == ["bytes=0-15", "bytes=20-35", "bytes=992-999"]
        assert camera.reads() == []

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            pytest.param(b"", "it has no bytes", id="empty"),
            pytest.param(FILM[:3], "3 bytes are left", id="cut in the first header"),
            pytest.param(FILM[:20], "no moov and no mdat", id="nothing but its head"),
            pytest.param(
                FILM[:500], "mdat box at byte 20 ends at 992, beyond the end at 500", id="cut in mdat"
            ),
            pytest.param(FILM[:-8], "no moov", id="cut before moov"),
            pytest.param(FILM[:-1], "7 bytes are left", id="cut in moov's header"),
            pytest.param(
                FILM + b"\0\0\1\0mdat", "mdat box at byte 1000 ends at 1256, beyond", id="with a second mdat"
            ),
            pytest.param(
                FILM[:20] + bytes(4) + FILM[24:], "mdat box at byte 20 has no length yet", id="recording"
            ),
            pytest.param(FILM[:20] + FILM[-8:], "no mdat", id="without samples"),
            pytest.param(footage(1000), "no box at byte 0", id="no film at all"),
        ],
    )
    def test_is_not(self, reader: Camera, camera: FakeCamera, content: bytes, words: str):
        camera.files["100GOPRO/GX010042.MP4"] = CameraFile(content)

        with pytest.raises(Unsettled, match=f"100GOPRO/GX010042.MP4 is not finished: .*{words}"):
            reader.check_whole(*FILE, len(content), ETAG)

    @pytest.mark.parametrize("more", [b"", b"x", bytes(7), bytes(8), bytes(100)], ids=len)
    def test_tells_how_many_bytes_follow_its_last_box(self, reader: Camera, camera: FakeCamera, more: bytes):
        camera.files["100GOPRO/GX010042.MP4"] = CameraFile(FILM + more)

        assert reader.check_whole(*FILE, len(FILM + more), ETAG) == len(more)

    def test_that_is_not_there_is_told_with_what_helps(self, reader: Camera, camera: FakeCamera):
        camera.files["100GOPRO/GX010042.MP4"] = CameraFile(FILM[:-8])

        with pytest.raises(Unfinished) as raised:
            reader.check_whole(*FILE, len(FILM) - 8, ETAG)

        assert str(raised.value).endswith(
            "switch the camera off and on, which repairs a file; "
            "`reelhaul haul NAME --file 100GOPRO/GX010042.MP4 --unfinished` hauls it as it is"
        )

    def test_of_no_bytes_is_nothing_that_could_be_hauled_as_it_is(self, reader: Camera, camera: FakeCamera):
        camera.files["100GOPRO/GX010042.MP4"] = CameraFile(b"")

        with pytest.raises(Unfinished) as raised:
            reader.check_whole(*FILE, 0, ETAG)

        assert "--unfinished" not in str(raised.value)

    def test_is_not_looked_for_in_more_than_so_many_boxes(self, reader: Camera, camera: FakeCamera):
        content = FILM + b"\0\0\0\x08free" * 100
        camera.files["100GOPRO/GX010042.MP4"] = CameraFile(content)

        with pytest.raises(Unsettled, match="more than 64 boxes"):
            reader.check_whole(*FILE, len(content), ETAG)

        assert len([span for _, _, span in camera.requests if span]) == 64

    @pytest.mark.parametrize(
        ("act", "error"),
        [
            pytest.param(part(Etag='"other"'), Unsettled, id="other etag"),
            pytest.param(part(Etag=""), Unsettled, id="no etag"),
            pytest.param(part(**{"Content-Range": "bytes 20-35/1001"}), Unsettled, id="other total"),
            pytest.param(part(**{"Content-Range": "bytes 20-36/1000"}), ReadBroken, id="other range"),
            pytest.param(lambda h, *_: h.answer(404, b"Error 404"), Unsettled, id="404"),
            pytest.param(lambda h, *_: h.answer(503), CameraBusy, id="busy"),
        ],
    )
    def test_is_not_believed_of_an_answer_that_differs(
        self, reader: Camera, camera: FakeCamera, act: Any, error: type[EdgeError]
    ):
        camera.faults["look"] = [None, act]

        with pytest.raises(error) as raised:
            reader.check_whole(*FILE, len(FILM), ETAG)

        assert "not finished" not in str(raised.value)

    def test_of_another_etag_than_heads_is_not_believed(self, reader: Camera):
        with pytest.raises(Unsettled, match="changed while"):
            reader.check_whole(*FILE, len(FILM), '"other"')

    def test_without_an_etag_is_believed(self, reader: Camera, camera: FakeCamera):
        camera.files["100GOPRO/GX010042.MP4"].etag = ""

        reader.check_whole(*FILE, len(FILM), None)

        assert camera.looks()

    def test_that_is_encrypted_is_looked_into_as_well(self, reader: Camera, camera: FakeCamera):
        # Labs firmware leaves the boxes as they are (gopro/labs, docs/control/encrypt).
        camera.files["100GOPRO/SX010042.MP4"] = CameraFile(FILM[:-1])

        with pytest.raises(Unsettled, match="not finished"):
            reader.check_whole("100GOPRO", "SX010042.MP4", len(FILM) - 1, ETAG)


class TestKeepingAwake:
    def test_goes_on_over_a_beat_without_an_answer(self, camera: FakeCamera):
        answered = threading.Event()
        camera.faults["keep_alive"] = [lambda handler: (answered.wait(10), handler.answer(200))]

        with KeepAlive(Camera(camera.url, time.monotonic), every_s=0.05):
            deadline = time.monotonic() + 5
            while camera.beats() < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
        answered.set()

        assert camera.beats() >= 3

    def test_ends_without_waiting_for_a_beat_under_way(self, camera: FakeCamera):
        asked, answered = threading.Event(), threading.Event()

        def never(handler: CameraExchange) -> None:
            asked.set()
            answered.wait(20)

        camera.faults["keep_alive"] = [never] * 100
        with KeepAlive(_SlowToGiveUp(camera.url, time.monotonic), every_s=0.01):
            asked.wait(5)
            began = time.monotonic()
        took_s = time.monotonic() - began
        answered.set()

        assert took_s < 5


class _SlowToGiveUp(Camera):
    def keep_alive(self, timeout_s: float) -> None:
        super().keep_alive(15.0)
