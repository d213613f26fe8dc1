"""What is said on the wire: core's values as JSON on their way out; `docs/api.md` is the contract."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.core import guarantee, ids, parts
from chalicelib.core.artifact import Kind
from chalicelib.core.audit import Entry
from chalicelib.core.chapter import Chapter
from chalicelib.core.evidence import Evidence, SecondRead
from chalicelib.core.film import Film
from chalicelib.core.ids import DeviceId
from chalicelib.core.limits import Limits
from chalicelib.core.listing import Row
from chalicelib.core.measurements.index import Index
from chalicelib.core.order import Order
from chalicelib.core.page_sessions import PageRules
from chalicelib.core.parts import PartPlan, StoredPart
from chalicelib.core.picture import MOST_CHAPTERS, Picture, Progress
from chalicelib.core.push import SOCKET_S, Ticket
from chalicelib.core.scan import Scan
from chalicelib.core.session import Camera, Lost, Session, SessionState
from chalicelib.core.settle import Policy, gates
from chalicelib.core.settle.at_rest import remedy
from chalicelib.core.shares import Share
from chalicelib.core.times import rfc3339
from chalicelib.core.tokens import Device, Principal, Token
from chalicelib.core.upload import Receipt, Upload, UploadState
from chalicelib.flows.artifacts import ArtifactView, view_sidecar
from chalicelib.flows.cameras import KnownSessions
from chalicelib.flows.limits import Used
from chalicelib.flows.listings import DevicePage, DeviceRow, SessionPage
from chalicelib.flows.uploads import MOST_URLS, UploadView
from chalicelib.ports import PartUrl, RangeUrl, ReadUrl
from chalicelib.web.wire import cursors

if TYPE_CHECKING:
    from chalicelib.core.measurements.ranges import Frames
    from chalicelib.flows.frames import SignedIndex, SignedObject


def session(picture: Picture, policy: Policy, now: datetime) -> dict[str, Any]:
    """The session as GET answers it, what its cleanup waits for, and what the deployment takes of it."""
    known = picture.session
    return {
        "session_id": known.name,
        "state": known.state.value,
        "version": known.version,
        "project": known.project,
        "device_id": known.device_id,
        "group": known.group,
        "camera": _camera(known.camera),
        "created_at": rfc3339(known.created_at),
        "chapters": [_chapter(picture, chapter) for chapter in picture.chapters],
        "missing": list(picture.missing),
        "progress": _progress(picture.progress) if picture.progress else None,
        "order": _order(known.order) if known.order else None,
        "failure": known.failure,
        "held": known.held,
        "processed_at": rfc3339(known.processed_at) if known.processed_at else None,
        "cleaned_at": rfc3339(known.cleaned_at) if known.cleaned_at else None,
        "cleanup_refused": _refusal(known),
        "gates": _gates(picture, policy, now),
        "restoring": list(known.restoring),
        "lost": [_lost_artifact(picture, lost) for lost in picture.lost],
        "proven_at": rfc3339(known.proven_at) if known.proven_at else None,
        "guarantee": _guarantee(picture),
        "storage": storage(known),
        "proxies": policy.takes_proxies,
    }


def upload(view: UploadView) -> dict[str, Any]:
    """The upload as every call about it answers it."""
    known = view.upload
    return {
        "upload_id": known.upload_id,
        "project": ids.project_of(known.session_id),
        "session_id": ids.name_of(known.session_id),
        "artifact_id": known.artifact_id,
        "state": known.state.value,
        "way": known.way.value,
        "plan": plan(known.plan),
        "parts": [_part(part) for part in view.parts],
        "missing": _missing(view),
        "opened_at": rfc3339(known.opened_at),
        "expires_at": rfc3339(known.expires_at),
        "receipt": _receipt(known.receipt) if known.receipt else None,
        "reason": known.reason,
        "unproven_since": rfc3339(known.unproven_since) if known.unproven_since else None,
    }


def plan(cut: PartPlan) -> dict[str, int]:
    return {
        "size_bytes": cut.size_bytes,
        "part_size_bytes": cut.part_size_bytes,
        "part_count": cut.part_count,
    }


def part_urls(urls: tuple[PartUrl, ...], now: datetime) -> dict[str, Any]:
    return {"part_urls": [_part_url(url, now) for url in urls]}


def proof_urls(receipt: Receipt, urls: tuple[RangeUrl, ...], now: datetime) -> dict[str, Any]:
    """Where to read each range, of which version of how large a file."""
    return {
        "version_id": receipt.version_id,
        "size_bytes": receipt.size_bytes,
        "proof_urls": [_proof_url(url, now) for url in urls],
    }


def evidence(known: Evidence) -> dict[str, Any]:
    """How surely a chapter is known, and by which reads."""
    back = known.read_back
    return {
        "level": known.level.value,
        "agrees": known.agrees,
        "read_twice": _read_twice(known),
        "read_back": {"at": rfc3339(back.at), "by": back.by, "agrees": back.agrees} if back else None,
        "differences": [
            {**_second_read(each.read), "expected": each.expected, "accepted": each.accepted}
            for each in known.differences
        ],
    }


def _read_twice(known: Evidence) -> dict[str, Any] | None:
    """The read that speaks for the others: the last one that differs and is not accepted, else the one that agrees."""
    differing = [each.read for each in known.open_differences] or [each.read for each in known.differences]
    if known.agreed and not known.open_differences:
        return {**_second_read(known.agreed), "agrees": True}
    return {**_second_read(differing[-1]), "agrees": False} if differing else None


def _second_read(read: SecondRead) -> dict[str, Any]:
    return {
        "at": rfc3339(read.read_at),
        "by": read.by,
        "crc64nvme": read.crc64nvme,
        "xxh128": read.xxh128,
    }


def enrolment(device: Device | None, token: Token) -> dict[str, Any]:
    """What the caller now is; the secret is its own, and is in no answer."""
    return {
        **_token(token),
        "role": token.role.value,
        "project": token.project,
        "device_id": token.device_id,
        "name": device.name if device else None,
    }


def rotation(token: Token) -> dict[str, Any]:
    """The token with its new secret, and until when the one before is good."""
    before_until = token.secrets.before_until if token.secrets else None
    return {**_token(token), "before_until": rfc3339(before_until) if before_until else None}


def login(principal: Principal, ends_at: datetime, rules: PageRules) -> dict[str, Any]:
    """Who is logged in, and until when; the cookie is in the header alone."""
    return {
        "role": principal.role.value,
        "project": principal.project,
        "session": ids.name_of(principal.only_session) if principal.only_session else None,
        "expires_at": rfc3339(ends_at),
        "idle_s": rules.idle_s,
    }


def push_ticket(address: str, ticket: Ticket) -> dict[str, Any]:
    """Where a page opens its socket, and how long that socket hears anything."""
    return {"url": address, "expires_at": rfc3339(ticket.expires_at), "socket_s": SOCKET_S}


def share_made(share: Share, written: str) -> dict[str, Any]:
    """A new share with its token, which no other answer has."""
    return {
        "share_id": share.share_id,
        "token": written,
        "label": share.label,
        "expires_at": rfc3339(share.expires_at),
    }


def share(known: Share) -> dict[str, Any]:
    """A share without its token, and which token made it."""
    return {
        "share_id": known.share_id,
        "label": known.label,
        "made_by": known.made_by,
        "created_at": rfc3339(known.created_at),
        "expires_at": rfc3339(known.expires_at),
        "revoked_at": rfc3339(known.revoked_at) if known.revoked_at else None,
    }


def _token(token: Token) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "expires_at": rfc3339(token.expires_at) if token.expires_at else None,
    }


def trail(entries: Sequence[Entry], is_last: bool) -> dict[str, Any]:
    """Entries of a session's audit trail, and where the next ones begin."""
    cursor = None if is_last else str(entries[-1].version)
    return {"entries": [_entry(entry) for entry in entries], "cursor": cursor}


