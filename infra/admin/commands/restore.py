"""`restore`: copy back what was cleaned, and wait until it is there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.core.cleanup import Bucket
from chalicelib.core.errors import NotFound, StorageBusy
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session
from chalicelib.core.upload import Receipt
from chalicelib.flows import operations
from chalicelib.flows.store import load
from chalicelib.ports import Ports
from chalicelib.web.wire import requests
from infra.admin import formats
from infra.admin.console import (
    DONE,
    NAMED,
    OPERATOR,
    OWED,
    REFUSED,
    Arguments,
    Console,
    as_body,
    at_a_stage,
    command,
    named_session,
    reason,
    tell,
)
from infra.admin.dry_run import session_after
from infra.admin.formats import columns, size, stamp

POLL_S = 5.0
_TELL_EVERY = 12
"""Polls, which is a minute."""

_UNDER_WAY = "being restored"
_RESTORED = "restored"
_LOST = "lost"
"""Its version was gone from S3 before it could be copied."""

_EXAMPLES = """  reelhaul-admin restore --stage prod match-17-north --reason 'cut again' --dry-run
  reelhaul-admin restore --stage prod match-17-north original.100GOPRO.GX010038.MP4 --reason 'cut again'
  reelhaul-admin restore --stage prod match-17-north --reason 'cut again' --wait"""


def describe(commands: Any) -> None:
    """The command `restore`."""
    made = command(
        commands,
        "restore",
        "copy back what was cleaned; the session is then held",
        _EXAMPLES,
        _restore,
    )
    at_a_stage(made)
    made.add_argument("session", type=named_session, metavar="SESSION", help=NAMED)
    made.add_argument("artifacts", nargs="*", metavar="ARTIFACT", help="default: all that was cleaned")
    made.add_argument(
        "--reason",
        required=True,
        type=reason,
        metavar="TEXT",
        help="why; the session is held with this reason",
    )
    how = made.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="show what would be restored; write nothing")
    how.add_argument(
        "--wait", action="store_true", help="wait until all of it is restored; Ctrl-C ends only the waiting"
    )


def _restore(given: Arguments, desk: Console) -> int:
    ports, session_id = desk.reach(given).ports, given.session
    wanted = as_body(
        requests.RestoreGiven, {"reason": given.reason, "artifacts": given.artifacts or None}
    ).wanted()

    def restore(at: Ports) -> Picture:
        return operations.restore(at, OPERATOR, session_id, wanted, given.reason)

    before = load(ports, session_id)
    if given.dry_run:
        after = session_after(ports, restore) or before.session
        bucket = ports.objects.bucket()
        return _tell(given, desk, before, after, wanted or after.restoring, bucket)
    picture = restore(ports)
    asked = wanted or picture.session.restoring
    if given.wait:
        picture = _waited(desk, ports, picture, asked)
    return _tell(given, desk, picture, picture.session, asked, None)


def _waited(desk: Console, ports: Ports, picture: Picture, asked: Sequence[ArtifactId]) -> Picture:
    """The session once all of `asked` is restored or lost, or when somebody stops waiting."""
    desk.note("recorded; the reconciler copies at its next rounds")
    told, polls = -1, 0
    try:
        while left := [each for each in asked if _status(picture, picture.session, each) == _UNDER_WAY]:
            if len(left) != told or polls % _TELL_EVERY == 0:
                desk.note(f"{len(left)} still to be copied: {', '.join(left)}")
            told = len(left)
            desk.pause(POLL_S)
            polls += 1
            picture = _seen(desk, ports, picture)
    except KeyboardInterrupt:
        desk.note("no longer waiting; the restore continues by itself")
    return picture


def _seen(desk: Console, ports: Ports, before: Picture) -> Picture:
    """The session as it is now, or as it was when the table asks for patience."""
    try:
        return load(ports, before.session.session_id)
    except StorageBusy as error:
        desk.progress(f"not read: {error}")
        return before


def kept_until(picture: Picture, receipt: Receipt, bucket: Bucket) -> datetime | None:
    """Until when S3 surely keeps the version that was cleaned; None when the record no longer tells.

    A version's days begin when the delete marker is written, which is not before the intent.
    """
    cleanup = picture.session.cleanup
    if cleanup is None or receipt.version_id not in [each.version_id for each in cleanup.doomed]:
        return None
    days = next((days for prefix, days in bucket.keeps_days.items() if receipt.key.startswith(prefix)), None)
    return cleanup.decided_at + timedelta(days=days) if days else None


def _tell(
    given: Arguments,
    desk: Console,
    picture: Picture,
    session: Session,
    asked: Sequence[ArtifactId],
    bucket: Bucket | None,
) -> int:
    told = [_artifact(picture, session, artifact_id, bucket) for artifact_id in asked]
    document = {
        "project": session.project,
        "session_id": session.name,
        "state": session.state.value,
        "dry_run": given.dry_run,
        "held": session.held,
        "artifacts": told,
    }
    tell(given, desk, document, lambda: list(_lines(document)))
    statuses = {each["status"] for each in told}
    if _LOST in statuses:
        return REFUSED
    return OWED if given.wait and _UNDER_WAY in statuses else DONE


def _artifact(
    picture: Picture, session: Session, artifact_id: ArtifactId, bucket: Bucket | None
) -> Mapping[str, Any]:
    receipt = _receipt(picture, artifact_id)
    return {
        "artifact_id": artifact_id,
        "version_id": receipt.version_id,
        "size_bytes": receipt.size_bytes,
        "kept_until": stamp(kept_until(picture, receipt, bucket)) if bucket else None,
        "status": _status(picture, session, artifact_id),
    }


def _status(picture: Picture, session: Session, artifact_id: ArtifactId) -> str:
    """`picture` is as it was looked at, `session` as it is, or would be, after the wish.

    It has its new receipt; the session continues to restore it for as long as an old marker may be on its way.
    """
    if picture.receipt(artifact_id) is None:
        return _LOST
    if _receipt(picture, artifact_id).version_id not in picture.gone_versions:
        return _RESTORED
    return _UNDER_WAY if artifact_id in session.restoring else _LOST


def _receipt(picture: Picture, artifact_id: ArtifactId) -> Receipt:
    """The latest receipt, also of a lost artifact."""
    receipts = [each.receipt for each in picture.uploads if each.receipt and each.artifact_id == artifact_id]
    receipt = picture.receipt(artifact_id) or next(reversed(receipts), None)
    if receipt is None:
        raise NotFound(f"{artifact_id} has no receipt")
    return receipt


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    told, would = document["artifacts"], "would be" if document["dry_run"] else "is"
    yield f"{formats.session(document)} {would} {document['state']}, held: {document['held']}"
    yield from columns([_line(each, document["dry_run"]) for each in told], indent=2)


def _line(each: Mapping[str, Any], is_dry_run: bool) -> Sequence[str]:
    status = "would be restored" if is_dry_run and each["status"] == _UNDER_WAY else each["status"]
    until = f"kept at least until {each['kept_until']}" if each["kept_until"] else ""
    return each["artifact_id"], each["version_id"], size(each["size_bytes"]), status, until
