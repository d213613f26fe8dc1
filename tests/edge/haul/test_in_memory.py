"""The haul on its ports, without a socket, a disk or a sleep: the order of its effects, and every call gone wrong once.

A device in memory hauls into the coordinator itself. What happens at one call happens here at every call in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from chalicelib.core.ids import UploadId
from chalicelib.flows.reconcile import reconcile
from edge_client.base.errors import (
    CameraUnreachable,
    EdgeError,
    GaveUp,
    PartRefused,
    SpoolFault,
    SpoolFull,
    SpoolTooSmall,
    Stopped,
    StorageUnreachable,
    UrlRefused,
)
from edge_client.model.api import CameraReport
from edge_client.model.parts import SpooledPart
from edge_client.model.selection import Everything
from tests.edge.memory.camera import MemoryFile
from tests.edge.memory.device import PART_BYTES, MemoryDevice
from tests.edge.memory.machine import Killed, Machine
from tests.support.memory import crc64nvme_of

SIZE_BYTES = 3 * PART_BYTES + 5
ORIGINAL = "original.100GOPRO.GX010042.MP4"
PATH = "100GOPRO/GX010042.MP4"
UPLOAD_ID = UploadId("u_1")
SEEDS = range(25)
CHUNKS = 6


@contextmanager
def device(seed: int = 0) -> Iterator[MemoryDevice]:
    """A device whose card has one chapter of four parts, the last of them of five bytes."""
    with Machine(seed) as machine:
        made = MemoryDevice(machine)
        made.film("GX010042", SIZE_BYTES)
        yield made


def content(made: MemoryDevice) -> bytes:
    return made.camera.files[PATH].content


def demand_home(made: MemoryDevice) -> None:
    """Raises unless S3 has the chapter, proven, and the spool has its receipt and none of its parts."""
    assert made.cloud.objects() == {ORIGINAL: content(made)}
    [session] = made.disk.sessions.values()
    assert set(session.receipts) == {ORIGINAL}
    assert made.disk.spool_bytes == 0


def count_calls() -> int:
    """How many calls one quiet haul makes."""
    with device() as made:
        made.haul()
        return len(made.timeline)


CALLS = count_calls()


def moments(chunk: int) -> range:
    """Every call of a quiet haul, from 1 on, dealt out to several tests."""
    return range(1 + chunk, CALLS + 1, CHUNKS)


def loss(call: str) -> Exception:
    """What is lost when this call is."""
    if call.startswith("camera"):
        return CameraUnreachable("no answer")
    if call.split()[1].startswith(("put", "get")):
        return StorageUnreachable("no answer")
    return requests.ConnectionError("no answer")


class TestAQuietHaul:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_comes_home_in_any_order_of_its_threads(self, seed: int):
        with device(seed) as made:
            each = made.haul()

            demand_home(made)
            assert (each.refusals, each.unfinished) == ((), None)
            assert made.machine.now == 0.0

    def test_makes_the_same_calls_for_the_same_seed(self):
        with device(7) as first, device(7) as second:
            first.haul()
            second.haul()

            assert first.timeline == second.timeline

    @pytest.mark.parametrize("seed", SEEDS)
    def test_writes_the_plan_before_it_reads_and_the_receipt_before_it_drops_parts(self, seed: int):
        with device(seed) as made:
            made.haul()

            order = [made.timeline.index(call) for call in ("disk write", "camera read_part")]
            order += [made.timeline.index(call) for call in ("disk write_receipt", "disk drop")]
            assert order == sorted(order)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_gives_s3_the_last_part_only_after_the_last_look(self, seed: int):
        with device(seed) as made:
            made.haul()

            confirmed = made.timeline.index("disk confirm")
            puts = [number for number, call in enumerate(made.timeline) if call == "cloud put"]
            assert len(puts) == 4
            assert puts[-2] < confirmed < puts[-1] or confirmed < puts[-1]
            assert made.timeline[:confirmed].count("cloud put") < 4

    @pytest.mark.parametrize("seed", SEEDS)
    def test_claims_the_whole_with_the_last_part_and_with_none_before(self, seed: int):
        with device(seed) as made:
            claims = []

            def look(number: int, call: str) -> None:
                if call == "cloud put":
                    claims.append(made.cloud.coordinator.recorded(UPLOAD_ID).claim)

            made.at_call = look
            made.haul()

            assert claims == [None, None, None, crc64nvme_of(content(made))]

    def test_asks_nothing_of_the_camera_once_the_chapter_is_home(self):
        with device() as made:
            made.haul(session="s")
            made.timeline.clear()

            made.haul(session="s")

            assert not [call for call in made.timeline if call.startswith("camera")]
            assert "cloud put" not in made.timeline


@pytest.mark.parametrize("chunk", range(CHUNKS))
class TestAtEveryCallInTurn:
    def test_a_lost_call_of_camera_or_cloud_is_made_again(self, chunk: int):
        for moment in moments(chunk):
            with device(moment) as made:

                def lose(number: int, call: str, moment: int = moment) -> None:
                    if number == moment and not call.startswith("disk"):
                        raise loss(call)

                made.at_call = lose
                each = made.haul()

                assert (each.refusals, each.unfinished) == ((), None), made.timeline[moment - 1]
                demand_home(made)

    def test_a_refusal_of_the_disk_ends_the_run_and_the_next_one_brings_everything_home(self, chunk: int):
        for moment in moments(chunk):
            with device(moment) as made:
                made.at_call = refuse_at(moment)
                run(made)
                demand_nothing_lost(made)

                made.at_call = pass_over
                each = made.haul()

                assert (each.refusals, each.unfinished) == ((), None), made.timeline[moment - 1]
                demand_home(made)

    def test_a_killed_client_leaves_all_that_the_next_one_needs(self, chunk: int):
        for moment in moments(chunk):
            with device(moment) as made:
                made.at_call = kill_at(moment, made.machine)
                with pytest.raises(Killed):
                    made.haul()

            with Machine(moment) as machine:
                made.restart(machine)
                demand_nothing_lost(made)
                each = made.haul()

                assert (each.refusals, each.unfinished) == ((), None), moment
                demand_home(made)

    def test_an_interrupted_client_ends_at_once_and_the_next_one_goes_on(self, chunk: int):
        for moment in moments(chunk):
            with device(moment) as made:

                def stop(number: int, call: str, moment: int = moment) -> None:
                    made.machine.stop = made.machine.stop or number == moment

                made.at_call = stop
                ended = run(made)
                made.machine.stop = False
                demand_nothing_lost(made)
                made.at_call = pass_over
                made.haul()

                assert ended is None or isinstance(ended, Stopped)
                demand_home(made)

    def test_a_card_that_is_exchanged_for_one_with_a_twin_of_the_film_is_never_mixed_with_it(
        self, chunk: int
    ):
        for moment in moments(chunk):
            with device(moment) as made:
                first = content(made)
                # Name, size, dates, ETag and first bytes are those of the film on the first card.
                other = first[:33] + bytes(byte ^ 255 for byte in first[33:-8]) + first[-8:]
                twin = MemoryFile(other, etag=made.camera.files[PATH].etag)

                def exchange(number: int, call: str, moment: int = moment, twin: MemoryFile = twin) -> None:
                    if number == moment:
                        made.camera.swap_card({PATH: twin})

                made.at_call = exchange
                run(made)
                run(made)

                assert made.cloud.objects().get(ORIGINAL) in (None, first, other), made.timeline[moment - 1]


class TestASmallSpool:
    def test_never_holds_more_than_its_budget_and_the_camera_rests_meanwhile(self):
        with device() as made:
            made.budget_bytes = 2 * PART_BYTES
            most = 0

            def look(number: int, call: str) -> None:
                nonlocal most
                most = max(most, made.disk.spool_bytes)

            made.at_call = look
            made.haul()

            demand_home(made)
            assert PART_BYTES < most <= 2 * PART_BYTES

    @pytest.mark.parametrize(("budget_bytes", "is_enough"), [(-1, False), (0, True), (1, True)])
    def test_has_room_for_two_parts(self, budget_bytes: int, is_enough: bool):
        with device() as made:
            made.budget_bytes = 2 * PART_BYTES + budget_bytes

            each = made.haul()

            assert [type(error) for error in each.refusals] == ([] if is_enough else [SpoolTooSmall])
            if is_enough:
                demand_home(made)

    def test_reads_a_part_again_that_has_left_it_and_that_s3_has_with_other_bytes(self):
        with device() as made:
            made.budget_bytes = 2 * PART_BYTES

            def arrive_late(number: int, call: str) -> None:
                """An earlier try of the first part, of another file, reaches S3 after the good one."""
                if call == "cloud POST complete" and made.timeline.count(call) == 1:
                    bucket = made.cloud.coordinator.ports.objects
                    [multipart] = bucket.multiparts("")
                    bucket.put_part(multipart.key, multipart.multipart_id, 1, b"x" * PART_BYTES)

            made.at_call = arrive_late
            each = made.haul()

            demand_home(made)
            assert (each.refusals, each.unfinished) == ((), None)

    def test_a_late_part_of_another_card_is_never_completed_in_the_place_of_its_last_part(self):
        with device() as made:
            bucket, rounds = made.cloud.coordinator.ports.objects, list[str]()

            def arrive_late(number: int, call: str) -> None:
                """An earlier try of the part that waits for the last look reaches S3; the reconciler has its round."""
                if call == "disk confirm":
                    [multipart] = bucket.multiparts("")
                    bucket.put_part(multipart.key, multipart.multipart_id, 4, b"other")
                    reconcile(made.cloud.coordinator.ports, 240)
                    rounds.append(made.cloud.coordinator.recorded(UPLOAD_ID).state.value)

            made.at_call = arrive_late
            made.haul()

            assert rounds == ["OPEN"]
            demand_home(made)

    def test_makes_room_with_what_s3_has_when_the_disk_fills_up(self):
        with device() as made:
            made.disk.faults["append"] = [None, None, SpoolFull("the disk is full")]

            each = made.haul()

            assert each.unfinished is None or isinstance(each.unfinished, SpoolFull)
            demand_nothing_lost(made)
            made.haul()
            demand_home(made)


class TestAnOutage:
    @pytest.mark.parametrize(("patience_s", "is_home"), [(60.0, False), (1200.0, True)])
    def test_of_s3_is_waited_for_as_long_as_patience_lasts(self, patience_s: float, is_home: bool):
        with device() as made:
            made.patience_s = patience_s

            def away(number: int, call: str) -> None:
                if call == "cloud put" and made.machine.now < 600.0:
                    raise StorageUnreachable("no answer")

            made.at_call = away
            each = made.haul()

            assert isinstance(each.unfinished, GaveUp) is not is_home
            demand_nothing_lost(made)
            assert (made.machine.now >= 600.0) is is_home
            assert bool(made.cloud.objects()) is is_home

    def test_leaves_what_was_read_in_the_spool_and_the_next_run_does_not_read_it_again(self):
        with device() as made:
            made.patience_s = 1.0
            made.cloud.faults["put"] = [StorageUnreachable("no answer") for _ in range(100)]
            made.haul()
            kept = spooled(made)
            made.cloud.faults.clear()
            made.timeline.clear()

            made.haul()

            demand_home(made)
            assert kept
            assert made.timeline.count("camera read_part") == 4 - len(kept)


class TestAnUrl:
    def test_that_expires_before_its_turn_is_replaced_before_it_is_used(self):
        with device() as made:
            lifetime_s = made.cloud.coordinator.expires_in_s
            made.cloud.faults["POST part-urls's answer"] = [lambda: made.machine.timing.sleep(lifetime_s)]

            made.haul()

            demand_home(made)
            assert made.timeline.count("cloud put") == 4
            assert made.tally.retries == 0

    def test_that_s3_refuses_is_replaced_at_once(self):
        with device() as made:
            made.cloud.faults["put"] = [UrlRefused("403")]

            made.haul()

            demand_home(made)
            assert made.timeline.count("cloud put") == 5
            assert made.machine.slept == []

    def test_that_s3_refuses_again_and_again_ends_the_session_and_keeps_its_parts(self):
        with device() as made:
            made.cloud.faults["put"] = [UrlRefused("403") for _ in range(100)]

            each = made.haul()

            assert [type(error) for error in each.refusals] == [PartRefused]
            assert spooled(made)


class TestLeftovers:
    def test_of_a_chapter_that_is_home_leave_the_spool_in_the_next_run(self):
        with device() as made:
            made.disk.faults["drop"] = [SpoolFault("the disk refuses")]
            made.haul()
            assert made.disk.spool_bytes == SIZE_BYTES

            made.haul()

            demand_home(made)

    def test_without_a_receipt_stay_even_where_s3_has_them(self):
        with device() as made:
            made.patience_s = 1.0
            made.cloud.faults["POST complete"] = [loss("cloud POST") for _ in range(100)]
            made.haul()
            made.camera.leave()

            with pytest.raises(GaveUp):
                made.haul(Everything())

            assert made.disk.spool_bytes == SIZE_BYTES


def pass_over(number: int, call: str) -> None:
    """Nothing goes wrong."""


def refuse_at(moment: int) -> Callable[[int, str], None]:
    def refuse(number: int, call: str) -> None:
        if number == moment and call.startswith("disk"):
            raise SpoolFault("the disk refuses")

    return refuse


def kill_at(moment: int, machine: Machine) -> Callable[[int, str], None]:
    def kill(number: int, call: str) -> None:
        if number == moment:
            machine.kill()

    return kill


def run(made: MemoryDevice) -> EdgeError | None:
    """One run, and what ended it or the session."""
    try:
        each = made.haul()
    except EdgeError as error:
        return error
    return each.unfinished or next(iter(each.refusals), None)


def spooled(made: MemoryDevice) -> list[SpooledPart]:
    """The parts on the disk."""
    chapters = [chapter for session in made.disk.sessions.values() for chapter in session.chapters.values()]
    return [part for chapter in chapters for part in chapter.parts]


def demand_nothing_lost(made: MemoryDevice) -> None:
    """Raises when a receipt is on the disk and the film is not in S3, or S3 has another film than the card."""
    homes = {name for session in made.disk.sessions.values() for name in session.receipts}
    objects = made.cloud.objects()
    assert homes <= set(objects)
    assert set(objects.values()) <= {content(made)}


class TestWhatIsToldOfTheCamera:
    """The camera's clock and the last chapter's length: known once the camera was seen, and never in the way."""

    def test_is_what_it_showed_and_how_long_the_chapter_plays(self):
        with device() as made:
            made.camera.files[PATH].duration_s = 531
            made.haul()

        assert made.told.last_chapter_s == 531
        assert made.told.camera_clock is not None
        assert made.camera.shows is not None
        assert made.told.camera_clock >= made.camera.shows

    def test_is_nothing_of_a_model_that_does_not_say(self):
        with device() as made:
            made.camera.shows = None
            made.haul()
            demand_home(made)

        assert made.told == CameraReport(None, None)

    def test_is_nothing_when_the_camera_does_not_answer_that_call_and_the_haul_goes_on(self):
        with device() as made:

            def at_call(_number: int, call: str) -> None:
                if call == "camera clock":
                    raise CameraUnreachable("silent")

            made.at_call = at_call
            made.haul()
            demand_home(made)

        assert made.told.camera_clock is None