def _entry(entry: Entry) -> dict[str, Any]:
    acting = entry.acting
    return {
        "at": rfc3339(entry.at),
        "version": entry.version,
        "who": acting.who,
        "token_id": acting.token_id,
        "route": acting.route,
        "request_id": acting.request_id,
        "steps": [
            {"thing": step.thing, "name": step.name, "before": step.before, "after": step.after}
            for step in entry.steps
        ],
    }


def artifacts(views: tuple[ArtifactView, ...]) -> dict[str, Any]:
    return {"artifacts": [_artifact(view) for view in views]}


def artifact_url(receipt: Receipt, read: ReadUrl, now: datetime) -> dict[str, Any]:
    return {
        **_address(read, now),
        "size_bytes": receipt.size_bytes,
        "version_id": receipt.version_id,
    }


def known_chapters(known: KnownSessions, asked_by: DeviceId | None) -> dict[str, Any]:
    """Every chapter of a page of sessions, the device that asked, and where the next page begins."""
    chapters = [_known_chapter(each, chapter) for each in known.pictures for chapter in each.chapters]
    cursor = cursors.written(known.ends_with) if known.ends_with else None
    return {"asked_by": asked_by, "chapters": chapters, "cursor": cursor}


def limits(known: Limits, part_size_bytes: int, used: tuple[Used, ...]) -> dict[str, Any]:
    """What may be sent, how much of it, and what of that is used."""
    return {
        "part_size_bytes": part_size_bytes,
        "most_chapters": MOST_CHAPTERS,
        "most_part_urls": MOST_URLS,
        "largest_file_bytes": known.largest_file_bytes,
        "allowed_extensions": list(known.extensions),
        "limits": [
            {
                "scope": each.scope,
                "what": each.what,
                "most": each.most,
                "used": each.used,
                "window_s": each.window_s,
            }
            for each in used
        ],
    }


