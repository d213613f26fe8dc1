"""`migrate`: bring sessions of the older system into a stage, and compare them with what they were."""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3

from chalicelib.core import ids
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import SessionId
from infra.admin.console import (
    DONE,
    OPERATOR,
    OWED,
    REFUSED,
    Arguments,
    Console,
    at_a_stage,
    command,
    number,
    tell,
)
from infra.admin.deployment import Refused
from infra.admin.dry_run import rehearsed
from infra.admin.formats import counted, size
from infra.migration import run
from infra.migration.bodies import crc64nvme
from infra.migration.legacy.folder import Folder
from infra.migration.legacy.s3 import Bucket
from infra.migration.legacy.sql import open_database
from infra.migration.progress import Progress
from infra.migration.report import ItemReport, Report, SessionReport, Status
from infra.migration.sources import Database, Files, SourceUnusable

_EXAMPLES = """  reelhaul-admin migrate --stage prod --folder /srv/older --database sqlite:////srv/older/app.db
  reelhaul-admin migrate --stage prod --s3 s3://older-bucket --database @url.txt --apply --limit 50
  reelhaul-admin migrate --stage prod --s3 s3://older-bucket --database @url.txt --apply --report report.json
  reelhaul-admin migrate --stage prod --s3 s3://older-bucket --database @url.txt --verify"""

_STEPS = {"plan": run.foresee, "apply": run.apply, "verify": run.verify}


def describe(commands: Any) -> None:
    """The command `migrate`."""
    made = command(
        commands,
        "migrate",
        "import sessions of the older system, from its files and its database",
        _EXAMPLES,
        _migrate,
    )
    at_a_stage(made)
    place = made.add_mutually_exclusive_group(required=True)
    place.add_argument("--folder", type=Path, metavar="DIR", help="the folder that has videos/ and frames/")
    place.add_argument("--s3", metavar="s3://BUCKET/PREFIX", help="the bucket that has videos/ and frames/")
    made.add_argument(
        "--database",
        metavar="URL|@FILE",
        help="the older database as a SQLAlchemy URL, or a file that holds it: a URL with a password shows in ps; "
        "it is read in transactions that cannot write",
    )
    made.add_argument(
        "--project",
        type=_project,
        default=ids.MAIN,
        metavar="NAME",
        help=f"where they go; default: {ids.MAIN}",
    )
    made.add_argument(
        "--source-name",
        metavar="TEXT",
        help="what their `storage` says they come from; default: the folder or the bucket. Keep it at each run",
    )
    what = made.add_mutually_exclusive_group()
    what.add_argument(
        "--plan", dest="mode", action="store_const", const="plan", help="show what would be done (default)"
    )
    what.add_argument(
        "--apply", dest="mode", action="store_const", const="apply", help="import; safe to run again"
    )
    what.add_argument(
        "--verify",
        dest="mode",
        action="store_const",
        const="verify",
        help="read every source again and compare it with what was imported",
    )
    made.add_argument(
        "--limit", type=number, metavar="N", help="end after N sessions for which there was something to do"
    )
    made.add_argument(
        "--report", type=Path, metavar="FILE", help="write the report as JSON to this file as well"
    )
    made.add_argument("sessions", nargs="*", metavar="ID", help="ids of the older system; default: all")
    made.set_defaults(mode="plan")


def _migrate(given: Arguments, desk: Console) -> int:
    try:
        if given.mode != "plan":
            crc64nvme(b"")
        with ExitStack() as stack:
            files, database = _files(given), _database(given)
            if database:
                stack.callback(database.close)
            report = _run(given, desk, files, database)
    except SourceUnusable as error:
        raise Refused(str(error)) from error
    document = _document(given, report)
    if given.report:
        given.report.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    tell(given, desk, document, lambda: list(_lines(given.mode, report)))
    return _code(report)


def _run(given: Arguments, desk: Console, files: Files, database: Database | None) -> Report:
    """What became of every session; only with `--apply` the stage can be written."""
    ports = desk.reach(given).ports
    ports = ports if given.mode == "apply" else rehearsed(ports)
    world = run.World(ports, OPERATOR, given.project, files, database, desk.send_part, desk.pause)
    desk.progress("reading what the older system has")
    found = list(run.find_sessions(world, given.sessions))
    known = sum(each.plan.size_bytes for each in found if each.plan)
    progress = Progress(len(found), known, desk.draw, time.monotonic)
    report = run.run(world, found, _STEPS[given.mode], given.limit, progress)
    desk.draw("")
    return report


