"""What the commands print: lines for people, or JSON with the same facts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from edge_client.haul.forget import Forgotten
from edge_client.haul.sessions import Report
from edge_client.haul.status import SessionStatus
from edge_client.haul.stuck import why_stuck
from edge_client.haul.survey import Survey
from edge_client.model.advice import Help
from edge_client.model.haul_state import FileState, HaulState, RecordingState
from edge_client.model.plan import SessionPlan
from edge_client.model.recordings import Recording
from edge_client.model.selection import camera_time
from edge_client.model.witnesses import unexplained_bytes

GIGABYTE = 1_000_000_000
MEGABYTE = 1_000_000


def plan_lines(plan: SessionPlan) -> list[str]:
    """A dry run's plan."""
    lines = [f"session {plan.session_id}, camera {plan.camera.serial}"]
    for chapter in plan.chapters:
        lines.append(f"  {chapter.path}  {chapter.size_bytes:,} bytes")
        lines += [f"    {note}" for note in chapter.notes.texts]
    return lines


def report_lines(report: Report) -> list[str]:
    """What became of a session."""
    lines = [f"session {report.session}: home in {report.seconds:.1f} s"]
    for chapter in report.chapters:
        verified = f"verified {chapter.receipt.get('verified_at', '')}".rstrip()
        lines.append(
            f"  {chapter.path}  {chapter.size_bytes:,} bytes  crc64nvme {chapter.crc64nvme}  {verified}"
        )
        lines += [f"    {note}" for note in chapter.notes]
    return lines


def list_lines(survey: Survey, lengths_s: Mapping[str, int | None]) -> list[str]:
    """The card as an operator thinks of it."""
    head = ("recording", "chapters", "size", "length", "began", "hauled")
    rows = [_list_row(survey, one, lengths_s) for one in survey.recordings]
    return [_card_line(survey), *_table(head, rows), *_note_lines(survey), *_rest_lines(survey)]


def list_json(survey: Survey, lengths_s: Mapping[str, int | None]) -> dict[str, object]:
    """The same as one document; `hauled` is null where no coordinator was asked."""
    return {
        "camera": asdict(survey.camera),
        "recordings": [
            {
                **_recording_json(one.recording),
                "camera": one.serial,
                "seconds": _length_s(one.recording, lengths_s),
                "hauled": (one.standing is HaulState.HAULED) if survey.is_asked else None,
                "state": one.standing.value if survey.is_asked else None,
                "sessions": list(one.session_ids),
                "devices": list(one.device_ids),
                "notes": list(one.notes),
            }
            for one in survey.recordings
        ],
        **_rest_json(survey),
    }


def audit_lines(survey: Survey, found: Sequence[Help] = ()) -> list[str]:
    """How the card stands, what helps, and what that allows."""
    head = ("recording", "chapters", "size", "state", "session", "")
    lines = [_card_line(survey), *_table(head, [_audit_row(survey, one) for one in survey.recordings])]
    lines += [line for one in survey.recordings for line in _not_home_lines(one)]
    return [*lines, *_note_lines(survey), *_rest_lines(survey), *_help_lines(found), *_verdict(survey)]


def audit_json(survey: Survey, found: Sequence[Help] = ()) -> dict[str, object]:
    """The same as one document."""
    return {
        "camera": asdict(survey.camera),
        "all_home": survey.all_home,
        "reasons_to_keep": list(survey.reasons_to_keep),
        "recordings": [
            {
                **_recording_json(one.recording),
                "camera": one.serial,
                "state": one.standing.value,
                "safe_to_erase": one.standing.is_home,
                "sessions": list(one.session_ids),
                "devices": list(one.device_ids),
                "files": [_file_json(file) for file in one.files],
            }
            for one in survey.recordings
        ],
        **_rest_json(survey),
        "advice": [
            {"command": one.command, "files": [{"path": path, "text": words} for path, words in one.words]}
            for one in found
        ],
        "camera_counts": _witnesses_json(survey),
    }


