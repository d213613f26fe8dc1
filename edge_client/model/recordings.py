"""Pure: the files of a card as recordings, in order and with their gaps, and the names of their sessions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_client.base.errors import CardFault, ChapterGap
from edge_client.model.files import CameraFile
from edge_client.model.gopro_names import (
    ORDINARY_PREFIXES,
    ChapterName,
    count,
    counted_on,
    is_directory,
    is_loop,
    label,
    may_be_video,
    parsed,
    spellings,
)

LONGEST_SESSION_NAME = 100
MOST_TOLD = 10
MOST_CHAPTERS = 99
"""The coordinator's own limit of a session."""
# Half the lowest rate of a real camera's film (17 Mbit/s): no chapter takes longer than its size at this rate.
SLOWEST_FILM_BYTES_S = 1_000_000
# A card's dates may be two seconds off, and a camera needs a moment to open the next file.
BETWEEN_CHAPTERS_S = 10


Key = tuple[str, str, str]
Chapters = dict[int, CameraFile]


@dataclass(frozen=True)
class Recording:
    """The chapters that a camera wrote in one go, in order; `missing` are the chapter numbers that are not there.

    `directory` is that of its first chapter: a recording may continue in the next one. `counter` is that of the first
    file in a piece of a loop that takes several sessions; a whole recording has none. `apart_from` is the label of the
    recording that this one seems to continue although their dates do not say so.
    """

    directory: str
    prefix: str
    number: str
    files: tuple[CameraFile, ...]
    missing: tuple[int, ...]
    counter: int | None = None
    apart_from: str | None = None

    @property
    def key(self) -> Key:
        """What no other recording of the card has."""
        return (self.directory, self.prefix, self.number)

    @property
    def label(self) -> str:
        """The key as people read it and may say it: `100GOPRO/GX..0042`."""
        return label(*self.key)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def created(self) -> int | None:
        """The camera's wall clock, as an epoch, when the first file began; None where the list does not say."""
        return self.files[0].created

    def is_called(self, text: str) -> bool:
        """Whether `text` of `--recording` means this one, and perhaps others."""
        return text in spellings(*self.key)


def recordings(files: Iterable[CameraFile]) -> list[Recording]:
    """All recordings among `files`, by directory and number as the camera counted; without other files.

    The order of `files` and that of names do not matter. Raises CardFault when the list contradicts itself.
    """
    groups: dict[Key, Chapters] = {}
    for file in _videos(files):
        if name := _chapter(file):
            groups.setdefault((file.directory, name.prefix, name.number), {})[name.chapter] = file
    joined, apart = _joined(groups)
    return [_recording(key, joined[key], apart.get(key)) for key in _in_order(joined)]


def unrecognised(files: Iterable[CameraFile]) -> list[CameraFile]:
    """Videos that are not chapters by their names or directories: nothing here knows what belongs to them.

    Raises CardFault when the list contradicts itself.
    """
    return sorted(
        (file for file in _videos(files) if not _chapter(file)),
        key=lambda file: (file.directory, file.filename),
    )


def whole(recording: Recording) -> Recording:
    """The recording itself. Raises ChapterGap when one of its chapters is not on the card."""
    if recording.missing:
        width = 4 if is_loop(recording.number) else 2
        numbers = ", ".join(f"{n:0{width}d}" for n in recording.missing[:MOST_TOLD])
        more = f" and {len(recording.missing) - MOST_TOLD} more" if len(recording.missing) > MOST_TOLD else ""
        apart = (
            f" (by their dates it does not continue {recording.apart_from})" if recording.apart_from else ""
        )
        raise ChapterGap(
            f"{recording.label} lacks chapter {numbers}{more}{apart}; "
            "to haul what is left, name its files with --file"
        )
    return recording


