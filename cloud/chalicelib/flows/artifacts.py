"""What a session has, what it must have, and where it can be read."""

from msgspec import Struct

from chalicelib.core import artifact
from chalicelib.core.artifact import SIDECARS, Kind
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.measurements.index import Index
from chalicelib.core.picture import Picture
from chalicelib.core.scan import Scan
from chalicelib.core.tokens import Principal
from chalicelib.core.upload import Receipt
from chalicelib.flows.order_message import READ_URL_TTL_S
from chalicelib.flows.sessions import demand_reader, view_session
from chalicelib.ports import Ports, ReadUrl


class ArtifactView(Struct, frozen=True):
    """An artifact that a session has or must have.

    Without a receipt it is not verified yet, and of what a processor makes the size is not known then. `is_cleaned`:
    its bytes are gone, or on their way out; an operator can have them back. `index` is of measurements alone. `scan` is
    what keeps the artifact from its receipt, if its scan does.
    """

    artifact_id: ArtifactId
    kind: Kind
    name: str
    size_bytes: int | None
    is_required: bool
    is_cleaned: bool
    receipt: Receipt | None
    index: Index | None
    scan: Scan | None


def list_artifacts(ports: Ports, principal: Principal, session_id: SessionId) -> tuple[ArtifactView, ...]:
    """Chapters in the order of recording, what the present order requires, what else it made, verified sidecars."""
    picture = view_session(ports, principal, session_id)
    chapters = [
        _view(picture, chapter.artifact_id, Kind.ORIGINAL, chapter.name, chapter.size_bytes)
        for chapter in picture.chapters
    ]
    others = (receipt.artifact_id for receipt in picture.made)
    scanned = (scan.artifact_id for scan in picture.scans())
    ids = dict.fromkeys((*picture.required, *others, *scanned))
    made = [_view(picture, each, artifact.kind_of(each), artifact.name_of(each), None) for each in ids]
    sidecars = (view_sidecar(picture, chapter, kind) for chapter in picture.chapters for kind in SIDECARS)
    return (*chapters, *made, *(each for each in sidecars if each))


def view_sidecar(picture: Picture, chapter: Chapter, kind: Kind) -> ArtifactView | None:
    """The proxy or thumbnail of a chapter; None as long as it has no receipt."""
    receipts = picture.receipts_at(chapter.sidecar_key(picture.session.session_id, kind))
    if not receipts:
        return None
    receipt, name = receipts[-1], chapter.name + SIDECARS[kind]
    return ArtifactView(
        receipt.artifact_id, kind, name, receipt.size_bytes, False, False, receipt, None, None
    )


def sign_artifact(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    artifact_id: ArtifactId,
    ttl_s: int = READ_URL_TTL_S,
) -> tuple[Receipt, ReadUrl]:
    """The receipt of a verified artifact and where to read exactly that version. Raises NotFound, telling which."""
    demand_reader(ports, principal)
    picture = view_session(ports, principal, session_id)
    receipt = readable_receipt(picture, artifact_id)
    return receipt, ports.signer.read_url(receipt.key, receipt.version_id, ttl_s, ports.clock.now())


def readable_receipt(picture: Picture, artifact_id: ArtifactId) -> Receipt:
    """The receipt of an artifact that can be read. Raises NotFound, which says why there is nothing to read."""
    receipt = demanded_receipt(picture, artifact_id)
    if receipt.version_id in picture.gone_versions:
        raise NotFound(
            f"{artifact_id} was cleaned after every required output was verified; an operator can restore it"
        )
    return receipt


def demanded_receipt(picture: Picture, artifact_id: ArtifactId) -> Receipt:
    """The receipt of an artifact. Raises NotFound, which says whether the artifact or its receipt is missing."""
    is_known = artifact.is_of_a_device(artifact_id) or artifact_id in picture.required
    if not is_known and artifact_id not in [receipt.artifact_id for receipt in picture.made]:
        raise NotFound(f"session {picture.session.name} has no artifact with this id")
    receipt = picture.receipt(artifact_id)
    scan = picture.scan(artifact_id)
    if scan:
        raise NotFound(scan.words)
    if receipt is None:
        raise NotFound(f"{artifact_id} is not verified yet; ask again when the session shows its receipt")
    return receipt


def _view(
    picture: Picture, artifact_id: ArtifactId, kind: Kind, name: str, size_bytes: int | None
) -> ArtifactView:
    receipt = picture.receipt(artifact_id)
    return ArtifactView(
        artifact_id,
        kind,
        name,
        receipt.size_bytes if receipt else size_bytes,
        artifact_id in picture.required,
        receipt is not None and receipt.version_id in picture.gone_versions,
        receipt,
        picture.index(receipt) if receipt else None,
        picture.scan(artifact_id),
    )
