"""The operator's command as a whole: `reelhaul-admin --help` shows examples."""

import argparse
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import ReelhaulError
from chalicelib.logs import without_secrets
from infra.admin.commands import (
    adopt,
    audit,
    cleanup,
    doctor,
    download,
    ensure,
    manifest,
    migrate,
    order,
    query,
    recount,
    report,
    restore,
    smoke,
    tokens,
    verify,
)
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
from infra.admin.own_version import DISTRIBUTION, own_version

_EXAMPLES = """  reelhaul-admin invite --stage prod --name jetson-north
  reelhaul-admin enroll --stage prod --name jetson-north --token-file jetson-north.token
  reelhaul-admin tokens --stage prod
  reelhaul-admin audit --stage prod match-17-north
  reelhaul-admin logins --stage prod t_8sKq
  reelhaul-admin revoke --stage prod t_8sKq
  reelhaul-admin ensure --stage prod --dry-run
  reelhaul-admin cleanup --stage prod --plan
  reelhaul-admin restore --stage prod match-17-north --reason 'cut again' --wait
  reelhaul-admin order --stage prod match-17-north --require output.enhanced.mp4
  reelhaul-admin hold --stage prod match-17-north --reason 'the referee wants to see it'
  reelhaul-admin adopt --stage prod match-17-north --device d_7Hq2
  reelhaul-admin verify --stage prod --sample 5%
  reelhaul-admin download --stage prod match-17-north /mnt/edit
  reelhaul-admin manifest --stage prod match-17-north --out /mnt/edit
  reelhaul-admin recount --stage prod
  reelhaul-admin doctor --stage prod
  reelhaul-admin smoke --stage prod
  reelhaul-admin migrate --stage prod --folder /srv/older --database sqlite:////srv/older/app.db
  reelhaul-admin query --stage prod 'SELECT light, avg(angle) FROM papi_summary GROUP BY light'"""


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
        prog=DISTRIBUTION,
        description="The operator's commands: manage tokens and devices, and look after the coordinator's sessions.",
        epilog=f"examples:\n{_EXAMPLES}\n\nin a checkout: python -m infra.admin is the same command\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action="version", version=f"{DISTRIBUTION} {own_version()}")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    sessions = (ensure, cleanup, restore, order, adopt, report, query, verify, download, manifest, recount)
    for subject in (tokens, audit, *sessions, doctor, smoke, migrate):
        subject.describe(commands)
    return made
