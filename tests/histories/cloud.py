"""The coordinator and its world: functions that run as processes, each call of a port a step that may fail.

The flows and the web door are those that Lambda runs, and the app is made once for each policy. Its ports are seams:
each hands its call to the history that plays, which lets others have their turn, draws a fault, watches the effect and
notes the step.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from chalice.app import Chalice, Request
from msgspec import Struct
from msgspec.json import decode, encode
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.errors import ReelhaulError, StorageBusy
from chalicelib.core.ids import DeviceId, SessionId, TokenId
from chalicelib.core.order import wish
from chalicelib.core.settle import Policy
from chalicelib.core.tokens import Role, Token
from chalicelib.core.upload import UploadState
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.s3_events import settle_created
from chalicelib.ports import Enlisting, PartUrl, Ports, RangeUrl
from tests.histories.faults import Faults
from tests.histories.outcome import Broken, Step
from tests.histories.rare import Rare
from tests.histories.scheduler import Process, Scheduler, Task
from tests.histories.setting import Where
from tests.histories.world.bucket import SimulatedBucket
from tests.histories.world.events import Delivery
from tests.histories.world.queue import SimulatedQueue
from tests.histories.world.table import SimulatedTable
from tests.simulation.watch import READS, WRITES
from tests.support.builders import MemoryPorts
from tests.support.memory import (
    CountingMetrics,
    FixedIds,
    MemoryFrameIndex,
    MemoryIndexer,
    MemoryLake,
    MemoryObjectStore,
    MemoryOrders,
    MemoryRecords,
    MemorySigner,
)
from tests.web.client import Deployment, app_over

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
API_LIMIT_S, FUNCTION_LIMIT_S = 60.0, 300.0
ON_READS = ("busy", "killed before", "slow")
ON_WRITES = (
    "busy",
    "lost reply",
    "killed before",
    "killed after",
    "twice",
    "slow",
    "lost reply",
    "killed after",
)
SLOW_S = (0.5, 5.0, 70.0, 400.0, 1200.0)
OF_WORLD = frozenset(("write", "postpone", "spend", "create_multipart", "complete", "put"))
"""Calls that the models of AWS repeat by themselves."""
MEETINGS = frozenset(("create_multipart", "complete", "remove"))
"""Calls around which others may act: each of them changes S3, and is on record before it or after it."""
SECRET = "s3cret-of-the-history"


class Seam:
    """Stands where an adapter is; each of its methods is a step of the history that plays."""

    def __init__(self, adapter: str) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(STAGE.cloud, self._adapter), name)


def _stepped(name: str) -> Callable[..., Any]:
    def method(self: Seam, *arguments: Any, **options: Any) -> Any:
        cloud = STAGE.cloud
        return cloud.take(name, getattr(getattr(cloud, self._adapter), name), arguments, options)

    return method


for _name in READS | WRITES:
    setattr(Seam, _name, _stepped(_name))


class _Stage:
    """The history that plays in this process."""

    cloud: Cloud


STAGE = _Stage()


class _Clock:
    """The functions' time, which S3's need not be."""

    def now(self) -> datetime:
        # Two functions that look at the same moment see it a little later one after the other.
        STAGE.cloud.looks += 1
        return STAGE.cloud.now()


class _S3Clock:
    """S3's time: that of the history."""

    def now(self) -> datetime:
        return START + timedelta(seconds=STAGE.cloud.scheduler.now)


@functools.cache
def seams(policy: Policy) -> MemoryPorts:
    """The ports of every function of a deployment with this policy."""
    return MemoryPorts(
        cast(MemoryObjectStore, Seam("objects")),
        cast(MemoryFrameIndex, Seam("frame_index")),
        MemoryLake(),
        cast(MemoryRecords, Seam("table")),
        cast(MemorySigner, Seam("signer")),
        cast(MemoryOrders, Seam("orders")),
        cast(MemoryIndexer, Seam("indexer")),
        cast(FixedIds, Seam("ids")),
        cast(Any, _Clock()),
        CountingMetrics(),
        policy,
    )


@functools.cache
def app(policy: Policy) -> Chalice:
    """The API of such a deployment."""
    return app_over(seams(policy), Deployment(default_wish=wish(policy.required_outputs, {})))


@functools.cache
def routes(policy: Policy) -> dict[tuple[str, int], list[tuple[list[str], str, Callable[..., Any]]]]:
    """Its doors by method and count of the path's words."""
    found: dict[tuple[str, int], list[tuple[list[str], str, Callable[..., Any]]]] = {}
    known = app(policy).routes
    for path in list(known):
        # A module's routes are there once one of them was asked for.
        for method, entry in known[path].items():
            words = path.strip("/").split("/")
            found.setdefault((method, len(words)), []).append((words, path, entry.view_function))
    return found


