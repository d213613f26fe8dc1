"""What a person sees of a run: rows on a terminal that has room for them, log lines elsewhere."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import pytest
import tqdm.std

from edge_client.base.display import (
    LEAST_COLUMNS,
    LEAST_ROWS,
    LINE_EVERY_S,
    WAIT_LINE_EVERY_S,
    Bars,
    Lines,
    clock,
    cut,
    rows_of,
    shortened,
    text_of,
)
from edge_client.base.logs import log_to
from edge_client.base.progress import (
    Activity,
    Comparison,
    Display,
    Doing,
    FileProgress,
    Meter,
    Picture,
    Whole,
)
from edge_client.wiring import display_for
from tests.edge.conftest import ROOT, Device, FakeTime
from tests.edge.screen import Screen
from tests.support.coordinator import TOKEN, Door

MOVING = Activity(Doing.MOVING, 0.0)
GIGABYTE = 10**9
PATH = "100GOPRO/GX010038.MP4"
PATH_42 = "100GOPRO/GX010042.MP4"


def file_at(
    read_bytes: int, sent_bytes: int, size_bytes: int = 140_000_000, path: str = PATH
) -> FileProgress:
    rate = 20_000_000.0
    return FileProgress(path, size_bytes, Meter(read_bytes, rate), Meter(sent_bytes, rate))


WHOLE = Whole(5, 1, 8_400_000_000, 1_200_000_000, 20_000_000.0)
PICTURE = Picture(MOVING, WHOLE, file_at(104_000_000, 99_400_000))
WAITING = replace(PICTURE, activity=Activity(Doing.RETRYING, 72, "S3", "S3 answered 503 SlowDown", 12.0))
COMPARING = Picture(MOVING, None, None, Comparison(PATH, 16_000_000, 4_000_000))


def shown_in(columns: int, picture: Picture = PICTURE, encoding: str = "utf-8") -> list[str]:
    """The rows of a picture in a terminal of so many columns."""
    return rows_of(picture, columns - 1, "|", io.TextIOWrapper(io.BytesIO(), encoding))


class TestRows:
    def test_show_the_whole_the_name_both_legs_and_what_is_waited_for(self):
        assert shown_in(80, WAITING) == [
            "1 of 5 recordings, 1.2 GB of 8.4 GB, 7.2 GB left, 20.0 MB/s, ETA 6:00",
            "100GOPRO/GX010038.MP4",
            "read  74%|██████████████████████████▋         | 104.0 MB of 140.0 MB 20.0 MB/s",
            "sent  71%|█████████████████████████▌          |  99.4 MB of 140.0 MB 20.0 MB/s",
            "| waiting for S3, 1:12, next try in 12 s: S3 answered 503 SlowDown",
        ]

    def test_show_the_chapter_that_is_read_ahead_below_the_one_that_is_sent(self):
        ahead = file_at(35_000_000, 0, path=PATH_42)

        assert shown_in(80, replace(PICTURE, file=file_at(140_000_000, 99_400_000), ahead=ahead))[1:5] == [
            "100GOPRO/GX010038.MP4",
            "sent  71%|█████████████████████████▌          |  99.4 MB of 140.0 MB 20.0 MB/s",
            "100GOPRO/GX010042.MP4",
            "read  25%|█████████                           |  35.0 MB of 140.0 MB 20.0 MB/s",
        ]

    @pytest.mark.parametrize(
        ("columns", "activity", "row"),
        [
            (80, MOVING, "| camera no longer needed"),
            (80, Activity(Doing.VERIFYING, 5), "| camera no longer needed, being verified, 0:05"),
            (20, Activity(Doing.VERIFYING, 5), "| verifying 0:05"),
        ],
    )
    def test_say_that_the_camera_may_leave(self, columns: int, activity: Activity, row: str):
        assert shown_in(columns, replace(PICTURE, activity=activity, is_camera_free=True))[-1] == row

    def test_are_shorter_in_40_columns(self):
        assert shown_in(40, WAITING) == [
            "1/5, 7.2 GB left, 20.0 MB/s, ETA 6:00",
            "100GOPRO/GX010038.MP4",
            "read  74%|████████████▋    | 20.0 MB/s",
            "sent  71%|████████████     | 20.0 MB/s",
            "| S3, 1:12, next try in 12 s",
        ]

    def test_are_all_there_in_20_columns(self):
        assert shown_in(20, WAITING) == [
            "14%, ETA 6:00",
            "100GOPRO..10038.MP4",
            "read  74%|█████▉  |",
            "sent  71%|█████▋  |",
            "| S3, 1:12",
        ]

    def test_say_more_where_there_is_room(self):
        assert shown_in(120)[0] == (
            "verified 1 of 5 recordings, sent 1.2 GB of 8.4 GB, left 7.2 GB, 20.0 MB/s, ETA 6:00"
        )

    def test_use_no_blocks_where_the_terminal_has_none(self):
        assert shown_in(80, encoding="ascii")[2] == (
            "read  74%|##########################7         | 104.0 MB of 140.0 MB 20.0 MB/s"
        )

    @pytest.mark.parametrize(
        ("done_bytes", "begins"),
        [(0, "read   0%| "), (1, "read   0%| "), (139_999_999, "read  99%|█"), (140_000_000, "read 100%|█")],
    )
    def test_show_100_percent_only_at_the_end(self, done_bytes: int, begins: str):
        assert shown_in(80, replace(PICTURE, file=file_at(done_bytes, 0)))[2].startswith(begins)

    def test_show_no_eta_while_nothing_has_a_rate(self):
        stalled = replace(PICTURE, whole=replace(WHOLE, rate_bytes_s=None))

        assert shown_in(80, stalled)[0].endswith("7.2 GB left, 0 B/s, ETA -")
        assert shown_in(20, stalled)[0] == "14%, ETA -"

    @pytest.mark.parametrize(
        ("activity", "row"),
        [
            (Activity(Doing.VERIFYING, 7), "| being verified, 0:07"),
            (
                Activity(Doing.VERIFYING, 7, "the coordinator", "", 3),
                "| being verified, 0:07, next try in 3 s",
            ),
            (Activity(Doing.QUIET, 12, "the camera"), "| waiting for the camera: no bytes for 12 s"),
            (Activity(Doing.PREPARING, 65), "| preparing, 1:05"),
            (Activity(Doing.RETRYING, 65, "S3", "", 0), "| waiting for S3, 1:05, trying again"),
            (Activity(Doing.RETRYING, 65, "S3", "", None), "| waiting for S3, 1:05"),
        ],
    )
    def test_say_what_the_run_does(self, activity: Activity, row: str):
        assert shown_in(80, replace(PICTURE, activity=activity))[-1] == row

    def test_show_a_comparison(self):
        assert shown_in(60, COMPARING)[:2] == [
            PATH,
            "same  25%|████▎            |   4.0 MB of 16.0 MB",
        ]

    @pytest.mark.parametrize("picture", [PICTURE, WAITING, COMPARING])
    def test_never_are_wider_than_the_terminal(self, picture: Picture):
        long = replace(picture, file=file_at(10**12, 10**12 - 1, 10**13, f"100GOPRO/{'x' * 300}東.MP4"))
        for columns in (*range(LEAST_COLUMNS, 130), 500):
            for row in (*shown_in(columns, picture), *shown_in(columns, long)):
                assert tqdm.utils.disp_len(row) < columns

    @pytest.mark.parametrize("done_bytes", [-10, 10**12])
    def test_bear_counts_beyond_the_file(self, done_bytes: int):
        assert len(shown_in(80, replace(PICTURE, file=file_at(done_bytes, done_bytes)))) == 5


@pytest.mark.parametrize(
    ("columns", "text"), [(2, ".."), (9, "abc..fghi"), (10, "abcdefghij"), (11, "abcdefghij")]
)
def test_a_long_name_loses_its_middle(columns: int, text: str):
    name = "abcdefghij" if columns >= 10 else "abcdeeefghi"
    assert shortened(name, columns) == text


def test_a_name_of_wide_letters_is_measured_in_columns():
    assert shortened("東東東東東", 8) == "東..東"


def test_a_long_reason_loses_its_end():
    assert (cut("abcdef", 6), cut("abcdefg", 6)) == ("abcdef", "abcd..")


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (140_000_000, "140.0 MB"), (2.5 * 10**12, "2.5 TB")],
)
def test_sizes_are_decimal(size_bytes: float, text: str):
    assert text_of(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (86399, "23:59:59"), (86400, "1d 0h")],
)
def test_times_are_read_at_a_glance(seconds: float, text: str):
    assert clock(seconds) == text


class TestLines:
    """Where standard error is no terminal."""

    @pytest.mark.parametrize(
        ("after_s", "lines"), [(LINE_EVERY_S - 1, 0), (LINE_EVERY_S, 1), (LINE_EVERY_S + 1, 1)]
    )
    def test_come_every_5_seconds(self, caplog: pytest.LogCaptureFixture, after_s: float, lines: int):
        time = FakeTime()
        display = Lines(lambda: time.now_s)
        with caplog.at_level(logging.INFO):
            display.draw(PICTURE)
            time.now_s += after_s
            display.draw(PICTURE)
            display.draw(PICTURE)

        assert [record.message for record in caplog.records] == ["on the way"] * lines

    def test_tell_of_the_file_and_of_the_whole_run(self):
        stream = io.StringIO()
        time = FakeTime()
        display = Lines(lambda: time.now_s)
        time.now_s += LINE_EVERY_S
        with log_to(stream, logging.INFO):
            display.draw(PICTURE)

        assert stream.getvalue() == (
            "info: on the way chapter='100GOPRO/GX010038.MP4' camera_percent=74 camera_mb_s=20.0 s3_percent=71 "
            "s3_mb_s=20.0 recordings=5 recordings_home=1 sent_mb=1200.0 left_mb=7200.0 eta_s=360\n"
        )

    @pytest.mark.parametrize(
        ("after_s", "lines"), [(WAIT_LINE_EVERY_S - 1, 0), (WAIT_LINE_EVERY_S, 1), (WAIT_LINE_EVERY_S + 1, 1)]
    )
    def test_come_every_minute_while_nothing_moves(
        self, caplog: pytest.LogCaptureFixture, after_s: float, lines: int
    ):
        time = FakeTime()
        display = Lines(lambda: time.now_s)
        time.now_s += after_s
        with caplog.at_level(logging.INFO):
            display.draw(replace(PICTURE, activity=Activity(Doing.QUIET, 72, "S3")))

        assert [record.message for record in caplog.records] == ["waiting"] * lines
        for record in caplog.records:
            said = vars(record)
            assert (said["what"], said["source"], said["seconds"]) == ("no bytes", "S3", 72)

    def test_say_nothing_of_tries_which_have_lines_of_their_own(self, caplog: pytest.LogCaptureFixture):
        time = FakeTime()
        display = Lines(lambda: time.now_s)
        time.now_s += WAIT_LINE_EVERY_S
        with caplog.at_level(logging.INFO):
            display.draw(WAITING)

        assert caplog.records == []

    def test_tell_of_the_chapter_that_is_read_ahead_and_that_the_camera_may_leave(
        self, caplog: pytest.LogCaptureFixture
    ):
        time = FakeTime()
        lines = Lines(lambda: time.now_s)
        time.now_s += LINE_EVERY_S
        with caplog.at_level(logging.INFO):
            lines.draw(replace(PICTURE, ahead=file_at(35_000_000, 0, path=PATH_42), is_camera_free=True))
            lines.camera_free("s", 0)
            lines.camera_needed("s", "a part changed")

        told, free, needed = caplog.records
        figures = vars(told)
        assert (figures["chapter"], figures["ahead"], figures["camera_percent"]) == (PATH, PATH_42, 25)
        assert figures["camera"] == "no longer needed"
        assert free.message.startswith("camera no longer needed: ")
        assert (needed.levelname, vars(needed)["reason"]) == ("WARNING", "a part changed")

    def test_tell_of_a_comparison(self, caplog: pytest.LogCaptureFixture):
        time = FakeTime()
        display = Lines(lambda: time.now_s)
        with caplog.at_level(logging.INFO):
            display.proof("a", 1000)
            time.now_s += LINE_EVERY_S
            display.draw(COMPARING)

        first, second = caplog.records
        assert (first.message, second.message) == ("comparing with what another device hauled", "comparing")
        assert vars(second)["percent"] == 25

    def test_begin_to_count_when_a_run_begins(self, caplog: pytest.LogCaptureFixture):
        time = FakeTime()
        display = Lines(lambda: time.now_s)
        time.now_s += 100
        with caplog.at_level(logging.INFO):
            display.draw(None)
            display.draw(PICTURE)

        assert caplog.records == []


@dataclass
class Terminal:
    """A real pseudo-terminal: `stream` is its program's end, `screen` what it shows."""

    stream: TextIO
    screen: Screen
    _far_end: int

    def resize(self, columns: int, rows: int = 24) -> None:
        set_size(self._far_end, columns, rows)
        self.screen.columns = columns or 10_000

    def shows(self) -> list[str]:
        """The rows that are on it now."""
        self.stream.flush()
        while select.select([self._far_end], [], [], 0.05)[0]:
            self.screen.write(os.read(self._far_end, 65536).decode())
        return self.screen.shows()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    far_end, near_end = pty.openpty()
    with os.fdopen(near_end, "w", encoding="utf-8") as stream:
        yield Terminal(stream, Screen(80), far_end)
    os.close(far_end)


