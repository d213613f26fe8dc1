"""What becomes of recordings that are home: histories that begin where the haul has ended.

Rounds overlap, operators say whatever they like, devices read cards again, S3 ends what was cleaned, and somebody
removes an output, all of them at the same moments. In the end everything is cleaned, or kept for a reason.
"""

from __future__ import annotations

import functools
import itertools
import json
import random
from collections.abc import Callable
from copy import copy
from enum import Enum
from typing import TYPE_CHECKING

from chalicelib.core import artifact, ids, keys
from chalicelib.core.artifact import Kind, is_sidecar, made_key
from chalicelib.core.chapter import Chapter
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.evidence import WholeRead, Xxh128
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.order import wish
from chalicelib.core.picture import Picture
from chalicelib.core.session import Camera, SessionState
from chalicelib.core.settle import Policy
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Upload
from chalicelib.flows import completion, evidence, operations, sessions, uploads
from tests.histories.actors import OPERATOR, PROCESSOR, WISH, made_of, reconciles
from tests.histories.cloud import FUNCTION_LIMIT_S, STAGE, Cloud, Invocation, reconcile_round
from tests.histories.device import Device
from tests.histories.faults import EVERYTHING, Faults
from tests.histories.outcome import Broken
from tests.histories.promises import LATE_FAILURE
from tests.histories.scheduler import Process, Scheduler, Task
from tests.histories.setting import Mode, Where
from tests.histories.world.indexes import Index
from tests.histories.world.lifecycle import Lifecycle
from tests.support.films import make_film
from tests.support.memory import crc64nvme_of

if TYPE_CHECKING:
    from tests.histories.history import History

DAY_S = 86_400.0
MOMENTS_S = (0.0, 0.0, 1.0, 4000.0, 4600.0, 8000.0)
"""When actors act, from the begin of a scene on: at a few moments, so that they meet."""
CALLS = (
    *("picture", "picture", "head", "head", "arming", "arming", "spent", "spend", "tag_cleaned", "remove"),
    *("remove", "write", "write", "send", "create_multipart", "copy_part", "complete", "untag_cleaned"),
)
"""The calls of a round between two of which somebody speaks up."""
SKIPPED = (0, 0, 1, 1, 2, 4)
"""How often such a call is made before."""
AHEAD_S = 2000.0
"""More than the clocks may differ, and less than the least age of what a sweep ends."""
ROUNDS = 8
POISONED = ArtifactId("measurements.extra.json")
POISON = b'{"frames": ['
PROXY = make_film(800, 75, seed=5)
AGAIN = wish(WISH.required, {"again": True})


class Proxy(Enum):
    """What became of a session's proxy."""

    NONE = "there is none"
    HOME = "it is home"
    OPEN = "its upload is open, and nothing comes"


