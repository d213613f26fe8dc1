"""`reelhaul-admin`, or `python -m infra.admin` in a checkout: the operator's commands."""

import logging
import shlex
import sys

from infra import door

NEEDS = frozenset({"boto3", "botocore", "chalicelib", "msgspec"})


def main() -> int:
    """The command as a process; its exit code."""
    return door.ended(_run)


def _run() -> int:
    try:
        from chalicelib import logs
        from infra.admin.command import run
        from infra.admin.console import to_stdout
        from infra.admin.deployment import deployed
    except ModuleNotFoundError as error:
        if error.name not in NEEDS:
            raise
        print(_remedy(error.name), file=sys.stderr)
        return door.FAILED
    # What went wrong inside is worth a line, and no line has secrets; what was done, the command says itself.
    logs.install(sys.stderr, logging.WARNING)
    return run(sys.argv[1:], deployed, to_stdout)


def _remedy(absent: str) -> str:
    python = shlex.quote(sys.executable)
    return (
        f"refused: {python} has no {absent}, which this command needs; in a checkout of reelhaul, "
        f"{python} -m pip install ./infra/admin installs both, and make setup makes .venv/bin/reelhaul-admin"
    )


if __name__ == "__main__":
    sys.exit(main())
