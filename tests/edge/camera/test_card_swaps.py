"""A card or camera that is another one from some call on, with files of the same names, sizes, dates and ETags.

Nothing fails and nothing says so: neither a connection nor the list nor the media info, which has no unique ids here.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_client.base.errors import (
    CameraMoved,
    CardFault,
    EdgeError,
    PlanDiffers,
    Stopped,
)
from edge_client.camera.client import Camera as ClientsCamera
from edge_client.camera.keep_alive import KeepAlive
from edge_client.haul.camera_session import Looks
from edge_client.model.selection import Choice, New
from infra.local.camera import (
    BitFlipped,
    Camera,
    Card,
    CardChanges,
    Effect,
    Fault,
    Reset,
    card_with,
    chapter_path,
    other_card,
    recording,
)
from tests.edge.conftest import PART_BYTES, RECORDING, Device, FakeTime
from tests.support.coordinator import MemoryCoordinator

SIZES = [4 * PART_BYTES + 100, 2 * PART_BYTES]
# A few more than there are, whatever the keep-alive adds.
CALLS_OF_A_HAUL = 75
KEEP_ALIVE = "/gopro/camera/keep_alive"
STATE = "/gopro/camera/state"
LIST = "/gopro/media/list"
FIRST, SECOND = chapter_path("GX010042.MP4"), chapter_path("GX020042.MP4")
# Longer than the header that all films of a camera have in common.
LOOKS = Looks(head_bytes=700, spot_bytes=23)
# The spot of the second part is in its middle, with the chance of these tests.
UNDER_THE_SPOT = PART_BYTES + 2040


def silent(card: Card) -> Card:
    """The card without a word about its files' unique ids."""
    return replace(
        card,
        directories=tuple(
            replace(d, files=tuple(replace(f, has_info=False) for f in d.files)) for d in card.directories
        ),
    )


ONE = silent(card_with(*recording(42, SIZES)))
OTHER = silent(other_card(ONE))
TWIN = silent(other_card(ONE, "C3501324500999"))


def becoming(card: Card) -> CardChanges:
    return CardChanges(lambda _: card)


def reading(part: int, effect: Effect, path: str = FIRST, nth: int = 1) -> Fault:
    """Strikes when so many parts of a film were read and the next one is asked for."""
    return Fault(path, effect, nth, first=(part - 1) * PART_BYTES, method="GET")


@dataclass
class Swapped:
    """A device, and a camera whose card the test changes."""

    camera: Camera
    cloud: MemoryCoordinator
    spool: Path
    beats: type[KeepAlive] = KeepAlive
    spool_budget_bytes: int | None = None

    def run(
        self, session: str | None = "s", choice: Choice = RECORDING, clock: FakeTime | None = None
    ) -> EdgeError | None:
        """One run; what ended it, or what it refused, or nothing."""
        device = Device(
            self.camera,  # type: ignore[arg-type]  # it asks for its url alone
            self.cloud,
            self.spool,
            time=clock or FakeTime(chance=0.5),
            keep_alive_every_s=600.0,
            looks=LOOKS,
            beats=self.beats,
            spool_budget_bytes=self.spool_budget_bytes,
        )
        try:
            each = device.run(session, choice)
        except EdgeError as error:
            return error
        return each.unfinished or next(iter(each.refusals), None)

    def put_in(self, card: Card) -> None:
        """From now on the camera has this card, and nothing is wrong with it."""
        self.camera.faults.clear()
        self.camera.card = card

    def is_home(self, card: Card) -> bool:
        """Whether all that is home are films of one card, whole: of this one."""
        return self.cloud.objects() == films(card)

    def check_nothing_is_mixed(self) -> None:
        """Each object is a film as one of the cards has it; what a session has of one card it has of no other."""
        found = self.cloud.objects()
        assert any(found.items() <= films(card).items() for card in (ONE, OTHER, TWIN))


def flip(times: int | None) -> Fault:
    """A bit under the spot of the second part flips, so many times."""
    return Fault(FIRST, BitFlipped(UNDER_THE_SPOT), times=times, first=PART_BYTES, method="GET")


def films(card: Card) -> dict[str, bytes]:
    return {f"original.{d}.{f.name}": f.content.read(0, f.size_bytes) for d, f in card.files()}


class StopsAtTheFirstFault(FakeTime):
    """A clock on which a run ends where it would wait for another try, with what it has read, as after a kill."""

    def sleep(self, seconds: float) -> None:
        raise Stopped("stopped")


@pytest.fixture
def swapped(cloud: MemoryCoordinator, tmp_path: Path) -> Iterator[Swapped]:
    with ExitStack() as stack:
        camera = stack.enter_context(Camera(ONE))
        yield Swapped(camera, cloud, tmp_path / "spool")


