"""Indexing a measurements file, and reading its index."""

import gc
import io
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from chalicelib.core.errors import NotFound, Poison, StateConflict
from chalicelib.core.ids import ArtifactId, SessionId, name_of, project_of
from chalicelib.core.keys import index_prefix, lake_key
from chalicelib.core.measurements import blocks, overview, papi_summary
from chalicelib.core.measurements.blocks import Blocks
from chalicelib.core.measurements.index import FORMAT, Index, revision_of
from chalicelib.core.measurements.indexing import Indexing, OtherKind
from chalicelib.core.measurements.kinds import KINDS, papi
from chalicelib.core.measurements.lake import Table, constants_of, frame_rows, frames_table
from chalicelib.core.measurements.lake_tables import TABLES
from chalicelib.core.measurements.limits import MOST_SOURCE_BYTES, MOST_WRITTEN_BYTES, TIME_LIMIT_S
from chalicelib.core.measurements.ranges import Frames, Span, Wanted, demand_columns, frames_of, span_of
from chalicelib.core.session import Session
from chalicelib.core.upload import Receipt
from chalicelib.ports import Clock, FrameIndex, Lake, LakeFile

FRAMES = "frames.jsonl.gz"
BLOCKS = "blocks.json.gz"
_BLOCKS_OF_FORMAT_1 = "blocks.json"
SUMMARY = "summary.json"
OVERVIEW = "overview.json.gz"


def index_measurements(
    frame_index: FrameIndex,
    lake: Lake,
    session: Session,
    receipt: Receipt,
    clock: Clock,
    most_written_bytes: int = MOST_WRITTEN_BYTES,
) -> Index:
    """The index of exactly the version that `receipt` proves, all of it written, and its files in the lake too.

    Quarantined when the file is poison; a file that takes longer than TIME_LIMIT_S is poison too. `receipt` is of the
    session's present order.

    The content of the file never raises. Raises VersionGone, StorageBusy, LakeWriterMissing. The same version gives the
    same objects: to index it again, or at the same time, changes nothing.
    """
    try:
        return _Work(frame_index, lake, session, receipt, clock, most_written_bytes).write()
    except Poison as poison:
        return quarantined(receipt, clock.now(), str(poison))


def quarantined(receipt: Receipt, now: datetime, reason: str) -> Index:
    """The index of a version that cannot be indexed."""
    return _index(receipt, now, Indexing(revision_of(receipt.version_id)), reason)


def read_blocks(frame_index: FrameIndex, session_id: SessionId, index: Index) -> Blocks:
    """blocks.json. Raises StateConflict when the file is in quarantine."""
    return blocks.decoded(frame_index.read(f"{readable_prefix(session_id, index)}{blocks_name(index)}"))


def blocks_name(index: Index) -> str:
    """The object of an index that says where its blocks lie."""
    return _BLOCKS_OF_FORMAT_1 if index.format == 1 else BLOCKS


def objects_of(session: Session, index: Index) -> tuple[str, ...]:
    """The keys of all objects of an index."""
    if index.format == 1:
        prefix = index_prefix(session.session_id, index.artifact_id, index.revision)
        return tuple(f"{prefix}{name}" for name in (FRAMES, _BLOCKS_OF_FORMAT_1, SUMMARY))
    return index.objects or possible_objects(session, index.artifact_id, index.revision)


def possible_objects(session: Session, artifact_id: ArtifactId, revision: str) -> tuple[str, ...]:
    """The keys of all objects that indexing may write under a revision, for every kind of frames."""
    session_id = session.session_id
    prefix = index_prefix(session_id, artifact_id, revision)
    return (
        *(f"{prefix}{name}" for name in (FRAMES, BLOCKS, OVERVIEW, SUMMARY)),
        *(lake_key(table, session_id, session.created_at, artifact_id, revision) for table in TABLES),
    )


def read_frames(frame_index: FrameIndex, session_id: SessionId, index: Index, wanted: Wanted) -> Frames:
    """The frames of `wanted`, in two reads.

    Raises InvalidRequest for columns that there are not, StateConflict when the file is in quarantine.
    """
    return read_range(frame_index, session_id, index, read_blocks(frame_index, session_id, index), wanted)


def read_range(
    frame_index: FrameIndex, session_id: SessionId, index: Index, found: Blocks, wanted: Wanted
) -> Frames:
    """As `read_frames`, in one read, where `found`, the blocks of the index, are known."""
    demand_columns(found, wanted, KINDS[index.kind])
    span = span_of(found, wanted)
    if span is None:
        return Frames((), None)
    return frames_of(read_span(frame_index, session_id, index, span), span, wanted)


def read_span(frame_index: FrameIndex, session_id: SessionId, index: Index, span: Span) -> bytes:
    """The bytes of `span` in frames.jsonl.gz. Raises StateConflict when the file is in quarantine."""
    key = f"{readable_prefix(session_id, index)}{FRAMES}"
    return frame_index.read(key, span.first_byte, span.last_byte)


def read_summary(frame_index: FrameIndex, session_id: SessionId, index: Index) -> bytes:
    """summary.json, a JSON object. Raises StateConflict when the file is in quarantine."""
    return frame_index.read(f"{readable_prefix(session_id, index)}{SUMMARY}")


def read_overview(frame_index: FrameIndex, session_id: SessionId, index: Index) -> dict[str, Any]:
    """The document of overview.json.gz. Raises StateConflict when the index has none, or the file is in quarantine."""
    key = f"{readable_prefix(session_id, index)}{OVERVIEW}"
    try:
        return overview.decoded(frame_index.read(key))
    except NotFound as error:
        raise StateConflict(
            f"the index of {index.artifact_id} is older than overviews; "
            "an operator's `ensure` of the session makes a new one"
        ) from error