def display_of(terminal: Terminal, columns: int, rows: int = 24, term: str = "xterm") -> Display:
    terminal.resize(columns, rows)
    return display_for(terminal.stream, term)


class TestTerminal:
    @pytest.mark.parametrize("columns", [LEAST_COLUMNS, LEAST_COLUMNS + 1, 40, 80, 200])
    def test_shows_the_rows_where_it_has_room(self, terminal: Terminal, columns: int):
        display = display_of(terminal, columns)

        for _ in range(3):
            display.draw(PICTURE)

        assert terminal.shows()[:2] == shown_in(columns)[:2]
        assert len(terminal.shows()) == 5
        assert terminal.screen.wraps == 0

    @pytest.mark.parametrize(
        ("columns", "rows"),
        [(0, 0), (10, 24), (LEAST_COLUMNS - 1, 24), (80, LEAST_ROWS - 1), (80, 0), (0, 24)],
    )
    def test_shows_lines_where_it_has_no_room(self, terminal: Terminal, columns: int, rows: int):
        display = display_of(terminal, columns, rows)
        with log_to(terminal.stream, logging.INFO):
            display.draw(PICTURE)
            display.session("s")
            display.verified(PATH, 1.0)

        terminal.screen.columns = 200
        assert terminal.shows() == [
            "info: session started session='s'",
            f"info: chapter verified chapter='{PATH}' seconds=1.0",
        ]

    def test_shows_lines_where_it_cannot_move_its_cursor(self, terminal: Terminal):
        display = display_of(terminal, 80, term="dumb")
        with log_to(terminal.stream, logging.INFO):
            display.draw(PICTURE)
            display.session("s")

        assert terminal.shows() == ["info: session started session='s'"]

    def test_shows_the_rows_in_the_least_room(self, terminal: Terminal):
        display = display_of(terminal, LEAST_COLUMNS, LEAST_ROWS)
        display.draw(WAITING)

        assert terminal.shows() == [*shown_in(LEAST_COLUMNS, WAITING)[:-1], "/ S3, 1:12"]

    @pytest.mark.parametrize(("before", "after"), [(80, 40), (40, 80), (80, 20), (200, 21)])
    def test_follows_when_it_is_resized(self, terminal: Terminal, before: int, after: int):
        display = display_of(terminal, before)
        display.draw(PICTURE)
        terminal.shows()
        terminal.resize(after)
        display.draw(PICTURE)

        assert terminal.shows()[:4] == shown_in(after)[:4]
        assert terminal.screen.wraps == 0

    @pytest.mark.parametrize("narrow", [0, 10, LEAST_COLUMNS - 1])
    def test_goes_over_to_lines_and_back_when_it_is_resized(self, terminal: Terminal, narrow: int):
        display = display_of(terminal, 80)
        display.draw(PICTURE)
        terminal.shows()
        terminal.resize(narrow)
        display.draw(PICTURE)
        assert terminal.shows() == []

        terminal.resize(80)
        display.draw(PICTURE)
        assert terminal.shows()[:4] == shown_in(80)[:4]

    def test_moves_while_the_run_waits(self, terminal: Terminal):
        display = display_of(terminal, 80)
        seen = set[str]()
        for _ in range(4):
            display.draw(WAITING)
            seen.add(terminal.shows()[-1][0])

        assert seen == set("|/-\\")

    def test_has_lines_above_the_rows(self, terminal: Terminal):
        display = display_of(terminal, 80)
        with log_to(terminal.stream, logging.INFO):
            display.draw(WAITING)
            logging.getLogger("edge_client.of_this_test").warning("trying again")
            display.verified(PATH, 1.25)
            display.draw(WAITING)

        assert terminal.shows()[:3] == [
            "warning: trying again",
            f"{PATH}  verified in 1.2 s",
            shown_in(80)[0],
        ]

    @pytest.mark.parametrize(
        ("sessions_left", "line"),
        [
            (0, "camera no longer needed: everything of session s is in the spool or in S3"),
            (2, "everything of session s is read; the camera stays needed, for 2 more of this run"),
        ],
    )
    def test_says_in_a_line_of_its_own_whether_the_camera_may_leave(
        self, terminal: Terminal, sessions_left: int, line: str
    ):
        display = display_of(terminal, 100)
        display.camera_free("s", sessions_left)
        display.camera_needed("s", "a part changed")

        assert terminal.shows() == [line, "camera needed again for session s: a part changed"]

    def test_is_left_without_the_rows(self, terminal: Terminal):
        display = display_of(terminal, 80)
        display.draw(WAITING)
        display.verified(PATH, 1.25)
        display.draw(None)
        terminal.stream.write("$ ")

        assert terminal.shows() == [f"{PATH}  verified in 1.2 s", "$"]

    def test_has_no_row_of_the_picture_before(self, terminal: Terminal):
        display = display_of(terminal, 80)
        display.draw(WAITING)
        display.draw(Picture(Activity(Doing.PREPARING, 1)))

        assert terminal.shows() == ["- preparing, 0:01"]

    @pytest.mark.parametrize("jump_s", [-86400.0, 3.0e8])
    def test_shows_the_same_when_the_clock_is_set(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, jump_s: float
    ):
        """tqdm reads the wall clock; the rows must depend on none of it."""
        wall = FakeTime(1.8e9)
        monkeypatch.setattr(tqdm.std, "time", lambda: wall.now_s)
        display = display_of(terminal, 80)
        display.draw(PICTURE)
        before = terminal.shows()
        wall.now_s += jump_s
        moved = replace(PICTURE, file=file_at(105_000_000, 104_000_000))
        display.draw(moved)

        after = terminal.shows()
        assert after[:2] == before[:2]
        assert after[2:4] == shown_in(80, moved)[2:4]


