"""A session of several chapters: one is read while those before it are sent, and the camera may leave early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from edge_client.base.errors import (
    CameraUnreachable,
    CardFault,
    CoordinatorBusy,
    CoordinatorRefusal,
    EdgeError,
    GaveUp,
    SpoolFault,
    Stopped,
    StorageUnreachable,
    Unsettled,
)
from tests.edge.memory.camera import CARD_OUT, MemoryFile
from tests.edge.memory.device import PART_BYTES, MemoryDevice
from tests.edge.memory.machine import Killed, Machine
from tests.edge.memory.spool import KeptChapter, KeptSession
from tests.edge.screen import SilentDisplay

NAMES = ("GX010042", "GX020042", "GX030042")
PATHS = tuple(f"100GOPRO/{name}.MP4" for name in NAMES)
ORIGINALS = tuple(f"original.100GOPRO.{name}.MP4" for name in NAMES)
PARTS = 3
SIZE_BYTES = 2 * PART_BYTES + 5
SEEDS = range(5)
# One in so many calls: each of them costs a haul of three chapters.
STEP = 31


@contextmanager
def device(seed: int = 0) -> Iterator[MemoryDevice]:
    """A device whose card has one recording of three chapters, each of three parts."""
    with Machine(seed) as machine:
        made = MemoryDevice(machine)
        for number, name in enumerate(NAMES, 1):
            made.film(name, SIZE_BYTES, number)
        yield made


def contents(made: MemoryDevice) -> dict[str, bytes]:
    return {name: made.camera.files[path].content for name, path in zip(ORIGINALS, PATHS, strict=True)}


def demand_home(made: MemoryDevice) -> None:
    """Raises unless S3 has every chapter, proven, and the spool has their receipts and none of their parts."""
    assert made.cloud.objects() == contents(made)
    assert set(session(made).receipts) == set(ORIGINALS)
    assert made.disk.spool_bytes == 0


def demand_nothing_lost(made: MemoryDevice) -> None:
    """Raises when a receipt is on the disk and its film is not in S3, or S3 has another film than the card."""
    objects = made.cloud.objects()
    assert {name for kept in made.disk.sessions.values() for name in kept.receipts} <= set(objects)
    assert objects.items() <= contents(made).items()


def session(made: MemoryDevice) -> KeptSession:
    [kept] = made.disk.sessions.values()
    return kept


def kept(made: MemoryDevice, place: int) -> KeptChapter:
    """What the disk has of the chapter at this place of the session."""
    chapters = session(made).chapters.items()
    [found] = [chapter for (name, _), chapter in chapters if name == ORIGINALS[place]]
    return found


def in_s3(made: MemoryDevice) -> dict[str, set[int]]:
    """The numbers of the parts that S3 has of each artifact's latest upload, or of its object."""
    found: dict[str, set[int]] = {}
    for upload in made.cloud.coordinator.uploads.values():
        is_over = upload.artifact_id in made.cloud.objects()
        found[upload.artifact_id] = set(range(1, PARTS + 1)) if is_over else set(upload.parts)
    return found


def run(made: MemoryDevice) -> EdgeError | None:
    """One run, and what ended it or the session."""
    try:
        each = made.haul()
    except EdgeError as error:
        return error
    return each.unfinished or next(iter(each.refusals), None)


def hold_s3_back(made: MemoryDevice, until: Callable[[], bool]) -> None:
    """S3 takes no part until something has happened."""

    def wait(number: int, call: str) -> None:
        if call == "cloud put":
            made.machine.wait_until(until)

    made.at_call = wait


