"""What the spool has promised is there after a power cut at any call of the disk, and after a kill before it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest
from awscrt.checksums import crc64nvme

from edge_client.model.files import CameraFile, FileIdentity
from edge_client.model.levels import Reread, WholeRead
from edge_client.model.parts import PartPlan, Span, SpooledPart
from edge_client.spool.chapter import ChapterSpool
from edge_client.spool.spool import Spool
from tests.edge.memory.disk import Mount, SimulatedDisk

PLAN, REPORT = "plan.json", "report.json"
PARTS = PartPlan(180, 100, 2)
FIRST, LAST = PARTS.spans()
IDENTITY = "0123456789abcdef"
FILM = FileIdentity(CameraFile("100GOPRO", "GX010042.MP4", 180, 1, 1), '"e"', "abc")
REREAD = Reread("s", "a", 7, (WholeRead(180, 7, "9" * 32, "2026-11-30T12:00:00Z"),))
SEEDS = 3


class PowerCut(BaseException):
    """As a power cut: no handler runs."""


@dataclass
class Promises:
    """What may be found of each fact: what the spool has answered last, and what a call under way makes of it."""

    allowed: dict[str, set[object]] = field(default_factory=dict)

    def begin(self, facts: dict[str, object]) -> None:
        """A client relies on what it finds."""
        self.allowed = {name: {value} for name, value in facts.items()}

    def make(self, name: str, value: object, act: Callable[[], object]) -> None:
        """While `act` runs the value may be found, or what was there; then nothing else."""
        self.allowed[name].add(value)
        act()
        self.allowed[name] = {value}

    def may_be(self, name: str, *values: object) -> None:
        """These values, too, may be found from now on."""
        self.allowed[name].update(values)

    def broken(self, facts: dict[str, object]) -> list[str]:
        """Those that are not kept."""
        return [
            f"{name} is {value!r}"
            for name, value in facts.items()
            if self.allowed and value not in self.allowed[name]
        ]


def facts_of(spool: Spool) -> dict[str, object]:
    """What a client finds that holds the spool."""
    session = spool.session("s")
    chapter = session.chapter("a", IDENTITY)
    parts = chapter.parts(PARTS)
    named = [part.span for chapter in session.chapter_parts() for part in chapter.parts]
    return {
        PLAN: session.read(PLAN),
        REPORT: session.read(REPORT),
        "receipts": session.receipted(),
        "part 1": bytes_of(chapter, parts.get(1)),
        "part 2": bytes_of(chapter, parts.get(2)),
        "torn parts": [span for span in named if span not in (FIRST, LAST)] != [],
        "confirmed": chapter.confirmed_crc() == 7,
        "suspect": chapter.suspects(PARTS) == {1},
        "broken": spool.broken_films.has(FILM),
        "reread": spool.rereads.find("s", "a") == REREAD,
        "other": state_of(spool, "t"),
        "half forgotten": spool.is_being_forgotten("t"),
    }


def state_of(spool: Spool, session_id: str) -> str:
    if not spool.has(session_id):
        return "gone"
    session = spool.session(session_id)
    is_whole = session.read(PLAN) == b"of t" and session.receipted() == {"b"}
    return "whole" if is_whole else "in part"


def content(span: Span, seed: int) -> bytes:
    return random.Random(f"{span.number} {seed}").randbytes(span.size_bytes)


def put(chapter: ChapterSpool, promises: Promises, span: Span, seed: int) -> SpooledPart:
    """Write a part. An older one of its number may be found for ever: that a name is gone is not made durable."""
    fact, made = f"part {span.number}", list[SpooledPart]()
    older = promises.allowed[fact] - {None}

    def write() -> None:
        with chapter.open_writer(span) as writer:
            for first in range(0, span.size_bytes, 30):
                writer.write(content(span, seed)[first : first + 30])
            made.append(writer.commit())

    promises.make(fact, content(span, seed), write)
    promises.may_be(fact, *older)
    return made[0]


def work(spool: Spool, promises: Promises) -> None:
    """All that a client has a spool do, for one session and one that is forgotten."""
    with spool.hold():
        promises.begin(facts_of(spool))
        session = spool.session("s")
        for number in range(2):
            for name in (PLAN, REPORT):
                document = f"{name} {number}".encode() * 9
                promises.make(name, document, partial(session.write, name, document))
        chapter = session.chapter("a", IDENTITY)
        chapter.parts(PARTS)
        put(chapter, promises, FIRST, 1)
        last = put(chapter, promises, LAST, 1)
        promises.make("suspect", True, lambda: chapter.suspect([1]))
        put(chapter, promises, FIRST, 2)
        promises.may_be("suspect", False)
        promises.make("confirmed", True, lambda: chapter.confirm(7))
        receipt = b'{"artifact_id": "a", "size_bytes": 180}'
        promises.make("receipts", frozenset({"a"}), lambda: session.write_receipt("a", receipt))
        promises.may_be("part 2", None)
        chapter.drop_part(last)
        promises.make("broken", True, lambda: spool.broken_films.add(FILM))
        promises.make("reread", True, lambda: spool.rereads.keep(REREAD))
        promises.may_be("part 1", None)
        promises.may_be("confirmed", False)
        chapter.drop()
        forget(spool, promises)


def forget(spool: Spool, promises: Promises) -> None:
    """Make another session, and forget it."""
    promises.may_be("other", "in part", "whole")
    session = spool.session("t")
    session.write(PLAN, b"of t")
    session.write_receipt("b", b'{"artifact_id": "b", "size_bytes": 1}')
    promises.allowed["other"] = {"whole"}
    promises.make("other", "gone", lambda: spool.forget("t"))


def bytes_of(chapter: ChapterSpool, part: SpooledPart | None) -> bytes | None:
    """A part's bytes, or None without a part. Raises PartCorrupt, which no power cut may lead to."""
    if part is None:
        return None
    read = b"".join(bytes(block) for block in chapter.reader(part).blocks(memoryview(bytearray(64))))
    assert crc64nvme(read) == part.crc
    return read


