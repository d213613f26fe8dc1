"""`python -m infra.admin`: the operator's commands."""

import logging
import sys

from chalicelib import logs
from infra.admin.command import run
from infra.admin.deployment import deployed
from infra.admin.desk import to_stdout

if __name__ == "__main__":
    # What went wrong inside is worth a line, and no line has secrets; what was done, the command says itself.
    logs.install(sys.stderr, logging.WARNING)
    sys.exit(run(sys.argv[1:], deployed, to_stdout))
