"""Heartbeats: what the device tells, and what it is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from edge_client.base.progress import Amount, Figures, ProgressCounter
from edge_client.base.retry import Retry, Tally
from edge_client.base.threads import SystemThreads
from edge_client.coordinator.client import Coordinator
from edge_client.haul.heartbeat import Heartbeat
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.model.api import CameraReport, Token
from edge_client.spool.spool import Spool
from tests.edge.conftest import NOON, FakeTime
from tests.edge.refusing_disk import altered
from tests.edge.screen import SilentDisplay
from tests.support.coordinator import TOKEN, MemoryCoordinator, told_otherwise

SESSION = {
    "camera": {"serial": "C3501324500711"},
    "chapters": [{"directory": "100GOPRO", "filename": "GX010042.MP4", "size_bytes": 10_000}],
}


UNTOLD = CameraReport()


class Rig:
    def __init__(self, cloud: MemoryCoordinator, spool: Path, coordinator: Coordinator) -> None:
        self.time = FakeTime()
        self.advance = ProgressCounter(SilentDisplay(), lambda: self.time.now_s, lambda: None)
        self.pace = RateLimiter(self.time.timing())
        self.now = NOON
        disk = altered(free_bytes=lambda folder: 10**9)
        self.heart = Heartbeat(
            SystemThreads(), coordinator, self.advance, Spool(str(spool), disk), self.pace, lambda: self.now
        )
        self.cloud = cloud


class Waits(Exception):
    """Somebody waits for the end of a pause."""


def is_paused(rig: Rig) -> bool:
    def check() -> None:
        raise Waits

    try:
        rig.pace.wait_for_start(check)
    except Waits:
        return True
    return False


@pytest.fixture
def rig(cloud: MemoryCoordinator, tmp_path: Path) -> Iterator[Rig]:
    """A heart of a client whose session `s` is planned."""
    cloud.taken("PUT", "/v1/sessions/s", SESSION)
    retry = Retry(FakeTime().timing(), 0.0, Tally())
    with closing(Coordinator(cloud.url, Token(TOKEN), "0.1.0", retry)) as coordinator:
        yield Rig(cloud, tmp_path / "spool", coordinator)


def test_a_heartbeat_tells_both_legs_their_rates_the_disk_and_the_clock(rig: Rig):
    rig.advance.fetched("a", 3000)
    rig.heart.beat("s", UNTOLD)
    rig.time.now_s += 10
    rig.advance.fetched("a", 1000)
    rig.advance.sent("a", 2000)
    rig.heart.beat("s", UNTOLD)

    first, second = rig.cloud.heartbeats
    assert first == {
        "bytes_down": 3000,
        "bytes_up": 0,
        "rate_down_bytes_s": None,
        "rate_up_bytes_s": None,
        "spool_bytes": 0,
        "disk_free_bytes": 10**9,
        "clock": "2026-11-25T12:00:00Z",
        "retried_parts": 0,
    }
    assert (second["bytes_down"], second["bytes_up"]) == (4000, 2000)
    assert (second["rate_down_bytes_s"], second["rate_up_bytes_s"]) == (100, 200)


def test_a_heartbeat_tells_the_cameras_clock_the_last_chapters_length_and_what_went_up_again(rig: Rig):
    rig.advance.sent("a", 2000)
    rig.advance.sent("a", -2000)
    rig.advance.sent("a", 2000)

    rig.heart.beat("s", CameraReport(1_764_080_400, 531))

    [told] = rig.cloud.heartbeats
    assert (told["camera_clock"], told["last_chapter_s"], told["retried_parts"]) == (1_764_080_400, 531, 1)


def test_what_is_not_known_of_the_camera_is_left_out(rig: Rig):
    rig.heart.beat("s", CameraReport(None, 531))

    [told] = rig.cloud.heartbeats
    assert "camera_clock" not in told
    assert told["last_chapter_s"] == 531


def test_a_coordinator_that_refuses_what_it_does_not_know_hears_the_rest_from_then_on(rig: Rig):
    refusal = b'{"type": "urn:reelhaul:problem:invalid-request", "detail": "unknown field", "action": "stop"}'
    rig.cloud.faults["progress"] = [(400, refusal)]

    for _ in range(3):
        rig.heart.beat("s", CameraReport(1_764_080_400, 531))

    # The first was refused.
    told = [set(each) & {"camera_clock", "retried_parts"} for each in rig.cloud.heartbeats]
    assert told == [set(), set()]


def test_a_pace_is_followed_and_ends_with_the_next_answer(rig: Rig):
    rig.cloud.advise(pace_bytes_s=1000)
    rig.heart.beat("s", UNTOLD)
    rig.pace.wait(1000, lambda: None)
    rig.pace.wait(1000, lambda: None)
    assert sum(rig.time.slept) == pytest.approx(1.0)

    rig.cloud.advise()
    rig.heart.beat("s", UNTOLD)
    rig.time.slept.clear()
    rig.pace.wait(10**9, lambda: None)
    assert rig.time.slept == []


def test_a_pause_is_followed_and_ends_with_the_next_answer(rig: Rig):
    rig.cloud.advise(pause=True)
    rig.heart.beat("s", UNTOLD)
    assert is_paused(rig)

    rig.cloud.advise()
    rig.heart.beat("s", UNTOLD)
    assert not is_paused(rig)


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        (503, b"{}"),
        (404, b'{"message": "x"}'),
        (200, b"<html>"),
        (200, b'{"policy": {"pause": false, "pace_bytes_s": 0}, "server_time": "2026-11-25T12:00:00Z"}'),
        (200, b'{"policy": {"pause": false, "pace_bytes_s": null}, "server_time": "yesterday"}'),
    ],
)
def test_whatever_becomes_of_a_heartbeat_nothing_is_raised_and_nothing_changes(
    rig: Rig, paused: bool, answer: tuple[int, bytes]
):
    rig.cloud.advise(pause=paused)
    rig.heart.beat("s", UNTOLD)
    rig.cloud.advise(pause=not paused)
    rig.cloud.faults["progress"] = [answer]

    rig.heart.beat("s", UNTOLD)

    assert rig.cloud.faults["progress"] == []
    assert is_paused(rig) == paused


@pytest.mark.parametrize(("off_s", "told"), [(60, False), (61, True), (-61, True)])
def test_a_clock_that_is_off_by_more_than_a_minute_is_told_once(
    rig: Rig, caplog: pytest.LogCaptureFixture, off_s: int, told: bool
):
    rig.now = NOON + timedelta(seconds=off_s)

    with caplog.at_level(logging.WARNING, logger="edge_client"):
        rig.heart.beat("s", UNTOLD)
        rig.heart.beat("s", UNTOLD)

    seconds = [vars(record)["seconds"] for record in caplog.records]
    assert seconds == ([off_s] if told else [])


def test_a_heart_beats_at_once_and_stops_with_its_block(rig: Rig):
    with rig.heart.beating("s", lambda: UNTOLD):
        deadline = 500
        while not rig.cloud.heartbeats and deadline:
            deadline -= 1
            rig.time.stop.wait(0.01)
    beats = len(rig.cloud.heartbeats)

    assert beats == 1
    rig.time.stop.wait(0.05)
    assert len(rig.cloud.heartbeats) == beats


def test_a_new_session_counts_anew(rig: Rig):
    rig.advance.fetched("a", 5)
    rig.advance.figures()
    rig.advance.session("next", Amount(100, 0))

    assert rig.advance.figures() == Figures(0, 0, None, None)


def test_a_time_without_its_zone_is_no_answer_and_beats_go_on(rig: Rig):
    rig.cloud.faults["progress"] = [told_otherwise(server_time="2026-11-25T12:00:00")] * 2

    rig.heart.beat("s", UNTOLD)
    rig.heart.beat("s", UNTOLD)

    assert len(rig.cloud.heartbeats) == 2
