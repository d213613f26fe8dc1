"""Pure: what helps each file of a card that is not home. Each advice names the command or the act that does help.

`reelhaul audit --haul` hauls whole recordings under their own session names. Where that cannot work, an obstacle says
why, and its advice replaces the state's.
"""

from __future__ import annotations

import enum
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_client.model.files import FileIdentity, Likeness, likeness
from edge_client.model.haul_state import (
    FileState,
    HaulState,
    KnownChapter,
    Obstacle,
    RecordingState,
)
from edge_client.model.levels import Level
from edge_client.model.plan import ChapterPlan, SessionPlan
from edge_client.model.recordings import MOST_CHAPTERS, Recording, pieces, session_name


class How(enum.Enum):
    """What a person does."""

    AUDIT_HAUL = "reelhaul audit --haul"
    HAUL_FILE = "reelhaul haul NAME --file DIR/NAME"
    HAUL_UNFINISHED = "reelhaul haul NAME --file DIR/NAME --unfinished"
    BY_HAND = "no command"


OPTIONS: Mapping[How, tuple[str, ...]] = {How.HAUL_FILE: (), How.HAUL_UNFINISHED: ("--unfinished",)}
"""How named files are hauled: what the command has after their names."""


@dataclass(frozen=True)
class Advice:
    """What helps one kind of file; `words` say what the command does, or what to do without one."""

    how: How
    words: str


ADVICE: Mapping[HaulState | Obstacle, Advice] = {
    HaulState.MISSING: Advice(How.AUDIT_HAUL, "hauls it"),
    HaulState.OTHER_CONTENT: Advice(How.AUDIT_HAUL, "hauls it into a session of its own"),
    HaulState.UNDER_WAY: Advice(How.AUDIT_HAUL, "finishes it"),
    HaulState.DIFFERS: Advice(
        How.BY_HAND,
        "keep the card and tell the coordinator's operator; to have what the card gives now as well, haul it into a "
        "session of its own: `reelhaul haul NAME --file DIR/NAME`",
    ),
    HaulState.UNPROVEN: Advice(How.AUDIT_HAUL, "compares it again, and hauls it where that does not work"),
    HaulState.UNREADABLE: Advice(
        How.BY_HAND,
        "switch the camera off and on and audit again; if the camera still does not show it, copy it in a card reader",
    ),
    Obstacle.NOT_SHOWN: Advice(
        How.BY_HAND,
        "the camera lists it but does not show it: switch the camera off and on and audit again; if that does not "
        "help, copy it in a card reader",
    ),
    Obstacle.UNFINISHED: Advice(
        How.HAUL_UNFINISHED,
        "the film is not finished: switch the camera off and on, which repairs a film, and audit again; if it stays "
        "so, this command hauls it as it is, with a mark",
    ),
    Obstacle.OTHER_DEVICE: Advice(
        How.AUDIT_HAUL, "hauls it from here as well; or wait until that device has hauled it, and audit again"
    ),
    Obstacle.GAP: Advice(How.HAUL_FILE, "hauls it without the chapters that its recording lacks"),
    Obstacle.UNREAD_CHAPTER: Advice(
        How.HAUL_FILE, "hauls it without the chapter of its recording that cannot be read"
    ),
    Obstacle.BROKEN_CHAPTER: Advice(
        How.HAUL_FILE, "hauls it without the chapter of its recording that is broken"
    ),
    Obstacle.NAME_TAKEN: Advice(
        How.HAUL_FILE, "hauls it into a new session: the session of its recording is planned with other files"
    ),
    Obstacle.CARD_CHANGED: Advice(
        How.HAUL_FILE,
        "hauls the file that is there now; a session has begun with another one of this name: to finish that, put its "
        "card back and haul again, or, if that card is gone, drop the session with `reelhaul forget SESSION`",
    ),
    Obstacle.UNDATED: Advice(
        How.AUDIT_HAUL, "hauls it; the camera gives it no date, so afterwards compare the two by hand"
    ),
    Obstacle.UNSURE: Advice(
        How.BY_HAND,
        "a file of this name is home, but the camera gives no date, ETag or id to compare: compare the two by hand, "
        "or keep the card",
    ),
    Obstacle.TWO_CAMERAS: Advice(
        How.BY_HAND,
        "its recording has films of several cameras, and a session has those of one: "
        "`reelhaul haul NAME --file DIR/NAME` hauls those of each, with a NAME of its own",
    ),
    Obstacle.NO_CAMERA: Advice(
        How.BY_HAND,
        "neither the camera nor this film says which camera recorded it, so it cannot be looked up or hauled: copy it "
        "by hand",
    ),
    Obstacle.TRIED: Advice(How.BY_HAND, "this run could not haul it; its error line says why and what helps"),
}


