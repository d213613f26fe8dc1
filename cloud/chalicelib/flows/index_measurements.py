"""Index a measurements file: one pass over it writes its index and its files in the lake."""

import gc
import io
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO, cast

from msgspec import Struct

from chalicelib.core.errors import Poison
from chalicelib.core.ids import SessionId, name_of, project_of
from chalicelib.core.keys import index_prefix, lake_key
from chalicelib.core.measurements import papi_summary
from chalicelib.core.measurements.index import FORMAT, Index, revision_of
from chalicelib.core.measurements.indexing import Indexing, OtherKind
from chalicelib.core.measurements.kinds import papi
from chalicelib.core.measurements.lake import Table, constants_of, frame_rows, frames_table
from chalicelib.core.measurements.limits import MOST_SOURCE_BYTES, MOST_WRITTEN_BYTES, TIME_LIMIT_S
from chalicelib.core.session import Session
from chalicelib.core.upload import Receipt
from chalicelib.flows.measurement_index import BLOCKS, FRAMES, OVERVIEW, SUMMARY
from chalicelib.ports import Clock, FrameIndex, Lake, LakeFile

_MOST_HELD_BYTES = 2**20
"""What a file for a while may have before it is written to the disk."""


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


class _Work(Struct, frozen=True):
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
        with _file_for_a_while() as members, _file_for_a_while() as rows:
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


def _file_for_a_while() -> AbstractContextManager[BinaryIO]:
    """A file for one indexing; that of a short film never gets to the disk."""
    return cast(AbstractContextManager[BinaryIO], tempfile.SpooledTemporaryFile(_MOST_HELD_BYTES))


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
