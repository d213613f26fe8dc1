"""`audit`: compare a card with the coordinator; with `--haul` bring home first what is missing."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from edge_client.base.exit import ExitCode, code_of_reads, code_of_result
from edge_client.commands.command import (
    Command,
    describe_camera,
    describe_coordinator,
    describe_evidence,
    describe_work,
)
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
from edge_client.config import (
    HAUL_PATIENCE_S,
    LOOK_PATIENCE_S,
    Device,
    Parsed,
    Values,
    fault_unless,
    together,
)
from edge_client.haul.context import open_context
from edge_client.haul.rereading import How, Rereading, SecondRead
from edge_client.haul.sessions import Haul, HaulOptions
from edge_client.haul.survey import Survey, audit_card
from edge_client.model.advice import Called, Help, helps, helps_to_level, tried
from edge_client.model.haul_state import FileState, HaulState, RecordingState
from edge_client.model.levels import Level
from edge_client.model.listing import unexplained_bytes
from edge_client.model.parts import crc_text
from edge_client.model.selection import New
from edge_client.wiring import tools_of

log = logging.getLogger(__name__)

EXAMPLES = """\
examples:
  reelhaul audit --camera 172.24.171.51
  reelhaul audit --interface enxd43260ddac87 --haul
  reelhaul audit --interface enxd43260ddac87 --reread --reread-rate 10MB --require read-twice

Shows for each recording on the card whether it is home and safe to erase; it never erases anything.
Ends with 0 when every video is home and nothing hints at a video that the camera does not list,
else with 1. With --haul the command first hauls what is missing: the safety net for cron and
timers.

Home means: S3 has the video as it was read. Each is safe to erase by a level: read once, where a bit
that flips on its way from the card to this device is not seen; read twice, once --reread has read
the whole video from the card again and got the same; read back, when S3's bytes were compared too.
--require read-twice keeps what was read once. --reread steps back for a haul, and the same command
continues it. Where two reads differ the command ends with 4: keep the card.
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
    HaulState.DIFFERS: "read again, and different: keep the card",
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
    reread: How | None
    required: Level
    device: Device
    as_json: bool
    called: Called


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `audit`."""
    parser.add_argument("--haul", action="store_true", help="haul what is missing, then audit")
    describe_evidence(parser)
    describe_camera(parser)
    describe_coordinator(parser)
    describe_work(parser, "2m, with --haul 24h")


def read(values: Values) -> Parsed[AuditSettings]:
    """The settings: which card, and whether it is hauled first."""
    given = values.arguments
    device = values.device(HAUL_PATIENCE_S if given.haul else LOOK_PATIENCE_S)
    required, rate = values.level(), values.reread_rate_bytes_s()
    restarted = fault_unless("--after-restart goes with --reread", given.reread or not given.after_restart)
    return together(
        lambda: AuditSettings(
            given.haul,
            How(given.after_restart, rate.value) if given.reread else None,
            required.value,
            device.value,
            given.json,
            _called(values),
        ),
        *(device, required, rate, restarted),
    )


def run(settings: AuditSettings, stop: threading.Event) -> ExitCode:
    """Say what of a card is home, and how surely; with --haul first haul what is missing.

    With --reread read again what was read once. Raises what ended that before its end, once the result is said.
    """
    with tools_of(settings.device, stop) as tools:
        hauled = ExitCode.DONE
        if settings.haul:
            with open_context(tools) as context:
                options = HaulOptions(sidecars=settings.device.hauls_sidecars)
                hauled = say_reports(Haul(context, New(), None, options).run(), settings.as_json)
        with open_context(tools) as context:
            survey = audit_card(context)
            again = Rereading(context, settings.reread).run(survey) if settings.reread else SecondRead(survey)
        survey = replace(again.survey, required=settings.required)
        if settings.haul:
            survey = replace(survey, recordings=tried(survey.recordings))
        found = [
            *helps(survey.recordings, survey.taken, settings.called),
            *helps_to_level(survey.recordings, settings.required, settings.called),
        ]
        for silence in survey.witnesses.silences:
            log.debug("the list cannot be compared", extra={"reason": silence})
        lines = [*second_read_lines(again), *audit_lines(survey, found)]
        say_result(lines, {**audit_json(survey, found), **second_read_json(again)}, settings.as_json)
        if again.unfinished and not survey.differs:
            raise again.unfinished
        must_look = hauled is not ExitCode.DONE or survey.reasons_to_keep or again.owed or again.refusals
        return code_of_reads(survey.differs, code_of_result(bool(must_look)))


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
            _safety(survey, one),
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
        "level": survey.level.value if survey.level else None,
        "required": survey.required.value,
        "reasons_to_keep": list(survey.reasons_to_keep),
        "recordings": [
            {
                **recording_json(one.recording),
                "camera": one.serial,
                "state": one.state.value,
                "safe_to_erase": survey.is_safe(one),
                "level": one.level.value if one.level else None,
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


def second_read_lines(again: SecondRead) -> list[str]:
    """What was read again, and what was not, with the reason."""
    lines = list[str]()
    for one in again.compared:
        last = one.found.reads[-1]
        values = f"crc64nvme {crc_text(last.crc)}  xxh128 {last.xxh128}"
        said = f"the same  {values}" if one.agrees else f"DIFFERENT: {one.found.words}"
        told = "" if one.found.is_told else "  (the coordinator is still to hear of it)"
        lines.append(f"  {one.path}  {said}{told}")
    lines += [f"  {path}  not read again: {reason}" for path, reason in again.left.items()]
    return ["read again:", *lines] if lines else []


def second_read_json(again: SecondRead) -> dict[str, object]:
    """The same as a part of the document."""
    return {
        "read_again": [
            {
                "path": one.path,
                "agrees": one.agrees,
                "receipt_crc64nvme": crc_text(one.found.receipt_crc),
                "is_told": one.found.is_told,
                "reads": [
                    {"crc64nvme": crc_text(read.crc), "xxh128": read.xxh128, "read_at": read.read_at}
                    for read in one.found.reads
                ],
            }
            for one in again.compared
        ],
        "not_read_again": [{"path": path, "reason": reason} for path, reason in again.left.items()],
    }


def _safety(survey: Survey, one: RecordingState) -> str:
    """Whether a recording may be erased, and by which level."""
    if not one.state.is_home or one.level is None:
        return "keep"
    if not survey.is_safe(one):
        return f"keep: {one.level.words}{mark(one)}"
    return f"safe to erase, {one.level.words}{mark(one)}"


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
    level = f", {survey.level.words}" if survey.level else ""
    verdict = f"every video on this card is home and safe to erase{level}{more}"
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
        "level": file.level.value if file.level else None,
        "unfinished": file.notes.unfinished,
        "notes": list(file.notes.texts),
    }
