"""Compare a card with what the coordinator knows of its camera. Change and erase nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge_client.base.errors import NothingListed, Unsettled
from edge_client.haul.camera_session import CameraSession
from edge_client.haul.context import HaulContext
from edge_client.haul.origins import Origins
from edge_client.haul.ports import Coordinator, Spool
from edge_client.haul.proving import Proving
from edge_client.model.advice import Sessions, obstructed
from edge_client.model.files import CameraFile, FileIdentity
from edge_client.model.haul_state import (
    FileState,
    HaulState,
    KnownChapter,
    Obstacle,
    RecordingState,
    by_path,
    same_chapters,
    states_by_list,
)
from edge_client.model.levels import Level, least
from edge_client.model.listing import READER, Inventory, Listed, Unreadable, Witnesses, doubts
from edge_client.model.parts import crc_text
from edge_client.model.plan import CameraIdentity
from edge_client.model.recordings import Recording, recordings, unrecognised

# What was read at least once, and is home unless a further read says otherwise.
READ_ONCE = (HaulState.HAULED, HaulState.PROVEN)


@dataclass(frozen=True)
class Survey:
    """What is on a card, and the state of each recording.

    `unrecognised` are videos that are not chapters, `others` counts photos and all other entries, `unreadable` has the
    entries that may be videos and cannot be read. Without a coordinator nothing is known: `is_asked` is false and
    every file counts as missing. `known` is that by the cameras' serials, `taken` are the session names that a new
    session cannot have. `camera` has an empty serial where nothing says which it is, or films of several are there.
    `proxies` are the sizes of the proxies that the list promises, by their films' paths: no state depends on them.
    `required` is the level that a recording must have before it is erased.
    """

    camera: CameraIdentity
    recordings: tuple[RecordingState, ...]
    unrecognised: tuple[CameraFile, ...]
    others: int
    is_asked: bool
    known: Mapping[str, tuple[KnownChapter, ...]]
    unreadable: tuple[Unreadable, ...]
    inventory: Inventory
    witnesses: Witnesses
    taken: frozenset[str] = frozenset()
    proxies: Mapping[str, int] = field(default_factory=dict)
    required: Level = Level.READ_ONCE

    @property
    def serials(self) -> tuple[str, ...]:
        """The cameras that recorded what is on the card, as far as that is known."""
        return tuple(sorted({one.serial for one in self.recordings if one.serial}))

    @property
    def has_no_video(self) -> bool:
        """Whether the list has no entry that may be a video."""
        return not (self.recordings or self.unrecognised or self.unreadable)

    @property
    def homes(self) -> int:
        """How many recordings are verified, whole."""
        return sum(one.state.is_home for one in self.recordings)

    @property
    def differs(self) -> bool:
        """Whether a further read of one of its films did not agree."""
        return any(file.state is HaulState.DIFFERS for one in self.recordings for file in one.files)

    @property
    def level(self) -> Level | None:
        """The least level of its recordings; None while one is not home, and without one."""
        levels = [one.level for one in self.recordings]
        return least(level for level in levels if level) if all(levels) else None

    @property
    def all_home(self) -> bool:
        """Whether every video of the card is verified and nothing hints at a further one."""
        return not [*self._reasons_of_home()]

    def is_safe(self, one: RecordingState) -> bool:
        """Whether a recording is home and known as surely as is required."""
        return one.level is not None and one.level.reaches(self.required)

    @property
    def reasons_to_keep(self) -> tuple[str, ...]:
        """The reasons to keep the card; none when every video of it is verified, and nothing hints at another.

        One that is not known as surely as is required is a reason too.
        """
        unsure = sum(one.state.is_home and not self.is_safe(one) for one in self.recordings)
        lacks = (
            [f"{unsure} of {len(self.recordings)} recordings are not {self.required.words}"] if unsure else []
        )
        return (*self._reasons_of_home(), *lacks)

    def _reasons_of_home(self) -> Iterator[str]:
        return (reason for reason in (*self._lacks(), *doubts(self.inventory, self.witnesses)) if reason)

    def _lacks(self) -> Iterator[str | None]:
        if not self.is_asked:
            yield "no coordinator was asked"
        if self.unreadable:
            yield f"entries of the camera's list that cannot be read: {len(self.unreadable)}; {READER}"
        if self.unrecognised:
            yield f"films that are not named like chapters: {len(self.unrecognised)}; copy them by hand"
        if nameless := sum(one.serial is None for one in self.recordings):
            yield f"nothing says which camera recorded {nameless} of its recordings; copy them by hand"
        if differing := sum(file.state is HaulState.DIFFERS for one in self.recordings for file in one.files):
            yield f"films that the card gave otherwise when they were read again: {differing}"
        # What differs is home, and has a reason of its own.
        states = (file.state for one in self.recordings for file in one.files)
        if not all(state.is_home or state is HaulState.DIFFERS for state in states):
            yield f"{self.homes} of {len(self.recordings)} recordings are home"


def survey_card(camera: CameraSession, coordinator: Coordinator | None) -> Survey:
    """The card as it is now. Raises what keeps it from being read."""
    return _survey(camera, coordinator, camera.read_list())


def audit_card(context: HaulContext) -> Survey:
    """The card as it is now, proven. A list that stays empty while the camera counts videos is a reason to keep it."""
    try:
        listed = context.camera.read_list()
    except NothingListed:
        listed = Listed(witnesses=context.camera.witnesses)
    proven = prove_card(context, _survey(context.camera, context.tools.coordinator, listed))
    return hold_to_evidence(context.tools.spool, proven)


def _survey(camera: CameraSession, coordinator: Coordinator | None, listed: Listed) -> Survey:
    card, strange = recordings(listed.files), tuple(unrecognised(listed.files))
    origins = Origins(camera, card)
    serials = [camera.serial if camera else None for camera in map(origins.of, card)]
    cameras = sorted({serial for one in card for serial in origins.serials(one).values()})
    known = {serial: coordinator.known_chapters(serial) if coordinator else () for serial in cameras}
    return Survey(
        _camera(camera, serials),
        tuple(
            state
            for one, serial in zip(card, serials, strict=True)
            for state in states_by_list([one], origins.known_of(one, known), serial)
        ),
        strange,
        listed.others,
        coordinator is not None,
        known,
        listed.unreadable,
        listed.inventory(),
        listed.witnesses,
        proxies=listed.proxies,
    )


def _camera(camera: CameraSession, serials: Sequence[str | None]) -> CameraIdentity:
    """Who the camera says it is, or the one camera that all recordings are of; an empty serial where neither is so."""
    try:
        itself = camera.itself()
    except Unsettled:
        # Where nothing is to be looked up, it need not be known.
        if serials:
            raise
        itself = None
    found = set(serials)
    return itself or CameraIdentity((len(found) == 1 and found.pop()) or "", None, None)


def prove_card(context: HaulContext, survey: Survey) -> Survey:
    """The survey with each hauled file compared with the camera, and with S3 if another device hauled it.

    Use it before a card is erased: a list shows only names, sizes and dates; this also detects a repaired file, and
    a false claim of another device.
    """
    card = [one.recording for one in survey.recordings]
    proving = {serial: Proving(context, serial) for serial in survey.serials}
    origins = Origins(context.camera, card)
    sessions = {
        serial: _sessions(context.tools.spool, survey, card, serial) for serial in ("", *survey.serials)
    }
    found = (
        state
        for one in survey.recordings
        for state in (
            proving[one.serial].states([one.recording], origins.known_of(one.recording, survey.known))
            if one.serial
            else [one]
        )
    )
    unread = Listed(unreadable=survey.unreadable)
    advised = (
        obstructed(
            one,
            _seen(context.camera, one, sessions[one.serial or ""], origins),
            bool(unread.unreadable_of(one.recording)),
            sessions[one.serial or ""],
        )
        for one in found
    )
    taken = frozenset(name for each in sessions.values() for name in each.taken)
    return replace(survey, recordings=tuple(advised), taken=taken)


def _sessions(spool: Spool, survey: Survey, card: Sequence[Recording], serial: str) -> Sessions:
    plans = spool.plans().readable
    return Sessions(
        serial,
        card,
        survey.known.get(serial, ()),
        frozenset(plan.session_id for _, plan in plans),
        tuple(plan for folder, plan in plans if len(folder.receipts()) < len(plan.chapters)),
    )


def _seen(
    camera: CameraSession, one: RecordingState, sessions: Sessions, origins: Origins
) -> dict[str, Obstacle]:
    """The obstacles that one look at each file shows that is not home."""
    looked = dict[str, Obstacle | None]()
    are_several = len(set(origins.serials(one.recording).values())) > 1
    for file in one.files:
        if file.state.is_home or file.state is HaulState.UNREADABLE:
            continue
        begun = sessions.begun_with(file)
        of_several = Obstacle.TWO_CAMERAS if begun is None and are_several else None
        looked[file.file.path] = camera.obstacle(file.file, begun) or of_several
    return {path: obstacle for path, obstacle in looked.items() if obstacle}


def hold_to_evidence(spool: Spool, survey: Survey) -> Survey:
    """The survey with each file that a further read did not agree with, by the coordinator or by this device.

    Use it on what is proven: no file whose reads differ is safe to erase.
    """

    known = {serial: by_path(chapters) for serial, chapters in survey.known.items()}

    def judged(one: RecordingState, file: FileState) -> FileState:
        if file.state not in READ_ONCE or file.chapter is None:
            return file
        named = known.get(one.serial or "", {}).get(file.file.path, ())
        disagreements = (_disagreement(spool, chapter) for chapter in _stored_as(file, named))
        reason = next((each for each in disagreements if each), None)
        if reason is None or _is_sure(spool, file.chapter):
            return file
        return replace(file, state=HaulState.DIFFERS, reason=reason)

    recordings = (
        replace(one, files=tuple(judged(one, file) for file in one.files)) for one in survey.recordings
    )
    return replace(survey, recordings=tuple(recordings))


def _stored_as(file: FileState, named: Sequence[KnownChapter]) -> list[KnownChapter]:
    """The chapter that the file is known by, and those of its name that have the same file: it may be there twice."""
    same = same_chapters(FileIdentity(file.file), named)
    own = [file.chapter] if file.chapter else []
    others = [each for each in same if own and _place(each) != _place(own[0])]
    return [each for each in (*own, *others) if each.stored]


def _is_sure(spool: Spool, chapter: KnownChapter) -> bool:
    """Whether two reads gave the same of it: then it does not matter that those of another haul did not."""
    is_twice = chapter.level is not None and chapter.level.reaches(Level.READ_TWICE)
    return is_twice and _disagreement(spool, chapter) is None


def _place(chapter: KnownChapter) -> tuple[str, str]:
    return chapter.session_id, chapter.artifact_id


def _disagreement(spool: Spool, chapter: KnownChapter) -> str | None:
    """Why the card must be kept for this chapter, by the spool or by the coordinator; None where all reads agree."""
    found = spool.rereads.find(*_place(chapter))
    if found and found.forbids(chapter.evidence):
        return found.words
    if chapter.evidence is None or chapter.evidence.agrees:
        return None
    again = chapter.evidence.read_twice
    if chapter.stored is None or again is None or again.agrees:
        return "the coordinator says that what is stored is not what its receipt is for"
    receipt = crc_text(chapter.stored.crc)
    return f"its receipt has crc64nvme {receipt}, and the card gave {again.crc64nvme} at {again.at}"


def ask_lengths_s(camera: CameraSession, survey: Survey) -> dict[str, int | None]:
    """How long each chapter of the card is, by path, where the camera says so."""
    return {file.path: camera.length_s(file) for one in survey.recordings for file in one.recording.files}