class World:
    """What is recorded and stored once every film of a device is home and processed; it is made once, and copied."""

    def __init__(
        self, policy: Policy, films: tuple[tuple[int, ...], ...], proxy: Proxy, is_poisoned: bool
    ) -> None:
        scheduler = Scheduler(random.Random(0), 0.0)
        faults = Faults(random.Random(0), dict.fromkeys(Where, 0.0), None, EVERYTHING)
        self._cloud = Cloud(scheduler, faults, policy, records_steps=False)
        self._proxy = proxy
        self._is_poisoned = is_poisoned
        self.devices = [
            Device(self._cloud, number, sizes, itertools.repeat(number), 0.0)
            for number, sizes in enumerate(films, start=1)
        ]
        self._cloud.safety.devices = self.devices
        scheduler.start(Process("haul"), "haul", self._live)
        scheduler.play()
        self._until_s = scheduler.now

    def copy_to(self, cloud: Cloud) -> None:
        """Make all of it so in another history, which begins now."""
        cloud.scheduler.now, cloud.looks = self._until_s, self._cloud.looks
        devices = cloud.safety.devices
        for name in ("records", "table", "objects", "orders", "ids", "safety"):
            _copy(getattr(self._cloud, name), getattr(cloud, name))
        _copy(self._cloud.safety.promises, cloud.safety.promises)
        cloud.safety.devices = devices
        cloud.safety.promises.begin()

    def _live(self) -> None:
        cloud = self._cloud
        for device in self.devices:
            self._bring(device)
        reconciles(cloud)
        for session_id in cloud.records.sessions():
            self._process(session_id)
        while received := cloud.orders.receive():
            cloud.orders.delete(received)
        cloud.scheduler.sleep(1.0)
        reconciles(cloud)
        for session_id in cloud.records.sessions():
            state = _picture(cloud, session_id).session.state
            if state is not SessionState.PROCESSED:
                raise Broken("home", f"{session_id} is {state.value}")

    def _bring(self, device: Device) -> None:
        ports = self._cloud.ports
        hand = Principal(Role.DEVICE, ids.MAIN, device.device_id)
        session_id = ids.session_id(ids.MAIN, f"recording-{device.device_id}")
        films = {path: films[-1] for path, films in device.truth.items()}
        chapters = [_chapter(path, film) for path, film in films.items()]
        assert device.camera.identity
        camera = Camera(device.camera.identity.serial)
        sessions.confirm_session(ports, hand, session_id, camera, None, chapters, WISH)
        for chapter, film in zip(chapters, films.values(), strict=True):
            self._bring_one(hand, session_id, chapter.artifact_id, film, is_ended=True)
        if self._proxy is not Proxy.NONE:
            device.proxies = [PROXY]
            proxy = artifact.sidecar_id(chapters[0].artifact_id, Kind.PROXY)
            self._bring_one(hand, session_id, proxy, PROXY, is_ended=self._proxy is Proxy.HOME)

    def _bring_one(
        self, hand: Principal, session_id: SessionId, artifact_id: ArtifactId, body: bytes, is_ended: bool
    ) -> None:
        ports = self._cloud.ports
        view, _ = uploads.open_upload(ports, hand, session_id, artifact_id, len(body), None)
        upload: Upload = view.upload
        for number in upload.plan.numbers if is_ended else ():
            start = upload.plan.start_of(number)
            part = body[start : start + upload.plan.size_of(number)]
            self._cloud.objects.put_part(upload.key, upload.multipart_id, number, part)
        if is_ended:
            claim = crc64nvme_of(body)
            self._cloud.safety.promises.claims(upload.upload_id, claim)
            completion.complete_upload(ports, hand, upload.upload_id, claim)

    def _process(self, session_id: SessionId) -> None:
        """A processor that does as it is told, but for measurements that nobody asked for."""
        picture = _picture(self._cloud, session_id)
        made = dict(made_of(len(picture.chapters)))
        if self._is_poisoned:
            made[POISONED] = POISON
        for artifact_id, body in made.items():
            self._cloud.objects.put_object(made_key(session_id, 1, artifact_id), body)
        artifacts = [
            {"artifact_id": each, "size_bytes": len(body), "crc64nvme": crc64nvme_of(body)}
            for each, body in made.items()
        ]
        told = {
            "project": ids.MAIN,
            "session_id": ids.name_of(session_id),
            "order": 1,
            "artifacts": artifacts,
        }
        self._cloud.objects.put_object(keys.manifest_key(session_id, 1), json.dumps(told).encode())


@functools.cache
def _world(policy: Policy, films: tuple[tuple[int, ...], ...], proxy: Proxy, is_poisoned: bool) -> World:
    return World(policy, films, proxy, is_poisoned)