def test_bars_write_to_a_stream_without_a_terminal():
    stream = io.StringIO()
    bars = Bars(stream, lambda: (80, 24))
    bars.draw(PICTURE)
    bars.draw(None)

    assert PATH in stream.getvalue()


@dataclass
class Client:
    """The client itself, hauling on a pseudo-terminal; `screen` is what that shows."""

    device: Device
    token_file: Path
    screen: Screen

    def haul(self, columns: int, rows: int, while_verifying: Callable[[int], None]) -> int:
        """Its exit code; `while_verifying` gets the terminal while the coordinator completes the upload."""
        far_end, near_end = pty.openpty()
        set_size(far_end, columns, rows)
        self.screen.columns = columns or 10_000

        def complete(door: Door) -> None:
            while_verifying(far_end)
            door.serve()

        self.device.cloud.faults["complete"] = [complete]
        client = subprocess.Popen(
            [
                *(sys.executable, "-m", "edge_client", "haul", "s", "--recording", "0042"),
                *("--camera", self.device.camera.url, "--coordinator", self.device.cloud.url),
                *("--token-file", str(self.token_file), "--spool", str(self.device.spool)),
                *("--locks", str(self.device.camera_locks.folder)),
            ],
            stderr=near_end,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
            cwd=ROOT,
        )
        os.close(near_end)
        while chunk := _read(far_end):
            self.screen.write(chunk.decode())
        os.close(far_end)
        return client.wait(30)

    def shows(self, *texts: str) -> bool:
        """Whether rows that begin with these texts come one below the other, within a few seconds."""

        def is_there(rows: list[str]) -> bool:
            return any(
                all(row.startswith(text) for row, text in zip(rows[at:], texts, strict=False))
                for at in range(len(rows) - len(texts) + 1)
            )

        return self._comes(is_there)

    def shows_none_with(self, text: str) -> bool:
        """Whether no row has the text, within a few seconds."""
        return self._comes(lambda rows: not any(text in row for row in rows))

    def _comes(self, is_there: Callable[[list[str]], bool]) -> bool:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if is_there(self.screen.shows()):
                return True
            time.sleep(0.02)
        return False


