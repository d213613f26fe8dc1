"""Parts on their way: the desk, and what an error tells."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable, Sequence

import pytest

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import (
    GaveUp,
    PartRefused,
    Stopped,
    StorageUnreachable,
    UploadGone,
    UploadLost,
)
from edge_client.base.retry import Retry, StallWatch, Tally
from edge_client.base.threads import SystemThreads
from edge_client.haul.sending.concurrency import AdaptiveConcurrency
from edge_client.haul.sending.part_queue import MOST_URLS, Outbox, PartQueue, Round, Sign, Taken
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.haul.sending.sender import Body, PartSender, Uplink
from edge_client.http.exchange import Timeouts
from edge_client.model.parts import PartUrl, Span, SpooledPart
from edge_client.s3.presigned import PartStore
from edge_client.spool.part import PartReader
from tests.edge.conftest import FakeTime
from tests.support.coordinator import SIGNATURE

NOW_S = 1000.0
ADDRESS = f"http://127.0.0.1:1/bucket?X-Amz-Signature={SIGNATURE}"


class MemoryParts:
    def reader(self, part: SpooledPart) -> PartReader:
        return PartReader(os.devnull, part, SystemDisk())

    def __init__(self) -> None:
        self.dropped: list[int] = []

    def drop_part(self, part: SpooledPart) -> None:
        self.dropped.append(part.span.number)


def part(number: int) -> SpooledPart:
    return SpooledPart(Span(number, 0, 5), 7)


def sign(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
    return {p.span.number: PartUrl(p.span.number, ADDRESS, {"content-length": "5"}, 1e9) for p in batch}


class Desk:
    """A session's outbox with the queue of its only chapter."""

    def __init__(self, sign: Sign, *acknowledged: SpooledPart) -> None:
        self.parts = MemoryParts()
        self.outbox = Outbox(SystemThreads())
        self.queue = self.open(0, sign, *acknowledged)

    def open(self, place: int, sign: Sign, *acknowledged: SpooledPart) -> PartQueue:
        return self.outbox.open(place, Round(sign, self.parts, lambda size_bytes: None), acknowledged)

    def add(self, *numbers: int) -> None:
        for number in numbers:
            self.queue.add(part(number))

    def take(self, count: int) -> list[Taken]:
        return [one for one in (self.outbox.take() for _ in range(count)) if one]

    def sign_again(self, taken: Taken, now: float) -> PartUrl:
        return taken.queue.sign_again(taken.part, taken.url, now)


def sender(outbox: Outbox, give_up_after_s: float, time: FakeTime | None = None) -> PartSender:
    timing = (time or FakeTime()).timing()
    uplink = Uplink(
        Retry(timing, give_up_after_s, Tally()),
        RateLimiter(timing),
        AdaptiveConcurrency(SystemThreads(), timing.monotonic),
        lambda: PartStore(Timeouts()),
    )
    return PartSender(outbox, uplink)


def test_an_unreachable_s3_is_told_without_its_url():
    desk = Desk(sign)

    with pytest.raises(GaveUp) as caught:
        sender(desk.outbox, 0.0).send(Taken(desk.queue, part(1), sign([part(1)])[1]))

    assert "ConnectionError" in str(caught.value)
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value))


def test_when_the_round_is_over_nothing_is_tried_again():
    desk, time = Desk(sign), FakeTime()
    desk.add(1)

    def over(seconds: float) -> None:
        desk.outbox.fail(Stopped("over"))

    time.sleep = over  # type: ignore[method-assign]  # the fake clock is ours
    with pytest.raises(Stopped, match="over"):
        sender(desk.outbox, 600.0, time).send(Taken(desk.queue, part(1), sign([part(1)])[1]))


def test_a_url_for_another_length_is_never_used():
    url = PartUrl(1, ADDRESS, {"content-length": "6"}, 1e9)

    desk = Desk(sign)
    with pytest.raises(PartRefused, match="another length"):
        sender(desk.outbox, 600.0).send(Taken(desk.queue, part(1), url))