def test_these_cards_differ_in_nothing_but_their_bytes():
    for card in (OTHER, TWIN):
        for (d, mine), (e, yours) in zip(ONE.files(), card.files(), strict=True):
            assert (d, mine.name, mine.created, mine.modified) == (
                e,
                yours.name,
                yours.created,
                yours.modified,
            )
            assert ONE.etag(mine) == card.etag(yours)
            assert mine.content.read(0, 700) != yours.content.read(0, 700)
    assert ONE.serial == OTHER.serial != TWIN.serial


def test_the_calls_that_are_enumerated_are_all_of_a_haul(swapped: Swapped):
    assert swapped.run() is None
    assert swapped.is_home(ONE)
    assert 60 < len(swapped.camera.log.all()) < CALLS_OF_A_HAUL


@pytest.mark.parametrize("nth", range(1, CALLS_OF_A_HAUL + 1))
def test_whatever_call_it_changes_at_nothing_is_mixed_and_the_first_one_is_hauled_when_it_is_back(
    swapped: Swapped, nth: int
):
    card = TWIN if nth % 4 == 0 else OTHER
    swapped.camera.faults.add(Fault(None, becoming(card), nth))
    ended = swapped.run()
    swapped.check_nothing_is_mixed()
    if ended is None:
        assert swapped.is_home(ONE) or swapped.is_home(card)
        return
    assert isinstance(ended, (CameraMoved, PlanDiffers))
    planned = (swapped.spool / "s" / "plan.json").exists()
    assert planned is isinstance(ended, PlanDiffers)

    swapped.put_in(ONE)
    back = swapped.run()

    swapped.check_nothing_is_mixed()
    assert back is None
    assert swapped.is_home(ONE)


class TestBetweenTwoReads:
    @pytest.mark.parametrize("part", [2, 3, 4, 5])
    @pytest.mark.parametrize("card", [OTHER, TWIN], ids=["another card", "another camera"])
    def test_a_card_that_changes_completes_nothing(self, swapped: Swapped, part: int, card: Card):
        swapped.camera.faults.add(reading(part, becoming(card)))

        ended = swapped.run()

        assert isinstance(ended, PlanDiffers)
        assert "complete" not in swapped.cloud.calls
        assert swapped.cloud.objects() == {}

    def test_s3_never_has_all_parts_before_the_last_look(self, swapped: Swapped):
        """Else somebody other than the client could complete them."""
        swapped.camera.faults.add(reading(5, becoming(OTHER)))

        swapped.run()

        [upload] = swapped.cloud.uploads.values()
        assert len(upload.stored) < upload.count

    def test_s3_never_has_all_parts_before_the_last_look_of_a_later_round(self, swapped: Swapped):
        """The coordinator completes what has all of its parts, be some of them of another card."""
        swapped.camera.faults.add(flip(times=None))

        swapped.run()

        [upload] = swapped.cloud.uploads.values()
        assert (upload.state, len(upload.stored)) == ("OPEN", upload.count - 1)

    def test_no_part_is_deleted(self, swapped: Swapped):
        swapped.camera.faults.add(reading(4, becoming(OTHER)))

        swapped.run()

        [upload] = swapped.cloud.uploads.values()
        kept = {int(path.name[:5]) for path in swapped.spool.rglob("*.part")}
        assert kept | upload.stored.keys() == {1, 2, 3, 4, 5}

    def test_a_part_of_the_other_card_that_s3_alone_has_is_read_again(self, swapped: Swapped):
        swapped.spool_budget_bytes = 2 * PART_BYTES
        swapped.camera.faults.add(reading(4, becoming(OTHER)))
        assert isinstance(swapped.run(), PlanDiffers)
        swapped.put_in(ONE)

        assert swapped.run() is None
        assert swapped.is_home(ONE)

    def test_a_part_that_is_shorter_than_a_spot_is_looked_at_too(self, swapped: Swapped):
        one = silent(card_with(*recording(42, [4 * PART_BYTES + LOOKS.spot_bytes - 1])))
        swapped.put_in(one)
        swapped.camera.faults.add(reading(5, becoming(silent(other_card(one)))), Fault(STATE, Reset(), 5))
        assert isinstance(swapped.run(clock=StopsAtTheFirstFault()), Stopped)
        assert {int(path.name[:5]) for path in swapped.spool.rglob("*.part")} == {1, 2, 3, 4, 5}
        swapped.put_in(one)

        assert swapped.run() is None
        assert swapped.is_home(one)

    def test_a_lost_spool_does_not_mix_the_parts_that_s3_has_with_another_cards(self, swapped: Swapped):
        swapped.camera.faults.add(reading(4, Reset()))
        assert isinstance(swapped.run(clock=StopsAtTheFirstFault()), Stopped)
        shutil.rmtree(swapped.spool)
        swapped.put_in(OTHER)

        assert swapped.run() is None
        assert swapped.is_home(OTHER)

    @pytest.mark.parametrize("card", [OTHER, TWIN], ids=["another card", "another camera"])
    def test_it_is_said_that_the_camera_or_card_changed(self, swapped: Swapped, card: Card):
        swapped.camera.faults.add(reading(3, becoming(card)))

        said = str(swapped.run())

        assert "camera or its card was changed" in said or card.serial in said

    def test_a_card_that_is_put_back_between_them_costs_another_round(self, swapped: Swapped):
        swapped.camera.faults.add(reading(2, becoming(OTHER)), reading(4, becoming(ONE)))

        assert swapped.run() is None
        assert swapped.is_home(ONE)

    def test_a_card_that_changed_before_a_kill_is_seen_by_the_next_run(self, swapped: Swapped):
        swapped.camera.faults.add(reading(2, becoming(OTHER)), reading(4, Reset()))
        assert isinstance(swapped.run(clock=StopsAtTheFirstFault()), Stopped)
        swapped.put_in(ONE)

        assert swapped.run() is None
        assert swapped.is_home(ONE)


