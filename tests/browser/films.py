"""Films in the storage, brought through the API as a device brings them, without a camera."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from awscrt import checksums

from chalicelib.core.tokens import Role
from chalicelib.ports import PartUrl
from infra.admin import deployment
from infra.admin.commands.tokens import enroll
from infra.client import Client
from infra.local.footage import Film, chapter_files
from infra.local.stack import World
from infra.migration.send import HttpSend

DIRECTORY = "100GOPRO"
CLIENT_VERSION = "999.0.0"
CREATED = 1_795_192_812
"""2026-11-20 16:40:12 on the camera's clock."""

SMALL = Film(width=320, height=180, fps=30, chapters=3, frames_per_chapter=60, bit_rate=300_000)


@dataclass(frozen=True)
class Chapter:
    """The three files of a chapter as a camera made them; an empty one was not made, or not hauled."""

    lasting_s: int
    original: bytes = field(repr=False)
    proxy: bytes = field(default=b"", repr=False)
    thumbnail: bytes = field(default=b"", repr=False)


@cache
def chapters_of(film: Film) -> tuple[Chapter, ...]:
    """All chapters of a film, with proxies and thumbnails."""
    lasting_s = film.frames_per_chapter // film.fps
    return tuple(Chapter(lasting_s, *chapter_files(film, number)) for number in range(1, film.chapters + 1))


def store(
    world: World,
    name: str,
    chapters: Sequence[Chapter],
    *,
    created: int | None = CREATED,
    group: str | None = None,
    outputs: Mapping[str, bytes] | None = None,
) -> None:
    """Have a session of these chapters, all with their receipts; each began when the one before ended.

    `created` is when the first one began, by the camera's clock. `outputs` are by name, such as `enhanced.mp4`.
    """
    registry = deployment.registry(world.aws.client("dynamodb"), world.table)
    device = _Hands(world, enroll(registry, Role.DEVICE, name=name).token, name)
    files = [f"GX{number:02}0038.MP4" for number in range(1, len(chapters) + 1)]
    told = [
        {
            "directory": DIRECTORY,
            "filename": file,
            "size_bytes": len(chapter.original),
            "created": None if created is None else created + number * chapter.lasting_s,
        }
        for number, (file, chapter) in enumerate(zip(files, chapters, strict=True))
    ]
    required = [f"output.{output}" for output in outputs or {}]
    body = {"camera": {"serial": f"C{name}"[:20].replace("-", "")}, "group": group, "chapters": told}
    device.client.confirm_session(name, body | ({"order": {"required": required}} if required else {}))
    for file, chapter in zip(files, chapters, strict=True):
        kinds = {"proxy": chapter.proxy, "thumbnail": chapter.thumbnail, "original": chapter.original}
        for kind, data in kinds.items():
            if data:
                device.bring(f"{kind}.{DIRECTORY}.{file}", data)
    if outputs:
        processor = _Hands(world, enroll(registry, Role.PROCESSOR).token, name)
        for output, data in outputs.items():
            processor.bring(f"output.{output}", data)


class _Hands:
    """One caller of the API who brings files into a session."""

    def __init__(self, world: World, token: str, session: str) -> None:
        self.client = Client(world.coordinator_url, token, client_version=CLIENT_VERSION)
        self._session = session
        self._send = HttpSend()

    def bring(self, artifact_id: str, data: bytes) -> None:
        opened = self.client.open_upload(self._session, artifact_id, len(data))
        step = opened.plan.part_size_bytes
        for number in range(1, opened.plan.part_count + 1):
            part = data[(number - 1) * step : number * step]
            [to] = self.client.part_urls(opened.upload_id, {number: _crc64nvme(part)}).part_urls
            self._send(PartUrl(to.number, to.url, to.headers, to.expires_at), part)
        done = self.client.complete(opened.upload_id, _crc64nvme(data))
        assert done.receipt, f"{artifact_id} has no receipt: {done.state}"


def _crc64nvme(data: bytes) -> str:
    return base64.b64encode(checksums.crc64nvme(data).to_bytes(8, "big")).decode()
