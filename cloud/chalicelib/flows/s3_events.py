"""An S3 event is a hint to look, never a fact: every named session is settled by what S3 has now."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.core import keys
from chalicelib.core.errors import NotFound
from chalicelib.core.events import Event
from chalicelib.core.ids import SessionId
from chalicelib.core.settle import Actor
from chalicelib.flows.settle import settle_session
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def settle_created(ports: Ports, event: Mapping[str, Any], actor: Actor) -> list[SessionId]:
    """The sessions that were settled because `event` (S3's notification) named one of their objects.

    Test events and keys that are not ours are counted and passed over. A failure is raised, so that Lambda
    tries again and at last keeps the event as a dead letter.
    """
    settled: list[SessionId] = []
    for session_id, named in _group_by_session(ports, event).items():
        try:
            settle_session(ports, session_id, actor, keys=named)
        except NotFound:
            _ignore(ports, f"session {session_id} is not recorded")
            continue
        settled.append(session_id)
    return settled


def _group_by_session(ports: Ports, event: Mapping[str, Any]) -> dict[SessionId, list[str]]:
    """The keys that `event` names, by session."""
    found: dict[SessionId, list[str]] = {}
    for entry in event.get("Records", ()):
        key = unquote_plus(entry["s3"]["object"]["key"])
        session_id = keys.session_of(key)
        if session_id is None:
            _ignore(ports, "the key is not one of ours")
        else:
            found.setdefault(session_id, []).append(key)
    return found


def _ignore(ports: Ports, reason: str) -> None:
    log.warning(Event.EVENT_IGNORED.sentence, extra={"reason": reason})
    ports.metrics.count(Event.EVENT_IGNORED)