def cut_at(mount: Mount, nth: int) -> None:
    """The power fails at the n-th call from now on."""
    left = [nth]

    def count(kind: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise PowerCut

    mount.at_each_call = count


def run(disk: SimulatedDisk, promises: Promises, mount: Mount, nth: int) -> bool:
    """Work until the n-th call; whether it came to its end before."""
    cut_at(mount, nth)
    try:
        work(Spool("/spool", mount), promises)
    except PowerCut:
        return False
    return True


def broken_by_cuts(mount_on: Callable[[SimulatedDisk], Mount]) -> Iterator[str]:
    """What a power cut at each of the calls breaks."""
    for nth in range(10_000):
        is_over = False
        for seed in range(SEEDS):
            disk, promises = SimulatedDisk(), Promises()
            is_over = run(disk, promises, mount_on(disk), nth)
            disk.crash(random.Random(f"{nth} {seed}"))
            yield from (f"call {nth}, seed {seed}: {each}" for each in look(disk, promises))
        if is_over:
            assert nth > 100
            return
    raise AssertionError("a client with more calls than were tried")


def look(disk: SimulatedDisk, promises: Promises) -> list[str]:
    """The promises that are not kept when the next client comes."""
    spool = Spool("/spool", disk.mount())
    try:
        with spool.hold():
            return promises.broken(facts_of(spool))
    except Exception as error:  # noqa: BLE001  whatever it is, it is no promise kept
        return [f"{type(error).__name__}: {error}"]


def test_a_power_cut_at_any_call_breaks_no_promise():
    assert list(broken_by_cuts(SimulatedDisk.mount)) == []


class Lazy(Mount):
    """A disk that says it has made something durable, and has not: what the call is for has a path that ends so."""

    def __init__(self, disk: SimulatedDisk, call: str, ending: str) -> None:
        super().__init__(disk)
        self._left_out = call, ending
        self._paths = dict[int, str]()

    def _is_left_out(self, call: str, path: str) -> bool:
        return call == self._left_out[0] and path.endswith(self._left_out[1])

    def create(self, path: str) -> int:
        file = super().create(path)
        self._paths[file] = path
        return file

    def fsync(self, file: int) -> None:
        if not self._is_left_out("fsync", self._paths[file]):
            super().fsync(file)

    def fsync_folder(self, folder: str) -> None:
        if not self._is_left_out("fsync_folder", folder):
            super().fsync_folder(folder)


@pytest.mark.parametrize(
    ("call", "ending"),
    [
        *(("fsync", f"/{name}.writing") for name in (PLAN, REPORT, "00001", "00002", "suspect", "confirmed")),
        *(("fsync", f"{folder}.json.writing") for folder in ("/s/receipts/a", "/t/receipts/b")),
        *(("fsync_folder", folder) for folder in ("/spool", "/s", IDENTITY, "/s/receipts", "/t/receipts")),
        *(("fsync_folder", folder) for folder in (".broken", ".rereads")),
    ],
)
def test_a_sync_that_is_left_out_breaks_a_promise(call: str, ending: str):
    assert any(broken_by_cuts(lambda disk: Lazy(disk, call, ending)))


def test_the_work_is_done_again_after_a_power_cut_at_any_call():
    for nth in range(10_000):
        disk, promises = SimulatedDisk(), Promises()
        is_over = run(disk, promises, disk.mount(), nth)
        disk.crash(random.Random(nth))
        again = Promises()
        work(Spool("/spool", disk.mount()), again)
        disk.crash(random.Random(nth))
        assert look(disk, again) == [], nth
        if is_over:
            return


def test_a_kill_at_any_call_and_a_power_cut_while_the_next_client_works_break_no_promise():
    for nth in range(10_000):
        is_over = False
        for seed in range(SEEDS):
            chance = random.Random(f"{nth} {seed}")
            disk, promises = SimulatedDisk(), Promises()
            killed = disk.mount()
            is_over = run(disk, promises, killed, nth)
            killed.end_of_process()
            again = Promises()
            run(disk, again, disk.mount(), chance.randrange(100))
            disk.crash(chance)
            assert look(disk, again) == [], (nth, seed)
        if is_over:
            return
