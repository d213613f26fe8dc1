"""What a command of the client is."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from edge_client.base.errors import SettingsFault
from edge_client.base.exit_code import ExitCode
from edge_client.config import Faulty, Parsed, Values

S = TypeVar("S")


def hauls_nothing(_settings: object) -> bool:
    """For a command that reads no film from the camera."""
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
