"""`python -m infra.local.stack`: the local AWS alone, or all of reelhaul, to use by hand until Ctrl-C."""

import argparse
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType

from chalicelib.core.tokens import Role
from infra import door
from infra.admin.commands.tokens import enroll
from infra.aws.deploy import BUILD, ChaliceFailed
from infra.local import scanner
from infra.local.aws.moto import server
from infra.local.camera import Camera, Card, NoObjectStore, card_of_folder
from infra.local.footage import DEMO_FOLDER, make_footage
from infra.local.stack import CoordinatorBroken, LocalAws, PortTaken, World
from infra.local.surroundings import LOOPBACK, ignore_surroundings
from infra.local.wheels import WheelsMissing
from infra.page import BUILT
from infra.secret_file import create_secret_file

Say = Callable[[str], None]

_EXAMPLES = """examples:
  python -m infra.local.stack aws --port 5055
  python -m infra.local.stack up
  python -m infra.local.stack up --port 5055 --footage ~/match-17 --camera-port 8080

exit codes: 0 ended by Ctrl-C or SIGTERM, 1 it could not start and says why, 2 usage"""

_TOKENS = BUILD / "local"


def run(arguments: Sequence[str], say: Say) -> int:
    """The command; its exit code."""
    given = _parser().parse_args(arguments)
    _end_as_ctrl_c()
    try:
        given.serve(given, say)
    except KeyboardInterrupt:
        say("stopped; nothing is left running")
        return 0
    except (PortTaken, ChaliceFailed, CoordinatorBroken, WheelsMissing, NoObjectStore) as error:
        print(f"not started: {error}", file=sys.stderr)
        return 1
    return 0


def _end_as_ctrl_c() -> None:
    # A shell that starts this in the background has SIGINT ignored; and SIGTERM shall clean up, too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_once)


def _end_once(_number: int, _frame: FrameType | None) -> None:
    """A second Ctrl-C of somebody impatient must not interrupt the cleaning up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m infra.local.stack",
        description="A local AWS as strict as the real one; with a coordinator and a camera, if you like.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    alone = commands.add_parser(
        "aws", help="S3, DynamoDB and SQS at one address, with bucket, table and queues"
    )
    alone.set_defaults(serve=_serve_aws)
    whole = commands.add_parser("up", help="all of it: the deployed coordinator, a device's token, a camera")
    whole.set_defaults(serve=_serve_all)
    for command in (alone, whole):
        command.add_argument("--port", type=_port, default=0, help="default: any free port")
    whole.add_argument(
        "--footage", type=Path, metavar="DIR", help="its MP4 files are on the camera (default: demo footage)"
    )
    whole.add_argument(
        "--scan",
        action="store_true",
        help="outputs count once a scanner that plays GuardDuty finds them clean",
    )
    whole.add_argument("--camera-port", type=_port, default=0, metavar="PORT", help="default: any free port")
    return made


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def _serve_aws(given: argparse.Namespace, say: Say) -> None:
    with LocalAws.start(port=given.port, progress=say) as local_aws:
        for line in aws_greeting(local_aws):
            say(line)
        _wait()


def aws_greeting(local_aws: LocalAws) -> list[str]:
    """What an outside client needs to know."""
    return [
        f"the local AWS is at {local_aws.url} in {server.REGION}, keys {server.KEY}/{server.SECRET}",
        f"  bucket       {local_aws.bucket}",
        f"  table        {local_aws.table}",
        f"  order queue  {local_aws.outputs['OrderQueue']}",
        "for example:",
        f"  env -u AWS_PROFILE -u AWS_SESSION_TOKEN AWS_ACCESS_KEY_ID={server.KEY} \\",
        f"    AWS_SECRET_ACCESS_KEY={server.SECRET} AWS_DEFAULT_REGION={server.REGION} no_proxy={LOOPBACK[0]} \\",
        f"    aws --endpoint-url {local_aws.url} s3 ls s3://{local_aws.bucket}",
        "Ctrl-C ends it; everything is in memory and ends with it.",
    ]


def _serve_all(given: argparse.Namespace, say: Say) -> None:
    card = _card(given.footage, say)
    with (
        tempfile.TemporaryDirectory(prefix="reelhaul-", ignore_cleanup_errors=True) as folder,
        World.start(
            workdir=Path(folder),
            port=given.port,
            progress=say,
            log=say,
            settings={"SCAN_GATE": "true"} if given.scan else {},
            parameters={"ScanRoleArn": scanner.ROLE} if given.scan else {},
        ) as world,
        _scanning(world) if given.scan else nullcontext(),
        _camera(card, given.camera_port) as camera,
        _token_file(world, Role.DEVICE, "by-hand") as token_file,
        _token_file(world, Role.OPERATOR) as operator_file,
    ):
        world.start_schedule()
        for line in greeting(world, camera, token_file, operator_file):
            say(line)
        _wait()


@contextmanager
def _scanning(world: World) -> Iterator[None]:
    """Within, all that comes is scanned."""
    scans = world.aws.scanner()
    scans.start()
    try:
        yield
    finally:
        scans.close()


def _card(footage: Path | None, say: Say) -> Card:
    if footage is not None:
        return card_of_folder(footage)
    say(f"demo footage in {DEMO_FOLDER}")
    make_footage(DEMO_FOLDER, lambda _done, _total: None)
    return card_of_folder(DEMO_FOLDER)


@contextmanager
def _camera(card: Card, port: int) -> Iterator[Camera]:
    try:
        camera = Camera(card, port=port)
    except OSError as error:
        raise PortTaken(
            f"port {port} cannot be used by the camera: choose another with --camera-port"
        ) from error
    with camera:
        yield camera


@contextmanager
def _token_file(world: World, role: Role, name: str | None = None) -> Iterator[Path]:
    """A new token, for this user's eyes only; removed with the world that knows it."""
    path = _TOKENS / f"{role.value}-{world.aws.port}.token"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    token = enroll(world.registry, role, name=name).token
    with create_secret_file(path) as file:
        print(token, file=file)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def greeting(world: World, camera: Camera, token_file: Path, operator_file: Path) -> list[str]:
    """What a person types to haul by hand, and to look at what came of it."""
    token = shlex.quote(str(token_file))
    recording = camera.card.files()[0][1].name[4:8]
    headers = f'-H "Authorization: Bearer $(cat {token})" -H "Reelhaul-Client-Version: 0.1.0"'
    return [
        *aws_greeting(world.aws)[:-1],
        f"the camera is at {camera.url}, recording {recording}",
        "to haul it as the session 'by-hand':",
        f"  .venv/bin/reelhaul haul by-hand --recording {recording} --camera {camera.url} \\",
        f"    --coordinator {world.coordinator_url} --token-file {token} --spool build/local/spool",
        "to ask the coordinator:",
        f"  curl -s --noproxy {LOOPBACK[0]} {headers} \\",
        f"    {world.coordinator_url}/v1/sessions/by-hand",
        *_page_lines(world, operator_file),
        "Ctrl-C ends all of it; everything is in memory and ends with it.",
    ]


def _page_lines(world: World, operator_file: Path) -> list[str]:
    """Where the page is, and how to log in."""
    if not (BUILT / "index.html").is_file():
        return ["the page is not built: end this, install Node.js 20 or newer, and start it again"]
    return [
        f"the page is at {world.coordinator_url}/",
        f"  log in with the operator's token: cat {shlex.quote(str(operator_file))}",
    ]


def _wait() -> None:
    while True:
        signal.pause()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    ignore_surroundings(os.environ)
    sys.exit(door.ended(lambda: run(sys.argv[1:], _say)))
