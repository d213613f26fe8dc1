"""One history: a seed draws what there is and what fails, and plays it to its end."""

from __future__ import annotations

import gc
import hashlib
import itertools
import logging
import random
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.cleanup import Spent
from chalicelib.core.errors import ReelhaulError
from chalicelib.core.ids import SessionId, UploadId
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Policy
from chalicelib.core.times import DAY_S
from chalicelib.flows.deadline import OutOfTime
from edge_client.base.errors import EdgeError
from tests.histories.actors import WISH, Events, Operator, Processor, Stranger, reconciles
from tests.histories.aftermath import Aftermath
from tests.histories.cloud import Cloud
from tests.histories.device import MOST_TURNS_LATE, Device
from tests.histories.faults import EVERYTHING, Faults, Script
from tests.histories.outcome import Broken, Outcome, Violation, fault_of_product
from tests.histories.scheduler import Process, Scheduler, Stuck, Task
from tests.histories.setting import GRACE_S, PART_BYTES, Depth, Mode, Setting, draw_setting
from tests.histories.world.lifecycle import Lifecycle

ROUNDS = 3
"""How many rounds of the reconciler the design grants after the last fault."""
MOST_WORDS = 4
"""How often an operator may have to order a failed session again."""
MOST_RUNS = 12
"""How often a device hauls at most once the faults are over."""
POLICY = Policy(
    part_size_bytes=PART_BYTES,
    required_outputs=WISH.required,
    grace_s=GRACE_S,
    cleanup_patience_s=600,
)
TIGHT = replace(POLICY, cleanup_limit=Spent(objects=1, size_bytes=2**40))
"""The same where little may be cleaned on one day."""
ENDS = {
    Depth.HOME: (SessionState.STORED, SessionState.PROCESSED),
    Depth.PROCESSED: (SessionState.PROCESSED, SessionState.CLEANED),
    Depth.CLEANED: (SessionState.CLEANED,),
    Depth.RESTORED: (SessionState.PROCESSED,),
    Depth.PURGED: (SessionState.CLEANED,),
}
"""The states in which every session must be at the end, by how far a history goes."""
EXPECTED = (ReelhaulError, OutOfTime, EdgeError)
LOOK_TURNS = 16
"""The turns in which a round comes to look at an upload."""
MOST_MEETINGS = 8
"""How often a round begins within a call of another: each of its calls may begin a further one."""
PAUSES_S = (5.0, 5.0, 600.0, 4000.0, 6 * DAY_S)
"""After how long a crew starts its device again."""
BETWEEN_ROUNDS_S = (20.0, 700.0, GRACE_S + 700.0)
DAYS_S = (20.0, 3 * DAY_S, 7 * DAY_S)
"""The same, where rounds and hauls come days late."""
POOL = 16
"""How many films there are to draw from."""


def play(
    seed: int,
    setting: Setting | None = None,
    script: Script = EVERYTHING,
    records: bool = False,
    mode: Mode = Mode.SETTLING,
) -> Outcome:
    """The history of a seed. The same seed, setting and script make the same history, with the same digest."""
    chance = random.Random(seed)
    drawn = setting or draw_setting(chance, mode)
    history = History(seed, chance, drawn, script, records)
    with listening():
        return history.play()


