"""What an answer means that is not the one asked for: the error that says what to do next."""

from __future__ import annotations

import re
from typing import Any

import requests

from edge_client.base.errors import (
    CoordinatorBusy,
    CoordinatorRefusal,
    CoordinatorUnreachable,
    EdgeError,
    NotAFilm,
    PartsMismatch,
    PlanReplaced,
    SessionUnknown,
    UploadGone,
)
from edge_client.http.exchange import retry_after_s

PROBLEM = "urn:reelhaul:problem:"
# What an error of its gateway says, and nothing else.
GATEWAY_NAMES = {"message", "Message"}
# Any other action is for a person.
ENDS: dict[str, type[EdgeError]] = {"reopen": UploadGone, "replan": PlanReplaced}
# Some gateways quote what they were sent.
SECRET = re.compile(r"\bt_[A-Za-z0-9._~+/=-]+|X-Amz-\S+", re.ASCII)
UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]")


def read_answer(response: requests.Response) -> dict[str, Any]:
    """The JSON object of a good answer; for any other the error that says what to do next."""
    status = response.status_code
    document = _json_object(response)
    if status in (200, 201) and document is not None:
        return document
    if status == 429 or (status >= 500 and not _is_problem(document)):
        raise CoordinatorBusy(_words(document, status), retry_after_s(response))
    is_gateways = document is not None and bool(document.keys() & GATEWAY_NAMES)
    if document is None or status < 400 or not (_is_problem(document) or is_gateways):
        raise CoordinatorUnreachable(
            f"something that is not the coordinator answers ({status}); a captive portal, a firewall, "
            "or another address?"
        )
    raise _problem(document, status, response)


def _is_problem(document: dict[str, Any] | None) -> bool:
    """Whether an error is the coordinator's own."""
    return document is not None and str(document.get("type", "")).startswith(PROBLEM)


def _problem(document: dict[str, Any], status: int, response: requests.Response) -> EdgeError:
    words, kind = _words(document, status), str(document.get("type", ""))
    if not kind.startswith(PROBLEM):
        return CoordinatorRefusal(f"{words}; is this the coordinator's address?")
    if kind == f"{PROBLEM}not-found":
        return SessionUnknown(words)
    if kind == f"{PROBLEM}not-a-film":
        return NotAFilm(words)
    match document.get("action"):
        case "retry":
            return CoordinatorBusy(words, retry_after_s(response))
        case "resign":
            numbers = _numbers(document.get("missing")) | _numbers(document.get("differing"))
            return PartsMismatch(words, numbers)
        case action:
            return ENDS.get(str(action), CoordinatorRefusal)(words)


def _json_object(response: requests.Response) -> dict[str, Any] | None:
    try:
        document = response.json()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _words(document: dict[str, Any] | None, status: int) -> str:
    """The coordinator's words about an error, fit for a terminal."""
    known = document or {}
    parts = [known.get(name) for name in ("title", "detail", "message", "Message", "differences")]
    said = ": ".join(
        ", ".join(map(str, part)) if isinstance(part, list) else str(part) for part in parts if part
    )
    fit = UNPRINTABLE.sub("?", SECRET.sub("(not told)", said))
    return f"the coordinator answers {status} {fit[:500]}".rstrip()


def _numbers(value: object) -> frozenset[int]:
    return frozenset(n for n in value if isinstance(n, int)) if isinstance(value, list) else frozenset()
