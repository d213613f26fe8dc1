"""How far a run is: what is counted of what the haul reports."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import CoordinatorBusy, GaveUp, StorageUnreachable
from edge_client.base.progress import (
    LEAST_S,
    QUIET_S,
    STALLED_S,
    WINDOW_S,
    Activity,
    Amount,
    Doing,
    Movement,
    Picture,
    ProgressCounter,
    Whole,
    percent,
)
from edge_client.base.retry import (
    Outage,
    Retry,
    Tally,
    Wait,
    Waits,
)
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.model.selection import ByNumber, Everything
from edge_client.spool.spool import Spool
from tests.edge.conftest import Device, FakeTime
from tests.edge.fake_camera import CameraFile, film
from tests.edge.screen import SilentDisplay
from tests.support.coordinator import Door


@dataclass
class Rig:
    """A run that nobody hauls for."""

    time: FakeTime = field(default_factory=FakeTime)
    display: SilentDisplay = field(default_factory=SilentDisplay)
    waits: Waits = field(default_factory=Waits)

    def __post_init__(self) -> None:
        self.advance = ProgressCounter(self.display, lambda: self.time.now_s, self.waits.longest)

    @contextmanager
    def hauling(self, size_bytes: int = 1000, path: str = "a") -> Iterator[ProgressCounter]:
        """A run with one session of one chapter."""
        with self.advance.run():
            self.advance.chosen({"s": Amount(size_bytes, 0)})
            self.advance.session("s", Amount(size_bytes, 0))
            self.advance.chapter(path, size_bytes)
            yield self.advance

    def picture(self) -> Picture:
        found = self.advance.picture()
        assert found
        return found

    def whole(self) -> Whole:
        found = self.picture().whole
        assert found
        return found

    def activity(self) -> Activity:
        return self.picture().activity

    def move(self, seconds: int, read_bytes: int = 0, sent_bytes: int = 0) -> None:
        """So many bytes in each of so many seconds."""
        for _ in range(seconds):
            self.time.now_s += 1
            if read_bytes:
                self.advance.fetched("a", read_bytes)
            if sent_bytes:
                self.advance.sent("a", sent_bytes)


@pytest.fixture
def rig() -> Rig:
    return Rig()


class TestWhole:
    def test_is_unknown_before_anything_is_chosen(self, rig: Rig):
        with rig.advance.run():
            assert rig.picture().whole is None
            assert rig.activity().doing is Doing.PREPARING

    def test_is_known_before_the_first_chapter(self, rig: Rig):
        with rig.advance.run():
            rig.advance.chosen({"a": Amount(100, 0), "b": Amount(50, 20)})

            assert rig.whole() == Whole(2, 0, 150, 20, None)
            assert (rig.whole().left_bytes, rig.whole().eta_s) == (130, None)

    def test_takes_what_the_coordinator_tells_of_a_session_once_it_begins(self, rig: Rig):
        with rig.advance.run():
            rig.advance.chosen({"a": Amount(100, 0), "b": Amount(50, 0)})
            rig.advance.session("a", Amount(120, 90))

            assert (rig.whole().size_bytes, rig.whole().sent_bytes) == (170, 90)

    def test_counts_what_s3_has_of_a_chapter_as_done_and_not_as_moved(self, rig: Rig):
        with rig.hauling(1000) as advance:
            rig.move(5, sent_bytes=1)
            advance.round("a", read_bytes=800, sent_bytes=600)
            rig.move(5, sent_bytes=1)

            assert rig.whole().sent_bytes == 605
            assert rig.whole().rate_bytes_s == pytest.approx(1.0)
            assert rig.whole().eta_s == pytest.approx(395)

    def test_has_a_session_less_when_it_is_refused(self, rig: Rig):
        with rig.advance.run():
            rig.advance.chosen({"a": Amount(100, 0), "b": Amount(50, 0)})
            rig.advance.session("a", Amount(100, 30))
            rig.advance.left_out("a")

            assert rig.whole() == Whole(1, 0, 50, 0, None)

    def test_ends_with_everything_home(self, rig: Rig):
        with rig.hauling(1000) as advance:
            rig.move(3, read_bytes=300, sent_bytes=300)
            advance.verified("a", 1.0)
            assert (rig.whole().sent_bytes, rig.whole().sessions_home) == (1000, 0)

            advance.home("s")
            assert (rig.whole().sessions_home, rig.whole().left_bytes) == (1, 0)

    def test_counts_a_chapter_that_was_home_before_once(self, rig: Rig):
        with rig.advance.run():
            rig.advance.session("s", Amount(1000, 400))
            rig.advance.verified("home before", 0.0)

            assert rig.whole().sent_bytes == 400

    def test_does_not_count_a_proxy_that_is_shown_like_a_chapter(self, rig: Rig):
        with rig.hauling(1000) as advance:
            advance.verified("a", 1.0)
            whole = rig.whole()
            advance.sidecar("a.lrv", 300, "proxy of a")
            advance.round("a.lrv", 0, 0)
            advance.fetched("a.lrv", 300)
            advance.sent("a.lrv", 200)

            picture = rig.picture()
            assert picture.file
            assert (picture.file.path, picture.file.sent.done_bytes) == ("proxy of a", 200)
            assert rig.whole().sent_bytes == whole.sent_bytes
            assert advance.figures().bytes_up == 200

            advance.verified("a.lrv", 1.0)
            advance.sidecar_over("a.lrv")

            assert rig.whole().sent_bytes == whole.sent_bytes
            assert rig.picture().file is None

    def test_goes_back_with_what_must_be_sent_again(self, rig: Rig):
        with rig.hauling(1000) as advance:
            advance.sent("a", 300)
            advance.sent("a", -300)

            assert rig.whole().sent_bytes == 0


class TestRate:
    @pytest.mark.parametrize(("after_s", "rate"), [(LEAST_S - 1, None), (LEAST_S, 10.0), (LEAST_S + 1, 10.0)])
    def test_is_there_after_two_seconds(self, after_s: float, rate: float | None):
        movement = Movement(0.0)
        for second in range(int(after_s) + 1):
            movement.add(100.0 + second, sent_bytes=10)

        assert movement.rates(100.0 + after_s)[1] == rate

    def test_counts_the_time_in_which_a_burst_was_read(self):
        movement = Movement(0.0)
        for second in range(11):
            movement.add(100.0 + second, read_bytes=100)
        movement.add(110.5, sent_bytes=1000)

        _, sent = movement.rates(111.0)
        assert sent == pytest.approx(1000 / 10.5)

    @pytest.mark.parametrize(
        ("silent_s", "has_rate"), [(STALLED_S - 1, True), (STALLED_S, False), (STALLED_S + 1, False)]
    )
    def test_ends_with_a_stall(self, silent_s: float, has_rate: bool):
        movement = Movement(0.0)
        for second in range(10):
            movement.add(float(second), sent_bytes=10)

        assert (movement.rates(9.0 + silent_s)[1] is not None) is has_rate

    def test_begins_again_after_a_stall_as_if_there_had_been_none(self):
        movement = Movement(0.0)
        for second in range(10):
            movement.add(float(second), sent_bytes=10)
        for second in range(3605, 3616):
            movement.add(float(second), sent_bytes=10)

        assert movement.rates(3615.0)[1] == pytest.approx(10.0)

    def test_follows_a_change_within_the_window(self):
        movement = Movement(0.0)
        for second in range(200):
            movement.add(float(second), sent_bytes=100)
        for second in range(200, 200 + int(WINDOW_S) + 2):
            movement.add(float(second), sent_bytes=1)

        assert movement.rates(200.0 + WINDOW_S)[1] == pytest.approx(1.0, rel=0.1)

    def test_is_never_negative(self):
        movement = Movement(0.0)
        for second in range(5):
            movement.add(float(second), sent_bytes=100)
        movement.add(5.0, sent_bytes=-500)

        assert movement.rates(5.0) == (None, None)


class TestActivity:
    @pytest.mark.parametrize(
        ("silent_s", "doing"),
        [(QUIET_S - 1, Doing.MOVING), (QUIET_S, Doing.QUIET), (QUIET_S + 1, Doing.QUIET)],
    )
    def test_is_quiet_once_no_byte_has_come_for_a_while(self, rig: Rig, silent_s: float, doing: Doing):
        with rig.hauling() as advance:
            advance.fetched("a", 10)
            rig.time.now_s += silent_s

            assert (rig.activity().doing, rig.activity().seconds) == (doing, silent_s)

    def test_names_the_camera_while_a_part_is_being_read(self, rig: Rig):
        with rig.hauling(1000) as advance:
            advance.fetched("a", 500)
            rig.time.now_s += 12

            assert rig.activity() == Activity(Doing.QUIET, 12, "the camera")

    def test_names_s3_while_a_part_is_to_be_sent(self, rig: Rig):
        with rig.hauling(1000) as advance:
            advance.fetched("a", 500)
            advance.ready("a", 500)
            advance.sent("a", 499)
            rig.time.now_s += 12

            assert rig.activity().source == "S3"

    def test_names_the_camera_while_its_last_look_is_due(self, rig: Rig):
        with rig.hauling(1000) as advance:
            advance.fetched("a", 1000)
            advance.ready("a", 500)
            advance.sent("a", 500)
            rig.time.now_s += 12

            assert rig.activity().source == "the camera"

    def test_names_s3_until_it_has_answered_for_the_last_part(self, rig: Rig):
        with rig.hauling(1000) as advance:
            advance.fetched("a", 1000)
            advance.ready("a", 1000)
            advance.sent("a", 1000)
            rig.time.now_s += 12

            assert rig.activity().source == "S3"

    def test_tells_when_the_next_try_is(self, rig: Rig):
        seen = list[Activity]()

        class Looking(FakeTime):
            def sleep(self, seconds: float) -> None:
                seen.append(rig.activity())

        retry = Retry(Looking(rig.time.now_s + QUIET_S).timing(), 60.0, Tally(), waits=rig.waits)
        with rig.hauling():
            rig.time.now_s += QUIET_S
            with Outage(retry, "sending part 1") as outage:
                outage.wait_after(StorageUnreachable("S3 answered 503"))

            assert seen == [Activity(Doing.RETRYING, 0.0, "S3", "S3 answered 503", 0.5)]
            assert rig.activity().doing is Doing.QUIET

    def test_is_movement_again_once_bytes_move_after_the_wait(self, rig: Rig):
        retry = Retry(FakeTime(rig.time.now_s).timing(), 60.0, Tally(), waits=rig.waits)
        with rig.hauling() as advance, Outage(retry, "sending part 1") as outage:
            rig.time.now_s += QUIET_S
            outage.wait_after(StorageUnreachable("S3 answered 503"))
            assert rig.activity().doing is Doing.RETRYING

            advance.fetched("a", 1)
            assert rig.activity().doing is Doing.RETRYING

            rig.time.now_s += 0.5
            advance.sent("a", 1)
            assert rig.activity().doing is Doing.MOVING

    def test_is_movement_while_another_part_is_sent(self, rig: Rig):
        retry = Retry(FakeTime(rig.time.now_s).timing(), 60.0, Tally(), waits=rig.waits)
        with rig.hauling() as advance, Outage(retry, "sending part 1") as outage:
            outage.wait_after(StorageUnreachable("S3 answered 503"))
            advance.sent("a", 1)
            assert rig.activity().doing is Doing.MOVING

            rig.time.now_s += QUIET_S
            assert rig.activity().doing is Doing.RETRYING

    def test_shows_no_eta_while_it_waits(self, rig: Rig):
        with rig.hauling(10_000):
            rig.move(10, read_bytes=10, sent_bytes=10)
            assert rig.whole().eta_s

            rig.time.now_s += QUIET_S
            assert (rig.whole().rate_bytes_s, rig.whole().eta_s) == (None, None)

    def test_tells_of_a_pause_that_the_coordinator_asks_for(self):
        time = FakeTime()
        pace = RateLimiter(time.timing())
        advance = ProgressCounter(SilentDisplay(), lambda: time.now_s, lambda: pace.pause)
        with advance.run():
            pace.follow(True, None)
            time.now_s += 60
            pace.follow(True, None)

            picture = advance.picture()
            assert picture
            assert (picture.activity.source, picture.activity.seconds) == ("the coordinator", 60)

            pace.follow(False, None)
            assert pace.pause is None

    def test_is_verification_until_the_receipt(self, rig: Rig):
        with rig.hauling() as advance:
            advance.fetched("a", 1000)
            advance.sent("a", 1000)
            advance.verifying("a")
            rig.time.now_s += 40
            assert rig.activity() == Activity(Doing.VERIFYING, 40)

            advance.verified("a", 1.0)
            assert rig.activity().doing is Doing.PREPARING

    def test_is_verification_also_while_the_coordinator_is_asked_again(self, rig: Rig):
        retry = Retry(FakeTime(rig.time.now_s).timing(), 60.0, Tally(), waits=rig.waits)
        with rig.hauling() as advance, Outage(retry, "completing the upload") as outage:
            advance.verifying("a")
            outage.wait_after(CoordinatorBusy("not yet verified"))

            assert (rig.activity().doing, rig.activity().next_try_s) == (Doing.VERIFYING, 0.5)

    def test_is_movement_again_when_parts_must_be_sent_again(self, rig: Rig):
        with rig.hauling() as advance:
            advance.verifying("a")
            advance.round("a", read_bytes=1000, sent_bytes=500)

            assert rig.activity().doing is Doing.MOVING


class TestSeveralChapters:
    def test_are_the_first_that_is_sent_and_the_one_that_is_read_ahead(self, rig: Rig):
        with rig.hauling(1000, "a") as advance:
            advance.fetched("a", 1000)
            advance.sent("a", 400)
            advance.chapter("b", 500)
            advance.fetched("b", 200)

            picture = rig.picture()
            assert picture.file
            assert picture.ahead
            assert (picture.file.path, picture.file.sent.done_bytes) == ("a", 400)
            assert (picture.ahead.path, picture.ahead.read.done_bytes) == ("b", 200)

            advance.verified("a", 1.0)
            picture = rig.picture()
            assert picture.file
            assert (picture.file.path, picture.ahead) == ("b", None)

    def test_are_movement_while_one_of_them_is_verified(self, rig: Rig):
        with rig.hauling(1000, "a") as advance:
            advance.chapter("b", 500)
            advance.verifying("a")
            assert rig.activity().doing is Doing.MOVING

            advance.verifying("b")
            assert rig.activity().doing is Doing.VERIFYING

    def test_are_movement_while_the_coordinator_is_asked_again_for_one_of_them(self, rig: Rig):
        retry = Retry(FakeTime(rig.time.now_s).timing(), 60.0, Tally(), waits=rig.waits)
        with rig.hauling(1000, "a") as advance, Outage(retry, "completing the upload") as outage:
            advance.verifying("a")
            outage.wait_after(CoordinatorBusy("not yet verified"))
            advance.chapter("b", 500)
            advance.fetched("b", 100)
            assert rig.activity().doing is Doing.MOVING

            rig.time.now_s += QUIET_S
            assert rig.activity().doing is Doing.RETRYING

    def test_of_a_session_whose_camera_may_leave_say_so_until_it_is_needed_again(self, rig: Rig):
        with rig.hauling() as advance:
            found = [rig.picture().is_camera_free]
            advance.camera_free("s", 1)
            found.append(rig.picture().is_camera_free)
            advance.camera_free("s", 0)
            found.append(rig.picture().is_camera_free)
            advance.camera_needed("s", "a part changed")
            found.append(rig.picture().is_camera_free)

            assert found == [False, False, True, False]


class TestDisplay:
    def test_shows_nothing_before_and_after_a_run(self, rig: Rig):
        rig.advance.show()
        with rig.advance.run():
            rig.advance.show()

        first, during, last = rig.display.pictures
        assert (first, last) == (None, None)
        assert during is not None

    def test_shows_nothing_after_a_run_that_failed(self, rig: Rig):
        def fail() -> None:
            with rig.advance.run():
                rig.advance.proof("a", 10)
                raise GaveUp("gave up")

        with pytest.raises(GaveUp):
            fail()

        assert rig.display.pictures == [None]

    def test_shows_a_comparison_outside_of_a_run(self, rig: Rig):
        rig.advance.proof("a", 1000)
        rig.advance.compared(250)
        comparison = rig.picture().comparison
        assert comparison
        assert (comparison.path, comparison.compared_bytes) == ("a", 250)

        rig.advance.proof_over()
        assert rig.advance.picture() is None


@pytest.mark.parametrize(
    ("part_bytes", "shown"), [(-1, 0), (0, 0), (1, 0), (999, 99), (1000, 100), (1001, 100)]
)
def test_all_percent_are_done_only_when_nothing_is_left(part_bytes: int, shown: int):
    assert percent(part_bytes, 1000) == shown


def test_nothing_of_nothing_is_no_error():
    assert percent(0, 0) == 0


class TestHaul:
    """What a haul reports, on the fakes of camera and cloud."""

    def watched(self, device: Device) -> tuple[ProgressCounter, list[Whole]]:
        """The run's model, and the whole as it was at each chapter and at its end."""
        seen = list[Whole]()

        class Looking(SilentDisplay):
            def chapter(self, path: str, size_bytes: int) -> None:
                look()

            def verified(self, path: str, seconds: float) -> None:
                look()

        def look() -> None:
            picture = advance.picture()
            assert picture
            assert picture.whole
            seen.append(picture.whole)

        advance = ProgressCounter(Looking(), lambda: device.time.now_s, lambda: None)
        device.watched = advance
        return advance, seen

    def test_knows_the_total_of_all_recordings_before_the_first_chapter(self, device: Device):
        device.card(GX010042=1000, GX010043=2000)
        _, seen = self.watched(device)

        device.run(session=None, choice=Everything())

        assert seen[0] == Whole(2, 0, 3000, 0, None)
        assert [whole.sent_bytes for whole in seen] == [0, 1000, 1000, 3000]
        assert [whole.sessions_home for whole in seen] == [0, 0, 1, 1]

    def test_counts_what_is_home_as_done_from_the_beginning(self, device: Device):
        device.card(GX010042=1000)
        device.run(session=None, choice=Everything())
        device.card(GX010042=1000, GX010043=2000)
        device.camera.files["100GOPRO/GX010041.MP4"] = CameraFile(film(500))
        _, seen = self.watched(device)

        device.run(session=None, choice=Everything())

        assert (seen[0].size_bytes, seen[0].sent_bytes) == (3500, 1000)
        assert seen[-1].left_bytes == 0

    def test_is_shown_without_receipts_that_cannot_be_read(self, device: Device):
        device.card(GX010042=1000)
        device.run(session=None, choice=Everything())
        [receipts] = device.spool.glob("*/receipts")
        (receipts / "odd.json").mkdir()
        _, seen = self.watched(device)

        device.run(session=None, choice=Everything())

        assert seen[-1].left_bytes == 0

    def test_makes_no_folder_for_a_session_that_is_not_planned(self, device: Device):
        assert Spool(str(device.spool), SystemDisk()).home_bytes("s") == 0
        assert not device.spool.exists()

    def test_leaves_a_refused_session_out_of_the_total(self, device: Device):
        device.card(GX010042=1000, GX030042=500, GX010043=2000)
        _, seen = self.watched(device)

        device.run(session=None, choice=Everything())

        assert seen[-1].sessions == 1
        assert (seen[-1].size_bytes, seen[-1].left_bytes) == (2000, 0)

    def test_counts_the_parts_that_s3_has_from_the_run_before(self, device: Device):
        size_bytes = len(device.content())
        device.cloud.faults["put"] = [None, None, *[(503, b"")] * 50]
        device.give_up_after_s = 1.0
        with pytest.raises(GaveUp):
            device.run()
        device.cloud.faults.clear()
        _, seen = self.watched(device)

        device.run(choice=ByNumber("0042"))

        assert (seen[-1].size_bytes, seen[-1].left_bytes) == (size_bytes, 0)

    def test_is_being_verified_while_the_coordinator_completes(self, device: Device):
        advance, _ = self.watched(device)
        seen = list[Activity]()

        def look(handler: Door) -> None:
            picture = advance.picture()
            assert picture
            seen.append(picture.activity)
            handler.serve()

        device.cloud.faults["complete"] = [look]

        device.run()

        assert [activity.doing for activity in seen] == [Doing.VERIFYING]


def test_a_wait_is_forgotten_with_its_end_whatever_that_is():
    retry = Retry(FakeTime().timing(), 60.0, Tally())

    def fail() -> None:
        raise StorageUnreachable("away")

    with pytest.raises(GaveUp):
        retry.run("anything", fail)

    assert retry.waits.longest() is None


def test_of_several_waits_the_longest_is_told():
    time = FakeTime()
    retry = Retry(time.timing(), 60.0, Tally())
    with Outage(retry, "one") as one, Outage(retry, "two") as two:
        one.wait_after(StorageUnreachable("first"))
        two.wait_after(StorageUnreachable("second"))

        found = retry.waits.longest()
        assert isinstance(found, Wait)
        assert found.reason == "first"


def test_counting_is_safe_between_threads():
    rig = Rig()

    def send() -> None:
        for _ in range(1000):
            rig.advance.sent("a", 1)

    with rig.hauling(4000):
        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert rig.whole().sent_bytes == 4000