class _Ears(logging.Handler):
    """Hears of what a door of the product caught and did not expect: a fault of the product, or of the history."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, EXPECTED):
            told = traceback.format_exception(error)
            raise Broken("faultless", f"{record.getMessage()}: {''.join(told[-3:])}")


@contextmanager
def listening() -> Iterator[None]:
    """Within it nothing is logged but what no door expected, and that ends the history.

    To begin and to end costs as much as ten calls of a port: who plays many histories does it around all of them.
    """
    root, threshold = logging.getLogger(), gc.get_threshold()
    if any(isinstance(each, _Ears) for each in root.handlers):
        yield
        return
    handlers, disabled = root.handlers[:], root.manager.disable
    gc.set_threshold(100_000, 20, 100)
    logging.disable(logging.WARNING)
    root.handlers[:] = [_Ears()]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        logging.disable(disabled)
        gc.set_threshold(*threshold)


class History:
    """What one history consists of."""

    def __init__(
        self, seed: int, chance: random.Random, setting: Setting, script: Script, records: bool
    ) -> None:
        self.seed = seed
        self.setting = setting
        self.chance = random.Random(chance.random())
        self.scheduler = Scheduler(random.Random(chance.random()), setting.switching)
        self.faults = Faults(random.Random(chance.random()), setting.rates, setting.focus, script)
        policy = TIGHT if setting.is_tight else POLICY
        self.cloud = Cloud(self.scheduler, self.faults, policy, records)
        self.events = Events(self.cloud)
        self.processor = Processor(self.cloud, self.chance, setting)
        self.operator = Operator(self.cloud, self.chance)
        seeds: Iterator[int] = (int(self.chance.random() * POOL) for _ in itertools.count())
        self.devices = [
            Device(self.cloud, number, films, seeds, setting.device_skew_s, setting.spool_bytes)
            for number, films in enumerate(setting.films, start=1)
        ]
        for device in self.devices if setting.has_proxies else ():
            device.make_proxies(next(seeds))
        self.cloud.safety.devices = self.devices
        if setting.operates:
            self.cloud.safety.hears_of_cleanup = self.operate_on
        self.stranger = Stranger(self.cloud, self.chance)
        claims_falsely = setting.lies and setting.uploads_outputs
        self._meetings_left = MOST_MEETINGS
        self._met: set[Process] = set()
        self._often = 1.0 if claims_falsely else 0.3
        if setting.overlaps or setting.has_strangers or claims_falsely:
            self.cloud.meets = self._meet
        for device in self.devices:
            device.is_old = setting.has_old_client
            device.at_completion = self._at_completion
            if setting.has_strangers:
                device.at_part = self._at_part
            if setting.has_look_alike:
                device.make_look_alike()
        self.cloud.skew_s = setting.cloud_skew_s

    def play(self) -> Outcome:
        violation: Violation | None = None
        try:
            live = Aftermath(self).live if self.setting.begins_home else self._live
            self.scheduler.start(Process("history"), "history", live)
            self.scheduler.play()
        except Broken as broken:
            violation = broken.violation
        except Stuck as stuck:
            violation = Violation("ends", str(stuck))
        except Exception as error:
            violation = fault_of_product(error)
            if violation is None:
                raise
        cloud = self.cloud
        said = "\n".join(cloud.log) + cloud.safety.describe()
        return Outcome(
            self.seed,
            self.setting,
            hashlib.sha256(said.encode()).hexdigest()[:16],
            violation,
            self.faults.count,
            cloud.steps,
            self.scheduler.now,
            cloud.rare.counts,
            tuple(cloud.told),
        )

    def _live(self) -> None:
        self.operator.arms()
        if self.setting.has_strangers:
            self.stranger.leaves_uploads()
        actors = [self._start("crew", lambda device=device: self._crew(device)) for device in self.devices]  # type: ignore[misc]
        actors.append(self._start("schedule", self._schedule))
        if self.setting.operates:
            actors.append(self._start("operator", self._operate))
        for actor in actors:
            actor.join()
        if self.setting.depth is Depth.RESTORED:
            self._restore_among_faults()
        if self.setting.mode is Mode.SETTLING:
            self._settle()

    def _start(self, name: str, run: Callable[[], None]) -> Task:
        return self.scheduler.start(Process(name), name, run)

    def _crew(self, device: Device) -> None:
        """Who is beside a device starts it again until it is through, and may swap its card meanwhile."""
        scheduler, chance = self.scheduler, self.chance
        if self.setting.swaps_cards:
            self._start("crew", lambda: self._swap(device))
        while scheduler.now < self.setting.busy_s:
            if self.setting.second_client and chance.random() < 0.5:
                self._start("crew", device.run_beside)
            if any(each.is_running for each in self.devices):
                self.cloud.rare.note("two devices at once")
            said = device.run()
            if said is not None and not isinstance(said, EdgeError) and not said.unfinished:
                if self.setting.erases_cards:
                    self._erase_where_safe(device)
                return
            if self.setting.has_proxies and chance.random() < 0.5:
                # The camera repairs its card, and writes other proxies of the same films.
                device.make_proxies(POOL + device.runs)
                self.cloud.note("camera", "makes proxies anew")
            if device.look_alike and chance.random() < 0.7:
                device.insert(0)
            if self.setting.erases_cards and chance.random() < 0.3:
                self._erase_where_safe(device)
            scheduler.sleep(chance.choice(DAYS_S if self.setting.lasts_days else PAUSES_S))

    def _erase_where_safe(self, device: Device) -> None:
        """The crew asks for an audit, and erases the card where that says that all of it is home (S1)."""
        if device.look_alike:
            # An audit tells two such cards apart no more than a list does.
            device.insert(0)
        card = dict(device.camera.files)
        found = device.audit()
        if found is None or not found.recordings or found.unrecognised or found.unreadable:
            return
        if found.homes == len(found.recordings) and card == device.camera.files:
            for path in device.truth:
                if path in card:
                    self._demand_stored(path, [card[path].content])
            device.camera.files.clear()
            self.cloud.rare.note("card erased after an audit")

    def _swap(self, device: Device) -> None:
        """Another card is in the camera for a while, with films of the same names."""
        self.scheduler.sleep(self.chance.choice((0.0, 0.5, 3.0)))
        device.swap_card()

    def _schedule(self) -> None:
        """Rounds of the reconciler at odd intervals, and a processor that works when it likes."""
        scheduler, setting = self.scheduler, self.setting
        for _ in range(setting.rounds):
            scheduler.sleep(self.chance.choice(DAYS_S if setting.lasts_days else BETWEEN_ROUNDS_S))
            if setting.depth is not Depth.HOME:
                self.processor.works()
            if setting.overlaps and self.chance.random() < 0.5:
                self._start("schedule", self._overlap)
            reconciles(self.cloud)

    def _overlap(self) -> None:
        """Another round while one runs."""
        if self.cloud.running["reconciler"]:
            self.cloud.rare.note("two rounds of the reconciler at once")
        reconciles(self.cloud)

    def _meet(self, call: str) -> None:
        """A round of the reconciler begins here, and who makes this call takes a while."""
        chance, scheduler = self.chance, self.scheduler
        process = scheduler.current.process
        if process in self._met:
            # The call has had its effect, and who looked meanwhile decides before its caller writes that down.
            self._met.discard(process)
            scheduler.sleep(0.0)
            return
        if self.faults.are_over or not self._meetings_left or chance.random() >= self._often:
            return
        self._meetings_left -= 1
        self._start("schedule", self._overlap)
        if call == "POST complete":
            # Until the round is at its end, or in the middle of what it has begun.
            scheduler.sleep(0.0)
            return
        if chance.random() < 0.5:
            if call == "complete":
                self._met.add(process)
            scheduler.linger(chance.randint(1, LOOK_TURNS if call == "complete" else MOST_TURNS_LATE))
            return
        scheduler.sleep(chance.choice((0.0, 0.0, 2.0, 50.0)))
        self.cloud.demand_time(process)

    def _at_completion(self, upload_id: UploadId) -> None:
        """A device has sent all parts of an upload, and is about to say so."""
        if self.faults.are_over:
            return
        if self.setting.has_strangers:
            # What has left a small spool is in S3 alone, and there nobody but its device knows what it must be.
            deeds = [self.stranger.completes]
            if self.setting.spool_bytes is None:
                deeds.append(self.stranger.spoils)
            deed = self.chance.choice(deeds)
            self._start("stranger", lambda: deed(upload_id))
            self.scheduler.linger(self.chance.randint(0, 3))
        self.cloud.meets("POST complete")

    def _at_part(self) -> None:
        if not self.faults.are_over and self.chance.random() < 0.03:
            self.stranger.aborts()

    def operate_on(self, session_id: SessionId) -> None:
        """A person speaks up while the intent of a cleanup is on its way to the table, or its reply on the way back."""
        if self.faults.are_over or self.chance.random() < 0.5:
            return
        self._start("operator", lambda: self.operator.acts_in_a_cleanup(session_id))
        self.scheduler.sleep(self.chance.choice((0.0, 2.0)))

    def _operate(self) -> None:
        for _ in range(4):
            self.scheduler.sleep(self.chance.random() * self.setting.busy_s / 2)
            self.operator.acts()

    def _settle(self) -> None:
        """Faults are over: within three rounds everything is home, and one more writes nothing."""
        cloud, scheduler = self.cloud, self.scheduler
        self.faults.are_over = True
        scheduler.sleep(20_000.0)
        self.processor.is_honest = True
        for device in self.devices:
            self._bring_home(device)
        self.set_right()
        depth = self.setting.depth
        far = depth in (Depth.CLEANED, Depth.RESTORED, Depth.PURGED)
        words = rounds = 0
        # An upload that a dead processor left keeps the originals until its time is over, and its key if it lied.
        is_left = far or (self.setting.lies and self.setting.uploads_outputs)
        pause_s = POLICY.upload_ttl_s + POLICY.longest_look_s if is_left else 1.0
        while rounds < ROUNDS:
            if depth is not Depth.HOME:
                self.processor.works()
            scheduler.sleep(pause_s)
            pause_s = POLICY.grace_s + POLICY.cleanup_patience_s if far else 1.0
            reconciles(cloud)
            rounds += 1
            if self._is_over():
                break
            if self.set_right():
                # What was made wrong may be found only now. The rounds count from the last word of a person.
                words, rounds = words + 1, 0
                if words > MOST_WORDS:
                    raise Broken("home", f"sessions fail again and again: {cloud.safety.describe()}")
        if depth is Depth.RESTORED:
            self._restore()
        if depth is Depth.PURGED:
            self._purge()
        writes = cloud.writes
        scheduler.sleep(1.0)
        reconciles(cloud)
        if far and cloud.writes != writes:
            raise Broken("rest", f"one more round wrote: {cloud.log[-12:]}")
        self._demand_end()

    def _is_over(self) -> bool:
        """Whether every session is where it must be in the end, and waits for no person."""
        pictures = (self.cloud.records.picture(each) for each in self.cloud.records.sessions())
        return all(
            each is not None
            and each.session.state in ENDS[self.setting.depth]
            and not each.session.held
            and not _is_implausible(each)
            for each in pictures
        )

    def _restore_among_faults(self) -> None:
        for session_id in list(self.cloud.records.sessions()):
            self.operator.restores(session_id)
        for seconds in (POLICY.in_flight_s, 300.0):
            self.scheduler.sleep(seconds)
            reconciles(self.cloud)

    def _restore(self) -> None:
        """An operator wants back what was cleaned; within three rounds it is there, byte for byte."""
        for session_id in self.cloud.records.sessions():
            self.operator.restores(session_id)
        for seconds in (POLICY.in_flight_s, 300.0, 300.0):
            self.scheduler.sleep(seconds)
            reconciles(self.cloud)
        for device in self.devices:
            for path, films in device.truth.items():
                self._demand_present(path, films)

    def _purge(self) -> None:
        """The last look, and then S3's lifecycle: what goes for good has all its outputs."""
        cloud, scheduler = self.cloud, self.scheduler
        lifecycle = Lifecycle(cloud.objects, self.faults)
        for seconds in (POLICY.last_look_s, 2 * DAY_S, DAY_S):
            scheduler.sleep(seconds)
            reconciles(cloud)
            for deed in lifecycle.run(cloud.now()):
                if deed.verb == "purge" and deed.key.startswith(keys.ORIGINALS):
                    cloud.rare.note("an original is purged for good")
                    cloud.safety.purged(deed.key, deed.name)

    def set_right(self) -> bool:
        """An operator arms cleanup, releases what is held, and orders again what failed; whether something had."""
        self.operator.arms()
        has_failed = False
        for session_id in self.cloud.records.sessions():
            picture = self.cloud.records.picture(session_id)
            assert picture
            if picture.session.held:
                self.operator.releases(session_id)
            if picture.session.state is SessionState.FAILED or _is_implausible(picture):
                has_failed = True
                self.operator.orders(session_id)
        return has_failed

    def _bring_home(self, device: Device) -> None:
        for card in range(len(device.cards)):
            if device.cards[card]:
                device.insert(card)
                self._bring_card_home(device)

    def _bring_card_home(self, device: Device) -> None:
        for _ in range(MOST_RUNS):
            said = device.run()
            if (
                said is not None
                and not isinstance(said, EdgeError)
                and not said.unfinished
                and not said.refusals
            ):
                if self.setting.erases_cards or len(device.cards) > 1:
                    self._demand_erasable(device)
                return
            self.scheduler.sleep(4000.0)
            if self.setting.has_strangers or device.look_alike:
                # What was not promised is rejected by the reconciler alone.
                reconciles(self.cloud)
        raise Broken("home", f"{device.name} is not through: {said}")

    def _demand_erasable(self, device: Device) -> None:
        """An audit says of a card that is home that it may be erased; its list of sessions may lag for a while."""
        for pause_s in (0.0, 4000.0):
            self.scheduler.sleep(pause_s)
            found = device.audit()
            if found is not None and found.homes == len(found.recordings):
                return
        raise Broken("home", f"the card of {device.name} is home, and an audit does not say so: {found}")

    def _demand_end(self) -> None:
        cloud = self.cloud
        for session_id in cloud.records.sessions():
            picture = cloud.records.picture(session_id)
            assert picture
            state = picture.session.state
            if state not in ENDS[self.setting.depth]:
                raise Broken("home", f"{session_id} is {state.value}")
        for device in self.devices:
            for path, films in device.truth.items():
                self._demand_stored(path, films)
        for multipart in cloud.objects.multiparts(""):
            # What a processor opened, and a proxy that stayed on its card, end with their deadline.
            is_ours = multipart.key.startswith((keys.ORIGINALS, keys.INTERMEDIATES))
            age_s = (cloud.now() - multipart.initiated_at).total_seconds()
            if age_s < (POLICY.orphan_age_s if is_ours else POLICY.upload_ttl_s) + POLICY.look_s:
                continue
            raise Broken("home", f"the multipart upload {multipart.multipart_id} of {multipart.key} is left")

    def _demand_present(self, path: str, films: list[bytes]) -> None:
        """The last film of this path is what S3 shows."""
        keys_known = self.cloud.objects.below((keys.ORIGINALS,))
        present = {self.cloud.objects.body(key) for key in keys_known if key.endswith(path)}
        for film in films:
            if film not in present:
                raise Broken("S4", f"a film of {path} was restored, and is not there")

    def _demand_stored(self, path: str, films: list[bytes]) -> None:
        """Every film that was ever on a card has its bytes in S3, now or under a marker."""
        objects = self.cloud.objects
        stored = {
            version.body
            for session_id in self.cloud.records.sessions()
            for version in objects.versions(f"{keys.ORIGINALS}{session_id}/{path}")
        }
        for film in films:
            if film not in stored and self.setting.depth is not Depth.PURGED:
                raise Broken("S1", f"a film of {path} is not in S3")


def _is_implausible(picture: Picture) -> bool:
    """Whether a person must look at what the present order made."""
    receipts = (picture.receipt(each) for each in picture.required)
    present = {each.version_id for each in receipts if each}
    is_processed = picture.session.state is SessionState.PROCESSED
    return is_processed and any(film.fault and film.version_id in present for film in picture.session.films)
