"""`verify`: proof at rest, every receipt against a checksum of the bytes that S3 has today."""

import argparse
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from chalicelib.core.ids import SessionId
from infra.admin import formats
from infra.admin.at_rest.batch import Computed, judged
from infra.admin.at_rest.journal import Journal
from infra.admin.at_rest.reading import Pace, demand_checksums
from infra.admin.at_rest.round import READING, S3_BATCH, Findings, Round, time_left
from infra.admin.at_rest.selection import Selection, select
from infra.admin.console import (
    DONE,
    NAMED,
    OWED,
    REFUSED,
    Arguments,
    Console,
    at_a_stage,
    command,
    named_session,
    number,
    tell,
)
from infra.admin.formats import columns, counted, size

_EXAMPLES = """  reelhaul-admin verify --stage prod match-17-north
  reelhaul-admin verify --stage prod --sample 5%
  reelhaul-admin verify --stage prod --all --limit-rate 50
  41 1 * * *  /opt/reelhaul-admin/bin/reelhaul-admin verify --stage prod --older-than 80d"""

_WORKERS = 4
_WIDTH = 24
_UNITS_S = {"d": 86_400, "h": 3_600}


def describe(commands: Any) -> None:
    """The command `verify`."""
    made = command(
        commands,
        "verify",
        "compare every receipt with a checksum computed again from the stored bytes",
        _EXAMPLES,
        _verify,
    )
    at_a_stage(made)
    made.add_argument("sessions", nargs="*", type=named_session, metavar="SESSION", help=NAMED)
    made.add_argument("--all", action="store_true", help="every session")
    made.add_argument("--sample", type=share, metavar="N%", help="so many of all sessions, chosen by --seed")
    made.add_argument(
        "--older-than",
        type=age,
        metavar="Nd",
        help="the sessions that nobody has proven for so many days (80d) or hours (12h)",
    )
    made.add_argument("--seed", type=int, metavar="N", help="of a sample, to choose the same again")
    made.add_argument(
        "--limit-rate", type=number, metavar="MIB_S", help="read at most so many MiB per second in all"
    )
    made.add_argument(
        "--parallel",
        type=number,
        default=_WORKERS,
        metavar="N",
        help=f"versions at a time; default: {_WORKERS}",
    )
    made.add_argument(
        "--journal",
        type=Path,
        metavar="FILE",
        help="where a round that was killed continues; default: a file below ~/.local/state/reelhaul",
    )
    made.add_argument(
        "--by",
        choices=(READING, S3_BATCH),
        default=READING,
        help="who computes: this machine, by reading all of it (default), or S3 itself, by a job of S3 Batch "
        "Operations; what S3 reports to differ is read here",
    )
    made.add_argument("--dry-run", action="store_true", help="say what would be read; read nothing")


def share(text: str) -> Fraction:
    """An argument like `5%` or `0.5%`, above 0 and at most 100."""
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%", text)
    if not found or not 0 < Fraction(found[1]) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share like 5%, above 0% and at most 100%")
    return Fraction(found[1]) / 100


def age(text: str) -> timedelta:
    """An argument like `80d` or `12h`."""
    found = re.fullmatch(r"([0-9]{1,5})([dh])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age like 80d or 12h")
    return timedelta(seconds=int(found[1]) * _UNITS_S[found[2]])


def _verify(given: Arguments, desk: Console) -> int:
    selection = _selection(given)
    demand_checksums()
    ports = desk.reach(given).ports
    journal = Journal(_journal_of(given, selection), selection.text, ports.clock.now(), selection.seed)
    try:
        if selection.share is not None and journal.is_continued and given.seed not in (None, journal.seed):
            given.misused(
                f"the round that was not finished has --seed {journal.seed}: name that, or another --journal"
            )
        chosen = Selection(selection.named, selection.share, journal.seed, selection.older_than)
        return _prove(given, desk, journal, chosen)
    finally:
        journal.close()


def _prove(given: Arguments, desk: Console, journal: Journal, selection: Selection) -> int:
    ports = desk.reach(given).ports
    began_at = ports.clock.now()

    def seconds() -> float:
        return (ports.clock.now() - began_at).total_seconds()

    rate_bytes_s = given.limit_rate * 2**20 if given.limit_rate else None
    pace = Pace(rate_bytes_s, seconds, desk.pause)
    round_ = Round(
        ports,
        journal,
        pace,
        given.parallel,
        lambda tally: desk.draw(_bar(tally, pace.read_bytes, seconds())),
    )
    sessions = round_.plan(select(ports.records, selection, began_at))
    desk.note(_beginning(given.by, round_.tally, selection, journal))
    if given.dry_run:
        journal.remove()
        return DONE
    if given.by == S3_BATCH and sessions:
        round_.judge_by(judged(_computed(given, desk, journal, round_, sessions), round_.read), S3_BATCH)
    round_.prove(sessions)
    desk.draw("")
    document = _document(given, selection, journal, round_)
    tell(given, desk, document, lambda: list(_lines(document, round_.tally, seconds())))
    journal.remove()
    if document["damaged"] or document["lost"]:
        return REFUSED
    return OWED if document["unread"] else DONE