class HttpsSigner(MemorySigner):
    """Signs as the one in memory does; the client takes no address without https."""

    def part_urls(self, *asked: Any, **named: Any) -> tuple[PartUrl, ...]:
        found = super().part_urls(*asked, **named)
        return tuple(replace(each, url=each.url.replace("memory:", "https:")) for each in found)

    def range_urls(self, *asked: Any, **named: Any) -> tuple[RangeUrl, ...]:
        found = super().range_urls(*asked, **named)
        return tuple(replace(each, url=each.url.replace("memory:", "https:")) for each in found)


class Answer(Struct):
    """An answer of the API: status, body and headers."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def status_code(self) -> int:
        return self.status

    def json(self) -> Any:
        return decode(self.body)


class Cloud:
    """What one history has in AWS. `steps` counts its calls, `rare` the states that a good run reaches."""

    def __init__(self, scheduler: Scheduler, faults: Faults, policy: Policy, records_steps: bool) -> None:
        from tests.histories.safety import Safety  # it looks at the cloud

        self.scheduler = scheduler
        self.faults = faults
        self.policy = policy
        self.rare = Rare()
        self.skew_s = 0.0
        self.looks = 0
        self._shown_s, self._shown = 0.0, START
        self.running: Counter[str] = Counter()
        self.steps = 0
        self.log: list[str] = []
        self.told: list[Step] = []
        self._records_steps = records_steps
        STAGE.cloud = self
        self.objects = SimulatedBucket(_S3Clock(), faults)
        self.frame_index = MemoryFrameIndex(self.objects)
        self.records = MemoryRecords()
        self.table = SimulatedTable(self.records, self.now_s, faults)
        self.signer = HttpsSigner()
        self.orders = SimulatedQueue(self.now_s, faults)
        self.indexer = MemoryIndexer()
        self.ids = FixedIds()
        self.writes = 0
        self.at_call: Callable[[str], None] = lambda name: None
        self.meets: Callable[[str], None] = lambda call: None
        self.safety = Safety(self)
        self.ports = seams(policy)

    @property
    def plain(self) -> Ports:
        """The world past every fault, for who only looks."""
        return Ports(
            self.objects,
            self.frame_index,
            MemoryLake(),
            self.records,
            self.signer,
            self.orders,
            self.indexer,
            self.ids,
            cast(Any, _Clock()),
            CountingMetrics(),
            self.policy,
        )

    def now(self) -> datetime:
        """What the functions' clock shows; it shows another microsecond at each of their looks."""
        seconds = self.scheduler.now + self.skew_s
        if seconds != self._shown_s:
            self._shown_s, self._shown = seconds, START + timedelta(seconds=seconds)
        return self._shown + timedelta(0, 0, self.looks)

    def enrol(self, device_id: DeviceId) -> str:
        """A good token of a device."""
        token_id = TokenId(f"t_{device_id}")
        token = Token(token_id, Role.DEVICE, "main", device_id, tokens.digest(SECRET), START)
        self.records.enlist(Enlisting(tokens=(token,)))
        return tokens.written(token_id, SECRET)

    def now_s(self) -> float:
        """The seconds since the history began."""
        return self.scheduler.now

    def note(self, actor: str, call: str, fault: str | None = None) -> None:
        """One step more."""
        self.steps += 1
        self.log.append(f"{actor}|{call}|{fault}" if fault else f"{actor}|{call}")
        if self._records_steps:
            self.told.append(Step(self.steps, self.scheduler.now, actor, call, fault, self.safety.describe()))

    def take(
        self, name: str, method: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        """One call of a port by a function: others first, then perhaps a fault, else its effect."""
        scheduler = self.scheduler
        scheduler.pass_turn()
        self.at_call(name)
        process = scheduler.current.process
        self.safety.promises.called(process)
        is_write = name in WRITES
        fault = self.faults.draw(Where.FUNCTION, ON_WRITES if is_write else ON_READS, name)
        if fault is None:
            self.note(process.name, name)
            return self._effect(name, method, arguments, options, is_write)
        self.note(process.name, name, fault)
        if fault == "slow":
            scheduler.sleep(self.faults.amount(SLOW_S))
            self.demand_time(process)
            return self._effect(name, method, arguments, options, is_write)
        if fault == "busy":
            if name == "write" and any(each.state is UploadState.COMPLETED for each in arguments[0].uploads):
                self.rare.note("table is busy while an upload is completed")
            raise StorageBusy("no answer")
        if fault == "killed before":
            scheduler.kill(process)
        places = [(each, each.tell()) for each in arguments if hasattr(each, "seek")]
        answer = self._effect(name, method, arguments, options, is_write)
        if fault == "twice":
            for each, place in places:
                each.seek(place)
            # The SDK's repeat of a transaction has its token, and is answered as the first; `world` repeats the others.
            return answer if name in OF_WORLD else self._effect(name, method, arguments, options, is_write)
        self.rare.at_unheard(name)
        if fault == "killed after":
            scheduler.kill(process)
        raise StorageBusy("the reply was lost")

    def _effect(
        self,
        name: str,
        method: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        is_write: bool,
    ) -> Any:
        if not is_write:
            try:
                answer = method(*arguments, **options)
            except ReelhaulError as error:
                self.rare.at_refusal(name, error, arguments)
                raise
            return iter(list(answer)) if hasattr(answer, "__next__") else answer
        if name != "put_last_round":
            self.writes += 1
        safety = self.safety
        if name in MEETINGS:
            self.meets(name)
        if name == "write":
            safety.on_its_way(arguments[0].session)
        safety.before(name, arguments)
        try:
            answer = method(*arguments, **options)
        except ReelhaulError as error:
            self.rare.at_refusal(name, error, arguments)
            # It may have had its effect all the same.
            safety.after(name, arguments)
            raise
        safety.after(name, arguments)
        if name in MEETINGS:
            self.meets(name)
        return answer

    def demand_time(self, process: Process) -> None:
        """Lambda ends a process whose time is over."""
        ends_at = getattr(process, "ends_at", None)
        if ends_at is not None and self.scheduler.now > ends_at:
            self.rare.note("function timed out")
            self.scheduler.kill(process)

    def run(self, name: str, limit_s: float, act: Callable[[], Any]) -> Invocation:
        """Have a function run; it goes its own way, whether or not somebody waits for it."""
        return Invocation(self, name, limit_s, act)

    def call(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """What the API answers; runs within a function."""
        address = urlsplit(path)
        words = address.path.strip("/").split("/")
        parameters, template, view = _found(routes(self.policy), method, words)
        event = {
            "requestContext": {
                "httpMethod": method,
                "resourcePath": template,
                "path": address.path,
                "requestId": str(self.steps),
            },
            "headers": headers,
            "pathParameters": parameters,
            "multiValueQueryStringParameters": parse_qs(address.query) or None,
            "stageVariables": None,
            "body": body.decode(),
        }
        app(self.policy).current_request = Request(event)
        claimed = parameters["upload_id"] if words[-1] == "complete" else ""
        if claimed and self.running[claimed]:
            self.rare.note("claim while another claim is answered")
        self.running[claimed] += 1
        try:
            response = view(**parameters)
        finally:
            self.running[claimed] -= 1
        if response.status_code == 500:
            raise Broken("no 500", f"{method} {path}: {response.body}")
        text = response.body if isinstance(response.body, str | bytes) else encode(response.body)
        return Answer(
            response.status_code,
            text if isinstance(text, bytes) else text.encode(),
            {name: str(value) for name, value in response.headers.items()},
        )


class Invocation:
    """A run of a function: `answer` once it came to its end, `error` where it failed, neither where it was killed."""

    def __init__(self, cloud: Cloud, name: str, limit_s: float, act: Callable[[], Any]) -> None:
        scheduler = cloud.scheduler
        self._running = cloud.running
        self.process = TimedProcess(name, scheduler.now + limit_s)
        self.answer: Any = None
        self.error: ReelhaulError | None = None
        self.is_done = False
        self._act = act
        self.task: Task = scheduler.start(self.process, name, self._run)

    def _run(self) -> None:
        name = self.process.name
        self._running[name] += 1
        try:
            self.answer = self._act()
            self.is_done = True
        except ReelhaulError as error:
            self.error = error
        finally:
            self._running[name] -= 1


class TimedProcess(Process):
    """A process that Lambda ends at a time."""

    __slots__ = ("ends_at",)

    def __init__(self, name: str, ends_at: float) -> None:
        super().__init__(name)
        self.ends_at = ends_at


Doors = dict[tuple[str, int], list[tuple[list[str], str, Callable[..., Any]]]]


def _found(doors: Doors, method: str, words: list[str]) -> tuple[dict[str, str], str, Callable[..., Any]]:
    for pattern, template, view in doors[method, len(words)]:
        if (parameters := _match(pattern, words)) is not None:
            return parameters, template, view
    raise AssertionError(f"no route takes {method} {'/'.join(words)}")


def _match(pattern: list[str], words: list[str]) -> dict[str, str] | None:
    found = {}
    for expected, word in zip(pattern, words, strict=True):
        if expected[0] == "{":
            found[expected[1:-1]] = word
        elif expected != word:
            return None
    return found


def reconcile_round(cloud: Cloud) -> Any:
    """One round of the reconciler, as its function runs it."""
    return reconcile(cloud.ports, 240)


def hear(cloud: Cloud, delivery: Delivery) -> Any:
    """What a function does that an event of S3 starts."""
    return settle_created(cloud.ports, delivery.event, delivery.actor)


def session_ids(cloud: Cloud) -> list[SessionId]:
    """Every session on record."""
    return list(cloud.records.sessions())
