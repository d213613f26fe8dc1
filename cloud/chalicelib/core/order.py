"""An order: what a session must end with, and what its processor is told."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.core.artifact import required_id
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId

MOST_REQUIRED = 50
MOST_PARAMETERS_BYTES = 16 * 1024


@dataclass(frozen=True)
class Wish:
    """What somebody asks of a processor: the required artifacts, and parameters as the text of a JSON object."""

    required: tuple[ArtifactId, ...]
    parameters: str = "{}"


@dataclass(frozen=True)
class Order:
    """A wish on record. `number` counts the orders of a session from 1; `sent_at` is when it went to the queue."""

    number: int
    wish: Wish
    ordered_at: datetime
    sent_at: datetime | None = None

    def sent(self, now: datetime) -> "Order":
        return replace(self, sent_at=now)


def wish(required: Iterable[str], parameters: Mapping[str, Any]) -> Wish:
    """The wish for these artifacts with these parameters.

    Raises InvalidRequest for no artifact at all, more than 50, one named twice, or parameters above 16 KiB.
    """
    ids = tuple(required_id(text) for text in required)
    if not 1 <= len(ids) <= MOST_REQUIRED or len(set(ids)) < len(ids):
        raise InvalidRequest(
            f"an order has 1 to {MOST_REQUIRED} required artifacts, none twice; not {len(ids)}"
        )
    text = json.dumps(parameters, ensure_ascii=False, sort_keys=True)
    if len(text.encode()) > MOST_PARAMETERS_BYTES:
        raise InvalidRequest(f"an order's parameters have at most {MOST_PARAMETERS_BYTES} bytes as JSON")
    return Wish(ids, text)
