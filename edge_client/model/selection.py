"""Pure: what an operator asks for, and the recordings of a card that this means. Nothing is guessed."""

from __future__ import annotations

import enum
import re
from calendar import timegm
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from edge_client.base.errors import PlanDiffers, RecordingUnknown
from edge_client.model.files import CameraFile
from edge_client.model.gopro_names import SPELLING
from edge_client.model.listing import Listed, doubts
from edge_client.model.plan import SessionPlan
from edge_client.model.recordings import Recording, recordings, unrecognised

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?", re.ASCII)


@dataclass(frozen=True)
class ByNumber:
    """`--recording`: the one recording called so: `0042`, a loop `AA`, `100GOPRO/0042`, `100GOPRO/GX..0042`."""

    number: str


class Films(enum.Enum):
    """Which films may be planned."""

    FINISHED = "only those that the camera finished"
    AS_THEY_ARE = "also those that it did not finish, with a mark"


@dataclass(frozen=True)
class ByFile:
    """`--file DIR/NAME`: exactly these files; with `--unfinished` as they are."""

    paths: tuple[str, ...]
    films: Films = Films.FINISHED


@dataclass(frozen=True)
class ByTime:
    """`--since` and `--until`: every recording whose first file began in this time of the camera's own wall clock.

    Both are naive; `since` belongs to it, `until` does not; None means no limit. Raises ValueError when it is empty.
    """

    since: datetime | None
    until: datetime | None

    def __post_init__(self) -> None:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("--since must be before --until")

    def has(self, created: int) -> bool:
        """Whether a file of this date, the camera's wall clock as an epoch, began in this time."""
        return (self.since is None or timegm(self.since.timetuple()) <= created) and (
            self.until is None or created < timegm(self.until.timetuple())
        )


@dataclass(frozen=True)
class New:
    """`--new`: every recording with a file that is not `home`, in any session."""

    home: frozenset[CameraFile] = frozenset()

    def has(self, file: CameraFile) -> bool:
        """Whether this file of the card is not home."""
        return file not in self.home


@dataclass(frozen=True)
class Everything:
    """`--all`: every recording, each one a session of its own."""


Choice = ByNumber | ByFile | ByTime | New | Everything


@dataclass(frozen=True)
class Selection:
    """The recordings that a choice means, in order, and a refusal for anything else that it may mean.

    Of named files the recordings hold only those, and are not said to miss any. Gaps are for `whole` to refuse.
    """

    recordings: tuple[Recording, ...]
    refusals: tuple[RecordingUnknown, ...] = ()


def selection(files: Sequence[CameraFile], choice: Choice) -> Selection:
    """What `choice` means among the `files` of a camera's list.

    Raises RecordingUnknown where one recording or file is asked for and is not there exactly once, CardFault when the
    list contradicts itself.
    """
    card = recordings(files)
    if isinstance(choice, ByNumber):
        return Selection((_the_one(card, choice.number),))
    if isinstance(choice, ByFile):
        return Selection(_holding(card, files, choice.paths))
    if isinstance(choice, ByTime):
        return _begun_in(choice, card, unrecognised(files))
    if isinstance(choice, New):
        new = (recording for recording in card if any(choice.has(file) for file in recording.files))
        return Selection(tuple(new), _not_hauled([file for file in unrecognised(files) if choice.has(file)]))
    return Selection(tuple(card), _not_hauled(unrecognised(files)))


def _the_one(card: Sequence[Recording], number: str) -> Recording:
    called = [recording for recording in card if recording.is_called(number)]
    if not called:
        there = ", ".join(recording.label for recording in card) or "none"
        raise RecordingUnknown(f"no recording {number} on the camera; there are: {there}")
    if len(called) > 1:
        labels = ", ".join(map(_dated_label, called))
        raise RecordingUnknown(f"recording {number} is not unique; give --recording one of: {labels}")
    return called[0]


def _dated_label(recording: Recording) -> str:
    """The label, and when it began: recordings of one number are often of different days."""
    if recording.created is None:
        return recording.label
    return f"{recording.label} (began {camera_time(recording.created)})"


