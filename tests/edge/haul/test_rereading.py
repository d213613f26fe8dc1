"""The second read of a card: what it finds, in which order it reads, what it leaves behind, and when it steps back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from awscrt.checksums import XXHash, crc64nvme

from edge_client.base.errors import (
    CoordinatorRefusal,
    GaveUp,
    PlanDiffers,
    ReadBroken,
    SpoolBusy,
    SpoolFull,
    Stopped,
    TryLater,
)
from edge_client.haul import rereading
from edge_client.haul.context import HaulTools, open_context
from edge_client.haul.rereading import How, Rereading, SecondRead
from edge_client.haul.survey import Survey, audit_card
from edge_client.model.haul_state import HaulState, states_by_list
from edge_client.model.levels import Level
from edge_client.model.listing import Listed, Witnesses
from edge_client.model.parts import Span
from edge_client.model.plan import CameraIdentity
from edge_client.model.recordings import recordings
from edge_client.model.selection import ByNumber
from tests.edge.fake_camera import film
from tests.edge.memory.camera import SERIAL, MemoryFile
from tests.edge.memory.device import MemoryDevice
from tests.edge.memory.ledger import Ledger
from tests.edge.memory.machine import Killed, Machine

CACHE_BYTES = 1000
HOW = How(cache_bytes=CACHE_BYTES, piece_bytes=700)
ONE, TWO, THREE = (f"100GOPRO/GX01004{number}.MP4" for number in range(3))
FLIPS, CARDS = 1000, 4


@dataclass
class Flips:
    """Bits that flip on their way from the card: for each path the byte and the bit, at its next read alone."""

    at: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def __call__(self, path: str, span: Span, content: bytes) -> bytes:
        flipped = bytearray(content)
        for place, bit in self.at.get(path, []):
            if span.first <= place < span.first + span.size_bytes:
                flipped[place - span.first] ^= 1 << bit
        return bytes(flipped)


@dataclass
class Scene:
    """A device whose card was hauled, as far as its coordinator says."""

    device: MemoryDevice
    ledger: Ledger = field(default_factory=Ledger)
    flips: Flips = field(default_factory=Flips)

    def tools(self) -> HaulTools:
        return replace(self.device.tools(), coordinator=self.ledger.coordinator())

    def film(self, path: str, size_bytes: int, seed: int = 1) -> None:
        self.device.camera.files[path] = MemoryFile(film(size_bytes, seed), etag=f'"{path}.{seed}"')

    def haul(self, *paths: str) -> None:
        """Read these films once, each with the flips that are due."""
        for path in paths:
            self.ledger.haul(self.device.camera, path)

    def audit(self) -> Survey:
        with open_context(self.tools()) as context:
            return audit_card(context)

    def listed(self) -> Survey:
        """What the list says of a card whose every film is hauled, without a look at each."""
        known = self.ledger.known_chapters(SERIAL)
        card = recordings([chapter.identity.file for chapter in known])
        states = states_by_list(card, known, SERIAL)
        identity = CameraIdentity(SERIAL, None, None)
        inventory, witnesses = Listed().inventory(), Witnesses()
        return Survey(identity, states, (), 0, True, {SERIAL: known}, (), inventory, witnesses)

    def reread(self, how: How = HOW) -> SecondRead:
        """One run of `audit --reread`."""
        with open_context(self.tools()) as context:
            return Rereading(context, how).run(audit_card(context))

    def read_bytes(self) -> dict[str, int]:
        """How many bytes of each film were asked for in parts."""
        found: dict[str, int] = {}
        for path, span in self.device.camera.reads:
            found[path] = found.get(path, 0) + span.size_bytes
        return found


@contextmanager
def scene(size_bytes: int = 1500, seed: int = 0) -> Iterator[Scene]:
    """A card of three films that were hauled."""
    with Machine(seed) as machine:
        made = Scene(MemoryDevice(machine))
        made.device.camera.on_the_way = made.flips
        for number, path in enumerate((ONE, TWO, THREE)):
            made.film(path, size_bytes, number + 1)
            made.haul(path)
        yield made


def states(survey: Survey) -> dict[str, HaulState]:
    return {file.file.path: file.state for one in survey.recordings for file in one.files}


def levels(survey: Survey) -> dict[str, Level | None]:
    return {file.file.path: file.level for one in survey.recordings for file in one.files}


@contextmanager
def flipped_scene() -> Iterator[Scene]:
    """The first read of the second film gave another byte than the card has."""
    with scene() as made:
        made.flips.at[TWO] = [(777, 3)]
        made.haul(TWO)
        made.flips.at.clear()
        yield made


class TestASecondRead:
    def test_that_agrees_is_told_with_both_hashes_of_the_whole_film(self):
        with scene() as made:
            made.device.machine.now = 60.0
            done = made.reread()

            content = made.device.camera.files[ONE].content
            path, read = made.ledger.told[0]
            assert (path, read.size_bytes, read.crc) == (ONE, len(content), crc64nvme(content))
            assert read.xxh128 == XXHash.compute_xxhash3_128(content).hex()
            assert read.read_at == "2026-11-25T12:01:00Z"
            assert [(one.path, one.agrees, one.found.is_told) for one in done.compared] == [
                (path, True, True) for path in (ONE, TWO, THREE)
            ]
            assert (done.left, done.refusals, done.unfinished) == ({}, (), None)

    def test_lifts_the_level_of_what_is_safe_to_erase(self):
        with scene() as made:
            assert made.audit().level is Level.READ_ONCE
            assert made.reread().survey.level is Level.READ_TWICE
            assert made.audit().level is Level.READ_TWICE
            assert made.audit().all_home

    def test_is_not_made_twice(self):
        with scene() as made:
            made.reread()
            made.device.camera.reads.clear()
            made.reread()

            assert made.device.camera.reads == []

    def test_leaves_no_record_of_what_agrees(self):
        with scene() as made:
            made.reread()

            assert made.device.disk.rereads == {}

    def test_of_what_another_device_hauled_is_left_to_that_device(self):
        with scene() as made:
            survey = made.listed()
            theirs = [
                replace(file, chapter=replace(file.chapter, is_own=False))
                for file in survey.recordings[1].files
                if file.chapter
            ]
            proven = replace(survey.recordings[1], files=tuple(theirs))
            survey = replace(survey, recordings=(survey.recordings[0], proven, survey.recordings[2]))
            with open_context(made.tools()) as context:
                done = Rereading(context, HOW).run(survey)

            assert done.left == {TWO: rereading.OTHERS}
            assert [path for path, _ in made.ledger.told] == [ONE, THREE]

    def test_is_not_begun_for_a_coordinator_that_keeps_none(self):
        with scene() as made:
            for place, chapter in made.ledger.chapters.items():
                made.ledger.chapters[place] = replace(chapter, evidence=None)
            done = made.reread()

            assert set(done.left.values()) == {rereading.NO_EVIDENCE}
            assert made.device.camera.reads == []

    def test_takes_only_whole_answers_of_the_camera(self):
        with scene() as made:
            made.device.camera.faults["block"] = [*[None] * 5, ReadBroken("torn")]
            done = made.reread()

            assert all(one.agrees for one in done.compared)
            assert len(done.compared) == 3

    def test_leaves_a_film_that_has_become_another_one(self):
        with scene() as made:
            survey = made.audit()
            made.film(TWO, 1500, seed=9)
            with open_context(made.tools()) as context:
                done = Rereading(context, HOW).run(survey)

            assert done.left[TWO] == rereading.ANOTHER_FILE
            assert TWO not in {one.path for one in done.compared}


class TestADifference:
    def test_keeps_the_card_and_is_told_with_both_values(self):
        with flipped_scene() as made:
            assert made.audit().all_home
            done = made.reread()

            assert [one.path for one in done.compared if not one.agrees] == [TWO]
            assert states(done.survey)[TWO] is HaulState.DIFFERS
            assert not done.survey.all_home
            assert done.survey.level is None
            read = next(read for path, read in made.ledger.told if path == TWO)
            assert read.crc == crc64nvme(made.device.camera.files[TWO].content)

    def test_is_remembered_by_every_audit_after(self):
        with flipped_scene() as made:
            made.reread()
            assert states(made.audit()) == {
                ONE: HaulState.HAULED,
                TWO: HaulState.DIFFERS,
                THREE: HaulState.HAULED,
            }

    def test_is_remembered_here_where_the_coordinator_never_heard_of_it(self):
        with flipped_scene() as made:
            made.ledger.faults = [None, GaveUp("no network"), None]
            done = made.reread()

            assert isinstance(done.unfinished, GaveUp)
            assert TWO not in {path for path, _ in made.ledger.told}
            assert states(made.audit())[TWO] is HaulState.DIFFERS

    def test_is_told_by_the_next_run_without_another_read(self):
        with flipped_scene() as made:
            made.ledger.faults = [None, GaveUp("no network")]
            made.reread()
            made.device.camera.reads.clear()
            made.reread()

            assert [path for path, read in made.ledger.told if path == TWO]
            assert TWO not in made.read_bytes()

    def test_holds_until_the_coordinator_says_that_it_is_settled(self):
        with flipped_scene() as made:
            made.reread()
            made.ledger.settle(TWO)

            assert states(made.audit())[TWO] is HaulState.HAULED

    def test_that_is_not_told_holds_whatever_the_coordinator_says(self):
        with flipped_scene() as made:
            made.ledger.faults = [None, CoordinatorRefusal("no"), CoordinatorRefusal("no"), None]
            done = made.reread()

            assert done.refusals
            assert made.ledger.chapters["session-GX010041", "original.100GOPRO.GX010041.MP4"].evidence
            assert states(made.audit())[TWO] is HaulState.DIFFERS

    def test_outlives_a_record_that_the_disk_spoils(self):
        with flipped_scene() as made:
            made.reread()
            made.ledger.settle(TWO)
            [place] = made.device.disk.rereads
            made.device.disk.rereads[place] = "{"

            assert states(made.audit())[TWO] is HaulState.DIFFERS

    def test_is_read_a_third_time_which_says_that_the_first_read_was_wrong(self):
        with flipped_scene() as made:
            done = made.reread()

            found = next(one.found for one in done.compared if one.path == TWO)
            assert len(found.reads) == 2
            assert "what is home is not what the card has" in found.words

    def test_of_a_second_read_that_was_wrong_keeps_the_card_too(self):
        with scene() as made:
            passes = 0

            def flip_once(path: str, span: Span, content: bytes) -> bytes:
                nonlocal passes
                if path == TWO and span.first == 0 and len(content) == HOW.piece_bytes:
                    passes += 1
                    return bytes([content[0] ^ 1]) + content[1:] if passes == 1 else content
                return content

            made.device.camera.on_the_way = flip_once
            done = made.reread()

            found = next(one.found for one in done.compared if one.path == TWO)
            assert "so the second was wrong" in found.words
            assert states(made.audit())[TWO] is HaulState.DIFFERS

    def test_of_a_way_that_gives_something_else_each_time_says_so(self):
        with scene() as made:
            chance = random.Random(1)

            def flip_always(path: str, span: Span, content: bytes) -> bytes:
                return bytes([chance.randrange(256)]) + content[1:] if path == TWO else content

            made.device.camera.on_the_way = flip_always
            done = made.reread()

            found = next(one.found for one in done.compared if one.path == TWO)
            assert "is failing" in found.words

    def test_is_settled_by_a_second_haul_that_was_read_twice(self):
        with flipped_scene() as made:
            made.reread()
            [first] = [one for one in made.ledger.chapters.values() if one.path == TWO]
            made.haul(TWO)
            again = made.ledger.chapters.pop((first.session_id, first.artifact_id))
            made.ledger.chapters[first.session_id, first.artifact_id] = first
            made.ledger.chapters["again", again.artifact_id] = replace(again, session_id="again")

            assert states(made.audit())[TWO] is HaulState.DIFFERS
            done = made.reread()
            assert states(done.survey)[TWO] is HaulState.HAULED
            assert states(made.audit())[TWO] is HaulState.HAULED
            assert levels(made.audit())[TWO] is Level.READ_TWICE


@pytest.mark.parametrize("seed", range(CARDS))
def test_a_thousand_flipped_bits_are_found_and_no_others(seed: int):
    """On four cards: as many films again are clean, and every one has a length and a place of its own."""
    chance = random.Random(seed)
    with Machine() as machine:
        made = Scene(MemoryDevice(machine))
        made.device.camera.on_the_way = made.flips
        paths = [f"100GOPRO/GX01{number:04d}.MP4" for number in range(1, 2 * FLIPS // CARDS + 1)]
        flipped = set(chance.sample(paths, FLIPS // CARDS))
        for number, path in enumerate(paths):
            size_bytes = chance.randrange(40, 1500)
            made.film(path, size_bytes, number % 10)
            if path in flipped:
                made.flips.at[path] = [(chance.randrange(size_bytes), chance.randrange(8))]
            made.haul(path)
        made.flips.at.clear()

        with open_context(made.tools()) as context:
            done = Rereading(context, HOW).run(made.listed())

        assert {one.path for one in done.compared if not one.agrees} == flipped
        assert {one.path for one in done.compared if one.agrees} == set(paths) - flipped
        assert {path for path, state in states(done.survey).items() if state is HaulState.DIFFERS} == flipped


class TestTheOrder:
    def test_reads_other_bytes_first_twice_what_a_camera_may_keep(self):
        with scene() as made:
            made.reread()

            total_bytes = sum(made.read_bytes().values())
            assert total_bytes == 3 * 1500 + 2 * CACHE_BYTES
            first = made.device.camera.reads[0]
            assert first == (TWO, Span(1, 1000, 500))

    def test_leaves_a_card_that_is_too_small_to_flush(self):
        with scene(size_bytes=900) as made:
            done = made.reread()

            assert set(done.left) == {ONE, TWO, THREE}
            assert set(done.left.values()) == {rereading.TOO_SMALL}
            assert made.device.camera.reads == []

    def test_reads_a_small_card_of_a_camera_that_was_switched_off(self):
        with scene(size_bytes=900) as made:
            done = made.reread(replace(HOW, after_restart=True))

            assert [one.agrees for one in done.compared] == [True] * 3
            assert made.read_bytes() == {ONE: 900, TWO: 900, THREE: 900}

    def test_flushes_anew_for_a_film_that_came_later(self):
        with scene() as made:
            made.reread()
            made.film("100GOPRO/GX010050.MP4", 1500, 5)
            made.haul("100GOPRO/GX010050.MP4")
            made.device.camera.reads.clear()
            made.reread()

            assert made.read_bytes() == {ONE: 1500, TWO: 500, "100GOPRO/GX010050.MP4": 1500}

    def test_continues_after_a_kill_with_the_film_that_was_not_read_whole(self):
        with scene() as made:
            made.ledger.at_evidence = made.device.machine.kill
            with pytest.raises(Killed):
                made.reread()
            with Machine() as machine:
                made.device.restart(machine)
                made.ledger.at_evidence = lambda: None
                made.device.camera.reads.clear()
                made.reread()

                assert made.read_bytes() == {TWO: 1500, THREE: 1500}
                assert [path for path, _ in made.ledger.told] == [ONE, ONE, TWO, THREE]

    def test_does_not_count_what_is_too_near_to_the_flush(self):
        with scene() as made:
            # The first film cannot be read, so that too little was read before the end of the second one.
            survey = made.audit()
            made.device.camera.files[ONE].is_served = False
            with open_context(made.tools()) as context:
                done = Rereading(context, replace(HOW, cache_bytes=1500)).run(survey)

            assert TWO in done.left or TWO not in {one.path for one in done.compared}


class TestPriority:
    def test_of_a_haul_that_is_at_work(self):
        with scene() as made:
            made.device.disk.is_held = True
            with pytest.raises(SpoolBusy, match="a haul is at work"):
                made.reread()
            assert made.device.camera.reads == []

    def test_of_a_haul_with_another_spool(self):
        with scene() as made:
            made.device.locks.taken.add(SERIAL)
            with pytest.raises(SpoolBusy, match="a haul is at work"):
                made.reread()

    def test_of_a_haul_that_begins_meanwhile(self):
        with scene() as made:

            def begin() -> None:
                made.device.disk.is_held = True

            made.device.camera.faults["read_part"] = [*[None] * 6, begin]
            done = made.reread()

            assert isinstance(done.unfinished, SpoolBusy)
            assert len(made.device.camera.reads) == 7
            made.device.disk.is_held = False
            assert made.reread().survey.level is Level.READ_TWICE

    def test_of_parts_that_wait_to_be_sent(self):
        with scene() as made:
            made.device.film("GX010077", 20_000)
            made.device.cloud.faults["put"] = [Stopped("stopped")]
            made.device.haul(ByNumber("0077"))
            with pytest.raises(TryLater, match="wait to be sent"):
                made.reread()

    def test_of_another_second_read(self):
        with scene() as made:
            made.device.disk.is_reread = True
            with pytest.raises(SpoolBusy, match="reads a card again"):
                made.reread()


class TestWhatMayEndIt:
    def test_a_camera_that_leaves_ends_it_and_what_was_read_counts(self):
        with scene() as made:
            made.device.patience_s = 60.0
            made.device.camera.faults["read_part"] = [*[None] * 7, made.device.camera.leave]
            done = made.reread()

            assert isinstance(done.unfinished, GaveUp)
            assert [one.path for one in done.compared] == [ONE]
            made.device.camera.come_back()
            assert made.reread().survey.level is Level.READ_TWICE

    def test_a_coordinator_that_is_away_ends_no_read(self):
        with scene() as made:
            made.ledger.faults = [GaveUp("no network")]
            done = made.reread()

            assert len(done.compared) == 3
            assert isinstance(done.unfinished, GaveUp)
            assert made.ledger.told == []
            made.device.camera.reads.clear()
            assert made.reread().survey.level is Level.READ_TWICE
            assert made.device.camera.reads == []

    def test_a_coordinator_that_stays_away_has_no_film_read_more_than_once(self):
        with flipped_scene() as made:
            made.ledger.faults = [GaveUp("no network")] * 20
            made.reread()
            made.device.camera.reads.clear()
            done = made.reread()

            assert isinstance(done.unfinished, GaveUp)
            assert made.device.camera.reads == []

    def test_a_camera_that_changes_what_is_read_first_leaves_every_film_with_the_reason(self):
        with scene() as made:
            made.device.camera.faults["read_part"] = [PlanDiffers("another film by now")]
            done = made.reread()

            assert set(done.left) == {ONE, TWO, THREE}
            assert all("not begun: another film by now" in why for why in done.left.values())
            assert made.ledger.told == []
            assert made.reread().survey.level is Level.READ_TWICE

    def test_a_refused_read_that_agrees_is_read_again_by_the_next_run(self):
        with scene() as made:
            made.ledger.faults = [CoordinatorRefusal("set the device's clock")]
            done = made.reread()

            assert done.refusals == ("set the device's clock",)
            assert levels(done.survey)[ONE] is Level.READ_ONCE
            assert made.reread().survey.level is Level.READ_TWICE

    def test_a_full_disk_ends_it_with_nothing_claimed(self):
        with scene() as made:
            made.device.disk.faults["keep_reread"] = [SpoolFull("full")]
            done = made.reread()

            assert isinstance(done.unfinished, SpoolFull)
            assert made.ledger.told == []


class TestARate:
    def test_is_kept_between_requests(self):
        with scene() as made:
            made.reread(replace(HOW, rate_bytes_s=100.0))

            read_bytes = sum(made.read_bytes().values())
            last = made.device.camera.reads[-1][1].size_bytes
            assert made.device.machine.now == pytest.approx((read_bytes - last) / 100.0)

    @pytest.mark.parametrize(
        ("rate", "piece"),
        [
            (None, rereading.PIECE_BYTES),
            (1e9, rereading.PIECE_BYTES),
            (1e6, 4_000_000),
            (32768.0, rereading.LEAST_PIECE_BYTES),
        ],
    )
    def test_makes_requests_small_enough_to_be_answered_at_once(self, rate: float | None, piece: int):
        assert How(rate_bytes_s=rate).request_bytes == piece


KILLS_UNTIL = 400


def test_a_kill_at_any_call_loses_no_difference_and_claims_nothing():
    for moment in range(1, KILLS_UNTIL, 3):
        with flipped_scene() as made:
            made.device.timeline.clear()

            def kill(number: int, call: str, moment: int = moment, made: Scene = made) -> None:
                if number == moment:
                    made.device.machine.kill()

            made.device.at_call = kill
            try:
                made.reread()
            except Killed:
                is_over = False
            else:
                is_over = True
            with Machine() as machine:
                made.device.restart(machine)
                told = dict(made.ledger.told)
                after = states(made.audit())
                assert not told.get(TWO) or after[TWO] is HaulState.DIFFERS
                assert made.reread().survey.differs
                assert levels(made.audit()) == {ONE: Level.READ_TWICE, TWO: None, THREE: Level.READ_TWICE}
            if is_over:
                return
    raise AssertionError("the run has more calls than were killed")
