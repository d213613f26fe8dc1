"""Which sessions a run is about: what the operator chose, put to the card, the spool and the coordinator."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from edge_client.base.errors import EdgeError, PlanDiffers, Refused
from edge_client.haul.context import HaulContext
from edge_client.haul.origins import Origins
from edge_client.haul.proving import Proving
from edge_client.haul.stuck import StuckSessions
from edge_client.model.files import CameraFile
from edge_client.model.gopro_names import is_loop
from edge_client.model.haul_state import HaulState, KnownChapter, RecordingState, states_by_list
from edge_client.model.plan import ANOTHER_NAME, CameraIdentity
from edge_client.model.recordings import (
    Recording,
    pieces,
    recordings,
    session_name,
    whole,
)
from edge_client.model.selection import (
    ByFile,
    Choice,
    Films,
    New,
    Selection,
    selection,
)

# Such a file is not the one that was hauled under its name; without a date the client cannot be sure.
STRANGE = (HaulState.OTHER_CONTENT, HaulState.UNREADABLE)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChosenSession:
    """A session to be hauled: its files, the camera that they are of, and their recording when all of it is wanted.

    The files `as_they_are` are planned with a mark if their camera did not finish them.
    """

    name: str
    camera: CameraIdentity
    files: tuple[CameraFile, ...]
    recording: Recording | None
    as_they_are: frozenset[CameraFile] = frozenset()

    @property
    def number(self) -> str | None:
        """That of the recording when the session has all of it."""
        return self.recording.number if self.recording and self.recording.counter is None else None

    def exactly(self) -> tuple[CameraFile, ...]:
        """The session's files. Raises ChapterGap when a whole recording is wanted and lacks a chapter."""
        return whole(self.recording).files if self.recording else self.files


