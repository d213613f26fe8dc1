"""`python -m infra.admin`: the operator's commands."""

import logging
import sys

from chalicelib import logs
from infra import door
from infra.admin.command import run
from infra.admin.console import to_stdout
from infra.admin.deployment import deployed


def main() -> int:
    """The command; its exit code."""
    # What went wrong inside is worth a line, and no line has secrets; what was done, the command says itself.
    logs.install(sys.stderr, logging.WARNING)
    return run(sys.argv[1:], deployed, to_stdout)


if __name__ == "__main__":
    sys.exit(door.ended(main))
