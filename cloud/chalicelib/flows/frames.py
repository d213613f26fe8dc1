"""The frames of a session's measurements, as their index has them."""

from typing import Any

from msgspec import Struct

from chalicelib.core.artifact import Kind, kind_of
from chalicelib.core.errors import InvalidRequest, NotFound
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.measurements import overview, table
from chalicelib.core.measurements.blocks import Blocks
from chalicelib.core.measurements.index import Index
from chalicelib.core.measurements.kinds import KINDS
from chalicelib.core.measurements.ranges import MOST_ZOOMED_BLOCKS, Frames, Wanted, columns_of, span_of
from chalicelib.core.measurements.table import Table
from chalicelib.core.picture import Picture
from chalicelib.core.tokens import Principal
from chalicelib.core.upload import Receipt
from chalicelib.flows.artifacts import demanded_receipt
from chalicelib.flows.measurement_index import (
    FRAMES,
    blocks_name,
    read_blocks,
    read_frames,
    read_overview,
    read_range,
    read_span,
    read_summary,
    readable_prefix,
)
from chalicelib.flows.order_message import READ_URL_TTL_S
from chalicelib.flows.sessions import demand_reader, view_session
from chalicelib.ports import Ports, ReadUrl

FROM_OVERVIEW = "overview"
FROM_FRAMES = "frames"


class Measurements(Struct, frozen=True):
    """The measurements that a caller means: their session, their receipt, and the index of exactly that version."""

    picture: Picture
    receipt: Receipt
    index: Index


class SignedObject(Struct, frozen=True):
    """Where to read exactly one version of an object of an index, and its size."""

    read: ReadUrl
    version_id: str
    size_bytes: int


class SignedIndex(Struct, frozen=True):
    """Where to read all frames of an index, and where each block of them lies."""

    index: Index
    frames: SignedObject
    blocks: SignedObject


def view_frames(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None, wanted: Wanted
) -> tuple[Index, Frames]:
    """The frames of a range, and the index that they are from. Raises NotFound, telling what is missing."""
    index = find_measurements(ports, principal, session_id, artifact_id).index
    return index, read_frames(ports.frame_index, session_id, index, wanted)


def view_table(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None, wanted: Wanted
) -> tuple[Index, Table]:
    """The same frames as CSV. Raises as `view_frames`."""
    index = find_measurements(ports, principal, session_id, artifact_id).index
    found = read_blocks(ports.frame_index, session_id, index)
    frames = read_range(ports.frame_index, session_id, index, found, wanted)
    return index, table.of_frames(frames, table.frame_columns(KINDS[index.kind], found.columns, wanted))


def view_points(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    artifact_id: ArtifactId | None,
    wanted: Wanted,
    points: int,
) -> tuple[Index, dict[str, Any]]:
    """The frames of a range in at most `points` buckets, and the index that they are from.

    The whole film, and a long range of it, come from the overview; a range of at most MOST_ZOOMED_BLOCKS from the
    frames. `source` says which. Raises NotFound, telling what is missing; InvalidRequest for a column that there is
    not; StateConflict where the index has no overview.
    """
    overview.demand_points(points)
    index = find_measurements(ports, principal, session_id, artifact_id).index
    if not wanted.is_whole:
        found = read_blocks(ports.frame_index, session_id, index)
        zoomed = _zoomed(ports, session_id, index, found, wanted, points)
        if zoomed is not None:
            return index, {**zoomed, "source": FROM_FRAMES}
    whole = read_overview(ports.frame_index, session_id, index)
    shown = overview.shown(whole, wanted, points, _columns(index))
    return index, {**shown, "source": FROM_OVERVIEW}


def view_summary(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None
) -> bytes:
    """Counts, extremes and statistics of all frames, as the JSON that was written. Raises NotFound."""
    index = find_measurements(ports, principal, session_id, artifact_id).index
    return read_summary(ports.frame_index, session_id, index)


def sign_frames(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None
) -> SignedIndex:
    """Where to read the whole of frames.jsonl.gz, and what says where its blocks lie. Raises NotFound."""
    index = find_measurements(ports, principal, session_id, artifact_id).index
    prefix = readable_prefix(session_id, index)
    frames, found = (_signed(ports, f"{prefix}{name}") for name in (FRAMES, blocks_name(index)))
    return SignedIndex(index, frames, found)


def find_measurements(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None
) -> Measurements:
    """The measurements with this id, or the only ones; they can be read. Raises NotFound, InvalidRequest."""
    demand_reader(ports, principal)
    picture = view_session(ports, principal, session_id)
    receipt = demanded_receipt(picture, artifact_id or _the_only_measurements(picture))
    index = picture.index(receipt)
    if index is None:
        raise NotFound(f"{receipt.artifact_id} is verified but not indexed yet; ask again in a moment")
    if not index.is_published:
        raise NotFound(f"{receipt.artifact_id} is poison and has no frames: {index.quarantine}")
    return Measurements(picture, receipt, index)


def _zoomed(
    ports: Ports, session_id: SessionId, index: Index, found: Blocks, wanted: Wanted, points: int
) -> dict[str, Any] | None:
    """The range from the frames themselves; None where it is too long for that."""
    span = span_of(found, wanted, MOST_ZOOMED_BLOCKS)
    if span is not None and span.next_frame is not None:
        return None
    kind = KINDS[index.kind]
    columns = columns_of(read_span(ports.frame_index, session_id, index, span), span, kind) if span else ()
    known = (*_columns(index), *(found.columns or ()))
    return overview.measured(columns, wanted, points, index.revision, index.kind, known)


def _columns(index: Index) -> tuple[str, ...]:
    """The columns that every file of this kind may have, whether these frames have them or not."""
    return tuple(column.name for column in KINDS[index.kind].columns)


def _signed(ports: Ports, key: str) -> SignedObject:
    stored = ports.objects.head(key)
    if stored is None:
        raise NotFound(f"the bucket holds no {key}; ask again in a moment")
    read = ports.signer.read_url(key, stored.version_id, READ_URL_TTL_S, ports.clock.now())
    return SignedObject(read, stored.version_id, stored.size_bytes)


def _the_only_measurements(picture: Picture) -> ArtifactId:
    """The artifact of a caller that names none. Raises NotFound for none, InvalidRequest for more than one."""
    required = [each for each in picture.required if kind_of(each) is Kind.MEASUREMENTS]
    ids = list(dict.fromkeys((*required, *(receipt.artifact_id for receipt in picture.measurements))))
    if not ids:
        raise NotFound(f"session {picture.session.name} has no measurements")
    if len(ids) > 1:
        raise InvalidRequest(f"artifact: this session has several measurements; name one of {', '.join(ids)}")
    return ids[0]
