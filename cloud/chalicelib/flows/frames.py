"""The frames of a session's measurements, as their index has them."""

from chalicelib.core.artifact import Kind, kind_of
from chalicelib.core.errors import InvalidRequest, NotFound
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.measurements.index import Index
from chalicelib.core.measurements.ranges import Frames, Wanted
from chalicelib.core.picture import Picture
from chalicelib.core.tokens import Principal
from chalicelib.flows.artifacts import demanded_receipt
from chalicelib.flows.measurement_index import read_frames, read_summary
from chalicelib.flows.sessions import view_session
from chalicelib.ports import Ports


def view_frames(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None, wanted: Wanted
) -> tuple[Index, Frames]:
    """The frames of a range, and the index that they are from. Raises NotFound, telling what is missing."""
    index = _find_index(ports, principal, session_id, artifact_id)
    return index, read_frames(ports.frame_index, session_id, index, wanted)


def view_summary(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None
) -> bytes:
    """Counts, extremes and statistics of all frames, as the JSON that was written. Raises NotFound."""
    return read_summary(ports.frame_index, session_id, _find_index(ports, principal, session_id, artifact_id))


def _find_index(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId | None
) -> Index:
    picture = view_session(ports, principal, session_id)
    receipt = demanded_receipt(picture, artifact_id or _the_only_measurements(picture))
    index = picture.index(receipt)
    if index is None:
        raise NotFound(f"{receipt.artifact_id} is verified but not indexed yet; ask again in a moment")
    if not index.is_published:
        raise NotFound(f"{receipt.artifact_id} is poison and has no frames: {index.quarantine}")
    return index


def _the_only_measurements(picture: Picture) -> ArtifactId:
    """The artifact of a caller that names none. Raises NotFound for none, InvalidRequest for more than one."""
    required = [each for each in picture.required if kind_of(each) is Kind.MEASUREMENTS]
    ids = list(dict.fromkeys((*required, *(receipt.artifact_id for receipt in picture.measurements()))))
    if not ids:
        raise NotFound(f"session {picture.session.name} has no measurements")
    if len(ids) > 1:
        raise InvalidRequest(f"artifact: this session has several measurements; name one of {', '.join(ids)}")
    return ids[0]
