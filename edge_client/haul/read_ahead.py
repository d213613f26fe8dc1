"""All chapters of a session on their way: the camera is read ahead of the uplink, as far as the spool has room.

The caller's thread alone uses the camera. It reads one chapter after the other and gives each part to the outbox, from
which the senders take those of the first chapter first. A finisher completes a chapter once its parts are sent. So a
session takes as long as its slower leg. A round that is lost puts its chapter back among those that are to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from edge_client.base.errors import EdgeError, GivesWay, NotAFilm, RoundLost, Stopped
from edge_client.haul.chapter import ChapterHaul, ChapterReport
from edge_client.haul.context import ChapterContext, HaulTools
from edge_client.haul.ports import Thread
from edge_client.haul.sending.part_queue import Outbox
from edge_client.haul.sending.sender import STOPPED_JOIN_S, PartSender, Senders

POLL_S = 0.1


class ReadAhead:
    """The chapters of one session, until each has its receipt; `no_films` are those that turned out to be none.

    `on_all_read` is called when the spool and S3 have everything and every last look is taken: from then on the camera
    is not needed. `on_read_again` is called when a chapter needs it all the same, with the reason.
    """

    def __init__(
        self,
        tools: HaulTools,
        chapters: Sequence[ChapterContext],
        on_all_read: Callable[[], None],
        on_read_again: Callable[[str], None],
    ) -> None:
        self._tools = tools
        self._check = tools.retry.timing.check
        self._on_all_read = on_all_read
        self._on_read_again = on_read_again
        self._outbox = Outbox(tools.threads)
        self._hauls = [ChapterHaul(one, self) for one in chapters]
        self._to_read = set(range(len(chapters)))
        self._first: int | None = None
        self._went_first = set[int]()
        self._lost = dict[int, str]()
        self._reads: int | None = None
        self._is_told = False
        self.no_films: list[NotAFilm] = []

    def run(self) -> list[ChapterReport]:
        """The reports of the chapters that are home, in their order.

        Raises what ended the first chapter that can neither be read nor sent. What was read before goes up first, so
        that the next run finds less to do.
        """
        with Senders(self._outbox, self._sender), self._finisher():
            try:
                self._read_all()
            except Stopped:
                raise
            except EdgeError:
                self._outbox.wait_while_busy(self._check)
                raise
            self._outbox.close()
        return [one.report for one in self._hauls if one.report]

    def _sender(self) -> PartSender:
        return PartSender(self._outbox, self._tools.uplink)

    def _read_all(self) -> None:
        """Read every chapter, and again those whose rounds are lost, until all have ended."""
        while True:
            while (place := self._next_to_read()) is not None:
                self._outbox.check()
                self._read(place)
            if self._has_to_tell():
                self._is_told = True
                self._on_all_read()
            self._outbox.wait_while_busy(self._check, until=self._has_news)
            if not self._outbox.is_busy and not self._to_read:
                return

    def _next_to_read(self) -> int | None:
        with self._outbox.changed:
            place, self._first = self._first, None
            self._reads = min(self._to_read, default=None) if place is None else place
            self._to_read -= {self._reads}
            return self._reads

    def _read(self, place: int) -> None:
        haul = self._hauls[place]
        try:
            haul.rest()
            haul.read(partial(self._outbox.open, place))
        except GivesWay:
            haul.end_round()
            self._put_back(place)
        except RoundLost as error:
            self._lose(place, error)
        except NotAFilm as error:
            self._leave_out(place, error)
        else:
            if haul.report:
                self._outbox.end(place)

    def use_camera(self) -> None:
        """The chapter that is read is about to use the camera; say so where that was not to be expected any more."""
        if self._is_told and self._reads is not None:
            self._is_told = False
            reason = self._lost.get(self._reads, "it must be read again")
            self._on_read_again(f"{self._hauls[self._reads].path}: {reason}")

    def gives_way(self) -> bool:
        """Whether another chapter has parts to send, which comes next then; once for each of its rounds."""
        for other in sorted(self._to_read - self._went_first):
            if self._hauls[other].has_parts:
                self._went_first.add(other)
                self._first = other
                return True
        return False

    def _has_to_tell(self) -> bool:
        """Whether nothing needs the camera any more, as far as is known: never where a round is lost already."""
        with self._outbox.changed:
            is_all_read = not self._to_read and not self.no_films and self._outbox.is_sound
            return is_all_read and self._outbox.is_busy and not self._is_told

    def _has_news(self) -> bool:
        return bool(self._to_read) or self._has_to_tell()

    def _put_back(self, place: int) -> None:
        with self._outbox.changed:
            self._to_read.add(place)
            self._outbox.end(place)

    def _lose(self, place: int, error: RoundLost) -> None:
        """Another round, unless the chapter is home after all. Raises what ends the chapter."""
        haul = self._hauls[place]
        haul.lose(error)
        if haul.report:
            self._outbox.end(place)
            return
        self._lost[place] = str(error)
        self._went_first.discard(place)
        self._put_back(place)

    def _leave_out(self, place: int, error: NotAFilm) -> None:
        self._hauls[place].end_round()
        self.no_films.append(error)
        self._outbox.end(place)

    @contextmanager
    def _finisher(self) -> Iterator[None]:
        """Completes chapters while the block runs; at its end one that is being completed still is."""
        thread = self._tools.threads.start("finisher", self._finish_all)
        try:
            yield
        except BaseException as error:
            self._outbox.fail(error)
            if isinstance(error, Stopped):
                thread.join(STOPPED_JOIN_S)
            else:
                self._join(thread)
            raise
        self._join(thread)
        self._outbox.check()

    def _join(self, thread: Thread) -> None:
        while thread.is_alive():
            thread.join(POLL_S)
            self._check()

    def _finish_all(self) -> None:
        """A thread's door: what goes wrong ends all rounds."""
        try:
            while (place := self._outbox.wait_for_sent()) is not None:
                self._finish(place)
        except Exception as error:  # noqa: BLE001  handed to the main thread, which raises it
            self._outbox.fail(error)

    def _finish(self, place: int) -> None:
        try:
            self._hauls[place].finish()
        except RoundLost as error:
            self._lose(place, error)
        except NotAFilm as error:
            self._leave_out(place, error)
        else:
            self._outbox.end(place)
