"""One haul from the camera simulator, disturbed as a row says, and what must be true of it whatever happened."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from edge_client import cli
from edge_client.base.errors import EdgeError
from edge_client.base.exit import ExitCode, code_of_error, code_of_result
from edge_client.base.retry import Timing
from edge_client.model.selection import Choice
from infra.local.camera import Camera, CameraState, Card, CardFile, Fault, Habits, card_with, recording
from infra.local.camera.routes import FILES
from tests.edge.conftest import PART_BYTES, RECORDING, Device, FakeTime
from tests.support.coordinator import SIGNATURE, TOKEN, MemoryCoordinator

# So many seconds that the client sleeps are one for the camera: a minute takes 0.3 s.
SPEED = 200.0
SIZE_BYTES = 3 * PART_BYTES + 5
CHAPTER = "100GOPRO/GX010042.MP4"
CARD = card_with(*recording(42, [SIZE_BYTES]))
# What a camera may be asked at all, beside its files.
CALLS = {
    "/gopro/camera/state",
    "/gopro/camera/info",
    "/gopro/camera/get_date_time",
    "/gopro/camera/keep_alive",
    "/gopro/camera/control/wired_usb",
    "/gopro/media/list",
    "/gopro/media/info",
}
SECRETS = (TOKEN, TOKEN.partition(".")[2], SIGNATURE, "http://", "X-Amz")
# The longest that a run may take here, however it is disturbed.
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Ends:
    """How a run ends: its exit code, and words of what it says to the person at the terminal."""

    code: int
    words: str = ""


RECOVERS = Ends(ExitCode.DONE)


def refused(words: str) -> Ends:
    return Ends(ExitCode.REFUSED, words)


def later(words: str) -> Ends:
    return Ends(ExitCode.TRY_LATER, words)


def nothing(camera: Camera) -> None:
    """Nothing is done to the camera."""


@dataclass(frozen=True)
class Row:
    """One disturbance and how a run under it ends.

    Where `between` is given, it is done to the camera after a first run, which must not finish, and `ends` is the end
    of a second run without the faults. `meanwhile` is done to the camera beside a run. `home` is the card whose bytes
    must be home in the end, where it is not the one that the camera has then. `mended` is the card with which the same
    command finishes when nothing is wrong any more. `in_soak` leaves it to `make soak`, as another row shows the same.
    """

    name: str
    ends: Ends
    faults: tuple[Fault, ...] = ()
    card: Card = CARD
    habits: Habits = field(default_factory=Habits)
    manner: Mapping[str, Any] = field(default_factory=dict)
    start: Callable[[Camera], None] = nothing
    between: Callable[[Camera], None] | None = None
    meanwhile: Callable[[Camera], None] = nothing
    choice: Choice = RECORDING
    session: str | None = "s"
    hauled: tuple[str, ...] = (CHAPTER,)
    give_up_after_s: float = 600.0
    clock_runs: bool = False
    home: Card | None = None
    mended: Card = CARD
    in_real_time: bool = False
    in_soak: bool = False

    @property
    def is_final(self) -> bool:
        return self.ends.code != ExitCode.DONE


@dataclass
class QuickTime(FakeTime):
    """A clock that sleeping moves; the camera's time goes along, SPEED times slower. With `runs` all time moves it."""

    runs: bool = False
    began_s: float = field(default_factory=time.monotonic)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.stop.wait(seconds / SPEED)

    def monotonic(self) -> float:
        return self.now_s + ((time.monotonic() - self.began_s) * SPEED if self.runs else 0.0)

    def timing(self) -> Timing:
        return Timing(self.monotonic, self.sleep, self.check, lambda: 1.0)


