"""Have S3 copy parts of one version: no byte passes through here, and no part is copied twice."""

import logging
from collections.abc import Sequence

from chalicelib.core.events import Event
from chalicelib.core.parts import PartPlan
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def copy_parts_of(
    ports: Ports,
    key: str,
    multipart_id: str,
    version_id: str,
    plan: PartPlan,
    numbers: Sequence[int],
    source_key: str | None = None,
) -> None:
    """Copy these parts of a version of `source_key`, or of `key` itself, into the multipart upload.

    How many were copied is logged, also after a failure. Raises MultipartGone, VersionGone.
    """
    copied_bytes = copied = 0
    try:
        for number in numbers:
            ports.objects.copy_part(key, multipart_id, version_id, plan, number, source_key)
            copied += 1
            copied_bytes += plan.size_of(number)
    finally:
        about = {"key": key, "copied": copied, "left": len(numbers) - copied, "size_bytes": copied_bytes}
        log.info("parts copied", extra=about)
        ports.metrics.count(Event.BYTES_COPIED, copied_bytes)
