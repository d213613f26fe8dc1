"""`report`: the inspection of a session's lights, said at the terminal or written as a page to print and sign."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chalicelib.core.artifact import made_id
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId
from chalicelib.flows.report import view_report
from chalicelib.web.report import page
from chalicelib.web.report.document import document
from infra.admin.console import (
    DONE,
    NAMED,
    OPERATOR,
    Arguments,
    Console,
    at_a_stage,
    command,
    named_session,
    tell,
)
from infra.admin.formats import columns

_EXAMPLES = """  reelhaul-admin report --stage prod papi-27-left
  reelhaul-admin report --stage prod papi-27-left --output papi-27-left.html
  reelhaul-admin report --stage prod papi-27-left --artifact measurements.lights.json --json"""

_MODE = 0o644


def describe(commands: Any) -> None:
    """The command `report`."""
    made = command(commands, "report", "report on the lights that a session measured", _EXAMPLES, _report)
    at_a_stage(made)
    made.add_argument("session", type=named_session, metavar="SESSION", help=NAMED)
    made.add_argument(
        "--artifact", type=_artifact, metavar="ID", help="measurements.NAME, where the session has several"
    )
    made.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the page there; it prints on A4, and replaces an older one",
    )


def _report(given: Arguments, desk: Console) -> int:
    found = view_report(desk.reach(given).ports, OPERATOR, given.session, given.artifact)
    told = document(found)
    if given.output:
        write_whole(given.output, page(told, found.overview).encode())
    tell(given, desk, told, lambda: list(_lines(told, given.output)))
    return DONE


def write_whole(path: Path, content: bytes) -> None:
    """Write all of `content` or nothing: a reader of `path` sees the older file or the new one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, _MODE)
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _artifact(text: str) -> ArtifactId:
    try:
        return made_id(text)
    except InvalidRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _lines(told: Mapping[str, Any], written: Path | None) -> Iterator[str]:
    session, inspection = told["session"], told["inspection"]
    yield f"{session['project']}/{session['session_id']}: {inspection['verdict']}; {inspection['reason']}"
    if told["needs_index"]:
        yield told["needs_index"]
    yield from columns([_light(light) for light in inspection["lights"]])
    if written:
        yield f"written to {written}"


def _light(light: Mapping[str, Any]) -> tuple[str, ...]:
    box = f"box {light['box']}" if light["box"] is not None else ""
    angle, interval = light["angle"], light["interval"]
    measured = "no angle" if angle is None else f"{angle:.4f} degrees"
    within = f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
    return light["light"], box, measured, within, light["verdict"]
