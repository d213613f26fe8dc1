"""What a haul says at its end, and its exit code: for `haul`, and for `audit --haul`."""

from __future__ import annotations

from edge_client.base.exit_code import ExitCode, code_of_result
from edge_client.commands.output import say_result
from edge_client.haul.sessions import Each, Report


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
    return lines
