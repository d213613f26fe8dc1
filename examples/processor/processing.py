"""The walk of one order: read, measure, write, and say what was written."""

import io
import json
import logging
import tempfile
import traceback
from dataclasses import asdict
from pathlib import Path

from examples.processor import film
from examples.processor.bucket import Bucket, Written
from examples.processor.coordinator import CoordinatorClient
from examples.processor.errors import (
    CannotProcess,
    NotAllowed,
    TryLater,
    describe_unexpected,
    is_of_this_machine,
)
from examples.processor.film import Made
from examples.processor.order import Order
from examples.processor.originals import fetched

log = logging.getLogger(__name__)


def process(order: Order, coordinator: CoordinatorClient, bucket: Bucket) -> bool:
    """Whether the order was fulfilled. False when it is not wanted any more, and when it failed.

    The coordinator is told why it failed; for an unexpected error, its type and place. Raises TryLater, NotAllowed, and
    OSError when this machine has no room.
    """
    about = f"order {order.number} of {order.project}/{order.session_id}"
    if order.is_smoke_test:
        log.info("%s is a smoke test's, which makes its outputs itself", about)
        return False
    try:
        if not coordinator.wants(order):
            log.info("%s is not wanted any more", about)
            return False
        with tempfile.TemporaryDirectory(prefix="reelhaul-processor-") as folder:
            _fulfil(order, coordinator, bucket, Path(folder))
    except CannotProcess as error:
        reason = order.why_failed(str(error))
        log.warning("%s failed: %s", about, reason)
        coordinator.fail(order, reason)
        return False
    except (TryLater, NotAllowed):
        raise
    except Exception as error:
        if is_of_this_machine(error):
            raise
        reason = describe_unexpected(error)
        log.error("%s failed: %s\n%s", about, reason, "".join(traceback.format_tb(error.__traceback__)))
        coordinator.fail(order, f"{reason}; the processor's log has more")
        return False
    log.info("%s is fulfilled", about)
    return True


def _fulfil(order: Order, coordinator: CoordinatorClient, bucket: Bucket, folder: Path) -> None:
    for artifact_id in order.required:
        _demand_makeable(artifact_id)
    chapters = fetched(coordinator, order, folder)
    log.info("%d originals read and proven", len(chapters))
    made = film.process(order, chapters, folder)
    log.info("%d frames measured", made.frames)
    written = {each: _written(order, bucket, each, made) for each in order.required}
    _state(order, bucket, written)


def _demand_makeable(artifact_id: str) -> None:
    if not artifact_id.startswith("measurements.") and not artifact_id.endswith(".mp4"):
        raise CannotProcess(f"{artifact_id} cannot be made here: only measurements and .mp4 videos are")


def _written(order: Order, bucket: Bucket, artifact_id: str, made: Made) -> Written:
    path, content_type = made.video, "video/mp4"
    if artifact_id.startswith("measurements."):
        path, content_type = made.measurements, "application/gzip"
    with path.open("rb") as file:
        written = bucket.put_once(order.key(artifact_id), file, content_type)
    log.info("%s written: %d bytes", artifact_id, written.size_bytes)
    return written


def _state(order: Order, bucket: Bucket, written: dict[str, Written]) -> None:
    """The manifest comes last: what it states stands."""
    artifacts = [{"artifact_id": artifact_id, **asdict(each)} for artifact_id, each in written.items()]
    document = {**order.named, "artifacts": artifacts}
    bucket.put_once(order.manifest_key, io.BytesIO(json.dumps(document).encode()), "application/json")
