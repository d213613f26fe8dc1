"""The camera in memory answers every sequence of calls as the client's camera does over HTTP from the simulator."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from edge_client.base.errors import EdgeError
from edge_client.haul.ports import Camera
from edge_client.model.parts import Span
from edge_client.model.plan import ChapterPlan
from infra.local.camera import Storage
from tests.contracts.edge.test_camera_contract import (
    CREATED,
    DIRECTORY,
    FILM,
    NAME,
    OTHER_NAME,
    SIZE_BYTES,
    InMemory,
    OverHttp,
    Place,
)
from tests.differential.pair import TURNS, Names, Pair, play

NAMES = (NAME, OTHER_NAME, "GX010042.THM", "GOPR0001.JPG", "..", "a b.MP4")
CONTENTS = (FILM, FILM[:-1], FILM + b"rest.", FILM[:100], b"x", b"")
STORAGES = tuple(Storage)
SPANS = ((0, 100), (0, SIZE_BYTES), (1000, 1000), (SIZE_BYTES - 1, 1), (SIZE_BYTES, 1), (0, 1), (0, 0))

names = st.sampled_from(NAMES)


class Side:
    """One camera, and what this side called the files' states."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.camera: Camera = place.camera
        self.names = Names()
        self.plans: list[ChapterPlan] = []

    def etag(self, etag: str | None) -> str | None:
        return etag and self.names.of("etag", etag)

    def head(self, name: str) -> tuple[int, str | None]:
        facts = self.camera.head(DIRECTORY, name)
        self.plans.append(ChapterPlan(DIRECTORY, name, facts.size_bytes, CREATED, CREATED, facts.etag, None))
        return facts.size_bytes, self.etag(facts.etag)

    def read(self, chapter: ChapterPlan, first: int, size_bytes: int) -> bytes:
        taken = bytearray()
        self.camera.read_part(chapter, Span(1, first, size_bytes), taken.extend)
        return bytes(taken)

    def check_whole(self, chapter: ChapterPlan) -> int:
        return self.camera.check_whole(DIRECTORY, chapter.filename, chapter.size_bytes, chapter.etag)


class Cameras(RuleBasedStateMachine):
    """One sequence of calls at both cameras."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.pair = Pair(Side(InMemory()), Side(OverHttp(self.stack)), (EdgeError,))
        self.on_card: set[str] = set()
        self.put_file(NAME, FILM, 0, True)

    def ask(self, call: Callable[[Side], Any]) -> Any:
        return self.pair.ask(call).value

    def put_file(self, name: str, content: bytes, later_s: int, is_listed_with_size: bool) -> None:
        for side in (self.pair.memory, self.pair.real):
            side.place.put(name, content, CREATED + later_s, is_listed_with_size=is_listed_with_size)
        self.on_card.add(name)

    @rule(
        name=st.sampled_from((NAME, OTHER_NAME, "GOPR0001.JPG")),
        content=st.sampled_from(CONTENTS),
        later_s=st.integers(0, 2),
        is_listed_with_size=st.booleans(),
    )
    def put(self, name: str, content: bytes, later_s: int, is_listed_with_size: bool) -> None:
        """A new file, or another one in the place of one: a card that was swapped."""
        self.put_file(name, content, later_s, is_listed_with_size)

    @rule(name=names)
    def take_out(self, name: str) -> None:
        if name in self.on_card:
            self.on_card.remove(name)
            for side in (self.pair.memory, self.pair.real):
                side.place.take_out(name)

    @rule(name=names)
    def hide_info(self, name: str) -> None:
        if name in self.on_card:
            for side in (self.pair.memory, self.pair.real):
                side.place.hide_info(name)

    @rule(storage=st.sampled_from((Storage.OK, Storage.OK, *STORAGES)))
    def let_card_be(self, storage: Storage) -> None:
        for side in (self.pair.memory, self.pair.real):
            side.place.let_card_be(storage)

    @rule(is_away=st.booleans(), asks=st.sampled_from(("check_ready", "info", "entries")))
    def sleep(self, is_away: bool, asks: str) -> None:
        if is_away:
            for side in (self.pair.memory, self.pair.real):
                side.place.leave()
        if asks == "entries":
            self.entries_of_both(0)
        else:
            self.ask(lambda side: getattr(side.camera, asks)() and None)
        for side in (self.pair.memory, self.pair.real):
            side.place.come_back()

    @rule()
    def ready(self) -> None:
        self.ask(lambda side: side.camera.check_ready().witnesses.videos)

    @rule()
    def who_it_is(self) -> None:
        self.ask(lambda side: side.camera.info() is not None)

    @rule(video_count=st.integers(0, 2))
    def entries(self, video_count: int) -> None:
        self.entries_of_both(video_count)

    def entries_of_both(self, video_count: int) -> None:
        self.ask(lambda side: sorted(side.camera.entries(video_count), key=repr))

    @rule(name=names)
    def head(self, name: str) -> None:
        self.ask(lambda side: side.head(name))

    @rule(name=names)
    def serves(self, name: str) -> None:
        self.ask(lambda side: side.camera.serves(DIRECTORY, name))

    @rule(name=names)
    def media_info(self, name: str) -> None:
        def info(side: Side) -> Any:
            found = side.camera.media_info(DIRECTORY, name)
            return found.gumi and side.names.of("gumi", found.gumi), found.duration_s

        self.ask(info)

    @rule(name=names, size_bytes=st.sampled_from((SIZE_BYTES, SIZE_BYTES - 1, 100, 0)))
    def look(self, name: str, size_bytes: int) -> None:
        self.ask(lambda side: side.camera.serial_in(DIRECTORY, name, size_bytes))
        self.ask(lambda side: side.camera.check_whole(DIRECTORY, name, size_bytes, None))
        self.ask(lambda side: side.camera.head_crc(DIRECTORY, name, size_bytes, None, 100))

    @rule(
        place=st.integers(0, 5),
        span=st.sampled_from(SPANS),
        way=st.sampled_from(("as planned", "as planned", "another size", "without etag", "another etag")),
    )
    def read(self, place: int, span: tuple[int, int], way: str) -> None:
        """A part of a file as it was at one of the looks; it may be another file by now."""
        if not self.pair.memory.plans:
            return

        def plan(side: Side) -> ChapterPlan:
            chapter = side.plans[place % len(side.plans)]
            if way == "another size":
                return replace(chapter, size_bytes=chapter.size_bytes + 1)
            if way == "without etag":
                return replace(chapter, etag=None)
            return replace(chapter, etag='"other"') if way == "another etag" else chapter

        self.ask(lambda side: side.read(plan(side), *span))
        self.ask(lambda side: side.camera.crc_of(plan(side), Span(1, *span)))
        self.ask(
            lambda side: side.camera.check_whole(
                DIRECTORY, plan(side).filename, plan(side).size_bytes, plan(side).etag
            )
        )

    def teardown(self) -> None:
        self.stack.close()


class RecordingCameras(Cameras):
    """The same at cameras that record or are busy from some moment on."""

    @rule(records=st.booleans())
    def begin(self, records: bool) -> None:
        for side in (self.pair.memory, self.pair.real):
            side.place.record() if records else side.place.be_busy()


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("machine", [Cameras, RecordingCameras])
def test_every_sequence_of_calls_is_answered_alike(machine: type[Cameras], turns: int):
    play(machine, sequences=10 * turns, calls=20)
