"""Read the index of a measurements file: which objects it has, and what they say."""

from typing import Any

from chalicelib.core.errors import NotFound, StateConflict
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.keys import index_prefix, lake_key
from chalicelib.core.measurements import blocks, overview
from chalicelib.core.measurements.blocks import Blocks
from chalicelib.core.measurements.index import Index
from chalicelib.core.measurements.kinds import KINDS
from chalicelib.core.measurements.lake_tables import TABLES
from chalicelib.core.measurements.ranges import Frames, Span, Wanted, demand_columns, frames_of, span_of
from chalicelib.core.session import Session
from chalicelib.ports import FrameIndex

FRAMES = "frames.jsonl.gz"
BLOCKS = "blocks.json.gz"
_BLOCKS_OF_FORMAT_1 = "blocks.json"
SUMMARY = "summary.json"
OVERVIEW = "overview.json.gz"


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


def readable_prefix(session_id: SessionId, index: Index) -> str:
    """Below which the objects of the index are. Raises StateConflict when the file is in quarantine."""
    if index.quarantine is not None:
        raise StateConflict(f"{index.artifact_id} is in quarantine: {index.quarantine}")
    return index_prefix(session_id, index.artifact_id, index.revision)