def status_lines(found: Sequence[SessionStatus]) -> list[str]:
    """Where the sessions of a device are."""
    if not found:
        return ["no session here"]
    head = ("session", "camera", "chapters home", "size home", "in the spool", "coordinator")
    rows = [
        (
            one.session,
            one.camera,
            f"{one.chapters_home} of {one.chapters}",
            f"{_size(one.home_bytes)} of {_size(one.size_bytes)}",
            _size(one.spool_bytes),
            one.state or "not asked",
        )
        for one in found
    ]
    notes = (f"  {one.session}: {note}" for one in found for note in one.notes)
    stuck = (why_stuck(one.session, one.cannot_end) for one in found if one.cannot_end)
    return [*_table(head, rows), *notes, *stuck]


def status_json(one: SessionStatus) -> dict[str, object]:
    return {**asdict(one), "is_home": one.is_home}


def forgotten_lines(found: Forgotten) -> list[str]:
    """What `forget` dropped, or would drop."""
    would = "would be " if found.is_dry else ""
    homes = f"{found.chapters_home} of {found.chapters} chapters are home"
    freed = f"{_size(found.spool_bytes)} of the spool {would}free"
    lost = [f"  {each.path}  {would}lost: {each.size_bytes:,} bytes ({each.ranges})" for each in found.lost]
    return [f"session {found.session}: {would}forgotten, {freed}; {homes}", *lost]


def forgotten_json(found: Forgotten) -> dict[str, object]:
    return asdict(found)


def line(document: Mapping[str, object]) -> str:
    """A document on one line."""
    return json.dumps(document)


def _card_line(survey: Survey) -> str:
    if survey.has_no_video:
        return f"{_cameras(survey)}: no video on this card"
    count = len(survey.recordings)
    size_bytes = sum(one.recording.size_bytes for one in survey.recordings)
    return f"{_cameras(survey)}: {count} recording{'' if count == 1 else 's'}, {_size(size_bytes)}"


def _cameras(survey: Survey) -> str:
    if len(survey.serials) > 1:
        return f"cameras {', '.join(survey.serials)}"
    model = f" ({survey.camera.model})" if survey.camera.model else ""
    return f"camera {survey.camera.serial or 'of unknown serial'}{model}"


def _label(survey: Survey, one: RecordingState) -> str:
    """The recording, with its camera where the card has recordings of several, or of an unknown one."""
    if survey.camera.serial:
        return one.recording.label
    return f"{one.recording.label} of {one.serial or 'an unknown camera'}"


def _list_row(survey: Survey, one: RecordingState, lengths_s: Mapping[str, int | None]) -> tuple[str, ...]:
    recording = one.recording
    return (
        _label(survey, one),
        _chapters(recording),
        _size(recording.size_bytes),
        _clock(_length_s(recording, lengths_s)),
        _began(recording),
        _hauled(one) if survey.is_asked else "not asked",
    )


def _hauled(one: RecordingState) -> str:
    sessions = ", ".join(one.session_ids)
    if one.standing is HaulState.HAULED:
        return f"yes ({sessions}){_mark(one)}"
    return "no" if one.standing is HaulState.MISSING else f"no, {one.standing.value}"


def _audit_row(survey: Survey, one: RecordingState) -> tuple[str, ...]:
    return (
        _label(survey, one),
        _chapters(one.recording),
        _size(one.recording.size_bytes),
        one.standing.value,
        ", ".join(one.session_ids) or "-",
        f"safe to erase{_mark(one)}" if one.standing.is_home else "keep",
    )


def _mark(one: RecordingState) -> str:
    """What follows the word that a recording is home when one of its films was hauled unfinished."""
    return ", unfinished" if one.is_unfinished else ""


def _not_home_lines(one: RecordingState) -> Iterable[str]:
    for file in one.files:
        if not file.standing.is_home:
            yield f"  {file.file.path}  {file.file.size_bytes:,} bytes  {file.reason or WORDS[file.standing]}"


WORDS = {
    HaulState.MISSING: "missing: no session has it",
    HaulState.UNDER_WAY: "under way: not yet verified",
    HaulState.UNPROVEN: "hauled by another device: not compared with this card",
    HaulState.UNREADABLE: "unreadable: the camera does not show it",
    HaulState.OTHER_CONTENT: "other content: what was hauled under this name is another file",
}
BEFORE_ERASING = (
    "some of it is home unfinished, every byte as it is on the card: before you erase, switch the camera off and on, "
    "which may repair it, and audit again"
)
KNOWN_BY = {HaulState.HAULED: "receipt", HaulState.PROVEN: "proof"}


