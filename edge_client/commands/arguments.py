"""The command line's arguments."""

from __future__ import annotations

import argparse
from importlib.metadata import version

EXIT_CODES = """
exit codes: 0 done, 1 a person must look, 2 usage, 75 try again later
(1 instead of 0 also when standard output could not be written)
"""
HAUL = """\
examples:
  reelhaul haul match-17-north --camera 172.24.171.51 --recording 0042
  reelhaul haul --interface enxd43260ddac87 --new
  reelhaul haul --camera 10.5.5.9 --since 2026-11-24T18:00 --until 2026-11-25
  reelhaul haul --camera 10.5.5.9 --file 100GOPRO/GX010042.MP4 --dry-run
  reelhaul haul broken-42 --camera 10.5.5.9 --file 100GOPRO/GX020042.MP4 --unfinished

Only one client at a time uses a camera or a spool. However a run ended, run the same command again:
it does only what is missing. The client never changes or deletes anything on the camera.
"""
LIST = """\
examples:
  reelhaul list --camera 172.24.171.51
  reelhaul list --interface enxd43260ddac87 --json

Without a coordinator the list does not say which recordings are hauled.
"""
STATUS = """\
examples:
  reelhaul status --spool /var/lib/reelhaul/north
  reelhaul status --spool /var/lib/reelhaul/north --json

Needs no camera. Without a coordinator, the receipts in the spool show what is home. Ends with 0
when every session is home, with 1 when a session cannot end or its plan cannot be read, else with
75. `reelhaul forget` drops a session.
"""
FORGET = """\
examples:
  reelhaul forget match-17-north --interface enxd43260ddac87 --dry-run
  reelhaul forget match-17-north --interface enxd43260ddac87
  reelhaul forget match-17-north --without-camera --lose-footage

For a session that cannot end any more, because its card was formatted or its file was repaired. The
command removes the session's plan, parts and copies of receipts from this spool. The coordinator
keeps its receipts, and S3 its footage.

The command refuses while the camera has a file of the session that is not home, and while the spool
has bytes of it that neither S3 nor the card has. It names those bytes. --lose-footage deletes them
all the same: they are lost for good.
"""
AUDIT = """\
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


def parser() -> argparse.ArgumentParser:
    """The commands, each with its help and its examples."""
    top = argparse.ArgumentParser(
        prog="reelhaul",
        description="Hauls a camera's chapters into S3, verified as they were read.",
        epilog="Each command has examples: reelhaul haul --help",
    )
    top.add_argument("--version", action="version", version=f"reelhaul {version('reelhaul')}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _haul(_command(commands, "haul", "haul recordings of a camera into their sessions", HAUL))
    _list(
        _command(
            commands, "list", "list the recordings on a camera's card, and which of them are hauled", LIST
        )
    )
    _status(_command(commands, "status", "show how far the sessions of this device are", STATUS))
    _forget(_command(commands, "forget", "remove from the spool a session that cannot end", FORGET))
    _audit(
        _command(
            commands, "audit", "compare a card with the coordinator, and say what is safe to erase", AUDIT
        )
    )
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, purpose: str, epilog: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=epilog + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--json", action="store_true", help="print JSON on standard output, one document a line"
    )
    command.add_argument("--verbose", action="store_true", help="log more on standard error")
    return command


def _haul(haul: argparse.ArgumentParser) -> None:
    haul.add_argument(
        "session",
        nargs="?",
        metavar="SESSION",
        help="the session's name; without it each recording gets its own session",
    )
    which = haul.add_argument_group("what to haul")
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
    haul.add_argument("--dry-run", action="store_true", help="show what would be hauled, and haul nothing")
    _camera(haul)
    _coordinator(haul)
    _work(haul, "24h")


def _list(listing: argparse.ArgumentParser) -> None:
    _camera(listing)
    _coordinator(listing)
    _patience(listing, "2m")


def _status(status: argparse.ArgumentParser) -> None:
    _coordinator(status)
    _spool(status)


def _forget(forget: argparse.ArgumentParser) -> None:
    forget.add_argument("session", metavar="SESSION", help="a session of this spool; `status` shows them")
    forget.add_argument(
        "--dry-run", action="store_true", help="show what would be removed, and remove nothing"
    )
    forget.add_argument(
        "--without-camera",
        action="store_true",
        help="do not ask the camera; every part that S3 does not have then counts as the only copy",
    )
    forget.add_argument(
        "--lose-footage", action="store_true", help="also delete bytes of films that exist nowhere else"
    )
    _camera(forget)
    _coordinator(forget)
    _spool(forget)
    _patience(forget, "2m")


def _audit(audit: argparse.ArgumentParser) -> None:
    audit.add_argument("--haul", action="store_true", help="haul what is missing, then audit")
    _camera(audit)
    _coordinator(audit)
    _work(audit, "2m, with --haul 24h")


def _camera(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("camera")
    group.add_argument(
        "--camera",
        metavar="ADDRESS",
        help="the camera's address, such as 10.5.5.9; the default port is 8080 (REELHAUL_CAMERA)",
    )
    group.add_argument(
        "--interface",
        metavar="NAME",
        help="the network interface of the camera; without --camera its address is x.x.x.51 there (REELHAUL_INTERFACE)",
    )
    group.add_argument(
        "--locks",
        metavar="DIR",
        help="the directory in which the clients of this machine lock cameras (REELHAUL_LOCKS)",
    )


def _coordinator(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("coordinator")
    group.add_argument(
        "--coordinator", metavar="URL", help="the coordinator's address (REELHAUL_COORDINATOR)"
    )
    group.add_argument(
        "--token-file",
        metavar="FILE",
        help="the file that holds the token, with mode 0600 (REELHAUL_TOKEN_FILE)",
    )


def _spool(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--spool", metavar="DIR", help="the directory in which parts wait for S3 (REELHAUL_SPOOL)"
    )


def _patience(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument(
        "--give-up-after",
        metavar="TIME",
        help=f"give up when an outage lasts longer; default {default} (REELHAUL_GIVE_UP_AFTER)",
    )


def _work(command: argparse.ArgumentParser, patience: str) -> None:
    _spool(command)
    command.add_argument(
        "--spool-budget",
        metavar="SIZE",
        help="the most bytes that parts may take in the spool, such as 20GB (REELHAUL_SPOOL_BUDGET)",
    )
    command.add_argument(
        "--limit-rate",
        metavar="RATE",
        help="the most to send in a second, such as 20Mbit (REELHAUL_LIMIT_RATE)",
    )
    _patience(command, patience)
