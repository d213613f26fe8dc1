"""The message of an order to the processing queue."""

import json
from typing import Any

from chalicelib.core import keys
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import StateConflict
from chalicelib.core.order import Order
from chalicelib.core.picture import Picture
from chalicelib.core.times import rfc3339
from chalicelib.core.upload import Receipt
from chalicelib.ports import MOST_MESSAGE_BYTES, Ports, ReadUrl

READ_URL_TTL_S = 900
"""As long as the bucket's policy takes a signature."""


def write_message(ports: Ports, picture: Picture, sent: Order) -> str:
    """The message of an order to the processing queue: JSON, with a presigned read for every original.

    Where the addresses would make it too large for the queue they are null: the processor asks the API for them.
    """
    receipts = [(chapter, _receipt(picture, chapter)) for chapter in picture.chapters]
    now = ports.clock.now()
    reads = [ports.signer.read_url(r.key, r.version_id, READ_URL_TTL_S, now) for _, r in receipts]
    whole = _encode(
        picture, sent, [_original(*each, read) for each, read in zip(receipts, reads, strict=True)]
    )
    if len(whole.encode()) <= MOST_MESSAGE_BYTES:
        return whole
    return _encode(picture, sent, [_original(*each, None) for each in receipts])


def _encode(picture: Picture, sent: Order, originals: list[dict[str, Any]]) -> str:
    session = picture.session
    told = {
        "session_id": session.name,
        "project": session.project,
        "group": session.group,
        "order": sent.number,
        "ordered_at": rfc3339(sent.ordered_at),
        "required": list(sent.wish.required),
        "parameters": json.loads(sent.wish.parameters),
        "originals": originals,
        "outputs": keys.order_prefix(keys.OUTPUTS, session.session_id, sent.number),
        "measurements": keys.order_prefix(keys.MEASUREMENTS, session.session_id, sent.number),
    }
    return json.dumps(told, ensure_ascii=False)


def _receipt(picture: Picture, chapter: Chapter) -> Receipt:
    receipt = picture.receipt(chapter.artifact_id)
    if receipt is None:
        raise StateConflict(f"{chapter.name} is not verified: its session cannot be ordered")
    return receipt


def _original(chapter: Chapter, receipt: Receipt, read: ReadUrl | None) -> dict[str, Any]:
    return {
        "artifact_id": chapter.artifact_id,
        "directory": chapter.directory,
        "filename": chapter.filename,
        "key": receipt.key,
        "version_id": receipt.version_id,
        "size_bytes": receipt.size_bytes,
        "crc64nvme": receipt.crc64nvme,
        "unfinished": chapter.unfinished,
        "trailing_bytes": chapter.trailing_bytes,
        "url": read.url if read else None,
        "expires_at": rfc3339(read.expires_at) if read else None,
    }