class TestAtAChaptersFirstByte:
    def test_a_card_that_changed_meanwhile_is_not_read(self, swapped: Swapped):
        """The first chapter is home by then, and the second would be another film's."""
        # Asked for in planning, at its end, and now.
        swapped.camera.faults.add(Fault(SECOND, becoming(OTHER), 3, method="HEAD"))

        ended = swapped.run()

        assert isinstance(ended, PlanDiffers)
        assert reads(swapped, SECOND) == []
        assert list(swapped.cloud.objects()) == ["original.100GOPRO.GX010042.MP4"]


def reads(swapped: Swapped, path: str) -> list[int]:
    """Where the parts begin that were read of a file."""
    return [
        request.asked.first
        for request in swapped.camera.log.all()
        if request.path == path
        and request.asked
        and request.asked.last is not None
        and request.asked.last - request.asked.first + 1 == PART_BYTES
    ]


class Stumbling(KeepAlive):
    """A beat has failed, whenever that is asked."""

    def take_failure(self) -> bool:
        return True


class TestAfterAFailedKeepAlive:
    def test_the_next_part_waits_for_a_look(self, swapped: Swapped):
        swapped.beats = Stumbling
        swapped.camera.faults.add(reading(2, becoming(OTHER)))

        ended = swapped.run()

        assert isinstance(ended, PlanDiffers)
        # The second part was asked for when the card changed; nothing was read of it afterwards.
        assert reads(swapped, FIRST) == [0, PART_BYTES]

    def test_a_camera_that_is_as_it_was_is_read_on(self, swapped: Swapped):
        swapped.beats = Stumbling

        assert swapped.run() is None
        assert swapped.is_home(ONE)

    def test_the_failure_is_told_once(self, swapped: Swapped):
        swapped.camera.faults.add(Fault(KEEP_ALIVE, Reset()))
        device = ClientsCamera(swapped.camera.url, lambda: 0.0)
        with KeepAlive(device, every_s=600.0) as beats:
            deadline = time.monotonic() + 5
            while not (failed := beats.take_failure()) and time.monotonic() < deadline:
                time.sleep(0.01)

            assert failed
            assert not beats.take_failure()


class TestWhilePlanning:
    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(
                Fault(FIRST, becoming(OTHER), 2, method="HEAD"), id="before the first chapter's second look"
            ),
            pytest.param(Fault(SECOND, becoming(OTHER), 1, method="HEAD"), id="before the second chapter"),
            pytest.param(Fault(SECOND, becoming(TWIN), 1, method="HEAD"), id="another camera"),
            pytest.param(Fault(LIST, becoming(TWIN), 2), id="at the second list"),
        ],
    )
    def test_nothing_is_frozen_and_the_next_run_plans_afresh(self, swapped: Swapped, fault: Fault):
        swapped.camera.faults.add(fault)

        ended = swapped.run(None, New())

        assert isinstance(ended, CameraMoved)
        assert list(swapped.spool.glob("*/plan.json")) == []
        assert swapped.cloud.sessions == {}
        swapped.put_in(OTHER)
        assert swapped.run(None, New()) is None
        assert swapped.is_home(OTHER)

    def test_it_is_said_that_nothing_was_planned(self, swapped: Swapped):
        swapped.camera.faults.add(Fault(SECOND, becoming(OTHER), 1, method="HEAD"))

        assert "nothing was planned and nothing is lost" in str(swapped.run())


class TestABitThatFlipsOnceItIsRead:
    """Under a spot it is seen; anywhere else nothing but reading twice would."""

    def test_is_read_again_from_the_card_that_is_there(self, swapped: Swapped):
        swapped.camera.faults.add(flip(times=1))

        assert swapped.run() is None
        assert swapped.is_home(ONE)

    def test_is_for_a_person_when_it_flips_each_time(self, swapped: Swapped):
        swapped.camera.faults.add(flip(times=None))

        ended = swapped.run()

        assert isinstance(ended, CardFault)
        assert "the same bytes twice" in str(ended)
        assert "complete" not in swapped.cloud.calls