def session_page(page: SessionPage) -> dict[str, Any]:
    """A page of sessions, and where the next one begins."""
    cursor = cursors.written(page.ends_with) if page.ends_with else None
    return {"sessions": [_row(row) for row in page.rows], "cursor": cursor}


def frames(index: Index, found: "Frames") -> dict[str, Any]:
    """A range of frames, and where the next one begins."""
    return {
        "artifact_id": index.artifact_id,
        "kind": index.kind,
        "revision": index.revision,
        "frames": list(found.frames),
        "next_frame": found.next_frame,
    }


def points(index: Index, found: dict[str, Any]) -> dict[str, Any]:
    """A range of frames in buckets."""
    return {"artifact_id": index.artifact_id, **found}


def frames_url(signed: "SignedIndex", now: datetime) -> dict[str, Any]:
    """Where to read all frames of an index, and where each block of them lies."""
    return {
        "artifact_id": signed.index.artifact_id,
        "kind": signed.index.kind,
        "revision": signed.index.revision,
        **_signed(signed.frames, now),
        "blocks": _signed(signed.blocks, now),
    }


def heartbeat(pause: bool, pace_bytes_s: int | None, now: datetime) -> dict[str, Any]:
    """What a device should do, and what time it is here."""
    return {
        "policy": {"pause": pause, "pace_bytes_s": pace_bytes_s},
        "server_time": rfc3339(now),
    }


def device_page(page: DevicePage) -> dict[str, Any]:
    """A page of devices, and where the next one begins."""
    cursor = cursors.written_device(page.ends_with) if page.ends_with else None
    return {"devices": [_device(row) for row in page.rows], "cursor": cursor}


def _device(row: DeviceRow) -> dict[str, Any]:
    heard, last = row.heard, row.last
    progress = last.progress if last else None
    clear_at = guarantee.clear_at(row.waiting_bytes or 0, progress) if row.is_hauling else None
    return {
        "device_id": row.device.device_id,
        "name": row.device.name,
        "project": row.device.project,
        "enrolled_at": rfc3339(row.device.enrolled_at),
        "heard_at": rfc3339(heard.heard_at) if heard else None,
        "silent_s": row.silent_s,
        "hauling": row.is_hauling,
        "silent": row.is_silent,
        "session_id": ids.name_of(heard.session_id) if heard else None,
        "camera": _camera(last.session.camera) if last else None,
        "client_version": heard.client_version if heard else None,
        "disk_free_bytes": heard.disk_free_bytes if heard else None,
        "spool_bytes": heard.spool_bytes if heard else None,
        "rate_down_bytes_s": progress.rate_down_bytes_s if progress else None,
        "rate_up_bytes_s": heard.rate_up_bytes_s if heard else None,
        "waiting_bytes": row.waiting_bytes,
        "predicted_clear_at": rfc3339(clear_at) if clear_at else None,
    }


def _row(row: Row) -> dict[str, Any]:
    known, told = row.session, row.summary
    return {
        "session_id": known.name,
        "state": known.state.value,
        "project": known.project,
        "device_id": known.device_id,
        "group": known.group,
        "camera": _camera(known.camera),
        "created_at": rfc3339(known.created_at),
        "chapters": {
            "count": told.chapters,
            "size_bytes": told.size_bytes,
            "verified": told.verified,
            "verified_bytes": told.verified_bytes,
        },
        "progress": _progress(row.progress) if row.progress else None,
        "failure": known.failure,
        "held": known.held,
        "stored_at": rfc3339(told.stored_at) if told.stored_at else None,
        "processed_at": rfc3339(known.processed_at) if known.processed_at else None,
        "cleaned_at": rfc3339(known.cleaned_at) if known.cleaned_at else None,
    }


