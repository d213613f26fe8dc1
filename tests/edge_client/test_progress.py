"""What is said of both legs."""

from __future__ import annotations

import io
import logging

import pytest

from edge_client.progress import LINE_EVERY_S, Bars, Lines
from tests.edge_client.conftest import FakeTime


@pytest.mark.parametrize(
    ("after_s", "lines"), [(LINE_EVERY_S - 1, 0), (LINE_EVERY_S, 1), (LINE_EVERY_S + 1, 1)]
)
def test_a_line_is_said_every_5_seconds(caplog: pytest.LogCaptureFixture, after_s: float, lines: int):
    clock = FakeTime()
    progress = Lines(lambda: clock.now_s)
    progress.chapter("a", 1000)
    clock.now_s += after_s

    with caplog.at_level(logging.INFO):
        progress.fetched(10)
        progress.sent(10)

    assert [record.message for record in caplog.records] == ["on the way"] * lines


def test_a_line_tells_both_rates_and_the_time_left(caplog: pytest.LogCaptureFixture):
    clock = FakeTime()
    progress = Lines(lambda: clock.now_s)
    progress.chapter("a", 100_000_000)
    progress.fetched(50_000_000)
    clock.now_s += 10

    with caplog.at_level(logging.INFO):
        progress.sent(20_000_000)

    said = vars(caplog.records[0])
    assert (said["camera_mb_s"], said["s3_mb_s"], said["eta_s"]) == (5.0, 2.0, 40)
    assert (said["camera_percent"], said["s3_percent"]) == (50, 20)


def test_bars_may_go_back_and_leave_the_terminal_with_one_line():
    terminal = io.StringIO()
    bars = Bars(terminal)
    bars.chapter("100GOPRO/GX010042.MP4", 100)
    bars.fetched(60)
    bars.fetched(-60)
    bars.sent(10)

    bars.verified("100GOPRO/GX010042.MP4", 1.25)

    assert terminal.getvalue().endswith("100GOPRO/GX010042.MP4  verified in 1.2 s\n")
