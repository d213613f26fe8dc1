"""The whole story on this machine: camera, haul, coordinator, local AWS, and the proof. `make demo` runs it."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from infra import admin
from infra.local.camera import Camera, CardFile, NoFootage, card_of_folder
from infra.local.footage import DEMO_FOLDER, make_footage
from infra.local.world import PortTaken, World

RESULT = Path("build/demo.json")
SESSION = "demo-flight"
PART_SIZE_BYTES = 5 * 2**20
REQUIRED = "output.enhanced.mp4,measurements.lights.json"
PACE_BYTES_S = 12_000_000
"""What a camera gives over good Wi-Fi: fast enough for a demo, slow enough to watch."""
MIB = 2**20
EVENTS_S = 30.0


class DemoFailed(Exception):
    """The story did not end as it should; the text says where."""


@dataclass(frozen=True)
class Result:
    """What the demo found, and `build/demo.json` says; `verified` by reading every object back."""

    chapters: int
    bytes: int
    parts: int
    receipts: int
    verified: bool
    orders: int
    rerun_parts: int
    wall_s: float
    edge_peak_rss_mib: float
    api_calls: int


class Story:
    """The play-by-play: numbered acts and what happens in them, with the seconds since the start."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._started_s = time.monotonic()
        self._act = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started_s

    def act(self, title: str) -> None:
        self._act += 1
        self._say(f"\n[{self._act}] {title}")

    def line(self, text: str) -> None:
        self._say(f"    {self.seconds:5.1f} s  {text}")


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 when everything was proven, 1 when it was not, 2 for footage that cannot be used."""
    given = _parser().parse_args(arguments)
    story = Story(lambda text: print(text, flush=True))
    try:
        result = play(story, given.footage)
    except (NoFootage, PortTaken) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except DemoFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(asdict(result), indent=2) + "\n")
    story.act(f"Written to {RESULT}")
    print(RESULT.read_text(), end="")
    return 0


def play(story: Story, footage: Path | None) -> Result:
    """Everything from the card to the proof. Raises NoFootage, PortTaken, DemoFailed."""
    folder = footage or _drawn(story)
    card = card_of_folder(folder)
    with tempfile.TemporaryDirectory(prefix="reelhaul-demo-") as name:
        workdir = Path(name)
        story.act("A local AWS as strict as the real one, and the coordinator deployed on it")
        with _world(workdir, story) as world, Camera(card, pace_bytes_s=PACE_BYTES_S) as camera:
            return _hauled(story, world, camera, workdir)


def _hauled(story: Story, world: World, camera: Camera, workdir: Path) -> Result:
    files = [file for _, file in camera.card.files()]
    story.act(f"A camera with {len(files)} chapters of one recording on its card")
    for directory, file in camera.card.files():
        story.line(f"{directory}/{file.name}  {file.size_bytes / MIB:.1f} MiB")
    client = _Client(world, camera, workdir)
    story.act("The haul: parts are read from the camera and PUT to S3 at the same time")
    report = client.haul(story)
    story.act("The proof: every object read back and compared with the card")
    verified = _all_verified(story, world, files, report)
    story.act("The order: every chapter is verified, so a processor is told where to read them")
    orders = _orders(story, world)
    story.act("The same command again: nothing is transferred")
    again = client.haul(story)
    return Result(
        chapters=len(report["chapters"]),
        bytes=sum(chapter["size_bytes"] for chapter in report["chapters"]),
        parts=sum(chapter["parts_sent"] for chapter in report["chapters"]),
        receipts=sum(chapter["receipt"] is not None for chapter in report["chapters"]),
        verified=verified,
        orders=orders,
        rerun_parts=sum(chapter["parts_sent"] for chapter in again["chapters"]),
        wall_s=round(story.seconds, 1),
        edge_peak_rss_mib=report["peak_rss_mib"],
        api_calls=report["api_calls"],
    )


@dataclass(frozen=True)
class _Client:
    """The real client, as a device runs it: a process of its own, with a token and no AWS keys."""

    world: World
    camera: Camera
    workdir: Path

    def haul(self, story: Story) -> dict[str, Any]:
        """The report of one run. Raises DemoFailed."""
        shown = ["reelhaul", "haul", SESSION, "--recording", self._recording(), "--json"]
        story.line("$ " + " ".join(shown))
        with subprocess.Popen(
            [sys.executable, "-m", "edge_client", *shown[1:]],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=None if sys.stderr.isatty() else subprocess.PIPE,
            text=True,
        ) as client:
            for line in client.stderr or ():
                story.line(line.rstrip())
            printed = client.stdout.read() if client.stdout else ""
        if client.returncode:
            raise DemoFailed(f"the client ended with exit code {client.returncode}")
        report: dict[str, Any] = json.loads(printed)
        for chapter in report["chapters"]:
            story.line(f"{chapter['path']}: {chapter['parts_sent']} parts sent, receipt {_short(chapter)}")
        return report

    def _recording(self) -> str:
        return self.camera.card.files()[0][1].name[4:8]

    def _environment(self) -> Mapping[str, str]:
        token_file = self.workdir / "device.token"
        if not token_file.exists():
            descriptor = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                print(admin.enroll(self.world.registry, name="demo").token, file=file)
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "REELHAUL_CAMERA": self.camera.url,
            "REELHAUL_COORDINATOR": self.world.coordinator_url,
            "REELHAUL_TOKEN_FILE": str(token_file),
            "REELHAUL_SPOOL": str(self.workdir / "spool"),
        }


@contextmanager
def _world(workdir: Path, story: Story) -> Iterator[World]:
    settings = {"PART_SIZE_BYTES": str(PART_SIZE_BYTES), "REQUIRED_OUTPUTS": REQUIRED}
    with World.start(workdir=workdir, settings=settings, progress=story.line) as world:
        yield world


def _drawn(story: Story) -> Path:
    story.act("Film to haul: four approach lights turn from red to white as the viewpoint climbs")
    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        if done * 4 // total > told:
            told = done * 4 // total
            story.line(f"{done} of {total} frames drawn")

    paths = make_footage(DEMO_FOLDER, progress)
    story.line(f"{len(paths)} chapters in {DEMO_FOLDER}, playable in a browser")
    return DEMO_FOLDER


def _all_verified(story: Story, world: World, files: Sequence[CardFile], report: Mapping[str, Any]) -> bool:
    """Whether each object's bytes are the card's; raises DemoFailed at the first that are not."""
    s3 = world.aws.client("s3")
    for file, chapter in zip(files, report["chapters"], strict=True):
        stored = s3.get_object(
            Bucket=world.bucket,
            Key=chapter["receipt"]["key"],
            VersionId=chapter["receipt"]["version_id"],
        )
        found = hashlib.sha256(stored["Body"].read()).hexdigest()
        if found != file.sha256():
            raise DemoFailed(f"{chapter['path']}: S3 holds {found}, the card {file.sha256()}")
        story.line(f"{chapter['path']}: SHA-256 {found[:16]}… in S3 and on the card")
    return True


def _orders(story: Story, world: World) -> int:
    """How many orders the queue holds; each original is read at its presigned address. Raises DemoFailed."""
    if not world.delivery.settled(EVENTS_S):
        raise DemoFailed(f"the events of the haul were not delivered within {EVENTS_S} s")
    queue = world.aws.client("sqs")
    received = queue.receive_message(QueueUrl=world.aws.outputs["OrderQueue"], MaxNumberOfMessages=10)
    messages = [json.loads(message["Body"]) for message in received.get("Messages", ())]
    for message in messages:
        story.line(f"order {message['order']} of {message['session_id']}: {', '.join(message['required'])}")
        for original in message["originals"]:
            story.line(
                f"{original['filename']}: {_read_bytes(original['url'])} bytes at its presigned address"
            )
    return len(messages)


def _read_bytes(url: str) -> int:
    answer = requests.get(url, timeout=60)
    if answer.status_code != 200:
        raise DemoFailed(f"a presigned address answers {answer.status_code}")
    return len(answer.content)


def _short(chapter: Mapping[str, Any]) -> str:
    receipt = chapter["receipt"]
    return f"crc64nvme {receipt['crc64nvme']}, verified at {receipt['verified_at']}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.demo", description=__doc__)
    parser.add_argument("--footage", type=Path, metavar="DIR", help="haul this folder's MP4 files instead")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