def _guarantee(picture: Picture) -> dict[str, Any]:
    """How safe the session is: since when, how long after the camera's last write, and what still waits."""
    missing = frozenset(picture.missing)
    waiting = [chapter for chapter in picture.chapters if chapter.artifact_id in missing]
    waiting_bytes = sum(chapter.size_bytes for chapter in waiting)
    safe = picture.session.safe
    closed_at, unknown = (safe.closed_at, safe.unknown) if safe else guarantee.last_closed_at(picture)
    clear_at = guarantee.clear_at(waiting_bytes, picture.progress)
    level = picture.level
    return {
        "safe_at": rfc3339(safe.at) if safe else None,
        "last_closed_at": rfc3339(closed_at) if closed_at else None,
        "safe_after_s": safe.after_s if safe else None,
        "unknown": unknown,
        "waiting_chapters": len(waiting),
        "waiting_bytes": waiting_bytes,
        "predicted_clear_at": rfc3339(clear_at) if clear_at else None,
        "level": level.value if level else None,
        "agrees": picture.agrees,
    }


def _gates(picture: Picture, policy: Policy, now: datetime) -> dict[str, Any] | None:
    """How the gates of cleanup stand; None for a CLEANED session."""
    known = gates.states(picture, now, policy)
    if known is None:
        return None
    closed = [{"gate": name, "waits_for": why} for name, why in known.closed.items()]
    return {"closed": closed, "open": list(known.open), "asked_later": list(known.asked_later)}


def _refusal(known: Session) -> str | None:
    """Why S3 refuses to remove an object of the cleanup; None when it does not refuse."""
    if known.state is SessionState.CLEANED or known.cleanup is None or known.cleanup.refusal is None:
        return None
    return known.cleanup.refusal.reason


def storage(known: Session) -> dict[str, Any]:
    """Where the session comes from: a device that hauled it, a browser, or the older system."""
    storage = known.storage
    recorded_at = storage.recorded_at if storage else None
    return {
        "origin": known.origin.value,
        "source": storage.source if storage else None,
        "row_id": storage.row_id if storage else None,
        "keys": {each.artifact_id: each.key for each in storage.keys} if storage else {},
        "missing": list(storage.missing) if storage else [],
        "recorded_at": rfc3339(recorded_at) if recorded_at else None,
        "imported_at": rfc3339(storage.imported_at) if storage else None,
    }


def _camera(camera: Camera) -> dict[str, Any]:
    return {"serial": camera.serial, "model": camera.model, "firmware": camera.firmware}


def _chapter(picture: Picture, chapter: Chapter) -> dict[str, Any]:
    latest = picture.latest_upload(chapter.artifact_id)
    receipt = picture.receipt(chapter.artifact_id)
    return {
        "artifact_id": chapter.artifact_id,
        "directory": chapter.directory,
        "filename": chapter.filename,
        "size_bytes": chapter.size_bytes,
        "created": chapter.created,
        "unfinished": chapter.unfinished,
        "trailing_bytes": chapter.trailing_bytes,
        "film": _film(picture.film(chapter.artifact_id)),
        "upload": _upload_of(latest) if latest else None,
        "receipt": _receipt(receipt) if receipt else None,
        "evidence": _evidence(picture, chapter),
        "lost": _lost(picture, chapter),
        "proxy": _sidecar(picture, chapter, Kind.PROXY),
        "thumbnail": _sidecar(picture, chapter, Kind.THUMBNAIL),
    }


def _evidence(picture: Picture, chapter: Chapter) -> dict[str, Any] | None:
    known = picture.evidence(chapter.artifact_id)
    return evidence(known) if known else None


def _sidecar(picture: Picture, chapter: Chapter, kind: Kind) -> dict[str, Any] | None:
    view = view_sidecar(picture, chapter, kind)
    return _artifact(view) if view else None


def _film(film: Film | None) -> dict[str, Any] | None:
    """What the coordinator read of the chapter's verified bytes; None when it has not read them."""
    if film is None:
        return None
    return {"is_broken": film.is_broken, "fault": film.fault, "duration_ms": film.duration_ms}


def _lost(picture: Picture, chapter: Chapter) -> dict[str, Any] | None:
    """Why, and since when, the chapter's verified version cannot be restored."""
    found = [each for each in picture.lost if each.artifact_id == chapter.artifact_id]
    return {"reason": found[-1].reason, "lost_at": rfc3339(found[-1].at)} if found else None


def _lost_artifact(picture: Picture, lost: Lost) -> dict[str, Any]:
    """An artifact that is damaged or gone, and what can be done next."""
    return {
        "artifact_id": lost.artifact_id,
        "reason": lost.reason,
        "lost_at": rfc3339(lost.at),
        "remedy": remedy(picture, lost.artifact_id),
    }