def _computed(
    given: Arguments, desk: Console, journal: Journal, round_: Round, sessions: Sequence[SessionId]
) -> Mapping[tuple[str, str], Computed]:
    """What S3 computed for this round: by the job that a killed one started, or by a new one."""
    batch = desk.batch(given, desk.pause, desk.note)
    name = f"{journal.began_at:%Y%m%dT%H%M%SZ}-{journal.seed}"
    if journal.job is None:
        journal.note_job(batch.start(name, round_.receipts(sessions)))
    job_id = str(journal.job)
    desk.note(f"S3 Batch computes, as job {job_id}; the same command continues to wait for it")
    batch.wait(job_id)
    return batch.report(name, job_id)


def _selection(given: Arguments) -> Selection:
    asked = [bool(given.sessions), given.all, given.sample is not None, given.older_than is not None]
    if sum(asked) != 1:
        given.misused("name sessions, or one of --all, --sample and --older-than")
    if given.seed is not None and given.sample is None:
        given.misused("--seed is of a --sample")
    seed = given.seed if given.seed is not None else secrets.randbelow(10**9)
    return Selection(tuple(given.sessions), given.sample, seed, given.older_than)


def _journal_of(given: Arguments, selection: Selection) -> Path:
    if given.journal:
        return Path(given.journal)
    about = f"{given.stage} {given.region} {given.endpoint_url} {selection.text}"
    name = f"verify-{given.stage}-{hashlib.sha256(about.encode()).hexdigest()[:12]}.jsonl"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "reelhaul" / name


def _beginning(by: str, findings: Findings, selection: Selection, journal: Journal) -> str:
    how = f"continues the round that was not finished, by {by}" if journal.is_continued else f"by {by}"
    seed = f"; a sample with --seed {journal.seed}" if selection.share is not None else ""
    objects = counted(findings.objects, "object")
    return f"{how}: {objects}, {size(findings.size_bytes)} of {counted(findings.sessions, 'session')}{seed}"


def _bar(tally: Findings, read_bytes: int, passed_s: float) -> str:
    """`[######------]  50 %  3 of 6 sessions, 1.0 GiB of 2.0 GiB, 30.0 MiB/s, 0:00:35 left`."""
    done = min(1.0, read_bytes / tally.size_bytes) if tally.size_bytes else 1.0
    filled = int(done * _WIDTH)
    left = time_left(tally, read_bytes, passed_s)
    rate = f", {size(round(read_bytes / passed_s))}/s" if passed_s > 0 else ""
    return (
        f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {done:4.0%}  {tally.done_sessions} of {tally.sessions} sessions, "
        f"{size(read_bytes)} of {size(tally.size_bytes)}{rate}{f', {left} left' if left is not None else ''}"
    )


def _document(given: Arguments, selection: Selection, journal: Journal, round_: Round) -> Mapping[str, Any]:
    tally = round_.tally
    return {
        "stage": given.stage,
        "by": given.by,
        "selection": selection.text,
        "seed": journal.seed if selection.share is not None else None,
        "began_at": formats.stamp(journal.began_at),
        "sessions": tally.sessions,
        "proven": tally.proven,
        "proven_bytes": tally.proven_bytes,
        "damaged": list(journal.damage),
        "lost": round_.known,
        "unread": tally.unread,
        "notes": tally.notes,
    }


def _lines(document: Mapping[str, Any], tally: Findings, passed_s: float) -> Iterator[str]:
    for what in ("damaged", "lost", "unread"):
        for each in document[what]:
            name = f" {each['artifact_id']}" if each["artifact_id"] else ""
            yield f"{formats.session(each)}: {what}{name}"
            rows = [("why", each["fault"]), ("version", each["version_id"]), ("next", each.get("remedy"))]
            yield from columns([(name, text) for name, text in rows if text], indent=2)
    yield from document["notes"]
    seed = f"; a sample with --seed {document['seed']}" if document["seed"] is not None else ""
    yield (
        f"{counted(tally.proven, 'object')}, {size(tally.proven_bytes)} of {counted(tally.sessions, 'session')} "
        f"proven by {document['by']} in {timedelta(seconds=round(passed_s))}; {len(document['damaged'])} damaged, "
        f"{len(document['unread'])} not read{seed}"
    )
