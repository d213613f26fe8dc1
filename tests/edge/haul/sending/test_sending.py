"""Parts on their way: the desk, and what an error tells."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from edge_client.base.disk import Disk
from edge_client.base.errors import GaveUp, PartRefused, Stopped, StorageUnreachable
from edge_client.base.retry import Retry, StallWatch, Tally
from edge_client.base.threads import SystemThreads
from edge_client.haul.sending.concurrency import AdaptiveConcurrency
from edge_client.haul.sending.part_queue import MOST_URLS, PartQueue
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.haul.sending.sender import Body, PartSender, Uplink
from edge_client.http.exchange import Timeouts
from edge_client.model.parts import PartPlan, PartUrl, Span, SpooledPart
from edge_client.s3.presigned import PartStore
from edge_client.spool.part import PartReader
from tests.edge.conftest import FakeTime
from tests.support.coordinator import SIGNATURE

PLAN = PartPlan(15, 5, 3)
NOW_S = 1000.0
ADDRESS = f"http://127.0.0.1:1/bucket?X-Amz-Signature={SIGNATURE}"


class MemoryParts:
    def reader(self, part: SpooledPart) -> PartReader:
        return PartReader(Path(os.devnull), part, Disk())

    def drop_part(self, part: SpooledPart) -> None:
        raise AssertionError("nothing is corrupt here")


def part(number: int) -> SpooledPart:
    return SpooledPart(Span(number, 0, 5), 7)


def sign(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
    return {p.span.number: PartUrl(p.span.number, ADDRESS, {"content-length": "5"}, 1e9) for p in batch}


def sender(queue: PartQueue, give_up_after_s: float, time: FakeTime | None = None) -> PartSender:
    timing = (time or FakeTime()).timing()
    uplink = Uplink(
        Retry(timing, give_up_after_s, Tally()),
        RateLimiter(timing),
        AdaptiveConcurrency(SystemThreads(), timing.monotonic),
        lambda: PartStore(Timeouts()),
    )
    return PartSender(queue, MemoryParts(), uplink, lambda size_bytes: None)


def test_an_unreachable_s3_is_told_without_its_url():
    queue = PartQueue(SystemThreads(), sign, PLAN)

    with pytest.raises(GaveUp) as caught:
        sender(queue, 0.0).send(part(1), sign([part(1)])[1])

    assert "ConnectionError" in str(caught.value)
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value))


def test_when_the_round_is_over_nothing_is_tried_again():
    queue, time = PartQueue(SystemThreads(), sign, PLAN), FakeTime()
    queue.add(part(1))

    def over(seconds: float) -> None:
        queue.fail(Stopped("over"))

    time.sleep = over  # type: ignore[method-assign]  # the fake clock is ours
    with pytest.raises(Stopped, match="over"):
        sender(queue, 600.0, time).send(part(1), sign([part(1)])[1])


def test_a_url_for_another_length_is_never_used():
    url = PartUrl(1, ADDRESS, {"content-length": "6"}, 1e9)

    with pytest.raises(PartRefused, match="another length"):
        sender(PartQueue(SystemThreads(), sign, PLAN), 600.0).send(part(1), url)


@pytest.mark.parametrize(("good_for_s", "renewed"), [(-1, True), (0, True), (1, False)])
def test_a_url_past_its_time_is_renewed_before_a_byte_is_sent(good_for_s: float, renewed: bool):
    asked: list[int] = []

    def counted(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
        asked.append(len(batch))
        return sign(batch)

    url = PartUrl(1, ADDRESS, {"content-length": "5"}, FakeTime().now_s + good_for_s)
    with pytest.raises(GaveUp):
        sender(PartQueue(SystemThreads(), counted, PLAN), 0.0).send(part(1), url)

    assert asked == ([1] if renewed else [])


class TestUrlsThatEndTogether:
    """`good_for_s` counts from the clock's present, so that a test says which ones are over."""

    @staticmethod
    def queue(asked: list[list[int]], *good_for_s: float, closed: bool = True) -> PartQueue:
        """A desk at which so many parts are signed, the URL of each first good for so long and then for an hour."""

        def sign(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
            asked.append([one.span.number for one in batch])
            lives_s = good_for_s if len(asked) == 1 else [3600.0] * len(batch)
            return {
                one.span.number: PartUrl(one.span.number, ADDRESS, {"content-length": "5"}, NOW_S + life_s)
                for one, life_s in zip(batch, lives_s, strict=True)
            }

        queue = PartQueue(SystemThreads(), sign, PLAN)
        for number in range(1, len(good_for_s) + 1):
            queue.add(part(number))
        if closed:
            queue.close()
        return queue

    def taken(self, queue: PartQueue, count: int) -> list[tuple[SpooledPart, PartUrl]]:
        return [one for one in (queue.take() for _ in range(count)) if one]

    def test_are_signed_again_in_one_call_whether_they_wait_or_are_on_their_way(self):
        asked: list[list[int]] = []
        queue = self.queue(asked, *([-1.0] * MOST_URLS))
        taken = self.taken(queue, 4)

        fresh = [queue.sign_again(one, url, NOW_S) for one, url in taken]

        assert (len(asked), sorted(asked[1])) == (2, list(range(1, MOST_URLS + 1)))
        assert [url.number for url in fresh] == [1, 2, 3, 4]
        assert all(url.good_until > NOW_S for _, url in self.taken(queue, MOST_URLS - 4))
        assert len(asked) == 2

    def test_cost_a_sender_one_call_more(self):
        asked: list[list[int]] = []
        queue = self.queue(asked, *([0.0] * MOST_URLS))

        sender(queue, 0.0, FakeTime(NOW_S)).run()

        assert [sorted(batch) for batch in asked] == [list(range(1, MOST_URLS + 1))] * 2

    def test_that_s3_refuses_early_take_those_along_that_were_good_for_as_long(self):
        asked: list[list[int]] = []
        queue = self.queue(asked, 900.0, 900.0, 901.0)
        [(one, url)] = self.taken(queue, 1)

        queue.sign_again(one, url, NOW_S)

        assert asked[1:] == [[1, 2]]

    @pytest.mark.parametrize(("good_for_s", "together"), [(-1.0, [1, 2]), (0.0, [1, 2]), (1.0, [1])])
    def test_leave_alone_what_is_still_good(self, good_for_s: float, together: list[int]):
        asked: list[list[int]] = []
        queue = self.queue(asked, 0.0, good_for_s)
        [(one, url)] = self.taken(queue, 1)

        queue.sign_again(one, url, NOW_S)

        assert asked[1:] == [together]

    def test_do_not_take_along_what_has_arrived(self):
        asked: list[list[int]] = []
        queue = self.queue(asked, 0.0, 0.0, 0.0)
        (first, _), (second, _), (third, url) = self.taken(queue, 3)
        queue.acknowledge(first)
        queue.note_corrupt(second)

        queue.sign_again(third, url, NOW_S)

        assert asked[1:] == [[3]]

    def test_are_never_more_than_32_in_one_call(self):
        asked: list[list[int]] = []

        def sign(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
            asked.append([one.span.number for one in batch])
            return {
                one.span.number: PartUrl(one.span.number, ADDRESS, {}, NOW_S + 100 * (len(asked) - 1))
                for one in batch
            }

        queue = PartQueue(SystemThreads(), sign, PLAN)
        for number in range(1, MOST_URLS + 2):
            queue.add(part(number))
        queue.close()
        first = self.taken(queue, MOST_URLS)
        last = self.taken(queue, 1)

        queue.sign_again(*last[0], NOW_S + 100)

        assert [len(batch) for batch in asked] == [MOST_URLS, 1, MOST_URLS]
        assert asked[2][0] == MOST_URLS + 1
        assert len(first) == MOST_URLS

    def test_do_not_wait_for_a_part_that_is_still_being_read(self):
        asked: list[list[int]] = []
        queue = self.queue(asked, 0.0, closed=False)
        taken = queue.take()
        waiting = threading.Thread(target=queue.take, daemon=True)
        waiting.start()

        assert taken
        queue.sign_again(*taken, NOW_S)

        assert asked == [[1], [1]]
        queue.close()
        waiting.join(5)


@pytest.mark.parametrize(("waiting", "batches"), [(1, [1]), (MOST_URLS, [32]), (MOST_URLS + 1, [32, 1])])
def test_urls_are_asked_for_all_that_waits_up_to_32(waiting: int, batches: list[int]):
    asked: list[int] = []

    def counted(batch: Sequence[SpooledPart]) -> dict[int, PartUrl]:
        asked.append(len(batch))
        return sign(batch)

    queue = PartQueue(SystemThreads(), counted, PLAN)
    for number in range(1, waiting + 1):
        queue.add(part(number))
    queue.close()

    taken = [one[0].span.number for one in iter(queue.take, None) if one]

    assert (taken, asked) == (list(range(1, waiting + 1)), batches)


def test_after_an_error_nothing_is_handed_out_and_the_first_error_counts():
    queue = PartQueue(SystemThreads(), sign, PLAN)
    queue.add(part(1))
    queue.fail(Stopped("first"))
    queue.fail(Stopped("second"))

    assert queue.take() is None
    with pytest.raises(Stopped, match="first"):
        queue.check()


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
        queue = PartQueue(SystemThreads(), sign, PLAN, acknowledged=[part(1)])
        for number in (2, 3):
            queue.add(part(number))
            queue.acknowledge(part(number))

        given = [queue.oldest_acknowledged(lambda: None) for _ in range(4)]

        assert [one.span.number if one else None for one in given] == [1, 2, 3, None]

    def test_a_part_on_its_way_is_waited_for(self):
        queue = PartQueue(SystemThreads(), sign, PLAN)
        queue.add(part(1))

        given = queue.oldest_acknowledged(lambda: queue.acknowledge(part(1)))

        assert given == part(1)

    def test_a_part_that_is_spoilt_is_not_waited_for(self):
        queue = PartQueue(SystemThreads(), sign, PLAN)
        queue.add(part(1))
        queue.note_corrupt(part(1))

        assert queue.oldest_acknowledged(lambda: None) is None

    def test_what_ends_the_round_ends_the_wait(self):
        queue = PartQueue(SystemThreads(), sign, PLAN)
        queue.add(part(1))

        with pytest.raises(Stopped):
            queue.oldest_acknowledged(lambda: queue.fail(Stopped("over")))
