"""The real client on one side, the deployed coordinator and the strict AWS on the other, and hands to disturb them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from edge_client import cli
from edge_client.haul.camera_session import Looks
from infra.admin import command as admin
from infra.admin.console import to_stdout
from infra.admin.deployment import deployed
from infra.local.aws.moto import server
from infra.local.camera import Camera, Card, card_with, recording
from infra.local.stack import World
from infra.stages import LOCAL_STAGE

PART_SIZE_BYTES = 65_536
BOX_HEADER_BYTES = 16
KEEP_ALIVE = "/gopro/camera/keep_alive"
MEDIA_INFO = "/gopro/media/info"
RECORDING = "0038"
DEADLINE_S = 60.0


@dataclass(frozen=True)
class Ended:
    """A client that has ended: exit code, the reports it printed, what it said."""

    code: int
    reports: list[dict[str, Any]]
    said: str

    @property
    def report(self) -> dict[str, Any]:
        [report] = self.reports
        return report

    @property
    def parts_sent(self) -> int:
        return sum(chapter["parts_sent"] for chapter in self.report["chapters"])


@dataclass(frozen=True)
class Rig:
    """One world, and a device enrolled in it.

    Whole runs of a command are runs in this process, by the client's own door. What is disturbed or killed is a
    `client` in a process of its own, which runs `under` another command where one is named.
    """

    world: World
    folder: Path
    token_file: Path
    under: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        return self.token_file.read_text().strip()

    def client(
        self, camera: Camera, session: str | None, *more: str, spool: str = "spool"
    ) -> subprocess.Popen[str]:
        """The real client in a process of its own, started on a haul."""
        words = [*self.under, sys.executable, "-m", "edge_client", *self._hauling(camera, session, more)]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AWS_")
        } | self._device(spool)
        return subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def command(self, name: str, camera: Camera | None, *more: str, spool: str = "spool") -> Ended:
        """One whole run of another command; without a camera for those that ask none."""
        return self._run(self._words(name, camera, more), spool)

    def printed_command(self, command: str, spool: str = "spool") -> Ended:
        """One whole run of a command line as the client printed it."""
        return self._run([*shlex.split(command)[1:], "--json"], spool)

    def operator(self, *words: str) -> Ended:
        """One whole run of the operator's command on the deployed stage."""
        environment = {
            **server.environment(self.world.aws_url, {}),
            "XDG_STATE_HOME": str(self.folder),
        }
        whole = [*words, "--stage", LOCAL_STAGE, "--json"]
        return run_here(lambda: admin.run(whole, deployed, to_stdout), environment)

    def _hauling(self, camera: Camera, session: str | None, more: Iterable[str]) -> list[str]:
        named = [session] if session else []
        return self._words("haul", camera, [*named, *(more or ["--recording", RECORDING])])

    def _words(self, name: str, camera: Camera | None, more: Iterable[str]) -> list[str]:
        words = [name, *more, "--json"]
        words += ["--camera", camera.url] if camera else []
        words += ["--coordinator", self.world.coordinator_url]
        return [*words, "--token-file", str(self.token_file)]

    def _device(self, spool: str) -> dict[str, str]:
        # Each spool is a device of its own: devices share no locks.
        return {
            "REELHAUL_SPOOL": str(self.folder / spool),
            "REELHAUL_LOCKS": str(self.folder / f"{spool}-locks"),
        }

    def _run(self, words: list[str], spool: str) -> Ended:
        return run_here(lambda: cli.run(words), self._device(spool))

    def ended(self, client: subprocess.Popen[str]) -> Ended:
        """What became of a client of its own process, once it has ended by itself."""
        try:
            printed, said = client.communicate(timeout=DEADLINE_S)
        finally:
            client.kill()
            client.wait()
        return Ended(client.returncode, [json.loads(line) for line in printed.splitlines()], said)

    def haul(self, camera: Camera, session: str | None, *more: str, spool: str = "spool") -> Ended:
        """One whole run of the client."""
        return self._run(self._hauling(camera, session, more), spool)

    def killed(self, client: subprocess.Popen[str]) -> None:
        """kill -9, and wait until nothing of the client is left."""
        client.send_signal(signal.SIGKILL)
        client.communicate(timeout=DEADLINE_S)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        """One call of the API as the device makes it, by hand."""
        known = {"Authorization": f"Bearer {self.token}", "Reelhaul-Client-Version": "0.1.0", **headers}
        url = self.world.coordinator_url + path
        return requests.request(method, url, json=body, headers=known, timeout=DEADLINE_S)

    def session(self, session: str) -> dict[str, Any] | None:
        """The session as the coordinator shows it to its device, or None."""
        answer = self.call("GET", f"/v1/sessions/{session}")
        return answer.json() if answer.status_code == 200 else None

    def upload(self, session: str, chapter: int = 0) -> dict[str, Any] | None:
        """The latest upload of a chapter, or None."""
        shown = self.session(session)
        named = shown["chapters"][chapter]["upload"] if shown else None
        if named is None:
            return None
        return dict(self.call("GET", f"/v1/uploads/{named['upload_id']}").json())

    def parts(self, session: str, chapter: int = 0) -> int:
        """How many parts of a chapter S3 holds."""
        upload = self.upload(session, chapter)
        return len(upload["parts"]) if upload else 0

    def stored_sha256(self, session: str) -> list[str]:
        """SHA-256 of each chapter's current object, read back from S3, in the order of recording."""
        shown = self.session(session)
        assert shown, f"no session {session}"
        return [self._sha256(chapter["receipt"]["key"]) for chapter in shown["chapters"]]

    def open_multiparts(self, session: str) -> list[str]:
        """The multipart uploads of a session that S3 still keeps."""
        found = self.world.aws.client("s3").list_multipart_uploads(
            Bucket=self.world.bucket, Prefix=f"originals/main/{session}/"
        )
        return [upload["UploadId"] for upload in found.get("Uploads", [])]

    def reconcile(self) -> None:
        """One run of the schedule, now."""
        outcome = self.world.run_schedule("reconcile")
        assert outcome.error is None, outcome.error

    def _sha256(self, key: str) -> str:
        body = self.world.aws.client("s3").get_object(Bucket=self.world.bucket, Key=key)["Body"]
        return hashlib.sha256(body.read()).hexdigest()