def _upload_of(latest: Upload) -> dict[str, Any]:
    return {
        "upload_id": latest.upload_id,
        "state": latest.state.value,
        "unproven_since": rfc3339(latest.unproven_since) if latest.unproven_since else None,
    }


def _known_chapter(picture: Picture, chapter: Chapter) -> dict[str, Any]:
    receipt = picture.receipt(chapter.artifact_id)
    return {
        "session_id": picture.session.name,
        "device_id": picture.session.device_id,
        "artifact_id": chapter.artifact_id,
        "directory": chapter.directory,
        "filename": chapter.filename,
        "size_bytes": chapter.size_bytes,
        "created": chapter.created,
        "modified": chapter.modified,
        "etag": chapter.etag,
        "gumi": chapter.gumi,
        "unfinished": chapter.unfinished,
        "trailing_bytes": chapter.trailing_bytes,
        "receipt": _receipt(receipt) if receipt else None,
        "evidence": _evidence(picture, chapter),
    }


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "upload_id": receipt.upload_id,
        "artifact_id": receipt.artifact_id,
        "key": receipt.key,
        "version_id": receipt.version_id,
        "size_bytes": receipt.size_bytes,
        "crc64nvme": receipt.crc64nvme,
        "verified_at": rfc3339(receipt.verified_at),
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "required": list(order.wish.required),
        "added": list(order.wish.added),
        "left_out": list(order.wish.left_out),
        "below_minimum_reason": order.wish.below_minimum_reason,
        "accepted": order.accepted,
        "imported": order.is_import,
        "parameters": json.loads(order.wish.parameters),
        "ordered_at": rfc3339(order.ordered_at),
        "sent_at": rfc3339(order.sent_at) if order.sent_at else None,
    }


def _artifact(view: ArtifactView) -> dict[str, Any]:
    return {
        "artifact_id": view.artifact_id,
        "kind": view.kind.value,
        "name": view.name,
        "size_bytes": view.size_bytes,
        "required": view.is_required,
        "cleaned": view.is_cleaned,
        "receipt": _receipt(view.receipt) if view.receipt else None,
        "index": _index(view.index) if view.index else None,
        "scan": _scan(view.scan) if view.scan else None,
    }


def _scan(scan: Scan) -> dict[str, Any]:
    return {"finding": scan.finding, "since": rfc3339(scan.since), "accepted": scan.accepted}


def _index(index: Index) -> dict[str, Any]:
    return {
        "kind": index.kind,
        "revision": index.revision,
        "frames": index.frames,
        "rejected": index.rejected,
        "indexed_at": rfc3339(index.indexed_at),
        "quarantine": index.quarantine,
    }


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "bytes_down": progress.bytes_down,
        "bytes_up": progress.bytes_up,
        "rate_down_bytes_s": progress.rate_down_bytes_s,
        "rate_up_bytes_s": progress.rate_up_bytes_s,
        "spool_bytes": progress.spool_bytes,
        "disk_free_bytes": progress.disk_free_bytes,
        "clock": rfc3339(progress.clock),
        "camera_ahead_s": progress.camera_ahead_s,
        "last_chapter_s": progress.last_chapter_s,
        "retried_parts": progress.retried_parts,
        "heard_at": rfc3339(progress.heard_at),
    }


def _part(part: StoredPart) -> dict[str, Any]:
    return {"number": part.number, "size_bytes": part.size_bytes, "crc64nvme": part.crc64nvme}


def _missing(view: UploadView) -> list[int]:
    """An upload that has ended or is being completed lacks no part: S3 lists its parts no longer."""
    if view.upload.state is not UploadState.OPEN or view.upload.promise:
        return []
    return list(parts.missing(view.upload.plan, view.parts))


def _part_url(url: PartUrl, now: datetime) -> dict[str, Any]:
    return {"number": url.number, "headers": url.headers, **_address(url, now)}


def _proof_url(url: RangeUrl, now: datetime) -> dict[str, Any]:
    wanted = {"first": url.wanted.first, "size_bytes": url.wanted.size_bytes}
    return {**wanted, "headers": url.headers, **_address(url, now)}


def _signed(found: "SignedObject", now: datetime) -> dict[str, Any]:
    return {
        **_address(found.read, now),
        "size_bytes": found.size_bytes,
        "version_id": found.version_id,
    }


def _address(url: PartUrl | RangeUrl | ReadUrl, now: datetime) -> dict[str, Any]:
    return {
        "url": url.url,
        "expires_at": rfc3339(url.expires_at),
        "expires_in_s": int((url.expires_at - now).total_seconds()),
    }
