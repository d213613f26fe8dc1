"""What a command of the client is, and the arguments that several commands take, by subject."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from edge_client.base.errors import SettingsFault
from edge_client.base.exit import ExitCode
from edge_client.config import Faulty, Parsed, Values

S = TypeVar("S")


def hauls_nothing(_settings: object) -> bool:
    """False, for a command that reads no film from the camera."""
    return False


@dataclass(frozen=True)
class Command(Generic[S]):
    """One command: its name and help, what it takes, how it reads that, and what it does.

    `hauls` says whether a run with these settings brings films into the spool. `run` raises an EdgeError where it
    cannot come to its end.
    """

    name: str
    purpose: str
    examples: str
    describe: Callable[[argparse.ArgumentParser], None]
    read: Callable[[Values], Parsed[S]]
    run: Callable[[S, threading.Event], ExitCode]
    hauls: Callable[[S], bool] = hauls_nothing

    def settings(self, values: Values) -> S:
        """What a run is to do. Raises SettingsFault with every fault."""
        settings = self.read(values)
        if isinstance(settings, Faulty):
            raise SettingsFault(list(settings.faults))
        return settings.value


def describe_camera(command: argparse.ArgumentParser) -> None:
    """Add the arguments that say where the camera is."""
    group = command.add_argument_group("camera")
    group.add_argument(
        "--camera",
        metavar="ADDRESS",
        help="the camera's address, such as 10.5.5.9; the default port is 8080 (REELHAUL_CAMERA)",
    )
    group.add_argument(
        "--camera-cert",
        metavar="FILE",
        help="of a camera in its home network (https://…): the certificate that it made (REELHAUL_CAMERA_CERT)",
    )
    group.add_argument(
        "--camera-login",
        metavar="FILE",
        help="of such a camera: the file that holds USER:PASSWORD, with mode 0600 (REELHAUL_CAMERA_LOGIN)",
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


def describe_coordinator(command: argparse.ArgumentParser) -> None:
    """Add the arguments for the coordinator and its token."""
    group = command.add_argument_group("coordinator")
    group.add_argument(
        "--coordinator", metavar="URL", help="the coordinator's address (REELHAUL_COORDINATOR)"
    )
    group.add_argument(
        "--token-file",
        metavar="FILE",
        help="the file that holds the token, with mode 0600 (REELHAUL_TOKEN_FILE)",
    )


def describe_spool(command: argparse.ArgumentParser) -> None:
    """Add the argument that says where parts wait."""
    command.add_argument(
        "--spool", metavar="DIR", help="the directory in which parts wait for S3 (REELHAUL_SPOOL)"
    )


def describe_patience(command: argparse.ArgumentParser, default: str) -> None:
    """Add the argument that says how long an outage may last; `default` is in the words of the help."""
    command.add_argument(
        "--give-up-after",
        metavar="TIME",
        help=f"give up when an outage lasts longer; default {default} (REELHAUL_GIVE_UP_AFTER)",
    )


def describe_evidence(command: argparse.ArgumentParser) -> None:
    """Add the arguments for a second read of the card, and for how surely a video must be known."""
    evidence = command.add_argument_group("evidence")
    evidence.add_argument(
        "--reread", action="store_true", help="read what was read once from the card again, and compare"
    )
    evidence.add_argument(
        "--reread-rate",
        metavar="RATE",
        help="the most to read again in a second, such as 10MB (REELHAUL_REREAD_RATE)",
    )
    evidence.add_argument(
        "--after-restart",
        action="store_true",
        help="with --reread: the camera was switched off since the last haul, so it has nothing in its memory",
    )
    evidence.add_argument(
        "--require",
        metavar="LEVEL",
        help="how surely a video must be known: read-once (default), read-twice, read-back (REELHAUL_REQUIRE)",
    )


def describe_keep(command: argparse.ArgumentParser) -> None:
    """Add the argument that says how old the records of finished sessions may become."""
    command.add_argument(
        "--keep",
        metavar="TIME",
        help="how long a session is kept after it came home, such as 90d (REELHAUL_KEEP)",
    )


def describe_work(command: argparse.ArgumentParser, patience: str) -> None:
    """Add the arguments for the spool, its limits and the patience of a haul."""
    describe_spool(command)
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
    command.add_argument(
        "--no-proxies",
        action="store_true",
        help="leave the films' proxies and thumbnails on the card; in the environment yes or no (REELHAUL_NO_PROXIES)",
    )
    describe_patience(command, patience)
