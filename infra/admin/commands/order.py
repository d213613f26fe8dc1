"""`order`, `accept` and `hold`: change one session by the same rules as the API."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.core import artifact
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import Order, Wish
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session
from chalicelib.flows import evidence, operations
from chalicelib.flows.store import load
from chalicelib.ports import Ports
from chalicelib.web.wire import requests
from infra.admin import formats
from infra.admin.console import (
    DONE,
    NAMED,
    OPERATOR,
    Arguments,
    Console,
    as_body,
    at_a_stage,
    command,
    named_session,
    reason,
    tell,
)
from infra.admin.deployment import Deployment, Refused
from infra.admin.dry_run import session_after
from infra.admin.formats import stamp

_ORDER_EXAMPLES = """  reelhaul-admin order --stage prod match-17-north
  reelhaul-admin order --stage prod match-17-north --require output.enhanced.mp4 measurements.lights.json
  reelhaul-admin order --stage prod match-17-north --parameters '{"segments": 3}' --dry-run
  reelhaul-admin order --stage prod match-17-north --parameters @parameters.json --json
  reelhaul-admin order --stage prod match-17-north --require measurements.lights.json \\
      --below-minimum-reason 'a calibration flight, no film is needed'"""

_ACCEPT_EXAMPLES = """  reelhaul-admin accept --stage prod match-17-north --reason 'the approach alone, watched'
  reelhaul-admin accept --stage prod match-17-north --reason 'a photo series' --dry-run
  reelhaul-admin accept --stage prod match-17-north --scan output.enhanced.mp4 --reason 'watched, our own film'
  reelhaul-admin accept --stage prod match-17-north --evidence original.100GOPRO.GX010038.MP4 \\
      --reason 'read in a card reader twice: the stored film is right'"""

_HOLD_EXAMPLES = """  reelhaul-admin hold --stage prod match-17-north --reason 'the referee wants to see it'
  reelhaul-admin hold --stage prod match-17-north --release --dry-run"""


def describe(commands: Any) -> None:
    """The commands `order`, `accept` and `hold`."""
    ordered = command(
        commands, "order", "order a session, or order it again after a failure", _ORDER_EXAMPLES, _order
    )
    ordered.add_argument(
        "--require",
        nargs="+",
        metavar="ID",
        help="output.NAME and measurements.NAME; default: the deployment's REQUIRED_OUTPUTS",
    )
    ordered.add_argument(
        "--below-minimum-reason",
        type=reason,
        metavar="TEXT",
        help="why this session may do without some of REQUIRED_OUTPUTS; it is recorded, and such an order needs it",
    )
    ordered.add_argument(
        "--parameters",
        type=_parameters,
        default={},
        metavar="JSON|@FILE",
        help="a JSON object for the processor, or a file that holds it",
    )
    accepted = command(
        commands,
        "accept",
        "confirm that a processed session's outputs are right, even if their length seems wrong",
        _ACCEPT_EXAMPLES,
        _accept,
    )
    accepted.add_argument(
        "--reason", type=reason, required=True, metavar="TEXT", help="how you know; it is recorded"
    )
    accepted.add_argument(
        "--scan",
        metavar="ARTIFACT",
        help="accept this artifact instead, of which the scan told nothing, or has not come for a day",
    )
    accepted.add_argument(
        "--evidence",
        metavar="ARTIFACT",
        help="accept this chapter instead, of which two reads of the card differ",
    )
    held = command(
        commands, "hold", "keep a session from processing and cleanup, or release it", _HOLD_EXAMPLES, _hold
    )
    why = held.add_mutually_exclusive_group(required=True)
    why.add_argument("--reason", type=reason, metavar="TEXT", help="why it is held; the reason is recorded")
    why.add_argument("--release", action="store_true", help="end the hold; the grace period starts again")
    for made in (ordered, accepted, held):
        at_a_stage(made)
        made.add_argument("session", type=named_session, metavar="SESSION", help=NAMED)
        made.add_argument("--dry-run", action="store_true", help="show what would change; write nothing")


def _order(given: Arguments, desk: Console) -> int:
    deployment, session_id = desk.reach(given), given.session
    wish, ports = _wish(given, deployment), deployment.ports

    def order(at: Ports) -> Picture:
        return operations.order(at, OPERATOR, session_id, wish)

    before = load(ports, session_id)
    session = (session_after(ports, order) or before.session) if given.dry_run else order(ports).session
    is_new = _number(session) != _number(before.session)
    document = {
        **_known(session, given.dry_run, is_new),
        "order": _told(session.order),
        "waits_for": _waits_for(session, before),
    }
    tell(given, desk, document, lambda: list(_order_lines(document)))
    return DONE


def _accept(given: Arguments, desk: Console) -> int:
    if given.evidence is not None and given.scan is not None:
        given.misused("--scan and --evidence: accept one at a time")
    if given.evidence is not None:
        return _accept_evidence(given, desk)
    return _accept_outputs(given, desk) if given.scan is None else _accept_scan(given, desk)


def _accept_evidence(given: Arguments, desk: Console) -> int:
    ports, session_id = desk.reach(given).ports, given.session
    artifact_id = ArtifactId(given.evidence)

    def accept(at: Ports) -> Picture:
        return evidence.accept_differences(at, OPERATOR, session_id, artifact_id, given.reason)

    before = load(ports, session_id).session
    after = (session_after(ports, accept) or before) if given.dry_run else accept(ports).session
    known = after.evidence_of(artifact_id)
    document = {
        **_known(after, given.dry_run, after.evidence != before.evidence),
        "artifact_id": artifact_id,
        "differences": [
            {"difference": each.words, "by": each.read.by, "accepted": each.accepted}
            for each in known.differences
        ],
    }
    tell(given, desk, document, lambda: list(_evidence_lines(document)))
    return DONE


def _accept_scan(given: Arguments, desk: Console) -> int:
    ports, session_id = desk.reach(given).ports, given.session
    artifact_id = artifact.made_id(given.scan)

    def accept(at: Ports) -> Picture:
        return operations.accept_scan(at, OPERATOR, session_id, artifact_id, given.reason)

    before = load(ports, session_id).session
    after = (session_after(ports, accept) or before) if given.dry_run else accept(ports).session
    scan = next((each for each in after.scans if each.artifact_id == artifact_id and each.accepted), None)
    document = {
        **_known(after, given.dry_run, after.scans != before.scans),
        "artifact_id": artifact_id,
        "finding": scan.finding if scan else None,
        "accepted": scan.accepted if scan else None,
    }
    tell(given, desk, document, lambda: [_scan_line(document)])
    return DONE


def _accept_outputs(given: Arguments, desk: Console) -> int:
    ports, session_id = desk.reach(given).ports, given.session

    def accept(at: Ports) -> Picture:
        return operations.accept(at, OPERATOR, session_id, given.reason)

    before = load(ports, session_id).session
    after = (session_after(ports, accept) or before) if given.dry_run else accept(ports).session
    document = {**_known(after, given.dry_run, after.order != before.order), "order": _told(after.order)}
    tell(given, desk, document, lambda: [_accept_line(document)])
    return DONE


def _hold(given: Arguments, desk: Console) -> int:
    ports, session_id = desk.reach(given).ports, given.session

    def hold(at: Ports) -> Picture:
        return operations.hold(at, OPERATOR, session_id, given.reason)

    before = load(ports, session_id).session
    after = (session_after(ports, hold) or before) if given.dry_run else hold(ports).session
    document = {**_known(after, given.dry_run, after.held != before.held), "held": after.held}
    tell(given, desk, document, lambda: [_hold_line(document)])
    return DONE


def _wish(given: Arguments, deployment: Deployment) -> Wish:
    required = given.require
    if required is None and deployment.default_wish is None:
        raise Refused(f"stage {given.stage} requires no outputs by default: name them with --require")
    if required is None and deployment.default_wish:
        required = deployment.default_wish.required
    said = {
        "required": required,
        "parameters": given.parameters,
        "below_minimum_reason": given.below_minimum_reason,
    }
    return as_body(requests.OrderGiven, said).wish()


def _parameters(text: str) -> dict[str, Any]:
    try:
        content = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        return msgspec.json.decode(content, type=dict[str, Any])
    except (OSError, UnicodeError, msgspec.DecodeError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"not a JSON object, or no file that holds one: {error}") from error


def _waits_for(session: Session, before: Picture) -> str | None:
    """What keeps the order from the queue; None when nothing does."""
    if session.order is None or session.order.sent_at:
        return None
    if before.missing:
        return f"every chapter to be verified; missing: {', '.join(before.missing)}"
    return f"its release; held: {session.held}" if session.held else None


def _known(session: Session, is_dry_run: bool, is_changed: bool) -> Mapping[str, Any]:
    return {
        "project": session.project,
        "session_id": session.name,
        "state": session.state.value,
        "dry_run": is_dry_run,
        "changed": is_changed,
    }


def _number(session: Session) -> int:
    return session.order.number if session.order else 0


def _told(order: Order | None) -> Mapping[str, Any] | None:
    if order is None:
        return None
    return {
        "number": order.number,
        "required": list(order.wish.required),
        "left_out": list(order.wish.left_out),
        "below_minimum_reason": order.wish.below_minimum_reason,
        "accepted": order.accepted,
        "parameters": msgspec.json.decode(order.wish.parameters),
        "sent_at": stamp(order.sent_at),
    }


def _order_lines(document: Mapping[str, Any]) -> Iterator[str]:
    order = document["order"]
    ordered = _worded(document, "is ordered already; nothing changes", "would be ordered", "is ordered")
    yield f"{formats.session(document)} {ordered}: order {order['number']} for {', '.join(order['required'])}"
    if order["left_out"]:
        yield f"it does without {', '.join(order['left_out'])}: {order['below_minimum_reason']}"
    if document["waits_for"]:
        yield f"it goes to the queue after {document['waits_for']}"
    elif order["sent_at"]:
        yield f"it went to the queue at {order['sent_at']}"
    else:
        yield (
            "it goes to the queue at once"
            if document["dry_run"]
            else "it goes to the queue at the next round"
        )


def _accept_line(document: Mapping[str, Any]) -> str:
    word = _worded(document, "are accepted already; nothing changes", "would be accepted", "are accepted")
    order = document["order"]
    return f"{document['session_id']}: the outputs of order {order['number']} {word}: {order['accepted']}"


def _scan_line(document: Mapping[str, Any]) -> str:
    word = _worded(document, "is accepted already; nothing changes", "would be accepted", "is accepted")
    finding = document["finding"] or "never scanned"
    return (
        f"{formats.session(document)}: {document['artifact_id']} ({finding}) {word}: {document['accepted']}"
    )


def _evidence_lines(document: Mapping[str, Any]) -> Iterator[str]:
    word = _worded(document, "are accepted already; nothing changes", "would be accepted", "are accepted")
    yield f"{formats.session(document)}: the reads of {document['artifact_id']} that differ {word}"
    for each in document["differences"]:
        yield f"  {each['difference']}, read by {each['by']}: {each['accepted']}"


def _hold_line(document: Mapping[str, Any]) -> str:
    if document["held"] is None:
        word = _worded(document, "is not held; nothing changes", "would be released", "is released")
        return f"{formats.session(document)} {word}"
    word = _worded(document, "is held already; nothing changes", "would be held", "is held")
    return f"{formats.session(document)} {word}: {document['held']}"


def _worded(document: Mapping[str, Any], unchanged: str, would: str, done: str) -> str:
    if not document["changed"]:
        return unchanged
    return would if document["dry_run"] else done
