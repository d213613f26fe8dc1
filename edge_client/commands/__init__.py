"""The commands of the client: a file each. Each says what it takes, what it does and prints, and how it ends."""

from __future__ import annotations

from typing import Any

from edge_client.commands.audit import AUDIT
from edge_client.commands.command import Command
from edge_client.commands.doctor import DOCTOR
from edge_client.commands.enroll import ENROLL, ROTATE
from edge_client.commands.forget import FORGET
from edge_client.commands.haul import HAUL
from edge_client.commands.list import LIST
from edge_client.commands.report import REPORT
from edge_client.commands.status import STATUS
from edge_client.commands.tidy import TIDY

# In the order of the help.
COMMANDS: tuple[Command[Any], ...] = (
    HAUL,
    LIST,
    STATUS,
    FORGET,
    TIDY,
    AUDIT,
    DOCTOR,
    REPORT,
    ENROLL,
    ROTATE,
)
