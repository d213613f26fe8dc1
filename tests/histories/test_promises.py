"""What a history says of versions that S3 purges: a copy of what is there twice may go, the last one may not."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.evidence import WholeRead, Xxh128
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.times import DAY_S
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Receipt
from chalicelib.flows import evidence, operations
from chalicelib.ports import Ports
from tests.histories.actors import OPERATOR, VIDEO, Operator, reconciles
from tests.histories.aftermath import Proxy, World
from tests.histories.cloud import STAGE, Cloud
from tests.histories.faults import EVERYTHING, Faults
from tests.histories.history import POLICY
from tests.histories.outcome import Broken
from tests.histories.promises import LOOK_LATE
from tests.histories.scheduler import Process, Scheduler
from tests.histories.setting import Where
from tests.histories.world.lifecycle import Lifecycle
from tests.support.memory import crc64nvme_of

FILMS = ((200, 56),)


class TestACopyOfWhatIsThereTwice:
    """A restore leaves the version behind that it copied; S3 purges it when its days are over."""

    def test_may_be_purged_while_its_session_has_lost_an_output_and_waits_for_its_last_look(self) -> None:
        def live(home: Home) -> None:
            older = home.cleaned_restored_and_cleaned_again()
            home.lose_an_output()

            assert home.let_s3_purge() == older
            assert home.state() is SessionState.CLEANED

            # The promise itself: the last look finds the loss, and the copies bring everything back.
            home.sleep(POLICY.last_look_s)
            home.reconcile(3)
            assert home.state() is SessionState.PROCESSED
            assert home.originals_stand()

        _let_live(live)

    def test_may_be_purged_while_its_session_is_processed_because_another_original_was_wanted_back(
        self,
    ) -> None:
        def live(home: Home) -> None:
            older = home.cleaned_restored_and_cleaned_again()
            first, _ = home.originals
            home.restore(first.artifact_id)

            assert home.let_s3_purge() == older
            assert home.state() is SessionState.PROCESSED
            assert not home.originals_stand()

            home.restore()
            assert home.originals_stand()

        _let_live(live)


class TestTheLastCopy:
    """It goes after a cleanup and a last look, and at no other time."""

    def test_is_purged_after_a_last_look_although_an_output_is_lost_later(self) -> None:
        def live(home: Home) -> None:
            home.clean()
            home.sleep(POLICY.last_look_s)
            home.reconcile()
            home.lose_an_output()

            assert home.let_s3_purge(days=2) == {each.version_id for each in home.originals}

        _let_live(live)

    def test_is_not_purged_without_a_cleanup(self) -> None:
        _demand_broken("no cleanup removed it", lambda home: home.purge_the_last_copies())

    def test_is_not_purged_while_its_session_is_processed(self) -> None:
        def live(home: Home) -> None:
            home.clean()
            home.restore(home.originals[0].artifact_id)
            home.purge_the_last_copies(home.originals[1:])

        _demand_broken("its session is PROCESSED", live)

    def test_is_not_purged_before_its_last_look(self) -> None:
        def live(home: Home) -> None:
            home.clean()
            home.purge_the_last_copies()

        _demand_broken("had no last look", live)

    def test_is_not_purged_before_its_last_look_although_it_is_an_older_one(self) -> None:
        def live(home: Home) -> None:
            home.cleaned_restored_and_cleaned_again()
            for receipt in home.originals:
                home.cloud.objects.forget_version(receipt.key, receipt.version_id)
            home.let_s3_purge()

        _demand_broken("had no last look", live)

    def test_is_not_purged_because_there_is_a_version_of_other_bytes(self) -> None:
        def live(home: Home) -> None:
            home.cleaned_restored_and_cleaned_again()
            receipt = home.originals[0]
            other = replace(receipt, crc64nvme=Crc64Nvme(crc64nvme_of(b"another film")))
            home.record(_with_receipt(home.picture, receipt, other))
            home.let_s3_purge()

        _demand_broken("had no last look", live)


class TestALastLook:
    """What was so before it, it must find."""

    def test_is_not_over_while_an_output_is_lost_that_was_lost_before(self) -> None:
        def live(home: Home) -> None:
            home.clean()
            home.lose_an_output()
            home.end_the_last_look(after_calls=LOOK_LATE)

        _demand_broken("is over, and output.enhanced.mp4 is lost", live)

    def test_may_miss_an_output_that_is_lost_meanwhile(self) -> None:
        def live(home: Home) -> None:
            home.clean()
            home.lose_an_output()
            home.end_the_last_look(after_calls=LOOK_LATE - 1)

        _let_live(live)

    def test_is_not_over_while_two_reads_differ(self) -> None:
        def live(home: Home) -> None:
            home.clean()
            home.read_otherwise()
            home.end_the_last_look(after_calls=0)

        _demand_broken("is over, and two reads differ", live)


class Home:
    """A processed session of two films in a world without faults, and what becomes of it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        [self._session_id] = cloud.records.sessions()
        self._lifecycle = Lifecycle(cloud.objects, cloud.faults)

    @property
    def picture(self) -> Picture:
        picture = self.cloud.records.picture(self._session_id)
        assert picture
        return picture

    def state(self) -> SessionState:
        return self.picture.session.state

    @property
    def originals(self) -> tuple[Receipt, ...]:
        return self.picture.originals

    def sleep(self, seconds: float) -> None:
        self.cloud.scheduler.sleep(seconds)

    def reconcile(self, rounds: int = 1) -> None:
        for _ in range(rounds):
            self.sleep(POLICY.in_flight_s)
            assert reconciles(self.cloud).is_done

    def clean(self) -> None:
        self.sleep(POLICY.grace_s + POLICY.cleanup_patience_s)
        self.reconcile()
        assert self.state() is SessionState.CLEANED

    def restore(self, *wanted: ArtifactId) -> None:
        self._say(
            lambda ports: operations.restore(ports, OPERATOR, self._session_id, wanted or None, "wanted")
        )
        self.reconcile(3)
        assert not self.picture.session.restoring

    def release(self) -> None:
        self._say(lambda ports: operations.hold(ports, OPERATOR, self._session_id, None))

    def cleaned_restored_and_cleaned_again(self) -> set[str]:
        """The versions that the first cleanup hid; the second one comes a day before they are purged."""
        self.clean()
        hidden = {each.version_id for each in self.originals}
        self.sleep((POLICY.restorable_days - 2) * DAY_S)
        self.restore()
        self.release()
        self.clean()
        return hidden

    def lose_an_output(self) -> None:
        """Somebody removes it past the coordinator."""
        receipt = self.picture.receipt(VIDEO)
        assert receipt
        self.cloud.objects.mark_deleted(receipt.key)
        self.cloud.safety.promises.lost(receipt.key)
        self.cloud.note("stranger", "remove an output")

    def read_otherwise(self) -> None:
        """A device reads the first film again, and finds other bytes."""
        chapter = self.picture.chapters[0]
        crc = crc64nvme_of(b"another film")
        read = WholeRead(chapter.size_bytes, Crc64Nvme(crc), Xxh128("0" * 32), self.cloud.now())
        hand = Principal(Role.DEVICE, ids.MAIN, self.picture.session.device_id)
        self._say(
            lambda ports: evidence.record_second_read(
                ports, hand, self._session_id, chapter.artifact_id, read
            )
        )
        assert self.picture.differing

    def let_s3_purge(self, days: int = 3) -> set[str]:
        """The versions that S3 ends within so many days; each is looked at by what the test is about."""
        self.sleep(days * DAY_S)
        purged = [each for each in self._lifecycle.run(self.cloud.now()) if each.verb == "purge"]
        for each in purged:
            self.cloud.safety.purged(each.key, each.name)
        return {each.name for each in purged}

    def purge_the_last_copies(self, receipts: tuple[Receipt, ...] = ()) -> None:
        """S3 ends versions that it must not end."""
        for receipt in receipts or self.originals:
            self.cloud.objects.forget_version(receipt.key, receipt.version_id)
            self.cloud.safety.purged(receipt.key, receipt.version_id)

    def end_the_last_look(self, after_calls: int) -> None:
        """The function that runs now makes calls, and records that it found everything."""
        promises = self.cloud.safety.promises
        for _ in range(after_calls):
            promises.called(self.cloud.scheduler.current.process)
        self.record(replace(self.picture, session=self.picture.session.guarded()))

    def record(self, picture: Picture) -> None:
        """Have `picture` on record, whatever it says."""
        self.cloud.records.arrange(picture, self.cloud.now() + timedelta(days=1))
        self.cloud.safety.promises.after("write", (picture,))

    def originals_stand(self) -> bool:
        return all(self.cloud.objects.head(each.key) for each in self.originals)

    def _say(self, act: Callable[[Ports], object]) -> None:
        run = self.cloud.run("api", 60.0, lambda: act(self.cloud.ports))
        run.task.join()
        assert run.is_done, run.error


def _with_receipt(picture: Picture, receipt: Receipt, other: Receipt) -> Picture:
    uploads = (replace(each, receipt=other) if each.receipt == receipt else each for each in picture.uploads)
    return replace(picture, uploads=tuple(uploads))


def _demand_broken(words: str, act: Callable[[Home], None]) -> None:
    with pytest.raises(Broken, match=words):
        _let_live(act)


def _let_live(act: Callable[[Home], None]) -> None:
    scheduler = Scheduler(random.Random(0), 0.0)
    faults = Faults(random.Random(0), dict.fromkeys(Where, 0.0), None, EVERYTHING)
    cloud = Cloud(scheduler, faults, POLICY, records_steps=False)
    world = World(POLICY, FILMS, Proxy.NONE, is_poisoned=False)
    STAGE.cloud = cloud
    cloud.safety.devices = world.devices
    world.copy_to(cloud)

    def live() -> None:
        Operator(cloud, random.Random(0)).arms()
        act(Home(cloud))

    scheduler.start(Process("reconciler"), "reconciler", live)
    scheduler.play()