class Saying(SilentDisplay):
    """Notes what is said of the camera, and lets something happen at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.at_free: Callable[[], None] = lambda: None

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        self.said.append(f"free, {sessions_left} left")
        happens, self.at_free = self.at_free, lambda: None
        happens()

    def camera_needed(self, session_id: str, reason: str) -> None:
        self.said.append(f"needed: {reason}")


def watch(made: MemoryDevice) -> Saying:
    """What the run says of the camera. S3 takes no part before something is said."""
    made.display = saying = Saying()
    hold_s3_back(made, lambda: bool(saying.said))
    return saying


class TestReadingAhead:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_brings_all_chapters_home_in_any_order_of_its_threads(self, seed: int):
        with device(seed) as made:
            [report] = made.haul().done

            demand_home(made)
            assert [chapter.path for chapter in report.chapters] == list(PATHS)
            assert [chapter.parts_sent for chapter in report.chapters] == [PARTS] * 3

    def test_reads_every_chapter_while_s3_has_not_taken_a_single_part(self):
        with device() as made:
            hold_s3_back(made, lambda: len(made.camera.reads) == PARTS * len(NAMES))

            made.haul()

            demand_home(made)
            assert [path for path, _ in made.camera.reads] == [path for path in PATHS for _ in range(PARTS)]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_gives_s3_the_last_part_of_each_chapter_only_after_its_last_look(self, seed: int):
        with device(seed) as made:

            def look(number: int, call: str) -> None:
                for place, name in enumerate(ORIGINALS):
                    if len(in_s3(made).get(name, ())) == PARTS and name not in session(made).receipts:
                        assert kept(made, place).confirmed_crc is not None

            made.at_call = look
            made.haul()

            demand_home(made)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_keeps_the_budget_of_two_parts_and_drops_only_what_s3_has(self, seed: int):
        with device(seed) as made:
            made.budget_bytes = 2 * PART_BYTES
            most = 0

            def look(number: int, call: str) -> None:
                nonlocal most
                most = max(most, made.disk.spool_bytes)

            made.at_call = look
            made.haul()

            demand_home(made)
            assert PART_BYTES < most <= 2 * PART_BYTES
            assert len(made.camera.reads) == PARTS * len(NAMES)

    def test_finishes_what_was_read_before_a_chapter_that_the_camera_does_not_give(self):
        with device() as made:

            def vanish(number: int, call: str) -> None:
                if len(made.camera.reads) == PARTS + 1:
                    made.camera.files[PATHS[1]].is_served = False

            made.at_call = vanish
            ended = run(made)

            assert isinstance(ended, Unsettled)
            assert set(made.cloud.objects()) == {ORIGINALS[0]}
            made.camera.files[PATHS[1]].is_served = True
            made.at_call = lambda number, call: None
            run(made)
            demand_home(made)

    def test_waits_for_its_turn_where_the_coordinator_takes_one_upload_at_a_time(self):
        with device() as made:
            refused: list[str] = []

            def refuse(number: int, call: str) -> None:
                states = [upload.state for upload in made.cloud.coordinator.uploads.values()]
                if call == "cloud POST uploads" and any(state != "VERIFIED" for state in states):
                    refused.append(call)
                    raise CoordinatorBusy("one upload at a time", 1.0)

            made.at_call = refuse

            assert run(made) is None
            demand_home(made)
            assert refused

    def test_of_a_chapter_whose_upload_is_gone_sends_its_parts_again_from_the_spool(self):
        with device() as made:
            hold_s3_back(made, lambda: len(made.camera.reads) == PARTS * len(NAMES))
            made.cloud.faults["POST complete"] = [made.cloud.coordinator.expire_uploads]

            assert run(made) is None

            demand_home(made)
            assert len(made.camera.reads) == PARTS * len(NAMES)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_with_two_parts_of_room_survives_the_loss_of_every_upload_in_the_middle(self, seed: int):
        with device(seed) as made:
            made.budget_bytes = 2 * PART_BYTES
            made.cloud.faults["put"] = [*[None] * 4, made.cloud.coordinator.expire_uploads]

            ended = run(made)

            assert ended is None
            demand_home(made)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_gives_way_to_chapters_whose_parts_fill_the_spool(self, seed: int):
        """Those of a run that ended: nothing of them is on its way, and nothing else would ever make room."""
        with device(seed) as made:
            made.patience_s = 1.0
            made.cloud.faults["put"] = [StorageUnreachable("no answer") for _ in range(1000)]
            run(made)
            made.cloud.faults.clear()
            for number in range(1, PARTS + 1):
                kept(made, 0).lose(number)
            kept(made, 0).confirmed_crc = None
            made.budget_bytes = made.disk.spool_bytes
            assert made.budget_bytes >= 2 * PART_BYTES

            assert run(made) is None
            demand_home(made)


class TestTheCamera:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_may_leave_as_soon_as_it_is_said_to_be_no_longer_needed(self, seed: int):
        with device(seed) as made:
            saying = watch(made)
            saying.at_free = made.camera.leave

            assert run(made) is None

            demand_home(made)
            assert saying.said == ["free, 0 left"]

    def test_is_not_asked_anything_from_then_on_and_may_sleep(self):
        with device() as made:
            saying = watch(made)
            asked: list[str] = []
            keepers: list[int] = []

            def listen() -> None:
                made.camera.calls.clear()
                made.cloud.at_each_call = lambda kind: keepers.append(made.camera.keepers)

            saying.at_free = listen
            made.haul()
            asked += made.camera.calls

            assert (asked, set(keepers)) == ([], {0})

    @pytest.mark.parametrize("moment", range(1, 300, STEP))
    def test_is_never_said_to_be_free_too_early_whatever_call_is_lost(self, moment: int):
        with device(moment) as made:
            saying = Saying()
            saying.at_free = made.camera.leave
            made.display = saying

            def lose(number: int, call: str) -> None:
                if number == moment and call.startswith("cloud"):
                    raise loss(call)

            made.at_call = lose

            assert run(made) is None
            demand_home(made)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_is_not_said_to_be_free_while_it_is_known_that_a_part_must_be_read_again(self, seed: int):
        with device(seed) as made:
            made.display = saying = Saying()
            saying.at_free = made.camera.leave

            is_spoilt = False

            def spoil(number: int, call: str) -> None:
                """A part is spoilt, and all others are sent only once everything is read."""
                nonlocal is_spoilt
                if call == "disk blocks" and not is_spoilt:
                    is_spoilt = True
                    kept(made, 0).change(1)
                    return
                if call == "cloud put" and len(made.camera.reads) < PARTS * len(NAMES):
                    made.machine.wait_until(lambda: len(made.camera.reads) >= PARTS * len(NAMES))

            made.at_call = spoil
            ended = run(made)

            assert ended is None
            demand_home(made)

    def test_is_needed_again_where_the_spool_changed_a_part_later_and_that_is_said(self):
        with device() as made:
            saying = watch(made)
            saying.at_free = lambda: kept(made, 1).change(2)

            assert run(made) is None

            demand_home(made)
            [first, again, *_] = saying.said
            assert first == "free, 0 left"
            assert "GX020042" in again
            assert "parts [2] changed in the spool" in again

    def test_that_left_and_is_needed_again_is_waited_for_and_the_next_run_ends_it(self):
        with device() as made:
            made.patience_s = 60.0
            saying = watch(made)

            def spoil_and_leave() -> None:
                kept(made, 1).change(2)
                made.camera.leave()

            saying.at_free = spoil_and_leave
            ended = run(made)

            assert isinstance(ended, GaveUp)
            assert "camera" in str(ended)
            assert set(made.cloud.objects()) == {ORIGINALS[0], ORIGINALS[2]}
            made.camera.come_back()
            assert run(made) is None
            demand_home(made)

    @pytest.mark.parametrize("budget_bytes", [None, 2 * PART_BYTES])
    def test_that_left_once_everything_was_read_is_not_needed_by_the_next_run(self, budget_bytes: int | None):
        """A power cut ends the first run; the unit starts again without its camera."""
        with device() as made:
            made.budget_bytes = budget_bytes
            made.display = saying = Saying()

            def fall(number: int, call: str) -> None:
                if saying.said:
                    made.camera.leave()
                    made.machine.kill()

            made.at_call = fall
            with pytest.raises(Killed):
                made.haul()

        with Machine() as machine:
            made.restart(machine)
            made.patience_s = 1.0
            each = made.haul()

            assert len(each.done) == 1
            assert isinstance(each.unfinished, GaveUp)
            demand_home(made)

    def test_is_needed_for_parts_in_doubt_until_they_are_read_again(self):
        """They turn out to be what they were: from then on nothing is in doubt, and the camera may leave."""
        with device() as made:
            made.patience_s = 1.0
            made.cloud.faults["put"] = [StorageUnreachable("no answer") for _ in range(1000)]
            run(made)
            kept(made, 0).suspects = frozenset({1})
            run(made)

            assert kept(made, 0).suspects is None
            assert [path for path, _ in made.camera.reads].count(PATHS[0]) == PARTS + 1

    def test_is_waited_for_where_the_coordinator_refuses_what_was_read_whole(self):
        with device() as made:
            made.patience_s = 1.0
            made.cloud.faults["put"] = [StorageUnreachable("no answer") for _ in range(1000)]
            run(made)
            made.camera.leave()
            made.cloud.faults["put"].clear()
            made.cloud.faults["POST complete"] = [CoordinatorRefusal("no")]

            assert isinstance(run(made), GaveUp)
            assert kept(made, 0).parts

    def test_without_its_card_is_not_needed_by_the_next_run_either(self):
        with device() as made:
            made.patience_s = 1.0
            made.cloud.faults["POST complete"] = [requests.ConnectionError("no answer") for _ in range(20)]
            run(made)
            made.camera.card_status = CARD_OUT
            made.cloud.faults.clear()

            assert isinstance(run(made), CardFault)
            demand_home(made)

    def test_that_left_before_is_waited_for_by_the_next_run_and_nothing_is_done_twice(self):
        with device() as made:
            made.patience_s = 1.0
            made.camera.faults["read_part"] = [*[None] * 8, made.camera.leave]
            first = run(made)
            second = run(made)

            assert (type(first), type(second)) == (GaveUp, GaveUp)
            made.camera.come_back()
            assert run(made) is None
            demand_home(made)
            assert len(made.camera.reads) <= PARTS * len(NAMES) + 2

    def test_stays_needed_for_the_sessions_that_come_after(self):
        with device() as made:
            made.film("GX010043", SIZE_BYTES, 9)
            saying = watch(made)

            made.haul()

            assert saying.said[0] == "free, 1 left"
            assert made.camera.keepers == 0


def loss(call: str) -> Exception:
    """What is lost when this call is."""
    if call.startswith("camera"):
        return CameraUnreachable("no answer")
    if call.split()[1].startswith(("put", "get")):
        return StorageUnreachable("no answer")
    return requests.ConnectionError("no answer")


@pytest.mark.parametrize("moment", range(5, 300, STEP))
class TestAtManyCalls:
    def test_a_lost_call_is_made_again(self, moment: int):
        with device(moment) as made:

            def lose(number: int, call: str) -> None:
                if number == moment and not call.startswith("disk"):
                    raise loss(call)

            made.at_call = lose

            assert run(made) is None
            demand_home(made)

    def test_a_refusal_of_the_disk_ends_the_run_and_the_next_one_brings_everything_home(self, moment: int):
        with device(moment) as made:

            def refuse(number: int, call: str) -> None:
                if number == moment and call.startswith("disk"):
                    raise SpoolFault("the disk refuses")

            made.at_call = refuse
            run(made)
            demand_nothing_lost(made)
            made.at_call = lambda number, call: None

            assert run(made) is None
            demand_home(made)

    def test_a_killed_client_leaves_all_that_the_next_one_needs(self, moment: int):
        with device(moment) as made:

            def kill(number: int, call: str) -> None:
                if number == moment:
                    made.machine.kill()

            made.at_call = kill
            with pytest.raises(Killed):
                made.haul()

        with Machine(moment) as machine:
            made.restart(machine)
            demand_nothing_lost(made)

            assert run(made) is None
            demand_home(made)

    def test_an_interrupted_client_ends_at_once_and_the_next_one_goes_on(self, moment: int):
        with device(moment) as made:

            def stop(number: int, call: str) -> None:
                made.machine.stop = made.machine.stop or number == moment

            made.at_call = stop
            ended = run(made)
            made.machine.stop = False
            made.at_call = lambda number, call: None
            demand_nothing_lost(made)

            assert ended is None or isinstance(ended, Stopped)
            assert run(made) is None
            demand_home(made)

    def test_a_card_that_is_exchanged_is_never_mixed_with_the_first(self, moment: int):
        with device(moment) as made:
            firsts = contents(made)
            twins = {
                path: MemoryFile(
                    file.content[:33] + bytes(byte ^ 255 for byte in file.content[33:-8]) + file.content[-8:],
                    etag=file.etag,
                )
                for path, file in made.camera.files.items()
            }

            def exchange(number: int, call: str) -> None:
                if number == moment:
                    made.camera.swap_card(twins)

            made.at_call = exchange
            run(made)
            run(made)

            seconds = contents(made)
            for name, content in made.cloud.objects().items():
                assert content in (firsts[name], seconds[name])
