"""Limits: when a window begins and ends, which files may be hauled, and who counts as one caller."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.core import limits
from chalicelib.core.errors import InvalidRequest, TooLarge
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.limits import LONGEST_WAIT_S, Limits, Quota, Windowed
from chalicelib.core.tokens import Principal, Role
from tests.support.builders import make_chapter

NOW = datetime(2026, 11, 21, 12, 34, 56, 789_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("what", "began_at"),
    [
        (Windowed.calls_a_minute, datetime(2026, 11, 21, 12, 34, tzinfo=UTC)),
        (Windowed.orders_an_hour, datetime(2026, 11, 21, 12, tzinfo=UTC)),
        (Windowed.bytes_a_day, datetime(2026, 11, 21, tzinfo=UTC)),
    ],
)
def test_a_window_begins_at_a_whole_minute_hour_or_day_in_utc(what: Windowed, began_at: datetime):
    found = limits.window("TOKEN#t_1", what, NOW.astimezone(timezone(timedelta(hours=5, minutes=30))))

    assert found.began_at == began_at
    assert found.ends_at == began_at + timedelta(seconds=what.value)


def test_what_counts_in_windows_is_named_as_the_quota_names_it():
    assert {what.name for what in Windowed} < set(Quota.__struct_fields__)


@pytest.mark.parametrize(
    ("second", "wait_s"), [(0.0, 60), (0.1, 60), (58.9, 2), (59.0, 1), (59.9, 1), (60.0, 1)]
)
def test_a_caller_waits_until_the_window_ends_and_a_second_at_least(second: float, wait_s: int):
    minute = NOW.replace(second=0, microsecond=0)
    found = limits.window("TOKEN#t_1", Windowed.calls_a_minute, minute)

    assert found.wait_s(minute + timedelta(seconds=second)) == wait_s


@pytest.mark.parametrize("left_s", [LONGEST_WAIT_S - 1, LONGEST_WAIT_S, LONGEST_WAIT_S + 1])
def test_nobody_is_told_to_wait_for_hours(left_s: int):
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    now = midnight - timedelta(seconds=left_s)

    assert limits.window("TOKEN#t_1", Windowed.bytes_a_day, now).wait_s(now) == min(left_s, LONGEST_WAIT_S)


@pytest.mark.parametrize(("size_bytes", "is_taken"), [(99, True), (100, True), (101, False)])
def test_a_file_has_at_most_the_bytes_of_the_limit(size_bytes: int, is_taken: bool):
    allowed = Limits(largest_file_bytes=100)
    chapters = [make_chapter(1, size_bytes=5), make_chapter(2, size_bytes=size_bytes)]

    if is_taken:
        allowed.demand_chapters(chapters)
        return
    with pytest.raises(TooLarge, match=r"100GOPRO/GX020038\.MP4 has 101 bytes; files of at most 100 bytes"):
        allowed.demand_chapters(chapters)


def test_a_file_with_another_ending_is_refused_by_its_name():
    sphere = make_chapter(1, filename="GS010038.360")

    Limits().demand_chapters([sphere, make_chapter(2), make_chapter(3, filename="gx030038.mp4")])
    with pytest.raises(
        InvalidRequest, match=r"100GOPRO/GS010038\.360: only files that end in \.mp4 are taken here"
    ):
        Limits(extensions=(".mp4",)).demand_chapters([make_chapter(2), sphere])


def test_without_a_limit_every_size_is_taken():
    Limits().demand_chapters([make_chapter(1, size_bytes=2**45)])


def test_a_device_is_one_caller_with_all_of_its_tokens():
    tokens = [
        Principal(Role.DEVICE, "main", DeviceId("d_north"), TokenId(name)) for name in ("t_first", "t_second")
    ]

    assert {limits.caller_of(each) for each in tokens} == {"DEVICE#main/d_north"}


def test_every_other_token_is_a_caller_of_its_own_and_a_command_is_none():
    assert limits.caller_of(Principal(Role.OPERATOR, "*", None, TokenId("t_1"))) == "TOKEN#t_1"
    assert limits.caller_of(Principal(Role.PROCESSOR, "main", None, TokenId("t_2"))) == "TOKEN#t_2"
    assert limits.caller_of(Principal(Role.OPERATOR, "*", None)) is None
