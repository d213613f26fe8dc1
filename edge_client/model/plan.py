"""Pure: the frozen plan of a session (which files, with which identities) and the part plan of an upload.

The session's plan is written once, before the first byte is read, and never widened: what the camera lists later
belongs to another session. A rerun reads it back and refuses a camera that shows something else.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from awscrt.checksums import crc64nvme

from edge_client.base.errors import PlanDiffers, PlanUnreadable, Unsettled
from edge_client.base.terminal import plain
from edge_client.model.files import CameraFile, FileIdentity, FilmNotes, Likeness, likeness
from edge_client.model.gopro_names import parsed, spellings

PLAN = "plan.json"
SCHEMA = 2
SERIAL = re.compile(r"[A-Za-z0-9]{1,40}", re.ASCII)
"""What the coordinator takes as a camera's serial. It is also in the names of sessions and locks, and in addresses."""

NOTES = tuple(each.name for each in fields(FilmNotes))
"""Left out of a plan and of the wire unless they are set, so that older clients and coordinators read the rest."""

ADDED = ("group", "proxies")
"""What older clients do not write into a plan, and read over. Left out where nothing is said."""

ANOTHER_NAME = "to haul it as it is now, take another session name"


@dataclass(frozen=True)
class CameraIdentity:
    """Who the camera says it is; only the serial is always known."""

    serial: str
    model: str | None
    firmware: str | None


def why_no_serial(text: str) -> str:
    """What is wrong with a serial that SERIAL does not match, for a person."""
    return f"the serial is {plain(text)[:60]!r}; a camera's serial has 1 to 40 letters and digits"


@dataclass(frozen=True)
class ChapterPlan:
    """One chapter and all that tells its file from another of the same name.

    `head_crc` is the CRC64NVME of its first bytes, which tells it from one of equal size, dates and ETag. The
    coordinator is not told it. None: the plan is of an older client. `unfinished` and `trailing_bytes` are notes about
    the film, and tell no file from another.
    """

    directory: str
    filename: str
    size_bytes: int
    created: int | None
    modified: int | None
    etag: str | None
    gumi: str | None
    head_crc: str | None = None
    unfinished: bool = False
    trailing_bytes: int = 0

    def facts(self) -> dict[str, Any]:
        """All that is known of the chapter, and of the notes those that are set."""
        return {name: value for name, value in vars(self).items() if value or name not in NOTES}

    @property
    def notes(self) -> FilmNotes:
        """What a reader of the film must know."""
        return FilmNotes(self.unfinished, self.trailing_bytes)

    @property
    def path(self) -> str:
        return f"{self.directory}/{self.filename}"

    @property
    def artifact_id(self) -> str:
        """What the coordinator calls the chapter within its session."""
        return f"original.{self.directory}.{self.filename}"

    @property
    def file(self) -> CameraFile:
        """The file as the list had it."""
        return CameraFile(self.directory, self.filename, self.size_bytes, self.created, self.modified)

    @property
    def file_identity(self) -> FileIdentity:
        """Everything that was known about the file when it was planned."""
        return FileIdentity(self.file, self.etag, self.gumi)

    def refuse_other_file(self, size_bytes: int, etag: str | None, gumi: str | None) -> None:
        """Raises PlanDiffers when what the camera serves now is not the planned file. An unknown gumi says nothing.

        Raises Unsettled when the camera does not give the ETag that it gave: then nothing is known, in either way.
        """
        if size_bytes != self.size_bytes:
            raise PlanDiffers(
                f"{self.path} has {size_bytes} bytes now, {self.size_bytes} were planned; {ANOTHER_NAME}"
            )
        now = FileIdentity(self.file, etag, gumi or None)
        has_got_an_etag = etag is not None and self.etag is None
        if has_got_an_etag or likeness(now, self.file_identity) is Likeness.OTHER:
            raise PlanDiffers(
                f"{self.path} is another file than was planned, though as long (its ETag or id changed); "
                f"{ANOTHER_NAME}"
            )
        if etag is None and self.etag is not None:
            raise Unsettled(
                f"the camera no longer says which version of {self.path} it sends (no ETag); switch it off and on"
            )

    def may_be_listed_as(self, file: CameraFile) -> bool:
        """Whether a list that is not up to date may show the planned file like this: it began at the same time.

        Without an ETag the date of its last change is all that shows a repair, so that date must be equal too.
        """
        return file.created == self.created and (self.etag is not None or file.modified == self.modified)

    def refuse_other_head(self, head_crc: str) -> None:
        """Raises PlanDiffers when the file begins with other bytes than the planned one."""
        if self.head_crc not in (None, head_crc):
            raise PlanDiffers(
                f"{self.path} begins with other bytes than were planned, though all else is the same: the camera or "
                f"its card was changed; nothing is lost: put the first one back and haul again; {ANOTHER_NAME}"
            )