def pieces(recording: Recording, wanted: Collection[CameraFile]) -> list[Recording]:
    """The `wanted` files of a whole recording as sessions take them: a loop that is too long for one is cut.

    The counter of a file alone says in which piece of a loop it is: the first has 1 to 99, the next 100 to 198. So a
    loop that grows, or that overwrites its oldest files, is cut at the same places. A loop is also cut down to the
    wanted files. Any other recording stays whole.
    """
    chosen = set(wanted)
    files = [file for file in recording.files if file in chosen]
    if not is_loop(recording.number) or (len(files) == len(recording.files) <= MOST_CHAPTERS):
        return [recording]
    blocks: dict[int, list[CameraFile]] = {}
    for file in files:
        blocks.setdefault((_counter(file) - 1) // MOST_CHAPTERS, []).append(file)
    return [_piece(recording, block) for block in blocks.values()]


def _piece(loop: Recording, files: Sequence[CameraFile]) -> Recording:
    first, last = _counter(files[0]), _counter(files[-1])
    within = set(count(first, last))
    missing = tuple(number for number in loop.missing if number in within)
    return replace(loop, files=tuple(files), missing=missing, counter=first)


def _counter(file: CameraFile) -> int:
    """The number at the end of a loop file's name."""
    return int(file.filename[-8:-4])


def session_name(
    serial: str, recording: Recording, card: Iterable[Recording], taken: Collection[str] = ()
) -> str:
    """`{serial}-{directory}-{number}-{created}`, made to fit what the coordinator takes as a session id.

    The prefix comes before the number in every form that sessions were not always named after (loops, front and back,
    Labs), and in the others where one more recording of the `card` would have the same name. A piece of a loop has the
    counter of its first file after the letters, as that file's name has. Where a name is `taken` by another device,
    the next one ends in `-2`, and so on.
    """
    spelled = _spelled_number(serial, recording, card)
    name, turn = _session_name(serial, recording, spelled), 1
    while name in taken:
        turn += 1
        name = _session_name(serial, recording, spelled, f"-{turn}")
    return name


def _spelled_number(serial: str, recording: Recording, card: Iterable[Recording]) -> str:
    """The number as the session's name has it: no other recording of the card gets the same name."""
    rivals = [
        other
        for other in card
        if other.key != recording.key
        and (other.directory, _created(other)) == (recording.directory, _created(recording))
    ]
    for spelled in (_in_short, _in_full):
        name = _session_name(serial, recording, spelled(recording))
        if all(name != _session_name(serial, rival, spelled(rival)) for rival in rivals):
            return spelled(recording)
    # Basenames that differ only in what a session id cannot hold.
    digest = hashlib.sha256(recording.prefix.encode()).hexdigest()[:8]
    return f"{_in_full(recording)}-{digest}"


def _in_short(recording: Recording) -> str:
    ordinary = recording.prefix in ORDINARY_PREFIXES and not is_loop(recording.number)
    return recording.number if ordinary else _in_full(recording)


def _in_full(recording: Recording) -> str:
    counter = "" if recording.counter is None else f"{recording.counter:04d}"
    return recording.prefix + recording.number + counter


def _created(recording: Recording) -> int:
    first = recording.files[0]
    return first.created if first.created is not None else first.modified or 0


def _session_name(serial: str, recording: Recording, number: str, ending: str = "") -> str:
    """At most as long as allowed; it is the serial that is cut, as the rest tells recordings apart."""
    rest = f"-{recording.directory}-{number}-{_created(recording)}{ending}"
    fitted = re.sub(r"[^A-Za-z0-9._-]", "-", serial[: LONGEST_SESSION_NAME - len(rest)] + rest)
    return re.sub(r"^[^A-Za-z0-9]+", "", fitted)


def _videos(files: Iterable[CameraFile]) -> Iterable[CameraFile]:
    """Each video once. Which of two sizes is true cannot be told, and one would silently win."""
    seen: dict[tuple[str, str], CameraFile] = {}
    for file in files:
        if may_be_video(file.filename) and seen.setdefault((file.directory, file.filename), file) != file:
            raise CardFault(f"the camera lists {file.path} twice and not alike; switch it off and on")
    return seen.values()


def _chapter(file: CameraFile) -> ChapterName | None:
    return parsed(file.filename) if is_directory(file.directory) else None


def _joined(groups: Mapping[Key, Chapters]) -> tuple[dict[Key, Chapters], dict[Key, str]]:
    """The groups of each directory, with what continues in the next directory added to the recording it belongs to.

    It continues where the next directory's chapters count on from the last one here, and so do not begin with 1, and
    where the dates of both fit. A loop never does: its counter says nothing of a beginning, and its letters may be
    given again. Second: the label of the recording that a group seems to continue although the dates do not fit.
    """
    starts: dict[Key, Key] = {}
    joined: dict[Key, Chapters] = {}
    apart: dict[Key, str] = {}
    for key in sorted(groups):
        directory, prefix, number = key
        chapters, before = groups[key], (f"{int(directory[:3]) - 1:03d}{directory[3:]}", prefix, number)
        counts_on = before in groups and not is_loop(number) and min(chapters) == max(groups[before]) + 1
        if counts_on and _follows(groups[before][max(groups[before])], chapters[min(chapters)]):
            starts[key] = starts[before]
        else:
            starts[key] = key
            if counts_on:
                apart[key] = label(*starts[before])
        joined.setdefault(starts[key], {}).update(chapters)
    return joined, apart


def _follows(before: CameraFile, after: CameraFile) -> bool:
    """Whether, by their dates, a camera wrote one chapter right after the other; without dates nothing says so.

    It is not known whether a list dates the beginning of a chapter or its end: so either of the two may have taken the
    time between their dates.
    """
    if before.created is not None and after.created is not None:
        gap_s = after.created - before.created
    elif before.modified is not None and after.modified is not None:
        gap_s = after.modified - before.modified
    else:
        return False
    longest_s = max(before.size_bytes, after.size_bytes) / SLOWEST_FILM_BYTES_S
    return 0 <= gap_s <= longest_s + BETWEEN_CHAPTERS_S


def _recording(key: Key, chapters: Chapters, apart_from: str | None) -> Recording:
    if is_loop(key[2]):
        order = counted_on(set(chapters))
        due = count(order[0], order[-1])
    else:
        order = sorted(chapters)
        due = list(range(1, order[-1] + 1))
    missing = tuple(n for n in due if n not in chapters)
    return Recording(*key, tuple(chapters[n] for n in order), missing, apart_from=apart_from)


def _in_order(joined: Mapping[Key, Chapters]) -> list[Key]:
    """By directory, and there as the camera counted; a loop is where its first file is."""
    ordered: list[Key] = []
    for directory in sorted({key[0] for key in joined}):
        here = {key: _place(key, chapters) for key, chapters in joined.items() if key[0] == directory}
        turn = {place: at for at, place in enumerate(counted_on(set(here.values())))}
        ordered += sorted(here, key=lambda key: (turn[here[key]], key))
    return ordered


def _place(key: Key, chapters: Chapters) -> int:
    return counted_on(set(chapters))[0] if is_loop(key[2]) else int(key[2])