def _holding(
    card: Sequence[Recording], files: Sequence[CameraFile], paths: Sequence[str]
) -> tuple[Recording, ...]:
    """The recordings that the files are of, with no other file. Raises RecordingUnknown for files of none."""
    asked_for = set(paths)
    if absent := asked_for - {file.path for file in files}:
        raise RecordingUnknown(f"not on the camera: {_listed(absent)}; `reelhaul list` shows what is")
    if strange := asked_for - {file.path for recording in card for file in recording.files}:
        raise RecordingUnknown(f"not named like a chapter: {_listed(strange)}; copy it by hand")
    cut = (
        replace(one, files=tuple(file for file in one.files if file.path in asked_for), missing=())
        for one in card
    )
    return tuple(recording for recording in cut if recording.files)


def _begun_in(time: ByTime, card: Sequence[Recording], strange: Sequence[CameraFile]) -> Selection:
    begun = (one for one in card if one.created is not None and time.has(one.created))
    undated = [one.label for one in card if one.created is None]
    refusals = _not_hauled([file for file in strange if file.created is None or time.has(file.created)])
    if undated:
        text = (
            f"the camera does not say when these began, so not hauled: {', '.join(undated)}; take --recording"
        )
        refusals = (*refusals, RecordingUnknown(text))
    return Selection(tuple(begun), refusals)


def _not_hauled(strange: Sequence[CameraFile]) -> tuple[RecordingUnknown, ...]:
    """A refusal for videos that are not chapters: without it they would seem hauled."""
    if not strange:
        return ()
    return (
        RecordingUnknown(
            f"not named like chapters, so not hauled: {_listed(file.path for file in strange)}; copy them by hand"
        ),
    )


def _listed(paths: Iterable[str]) -> str:
    return ", ".join(sorted(paths))


def refuse_other_choice(plan: SessionPlan, choice: ByNumber | ByFile) -> None:
    """Raises PlanDiffers when a plan is not what is asked for now."""
    paths = [chapter.path for chapter in plan.chapters]
    fits = plan.is_called(choice.number) if isinstance(choice, ByNumber) else set(choice.paths) == set(paths)
    if not fits:
        whole = f"recording {plan.recording}: " if plan.recording else ""
        raise PlanDiffers(
            f"session {plan.session_id} is already planned with {whole}{', '.join(paths)}, which is not what was "
            "asked for now; take another session name"
        )


def is_all_home(listed: Listed, choice: Choice, has_refusals: bool) -> bool:
    """Whether nothing was chosen of a card because all of it is home, photos too as there are none."""
    return (
        isinstance(choice, New)
        and not has_refusals
        and bool(recordings(listed.files))
        and not listed.others
        and not doubts(listed.inventory(), listed.witnesses)
    )


def why_nothing(listed: Listed, choice: Choice, has_refusals: bool) -> str:
    """Why nothing of the card is hauled, and what helps; what is refused has a line of its own before."""
    other = "other " if has_refusals else ""
    card = recordings(listed.files)
    if found := doubts(listed.inventory(), listed.witnesses):
        return "; ".join(found)
    if not listed.entries:
        return "the card is empty"
    if not card and not has_refusals:
        return "the card has only photos and the like, which are never hauled"
    if isinstance(choice, New) and card:
        photos = f"; photos and the like are never hauled: {listed.others}" if listed.others else ""
        return f"every {other}film on this card is home{photos}"
    if isinstance(choice, ByTime) and (began := [one.created for one in card if one.created is not None]):
        return (
            f"no {other}recording on this card began in that time; by the camera's clock the first began "
            f"{camera_time(min(began))} and the last {camera_time(max(began))}"
        )
    return f"the card has no {other}recording"


def camera_time(created: int) -> str:
    """A time of the camera's own clock; a number that is not a date (milliseconds, before year 1) stays as it is."""
    try:
        return f"{EPOCH + timedelta(seconds=created):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return str(created)


def parsed_recording(text: str) -> ByNumber:
    """The choice that the text of `--recording` makes. Raises ValueError."""
    if not SPELLING.fullmatch(text):
        raise ValueError(
            "is the four digits of the file names, such as 0042, or the two letters of a loop, such as AA; "
            "where that is not unique, with the directory (100GOPRO/0042) or in full (100GOPRO/GX..0042)"
        )
    return ByNumber(text)


def parsed_time(text: str) -> datetime:
    """A naive time of the camera's wall clock, from the text of `--since` or `--until`. Raises ValueError."""
    try:
        if TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from error
    raise ValueError(
        f"{text!r} is not a time of the camera's clock, such as 2026-11-24, 2026-11-24T18:00 or '2026-11-24 18:00:30'"
    )