@dataclass(frozen=True)
class SessionPlan:
    """What one session will haul, in recording order.

    `recording` is the number of the recording when all that the camera had of it was planned, None for named files.
    `group` is what the operator calls sessions that belong together, None for no group. `proxies` are the sizes of the
    proxies that the camera's list promised, by the paths of their chapters.
    """

    session_id: str
    recording: str | None
    camera: CameraIdentity
    chapters: tuple[ChapterPlan, ...]
    group: str | None = None
    proxies: Mapping[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The plan as JSON shows it."""
        return {
            **vars(self),
            "camera": dict(vars(self.camera)),
            "chapters": tuple(dict(vars(chapter)) for chapter in self.chapters),
            "proxies": dict(self.proxies),
        }

    def encoded(self) -> bytes:
        """The plan as it is kept: with its schema version, and a CRC that tells what a disk has changed."""
        document = {**self.document(), "chapters": [chapter.facts() for chapter in self.chapters]}
        for name in ADDED:
            if not document[name]:
                del document[name]
        return json.dumps({"schema": SCHEMA, "crc64nvme": _crc_of(document), **document}, indent=1).encode()

    def has(self, file: CameraFile) -> bool:
        """Whether a file of the list is one of the planned ones, as far as the list tells."""
        listed = FileIdentity(file)
        return any(likeness(listed, chapter.file_identity) is not Likeness.OTHER for chapter in self.chapters)

    def lacks_in(self, listed: Sequence[CameraFile]) -> bool:
        """Whether the list has no file that may be one of the planned ones."""
        known = [FileIdentity(file) for file in listed]
        return any(
            all(likeness(file, chapter.file_identity) is Likeness.OTHER for file in known)
            for chapter in self.chapters
        )

    def refuse_other_files(self, listed: Sequence[CameraFile]) -> None:
        """Raises PlanDiffers when a file that the camera lists under a planned name is not the planned one."""
        self._refuse([file for file, _ in self._listed_otherwise(listed)])

    def to_confirm(self, listed: Sequence[CameraFile]) -> list[ChapterPlan]:
        """The chapters that the list shows otherwise than planned, as a list that is not up to date may.

        Raises PlanDiffers when a file under a planned name is certainly another one.
        """
        otherwise = self._listed_otherwise(listed)
        self._refuse([file for file, chapter in otherwise if not chapter.may_be_listed_as(file)])
        return [chapter for _, chapter in otherwise]

    def _listed_otherwise(self, listed: Sequence[CameraFile]) -> list[tuple[CameraFile, ChapterPlan]]:
        """Each file that is listed under a planned name and is not listed as planned, with that chapter."""
        planned = {chapter.path: chapter for chapter in self.chapters}
        return [(file, planned[file.path]) for file in listed if file.path in planned and not self.has(file)]

    def _refuse(self, other: Sequence[CameraFile]) -> None:
        if other:
            raise PlanDiffers(
                f"{', '.join(file.path for file in other)} is not the file that session {self.session_id} has "
                f"(its size or dates changed); {ANOTHER_NAME}"
            )

    def identity(self, chapter: ChapterPlan) -> str:
        """16 hex digits that differ when camera, size, dates, ETag, gumi or first bytes do."""
        facts = {name: value for name, value in vars(chapter).items() if name not in NOTES}
        if chapter.head_crc is None:
            # An older client made this identity without it; its parts are taken over.
            del facts["head_crc"]
        known = json.dumps([self.camera.serial, facts], sort_keys=True)
        return hashlib.sha256(known.encode()).hexdigest()[:16]

    def is_called(self, number: str) -> bool:
        """Whether a whole recording is planned and is called so. A recording has the name of its first chapter."""
        first = self.chapters[0]
        name = parsed(first.filename)
        if self.recording is None or name is None:
            return False
        return number in spellings(first.directory, name.prefix, name.number)

    def without(self, files: Sequence[CameraFile]) -> tuple[str, ...]:
        """The paths of those `files` that are not in the plan: it is frozen and never widened."""
        planned = {chapter.path for chapter in self.chapters}
        return tuple(file.path for file in files if file.path not in planned)

    def refuse_other_group(self, group: str | None) -> None:
        """Raises PlanDiffers when the session is planned in no group or in another one; None asks for no group."""
        if group not in (None, self.group):
            planned = "without a group" if self.group is None else f"in group {self.group}"
            raise PlanDiffers(
                f"session {self.session_id} is already planned {planned}, not in group {group}: haul it without "
                "--group, or take another session name"
            )

    def refuse_other_camera(self, serial: str) -> None:
        """Raises PlanDiffers when the camera there is not the plan's."""
        if serial != self.camera.serial:
            raise PlanDiffers(
                f"session {self.session_id} is planned for camera {self.camera.serial}, but {serial} answers; "
                "plug in the first camera, or give each camera a spool of its own"
            )


def decoded(raw: bytes, session_id: str) -> SessionPlan:
    """The plan of this session that `encoded` wrote. Raises PlanUnreadable."""
    try:
        return _plan(json.loads(raw), session_id)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PlanUnreadable(
            f"plan.json of session {session_id} in the spool cannot be read ({type(error).__name__}: {error}); "
            "move it away, and the same is planned again"
        ) from error


def _plan(document: dict[str, Any], session_id: str) -> SessionPlan:
    schema = document.pop("schema")
    if schema != SCHEMA:
        raise ValueError(f"schema {schema}, not {SCHEMA}")
    if document.pop("crc64nvme") != _crc_of(document):
        raise ValueError("its bytes have changed")
    if document["session_id"] != session_id:
        raise ValueError(f"it is that of session {document['session_id']}")
    camera = CameraIdentity(**document["camera"])
    if not SERIAL.fullmatch(camera.serial):
        raise ValueError(why_no_serial(camera.serial))
    chapters = tuple(ChapterPlan(**chapter) for chapter in document["chapters"])
    added = {name: document[name] for name in ADDED if name in document}
    return SessionPlan(session_id, document["recording"], camera, chapters, **added)


def _crc_of(document: dict[str, Any]) -> str:
    return f"{crc64nvme(json.dumps(document, sort_keys=True).encode()):016x}"