@pytest.fixture
def client(device: Device, tmp_path: Path) -> Client:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    return Client(device, token_file, Screen(80))


WIDE = ("0 of 1 recording, ", PATH_42, "read 100%|", "sent 100%|")
NARROW = ("0/1, ", PATH_42, "read 100%|", "sent 100%|")


class TestClient:
    @pytest.mark.parametrize(("columns", "rows"), [(80, WIDE), (40, NARROW)])
    def test_shows_everything_is_verified_and_leaves_only_lines(
        self, client: Client, columns: int, rows: tuple[str, ...]
    ):
        seen = list[bool]()

        code = client.haul(columns, 24, lambda _: seen.append(client.shows(*rows)))

        assert (code, seen) == (0, [True])
        assert client.screen.shows()[-1].startswith(f"{PATH_42}  verified in ")

    @pytest.mark.parametrize(("before", "after", "rows"), [(80, 40, NARROW), (40, 80, WIDE)])
    def test_follows_when_it_is_resized(self, client: Client, before: int, after: int, rows: tuple[str, ...]):
        seen = list[bool]()

        def resize(terminal: int) -> None:
            seen.append(client.shows(*(WIDE if rows == NARROW else NARROW)))
            set_size(terminal, after, 24)
            client.screen.columns = after
            seen.append(client.shows(*rows))

        assert client.haul(before, 24, resize) == 0
        assert seen == [True, True]

    def test_takes_its_rows_away_when_the_terminal_becomes_too_narrow(self, client: Client):
        seen = list[bool]()

        def resize(terminal: int) -> None:
            seen.append(client.shows(*NARROW))
            set_size(terminal, 10, 24)
            seen.append(client.shows_none_with("sent"))

        assert client.haul(40, 24, resize) == 0
        assert seen == [True, True]

    def test_says_lines_where_the_terminal_has_no_size(self, client: Client):
        assert client.haul(0, 0, lambda _: None) == 0

        assert client.screen.shows()[0] == "info: session started session='s'"
        assert client.shows_none_with("read 100%")


def set_size(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux: the other end is closed.
        return b""
