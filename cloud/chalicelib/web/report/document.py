"""The report as JSON; `docs/api.md` is the contract. The page shows the numbers of this document and no others."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.core.chapter import Chapter
from chalicelib.core.measurements.inspection.inspect import Inspection, judge_run
from chalicelib.core.order import Order
from chalicelib.core.picture import Picture
from chalicelib.core.times import rfc3339
from chalicelib.flows.report import Report
from chalicelib.web.wire import responses

FITTED_SINCE = 2
"""The version of summary.json that has fits first."""

NEEDS_INDEX = (
    "this index is older than the fits, so no angle is known; "
    "an operator's `ensure` of the session makes a new one"
)


def document(report: Report) -> dict[str, Any]:
    """The report for JSON; angles, widths and tolerances in degrees."""
    picture, summary = report.measurements.picture, report.summary
    session = picture.session
    return {
        "session": {
            "project": session.project,
            "session_id": session.name,
            "device_id": session.device_id,
            "group": session.group,
            "state": session.state.value,
            "created_at": rfc3339(session.created_at),
            "storage": responses.storage(session),
        },
        "camera": {
            "serial": session.camera.serial,
            "model": session.camera.model,
            "firmware": session.camera.firmware,
        },
        "film": {
            "chapters": [_chapter(picture, chapter) for chapter in picture.chapters],
            "first_s": summary["first_s"],
            "last_s": summary["last_s"],
            "duration_s": summary["duration_s"],
        },
        "order": _order(session.order) if session.order else None,
        "measurements": _measurements(report),
        "needs_index": NEEDS_INDEX if summary["version"] < FITTED_SINCE else None,
        "inspection": report.inspection.document(),
        "lights": {name: _light(name, known, report) for name, known in summary.get("lights", {}).items()},
        "reported_at": rfc3339(report.reported_at),
    }


def _chapter(picture: Picture, chapter: Chapter) -> dict[str, Any]:
    receipt = picture.receipt(chapter.artifact_id)
    known = picture.evidence(chapter.artifact_id)
    return {
        "artifact_id": chapter.artifact_id,
        "name": chapter.name,
        "camera_clock": _camera_clock(chapter.created),
        "size_bytes": chapter.size_bytes,
        "crc64nvme": receipt.crc64nvme if receipt else None,
        "verified_at": rfc3339(receipt.verified_at) if receipt else None,
        "level": known.level.value if known else None,
        "agrees": known.agrees if known else True,
    }


def _camera_clock(epoch_s: int | None) -> str | None:
    """The camera's own wall clock, of no known zone; None when it told none, or one outside the years 1 to 9999."""
    if epoch_s is None:
        return None
    try:
        return datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=None).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def _order(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "ordered_at": rfc3339(order.ordered_at),
        "required": list(order.wish.required),
        "parameters": json.loads(order.wish.parameters),
    }


def _measurements(report: Report) -> dict[str, Any]:
    receipt, index, summary = report.measurements.receipt, report.measurements.index, report.summary
    return {
        "artifact_id": index.artifact_id,
        "kind": index.kind,
        "version_id": index.version_id,
        "size_bytes": receipt.size_bytes,
        "crc64nvme": receipt.crc64nvme,
        "measured_at": rfc3339(receipt.verified_at),
        "revision": index.revision,
        "indexed_at": rfc3339(index.indexed_at),
        **{
            name: summary[name]
            for name in ("frames", "rejected", "first_rejects", "first_frame", "last_frame")
        },
    }


def _light(name: str, known: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """What the summary tells of a light, and the verdict on each of its runs."""
    turn = known["transition"]
    runs = [{**run, **_verdict(name, run, report.inspection)} for run in turn.get("runs", ())]
    return {
        "frames": known["frames"],
        "statuses": known["statuses"],
        "transition": {**turn, **({"runs": runs} if "runs" in turn else {})},
    }


def _verdict(name: str, run: Mapping[str, Any], inspection: Inspection) -> Mapping[str, Any]:
    light = inspection.light(name)
    return judge_run(light, run).document() if light else {}
