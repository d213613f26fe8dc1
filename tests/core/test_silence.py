"""When a device counts as silent, and when the reconciler looks."""

from datetime import timedelta

import pytest

from chalicelib.core.notices import announcement
from chalicelib.core.silence import Watch, look_at, return_notice, silence_notice
from tests.support.builders import DEVICE_ID, SESSION_ID, START, make_chapter, make_picture

WATCH = Watch("main", DEVICE_ID, SESSION_ID, START)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("seconds", "is_silent"), [(-1, False), (0, True), (1, True)])
def test_a_device_is_silent_once_its_time_is_over(seconds: int, is_silent: bool):
    assert WATCH.is_silent(START + timedelta(seconds=900 + seconds), 900) is is_silent


@pytest.mark.parametrize(
    ("heard_s", "looked_s"), [(0, 900), (0.000001, 960), (1, 960), (59.9, 960), (60, 960), (61, 1020)]
)
def test_the_look_is_at_the_first_whole_minute_at_which_the_device_can_be_silent(
    heard_s: float, looked_s: int
):
    heard_at = START + timedelta(seconds=heard_s)
    found = look_at(heard_at, 900)

    assert found == START + timedelta(seconds=looked_s)
    assert heard_at + timedelta(seconds=900) <= found


@pytest.mark.parametrize(("seconds", "is_again"), [(-1, False), (0, False), (1, True)])
def test_a_device_is_heard_again_by_a_heartbeat_after_its_silence_began(seconds: int, is_again: bool):
    silent = Watch("main", DEVICE_ID, SESSION_ID, START + timedelta(seconds=seconds), START)

    assert silent.is_heard_again is is_again
    assert not WATCH.is_heard_again


def test_a_silence_begins_with_the_last_heartbeat_and_ends_with_the_next():
    assert WATCH.silenced().silent_since == START
    assert WATCH.silenced().heard_again() == WATCH


def test_the_notices_of_one_silence_have_ids_of_their_own_however_late_they_are_made():
    picture = make_picture()
    silent = WATCH.silenced()
    first, late = (silence_notice(WATCH, picture, at).notice_id for at in (START + HOUR, START + 2 * HOUR))
    again = return_notice(silent, START + 3 * HOUR).notice_id

    assert first == late
    assert again != first


def test_people_read_which_device_since_when_and_what_still_waits():
    chapters = [make_chapter(number) for number in (1, 2)]
    told = announcement(silence_notice(WATCH, make_picture(chapters=chapters), START + HOUR), "jetson-north")
    back = announcement(return_notice(WATCH.silenced(), START + HOUR), None)

    assert told.subject == "device jetson-north is silent"
    assert "last heard at 2026-11-21 12:00:00 UTC, with 2 chapters of this session still to come" in told.text
    assert "Session: match-17-north\nDevice: jetson-north (d_north)\n" in told.text
    assert back.subject == "device d_north is heard again"
    assert "it was silent since 2026-11-21 12:00:00 UTC" in back.text