def _note_lines(survey: Survey) -> Iterable[str]:
    return (f"  {note}" for one in survey.recordings for note in one.notes)


def _rest_lines(survey: Survey) -> Iterable[str]:
    for file in survey.strangers:
        yield f"  {file.path}  {file.size_bytes:,} bytes  not named like a chapter, never hauled"
    for each in survey.unreadable:
        yield f"  {each.label}  unreadable entry of the camera's list: {each.reason}"
    if survey.others:
        yield f"photos and the like, never hauled: {survey.others}"


def _help_lines(found: Sequence[Help]) -> Iterable[str]:
    """The commands to copy, each with the files that it helps."""
    if found:
        yield "what helps:"
    for one in found:
        if one.command:
            yield f"  {one.command}"
        for path, words in one.words:
            yield f"  {'  ' if one.command else ''}{path}: {words}"


def _verdict(survey: Survey) -> list[str]:
    reasons = survey.reasons_to_keep
    if reasons:
        return [f"keep this card: {reason}" for reason in reasons]
    if survey.has_no_video:
        if not survey.others:
            return ["no video on this card: safe to erase"]
        return [
            "no video on this card; its photos and the like were never hauled: copy them by hand before you erase it"
        ]
    more = "; the other files on the card are not" if survey.others else ""
    verdict = f"every video on this card is home and safe to erase{more}"
    is_unfinished = any(one.is_unfinished for one in survey.recordings)
    return [verdict, BEFORE_ERASING] if is_unfinished else [verdict]


def _chapters(recording: Recording) -> str:
    if not recording.missing:
        return str(len(recording.files))
    gaps = ", ".join(f"{number:02d}" for number in recording.missing[:5])
    return f"{len(recording.files)}, lacks {gaps}{', …' if len(recording.missing) > 5 else ''}"


def _recording_json(recording: Recording) -> dict[str, object]:
    return {
        "recording": recording.label,
        "number": recording.number,
        "chapters": len(recording.files),
        "missing_chapters": list(recording.missing),
        "size_bytes": recording.size_bytes,
        "began": _began(recording) or None,
    }


def _file_json(file: FileState) -> dict[str, object]:
    return {
        "path": file.file.path,
        "size_bytes": file.file.size_bytes,
        "state": file.standing.value,
        "session": file.chapter.session_id if file.chapter else None,
        "device": file.chapter.device_id if file.chapter else None,
        "known_by": KNOWN_BY.get(file.standing),
        "reason": file.reason,
        "unfinished": file.notes.unfinished,
        "notes": list(file.notes.texts),
    }


def _rest_json(survey: Survey) -> dict[str, object]:
    return {
        "unrecognised_videos": [file.path for file in survey.strangers],
        "unreadable": [{"entry": each.label, "reason": each.reason} for each in survey.unreadable],
        "other_file_count": survey.others,
    }


def _witnesses_json(survey: Survey) -> dict[str, object]:
    """What the camera's state says in addition to its list; null where it says nothing."""
    return {
        "videos_counted": survey.witnesses.videos,
        "used_bytes": survey.witnesses.used_bytes,
        "unexplained_bytes": unexplained_bytes(survey.inventory, survey.witnesses),
        "not_stated": list(survey.witnesses.silences),
    }


def _length_s(recording: Recording, lengths_s: Mapping[str, int | None]) -> int | None:
    known = [lengths_s.get(file.path) for file in recording.files]
    return sum(each for each in known if each is not None) if None not in known else None


def _clock(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _began(recording: Recording) -> str:
    """The time on the camera's own clock; nothing where the list does not say."""
    return "" if recording.created is None else camera_time(recording.created)


def _size(size_bytes: int) -> str:
    if size_bytes >= GIGABYTE:
        return f"{size_bytes / GIGABYTE:.2f} GB"
    return f"{size_bytes / MEGABYTE:.1f} MB"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their longest cell; nothing when there is no row."""
    rows = [head, *body] if body else []
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))] if body else []
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
