"""Errors as HTTP says them (RFC 9457): the one table of status codes, told to people in `docs/api.md`."""

import functools
import logging
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, ParamSpec

from chalice.app import Response
from msgspec import Struct

from chalicelib.core.errors import (
    ClientTooOld,
    Conflict,
    Finalizing,
    InvalidRequest,
    KeyTaken,
    KeyUsed,
    LakeWriterMissing,
    MultipartGone,
    NotAFilm,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    PartsMismatch,
    PartsRefused,
    PlanDiffers,
    Poison,
    ProxiesOff,
    ReelhaulError,
    RemovalRefused,
    SessionAdopted,
    SessionDiffers,
    StateConflict,
    StorageBusy,
    StorageUnfit,
    TooLarge,
    TooManyRequests,
    UploadGone,
    VersionGone,
)
from chalicelib.core.parts import PartPlan
from chalicelib.web.wire import responses

log = logging.getLogger(__name__)

Parameters = ParamSpec("Parameters")

_PROBLEM = "application/problem+json"
_LONGEST_DETAIL = 1000
"""Characters; a detail may quote what was sent."""


class Action(Enum):
    """What the client does next."""

    RETRY = "retry"
    RESIGN = "resign"
    REOPEN = "reopen"
    REPLAN = "replan"
    STOP = "stop"


class Row(Struct, frozen=True):
    """How one kind of error is answered; `members` go along: attributes of the error, or the plan of PlanDiffers."""

    status: int
    slug: str
    action: Action
    members: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        return f"urn:reelhaul:problem:{self.slug}"

    @property
    def title(self) -> str:
        return self.slug.replace("-", " ").capitalize()


_SAYS_WHEN = (StorageBusy, TooManyRequests)

INTERNAL = Row(500, "internal", Action.RETRY)

ROWS: Mapping[type[ReelhaulError], Row] = {
    InvalidRequest: Row(400, "invalid-request", Action.STOP),
    NotAuthenticated: Row(401, "not-authenticated", Action.STOP),
    NotPermitted: Row(403, "not-permitted", Action.STOP),
    NotFound: Row(404, "not-found", Action.STOP),
    SessionDiffers: Row(409, "session-differs", Action.STOP, ("differences",)),
    SessionAdopted: Row(409, "session-adopted", Action.STOP, ("device_id",)),
    StateConflict: Row(409, "state-conflict", Action.STOP),
    PlanDiffers: Row(409, "plan-differs", Action.REPLAN, ("plan",)),
    ProxiesOff: Row(409, "proxies-off", Action.STOP),
    NotAFilm: Row(422, "not-a-film", Action.STOP, ("reason",)),
    UploadGone: Row(410, "upload-gone", Action.REOPEN, ("reason",)),
    TooLarge: Row(413, "too-large", Action.STOP),
    KeyUsed: Row(422, "idempotency-key-used", Action.STOP),
    PartsMismatch: Row(422, "parts-mismatch", Action.RESIGN, ("missing", "differing")),
    Finalizing: Row(423, "finalizing", Action.RETRY),
    ClientTooOld: Row(426, "client-too-old", Action.STOP, ("minimum_version",)),
    TooManyRequests: Row(429, "too-many-requests", Action.RETRY),
    StorageUnfit: Row(501, "storage-unfit", Action.STOP),
    StorageBusy: Row(503, "storage-busy", Action.RETRY),
}

INWARD: Mapping[type[ReelhaulError], ReelhaulError] = {
    Conflict: StorageBusy("others are writing this session; ask again"),
    MultipartGone: StorageBusy("S3 ended this upload a moment ago; ask again"),
    KeyTaken: StateConflict("this key already has an object; an operator must look"),
    PartsRefused: PartsMismatch("S3 refused to assemble these parts; ask for fresh part URLs", (), ()),
    VersionGone: NotFound("S3 holds this version no longer; it was purged"),
    RemovalRefused: StateConflict("S3 refuses to remove this object; an operator must look"),
    LakeWriterMissing: StorageBusy("the measurements cannot be indexed now; an operator must look"),
    Poison: StateConflict("this measurements file cannot be indexed; the session says why"),
}
"""What a caller hears of an error between flows and adapters that nobody handled: never its own text."""


def answered(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """`view` with every error of it as a problem."""

    @functools.wraps(view)
    def answer(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except ReelhaulError as error:
            return problem(error)
        except Exception:  # a door: what has no name here goes to the log, never to the caller
            log.exception("view failed")
            return _response(
                INTERNAL, "the coordinator failed; its log says why, and the same call may be tried again"
            )

    return answer


def problem(error: ReelhaulError) -> Response:
    """The answer that tells `error`."""
    told = _outward(error)
    row = next((ROWS[kind] for kind in type(told).__mro__ if kind in ROWS), INTERNAL)
    log.log(
        logging.ERROR if row.status == ROWS[StorageUnfit].status else logging.INFO,
        "problem answered",
        extra={"status": row.status, "slug": row.slug, "detail": str(error)[:_LONGEST_DETAIL]},
    )
    headers = {"Retry-After": str(told.retry_after_s)} if isinstance(told, _SAYS_WHEN) else {}
    return _response(row, str(told), _members(told, row), headers)


def with_request_id(response: Response, request_id: str) -> Response:
    """`response`, whose body names the request where it is a problem."""
    if response.headers.get("Content-Type") == _PROBLEM:
        response.body["request_id"] = request_id
    return response


def _outward(error: ReelhaulError) -> ReelhaulError:
    return next((told for kind, told in INWARD.items() if isinstance(error, kind)), error)


def _members(error: ReelhaulError, row: Row) -> dict[str, object]:
    if isinstance(error, PlanDiffers):
        return {"plan": responses.plan(PartPlan(error.size_bytes, error.part_size_bytes))}
    return {name: getattr(error, name) for name in row.members}


def _response(
    row: Row, detail: str, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    body = {
        "type": row.type,
        "title": row.title,
        "status": row.status,
        "detail": detail[:_LONGEST_DETAIL],
        "action": row.action.value,
        **(members or {}),
    }
    return Response(body, {"Content-Type": _PROBLEM, **(headers or {})}, row.status)
