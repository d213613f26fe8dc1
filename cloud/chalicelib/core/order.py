"""An order: what a session must end with, and the parameters for its processor."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.artifact import required_id
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId
from chalicelib.core.measurements.inspection.asked import asked_of

MOST_REQUIRED = 50
MOST_PARAMETERS_BYTES = 16 * 1024


class Wish(Struct, frozen=True):
    """What somebody asks of a processor: the required artifacts, and parameters as the text of a JSON object.

    `added` are those of `required` that only the deployment's minimum asks for. `left_out` are those of the minimum
    that an operator leaves out; `below_minimum_reason` says why.
    """

    required: tuple[ArtifactId, ...]
    parameters: str = "{}"
    below_minimum_reason: str | None = None
    left_out: tuple[ArtifactId, ...] = ()
    added: tuple[ArtifactId, ...] = ()

    def asks_as(self, other: "Wish") -> bool:
        """Whether both ask the same of a processor, for whatever reason."""
        return replace(self, added=()) == replace(other, added=())

    def lacks(self, minimum: Iterable[ArtifactId]) -> tuple[ArtifactId, ...]:
        """The artifacts of `minimum` that are neither required nor left out by an operator."""
        return tuple(each for each in minimum if each not in (*self.required, *self.left_out))


class OrderKey(Struct, frozen=True):
    """An Idempotency-Key that an order came with, and the digest of what was asked with it."""

    key: str
    digest: str
    used_at: datetime


def digest(asked: Wish) -> str:
    """What tells a wish, as a caller sent it, from another one."""
    told = [asked.required, asked.parameters, asked.below_minimum_reason]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


class Order(Struct, frozen=True):
    """A recorded wish.

    `number` counts the orders of a session from 1; `sent_at` is when it went to the queue. `accepted` is why an
    operator accepts the outputs although their length is not plausible. `is_import` marks the order below whose number
    an import stores what the older system made: it goes to no queue, and it allows no cleanup.
    """

    number: int
    wish: Wish
    ordered_at: datetime
    sent_at: datetime | None = None
    accepted: str | None = None
    is_import: bool = False

    def sent(self, now: datetime) -> "Order":
        return replace(self, sent_at=now)


def wish(
    required: Iterable[str], parameters: Mapping[str, Any], below_minimum_reason: str | None = None
) -> Wish:
    """The wish for these artifacts with these parameters.

    Raises InvalidRequest for no artifact at all, more than 50, one named twice, parameters above 16 KiB, or an
    `inspection` that docs/processors.md does not describe.
    """
    ids = tuple(required_id(text) for text in required)
    if not 1 <= len(ids) <= MOST_REQUIRED or len(set(ids)) < len(ids):
        raise InvalidRequest(
            f"an order has 1 to {MOST_REQUIRED} required artifacts, none twice; not {len(ids)}"
        )
    text = json.dumps(parameters, ensure_ascii=False, sort_keys=True)
    if len(text.encode()) > MOST_PARAMETERS_BYTES:
        raise InvalidRequest(f"an order's parameters have at most {MOST_PARAMETERS_BYTES} bytes as JSON")
    asked_of(parameters)
    return Wish(ids, text, below_minimum_reason)


def add_minimum(asked: Wish, minimum: tuple[ArtifactId, ...]) -> Wish:
    """`asked`, to which the deployment's minimum is added. Raises InvalidRequest for more than 50 together."""
    added = asked.lacks(minimum)
    required = (*asked.required, *added)
    if len(required) > MOST_REQUIRED:
        raise InvalidRequest(
            f"an order has at most {MOST_REQUIRED} required artifacts; with those that the deployment requires "
            f"this one has {len(required)}"
        )
    return replace(asked, required=required, added=added)


def leave_out(asked: Wish, minimum: tuple[ArtifactId, ...]) -> Wish:
    """`asked` as it is; it also records what it leaves out of the deployment's minimum.

    Raises InvalidRequest when it leaves something out without a reason, or has a reason and leaves nothing out.
    """
    lacking = asked.lacks(minimum)
    if lacking and asked.below_minimum_reason is None:
        raise InvalidRequest(
            f"the deployment requires {', '.join(lacking)} as well; require it, "
            "or say with `below_minimum_reason` why this session may do without"
        )
    if asked.below_minimum_reason is not None and not lacking:
        raise InvalidRequest(
            "`below_minimum_reason` goes with an order that leaves out what the deployment requires; "
            "this one leaves out nothing"
        )
    return replace(asked, left_out=lacking)
