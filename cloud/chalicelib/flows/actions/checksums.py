"""Have S3 compute the CRC64NVME of an output whose writer gave none: S3 copies it to parts that are dropped.

The copy is on record until it ends, so that the next round continues with the parts that S3 has.
"""

import logging

from msgspec.structs import replace

from chalicelib.core import parts
from chalicelib.core.errors import Conflict, MultipartGone, VersionGone
from chalicelib.core.events import Event
from chalicelib.core.ids import ArtifactId
from chalicelib.core.parts import PartPlan, plan_parts
from chalicelib.core.picture import Picture
from chalicelib.core.session import ChecksumCopy, SessionState
from chalicelib.core.settle import ComputeChecksum, DropChecksumCopy, VerifyOutput, assembled
from chalicelib.core.settle.outputs import judge_computed
from chalicelib.core.upload import StoredObject
from chalicelib.flows.actions import outputs
from chalicelib.flows.actions.copying import copy_parts_of
from chalicelib.flows.store import report, save
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def compute(ports: Ports, picture: Picture, action: ComputeChecksum) -> Picture:
    """Compute one output's checksum; its receipt is on record before the next output is begun."""
    if picture.session.state is not SessionState.STORED:
        return picture  # an output before this one failed the order
    stated, stored = action.stated, action.stored
    picture, copy = _open_copy(ports, picture, stated.artifact_id, stored)
    plan = PartPlan(stored.size_bytes, copy.part_size_bytes)
    try:
        lacking = parts.missing(plan, ports.objects.parts(copy.key, copy.multipart_id))
        copy_parts_of(ports, copy.key, copy.multipart_id, copy.version_id, plan, lacking)
        whole = assembled(plan, ports.objects.parts(copy.key, copy.multipart_id))
    except (MultipartGone, VersionGone) as error:
        log.warning("checksum copy is gone", extra={"key": copy.key, "error": str(error)})
        return drop(ports, picture, DropChecksumCopy())
    if whole is None:
        return drop(ports, picture, DropChecksumCopy())
    judged = judge_computed(stated, replace(stored, crc64nvme=whole))
    ended = _without_copy(picture)
    picture = (
        outputs.verify_output(ports, ended, judged)
        if isinstance(judged, VerifyOutput)
        else outputs.fail(ports, ended, judged)
    )
    ports.objects.abort(copy.key, copy.multipart_id)
    return report(ports, picture, Event.CHECKSUM_COMPUTED, key=copy.key, size_bytes=stored.size_bytes)


def drop(ports: Ports, picture: Picture, _: DropChecksumCopy) -> Picture:
    """Remove the copy from the record, then from S3: after a crash in between the sweep aborts it as an orphan."""
    copy = picture.session.checksum_copy
    if copy is None:
        return picture
    picture = save(ports, _without_copy(picture))
    ports.objects.abort(copy.key, copy.multipart_id)
    return picture


def _open_copy(
    ports: Ports, picture: Picture, artifact_id: ArtifactId, stored: StoredObject
) -> tuple[Picture, ChecksumCopy]:
    """The recorded copy of this version, or a new one. Raises Conflict."""
    known = picture.session.checksum_copy
    if known and (known.key, known.version_id) == (stored.key, stored.version_id):
        return picture, known
    picture = drop(ports, picture, DropChecksumCopy())
    plan = plan_parts(stored.size_bytes, ports.policy.restore_part_size_bytes)
    multipart_id = ports.objects.create_multipart(stored.key, ports.ids.upload_id())
    copy = ChecksumCopy(artifact_id, stored.key, stored.version_id, multipart_id, plan.part_size_bytes)
    try:
        picture = save(ports, picture, session=replace(picture.session, checksum_copy=copy))
    except Conflict:
        ports.objects.abort(stored.key, multipart_id)
        raise
    return picture, copy


def _without_copy(picture: Picture) -> Picture:
    return replace(picture, session=replace(picture.session, checksum_copy=None))
