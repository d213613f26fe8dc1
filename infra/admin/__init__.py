"""The operator's commands: who may call the coordinator, and what becomes of its sessions."""

from infra.admin.callers import Enrolment, enroll
from infra.admin.command import follow, parser, run
from infra.admin.deployment import Deployment, Refused, TableRegistry, deployed, reached, registry, table_of
from infra.admin.desk import Arguments, Connect, Desk, Say

__all__ = [
    "Arguments",
    "Connect",
    "Deployment",
    "Desk",
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