class Aftermath:
    """One history of recordings that are home."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._cloud = history.cloud
        self._scheduler = history.scheduler
        self._chance: random.Random = history.chance
        self._promises = history.cloud.safety.promises
        self._policy = history.cloud.policy
        self._is_poisoned = self._chance.random() < 0.15
        self._is_robbed = False
        self._call = self._chance.choice(CALLS)
        self._skips = self._chance.choice(SKIPPED)
        proxy = self._chance.choices(tuple(Proxy), (7, 2, 1))[0]
        world = _world(self._policy, history.setting.films, proxy, self._is_poisoned)
        STAGE.cloud = self._cloud
        for device, source in zip(history.devices, world.devices, strict=True):
            device.truth, device.proxies = source.truth, source.proxies
        world.copy_to(self._cloud)
        self._words = (
            self._hold,
            self._hold,
            self._release,
            self._order,
            self._order,
            self._order_twice,
            self._restore,
            self._restore,
            self._restore_one,
            self._disarm,
            self._arm,
            self._forbid,
            self._run_ahead,
            self._read_again,
            self._read_again,
            self._accept,
            self._rob,
        )
        self._words_in_a_call: tuple[Callable[[], object], ...] = (
            *(self._hold, self._disarm, self._disarm, self._rob, self._rob, self._rob, self._read_again),
            *(self._order, self._restore, self._restore, self._restore_one, self._forbid, self._round),
        )
        if history.setting.is_tight:
            # Two who would clean meet where the day's limit is asked for.
            self._call, self._skips, self._words_in_a_call = "spend", 0, (self._round,)

    def live(self) -> None:
        """The history, from its begin to its end."""
        self._history.operator.arms()
        if self._history.setting.is_tight or self._chance.random() < 0.4:
            self._cloud.at_call = self._speak_up
        else:
            self._cloud.safety.hears_of_cleanup = self._await_call
        policy, chance = self._policy, self._chance
        early_s = chance.choice((1500.0, 600.0, 0.0, 0.0, 0.0))
        self._scheduler.sleep(policy.grace_s - early_s)
        if early_s and chance.random() < 0.5:
            self._at(0.0, self._run_ahead)
        self._scene()
        if chance.random() < 0.4:
            self._scheduler.sleep(chance.choice((0.0, 0.2, 1.0, 3.0)) * DAY_S)
            self._scene()
        if chance.random() < 0.3:
            self._last_look()
        if self._history.setting.mode is Mode.SETTLING:
            self._settle()

    def _scene(self) -> None:
        """Some rounds and some words, which meet at a few moments."""
        chance = self._chance
        tasks = [self._at(chance.choice(MOMENTS_S), self._round) for _ in range(chance.choice((2, 3, 4)))]
        for _ in range(chance.choice((0, 1, 2, 3))):
            tasks.append(self._at(chance.choice(MOMENTS_S), chance.choice(self._words)))
        tasks.append(self._at(chance.choice(MOMENTS_S), self._history.processor.works))
        for task in tasks:
            task.join()

    def _await_call(self, _session_id: SessionId) -> None:
        """Speak up from now on, after the intent of a cleanup."""
        self._cloud.at_call = self._speak_up

    def _speak_up(self, call: str) -> None:
        """Act in the middle of what a round does: right before a call, which takes a moment or never comes."""
        if call != self._call or self._scheduler.current.process.name != "reconciler":
            return
        self._skips -= 1
        if self._skips >= 0 or self._history.faults.are_over:
            return
        self._skips = self._chance.choice(SKIPPED)
        self._at(0.0, self._chance.choice(self._words_in_a_call))
        self._scheduler.sleep(self._chance.choice((0.0, 1.0)))
        if self._chance.random() < 0.1:
            self._cloud.note("lambda", "ends the function")
            self._scheduler.kill(self._scheduler.current.process)

    def _at(self, delay_s: float, act: Callable[[], object]) -> Task:
        def live() -> None:
            if delay_s:
                self._scheduler.sleep(delay_s)
            act()

        return self._scheduler.start(Process("aftermath"), "aftermath", live)

    def _round(self) -> None:
        run = self._cloud.run("reconciler", FUNCTION_LIMIT_S, functools.partial(reconcile_round, self._cloud))
        run.task.join()

    def _last_look(self) -> None:
        """What was cleaned is about to be purged: first its last look, then S3's lifecycle."""
        intents = [each.session.cleanup for each in self._pictures()]
        decided = [intent.decided_at for intent in intents if intent]
        if not decided:
            return
        if self._chance.random() < 0.7:
            self._chance.choice((self._rob, self._read_again))()
        age_s = (self._cloud.now() - min(decided)).total_seconds()
        self._scheduler.sleep(max(0.0, self._policy.last_look_s - age_s))
        self._scene()
        self._history.faults.are_over = True
        for _ in range(10):
            self._scheduler.sleep(0.2 * DAY_S)
            reconciles(self._cloud)
        self._history.faults.are_over = False
        self._purge()

    def _purge(self) -> None:
        """S3's lifecycle ends what has been hidden for as long as the bucket keeps it, if it is marked."""
        for deed in Lifecycle(self._cloud.objects, self._history.faults).run(self._cloud.now()):
            self._cloud.note("s3", deed.verb)
            if deed.verb == "purge" and deed.key.startswith(keys.CLEANED):
                self._cloud.safety.purged(deed.key, deed.name)

    def _settle(self) -> None:
        """Faults are over, and a person sets right what must be: then all is cleaned, or kept for a reason."""
        history, cloud = self._history, self._cloud
        history.faults.are_over = True
        self._scheduler.sleep(20_000.0)
        history.processor.is_honest = True
        was_open = any(map(_is_open, self._pictures()))
        for number in range(ROUNDS):
            if number == ROUNDS // 2 and not was_open:
                self._demand_cleaned()
            if number >= ROUNDS // 2:
                # What a processor opened with another size ends with its deadline.
                self._scheduler.sleep(2 * DAY_S)
            self._accept_all()
            is_held = any(each.session.held for each in self._pictures())
            history.set_right()
            history.processor.works()
            if is_held:
                # Whoever let go may still object, for as long as the grace lasts.
                reconciles(cloud)
            self._scheduler.sleep(self._policy.grace_s + self._policy.cleanup_patience_s)
            reconciles(cloud)
            if all(each.session.state is SessionState.CLEANED for each in self._pictures()):
                break
        # A scrub is a write, after which its session is looked at once more. What a lost output has stopped is
        # looked at in every round.
        self._scheduler.sleep(1.0)
        reconciles(cloud)
        writes = cloud.writes
        self._scheduler.sleep(1.0)
        reconciles(cloud)
        if cloud.writes != writes and not self._is_robbed:
            raise Broken("rest", f"one more round wrote: {cloud.log[-12:]}")
        for picture in self._pictures():
            self._demand_end(picture)

    def _demand_cleaned(self) -> None:
        """Nothing keeps a session but an upload that is open, or the limit of a day; a proxy's upload does not."""
        if self._is_poisoned or self._is_robbed or self._history.setting.is_tight:
            return
        for picture in self._pictures():
            session = picture.session
            if session.state is not SessionState.CLEANED and not _is_open(picture):
                raise Broken("home", f"{session.session_id} is {session.state.value}, and nothing is open")

    def _demand_end(self, picture: Picture) -> None:
        session, objects = picture.session, self._cloud.objects
        for chapter in picture.chapters:
            receipt = picture.receipt(chapter.artifact_id)
            versions = objects.versions(chapter.key(session.session_id))
            is_clean = session.state is SessionState.CLEANED
            # A cleanup that a lost output has stopped is recalled by its last look, days later.
            is_hidden = receipt is not None and objects.head(receipt.key) is None
            if receipt and is_hidden and not is_clean and not self._is_robbed:
                raise Broken("home", f"{receipt.key} is hidden, and its session is {session.state.value}")
            is_gone = receipt and not any(each.version_id == receipt.version_id for each in versions)
            if receipt and is_gone and not session.is_guarded and not picture.lost:
                raise Broken("S4", f"{receipt.key} is gone")
        if session.restoring:
            raise Broken("home", f"{session.session_id} is still being restored")
        if not (self._is_poisoned or self._is_robbed) and session.state is not SessionState.CLEANED:
            raise Broken("home", f"{session.session_id} is {session.state.value}, and nothing keeps it")
        for multipart in objects.multiparts(keys.ORIGINALS):
            raise Broken("home", f"the multipart upload of {multipart.key} is left")

    def _pictures(self) -> list[Picture]:
        return [self._picture(each) for each in self._cloud.records.sessions()]

    def _picture(self, session_id: SessionId) -> Picture:
        return _picture(self._cloud, session_id)

    def _one(self) -> Picture:
        return self._chance.choice(self._pictures())

    def _says(self, name: str, act: Callable[[], object]) -> Invocation:
        self._cloud.note("operator", name)
        run = self._cloud.run("api", 60.0, act)
        run.task.join()
        return run

    def _hold(self) -> None:
        """For a while, or until somebody else releases it."""
        session_id = self._one().session.session_id
        self._history.operator.holds(session_id)
        if self._chance.random() < 0.6:
            self._scheduler.sleep(self._chance.choice(MOMENTS_S))
            self._history.operator.releases(session_id)

    def _release(self) -> None:
        self._history.operator.releases(self._one().session.session_id)

    def _order(self) -> None:
        session_id = self._one().session.session_id
        self._promises.ordered(session_id)
        self._says("order", lambda: operations.order(self._cloud.ports, OPERATOR, session_id, AGAIN))
        if self._chance.random() < 0.4:
            self._fail(session_id)
        else:
            self._history.processor.works()

    def _order_twice(self) -> None:
        """A call whose answer was lost, and its repeat."""
        session_id = self._one().session.session_id
        key = f"key {self._cloud.steps}"
        self._promises.ordered(session_id)
        for _ in range(2):
            self._says(
                "order with a key",
                lambda: operations.order(self._cloud.ports, OPERATOR, session_id, AGAIN, key),
            )

    def _restore(self) -> None:
        self._history.operator.restores(self._one().session.session_id)

    def _restore_one(self) -> None:
        picture = self._one()
        wanted = [picture.chapters[0].artifact_id]
        self._says(
            "restore one",
            lambda: operations.restore(
                self._cloud.ports, OPERATOR, picture.session.session_id, wanted, "wanted"
            ),
        )

    def _disarm(self) -> None:
        self._history.operator.arms(False)

    def _arm(self) -> None:
        self._history.operator.arms()

    def _forbid(self) -> None:
        """An administrator forbids removals for a while; S3 refuses them."""
        self._cloud.note("administrator", "forbid removals")
        self._cloud.objects.refuses_removals = True
        self._scheduler.sleep(self._chance.choice((1.0, 4000.0)))
        self._cloud.objects.refuses_removals = False

    def _run_ahead(self) -> None:
        """The functions' clock is ahead for a while, where nothing is under way that it would end too early."""
        cloud = self._cloud
        is_busy = any(each.session.restoring or _is_open(each) for each in self._pictures())
        if is_busy or cloud.skew_s >= AHEAD_S:
            return
        cloud.note("clock", "runs ahead")
        cloud.skew_s += AHEAD_S
        self._scheduler.sleep(self._chance.choice((1.0, 4000.0)))
        cloud.skew_s -= AHEAD_S

    def _fail(self, session_id: SessionId) -> None:
        """A processor of an earlier order, or of the present one, gives up."""
        order = self._picture(session_id).session.order
        number = self._chance.randint(1, order.number if order else 1)
        self._says(
            "fail",
            lambda: operations.fail(
                self._cloud.ports, PROCESSOR, session_id, LATE_FAILURE.format(number), number
            ),
        )

    def _read_again(self) -> None:
        """A device reads a chapter of its card again, perhaps several times; a person may look into it meanwhile."""
        picture = self._one()
        session_id, chapter = picture.session.session_id, self._chance.choice(picture.chapters)
        for _ in range(self._chance.choice((1, 2, 3))):
            self._tell(session_id, chapter, is_true=self._chance.random() < 0.4)
            if self._chance.random() < 0.3:
                self._accept_those_of(session_id)

    def _tell(self, session_id: SessionId, chapter: Chapter, *, is_true: bool) -> None:
        cloud, picture = self._cloud, self._picture(session_id)
        receipt = picture.receipt(chapter.artifact_id)
        if receipt is None:
            return
        crc = receipt.crc64nvme if is_true else crc64nvme_of(f"{cloud.steps}".encode())
        digest = Xxh128(f"{0 if is_true else cloud.steps:032x}")
        read = WholeRead(chapter.size_bytes, Crc64Nvme(crc), digest, cloud.now())
        hand = Principal(Role.DEVICE, ids.MAIN, picture.session.device_id)
        accepts = self._promises.accepts[session_id, chapter.artifact_id]
        run = self._says(
            "second read",
            lambda: evidence.record_second_read(cloud.ports, hand, session_id, chapter.artifact_id, read),
        )
        if run.is_done and not is_true:
            self._promises.told(session_id, chapter.artifact_id, crc, accepts)

    def _accept(self) -> None:
        self._accept_those_of(self._one().session.session_id)

    def _accept_all(self) -> None:
        for session_id in self._cloud.records.sessions():
            self._accept_those_of(session_id)

    def _accept_those_of(self, session_id: SessionId) -> None:
        for each in self._picture(session_id).differing:
            with self._promises.accepting(session_id, each.artifact_id):
                self._says(
                    "accept",
                    functools.partial(
                        evidence.accept_differences,
                        self._cloud.ports,
                        OPERATOR,
                        session_id,
                        each.artifact_id,
                        "it was looked into",
                    ),
                )

    def _rob(self) -> None:
        """Somebody with more rights than anybody should have removes an output."""
        picture = self._one()
        receipt = picture.receipt(self._chance.choice(picture.required))
        if receipt is None or self._cloud.objects.head(receipt.key) is None:
            return
        self._is_robbed = True
        self._cloud.note("stranger", "remove an output")
        self._cloud.objects.mark_deleted(receipt.key)
        self._promises.lost(receipt.key)


def _is_open(picture: Picture) -> bool:
    """Whether an upload of anything but a sidecar is open."""
    return any(each.owes and not is_sidecar(each.artifact_id) for each in picture.uploads)


def _chapter(path: str, film: bytes) -> Chapter:
    directory, _, filename = path.partition("/")
    return Chapter(directory, filename, len(film))


def _picture(cloud: Cloud, session_id: SessionId) -> Picture:
    picture = cloud.records.picture(session_id)
    assert picture
    return picture


def _copy(source: object, target: object) -> None:
    """Give `target` what `source` holds in containers and counts; the values in them never change."""
    for name, value in vars(source).items():
        if isinstance(value, dict):
            kept = {key: copy(each) if isinstance(each, list | dict) else each for key, each in value.items()}
            setattr(target, name, type(value)(kept))
        elif isinstance(value, list | set):
            setattr(target, name, copy(value))
        elif isinstance(value, Index):
            _copy(value, getattr(target, name))
        elif isinstance(value, itertools.count):
            setattr(target, name, itertools.count(int(repr(value)[len("count(") : -1])))
