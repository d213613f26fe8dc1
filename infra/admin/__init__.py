"""The operator's commands: manage tokens and devices, and look after the coordinator's sessions."""

from infra.admin.command import follow, parser, run
from infra.admin.commands.tokens import Enrolment, enroll
from infra.admin.console import Arguments, Connect, Console, Say
from infra.admin.deployment import Deployment, Refused, TableRegistry, deployed, reached, registry, table_of

__all__ = [
    "Arguments",
    "Connect",
    "Console",
    "Deployment",
    "Enrolment",
    "Refused",
    "Say",
    "TableRegistry",
    "deployed",
    "enroll",
    "follow",
    "parser",
    "reached",
    "registry",
    "run",
    "table_of",
]
