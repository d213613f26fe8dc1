"""What a device may read back: a few ranges of a verified original, with which it compares its card."""

import logging
from collections.abc import Sequence

from chalicelib.core.errors import NO_SESSION, InvalidRequest, NotFound
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Receipt
from chalicelib.flows.artifacts import readable_receipt
from chalicelib.flows.store import load
from chalicelib.ports import ByteRange, Ports, RangeUrl

log = logging.getLogger(__name__)

MOST_RANGES = 32
MOST_BYTES = 64 * 2**20
"""The most bytes of one call, all ranges together: a proof takes a quarter of it, and a film has many times as much."""

PROOF_URL_TTL_S = 300


def sign_ranges(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    artifact_id: ArtifactId,
    ranges: Sequence[ByteRange],
) -> tuple[Receipt, tuple[RangeUrl, ...]]:
    """The receipt of a chapter and where to read each of `ranges` of exactly that version.

    For any device of the session's project, as the card of a camera may be in another device by now. Raises NotFound,
    telling which, for what is not verified or was cleaned; InvalidRequest for a range that the file does not have.
    """
    principal.demand(Role.DEVICE)
    picture = load(ports, session_id)
    if not principal.is_of(picture.session.project):
        raise NotFound(NO_SESSION)
    chapter = picture.chapter(artifact_id)
    receipt = readable_receipt(picture, chapter.artifact_id)
    _demand_ranges(ranges, receipt.size_bytes)
    now = ports.clock.now()
    urls = ports.signer.range_urls(receipt.key, receipt.version_id, ranges, PROOF_URL_TTL_S, now)
    log.info(
        "ranges signed",
        extra={
            "session_id": session_id,
            "artifact_id": artifact_id,
            "device_id": principal.device_id,
            "size_bytes": sum(each.size_bytes for each in ranges),
        },
    )
    return receipt, urls


def _demand_ranges(ranges: Sequence[ByteRange], size_bytes: int) -> None:
    if not 1 <= len(ranges) <= MOST_RANGES:
        raise InvalidRequest(f"ask for 1 to {MOST_RANGES} ranges, not for {len(ranges)}")
    for place, each in enumerate(ranges):
        if each.first + each.size_bytes > size_bytes:
            raise InvalidRequest(
                f"$.ranges[{place}]: bytes {each.first} to {each.first + each.size_bytes - 1} are not all in a file "
                f"of {size_bytes} bytes"
            )
    if sum(each.size_bytes for each in ranges) > MOST_BYTES:
        raise InvalidRequest(f"the ranges of one call have at most {MOST_BYTES} bytes together")
