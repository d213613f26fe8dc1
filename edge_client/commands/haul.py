"""`haul`: bring recordings of a camera home."""

from __future__ import annotations

import argparse
import threading
from argparse import Namespace
from dataclasses import dataclass
from datetime import datetime

from edge_client.base.exit import ExitCode, code_of_result
from edge_client.commands.command import Command, describe_camera, describe_coordinator, describe_work
from edge_client.commands.output import say_reports, say_result
from edge_client.config import (
    HAUL_PATIENCE_S,
    Device,
    Faulty,
    Parsed,
    Value,
    Values,
    fault_unless,
    group_of,
    parsed,
    session_id_of,
    together,
)
from edge_client.haul.context import open_context
from edge_client.haul.sessions import Each, Haul, HaulOptions
from edge_client.model.gopro_names import PATH
from edge_client.model.plan import SessionPlan
from edge_client.model.selection import (
    ByFile,
    ByTime,
    Choice,
    Everything,
    Films,
    New,
    parsed_recording,
    parsed_time,
)
from edge_client.wiring import tools_of

EXAMPLES = """\
examples:
  reelhaul haul match-17-north --camera 172.24.171.51 --recording 0042
  reelhaul haul --camera 172.24.171.51 --new --group match-17
  reelhaul haul --interface enxd43260ddac87 --new
  reelhaul haul --camera 10.5.5.9 --since 2026-11-24T18:00 --until 2026-11-25
  reelhaul haul --camera 10.5.5.9 --file 100GOPRO/GX010042.MP4 --dry-run
  reelhaul haul broken-42 --camera 10.5.5.9 --file 100GOPRO/GX020042.MP4 --unfinished

Only one client at a time uses a camera or a spool. However a run ended, run the same command again:
it does only what is missing. The client never changes or deletes anything on the camera.
"""


@dataclass(frozen=True)
class HaulSettings:
    """One run of `haul`."""

    session_id: str | None
    choice: Choice
    group: str | None
    dry_run: bool
    device: Device
    as_json: bool


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `haul`."""
    parser.add_argument(
        "session",
        nargs="?",
        metavar="SESSION",
        help="the session's name; without it each recording gets its own session",
    )
    which = parser.add_argument_group("what to haul")
    which.add_argument(
        "--recording", metavar="NNNN", help="the recording with this number, or with a loop's letters"
    )
    which.add_argument(
        "--file", action="append", metavar="DIR/NAME", help="exactly this file; give it once for each file"
    )
    which.add_argument(
        "--unfinished",
        action="store_true",
        help="with --file: haul a film that the camera did not finish as it is, with a mark",
    )
    which.add_argument(
        "--since", metavar="TIME", help="recordings that began at this time or later, by the camera's clock"
    )
    which.add_argument(
        "--until", metavar="TIME", help="recordings that began before this time, by the camera's clock"
    )
    which.add_argument("--new", action="store_true", help="every recording that is not yet verified in S3")
    which.add_argument("--all", action="store_true", help="every recording on the card")
    parser.add_argument(
        "--group",
        metavar="NAME",
        help="put new sessions into this group, such as match-17, with those of other cameras",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be hauled, and haul nothing")
    describe_camera(parser)
    describe_coordinator(parser)
    describe_work(parser, "24h")


def read(values: Values) -> Parsed[HaulSettings]:
    """The settings: which recordings, into which session, on which device."""
    given = values.arguments
    session_id, choice, group = _session_id(given), _choice(given), group_of(given.group)
    device = values.device(HAUL_PATIENCE_S)
    return together(
        lambda: HaulSettings(
            session_id.value, choice.value, group.value, given.dry_run, device.value, given.json
        ),
        *(session_id, choice, group, device),
    )


def run(settings: HaulSettings, stop: threading.Event) -> ExitCode:
    """Bring home what is chosen, or say what would be. Raises what ended the run before its end."""
    with tools_of(settings.device, stop) as tools, open_context(tools) as context:
        options = HaulOptions(settings.group, settings.device.hauls_sidecars)
        haul = Haul(context, settings.choice, settings.session_id, options)
        if settings.dry_run:
            return _say_plans(haul.plans(), settings.as_json)
        return say_reports(haul.run(), settings.as_json)


HAUL = Command(
    name="haul",
    purpose="haul recordings of a camera into their sessions",
    examples=EXAMPLES,
    describe=describe,
    read=read,
    run=run,
    hauls=lambda settings: not settings.dry_run,
)


def _session_id(given: Namespace) -> Parsed[str | None]:
    if given.session is None:
        return Value(None)
    session_id = session_id_of(given.session)
    one_session = fault_unless(
        "--all, --new, --since and --until make a session of each recording, so they take no SESSION",
        not (given.all or given.new or given.since or given.until),
    )
    return together(lambda: session_id.value, session_id, one_session)


def _choice(given: Namespace) -> Parsed[Choice]:
    timed = bool(given.since or given.until)
    one_choice = fault_unless(
        "exactly one of --recording, --file, --since/--until, --new and --all is needed",
        [bool(given.recording), bool(given.file), timed, given.new, given.all].count(True) == 1,
    )
    named_films = fault_unless(
        "--unfinished goes with --file: name the films that are to be hauled as they are",
        given.file or not given.unfinished,
    )
    choice = _first_choice(given)
    return together(lambda: choice.value, one_choice, named_films, choice)


def _first_choice(given: Namespace) -> Parsed[Choice]:
    """The first choice that is given; each other one is a fault."""
    if given.recording:
        return parsed("recording", given.recording, parsed_recording)
    if given.file:
        bad = [path for path in given.file if not PATH.fullmatch(path)]
        films = Films.AS_THEY_ARE if given.unfinished else Films.FINISHED
        return together(
            lambda: ByFile(tuple(dict.fromkeys(given.file)), films),
            fault_unless(f"--file is DIRECTORY/NAME of a chapter, not {', '.join(bad)}", not bad),
        )
    if given.since or given.until:
        return _time(given.since, given.until)
    return Value(New() if given.new else Everything())


def _time(since_text: str | None, until_text: str | None) -> Parsed[ByTime]:
    since, until = _bound("since", since_text), _bound("until", until_text)
    try:
        return together(lambda: ByTime(since.value, until.value), since, until)
    except ValueError as error:
        return Faulty((str(error),))


def _bound(option: str, text: str | None) -> Parsed[datetime | None]:
    return parsed(option, text, parsed_time) if text else Value(None)


def _say_plans(plans: Each[SessionPlan], as_json: bool) -> ExitCode:
    """Print each plan. Raises what ended the run before its end."""
    for plan in plans.done:
        say_result(plan_lines(plan), plan.document(), as_json)
    if plans.unfinished:
        raise plans.unfinished
    return code_of_result(bool(plans.refusals))


def plan_lines(plan: SessionPlan) -> list[str]:
    """A dry run's plan."""
    group = "" if plan.group is None else f", group {plan.group}"
    lines = [f"session {plan.session_id}, camera {plan.camera.serial}{group}"]
    for chapter in plan.chapters:
        lines.append(f"  {chapter.path}  {chapter.size_bytes:,} bytes")
        lines += [f"    {note}" for note in chapter.notes.texts]
    return lines
