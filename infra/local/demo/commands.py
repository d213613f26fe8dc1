"""The commands that the demo runs as its users do: each a process of its own, with what it needs and nothing more."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.core.tokens import Role
from infra.admin.commands.tokens import enroll
from infra.local.aws.moto import server
from infra.local.camera import Camera
from infra.local.demo.story import DemoFailed, Story
from infra.local.stack import World
from infra.secret_file import create_secret_file
from infra.stages import LOCAL_STAGE

SESSION = "demo-flight"


@dataclass(frozen=True)
class Client:
    """The real client, as a device runs it: with a token and no AWS keys."""

    world: World
    camera: Camera
    workdir: Path

    def haul(self, story: Story) -> dict[str, Any]:
        """The report of one run. Raises DemoFailed."""
        shown = ["reelhaul", "haul", SESSION, "--recording", self._recording(), "--json"]
        story.line("$ " + " ".join(shown))
        printed = run(story, ["edge_client", *shown[1:]], self._environment())
        report: dict[str, Any] = json.loads(printed)
        for chapter in report["chapters"]:
            story.line(f"{chapter['path']}: {chapter['parts_sent']} parts sent, receipt {_short(chapter)}")
        return report

    def _recording(self) -> str:
        return self.camera.card.files()[0][1].name[4:8]

    def _environment(self) -> Mapping[str, str]:
        return {
            **_of_no_device(),
            "REELHAUL_CAMERA": self.camera.url,
            "REELHAUL_COORDINATOR": self.world.coordinator_url,
            "REELHAUL_TOKEN_FILE": str(token_file(self.world, self.workdir, Role.DEVICE)),
            "REELHAUL_SPOOL": str(self.workdir / "spool"),
        }


@dataclass(frozen=True)
class Operator:
    """Who has keys to the account: `reelhaul-admin` and the sample processor."""

    world: World
    workdir: Path

    def admin(self, story: Story, *arguments: str) -> dict[str, Any]:
        """What the operator's command answers. Raises DemoFailed."""
        story.line("$ reelhaul-admin " + shlex.join(arguments))
        where = ["--stage", LOCAL_STAGE, "--endpoint-url", self.world.aws_url, "--json"]
        told: dict[str, Any] = json.loads(
            run(story, ["infra.admin", *arguments, *where], self._environment())
        )
        return told

    def process_one_order(self, story: Story) -> None:
        """Raises DemoFailed."""
        story.line("$ python -m examples.processor --once")
        where = {
            "--queue-url": self.world.aws.outputs["OrderQueue"],
            "--bucket": self.world.bucket,
            "--coordinator": self.world.coordinator_url,
            "--token-file": str(token_file(self.world, self.workdir, Role.PROCESSOR)),
            "--endpoint-url": self.world.aws_url,
        }
        arguments = [each for pair in where.items() for each in pair]
        run(story, ["examples.processor", "--once", *arguments], self._environment())

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, **server.environment(self.world.aws_url, os.environ)}


def token_file(world: World, workdir: Path, role: Role) -> Path:
    """A file with the token of a newly enrolled caller of this role, mode 0600; made once."""
    path = workdir / f"{role.value}.token"
    if not path.exists():
        name = "demo" if role is Role.DEVICE else None
        token = enroll(world.registry, role, name=name).token
        with create_secret_file(path) as file:
            print(token, file=file)
    return path


def run(story: Story, module: list[str], environment: Mapping[str, str]) -> str:
    """What `python -m module…` printed; what it says on the way is shown. Raises DemoFailed."""
    with subprocess.Popen(
        [sys.executable, "-m", *module],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=None if sys.stderr.isatty() else subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stderr or ():
            story.line(line.rstrip())
        printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise DemoFailed(f"{module[0]} ended with exit code {process.returncode}")
    return printed


def _of_no_device() -> dict[str, str]:
    """The environment without the settings of a device that this machine may be."""
    return {name: value for name, value in os.environ.items() if not name.startswith("REELHAUL_")}


def _short(chapter: Mapping[str, Any]) -> str:
    receipt = chapter["receipt"]
    return f"crc64nvme {receipt['crc64nvme']}, verified at {receipt['verified_at']}"