@dataclass(frozen=True)
class _Work:
    """The indexing of one version."""

    frame_index: FrameIndex
    lake: Lake
    session: Session
    receipt: Receipt
    clock: Clock
    most_written_bytes: int

    def write(self) -> Index:
        size_bytes = self.receipt.size_bytes
        if size_bytes > MOST_SOURCE_BYTES:
            raise Poison(f"the file has {size_bytes} bytes; at most {MOST_SOURCE_BYTES} are indexed")
        deadline = self.clock.now() + timedelta(seconds=TIME_LIMIT_S)
        try:
            return self._write_as(Indexing(self._revision), deadline)
        except OtherKind as other:
            return self._write_as(Indexing(self._revision, kind=other.kind), deadline)

    @property
    def _revision(self) -> str:
        return revision_of(self.receipt.version_id)

    def _write_as(self, indexing: Indexing, deadline: datetime) -> Index:
        """One pass over the file, then all its objects; no reader gets them before the index is recorded."""
        session_id = self.session.session_id
        prefix = index_prefix(session_id, self.receipt.artifact_id, self._revision)
        written: list[str] = []

        def put(key: str, content: BinaryIO) -> None:
            self.frame_index.put(key, content)
            written.append(key)

        source = self.frame_index.source(self.receipt.key, self.receipt.version_id)
        with tempfile.TemporaryFile() as members, tempfile.TemporaryFile() as rows:
            self._pass_over(indexing, _in_time(source, self.clock, deadline), members, rows)
            _demand_session(indexing.session, indexing.project, session_id)
            summary = indexing.summary()
            put(f"{prefix}{FRAMES}", members)
            put(f"{prefix}{BLOCKS}", io.BytesIO(indexing.blocks()))
            put(f"{prefix}{OVERVIEW}", io.BytesIO(indexing.overview()))
            put(f"{prefix}{SUMMARY}", io.BytesIO(summary))
            put(self._lake_key(frames_table(indexing.kind)), rows)
        if indexing.kind is papi.KIND:
            put(self._lake_key(papi_summary.TABLE), self._summary_file(summary))
        return _index(self.receipt, self.clock.now(), indexing, None, tuple(written))

    def _pass_over(
        self, indexing: Indexing, source: Iterable[bytes], members: BinaryIO, rows: BinaryIO
    ) -> None:
        """Fill frames.jsonl.gz and the lake's file, both from the accepted frames of the one pass."""
        with ExitStack() as ending:
            ending.enter_context(_without_cycle_search())
            lake_file: LakeFile | None = None
            for block in indexing.blocks_of(source):
                # The kind is known with the first block.
                lake_file = lake_file or ending.enter_context(
                    self._lake_file(rows, frames_table(indexing.kind))
                )
                lake_file.write(frame_rows(indexing.kind, block.columns))
                members.write(block.member)
                self._demand_room(members.tell() + rows.tell())
        members.seek(0)
        rows.seek(0)

    def _demand_room(self, written_bytes: int) -> None:
        most = self.most_written_bytes
        if written_bytes > most:
            raise Poison(f"the index and its part of the lake would be larger than {most} bytes")

    def _summary_file(self, summary: bytes) -> BinaryIO:
        order = self.session.order
        parameters = json.loads(order.wish.parameters) if order else {}
        file = io.BytesIO()
        with self._lake_file(file, papi_summary.TABLE) as made:
            made.write(papi_summary.summary_rows(json.loads(summary)["lights"], parameters))
        file.seek(0)
        return file

    def _lake_file(self, file: BinaryIO, table: Table) -> AbstractContextManager[LakeFile]:
        return self.lake.writing(file, table, constants_of(self.session, self.receipt))

    def _lake_key(self, table: Table) -> str:
        session = self.session
        artifact_id = self.receipt.artifact_id
        return lake_key(table.name, session.session_id, session.created_at, artifact_id, self._revision)


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """A pass makes millions of objects and no cycles of them; to search for cycles takes a tenth of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _demand_session(named: str | None, project: str | None, session_id: SessionId) -> None:
    """Raises Poison when a file names another session than the one whose key it has.

    A `project` counts only together with a session: alone it may mean anything to its writer.
    """
    if named is None:
        return
    if named not in (name_of(session_id), str(session_id)) or project not in (None, project_of(session_id)):
        said = ascii(named)[:100] + (f" of project {ascii(project)[:60]}" if project else "")
        raise Poison(f"the file names session {said}; it is where the measurements of {session_id} belong")


def _in_time(chunks: Iterable[bytes], clock: Clock, deadline: datetime) -> Iterator[bytes]:
    """`chunks`, until the time is over; the work of each chunk is bounded. Raises Poison."""
    for chunk in chunks:
        if clock.now() >= deadline:
            raise Poison(f"indexing it took longer than {TIME_LIMIT_S} seconds")
        yield chunk


def _index(
    receipt: Receipt,
    now: datetime,
    indexing: Indexing,
    quarantine: str | None,
    objects: tuple[str, ...] = (),
) -> Index:
    return Index(
        receipt.artifact_id,
        receipt.version_id,
        revision_of(receipt.version_id),
        indexing.kind.name,
        indexing.frames,
        indexing.rejected,
        now,
        quarantine,
        None if quarantine else indexing.span_ms,
        FORMAT,
        objects,
    )


def readable_prefix(session_id: SessionId, index: Index) -> str:
    """Below which the objects of the index are. Raises StateConflict when the file is in quarantine."""
    if index.quarantine is not None:
        raise StateConflict(f"{index.artifact_id} is in quarantine: {index.quarantine}")
    return index_prefix(session_id, index.artifact_id, index.revision)
