"""What several commands print: lines for people or JSON with the same facts, tables, sizes, and the end of a haul."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from edge_client.base.exit import ExitCode, code_of_result
from edge_client.base.terminal import say
from edge_client.haul.sessions import Each, Report
from edge_client.haul.survey import Survey
from edge_client.model.haul_state import RecordingState
from edge_client.model.recordings import Recording
from edge_client.model.selection import camera_time
from edge_client.model.sidecars import Kind, SidecarReport

GIGABYTE = 1_000_000_000
MEGABYTE = 1_000_000


def say_result(lines: Sequence[str], document: Mapping[str, object], as_json: bool) -> None:
    """Print a result in the form that was asked for."""
    say([line(document)] if as_json else lines, sys.stdout)


def line(document: Mapping[str, object]) -> str:
    """A document on one line."""
    return json.dumps(document)


def card_line(survey: Survey) -> str:
    if survey.has_no_video:
        return f"{_cameras(survey)}: no video on this card"
    count = len(survey.recordings)
    size_bytes = sum(one.recording.size_bytes for one in survey.recordings)
    return f"{_cameras(survey)}: {count} recording{'' if count == 1 else 's'}, {size(size_bytes)}"


def _cameras(survey: Survey) -> str:
    if len(survey.serials) > 1:
        return f"cameras {', '.join(survey.serials)}"
    model = f" ({survey.camera.model})" if survey.camera.model else ""
    return f"camera {survey.camera.serial or 'of unknown serial'}{model}"


def label(survey: Survey, one: RecordingState) -> str:
    """The recording, with its camera where the card has recordings of several, or of an unknown one."""
    if survey.camera.serial:
        return one.recording.label
    return f"{one.recording.label} of {one.serial or 'an unknown camera'}"


def mark(one: RecordingState) -> str:
    """What follows the word that a recording is home when one of its films was hauled unfinished."""
    return ", unfinished" if one.is_unfinished else ""


def note_lines(survey: Survey) -> Iterable[str]:
    return (f"  {note}" for one in survey.recordings for note in one.notes)


def rest_lines(survey: Survey) -> Iterable[str]:
    for file in survey.unrecognised:
        yield f"  {file.path}  {file.size_bytes:,} bytes  not named like a chapter, never hauled"
    for each in survey.unreadable:
        yield f"  {each.label}  unreadable entry of the camera's list: {each.reason}"
    if survey.others:
        yield f"photos and the like, never hauled: {survey.others}"


def chapters(recording: Recording) -> str:
    if not recording.missing:
        return str(len(recording.files))
    gaps = ", ".join(f"{number:02d}" for number in recording.missing[:5])
    return f"{len(recording.files)}, lacks {gaps}{', …' if len(recording.missing) > 5 else ''}"


def recording_json(recording: Recording) -> dict[str, object]:
    return {
        "recording": recording.label,
        "number": recording.number,
        "chapters": len(recording.files),
        "missing_chapters": list(recording.missing),
        "size_bytes": recording.size_bytes,
        "began": began(recording) or None,
    }


def rest_json(survey: Survey) -> dict[str, object]:
    return {
        "unrecognised_videos": [file.path for file in survey.unrecognised],
        "unreadable": [{"entry": each.label, "reason": each.reason} for each in survey.unreadable],
        "other_file_count": survey.others,
    }


def began(recording: Recording) -> str:
    """The time on the camera's own clock; nothing where the list does not say."""
    return "" if recording.created is None else camera_time(recording.created)


def size(size_bytes: int) -> str:
    if size_bytes >= GIGABYTE:
        return f"{size_bytes / GIGABYTE:.2f} GB"
    return f"{size_bytes / MEGABYTE:.1f} MB"


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their longest cell; no lines without a row."""
    rows = [head, *body] if body else []
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))] if body else []
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def say_reports(reports: Each[Report], as_json: bool) -> ExitCode:
    """Print what became of each session. Raises what ended the run before its end."""
    for report in reports.done:
        say_result(report_lines(report), report.document(), as_json)
    if reports.unfinished:
        raise reports.unfinished
    return code_of_result(bool(reports.refusals) or any(report.left_out for report in reports.done))


def report_lines(report: Report) -> list[str]:
    """What became of a session."""
    lines = [f"session {report.session}: home in {report.seconds:.1f} s"]
    for chapter in report.chapters:
        verified = f"verified {chapter.receipt.get('verified_at', '')}".rstrip()
        lines.append(
            f"  {chapter.path}  {chapter.size_bytes:,} bytes  crc64nvme {chapter.crc64nvme}  {verified}"
        )
        lines += [f"    {note}" for note in chapter.notes]
    return [*lines, *sidecar_lines(report.sidecars, report.no_sidecars)]


def sidecar_lines(sidecars: Sequence[SidecarReport], left_alone: str | None = None) -> Iterator[str]:
    """How many proxies and thumbnails are in S3, and a line for each that stays on the card."""
    if not sidecars:
        return
    for kind, words in ((Kind.PROXY, "proxies"), (Kind.THUMBNAIL, "thumbnails")):
        of_kind = [each for each in sidecars if each.kind == kind.value]
        yield f"  {words} in S3: {sum(each.receipt is not None for each in of_kind)} of {len(of_kind)}"
    missing = [each for each in sidecars if each.receipt is None]
    if left_alone and missing:
        yield f"  the others stay on the card: {left_alone}"
    for each in missing:
        if each.problem and not left_alone:
            yield f"  {each.label} stays on the card: {each.problem}"