@dataclass
class Scene:
    """A device between the simulator and the cloud, and everything that was said."""

    row: Row
    camera: Camera
    cloud: MemoryCoordinator
    folder: Path
    log: pytest.LogCaptureFixture
    said: list[str] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def walk(self) -> int:
        """One run on the quick clock: its exit code, by the same rules as the command's."""
        device = Device(
            self.camera,  # type: ignore[arg-type]  # it asks for its url alone
            self.cloud,
            self.spool,
            time=QuickTime(runs=self.row.clock_runs),
            give_up_after_s=self.row.give_up_after_s,
            keep_alive_every_s=0.05,
        )
        try:
            each = device.run(self.row.session, self.row.choice)
        except EdgeError as error:
            return self._code(error)
        for refusal in each.refusals:
            self._code(refusal)
        if each.unfinished:
            return self._code(each.unfinished)
        left_out = any(report.left_out for report in each.done)
        return code_of_result(bool(each.refusals) or left_out)

    def _code(self, error: EdgeError) -> int:
        self.said.append(str(error))
        return code_of_error(error)

    def command(self) -> int:
        """One run of the real command, in real time: chance may make it wait, unless it is to give up."""
        patience = "2s" if self.row.is_final else "60s"
        token = self.folder / "token"
        token.write_text(f"{TOKEN}\n")
        token.chmod(0o600)
        return cli.run(
            [
                *("haul", self.row.session or "s", "--recording", "0042"),
                *("--camera", self.camera.url, "--coordinator", self.cloud.url),
                *("--token-file", str(token), "--spool", str(self.spool)),
                *("--locks", str(self.folder / "locks"), "--give-up-after", patience, "--json"),
            ]
        )

    def run(self, how: Callable[[], int]) -> int:
        """One run. It ends in time, and the cards that the camera had are remembered."""
        self.said.clear()
        self.cards.append(self.camera.card)
        beside = threading.Thread(target=self.row.meanwhile, args=(self.camera,), daemon=True)
        beside.start()
        began_s = time.monotonic()
        with self.log.at_level(logging.DEBUG, "edge_client"):
            code = how()
        assert time.monotonic() - began_s < PATIENCE_S
        beside.join(PATIENCE_S)
        self.cards.append(self.camera.card)
        return code

    def mend(self, card: Card) -> None:
        """Nothing is wrong any more, and the camera has this card."""
        self.camera.faults.clear()
        self.camera.card, self.camera.state = card, replace(CameraState(), deletes=self.camera.deletes)
        self.camera.wake()

    def everything_said(self) -> str:
        records = repr([vars(record) for record in self.log.records])
        return "\n".join([*self.said, self.log.text, records])

    def check(self) -> None:
        """What holds for every haul: no wrong byte anywhere, a camera that was only read, nothing secret said."""
        self._check_bytes()
        self._check_camera()
        said = self.everything_said()
        assert not [secret for secret in (*SECRETS, self.camera.url) if secret in said]

    def _check_bytes(self) -> None:
        for chapter, body in self.cloud.objects().items():
            assert body in self._versions(chapter)
        for upload in self.cloud.uploads.values():
            placed = {(number - 1) * self.cloud.part_bytes: part for number, part in upload.stored.items()}
            assert self._is_of_one_version(upload.artifact_id, placed)
        for folder in {path.parent for path in self.spool.rglob("*.part")}:
            # A part's name begins with its number, its folder's with the chapter's.
            parts = {
                (int(path.name[:5]) - 1) * self.cloud.part_bytes: path.read_bytes()
                for path in folder.glob("*.part")
            }
            assert self._is_of_one_version(folder.name.rpartition(".")[0], parts)

    def _is_of_one_version(self, chapter: str, placed: Mapping[int, bytes]) -> bool:
        return any(
            all(body[first : first + len(part)] == part for first, part in placed.items())
            for body in self._versions(chapter)
        )

    def _versions(self, artifact_id: str) -> set[bytes]:
        """What the camera truly had under a chapter's name, on all its cards."""
        there = [
            file
            for card in self.cards
            for directory, file in card.files()
            if artifact_id == _id(directory, file)
        ]
        return {file.content.read(0, file.size_bytes) for file in there}

    def _check_camera(self) -> None:
        assert (self.camera.deletes, self.camera.log.writes()) == ([], [])
        for request in self.camera.log.all():
            if not request.path.startswith(FILES):
                assert request.path in CALLS
            elif request.method == "GET":
                assert request.asked
                assert request.asked.last is not None
                assert request.asked.last < self._largest_bytes(request.path.removeprefix(FILES))

    def _largest_bytes(self, path: str) -> int:
        sizes = [f.size_bytes for card in self.cards for d, f in card.files() if f"{d}/{f.name}" == path]
        return max(sizes, default=0)

    def check_home(self) -> None:
        """Exactly the chapters that are due are home, each as the camera has it."""
        card = self.row.home or self.camera.card
        assert self.cloud.objects() == {
            _id(directory, file): file.content.read(0, file.size_bytes)
            for directory, file in card.files()
            if f"{directory}/{file.name}" in self.row.hauled
        }


def _id(directory: str, file: CardFile) -> str:
    """The artifact of a file; the films of these cards that have proxies are all called GX."""
    stem, _, suffix = file.name.rpartition(".")
    if suffix == "LRV":
        return f"proxy.{directory}.GX{stem[2:]}.MP4"
    if suffix == "THM":
        return f"thumbnail.{directory}.{stem}.MP4"
    return f"original.{directory}.{file.name}"
