"""`python -m infra.local.camera`: the simulator alone, to use by hand."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra import door
from infra.local.camera.card import Card
from infra.local.camera.folder import NoObjectStore, card_of_folder
from infra.local.camera.home import USER, HomeNetwork, write_for_client
from infra.local.camera.log import LoggedRequest
from infra.local.camera.server import Camera
from infra.local.footage import DEMO_FOLDER, make_footage

USAGE_ERROR = 2


def main(arguments: Sequence[str]) -> int:
    """Serves until Ctrl-C or SIGTERM; 0 then, 2 when it cannot begin."""
    options = _parser().parse_args(arguments)
    try:
        card = card_of_folder(options.footage or _demo_folder())
        camera = Camera(
            card, port=options.port, pace_bytes_s=options.pace, keep_alive_s=options.keep_alive, on_done=_show
        )
    except NoObjectStore as error:
        return _refused(str(error))
    except OSError as error:
        return _refused(f"port {options.port} cannot be used: {error.strerror}. Choose another with --port")
    return _serve(camera, card, options.home)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.camera", description="A GoPro on 127.0.0.1.")
    parser.add_argument(
        "--footage",
        type=Path,
        metavar="DIR",
        help="its MP4 files become one recording (default: demo footage)",
    )
    parser.add_argument("--port", type=_port, default=0, help="default: any free port")
    parser.add_argument(
        "--pace", type=_positive, metavar="BYTES_S", help="how fast its link is (default: no limit)"
    )
    parser.add_argument(
        "--keep-alive",
        type=_positive,
        metavar="SECONDS",
        help="fall asleep when not fed so long (default: never)",
    )
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="be in a home network as well: https, with certificate and login for the client in DIR",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def _demo_folder() -> Path:
    make_footage(DEMO_FOLDER, _show_progress)
    return DEMO_FOLDER


def _show_progress(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    print(f"\rdrawing demo footage: frame {done} of {total}", end=end, file=sys.stderr, flush=True)


def _serve(camera: Camera, card: Card, home: Path | None) -> int:
    # SIGTERM ends it as Ctrl-C does; and a shell that starts it in the background has SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with camera, _home_network(camera, home):
            _greet(camera, card)
            signal.pause()
    except KeyboardInterrupt:
        _say("the camera is off")
    return 0


@contextmanager
def _home_network(camera: Camera, folder: Path | None) -> Iterator[None]:
    if folder is None:
        yield
        return
    with HomeNetwork(int(camera.url.rpartition(":")[2]), secrets.token_urlsafe(9)) as network:
        certificate, login = write_for_client(folder, network)
        _say(f"In its home network, for the user {USER}, it is at {network.url}. For the client:")
        _say(f"  --camera {network.url} --camera-cert {certificate} --camera-login {login}")
        yield


def _greet(camera: Camera, card: Card) -> None:
    _say(f"{card.model}, serial {card.serial}, at {camera.url}")
    for directory, file in card.files():
        _say(f"  {directory}/{file.name}  {file.size_bytes:>14,} bytes")
    recording = card.files()[0][1].name[4:8]
    _say(f"To bring it home:  .venv/bin/reelhaul haul --camera {camera.url} --recording {recording}")
    _say("Ctrl-C switches it off.")


def _show(entry: LoggedRequest) -> None:
    _say(f"{time.strftime('%H:%M:%S')} {entry.line()}")


def _say(text: str) -> None:
    print(text, flush=True)


def _refused(reason: str) -> int:
    print(f"camera: {reason}", file=sys.stderr)
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(door.ended(lambda: main(sys.argv[1:])))