@pytest.mark.parametrize(("good_for_s", "renewed"), [(-1, True), (0, True), (1, False)])
def test_a_url_past_its_time_is_renewed_before_a_byte_is_sent(good_for_s: float, renewed: bool):
    asked: list[int] = []

    def counted(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
        asked.append(len(batch))
        return sign(batch)

    url = PartUrl(1, ADDRESS, {"content-length": "5"}, FakeTime().now_s + good_for_s)
    desk = Desk(counted)
    with pytest.raises(GaveUp):
        sender(desk.outbox, 0.0).send(Taken(desk.queue, part(1), url))

    assert asked == ([1] if renewed else [])


class TestUrlsThatEndTogether:
    """`good_for_s` counts from the clock's present, so that a test says which ones are over."""

    @staticmethod
    def desk(asked: list[list[int]], *good_for_s: float, closed: bool = True) -> Desk:
        """A desk at which so many parts are signed, the URL of each first good for so long and then for an hour."""

        def sign(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
            asked.append([one.span.number for one in batch])
            lives_s = good_for_s if len(asked) == 1 else [3600.0] * len(batch)
            return {
                one.span.number: PartUrl(one.span.number, ADDRESS, {"content-length": "5"}, NOW_S + life_s)
                for one, life_s in zip(batch, lives_s, strict=True)
            }

        desk = Desk(sign)
        desk.add(*range(1, len(good_for_s) + 1))
        if closed:
            desk.outbox.close()
        return desk

    def test_are_signed_again_in_one_call_whether_they_wait_or_are_on_their_way(self):
        asked: list[list[int]] = []
        desk = self.desk(asked, *([-1.0] * MOST_URLS))
        taken = desk.take(4)

        fresh = [desk.sign_again(one, NOW_S) for one in taken]

        assert (len(asked), sorted(asked[1])) == (2, list(range(1, MOST_URLS + 1)))
        assert [url.number for url in fresh] == [1, 2, 3, 4]
        assert all(one.url.good_until > NOW_S for one in desk.take(MOST_URLS - 4))
        assert len(asked) == 2

    def test_cost_a_sender_one_call_more(self):
        asked: list[list[int]] = []
        desk = self.desk(asked, *([0.0] * MOST_URLS))

        sender(desk.outbox, 0.0, FakeTime(NOW_S)).run()

        assert [sorted(batch) for batch in asked] == [list(range(1, MOST_URLS + 1))] * 2

    def test_that_s3_refuses_early_take_those_along_that_were_good_for_as_long(self):
        asked: list[list[int]] = []
        desk = self.desk(asked, 900.0, 900.0, 901.0)
        [one] = desk.take(1)

        desk.sign_again(one, NOW_S)

        assert asked[1:] == [[1, 2]]

    @pytest.mark.parametrize(("good_for_s", "together"), [(-1.0, [1, 2]), (0.0, [1, 2]), (1.0, [1])])
    def test_leave_alone_what_is_still_good(self, good_for_s: float, together: list[int]):
        asked: list[list[int]] = []
        desk = self.desk(asked, 0.0, good_for_s)
        [one] = desk.take(1)

        desk.sign_again(one, NOW_S)

        assert asked[1:] == [together]

    def test_do_not_take_along_what_has_arrived(self):
        asked: list[list[int]] = []
        desk = self.desk(asked, 0.0, 0.0, 0.0)
        first, second, third = desk.take(3)
        desk.queue.acknowledge(first.part)
        desk.queue.drop_corrupt(second.part)

        desk.sign_again(third, NOW_S)

        assert asked[1:] == [[3]]

    def test_are_never_more_than_32_in_one_call(self):
        asked: list[list[int]] = []

        def sign(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
            asked.append([one.span.number for one in batch])
            return {
                one.span.number: PartUrl(one.span.number, ADDRESS, {}, NOW_S + 100 * (len(asked) - 1))
                for one in batch
            }

        desk = Desk(sign)
        desk.add(*range(1, MOST_URLS + 2))
        desk.outbox.close()
        first = desk.take(MOST_URLS)
        [last] = desk.take(1)

        desk.sign_again(last, NOW_S + 100)

        assert [len(batch) for batch in asked] == [MOST_URLS, 1, MOST_URLS]
        assert asked[2][0] == MOST_URLS + 1
        assert len(first) == MOST_URLS

    def test_do_not_wait_for_a_part_that_is_still_being_read(self):
        asked: list[list[int]] = []
        desk = self.desk(asked, 0.0, closed=False)
        [taken] = desk.take(1)
        waiting = threading.Thread(target=desk.outbox.take, daemon=True)
        waiting.start()

        desk.sign_again(taken, NOW_S)

        assert asked == [[1], [1]]
        desk.outbox.close()
        waiting.join(5)


@pytest.mark.parametrize(("waiting", "batches"), [(1, [1]), (MOST_URLS, [32]), (MOST_URLS + 1, [32, 1])])
def test_urls_are_asked_for_all_that_waits_up_to_32(waiting: int, batches: list[int]):
    asked: list[int] = []

    def counted(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
        asked.append(len(batch))
        return sign(batch)

    desk = Desk(counted)
    desk.add(*range(1, waiting + 1))
    desk.outbox.close()

    taken = [one.part.span.number for one in iter(desk.outbox.take, None) if one]

    assert (taken, asked) == (list(range(1, waiting + 1)), batches)


def test_after_an_error_nothing_is_handed_out_and_the_first_error_counts():
    desk = Desk(sign)
    desk.add(1)
    desk.outbox.fail(Stopped("first"))
    desk.outbox.fail(Stopped("second"))

    assert desk.outbox.take() is None
    with pytest.raises(Stopped, match="first"):
        desk.queue.check()


def body_of(time: FakeTime, blocks: list[bytes], moved: list[int], pace: RateLimiter) -> Body:
    watch = StallWatch(lambda: time.now_s, StorageUnreachable)
    views = (memoryview(block) for block in blocks)
    return Body(sum(map(len, blocks)), views, pace, lambda: None, watch, moved.append)


def test_a_body_is_sent_block_by_block_and_counted():
    time, moved = FakeTime(), list[int]()
    body = body_of(time, [b"12345", b"678"], moved, RateLimiter(time.timing()))

    assert b"".join(bytes(block) for block in body) == b"12345678"
    assert (len(body), moved) == (8, [5, 3])


class TestPace:
    @pytest.mark.parametrize(("rate_bytes_s", "slept_s"), [(None, 0.0), (1000.0, 9.0), (100.0, 90.0)])
    def test_all_connections_together_keep_the_rate(self, rate_bytes_s: float | None, slept_s: float):
        time = FakeTime()
        pace = RateLimiter(time.timing(), rate_bytes_s)

        for _ in range(10):
            pace.wait(1000, lambda: None)

        assert sum(time.slept) == pytest.approx(slept_s)

    @pytest.mark.parametrize(
        ("own", "cap", "slept_s"),
        [(1000.0, 100, 10.0), (100.0, 1000, 10.0), (None, 100, 10.0), (100.0, None, 10.0)],
    )
    def test_the_lower_of_both_limits_holds(self, own: float | None, cap: int | None, slept_s: float):
        time = FakeTime()
        pace = RateLimiter(time.timing(), own)
        pace.follow(pause=False, cap_bytes_s=cap)

        pace.wait(1000, lambda: None)
        pace.wait(1000, lambda: None)

        assert sum(time.slept) == pytest.approx(slept_s)

    def test_a_pause_holds_what_would_begin_until_it_ends(self):
        time = FakeTime()
        pace = RateLimiter(time.timing())
        pace.follow(pause=True, cap_bytes_s=None)

        def end_after_a_minute() -> None:
            if time.now_s > 1060:
                pace.follow(pause=False, cap_bytes_s=None)

        pace.wait_for_start(end_after_a_minute)

        assert time.now_s == pytest.approx(1061, abs=1)

    def test_what_ends_the_round_ends_a_pause(self):
        pace = RateLimiter(FakeTime().timing())
        pace.follow(pause=True, cap_bytes_s=None)

        def ended() -> None:
            raise Stopped("over")

        with pytest.raises(Stopped):
            pace.wait_for_start(ended)

    @pytest.mark.parametrize(
        ("rate_bytes_s", "block_bytes"),
        [(None, 262_144), (10e6, 262_144), (400_000.0, 100_000), (32_768.0, 16_384)],
    )
    def test_a_slow_pace_sends_small_blocks(self, rate_bytes_s: float | None, block_bytes: int):
        assert RateLimiter(FakeTime().timing(), rate_bytes_s).block_bytes == block_bytes

    def test_waiting_for_its_turn_is_no_stall(self):
        time, moved = FakeTime(), list[int]()
        pace = RateLimiter(time.timing(), 1.0)
        body = body_of(time, [b"1" * 100] * 5, moved, pace)

        assert sum(len(block) for block in body) == 500
        assert time.now_s >= 1400

    def test_a_connection_that_crawls_below_its_pace_is_a_stall(self):
        time, moved = FakeTime(), list[int]()
        body = body_of(time, [b"1" * 100] * 5, moved, RateLimiter(time.timing()))

        def crawl() -> None:
            for _ in body:
                time.now_s += 30

        with pytest.raises(StorageUnreachable, match="stalled"):
            crawl()


class TestLanes:
    """A rate is made of parts of 10 bytes, each a second or so after the one before."""

    @staticmethod
    def send(
        time: FakeTime, concurrency: AdaptiveConcurrency, parts: int, rate_of: Callable[[int], float]
    ) -> None:
        for _ in range(parts):
            time.now_s += 10 / rate_of(concurrency.open)
            concurrency.note_sent(10, has_backlog=True)

    def test_one_more_is_tried_and_kept_while_it_brings_more(self):
        time = FakeTime()
        concurrency = AdaptiveConcurrency(SystemThreads(), lambda: time.now_s)

        self.send(time, concurrency, 60, lambda count: 10.0 * count)

        assert concurrency.open == 4

    def test_one_that_brings_nothing_goes_again(self):
        time = FakeTime()
        concurrency = AdaptiveConcurrency(SystemThreads(), lambda: time.now_s)
        seen: list[int] = []

        for _ in range(40):
            self.send(time, concurrency, 1, lambda count: 10.0)
            seen.append(concurrency.open)

        assert (max(seen), seen[-1]) == (3, 2)
        assert seen.count(3) == 9  # one measurement long

    @pytest.mark.parametrize(("gain", "open_then"), [(1.09, 2), (1.11, 4)])
    def test_a_tenth_more_keeps_it_and_has_the_next_tried(self, gain: float, open_then: int):
        time = FakeTime()
        concurrency = AdaptiveConcurrency(SystemThreads(), lambda: time.now_s)

        self.send(time, concurrency, 6 + 9, lambda count: 10.0 * gain if count == 3 else 10.0)

        assert concurrency.open == open_then

    def test_without_a_backlog_nothing_is_tried(self):
        time = FakeTime()
        concurrency = AdaptiveConcurrency(SystemThreads(), lambda: time.now_s)

        for _ in range(100):
            time.now_s += 1
            concurrency.note_sent(10, has_backlog=False)

        assert concurrency.open == 2

    def test_trouble_halves_them_down_to_one(self):
        concurrency = AdaptiveConcurrency(SystemThreads(), lambda: 0.0)
        seen = []
        for _ in range(3):
            concurrency.note_trouble()
            seen.append(concurrency.open)

        assert seen == [1, 1, 1]

    @pytest.mark.parametrize(("most", "open_now"), [(-1, 1), (0, 1), (1, 1), (2, 2), (9, 2)])
    def test_never_more_than_there_is_room_for(self, most: int, open_now: int):
        time = FakeTime()
        concurrency = AdaptiveConcurrency(SystemThreads(), lambda: time.now_s)
        concurrency.allow(most)

        assert concurrency.open == open_now
        self.send(time, concurrency, 100, lambda count: 10.0 * count)
        assert concurrency.open == max(1, min(4, most))

    def test_a_lane_more_than_open_waits_for_one_that_ends(self):
        concurrency = AdaptiveConcurrency(SystemThreads(), lambda: 0.0)
        concurrency.allow(1)
        waited: list[int] = []

        def give_up() -> None:
            waited.append(1)
            raise Stopped("enough")

        with concurrency.connection(lambda: None), pytest.raises(Stopped), concurrency.connection(give_up):
            pass

        assert waited
        with concurrency.connection(give_up):
            pass


class TestRoomAtTheDesk:
    def test_what_s3_acknowledged_first_goes_first(self):
        desk = Desk(sign, part(1))
        for number in (2, 3):
            desk.add(number)
            desk.queue.acknowledge(part(number))

        dropped = [desk.queue.make_room(0, lambda: None) for _ in range(4)]

        assert (dropped, desk.parts.dropped) == ([True, True, True, False], [1, 2, 3])

    def test_a_part_on_its_way_is_waited_for(self):
        desk = Desk(sign)
        desk.add(1)

        assert desk.queue.make_room(0, lambda: desk.queue.acknowledge(part(1)))
        assert desk.parts.dropped == [1]

    def test_a_part_that_is_spoilt_is_not_waited_for(self):
        desk = Desk(sign)
        desk.add(1)
        desk.queue.drop_corrupt(part(1))

        assert not desk.queue.make_room(0, lambda: None)

    def test_what_ends_the_round_ends_the_wait(self):
        desk = Desk(sign)
        desk.add(1)

        with pytest.raises(Stopped):
            desk.queue.make_room(0, lambda: desk.outbox.fail(Stopped("over")))

    def test_a_round_that_is_lost_while_it_asks_for_room_says_so_instead_of_that_there_is_none(self):
        desk = Desk(sign)
        desk.add(1)

        with pytest.raises(UploadLost):
            desk.queue.make_room(0, lambda: desk.queue.lose(UploadLost("gone")))

    def test_a_part_of_a_lost_round_makes_no_room(self):
        """S3 may not have it any more."""
        desk = Desk(sign, part(1))
        desk.queue.lose(UploadLost("gone"))

        assert not desk.outbox.make_room(0, lambda: None)
        assert desk.parts.dropped == []

    def test_a_part_of_a_chapter_that_is_home_makes_no_room(self):
        """It goes with all the others of its chapter."""
        desk = Desk(sign, part(1))
        desk.queue.keep_parts()

        assert not desk.outbox.make_room(0, lambda: None)

    def test_a_chapter_that_is_being_completed_is_waited_for(self):
        desk = Desk(sign)
        later = desk.open(1, sign)
        desk.queue.close()

        def finish() -> None:
            desk.outbox.end(0)

        assert later.make_room(0, finish)
        assert not later.make_room(1, lambda: None)


class TestSeveralChapters:
    def test_what_is_first_in_the_session_is_sent_first(self):
        desk = Desk(sign)
        later = desk.open(1, sign)
        later.add(part(7))
        desk.add(1)

        assert [one.part.span.number for one in desk.take(2)] == [1, 7]

    def test_get_their_urls_in_calls_of_their_own(self):
        asked: list[list[int]] = []

        def counted(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
            asked.append([one.span.number for one in batch])
            return sign(batch)

        desk = Desk(counted)
        later = desk.open(1, counted)
        desk.add(1, 2)
        later.add(part(7))
        desk.take(3)

        assert asked == [[1, 2], [7]]

    def test_a_lost_round_ends_alone_and_the_others_are_sent(self):
        def gone(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
            raise UploadGone("over")

        desk = Desk(gone)
        later = desk.open(1, sign)
        desk.add(1, 2)
        later.add(part(7))

        assert [one.part.span.number for one in desk.take(1)] == [7]
        with pytest.raises(UploadGone):
            desk.queue.check()
        later.check()

    def test_a_spoilt_part_of_a_lost_round_stays(self):
        """It may have been read again by now."""
        desk = Desk(sign)
        desk.add(1)
        desk.queue.lose(UploadLost("gone"))
        desk.queue.drop_corrupt(part(1))

        assert desk.parts.dropped == []

    def test_are_finished_in_their_order_once_all_of_them_is_sent(self):
        desk = Desk(sign)
        later = desk.open(1, sign)
        later.close()
        desk.add(1)
        desk.queue.close()
        before = desk.outbox.wait_for_sent()
        desk.queue.acknowledge(part(1))

        assert (before, desk.outbox.wait_for_sent()) == (1, 0)
        desk.outbox.end(0)
        desk.outbox.end(1)
        desk.outbox.close()
        assert desk.outbox.wait_for_sent() is None

    def test_are_not_sound_once_a_part_is_spoilt_or_a_round_lost(self):
        desk = Desk(sign)
        later = desk.open(1, sign)
        found = [desk.outbox.is_sound]

        desk.add(1)
        desk.queue.drop_corrupt(part(1))
        found.append(desk.outbox.is_sound)
        desk.outbox.end(0)
        found.append(desk.outbox.is_sound)
        later.lose(UploadLost("gone"))
        found.append(desk.outbox.is_sound)

        assert found == [True, False, True, False]
