"""The operator's command as a whole: `python -m infra.admin --help` shows examples."""

import argparse
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import ReelhaulError
from chalicelib.logs import without_secrets
from infra.admin.commands import cleanup, ensure, order, restore, tokens
from infra.admin.console import (
    EXIT_CODES,
    OWED,
    REFUSED,
    Connect,
    Console,
    Say,
    to_stderr,
)
from infra.admin.deployment import Refused

_EXAMPLES = """  python -m infra.admin enroll --stage prod --name jetson-north --token-file jetson-north.token
  python -m infra.admin revoke --stage prod t_8sKq
  python -m infra.admin ensure --stage prod --dry-run
  python -m infra.admin cleanup --stage prod --plan
  python -m infra.admin restore --stage prod match-17-north --reason 'cut again' --wait
  python -m infra.admin order --stage prod match-17-north --require output.enhanced.mp4
  python -m infra.admin hold --stage prod match-17-north --reason 'the referee wants to see it'"""


def run(arguments: Sequence[str], connect: Connect, say: Say) -> int:
    """The command on what `connect` finds for its arguments, or on the deployed stage; its exit code."""
    return follow(arguments, Console(connect=connect, say=say))


def follow(arguments: Sequence[str], desk: Console) -> int:
    """The command at this desk; its exit code."""
    given = parser().parse_args(arguments)
    try:
        code: int = given.do(given, desk)
    except (Refused, ReelhaulError, BotoCoreError, ClientError, OSError) as error:
        to_stderr(f"refused: {without_secrets(str(error))}")
        return REFUSED
    except KeyboardInterrupt:
        to_stderr("stopped")
        return OWED
    return code


def parser() -> argparse.ArgumentParser:
    """The command's arguments; `do` has what a subcommand does."""
    made = argparse.ArgumentParser(
        prog="python -m infra.admin",
        description="The operator's commands: manage tokens and devices, and look after the coordinator's sessions.",
        epilog=f"examples:\n{_EXAMPLES}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    for subject in (tokens, ensure, cleanup, restore, order):
        subject.describe(commands)
    return made