EMPTY = Advice(
    How.BY_HAND,
    "the film has no bytes: switch the camera off and on, which repairs a film, and audit again",
)
"""For an unfinished film of which there is nothing that could be hauled as it is."""


READ_AGAIN = "reads it from the card again"
READ_AGAIN_THERE = (
    "only the device that hauled it can add a second read, or one that an operator lets adopt its session"
)
READ_BACK = "an operator has S3's bytes read and compared: `python -m infra.admin verify`"


@dataclass(frozen=True)
class Help:
    """What helps these files: one command or none, and for each path what it does."""

    command: str | None
    words: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Called:
    """How the program was called: its name, and the options that the user gave."""

    program: tuple[str, ...] = ("reelhaul",)
    options: tuple[str, ...] = ()

    def command(self, *words: str) -> str:
        """A command line for a shell, with the same options."""
        return shlex.join((*self.program, *words, *self.options))


def advice_for(file: FileState) -> Advice:
    """What helps a file that is not home."""
    if file.obstacle is Obstacle.UNFINISHED and file.file.size_bytes == 0:
        return EMPTY
    return ADVICE[file.obstacle or file.state]


def helps(found: Sequence[RecordingState], taken: Collection[str], called: Called) -> list[Help]:
    """What helps the files that are not home: the command that helps most first, then one for each recording."""
    card = [one.recording for one in found]
    whole = list[tuple[str, str]]()
    by_file, by_hand = list[Help](), list[Help]()
    for one in found:
        named: dict[How, list[tuple[str, str]]] = {how: [] for how in OPTIONS}
        for file in one.files:
            if file.state.is_home:
                continue
            advice = advice_for(file)
            said = (file.file.path, advice.words)
            if advice.how is How.AUDIT_HAUL:
                whole.append(said)
            elif advice.how in named:
                named[advice.how].append(said)
            else:
                by_hand.append(Help(None, (said,)))
        names = set(taken)
        for how, some in _sessions_of(named):
            name = free_session_name(one.serial or "", one.recording, card, names)
            names.add(name)
            files = (word for path, _ in some for word in ("--file", path))
            by_file.append(Help(called.command("haul", name, *files, *OPTIONS[how]), tuple(some)))
    all_at_once = [Help(called.command("audit", "--haul"), tuple(whole))] if whole else []
    return [*all_at_once, *by_file, *by_hand]


def helps_to_level(found: Sequence[RecordingState], required: Level, called: Called) -> list[Help]:
    """What helps the files that are home and not known as surely as is required."""
    twice, others = list[tuple[str, str]](), list[tuple[str, str]]()
    for file in (file for one in found for file in one.files):
        if file.level is None or file.level.reaches(required):
            continue
        if file.level.reaches(Level.READ_TWICE):
            others.append((file.file.path, READ_BACK))
        elif file.chapter and file.chapter.is_own:
            twice.append((file.file.path, READ_AGAIN))
        else:
            others.append((file.file.path, READ_AGAIN_THERE))
    by_command = [Help(called.command("audit", "--reread"), tuple(twice))] if twice else []
    return [*by_command, *(Help(None, (said,)) for said in others)]


def _sessions_of(
    named: Mapping[How, Sequence[tuple[str, str]]],
) -> Iterator[tuple[How, Sequence[tuple[str, str]]]]:
    """The named files as sessions take them, those of each option by themselves."""
    for how, files in named.items():
        for first in range(0, len(files), MOST_CHAPTERS):
            yield how, files[first : first + MOST_CHAPTERS]


def free_session_name(
    serial: str, recording: Recording, card: Iterable[Recording], taken: Collection[str]
) -> str:
    """A name for a session of some files of a recording, which no session has and the whole recording never gets."""
    card = list(card)
    return session_name(serial, recording, card, {*taken, session_name(serial, recording, card)})


