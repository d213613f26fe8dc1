"""`audit`: compare a card with the coordinator; with `--haul` bring home first what is missing."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from edge_client.base.exit import ExitCode, code_of_result
from edge_client.commands.command import Command, describe_camera, describe_coordinator, describe_work
from edge_client.commands.output import (
    card_line,
    chapters,
    label,
    mark,
    note_lines,
    recording_json,
    rest_json,
    rest_lines,
    say_reports,
    say_result,
    size,
    table,
)
from edge_client.config import HAUL_PATIENCE_S, LOOK_PATIENCE_S, Device, Parsed, Values, together
from edge_client.haul.context import open_context
from edge_client.haul.sessions import Haul, HaulOptions
from edge_client.haul.survey import Survey, audit_card
from edge_client.model.advice import Called, Help, helps, tried
from edge_client.model.haul_state import FileState, HaulState
from edge_client.model.listing import unexplained_bytes
from edge_client.model.selection import New
from edge_client.wiring import tools_of

log = logging.getLogger(__name__)

EXAMPLES = """\
examples:
  reelhaul audit --camera 172.24.171.51
  reelhaul audit --interface enxd43260ddac87 --haul

Shows for each recording on the card whether it is home and safe to erase; it never erases anything.
Ends with 0 when every video is home and nothing hints at a video that the camera does not list,
else with 1. With --haul the command first hauls what is missing: the safety net for cron and
timers.

Home means: S3 has the video as it was read, once. A bit that flips on its way from the card to this
device is not seen.
"""
# What a command that helps takes over from this one.
WORK_OPTIONS = (
    *("camera", "interface", "locks", "coordinator", "token-file"),
    *("spool", "spool-budget", "limit-rate", "give-up-after"),
)
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


@dataclass(frozen=True)
class AuditSettings:
    """One run of `audit`."""

    haul: bool
    device: Device
    as_json: bool
    called: Called


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `audit`."""
    parser.add_argument("--haul", action="store_true", help="haul what is missing, then audit")
    describe_camera(parser)
    describe_coordinator(parser)
    describe_work(parser, "2m, with --haul 24h")


def read(values: Values) -> Parsed[AuditSettings]:
    """The settings: which card, and whether it is hauled first."""
    given = values.arguments
    device = values.device(HAUL_PATIENCE_S if given.haul else LOOK_PATIENCE_S)
    return together(lambda: AuditSettings(given.haul, device.value, given.json, _called(values)), device)


def run(settings: AuditSettings, stop: threading.Event) -> ExitCode:
    """Say what of a card is home; with --haul first haul what is missing."""
    with tools_of(settings.device, stop) as tools:
        hauled = ExitCode.DONE
        if settings.haul:
            with open_context(tools) as context:
                options = HaulOptions(previews=settings.device.hauls_previews)
                hauled = say_reports(Haul(context, New(), None, options).run(), settings.as_json)
        with open_context(tools) as context:
            survey = audit_card(context)
        if settings.haul:
            survey = replace(survey, recordings=tried(survey.recordings))
        found = helps(survey.recordings, survey.taken, settings.called)
        for silence in survey.witnesses.silences:
            log.debug("the list cannot be compared", extra={"reason": silence})
        say_result(audit_lines(survey, found), audit_json(survey, found), settings.as_json)
        return code_of_result(hauled is not ExitCode.DONE or not survey.all_home)


AUDIT = Command(
    name="audit",
    purpose="compare a card with the coordinator, and say what is safe to erase",
    examples=EXAMPLES,
    describe=describe,
    read=read,
    run=run,
    hauls=lambda settings: settings.haul,
)


def _called(values: Values) -> Called:
    """The program and the options as they were given; what the environment says is there for the next command."""
    given = ((option, getattr(values.arguments, option.replace("-", "_"))) for option in WORK_OPTIONS)
    options = (word for option, value in given if value for word in (f"--{option}", value))
    program = values.environ.get("REELHAUL_AS")
    return Called(tuple(program.split()) if program else ("reelhaul",), tuple(options))


def audit_lines(survey: Survey, found: Sequence[Help] = ()) -> list[str]:
    """The state of the card, what helps, and whether it may be erased."""
    head = ("recording", "chapters", "size", "state", "session", "")
    rows = [
        (
            label(survey, one),
            chapters(one.recording),
            size(one.recording.size_bytes),
            one.state.value,
            ", ".join(one.session_ids) or "-",
            f"safe to erase{mark(one)}" if one.state.is_home else "keep",
        )
        for one in survey.recordings
    ]
    owed = [file for one in survey.recordings for file in one.files if not file.state.is_home]
    lines = [card_line(survey), *table(head, rows)]
    lines += [
        f"  {file.file.path}  {file.file.size_bytes:,} bytes  {file.reason or WORDS[file.state]}"
        for file in owed
    ]
    return [*lines, *note_lines(survey), *rest_lines(survey), *_help_lines(found), *_verdict(survey)]


def audit_json(survey: Survey, found: Sequence[Help] = ()) -> dict[str, object]:
    """The same as one document."""
    return {
        "camera": asdict(survey.camera),
        "all_home": survey.all_home,
        "reasons_to_keep": list(survey.reasons_to_keep),
        "recordings": [
            {
                **recording_json(one.recording),
                "camera": one.serial,
                "state": one.state.value,
                "safe_to_erase": one.state.is_home,
                "sessions": list(one.session_ids),
                "devices": list(one.device_ids),
                "files": [_file_json(file) for file in one.files],
            }
            for one in survey.recordings
        ],
        **rest_json(survey),
        "advice": [
            {"command": one.command, "files": [{"path": path, "text": words} for path, words in one.words]}
            for one in found
        ],
        # What the camera's state says in addition to its list; null where it says nothing.
        "camera_counts": {
            "videos_counted": survey.witnesses.videos,
            "used_bytes": survey.witnesses.used_bytes,
            "unexplained_bytes": unexplained_bytes(survey.inventory, survey.witnesses),
            "not_stated": list(survey.witnesses.silences),
        },
    }


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


def _file_json(file: FileState) -> dict[str, object]:
    return {
        "path": file.file.path,
        "size_bytes": file.file.size_bytes,
        "state": file.state.value,
        "session": file.chapter.session_id if file.chapter else None,
        "device": file.chapter.device_id if file.chapter else None,
        "known_by": KNOWN_BY.get(file.state),
        "reason": file.reason,
        "unfinished": file.notes.unfinished,
        "notes": list(file.notes.texts),
    }