def _code(report: Report) -> int:
    """A session that lacks something in the older system is imported all the same: that is not a failure."""
    if report.wrong:
        return REFUSED
    return DONE if report.finished and not report.owing else OWED


def _project(text: str) -> str:
    try:
        return ids.project(text)
    except InvalidRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _files(given: Arguments) -> Files:
    found: Files
    if given.folder:
        found = Folder(given.folder)
    else:
        session = boto3.Session(region_name=given.region)
        found = Bucket(session.client("s3", endpoint_url=given.endpoint_url), given.s3)
    found.name = given.source_name or found.name
    return found


def _database(given: Arguments) -> Database | None:
    if given.database is None:
        return None
    url: str = given.database
    if url.startswith("@"):
        url = Path(url[1:]).read_text(encoding="utf-8").strip()
    return open_database(url)


def _document(given: Arguments, report: Report) -> Mapping[str, Any]:
    return {
        "stage": given.stage,
        "project": given.project,
        "mode": given.mode,
        "finished": report.finished,
        "sessions": [_session(each) for each in report.sessions],
        "total": {
            "sessions": len(report.sessions),
            "failed": report.wrong,
            "owing": report.owing,
            "incomplete": report.incomplete,
            "artifacts": {
                status.value: {"count": count, "size_bytes": size_bytes}
                for status, (count, size_bytes) in report.counts().items()
            },
        },
    }


def _session(each: SessionReport) -> Mapping[str, Any]:
    return {
        "old_id": each.old_id,
        "project": ids.project_of(each.session_id) if each.session_id else None,
        "session_id": ids.name_of(each.session_id) if each.session_id else None,
        "state": each.state,
        "artifacts": [_item(item) for item in each.items],
        "missing": list(each.missing),
        "notes": list(each.notes),
        "frame_rows": each.frame_rows,
        "frames": each.frames,
        "owed": list(each.owed),
        "fault": each.fault,
    }


def _item(item: ItemReport) -> Mapping[str, Any]:
    rows = item.rows
    return {
        "artifact_id": item.artifact_id,
        "source": item.source,
        "size_bytes": item.size_bytes,
        "status": item.status.value,
        "detail": item.detail,
        "rows": (
            {"written": rows.written, "unreadable": rows.unreadable, "reasons": list(rows.reasons)}
            if rows
            else None
        ),
    }


def _lines(mode: str, report: Report) -> Iterator[str]:
    for each in report.sessions:
        lines = list(_session_lines(each))
        if lines:
            yield f"{_name(each.session_id, each.old_id)}: {each.state or 'not imported'}"
            yield from (f"  {line}" for line in lines)
    parts = [
        f"{count} {status.value} ({size(size_bytes)})"
        for status, (count, size_bytes) in report.counts().items()
    ]
    yield f"{mode}: {counted(len(report.sessions), 'session')}; artifacts: {', '.join(parts) or 'none'}"
    if report.incomplete:
        of = counted(report.incomplete, "session")
        yield f"something that the older system should have had is missing of {of}"
    if report.wrong:
        yield f"{counted(report.wrong, 'session')} failed or differ; run it again once the reasons above are gone"
    if report.owing:
        yield f"an index, or S3, is still at work for {counted(report.owing, 'session')}; look again with --verify"
    if not report.finished:
        yield "not all sessions had their turn; run it again"


def _session_lines(each: SessionReport) -> Iterator[str]:
    """What a person should know of a session; nothing of one that is as it was."""
    if each.fault:
        yield f"failed: {each.fault}"
    for status in Status:
        plain = [item for item in each.items if item.status is status and not item.detail]
        if plain and status not in (Status.KEPT, Status.SAME):
            known = sum(item.size_bytes or 0 for item in plain)
            yield f"{status.value} ({size(known)}): {', '.join(item.artifact_id for item in plain)}"
    for item in each.items:
        if item.detail:
            yield f"{item.status.value}: {item.artifact_id} from {item.source}: {item.detail}"
        if item.rows and item.rows.unreadable:
            rows = counted(item.rows.unreadable, "row")
            yield f"{item.artifact_id} lacks {rows} that cannot be read, such as {item.rows.reasons[0]}"
    if each.missing:
        yield f"missing in the older system: {', '.join(each.missing)}"
    yield from each.notes
    yield from each.owed


def _name(session_id: SessionId | None, old_id: str) -> str:
    return session_id or old_id
