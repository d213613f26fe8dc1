"""The manifest: what a processor says it wrote for one order, last of all that it writes."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from chalicelib.core import artifact, crc
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId, SessionId, name_of, project_of

MOST_BYTES = 256 * 1024
MOST_ARTIFACTS = 200


class Stated(Struct, frozen=True):
    """One artifact as the manifest states it."""

    artifact_id: ArtifactId
    size_bytes: int
    crc64nvme: Crc64Nvme


class Manifest(Struct, frozen=True):
    """What a processor wrote; `fault` says why the manifest cannot be believed, and then nothing is stated."""

    stated: tuple[Stated, ...] = ()
    fault: str | None = None


class _Artifact(Struct, frozen=True):
    artifact_id: str
    size_bytes: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    crc64nvme: str

    def value(self) -> Stated:
        return Stated(artifact.required_id(self.artifact_id), self.size_bytes, crc.crc64nvme(self.crc64nvme))


class _Document(Struct, frozen=True):
    project: str
    session_id: str
    order: int
    artifacts: Annotated[tuple[_Artifact, ...], Meta(min_length=1, max_length=MOST_ARTIFACTS)]


def manifest(body: bytes, session_id: SessionId, order: int) -> Manifest:
    """The manifest that `body` is, of this order; members it does not know are passed over. Never raises."""
    try:
        document = msgspec.json.decode(body, type=_Document)
        stated = tuple(each.value() for each in document.artifacts)
    except (msgspec.DecodeError, InvalidRequest, RecursionError, UnicodeDecodeError) as error:
        return Manifest(fault=f"the manifest cannot be read: {error}"[:400])
    said = (document.project, document.session_id, document.order)
    if said != (project_of(session_id), name_of(session_id), order):
        return Manifest(
            fault=f"the manifest is of session {document.project[:40]}/{document.session_id[:100]}, "
            f"order {document.order}; it is where the manifest of order {order} of {session_id} belongs"
        )
    ids = [each.artifact_id for each in stated]
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        return Manifest(fault=f"the manifest states twice: {', '.join(twice)[:300]}")
    return Manifest(stated)
