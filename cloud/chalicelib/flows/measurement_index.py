"""Indexing a measurements file, and reading its index."""

import io
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from chalicelib.core.errors import NotFound, Poison, StateConflict
from chalicelib.core.ids import SessionId, name_of, project_of
from chalicelib.core.keys import index_prefix
from chalicelib.core.measurements import blocks, overview
from chalicelib.core.measurements.blocks import Blocks
from chalicelib.core.measurements.index import FORMAT, Index, revision_of
from chalicelib.core.measurements.indexing import IndexedBlock, Indexing, OtherKind
from chalicelib.core.measurements.kinds import KINDS
from chalicelib.core.measurements.limits import MOST_SOURCE_BYTES, TIME_LIMIT_S
from chalicelib.core.measurements.ranges import Frames, Span, Wanted, demand_columns, frames_of, span_of
from chalicelib.core.upload import Receipt
from chalicelib.ports import Clock, FrameIndex

FRAMES = "frames.jsonl.gz"
BLOCKS = "blocks.json.gz"
_BLOCKS_OF_FORMAT_1 = "blocks.json"
SUMMARY = "summary.json"
OVERVIEW = "overview.json.gz"


def index_measurements(
    frame_index: FrameIndex, session_id: SessionId, receipt: Receipt, clock: Clock
) -> Index:
    """The index of exactly the version that `receipt` proves, all of it written; quarantined when the file is poison.

    A file that takes longer than TIME_LIMIT_S is poison too.

    The content of the file never raises. Raises VersionGone, StorageBusy. The same version gives the
    same objects: to index it again, or at the same time, changes nothing.
    """
    try:
        return _write_index(frame_index, session_id, receipt, clock)
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


def _write_index(frame_index: FrameIndex, session_id: SessionId, receipt: Receipt, clock: Clock) -> Index:
    if receipt.size_bytes > MOST_SOURCE_BYTES:
        raise Poison(f"the file has {receipt.size_bytes} bytes; at most {MOST_SOURCE_BYTES} are indexed")
    revision = revision_of(receipt.version_id)
    deadline = clock.now() + timedelta(seconds=TIME_LIMIT_S)

    def pass_over(indexing: Indexing) -> Index:
        source = _in_time(frame_index.source(receipt.key, receipt.version_id), clock, deadline)
        return _write_as(indexing, source, frame_index, session_id, receipt, clock)

    try:
        return pass_over(Indexing(revision))
    except OtherKind as other:
        return pass_over(Indexing(revision, kind=other.kind))


def _write_as(
    indexing: Indexing,
    source: Iterable[bytes],
    frame_index: FrameIndex,
    session_id: SessionId,
    receipt: Receipt,
    clock: Clock,
) -> Index:
    prefix = index_prefix(session_id, receipt.artifact_id, revision_of(receipt.version_id))
    with tempfile.TemporaryFile() as file:
        _write(file, indexing.blocks_of(source))
        _demand_session(indexing.session, indexing.project, session_id)
        frame_index.put(f"{prefix}{FRAMES}", file)
    frame_index.put(f"{prefix}{BLOCKS}", io.BytesIO(indexing.blocks()))
    frame_index.put(f"{prefix}{OVERVIEW}", io.BytesIO(indexing.overview()))
    frame_index.put(f"{prefix}{SUMMARY}", io.BytesIO(indexing.summary()))
    return _index(receipt, clock.now(), indexing, None)


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


def _write(file: BinaryIO, blocks_of_file: Iterable[IndexedBlock]) -> None:
    for block in blocks_of_file:
        file.write(block.member)
    file.seek(0)


def _index(receipt: Receipt, now: datetime, indexing: Indexing, quarantine: str | None) -> Index:
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
    )


def readable_prefix(session_id: SessionId, index: Index) -> str:
    """Below which the objects of the index are. Raises StateConflict when the file is in quarantine."""
    if index.quarantine is not None:
        raise StateConflict(f"{index.artifact_id} is in quarantine: {index.quarantine}")
    return index_prefix(session_id, index.artifact_id, index.revision)