@dataclass(frozen=True)
class Sessions:
    """The sessions of one camera's card, as far as they are known.

    `known` is what the coordinator has, `names` are those of this spool, `begun` their plans that are not home.
    """

    serial: str
    card: Sequence[Recording]
    known: Sequence[KnownChapter]
    names: Collection[str]
    begun: Sequence[SessionPlan]

    @property
    def taken(self) -> frozenset[str]:
        """The names that a new session cannot have."""
        return frozenset((*self.names, *(chapter.session_id for chapter in self.known)))

    def begun_with(self, file: FileState) -> ChapterPlan | None:
        """The chapter of a begun session that the file seems to be: any haul of what is new continues it."""
        plans = (plan for plan in self.begun if plan.camera.serial == self.serial and plan.has(file.file))
        return next((one for plan in plans for one in plan.chapters if one.path == file.file.path), None)

    def has_other_files(self, one: RecordingState) -> bool:
        """Whether the session that a whole recording is hauled into exists and lacks a file that is not home."""
        owed = [file.file for file in one.files if not file.state.is_home]
        return any(self._piece_has_other_files(piece, one) for piece in pieces(one.recording, owed))

    def _piece_has_other_files(self, piece: Recording, one: RecordingState) -> bool:
        others = {chapter.session_id for chapter in self.known if not chapter.is_own}
        name = session_name(self.serial, piece, self.card, others)
        planned = [chapter for chapter in self.known if chapter.session_id == name]
        return name in self.taken and not all(
            file.state.is_home or file.file not in piece.files or _is_in(file, planned) for file in one.files
        )


def _is_in(file: FileState, planned: Iterable[KnownChapter]) -> bool:
    if file.state is HaulState.OTHER_CONTENT:
        return False
    listed = FileIdentity(file.file)
    return any(likeness(listed, chapter.identity) is Likeness.SAME for chapter in planned)


def obstructed(
    one: RecordingState, seen: Mapping[str, Obstacle], has_unread_chapter: bool, sessions: Sessions
) -> RecordingState:
    """The recording with the obstacle of each file that is not home; `seen` are those that the camera showed."""
    if one.serial is None:
        return replace(one, files=tuple(replace(file, obstacle=Obstacle.NO_CAMERA) for file in one.files))
    whole = _obstacle_of_whole(one, seen, has_unread_chapter, sessions)
    files = (
        file
        if file.state.is_home or file.state is HaulState.UNREADABLE
        else replace(file, obstacle=seen.get(file.file.path) or _obstacle(file, whole, sessions))
        for file in one.files
    )
    return replace(one, files=tuple(files))


def _obstacle(file: FileState, whole: Obstacle | None, sessions: Sessions) -> Obstacle | None:
    if sessions.begun_with(file):
        return None
    if not file.file.is_dated:
        same_name = [known for known in sessions.known if known.path == file.file.path]
        likenesses = {likeness(FileIdentity(file.file), known.identity) for known in same_name}
        if Likeness.UNSURE in likenesses:
            return Obstacle.UNSURE
    if whole:
        return whole
    if not file.file.is_dated:
        return Obstacle.UNDATED
    if file.state is HaulState.UNDER_WAY and file.chapter and not file.chapter.is_own:
        return Obstacle.OTHER_DEVICE
    return None


def _obstacle_of_whole(
    one: RecordingState, seen: Mapping[str, Obstacle], has_unread_chapter: bool, sessions: Sessions
) -> Obstacle | None:
    """Why the recording cannot be hauled whole."""
    if one.recording.missing:
        return Obstacle.GAP
    if has_unread_chapter:
        return Obstacle.UNREAD_CHAPTER
    if {Obstacle.NOT_SHOWN, Obstacle.UNFINISHED} & {*seen.values()} or any(
        file.state is HaulState.UNREADABLE for file in one.files
    ):
        return Obstacle.BROKEN_CHAPTER
    return Obstacle.NAME_TAKEN if sessions.has_other_files(one) else None


def tried(found: Sequence[RecordingState]) -> tuple[RecordingState, ...]:
    """The recordings after `audit --haul`: what it should have brought and did not has an error line of its own."""
    return tuple(
        replace(
            one,
            files=tuple(
                replace(file, obstacle=Obstacle.TRIED)
                if not file.state.is_home and advice_for(file).how is How.AUDIT_HAUL
                else file
                for file in one.files
            ),
        )
        for one in found
    )