class Choosing:
    """Puts one choice to a card; `name` is the session's, where the operator gave one."""

    def __init__(self, context: HaulContext, choice: Choice, name: str | None) -> None:
        self._context = context
        self._tools = context.tools
        self._choice = choice
        self._name = name

    def sessions(self, listed: Sequence[CameraFile]) -> tuple[list[ChosenSession], list[EdgeError]]:
        """The sessions that are chosen, each with its files, and what else a person must look at."""
        card = recordings(listed)
        origins = Origins(self._context.camera, card)
        if card and isinstance(self._choice, New):
            return self._new(listed, card, origins)
        made = selection(listed, self._choice)
        found, nameless = self._of(made, card, origins)
        endable, news = self._left_behind(listed) if isinstance(self._choice, New) else ([], [])
        return endable + found, [*news, *made.refusals, *nameless]

    def _left_behind(self, listed: Sequence[CameraFile]) -> tuple[list[ChosenSession], list[EdgeError]]:
        """Sessions here that need the card no more, and what was found of those that cannot end."""
        review = StuckSessions(self._context).review(listed)
        endable = [ChosenSession(plan.session_id, plan.camera, (), None) for plan in review.endable]
        return endable, [*review.news]

    def _new(
        self, listed: Sequence[CameraFile], card: Sequence[Recording], origins: Origins
    ) -> tuple[list[ChosenSession], list[EdgeError]]:
        """What was begun here, and every other recording with a file that is not home.

        First what needs the card no more: nothing else has those films.
        """
        begun, unreadable = self._begun_here(card, origins)
        endable, news = self._left_behind(listed)
        covered = {file for one in begun for file in one.files}
        left = [file for file in listed if file not in covered]
        judged, known = self._judge(recordings(left), origins)
        files = [file for one in judged for file in one.files]
        is_home = frozenset(one.file for one in files if one.state.is_home)
        made = selection(left, New(is_home))
        taken = {chapter.session_id for chapter in known if not chapter.is_own}
        found, nameless = self._of(made, card, origins, taken, is_home)
        strange = {one.file for one in files if one.state in STRANGE and one.file.is_dated}
        home = {(chapter.session_id, chapter.path) for chapter in known if chapter.is_own and chapter.stored}
        refusals = {one.name: _refusal(one, strange, home) for one in found}
        # Somebody had these hauled as they are: they do not keep the rest of their recordings.
        broken = frozenset(one.file for one in files if one.state.is_home and one.notes.unfinished)
        fresh = [replace(one, as_they_are=broken) for one in found if refusals[one.name] is None]
        refused = [refusal for refusal in refusals.values() if refusal]
        return endable + begun + fresh, [*unreadable, *news, *made.refusals, *nameless, *refused]

    def _judge(
        self, left: Sequence[Recording], origins: Origins
    ) -> tuple[list[RecordingState], list[KnownChapter]]:
        """The state of each recording by what the coordinator knows of its camera, and all that it knows."""
        proving = dict[str, Proving]()
        known = dict[str, Sequence[KnownChapter]]()
        judged = list[RecordingState]()
        for one in left:
            camera = origins.of(one)
            if camera is None:
                judged += states_by_list([one], (), None)
                continue
            for serial in origins.serials(one).values():
                if serial not in known:
                    known[serial] = self._tools.coordinator.known_chapters(serial)
                    proving[serial] = Proving(self._context, serial)
            judged += proving[camera.serial].states([one], origins.known_of(one, known))
        return judged, [chapter for chapters in known.values() for chapter in chapters]

    def _of(
        self,
        made: Selection,
        card: Sequence[Recording],
        origins: Origins,
        taken: Collection[str] = (),
        is_home: Collection[CameraFile] = frozenset(),
    ) -> tuple[list[ChosenSession], list[Refused]]:
        """The sessions of the recordings, and a refusal for each that no camera is known of."""
        found = made.recordings
        if self._name is not None and found:
            files = tuple(file for one in found for file in one.files)
            camera = origins.known(found[0])
            whole_one, as_they_are = self._whole(found[0]), self._as_they_are(files)
            return [ChosenSession(self._name, camera, files, whole_one, as_they_are)], []
        sessions, nameless = list[ChosenSession](), list[Refused]()
        for recording in found:
            try:
                camera = origins.known(recording)
            except Refused as error:
                nameless.append(error)
                continue
            sessions += [
                ChosenSession(
                    session_name(camera.serial, one, card, taken),
                    camera,
                    one.files,
                    self._whole(one),
                    self._as_they_are(one.files),
                )
                for one in self._pieces(recording, card, is_home)
            ]
        return sessions, nameless

    def _pieces(
        self, recording: Recording, card: Sequence[Recording], is_home: Collection[CameraFile]
    ) -> list[Recording]:
        """The recording as sessions take it. A loop is cut as the card has it, not as it was left over."""
        if isinstance(self._choice, ByFile):
            return pieces(recording, recording.files)
        on_card = next((one for one in card if one.key == recording.key), recording)
        if not is_loop(recording.number):
            return [recording]
        return pieces(on_card, [file for file in recording.files if file not in is_home])

    def _as_they_are(self, files: tuple[CameraFile, ...]) -> frozenset[CameraFile]:
        is_told = isinstance(self._choice, ByFile) and self._choice.films is Films.AS_THEY_ARE
        return frozenset(files if is_told else ())

    def _whole(self, recording: Recording) -> Recording | None:
        return None if isinstance(self._choice, ByFile) else recording

    def _begun_here(
        self, card: Sequence[Recording], origins: Origins
    ) -> tuple[list[ChosenSession], list[EdgeError]]:
        """Sessions of these cameras that were begun on this device and are not home, under any name.

        And the plans here that cannot be read: one of them does not keep the others.
        """
        plans = self._tools.spool.plans()
        found = list[ChosenSession]()
        for folder, plan in plans.readable:
            if len(folder.receipts()) >= len(plan.chapters):
                continue
            planned = (file for one in card for file in one.files if plan.has(file))
            files = tuple(file for file in planned if origins.may_be_of(plan.camera, file))
            if files:
                found.append(ChosenSession(plan.session_id, plan.camera, files, None))
        return found, list(plans.unreadable)


def _refusal(
    one: ChosenSession, strange: Collection[CameraFile], home: Collection[tuple[str, str]]
) -> PlanDiffers | None:
    """Why a session cannot be hauled: it is home, but the card has another file under one of its names."""
    differing = [file.path for file in one.files if file in strange and (one.name, file.path) in home]
    if not differing:
        return None
    return PlanDiffers(
        f"session {one.name} is home, and {', '.join(differing)} on the card is not the file that it has, or cannot be "
        f"looked at; {ANOTHER_NAME}"
    )
