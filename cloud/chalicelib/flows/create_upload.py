"""A new upload: in S3 first, then on record."""

import logging
from datetime import timedelta

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import ArtifactId
from chalicelib.core.parts import PartPlan
from chalicelib.core.picture import Picture
from chalicelib.core.upload import Upload, Way
from chalicelib.flows.store import save
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def create_upload(
    ports: Ports,
    picture: Picture,
    artifact_id: ArtifactId,
    plan: PartPlan,
    claim: Crc64Nvme | None = None,
    copies: str | None = None,
    way: Way = Way.PARTS,
) -> tuple[Picture, Upload]:
    """A new upload of `artifact_id`, and the picture with it; the caller that loses the race removes its own.

    `claim` is what the whole must be, `copies` the version that it brings back. Raises Conflict.
    """
    session_id, key = picture.session.session_id, picture.key(artifact_id)
    upload_id = ports.ids.upload_id()
    now = ports.clock.now()
    upload = Upload(
        upload_id,
        session_id,
        artifact_id,
        key,
        plan,
        multipart_id="" if way is Way.ONE_PUT else ports.objects.create_multipart(key, upload_id),
        opened_at=now,
        expires_at=now + timedelta(seconds=ports.policy.upload_ttl_s),
        claim=claim,
        copies=copies,
        way=way,
    )
    try:
        after = save(ports, picture, upload)
    except Conflict:
        _take_back(ports, upload)
        raise
    log.info("upload opened", extra={"session_id": session_id, "upload_id": upload_id})
    return after, upload


def _take_back(ports: Ports, upload: Upload) -> None:
    if upload.is_one_put:
        return
    # A write whose reply was lost conflicts with itself when it is repeated: what is recorded is live.
    if ports.records.session_of(upload.upload_id) is None:
        ports.objects.abort(upload.key, upload.multipart_id)