@contextmanager
def camera_with(
    *sizes_bytes: int, pace_bytes_s: int | None = None, card: Card | None = None
) -> Iterator[Camera]:
    """A camera with recording 0038 in chapters of these sizes."""
    card = card or card_with(*recording(int(RECORDING), list(sizes_bytes)))
    with Camera(card, pace_bytes_s=pace_bytes_s) as camera:
        yield camera


def run_here(run: Callable[[], int], environment: Mapping[str, str]) -> Ended:
    """One whole run of a command in this process: in its own it would import for a second of CPU time."""
    printed, said = io.BytesIO(), io.BytesIO()
    with (
        redirect_stdout(io.TextIOWrapper(printed, "utf-8", write_through=True)),
        redirect_stderr(io.TextIOWrapper(said, "utf-8", write_through=True)),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment.items():
            patch.setenv(name, value)
        code = run()
        lines, text = printed.getvalue().decode(), said.getvalue().decode()
    return Ended(code, [json.loads(line) for line in lines.splitlines()], text)


def source_sha256(camera: Camera) -> list[str]:
    """SHA-256 of each chapter on the camera's card, in the order of recording."""
    return [file.sha256() for _, file in camera.card.files() if file.is_video]


def bytes_read(camera: Camera) -> int:
    """Bytes of parts that the camera has sent. Looks are none: at the header of a box, at a spot of a part, and at a
    film's head, which is asked for behind its media info."""
    read_bytes, before = 0, ""
    for entry in camera.log.all():
        if entry.path == KEEP_ALIVE:
            continue
        if entry.asked and before != MEDIA_INFO and entry.body_bytes > Looks().spot_bytes:
            read_bytes += entry.body_bytes
        before = entry.path
    return read_bytes


def until(happened: Callable[[], object], what: str) -> None:
    """Wait until `happened` answers something true; fails after the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S:.0f} s: {what}"
        time.sleep(0.02)
