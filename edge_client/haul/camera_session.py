"""The camera for as long as a haul needs it: known by its serial, kept awake, held against other clients."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from edge_client.base.errors import (
    CONFIRM_AFTER_S,
    CameraBusy,
    CameraMoved,
    CameraUnreachable,
    FilmBroken,
    GaveUp,
    PlanDiffers,
    Refused,
    RequestForbidden,
    Transient,
    Unfinished,
    Unsettled,
)
from edge_client.base.retry import Retry
from edge_client.haul.patience import Extras, Stillness
from edge_client.haul.ports import Awake, BrokenFilms, Camera, CameraLocks
from edge_client.model.api import CameraReport
from edge_client.model.files import CameraFile, FileFacts, FileIdentity, FilmNotes, MediaInfo
from edge_client.model.gopro_names import SIDECAR_PATH
from edge_client.model.haul_state import Obstacle
from edge_client.model.listing import (
    NOT_ANSWERED,
    NOT_LEGIBLE,
    NOT_NAMED,
    CameraStatus,
    Entry,
    Listed,
    Unreadable,
    Witnesses,
    listed,
)
from edge_client.model.parts import Span
from edge_client.model.plan import CameraIdentity, ChapterPlan, SessionPlan
from edge_client.model.recordings import MOST_CHAPTERS
from edge_client.model.selection import Films

log = logging.getLogger(__name__)

# A camera that has only just stopped writing may still grow a file: its size is read twice, so far apart.
SIZES_APART_S = 2.0

T = TypeVar("T")


@dataclass(frozen=True)
class Looks:
    """The bytes that one check reads: from the beginning of a file, or from a part that was read."""

    head_bytes: int = 64 * 1024
    spot_bytes: int = 4096


@dataclass(frozen=True)
class CameraTools:
    """What it takes to use a camera; `keep_awake` makes what keeps it from falling asleep."""

    camera: Camera
    keep_awake: Callable[[], Awake]
    locks: CameraLocks
    retry: Retry
    looks: Looks = Looks()


@dataclass
class _Known:
    """What a session has learnt of its camera."""

    identity: CameraIdentity | None = None
    was_asked: bool = False
    was_busy: bool = False
    listed_at: float = 0.0
    clock: tuple[int, float] | None = None
    lengths_s: dict[str, int] = field(default_factory=dict)
    witnesses: Witnesses = field(default_factory=Witnesses)
    recorders: dict[CameraFile, str | None] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)
    proxies: Mapping[str, int] = field(default_factory=dict)
    concerns: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    awake: Awake | None = None
    keeping: ExitStack = field(default_factory=ExitStack)


@contextmanager
def open_camera_session(
    tools: CameraTools, broken_films: BrokenFilms | None = None
) -> Iterator[CameraSession]:
    """A session with the camera; at its end the camera may sleep and others may use it."""
    with ExitStack() as stack:
        yield CameraSession(tools, stack, Stillness(broken_films), _Known())


class CameraSession:
    """The camera for as long as it is needed: known by its serial, kept awake, held against other clients.

    Nothing is asked of it before something is needed: a rerun after success works without a camera.
    """

    def __init__(self, tools: CameraTools, stack: ExitStack, stillness: Stillness, known: _Known) -> None:
        self._tools = tools
        self._camera = tools.camera
        self._retry = tools.retry
        self._stack = stack
        self._stillness = stillness
        self._known = known
        self._extras = Extras(tools.retry.timing, tools.camera.check_ready)

    def told_of(self, chapter: ChapterPlan) -> CameraReport:
        """What was learnt of the camera's clock, as it shows now, and of a chapter's length; nothing is asked."""
        known = self._known.clock
        shows = known[0] + round(self._retry.timing.monotonic() - known[1]) if known else None
        return CameraReport(shows, self._known.lengths_s.get(chapter.path))

    def impatient(self) -> CameraSession:
        """The same session without patience: a camera that does not answer at once raises GaveUp."""
        return self._with(Retry(self._retry.timing, 0.0, self._retry.tally))

    def with_patience(self, seconds: float) -> CameraSession:
        """The same session with at most so much patience; a person sees what it waits for."""
        return self._with(replace(self._retry, give_up_after_s=min(seconds, self._retry.give_up_after_s)))

    def _with(self, retry: Retry) -> CameraSession:
        return CameraSession(replace(self._tools, retry=retry), self._stack, self._stillness, self._known)

    @property
    def witnesses(self) -> Witnesses:
        """What the camera's status said of its card when it was listed last."""
        return self._known.witnesses

    @property
    def spot_bytes(self) -> int:
        """How many bytes of a part are read again to check that it is of the planned file."""
        return self._tools.looks.spot_bytes

    def serves(self, chapter: ChapterPlan) -> bool:
        """Whether the camera serves a file of this name, by one try."""
        return self._camera.serves(chapter.directory, chapter.filename)

    def facts_of(self, directory: str, filename: str) -> FileFacts:
        """Size and ETag of a file as the camera serves it now, by one try. Raises Unsettled when it serves none."""
        return self._camera.head(directory, filename)

    def check_boxes(self, directory: str, filename: str, facts: FileFacts) -> None:
        """Check, by one try, that the boxes of a film are complete. Raises Unfinished, Unsettled."""
        self._camera.check_whole(directory, filename, facts.size_bytes, facts.etag)

    def promised_proxies(self, files: Iterable[CameraFile]) -> dict[str, int]:
        """The sizes of these files' proxies by their paths, as far as the last list promised them."""
        known = self._known.proxies
        return {file.path: known[file.path] for file in files if file.path in known}

    def crc_of(self, chapter: ChapterPlan, span: Span) -> int:
        """The CRC64NVME of some bytes of the planned file, by one try."""
        return self._camera.crc_of(chapter, span)

    def read_part(self, chapter: ChapterPlan, span: Span, write: Callable[[memoryview], None]) -> None:
        """Give `write` exactly the bytes of `span` of the planned file, by one try. Raises FileInDoubt, Transient."""
        self._camera.read_part(chapter, span, write)

    def read_list(self) -> Listed:
        """The camera's whole list, once it is done writing."""
        self.wake()
        return self._retry.run("the camera's list", self._look_at_list)

    def _look_at_list(self) -> Listed:
        self._camera.control_over_usb()
        with self._noting_busy():
            self._known.witnesses = witnesses = self._ready().witnesses
            found = self._read_list(witnesses.videos or 0)
        self._learn_clock()
        return found

    def _learn_clock(self) -> None:
        """Learn what the camera's clock shows, by one try: it is told to the coordinator, and nothing depends on it."""
        if self._known.clock is None:
            with suppress(Transient, Refused, Unsettled):
                shown = self._camera.clock()
                self._known.clock = None if shown is None else (shown, self._retry.timing.monotonic())

    def _ready(self) -> CameraStatus:
        """The camera's status once it can be read; logs once each danger that the camera may switch off."""
        status = self._camera.check_ready()
        for concern in set(status.concerns) - self._known.concerns:
            log.warning("the camera may switch itself off", extra={"reason": concern})
            self._known.concerns.add(concern)
        return status

    def _read_list(self, video_count: int) -> Listed:
        entries = self._camera.entries(video_count)
        self._known.listed_at = self._retry.timing.monotonic()
        found = listed(entries, [self._read_entry(entry) for entry in entries], self._known.witnesses)
        self._known.proxies = found.proxies
        return found

    def _read_entry(self, entry: Entry) -> CameraFile | Unreadable | None:
        """What an entry of the list leads to. Where the list does not give a size, the camera may still serve it."""
        if entry.directory is None or entry.filename is None:
            return Unreadable(entry, NOT_NAMED) if entry.may_be_video else None
        if entry.may_be_video and not entry.is_legible:
            return Unreadable(entry, NOT_LEGIBLE)
        if entry.size_bytes is not None:
            return entry.file(entry.size_bytes)
        if not entry.may_be_video:
            return None
        head = partial(self._camera.head, entry.directory, entry.filename)
        try:
            facts = self._extras.ask_present(entry.label, head)
        except (Unsettled, RequestForbidden) as error:
            return Unreadable(entry, str(error))
        return entry.file(facts.size_bytes) if facts else Unreadable(entry, NOT_ANSWERED)

    @contextmanager
    def _noting_busy(self) -> Iterator[None]:
        try:
            yield
        except CameraBusy:
            self._known.was_busy = True
            raise

    def answers(self) -> bool:
        """Whether the camera answers at once that it can be read."""
        try:
            self.impatient().itself()
        except (GaveUp, Refused, Unsettled):
            return False
        return True

    def itself(self) -> CameraIdentity | None:
        """Who the camera says it is; None for models that do not say (before HERO12)."""
        if not self._known.was_asked:
            self.wake()
            self._known.identity = self._retry.run("the camera's identity", self._ask_identity)
            self._known.was_asked = True
        return self._known.identity

    def recorder_of(self, file: CameraFile) -> str | None:
        """The serial of the camera that recorded a file, from its own bytes; None where they do not show it."""
        if file not in self._known.recorders:
            try:
                self._known.recorders[file] = self._about(file, lambda: self._read_recorder_once(file))
            except Unsettled:
                self._known.recorders[file] = None
        return self._known.recorders[file]

    def refuse_other_cards(self, plan: SessionPlan, card: Iterable[CameraFile]) -> None:
        """Raise PlanDiffers when the camera is not the plan's, even if it was a moment ago.

        One that does not say who it is must have a film of the plan's camera on its card.
        """
        if itself := self._retry.run("the camera's identity", self._ask_identity):
            plan.refuse_other_camera(itself.serial)
            return
        found = {serial for file in card if (serial := self.recorder_of(file))}
        if not found:
            raise PlanDiffers(
                f"neither the camera nor a film on its card says which camera this is; session {plan.session_id} is "
                f"planned for camera {plan.camera.serial}"
            )
        if plan.camera.serial not in found:
            plan.refuse_other_camera(min(found))

    def hold(self, serial: str) -> None:
        """From now on the camera of this serial is ours alone. Raises SpoolBusy."""
        if serial not in self._known.held:
            self._stack.enter_context(self._tools.locks.hold(serial))
            self._known.held.add(serial)

    def wake(self) -> None:
        """From now on the camera is kept awake. It may be away: nothing is asked of it but not to sleep."""
        if self._known.awake is None:
            self._known.keeping = self._stack.enter_context(ExitStack())
            self._known.awake = self._known.keeping.enter_context(self._tools.keep_awake())

    def let_sleep(self) -> None:
        """From now on the camera may sleep or leave; before its next use `wake` it, and all checks are made again."""
        self._known.awake = None
        self._known.checked.clear()
        self._known.keeping.close()

    def _ask_identity(self) -> CameraIdentity | None:
        self._camera.control_over_usb()
        with self._noting_busy():
            self._ready()
        return self._camera.info()

    def _read_recorder(self, file: CameraFile | ChapterPlan) -> str | None:
        # Its size now: the list's may be wrong, and then the file says so when it is planned.
        size_bytes = self._camera.head(file.directory, file.filename).size_bytes
        return self._camera.serial_in(file.directory, file.filename, size_bytes)

    def _read_recorder_once(self, file: CameraFile) -> str | None:
        """One film that the camera does not show is not waited for: the others need not know."""
        try:
            return self._read_recorder(file)
        except (Refused, Unsettled):
            return None

    def _refuse_other_camera(self, plan: SessionPlan, chapter: ChapterPlan) -> None:
        """Check once that the camera there, or the one that recorded the chapter, is the plan's. Raises PlanDiffers.

        A film without a serial says nothing: then its first bytes decide, which the plan has too.
        """
        itself = self._ask_identity()
        serial = itself.serial if itself else self._read_recorder(chapter)
        if serial is not None:
            plan.refuse_other_camera(serial)

    def length_s(self, file: CameraFile) -> int | None:
        """How long a chapter is, in seconds, where the camera says so."""
        info = self._info(file)
        return info.duration_s if info else None

    def look(self, file: CameraFile) -> FileIdentity:
        """A file of the list as the camera serves it now, with its ETag and its gumi."""
        return self._about(file, lambda: self._look(file))

    def _look(self, file: CameraFile) -> FileIdentity:
        facts = self._camera.head(file.directory, file.filename)
        info = self._info(file)
        if info is None and facts.etag is None:
            raise Refused(f"the camera has no ETag of {file.path} and does not answer what file it is")
        gumi = info.gumi if info else None
        return FileIdentity(replace(file, size_bytes=facts.size_bytes), facts.etag, gumi)

    def _about(self, file: CameraFile, call: Callable[[], T]) -> T:
        """What `call` returns, tried again; a file about which alone nothing is answered is odd, not away."""
        return self._retry.run(file.path, lambda: self._ask_once(file, call))

    def _ask_once(self, file: CameraFile, call: Callable[[], T]) -> T:
        """One try. Raises Unsettled when the camera answers, but not about this file."""
        try:
            return call()
        except (CameraUnreachable, CameraBusy) as error:
            self._camera.check_ready()
            raise Unsettled(f"the camera answers, but not about {file.path}: {error}") from error

    def refuse_other_files(self, plan: SessionPlan, listed: Sequence[CameraFile]) -> None:
        """Raises PlanDiffers when the camera has another file than the planned one under a planned name.

        The list is a hint: it may show an old size after a recording has stopped. What it shows otherwise than planned
        is refused when the camera itself confirms it.
        """
        for chapter in plan.to_confirm(listed):
            self._retry.run(chapter.path, partial(self.check_again, plan, chapter))

    def obstacle(self, file: CameraFile, begun: ChapterPlan | None) -> Obstacle | None:
        """What keeps a file of the list from being hauled, by one look; `begun` is its chapter of a session here."""
        try:
            return self._about(file, lambda: self._obstacle(file, begun))
        except Unsettled:
            return Obstacle.NOT_SHOWN

    def _obstacle(self, file: CameraFile, begun: ChapterPlan | None) -> Obstacle | None:
        try:
            if begun:
                self.check_file(begun)
            else:
                facts = self._camera.head(file.directory, file.filename)
                self._camera.check_whole(file.directory, file.filename, facts.size_bytes, facts.etag)
        except Unfinished:
            return Obstacle.UNFINISHED
        except PlanDiffers:
            return Obstacle.CARD_CHANGED
        except (Refused, Unsettled):
            return Obstacle.NOT_SHOWN
        return None

    def check_first(self, plan: SessionPlan, chapter: ChapterPlan) -> None:
        """Before a chapter's first byte, and before the next one after a failed keep-alive: as `check_again`, and
        tried until it is answered."""
        was_away = self._known.awake is not None and self._known.awake.take_failure()
        if chapter.path in self._known.checked and not was_away:
            return
        self._retry.run(chapter.path, lambda: self.check_again(plan, chapter))
        self._known.checked.add(chapter.path)

    def check_again(self, plan: SessionPlan, chapter: ChapterPlan) -> None:
        """Check once that the plan's camera and file are present and the camera is not writing. Raises PlanDiffers."""
        self._refuse_other_camera(plan, chapter)
        self.hold(plan.camera.serial)
        self.check_file(chapter)

    def check_file(self, chapter: ChapterPlan) -> None:
        """Check once that the camera has the planned file. Raises PlanDiffers when two answers in a row say otherwise.

        The card may have been swapped for one with files of the same names, sizes and dates.
        """
        try:
            self._compare_file(chapter)
        except PlanDiffers as error:
            log.warning("the camera is asked once more", extra={"reason": str(error)})
            self._retry.timing.sleep(CONFIRM_AFTER_S)
            self._compare_file(chapter)

    def _compare_file(self, chapter: ChapterPlan) -> None:
        facts = self._camera.head(chapter.directory, chapter.filename)
        info = self._info(chapter)
        chapter.refuse_other_file(facts.size_bytes, facts.etag, info.gumi if info else None)
        if chapter.head_crc is not None:
            chapter.refuse_other_head(self._head_crc(chapter, facts))

    def _head_crc(self, file: CameraFile | ChapterPlan, facts: FileFacts) -> str:
        return self._camera.head_crc(
            file.directory, file.filename, facts.size_bytes, facts.etag, self._tools.looks.head_bytes
        )

    def freeze(
        self,
        session_id: str,
        recording: str | None,
        files: tuple[CameraFile, ...],
        as_they_are: Collection[CameraFile],
        camera: CameraIdentity,
    ) -> SessionPlan:
        """The plan of a session of these files of one camera, each with all that identifies it.

        Of the files `as_they_are`, one that the camera did not finish is planned with a mark, once it is at rest.
        Raises CameraMoved when the camera or its card has changed meanwhile: then the plan fits neither; Postponed,
        once in a run for each file, when one is not ready; FilmBroken for one that does not become ready.
        """
        if len(files) > MOST_CHAPTERS:
            raise Refused(
                f"{len(files)} files are too many for one session, which takes {MOST_CHAPTERS}: "
                "leave SESSION out, and a loop is hauled in several sessions; or name the files with --file"
            )
        self._refuse_films_of_others(files, camera)
        self.hold(camera.serial)
        films = {file: Films.AS_THEY_ARE if file in as_they_are else Films.FINISHED for file in files}
        looks = ((file, partial(self._plan_chapter, file, wanted)) for file, wanted in films.items())
        chapters = (self._wait_until_ready(file, partial(self._ask_once, file, look)) for file, look in looks)
        plan = SessionPlan(session_id, recording, camera, tuple(chapters))
        try:
            self._retry.run(f"a second look at session {session_id}", lambda: self._compare(plan))
        except PlanDiffers as error:
            raise CameraMoved(
                f"the camera or its card changed while session {session_id} was planned: nothing was planned and "
                "nothing is lost; run the same command again"
            ) from error
        return plan

    def _refuse_films_of_others(self, files: tuple[CameraFile, ...], camera: CameraIdentity) -> None:
        """Raises Refused when the films say that they are of several cameras, and the camera does not say who it is."""
        if self.itself():
            return
        for file in files:
            serial = self.recorder_of(file)
            if serial not in (None, camera.serial):
                raise Refused(
                    f"{file.path} was recorded by camera {serial}, the other files of this session by {camera.serial}: "
                    "a session has the films of one camera; name those of each with --file, in a SESSION of its own"
                )

    def _wait_until_ready(self, file: CameraFile, look: Callable[[], ChapterPlan]) -> ChapterPlan:
        """What `look` gives once the film is ready. Raises Postponed at the first look of this run, FilmBroken."""

        def attempt() -> ChapterPlan:
            try:
                return look()
            except Unsettled as error:
                judged = self._stillness.judge(file, error, self._retry.timing.monotonic())
                if isinstance(judged, FilmBroken):
                    # A camera that repairs a file says that it is busy: then it is waited for after all.
                    self._ready()
                raise judged from error

        return self._retry.run(file.path, attempt)

    def _compare(self, plan: SessionPlan) -> None:
        """Check once that a new plan still fits in full. Raises PlanDiffers."""
        self._refuse_other_camera(plan, plan.chapters[0])
        planned = {chapter.path for chapter in plan.chapters}
        entries = [entry for entry in self._camera.entries(1) if entry.label in planned]
        there = [found for entry in entries if isinstance(found := self._read_entry(entry), CameraFile)]
        plan.refuse_other_files(there)
        if gone := planned - {file.path for file in there}:
            raise PlanDiffers(f"{', '.join(sorted(gone))} is not listed any more")
        for chapter in plan.chapters:
            self.check_file(chapter)

    def _plan_chapter(self, file: CameraFile, films: Films) -> ChapterPlan:
        """One try. Only a file that is final: listed as it is served, its size standing still, whole in its boxes.

        Where `films` is AS_THEY_ARE the boxes need not be whole; then the size must not change for longer.
        """
        with self._noting_busy():
            file, facts = self._compare_sizes(file)
            notes = self._notes(file, facts, films)
            # A record without it proves nothing of a card that tells it: the plan is worth a few tries.
            info = self._extras.ask_well(file.path, partial(self._asked_info, file))
            head_crc = self._head_crc(file, facts)
        gumi = info.gumi if info else None
        return ChapterPlan(
            file.directory,
            file.filename,
            file.size_bytes,
            file.created,
            file.modified,
            facts.etag,
            gumi,
            head_crc,
            notes.unfinished,
            notes.trailing_bytes,
        )

    def _notes(self, file: CameraFile, facts: FileFacts, films: Films) -> FilmNotes:
        """What the film's boxes say of its end. Raises Unfinished, or Unsettled for one that still changes."""
        try:
            trailing_bytes = self._camera.check_whole(
                file.directory, file.filename, facts.size_bytes, facts.etag
            )
        except Unfinished:
            if films is not Films.AS_THEY_ARE or facts.size_bytes == 0:
                raise
            self._rest(file, facts)
            return FilmNotes(unfinished=True)
        return FilmNotes(trailing_bytes=trailing_bytes)

    def _rest(self, file: CameraFile, facts: FileFacts) -> None:
        """Wait, and nothing more when the camera is idle then and the file is what it was. Raises Unsettled."""
        self._retry.timing.sleep(SIZES_APART_S)
        self._ready()
        if self._camera.head(file.directory, file.filename) != facts:
            raise Unsettled(f"{file.path} still changes (its size or ETag): the camera writes it; wait")

    def _info(self, file: CameraFile | ChapterPlan) -> MediaInfo | None:
        if SIDECAR_PATH.fullmatch(file.path):
            # A camera has none of these, and is not asked.
            return None
        return self._extras.ask(file.path, partial(self._asked_info, file))

    def _asked_info(self, file: CameraFile | ChapterPlan) -> MediaInfo:
        info = self._camera.media_info(file.directory, file.filename)
        if info.duration_s is not None:
            self._known.lengths_s[file.path] = info.duration_s
        return info

    def _compare_sizes(self, file: CameraFile) -> tuple[CameraFile, FileFacts]:
        """The file as listed and as served. The list is a hint: it must say what is served, now or when read again."""
        facts = self._ask_size(file)
        if facts.size_bytes != file.size_bytes:
            file = next((now for now in self._read_list(1).files if now.path == file.path), file)
            facts = self._ask_size(file)
        if facts.size_bytes != file.size_bytes:
            raise Unsettled(
                f"{file.path} is listed with {file.size_bytes} bytes but has {facts.size_bytes}; "
                "haul again, and if it stays so switch the camera off and on"
            )
        return file, facts

    def _ask_size(self, file: CameraFile) -> FileFacts:
        """What is served now, which is a while after it was listed when the camera has only just stopped writing."""
        timing = self._retry.timing
        early_s = self._known.listed_at + SIZES_APART_S - timing.monotonic()
        if self._known.was_busy and early_s > 0:
            timing.sleep(early_s)
        return self._camera.head(file.directory, file.filename)
