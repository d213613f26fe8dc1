"""Sessions to look at: one that was hauled, processed and measured, one under way, one failed, one held."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from chalicelib.core.tokens import Role
from infra.client import Client as Api
from infra.local.camera import Camera, card_of_folder
from infra.local.demo import inspection
from infra.local.demo.commands import SESSION, Client, Operator, token_file
from infra.local.demo.coordinator import SessionReader
from infra.local.demo.story import Story
from infra.local.footage import Film, make_footage
from infra.local.stack import World

VIDEO, LIGHTS = "output.enhanced.mp4", "measurements.lights.json"
SHORT = Film(width=480, height=270, chapters=2, frames_per_chapter=90, bit_rate=1_000_000)
CHAPTER_BYTES = 11_534_336_000
UNDER_WAY, FAILED, HELD, GROUP = "match-17-east", "match-17-west", "match-17-north", "match-17"


@dataclass(frozen=True)
class Sample:
    """The names of the sessions."""

    processed: str = SESSION
    under_way: str = UNDER_WAY
    failed: str = FAILED
    held: str = HELD
    group: str = GROUP

    @property
    def places(self) -> dict[str, str]:
        """Each view by its name, as the part of an address after `#`."""
        return {
            "fleet": "#/",
            "sessions": "#/sessions",
            "session": f"#/sessions/{self.processed}",
            "session-under-way": f"#/sessions/{self.under_way}",
            "session-failed": f"#/sessions/{self.failed}",
            "receipt": f"#/sessions/{self.processed}/receipt",
            "watch": f"#/sessions/{self.processed}/watch",
            "group": f"#/groups/{self.group}",
            "upload": "#/upload",
        }


def make_sample(world: World, film: Film = SHORT) -> Sample:
    """The sessions, made by the real client, the sample processor and calls of the API."""
    sample = Sample()
    with tempfile.TemporaryDirectory() as name:
        workdir = Path(name)
        _haul_and_process(world, workdir, film)
        operator = Api(world.coordinator_url, token_file(world, workdir, Role.OPERATOR).read_text().strip())
        for number, session in enumerate((sample.under_way, sample.failed, sample.held), start=1):
            _tell(world, workdir, "PUT", session, _session(number, sample.group))
        _tell(world, workdir, "POST", f"{sample.under_way}/progress", _heartbeat())
        operator.fail(sample.failed, "the processor found no runway in the film")
        operator.hold(sample.held, "the referee wants to look")
    return sample


def _haul_and_process(world: World, workdir: Path, film: Film) -> None:
    make_footage(workdir / "films", lambda _done, _total: None, film)
    parameters = {"inspection": inspection.asked(), "telemetry": inspection.flight(film)}
    story = Story(lambda _line: None)
    reader, operator = SessionReader(world, workdir), Operator(world, workdir)
    with Camera(card_of_folder(workdir / "films")) as camera:
        Client(world, camera, workdir).haul(story)
    reader.settled("the haul")
    api = Api(world.coordinator_url, token_file(world, workdir, Role.OPERATOR).read_text().strip())
    api.order(SESSION, [VIDEO, LIGHTS], parameters)
    for _ in range(reader.get()["order"]["number"]):
        operator.process_one_order(story)
        reader.settled("the processor")


def _tell(world: World, workdir: Path, method: str, path: str, body: object) -> None:
    """A call about a session, as the device makes it."""
    token = token_file(world, workdir, Role.DEVICE).read_text().strip()
    headers = {"Authorization": f"Bearer {token}", "Reelhaul-Client-Version": "0.1.0"}
    url = f"{world.coordinator_url}/v1/sessions/{path}"
    requests.request(method, url, json=body, headers=headers, timeout=30).raise_for_status()


def _session(number: int, group: str) -> dict[str, object]:
    """Fourteen chapters of a camera of its own."""
    chapters = [
        {
            "directory": "100GOPRO",
            "filename": f"GX{chapter:02}{number:04}.MP4",
            "size_bytes": CHAPTER_BYTES,
            "created": 1795258800 + 531 * chapter,
            "modified": 1795258800 + 531 * chapter,
        }
        for chapter in range(1, 15)
    ]
    camera = {"serial": f"C35013245007{number:02}", "model": "HERO12 Black", "firmware": "H23.01.02.32.00"}
    return {"camera": camera, "group": group, "chapters": chapters}


def _heartbeat() -> dict[str, object]:
    return {
        "bytes_down": 5 * CHAPTER_BYTES,
        "bytes_up": 4 * CHAPTER_BYTES + CHAPTER_BYTES // 4,
        "rate_down_bytes_s": 31_000_000,
        "rate_up_bytes_s": 6_000_000,
        "spool_bytes": CHAPTER_BYTES // 2,
        "disk_free_bytes": 91_268_055_040,
        "clock": datetime.now(UTC).isoformat(),
        "last_chapter_s": 531,
        "retried_parts": 3,
    }
