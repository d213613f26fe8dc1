"""What an import makes of an old session: pure, the same for the same session."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from chalicelib.core import ids
from chalicelib.core.artifact import Kind
from chalicelib.core.chapter import OLDER_SYSTEM, Chapter
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import MOST_CHAPTERS
from chalicelib.core.storage import OldKey, Storage
from chalicelib.flows.imports import Import
from infra.migration.legacy import values
from infra.migration.legacy.values import FRAMES, ORIGINAL, VIDEOS, OldObject, OldSession

ROW = ArtifactId("output.session-row.json")
"""The session's row of the older database, every column of it."""

TABLE = ArtifactId("measurements.table.jsonl.gz")
"""The session's rows of the older frame table, one a line."""

FILE = ArtifactId("measurements.frames.json.gz")
"""The older system's JSON of frames, byte for byte."""

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


class From(Enum):
    """Where the bytes of an artifact come from."""

    OBJECT = "object"
    FRAME_ROWS = "frame rows"
    SESSION_ROW = "session row"


@dataclass(frozen=True)
class Item:
    """One artifact to import.

    `key` is that of the old object; rows have none. `size_bytes` is None where it is known only once rows are written
    out.
    """

    artifact_id: ArtifactId
    source: From
    key: str | None
    size_bytes: int | None


@dataclass(frozen=True)
class SessionPlan:
    """What becomes of one old session. `notes` say what is unusual about it; nothing is left out without a note."""

    wanted: Import
    items: tuple[Item, ...]
    frame_rows: int | None
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        return self.wanted.storage.missing

    @property
    def size_bytes(self) -> int:
        """The bytes of all objects; those of rows are not known yet."""
        return sum(item.size_bytes or 0 for item in self.items)


def plan_session(project: str, source: str, old: OldSession, now: datetime) -> SessionPlan:
    """The plan of an old session in `project`; `source` names the folder or bucket, `now` the time of the import.

    Raises InvalidRequest when its id is no session's name here, or it has more files than a session can have.
    """
    session_id = ids.session_id(project, old.old_id)
    notes: list[str] = []
    usable = tuple(_usable(old.objects, notes))
    chapters, originals = _chapters([each for each in usable if each.kind == ORIGINAL], notes)
    items = (*originals, *_made(usable), *_rows(old))
    if any(each.kind == FRAMES for each in usable) and old.frame_rows:
        notes.append(
            f"frames are in a file and in {old.frame_rows} rows: both are imported, name one with `artifact`"
        )
    keys = tuple(OldKey(item.artifact_id, readable(item.key)) for item in items if item.key)
    row = old.row
    storage = Storage(
        source,
        now,
        row.row_id if row else None,
        keys,
        tuple(_missing(old, usable)),
        row.recorded_at if row else None,
    )
    made = tuple(item.artifact_id for item in items if not item.artifact_id.startswith(Kind.ORIGINAL.value))
    created_at = row.created_at if row and row.created_at and row.created_at <= now else None
    if created_at is None:
        notes.append("the older system does not say when it was created: the time of the import is taken")
    return SessionPlan(
        Import(session_id, created_at or now, storage, chapters, made), items, old.frame_rows, tuple(notes)
    )


def _usable(objects: Sequence[OldObject], notes: list[str]) -> Iterator[OldObject]:
    """The objects in the order of their keys, without empty ones."""
    for each in sorted(objects, key=lambda one: (one.kind, one.key)):
        if each.size_bytes < 1:
            notes.append(f"{readable(each.key)} is empty and counts as missing")
        else:
            yield each


def _chapters(
    originals: Sequence[OldObject], notes: list[str]
) -> tuple[tuple[Chapter, ...], tuple[Item, ...]]:
    """The originals as chapters, in the order of their names; a name that cannot be kept is replaced and noted."""
    if len(originals) > MOST_CHAPTERS:
        raise InvalidRequest(f"a session has at most {MOST_CHAPTERS} originals, not {len(originals)}")
    chapters, items = [], []
    taken: set[str] = set()
    for place, each in enumerate(originals, start=1):
        chapter = _chapter(each, place, taken)
        taken.add(chapter.filename)
        if chapter.filename != each.filename:
            notes.append(f"{readable(each.key)} becomes {chapter.name}: its name cannot be kept")
        chapters.append(chapter)
        items.append(Item(chapter.artifact_id, From.OBJECT, each.key, each.size_bytes))
    return tuple(chapters), tuple(items)


def _chapter(original: OldObject, place: int, taken: set[str]) -> Chapter:
    if original.filename not in taken and original.filename.isprintable():
        try:
            return Chapter(OLDER_SYSTEM, original.filename, original.size_bytes)
        except InvalidRequest:
            pass
    return Chapter(OLDER_SYSTEM, f"original-{place}{_suffix(original)}", original.size_bytes)


def _made(objects: Sequence[OldObject]) -> Iterator[Item]:
    """Outputs and the file of frames. The first of a kind has the kind's name, a further one a number behind it."""
    seen: dict[str, int] = {}
    for each in objects:
        if each.kind == ORIGINAL:
            continue
        seen[each.kind] = seen.get(each.kind, 0) + 1
        number = f".{seen[each.kind]}" if seen[each.kind] > 1 else ""
        if each.kind == FRAMES:
            artifact_id = ArtifactId(FILE.replace(FRAMES, f"{FRAMES}{number}"))
        else:
            artifact_id = ArtifactId(f"{Kind.OUTPUT.value}.{each.kind}{number}{_suffix(each)}")
        yield Item(artifact_id, From.OBJECT, each.key, each.size_bytes)


def _rows(old: OldSession) -> Iterator[Item]:
    if old.frame_rows:
        yield Item(TABLE, From.FRAME_ROWS, None, None)
    if old.row and not old.row.is_orphan:
        yield Item(ROW, From.SESSION_ROW, None, None)


def _missing(old: OldSession, objects: Sequence[OldObject]) -> Iterator[str]:
    """The row, the original and the frames, which every session should have, and the videos that its row names."""
    if old.row and old.row.is_orphan:
        yield values.ROW
    found = {each.kind for each in objects}
    named = old.row.named if old.row else {}
    for kind in VIDEOS:
        if kind not in found and (kind == ORIGINAL or kind in named):
            yield kind
    if FRAMES not in found and not old.frame_rows:
        yield FRAMES


def readable(key: str) -> str:
    """A key as text; bytes of a file's name that are not UTF-8 become codes."""
    return key.encode("utf-8", "backslashreplace").decode()


def _suffix(old: OldObject) -> str:
    """The file's suffix, as far as it is a usual one."""
    found = _SUFFIX.fullmatch(f".{old.filename.rpartition('.')[2]}") if "." in old.filename else None
    return found[0].lower() if found else ""
